package timetravel_test

import (
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
		if e.at >= at && e.at < closed {
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
