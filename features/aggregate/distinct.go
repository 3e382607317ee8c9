package aggregate

import (
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// distinct answers count(distinct x): before[k] is the row that last had row k's
// value, so the distinct values of a range are its rows whose before lies
// outside. From the first row on, firsts tells it without a scan. The table
// `last` forgets only as a whole, so any change before the end starts the fold
// over: O(rows) once, after which a range from row p.i on costs its length.
// Eight bytes a row, and two to four table entries of 24 bytes a value (A3).
//
// distinct_last(x, n) walks back from the end of the range over rows whose value
// does not come again in it, which after tells. It costs as many rows as it has
// to pass until it has found n values; where a range holds fewer, its length.
type distinct struct {
	t      *track
	c      *event.Column
	before []int32 // -1: none
	firsts []int32 // firsts[k]: how many of the first k rows had a new value
	after  []int32 // the row that next has row k's value, or never; kept once distinct_last was asked for
	linked bool
	last   lastTable
}

// never is the next row of a value that does not come again.
const never = math.MaxInt32

func (f *distinct) reset() { f.changed(0) }

// changed starts over even where only the tail changed: before[k] of later rows
// and the table both tell of rows that may be gone, and no entry says what it
// held earlier.
func (f *distinct) changed(from int) {
	if from < len(f.before) {
		f.before, f.firsts, f.after = f.before[:0], f.firsts[:0], f.after[:0]
		f.last.clear()
	}
}

// undo takes the last rows out one by one, newest first: each gives its value
// back to the row before it. A value that no row has left stays in the table
// without one, until the table grows.
func (f *distinct) undo(from int) {
	for k := len(f.before) - 1; k >= from; k-- {
		b := f.before[k]
		f.last.find(identity(f.c, f.t.row(k))).row = b
		if k < len(f.after) {
			f.after = f.after[:k]
			if b >= 0 {
				f.after[b] = never
			}
		}
		f.before, f.firsts = f.before[:k], f.firsts[:k+1]
	}
}

// settle takes in the track's new rows in order. before and firsts grow
// together: len(firsts) is len(before)+1, as firsts[0] counts no rows.
func (f *distinct) settle() {
	if len(f.firsts) == 0 {
		f.firsts = append(f.firsts, 0)
	}
	for k := len(f.before); k < f.t.len(); k++ {
		b := f.last.swap(identity(f.c, f.t.row(k)), int32(k))
		news := f.firsts[k]
		if b < 0 {
			news++
		}
		f.before, f.firsts = append(f.before, b), append(f.firsts, news)
	}
	if f.linked {
		f.link()
	}
}

// link brings after up to before.
func (f *distinct) link() {
	for k := len(f.after); k < len(f.before); k++ {
		f.after = append(f.after, never)
		if b := f.before[k]; b >= 0 {
			f.after[b] = int32(k)
		}
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

// value counts the rows whose value the range has not shown before. A range
// from row 0 on, as every lifetime's is, reads one number; others cost their
// length.
func (f *distinct) value(s *Slot, p span, out *event.Column) {
	if s.Aggregate == DistinctLast {
		f.newest(s, p, out)
		return
	}
	f.settle()
	n := int64(f.firsts[p.j])
	if p.i > 0 {
		n = 0
		for _, b := range f.before[p.i:p.j] {
			if int(b) < p.i {
				n++
			}
		}
	}
	out.AppendInt(n)
}

// newest appends the list of the N values that the range has last, newest first,
// each at its last place.
func (f *distinct) newest(s *Slot, p span, out *event.Column) {
	f.linked = true
	f.settle()
	f.walkBack(s, p, func(row int) { appendValue(out.Elem, f.c, row) })
	out.EndList()
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
	f.linked = f.linked || s.Aggregate == DistinctLast
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

// lastTable maps a value to the row that last had it. Clearing it is one step:
// entries of an older age are not there.
type lastTable struct {
	entries []lastEntry // open addressing; length a power of two
	used    int
	age     uint32
}

type lastEntry struct {
	value event.Int128
	row   int32
	age   uint32
}

// clear costs nothing but once in 2^32 times, when the ages would begin again.
// An arena resets its run for every key, and wiping a large table for each
// would cost more than the keys' few events.
func (t *lastTable) clear() {
	t.used = 0
	t.age++
	if t.age == math.MaxUint32 {
		clear(t.entries)
		t.age = 0
	}
}

// swap sets the value's row and returns the one it had, or -1.
func (t *lastTable) swap(v event.Int128, row int32) int32 {
	if 2*t.used >= len(t.entries) {
		t.grow()
	}
	e := t.find(v)
	if e.age != t.age+1 {
		*e = lastEntry{v, row, t.age + 1}
		t.used++
		return -1
	}
	b := e.row
	e.row = row
	return b
}

// once returns the row that the value has, after giving it one if it had none.
func (t *lastTable) once(v event.Int128, row int32) int32 {
	if 2*t.used >= len(t.entries) {
		t.grow()
	}
	e := t.find(v)
	if e.age != t.age+1 {
		*e = lastEntry{v, row, t.age + 1}
		t.used++
	}
	return e.row
}

// find returns the value's entry, or the free one where it belongs.
func (t *lastTable) find(v event.Int128) *lastEntry {
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
func (t *lastTable) grow() {
	old := t.entries
	t.entries, t.used = make([]lastEntry, max(16, 2*len(old))), 0
	for _, e := range old {
		if e.age == t.age+1 && e.row >= 0 {
			*t.find(e.value) = e
			t.used++
		}
	}
}
