package aggregate

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// wideLimbs and wideUnit lay out a wide: 36 words of two's complement whose
// lowest bit is 2^-1088. Doubles reach from 2^-1074 to 2^1024; the words leave
// room for 2^190 of the largest.
const (
	wideLimbs = 36
	wideUnit  = 1088
)

// smallestExp is the exponent of the lowest bit that a double has.
const smallestExp = -1074

// wide is an exact sum of doubles, integers or decimals of any size: the
// accumulator of Kulisch (Computer Arithmetic and Validity, 2008) in plain
// two's complement.
type wide [wideLimbs]uint64

// add adds m * 2^exp, with exp >= smallestExp. The sum wraps at 2^2304 units; no
// count of events that 63 bits can hold comes near. m spans three words once
// shifted; its sign fills all above.
func (w *wide) add(m event.Int128, exp int) {
	at := (exp + wideUnit) / 64
	s := uint((exp + wideUnit) % 64)
	sign := uint64(m.Hi >> 63)
	parts := [3]uint64{m.Lo << s, uint64(m.Hi)<<s | m.Lo>>(64-s), sign<<s | uint64(m.Hi)>>(64-s)}
	var c uint64
	for k := at; k < wideLimbs; k++ {
		p := sign
		if k-at < 3 {
			p = parts[k-at]
		}
		w[k], c = bits.Add64(w[k], p, c)
	}
}

// plus adds u. Two's complement makes it exact in any order (S9.1).
func (w *wide) plus(u *wide) {
	var c uint64
	for k := range w {
		w[k], c = bits.Add64(w[k], u[k], c)
	}
}

// minus subtracts u. Prefix minus prefix is the sum of what lies between, with
// no trace of what came before.
func (w *wide) minus(u *wide) {
	var c uint64
	for k := range w {
		w[k], c = bits.Sub64(w[k], u[k], c)
	}
}

// big returns the sum in units of 2^-1088. It assumes words of 64 bits, as
// big.Word has on the machines that are built for.
func (w *wide) big() *big.Int {
	abs, neg := *w, w[wideLimbs-1]>>63 == 1
	if neg {
		abs = wide{}
		abs.minus(w)
	}
	words := make([]big.Word, 0, wideLimbs)
	for _, l := range abs {
		words = append(words, big.Word(l))
	}
	x := new(big.Int).SetBits(words)
	if neg {
		x.Neg(x)
	}
	return x
}

// int128 returns the sum of integers and whether it fits. Integers leave the
// words below the unit zero; every word above the second must repeat the sign,
// or the sum is larger than an Int128.
func (w *wide) int128() (event.Int128, bool) {
	const one = wideUnit / 64
	m := event.Int128{Hi: int64(w[one+1]), Lo: w[one]}
	for k := one + 2; k < wideLimbs; k++ {
		if w[k] != uint64(m.Hi>>63) {
			return m, false
		}
	}
	return m, true
}

// quotient rounds num * 2^exp / den to the nearest double, once, ties to even.
// It is the meaning that divide and roundFloat must agree with, and the way for
// the rare ranges that do not fit them; it allocates.
func quotient(num *big.Int, exp int, den *big.Int) float64 {
	n, d := new(big.Int).Set(num), new(big.Int).Set(den)
	if exp >= 0 {
		n.Lsh(n, uint(exp))
	} else {
		d.Lsh(d, uint(-exp))
	}
	f, _ := new(big.Rat).SetFrac(n, d).Float64()
	if f == 0 {
		return 0 // what is too small has no sign, however it was computed
	}
	return f
}

// roundFloat rounds ±(hi·2^64 + lo + something below one where sticky) * 2^exp to
// the nearest double, ties to even, subnormals and infinity included. Rounding
// 128 bits to 64 and those to 53 would round twice and now and then miss the
// nearest (S9.2). Where the result is subnormal more bits are
// dropped here, before the one rounding, so that Ldexp is exact.
func roundFloat(neg bool, hi, lo uint64, sticky bool, exp int) float64 {
	if hi == 0 {
		if lo == 0 {
			return 0
		}
		hi, lo, exp = lo, 0, exp-64
	}
	s := uint(bits.LeadingZeros64(hi))
	hi, lo, exp = hi<<s|lo>>(64-s), lo<<s, exp-int(s)
	if top := exp + 127; top >= -1022 && top < 1023 {
		return nearest(neg, hi, lo != 0 || sticky, exp+64)
	}
	drop := uint(11)
	if top := exp + 127; top < -1022 {
		drop += uint(-1022 - top)
	}
	if drop > 64 {
		return 0
	}
	mant, rest := hi>>drop, hi<<(64-drop)
	if rest>>63 == 1 && (rest<<1 != 0 || lo != 0 || sticky || mant&1 == 1) {
		mant++
	}
	f := math.Ldexp(float64(mant), exp+64+int(drop))
	if neg && f != 0 {
		return -f
	}
	return f
}

// nearest rounds ±(hi + something below one where more) * 2^exp, whose result must be
// a normal double even rounded up; hi has its top bit. What lies below the 63
// bits that the machine converts becomes their last bit: far enough below the 53
// that stay to tell a tie from what is above one and from nothing else.
func nearest(neg bool, hi uint64, more bool, exp int) float64 {
	odd := hi & 1
	if more {
		odd = 1
	}
	b := math.Float64bits(float64(int64(hi>>1|odd))) + uint64(exp+1)<<52
	if neg {
		b |= 1 << 63
	}
	return math.Float64frombits(b)
}

// parts takes a finite double apart: x = m * 2^exp, m odd or zero. An odd m
// makes the exponent the lowest that matters, so that values like 0.5 and 3
// need no room below them. The parts of NaN and infinities mean nothing;
// callers leave them out.
func parts(x float64) (m int64, exp int) {
	b := math.Float64bits(x)
	mant, e := b&(1<<52-1), int(b>>52&0x7ff)
	if e == 0 {
		e = 1
	} else {
		mant |= 1 << 52
	}
	if mant == 0 {
		return 0, 0
	}
	tz := bits.TrailingZeros64(mant)
	m, exp = int64(mant>>uint(tz)), e-1075+tz
	if b>>63 == 1 {
		m = -m
	}
	return m, exp
}

// shiftLeft returns m * 2^by and whether it fits in 127 bits. A right shift, by
// < 0, would lose bits and is refused too: the caller then looks for another
// unit.
func shiftLeft(m int64, by int) (event.Int128, bool) {
	if m == 0 {
		return event.Int128{}, true
	}
	abs := uint64(m)
	if m < 0 {
		abs = uint64(-m)
	}
	if by < 0 || bits.Len64(abs)+by > 126 {
		return event.Int128{}, false
	}
	v := event.Int128Of(m)
	if by >= 64 {
		return event.Int128{Hi: int64(v.Lo << uint(by-64))}, true
	}
	s := uint(by)
	return event.Int128{Hi: v.Hi<<s | int64(v.Lo>>(64-s)), Lo: v.Lo << s}, true
}

// divide rounds ±(limbs, lowest first) * 2^exp / den to the nearest double, once.
// The limbs are not all zero. The 127 bits from the top one on are divided by den,
// its top bit moved to the top: a quotient of 62 bits or more in one word. What is
// left over, here and in the limbs below, cannot change those bits, as it comes to
// less than one in the dividend; it only tells a tie from what is above one.
// Dividing rounded doubles instead would round twice (S9.2).
func divide(neg bool, limbs []uint64, exp int, den uint64) float64 {
	top := len(limbs) - 1
	for limbs[top] == 0 {
		top--
	}
	limb := func(k int) uint64 {
		if k < 0 {
			return 0
		}
		return limbs[k]
	}
	s := uint(bits.LeadingZeros64(limbs[top]))
	hi := limbs[top]<<s | limb(top-1)>>(64-s)
	lo := limb(top-1)<<s | limb(top-2)>>(64-s)
	sticky := lo&1 | limb(top-2)<<s
	for k := top - 3; k >= 0; k-- {
		sticky |= limbs[k]
	}
	up := bits.LeadingZeros64(den)
	q, rem := bits.Div64(hi>>1, hi<<63|lo>>1, den<<up)
	// (hi, lo) is worth 2^(64*(top-1)-s) a unit, a half of it twice that, and q stands
	// one word higher than its quotient.
	return roundFloat(neg, q, 0, sticky|rem != 0, exp+64*(top-1)-int(s)+1+up-64)
}
