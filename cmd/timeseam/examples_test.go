package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/expr"
)

// The examples of the language reference are run: all functions and aggregates of
// testdata/examples.txt are the features of one definition, which is backfilled.

// sampled is an expression, what it gives, and its type.
type sampled struct{ text, value, kind string }

// examplesEvents is what the aggregates are asked over.
const examplesEvents = `time:timestamp[us,UTC] | x:int64 | y:float64 | s:utf8 | b:bool
2026-03-01T10:00:00Z | 3 | 1.5  | a | true
2026-03-01T11:00:00Z | 1 | 0.5  | b | false
2026-03-01T12:00:00Z | 4 | 2.25 | a | true
2026-03-01T13:00:00Z | 1 | null | c | null
`

const examplesDefinition = `
version: 1
name: examples
sources:
  events: {history: {parquet: events.parquet}, event_timestamp: time}
entities: {everything: []}
feature_views:
  over:
    entity: everything
    source: events
    features: {n: count(*)%s}
  alone:
    features: {none: over.n%s}
feature_services: {all: {features: [over, alone]}}
training_sets:
  examples:
    service: all
    spine: {parquet: spine.parquet, event_timestamp: asked}
    visibility: {known: event_time}
`

var calls = regexp.MustCompile(`^([a-z_0-9]+)\(`)

// called is the function or aggregate that an expression calls.
func called(text string) string {
	if m := calls.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// runExamples runs the examples of functions and of aggregates.
func runExamples(t *testing.T) (functions, aggregates []sampled) {
	t.Helper()
	list, err := os.ReadFile("testdata/examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	var over, alone strings.Builder
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		switch name := called(line); {
		case line == "" || line[0] == '#':
		case expr.Aggregate(name):
			aggregates = append(aggregates, sampled{text: line})
			fmt.Fprintf(&over, ", f%d: %q", len(aggregates), line)
		case expr.Callable(name):
			functions = append(functions, sampled{text: line})
			fmt.Fprintf(&alone, ", f%d: %q", len(functions), line)
		default:
			t.Errorf("testdata/examples.txt: %s calls nothing that the language has", line)
		}
	}
	at, kinds := backfillExamples(t, fmt.Sprintf(examplesDefinition, over.String(), alone.String()))
	for view, list := range map[string][]sampled{"over": aggregates, "alone": functions} {
		for i := range list {
			column := fmt.Sprintf("%s__f%d", view, i+1)
			list[i].value, list[i].kind = at(column), kinds[column]
		}
	}
	return functions, aggregates
}

// backfillExamples runs a definition over the events, and returns the values of the
// only row and their types, by column.
func backfillExamples(t *testing.T, definition string) (at func(string) string, kinds map[string]string) {
	t.Helper()
	dir := t.TempDir()
	spec, out := filepath.Join(dir, "features.yaml"), filepath.Join(dir, "out.parquet")
	for name, text := range map[string]string{"events": examplesEvents, "spine": "asked:timestamp[us,UTC]\n2026-03-01T14:00:00Z\n"} {
		if err := writeTable(filepath.Join(dir, name+".parquet"), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(spec, []byte(definition), 0o666); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"timeseam", "backfill", spec, "-o", out, "--json"}, &stdout, &stderr); code != exitDone {
		t.Fatal(stderr.String())
	}
	var report struct {
		Manifest struct {
			Columns []struct{ Name, Type string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Manifest.Columns) == 0 {
		t.Fatalf("no columns in %s: %v", stdout.String(), err)
	}
	kinds = map[string]string{}
	for _, c := range report.Manifest.Columns {
		kinds[c.Name] = c.Type
	}
	table, err := readParquet(out)
	if err != nil {
		t.Fatal(err)
	}
	return func(column string) string { return shownValue(t, table, column) }, kinds
}

// shownValue is a column's value in the first row, as the page shows it.
func shownValue(t *testing.T, table arrow.Table, column string) string {
	t.Helper()
	places := table.Schema().FieldIndices(column)
	if len(places) != 1 {
		t.Fatalf("there is no column %s", column)
	}
	a := table.Column(places[0]).Data().Chunk(0)
	text := cellText(a, 0)
	if !a.IsNull(0) && a.DataType().ID() == arrow.STRING {
		return "'" + text + "'"
	}
	return strings.ReplaceAll(text, ",", ", ")
}

// languageAggregates is a table of aggregates with what they give over the example's
// events; each that docs/semantics.md has a row of must be among them.
func languageAggregates(t *testing.T, aggregates []sampled) string {
	law, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n## Reference: aggregates\nWhat each takes, what it does with nulls, and what an empty window gives stands in [semantics.md](semantics.md#aggregates). Here each is asked over these events:\n\n")
	for i, line := range strings.Split(strings.TrimSpace(examplesEvents), "\n") {
		line = strings.NewReplacer(":timestamp[us,UTC]", "", ":int64", " int64", ":float64", " double", ":utf8", " string", ":bool", " bool").Replace(line)
		fmt.Fprintf(&b, "| %s |\n", blanks.ReplaceAllString(line, " "))
		if i == 0 {
			b.WriteString("|---|---|---|---|---|\n")
		}
	}
	b.WriteString("\n| aggregate | gives | type |\n|---|---|---|\n")
	has := map[string]bool{}
	for _, e := range aggregates {
		has[called(e.text)] = true
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` |\n", e.text, e.value, e.kind)
	}
	_, table, _ := strings.Cut(string(law), "\n## Aggregates\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*)\\|").FindAllStringSubmatch(table, -1) {
		for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
			if name := called(span[1]); name != "" && !has[name] {
				t.Errorf("testdata/examples.txt has no example of the aggregate %s", name)
			}
		}
	}
	return b.String()
}
