package timetravel_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// question is one row of the spine; known are the views already answered.
type question struct {
	*naive
	row   []value
	known map[string]map[string]value
	keys  []keyNames // of the role, then of the spine
}

// keyColumns is the spine's columns that ask a view.
func (q *question) keyColumns(v *naiveView) []string {
	for _, names := range q.keys {
		if columns := names[v.Entity.Value]; columns != nil {
			return columns
		}
	}
	return v.keys
}

func (q *question) spineValue(name string) value {
	return q.row[q.spine.schema.Index(name)]
}

func (q *question) value(view, column string) value {
	if q.spineValue(q.at) == nil {
		return nil
	}
	if q.known[view] == nil {
		v := q.view(view)
		q.known[view] = map[string]value{}
		for i := range v.columns {
			c := &v.columns[i]
			r := q.compute(v, c)
			if r == nil && c.feature.Default.Given() {
				r = eval(q.parse(c.feature.Default.Value), nil)
			}
			q.known[view][c.name] = widen(r, c.t)
		}
	}
	return q.known[view][column]
}

func (q *question) compute(v *naiveView, c *naiveColumn) value {
	if v.derived {
		return eval(c.expr, &scope{resolve: v.scope.resolve, value: q.derivedValue(v)})
	}
	var key []value
	for _, k := range q.keyColumns(v) {
		key = append(key, q.spineValue(k))
	}
	var events []naiveEvent
	if !slices.Contains(key, nil) {
		events = v.events[identities(key)]
	}
	at := instant(q.spineValue(q.at))
	if q.source(v.Source.Value).Dimension != nil {
		return q.version(v, c, events, at)
	}
	var rows []*scope
	for _, e := range withSelf(within(events, c.window, at), q.self(v, key), c.window) {
		rows = append(rows, e.row)
	}
	return eval(c.expr, &scope{resolve: v.scope.resolve, value: func(key string) value {
		return q.known[v.Name.Value][strings.TrimPrefix(key, sibling+".")]
	}, aggregate: func(call *expr.Node) value {
		if c.feature.By.Given() {
			return foldBy(call, rows, q.parse(c.feature.By.Value), c.feature.MinCount)
		}
		if len(rows) == 0 {
			return foldNothing(call, c.feature.MinCount)
		}
		return fold(call, rows, c.feature.MinCount)
	}})
}

// foldNothing is an aggregate over an empty window: counts are 0.
func foldNothing(call *expr.Node, minCount int64) value {
	if call.Name == "count" && minCount == 0 {
		return int64(0)
	}
	return nil
}

func (q *question) derivedValue(v *naiveView) func(string) value {
	return func(key string) value {
		if key == "at" {
			return instant(q.spineValue(q.at))
		}
		view, column, _ := strings.Cut(key, ".")
		switch view {
		case "request":
			for _, r := range v.Request {
				if r.Name.Value == column {
					return widen(q.spineValue(column), r.Type)
				}
			}
		case v.Name.Value:
			return q.known[view][column]
		}
		return q.value(view, column)
	}
}

// version is a feature of the newest version that counts at an instant.
func (q *question) version(v *naiveView, c *naiveColumn, events []naiveEvent, at event.Time) value {
	var newest *naiveEvent
	for i, e := range events {
		if e.at <= at && (!v.TTL.Given() || e.at >= before(at, v.TTL.Value)) {
			newest = &events[i]
		}
	}
	if newest == nil || v.Where.Given() && eval(q.parse(v.Where.Value), newest.row) != true {
		return nil
	}
	d := q.source(v.Source.Value).Dimension
	if d.Deleted.Given() && eval(q.parse(d.Deleted.Value), newest.row) == true {
		return nil
	}
	if d.ValidTo.Given() {
		if to := newest.row.value(d.ValidTo.Value); to != nil && at >= instant(to) {
			return nil
		}
	}
	if d.Snapshot.Given() {
		var last naiveEvent
		for _, s := range v.landed {
			if s.at <= at && cmp.Or(cmp.Compare(s.at, last.at), compare(s.id, last.id)) >= 0 || last.id == nil && s.at <= at {
				last = s
			}
		}
		if compare(last.id, newest.row.value(d.Snapshot.Value)) != 0 {
			return nil
		}
	}
	return eval(c.expr, newest.row)
}

// before is at less a duration, stopping at the beginning of time.
func before(at event.Time, durations ...string) event.Time {
	for _, d := range durations {
		if d == "" {
			continue
		}
		micros := duration(d)
		if at < math.MinInt64+event.Time(micros) {
			return event.MinTime
		}
		at -= event.Time(micros)
	}
	return at
}

func duration(s string) int64 {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	units := map[string]int64{"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": microsOfDay}
	var n int64
	if _, err := fmt.Sscan(digits, &n); err != nil {
		panic(err)
	}
	return n * units[s[len(digits):]]
}

// within is the events of a window, in order: between t-offset-length and
// t-offset, each end closed or open as its bound says; the newest rows before
// the end; or all before it.
func within(events []naiveEvent, w features.Window, t event.Time) []naiveEvent {
	bounds := w.Bounds.Value
	if bounds == "" {
		bounds = "[)"
	}
	upper := before(t, w.Offset.Value)
	lower := before(upper, w.Length.Value)
	var in []naiveEvent
	for _, e := range events {
		ended := e.at < upper || bounds[1] == ']' && e.at == upper
		begun := e.at > lower || bounds[0] == '[' && e.at == lower
		if ended && (begun || !w.Length.Given()) {
			in = append(in, e)
		}
	}
	if w.Rows > 0 && int64(len(in)) > w.Rows {
		in = in[int64(len(in))-w.Rows:]
	}
	return in
}
