package timetravel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// newestSweeper is a sweeper over one key, with events at the given times and known
// then, and questions.
func newestSweeper(slots []aggregate.Slot, events, questions []event.Time) *sweeper {
	layout := &aggregate.Layout{Columns: []event.Type{event.Of(event.Double)}, ID: -1, Slots: slots}
	layout.Prepare()
	s := &sweeper{run: &run{Backfill: &Backfill{Plan: &features.Plan{
		Views: []*features.PlannedView{{Layout: layout}}, Lookups: []features.Lookup{{}}}}}}
	s.local.reset(1)
	s.local.add(event.HashInt(1))
	for i, t := range events {
		s.order = append(s.order, source{visible: t, row: int32(i)})
	}
	for i, at := range questions {
		s.queries = append(s.queries, query{at: at, row: uint32(i)})
	}
	s.gather.Times, s.eStarts, s.qStarts = slices.Clone(events), []int32{0, int32(len(events))}, []int32{0, int32(len(questions))}
	return s
}

// left is the rows of the events that leaveNewest leaves.
func (s *sweeper) left(null []bool) (rows []int32) {
	s.leaveNewest([]shelf.Piece{{Columns: []event.Column{{Null: null}}}})
	for k := s.eStarts[0]; k < s.eStarts[1]; k++ {
		rows = append(rows, s.order[k].row)
		if s.gather.Times[k] != s.order[k].visible {
			return nil // the times stand elsewhere than their events
		}
	}
	return rows
}

// TestLookupsNeedOneEventAQuestion says which events are left of a key.
func TestLookupsNeedOneEventAQuestion(t *testing.T) {
	lifetime := aggregate.Window{Lifetime: true, ClosedLow: true}
	last := aggregate.Slot{Aggregate: aggregate.Last, Args: []int{0}, Filter: -1, Window: lifetime, N: 1, Type: event.Of(event.Double), RespectNulls: true}
	with := func(change func(*aggregate.Slot)) aggregate.Slot {
		s := last
		change(&s)
		return s
	}
	closed := with(func(s *aggregate.Slot) { s.Window.ClosedHigh = true })
	hour := with(func(s *aggregate.Slot) { s.Window = aggregate.Window{Length: 2, ClosedLow: true} })
	rising, all := []event.Time{10, 20, 30, 40, 50}, []int32{0, 1, 2, 3, 4}
	for _, c := range []struct {
		name      string
		slots     []aggregate.Slot
		events    []event.Time
		questions []event.Time
		null      []bool
		want      []int32
	}{
		{"the newest before each", []aggregate.Slot{last}, rising, []event.Time{5, 25, 26, 41}, nil, []int32{1, 3}},
		{"an event at the very instant is not before it", []aggregate.Slot{last}, rising, []event.Time{30}, nil, []int32{1}},
		{"where the end is closed it is", []aggregate.Slot{closed}, rising, []event.Time{30}, nil, []int32{2}},
		{"windows of one end", []aggregate.Slot{last, hour}, rising, []event.Time{39}, nil, []int32{2}},
		{"windows of two ends", []aggregate.Slot{last, closed}, rising, []event.Time{30}, nil, all},
		{"two events at one time", []aggregate.Slot{last}, []event.Time{10, 20, 20, 40, 50}, []event.Time{45}, nil, all},
		{"another aggregate beside it", []aggregate.Slot{last, with(func(s *aggregate.Slot) { s.Aggregate = aggregate.Count })}, rising, []event.Time{45}, nil, all},
		{"the one before the newest", []aggregate.Slot{with(func(s *aggregate.Slot) { s.Aggregate, s.N = aggregate.Lag, 2 })}, rising, []event.Time{45}, nil, all},
		{"several", []aggregate.Slot{with(func(s *aggregate.Slot) { s.List, s.N = true, 3 })}, rising, []event.Time{45}, nil, all},
		{"a filter", []aggregate.Slot{with(func(s *aggregate.Slot) { s.Filter = 0 })}, rising, []event.Time{45}, nil, all},
		{"as many as must be there", []aggregate.Slot{with(func(s *aggregate.Slot) { s.MinCount = 2 })}, rising, []event.Time{45}, nil, all},
		{"a null that counts", []aggregate.Slot{last}, rising, []event.Time{45}, make([]bool, 5), []int32{3}},
		{"a null that does not", []aggregate.Slot{with(func(s *aggregate.Slot) { s.RespectNulls = false })}, rising, []event.Time{45}, make([]bool, 5), all},
		{"no null where none counts", []aggregate.Slot{with(func(s *aggregate.Slot) { s.RespectNulls = false })}, rising, []event.Time{45}, nil, []int32{3}},
	} {
		if got := newestSweeper(c.slots, c.events, c.questions).left(c.null); !slices.Equal(got, c.want) {
			t.Errorf("%s: events %v are left, want %v", c.name, got, c.want)
		}
	}
	s := newestSweeper([]aggregate.Slot{last}, rising, []event.Time{45})
	s.Plan.Lookups[0].Ahead = true
	if got := s.left(nil); !slices.Equal(got, all) {
		t.Errorf("a label: events %v are left, want all", got)
	}
}

// TestLookupsOfManyEvents goes by steps that double, and finds what looking at every
// event does.
func TestLookupsOfManyEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	last := aggregate.Slot{Aggregate: aggregate.Last, Args: []int{0}, Filter: -1, Window: aggregate.Window{Lifetime: true, ClosedLow: true}, N: 1, Type: event.Of(event.Double)}
	for range 200 {
		var events, questions []event.Time
		for range rng.IntN(300) {
			events = append(events, event.Time(rng.IntN(2000)))
		}
		for range rng.IntN(20) {
			questions = append(questions, event.Time(rng.IntN(2000)))
		}
		slices.Sort(events)
		slices.Sort(questions)
		events = slices.Compact(events)
		var want []int32
		for _, at := range questions {
			for i := len(events) - 1; i >= 0; i-- {
				if events[i] < at {
					want = append(want, int32(i))
					break
				}
			}
		}
		if got := newestSweeper([]aggregate.Slot{last}, events, questions).left(nil); !slices.Equal(got, slices.Compact(want)) {
			t.Fatalf("questions at %v of events at %v: %v are left, want %v", questions, events, got, slices.Compact(want))
		}
	}
}
