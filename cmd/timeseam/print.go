package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
)

// printJSON writes v for programs, and for people who look at what programs get.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // "t-1h <= time < t" should be that.
	return e.Encode(v)
}

// printRows prints the first n rows of a table, one line a column.
func printRows(ctx context.Context, w io.Writer, t *sources.Table, n int) error {
	var shown event.Schema
	for _, f := range t.Schema() {
		if f.Type.Scalar() {
			shown = append(shown, f)
		}
	}
	src, err := t.Read(names(shown))
	if err != nil {
		return err
	}
	defer src.Close()
	lines := make([][]string, len(shown))
	var b event.Batch
	for n > 0 {
		err := src.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i := range shown {
			for row := range min(n, b.Len) {
				lines[i] = append(lines[i], cell(&b.Columns[i], row))
			}
		}
		n -= min(n, b.Len)
	}
	heads := names(shown)
	for i, name := range heads {
		heads[i] = printable(name)
	}
	printLines(w, heads, lines)
	return nil
}

// printLines prints lines of cells, each cell as wide as the widest.
func printLines(w io.Writer, heads []string, lines [][]string) {
	head, width := 0, 0
	for i, line := range lines {
		head = max(head, utf8.RuneCountInString(heads[i]))
		for _, text := range line {
			width = max(width, utf8.RuneCountInString(text))
		}
	}
	for i, line := range lines {
		fmt.Fprintf(w, "  %-*s", head, heads[i])
		for _, text := range line {
			fmt.Fprintf(w, "  %*s", width, text)
		}
		fmt.Fprintln(w)
	}
}

// cell is a value as a person reads it.
func cell(c *event.Column, i int) string {
	if c.IsNull(i) {
		return "-"
	}
	switch c.Type.Kind {
	case event.Bool:
		return strconv.FormatBool(c.Ints[i] != 0)
	case event.Double:
		return number(c.Floats[i])
	case event.Decimal:
		return c.Decimals[i].Text(c.Type.Scale)
	case event.String:
		return short(string(c.Text(i)))
	case event.Bytes:
		return short(fmt.Sprintf("%x", c.Text(i)))
	case event.Date:
		return sources.Text(c, i) // An instant holds fewer years than a date.
	case event.Timestamp:
		return event.Time(c.Ints[i]).String()
	}
	return strconv.FormatInt(c.Ints[i], 10)
}

// number writes a double with the digits that a person compares.
func number(x float64) string {
	if a := math.Abs(x); a >= 1e-3 && a < 1e15 {
		return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// short cuts text to the width of a cell.
func short(s string) string {
	if r := []rune(s); len(r) > 20 {
		s = string(r[:19]) + "…"
	}
	return printable(s)
}

// printable is text that a terminal shows and does not obey: what comes from files
// may hold its commands.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}
