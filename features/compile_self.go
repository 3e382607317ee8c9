package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// own is how a row of the spine becomes an event of an input: the input's columns
// out of those of the spine; nil: what no value is made of, null.
type own []*expr.Expr

// itself plans what is read of a spine whose rows are events that count (S4.7).
// It comes after all columns are compiled, as only what their values are made of
// must be there: not the event's id, say, which is compared with no other's.
func (c *compiler) itself(t *TrainingSet, q *spineScope) {
	if t == nil || t.Self == nil {
		return
	}
	if t.Spine.Grid != nil {
		c.fault(t.Self.Include, 0, 0, fmt.Sprintf("training set %s includes the row itself, and its spine is a grid, whose rows are no events", t.Name.Value), "remove self")
		return
	}
	src := c.selfSource(t)
	if src == nil {
		return
	}
	asks := *q
	asks.at = t.Self.Include
	in := &c.plan.Inputs[src.input]
	row := make(own, len(in.Columns))
	for i, v := range c.plan.Views {
		if !c.counts(i, src.def) {
			continue
		}
		c.openAtEnd(t, v.View)
		v.own = true
		for _, k := range c.valuesOf(v) {
			if row[k] == nil {
				row[k] = c.ownColumn(t, &asks, ownField{src, in.Columns[k], v.Name})
			}
		}
	}
	c.plan.Queries.events = make([]own, len(c.plan.Inputs))
	c.plan.Queries.events[src.input] = row
}

// counts reports whether a view of the plan counts events of a source for
// features. Labels know what comes from t on, and the row is no part of that.
func (c *compiler) counts(view int, src *Source) bool {
	v := c.plan.Views[view]
	ahead := slices.ContainsFunc(c.plan.Lookups, func(l Lookup) bool { return l.View == view && l.Ahead })
	return !ahead && c.plan.Inputs[v.Input].Source == src && src.Dimension == nil
}

// selfSource is the source that rows are events of: the one that is named, or
// the only one whose events the service counts; nil, and told, where there is
// none.
func (c *compiler) selfSource(t *TrainingSet) *sourceScope {
	var counted []string
	for i, v := range c.plan.Views {
		if src := c.plan.Inputs[v.Input].Source; c.counts(i, src) && !slices.Contains(counted, src.Name.Value) {
			counted = append(counted, src.Name.Value)
		}
	}
	name := t.Self.Source.Value
	if of := t.Spine.Source.Value; name == "" && slices.Contains(counted, of) && t.Spine.Grid == nil {
		name = of
	}
	switch {
	case name != "" && slices.Contains(counted, name):
	case len(counted) == 0:
		c.fault(t.Self.Include, 0, 0, fmt.Sprintf("training set %s includes the row itself, and its service counts no events", t.Name.Value), "remove self")
		return nil
	case name != "":
		c.fault(t.Self.Include, 0, 0, fmt.Sprintf("training set %s includes the row itself as an event of source %s, and its service counts none of these", t.Name.Value, name), "it counts "+strings.Join(counted, ", "))
		return nil
	case len(counted) > 1:
		c.fault(t.Self.Include, 0, 0, fmt.Sprintf("training set %s includes the row itself, and its service counts events of %s", t.Name.Value, strings.Join(counted, ", ")), fmt.Sprintf("say of which the row is one: self: {include: %s}", counted[0]))
		return nil
	default:
		name = counted[0]
	}
	return c.sources[name]
}

// openAtEnd holds that no window of a view is closed at t. It would hold what is
// stored of the row's own event too, if that had arrived, and count it twice.
func (c *compiler) openAtEnd(t *TrainingSet, v *View) {
	for _, g := range c.guises {
		for i := range v.Features {
			for _, col := range c.viewColumns(g, v, &v.Features[i]) {
				w := col.window.meaning()
				if col.frame < 0 || w.Offset != 0 || w.HoldsOwn() {
					continue
				}
				c.fault(col.window.Bounds, 0, 0, fmt.Sprintf("training set %s includes the row itself, and the window of %s.%s is closed at t: it would count the row's event again as it is stored, if that had arrived", t.Name.Value, v.Name.Value, col.name),
					fmt.Sprintf("write bounds: %q: the row itself is in it once, and nothing else of t", col.window.Bounds.Value[:1]+")"))
			}
		}
	}
}

// valuesOf is the places of the input's columns that a view's values are made of.
func (c *compiler) valuesOf(v *PlannedView) (columns []int) {
	reads := slices.Clone(v.keys)
	if v.where != nil {
		reads = append(reads, v.where)
	}
	read := func(runColumns ...int) {
		for _, k := range runColumns {
			if k >= 0 {
				reads = append(reads, v.columns[k])
			}
		}
	}
	for i := range v.Layout.Slots {
		s := &v.Layout.Slots[i]
		read(s.Filter)
		read(s.Args...)
		read(s.By...)
	}
	for _, e := range reads {
		columns = append(columns, c.bounds[e]...)
	}
	return columns
}

// ownField is a column of a source's history that a view reads of the row.
type ownField struct {
	src    *sourceScope
	column event.Field
	view   string
}

// ownColumn compiles a column of the row's own event. It happens at t, so that
// the column with its time is t, whatever the spine calls that.
func (c *compiler) ownColumn(t *TrainingSet, q *spineScope, f ownField) *expr.Expr {
	name := f.column.Name
	if q.src != nil && q.src.def == f.src.def {
		n := &expr.Node{Op: expr.Bound, Name: name, Column: placeOf(&c.plan.Queries.Columns, name, f.column.Type), To: f.column.Type}
		return c.typed(t.Self.Include, n, nothing{}) // the row is the event, as its source has it
	}
	at := f.src.def.EventTimestamp.Value
	if d := f.src.declared(at); name == at && (d == nil || !d.History.Given()) {
		return c.ownTime(t, q, f.column.Type)
	}
	if slices.ContainsFunc(t.Labels, func(l Text) bool { return l.Value == name }) {
		c.fault(t.Self.Include, 0, 0, fmt.Sprintf("view %s reads column %s of the row itself, which is a label of training set %s", f.view, name, t.Name.Value), "what a feature reads is known when the question is asked, and no label")
		return nil
	}
	return q.column(name, f.column.Type, fmt.Sprintf("which view %s reads of the row itself", f.view), true)
}

// ownTime is t as the history's column has times.
func (c *compiler) ownTime(t *TrainingSet, q *spineScope, as event.Type) *expr.Expr {
	name, have := t.Spine.EventTimestamp.Value, event.Of(event.Timestamp)
	if i := q.schema.Index(name); q.known && i >= 0 {
		have = q.schema[i].Type
	}
	if have.Kind != event.Timestamp && have.Kind != event.Date {
		return nil // told: the spine's own time is none
	}
	n := q.node(name, have)
	if n == nil {
		return nil // told
	}
	if !have.Equal(as) {
		n = &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: as}
	}
	return c.typed(t.Self.Include, n, nothing{})
}

// OwnEvents is the rows of a batch of queries as events of a view that counts them.
type OwnEvents struct {
	Place   []int32 // by query: its place in Keys and Columns; -1: it is no event of the view
	Keys    []event.Hash
	Columns []event.Column // the run's columns; text in the batch's dictionaries
}

// At returns the place of a query's own event where it is one of the key that is
// asked, or -1: a payee's question is not about what its payer does. A nil
// OwnEvents has none.
func (o *OwnEvents) At(query int, key event.Hash) int {
	if o == nil {
		return -1
	}
	if k := o.Place[query]; k >= 0 && o.Keys[k] == key {
		return int(k)
	}
	return -1
}

// owns makes the queries' own events, by view of the plan.
func (p *Plan) owns(b *event.Batch, n *event.Counts) []*OwnEvents {
	if p.Queries.events == nil {
		return nil
	}
	all := make([]*OwnEvents, len(p.Views))
	for i, v := range p.Views {
		if v.own {
			all[i] = v.ownEvents(p.Queries.events[v.Input].events(p.Inputs[v.Input], b, n), n)
		}
	}
	return all
}

// events is a batch of the spine as one of the input.
func (o own) events(in Input, b *event.Batch, n *event.Counts) *event.Batch {
	events := &event.Batch{Len: b.Len, Columns: make([]event.Column, len(in.Columns))}
	for i := range in.Columns {
		if i < len(o) && o[i] != nil {
			events.Columns[i] = o[i].Eval(b, n)
			continue
		}
		events.Columns[i] = event.Make(in.Columns[i].Type)
		for range b.Len {
			events.Columns[i].AppendNull()
		}
	}
	return in.Clean(events, n)
}

// ownEvents takes of the rows what the view takes of its events: those that have
// a key and pass its where (S7.5). They are at t, and what they lack is counted
// of the spine and not of the events.
func (v *PlannedView) ownEvents(b *event.Batch, n *event.Counts) *OwnEvents {
	taken := newSelection(b.Len)
	if v.where != nil {
		taken.keep(v.where.Eval(b, n))
	}
	keys, null := event.Keys(evaluate(v.keys, b, n), b.Len, nil)
	taken.dropNulls(null)
	o := &OwnEvents{Place: make([]int32, b.Len), Keys: pick(taken, keys), Columns: v.kept(taken.batch(b), n)}
	for i := range o.Place {
		o.Place[i] = -1
	}
	for k := range taken.len() {
		row := int32(k)
		if taken.rows != nil {
			row = taken.rows[k]
		}
		o.Place[row] = int32(k)
	}
	return o
}
