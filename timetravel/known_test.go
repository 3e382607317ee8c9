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
	known := map[string]table{}
	n, t := newNaive(d, set, sources, spine)
	for name, of := range sources {
		knows := n.knows(t, name, spine.rows[row])
		some := table{schema: of.schema}
		for _, r := range of.rows {
			if knows(r) {
				some.rows = append(some.rows, r)
			}
		}
		known[name] = some
	}
	return known
}

// knows tells which rows of a source a row of the spine may know, whatever then
// counts.
func (n *naive) knows(t features.TrainingSet, source string, asked []value) func(row []value) bool {
	s, schema := n.source(source), n.sources[source].schema
	fields, at := n.fields(s, schema), asked[n.spine.schema.Index(n.at)]
	return func(row []value) bool {
		values := n.declared(s, schema, fields, row)
		get := func(name string) value { return values[fields.Index(name)] }
		own := timeOf(s, get)
		came := own
		if s.Arrival.Given() && t.Known.Value == "arrival" {
			came = get(s.Arrival.Value)
		}
		if at == nil || own == nil || came == nil {
			return false
		}
		return max(instant(own), plus(instant(came), t.Delay)) <= plus(instant(at), t.DecideAfter)
	}
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
	always := timely(d)
	for _, row := range rows {
		a := answer(always, arrived(d, set, sources, spine, row), table{spine.schema, spine.rows[row : row+1]})
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
		if s.plans == nil {
			s.plans = map[*features.Definition]*features.Plan{} // one plan does for all rows
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
	case d.Snapshot.Given() && get(d.Snapshot.Value) == nil:
		return nil
	case d.Landed.Given():
		return get(d.Landed.Value)
	case d.Snapshot.Given():
		return plus(instant(get(d.Snapshot.Value)), d.LandsAfter)
	}
	return get(d.ValidFrom.Value)
}

// ordersOf is what orders a view's events of one time: of versions, first when
// they were recorded; of snapshots, first which one they are of.
func ordersOf(v *naiveView, s *features.Source) []features.Order {
	orders := v.OrderBy
	if len(orders) == 0 {
		orders = s.OrderBy
	}
	if s.Dimension != nil && s.Arrival.Given() {
		orders = append([]features.Order{{Column: s.Arrival}}, orders...)
	}
	if s.Dimension != nil && s.Dimension.Snapshot.Given() {
		orders = append([]features.Order{{Column: s.Dimension.Snapshot}}, orders...)
	}
	return orders
}
