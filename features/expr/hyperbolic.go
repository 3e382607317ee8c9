package expr

import "math"

// Functions of exponentials, roots and logarithms whose plain formulas lose digits
// where terms cancel; here the terms are twofolds. Errors are below one unit in
// the last place, as elementary_test.go measures.

// each makes a loop of a function.
func each(f func(float64) float64) func(out, x []float64) {
	return func(out, x []float64) {
		for i, v := range x {
			out[i] = f(v)
		}
	}
}

// expOf is e^x as 2^k times a twofold near 1, for expMin < x < expMax.
func expOf(x float64) (v twofold, k int) {
	n := math.RoundToEven(float64(x * log2e.hi))
	r := sumExact(x-float64(n*ln2.hi), -float64(n*ln2.lo))
	v = expNear(r)
	return sumFast(v.hi, v.lo), int(n)
}

// timesPower is x * 2^k, exact where no part of it is subnormal.
func (x twofold) timesPower(k int) twofold {
	return twofold{scaled(x.hi, k), scaled(x.lo, k)}
}

// wideExp is from where 1 is nothing beside e^x: below the last place of a twofold.
const wideExp = 75.0

// expm1 is e^x - 1.
func expm1(x float64) float64 {
	switch {
	case x != x || x == 0:
		return x
	case x > wideExp:
		return exp(x)
	case x < -wideExp:
		return -1
	}
	return expm1Of(x).round()
}

// expm1Of is e^x - 1 for |x| up to wideExp. Near zero the first term is x itself,
// exact, and the series adds less than a fifth of it.
func expm1Of(x float64) twofold {
	if math.Abs(x) < 0.3 {
		return sumFast(x, expTail(x))
	}
	v, k := expOf(x)
	return v.timesPower(k).plus(twofold{-1, 0})
}

// sinhSeries is from where on the series would need more terms than the formula.
const sinhSeries = 0.5

// sinh is (e^x - e^-x)/2; near zero its Taylor series, as both terms are 1 there.
func sinh(x float64) float64 {
	size := math.Abs(x)
	switch {
	case !finite(x) || x == 0:
		return x
	case size < sinhSeries:
		z := float64(x * x)
		p := 1.0 / 1307674368000
		p = 1.0/6227020800 + float64(p*z)
		p = 1.0/39916800 + float64(p*z)
		p = 1.0/362880 + float64(p*z)
		p = 1.0/5040 + float64(p*z)
		p = 1.0/120 + float64(p*z)
		p = 1.0/6 + float64(p*z)
		return x + float64(float64(p*z)*x)
	}
	return math.Copysign(halfSum(size, -1), x)
}

// cosh is (e^x + e^-x)/2.
func cosh(x float64) float64 {
	if !finite(x) {
		return math.Abs(x)
	}
	return halfSum(math.Abs(x), 1)
}

// halfSum is (e^x + sign e^-x)/2 for x >= 0, which is finite a little beyond where
// e^x is.
func halfSum(x, sign float64) float64 {
	if x > expMax+1 {
		return math.Inf(1)
	}
	v, k := expOf(x)
	if x < wideExp {
		inverse := twofold{float64(sign), 0}.over(v)
		v = v.plus(inverse.timesPower(-2 * k))
	}
	return scaled(v.round(), k-1)
}

// tanh is (e^2x - 1)/(e^2x + 1).
func tanh(x float64) float64 {
	size := math.Abs(x)
	switch {
	case x != x || x == 0:
		return x
	case size > 22:
		return math.Copysign(1, x)
	case size < 0x1p-30:
		return x // what follows is below half of the last place
	}
	t := expm1Of(float64(2 * size))
	return math.Copysign(t.over(t.plus(twofold{2, 0})).round(), x)
}

// sigmoid is 1/(1 + e^-x), and e^x/(1 + e^x) below zero, so that it does not lose
// itself in 1 there.
func sigmoid(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > wideExp:
		return 1
	case x < -wideExp:
		return exp(x)
	}
	v, k := expOf(-math.Abs(x))
	v = v.timesPower(k)
	one := twofold{1, 0}
	if x < 0 {
		return v.over(one.plus(v)).round()
	}
	return one.over(one.plus(v)).round()
}

// log1p is ln(1 + x): the sum as a twofold, of which logTwofold takes the
// logarithm with both parts.
func log1p(x float64) float64 {
	switch {
	case x != x || x == 0 || math.IsInf(x, 1):
		return x
	case x <= -1:
		if x == -1 {
			return math.Inf(-1)
		}
		return math.NaN()
	case math.Abs(x) < 0x1p-60:
		return x
	}
	sum := sumExact(1, x)
	m, k := math.Frexp(sum.hi)
	if m < math.Sqrt2/2 {
		m, k = float64(m*2), k-1
	}
	low := scaled(sum.lo, -k)
	log := artanhSeries(sumExact(m-1, low).over(sumExact(m, 1).plus(twofold{low, 0})))
	return twofold{float64(float64(k) * ln2.hi), float64(float64(k) * ln2.lo)}.plus(log).round()
}

func log1pLoop(out, x []float64) {
	for i, v := range x {
		if out[i] = log1p(v); v == -1 {
			out[i] = math.NaN() // S16.10
		}
	}
}

// cbrt is the cube root: that of a number between 1/2 and 4 by three steps of
// Halley's from a straight line, each of which triples the digits, and one of
// Newton's in twofolds, which leaves half a unit in the last place.
func cbrt(x float64) float64 {
	if !finite(x) || x == 0 {
		return x
	}
	m, k := math.Frexp(math.Abs(x))
	for k%3 != 0 {
		m, k = float64(m*2), k-1
	}
	r := 0.7 + float64(0.25*m)
	for range 3 {
		cube := float64(float64(r*r) * r)
		r = float64(r * ((cube + float64(2*m)) / (float64(2*cube) + m)))
	}
	square := productExact(r, r)
	rest := square.times(twofold{r, 0}).plus(twofold{-m, 0})
	r -= rest.hi / float64(3*square.hi)
	return math.Copysign(scaled(r, k/3), x)
}

// hypot is the root of x^2 + y^2, corrected by what squaring it leaves.
func hypot(x, y float64) float64 {
	x, y = math.Abs(x), math.Abs(y)
	switch {
	case math.IsInf(x, 1) || math.IsInf(y, 1):
		return math.Inf(1)
	case x != x || y != y:
		return math.NaN()
	case x < y:
		x, y = y, x
	}
	if y == 0 {
		return x
	}
	_, k := math.Frexp(x)
	x, y = scaled(x, -k), scaled(y, -k)
	sum := productExact(x, x).plus(productExact(y, y))
	r := math.Sqrt(sum.hi)
	rest := sum.plus(productExact(r, r).negated())
	return scaled(r+rest.hi/float64(2*r), k)
}

func hypotLoop(out []float64, o floats) {
	for i := range out {
		out[i] = hypot(o.x[i&o.mx], o.y[i&o.my])
	}
}
