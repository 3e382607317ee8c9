package timetravel_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// TestSpecsOfText takes every spec through files: its tables are written as CSV
// and as JSON lines, several files each, and read as histories and spines of a
// bounded run. The values must be those of the spec.
func TestSpecsOfText(t *testing.T) {
	for _, dir := range specFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			s := readSpec(t, dir)
			if s.large() {
				t.Skip("the tables of large specs are Parquet files")
			}
			want := s.expected(t, naiveAnswers(s.definition, s.set, s.sources, s.spine))
			for _, ending := range []string{"csv", "jsonl"} {
				if report := differences(s, s.ofText(t, ending), want, nil); report != "" {
					t.Errorf("as %s:\n%s", ending, report)
				}
			}
		})
	}
}

// ofText answers the spec by a bounded run over text.
func (s *spec) ofText(tb testing.TB, ending string) answers {
	tb.Helper()
	p, out := s.plan(tb), &kept{}
	tables := map[string]*sources.Table{}
	for name, t := range s.sources {
		tables[name] = t.text(tb, ending)
	}
	spine := tables[setOf(s.definition, s.set).Spine.Source.Value]
	if spine == nil {
		spine = s.spine.text(tb, ending)
	}
	b := &timetravel.Backfill{Plan: p, Visibility: s.visibility(), Workers: 2, Sink: out,
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			return tables[in.Source.Name.Value].Parts(columnNames(in.Columns), 2)
		},
		Spine:   func() (event.Source, error) { return spine.Read(columnNames(p.Queries.Read())) },
		Content: func() (event.Source, error) { return spine.Read(columnNames(p.Queries.Content)) }}
	if _, err := b.Run(context.Background()); err != nil {
		tb.Fatalf("spec %s as %s: %v", s.name, ending, err)
	}
	return answersOf(p, s.checkOwn(tb, p.Queries.Own, out.rows, true))
}

func columnNames(s event.Schema) (names []string) {
	for _, f := range s {
		names = append(names, f.Name)
	}
	return names
}

// text writes a table into two files and opens them as one table.
func (t table) text(tb testing.TB, ending string) *sources.Table {
	tb.Helper()
	dir, b := tb.TempDir(), t.batch()
	half := len(t.rows) / 2
	for name, rows := range map[string][2]int{"a": {0, half}, "b": {half, len(t.rows)}} {
		var text strings.Builder
		if ending == "csv" {
			csvRow(&text, len(t.schema), func(c int) (string, bool) { return t.schema[c].Name, true })
		}
		for i := rows[0]; i < rows[1]; i++ {
			cell := func(c int) (string, bool) {
				return sources.Text(&b.Columns[c], i), !b.Columns[c].IsNull(i)
			}
			if ending == "csv" {
				csvRow(&text, len(t.schema), cell)
			} else {
				jsonRow(tb, &text, t.schema, cell)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name+"."+ending), []byte(text.String()), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	found, err := sources.FindText(dir, sources.Dialect{JSON: ending == "jsonl", Fields: t.schema})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// csvRow writes every value in quotes, and nothing for null.
func csvRow(to *strings.Builder, columns int, cell func(c int) (text string, is bool)) {
	for c := range columns {
		if c > 0 {
			to.WriteByte(',')
		}
		if text, is := cell(c); is {
			to.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		} else if columns == 1 {
			panic("a null alone in its row cannot be written as CSV")
		}
	}
	to.WriteByte('\n')
}

// jsonRow writes every value in quotes, as numbers and truths may stand, too.
func jsonRow(tb testing.TB, to *strings.Builder, schema event.Schema, cell func(c int) (text string, is bool)) {
	object := map[string]any{}
	for c, f := range schema {
		if text, is := cell(c); is {
			object[f.Name] = text
		}
	}
	line, err := json.Marshal(object)
	if err != nil {
		tb.Fatal(err)
	}
	to.Write(append(line, '\n'))
}
