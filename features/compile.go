package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Catalog is what the inputs are known to hold: the columns of each source's
// history and of each training set's spine, by name. Where one is missing, the
// types that the definition declares stand alone. The caller reads it off the
// files' footers before any row is read. An absent entry is no fault: validate
// runs where the data are not.
type Catalog struct {
	Histories map[string]event.Schema
	Spines    map[string]event.Schema
	Streams   map[string]event.Schema // by source: what the schema of its records has; absent: they have none, or it is not at hand
	Folders   map[string][]string     // by source: the columns that are of its history's folders alone
	Copied    map[string]event.Schema // by source: the columns of a spine that was made of both its copies; absent: its history's
}

// Compile checks a definition as a whole and plans one of its training sets, or,
// with set "", all features. The error is event.Faults with all that is wrong.
// The definition is compiled as a whole even if one set is asked for, so that a
// fault does not wait for the day its feature is used; the set's plan then
// holds only what its service needs, and reads no other column. Neither depends
// on the order of a map: plans of one definition are equal, digest included
// (S13.1).
func Compile(def *Definition, cat Catalog, set string) (*Plan, error) {
	all := newCompiler(def, cat)
	all.everything()
	if len(all.faults) > 0 {
		slices.SortStableFunc(all.faults, func(a, b event.Fault) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, distinctFaults(all.faults)
	}
	if set == "" {
		return all.finish(), nil
	}
	c := newCompiler(def, cat)
	c.training(set)
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return c.finish(), nil
}

// distinctFaults leaves each fault once, in order.
func distinctFaults(faults event.Faults) event.Faults {
	seen := map[event.Fault]bool{}
	return slices.DeleteFunc(faults, func(f event.Fault) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// compiler turns a definition into a plan. It collects faults and goes on, so
// that all are told at once. It is used once. Compiling is by need: a column
// draws in its view, which draws in its source, so that only what is reached
// becomes part of the plan.
type compiler struct {
	def    *Definition
	cat    Catalog
	plan   *Plan
	faults event.Faults

	sources map[string]*sourceScope
	views   map[string]*viewCompiler
	plain   *guise // in which a view is asked by its own entity's columns
	guises  []*guise
	request map[string]requestField

	spelling map[*expr.Expr]string // canonical text of what was compiled, for the digest
	bounds   map[*expr.Expr][]int  // the columns that it reads
}

// column is a feature over one window on its way into the plan. A feature over
// three windows is three of these.
type column struct {
	guise   *guise
	view    *View
	feature *Feature
	window  Window
	name    string // without the view
	frame   int    // place in the frame; -1: not compiled, or faulty
	state   columnState
}

// guise is the role in which views are asked: by which columns of a query. A
// column of a view is another one in each guise; runs are the same.
type guise struct {
	keys    []KeyedBy
	used    map[string]bool    // entities of keys that some column was asked by
	columns map[string]*column // computed features by view.feature
}

// of is the columns by which a guise asks an entity; nil: its own.
func (g *guise) of(entity string) []Text {
	for _, k := range g.keys {
		if k.Entity.Value == entity {
			return k.Columns
		}
	}
	return nil
}

// columnState tells a circle of features from one that is named twice.
type columnState uint8

const (
	untouched columnState = iota
	underway
	compiled
)

// requestField is a request field of the frame. view is the one that declared
// it first, for faults.
type requestField struct {
	frame int
	t     event.Type
	view  string
}

// newCompiler makes a compiler with the names of all columns declared, as a
// service may list, and a derived view name, what stands further down.
func newCompiler(def *Definition, cat Catalog) *compiler {
	c := &compiler{def: def, cat: cat, plan: &Plan{Definition: def}, sources: map[string]*sourceScope{},
		views: map[string]*viewCompiler{}, request: map[string]requestField{}, spelling: map[*expr.Expr]string{}, bounds: map[*expr.Expr][]int{}}
	c.plan.frame = []origin{{kind: atOrigin, t: event.Of(event.Timestamp)}}
	c.plain = c.guise(nil)
	return c
}

// guise returns the guise of the given keys, with the columns of all views
// declared in it; made once.
func (c *compiler) guise(keys []KeyedBy) *guise {
	for _, g := range c.guises {
		if guiseName(g.keys) == guiseName(keys) {
			return g
		}
	}
	g := &guise{keys: keys, used: map[string]bool{}, columns: map[string]*column{}}
	c.guises = append(c.guises, g)
	for i := range c.def.Views {
		c.declare(g, &c.def.Views[i])
	}
	return g
}

// declare lists the columns that a view makes, by name. Suffixes can make two
// features collide, as x_1h beside x over windows: [1h].
func (c *compiler) declare(g *guise, v *View) {
	for i := range v.Features {
		for _, col := range columnsOf(v, &v.Features[i]) {
			col.guise = g
			key := v.Name.Value + "." + col.name
			if other := g.columns[key]; other != nil {
				if other.feature == col.feature {
					c.fault(col.feature.Name, 0, 0, fmt.Sprintf("two windows of feature %s make the column %s__%s", col.feature.Name.Value, v.Name.Value, col.name), "bounds are no part of a column's name: write two features")
					continue
				}
				c.fault(col.feature.Name, 0, 0, fmt.Sprintf("feature %s makes the column %s__%s, which feature %s makes too", col.feature.Name.Value, v.Name.Value, col.name, other.feature.Name.Value), "rename one of them")
				continue
			}
			g.columns[key] = col
		}
	}
}

// columnsOf returns the columns of a feature: one for each of its windows. Its
// own windows stand in place of the view's and are not added to them; where
// neither says any, a lifetime is meant (S3.5).
func columnsOf(v *View, f *Feature) []*column {
	windows, list := f.Windows, f.WindowsList
	if len(windows) == 0 {
		windows, list = v.Windows, v.WindowsList
	}
	if len(windows) == 0 {
		windows = []Window{{Lifetime: true}}
	}
	cols := make([]*column, len(windows))
	for i, w := range windows {
		name := f.Name.Value
		if list {
			name += w.suffix()
		}
		cols[i] = &column{view: v, feature: f, window: w, name: name, frame: -1}
	}
	return cols
}

// suffix is what a list of windows adds to a feature's name, the window as
// written. As written, since the name is the user's: 60m and 1h mean the same
// and make different names. Bounds make no suffix; two windows that differ in
// them alone are refused as one column.
func (w Window) suffix() string {
	s := "_lifetime"
	switch {
	case w.Rows > 0:
		s = fmt.Sprintf("_%drows", w.Rows)
	case w.Length.Given():
		s = "_" + w.Length.Value
	}
	if w.Offset.Given() {
		s += "_offset_" + w.Offset.Value
	}
	return s
}

// fault notes a fault about bytes pos to end of a text of the definition.
// Offsets are bytes of the text's value; Text.At finds their place in the file.
// With end at or before pos the whole text is meant.
func (c *compiler) fault(t Text, pos, end int, problem, mend string) {
	p := t.At(pos)
	words := t.Value
	if end > pos && end <= len(t.Value) {
		words = t.Value[pos:end]
	}
	c.faults = append(c.faults, event.Fault{File: c.def.File, Line: p.Line, Column: p.Column, Words: words, Problem: problem, Mend: mend})
}

// wrong notes the fault of an expression that is the value of t.
func (c *compiler) wrong(t Text, e *expr.Error) {
	c.fault(t, e.Pos, e.End, e.Problem, e.Mend)
}

// parse reads the expression that is the value of t; nil where it is faulty.
func (c *compiler) parse(t Text) *expr.Node {
	n, err := expr.Parse(t.Value)
	if err != nil {
		if e, ok := err.(*expr.Error); ok {
			if t.Cut && max(e.Pos, e.End) >= len(t.Value) {
				e.Mend = "a blank and # begin a comment in YAML: put the whole expression in quotes"
			}
			c.wrong(t, e)
		} else {
			c.fault(t, 0, 0, err.Error(), "")
		}
		return nil
	}
	return n
}

// spelled is an expression as the digest takes it: its canonical text, and the
// tables beyond the definition that its values hang on, as of a time zone.
func spelled(n *expr.Node, e *expr.Expr) string {
	text := n.String()
	for _, table := range e.Tables() {
		text += " by " + table
	}
	return text
}

// typed compiles an expression whose names are all bound; nil where it is
// faulty. It also remembers the spelling, which the digest needs: an Expr does
// not know what it was made of.
func (c *compiler) typed(t Text, n *expr.Node, s expr.Scope) *expr.Expr {
	e, errs := expr.Compile(n, s)
	for _, err := range errs {
		c.wrong(t, err)
	}
	if len(errs) > 0 {
		return nil
	}
	c.spelling[e] = spelled(n, e)
	expr.Walk(n, func(n *expr.Node) bool {
		if n.Op == expr.Bound {
			c.bounds[e] = append(c.bounds[e], n.Column)
		}
		return true
	})
	return e
}

// everything compiles all that the definition says, so that all its faults
// show. Each training set is compiled on its own, as request fields and keys
// are planned by what a set uses; equal faults of several sets are told once.
func (c *compiler) everything() {
	for i := range c.def.Sources {
		c.source(&c.def.Sources[i]).check()
	}
	var outs []output
	for i := range c.def.Views {
		v := &c.def.Views[i]
		for k := range v.Features {
			outs = append(outs, outputsOf(v.Name.Value, c.viewColumns(c.plain, v, &v.Features[k]))...)
		}
	}
	c.emit(outs)
	for i := range c.def.Services {
		s := &c.def.Services[i]
		whole := true
		for _, o := range c.serviceColumns(s) {
			c.compile(o.col)
			whole = whole && o.col.frame >= 0
		}
		if whole {
			c.keysUsed(s)
		}
	}
	for i := range c.def.TrainingSets {
		t := &c.def.TrainingSets[i]
		each := newCompiler(c.def, c.cat)
		each.training(t.Name.Value)
		c.faults = append(c.faults, each.faults...)
	}
	c.queries(nil)
	c.readSoFar()
	c.placings()
	for i := range c.def.Sources {
		s := c.source(&c.def.Sources[i])
		if s.input >= 0 && s.def.Arrival.Given() {
			s.arrival() // also where no training set asks yet
		}
		s.tellUndeclared()
	}
	c.planCopies()
}

// readSoFar notes the columns that values are made of.
func (c *compiler) readSoFar() {
	for i := range c.plan.Inputs {
		c.plan.Inputs[i].meaning = len(c.plan.Inputs[i].Columns)
	}
}

// training plans one training set. The service's columns are emitted first and
// the queries planned after: only then is it known which keys and fields are
// asked by.
func (c *compiler) training(name string) {
	i := slices.IndexFunc(c.def.TrainingSets, func(t TrainingSet) bool { return t.Name.Value == name })
	if i < 0 {
		var names []string
		for _, t := range c.def.TrainingSets {
			names = append(names, t.Name.Value)
		}
		mend := fmt.Sprintf("the definition has %s", strings.Join(names, ", "))
		if len(names) == 0 {
			mend = "add one under training_sets"
		}
		if n := event.Nearest(name, names); n != "" {
			mend = "did you mean " + n + "?"
		}
		c.faults = append(c.faults, event.Fault{File: c.def.File, Words: name, Problem: "no training set is called " + name, Mend: mend})
		return
	}
	t := &c.def.TrainingSets[i]
	c.plan.TrainingSet = t
	s := slices.IndexFunc(c.def.Services, func(s Service) bool { return s.Name.Value == t.Service.Value })
	if s < 0 {
		return // the loader has told
	}
	c.emit(c.serviceColumns(&c.def.Services[s]))
	c.eventLabels(t)
	c.queries(t)
	c.readSoFar()
	c.arrivals(t)
	c.placings()
	c.planCopies()
}

// output is a column on its way out, and what its name begins with.
type output struct {
	col    *column
	prefix string
}

func (o output) name() string { return o.prefix + "__" + o.col.name }

func outputsOf(prefix string, cols []*column) []output {
	outs := make([]output, len(cols))
	for i, col := range cols {
		outs[i] = output{col, prefix}
	}
	return outs
}

// serviceColumns returns the columns that a service lists, in its order. A view
// stands for all its columns, in the order of the definition.
func (c *compiler) serviceColumns(s *Service) []output {
	var outs []output
	for _, f := range s.Features {
		view, name, one := strings.Cut(f.View.Value, ".")
		v := c.view(view)
		if v == nil {
			continue // the loader has told
		}
		g, prefix := c.guise(f.Entity), view
		if f.As.Given() {
			prefix = f.As.Value
		}
		var cols []*column
		if one {
			if cols = []*column{g.columns[view+"."+name]}; cols[0] == nil {
				c.fault(f.View, 0, 0, fmt.Sprintf("view %s makes no column %s", view, name), c.nearestColumn(v, name))
				continue
			}
		} else {
			for k := range v.Features {
				cols = append(cols, c.viewColumns(g, v, &v.Features[k])...)
			}
		}
		for _, o := range outputsOf(prefix, cols) {
			if slices.ContainsFunc(outs, func(other output) bool { return other.name() == o.name() }) {
				c.fault(f.View, 0, 0, fmt.Sprintf("service %s lists %s.%s twice", s.Name.Value, prefix, o.col.name), "leave one out, or give it a role of its own with as")
				continue
			}
			outs = append(outs, o)
		}
	}
	return outs
}

// keysUsed notes entities of a service's roles that nothing in the role is
// keyed by. It can be told once all of the service is compiled.
func (c *compiler) keysUsed(s *Service) {
	for _, f := range s.Features {
		g := c.guise(f.Entity)
		for _, k := range f.Entity {
			if v, _, _ := strings.Cut(f.View.Value, "."); !g.used[k.Entity.Value] {
				c.fault(k.Entity, 0, 0, fmt.Sprintf("view %s is not keyed by entity %s, and neither is what it is computed from", v, k.Entity.Value), "name its entity")
			}
		}
	}
}

// viewColumns returns the declared columns of a feature. One whose name another
// feature had first is left out; that fault is told.
func (c *compiler) viewColumns(g *guise, v *View, f *Feature) (cols []*column) {
	for _, col := range columnsOf(v, f) {
		if d := g.columns[v.Name.Value+"."+col.name]; d != nil && d.feature == f {
			cols = append(cols, d)
		}
	}
	return cols
}

// view returns the view called name, or nil.
func (c *compiler) view(name string) *View {
	for i := range c.def.Views {
		if c.def.Views[i].Name.Value == name {
			return &c.def.Views[i]
		}
	}
	return nil
}

// nearestColumn is the mend for a column that a view does not make.
func (c *compiler) nearestColumn(v *View, name string) string {
	var names []string
	for i := range v.Features {
		for _, col := range c.viewColumns(c.plain, v, &v.Features[i]) {
			names = append(names, col.name)
		}
	}
	if n := event.Nearest(name, names); n != "" {
		return fmt.Sprintf("did you mean %s.%s?", v.Name.Value, n)
	}
	return "it makes " + strings.Join(names, ", ")
}

// emit compiles columns and makes them the plan's outputs. A column that a
// service lists twice is put out once, in its first place. Columns that others
// draw in are in the frame and not put out (S16.11).
func (c *compiler) emit(outs []output) {
	seen := map[string]bool{}
	for _, o := range outs {
		c.compile(o.col)
		name := o.name()
		if seen[name] {
			continue
		}
		seen[name] = true
		if o.col.frame < 0 {
			continue
		}
		c.plan.outputs = append(c.plan.outputs, o.col.frame)
		t := c.plan.frame[o.col.frame].t
		c.plan.Outputs = append(c.plan.Outputs, event.Field{Name: name, Type: t})
		c.plan.described = append(c.plan.described, c.describe(o.col, name, t))
	}
}

// finish closes the plan once nothing is faulty. The layouts are complete only
// now, so tracks and folds are shared now. The digest comes last, over all of
// it.
func (c *compiler) finish() *Plan {
	for _, v := range c.plan.Views {
		if v.Layout.Content == nil {
			v.settleContent(v.texts)
		}
		v.Layout.Prepare()
	}
	c.plan.inner = c.innerColumns()
	c.tellOwn(c.plan.described)
	c.tellOwn(c.plan.inner)
	c.plan.Lints = append(c.lints(), c.plan.Lints...)
	c.plan.digest = c.fingerprint()
	return c.plan
}

// innerColumns describes what is computed for other columns and not given out.
func (c *compiler) innerColumns() (inner []Described) {
	out := map[int]bool{}
	for _, f := range c.plan.outputs {
		out[f] = true
	}
	for _, g := range c.guises {
		for i := range c.def.Views {
			v := &c.def.Views[i]
			for k := range v.Features {
				for _, col := range c.viewColumns(g, v, &v.Features[k]) {
					if col.frame >= 0 && !out[col.frame] {
						out[col.frame] = true
						inner = append(inner, c.describe(col, v.Name.Value+"__"+col.name, c.plan.frame[col.frame].t))
					}
				}
			}
		}
	}
	return inner
}

// lints are remarks on what is right but may surprise.
func (c *compiler) lints() (lints []event.Fault) {
	for _, v := range c.plan.Views {
		src := c.plan.Inputs[v.Input].Source
		if src.Dimension == nil && v.Layout.Ordered && v.Layout.ID < 0 && len(v.Layout.OrderBy) == 0 {
			n := v.View.Name
			lints = append(lints, event.Fault{File: c.def.File, Line: n.Line, Column: n.Column, Words: n.Value,
				Problem: fmt.Sprintf("view %s takes the order of events, and source %s has neither event_id nor order_by: events of one time are ordered by their content, and counted as unordered_ties", v.Name, src.Name.Value),
				Mend:    "declare event_id or order_by"})
		}
	}
	return lints
}

// frameColumn adds a column to the frame. The frame only grows, and a column is
// added after those it reads: so Finish computes it from front to back.
func (c *compiler) frameColumn(o origin) int {
	c.plan.frame = append(c.plan.frame, o)
	return len(c.plan.frame) - 1
}

// stepColumn adds a computed column to the frame.
func (c *compiler) stepColumn(e *expr.Expr) int {
	c.plan.steps = append(c.plan.steps, step{e})
	return c.frameColumn(origin{kind: stepOrigin, index: len(c.plan.steps) - 1, t: e.Type})
}

// bound is a node that stands for a column of the frame. It has the place of
// the node it stands for, so that faults of types point at the user's own
// words.
func (c *compiler) bound(frame int, like *expr.Node) *expr.Node {
	return &expr.Node{Op: expr.Bound, Pos: like.Pos, End: like.End, Column: frame, To: c.plan.frame[frame].t}
}

// nothing is a scope without names: for expressions whose names are bound.
type nothing struct{}

func (nothing) Resolve([]string) (int, event.Type, int, bool) { return 0, event.Type{}, 0, false }
func (nothing) Names() []string                               { return nil }
