package shelf

import (
	"fmt"
	"unsafe"

	"github.com/timeseam/timeseam/features/event"
)

// Piece is some rows that were taken in together. All pieces of one kind have the
// same vectors; what a kind has no use for is nil.
type Piece struct {
	Len     int
	Rows    []uint32 // numbers of rows elsewhere
	Keys    []event.Hash
	Times   []event.Time
	Arrived []event.Time
	Columns []event.Column
}

// Make returns a piece of n rows that has the vectors of another: those of keys,
// times and columns of single values. They come and go together, so that they stand
// in one piece of memory, and nothing is in them.
func Make(like *Piece, n int) Piece {
	p := Piece{Len: n, Columns: make([]event.Column, len(like.Columns))}
	size := vectorSize(like.Keys, n) + vectorSize(like.Times, n) + vectorSize(like.Arrived, n)
	for i := range like.Columns {
		if c := &like.Columns[i]; c.Type.Scalar() {
			size += vectorSize(c.Null, n) + vectorSize(c.Ints, n) + vectorSize(c.Floats, n) + vectorSize(c.Decimals, n) + vectorSize(c.Codes, n)
		}
	}
	m := memory(make([]uint64, size/8))
	p.Keys, p.Times, p.Arrived = vector(&m, like.Keys, n), vector(&m, like.Times, n), vector(&m, like.Arrived, n)
	for i := range like.Columns {
		if c := &like.Columns[i]; c.Type.Scalar() {
			p.Columns[i] = event.Column{Type: c.Type, Dict: c.Dict, Null: vector(&m, c.Null, n), Ints: vector(&m, c.Ints, n),
				Floats: vector(&m, c.Floats, n), Decimals: vector(&m, c.Decimals, n), Codes: vector(&m, c.Codes, n)}
		}
		if like.Columns[i].Type.Kind == event.Null {
			p.Columns[i].Rows = n
		}
	}
	return p
}

// Instants is times as a column of timestamps has them, in the same memory.
func Instants(times []event.Time) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(times))), len(times))
}

// memory is what vectors are cut from, in words.
type memory []uint64

// vectorSize is how many bytes a vector of n values like another takes, as whole words.
func vectorSize[T any](like []T, n int) int {
	var one T
	if like == nil {
		return 0
	}
	return (n*int(unsafe.Sizeof(one)) + 7) &^ 7
}

// vector cuts off a vector of n values, if there is one to be like.
func vector[T any](m *memory, like []T, n int) []T {
	if like == nil {
		return nil
	}
	v := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(*m))), n)
	*m = (*m)[vectorSize(like, n)/8:]
	return v
}

// slice is rows i to j-1. It shares the vectors. Its columns stand behind those of a
// vector that has room.
func (p *Piece) slice(i, j int, behind *[]event.Column) Piece {
	s := Piece{Len: j - i, Rows: cut(p.Rows, i, j), Keys: cut(p.Keys, i, j), Times: cut(p.Times, i, j), Arrived: cut(p.Arrived, i, j)}
	if n := len(p.Columns); behind != nil && cap(*behind)-len(*behind) >= n {
		*behind = (*behind)[:len(*behind)+n]
		s.Columns = cut(*behind, len(*behind)-n, len(*behind))
	} else {
		s.Columns = make([]event.Column, n)
	}
	for c := range p.Columns {
		s.Columns[c] = sliceColumn(&p.Columns[c], i, j)
	}
	return s
}

// sliceColumn is rows i to j-1 of a column of any type. Offsets of lists stay those
// of the whole column's elements.
func sliceColumn(c *event.Column, i, j int) event.Column {
	s := c.Slice(i, j)
	switch c.Type.Kind {
	case event.List, event.Map:
		s.Offsets, s.Elem = c.Offsets[i:j+1], c.Elem
	case event.Struct, event.Unknown:
		s.Rows = j - i
		for f := range c.Fields {
			s.Fields = append(s.Fields, sliceColumn(&c.Fields[f], i, j))
		}
	}
	return s
}

func cut[T any](v []T, i, j int) []T {
	if v == nil {
		return nil
	}
	return v[i:j:j]
}

// sizes is about how many bytes pieces take in memory: each without dictionaries,
// and these, which they may share, with their hashes.
func sizes(pieces []Piece) (each []int64, dicts int64) {
	seen := map[*event.Dict]bool{}
	for k := range pieces {
		p := &pieces[k]
		n := 4*len(p.Rows) + 16*len(p.Keys) + 8*len(p.Times) + 8*len(p.Arrived)
		for i := range p.Columns {
			n += columnSize(&p.Columns[i], seen)
		}
		each = append(each, int64(n))
	}
	for d := range seen {
		dicts += int64(len(d.Bytes) + 20*len(d.Offsets))
	}
	return each, dicts
}

// columnSize notes the dictionaries that the column uses.
func columnSize(c *event.Column, dicts map[*event.Dict]bool) int {
	n := len(c.Null) + 8*len(c.Ints) + 8*len(c.Floats) + 16*len(c.Decimals) + 4*len(c.Codes) + 4*len(c.Offsets)
	if c.Dict != nil {
		dicts[c.Dict] = true
	}
	if c.Elem != nil {
		n += columnSize(c.Elem, dicts)
	}
	for f := range c.Fields {
		n += columnSize(&c.Fields[f], dicts)
	}
	return n
}

// packer writes rows of pieces as bytes, for the same process to read again: words
// as the machine has them, every vector at a multiple of eight bytes. Of a
// dictionary a section holds the texts that its rows name.
type packer struct {
	b     []byte
	codes []uint32 // scratch: of each entry of a dictionary, its number in the section and one, or 0
}

// section appends rows i to j-1 of p.
func (k *packer) section(p *Piece, i, j int) {
	k.word(j - i)
	pack(k, cut(p.Rows, i, j))
	pack(k, cut(p.Keys, i, j))
	pack(k, cut(p.Times, i, j))
	pack(k, cut(p.Arrived, i, j))
	for c := range p.Columns {
		k.column(&p.Columns[c], i, j)
	}
}

func (k *packer) word(n int) { pack(k, []int64{int64(n)}) }

// pack appends a vector, and what makes its length a multiple of eight.
func pack[T any](k *packer, v []T) {
	if len(v) == 0 {
		return
	}
	var one T
	size := len(v) * int(unsafe.Sizeof(one))
	k.b = append(k.b, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), size)...)
	for ; size%8 != 0; size++ {
		k.b = append(k.b, 0)
	}
}

// column appends rows i to j-1 of a column: whether it has nulls, and its vectors.
func (k *packer) column(c *event.Column, i, j int) {
	if c.Null == nil {
		k.word(0)
	} else {
		k.word(1)
		pack(k, c.Null[i:j])
	}
	switch c.Type.Kind {
	case event.Double:
		pack(k, c.Floats[i:j])
	case event.Decimal:
		pack(k, c.Decimals[i:j])
	case event.String, event.Bytes:
		k.text(c, i, j)
	case event.List, event.Map:
		pack(k, c.Offsets[i:j+1])
		k.column(c.Elem, int(c.Offsets[i]), int(c.Offsets[j]))
	case event.Struct:
		for f := range c.Fields {
			k.column(&c.Fields[f], i, j)
		}
	case event.Null, event.Unknown:
	default:
		pack(k, c.Ints[i:j])
	}
}

// text appends the rows' texts, each once, and which of them every row has.
func (k *packer) text(c *event.Column, i, j int) {
	if len(k.codes) < c.Dict.Len() {
		k.codes = make([]uint32, c.Dict.Len())
	}
	codes, used := make([]uint32, j-i), []uint32{}
	offsets, size := []uint32{0}, uint32(0)
	for row, code := range c.Codes[i:j] {
		if c.IsNull(i + row) {
			continue // whatever text its code is, the rows do not name it
		}
		if k.codes[code] == 0 {
			used = append(used, code)
			k.codes[code] = uint32(len(used))
			size += uint32(len(c.Dict.At(code)))
			offsets = append(offsets, size)
		}
		codes[row] = k.codes[code] - 1
	}
	pack(k, codes)
	k.word(len(used))
	pack(k, offsets)
	text := make([]byte, 0, size)
	for _, code := range used {
		text = append(text, c.Dict.At(code)...)
		k.codes[code] = 0
	}
	k.word(len(text))
	pack(k, text)
}

// unpacker reads what a packer wrote, where it stands: the vectors of its pieces
// are windows on b, which must begin at a multiple of eight bytes.
type unpacker struct {
	b  []byte
	at int
}

// shape is which vectors the pieces of a kind have, and the types of their columns.
type shape struct {
	Rows, Keys, Times, Arrived bool
	Types                      []event.Type
}

func shapeOf(p *Piece) shape {
	s := shape{Rows: p.Rows != nil, Keys: p.Keys != nil, Times: p.Times != nil, Arrived: p.Arrived != nil}
	for i := range p.Columns {
		s.Types = append(s.Types, p.Columns[i].Type)
	}
	return s
}

// section reads one section of pieces of a shape.
func (u *unpacker) section(s *shape) Piece {
	p := Piece{Len: u.word()}
	if s.Rows {
		p.Rows = unpack[uint32](u, p.Len)
	}
	if s.Keys {
		p.Keys = unpack[event.Hash](u, p.Len)
	}
	if s.Times {
		p.Times = unpack[event.Time](u, p.Len)
	}
	if s.Arrived {
		p.Arrived = unpack[event.Time](u, p.Len)
	}
	for _, t := range s.Types {
		p.Columns = append(p.Columns, u.column(t, p.Len))
	}
	return p
}

func (u *unpacker) word() int { return int(unpack[int64](u, 1)[0]) }

// unpack reads a vector of n values.
func unpack[T any](u *unpacker, n int) []T {
	if n == 0 {
		return []T{}
	}
	var one T
	size := n * int(unsafe.Sizeof(one))
	if size > len(u.b)-u.at {
		panic(fmt.Sprintf("timetravel: a section ends at byte %d of %d", u.at+size, len(u.b)))
	}
	v := unsafe.Slice((*T)(unsafe.Pointer(&u.b[u.at])), n)
	u.at += (size + 7) &^ 7
	return v
}

// column reads a column of n rows.
func (u *unpacker) column(t event.Type, n int) event.Column {
	c := event.Column{Type: t}
	if u.word() == 1 {
		c.Null = unpack[bool](u, n)
	}
	switch t.Kind {
	case event.Double:
		c.Floats = unpack[float64](u, n)
	case event.Decimal:
		c.Decimals = unpack[event.Int128](u, n)
	case event.String, event.Bytes:
		c.Codes = unpack[uint32](u, n)
		entries := u.word()
		c.Dict = &event.Dict{Offsets: unpack[uint32](u, entries+1)}
		c.Dict.Bytes = unpack[byte](u, u.word())
	case event.List, event.Map:
		u.list(&c, n)
	case event.Struct:
		c.Rows = n
		for f := range t.Fields {
			c.Fields = append(c.Fields, u.column(t.Fields[f].Type, n))
		}
	case event.Null, event.Unknown:
		c.Rows = n
	default:
		c.Ints = unpack[int64](u, n)
	}
	return c
}

// list reads n lists, whose offsets are those of the column they were cut from.
func (u *unpacker) list(c *event.Column, n int) {
	c.Offsets = unpack[int32](u, n+1)
	first := c.Offsets[0]
	for i := range c.Offsets {
		c.Offsets[i] -= first
	}
	elem := u.column(*c.Type.Elem, int(c.Offsets[n]))
	c.Elem = &elem
}
