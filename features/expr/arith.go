package expr

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// binary compiles an operator by its operands' types. Operands come with their
// types resolved, so that what is chosen here is chosen once a plan and never
// once a row.
func (c *checker) binary(n *Node, a, b *code) *code {
	switch n.Name {
	case "and", "or":
		return c.andOr(n, a, b)
	case "||":
		return c.concat(n, a, b)
	case "+", "-", "*", "/", "%":
		return c.arithmetic(n, a, b)
	}
	return c.compare(n, compareOps[n.Name], a, b)
}

// arithmetic chooses by the types: doubles if a side is one or for /, else exact
// integers or decimals. A bare null takes the other side's type. The types of
// results are those of the table in docs/semantics.md. Division does not keep
// integers (S16.3): a ratio of counts that truncates is the commonest fault of
// feature definitions.
func (c *checker) arithmetic(n *Node, a, b *code) *code {
	if !c.numeric(n, a, b) {
		return nil
	}
	switch t, _ := common(a.t, b.t); {
	case t.Kind == event.Null:
		return nullOf(event.Of(event.Int))
	case n.Name == "/":
		return counting(strict(event.Of(event.Double), divideFloats, convert(a, event.Of(event.Double)), convert(b, event.Of(event.Double))))
	case t.Kind == event.Double:
		return c.floats(n.Name, convert(a, t), convert(b, t))
	case t.Kind == event.Int:
		return counting(strict(t, intKernels[n.Name], convert(a, t), convert(b, t)))
	}
	return c.decimals(n, a, b)
}

// numeric refuses operands that are no numbers, with what was perhaps meant. Text
// is never read as a number unasked: which texts are numbers is a decision of the
// definition, and its failures are counted by the cast (S16.8).
func (c *checker) numeric(n *Node, a, b *code) bool {
	bad := func(t event.Type) bool { return !t.Numeric() && t.Kind != event.Null }
	if !bad(a.t) && !bad(b.t) {
		return true
	}
	mend := ""
	switch {
	case instant(a.t) && instant(b.t) && n.Name == "-":
		mend = "use hours_between(a, b), seconds_between(a, b) or date_diff('day', a, b)"
	case instant(a.t) || instant(b.t):
		mend = "arithmetic on times is not built yet; compare with hours_between(a, b)"
	case a.t.Kind == event.String && n.Name == "+":
		mend = "join text with ||"
	case a.t.Kind == event.Bool || b.t.Kind == event.Bool:
		mend = "cast the boolean to int64"
	case a.t.Kind == event.String || b.t.Kind == event.String:
		mend = "cast the text to a number"
	}
	c.fail(n, fmt.Sprintf("%s is not defined on %s and %s", n.Name, a.t, b.t), mend)
	return false
}

// intKernels hold no division: / has gone to doubles before, and div is a
// function.
var intKernels = map[string]kernel{"+": addInts, "-": subtractInts, "*": multiplyInts, "%": moduloInts}

// floats compiles arithmetic of doubles; only the remainder can be undefined. The
// others count nothing, as what is too large is an infinity (S16.5) and not a
// fault.
func (c *checker) floats(op string, a, b *code) *code {
	t := event.Of(event.Double)
	switch op {
	case "+":
		return strict(t, addFloats, a, b)
	case "-":
		return strict(t, subtractFloats, a, b)
	case "*":
		return strict(t, multiplyFloats, a, b)
	}
	return counting(strict(t, moduloFloats, a, b))
}

// ints are two integer operands, by row i as x[i&mx] and y[i&my]. The masks are
// -1 for a column and 0 for a constant (vec.mask).
type ints struct {
	x, y   []int64
	mx, my int
}

func intsOf(v []vec) ints { return ints{v[0].Ints, v[1].Ints, v[0].mask(), v[1].mask()} }

// The checked kernels gather overflow in one word, without a branch a row, and
// look for the rows only if there was any.

// addInts wraps and looks afterwards (S16.2): a sum overflowed if its sign is not
// that of either operand, which the sign bit of over gathers. Null rows hold zero
// (E1) and so seldom start the second loop, which leaves them out.
func addInts(f *frame, v []vec) vec {
	o, out, over := intsOf(v), make([]int64, f.rows), int64(0)
	for i := range out {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		s := x + y
		out[i] = s
		over |= (x ^ s) & (y ^ s)
	}
	u := unite(f.rows, v)
	for i := 0; over < 0 && i < len(out); i++ {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		if (x^out[i])&(y^out[i]) < 0 && !u.is(i) {
			f.refuse(&u, event.OutOfType, i)
		}
	}
	return ofInts(event.Int, out, u)
}

// subtractInts overflowed where the operands differ in sign and the difference
// has not the sign of the first.
func subtractInts(f *frame, v []vec) vec {
	o, out, over := intsOf(v), make([]int64, f.rows), int64(0)
	for i := range out {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		s := x - y
		out[i] = s
		over |= (x ^ y) & (x ^ s)
	}
	u := unite(f.rows, v)
	for i := 0; over < 0 && i < len(out); i++ {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		if (x^y)&(x^out[i]) < 0 && !u.is(i) {
			f.refuse(&u, event.OutOfType, i)
		}
	}
	return ofInts(event.Int, out, u)
}

// multiplyWide is the product in 128 bits; it fits in 64 if high is the sign of
// low. The product of the bit patterns, unsigned, is too large by y*2^64 where x
// is negative, and by x*2^64 where y is; both are taken off without a branch.
func multiplyWide(x, y int64) (high, low int64) {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	return int64(hi) - x>>63&y - y>>63&x, int64(lo)
}

// multiplyInts needs the wide product: no test on the low 64 bits tells whether
// they are all there is.
func multiplyInts(f *frame, v []vec) vec {
	o, out, over := intsOf(v), make([]int64, f.rows), int64(0)
	for i := range out {
		high, low := multiplyWide(o.x[i&o.mx], o.y[i&o.my])
		out[i] = low
		over |= high ^ low>>63
	}
	u := unite(f.rows, v)
	for i := 0; over != 0 && i < len(out); i++ {
		if high, low := multiplyWide(o.x[i&o.mx], o.y[i&o.my]); high != low>>63 && !u.is(i) {
			f.refuse(&u, event.OutOfType, i)
		}
	}
	return ofInts(event.Int, out, u)
}

// moduloInts has the sign of the dividend, as SQL has it. Of a divisor of -1 the
// remainder is the zero that is there already, of the lowest integer too.
func moduloInts(f *frame, v []vec) vec {
	return divideInts(f, v, func(out []int64, o ints) {
		for i := range out {
			if y := o.y[i&o.my]; y != 0 && y != -1 { // -1 divides all, and the lowest not without overflow
				out[i] = o.x[i&o.mx] % y
			}
		}
	})
}

// quotientInts truncates towards zero, as SQL has it. Go defines the lowest
// divided by -1 as itself, which divideInts recognises.
func quotientInts(f *frame, v []vec) vec {
	return divideInts(f, v, func(out []int64, o ints) {
		for i := range out {
			if y := o.y[i&o.my]; y != 0 {
				out[i] = o.x[i&o.mx] / y // the lowest by -1 wraps, see wrapped
			}
		}
	})
}

// divideInts runs a division, whose loop leaves alone what it can not divide. A
// null divisor holds zero (E1) and is no division by zero: null is asked first.
// The result MinInt64 with a divisor of -1 can come of nothing but overflow, for
// the remainder by -1 is zero.
func divideInts(f *frame, v []vec, loop func(out []int64, o ints)) vec {
	o, out := intsOf(v), make([]int64, f.rows)
	loop(out, o)
	u := unite(f.rows, v)
	for i := range out {
		switch y := o.y[i&o.my]; {
		case u.is(i):
		case y == 0:
			f.refuse(&u, event.DivisionByZero, i)
		case y == -1 && out[i] == math.MinInt64:
			f.refuse(&u, event.OutOfType, i)
		}
	}
	return ofInts(event.Int, out, u)
}

// neg compiles the sign. Of integers it is a subtraction, which checks the
// lowest. Of doubles it turns the sign bit over, and 0 - x would not: it makes
// zero of zero.
func (c *checker) neg(n *Node, a *code) *code {
	switch a.t.Kind {
	case event.Null:
		return a
	case event.Int:
		zero := literalOf(Value{Type: a.t})
		return counting(strict(a.t, subtractInts, zero, a))
	case event.Double:
		return strict(a.t, eachFloat(func(out, x []float64) {
			for i, v := range x {
				out[i] = -v
			}
		}), a)
	case event.Decimal:
		return strict(a.t, negateDecimals, a)
	}
	return c.fail(n, fmt.Sprintf("- is not defined on %s", a.t), "")
}

// floats are two operands of doubles.
type floats struct {
	x, y   []float64
	mx, my int
}

func floatsOf(v []vec) floats { return floats{v[0].Floats, v[1].Floats, v[0].mask(), v[1].mask()} }

// constantLast exchanges the operands if the first is the constant. It is for +
// and * alone, which IEEE 754 makes commutative to the bit, but for the payload
// of NaN, and that is replaced.
func (o floats) constantLast() floats {
	if o.mx == 0 {
		return floats{o.y, o.x, o.my, o.mx}
	}
	return o
}

// floatsFor is where to write a result: over an operand that nobody else has. It
// saves an allocation for each inner step of a long expression. A kernel may use
// it if it reads row i of every operand before it writes row i, and nothing of
// them later.
func (f *frame) floatsFor(v []vec) []float64 {
	for i := range v {
		if v[i].fresh && !v[i].one && v[i].Type.Kind == event.Double {
			return v[i].Floats[:f.rows]
		}
	}
	return make([]float64, f.rows)
}

// The loops of + and * run over a column and a constant or over two columns;
// written apart, they need no bounds check a row.

// addFloats brings NaN into its one form as it goes (X4); the comparison s != s
// costs less than a second pass.
func addFloats(f *frame, v []vec) vec {
	o, out, nan := floatsOf(v).constantLast(), f.floatsFor(v), event.CanonicalNaN
	x := o.x[:len(out)]
	if o.my == 0 {
		y := o.y[0]
		for i := range out {
			s := x[i] + y
			if s != s {
				s = nan
			}
			out[i] = s
		}
		return ofFloats(out, unite(f.rows, v))
	}
	y := o.y[:len(out)]
	for i := range out {
		s := x[i] + y[i]
		if s != s {
			s = nan
		}
		out[i] = s
	}
	return ofFloats(out, unite(f.rows, v))
}

// multiplyFloats rounds each product by float64(), as the language lets a
// compiler fuse x*y+z otherwise (S9.5).
func multiplyFloats(f *frame, v []vec) vec {
	o, out, nan := floatsOf(v).constantLast(), f.floatsFor(v), event.CanonicalNaN
	x := o.x[:len(out)]
	if o.my == 0 {
		y := o.y[0]
		for i := range out {
			s := float64(x[i] * y)
			if s != s {
				s = nan
			}
			out[i] = s
		}
		return ofFloats(out, unite(f.rows, v))
	}
	y := o.y[:len(out)]
	for i := range out {
		s := float64(x[i] * y[i])
		if s != s {
			s = nan
		}
		out[i] = s
	}
	return ofFloats(out, unite(f.rows, v))
}

// subtractFloats has no loop for constants: it does not commute, and is rarer.
func subtractFloats(f *frame, v []vec) vec {
	o, out, nan := floatsOf(v), f.floatsFor(v), event.CanonicalNaN
	for i := range out {
		s := o.x[i&o.mx] - o.y[i&o.my]
		if s != s {
			s = nan
		}
		out[i] = s
	}
	return ofFloats(out, unite(f.rows, v))
}

// undefined makes null, and counts, the rows that a loop over doubles marked. It
// runs after the loop, and only where there was any such row.
func (f *frame) undefined(u *nulls, r event.Reason, marked func(i int) bool) {
	for i := range f.rows {
		if marked(i) && !u.is(i) {
			f.refuse(u, r, i)
		}
	}
}

// divideFloats is the one division of the language; by zero it is null, of 0/0
// too. S16.3 has it null and not an infinity, as a rate over no events is
// unknown, not endless. The result may go over the dividend only: the divisor is
// read once more to find the zeros.
func divideFloats(f *frame, v []vec) vec {
	o, out, nan := floatsOf(v), f.floatsFor(v[:1]), event.CanonicalNaN
	zero := false
	for i := range out {
		y := o.y[i&o.my]
		zero = zero || y == 0
		s := o.x[i&o.mx] / y
		if s != s {
			s = nan
		}
		out[i] = s
	}
	u := unite(f.rows, v)
	if zero {
		f.undefined(&u, event.DivisionByZero, func(i int) bool { return o.y[i&o.my] == 0 })
	}
	return ofFloats(out, u)
}

// moduloFloats is exact. The remainder of an infinity is undefined. It has the
// sign of the dividend and loses no digit, however far apart the operands are; x
// - y*trunc(x/y) would. math.Mod works on the bits and so is the same everywhere
// (S9.5).
func moduloFloats(f *frame, v []vec) vec {
	o, out, u := floatsOf(v), make([]float64, f.rows), unite(f.rows, v)
	for i := range out {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		switch {
		case u.is(i):
		case x != x || y != y:
			out[i] = event.CanonicalNaN
		case y == 0:
			f.refuse(&u, event.DivisionByZero, i)
		case math.IsInf(x, 0):
			f.refuse(&u, event.OutOfType, i)
		default:
			out[i] = math.Mod(x, y)
		}
	}
	return ofFloats(out, u)
}

// eachFloat is a kernel of one double to a double; loop fills out from x, which
// may be the same vector. A loop need not care for the form of its NaN, which is
// settled here.
func eachFloat(loop func(out, x []float64)) kernel {
	return func(f *frame, v []vec) vec {
		out := f.floatsFor(v)
		loop(out, v[0].Floats[:len(out)])
		for i, s := range out {
			if s != s {
				out[i] = event.CanonicalNaN
			}
		}
		return ofFloats(out, unite(f.rows, v))
	}
}
