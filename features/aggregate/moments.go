package aggregate

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// moments answers variance and stddev from exact sums and sums of squares:
// (n*S2 - S1^2) / (n*(n-1)), or over n^2, in integers and rounded once. It is
// never negative and never cancels; stddev is the root of that. The textbook
// formula is notorious in doubles, where the difference cancels, and Welford's
// is stable but depends on the order and cannot take a range; in integers the
// textbook is exact (S9.1).
type moments struct{ sums }

// value is null for a sample of fewer than two, NaN over any NaN or infinity
// (S8.2), also where a sum would be infinite. The root is taken of the rounded
// variance, as S9.2 says.
func (f *moments) value(s *Slot, p span, out *event.Column) {
	f.settle()
	n := uint64(p.j - p.i)
	if p.whole {
		n += uint64(f.t.dropped)
	}
	sample := s.Aggregate == VarSamp || s.Aggregate == StddevSamp
	if sample && n < 2 {
		out.AppendNull()
		return
	}
	if f.oddity(p) != 0 {
		out.AppendFloat(event.CanonicalNaN)
		return
	}
	den := n
	if sample {
		den = n - 1
	}
	x := f.variance(p, n, den)
	if s.Aggregate == StddevSamp || s.Aggregate == StddevPop {
		x = math.Sqrt(x)
	}
	f.put(out, x)
}

// values answers all ranges of a slot where what they need is a few words.
func (f *moments) values(s *Slot, a *asked, out *event.Column) bool {
	f.settle()
	if f.wides != nil || len(f.odd) > 0 || a.dropped > 0 || f.t.len() >= 1<<31 {
		return false
	}
	sample := s.Aggregate == VarSamp || s.Aggregate == StddevSamp
	root := s.Aggregate == StddevSamp || s.Aggregate == StddevPop
	least, less := max(s.MinCount, 1), uint64(0)
	if sample {
		least, less = max(s.MinCount, 2), 1
	}
	for k, row := range a.rows {
		p := a.span(k)
		n := uint64(p.j - p.i)
		if int64(n) < least {
			putNull(out, row)
			continue
		}
		x := f.variance(p, n, n-less)
		if root {
			x = math.Sqrt(x)
		}
		f.putFloat(out, row, x)
	}
	return true
}

// variance is (n*S2 - S1^2) / (n*den). Below 2^31 rows everything fits: values
// are below 2^96 units, hence S2 below 2^223 and n*S2 below 2^254; n*den is
// below 2^62.
func (f *moments) variance(p span, n, den uint64) float64 {
	if f.wides != nil || f.based(p) || n >= 1<<31 {
		return f.slow(p, n, den)
	}
	num := f.numerator(p, n)
	if num == [5]uint64{} {
		return 0
	}
	if d := f.scale(); d > 0 {
		return f.unscaled(num, n, den, d)
	}
	return divide(false, num[:], 2*f.exp, n*den)
}

// numerator is n*S2 - S1^2 of the narrow form.
func (f *moments) numerator(p span, n uint64) [5]uint64 {
	i, j := &f.squares[p.i], &f.squares[p.j]
	var s2 [4]uint64
	var c uint64
	for k := range s2 {
		s2[k], c = bits.Sub64(j[k], i[k], c)
	}
	hi, lo := f.prefix[p.j].Sub(f.prefix[p.i]).Abs()
	return timesMinusSquare(s2, n, hi, lo)
}

// unscaled divides what was computed of the unscaled values of decimals: their
// squares carry the scale twice.
func (f *moments) unscaled(num [5]uint64, n, den uint64, scale int) float64 {
	words := make([]big.Word, len(num))
	for i, w := range num {
		words[i] = big.Word(w)
	}
	d := new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).SetUint64(den))
	ten := event.Pow10(scale).Big()
	return quotient(new(big.Int).SetBits(words), 0, d.Mul(d, ten.Mul(ten, ten)))
}

// timesMinusSquare is s2*n - (hi·2^64+lo)^2, which is not negative. By Cauchy
// and Schwarz n*S2 is never less than the square of the sum, so that no borrow
// leaves the top word.
func timesMinusSquare(s2 [4]uint64, n, hi, lo uint64) (num [5]uint64) {
	var c uint64
	for k, w := range s2 {
		h, l := bits.Mul64(w, n)
		num[k], c = bits.Add64(num[k], l, 0)
		num[k+1] = h + c
	}
	h0, l0 := bits.Mul64(lo, lo)
	h1, l1 := bits.Mul64(hi, lo)
	h2, l2 := bits.Mul64(hi, hi)
	sq := [5]uint64{l0, h0, l2, h2, 0}
	for range 2 {
		sq[1], c = bits.Add64(sq[1], l1, 0)
		sq[2], c = bits.Add64(sq[2], h1, c)
		sq[3], _ = bits.Add64(sq[3], 0, c)
	}
	c = 0
	for k := range num {
		num[k], c = bits.Sub64(num[k], sq[k], c)
	}
	return num
}

// slow is variance in integers of any size, for values that no one unit fits,
// decimals, and what stands on a base. Decimals of scale k are k digits too
// large, their squares 2k: the denominator takes them.
func (f *moments) slow(p span, n, den uint64) float64 {
	num := f.numeratorSlow(p, n)
	d := new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).SetUint64(den))
	if k := f.scale(); k > 0 {
		d.Mul(d, event.Pow10(k).Big())
		d.Mul(d, event.Pow10(k).Big())
	}
	return quotient(num, -2*wideUnit, d)
}

// numeratorSlow is n*S2 - S1^2 in units of 2^-2176. It squares every row of the
// range anew and allocates, O(length); kept prefixes of such squares would be 500
// bytes a row.
func (f *moments) numeratorSlow(p span, n uint64) *big.Int {
	s2 := new(big.Int)
	if p.whole && f.base.squares != nil {
		s2.Set(f.base.squares)
	}
	sum := base{squares: s2}
	for k := p.i; k < p.j; k++ {
		m, exp := f.exact(f.t.row(k))
		sum.square(m, exp)
	}
	s1 := f.wideSum(p).big()
	num := s2.Mul(s2, new(big.Int).SetUint64(n))
	return num.Sub(num, s1.Mul(s1, s1))
}
