package timetravel_test

import (
	"cmp"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// naiveAnswers answers the rows of the spine that are listed, all if none is: the
// features, and behind them the labels that events tell.
func naiveAnswers(d *features.Definition, set string, sources map[string]table, spine table, rows ...int) answers {
	a := naiveFeatures(d, set, sources, spine, rows...)
	n, t := newNaive(d, set, sources, spine)
	if len(t.EventLabels) == 0 {
		return a
	}
	if rows == nil {
		for i := range spine.rows {
			rows = append(rows, i)
		}
	}
	for i := range t.EventLabels {
		c := n.label(&t.EventLabels[i])
		c.rivals = n.rivals(&t)
		a.schema, a.exact = append(a.schema, event.Field{Name: t.EventLabels[i].Name.Value, Type: c.t}), append(a.exact, exact(c.expr))
		for k, row := range rows {
			a.rows[k] = append(a.rows[k], c.value(spine.rows[row]))
		}
	}
	return a
}

// naiveKept is the rows that a training set keeps; nil: all.
func naiveKept(d *features.Definition, set string, sources map[string]table, spine table) []int {
	n, t := newNaive(d, set, sources, spine)
	if !t.Censored.Given() {
		return nil
	}
	rows := []int{}
next:
	for i, row := range spine.rows {
		for k := range t.EventLabels {
			if _, censored := n.label(&t.EventLabels[k]).censored(row); censored {
				continue next
			}
		}
		rows = append(rows, i)
	}
	return rows
}

// naiveLabel is a label that later events tell.
type naiveLabel struct {
	*naive
	def  *features.EventLabel
	view *naiveView
	expr *expr.Node
	t    event.Type
	end  event.Time // of the data

	rivals []rival // the questions that an event may belong to in place of a row
}

// rival is a question and what orders it among those of one instant.
type rival struct {
	row     []value
	scope   func(name string) value
	content []value
}

// rivals is every question that there is: the spine's rows, or, where it is made
// of a source's events, all of these, whatever time is asked of.
func (n *naive) rivals(t *features.TrainingSet) (all []rival) {
	schema, spine := n.spine.schema, n.spine
	if of := t.Spine.Source; of.Given() && t.Spine.Grid == nil {
		d := *n.d
		d.TrainingSets = []features.TrainingSet{*t}
		d.TrainingSets[0].Spine.From, d.TrainingSets[0].Spine.To = features.Text{}, features.Text{}
		spine = naiveSpine(&d, t.Name.Value, n.sources)
		schema = spine.schema
	}
	for _, row := range spine.rows {
		r := rival{row: row, scope: func(name string) value { return row[schema.Index(name)] }}
		if of := t.Spine.Source; of.Given() && t.Spine.Grid == nil {
			s := n.source(of.Value)
			for _, o := range s.OrderBy {
				if o.Desc {
					panic("the naive evaluator orders questions ascending")
				}
				r.content = append(r.content, r.scope(o.Column.Value))
			}
			if s.EventID.Given() {
				r.content = append(r.content, r.scope(s.EventID.Value))
			}
		}
		r.content = append(r.content, contentOf(schema, row)...)
		all = append(all, r)
	}
	return all
}

// mine reports whether an event that matches a row belongs to it: no other question
// that it matches too is later, or of the same instant and greater.
func (l *naiveLabel) mine(row []value, e naiveEvent) bool {
	if !l.def.Attribute.Given() {
		return true
	}
	get := func(name string) value { return row[l.spine.schema.Index(name)] }
	own := rival{content: nil}
	for _, r := range l.rivals {
		if r.scope(l.at) != nil && compareAll(r.row, row) == 0 {
			own = r
		}
	}
	for _, r := range l.rivals {
		at := r.scope(l.at)
		matches := at != nil
		for _, m := range l.def.Match {
			v := r.scope(m.Spine.Value)
			matches = matches && v != nil && compare(v, get(m.Spine.Value)) == 0
		}
		if !matches || instant(at) > e.at {
			continue
		}
		if c := cmp.Or(cmp.Compare(instant(at), instant(get(l.at))), compareAll(r.content, own.content)); c > 0 {
			return false
		}
	}
	return true
}

func (n *naive) label(def *features.EventLabel) *naiveLabel {
	v := &naiveView{View: &features.View{Name: def.Name, Source: def.Source}}
	l := &naiveLabel{naive: n, def: def, view: v, expr: n.parse(def.Value.Value), end: event.MinTime}
	n.prepare(v)
	v.events = map[string][]naiveEvent{}
	for _, m := range def.Match {
		v.keys = append(v.keys, m.Field.Value)
	}
	s, raw := n.source(def.Source.Value), n.sources[def.Source.Value]
	fields := n.fields(s, raw.schema)
	for _, row := range raw.rows {
		n.add(v, s, n.declared(s, raw.schema, fields, row), fields)
	}
	l.t = typeOf(l.expr, v.scope)
	v.columns = []naiveColumn{{name: def.Name.Value, feature: &features.Feature{}, expr: l.expr, t: l.t}}
	n.sortEvents(v)
	for _, events := range v.events {
		for _, e := range events {
			l.end = max(l.end, e.at)
		}
	}
	return l
}

// censored is when the window of a row closes, and whether that is beyond the data.
func (l *naiveLabel) censored(row []value) (event.Time, bool) {
	at := row[l.spine.schema.Index(l.at)]
	if at == nil {
		return 0, true
	}
	closed := plus(instant(at), l.def.Within)
	return closed, closed > l.end
}

func (l *naiveLabel) value(row []value) value {
	closed, censored := l.censored(row)
	if censored {
		return nil
	}
	var key []value
	for _, m := range l.def.Match {
		v := row[l.spine.schema.Index(m.Spine.Value)]
		if v == nil {
			return widen(l.fold(nil), l.t)
		}
		key = append(key, v)
	}
	at := instant(row[l.spine.schema.Index(l.at)])
	var rows []*scope
	for _, e := range l.view.events[identities(key)] {
		if e.at >= at && e.at < closed && l.mine(row, e) {
			rows = append(rows, e.row)
		}
	}
	return widen(l.fold(rows), l.t)
}

func (l *naiveLabel) fold(rows []*scope) value {
	return eval(l.expr, &scope{resolve: l.view.scope.resolve, aggregate: func(call *expr.Node) value {
		if len(rows) == 0 {
			return foldNothing(call, 0)
		}
		return fold(call, rows, 0)
	}})
}
