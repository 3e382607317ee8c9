package timetravel_test

import (
	"math"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// What a question under visibility arrival may know is, to the naive evaluator,
// another set of events: it answers each question over the events that had
// arrived, as if nothing else were there.

// delayed reports whether a definition's training set asks what had arrived.
func delayed(d *features.Definition, set string) bool {
	return setOf(d, set).Known.Value == "arrival"
}

func setOf(d *features.Definition, name string) *features.TrainingSet {
	for i := range d.TrainingSets {
		if d.TrainingSets[i].Name.Value == name {
			return &d.TrainingSets[i]
		}
	}
	panic("no training set " + name)
}

// timely is the definition with every event known from its own time on.
func timely(d *features.Definition) *features.Definition {
	c := *d
	c.TrainingSets = slices.Clone(d.TrainingSets)
	for i := range c.TrainingSets {
		c.TrainingSets[i].Known.Value, c.TrainingSets[i].Delay, c.TrainingSets[i].DecideAfter = "event_time", features.Text{}, features.Text{}
	}
	return &c
}

// arrived is the rows of each source that a row of the spine may know.
func arrived(d *features.Definition, set string, sources map[string]table, spine table, row int) map[string]table {
	n, t := newNaive(d, set, sources, spine)
	known := map[string]table{}
	for name, of := range sources {
		s := n.source(name)
		some := table{schema: of.schema}
		fields := n.fields(s, of.schema)
		at := spine.rows[row][spine.schema.Index(n.at)]
		for _, r := range of.rows {
			values := n.declared(s, of.schema, fields, r)
			get := func(name string) value { return values[fields.Index(name)] }
			own := timeOf(s, get)
			came := own
			if s.Arrival.Given() {
				came = get(s.Arrival.Value)
			}
			if at == nil || own == nil || came == nil {
				continue
			}
			if max(instant(own), plus(instant(came), t.Delay)) <= plus(instant(at), t.DecideAfter) {
				some.rows = append(some.rows, r)
			}
		}
		known[name] = some
	}
	return known
}

// plus is an instant and a duration after it, stopping at the end of time.
func plus(t event.Time, d features.Text) event.Time {
	if !d.Given() {
		return t
	}
	micros := event.Time(duration(d.Value))
	if t > math.MaxInt64-micros {
		return event.MaxTime
	}
	return t + micros
}

// eachArrived answers the listed rows of the spine one by one, each over what it
// may know.
func eachArrived(d *features.Definition, set string, sources map[string]table, spine table, rows []int, answer func(d *features.Definition, sources map[string]table, spine table) answers) (all answers) {
	for _, row := range rows {
		a := answer(timely(d), arrived(d, set, sources, spine, row), table{spine.schema, spine.rows[row : row+1]})
		all.schema, all.exact, all.rows = a.schema, a.exact, append(all.rows, a.rows...)
	}
	return all
}

// ofEventTime makes a driver that knows events from their own time on one for
// every visibility.
func ofEventTime(answer func(tb testing.TB, s *spec) answers) func(tb testing.TB, s *spec) answers {
	return func(tb testing.TB, s *spec) answers {
		if len(setOf(s.definition, s.set).EventLabels) > 0 {
			return s.backfill(tb, feed{workers: 2, batch: 3, parts: 2, seed: 4}) // states know no end of the data
		}
		if !delayed(s.definition, s.set) {
			return answer(tb, s)
		}
		rows := make([]int, len(s.spine.rows))
		for i := range rows {
			rows[i] = i
		}
		return eachArrived(s.definition, s.set, s.sources, s.spine, rows, func(d *features.Definition, sources map[string]table, spine table) answers {
			known := *s
			known.definition, known.sources, known.spine = d, sources, spine
			return answer(tb, &known)
		})
	}
}

// timeOf is when an event happened, or from when a version counts.
func timeOf(s *features.Source, get func(string) value) value {
	d := s.Dimension
	switch {
	case d == nil:
		return get(s.EventTimestamp.Value)
	case d.Mode.Value == "current":
		return event.MinTime
	case d.Landed.Given():
		return get(d.Landed.Value)
	case d.Snapshot.Given():
		if get(d.Snapshot.Value) == nil {
			return nil
		}
		return plus(instant(get(d.Snapshot.Value)), d.LandsAfter)
	}
	return get(d.ValidFrom.Value)
}

// ordersOf is what orders a view's events of one time: of versions, first when
// they were recorded.
func ordersOf(v *naiveView, s *features.Source) []features.Order {
	orders := v.OrderBy
	if len(orders) == 0 {
		orders = s.OrderBy
	}
	if s.Dimension != nil && s.Arrival.Given() {
		orders = append([]features.Order{{Column: s.Arrival}}, orders...)
	}
	return orders
}
