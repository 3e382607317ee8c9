package timetravel

import (
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestRearranged holds columns of lists, maps and structs, with nulls on every
// level, to what appending row by row makes of them.
func TestRearranged(t *testing.T) {
	text, double := event.Of(event.String), event.Of(event.Double)
	entry := event.Type{Kind: event.Struct, Fields: []event.Field{{Name: "a", Type: text}, {Name: "b", Type: event.ListOf(double)}}}
	for _, typ := range []event.Type{event.ListOf(double), event.ListOf(entry), event.MapOf(text, double), entry, event.Of(event.Null), text} {
		from := event.Make(typ)
		for i := range 7 {
			fill(&from, i)
		}
		order := []int32{6, 0, 3, 3, 1, 5, 2, 4}
		want := from.Like()
		for _, i := range order {
			want.Append(&from, int(i))
		}
		got := rearranged(&from, order)
		if got.Len() != want.Len() {
			t.Fatalf("%v: %d rows, want %d", typ, got.Len(), want.Len())
		}
		for i := range order {
			if event.Compare(&got, i, &want, i) != 0 || got.IsNull(i) != want.IsNull(i) {
				t.Errorf("%v: row %d is another", typ, i)
			}
		}
	}
}

// fill appends row i: of lists as many elements, every fourth null.
func fill(c *event.Column, i int) {
	if i%4 == 3 {
		c.AppendNull()
		return
	}
	switch c.Type.Kind {
	case event.List, event.Map:
		for k := range i {
			fill(c.Elem, i*10+k)
		}
		c.EndList()
	case event.Struct:
		for f := range c.Fields {
			fill(&c.Fields[f], i+f)
		}
		c.Rows++
		c.NotNull()
	case event.String:
		c.AppendText([]byte{byte('a' + i)})
	case event.Double:
		c.AppendFloat(float64(i))
	default:
		c.AppendNull()
	}
}
