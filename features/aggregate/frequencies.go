package aggregate

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// frequencies answers what depends on how often each value occurs: mode,
// top_k_frequent, histogram and entropy. Values are numbered as they appear, and
// each window has a cursor: the range it was last asked of, with the count of
// every value in it. A range that moved on adds the rows that came and takes away
// those that left, which for counts is exact, so that a hot key costs as many
// steps as its windows move; a range far from the last one is counted anew.
// Reading an answer costs the distinct values of the range. Four bytes a row,
// and for a value 16, two to four table entries, and 12 a window (A3).
type frequencies struct {
	t       *track
	c       *event.Column
	ids     []int32        // of each row taken in: its value's number
	values  []event.Int128 // of each number: the value, as identity has it
	numbers numberTable
	base    []int64 // of each number: rows that Forget took out; may be shorter than values
	cursors []cursor
	best    []int32 // scratch
}

// cursor is a window's counts over rows i to j-1, and of its base.
type cursor struct {
	i, j    int
	based   bool       // the base is counted in
	counts  []int64    // of each number
	place   []int32    // of each number that occurs: where it stands in live
	live    []int32    // the numbers that occur
	logs    []countLog // of each number; only where an entropy is asked for
	ordered bool       // live is in the order of the values
}

func (f *frequencies) reset() {
	f.base = f.base[:0]
	f.restart()
}

// changed takes the rows from the given one on out of the cursors, as long as
// ids still says what they counted. From the first row on all begins anew, and
// values that only gone rows had are forgotten.
func (f *frequencies) changed(from int) {
	if from == 0 {
		f.restart()
		return
	}
	if from >= len(f.ids) {
		return
	}
	for k := range f.cursors {
		c := &f.cursors[k]
		for c.j > max(from, c.i) {
			c.j--
			c.drop(f.ids[c.j])
		}
		c.i, c.j = min(c.i, from), min(c.j, from)
	}
	f.ids = f.ids[:from]
}

// restart makes the fold that of no rows and the base. Values of the base are
// numbered again, in the order that they had.
func (f *frequencies) restart() {
	for k := range f.cursors {
		f.cursors[k].clear()
	}
	f.ids = f.ids[:0]
	f.numbers.clear()
	values, base := f.values, f.base
	f.values, f.base = f.values[:0], f.base[:0]
	for id, n := range base {
		if n > 0 {
			f.add(values[id], n)
		}
	}
}

// add adds rows of a value to the base. Numbers of the base come first, so that
// add is called before any row is taken in, or of a value that has its number.
func (f *frequencies) add(v event.Int128, n int64) {
	id := f.number(v)
	for len(f.base) <= int(id) {
		f.base = append(f.base, 0)
	}
	f.base[id] += n
}

// number returns a value's number, giving it one if it is new.
func (f *frequencies) number(v event.Int128) int32 {
	id := f.numbers.once(v, int32(len(f.values)))
	if int(id) == len(f.values) {
		f.values = append(f.values, v)
	}
	return id
}

// settle numbers the values of the track's new rows.
func (f *frequencies) settle() {
	for k := len(f.ids); k < f.t.len(); k++ {
		f.ids = append(f.ids, f.number(identity(f.c, f.t.row(k))))
	}
}

// count returns the window's cursor, moved to a range.
func (f *frequencies) count(s *Slot, p span) *cursor {
	f.settle()
	for len(f.cursors) <= s.window {
		f.cursors = append(f.cursors, cursor{})
	}
	c := &f.cursors[s.window]
	for len(c.counts) < len(f.values) {
		c.counts, c.place = append(c.counts, 0), append(c.place, 0)
	}
	if distance(c.i, p.i)+distance(c.j, p.j) > p.j-p.i {
		c.clear()
		c.i, c.j = p.i, p.i
	}
	if p.whole && !c.based {
		c.based = true
		for id, n := range f.base {
			c.add(int32(id), n)
		}
	}
	// Rows are added before others are taken away, so that no count is below zero.
	for ; c.i > p.i; c.i-- {
		c.add(f.ids[c.i-1], 1)
	}
	for ; c.j < p.j; c.j++ {
		c.add(f.ids[c.j], 1)
	}
	for ; c.i < p.i; c.i++ {
		c.drop(f.ids[c.i])
	}
	for ; c.j > p.j; c.j-- {
		c.drop(f.ids[c.j-1])
	}
	return c
}

func distance(a, b int) int { return max(a-b, b-a) }

// clear makes the cursor count nothing. It costs what is counted, not what there
// ever was.
func (c *cursor) clear() {
	for _, id := range c.live {
		c.counts[id] = 0
	}
	c.live, c.i, c.j, c.based = c.live[:0], 0, 0, false
}

func (c *cursor) add(id int32, n int64) {
	if c.counts[id] == 0 && n > 0 {
		c.place[id] = int32(len(c.live))
		c.live = append(c.live, id)
		c.ordered = false
	}
	c.counts[id] += n
}

// drop takes one row of a value away. The last of live fills the gap that a value
// leaves.
func (c *cursor) drop(id int32) {
	if c.counts[id]--; c.counts[id] > 0 {
		return
	}
	end := len(c.live) - 1
	last := c.live[end]
	c.live[c.place[id]], c.place[last] = last, c.place[id]
	c.live = c.live[:end]
	c.ordered = c.ordered && last == id
}

// value answers all four. Equally frequent values are told apart by themselves,
// the smaller first, so that no order of events can be seen.
func (f *frequencies) value(s *Slot, p span, out *event.Column) {
	c := f.count(s, p)
	switch s.Aggregate {
	case Mode:
		f.put(out, f.mode(c))
	case TopKFrequent:
		f.best = append(f.best[:0], c.live...)
		slices.SortFunc(f.best, func(a, b int32) int { return cmp.Or(cmp.Compare(c.counts[b], c.counts[a]), f.compare(a, b)) })
		for _, id := range f.best[:min(s.N, len(f.best))] {
			f.put(out.Elem, id)
		}
		out.EndList()
	case Entropy:
		out.AppendFloat(entropy(c))
	default:
		f.order(c)
		for _, id := range c.live {
			f.put(&out.Elem.Fields[0], id)
			out.Elem.Fields[1].AppendInt(c.counts[id])
			out.Elem.Rows++
			out.Elem.NotNull()
		}
		out.EndList()
	}
}

// mode is the most frequent value, of several the smallest.
func (f *frequencies) mode(c *cursor) int32 {
	best := c.live[0]
	for _, id := range c.live[1:] {
		if n := c.counts[id] - c.counts[best]; n > 0 || n == 0 && f.compare(id, best) < 0 {
			best = id
		}
	}
	return best
}

// order puts live in the order of the values. It stays so until a value comes or
// goes; sorting what is nearly in order is cheap.
func (f *frequencies) order(c *cursor) {
	if c.ordered {
		return
	}
	slices.SortFunc(c.live, f.compare)
	for k, id := range c.live {
		c.place[id] = int32(k)
	}
	c.ordered = true
}

// compare orders two values by their numbers, as event.Compare does by rows.
func (f *frequencies) compare(a, b int32) int {
	x, y := f.values[a], f.values[b]
	switch f.c.Type.Kind {
	case event.Double: // floatKey keeps the order
		return cmp.Compare(x.Lo, y.Lo)
	case event.Decimal:
		return x.Cmp(y)
	case event.String, event.Bytes:
		return bytes.Compare(f.c.Dict.At(uint32(x.Lo)), f.c.Dict.At(uint32(y.Lo)))
	}
	return cmp.Compare(int64(x.Lo), int64(y.Lo))
}

// put appends the value of a number; it is the inverse of identity.
func (f *frequencies) put(out *event.Column, id int32) {
	switch v := f.values[id]; f.c.Type.Kind {
	case event.Double:
		out.AppendFloat(floatOfKey(v.Lo))
	case event.Decimal:
		out.AppendDecimal(v)
	case event.String, event.Bytes:
		out.Dict = f.c.Dict
		out.AppendCode(uint32(v.Lo))
	default:
		out.AppendInt(int64(v.Lo))
	}
}

// keep needs no row: the base says how often each value left.
func (f *frequencies) keep(*Slot, int, func(int)) {}

// absorb adds a row to the base. Cursors count it as a row until changed, which
// follows, begins them anew.
func (f *frequencies) absorb(k int) {
	f.settle()
	f.add(f.values[f.ids[k]], 1)
}
