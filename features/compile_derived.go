package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// derived binds the names of a derived view's feature: columns of other views,
// request fields, at, and features of the same view that stand before it. Only
// what stands before may be named within a view, so that a reader finds the
// meaning above; between views any order will do, and circles are refused by
// compile.
func (c *compiler) derived(col *column, n *expr.Node) *expr.Node {
	ok := true
	b := rewrite(n, func(r *expr.Node) *expr.Node {
		switch {
		case r.Op == expr.Call && expr.Aggregate(r.Name):
			c.fault(col.feature.Value, r.Pos, r.End, fmt.Sprintf("aggregate %s in the derived view %s, which has no source", r.Name, col.view.Name.Value), "aggregate in a view with a source and name its column here")
			ok = false
			return r
		case r.Op != expr.Ref:
			return nil
		}
		f := c.derivedName(col, r)
		if f == nil {
			ok = false
			return r
		}
		return f
	})
	if !ok {
		return nil
	}
	return b
}

// derivedName resolves one name of a derived feature; nil, and told, where it is
// nothing. What is tried first wins: at and request are no names of views (the
// loader sees to it), an earlier feature of the same view hides a view of its
// name.
func (c *compiler) derivedName(col *column, r *expr.Node) *expr.Node {
	t, first := col.feature.Value, r.Path[0]
	if first == "at" {
		return dotted(c.bound(0, r), r, 1)
	}
	if first == "request" {
		return c.requested(col, r)
	}
	if own := c.earlier(col, first); own != nil {
		return c.computed(own, r, 1)
	}
	v := c.view(first)
	if view, column, whole := strings.Cut(first, "__"); whole && col.guise.columns[view+"."+column] != nil {
		c.fault(t, r.Pos, r.End, fmt.Sprintf("%s is a column of the training set", first), fmt.Sprintf("in expressions write %s.%s", view, column))
		return nil
	}
	if v == nil {
		mend := nearest(first, c.derivedNames(col))
		for i := range c.def.TrainingSets {
			if slices.ContainsFunc(c.def.TrainingSets[i].Labels, func(l Text) bool { return l.Value == first }) {
				mend = "it is a label, which no feature may read"
			}
		}
		c.fault(t, r.Pos, r.End, fmt.Sprintf("%s is no view, and no feature of view %s before %s", first, col.view.Name.Value, col.feature.Name.Value), mend)
		return nil
	}
	if len(r.Path) < 2 {
		c.fault(t, r.Pos, r.End, fmt.Sprintf("%s is a view, not a value", first), c.nearestColumn(v, ""))
		return nil
	}
	other := col.guise.columns[first+"."+r.Path[1]]
	if other == nil {
		c.fault(t, r.Pos, r.End, fmt.Sprintf("view %s makes no column %s", first, r.Path[1]), c.nearestColumn(v, r.Path[1]))
		return nil
	}
	return c.computed(other, r, 2)
}

// computed binds a name to another column, which is compiled first. A fault in
// that column is told there, and only there.
func (c *compiler) computed(other *column, r *expr.Node, used int) *expr.Node {
	c.compile(other)
	if other.frame < 0 {
		return nil
	}
	return dotted(c.bound(other.frame, r), r, used)
}

// earlier returns the column of a feature of the same view before col's.
func (c *compiler) earlier(col *column, name string) *column {
	own := col.guise.columns[col.view.Name.Value+"."+name]
	if own == nil || own == col {
		return nil
	}
	for i := range col.view.Features {
		switch &col.view.Features[i] {
		case own.feature:
			return own
		case col.feature:
			return nil
		}
	}
	return nil
}

// derivedNames are the names that a derived feature may use, for the nearest.
func (c *compiler) derivedNames(col *column) []string {
	names := []string{"at", "request"}
	for i := range c.def.Views {
		names = append(names, c.def.Views[i].Name.Value)
	}
	for i := range col.view.Features {
		if &col.view.Features[i] == col.feature {
			break
		}
		names = append(names, col.view.Features[i].Name.Value)
	}
	return names
}

// requested binds a name to a request field that the view declares.
func (c *compiler) requested(col *column, r *expr.Node) *expr.Node {
	var names []string
	for i := range col.view.Request {
		d := &col.view.Request[i]
		names = append(names, d.Name.Value)
		if len(r.Path) > 1 && d.Name.Value == r.Path[1] {
			return dotted(c.bound(c.requestColumn(col.view, d), r), r, 2)
		}
	}
	mend := "declare it under request"
	if len(r.Path) > 1 && event.Nearest(r.Path[1], names) != "" {
		mend = nearest(r.Path[1], names)
	}
	c.fault(col.feature.Value, r.Pos, r.End, fmt.Sprintf("view %s declares no request field %s", col.view.Name.Value, strings.Join(r.Path[1:], ".")), mend)
	return nil
}

// requestColumn returns the frame's column of a request field, added if it is
// new. Fields of one name are one field of the query, whichever views declare
// it, so they must be of one type.
func (c *compiler) requestColumn(v *View, d *Declared) int {
	if f, ok := c.request[d.Name.Value]; ok {
		if !f.t.Equal(d.Type) {
			c.fault(d.Name, 0, 0, fmt.Sprintf("request field %s is %s here and %s in view %s", d.Name.Value, d.Type, f.t, f.view), "give it one type")
		}
		return f.frame
	}
	frame := c.frameColumn(origin{kind: requestOrigin, index: len(c.request), t: d.Type})
	c.request[d.Name.Value] = requestField{frame, d.Type, v.Name.Value}
	return frame
}

// queryKey returns the place of an entity's key among the query's keys, asked by
// the entity's own columns or by others. Views of one entity must agree on its
// types. Kinds must be equal, widths and scales need not: a hash is of the value
// (S11.2). One key for several views is one hash for each query.
func (c *compiler) queryKey(v *viewCompiler, e *Entity, by []Text) (int, bool) {
	own := by == nil
	if own {
		by = e.Columns
	}
	types := make([]event.Type, len(v.planned.keys))
	for i, k := range v.planned.keys {
		types[i] = k.Type
	}
	k := QueryKey{Entity: e.Name.Value, types: types, source: v.src.def.Name.Value, own: own, named: by}
	for i := range c.plan.Queries.Keys {
		other := &c.plan.Queries.Keys[i]
		if other.Entity != k.Entity {
			continue
		}
		for j, t := range types {
			if t.Kind != other.types[j].Kind {
				c.fault(v.def.Entity, 0, 0, fmt.Sprintf("key %s of entity %s is %s in source %s and %s in source %s", e.Columns[j].Value, k.Entity, t, v.src.def.Name.Value, other.types[j], other.source), "give it one type under fields")
				return 0, false
			}
		}
		if other.own == own && slices.EqualFunc(other.named, by, func(a, b Text) bool { return a.Value == b.Value }) {
			return i, true
		}
	}
	c.plan.Queries.Keys = append(c.plan.Queries.Keys, k)
	return len(c.plan.Queries.Keys) - 1, true
}

// queries plans what is read of a spine, checked against its columns where they
// are at hand. Without a training set the columns are those that any spine must
// have. It comes after all columns were compiled, as they decide about keys and
// fields. Request fields are taken in the order of their frame columns: that of
// the map would differ from run to run.
func (c *compiler) queries(t *TrainingSet) {
	q := &spineScope{c: c, at: Text{Value: Instant}}
	if t != nil {
		q = c.spineScope(t)
		c.spineColumns(t, q)
	}
	p := &c.plan.Queries
	if t != nil && t.Spine.Grid != nil {
		p.Columns = slices.Clone(q.schema)
	}
	p.time = q.instant()
	for i := range p.Keys {
		k := &p.Keys[i]
		if t != nil {
			k.named = k.askedBy(&t.Spine)
		}
		for j, name := range k.named {
			k.exprs = append(k.exprs, q.column(name.Value, k.types[j], "key of entity "+k.Entity, false))
		}
	}
	if t != nil {
		c.askedRows(t, q)
		c.chooser(t, q)
		c.itself(t, q)
	}
	p.request = make([]*expr.Expr, len(c.request))
	names := make([]string, len(c.request))
	for name, f := range c.request {
		names[c.plan.frame[f.frame].index] = name
	}
	for i, name := range names {
		f := c.request[name]
		p.request[i] = q.column(name, f.t, "request field of view "+f.view, true)
	}
}

// spineColumns checks labels and kept columns, and that no computed column has
// the name of one of the spine's. A clash of names would make a training set
// with two columns of one name, which no reader could tell apart (S11.1).
func (c *compiler) spineColumns(t *TrainingSet, q *spineScope) {
	for _, l := range t.Labels {
		if f, read := c.request[l.Value]; read {
			c.fault(l, 0, 0, fmt.Sprintf("label %s of training set %s is read by view %s as a request field", l.Value, t.Name.Value, f.view), "what a feature reads is known when the question is asked, and no label")
		}
		for _, k := range c.plan.Queries.Keys {
			if slices.ContainsFunc(k.askedBy(&t.Spine), func(by Text) bool { return by.Value == l.Value }) {
				c.fault(l, 0, 0, fmt.Sprintf("label %s of training set %s keys entity %s", l.Value, t.Name.Value, k.Entity), "name the column that is to be predicted")
			}
		}
	}
	if !q.known {
		return
	}
	for _, l := range slices.Concat(t.Labels, t.Spine.Columns) {
		if q.schema.Index(l.Value) < 0 {
			c.fault(l, 0, 0, fmt.Sprintf("the spine of training set %s has no column %s", t.Name.Value, l.Value), q.mend(l.Value))
		}
	}
	for _, o := range c.plan.Outputs {
		kept := !t.Spine.ColumnsGiven || slices.ContainsFunc(t.Spine.Columns, func(k Text) bool { return k.Value == o.Name })
		if kept && q.schema.Index(o.Name) >= 0 {
			c.fault(t.Spine.Table.Path, 0, 0, fmt.Sprintf("the spine of training set %s has a column %s, and so have the features", t.Name.Value, o.Name), "leave it out with spine: {columns: […]}")
		}
	}
}

// spineScope is a spine's columns on their way into queries.
type spineScope struct {
	c      *compiler
	set    string
	at     Text
	schema event.Schema
	known  bool
	text   bool         // its columns have the types that the definition declares
	src    *sourceScope // whose events are the questions; nil: a table, or a grid
}

func (q *spineScope) names() (names []string) {
	for _, f := range q.schema {
		names = append(names, f.Name)
	}
	return names
}

// mend is the nearest column, or all there are.
func (q *spineScope) mend(name string) string {
	if n := nearest(name, q.names()); n != "" || len(q.schema) == 0 {
		return n
	}
	return "it has " + strings.Join(q.names(), ", ")
}

// column compiles a spine's column as a value of type want. exact: the value
// itself is used, so that it must widen to want; else only its identity. Keys
// are compared by their hashes, for which equal kinds suffice; the instant and
// request fields are computed with and must have the very type. Nothing is
// narrowed silently (S17.2).
func (q *spineScope) column(name string, want event.Type, what string, exact bool) *expr.Expr {
	t := want
	if q.known {
		i := q.schema.Index(name)
		if i < 0 {
			q.c.fault(q.at, 0, 0, fmt.Sprintf("the spine of training set %s has no column %s, %s", q.set, name, what), q.mend(name))
			return nil
		}
		t = q.schema[i].Type
	}
	n := q.node(name, t)
	if n == nil {
		return nil
	}
	if t.Kind == want.Kind && (!exact || t.Equal(want)) {
		return q.c.typed(q.at, n, nothing{})
	}
	if !expr.WidensTo(t, want) || !exact && t.Kind != want.Kind {
		mend := "cast it where the spine is written"
		if q.src != nil {
			mend = "cast it under fields of source " + q.src.def.Name.Value
		}
		if t.Kind == event.String && q.text {
			mend = fmt.Sprintf("declare it: fields: {%s: %s}, beside the spine's path", name, want)
		}
		q.c.fault(q.at, 0, 0, fmt.Sprintf("column %s of the spine of training set %s is %s, and %s is %s", name, q.set, t, what, want), mend)
		return nil
	}
	return q.c.typed(q.at, &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: want}, nothing{})
}

// plain compiles a spine's column, named by t, as it is.
func (q *spineScope) plain(t Text, as event.Type) *expr.Expr {
	if q.known && q.schema.Index(t.Value) < 0 {
		q.c.fault(t, 0, 0, fmt.Sprintf("the spine of training set %s has no column %s", q.set, t.Value), q.mend(t.Value))
		return nil
	}
	n := q.node(t.Value, as)
	if n == nil {
		return nil
	}
	return q.c.typed(t, n, nothing{})
}
