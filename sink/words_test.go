package sink

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// someWords is n texts of so many that differ, alone or in runs, some of them null.
func someWords(n, differ int, nulls float64, seed uint64) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	r := rand.New(rand.NewPCG(seed, uint64(differ)))
	for b.Len() < n {
		times := 1
		if r.IntN(20) == 0 {
			times = r.IntN(60)
		}
		word, null := fmt.Sprintf("word %d", r.IntN(differ)), r.Float64() < nulls
		for range min(times, n-b.Len()) {
			if null {
				b.AppendNull()
			} else {
				b.Append(word)
			}
		}
	}
	return b.NewArray()
}

// TestParquetWords holds dictionaries of all widths against the library's way with
// them: the values, the statistics, and that they are dictionaries.
func TestParquetWords(t *testing.T) {
	for _, differ := range []int{1, 2, 3, 4, 5, 8, 9, 64, 65, 255, 256, 257, 1999, 5000, 70_000} {
		for _, nulls := range []float64{0, 0.1, 0.9, 1} {
			if nulls == 0.9 && differ > 9 {
				continue // of the few that are there most differ
			}
			t.Run(fmt.Sprintf("%d, %v null", differ, nulls), func(t *testing.T) {
				n := 1000 + 4*differ
				arr := afterFirst(t, someWords(n, min(differ, 1500), nulls, 1), someWords(n, differ, nulls, 2))
				f := arrow.Field{Name: "c", Type: arrow.BinaryTypes.String, Nullable: true}
				sameLeaves(t, f, arr)
			})
		}
	}
}

// afterFirst is all of the arrays but the first row, so that its vectors begin elsewhere.
func afterFirst(t *testing.T, arrays ...arrow.Array) arrow.Array {
	t.Helper()
	all, err := array.Concatenate(arrays, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	return array.NewSlice(all, 1, int64(all.Len()))
}

// sameLeaves holds that a column reads as what it was, and that its leaves have the
// statistics that the library gives them. The last leaf is one of
// texts by dictionary.
func sameLeaves(t *testing.T, f arrow.Field, arr arrow.Array) {
	t.Helper()
	data := encoded(t, f, arr)
	sameValues(t, data, arr)
	got, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want, err := file.NewParquetReader(bytes.NewReader(byLibraryAlone(t, f, arr)))
	if err != nil {
		t.Fatal(err)
	}
	n := got.MetaData().Schema.NumColumns()
	for i := range n {
		g, err := got.MetaData().RowGroup(0).ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		w, err := want.MetaData().RowGroup(0).ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := statisticsText(t, g), statisticsText(t, w); g != w {
			t.Errorf("leaf %d: statistics %s, want %s", i, g, w)
		}
		if g.NumValues() != int64(arr.Len()) {
			t.Errorf("leaf %d: %d values, want %d", i, g.NumValues(), arr.Len())
		}
		if i == n-1 && !g.HasDictionaryPage() {
			t.Errorf("leaf %d has no dictionary", i)
		}
	}
}

// TestParquetLargeWords holds that a dictionary that grows too large is none, in its
// group alone.
func TestParquetLargeWords(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 100_000 {
		b.Append(fmt.Sprintf("a text that repeats itself %d", max(i%50, i-50_000)))
	}
	large, small := b.NewArray(), repeated(5000, 50)
	f := arrow.Field{Name: "c", Type: arrow.BinaryTypes.String, Nullable: true}
	data := encoded(t, f, small, large, small)
	for range 3 {
		if !bytes.Equal(data, encoded(t, f, small, large, small)) {
			t.Fatal("the same rows were encoded as other bytes")
		}
	}
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for g, want := range []bool{true, false, true} {
		chunk, err := r.MetaData().RowGroup(g).ColumnChunk(0)
		if err != nil {
			t.Fatal(err)
		}
		if chunk.HasDictionaryPage() != want {
			t.Errorf("group %d has a dictionary: %t", g, !want)
		}
	}
	all, err := array.Concatenate([]arrow.Array{small, large, small}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	sameValues(t, data, all)
}

// TestParquetStructs holds structs whose fields are encoded by hand, in one another
// or not, that may be null or not, against the library's way with them.
func TestParquetStructs(t *testing.T) {
	for _, rows := range []int{1, 50, 1000, 140_000} {
		for shape := range 32 {
			for _, nulls := range []float64{0, 0.2, 1} {
				may := func(bit int) bool { return shape>>bit&1 == 1 }
				inner := arrow.StructOf(
					arrow.Field{Name: "d", Type: arrow.PrimitiveTypes.Float64, Nullable: may(0)},
					arrow.Field{Name: "s", Type: arrow.BinaryTypes.String, Nullable: may(1)})
				outer := arrow.StructOf(
					arrow.Field{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: may(2)},
					arrow.Field{Name: "in", Type: inner, Nullable: may(3)})
				f := arrow.Field{Name: "c", Type: outer, Nullable: may(4)}
				if rows > 1000 && shape%5 != 0 {
					continue // many pages take long
				}
				arr := structs(f, rows+1, nulls)
				t.Run(fmt.Sprintf("%d, %05b, %v null", rows, shape, nulls), func(t *testing.T) { sameLeaves(t, f, afterFirst(t, arr)) })
			}
		}
	}
}

// structs is n values of a field; of what may be null a share is.
func structs(f arrow.Field, n int, nulls float64) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, f.Type)
	defer b.Release()
	r := rand.New(rand.NewPCG(3, uint64(n)))
	for range n {
		appendAny(r, b, f, nulls)
	}
	return b.NewArray()
}

func appendAny(r *rand.Rand, b array.Builder, f arrow.Field, nulls float64) {
	null := f.Nullable && r.Float64() < nulls
	switch b := b.(type) {
	case *array.StructBuilder:
		// What a struct that is null holds in its fields is not to be seen.
		b.AppendValues([]bool{!null}) // Append would append to the fields
		for i, part := range f.Type.(*arrow.StructType).Fields() {
			appendAny(r, b.FieldBuilder(i), part, nulls)
		}
	case *array.Int64Builder:
		anyOr(null, b, func() { anInt(r, b) })
	case *array.Float64Builder:
		anyOr(null, b, func() { b.Append(float64(r.IntN(100)) / 4) })
	case *array.StringBuilder:
		anyOr(null, b, func() { b.Append(fmt.Sprint(r.IntN(5))) })
	}
}

func anyOr(null bool, b array.Builder, value func()) {
	if null {
		b.AppendNull()
		return
	}
	value()
}
