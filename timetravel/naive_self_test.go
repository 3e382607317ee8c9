package timetravel_test

import (
	"slices"

	"github.com/timeseam/timeseam/features"
)

// self is the question's row as an event of the view's source; nil: it is none,
// or none of the key that is asked. Its fields are the columns of the spine with
// the names of the history's, and it happens at t.
func (q *question) self(v *naiveView, key []value) *naiveEvent {
	set := q.training
	if set.Self == nil || q.selfSource() != v.Source.Value || slices.Contains(key, nil) {
		return nil
	}
	s, raw := q.source(v.Source.Value), q.sources[v.Source.Value].schema
	row := make([]value, len(raw))
	for i, f := range raw {
		switch k := q.spine.schema.Index(f.Name); {
		case f.Name == s.EventTimestamp.Value:
			row[i] = instant(q.spineValue(q.at))
		case k >= 0:
			row[i] = widen(q.row[k], f.Type)
		}
	}
	fields := q.fields(s, raw)
	own := rowScope(fields, q.declared(s, raw, fields, row))
	var mine []value
	for _, k := range v.keys {
		mine = append(mine, own.value(k))
	}
	if slices.Contains(mine, nil) || identities(mine) != identities(key) || v.Where.Given() && eval(q.parse(v.Where.Value), own) != true {
		return nil
	}
	return &naiveEvent{at: instant(q.spineValue(q.at)), row: own}
}

// selfSource is the source that the rows are events of: the one that is named, or
// the only one of events among the sources of the service's views.
func (q *question) selfSource() string {
	if name := q.training.Self.Source.Value; name != "" {
		return name
	}
	for _, name := range sortedKeys(q.views) {
		if v := q.views[name]; !v.derived && q.source(v.Source.Value).Dimension == nil {
			return v.Source.Value
		}
	}
	return ""
}

// withSelf is the events of a window with the question's own behind them, where
// the window ends at t.
func withSelf(in []naiveEvent, own *naiveEvent, w features.Window) []naiveEvent {
	if own == nil || w.Offset.Given() {
		return in
	}
	in = append(slices.Clone(in), *own)
	if w.Rows > 0 && int64(len(in)) > w.Rows {
		in = in[1:]
	}
	return in
}
