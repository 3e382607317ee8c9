package timetravel_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
	"github.com/timeseam/timeseam/sink"
)

// TestNestedText holds that a cast of nested values to text and a CSV output spell
// them alike: both are in use, and neither package knows the other.
func TestNestedText(t *testing.T) {
	rows := table{schema: event.Schema{{Name: "t", Type: event.Of(event.Timestamp)}, {Name: "x", Type: event.Of(event.Double)}}}
	for _, at := range []string{"2024-02-29T13:45:59.1234Z", "1969-12-31T23:59:59Z"} {
		v, err := event.ParseTime(at)
		if err != nil {
			t.Fatal(err)
		}
		rows.rows = append(rows.rows, []value{v, 0.0})
	}
	batch := rows.batch()
	schema, columns := event.Schema{}, []event.Column{}
	var texts []event.Column
	for _, text := range []string{
		"[x, 1e0, 0.1e0, 1e16, 1e-7, 1e300 * 1e300, -1e300 * 1e300, 123456789.5e0, 'nan'::double, null]", "[t, null]", "[1.50, -2]", "['a\"b\\c' || chr(10) || chr(9) || chr(1), 'é😀', '', null]", "['abc'::bytes]", "[true, false]", "[date '2024-02-29']",
		"row(x as a, t as \"b c\", [1, 2] as l)", "map(['NO', 'DE'], [1.5e0, null])", "map([2, 1], ['a', 'b'])", "map([date '2024-02-29'], [[1], []][1:1])", "[]::list<string>",
	} {
		n, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, as := range []*expr.Node{n, {Op: expr.Cast, Args: []*expr.Node{n}, To: event.Of(event.String)}} {
			x, faults := expr.Compile(as, rows)
			if faults != nil {
				t.Fatalf("%s: %v", text, faults)
			}
			c := x.Eval(batch, nil)
			if as != n {
				texts = append(texts, c)
				continue
			}
			schema, columns = append(schema, event.Field{Name: text, Type: x.Type}), append(columns, c)
		}
	}
	path := filepath.Join(t.TempDir(), "out.csv")
	target, err := sink.Place{Path: path}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	out, err := target.Open(t.Context(), sink.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Write(t.Context(), &event.Batch{Len: batch.Len, Columns: columns}); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cells, err := csv.NewReader(file).ReadAll()
	if err != nil || len(cells) != 1+batch.Len {
		t.Fatalf("%d lines: %v", len(cells), err)
	}
	for i, line := range cells[1:] {
		for k, cell := range line {
			if got := valueAt(&texts[k], i); got != cell {
				t.Errorf("%s is cast to %s, and written %s", schema[k].Name, got, cell)
			}
		}
	}
}
