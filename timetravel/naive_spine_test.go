package timetravel_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// naiveSpine is the questions of a training set whose spine is made of a source:
// every event that it asks, or every entity of a grid, one by one.
func naiveSpine(d *features.Definition, set string, sources map[string]table) table {
	t := setOf(d, set)
	n := &naive{d: d, sources: sources, views: map[string]*naiveView{}, parsed: map[string]*expr.Node{}}
	s, raw := n.source(t.Spine.Source.Value), sources[t.Spine.Source.Value]
	fields := n.fields(s, raw.schema)
	var events []naiveQuestion
	for _, row := range raw.rows {
		values := n.declared(s, raw.schema, fields, row)
		scope := rowScope(fields, values)
		at := timeOf(s, scope.value)
		if at == nil || t.Spine.Where.Given() && eval(n.parse(t.Spine.Where.Value), scope) != true {
			continue
		}
		events = append(events, naiveQuestion{raw: row, scope: scope, at: instant(at)})
	}
	if t.Spine.Grid != nil {
		return n.gridOf(&t.Spine, fields, events)
	}
	from, to := ends(&t.Spine)
	events = slices.DeleteFunc(events, func(q naiveQuestion) bool { return q.at < from || q.at >= to })
	return n.questionsOf(&t.Spine, s, raw.schema, fields, n.asked(&t.Spine, s, raw.schema, events))
}

// naiveQuestion is an event that is asked.
type naiveQuestion struct {
	raw   []value
	scope *scope
	at    event.Time
}

// ends are from and to of a spine.
func ends(s *features.Spine) (from, to event.Time) {
	from, to = event.MinTime, event.MaxTime
	if s.From.Given() {
		from, _ = event.ParseTime(s.From.Value)
	}
	if s.To.Given() {
		to, _ = event.ParseTime(s.To.Value)
	}
	return from, to
}

// contentOf is the single values of a row, in the order of their columns' names.
func contentOf(schema event.Schema, row []value) (content []value) {
	names := []string{}
	for _, f := range schema {
		if f.Type.Scalar() {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		content = append(content, row[schema.Index(name)])
	}
	return content
}

// asked leaves of each event that is there several times the one that counts.
func (n *naive) asked(spine *features.Spine, s *features.Source, raw event.Schema, events []naiveQuestion) (left []naiveQuestion) {
	if !s.EventID.Given() {
		return events
	}
	var entities [][]string
	for _, e := range n.d.Entities {
		columns := keyNamesOf(spine.Entity)[e.Name.Value]
		if columns == nil {
			columns = n.entity(e.Name.Value)
		}
		entities = append(entities, columns)
	}
	keyed := func(q naiveQuestion) (key []value) {
		for _, columns := range entities {
			for _, c := range columns {
				if _, _, used := q.scope.resolve([]string{c}); used > 0 {
					key = append(key, q.scope.value(c))
				}
			}
		}
		return key
	}
	for i, q := range events {
		id, loses := q.scope.value(s.EventID.Value), false
		for j, other := range events {
			if i == j || id == nil || other.at != q.at || compare(other.scope.value(s.EventID.Value), id) != 0 || compareAll(keyed(q), keyed(other)) != 0 {
				continue
			}
			c := compareAll(contentOf(raw, q.raw), contentOf(raw, other.raw))
			if s.Version.Given() {
				c = cmp.Or(compare(other.scope.value(s.Version.Value), q.scope.value(s.Version.Value)), c)
			}
			loses = loses || c > 0 || c == 0 && j < i
		}
		if !loses {
			left = append(left, q)
		}
	}
	return left
}

// questionsOf is events as rows of a spine: the history's columns, and behind them
// those that the definition computes, which hide one of their name.
func (n *naive) questionsOf(spine *features.Spine, s *features.Source, raw, fields event.Schema, events []naiveQuestion) (t table) {
	computed := map[string]bool{}
	for _, f := range s.Fields {
		computed[f.Name.Value] = f.History.Given()
	}
	wanted := func(name string) bool {
		return !spine.ColumnsGiven || slices.ContainsFunc(spine.Columns, func(c features.Text) bool { return c.Value == name })
	}
	add := func(f event.Field) { t.schema = append(t.schema, f) }
	for _, f := range raw {
		if !computed[f.Name] {
			add(f)
		}
	}
	for _, f := range fields {
		if computed[f.Name] && wanted(f.Name) {
			add(f)
		}
	}
	for _, q := range events {
		var row []value
		for _, f := range t.schema {
			if computed[f.Name] {
				row = append(row, q.scope.value(f.Name))
			} else {
				row = append(row, q.raw[raw.Index(f.Name)])
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// gridOf asks at every instant of a grid for every entity with an event before it.
func (n *naive) gridOf(spine *features.Spine, fields event.Schema, events []naiveQuestion) (t table) {
	columns := n.entity(spine.Grid.Entity.Value)
	for _, c := range columns {
		t.schema = append(t.schema, fields[fields.Index(c)])
	}
	t.schema = append(t.schema, event.Field{Name: spine.EventTimestamp.Value, Type: event.Of(event.Timestamp)})
	active := spine.Grid.Active.Value
	if active == "" {
		active = spine.Grid.Every.Value
	}
	from, to := ends(spine)
	for at := from; at < to; at += event.Time(duration(spine.Grid.Every.Value)) {
		found := map[string][]value{}
		for _, q := range events {
			var key []value
			for _, c := range columns {
				key = append(key, q.scope.value(c))
			}
			if !slices.Contains(key, nil) && q.at < at && q.at >= before(at, active) {
				found[identities(key)] = key
			}
		}
		var keys [][]value
		for _, id := range sortedKeys(found) {
			keys = append(keys, found[id])
		}
		slices.SortFunc(keys, compareAll)
		for _, key := range keys {
			t.rows = append(t.rows, append(slices.Clone(key), at))
		}
	}
	return t
}

// asked is the table that a spine's questions are made of, with the columns given.
func (s *spec) asked(schema event.Schema) [][]value {
	if of := setOf(s.definition, s.set).Spine.Source; of.Given() {
		return s.sources[of.Value].columns(schema, 0)
	}
	return s.spine.columns(schema, 0)
}

// checkOwn holds what was computed of a spine's own columns to the spine, and
// takes it off the rows.
func (s *spec) checkOwn(tb testing.TB, own event.Schema, rows [][]value, whole bool) (features [][]value) {
	tb.Helper()
	for i, row := range rows {
		for c, f := range own {
			if whole && compare(row[c], s.spine.rows[i][s.spine.schema.Index(f.Name)]) != 0 {
				tb.Errorf("row %d: the spine's %s is %v, want %v", i+1, f.Name, row[c], s.spine.rows[i][s.spine.schema.Index(f.Name)])
			}
		}
		features = append(features, row[len(own):])
	}
	return features
}
