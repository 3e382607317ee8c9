package event

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"
)

// CanonicalNaN is the one NaN that columns hold (E3). Hardware and libraries make
// NaNs of many bit patterns, which would tell equal values apart in a hash or in
// an output file (S2.1, S8.1); whoever fills Floats replaces them by this one.
var CanonicalNaN = math.Float64frombits(0x7ff8000000000001)

// Dict holds texts, one after the other: entry i is
// Bytes[Offsets[i]:Offsets[i+1]]. It says nothing of uniqueness: one text may
// stand in several entries, so codes tell texts apart only where the Dict is that
// of Symbols. Offsets bound all its text to 4 GiB.
type Dict struct {
	Offsets []uint32 // one more than entries; Offsets[0] is 0
	Bytes   []byte
	hashes  atomic.Pointer[[]Hash]
	lent    loans // of Symbols
}

// NewDict returns a dictionary with no entry.
func NewDict() *Dict { return &Dict{Offsets: []uint32{0}} }

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.Offsets) - 1 }

// At returns entry i; the caller must not change or keep it.
func (d *Dict) At(i uint32) []byte {
	if i >= firstBorrowed {
		return d.borrowed(i)
	}
	return d.Bytes[d.Offsets[i]:d.Offsets[i+1]]
}

// Add appends an entry and returns its code.
func (d *Dict) Add(text []byte) uint32 {
	d.Bytes = append(d.Bytes, text...)
	d.Offsets = append(d.Offsets, uint32(len(d.Bytes)))
	return uint32(len(d.Offsets) - 2)
}

// Hashes returns the wide hash of every entry, made once. It may be called from
// several goroutines while nobody adds entries. Two that arrive at once may both
// compute; they store equal slices, so that neither waits and either may win.
func (d *Dict) Hashes() []Hash {
	var known []Hash
	if p := d.hashes.Load(); p != nil {
		known = *p
	}
	if len(known) == d.Len() {
		return known
	}
	all := make([]Hash, d.Len())
	from := d.Offsets[copy(all, known)]
	for i, to := range d.Offsets[len(known)+1:] {
		all[len(known)+i] = HashBytes(d.Bytes[from:to])
		from = to
	}
	d.hashes.Store(&all)
	return all
}

// Hash is the wide identity of a value or key: 128 bits, seeded, the same on
// every machine. Keys of one hash are taken for one key: so wide, a chance
// collision among 10^12 keys is less likely than 10^-14.
type Hash struct{ Hi, Lo uint64 }

// hashSeed is fixed: no value depends on it.
const hashSeed = 0x74696d657365616d

// HashBytes hashes text. It never changes: which rows a sample keeps depends on it
// (S14.5), and states hold what it gave. No value of a feature does.
func HashBytes(b []byte) Hash {
	h := xxh3.Hash128Seed(b, hashSeed)
	return Hash{h.Hi, h.Lo}
}

// Column is the values of one field for the rows of a batch. Which vectors are in
// use follows from Type.Kind; the others are nil. Columns are not safe for
// writing by more than one goroutine; they may be read by many.
type Column struct {
	Type Type
	// A null row is still a row of the vectors below, and holds zero there (E1).
	Null     []bool    // Null[i]: row i is null; nil: no row is
	Ints     []int64   // Bool, Int, Date, Timestamp
	Floats   []float64 // Double
	Decimals []Int128  // Decimal
	Codes    []uint32  // String, Bytes: entries of Dict; never nil for a text column with rows
	Dict     *Dict
	Offsets  []int32  // List, Map: row i is Elem[Offsets[i]:Offsets[i+1]]; one more than rows
	Elem     *Column  // List; Map: its entries
	Fields   []Column // Struct: one column a field, each as long as this one
	Rows     int      // Null, Struct: number of rows, as no vector tells it
}

// Len is the number of rows.
func (c *Column) Len() int {
	switch c.Type.Kind {
	case Double:
		return len(c.Floats)
	case Decimal:
		return len(c.Decimals)
	case String, Bytes:
		return len(c.Codes)
	case List, Map:
		return max(len(c.Offsets)-1, 0)
	case Struct, Null, Unknown:
		return c.Rows
	}
	return len(c.Ints)
}

// IsNull reports whether row i is null. A struct may be null while its fields are
// not looked at: ask the outer column first.
func (c *Column) IsNull(i int) bool {
	return c.Type.Kind == Null || c.Null != nil && c.Null[i]
}

// Text returns the bytes of row i of a text column.
func (c *Column) Text(i int) []byte { return c.Dict.At(c.Codes[i]) }

// AppendNull appends a null row. The zero that is appended with it keeps E1. Null
// comes to be with the first null only, so that loops over columns without nulls
// can skip it whole.
func (c *Column) AppendNull() {
	n := c.Len()
	c.appendZero()
	if c.Type.Kind == Null {
		return
	}
	if c.Null == nil {
		c.Null = make([]bool, n, max(cap(c.Floats), cap(c.Ints), cap(c.Decimals), cap(c.Codes), 64, n+1))
	}
	c.Null = append(c.Null, true)
}

// appendZero lengthens every vector by the zero of its kind. A null list is an
// empty one, and a null struct has null fields, so that offsets and lengths stay
// in step.
func (c *Column) appendZero() {
	switch c.Type.Kind {
	case Double:
		c.Floats = append(c.Floats, 0)
	case Decimal:
		c.Decimals = append(c.Decimals, Int128{})
	case String, Bytes:
		c.Codes = append(c.Codes, 0)
	case List, Map:
		if len(c.Offsets) == 0 {
			c.Offsets = append(c.Offsets, 0)
		}
		c.Offsets = append(c.Offsets, c.Offsets[len(c.Offsets)-1])
	case Struct:
		for i := range c.Fields {
			c.Fields[i].AppendNull()
		}
		c.Rows++
	case Null, Unknown:
		c.Rows++
	default:
		c.Ints = append(c.Ints, 0)
	}
}

// NotNull marks the row just appended as no null; call it after appending to a
// vector by hand. Forgetting it leaves Null shorter than the vector, which IsNull
// meets with a panic of the index rather than with a wrong answer.
func (c *Column) NotNull() {
	if c.Null != nil {
		c.Null = append(c.Null, false)
	}
}

// AppendInt appends a row of kind Bool, Int, Date or Timestamp.
func (c *Column) AppendInt(v int64) { c.Ints = append(c.Ints, v); c.NotNull() }

// AppendFloat appends a row of kind Double. The caller brings NaN in its one form
// (E3).
func (c *Column) AppendFloat(v float64) { c.Floats = append(c.Floats, v); c.NotNull() }

// AppendDecimal appends a row of kind Decimal.
func (c *Column) AppendDecimal(v Int128) { c.Decimals = append(c.Decimals, v); c.NotNull() }

// AppendCode appends a row of a text column.
func (c *Column) AppendCode(v uint32) { c.Codes = append(c.Codes, v); c.NotNull() }

// AppendText appends a row of a text column and its text to the column's own
// dictionary. It must not be used on a column that shares another's dictionary
// (Like): entries would be added to what others read (E2).
func (c *Column) AppendText(v []byte) {
	if c.Dict == nil {
		c.Dict = NewDict()
	}
	c.AppendCode(c.Dict.Add(v))
}

// Make returns an empty column of type t, ready for appending.
func Make(t Type) Column {
	c := Column{Type: t}
	switch t.Kind {
	case List, Map:
		e := Make(*t.Elem)
		c.Elem, c.Offsets = &e, []int32{0}
	case Struct:
		c.Fields = make([]Column, len(t.Fields))
		for i := range t.Fields {
			c.Fields[i] = Make(t.Fields[i].Type)
		}
	case String, Bytes:
		c.Dict = NewDict()
	}
	return c
}

// Shares reports whether the column has texts, whose dictionary may be somebody's who
// adds to it.
func (c *Column) Shares() bool {
	switch c.Type.Kind {
	case String, Bytes:
		return true
	case List, Map:
		return c.Elem.Shares()
	case Struct:
		for i := range c.Fields {
			if c.Fields[i].Shares() {
				return true
			}
		}
	}
	return false
}

// Like returns an empty column of c's type whose texts speak c's dictionaries, so
// that appending from c copies codes. The result is for Append from c and its
// like; its texts must not be added to.
func (c *Column) Like() Column {
	l := Make(c.Type)
	l.speak(c)
	return l
}

// speak shares the dictionaries of like, those of elements and fields included.
func (c *Column) speak(like *Column) {
	c.Dict = like.Dict
	if c.Elem != nil {
		c.Elem.speak(like.Elem)
	}
	for i := range c.Fields {
		c.Fields[i].speak(&like.Fields[i])
	}
}

// Grow makes room for n more rows of single values. Lists and structs are left to
// grow by themselves: how many elements n lists have is not known here.
func (c *Column) Grow(n int) {
	switch c.Type.Kind {
	case Double:
		c.Floats = slices.Grow(c.Floats, n)
	case Decimal:
		c.Decimals = slices.Grow(c.Decimals, n)
	case String, Bytes:
		c.Codes = slices.Grow(c.Codes, n)
	case Bool, Int, Date, Timestamp:
		c.Ints = slices.Grow(c.Ints, n)
	}
}

// Append appends row i of src, which is of the same type. Text is copied unless
// both columns share one dictionary. Types are not checked: they were when the
// plan was compiled.
func (c *Column) Append(src *Column, i int) {
	if src.IsNull(i) {
		c.AppendNull()
		return
	}
	switch c.Type.Kind {
	case Double:
		c.AppendFloat(src.Floats[i])
	case Decimal:
		c.AppendDecimal(src.Decimals[i])
	case String, Bytes:
		if c.Dict == src.Dict {
			c.AppendCode(src.Codes[i])
		} else {
			c.AppendText(src.Text(i))
		}
	case List, Map:
		for k := src.Offsets[i]; k < src.Offsets[i+1]; k++ {
			c.Elem.Append(src.Elem, int(k))
		}
		c.EndList()
	case Struct:
		for f := range c.Fields {
			c.Fields[f].Append(&src.Fields[f], i)
		}
		c.Rows++
		c.NotNull()
	case Null, Unknown:
		c.Rows++
	default:
		c.AppendInt(src.Ints[i])
	}
}

// EndList ends the row of a list or map column whose elements were appended to Elem.
// Call it for an empty one too. The entries of a map come with ascending keys. Offsets are 32 bits: a batch holds fewer than
// 2^31 elements.
func (c *Column) EndList() {
	if len(c.Offsets) == 0 {
		c.Offsets = append(c.Offsets, 0)
	}
	c.Offsets = append(c.Offsets, int32(c.Elem.Len()))
	c.NotNull()
}

// Compare orders rows i of a and j of b, columns of one type, as content order
// does: null first, NaN last, zero equal to negative zero, text by bytes, lists
// and structs element by element (docs/semantics.md S5). It is a total order and
// the only one: ties, minima and ranks that were ordered by anything else would
// depend on the order of reading (S1.1).
func Compare(a *Column, i int, b *Column, j int) int {
	if an, bn := a.IsNull(i), b.IsNull(j); an || bn {
		return cmpBool(bn, an)
	}
	switch a.Type.Kind {
	case Double:
		return CompareFloat(a.Floats[i], b.Floats[j])
	case Decimal:
		return a.Decimals[i].Cmp(b.Decimals[j])
	case String, Bytes:
		if a.Dict == b.Dict && a.Codes[i] == b.Codes[j] {
			return 0
		}
		return bytes.Compare(a.Text(i), b.Text(j))
	case List, Map:
		return compareList(a, i, b, j)
	case Struct:
		for f := range a.Fields {
			if c := Compare(&a.Fields[f], i, &b.Fields[f], j); c != 0 {
				return c
			}
		}
		return 0
	}
	return cmp.Compare(a.Ints[i], b.Ints[j])
}

// compareList is lexicographic; of two lists where one begins the other the
// shorter is first.
func compareList(a *Column, i int, b *Column, j int) int {
	x, xe := int(a.Offsets[i]), int(a.Offsets[i+1])
	y, ye := int(b.Offsets[j]), int(b.Offsets[j+1])
	for ; x < xe && y < ye; x, y = x+1, y+1 {
		if c := Compare(a.Elem, x, b.Elem, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(xe-x, ye-y)
}

// cmpBool orders false before true.
func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// CompareFloat orders doubles with NaN greatest and equal to itself, and the two
// zeros equal (docs/semantics.md S8). The operators of Go do not order NaN at
// all, and sorting by them would leave its place to chance.
func CompareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return cmpBool(a != a, b != b)
}

// Batch is some events, or queries, in columns; what each column is, a Schema
// says. A batch read from a Source is the source's until the next Read. Every
// column has Len rows; Len stands apart as a batch may have no column.
type Batch struct {
	Len     int
	Columns []Column
	// Carried is what the rim brings along untouched: the spine's own columns,
	// row for row. Only sources make it and only sinks look inside.
	Carried arrow.RecordBatch
}
