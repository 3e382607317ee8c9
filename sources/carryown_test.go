package sources

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/timeseam/timeseam/features/event"
)

// ownFile writes a file of one column in groups of so many rows.
func ownFile(t *testing.T, f arrow.Field, arr arrow.Array, group int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own.parquet")
	s := arrow.NewSchema([]arrow.Field{f}, nil)
	table := array.NewTableFromSlice(s, [][]arrow.Array{{arr}})
	defer table.Release()
	w := must(os.Create(path))
	// A dictionary of the library has one NaN for all.
	coded := parquet.WithDictionaryDefault(f.Type.ID() != arrow.FLOAT64)
	props := parquet.NewWriterProperties(parquet.WithDataPageSize(4096), parquet.WithDictionaryPageSizeLimit(2048), coded)
	if err := pqarrow.WriteTable(table, w, group, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCarryOwn holds which columns our own reader carries, and that they are as the
// library has them, to the bit, however batches, groups and pages are cut.
func TestCarryOwn(t *testing.T) {
	stamp := func(unit arrow.TimeUnit) arrow.DataType { return &arrow.TimestampType{Unit: unit, TimeZone: "UTC"} }
	for _, c := range []struct {
		t   arrow.DataType
		own bool
	}{
		{arrow.FixedWidthTypes.Boolean, true}, {arrow.PrimitiveTypes.Int64, true}, {arrow.PrimitiveTypes.Float64, true}, {arrow.BinaryTypes.String, true}, {arrow.BinaryTypes.Binary, true},
		{stamp(arrow.Millisecond), true}, {stamp(arrow.Microsecond), true}, {stamp(arrow.Nanosecond), true},
		{arrow.PrimitiveTypes.Int32, false}, {arrow.PrimitiveTypes.Float32, false}, {arrow.PrimitiveTypes.Uint64, false}, {arrow.BinaryTypes.LargeString, false},
		{arrow.PrimitiveTypes.Date32, false}, {&arrow.Decimal128Type{Precision: 12, Scale: 2}, false}, {arrow.ListOf(arrow.PrimitiveTypes.Int64), false},
	} {
		for _, null := range []int{1, 3, 1 << 20} {
			arr := someRows(c.t, null)
			table := find(t, ownFile(t, arrow.Field{Name: "c", Type: c.t, Nullable: true}, arr, 3000))
			for _, rows := range []int{7, 1000, 65536} {
				s := must(table.Carry(nil, rows))
				if err := s.Read(t.Context(), new(event.Batch)); err != nil {
					t.Fatal(err)
				}
				if own := s.(*carry).flat != nil; rows < 7000 && own != c.own {
					t.Fatalf("%s is carried by our own reader: %t", c.t, own)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				got := carried(t, must(table.Carry(nil, rows)), rows)
				if all := whole(t, chunked(got, 0)); !sameArrays(all, arr) {
					t.Errorf("%s differs in batches of %d, every row of %d null", c.t, rows, null)
				}
			}
		}
	}
}

// someRows is 7000 rows, every so many null.
func someRows(t arrow.DataType, null int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	for i := range 7000 {
		if i%null == null-1 {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.BooleanBuilder:
			b.Append(i%3 == 0)
		case *array.Int64Builder:
			b.Append(int64(i)<<40 - 5)
		case *array.Float64Builder:
			b.Append([]float64{math.Float64frombits(0x7ff8_0000_0000_0000 + uint64(i)), math.Copysign(0, -1), 0, float64(i)}[i%4])
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(int64(i)*1_000_000_007 - 1<<42))
		case *array.StringBuilder:
			b.Append(strings.Repeat("é", i%41))
		case *array.BinaryBuilder:
			b.Append([]byte(strings.Repeat("\xff", i%23) + string(rune(i))))
		default:
			b.AppendEmptyValue()
		}
	}
	return b.NewArray()
}

// sameArrays compares doubles by their bits.
func sameArrays(a, b arrow.Array) bool {
	x, is := a.(*array.Float64)
	if !is {
		return array.Equal(a, b)
	}
	for i := range x.Len() {
		if x.IsNull(i) != b.IsNull(i) || x.IsValid(i) && math.Float64bits(x.Value(i)) != math.Float64bits(b.(*array.Float64).Value(i)) {
			return false
		}
	}
	return x.Len() == b.Len()
}

// TestTextRun holds how many rows a record has whose texts are long: one at least.
func TestTextRun(t *testing.T) {
	d := event.NewDict()
	c := event.Column{Type: event.Of(event.String), Dict: d, Codes: make([]uint32, 100)}
	d.Add([]byte(strings.Repeat("x", carriedBytesMost/4)))
	if n := textRun(&c, 10, 90); n != 4 {
		t.Errorf("%d rows of a quarter each, want 4", n)
	}
	d = event.NewDict()
	d.Add([]byte(strings.Repeat("x", carriedBytesMost+1)))
	c.Dict = d
	if n := textRun(&c, 99, 1); n != 1 {
		t.Errorf("%d rows of a text that is too long, want 1", n)
	}
}
