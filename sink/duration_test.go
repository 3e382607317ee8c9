package sink

import (
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/timeseam/timeseam/features/event"
)

// TestDurations holds that spans, for which Parquet has no type, are written as
// their counts, as pyarrow does; it is pyarrow that reads them back as spans.
func TestDurations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	schema := arrow.NewSchema([]arrow.Field{{Name: "d", Type: arrow.FixedWidthTypes.Duration_us, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.DurationBuilder).AppendValues([]arrow.Duration{1, 0, 3_000_000}, []bool{true, false, true})
	f, err := NewParquet(path, Options{Carried: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Write(t.Context(), &event.Batch{Len: 3, Carried: b.NewRecordBatch()}); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if c := r.MetaData().Schema.Column(0); c.PhysicalType() != parquet.Types.Int64 {
		t.Errorf("stored as %s", c.PhysicalType())
	}
	chunk, err := r.RowGroup(0).Column(0)
	if err != nil {
		t.Fatal(err)
	}
	values, levels := make([]int64, 3), make([]int16, 3)
	_, n, err := chunk.(*file.Int64ColumnChunkReader).ReadBatch(3, values, levels, nil)
	if err != nil || n != 2 || values[0] != 1 || values[1] != 3_000_000 || levels[1] != 0 {
		t.Errorf("%d values %v at %v, %v", n, values, levels, err)
	}
}
