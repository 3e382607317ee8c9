package timetravel_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// What random cases have beside events: dimensions of every mode, roles, and
// labels that events tell.

// drawTable draws a dimension of any mode, and a view of it.
func (d *dice) drawTable(i int) (randomTable, randomView) {
	t := randomTable{table: table{schema: event.Schema{{Name: "k", Type: event.Of(event.String)}, {Name: "k2", Type: event.Of(event.Int)}, {Name: "seq", Type: event.Of(event.Int)},
		{Name: "plan", Type: event.Of(event.String)}, {Name: "price", Type: event.DecimalOf(8, 2)}, {Name: "ok", Type: event.Of(event.Bool)}}}}
	entity := one(d, "one", "one", "one", "two", "all")
	var mode string
	switch d.IntN(6) {
	case 0, 1:
		mode = d.drawVersions(&t.table, d.IntN(14))
	case 2, 3:
		mode = d.drawIntervals(&t.table, entity == "all")
	case 4:
		mode = d.drawSnapshots(&t.table)
	default:
		mode = "{mode: current, leak: accepted}"
		for range d.IntN(8) {
			t.rows = append(t.rows, d.drawPlan())
		}
	}
	t.head = fmt.Sprintf("table%d:\n    dimension: %s\n", i, mode) + one(d, "", "    order_by: seq desc\n", "    order_by: [price, seq]\n")
	v := randomView{head: fmt.Sprintf("dim%d:\n    entity: %s\n    source: %s\n", i, entity, t.name()), features: []string{"plan: plan", "price: {value: price * 2, default: 0.00}", "of: seq"}}
	if d.IntN(3) == 0 {
		v.head += "    where: " + one(d, "ok", "plan <> 'a'") + "\n"
	}
	if d.IntN(3) == 0 && !strings.Contains(mode, "current") {
		v.head += "    ttl: " + one(d, randomLengths...) + "\n"
	}
	return t, v
}

// drawPlan draws what every row of a dimension has.
func (d *dice) drawPlan() []value {
	return []value{d.key(), one[value](d, int64(1), int64(1), int64(2), nil), one[value](d, int64(1), int64(2), int64(3), nil), d.text(), d.decimal(), d.bool()}
}

// drawVersions draws versions, some recorded later or never, some corrected, some
// of which delete.
func (d *dice) drawVersions(t *table, n int) string {
	since := event.Of(event.Timestamp)
	dated := d.IntN(4) == 0
	if dated {
		since = event.Of(event.Date)
	}
	t.schema = append(t.schema, event.Field{Name: "since", Type: since}, event.Field{Name: "came", Type: event.Of(event.Timestamp)})
	for range n {
		at := d.time()
		if at != nil && dated {
			at = day(floorDiv(int64(at.(event.Time)), microsOfDay))
		}
		for again := true; again; again = d.IntN(4) == 0 {
			came := at
			if at != nil {
				came = instant(at)
			}
			t.rows = append(t.rows, append(d.drawPlan(), at, d.came(came)))
		}
	}
	return "{mode: versions, valid_from: since, recorded_at: came" + one(d, "", ", deleted: ok", ", deleted: plan = 'a'") + "}"
}

// drawIntervals draws versions of which no two of a key hold at once: those of one
// valid_from, corrections, end before the next begins.
func (d *dice) drawIntervals(t *table, keyless bool) string {
	for _, name := range []string{"since", "until", "came"} {
		t.schema = append(t.schema, event.Field{Name: name, Type: event.Of(event.Timestamp)})
	}
	keys := []value{"hot", "é", "", nil}
	if keyless {
		keys = keys[:1]
	}
	for _, key := range keys {
		var cuts []event.Time
		for range d.IntN(5) {
			if at := d.time(); at != nil {
				cuts = append(cuts, at.(event.Time))
			}
		}
		slices.Sort(cuts)
		cuts = slices.Compact(cuts)
		for i, at := range cuts {
			for again := true; again; again = d.IntN(3) == 0 {
				row := append(d.drawPlan(), at, nil, d.came(at))
				if i+1 < len(cuts) {
					row[7] = one(d, cuts[i+1], cuts[i+1], at+1, at)
				} else if until := d.time(); until != nil && d.IntN(2) == 0 {
					row[7] = until
				}
				row[0] = key
				if d.IntN(20) == 0 {
					row[6] = nil
				}
				t.rows = append(t.rows, row)
			}
		}
	}
	return "{mode: scd2, valid_from: since, valid_to: until, recorded_at: came}"
}

// drawSnapshots draws snapshots that land at any time, each with some of the keys.
func (d *dice) drawSnapshots(t *table) string {
	kind := one(d, event.Timestamp, event.Date, event.Int)
	t.schema = append(t.schema, event.Field{Name: "snap", Type: event.Of(kind)}, event.Field{Name: "landed", Type: event.Of(event.Timestamp)})
	for number := range d.IntN(5) {
		landed := d.time()
		var snap value
		switch {
		case kind == event.Int:
			snap = int64(number)
		case landed != nil && kind == event.Date:
			snap = day(floorDiv(int64(landed.(event.Time)), microsOfDay))
		default:
			snap = landed
		}
		for range d.IntN(6) {
			row := append(d.drawPlan(), snap, landed)
			if d.IntN(15) == 0 {
				row[6+d.IntN(2)] = nil
			}
			if d.IntN(15) == 0 {
				row[7] = d.time() // one that landed apart from the others
			}
			t.rows = append(t.rows, row)
		}
	}
	if kind != event.Int && d.IntN(2) == 0 {
		return "{mode: snapshots, snapshot: snap, lands_after: " + one(d, "1us", "1s", "27h") + "}"
	}
	return "{mode: snapshots, snapshot: snap, landed: landed}"
}

// drawGuises draws views in other roles.
func (d *dice) drawGuises(views []randomView) (all []randomGuise) {
	keyed := map[string]string{}
	for _, v := range views {
		_, entity, _ := strings.Cut(v.head, "entity: ")
		entity, _, _ = strings.Cut(entity, "\n")
		if strings.HasPrefix(v.head, "derived") {
			entity = keyed["v0"]
		}
		keyed[v.name()] = entity
		by := map[string]string{"one": "{one: other}", "two": one(d, "{two: [other, k2]}", "{two: [ref, k2]}")}[entity]
		if by != "" && d.IntN(3) == 0 {
			all = append(all, randomGuise{v.name(), fmt.Sprintf("{view: %s, as: role_%s, entity: %s}", v.name(), v.name(), by)})
		}
	}
	return all
}

// drawOutcomes draws events that labels count.
func (d *dice) drawOutcomes(n int) table {
	t := table{schema: event.Schema{{Name: "who", Type: event.Of(event.String)}, {Name: "k2", Type: event.Of(event.Int)}, {Name: "of", Type: event.Of(event.String)}, {Name: "at", Type: event.Of(event.Timestamp)},
		{Name: "n", Type: event.Of(event.Int)}, {Name: "x", Type: event.Of(event.Double)}, {Name: "s", Type: event.Of(event.String)}, {Name: "b", Type: event.Of(event.Bool)}}}
	for range n {
		at := d.time()
		for range d.IntN(3) {
			if at != nil && at.(event.Time) < event.MaxTime-event.Time(microsOfDay*36500) {
				at = at.(event.Time) + one(d, d.spans...) // labels look ahead
			}
		}
		t.rows = append(t.rows, []value{d.key(), one[value](d, int64(1), int64(2), nil), one[value](d, "i1", "i2", "i3", nil), at, d.int(), d.double(), d.text(), d.bool()})
	}
	return t
}

// drawLabels draws labels of the outcomes, or of the very events that features
// count.
func (d *dice) drawLabels() (labels []string) {
	for i := range 1 + d.IntN(3) {
		source, match := "outcomes", one(d, "{k: who}", "{ref: of}", "k2", "{k: who, k2: k2}", "{other: who}")
		if d.IntN(3) == 0 {
			source, match = "acts", one(d, "k", "[k, k2]", "{ref: id}")
		}
		value := one(d, "count(*) > 0", "count(*)", "sum(n)", "coalesce(sum(x), 0)", "last(s)", "last(x) respect nulls", "max(at)", "count(*) filter (where b) >= 2", "sum(x) / count(*)", "first(row(s as f, n as g)).g", "count(distinct s)", "bool_or(b)", "quantile_disc(x, 0.5)", "last(n, 2)")
		labels = append(labels, fmt.Sprintf("label%d: {source: %s, match: %s, within: %s, value: %q}", i, source, match, one(d, randomLengths...), value))
	}
	return labels
}
