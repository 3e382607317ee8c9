package aggregate

import (
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// distinct answers count(distinct x): before[k] and after[k] are the rows that
// last and next have row k's value, so the distinct values of a range are its rows
// whose before lies outside. Each window remembers the range it was last asked of
// and how many it held. A row that comes or goes at either end changes that by one
// look at before or after, so that a hot key costs as many steps as its windows
// move; a range far from the last one is counted anew. A late event takes back the
// rows behind its place and no others. Sixteen bytes a row, and four and two to
// four table entries of 24 bytes a value (A3).
//
// distinct_last(x, n) walks back from the end of the range over rows whose value
// does not come again in it, which after tells. It costs as many rows as it has
// to pass until it has found n values; where a range holds fewer, its length.
type distinct struct {
	t       *track
	c       *event.Column
	ids     []int32 // of each row taken in: its value's number
	before  []int32 // -1: none
	after   []int32 // never: none
	newest  []int32 // of each number: the last row that has it, or -1
	numbers numberTable
	ranges  []distinctRange // by window
}

// distinctRange is how many values rows i to j-1 hold.
type distinctRange struct {
	i, j int
	n    int64
}

// never is the next row of a value that does not come again.
const never = math.MaxInt32

func (f *distinct) reset() { f.changed(0) }

// changed takes the rows from the given one on out of the ranges, as long as
// before still says what they counted, and then out of the chains of their values.
func (f *distinct) changed(from int) {
	if from == 0 {
		clear(f.ranges)
		f.newest = f.newest[:0]
		f.numbers.clear()
		f.ids, f.before, f.after = f.ids[:0], f.before[:0], f.after[:0]
		return
	}
	for k := range f.ranges {
		r := &f.ranges[k]
		for r.j > max(from, r.i) {
			r.pop(f)
		}
		r.i, r.j = min(r.i, from), min(r.j, from)
	}
	for k := len(f.ids) - 1; k >= from; k-- {
		b := f.before[k]
		f.newest[f.ids[k]] = b
		if b >= 0 {
			f.after[b] = never
		}
	}
	from = min(from, len(f.ids))
	f.ids, f.before, f.after = f.ids[:from], f.before[:from], f.after[:from]
}

// settle takes in the track's new rows in order.
func (f *distinct) settle() {
	for k := len(f.ids); k < f.t.len(); k++ {
		id := f.numbers.once(identity(f.c, f.t.row(k)), int32(len(f.newest)))
		if int(id) == len(f.newest) {
			f.newest = append(f.newest, -1)
		}
		b := f.newest[id]
		if b >= 0 {
			f.after[b] = int32(k)
		}
		f.newest[id] = int32(k)
		f.ids, f.before, f.after = append(f.ids, id), append(f.before, b), append(f.after, never)
	}
}

// count returns how many values the range of a window holds.
func (f *distinct) count(window int, p span) int64 {
	for len(f.ranges) <= window {
		f.ranges = append(f.ranges, distinctRange{})
	}
	r := &f.ranges[window]
	if distance(r.i, p.i)+distance(r.j, p.j) > p.j-p.i {
		*r = distinctRange{i: p.i, j: p.i}
	}
	// The range grows before it shrinks, so that it never turns over.
	for ; r.i > p.i; r.i-- {
		if int(f.after[r.i-1]) >= r.j {
			r.n++
		}
	}
	for ; r.j < p.j; r.j++ {
		if int(f.before[r.j]) < r.i {
			r.n++
		}
	}
	for ; r.i < p.i; r.i++ {
		if int(f.after[r.i]) >= r.j {
			r.n--
		}
	}
	for r.j > p.j {
		r.pop(f)
	}
	return r.n
}

// pop takes the range's last row out.
func (r *distinctRange) pop(f *distinct) {
	if r.j--; int(f.before[r.j]) < r.i {
		r.n--
	}
}

// identity is equal for equal values and only for them. NaN is one value and
// the zeros are one (S8.1, S8.4); decimals of a column share their scale, and
// codes their dictionary, so that both stand for their values.
func identity(c *event.Column, i int) event.Int128 {
	switch c.Type.Kind {
	case event.Double:
		return event.Int128{Lo: floatKey(c.Floats[i])}
	case event.Decimal:
		return c.Decimals[i]
	case event.String, event.Bytes:
		return event.Int128{Lo: uint64(c.Codes[i])}
	}
	return event.Int128{Lo: uint64(c.Ints[i])}
}

// value counts the values of the range, or lists its newest, each at its last
// place, newest first.
func (f *distinct) value(s *Slot, p span, out *event.Column) {
	f.settle()
	if s.Aggregate == DistinctLast {
		f.walkBack(s, p, func(row int) { appendValue(out.Elem, f.c, row) })
		out.EndList()
		return
	}
	out.AppendInt(f.count(s.window, p))
}

// walkBack calls do with the rows of the newest N values of a range.
func (f *distinct) walkBack(s *Slot, p span, do func(row int)) {
	for k, n := p.j-1, 0; k >= p.i && n < s.N; k-- {
		if int(f.after[k]) >= p.j {
			do(f.t.row(k))
			n++
		}
	}
}

// keep marks the first row of every value: a later repeat must still find that
// it is one. A count(distinct) over a lifetime is thus bounded by its values,
// not by its events. Of distinct_last the newest values are enough, as those that
// come later only push them out.
func (f *distinct) keep(s *Slot, n int, mark func(row int)) {
	f.settle()
	if s.Aggregate == DistinctLast {
		f.walkBack(s, span{j: n}, mark)
		return
	}
	for k, b := range f.before[:n] {
		if b < 0 {
			mark(f.t.row(k))
		}
	}
}

// absorb has nothing to note: what leaves repeats a row that stays.
func (f *distinct) absorb(int) {}

// numberTable maps a value to its number. Clearing it is one step:
// entries of an older age are not there.
type numberTable struct {
	entries []numberEntry // open addressing; length a power of two
	used    int
	age     uint32
}

type numberEntry struct {
	value  event.Int128
	number int32
	age    uint32
}

// clear costs nothing but once in 2^32 times, when the ages would begin again.
// An arena resets its run for every key, and wiping a large table for each
// would cost more than the keys' few events.
func (t *numberTable) clear() {
	t.used = 0
	t.age++
	if t.age == math.MaxUint32 {
		clear(t.entries)
		t.age = 0
	}
}

// once returns the number that the value has, after giving it one if it had none.
func (t *numberTable) once(v event.Int128, number int32) int32 {
	if 2*t.used >= len(t.entries) {
		t.grow()
	}
	e := t.find(v)
	if e.age != t.age+1 {
		*e = numberEntry{v, number, t.age + 1}
		t.used++
	}
	return e.number
}

// find returns the value's entry, or the free one where it belongs.
func (t *numberTable) find(v event.Int128) *numberEntry {
	// The multipliers are the golden ratio's and that of MurmurHash3's
	// finalizer; the middle bits of the product depend on all bits below them.
	mask := uint64(len(t.entries) - 1)
	h := (v.Lo ^ uint64(v.Hi)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	for at := h >> 32 & mask; ; at = (at + 1) & mask {
		e := &t.entries[at]
		if e.age != t.age+1 || e.value == v {
			return e
		}
	}
}

// grow doubles the table and leaves the entries of older ages behind. At most
// half of it is used, so that find ends.
func (t *numberTable) grow() {
	old := t.entries
	t.entries = make([]numberEntry, max(16, 2*len(old)))
	for _, e := range old {
		if e.age == t.age+1 {
			*t.find(e.value) = e
		}
	}
}
