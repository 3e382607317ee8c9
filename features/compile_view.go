package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// viewCompiler turns a view over a source into what its runs keep and are
// asked. One serves all features of the view, so that what they have in common
// (columns of the run, slots) is there once.
type viewCompiler struct {
	c       *compiler
	def     *View
	src     *sourceScope
	planned *PlannedView
	entity  *Entity
	place   int // in the plan's views
	asked   map[*guise]*viewGuise

	ahead     bool          // a label's
	snapshots *viewCompiler // of a dimension of snapshots: which had landed
}

// viewGuise is a view asked in one guise.
type viewGuise struct {
	lookup int
	frames []int // the frame's column of each slot; 0: not asked
}

// compile makes a column part of the frame, and before it all that it names. A
// column is compiled once, however often it is named. One that is faulty keeps
// frame -1, and who names it stays silent.
func (c *compiler) compile(col *column) {
	switch col.state {
	case compiled:
		return
	case underway:
		c.fault(col.feature.Value, 0, 0, fmt.Sprintf("feature %s.%s is computed from itself", col.view.Name.Value, col.name), "break the circle")
		return
	}
	col.state = underway
	defer func() { col.state = compiled }()
	n := c.parse(col.feature.Value)
	if n == nil {
		return
	}
	if !col.view.Source.Given() {
		n = c.derived(col, n)
	} else if v := c.viewCompiler(col.view); v == nil {
		return
	} else if v.src.def.Dimension != nil {
		n = v.version(col, n)
	} else {
		n = v.aggregated(col, n)
	}
	if n != nil {
		col.frame = c.valued(col, n)
	}
}

// valued compiles what is left of a feature over the frame, with its default. A
// feature that is one slot and nothing else is that slot's column and costs no
// step.
func (c *compiler) valued(col *column, n *expr.Node) int {
	if n.Op == expr.Bound && !col.feature.Default.Given() {
		return n.Column
	}
	e := c.typed(col.feature.Value, n, nothing{})
	if e == nil {
		return -1
	}
	if e.Type.Kind == event.Null {
		c.fault(col.feature.Value, 0, 0, fmt.Sprintf("feature %s is null and has no type", col.name), "cast it to the type it should have")
		return -1
	}
	if d := col.feature.Default; d.Given() {
		if e = c.defaulted(n, e.Type, d); e == nil {
			return -1
		}
	}
	return c.stepColumn(e)
}

// defaulted is a value with what stands for it where it is null. It is coalesce
// around the whole feature, so that it stands for a null from wherever (S7.4),
// and keeps the feature's type: a default that would change it is a fault.
func (c *compiler) defaulted(n *expr.Node, t event.Type, d Text) *expr.Expr {
	lit := c.parse(d)
	if lit == nil {
		return nil
	}
	e := c.typed(d, lit, nothing{})
	if e == nil {
		return nil
	}
	if !e.Constant() || !t.Scalar() {
		c.fault(d, 0, 0, fmt.Sprintf("a default is one value of the feature's type, %s", t), "")
		return nil
	}
	both := &expr.Node{Op: expr.Call, Name: "coalesce", Args: []*expr.Node{n, {Op: expr.Cast, Args: []*expr.Node{lit}, To: t}}}
	if !e.Type.Equal(t) && !expr.WidensTo(e.Type, t) && !(e.Type.Numeric() && t.Kind == event.Double) {
		c.fault(d, 0, 0, fmt.Sprintf("the default is %s, and the feature is %s", e.Type, t), "")
		return nil
	}
	return c.typed(d, both, nothing{})
}

// viewCompiler returns the compiler of a view over a source, made once; nil
// where the view itself is faulty. The entry is nil while it is made and after
// a fault, so that a fault of the view is told once and not for each feature.
func (c *compiler) viewCompiler(def *View) *viewCompiler {
	if v, ok := c.views[def.Name.Value]; ok {
		return v
	}
	c.views[def.Name.Value] = nil
	v := &viewCompiler{c: c, def: def, asked: map[*guise]*viewGuise{}}
	for i := range c.def.Sources {
		if c.def.Sources[i].Name.Value == def.Source.Value {
			v.src = c.source(&c.def.Sources[i])
		}
	}
	if v.src == nil || !v.plan() {
		return nil
	}
	c.views[def.Name.Value] = v
	return v
}

// plan compiles what a view takes of every event: key, time, where, order, id.
// It goes on after a fault to find the others. order_by and id become columns
// of the run before any feature's, and the view's own order_by stands in place
// of the source's (S5.1). A dimension's where is no part of this: it is asked
// of the version that was chosen (S12.4).
func (v *viewCompiler) plan() bool {
	ok := true
	v.planned = &PlannedView{Name: v.def.Name.Value, View: v.def, Layout: &aggregate.Layout{ID: -1}}
	if v.planned.time = v.time(); v.planned.time == nil {
		ok = false
	}
	ok = v.keys() && ok
	if v.def.Where.Given() && v.src.def.Dimension == nil {
		v.planned.where = v.src.compile(v.def.Where, v.c.parse(v.def.Where))
		ok = v.boolean(v.def.Where, v.planned.where) && ok
	}
	orders := v.def.OrderBy
	if len(orders) == 0 {
		orders = v.src.def.OrderBy
	}
	if recorded := v.src.def.Arrival; v.src.def.Dimension != nil && recorded.Given() {
		orders = slices.Concat([]Order{{Column: recorded}}, orders) // a correction holds (S12.3)
	}
	if d := v.src.def.Dimension; d != nil && d.Snapshot.Given() {
		orders = slices.Concat([]Order{{Column: d.Snapshot}}, orders) // of two that landed at once the later one (S12.7)
	}
	for _, o := range orders {
		i := v.runColumn(o.Column, &expr.Node{Op: expr.Ref, Path: []string{o.Column.Value}, End: len(o.Column.Value)})
		v.planned.Layout.OrderBy = append(v.planned.Layout.OrderBy, aggregate.Order{Column: i, Desc: o.Desc})
		ok = ok && i >= 0
	}
	if id := v.src.def.EventID; id.Given() {
		v.planned.Layout.ID = v.runColumn(id, &expr.Node{Op: expr.Ref, Path: []string{id.Value}, End: len(id.Value)})
		ok = ok && v.planned.Layout.ID >= 0
	}
	if ver := v.src.def.Version; ver.Given() {
		i := v.runColumn(ver, &expr.Node{Op: expr.Ref, Path: []string{ver.Value}, End: len(ver.Value)})
		v.planned.Layout.Version, ok = []int{i}, ok && i >= 0
	}
	if !ok {
		return false
	}
	v.place = len(v.c.plan.Views)
	v.c.plan.Views = append(v.c.plan.Views, v.planned)
	told := len(v.c.faults)
	v.content()
	// Known now: a table that is overwritten has no time, and without a key only
	// what the features read makes it an input.
	if v.planned.Input = v.src.input; v.planned.Input < 0 {
		if v.c.plan.Views = v.c.plan.Views[:v.place]; len(v.c.faults) > told {
			return false
		}
		v.c.fault(v.def.Source, 0, 0, fmt.Sprintf("view %s reads no column of source %s", v.def.Name.Value, v.src.def.Name.Value), "a value that is always the same needs no source: write it in a derived view")
		return false
	}
	v.refutations()
	return true
}

// arrivals compiles when events arrived, where a training set's visibility asks.
// It comes last: what it reads is no part of the digest, as the values of a
// definition mean the same under every visibility.
func (c *compiler) arrivals(t *TrainingSet) {
	if t == nil || t.Known.Value != "arrival" {
		return
	}
	for i, v := range c.plan.Views {
		if slices.ContainsFunc(c.plan.Lookups, func(l Lookup) bool { return l.View == i && l.Ahead }) {
			continue // what had arrived is no question of labels
		}
		src := c.sources[c.plan.Inputs[v.Input].Source.Name.Value]
		if d := src.def.Dimension; d != nil && (d.Mode.Value == "snapshots" || d.Mode.Value == "current") {
			v.arrival = v.time // known when it landed; or, the leak accepted, always
			continue
		}
		if !src.def.Arrival.Given() {
			key := "arrival_timestamp"
			if src.def.Dimension != nil {
				key = "recorded_at"
			}
			c.fault(t.Known, 0, 0, fmt.Sprintf("training set %s asks what had arrived, and source %s has no %s", t.Name.Value, src.def.Name.Value, key), "name the field, or say known: event_time, which is optimistic")
			continue
		}
		if !src.brokered(t) {
			v.arrival = src.arrival()
		}
	}
}

// arrival compiles when a source's rows arrived.
func (s *sourceScope) arrival() *expr.Expr {
	e := s.named(s.def.Arrival)
	if e != nil && e.Type.Kind != event.Timestamp {
		s.c.fault(s.def.Arrival, 0, 0, fmt.Sprintf("%s is %s, and an arrival is timestamp", s.def.Arrival.Value, e.Type), "cast it under fields")
	}
	return e
}

// keys compiles the view's key. Doubles are refused as keys: 0.1 read by two programs may be two values, and
// a key must match exactly.
func (v *viewCompiler) keys() bool {
	if v.entity == nil {
		i := slices.IndexFunc(v.c.def.Entities, func(e Entity) bool { return e.Name.Value == v.def.Entity.Value })
		if i < 0 {
			return false // the loader has told
		}
		v.entity = &v.c.def.Entities[i]
	}
	for _, col := range v.entity.Columns {
		n := &expr.Node{Op: expr.Ref, Path: []string{col.Value}, End: len(col.Value)}
		f, told := v.src.field(col.Value)
		if f == nil {
			if !told && !v.src.known {
				v.src.undeclared = append(v.src.undeclared, col.Value)
			} else if !told {
				v.c.fault(col, 0, 0, fmt.Sprintf("source %s has no field %s, which keys entity %s", v.src.def.Name.Value, col.Value, v.def.Entity.Value), v.src.mend(col.Value))
			}
			return false
		}
		e := v.src.compile(col, n)
		if e == nil {
			return false
		}
		if e.Type.Kind == event.Double || e.Type.Kind == event.Null {
			v.c.fault(v.def.Entity, 0, 0, fmt.Sprintf("key %s of entity %s is %s in source %s, and keys are never floating", col.Value, v.def.Entity.Value, e.Type, v.src.def.Name.Value), "cast it to a decimal or an integer under fields")
			return false
		}
		v.planned.keys, v.planned.key = append(v.planned.keys, e), append(v.planned.key, col.Value)
	}
	return true
}

// in returns the view as it is asked in a guise; nil, and told, where it cannot
// be. In a guise that says nothing of the view's entity it is asked as always.
func (v *viewCompiler) in(g *guise) *viewGuise {
	by, name := g.of(v.entity.Name.Value), v.def.Name.Value
	if by == nil {
		g = v.c.plain
	} else {
		g.used[v.entity.Name.Value] = true
		name += " by"
		for _, col := range by {
			name += " " + col.Value
		}
	}
	a, known := v.asked[g]
	if known {
		return a
	}
	if key, ok := v.c.queryKey(v, v.entity, by); ok {
		a = &viewGuise{lookup: len(v.c.plan.Lookups)}
		v.c.plan.Lookups = append(v.c.plan.Lookups, Lookup{Name: name, View: v.place, Key: key, Ahead: v.ahead})
	}
	v.asked[g] = a
	return a
}

// boolean checks that an expression is a condition. A null is one too, and
// takes no row (S7.1).
func (v *viewCompiler) boolean(t Text, e *expr.Expr) bool {
	if e == nil {
		return false
	}
	if e.Type.Kind != event.Bool && e.Type.Kind != event.Null {
		v.c.fault(t, 0, 0, fmt.Sprintf("where is a condition, and this is %s", e.Type), "compare it with something")
		return false
	}
	return true
}

// runColumn returns the run's column of a row expression, added if it is new; -1
// where it is faulty. t is the text that holds the expression. Expressions are
// the same if their canonical texts are. It must be a scalar, as content order
// compares single values (S5.3).
func (v *viewCompiler) runColumn(t Text, n *expr.Node) int {
	p := v.planned
	text := n.String()
	if i := slices.Index(p.texts, text); i >= 0 {
		return i
	}
	e := v.src.compile(t, n)
	if e == nil {
		return -1
	}
	if !e.Type.Scalar() || e.Type.Kind == event.Null {
		v.c.fault(t, n.Pos, n.End, fmt.Sprintf("%s is %s, and a feature takes single values", text, e.Type), "name the values one by one, or as row(…)")
		return -1
	}
	p.texts, p.columns, p.kinds = append(p.texts, text), append(p.columns, e), append(p.kinds, e.Type)
	p.Layout.Columns = append(p.Layout.Columns, e.Type)
	return len(p.texts) - 1
}

// content lists the view's columns, which break ties after order_by and id (S5):
// the distinct expressions that its features read, `by` too, in order of their
// text. They are those of the whole view, whichever of its features are asked
// for, wherever content can matter to a value; elsewhere those that the run holds,
// so that equal events always make equal snapshots. Were they only those asked
// for, another service's choice of features could change which copy of an event
// stays (S5.2, S6.2, S13.2).
func (v *viewCompiler) content() {
	var texts []string
	matters := v.planned.Layout.ID >= 0 || v.src.def.Dimension != nil
	var reads []read
	for i := range v.def.Features {
		t := v.def.Features[i].Value
		n, err := expr.Parse(t.Value)
		if err != nil {
			continue // told where the feature is compiled
		}
		rs, ordered := readsOf(t, n, v.src.def.Dimension != nil)
		reads, matters = append(reads, rs...), matters || ordered
		if by := v.def.Features[i].By; by.Given() {
			if n, err := expr.Parse(by.Value); err == nil && !aggregated(n) {
				reads = append(reads, read{by, n})
			}
		}
	}
	reads = append(reads, v.conditions()...)
	if !matters {
		return
	}
	for _, r := range reads {
		if text := r.node.String(); !slices.Contains(texts, text) && v.runColumn(r.text, r.node) >= 0 {
			texts = append(texts, text)
		}
	}
	v.planned.settleContent(texts)
}

// settleContent makes the columns of the given texts those that break ties.
// Sorting by text makes the order that of the definition's meaning and not of
// its lines.
func (v *PlannedView) settleContent(texts []string) {
	for _, text := range slices.Sorted(slices.Values(texts)) {
		v.Layout.Content = append(v.Layout.Content, slices.Index(v.texts, text))
	}
}

// read is a row expression that a feature reads, and the text it stands in.
type read struct {
	text Text
	node *expr.Node
}

// readsOf lists the row expressions of a feature: the arguments and filters of
// its aggregates, or of a dimension's feature the whole. ordered tells whether
// some aggregate takes the order of ties; without one, and without ids, content
// can change no value.
func readsOf(t Text, n *expr.Node, dimension bool) (reads []read, ordered bool) {
	if dimension {
		if aggregated(n) {
			return nil, false // told where the feature is compiled
		}
		return []read{{t, n}}, false
	}
	expr.Walk(n, func(n *expr.Node) bool {
		if n.Op != expr.Call || !expr.Aggregate(n.Name) {
			return true
		}
		ordered = ordered || aggregates[n.Name].kind.Ordered()
		for _, a := range taken(n) {
			if !aggregated(a) {
				reads = append(reads, read{t, a})
			}
		}
		if n.Filter != nil {
			reads = append(reads, read{t, n.Filter})
		}
		return false
	})
	return reads, ordered
}

// taken returns the values of an event that a call of an aggregate takes: of
// row(...) each, and a second argument where that is one too.
func taken(call *expr.Node) (values []*expr.Node) {
	if len(call.Args) > 0 {
		values = unrow(call.Args[0])
	}
	if len(call.Args) > 1 && aggregates[call.Name].parameter == second {
		values = slices.Concat(values, call.Args[1:2])
	}
	return values
}

// aggregated reports whether there is an aggregate in a tree.
func aggregated(n *expr.Node) (is bool) {
	expr.Walk(n, func(n *expr.Node) bool {
		is = is || n.Op == expr.Call && expr.Aggregate(n.Name)
		return !is
	})
	return is
}

// unrow returns the values that an aggregate's argument is made of.
func unrow(n *expr.Node) []*expr.Node {
	if n.Op == expr.Row {
		return n.Args
	}
	return []*expr.Node{n}
}

// slot returns the frame's column of a slot as a column's guise asks for it, added
// if it is new; -1 where it cannot be asked. Slots are few; comparing them all is
// done once a compilation.
func (v *viewCompiler) slot(col *column, s aggregate.Slot) int {
	a := v.in(col.guise)
	if a == nil {
		return -1
	}
	l := v.planned.Layout
	i := slices.IndexFunc(l.Slots, func(other aggregate.Slot) bool { return sameSlot(&other, &s) })
	if i < 0 {
		i = len(l.Slots)
		l.Slots = append(l.Slots, s)
	}
	for len(a.frames) <= i {
		a.frames = append(a.frames, 0)
	}
	if a.frames[i] == 0 {
		a.frames[i] = v.c.frameColumn(origin{kind: slotOrigin, lookup: a.lookup, index: i, t: s.Type})
	}
	return a.frames[i]
}

// sameSlot reports whether two slots are one. It names every exported field of
// a slot: one left out would merge features that differ.
func sameSlot(a, b *aggregate.Slot) bool {
	return a.Aggregate == b.Aggregate && slices.Equal(a.Args, b.Args) && a.Filter == b.Filter && a.RespectNulls == b.RespectNulls &&
		slices.Equal(a.By, b.By) && a.Window == b.Window && a.N == b.N && a.P == b.P && a.List == b.List && a.MinCount == b.MinCount && a.Type.Equal(b.Type)
}

// meaning is the window as the runs know it; the loader has checked its words.
// "[)" is meant where no bounds are written (S3.3).
func (w Window) meaning() aggregate.Window {
	m := aggregate.Window{Rows: int(w.Rows), Lifetime: w.Lifetime, ClosedLow: true}
	if w.Length.Given() {
		m.Length, _ = ParseDuration(w.Length.Value)
	}
	if w.Offset.Given() {
		m.Offset, _ = ParseDuration(w.Offset.Value)
	}
	if w.Bounds.Given() {
		m.ClosedLow, m.ClosedHigh = strings.HasPrefix(w.Bounds.Value, "["), strings.HasSuffix(w.Bounds.Value, "]")
	}
	if m.Length == 0 {
		m.ClosedLow = true // there is no lower end
	}
	if w.ahead {
		m.Offset = -m.Length // [t, t+length)
	}
	return m
}

// aggregated compiles an event view's feature over one window: aggregates become
// slots, and bare names are features of the same view that stand before it. A
// field outside an aggregate has no one value over a window and is refused; so
// is a feature that reads no event.
func (v *viewCompiler) aggregated(col *column, n *expr.Node) *expr.Node {
	t, ok, any := col.feature.Value, true, false
	if by := col.feature.By; by.Given() && (n.Op != expr.Call || !expr.Aggregate(n.Name)) {
		v.c.fault(t, 0, 0, fmt.Sprintf("feature %s has `by`, and its value is no single aggregate", col.feature.Name.Value), "give each aggregate a feature of its own")
		return nil
	}
	b := rewrite(n, func(r *expr.Node) *expr.Node {
		switch {
		case r.Op == expr.Call && expr.Aggregate(r.Name):
			any = true
			frame := v.aggregate(col, r)
			if frame < 0 {
				ok = false
				return r
			}
			return v.c.bound(frame, r)
		case r.Op == expr.Call && !expr.Callable(r.Name):
			any, ok = true, false
			v.c.fault(t, r.Pos, r.Pos+len(r.Name), "unknown function "+r.Name, expr.CallMend(r.Name))
			return r
		case r.Op == expr.Ref:
			any = true
			f := v.sibling(col, r)
			if f == nil {
				ok = false
				return r
			}
			return f
		}
		return nil
	})
	if ok && !any {
		v.c.fault(t, 0, 0, fmt.Sprintf("feature %s of view %s has no aggregate", col.feature.Name.Value, v.def.Name.Value), "write an aggregate such as count(*) or last(…)")
		return nil
	}
	if !ok {
		return nil
	}
	return b
}

// sibling resolves a bare name in an event view's feature: a feature before it,
// over the same window where it has several. So sum_x / count_x over windows
// [1h, 1d] divides the hour's by the hour's, without the suffix being written.
func (v *viewCompiler) sibling(col *column, r *expr.Node) *expr.Node {
	view, name := v.def.Name.Value, r.Path[0]
	suffixed := name + col.window.suffix()
	for _, candidate := range []string{suffixed, name} {
		other := col.guise.columns[view+"."+candidate]
		if other == nil || v.position(other.feature) >= v.position(col.feature) {
			continue
		}
		v.c.compile(other)
		if other.frame < 0 {
			return nil
		}
		return dotted(v.c.bound(other.frame, r), r, 1)
	}
	mend := nearest(name, v.siblings(col))
	if f, _ := v.src.field(name); f != nil {
		mend = fmt.Sprintf("a field stands inside an aggregate, such as last(%s)", name)
	}
	if name == "at" {
		mend = "the instant of the question belongs to derived views: name this view's columns there"
	}
	v.c.fault(col.feature.Value, r.Pos, r.End, fmt.Sprintf("%s is no feature of view %s before %s", name, view, col.feature.Name.Value), mend)
	return nil
}

// position is the feature's place in the view, or -1.
func (v *viewCompiler) position(f *Feature) int {
	for i := range v.def.Features {
		if &v.def.Features[i] == f {
			return i
		}
	}
	return -1
}

// siblings are the names of the features before col's.
func (v *viewCompiler) siblings(col *column) (names []string) {
	for i := range v.position(col.feature) {
		names = append(names, v.def.Features[i].Name.Value)
	}
	return names
}
