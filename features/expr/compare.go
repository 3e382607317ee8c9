package expr

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"

	"github.com/timeseam/timeseam/features/event"
)

// order says which answers of a three-way comparison an operator takes: the
// result, 0 or 1, for less, equal and greater. As a table it turns an answer into
// a result by looking it up, where a switch on the operator would be taken for
// every row.
type order [3]int64

var compareOps = map[string]order{
	"<": {1, 0, 0}, "<=": {1, 1, 0}, "=": {0, 1, 0}, ">=": {0, 1, 1}, ">": {0, 0, 1}, "<>": {1, 0, 1},
}

// mirrored is the order for exchanged operands. a < b is b > a, and by it one
// kernel serves both orders of two types.
func (o order) mirrored() order { return order{o[2], o[1], o[0]} }

// compare compiles a comparison; null where an operand is null. NaN equals itself
// and is above all others, and the zeros are equal (S8.1, S8.4): filters agree
// with the order of min, max and top_k.
func (c *checker) compare(n *Node, o order, a, b *code) *code {
	k, a, b, ok := comparison(o, a, b)
	if !ok {
		return c.incomparable(n, a.t, b.t)
	}
	return strict(event.Of(event.Bool), k, a, b)
}

// incomparable refuses a pair of types, with what was perhaps meant. Text is not
// read as a date or number to compare it: '10' < '9' would mean either, by what
// was guessed.
func (c *checker) incomparable(n *Node, a, b event.Type) *code {
	mend := ""
	switch {
	case instant(a) && b.Kind == event.String || instant(b) && a.Kind == event.String:
		mend = "write timestamp '...' or date '...', or cast the text"
	case a.Kind == event.String && b.Numeric() || b.Kind == event.String && a.Numeric():
		mend = "cast the text to a number, or the number to a text"
	case a.Kind == event.Bool || b.Kind == event.Bool:
		mend = "cast the boolean to int64"
	case !a.Scalar() || !b.Scalar():
		mend = "compare their elements or fields"
	}
	return c.fail(n, fmt.Sprintf("%s and %s can not be compared", a, b), mend)
}

// comparison chooses the kernel for two types and converts the operands as it
// wants them. Numbers of different kinds compare by exact value. Converting both
// to doubles would make 9007199254740993 and 9007199254740992.0 equal, which
// S16.6 names as wrong. A date becomes the instant of its midnight.
func comparison(o order, a, b *code) (kernel, *code, *code, bool) {
	s, t := a.t.Kind, b.t.Kind
	switch {
	case s == event.Null || t == event.Null:
		return compareInts(o), a, b, true // folded: one side is null
	case a.t.Numeric() && b.t.Numeric():
		k, a, b := compareNumbers(o, a, b)
		return k, a, b, true
	case instant(a.t) && instant(b.t):
		if s != t {
			a, b = convert(a, event.Of(event.Timestamp)), convert(b, event.Of(event.Timestamp))
		}
		return compareInts(o), a, b, true
	case s == event.Bool && t == event.Bool:
		return compareInts(o), a, b, true
	case a.t.Text() && s == t:
		return compareTexts(o), a, b, true
	}
	return nil, a, b, false
}

// compareNumbers has one kernel for each pair of kinds; pairs in the other order
// run with the operands exchanged and the order mirrored. Kinds that differ are
// not brought to one kind but compared as they are; only an integer beside a
// decimal widens, without loss.
func compareNumbers(o order, a, b *code) (kernel, *code, *code) {
	s, t := a.t.Kind, b.t.Kind
	switch {
	case s == event.Int && t == event.Int:
		return compareInts(o), a, b
	case s == event.Double && t == event.Double:
		return compareFloats(o), a, b
	case s == event.Int && t == event.Double:
		return compareIntsFloats(o), a, b
	case s == event.Double && t == event.Int:
		return compareIntsFloats(o.mirrored()), b, a
	case s == event.Double:
		return compareDecimalsFloats(o.mirrored(), b.t.Scale), b, a
	case t == event.Double:
		return compareDecimalsFloats(o, a.t.Scale), a, b
	}
	p, q := asDecimal(a.t), asDecimal(b.t)
	return compareDecimals(o, q.Scale-p.Scale), convert(a, p), convert(b, q)
}

// compareInts is for all that Ints hold: integers, booleans, dates, instants.
// equal + l*less + g*greater is the table order without looking it up: at most
// one of l and g is 1.
func compareInts(o order) kernel {
	return func(f *frame, v []vec) vec {
		p, out := intsOf(v), make([]int64, f.rows)
		equal, less, greater := o[1], o[0]-o[1], o[2]-o[1]
		for i := range out {
			x, y := p.x[i&p.mx], p.y[i&p.my]
			var l, g int64 // set without a branch, which chance would make dear
			if x < y {
				l = 1
			}
			if x > y {
				g = 1
			}
			out[i] = equal + l*less + g*greater
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// compareFloats puts NaN last and equal to itself, as event.CompareFloat does.
// The loop does without branches and without NaN; where one occurs it is redone.
// NaN makes both l and g zero and would pass for equal.
func compareFloats(o order) kernel {
	return func(f *frame, v []vec) vec {
		p, out := floatsOf(v), make([]int64, f.rows)
		equal, less, greater, nan := o[1], o[0]-o[1], o[2]-o[1], false
		for i := range out {
			x, y := p.x[i&p.mx], p.y[i&p.my]
			var l, g int64
			if x < y {
				l = 1
			}
			if x > y {
				g = 1
			}
			if x != x || y != y {
				nan = true
			}
			out[i] = equal + l*less + g*greater
		}
		for i := 0; nan && i < len(out); i++ {
			out[i] = o[1+event.CompareFloat(p.x[i&p.mx], p.y[i&p.my])]
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// compareIntsFloats is exact and cannot refuse: it needs no column of a third
// type.
func compareIntsFloats(o order) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		x, mx, y, my := v[0].Ints, v[0].mask(), v[1].Floats, v[1].mask()
		for i := range out {
			out[i] = o[1+compareIntFloat(x[i&mx], y[i&my])]
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// compareIntFloat compares exactly: no integer is rounded to a double first.
// Within the range of int64 the floor of y is an integer and exact; equal to it,
// x is less than y if y has a fraction. NaN is above every integer.
func compareIntFloat(x int64, y float64) int {
	switch {
	case y != y || y >= 1<<63:
		return -1
	case y < -1<<63:
		return 1
	}
	whole := math.Floor(y)
	if c := cmp.Compare(x, int64(whole)); c != 0 {
		return c
	}
	if whole < y {
		return -1
	}
	return 0
}

// compareDecimals compares after giving the side of smaller scale shift more
// digits. A constant shifted beyond 128 bits is no fault here, as the comparison
// is known nevertheless.
func compareDecimals(o order, shift int) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		x, mx, y, my := v[0].Decimals, v[0].mask(), v[1].Decimals, v[1].mask()
		for i := range out {
			out[i] = o[1+compareShifted(x[i&mx], y[i&my], shift)]
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// compareShifted compares a*10^shift with b or, below zero, a with b*10^-shift.
// The multiplied side is tested for overflow, and if it does, its sign alone
// decides: the other side has 38 digits at most.
func compareShifted(a, b event.Int128, shift int) int {
	if shift < 0 {
		return -compareShifted(b, a, -shift)
	}
	if p, ok := shifted(a, shift); ok {
		return p.Cmp(b)
	}
	return a.Sign() // beyond 128 bits it is beyond every decimal
}

// compareDecimalsFloats gives what the real numbers give, with NaN greatest.
func compareDecimalsFloats(o order, scale int) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		x, mx, y, my := v[0].Decimals, v[0].mask(), v[1].Floats, v[1].mask()
		for i := range out {
			out[i] = o[1+compareDecimalFloat(x[i&mx], scale, y[i&my])]
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// compareDecimalFloat compares exactly. Rounding keeps order, so only where the
// decimal rounds to y is there more to look at. If the double of x lies above y
// then x does, for if x were at most y its double would be. big.Rat allocates,
// but is met only by rows at the very edge. Infinities and NaN never get there:
// no decimal rounds to one.
func compareDecimalFloat(x event.Int128, scale int, y float64) int {
	if c := event.CompareFloat(x.Float(scale), y); c != 0 || y == 0 && x.Sign() == 0 {
		return c
	}
	exact := new(big.Rat).SetFrac(x.Big(), event.Pow10(scale).Big())
	return exact.Cmp(new(big.Rat).SetFloat64(y))
}

// compareTexts compares by bytes, which for UTF-8 is by code points. No collation
// enters: it would make a feature hang on a library's version (S1.1). Equality
// asks for lengths first, which order cannot.
func compareTexts(o order) kernel {
	return func(f *frame, v []vec) vec {
		a, b, u := &v[0], &v[1], unite(f.rows, v)
		out := make([]int64, f.rows)
		equality := o[0] == o[2]
		for i := range out {
			switch {
			case u.is(i):
			case equality:
				out[i] = o[0]
				if bytes.Equal(a.text(i), b.text(i)) {
					out[i] = o[1]
				}
			default:
				out[i] = o[1+bytes.Compare(a.text(i), b.text(i))]
			}
		}
		return ofInts(event.Bool, out, u)
	}
}

// isDistinct compiles IS [NOT] DISTINCT FROM: a comparison that takes null for a
// value like others, and is never null. The kernel runs on null rows too, where
// it sees the zeros of E1, and its answer there is replaced; both null is not
// distinct, one null is. A bare null has no kernel and becomes a question for
// null.
func (c *checker) isDistinct(n *Node, a, b *code) *code {
	k, a, b, ok := comparison(compareOps["<>"], a, b)
	if !ok {
		return c.incomparable(n, a.t, b.t)
	}
	if a.nullConstant() || b.nullConstant() {
		other := a
		if a.nullConstant() {
			other = b
		}
		return isNull(other, !n.Negated)
	}
	return lenient(event.Of(event.Bool), func(f *frame, v []vec) vec {
		r := k(f, v)
		out := r.Ints
		r.Null = nil
		p, mp := v[0].nullMask()
		q, mq := v[1].nullMask()
		for i := range out {
			if x, y := p[i&mp], q[i&mq]; x || y {
				out[i] = 0
				if x != y {
					out[i] = 1
				}
			}
			if n.Negated {
				out[i] = 1 - out[i]
			}
		}
		return r
	}, a, b)
}

// in compiles x IN (...): true if x equals one, null if none but x or one is
// null. A list of constants is looked up; else each is compared. Each is compared
// even where a set is used after all: so types are checked the same way, by value
// between kinds of numbers.
func (c *checker) in(n *Node, args []*code) *code {
	equal := compareOps["="]
	x := c.shared(args[0])
	var found *code
	for i, a := range args[1:] {
		y := c.compare(n.Args[i+1], equal, x, a)
		switch {
		case y == nil:
			return nil
		case found == nil:
			found = y
		default:
			found = or(found, y)
		}
	}
	if s := setOf(args); s != nil {
		found = s
	}
	if n.Negated {
		return not(found)
	}
	return found
}

// between compiles x >= low and x <= high. Written out by hand x would be
// evaluated twice, and counted twice. Bounds the wrong way round hold nothing, as
// in SQL.
func (c *checker) between(n *Node, args []*code) *code {
	x := c.shared(args[0])
	low := c.compare(n.Args[1], compareOps[">="], x, args[1])
	high := c.compare(n.Args[2], compareOps["<="], x, args[2])
	if low == nil || high == nil {
		return nil
	}
	if n.Negated {
		return not(and(low, high))
	}
	return and(low, high)
}

// setMin is from how many constants on a list is looked up in a set. Below it a
// few comparisons over columns are faster than a map.
const setMin = 4

// setOf compiles x IN (...) of integers or texts that are all constants and none
// null; nil where that is not so. A null among the constants makes misses null
// instead of false, and a set does not know that; constants of another kind may
// equal x by value only. Both are left to the comparisons.
func setOf(args []*code) *code {
	kind := args[0].t.Kind
	if len(args) <= setMin || kind != event.Int && kind != event.String {
		return nil
	}
	numbers, words := map[int64]bool{}, map[string]bool{}
	for _, a := range args[1:] {
		switch {
		case !a.constant || a.t.Kind != kind || a.value.null(0):
			return nil
		case kind == event.Int:
			numbers[a.value.Ints[0]] = true
		default:
			words[string(a.value.text(0))] = true
		}
	}
	return strict(event.Of(event.Bool), func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		for i := range out {
			if !u.is(i) && (kind == event.Int && numbers[v[0].Ints[i]] || kind == event.String && words[string(v[0].text(i))]) {
				out[i] = 1
			}
		}
		return ofInts(event.Bool, out, u)
	}, args[0])
}
