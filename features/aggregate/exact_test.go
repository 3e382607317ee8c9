package aggregate

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestDivide holds the quick division and rounding to that of rationals: over
// dividends of one to six words, among them sparse ones, whose quotients are ties
// or all but ties, and over exponents at both ends of what doubles hold.
func TestDivide(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() uint64 {
		switch rng.IntN(4) {
		case 0:
			return 0
		case 1:
			return 1 << rng.IntN(64)
		case 2:
			return rng.Uint64() >> rng.IntN(64)
		}
		return -(rng.Uint64() >> rng.IntN(64))
	}
	for range 200_000 {
		limbs := make([]uint64, 1+rng.IntN(6))
		num := new(big.Int)
		for k := range limbs {
			limbs[k] = word()
			num.Or(num, new(big.Int).Lsh(new(big.Int).SetUint64(limbs[k]), uint(64*k)))
		}
		if num.Sign() == 0 {
			continue
		}
		den := max(word(), 1)
		if rng.IntN(3) == 0 {
			den = 1 << rng.IntN(64) // ties
		}
		exp := rng.IntN(200) - 250
		switch rng.IntN(4) {
		case 0:
			exp = -1074 - rng.IntN(400)
		case 1:
			exp = 1023 - num.BitLen() + rng.IntN(70)
		}
		got := divide(true, limbs, exp, den)
		if want := quotient(num.Neg(num), exp, new(big.Int).SetUint64(den)); got != want || math.Signbit(got) != math.Signbit(want) {
			t.Fatalf("%x * 2^%d / %x is %v, want %v", limbs, exp, den, got, want)
		}
	}
}

// TestShifted holds the quick way from a double to a sum's unit to the plain one.
func TestShifted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		x := math.Float64frombits(rng.Uint64())
		m, exp := parts(x)
		if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) < 0x1p-1022 {
			continue
		}
		by := rng.IntN(73)
		unit := int(math.Float64bits(x)>>52&0x7ff) - 1075 - by
		want, ok := shiftLeft(m, exp-unit)
		if got := shifted(math.Float64bits(x), uint(by)); !ok || got != want {
			t.Fatalf("%v in units of 2^%d is %v, want %v", x, unit, got, want)
		}
	}
}
