package aggregate

import "math/bits"

// fractionBits is how many bits of a logarithm stand behind the point. The logarithm
// of a count is below 64, so that all of it is one word.
const fractionBits = 58

// entropy is that of Shannon, in bits, of how often each value occurs: with n
// rows, log2(n) - (sum of c*log2(c))/n over the counts c. Logarithms are integers
// in units of 2^-58, and so the sum is exact, of any order of the counts, and
// rounded once; nothing of it depends on a machine's floating point (S9.7). A
// value alone gives 0 and 2^k values equally often give k, exactly.
func entropy(c *cursor) float64 {
	for len(c.logs) < len(c.counts) {
		c.logs = append(c.logs, countLog{})
	}
	n, hi, lo := uint64(0), uint64(0), uint64(0)
	for _, id := range c.live {
		count := uint64(c.counts[id])
		n += count
		h, l := bits.Mul64(count, c.logs[id].of(count))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	h, l := bits.Mul64(n, log2Of(n))
	l, borrow := bits.Sub64(l, lo, 0)
	h, borrow = bits.Sub64(h, hi, borrow)
	if h|l == 0 || borrow != 0 { // by rounding alone, were there 2^58 rows
		return 0
	}
	return divide(false, []uint64{l, h}, -fractionBits, n)
}

// countLog is the logarithm that was last asked for of a value's count: from one
// question to the next few counts change.
type countLog struct{ count, log uint64 }

func (l *countLog) of(count uint64) uint64 {
	if l.count != count {
		l.count, l.log = count, log2Of(count)
	}
	return l.log
}

// smallLogs are the logarithms of small counts, which most are.
var smallLogs = func() (logs [256]uint64) {
	for n := range logs {
		logs[n] = log2Bits(uint64(n))
	}
	return logs
}()

// log2Of is log2(n) in units of 2^-58, for n of at least 1.
func log2Of(n uint64) uint64 {
	if n < uint64(len(smallLogs)) {
		return smallLogs[n]
	}
	return log2Bits(n)
}

// log2Bits finds a logarithm bit by bit: the square of a number between 1 and 2
// is 2 or more exactly where the next bit of its logarithm is 1, and the square,
// halved then, has the bits after it (Knuth, The Art of Computer Programming 1,
// 1.2.2). Squares keep 128 bits; as an error counts half with every step, all of
// them together are below 2^-125, and do not reach the 58th bit.
func log2Bits(n uint64) uint64 {
	if n < 2 {
		return 0
	}
	log := uint64(bits.Len64(n) - 1)
	hi, lo := n<<bits.LeadingZeros64(n), uint64(0) // between 1 and 2 in units of 2^-127
	for range fractionBits {
		var next uint64
		hi, lo, next = square(hi, lo)
		bit := hi >> 63
		if bit == 0 {
			hi, lo = hi<<1|lo>>63, lo<<1|next>>63
		}
		log = log<<1 | bit
	}
	return log
}

// square is the three highest words of a square.
func square(hi, lo uint64) (top, middle, low uint64) {
	top, middle = bits.Mul64(hi, hi)
	h, l := bits.Mul64(hi, lo)
	low, _ = bits.Mul64(lo, lo)
	var c uint64
	for range 2 {
		low, c = bits.Add64(low, l, 0)
		middle, c = bits.Add64(middle, h, c)
		top += c
	}
	return top, middle, low
}
