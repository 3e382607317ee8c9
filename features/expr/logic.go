package expr

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
)

// logical refuses what is no boolean. A number is no condition: where count(*)
// would stand for count(*) > 0, some mean <> 1.
func (c *checker) logical(n *Node, x *code, what string) bool {
	if x.t.Kind == event.Bool || x.t.Kind == event.Null {
		return true
	}
	mend := ""
	if x.t.Numeric() {
		mend = "compare it, <> 0 for one"
	}
	c.fail(n, fmt.Sprintf("%s takes a boolean, not %s", what, x.t), mend)
	return false
}

// andOr compiles AND and OR of booleans and nulls. A null on both sides is a null
// boolean (S16.1).
func (c *checker) andOr(n *Node, a, b *code) *code {
	okA, okB := c.logical(n.Args[0], a, n.Name), c.logical(n.Args[1], b, n.Name)
	switch {
	case !okA || !okB:
		return nil
	case n.Name == "and":
		return and(a, b)
	}
	return or(a, b)
}

// and is false if a side is, whatever the other: null and false is false.
func and(a, b *code) *code { return junction(a, b, 0) }

// or is true if a side is: null or true is true.
func or(a, b *code) *code { return junction(a, b, 1) }

// junction is AND, which 0 decides, or OR, which 1 decides. Where the left side
// decides, the right side counts nothing. A constant that decides stands for the
// whole only if nothing that would have counted is lost by it: the left side is
// asked for every row. One that does not decide leaves the other side, which is
// right for nulls too.
func junction(a, b *code, decides int64) *code {
	t := event.Of(event.Bool)
	a, b = convert(a, t), convert(b, t)
	for _, x := range []*code{a, b} {
		if x.constant && !x.value.null(0) {
			other := a
			if x == a {
				other = b
			}
			if x.value.Ints[0] == decides && (x == a || !a.counts) {
				return x
			}
			if x.value.Ints[0] != decides {
				return other
			}
		}
	}
	x := joined(t, a, b)
	if x.source == noSource {
		a, b = perEntry(a), perEntry(b)
	}
	x.run = func(f *frame) vec {
		left := a.eval(f)
		if b.counts {
			ml := left.mask()
			f = f.narrow(func(i int) bool { return left.Ints[i&ml] != decides || left.null(i) })
		}
		return joinBools(f, []vec{left, b.eval(f)}, decides)
	}
	return fold(x)
}

// joinBools joins two columns; without nulls that is one instruction a row. It
// writes over the left side where that is fresh; the right one is read at the
// same row before it is written.
func joinBools(f *frame, v []vec, decides int64) vec {
	o := intsOf(v)
	out := v[0].Ints
	if !v[0].fresh || v[0].one {
		out = make([]int64, f.rows)
	}
	if v[0].Null != nil || v[1].Null != nil {
		return joinNulls(f, v, out, decides)
	}
	if decides == 0 {
		for i := range out {
			out[i] = o.x[i&o.mx] & o.y[i&o.my]
		}
	} else {
		for i := range out {
			out[i] = o.x[i&o.mx] | o.y[i&o.my]
		}
	}
	return ofInts(event.Bool, out, nulls{})
}

// joinNulls joins where there are nulls: the result is null unless a side
// decides. This is Kleene's logic, that of SQL.
func joinNulls(f *frame, v []vec, out []int64, decides int64) vec {
	o := intsOf(v)
	p, mp := v[0].nullMask()
	q, mq := v[1].nullMask()
	rows := make([]bool, f.rows)
	for i := range out {
		x, y, nx, ny := o.x[i&o.mx], o.y[i&o.my], p[i&mp], q[i&mq]
		switch {
		case !nx && x == decides || !ny && y == decides:
			out[i] = decides
		case nx || ny:
			out[i], rows[i] = 0, true
		default:
			out[i] = 1 - decides
		}
	}
	return ofInts(event.Bool, out, nulls{rows: rows})
}

// not refuses numbers, which C would take.
func (c *checker) not(n *Node, a *code) *code {
	if !c.logical(n.Args[0], a, "not") {
		return nil
	}
	return not(a)
}

// not of null is null.
func not(a *code) *code {
	t := event.Of(event.Bool)
	return strict(t, func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		for i, x := range v[0].Ints[:f.rows] {
			out[i] = 1 - x
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}, convert(a, t))
}

// isNull compiles IS [NOT] NULL of any type. A row(...) is never null, though all
// its fields are.
func isNull(a *code, negated bool) *code {
	yes, no := int64(1), int64(0)
	if negated {
		yes, no = no, yes
	}
	x := lenient(event.Of(event.Bool), func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		mask, m := v[0].nullMask()
		for i := range out {
			out[i] = no
			if mask[i&m] {
				out[i] = yes
			}
		}
		return ofInts(event.Bool, out, nulls{})
	}, a)
	if a.plain {
		x.source = noSource // looking up the text would cost more
	}
	return x
}

// isTruth compiles IS [NOT] TRUE and IS [NOT] FALSE, which are never null. A
// filter that shall take unknown rows says is not false (S7.1).
func (c *checker) isTruth(n *Node, a *code) *code {
	if !c.logical(n.Args[0], a, "is "+n.Name) {
		return nil
	}
	wanted := int64(0)
	if n.Name == "true" {
		wanted = 1
	}
	t := event.Of(event.Bool)
	return lenient(t, func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		x, mx := v[0].Ints, v[0].mask()
		mask, m := v[0].nullMask()
		for i := range out {
			if (x[i&mx] == wanted && !mask[i&m]) != n.Negated {
				out[i] = 1
			}
		}
		return ofInts(event.Bool, out, nulls{})
	}, convert(a, t))
}
