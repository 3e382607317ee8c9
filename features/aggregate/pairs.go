package aggregate

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// pairs answers covariances and the correlation of two columns, over the rows
// where neither is null: from the exact sums and sums of squares of both, which
// are two moments, and the exact sum of products. n*Sxy - Sx*Sy is an integer in
// the product of their units; a covariance is that over n*n or n*(n-1), rounded
// once, and where the other two give a variance, this is its sister (S9.1).
type pairs struct {
	x, y     moments
	products [][4]uint64 // products[k]: of the first k rows, in two's complement, in units of 2^(x.exp + y.exp)
	unit     int         // that exponent
	base     *big.Int    // products of what Forget took out, in units of 2^-2176; nil: zero

	c, vx, vy, q, rest big.Int // scratch of correlation
}

func newPairs(t *track, x, y *event.Column, counts *event.Counts) *pairs {
	return &pairs{x: moments{sums{t: t, c: x, counts: counts, squared: true}}, y: moments{sums{t: t, c: y, counts: counts, squared: true}}}
}

func (f *pairs) reset() {
	f.x.reset()
	f.y.reset()
	f.products, f.base = f.products[:0], nil
}

func (f *pairs) changed(from int) {
	f.x.changed(from)
	f.y.changed(from)
	f.products = f.products[:min(from+1, len(f.products))]
}

// settle brings both moments up to the track and, where both are narrow, the
// products. Another unit of either is another unit of all products.
func (f *pairs) settle() {
	f.x.settle()
	f.y.settle()
	if !f.narrow() {
		f.products = f.products[:0]
		return
	}
	if len(f.products) == 0 || f.unit != f.x.exp+f.y.exp {
		f.unit = f.x.exp + f.y.exp
		f.products = append(f.products[:0], [4]uint64{})
	}
	sum := f.products[len(f.products)-1]
	for k := len(f.products) - 1; k < f.x.t.len(); k++ {
		addProduct(&sum, f.x.prefix[k+1].Sub(f.x.prefix[k]), f.y.prefix[k+1].Sub(f.y.prefix[k]))
		f.products = append(f.products, sum)
	}
}

// narrow reports whether both columns have found a unit that fits their values.
func (f *pairs) narrow() bool { return f.x.wides == nil && f.y.wides == nil }

// addProduct adds x*y. Values of a narrow column whose squares are summed are
// below 2^96, their products below 2^192, and the sum of 2^31 of these below
// 2^223.
func addProduct(sum *[4]uint64, x, y event.Int128) {
	xh, xl := x.Abs()
	yh, yl := y.Abs()
	p := multiply(xh, xl, yh, yl)
	var c uint64
	if (x.Hi < 0) == (y.Hi < 0) {
		for k := range sum {
			sum[k], c = bits.Add64(sum[k], p[k], c)
		}
		return
	}
	for k := range sum {
		sum[k], c = bits.Sub64(sum[k], p[k], c)
	}
}

// multiply is the product of two numbers of 128 bits.
func multiply(xh, xl, yh, yl uint64) (p [4]uint64) {
	p[1], p[0] = bits.Mul64(xl, yl)
	p[3], p[2] = bits.Mul64(xh, yh)
	for _, middle := range [2][2]uint64{{xh, yl}, {xl, yh}} {
		h, l := bits.Mul64(middle[0], middle[1])
		var c uint64
		p[1], c = bits.Add64(p[1], l, 0)
		p[2], c = bits.Add64(p[2], h, c)
		p[3] += c
	}
	return p
}

// value is null for fewer than two rows, but for covar_pop; NaN over any NaN or
// infinity, as a variance is (S8.2); and the correlation null where one of the
// two does not vary.
func (f *pairs) value(s *Slot, p span, out *event.Column) {
	f.settle()
	n := uint64(p.j - p.i)
	if p.whole {
		n += uint64(f.x.t.dropped)
	}
	den := n - 1
	if s.Aggregate == CovarPop {
		den = n
	}
	switch {
	case den == 0:
		out.AppendNull()
	case f.x.oddity(p) != 0 || f.y.oddity(p) != 0:
		out.AppendFloat(event.CanonicalNaN)
	case s.Aggregate == Corr:
		f.correlation(p, n, out)
	default:
		f.x.put(out, f.covariance(p, n, den))
	}
}

// covariance is (n*Sxy - Sx*Sy) / (n*den). Decimals are summed unscaled: the
// denominator takes the scales of both.
func (f *pairs) covariance(p span, n, den uint64) float64 {
	scale := f.x.scale() + f.y.scale()
	if f.quick(p, n) && scale == 0 {
		neg, num := f.numerator(p, n)
		if num == [5]uint64{} {
			return 0
		}
		return divide(neg, num[:], f.unit, n*den)
	}
	d := new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).SetUint64(den))
	d.Mul(d, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	unit := f.exactly(p, n)
	return quotient(&f.c, unit, d)
}

// quick reports whether a range can be answered in a few words: as a variance
// can.
func (f *pairs) quick(p span, n uint64) bool { return f.narrow() && !f.x.based(p) && n < 1<<31 }

// numerator is n*Sxy - Sx*Sy of a quick range, which keeps below 2^255.
func (f *pairs) numerator(p span, n uint64) (neg bool, num [5]uint64) {
	neg, sxy := absolute(f.products[p.j], f.products[p.i])
	var c uint64
	for k, w := range sxy {
		h, l := bits.Mul64(w, n)
		num[k], c = bits.Add64(num[k], l, 0)
		num[k+1] = h + c
	}
	sx, sy := f.x.prefix[p.j].Sub(f.x.prefix[p.i]), f.y.prefix[p.j].Sub(f.y.prefix[p.i])
	xh, xl := sx.Abs()
	yh, yl := sy.Abs()
	q := multiply(xh, xl, yh, yl)
	other := [5]uint64{q[0], q[1], q[2], q[3]}
	if neg != ((sx.Hi < 0) == (sy.Hi < 0)) {
		return subtract(neg, num, other)
	}
	c = 0
	for k := range num {
		num[k], c = bits.Add64(num[k], other[k], c)
	}
	return neg, num
}

// absolute is the sign and size of a-b in two's complement.
func absolute(a, b [4]uint64) (neg bool, d [4]uint64) {
	var c uint64
	for k := range d {
		d[k], c = bits.Sub64(a[k], b[k], c)
	}
	if d[3]>>63 == 0 {
		return false, d
	}
	c = 0
	for k := range d {
		d[k], c = bits.Sub64(0, d[k], c)
	}
	return true, d
}

// subtract is a-b of numbers of one sign.
func subtract(neg bool, a, b [5]uint64) (bool, [5]uint64) {
	var d [5]uint64
	var c uint64
	for k := range d {
		d[k], c = bits.Sub64(a[k], b[k], c)
	}
	if c == 0 {
		return neg, d
	}
	c = 0
	for k := range d {
		d[k], c = bits.Sub64(0, d[k], c)
	}
	return !neg, d
}

// exactly sets c to n*Sxy - Sx*Sy of any range and returns the exponent of its
// unit.
func (f *pairs) exactly(p span, n uint64) (unit int) {
	if f.quick(p, n) {
		neg, words := f.numerator(p, n)
		setWords(&f.c, words)
		if neg {
			f.c.Neg(&f.c)
		}
		return f.unit
	}
	sxy := f.c.SetInt64(0)
	if p.whole && f.base != nil {
		sxy.Set(f.base)
	}
	for k := p.i; k < p.j; k++ {
		sxy.Add(sxy, f.product(k))
	}
	sxy.Mul(sxy, new(big.Int).SetUint64(n))
	s := f.x.wideSum(p).big()
	sxy.Sub(sxy, s.Mul(s, f.y.wideSum(p).big()))
	return -2 * wideUnit
}

// product is row k's product in units of 2^-2176.
func (f *pairs) product(k int) *big.Int {
	row := f.x.t.row(k)
	x, ex := f.x.exact(row)
	y, ey := f.y.exact(row)
	m := x.Big()
	m.Mul(m, y.Big())
	return m.Lsh(m, uint(ex+ey+2*wideUnit))
}

// setWords sets x to the number that words are, lowest first, in the memory that
// it has.
func setWords(x *big.Int, words [5]uint64) {
	w := x.Bits()[:0]
	for _, word := range words {
		w = append(w, big.Word(word))
	}
	x.SetBits(w)
}

// correlation is C / sqrt(Vx*Vy) of the three integers C = n*Sxy - Sx*Sy and its
// like of x with x and y with y, whose units and scales cancel. C^2 / (Vx*Vy) is
// rounded once and its root taken: so it is never beyond 1, and exactly 1 or -1
// where all points are on a line.
func (f *pairs) correlation(p span, n uint64, out *event.Column) {
	f.x.deviation(p, n, f.quick(p, n), &f.vx)
	f.y.deviation(p, n, f.quick(p, n), &f.vy)
	if f.vx.Sign() <= 0 || f.vy.Sign() <= 0 { // below zero only where a snapshot was made up
		out.AppendNull()
		return
	}
	f.exactly(p, n)
	neg := f.c.Sign() < 0
	// q and rest are free until the root is taken.
	x := f.rootOfRatio(f.rest.Mul(&f.c, &f.c), f.q.Mul(&f.vx, &f.vy))
	if neg {
		x = -x
	}
	out.AppendFloat(x)
}

// deviation sets v to n*S2 - S1^2, in the unit that exactly has for the pair.
func (f *moments) deviation(p span, n uint64, quick bool, v *big.Int) {
	if quick {
		setWords(v, f.numerator(p, n))
		return
	}
	v.Set(f.numeratorSlow(p, n))
}

// rootOfRatio is the square root of num/den, which is at most 1: the ratio and
// its root are rounded once each. The ratio is scaled by an even power of two to
// 126 bits or more, so that it may be less than the least double has a place
// for, and the root is scaled back.
func (f *pairs) rootOfRatio(num, den *big.Int) float64 {
	switch {
	case num.Sign() == 0:
		return 0
	case num.Cmp(den) >= 0:
		return 1
	}
	shift := den.BitLen() - num.BitLen() + 126
	shift += shift & 1
	q, rest := f.c.Lsh(num, uint(shift)), &f.vx
	q.QuoRem(q, den, rest)
	words := q.Bits() // 126 to 128 bits
	r := roundFloat(false, uint64(words[1]), uint64(words[0]), rest.Sign() != 0, 0)
	return math.Ldexp(math.Sqrt(r), -shift/2)
}

// keep needs no row: the bases say all that is asked of what is gone.
func (f *pairs) keep(*Slot, int, func(int)) {}

// absorb adds a row to the bases of both columns and of their products.
func (f *pairs) absorb(k int) {
	f.x.absorb(k)
	f.y.absorb(k)
	if f.base == nil {
		f.base = new(big.Int)
	}
	f.base.Add(f.base, f.product(k))
}
