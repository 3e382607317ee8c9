package aggregate

import (
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// fan is how many entries of one level make one of the next.
const fan = 16

// extremes answers min and max of any range from a pyramid of minima: level 0 is
// the values as unsigned keys in their order, each higher level the minima of
// fan entries of the one below. A range reads at most 2*fan entries a level,
// wherever it lies, so that events above the instant of a query cost nothing.
// max is the minimum of complemented keys. A heap or a monotonic deque answers
// only windows that move forward; a run is asked by several windows at once, at
// past instants too, and gets events in any order. The pyramid costs 8.5 bytes
// a row; appending is O(1) on average, a range O(fan log n).
type extremes struct {
	t      *track
	c      *event.Column
	flip   uint64
	levels [][]uint64
	plain  bool // text and decimals: no 64-bit key, the range is scanned
}

// newExtremes makes the fold of min, or of max where greatest is true. Level 0
// is there from the start, so that settle needs not ask.
func newExtremes(t *track, c *event.Column, greatest bool) *extremes {
	f := &extremes{t: t, c: c, levels: make([][]uint64, 1), plain: c.Type.Text() || c.Type.Kind == event.Decimal}
	if greatest {
		f.flip = math.MaxUint64
	}
	return f
}

func (f *extremes) reset() { f.changed(0) }

// changed cuts every level to the entries that lie wholly below from. Entry b
// of a level stands for fan entries of the one below; it exists only once all
// of those do.
func (f *extremes) changed(from int) {
	for l := range f.levels {
		if from < len(f.levels[l]) {
			f.levels[l] = f.levels[l][:from]
		}
		from /= fan
	}
}

// settle appends the keys of new rows and each entry that they complete.
// Nothing below what changed cut is read again.
func (f *extremes) settle() {
	n := f.t.len()
	keys := f.levels[0]
	if len(keys) == n {
		return
	}
	for k := len(keys); k < n; k++ {
		keys = append(keys, f.key(f.t.row(k)))
	}
	f.levels[0] = keys
	for l := 0; len(f.levels[l]) >= fan; l++ {
		if l+1 == len(f.levels) {
			f.levels = append(f.levels, nil)
		}
		below, above := f.levels[l], f.levels[l+1]
		for b := len(above); b < len(below)/fan; b++ {
			least := uint64(math.MaxUint64)
			for _, k := range below[b*fan : b*fan+fan] {
				least = min(least, k)
			}
			above = append(above, least)
		}
		f.levels[l+1] = above
	}
}

// key maps row i to an unsigned integer of the same order (S8): NaN greatest,
// negative zero as zero.
func (f *extremes) key(i int) uint64 {
	if f.c.Type.Kind == event.Double {
		return floatKey(f.c.Floats[i]) ^ f.flip
	}
	return uint64(f.c.Ints[i]) ^ 1<<63 ^ f.flip
}

// floatKey maps doubles to unsigned integers of the same order: positive ones
// get the sign bit, negative ones are complemented. There is one NaN, and its
// positive bits lie above those of infinity (S8.1).
func floatKey(x float64) uint64 {
	if x == 0 {
		x = 0
	}
	b := math.Float64bits(x)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// floatOfKey is the inverse of floatKey, but for the sign of zero, which is
// gone (S8.4).
func floatOfKey(k uint64) float64 {
	if k>>63 == 1 {
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

// value answers from the pyramid. Text and decimals are scanned instead: as
// they have no key of 64 bits, a pyramid of rows would follow a row for each
// comparison.
func (f *extremes) value(_ *Slot, p span, out *event.Column) {
	if f.plain {
		appendValue(out, f.c, f.t.row(f.scan(p)))
		return
	}
	f.settle()
	k := f.least(p.i, p.j) ^ f.flip
	if f.c.Type.Kind == event.Double {
		out.AppendFloat(floatOfKey(k))
		return
	}
	out.AppendInt(int64(k ^ 1<<63))
}

// least is the least key of rows i to j-1. At each level it reads the entries
// at both ends that make no whole entry of the next, and goes on above with the
// rest.
func (f *extremes) least(i, j int) uint64 {
	m := uint64(math.MaxUint64)
	for l := 0; i < j; l++ {
		a := f.levels[l]
		for ; i < j && i%fan != 0; i++ {
			m = min(m, a[i])
		}
		for ; i < j && j%fan != 0; j-- {
			m = min(m, a[j-1])
		}
		i, j = i/fan, j/fan
	}
	return m
}

// scan returns the first row of the range that no other is beyond. The first of
// equals is taken; equals are the same value, so that it cannot be seen.
func (f *extremes) scan(p span) int {
	best := p.i
	for k := p.i + 1; k < p.j; k++ {
		c := event.Compare(f.c, f.t.row(k), f.c, f.t.row(best))
		if c < 0 && f.flip == 0 || c > 0 && f.flip != 0 {
			best = k
		}
	}
	return best
}

// keep marks one row: of what has settled only the best can be the answer,
// whatever comes.
func (f *extremes) keep(_ *Slot, n int, mark func(int)) {
	if n > 0 {
		mark(f.scan(span{i: 0, j: n}))
	}
}

// absorb has nothing to note: what leaves is not beyond what stays.
func (f *extremes) absorb(int) {}
