package aggregate

import (
	"math"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// fan is how many entries of one level make one of the next.
const fan = 16

// extremes answers min, max, arg_min and arg_max of any range from a pyramid of
// minima: level 0 is the values as unsigned keys in their order, each higher
// level the minima of fan entries of the one below. A range reads at most 2*fan
// entries a level, wherever it lies, so that events above the instant of a query
// cost nothing. max is the minimum of complemented keys. A heap or a monotonic
// deque answers only windows that move forward; a run is asked by several windows
// at once, at past instants too, and gets events in any order. The pyramid costs
// 8.5 bytes a row; appending is O(1) on average, a range O(fan log n).
//
// Text and decimals have no key of 64 bits. Theirs is a pyramid of rows: above
// level 0, which is the rows themselves, an entry is the first row of its block
// that no other is beyond.
type extremes struct {
	t       *track
	c       *event.Column
	columns []event.Column // the run's: arg_min gives out others than it compares
	flip    uint64
	levels  [][]uint64
	plain   bool      // text and decimals: no 64-bit key
	rows    [][]int32 // plain: level l+1 of the pyramid, rows of the track
	known   []extent  // of each question that was asked last: a range, and what is least in it
}

// extent is the least key of rows i to j-1; of no rows where j is 0.
type extent struct {
	i, j int32
	key  uint64
}

// newExtremes makes the fold of min, or of max where greatest is true. Level 0
// is there from the start, so that settle needs not ask.
func newExtremes(t *track, c *event.Column, columns []event.Column, greatest bool) *extremes {
	f := &extremes{t: t, c: c, columns: columns, levels: make([][]uint64, 1), plain: c.Type.Text() || c.Type.Kind == event.Decimal}
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
	f.known = f.known[:0]
	if f.plain {
		f.changedRows(from)
		return
	}
	for l := range f.levels {
		if from < len(f.levels[l]) {
			f.levels[l] = f.levels[l][:from]
		}
		from /= fan
	}
}

// changedRows is changed of the pyramid of rows.
func (f *extremes) changedRows(from int) {
	for l := range f.rows {
		if from /= fan; from < len(f.rows[l]) {
			f.rows[l] = f.rows[l][:from]
		}
	}
}

// settle appends the keys of new rows and each entry that they complete.
// Nothing below what changed cut is read again.
func (f *extremes) settle() {
	if f.plain {
		f.settleRows()
		return
	}
	n := f.t.len()
	keys := f.levels[0]
	if len(keys) == n {
		return
	}
	if keys = slices.Grow(keys, n-len(keys)); f.c.Type.Kind == event.Double && !f.t.partial {
		for _, x := range f.c.Floats[len(keys):n] {
			keys = append(keys, floatKey(x)^f.flip)
		}
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
			above = append(above, lowest(below[b*fan:b*fan+fan]))
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
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// floatOfKey is the inverse of floatKey, but for the sign of zero, which is
// gone (S8.4).
func floatOfKey(k uint64) float64 {
	if k>>63 == 1 {
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

// value answers from the pyramid. min and max need the key alone, which is the
// value; arg_min and arg_max the row that has it first.
func (f *extremes) value(s *Slot, p span, out *event.Column) {
	f.settle()
	switch {
	case s.Aggregate.Decided():
		appendRow(f.columns, s.Args[:len(s.Args)-1], f.t.row(f.first(p)), out)
	case f.plain:
		appendValue(out, f.c, f.t.row(f.first(p)))
	case f.c.Type.Kind == event.Double:
		out.AppendFloat(floatOfKey(f.least(p.i, p.j) ^ f.flip))
	default:
		out.AppendInt(int64(f.least(p.i, p.j) ^ f.flip ^ 1<<63))
	}
}

// values answers all ranges of a slot where keys are the values. A range is mostly
// one that is known, give or take some rows: that of the question before, some
// events on; or, as windows of one end hold one another and the short ones come
// first, the question's own of a shorter window.
func (f *extremes) values(s *Slot, a *asked, out *event.Column) bool {
	if f.plain || s.Aggregate.Decided() || a.dropped > 0 {
		return false
	}
	f.settle()
	f.remember(len(a.rows))
	least, last := max(s.MinCount, 1), extent{}
	for k, row := range a.rows {
		i, j := a.i[k], a.j[k]
		if int64(j-i) < least {
			putNull(out, row)
			continue
		}
		e := &f.known[k]
		m, slid := f.slide(last, i, j)
		switch {
		case slid:
		case e.j == j && i <= e.i:
			m = min(e.key, f.least(int(i), int(e.i)))
		default:
			m = f.least(int(i), int(j))
		}
		last = extent{i, j, m}
		*e = last
		if f.c.Type.Kind == event.Double {
			out.Floats[row] = floatOfKey(m ^ f.flip)
		} else {
			out.Ints[row] = int64(m ^ f.flip ^ 1<<63)
		}
	}
	return true
}

// slide is the least key of rows i to j-1 where that is told by the one of a range a
// few rows before: unless it stands in what has left, only what has come can be
// below it.
func (f *extremes) slide(from extent, i, j int32) (m uint64, ok bool) {
	if i < from.i || j < from.j || i >= from.j || i-from.i+j-from.j >= 2*fan {
		return 0, false
	}
	keys := f.levels[0]
	if lowest(keys[from.i:i]) <= from.key && i > from.i {
		return 0, false
	}
	return min(from.key, lowest(keys[from.j:j])), true
}

// remember makes room for what is known of n questions.
func (f *extremes) remember(n int) {
	if had := len(f.known); had < n {
		f.known = slices.Grow(f.known, n-had)[:n]
		clear(f.known[had:])
	}
}

// first is the first row of the range, in content order, that no other is beyond.
func (f *extremes) first(p span) int {
	if f.plain {
		return f.firstRow(p)
	}
	return f.find(p.i, f.least(p.i, p.j))
}

// find returns the first row from i on whose key is m; there is one. It steps
// over blocks whose minimum is above m, on the highest level that begins there,
// and looks into others: O(fan log n).
func (f *extremes) find(i int, m uint64) int {
	l := 0
	for {
		switch a := f.levels[l]; {
		case a[i] > m || l == 0 && a[i] < m:
			i++
			for i%fan == 0 && l+1 < len(f.levels) && i/fan < len(f.levels[l+1]) {
				l, i = l+1, i/fan
			}
			for l > 0 && i >= len(f.levels[l]) {
				l, i = l-1, i*fan
			}
		case l == 0:
			return i
		default:
			l, i = l-1, i*fan
		}
	}
}

// least is the least key of rows i to j-1. At each level it reads the entries
// at both ends that make no whole entry of the next, and goes on above with the
// rest, until that is few.
func (f *extremes) least(i, j int) uint64 {
	m := uint64(math.MaxUint64)
	for l := 0; ; l++ {
		a := f.levels[l]
		if j-i < 2*fan {
			return min(m, lowest(a[i:j]))
		}
		head, tail := (i+fan-1)/fan, j/fan
		m = min(m, lowest(a[i:head*fan]), lowest(a[tail*fan:j]))
		i, j = head, tail
	}
}

// lowest is the least of some keys, the greatest there is of none. It has two going,
// as each comparison waits for the one before.
func lowest(keys []uint64) uint64 {
	a, b := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for ; len(keys) >= 2; keys = keys[2:] {
		a, b = min(a, keys[0]), min(b, keys[1])
	}
	if len(keys) > 0 {
		a = min(a, keys[0])
	}
	return min(a, b)
}

// settleRows appends each entry of the pyramid of rows that new rows complete.
func (f *extremes) settleRows() {
	n := f.t.len()
	for l := 0; n >= fan; l++ {
		n /= fan
		if l == len(f.rows) {
			f.rows = append(f.rows, nil)
		}
		for b := len(f.rows[l]); b < n; b++ {
			best := f.entry(l, b*fan)
			for k := b*fan + 1; k < (b+1)*fan; k++ {
				if next := f.entry(l, k); f.beyond(next, best) {
					best = next
				}
			}
			f.rows[l] = append(f.rows[l], best)
		}
	}
}

// entry is entry k of a level of the pyramid of rows.
func (f *extremes) entry(level, k int) int32 {
	if level == 0 {
		return int32(k)
	}
	return f.rows[level-1][k]
}

// beyond reports whether row k's value lies beyond row best's, or is equal and
// its row the one before.
func (f *extremes) beyond(k, best int32) bool {
	c := event.Compare(f.c, f.t.row(int(k)), f.c, f.t.row(int(best)))
	if f.flip != 0 {
		c = -c
	}
	return c < 0 || c == 0 && k < best
}

// firstRow is first on the pyramid of rows; it goes up as least does.
func (f *extremes) firstRow(p span) int {
	best, i, j := int32(p.i), p.i, p.j
	take := func(l, k int) {
		if next := f.entry(l, k); f.beyond(next, best) {
			best = next
		}
	}
	for l := 0; i < j; l++ {
		for ; i < j && i%fan != 0; i++ {
			take(l, i)
		}
		for ; i < j && j%fan != 0; j-- {
			take(l, j-1)
		}
		i, j = i/fan, j/fan
	}
	return int(best)
}

// keep marks one row: of what has settled only the first of the best can be the
// answer, whatever comes.
func (f *extremes) keep(_ *Slot, n int, mark func(row int)) {
	if n > 0 {
		f.settle()
		mark(f.t.row(f.first(span{i: 0, j: n})))
	}
}

// absorb has nothing to note: what leaves is not beyond what stays.
func (f *extremes) absorb(int) {}
