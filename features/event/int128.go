package event

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// Int128 is a signed 128-bit integer in two's complement: the unscaled value of a
// decimal, and the accumulator of exact sums. The 38 digits of the widest decimal
// take 127 bits and the sign, so that every decimal fits, and a sum of two all
// but fits (AddOK); math/big would allocate for every value.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128Of widens v.
func Int128Of(v int64) Int128 { return Int128{Hi: v >> 63, Lo: uint64(v)} }

// Add returns a+b, wrapping. Exact sums rely on that: what was added and taken
// away again leaves no trace, even if it wrapped in between (S9.1).
func (a Int128) Add(b Int128) Int128 {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), c)
	return Int128{int64(hi), lo}
}

// Sub returns a-b, wrapping.
func (a Int128) Sub(b Int128) Int128 {
	lo, c := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(uint64(a.Hi), uint64(b.Hi), c)
	return Int128{int64(hi), lo}
}

// AddOK returns a+b and whether it did not overflow. A sum overflows if its sign
// differs from the sign of both its parts.
func (a Int128) AddOK(b Int128) (Int128, bool) {
	s := a.Add(b)
	return s, (a.Hi^s.Hi)&(b.Hi^s.Hi) >= 0
}

// Neg returns -a, wrapping. Only the lowest value has no negative, and no decimal
// of 38 digits is that low.
func (a Int128) Neg() Int128 { return Int128{}.Sub(a) }

// Sign is -1, 0 or 1.
func (a Int128) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.Hi == 0 && a.Lo == 0:
		return 0
	}
	return 1
}

// Cmp compares by value: -1, 0 or 1. The low words compare unsigned: in two's
// complement they count upwards from Hi, whatever its sign.
func (a Int128) Cmp(b Int128) int {
	switch {
	case a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Abs returns |a| as an unsigned pair of words. Unsigned, it is right for the
// lowest value too.
func (a Int128) Abs() (hi, lo uint64) {
	if a.Hi < 0 {
		a = a.Neg()
	}
	return uint64(a.Hi), a.Lo
}

// Int64 returns the value and whether it fits. It fits if Hi does nothing but
// repeat the sign of Lo.
func (a Int128) Int64() (int64, bool) {
	return int64(a.Lo), a.Hi == int64(a.Lo)>>63
}

// Big returns the value as a big.Int.
func (a Int128) Big() *big.Int {
	hi, lo := a.Abs()
	x := new(big.Int).SetUint64(hi)
	x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(lo))
	if a.Hi < 0 {
		x.Neg(x)
	}
	return x
}

// Int128OfBig returns x and whether it fits. The lowest 128-bit value is left
// out: it has 128 bits as a big.Int, and no decimal is that low.
func Int128OfBig(x *big.Int) (Int128, bool) {
	if x.BitLen() > 127 {
		return Int128{}, false
	}
	var m big.Int
	m.Abs(x)
	lo := new(big.Int).And(&m, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	r := Int128{Hi: int64(m.Rsh(&m, 64).Uint64()), Lo: lo}
	if x.Sign() < 0 {
		r = r.Neg()
	}
	return r, true
}

// Pow10 returns 10^n for 0 <= n <= 38.
func Pow10(n int) Int128 { return pow10[n] }

var pow10 = func() (p [39]Int128) {
	p[0] = Int128Of(1)
	for i := 1; i < len(p); i++ {
		x, y := p[i-1], Int128{}
		for b := 10; b > 0; b-- {
			y = y.Add(x)
		}
		p[i] = y
	}
	return p
}()

// Fits reports whether a has at most precision digits. A value may lie within 128
// bits and yet beyond its type: 10^38 does. Check the type, not the width.
func (a Int128) Fits(precision int) bool {
	lim := pow10[precision]
	return a.Cmp(lim) < 0 && a.Cmp(lim.Neg()) > 0
}

// Text writes a as a decimal with scale digits after the point.
func (a Int128) Text(scale int) string {
	s := a.Big().String()
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale-len(s)+1) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// ParseDecimal reads a plain decimal number as an unscaled value of the given
// scale; more fractional digits than scale, other than zeros, are an error.
// Nothing is rounded: a definition or a spec that says more than its type holds
// is wrong and is told so.
func ParseDecimal(s string, scale int) (Int128, error) {
	r, ok := new(big.Rat).SetString(s)
	if !ok || strings.ContainsAny(s, "/eEpPxX_") {
		return Int128{}, fmt.Errorf("%q is no decimal number", s)
	}
	r.Mul(r, new(big.Rat).SetInt(pow10[scale].Big()))
	if !r.IsInt() {
		return Int128{}, fmt.Errorf("%q has more than %d digits after the point", s, scale)
	}
	v, ok := Int128OfBig(r.Num())
	if !ok {
		return Int128{}, fmt.Errorf("%q is outside decimal(38,%d)", s, scale)
	}
	return v, nil
}

// Float returns the double nearest to a / 10^scale, rounded once, ties to even.
// Dividing the double of a by 10^scale would round twice and be off by a unit in
// the last place for large values; S16.7 and S9.2 allow one rounding.
func (a Int128) Float(scale int) float64 {
	if v, ok := a.Int64(); ok && scale <= 22 && v > -1<<53 && v < 1<<53 {
		// Both are exact doubles, so the one division rounds correctly.
		return float64(v) / exactPow10[scale]
	}
	f, _ := new(big.Rat).SetFrac(a.Big(), pow10[scale].Big()).Float64()
	return f
}

// exactPow10 ends at 10^22, the last power of ten that a double holds exactly
// (5^22 < 2^53).
var exactPow10 = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
