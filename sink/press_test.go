package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/timeseam/timeseam/features/event"
)

// pageCase is a column that is encoded by hand, in one group.
type pageCase struct {
	name  string
	t     arrow.DataType
	must  bool // the column may not be null
	rows  int
	value func(r *rand.Rand, b array.Builder) // appends one
	pages int                                 // of values
	coded bool                                // by dictionary
}

var pageCases = []pageCase{
	{name: "one", t: arrow.PrimitiveTypes.Int64, rows: 1, value: anInt, pages: 1},
	{name: "doubles", t: arrow.PrimitiveTypes.Float64, rows: 5000, value: aDouble, pages: 1},
	{name: "doubles, few there", t: arrow.PrimitiveTypes.Float64, rows: 5000, value: mostly(aDouble, 0.01), pages: 1},
	{name: "doubles, most there", t: arrow.PrimitiveTypes.Float64, rows: 4999, value: mostly(aDouble, 0.99), pages: 1},
	{name: "doubles, none there", t: arrow.PrimitiveTypes.Float64, rows: 777, value: mostly(aDouble, 0), pages: 1},
	{name: "doubles of many pages", t: arrow.PrimitiveTypes.Float64, rows: 300_007, value: mostly(aDouble, 0.5), pages: 3},
	{name: "a full page", t: arrow.PrimitiveTypes.Float64, rows: pageBytes / 8, value: aDouble, pages: 1},
	{name: "doubles that must be", t: arrow.PrimitiveTypes.Float64, must: true, rows: 140_000, value: aDouble, pages: 2},
	{name: "NaN alone", t: arrow.PrimitiveTypes.Float64, rows: 9, coded: true, value: aConstant(math.NaN()), pages: 1},
	{name: "zeros", t: arrow.PrimitiveTypes.Float64, rows: 9, coded: true, value: aConstant(0), pages: 1},
	{name: "zeros below zero", t: arrow.PrimitiveTypes.Float64, rows: 9, coded: true, value: aConstant(math.Copysign(0, -1)), pages: 1},
	{name: "infinite", t: arrow.PrimitiveTypes.Float64, rows: 9, coded: true, value: aConstant(math.Inf(-1)), pages: 1},
	{name: "integers", t: arrow.PrimitiveTypes.Int64, rows: 3000, value: mostly(anInt, 0.7), pages: 1},
	{name: "counts", t: arrow.PrimitiveTypes.Int64, rows: 5000, value: mostly(aCount, 0.9), pages: 1, coded: true},
	{name: "counts of many pages", t: arrow.PrimitiveTypes.Int64, rows: 300_007, value: mostly(aCount, 0.5), pages: 3, coded: true},
	{name: "counts that must be", t: arrow.PrimitiveTypes.Int64, must: true, rows: 140_000, value: aCount, pages: 2, coded: true},
	{name: "a million days", t: arrow.FixedWidthTypes.Timestamp_us, rows: 9000, value: mostly(aDay, 0.7), pages: 1, coded: true},
	{name: "prices", t: arrow.PrimitiveTypes.Float64, rows: 200_000, value: mostly(aPrice, 0.8), pages: 2, coded: true},
	{name: "prices that must be", t: arrow.PrimitiveTypes.Float64, must: true, rows: 70_000, value: aPrice, pages: 1, coded: true},
	{name: "milliseconds", t: arrow.FixedWidthTypes.Timestamp_ms, rows: 3000, value: anInstant, pages: 1},
	{name: "microseconds", t: arrow.FixedWidthTypes.Timestamp_us, rows: 3000, value: mostly(anInstant, 0.9), pages: 1},
	{name: "texts", t: arrow.BinaryTypes.String, rows: 9000, value: mostly(aText, 0.8), pages: 1},
	{name: "texts of many pages", t: arrow.BinaryTypes.String, rows: 200_000, value: aText, pages: 6},
	{name: "texts that must be", t: arrow.BinaryTypes.String, must: true, rows: 100, value: aText, pages: 1},
	{name: "bytes", t: arrow.BinaryTypes.Binary, rows: 9000, value: mostly(someBytes, 0.8), pages: 1},
	{name: "a large text", t: arrow.BinaryTypes.String, rows: 3, value: aLargeText, pages: 3},
	{name: "an empty text", t: arrow.BinaryTypes.String, rows: 1, value: func(_ *rand.Rand, b array.Builder) { b.(*array.StringBuilder).Append("") }, pages: 1},
}

// mostly makes a share of the values null.
func mostly(value func(*rand.Rand, array.Builder), there float64) func(*rand.Rand, array.Builder) {
	return func(r *rand.Rand, b array.Builder) {
		if r.Float64() >= there {
			b.AppendNull()
			return
		}
		value(r, b)
	}
}

func aDouble(r *rand.Rand, b array.Builder) {
	v := []float64{-1, float64(r.IntN(100)), math.NaN(), math.MaxFloat64, r.NormFloat64()}[min(r.IntN(40), 4)]
	b.(*array.Float64Builder).Append(v)
}

func aConstant(v float64) func(*rand.Rand, array.Builder) {
	return func(_ *rand.Rand, b array.Builder) { b.(*array.Float64Builder).Append(v) }
}

func anInt(r *rand.Rand, b array.Builder) { b.(*array.Int64Builder).Append(r.Int64() - 1<<62) }

// aCount lies close to others, and at both ends of how far apart these may be.
func aCount(r *rand.Rand, b array.Builder) {
	b.(*array.Int64Builder).Append([]int64{-7, spanMost - 8, r.Int64N(1000)}[min(r.IntN(20), 2)])
}

func aDay(r *rand.Rand, b array.Builder) {
	b.(*array.TimestampBuilder).Append(arrow.Timestamp(r.Int64N(900) * 86_400_000_000_000))
}

// aPrice is one of some thousand, whose slots must grow, or one of the numbers that
// are equal and not the same.
func aPrice(r *rand.Rand, b array.Builder) {
	v := []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000002), float64(r.IntN(6_000)) / 100}[min(r.IntN(60), 4)]
	b.(*array.Float64Builder).Append(v)
}

func anInstant(r *rand.Rand, b array.Builder) {
	b.(*array.TimestampBuilder).Append(arrow.Timestamp(r.Int64N(1 << 50)))
}

func aText(r *rand.Rand, b array.Builder) {
	b.(*array.StringBuilder).Append(fmt.Sprintf("%d é", r.Uint64()))
}

func aLargeText(r *rand.Rand, b array.Builder) {
	b.(*array.StringBuilder).Append(strings.Repeat(fmt.Sprint(r.Uint64()), pageBytes/8))
}

func someBytes(r *rand.Rand, b array.Builder) {
	b.(*array.BinaryBuilder).Append(binary.LittleEndian.AppendUint64(nil, r.Uint64())[r.IntN(5):])
}

func (c pageCase) column() (arrow.Field, arrow.Array) {
	b := array.NewBuilder(memory.DefaultAllocator, c.t)
	defer b.Release()
	r := rand.New(rand.NewPCG(7, uint64(c.rows)))
	for range c.rows {
		c.value(r, b)
	}
	return arrow.Field{Name: "c", Type: c.t, Nullable: !c.must}, b.NewArray()
}

// encoded is a file of a group a column.
func encoded(t *testing.T, f arrow.Field, columns ...arrow.Array) []byte {
	t.Helper()
	return encodedAs(t, "snappy", f, columns...)
}

func encodedAs(t *testing.T, compression string, f arrow.Field, columns ...arrow.Array) []byte {
	t.Helper()
	l, err := newLayout(Options{Carried: arrow.NewSchema([]arrow.Field{f}, nil)})
	if err != nil {
		t.Fatal(err)
	}
	open, err := parquetOpener(l, compression)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	e, err := open(&buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		if err := e.encode(array.NewRecordBatch(l.stored, []arrow.Array{c}, int64(c.Len()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.finish(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestParquetPages holds columns that are encoded by hand against the library's way
// with them: the values and the statistics.
func TestParquetPages(t *testing.T) {
	for _, c := range pageCases {
		t.Run(c.name, func(t *testing.T) {
			f, arr := c.column()
			data := encoded(t, f, arr)
			sameValues(t, data, arr)
			got, want := chunkOf(t, data), chunkOf(t, byLibraryAlone(t, f, arr))
			if g, w := statisticsText(t, got), statisticsText(t, want); g != w {
				t.Errorf("statistics %s, want %s", g, w)
			}
			for _, e := range got.Encodings() {
				if e != parquet.Encodings.Plain && e != parquet.Encodings.RLE && (e != parquet.Encodings.RLEDict || !c.coded) {
					t.Errorf("encoding %s", e)
				}
			}
			if got.HasDictionaryPage() != c.coded {
				t.Errorf("it has a dictionary: %t", !c.coded)
			}
			sameBits(t, data, arr)
			if n := pagesOf(t, data); n != c.pages {
				t.Errorf("%d pages, want %d", n, c.pages)
			}
		})
	}
}

// TestParquetSlices holds that a column is encoded alike wherever its vectors begin.
func TestParquetSlices(t *testing.T) {
	for _, c := range pageCases {
		if c.rows < 50 || c.rows > 10_000 {
			continue
		}
		f, arr := c.column()
		for _, from := range []int64{1, 8, 13} {
			part := array.NewSlice(arr, from, int64(arr.Len())-from)
			copied, err := array.Concatenate([]arrow.Array{part}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded(t, f, part), encoded(t, f, copied)) {
				t.Errorf("%s: other bytes where vectors begin with row %d", c.name, from)
			}
		}
	}
}

func sameValues(t *testing.T, data []byte, want arrow.Array) {
	t.Helper()
	table, err := pqarrow.ReadTable(context.Background(), bytes.NewReader(data), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	if int(table.NumRows()) != want.Len() {
		t.Fatalf("%d rows, want %d", table.NumRows(), want.Len())
	}
	at := int64(0)
	for _, piece := range table.Column(0).Data().Chunks() {
		if part := array.NewSlice(want, at, at+int64(piece.Len())); !array.ApproxEqual(piece, part, array.WithNaNsEqual(true), array.WithAbsTolerance(0)) {
			t.Fatalf("rows from %d on are others", at)
		}
		at += int64(piece.Len())
	}
}

// sameBits holds doubles to their bits: zeros and NaN are more than one.
func sameBits(t *testing.T, data []byte, want arrow.Array) {
	t.Helper()
	doubles, is := want.(*array.Float64)
	if !is {
		return
	}
	table, err := pqarrow.ReadTable(context.Background(), bytes.NewReader(data), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	at := 0
	for _, piece := range table.Column(0).Data().Chunks() {
		for i, v := range piece.(*array.Float64).Float64Values() {
			if w := doubles.Value(at + i); piece.IsValid(i) && math.Float64bits(v) != math.Float64bits(w) {
				t.Fatalf("row %d is %x, want %x", at+i, math.Float64bits(v), math.Float64bits(w))
			}
		}
		at += piece.Len()
	}
}

// byLibraryAlone is the file that the library makes of a column.
func byLibraryAlone(t *testing.T, f arrow.Field, arr arrow.Array) []byte {
	t.Helper()
	s := arrow.NewSchema([]arrow.Field{f}, nil)
	props, err := parquetProperties("snappy", s)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(s, &buf, props, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(array.NewRecordBatch(s, []arrow.Array{arr}, int64(arr.Len()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// chunkOf is what the footer says of the first column of the first group.
func chunkOf(t *testing.T, data []byte) *metadata.ColumnChunkMetaData {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := r.MetaData().RowGroup(0).ColumnChunk(0)
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func pagesOf(t *testing.T, data []byte) (n int) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := r.RowGroup(0).GetColumnPageReader(0)
	if err != nil {
		t.Fatal(err)
	}
	for pages.Next() {
		if _, is := pages.Page().(*file.DictionaryPage); !is {
			n++
		}
	}
	if err := pages.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func statisticsText(t *testing.T, chunk *metadata.ColumnChunkMetaData) string {
	t.Helper()
	s, err := chunk.Statistics()
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%d of %d null, %x to %x", s.NullCount(), s.NullCount()+s.NumValues(), s.EncodeMin(), s.EncodeMax())
}

// TestParquetWorkers holds that columns encoded beside each other are written as if
// one were after the other (O1).
func TestParquetWorkers(t *testing.T) {
	dir := t.TempDir()
	var first []byte
	for _, workers := range []int{0, 1, 2, 8, 100} {
		path := filepath.Join(dir, "out")
		o := sampleOptions()
		o.Workers, o.RowGroupRows = workers, 300
		s, err := NewParquet(path, o)
		if err != nil {
			t.Fatal(err)
		}
		kind{}.writeAll(t, s, sampleRows, 100)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		data := contents(t, path)
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Errorf("%d workers give other bytes than one", workers)
		}
	}
}

// repeated is n texts of which so many differ, each first among the others.
func repeated(n, differ int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.AppendNull()
		b.Append(fmt.Sprintf("text %d", i%differ))
	}
	return b.NewArray()
}

// TestParquetDictionaries holds which texts get a dictionary: the first of a file
// decide for all of it.
func TestParquetDictionaries(t *testing.T) {
	f := arrow.Field{Name: "c", Type: arrow.BinaryTypes.String, Nullable: true}
	for _, c := range []struct {
		name       string
		groups     []arrow.Array
		dictionary bool
	}{
		{"half differ", []arrow.Array{repeated(100, 50)}, true},
		{"more differ", []arrow.Array{repeated(100, 51)}, false},
		{"none", []arrow.Array{repeated(0, 1)}, true},
		{"a later group differs", []arrow.Array{repeated(100, 2), repeated(100, 100)}, true},
		{"a later group repeats", []arrow.Array{repeated(100, 100), repeated(100, 2)}, false},
		{"the first texts differ", []arrow.Array{repeated(3*dictionaryRows, dictionaryRows/2+1)}, false},
		{"the first texts repeat", []arrow.Array{repeated(3*dictionaryRows, dictionaryRows/2)}, true},
	} {
		data := encoded(t, f, c.groups...)
		r, err := file.NewParquetReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for g := range r.NumRowGroups() {
			chunk, err := r.MetaData().RowGroup(g).ColumnChunk(0)
			if err != nil {
				t.Fatal(err)
			}
			if chunk.HasDictionaryPage() != c.dictionary {
				t.Errorf("%s: group %d has a dictionary: %t", c.name, g, !c.dictionary)
			}
		}
		all, err := array.Concatenate(c.groups, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		sameValues(t, data, all)
	}
}

// TestParquetRefusedColumn holds that what a column cannot be names it, and that the
// other columns' presses are there again.
func TestParquetRefusedColumn(t *testing.T) {
	// The library knows no null in a list of fixed length.
	pairs := array.NewFixedSizeListBuilderWithField(memory.DefaultAllocator, 2, arrow.Field{Name: "element", Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	o := Options{Carried: arrow.NewSchema([]arrow.Field{
		{Name: "fine", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "pair", Type: pairs.Type(), Nullable: true},
		{Name: "last", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil), Workers: 2}
	f, err := NewParquet(filepath.Join(t.TempDir(), "out.parquet"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ints := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range 3 {
		ints.Append(int64(i))
		pairs.Append(i != 1)
		pairs.ValueBuilder().(*array.Int64Builder).AppendValues([]int64{1, 2}, nil)
	}
	whole := ints.NewArray()
	b := &event.Batch{Len: 3, Carried: array.NewRecordBatch(o.Carried, []arrow.Array{whole, pairs.NewArray(), whole}, 3)}
	err = f.Write(t.Context(), b)
	if err == nil {
		err = f.Commit(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "column pair: ") {
		t.Errorf("a list that cannot be encoded: %v", err)
	}
}

// TestVectorsAreCleared holds that nothing of one group is seen in the next, whose
// vectors are the same: its nulls, its bits behind the last row.
func TestVectorsAreCleared(t *testing.T) {
	schema := event.Schema{{Name: "d", Type: event.Of(event.Double)}, {Name: "i", Type: event.Of(event.Int)}}
	batch := func(there bool) *event.Batch {
		b := &event.Batch{Len: 77, Columns: []event.Column{event.Make(schema[0].Type), event.Make(schema[1].Type)}}
		for i := range b.Len {
			if !there && i%3 == 0 {
				b.Columns[0].AppendNull()
				b.Columns[1].AppendNull()
				continue
			}
			b.Columns[0].AppendFloat(float64(i))
			b.Columns[1].AppendInt(int64(i))
		}
		return b
	}
	dir := t.TempDir()
	write := func(path string, groups ...bool) []byte {
		f, err := NewArrowFile(path, Options{Schema: schema, RowGroupRows: 77})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, there := range groups {
			if err := f.Write(t.Context(), batch(there)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return contents(t, path)
	}
	data := write(filepath.Join(dir, "mixed"), true, true, true, false, true, false, false, true)
	got := readArrowFile(t, filepath.Join(dir, "mixed"))
	at := 0
	for _, there := range []bool{true, true, true, false, true, false, false, true} {
		want := batch(there)
		for c := range want.Columns {
			for i := range want.Len {
				if g, w := arrowText(t, got.Column(c), at+i), eventText(&want.Columns[c], i); g != w {
					t.Fatalf("row %d of column %d is %s, want %s", at+i, c, g, w)
				}
			}
		}
		at += want.Len
	}
	if again := write(filepath.Join(dir, "again"), true, true, true, false, true, false, false, true); !bytes.Equal(data, again) {
		t.Error("the same rows gave other bytes")
	}
}
