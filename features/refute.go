package features

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Need is what the bounds of columns tell of rows that nobody has read.
type Need uint8

// What rows may be: such that some question may count one, all at times that no
// window reaches, or, as far as they are at others, all left out by where.
const (
	Needed Need = iota
	Unreached
	RuledOut
)

// Need is whether some of an input's rows, of which no more is known than bounds
// of columns, must be read for questions with such a reach. bounds has two rows for
// a column of the input, no value of these rows being smaller than the first or
// greater than the second; nulls and NaN may be among them. ok is false where
// nothing is known. A row that is not needed is one that no view takes, or that its
// Layout.Reach leaves out: so no value differs without it.
func (p *Plan) Need(in int, reach event.Span, bounds func(column int) (event.Column, bool)) Need {
	need := Unreached
	for _, v := range p.Views {
		switch {
		case v.Input != in || v.unreached(reach, bounds):
		case v.refuter.refutes(bounds):
			need = RuledOut
		default:
			return Needed
		}
	}
	return need
}

// unreached reports whether bounds prove that no row has a time within reach. Rows
// without a time are no events, so that nothing is said of them.
func (v *PlannedView) unreached(reach event.Span, bounds func(column int) (event.Column, bool)) bool {
	if v.timed == 0 {
		return false
	}
	least, most, ok := v.between(bounds)
	return ok && (most < reach.From || least >= reach.To)
}

// between is the times that bounds prove, both among them.
func (v *PlannedView) between(bounds func(column int) (event.Column, bool)) (least, most event.Time, ok bool) {
	b, ok := boundsBatch(v.timed-1, bounds)
	if !ok {
		return 0, 0, false
	}
	c := v.time.Eval(b, nil)
	if c.IsNull(0) || c.IsNull(1) {
		return 0, 0, false
	}
	return event.Time(c.Ints[0]), event.Time(c.Ints[1]), true
}

// boundsBatch is a batch of two rows, the bounds of one column of an input. What is
// evaluated over it reads no other.
func boundsBatch(column int, bounds func(column int) (event.Column, bool)) (*event.Batch, bool) {
	c, ok := bounds(column)
	if !ok {
		return nil, false
	}
	b := &event.Batch{Len: 2, Columns: make([]event.Column, column+1)}
	b.Columns[column] = c
	return b, true
}

// refuter proves from the bounds of columns that a condition holds of no row. nil
// proves nothing. It evaluates parts of the condition itself on the least or
// the greatest value, so that what < means is spelled nowhere a second time.
type refuter struct {
	parts []*refuter
	every bool // of the parts each must prove it; else any is enough

	test   *expr.Expr // no parts: does not hold of a row where it does not hold of the bound
	column int
	bound  int // which: 0 the least, 1 the greatest
}

func (r *refuter) refutes(bounds func(column int) (event.Column, bool)) bool {
	if r == nil {
		return false
	}
	if r.test == nil {
		for _, p := range r.parts {
			if p.refutes(bounds) != r.every {
				return !r.every
			}
		}
		return r.every
	}
	b, ok := boundsBatch(r.column, bounds)
	if !ok {
		return false
	}
	c := r.test.Eval(b, nil)
	return !c.IsNull(r.bound) && c.Ints[r.bound] == 0
}

// newRefuter makes what refutes a condition whose names are all bound; nil where
// nothing simple does.
func newRefuter(n *expr.Node) *refuter {
	if n == nil || n.Negated {
		return nil
	}
	switch n.Op {
	case expr.Bound:
		return testOf(n, n, 1)
	case expr.Not:
		return testOf(n, n.Args[0], 0)
	case expr.Between:
		return allOf(compared(">=", n.Args[0], n.Args[1]), compared("<=", n.Args[0], n.Args[2]))
	case expr.In:
		var parts []*refuter
		for _, value := range n.Args[1:] {
			parts = append(parts, compared("=", n.Args[0], value))
		}
		return anyOf(parts...)
	case expr.Binary:
		switch n.Name {
		case "and":
			return allOf(newRefuter(n.Args[0]), newRefuter(n.Args[1]))
		case "or":
			return anyOf(newRefuter(n.Args[0]), newRefuter(n.Args[1]))
		}
		return compared(n.Name, n.Args[0], n.Args[1])
	}
	return nil
}

// allOf refutes a conjunction: what one of its parts refutes is refuted.
func allOf(parts ...*refuter) *refuter {
	parts = slices.DeleteFunc(parts, func(r *refuter) bool { return r == nil })
	if len(parts) == 0 {
		return nil
	}
	return &refuter{parts: parts}
}

// anyOf refutes a disjunction, of which every part must be refuted.
func anyOf(parts ...*refuter) *refuter {
	if len(parts) == 0 || slices.Contains(parts, nil) {
		return nil
	}
	return &refuter{parts: parts, every: true}
}

// mirroredNames is what a comparison is called with its operands exchanged.
var mirroredNames = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}

// compared refutes the comparison of a column with a constant.
func compared(name string, a, b *expr.Node) *refuter {
	if _, is := plainColumn(a); !is {
		a, b, name = b, a, mirroredNames[name]
	}
	column, is := plainColumn(a)
	if value, faults := expr.Compile(b, nothing{}); !is || faults != nil || !value.Constant() {
		return nil
	}
	test := func(name string) *expr.Node {
		return &expr.Node{Op: expr.Binary, Name: name, Args: []*expr.Node{a, b}}
	}
	switch {
	case name == "<" || name == "<=":
		return testOf(test(name), a, 0)
	case column.To.Kind == event.Double:
		return nil // NaN is above all numbers, and in no bounds.
	case name == ">" || name == ">=":
		return testOf(test(name), a, 1)
	case name == "=":
		return allOf(testOf(test("<="), a, 0), testOf(test(">="), a, 1))
	}
	return nil
}

// testOf refutes by a test of a column at one of its bounds. The test must not
// hold of any value if it does not hold of that bound.
func testOf(n, column *expr.Node, bound int) *refuter {
	c, is := plainColumn(column)
	if !is {
		return nil
	}
	test, faults := expr.Compile(n, nothing{})
	if faults != nil || test.Type.Kind != event.Bool {
		return nil
	}
	return &refuter{test: test, column: c.Column, bound: bound}
}

// plainColumn is the column that an expression is, as it is or widened: which keeps
// the order of values.
func plainColumn(n *expr.Node) (*expr.Node, bool) {
	if n.Op == expr.Cast && n.Args[0].Op == expr.Bound && expr.WidensTo(n.Args[0].To, n.To) {
		n = n.Args[0]
	}
	return n, n.Op == expr.Bound
}

// refutations makes what proves of rows that nobody has read that the view takes
// none of them. It comes last, and reads nothing that the view does not.
func (v *viewCompiler) refutations() {
	p := v.planned
	t, d := v.src.def.EventTimestamp, v.src.def.Dimension
	if d != nil {
		t = d.ValidFrom
	}
	if d == nil || d.Mode.Value != "snapshots" && d.Mode.Value != "current" {
		if c, is := plainColumn(v.src.bind(t, fieldNode(t))); is {
			p.timed = 1 + c.Column
		}
	}
	if p.where != nil {
		p.refuter = newRefuter(v.src.bind(v.def.Where, v.c.parse(v.def.Where)))
	}
}
