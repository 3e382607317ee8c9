package sink

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/endian"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// parquetColumn is a column of a file and how it is encoded there.
type parquetColumn struct {
	field  arrow.Field
	flat   []flatLeaf // its leaves; nil: the library encodes it
	chosen bool       // of text, whether it has a dictionary
}

// flatLeaf is a leaf that is no part of a list: a column, or a field of a struct.
type flatLeaf struct {
	leaf *schema.Column
	way  way
	path []int  // from the column, by the places of fields
	may  []bool // be null: the column, and every field of the path
}

// way is how a leaf is encoded.
type way uint8

const (
	byLibrary    way = iota // of a type that is rare
	plainDoubles            // or, in a group in which they repeat, by dictionary
	plainLongs              // likewise
	plainTexts
	wordTexts // by dictionary
)

// parquetColumns is the columns of a file before it has rows.
func parquetColumns(s *arrow.Schema, props *parquet.WriterProperties) ([]parquetColumn, error) {
	columns := make([]parquetColumn, s.NumFields())
	for i, f := range s.Fields() {
		stored, err := pqarrow.ToParquet(arrow.NewSchema([]arrow.Field{f}, nil), props, pqarrow.DefaultWriterProps())
		if err != nil {
			return nil, err
		}
		columns[i] = parquetColumn{field: f, flat: flatLeaves(f, nil, nil)}
		for k := range columns[i].flat {
			columns[i].flat[k].leaf = stored.Column(k)
		}
	}
	return columns, nil
}

// flatLeaves is the leaves of f, which is behind a path; nil if the library is to
// encode one of them. A text in a struct has a dictionary.
func flatLeaves(f arrow.Field, path []int, may []bool) (leaves []flatLeaf) {
	may = append(slices.Clone(may), f.Nullable)
	t, ok := f.Type.(*arrow.StructType)
	if !ok {
		w := wayOf(f.Type)
		if w == byLibrary {
			return nil
		}
		if w == plainTexts && len(path) > 0 {
			w = wordTexts
		}
		return []flatLeaf{{way: w, path: path, may: may}}
	}
	for i, part := range t.Fields() {
		some := flatLeaves(part, append(slices.Clone(path), i), may)
		if some == nil {
			return nil
		}
		leaves = append(leaves, some...)
	}
	return leaves
}

// wayOf is the way of a type whose vectors Parquet's plain encoding takes as they
// are. Text is looked at before.
func wayOf(t arrow.DataType) way {
	if endian.IsBigEndian {
		return byLibrary
	}
	switch t.ID() {
	case arrow.FLOAT64:
		return plainDoubles
	case arrow.INT64:
		return plainLongs
	case arrow.TIMESTAMP:
		if unit := t.(*arrow.TimestampType).Unit; unit == arrow.Microsecond || unit == arrow.Millisecond {
			return plainLongs
		}
	case arrow.STRING, arrow.BINARY:
		return plainTexts
	}
	return byLibrary
}

// dictionaryRows is how many texts of a file decide whether it has a dictionary of
// them: those of the first rows, so that it follows from the rows alone (O1).
const dictionaryRows = 4096

// choose decides on a dictionary for a column of text that none was decided on yet.
// Where more than half of the texts differ a dictionary holds about all of them, and
// to look each up takes longer than all the rest of the encoding.
func (c *parquetColumn) choose(arr arrow.Array) {
	if c.chosen || len(c.flat) != 1 || c.flat[0].way != plainTexts {
		return
	}
	c.chosen = true
	all := textsOf(arr)
	differ, n := map[string]bool{}, 0
	for i := 0; i < arr.Len() && n < dictionaryRows; i++ {
		if arr.IsValid(i) {
			differ[string(all.row(i))] = true
			n++
		}
	}
	if 2*len(differ) <= n {
		c.flat[0].way = wordTexts
	}
}

// flatValues is the values of a column on their way to pages.
type flatValues interface {
	// end is where a page that begins with row lo ends.
	end(lo int) int
	// append appends those of rows lo to hi that are there; valid is nil where all are.
	append(page []byte, lo, hi int, valid []byte) []byte
	// statistics is what is known of all that was appended.
	statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error)
}

// dictionary is values by their places in one.
type dictionary interface {
	flatValues
	// dictionary appends the entries as the dictionary's page has them.
	dictionary(page []byte) []byte
	entries() int
}

// values is those of arr; valid says which are there, nil: all.
func (l *flatLeaf) values(arr arrow.Array, valid []byte, scratch *gathered) flatValues {
	switch l.way {
	case wordTexts:
		if scratch.words.take(arr, valid) {
			return &scratch.words
		}
	case plainDoubles, plainLongs:
		if scratch.numbers.take(l.way, arr, valid) {
			return &scratch.numbers
		}
	}
	switch l.way {
	case plainDoubles:
		f := newFixed(vector[float64](arr.Data()))
		f.at, f.scratch = arr.Data().Offset(), &scratch.floats
		return f
	case plainLongs:
		f := newFixed(vector[int64](arr.Data()))
		f.at, f.scratch = arr.Data().Offset(), &scratch.ints
		return f
	}
	return textsOf(arr)
}

// word is what values of eight bytes are computed with.
type word interface{ int64 | float64 }

// gathered is room for the values of some rows that are there, and for those by
// dictionary.
type gathered struct {
	floats  [step]float64
	ints    [step]int64
	words   words
	numbers numbers
}

// fixed is values of eight bytes.
type fixed[T word] struct {
	values      []T
	at          int // of the first row, in the bits that say which are there
	scratch     *[step]T
	least, most T // least is above most until a value was met; NaN is none
}

// newFixed is values of which none was met.
func newFixed[T word](values []T) *fixed[T] {
	f := &fixed[T]{values: values}
	switch f := any(f).(type) {
	case *fixed[float64]:
		f.least, f.most = math.Inf(1), math.Inf(-1)
	case *fixed[int64]:
		f.least, f.most = math.MaxInt64, math.MinInt64
	}
	return f
}

// meet notes values for the statistics.
func (f *fixed[T]) meet(rows []T) {
	for _, v := range rows {
		if v < f.least {
			f.least = v
		}
		if v > f.most {
			f.most = v
		}
	}
}

// vector is the values of d; where there are no rows there may be no vector.
func vector[T word | uint64](d arrow.ArrayData) []T {
	if d.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(d.Buffers()[1].Bytes()))), d.Offset()+d.Len())[d.Offset():]
}

func (f *fixed[T]) end(lo int) int { return min(lo+pageBytes/8, len(f.values)) }

// append goes by few rows, which are in the cache from the first look to the last.
func (f *fixed[T]) append(page []byte, lo, hi int, valid []byte) []byte {
	for ; lo < hi; lo += step {
		rows := f.values[lo:min(lo+step, hi)]
		if valid != nil {
			rows = present(f.scratch, rows, valid, f.at+lo)
		}
		f.meet(rows)
		page = append(page, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(rows))), 8*len(rows))...)
	}
	return page
}

// present is the values of rows that are there, bit at telling of the first. Which
// are is hardly to be foreseen, so that every value is moved and the next may come
// to lie over it.
func present[T any](scratch *[step]T, rows []T, valid []byte, at int) []T {
	n := 0
	for i, v := range rows {
		scratch[n&(step-1)] = v
		n += int(valid[(at+i)>>3]>>((at+i)&7)) & 1
	}
	return scratch[:n]
}

func (f *fixed[T]) statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error) {
	var ends []T
	if f.least <= f.most {
		ends = []T{f.least, f.most}
	}
	return encodedStatistics(leaf, ends, nulls)
}

// encodedStatistics has the library spell statistics of which the ends are known.
func encodedStatistics[T any](leaf *schema.Column, ends []T, nulls int64) (metadata.EncodedStatistics, error) {
	all := metadata.NewStatistics(leaf, memory.DefaultAllocator)
	all.(interface{ Update(values []T, nulls int64) }).Update(ends, nulls)
	s, err := all.Encode()
	s.ApplyStatSizeLimits(int(parquet.DefaultMaxStatsSize))
	s.Signed = leaf.SortOrder() == schema.SortSIGNED
	return s, err
}

// texts is values of any length, each after its length.
type texts struct {
	offsets     []int32 // one more than rows
	bytes       []byte  // from the first row's on
	at          int
	least, most []byte // nil until a value was met
}

// textsOf is those of an array of strings or bytes.
func textsOf(arr arrow.Array) *texts {
	t := &texts{at: arr.Data().Offset(), offsets: []int32{0}}
	if arr.Len() > 0 {
		t.offsets, t.bytes = arr.(interface{ ValueOffsets() []int32 }).ValueOffsets(), arr.(array.BinaryLike).ValueBytes()
	}
	return t
}

func (t *texts) row(i int) []byte {
	first := t.offsets[0]
	return t.bytes[t.offsets[i]-first : t.offsets[i+1]-first : t.offsets[i+1]-first]
}

// end is behind the row with which a page has its bytes.
func (t *texts) end(lo int) int {
	bytes := 0
	for lo < len(t.offsets)-1 && bytes < pageBytes {
		bytes += 4 + int(t.offsets[lo+1]-t.offsets[lo])
		lo++
	}
	return lo
}

func (t *texts) append(page []byte, lo, hi int, valid []byte) []byte {
	for i := lo; i < hi; i++ {
		if valid != nil && !bitutil.BitIsSet(valid, t.at+i) {
			continue
		}
		v := t.row(i)
		t.meet(v)
		page = append(binary.LittleEndian.AppendUint32(page, uint32(len(v))), v...)
	}
	return page
}

// meet notes a text for the statistics.
func (t *texts) meet(v []byte) {
	if t.least == nil || bytes.Compare(v, t.least) < 0 {
		t.least = v
	}
	if t.most == nil || bytes.Compare(v, t.most) > 0 {
		t.most = v
	}
}

func (t *texts) statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error) {
	var ends []parquet.ByteArray
	if t.least != nil {
		ends = []parquet.ByteArray{t.least, t.most}
	}
	return encodedStatistics(leaf, ends, nulls)
}
