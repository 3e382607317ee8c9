package timetravel

import "math/bits"

// magnitudes counts numbers by their size: each up to 8191 by itself, greater
// ones by their highest thirteen bits, numbers below zero likewise. It is the
// first look at numbers whose quantiles are wanted exactly: which interval holds
// each. Order is kept: of two numbers in different counts the one of the lower
// count is less.
type magnitudes struct{ negative, positive [magnitudeCounts]int64 }

// Numbers of 64 bits have 63 places beside the sign. Of magnitudes of 13 places
// and more there are as many counts for each number of places.
const (
	magnitudeBits   = 12
	magnitudeCounts = (64 - magnitudeBits) << magnitudeBits
)

// magnitudeOf is the count to which u, of at most 63 places, belongs.
func magnitudeOf(u uint64) int {
	shift := max(bits.Len64(u)-magnitudeBits-1, 0)
	return shift<<magnitudeBits + int(u>>shift)
}

// magnitude is the least number of a count, and how many numbers it has. Counts
// from 2^13 on have more than one.
func magnitude(i int) (low, width uint64) {
	shift := max(i>>magnitudeBits-1, 0)
	return uint64(i-shift<<magnitudeBits) << shift, 1 << shift
}

// add counts a number. ^v of a number below zero is zero or more, and falls as v
// rises.
func (m *magnitudes) add(v int64) {
	if v < 0 {
		m.negative[magnitudeOf(uint64(^v))]++
		return
	}
	m.positive[magnitudeOf(uint64(v))]++
}

// find is the interval that holds the number of a rank, which is from 1 to as
// many as were counted.
func (m *magnitudes) find(rank int64) interval {
	for i := len(m.negative) - 1; i >= 0; i-- {
		if rank <= m.negative[i] {
			low, width := magnitude(i)
			return interval{low: ^int64(low + width - 1), width: width, rank: rank}
		}
		rank -= m.negative[i]
	}
	for i := range m.positive {
		if rank <= m.positive[i] {
			low, width := magnitude(i)
			return interval{low: int64(low), width: width, rank: rank}
		}
		rank -= m.positive[i]
	}
	panic("timetravel: a rank beyond all that was counted")
}

// interval is where the number of a rank lies: among the width numbers from low
// on, as the rank-th of those that were counted there. Each pass over the numbers
// makes it narrower by intervalParts, until it is one number.
type interval struct {
	low    int64
	width  uint64
	rank   int64
	part   uint64 // width of a part
	counts []int64
}

const intervalParts = 1 << 16

// settled reports whether every interval is one number.
func settled(all []interval) bool {
	for i := range all {
		if all[i].width > 1 {
			return false
		}
	}
	return true
}

// open begins a pass.
func (v *interval) open() {
	v.counts = nil
	if v.width > 1 {
		v.part = (v.width-1)/intervalParts + 1
		v.counts = make([]int64, (v.width-1)/v.part+1)
	}
}

// add counts a number that the interval holds.
func (v *interval) add(n int64) {
	if v.counts == nil || n < v.low {
		return
	}
	if above := uint64(n) - uint64(v.low); above < v.width {
		v.counts[above/v.part]++
	}
}

// close ends a pass: the interval becomes its part that holds the rank. false:
// fewer numbers were added than in the pass before.
func (v *interval) close() bool {
	if v.counts == nil {
		return true
	}
	for i, n := range v.counts {
		if v.rank <= n {
			below := uint64(i) * v.part
			v.low, v.width = v.low+int64(below), min(v.part, v.width-below)
			return true
		}
		v.rank -= n
	}
	return false
}
