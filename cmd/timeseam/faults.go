package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"github.com/timeseam/timeseam/features/event"
	"golang.org/x/term"
)

// widthUsual is how many columns a line has where no terminal tells.
const widthUsual = 100

// printFaults prints each fault: a line with its place, which editors and build
// logs know, and below it the source line with marks under the words that are
// meant. It is the one printer of all commands.
func printFaults(w io.Writer, before string, faults []event.Fault) {
	q := quoter{texts: map[string][]string{}, width: widthOf(w)}
	for _, f := range faults {
		f.Problem = shortened(f.Problem)
		fmt.Fprintln(w, before+printable(f.Error()))
		for _, line := range q.quote(f) {
			fmt.Fprintln(w, line)
		}
	}
}

// problemMost is how many characters of a problem are told: it may name a word of
// 60 kB, whose place and first characters say enough.
const problemMost = 300

// shortened leaves out the middle of what is too long to be read.
func shortened(problem string) string {
	r := []rune(problem)
	if len(r) <= problemMost {
		return problem
	}
	return string(r[:problemMost/2]) + "…" + string(r[len(r)-problemMost/2:])
}

// widthOf is how many columns a line of w has: COLUMNS if it is set, else what
// the terminal says.
func widthOf(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if c, is := w.(*checked); is {
		w = c.w
	}
	if f, is := w.(*os.File); is {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return widthUsual
}

// quoter shows lines of files. Each file is read once, however many faults it has.
type quoter struct {
	texts map[string][]string // the lines of a file; nil: it cannot be read
	width int
}

// quote is the line of a fault and the marks below it; nothing where the fault
// is about the file as a whole, or the line is no more what it was.
func (q *quoter) quote(f event.Fault) []string {
	if f.Line == 0 {
		return nil
	}
	lines, known := q.texts[f.File]
	if !known {
		if text, fault := readText(f.File); fault == nil {
			lines = strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\ufeff")), "\n")
		}
		q.texts[f.File] = lines
	}
	if f.Line > len(lines) || strings.TrimSpace(lines[f.Line-1]) == "" {
		return nil
	}
	number := strconv.Itoa(f.Line)
	text, marks := marked(lines[f.Line-1], f, max(q.width-len(number)-4, gutterLeast))
	return []string{
		strings.TrimRight(fmt.Sprintf(" %s | %s", number, text), " "),
		fmt.Sprintf(" %*s | %s", len(number), "", marks),
	}
}

// gutterLeast is how many columns of a line are shown on the narrowest terminal.
const gutterLeast = 8

// glyph is what stands in one place of a terminal: a character with what is set
// upon it.
type glyph struct {
	text  string
	width int // columns
	runes int // characters, as columns of faults count them
}

// tabWidth is how far apart tabs stop.
const tabWidth = 4

// glyphs takes a line apart. Tabs become blanks, and what a terminal would obey
// becomes a dot.
func glyphs(line string) (all []glyph) {
	at := 0
	for rest, state := line, -1; rest != ""; {
		var cluster string
		var width int
		cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		g := glyph{cluster, width, utf8.RuneCountInString(cluster)}
		first, _ := utf8.DecodeRuneInString(cluster)
		switch {
		case cluster == "\t":
			g.width = tabWidth - at%tabWidth
			g.text = strings.Repeat(" ", g.width)
		case !utf8.ValidString(cluster) || !unicode.IsPrint(first):
			g.text, g.width = "·", 1
		case width == 0:
			g.text, g.width = " "+cluster, 1 // An accent without a letter stands on a blank.
		}
		all = append(all, g)
		at += g.width
	}
	return all
}

// marked is a line, cut to so many columns around the words of a fault, and what
// stands below it: ^~~~ under the words.
func marked(line string, f event.Fault, columns int) (text, marks string) {
	all := glyphs(line)
	first, last, runes := len(all), len(all), 0
	end := f.Column - 1 + wordsThere(line, f)
	for i, g := range all {
		if first == len(all) && runes+g.runes > f.Column-1 {
			first = i
		}
		if runes < end {
			last = i + 1
		}
		runes += g.runes
	}
	last = max(first+1, last)
	if first == len(all) {
		all = append(all, glyph{" ", 1, 1}) // The fault is behind the line's last word.
	}
	all, first, last = clipped(all, first, last, columns)
	var t, m strings.Builder
	for i, g := range all {
		t.WriteString(g.text)
		switch {
		case i < first:
			m.WriteString(strings.Repeat(" ", g.width))
		case i == first:
			m.WriteString("^" + strings.Repeat("~", max(g.width-1, 0)))
		case i < last:
			m.WriteString(strings.Repeat("~", g.width))
		}
	}
	return t.String(), m.String()
}

// wordsThere is how many characters of the fault's words stand at its place, one
// at least: words may be shortened, or made of several lines.
func wordsThere(line string, f event.Fault) int {
	at := []rune(line)
	at = at[min(max(f.Column-1, 0), len(at)):]
	n := 0
	for i, r := range []rune(f.Words) {
		if i >= len(at) || at[i] != r {
			break
		}
		n++
	}
	for n > 1 && at[n-1] == ' ' {
		n--
	}
	return max(n, 1)
}

// clipped cuts a line to so many columns, the marked words in sight, with dots
// where something is left out.
func clipped(all []glyph, first, last, columns int) ([]glyph, int, int) {
	total, before, after := 0, 0, 0 // columns of all, before the words, and up to their end
	for i, g := range all {
		total += g.width
		if i < first {
			before += g.width
		}
		if i < last {
			after += g.width
		}
	}
	if total <= columns {
		return all, first, last
	}
	dots := glyph{"…", 1, 0}
	// What stands before the words gets a third of the line, more at its end.
	skip := max(min(before-columns/3, total-columns+1), 0)
	if after < columns {
		skip = 0
	}
	from := 0
	for width := 0; from < first && width < skip; from++ {
		width += all[from].width
	}
	var shown []glyph
	room := columns
	if from > 0 {
		shown, room = append(shown, dots), room-1
	}
	lead := len(shown)
	at := from
	for at < len(all) && (all[at].width < room || all[at].width == room && at == len(all)-1) {
		shown, room = append(shown, all[at]), room-all[at].width
		at++
	}
	if at < len(all) {
		shown = append(shown, dots)
	}
	return shown, first - from + lead, min(last-from+lead, len(shown))
}
