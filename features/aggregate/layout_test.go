package aggregate

import (
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestCarried: a text is only carried as long as nothing tells it apart from others:
// no fold, no map, no order of ties, no id, no version.
func TestCarried(t *testing.T) {
	text := event.Of(event.String)
	for _, c := range []struct {
		name    string
		layout  Layout
		carried bool
	}{
		{"last", Layout{Slots: []Slot{{Aggregate: Last, Args: []int{0}}}}, true},
		{"first, lag, and content that breaks ties", Layout{Slots: []Slot{{Aggregate: First, Args: []int{0}}, {Aggregate: Lag, Args: []int{0}}}, Content: []int{0}}, true},
		{"what arg_max gives out", Layout{Slots: []Slot{{Aggregate: ArgMax, Args: []int{0, 1}}}}, true},
		{"what arg_max decides by", Layout{Slots: []Slot{{Aggregate: ArgMax, Args: []int{1, 0}}}}, false},
		{"nothing but content", Layout{Content: []int{0}}, true},
		{"min", Layout{Slots: []Slot{{Aggregate: Min, Args: []int{0}}}}, false},
		{"last, and count(distinct)", Layout{Slots: []Slot{{Aggregate: Last, Args: []int{0}}, {Aggregate: CountDistinct, Args: []int{0}}}}, false},
		{"mode", Layout{Slots: []Slot{{Aggregate: Mode, Args: []int{0}}}}, false},
		{"distinct_last", Layout{Slots: []Slot{{Aggregate: DistinctLast, Args: []int{0}}}}, false},
		{"last by it", Layout{Slots: []Slot{{Aggregate: Last, Args: []int{1}, By: []int{0}}}}, false},
		{"order_by", Layout{OrderBy: []Order{{Column: 0}}}, false},
		{"id", Layout{ID: 1}, false}, // one more than the column, see below
		{"version", Layout{Version: []int{0}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.layout
			l.Columns, l.ID = []event.Type{text, text}, l.ID-1
			for i := range l.Slots {
				l.Slots[i].Filter = -1
			}
			l.Prepare()
			if got := l.Carries(0); got != c.carried {
				t.Errorf("carried: %v", got)
			}
		})
	}
	numbers := Layout{Columns: []event.Type{event.Of(event.Int)}, ID: -1}
	if numbers.Prepare(); numbers.Carries(0) {
		t.Error("a number is carried as a text")
	}
}
