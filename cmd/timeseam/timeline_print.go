package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/timeseam/timeseam/features/event"
)

// at is the events of an instant, in words: the source and what is read of the row.
func (h *history) at(t event.Time) (words []string) {
	for _, e := range h.eventsAt(t) {
		words = append(words, h.eventWords(e))
	}
	return words
}

// eventsAt is the events of an instant: events are in order of time.
func (h *history) eventsAt(t event.Time) []happening {
	from, _ := slices.BinarySearchFunc(h.events, t, func(e happening, t event.Time) int { return cmp.Compare(e.at, t) })
	to := from
	for to < len(h.events) && h.events[to].at == t {
		to++
	}
	return h.events[from:to]
}

func (h *history) eventWords(e happening) string {
	in := h.plan.Inputs[e.input]
	var parts []string
	for i, f := range in.Columns {
		if f.Name != in.Source.Time() && !has(h.who, f.Name) { // Those are told already.
			parts = append(parts, f.Name+"="+valueText(&h.kept[e.input].Columns[i], e.row))
		}
	}
	return in.Source.Name.Value + before(" ", strings.Join(parts, " "))
}

// printJSON writes the timeline for programs: values by instant, in the order of
// columns.
func (h *history) printJSON(w io.Writer) error {
	type eventEntry struct {
		Source string         `json:"source"`
		Values map[string]any `json:"values"`
	}
	type instant struct {
		At     string       `json:"at"`
		Events []eventEntry `json:"events"`
		Values []any        `json:"values"`
	}
	all := struct {
		Entity  map[string]string `json:"entity"`
		Columns []columnEntry     `json:"columns"`
		Rows    []instant         `json:"rows"`
	}{map[string]string{}, columnEntries(h.plan.Describe()), []instant{}}
	for _, p := range h.given {
		all.Entity[p.name] = p.value
	}
	for row, t := range h.asked {
		one := instant{At: t.String(), Events: []eventEntry{}, Values: []any{}}
		for _, e := range h.eventsAt(t) {
			in := h.plan.Inputs[e.input]
			values := map[string]any{}
			for i, f := range in.Columns {
				values[f.Name] = valueJSON(&h.kept[e.input].Columns[i], e.row)
			}
			one.Events = append(one.Events, eventEntry{in.Source.Name.Value, values})
		}
		for i := range h.answers.Columns {
			one.Values = append(one.Values, valueJSON(&h.answers.Columns[i], row))
		}
		all.Rows = append(all.Rows, one)
	}
	return printJSON(w, all)
}

// printCSV writes the timeline as a table for other programs.
func (h *history) printCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := []string{"at", "events"}
	for _, f := range h.plan.Outputs {
		line = append(line, f.Name)
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for row, t := range h.asked {
		line = append(line[:0], t.String(), strings.Join(h.at(t), "; "))
		for i := range h.answers.Columns {
			line = append(line, writtenJSON(&h.answers.Columns[i], row))
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// print writes the timeline for people: the events, and below them the features,
// as many beside each other as the terminal has room for.
func (h *history) print(w io.Writer) {
	var who []string
	for _, p := range h.given {
		who = append(who, p.name+" "+printable(p.value))
	}
	fmt.Fprintf(w, "%s: %s; each row is what a question at its instant is answered\n", strings.Join(who, ", "), plural(len(h.events), "event"))
	heads, times := "at", []string{}
	events := []string{}
	for _, t := range h.asked {
		times = append(times, t.String())
		events = append(events, strings.Join(h.at(t), "; "))
	}
	panel := [][]string{append([]string{heads}, times...), append([]string{"event"}, events...)}
	for i, f := range h.plan.Outputs {
		column := []string{f.Name}
		for row := range h.asked {
			column = append(column, short(valueText(&h.answers.Columns[i], row)))
		}
		if len(panel) > 1 && panelWidth(panel)+2+columnWidth(column) > widthOf(w) {
			printPanel(w, panel)
			panel = panel[:1:1]
		}
		panel = append(panel, column)
	}
	printPanel(w, panel)
}

func columnWidth(column []string) (width int) {
	for _, text := range column {
		width = max(width, uniseg.StringWidth(text))
	}
	return width
}

func panelWidth(panel [][]string) (width int) {
	for _, column := range panel {
		width += columnWidth(column) + 2
	}
	return width
}

// printPanel writes columns beside each other, words at the left and values at
// the right of their column.
func printPanel(w io.Writer, panel [][]string) {
	fmt.Fprintln(w)
	for row := range panel[0] {
		var line strings.Builder
		for c, column := range panel {
			pad := strings.Repeat(" ", columnWidth(column)-uniseg.StringWidth(column[row]))
			if c == 0 || column[0] == "event" {
				line.WriteString(column[row] + pad + "  ")
			} else {
				line.WriteString(pad + column[row] + "  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
