package expr

import "math"

// Logarithms and exponentials: the argument is reduced by powers of two (W. J.
// Cody and W. Waite, "Software Manual for the Elementary Functions", 1980) and
// what is left goes through a Taylor series. Errors are below one unit in the
// last place; elementary_test.go measures them.

// The constants stand in hexadecimal: a decimal text would have to be trusted to
// round to these bits.
var (
	// ln2 has 40 bits in its first part, so that its product with an exponent is exact.
	ln2    = twofold{0x1.62e42fefa2p-1, 0x1.9ef35793c7673p-41}
	log2e  = twofold{0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56}
	log10e = twofold{0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57}
	// twoThirds and twoFifths are the first coefficients of the logarithm's series.
	twoThirds = twofold{0x1.5555555555555p-1, 0x1.5555555555555p-55}
	twoFifths = twofold{0x1.999999999999ap-2, -0x1.999999999999ap-56}
)

// Beyond these the exponential is infinite, or rounds to zero. They are ln of the
// largest double, and of half the smallest one.
const (
	expMax = 709.782712893384
	expMin = -745.1332191019412
)

// exp is e^x. Where the result is subnormal it is rounded once more, by scaled.
func exp(x float64) float64 {
	if x != x {
		return x
	}
	return expTwofold(twofold{x, 0})
}

// expTwofold is e^x of an unrounded x that is no NaN. x is split into k ln 2 + y
// with a whole k, and e^x is 2^k e^y; k times the first part of ln 2 is exact, k
// having at most 11 bits, and so nothing cancels away. The rest r.lo enters by
// e^(y+r) = e^y (1+r).
func expTwofold(x twofold) float64 {
	switch {
	case x.hi > expMax:
		return math.Inf(1)
	case x.hi < expMin:
		return 0
	}
	k := math.RoundToEven(float64(x.hi * log2e.hi))
	r := sumExact(x.hi-float64(k*ln2.hi), x.lo-float64(k*ln2.lo))
	v := expNear(r)
	return scaled(v.hi+v.lo, int(k))
}

// expNear is e^r for |r| < 0.3467, unrounded: good to some 57 bits.
func expNear(r twofold) twofold {
	y := r.hi
	s := sumFast(1, y)
	return twofold{s.hi, s.lo + (r.lo + float64(r.lo*y)) + expTail(y)}
}

// expTail is e^y - 1 - y for |y| < 0.3467, from its last term to its first.
func expTail(y float64) float64 {
	p := 1.0 / 6227020800
	p = 1.0/479001600 + float64(p*y)
	p = 1.0/39916800 + float64(p*y)
	p = 1.0/3628800 + float64(p*y)
	p = 1.0/362880 + float64(p*y)
	p = 1.0/40320 + float64(p*y)
	p = 1.0/5040 + float64(p*y)
	p = 1.0/720 + float64(p*y)
	p = 1.0/120 + float64(p*y)
	p = 1.0/24 + float64(p*y)
	p = 1.0/6 + float64(p*y)
	p = 0.5 + float64(p*y)
	return float64(p * float64(y*y))
}

// logTwofold is ln x for finite x > 0, as an exponent of two and the logarithm of
// a number between sqrt(1/2) and sqrt(2): ln m = 2 artanh((m-1)/(m+1)). By 1/2 <=
// m < 2 the difference m - 1 is exact (P. H. Sterbenz), so that logarithms of
// numbers near 1 keep all their digits. The first terms are summed unrounded,
// since power multiplies their error; the tail is small enough for doubles.
func logTwofold(x float64) (exponent float64, log twofold) {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = float64(m*2), k-1
	}
	return float64(k), artanhSeries(twofold{m - 1, 0}.over(sumExact(m, 1)))
}

// artanhSeries is 2 artanh s for |s| < 0.172.
func artanhSeries(s twofold) twofold {
	z := s.times(s)
	y := z.hi // below 0.0295
	t := 2.0 / 27
	t = 2.0/25 + float64(t*y)
	t = 2.0/23 + float64(t*y)
	t = 2.0/21 + float64(t*y)
	t = 2.0/19 + float64(t*y)
	t = 2.0/17 + float64(t*y)
	t = 2.0/15 + float64(t*y)
	t = 2.0/13 + float64(t*y)
	t = 2.0/11 + float64(t*y)
	t = 2.0/9 + float64(t*y)
	t = 2.0/7 + float64(t*y)
	series := twoFifths.plus(twofold{float64(t * y), 0})
	series = twoThirds.plus(z.times(series))
	series = twofold{2, 0}.plus(z.times(series))
	return s.times(series)
}

// logOf is ln x for finite x > 0, unrounded. Its relative error stays far below
// that of a double: power needs some 11 bits more than ln does.
func logOf(x float64) twofold {
	k, log := logTwofold(x)
	return twofold{float64(k * ln2.hi), float64(k * ln2.lo)}.plus(log)
}

// logSpecial is what every logarithm is of an x that is not finite and above
// zero. NaN passes through as it is. The infinity of zero is what IEEE 754 says;
// the language has null there (S16.10), and blot sees to it.
func logSpecial(x float64) (float64, bool) {
	switch {
	case x < 0:
		return math.NaN(), true
	case x == 0:
		return math.Inf(-1), true
	}
	return x, !finite(x)
}

// ln is the natural logarithm. It is not math.Log, which is assembly on some
// platforms and differs in the last bit (S9.5).
func ln(x float64) float64 {
	if y, ok := logSpecial(x); ok {
		return y
	}
	return logOf(x).round()
}

// log2 is the logarithm to base 2; of powers of two it is exact. There m is 1 and
// its logarithm zero. By way of ln it would be off for some.
func log2(x float64) float64 {
	if y, ok := logSpecial(x); ok {
		return y
	}
	k, log := logTwofold(x)
	return twofold{k, 0}.plus(log.times(log2e)).round()
}

// log10 is the logarithm to base 10; of powers of ten it is exact. The product is
// within 2^-100 of a whole number there, and so rounds to it.
func log10(x float64) float64 {
	if y, ok := logSpecial(x); ok {
		return y
	}
	return logOf(x).times(log10e).round()
}

// power is x^y, with the special cases of IEEE 754. 1^NaN and NaN^0 are 1; a
// negative base has a value only for whole exponents, and powerLoop makes null
// what is undefined.
func power(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case y == 1:
		return x
	case math.IsInf(y, 0):
		return powerInfinite(x, y)
	}
	odd := oddInteger(y)
	size := math.Abs(x)
	if size == 0 || math.IsInf(x, 0) {
		result := 0.0
		if (size == 0) == (y < 0) {
			result = math.Inf(1)
		}
		if odd {
			return math.Copysign(result, x)
		}
		return result
	}
	if x < 0 && y != math.Trunc(y) {
		return math.NaN()
	}
	result := powerFinite(size, y)
	if x < 0 && odd {
		return -result
	}
	return result
}

// powerInfinite is x^y for an infinite y. (-1)^inf is 1, as all large doubles are
// even.
func powerInfinite(x, y float64) float64 {
	switch size := math.Abs(x); {
	case size == 1:
		return 1
	case (size > 1) == (y > 0):
		return math.Inf(1)
	}
	return 0
}

// powerFinite is x^y = e^(y ln x) for finite x > 0. An error in the logarithm is
// multiplied by y, up to 745 over, and so one of half a place would cost ten
// bits: log is unrounded and stays so until the end.
func powerFinite(x, y float64) float64 {
	log := logOf(x)
	estimate := float64(y * log.hi)
	switch {
	case estimate > expMax+1:
		return math.Inf(1)
	case estimate < expMin-1:
		return 0
	case math.Abs(y) < 0x1p-500: // e^y ln x is 1, and products would lose bits
		return 1
	}
	return expTwofold(log.times(twofold{y, 0}))
}

// oddInteger reports whether y is an odd integer. From 2^53 on all doubles are
// even.
func oddInteger(y float64) bool {
	return math.Abs(y) < 1<<53 && y == math.Trunc(y) && int64(y)&1 == 1
}
