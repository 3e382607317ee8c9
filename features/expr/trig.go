package expr

import (
	"math"
	"math/bits"
)

// twoOverPi is 2/pi in binary after 64 zero bits: enough for every double. The
// greatest double has its last bit at 2^971, and reduce reads 256 bits from 62
// places on.
var twoOverPi = [21]uint64{0,
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
	0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
}

// halfPiHigh and halfPiLow are pi/2 * 2^127.
const (
	halfPiHigh = 0xc90fdaa22168c234
	halfPiLow  = 0xc4c6628b80dc1cd1
)

// reduce takes multiples of pi/2 away from x, finite and above pi/4: what is left
// is at most pi/4 in size. It multiplies by 2/pi in integers, of which only the
// bits are taken that do not give multiples of four (M. Payne and R. Hanek,
// "Radian reduction for trigonometric functions", 1983). 254 bits stay after the
// point; the double nearest to a multiple of pi/2 needs 62 of them. Below 2^-10
// the window of bits would begin before the table does. Taking away a rounded pi
// instead would leave no correct digit of the sine of 1e22.
func reduce(x float64) (quadrant int, rest twofold) {
	b := math.Float64bits(x)
	m := b&(1<<52-1) | 1<<52
	e := int(b>>52) - 1075 // x = m * 2^e
	at := e + 62
	i, shift := at/64, uint(at%64)
	var w [4]uint64
	for k := range w {
		w[k] = twoOverPi[i+k]<<shift | twoOverPi[i+k+1]>>(64-shift)
	}
	h3, r3 := bits.Mul64(w[3], m)
	h2, r2 := bits.Mul64(w[2], m)
	h1, r1 := bits.Mul64(w[1], m)
	r2, c := bits.Add64(r2, h3, 0)
	r1, c = bits.Add64(r1, h2, c)
	r0, _ := bits.Add64(w[0]*m, h1, c)

	quadrant = int(r0 >> 62)
	r0, r1, r2, r3 = r0<<2|r1>>62, r1<<2|r2>>62, r2<<2|r3>>62, r3<<2
	negative := r0>>63 == 1
	if negative { // nearer to the next multiple
		quadrant++
		r3, c = bits.Sub64(0, r3, 0)
		r2, c = bits.Sub64(0, r2, c)
		r1, c = bits.Sub64(0, r1, c)
		r0, _ = bits.Sub64(0, r0, c)
	}
	rest = fraction([4]uint64{r0, r1, r2, r3})
	if negative {
		rest = rest.negated()
	}
	return quadrant & 3, rest
}

// fraction is pi/2 times the number whose bits after the point r holds. The
// fraction is brought to its leading bit first, however many zeros cancelling has
// left; two words of it times two of pi/2 keep more bits than a twofold holds.
// Its first 53 bits make hi, exactly, and the 64 after them lo, rounded once.
func fraction(r [4]uint64) twofold {
	zeros := 0
	for ; r[0] == 0 && zeros < 192; zeros += 64 {
		r[0], r[1], r[2], r[3] = r[1], r[2], r[3], 0
	}
	n := bits.LeadingZeros64(r[0])
	high := r[0]<<n | r[1]>>(64-n)
	low := r[1]<<n | r[2]>>(64-n)
	zeros += n

	top, next := bits.Mul64(high, halfPiHigh)
	cross, _ := bits.Mul64(high, halfPiLow)
	next, c := bits.Add64(next, cross, 0)
	top += c
	cross, _ = bits.Mul64(low, halfPiHigh)
	next, c = bits.Add64(next, cross, 0)
	top += c
	if top>>63 == 0 {
		top, next = top<<1|next>>63, next<<1
		zeros++
	}
	unit := powerOfTwo(-63 - zeros)
	const tail = 1<<11 - 1
	return sumFast(float64(float64(top&^tail)*unit), float64(float64((top&tail)<<53|next>>11)*float64(unit*0x1p-53)))
}

// sinParts is the sine of x, |x| at most pi/4: what it differs from its first
// term is small. What follows the term y^19/19! is below 2^-70 of the sine; x.lo
// enters by its derivative, the cosine.
func sinParts(x twofold) twofold {
	y := x.hi
	z := float64(y * y)
	p := -1.0 / 121645100408832000
	p = 1.0/355687428096000 + float64(p*z)
	p = -1.0/1307674368000 + float64(p*z)
	p = 1.0/6227020800 + float64(p*z)
	p = -1.0/39916800 + float64(p*z)
	p = 1.0/362880 + float64(p*z)
	p = -1.0/5040 + float64(p*z)
	p = 1.0/120 + float64(p*z)
	p = -1.0/6 + float64(p*z)
	return twofold{y, float64(float64(p*z)*y) + float64(x.lo*(1-float64(0.5*z)))}
}

// cosParts is the cosine of x, |x| at most pi/4. 1 - y^2/2 is kept unrounded,
// since its rounding would cost half of a last place by itself; x.lo enters by
// the derivative, -sin y.
func cosParts(x twofold) twofold {
	y := x.hi
	z := float64(y * y)
	p := 1.0 / 2432902008176640000
	p = -1.0/6402373705728000 + float64(p*z)
	p = 1.0/20922789888000 + float64(p*z)
	p = -1.0/87178291200 + float64(p*z)
	p = 1.0/479001600 + float64(p*z)
	p = -1.0/3628800 + float64(p*z)
	p = 1.0/40320 + float64(p*z)
	p = -1.0/720 + float64(p*z)
	p = 1.0/24 + float64(p*z)
	square := productExact(y, y)
	first := sumFast(1, -float64(0.5*square.hi))
	return twofold{first.hi, first.lo + (float64(p*float64(z*z)) - (float64(0.5*square.lo) + float64(y*x.lo)))}
}

// quarter is x as a quadrant and a rest. Infinities and NaN have none: their
// rest is NaN.
func quarter(x float64) (int, twofold) {
	switch size := math.Abs(x); {
	case size <= math.Pi/4:
		return 0, twofold{x, 0}
	case !finite(x):
		return 0, twofold{math.NaN(), 0}
	case x < 0:
		q, rest := reduce(size)
		return -q & 3, rest.negated()
	}
	return reduce(x)
}

// sin is the sine of x radians, NaN of infinities.
func sin(x float64) float64 {
	q, rest := quarter(x)
	return sinOf(q, rest)
}

// cos is the sine one quadrant on.
func cos(x float64) float64 {
	q, rest := quarter(x)
	return sinOf(q+1, rest)
}

// sinOf is the sine in a quadrant. q counts quarter turns; only its two lowest
// bits matter. Below 2^-27 the term x^3/6 is less than half of the last place.
func sinOf(q int, rest twofold) float64 {
	s := rest.hi
	if q&1 == 1 {
		s = cosParts(rest).round()
	} else if math.Abs(s) > 0x1p-27 { // else it is its own sine
		s = sinParts(rest).round()
	}
	if q&2 == 2 {
		return -s
	}
	return s
}

// tan divides the unrounded sine by the unrounded cosine. In odd quadrants tan x
// is -cos/sin of the rest. No double but zero is a multiple of pi/2, and so the
// divisor is never zero.
func tan(x float64) float64 {
	q, rest := quarter(x)
	if q == 0 && math.Abs(rest.hi) <= 0x1p-27 {
		return rest.hi
	}
	s, c := sinParts(rest), cosParts(rest)
	s, c = sumFast(s.hi, s.lo), sumFast(c.hi, c.lo)
	if q&1 == 1 {
		return c.over(s.negated()).round()
	}
	return s.over(c).round()
}

// atanOf is the arc tangent of i/8.
var atanOf = [9]twofold{
	{0, 0},
	{0x1.fd5ba9aac2f6ep-4, -0x1.cd37686760c17p-59},
	{0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57},
	{0x1.6f61941e4def1p-2, -0x1.c63aae6f6e918p-56},
	{0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56},
	{0x1.1e00babdefeb4p-1, -0x1.928df287a668fp-58},
	{0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56},
	{0x1.700a7c5784634p-1, -0x1.8c34d25aadef6p-56},
	{0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55},
}

var (
	fullPi = twofold{0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53}
	halfPi = twofold{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54}
)

// atanParts is the arc tangent of x between 0 and 1: that of the nearest eighth
// c, and the series of the rest, (x-c)/(1+xc), which is at most 1/16. By the
// addition theorem the two angles add up to that of x. What follows the term
// t^15/15 is below 2^-67 of the rest's arc tangent.
func atanParts(x twofold) twofold {
	i := math.RoundToEven(x.hi * 8)
	c := float64(i / 8) // a division by a power of two compiles to a product
	t := (x.hi - c) / (1 + float64(x.hi*c))
	z := float64(t * t)
	p := -1.0 / 15
	p = 1.0/13 + float64(p*z)
	p = -1.0/11 + float64(p*z)
	p = 1.0/9 + float64(p*z)
	p = -1.0/7 + float64(p*z)
	p = 1.0/5 + float64(p*z)
	p = -1.0/3 + float64(p*z)
	near := atanOf[int(i)]
	sum := sumExact(near.hi, t)
	low := near.lo + x.lo/(1+float64(x.hi*x.hi))
	return sumFast(sum.hi, sum.lo+(float64(float64(p*z)*t)+low))
}

// atan has no program of its own, and so agrees with atan2 to the bit.
func atan(x float64) float64 { return atan2(x, 1) }

// atan2 is the angle of the point (x, y), with the special cases of IEEE 754. The
// smaller is divided by the larger, so that the quotient does not overflow, and
// beyond an eighth of a turn the angle is taken from the other axis.
func atan2(y, x float64) float64 {
	if x != x || y != y {
		return math.NaN()
	}
	size, width := math.Abs(y), math.Abs(x)
	if math.IsInf(size, 1) && math.IsInf(width, 1) {
		size, width = 1, 1
	}
	var angle twofold
	switch {
	case size == 0 && width == 0:
	case size <= width:
		angle = atanParts(ratio(size, width))
	default:
		angle = halfPi.plus(atanParts(ratio(width, size)).negated())
	}
	if math.Signbit(x) {
		angle = fullPi.plus(angle.negated())
	}
	return math.Copysign(angle.round(), y)
}

// ratio is a/b for b the larger, without what is too small to have a lower part.
// Products of smaller ones would leave the normal numbers, where twofold is not
// exact.
func ratio(a, b float64) twofold {
	if a < b*0x1p-54 || a < 0x1p-900 || b > 0x1p900 {
		return twofold{a / b, 0}
	}
	return twofold{a, 0}.over(twofold{b, 0})
}

// asinParts is the arc sine of x, |x| at most 1/2: an approximation and one step
// of Newton's method. (1-x)(1+x) keeps the digits that 1-x*x loses near 1.
func asinParts(x float64) twofold {
	y := atan(x / math.Sqrt(float64((1-x)*(1+x))))
	s := sinParts(twofold{y, 0})
	return sumFast(y, ((x-s.hi)-s.lo)/cosParts(twofold{y, 0}).hi)
}

// asinTop is half the arc cosine of x between 1/2 and 1: arcsin(sqrt((1-x)/2)). 1
// - x is exact there (P. H. Sterbenz), where the arc sine itself rises too
// steeply for its argument's last place; low puts back what the root was rounded
// by.
func asinTop(x float64) twofold {
	w := float64((1 - x) / 2)
	r := math.Sqrt(w)
	if r == 0 {
		return twofold{}
	}
	square := productExact(r, r)
	low := ((w - square.hi) - square.lo) / (2 * r)
	a := asinParts(r)
	return sumFast(a.hi, a.lo+low/math.Sqrt(1-w))
}

// asin is NaN outside -1 to 1.
func asin(x float64) float64 {
	size := math.Abs(x)
	switch {
	case !(size <= 1):
		return math.NaN()
	case size <= 0x1p-27:
		return x // with the sign of zero
	case size <= 0.5:
		return asinParts(x).round()
	}
	a := asinTop(size)
	return math.Copysign(halfPi.plus(a.plus(a).negated()).round(), x)
}

// acos is NaN outside -1 to 1. Its two ends go by asinTop, as pi/2 - asin x would
// lose all digits near 1.
func acos(x float64) float64 {
	switch {
	case !(math.Abs(x) <= 1):
		return math.NaN()
	case x > 0.5:
		a := asinTop(x)
		return 2 * a.round()
	case x < -0.5:
		a := asinTop(-x)
		return fullPi.plus(a.plus(a).negated()).round()
	}
	return halfPi.plus(asinParts(x).negated()).round()
}
