package expr

import "math"

// The elementary functions of this package use only operations whose result
// IEEE 754 fixes to the last bit: + - * / and square root. Each product stands
// in float64(), so that no compiler fuses it with a sum: values are the same on
// every platform. The methods are published ones, named where they are used;
// every coefficient is that of a Taylor series or was computed to 2000 bits.

// twofold is the unrounded sum of two doubles, |lo| at most half the last place
// of hi: some 106 bits (T. J. Dekker, "A floating-point technique for extending
// the available precision", 1971).
type twofold struct{ hi, lo float64 }

// sumExact is a+b without error. It is the six operations of D. E. Knuth, "The
// Art of Computer Programming", volume 2, which need not know the larger; a
// compiler may not simplify them, and Go's does not.
func sumExact(a, b float64) twofold {
	s := a + b
	part := s - a
	return twofold{s, (a - (s - part)) + (b - part)}
}

// sumFast is a+b without error where a is the larger or zero. It is Dekker's,
// with three operations.
func sumFast(a, b float64) twofold {
	s := a + b
	return twofold{s, b - (s - a)}
}

// halves splits a into 26 leading bits and the rest.
func halves(a float64) (high, low float64) {
	high = math.Float64frombits(math.Float64bits(a) &^ (1<<27 - 1))
	return high, a - high
}

// productExact is a*b, within 2^-106 of it.
func productExact(a, b float64) twofold {
	p := float64(a * b)
	ah, al := halves(a)
	bh, bl := halves(b)
	e := float64(ah*bh) - p
	e += float64(ah * bl)
	e += float64(al * bh)
	return twofold{p, e + float64(al*bl)}
}

// plus is x+y within a few units of 2^-105.
func (x twofold) plus(y twofold) twofold {
	s := sumExact(x.hi, y.hi)
	return sumFast(s.hi, s.lo+(x.lo+y.lo))
}

// times is x*y within a few units of 2^-104.
func (x twofold) times(y twofold) twofold {
	p := productExact(x.hi, y.hi)
	return sumFast(p.hi, p.lo+(float64(x.hi*y.lo)+float64(x.lo*y.hi)))
}

// over is x/y within a few units of 2^-104.
func (x twofold) over(y twofold) twofold {
	q := x.hi / y.hi
	p := productExact(q, y.hi)
	rest := ((x.hi - p.hi) - p.lo) + (x.lo - float64(q*y.lo))
	return sumFast(q, rest/y.hi)
}

func (x twofold) negated() twofold { return twofold{-x.hi, -x.lo} }

// round is the nearest double.
func (x twofold) round() float64 { return x.hi + x.lo }

// scaled is x * 2^n, rounded once: the first step is exact, the second one
// rounds where the result is subnormal.
func scaled(x float64, n int) float64 {
	first := n / 2
	return float64(float64(x*powerOfTwo(first)) * powerOfTwo(n-first))
}

// powerOfTwo is 2^n, for n where it is a normal number.
func powerOfTwo(n int) float64 { return math.Float64frombits(uint64(n+1023) << 52) }
