package main

import (
	"cmp"
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
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
)

// printJSON writes v for programs, and for people who look at what programs get.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // "t-1h <= time < t" should be that.
	return e.Encode(v)
}

// printRows prints the first n rows of a table, one line a column. Columns called
// nested are those that features cannot read and that are carried.
func printRows(ctx context.Context, w io.Writer, t *sources.Table, n int, nested ...string) error {
	lines := map[string][]string{}
	var read event.Schema
	for _, f := range t.Schema() {
		if f.Type.Kind != event.Unknown {
			read, lines[f.Name] = append(read, f), nil
		}
	}
	src, err := t.Read(names(read))
	if err != nil {
		return err
	}
	err = firstRows(ctx, src, n, func(b *event.Batch, rows int) {
		for i, f := range read {
			for row := range rows {
				lines[f.Name] = append(lines[f.Name], cell(&b.Columns[i], row))
			}
		}
	})
	if err != nil {
		return err
	}
	if len(nested) > 0 {
		if src, err = t.Carry(nested, min(n, carriedRows)); err != nil {
			return err
		}
		err = firstRows(ctx, src, n, func(b *event.Batch, rows int) {
			for i, name := range nested {
				spell := sink.Spell(b.Carried.Column(i))
				for row := range rows {
					lines[name] = append(lines[name], cmp.Or(shortTo(spell(row), nestedWidth), "-"))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	var heads []string
	var shown [][]string
	for _, f := range t.Schema() {
		if line, is := lines[f.Name]; is {
			heads, shown = append(heads, printable(f.Name)), append(shown, line)
		}
	}
	printLines(w, heads, shown)
	return nil
}

// carriedRows is how many rows of nested columns are held at once.
const carriedRows = 1024

// firstRows hands the first n rows of a source to show, and closes it.
func firstRows(ctx context.Context, src event.Source, n int, show func(b *event.Batch, rows int)) error {
	defer src.Close()
	var b event.Batch
	for n > 0 {
		err := src.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rows := min(n, b.Len)
		show(&b, rows)
		n -= rows
	}
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
	case event.List, event.Map, event.Struct:
		return shortTo(writtenJSON(c, i), nestedWidth)
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

// nestedWidth is the width of a cell with a list, map or struct, of which a few
// characters would tell nothing.
const nestedWidth = 60

// short cuts text to the width of a cell.
func short(s string) string { return shortTo(s, 20) }

func shortTo(s string, width int) string {
	if r := []rune(s); len(r) > width {
		s = string(r[:width-1]) + "…"
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
