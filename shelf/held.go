package shelf

import (
	"errors"
	"slices"
	"unsafe"

	"github.com/timeseam/timeseam/features/event"
)

// Held is what a run knows of some keys when it ends: of each the rows that may
// still count, and what is left of those that are gone.
type Held struct {
	Keys    []event.Hash // ascending, each once
	Ends    []uint32     // of key k the rows end before Ends[k], and begin where those of the key before end
	Bases   [][]byte     // by key what is left of rows that are gone; nil: of no key anything
	Times   []event.Time
	Arrived []event.Time
	Columns []event.Column
}

// Rows is the rows of key k: from, up to but without to.
func (h *Held) Rows(k int) (from, to int) {
	if k > 0 {
		from = int(h.Ends[k-1])
	}
	return from, int(h.Ends[k])
}

// Pack returns the bytes of keys from to to-1, laid out in docs/formats.md. It takes
// over a buffer, to write there what fits.
func (h *Held) Pack(from, to int, buffer []byte) []byte {
	first, end := 0, 0
	if from < to {
		first, _ = h.Rows(from)
		_, end = h.Rows(to - 1)
	}
	k := packer{b: buffer[:0]}
	k.word(to - from)
	k.word(end - first)
	pack(&k, h.Keys[from:to])
	ends := make([]uint32, to-from)
	for i := range ends {
		ends[i] = h.Ends[from+i] - uint32(first)
	}
	pack(&k, ends)
	k.bases(h, from, to)
	pack(&k, cut(h.Times, first, end))
	if h.Arrived == nil {
		k.word(0)
	} else {
		k.word(1)
		pack(&k, h.Arrived[first:end])
	}
	for i := range h.Columns {
		c := h.Columns[i]
		if !slices.Contains(cut(c.Null, first, end), true) {
			c.Null = nil // equal rows have equal bytes, however they came together
		}
		k.column(&c, first, end)
	}
	return k.b
}

// bases appends whether there are bases, where each ends, and all of them.
func (k *packer) bases(h *Held, from, to int) {
	if h.Bases == nil {
		k.word(0)
		return
	}
	k.word(1)
	ends, size := make([]uint32, to-from), 0
	for i := range ends {
		size += len(h.Bases[from+i])
		ends[i] = uint32(size)
	}
	pack(k, ends)
	for _, b := range h.Bases[from:to] {
		k.b = append(k.b, b...)
	}
	k.b = append(k.b, make([]byte, -size&7)...)
}

// errHeld is that of bytes that Pack never wrote.
var errHeld = errors.New("a section is damaged")

// UnpackHeld reads what Pack wrote of columns of such types. Its vectors are windows
// on b, which begins at a multiple of eight bytes. Bytes may be foreign: whatever
// does not hold together is an error.
func UnpackHeld(b []byte, types []event.Type) (*Held, error) {
	r := reader{b: b}
	n, rows := r.word(), r.word()
	h := &Held{Keys: read[event.Hash](&r, n), Ends: read[uint32](&r, n)}
	if r.flag() {
		h.Bases = r.texts(n)
	}
	h.Times = read[event.Time](&r, rows)
	if r.flag() {
		h.Arrived = read[event.Time](&r, rows)
	}
	for _, t := range types {
		h.Columns = append(h.Columns, r.column(t, rows))
	}
	if !r.ascend(h.Ends, rows) || r.bad || r.at != len(b) {
		return nil, errHeld
	}
	for i := 1; i < n; i++ {
		if a, b := h.Keys[i-1], h.Keys[i]; a.Hi > b.Hi || a.Hi == b.Hi && a.Lo >= b.Lo {
			return nil, errHeld
		}
	}
	return h, nil
}

// reader reads what a packer wrote and somebody else may have written over. After the
// first fault it reads nothing.
type reader struct {
	b   []byte
	at  int
	bad bool
}

// read reads a vector of n values; nil where there are none, or not so many.
func read[T any](r *reader, n int) []T {
	var one T
	size := int(unsafe.Sizeof(one))
	if r.bad || n < 0 || n > (len(r.b)-r.at)/size {
		r.bad = true
		return nil
	}
	if n == 0 {
		return []T{}
	}
	v := unsafe.Slice((*T)(unsafe.Pointer(&r.b[r.at])), n)
	r.at = min(r.at+(n*size+7)&^7, len(r.b))
	return v
}

func (r *reader) word() int {
	if w := read[int64](r, 1); w != nil {
		return int(w[0])
	}
	return 0
}

// flag reads whether something is there.
func (r *reader) flag() bool {
	w := r.word()
	r.bad = r.bad || w < 0 || w > 1
	return w == 1
}

// ascend reports whether ends never fall, and the last is n.
func (r *reader) ascend(ends []uint32, n int) bool {
	at := uint32(0)
	for _, end := range ends {
		if end < at {
			r.bad = true
			return false
		}
		at = end
	}
	r.bad = r.bad || int(at) != n
	return !r.bad
}

// texts reads n texts, each behind the other.
func (r *reader) texts(n int) [][]byte {
	ends := read[uint32](r, n)
	size := 0
	if len(ends) > 0 {
		size = int(ends[len(ends)-1])
	}
	all := read[byte](r, size)
	if !r.ascend(ends, size) {
		return nil
	}
	texts, from := make([][]byte, n), uint32(0)
	for i, end := range ends {
		texts[i] = all[from:end:end]
		from = end
	}
	return texts
}

// column reads n values of a type that events have.
func (r *reader) column(t event.Type, n int) event.Column {
	c := event.Column{Type: t}
	if r.flag() {
		for _, b := range read[byte](r, n) {
			r.bad = r.bad || b > 1
		}
		if r.at -= (n + 7) &^ 7; !r.bad {
			c.Null = read[bool](r, n)
		}
	}
	switch {
	case r.bad:
	case t.Text():
		r.text(&c, n)
	case t.Kind == event.Double:
		c.Floats = read[float64](r, n)
	case t.Kind == event.Decimal:
		c.Decimals = read[event.Int128](r, n)
	case t.Kind == event.Null:
		c.Rows = n
	case t.Kind == event.List || t.Kind == event.Map || t.Kind == event.Struct || t.Kind == event.Unknown:
		r.bad = true
	default:
		c.Ints = read[int64](r, n)
	}
	return c
}

// text reads n texts: which each row has, and each text once.
func (r *reader) text(c *event.Column, n int) {
	c.Codes = read[uint32](r, n)
	entries := r.word()
	if entries < 0 || entries > len(r.b) {
		r.bad = true
		return
	}
	c.Dict = &event.Dict{Offsets: read[uint32](r, entries+1)}
	size := r.word()
	c.Dict.Bytes = read[byte](r, size)
	if r.bad || !r.ascend(c.Dict.Offsets, size) || c.Dict.Offsets[0] != 0 {
		r.bad = true
		return
	}
	for row, code := range c.Codes {
		if int(code) >= entries && (code != 0 || !c.IsNull(row)) {
			r.bad = true
			return
		}
	}
}
