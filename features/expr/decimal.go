package expr

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// decimals compiles exact arithmetic of decimals and integers. The result has the
// scale that holds it exactly; more than 38 digits are out of type. The types of
// results are those of the table in docs/semantics.md. Precision is cut at 38 and
// scale never: digits after the point are not lost unseen, and a value that needs
// more in all is null and counted (S16.4).
func (c *checker) decimals(n *Node, a, b *code) *code {
	s, t := asDecimal(typeOrInt(a.t)), asDecimal(typeOrInt(b.t))
	a, b = convert(a, s), convert(b, t)
	scale := max(s.Scale, t.Scale)
	whole := max(s.Precision-s.Scale, t.Precision-t.Scale)
	switch n.Name {
	case "*":
		scale = s.Scale + t.Scale
		if scale > 38 {
			return c.fail(n, fmt.Sprintf("the product of %s and %s has %d digits after the point; 38 is the limit", s, t, scale), "cast one side to fewer digits")
		}
		u := event.DecimalOf(min(38, s.Precision+t.Precision), scale)
		return counting(strict(u, multiplyDecimals(u), a, b))
	case "%":
		u := event.DecimalOf(min(38, whole+scale), scale)
		return counting(strict(u, moduloDecimals(u, scale-s.Scale, scale-t.Scale), a, b))
	}
	u := event.DecimalOf(min(38, whole+scale+1), scale)
	return counting(strict(u, addDecimals(u, n.Name == "-", scale-s.Scale, scale-t.Scale), a, b))
}

// typeOrInt lets a bare null take part as an integer. An integer constrains the
// type of the result least.
func typeOrInt(t event.Type) event.Type {
	if t.Kind == event.Null {
		return event.Of(event.Int)
	}
	return t
}

// multiplied returns a*b and whether it fits in 128 bits. Of |a| and |b| one must
// be below 2^64, or the product has 2^128 and more; then two of the four products
// of words cross over, and either may carry. The lowest value is refused though
// it would fit: no decimal is that low.
func multiplied(a, b event.Int128) (event.Int128, bool) {
	if x, ok := a.Int64(); ok {
		if y, ok := b.Int64(); ok { // most are this small
			high, low := multiplyWide(x, y)
			return event.Int128{Hi: high, Lo: uint64(low)}, true
		}
	}
	ah, al := a.Abs()
	bh, bl := b.Abs()
	if ah != 0 && bh != 0 {
		return event.Int128{}, false
	}
	hi, lo := bits.Mul64(al, bl)
	over1, cross1 := bits.Mul64(ah, bl)
	over2, cross2 := bits.Mul64(al, bh)
	hi, carry1 := bits.Add64(hi, cross1, 0)
	hi, carry2 := bits.Add64(hi, cross2, 0)
	if over1|over2|carry1|carry2 != 0 || int64(hi) < 0 {
		return event.Int128{}, false
	}
	p := event.Int128{Hi: int64(hi), Lo: lo}
	if a.Hi < 0 != (b.Hi < 0) {
		p = p.Neg()
	}
	return p, true
}

// fits reports whether a has no more than precision digits. The short way saves
// two comparisons of 128 bits for nearly all values.
func fits(a event.Int128, precision int) bool {
	if _, small := a.Int64(); small && precision >= intDigits {
		return true
	}
	return a.Fits(precision)
}

// shifted is a with n more digits after the point, and whether it fits. n is 38
// at most, the widest scale.
func shifted(a event.Int128, n int) (event.Int128, bool) {
	if n == 0 {
		return a, true
	}
	return multiplied(a, event.Pow10(n))
}

// rounded is a with n digits fewer after the point, halves away from zero. S16.8
// asks for it, and PostgreSQL has it so. Beyond 38 digits every value is less
// than a half. The remainder is made positive before it is compared: it has the
// sign of a.
func rounded(a event.Int128, n int) event.Int128 {
	switch {
	case n == 0:
		return a
	case n > 38:
		return event.Int128{}
	}
	q, r := quotient(a, event.Pow10(n))
	half, _ := quotient(event.Pow10(n), event.Int128Of(2))
	if r.Hi < 0 {
		r = r.Neg()
	}
	if r.Cmp(half) >= 0 {
		if a.Hi < 0 {
			return q.Sub(event.Int128Of(1))
		}
		return q.Add(event.Int128Of(1))
	}
	return q
}

// quotient is a/b, truncated, and what remains, with a's sign; b is not zero. It
// works on sizes and puts the signs back. For a divisor of two words it is the
// division by estimate of H. S. Warren, "Hacker's Delight", 9-5: the divisor is
// shifted up until its top bit is set, the dividend down by one so that the
// quotient fits in a word, and the estimate, one lowered, is right or a little
// too small. bits.Div64 panics where its quotient does not fit, which either
// shift prevents.
func quotient(a, b event.Int128) (q, r event.Int128) {
	ah, al := a.Abs()
	bh, bl := b.Abs()
	if bh == 0 {
		qh := ah / bl
		ql, rem := bits.Div64(ah%bl, al, bl)
		q, r = event.Int128{Hi: int64(qh), Lo: ql}, event.Int128{Lo: rem}
	} else {
		// The quotient is below 2^64: divide the top words, then correct it.
		n := uint(bits.LeadingZeros64(bh))
		top := bh<<n | bl>>(64-n)
		ql, _ := bits.Div64(ah>>1, ah<<63|al>>1, top)
		ql >>= 63 - n
		if ql > 0 {
			ql--
		}
		b128 := event.Int128{Hi: int64(bh), Lo: bl}
		p, _ := multiplied(b128, event.Int128{Lo: ql})
		r = event.Int128{Hi: int64(ah), Lo: al}.Sub(p)
		for ; r.Cmp(b128) >= 0; r = r.Sub(b128) {
			ql++
		}
		q = event.Int128{Lo: ql}
	}
	if a.Hi < 0 != (b.Hi < 0) {
		q = q.Neg()
	}
	if a.Hi < 0 {
		r = r.Neg()
	}
	return q, r
}

// multiplyDecimals is exact: the scales add up, and nothing is rounded. A product
// of 38 digits may be beyond its type where it is not beyond 128 bits, so both
// are asked.
func multiplyDecimals(t event.Type) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]event.Int128, f.rows), unite(f.rows, v)
		x, mx, y, my := v[0].Decimals, v[0].mask(), v[1].Decimals, v[1].mask()
		for i := range out {
			p, ok := multiplied(x[i&mx], y[i&my])
			if !ok || !fits(p, t.Precision) {
				if !u.is(i) {
					f.refuse(&u, event.OutOfType, i)
				}
				continue
			}
			out[i] = p
		}
		return ofDecimals(t, out, u)
	}
}

// addDecimals adds, or subtracts, after giving both sides one scale. The constant
// of amount + 1.5 is shifted once a batch; where it cannot be, each row finds out
// for itself.
func addDecimals(t event.Type, subtract bool, shiftX, shiftY int) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]event.Int128, f.rows), unite(f.rows, v)
		x, mx, y, my := v[0].Decimals, v[0].mask(), v[1].Decimals, v[1].mask()
		shiftX, shiftY := shiftX, shiftY
		if my == 0 && f.rows > 0 { // a constant is shifted once
			if once, ok := shifted(y[0], shiftY); ok {
				y, shiftY = []event.Int128{once}, 0
			}
		}
		for i := range out {
			a, b := x[i&mx], y[i&my]
			if subtract {
				b = b.Neg()
			}
			s, ok := addShifted(a, shiftX, b, shiftY)
			if !ok || !fits(s, t.Precision) {
				if !u.is(i) {
					f.refuse(&u, event.OutOfType, i)
				}
				continue
			}
			out[i] = s
		}
		return ofDecimals(t, out, u)
	}
}

// addShifted is a*10^n + b*10^m and whether it fits. Sides of opposite sign may
// be too large by themselves and have a sum that is not, and S16.4 counts only
// what is.
func addShifted(a event.Int128, n int, b event.Int128, m int) (event.Int128, bool) {
	p, okP := shifted(a, n)
	q, okQ := shifted(b, m)
	if okP && okQ {
		return p.AddOK(q)
	}
	// One side alone is too large; the sum may yet fit.
	wide := new(big.Int).Mul(a.Big(), event.Pow10(n).Big())
	wide.Add(wide, new(big.Int).Mul(b.Big(), event.Pow10(m).Big()))
	return event.Int128OfBig(wide)
}

// moduloDecimals is the remainder after giving both sides one scale. A null
// divisor holds zero (E1), so null is asked first.
func moduloDecimals(t event.Type, shiftX, shiftY int) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]event.Int128, f.rows), unite(f.rows, v)
		x, mx, y, my := v[0].Decimals, v[0].mask(), v[1].Decimals, v[1].mask()
		for i := range out {
			a, b := x[i&mx], y[i&my]
			switch {
			case u.is(i):
				continue
			case b == event.Int128{}:
				f.refuse(&u, event.DivisionByZero, i)
				continue
			}
			r, ok := remainderShifted(a, shiftX, b, shiftY)
			if !ok || !fits(r, t.Precision) {
				f.refuse(&u, event.OutOfType, i)
				continue
			}
			out[i] = r
		}
		return ofDecimals(t, out, u)
	}
}

// remainderShifted is the remainder of a*10^n by b*10^m and whether it fits. A
// remainder is below its divisor and fits more often than what it is made of, so
// it is worth the big integers.
func remainderShifted(a event.Int128, n int, b event.Int128, m int) (event.Int128, bool) {
	p, okP := shifted(a, n)
	q, okQ := shifted(b, m)
	if okP && okQ {
		_, r := quotient(p, q)
		return r, true
	}
	wide := new(big.Int).Mul(a.Big(), event.Pow10(n).Big())
	wide.Rem(wide, new(big.Int).Mul(b.Big(), event.Pow10(m).Big()))
	return event.Int128OfBig(wide)
}

// negateDecimals needs no check: the range of decimals is symmetric.
func negateDecimals(f *frame, v []vec) vec {
	out := make([]event.Int128, f.rows)
	for i, x := range v[0].Decimals[:f.rows] {
		out[i] = x.Neg()
	}
	return ofDecimals(v[0].Type, out, unite(f.rows, v))
}
