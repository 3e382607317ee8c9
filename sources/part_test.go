package sources

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/timeseam/timeseam/features/event"
)

// TestEndedPartsHoldNothing holds that a part at its end keeps what it has counted
// and no vectors: a table has a part for each file, and a run keeps all of them.
func TestEndedPartsHoldNothing(t *testing.T) {
	table := find(t, "testdata/out_of_type.parquet")
	parts, err := table.Parts([]string{"u64", "ms"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		var b event.Batch
		for {
			if err := p.Read(t.Context(), &b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		part := p.(*part)
		for _, c := range part.cursors {
			if c.null != nil || c.col.Ints != nil || c.col.Codes != nil || c.dict != nil || c.pages != nil {
				t.Errorf("column %s of a part at its end holds vectors", c.name)
			}
		}
		if n := part.Counted()[event.OutOfType]; n != 4 {
			t.Errorf("a part at its end has counted %d values out of type, want 4", n)
		}
	}
}

// TestVectorsGoFromPartToPart reads files one after the other: what an ended part had
// serves the next, whose values are its own; a part that was closed before its end
// leaves its batch to who holds it, and a dictionary stays what it is.
func TestVectorsGoFromPartToPart(t *testing.T) {
	dir := t.TempDir()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "t", Type: arrow.BinaryTypes.String}, {Name: "x", Type: arrow.PrimitiveTypes.Float64}}, nil)
	for f := range 3 {
		r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range 1000 {
			r.Field(0).(*array.Int64Builder).Append(int64(f*1000 + i%100))
			r.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("text %d of %d", i%100, f))
			r.Field(2).(*array.Float64Builder).Append(float64(f*1000+i%100) / 2)
		}
		file := must(os.ReadFile(writeArrow(t, r.NewRecordBatch(), parquet.WithCompression(compress.Codecs.Snappy))))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.parquet", f)), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parts := must(find(t, dir).Parts([]string{"n", "t", "x"}, 1))
	check := func(b *event.Batch, f int) {
		t.Helper()
		for i := range b.Len {
			n := int64(f*1000 + i%100)
			if b.Columns[0].Ints[i] != n || string(b.Columns[1].Text(i)) != fmt.Sprintf("text %d of %d", i%100, f) || b.Columns[2].Floats[i] != float64(n)/2 {
				t.Fatalf("file %d, row %d: %d, %s, %v", f, i, b.Columns[0].Ints[i], b.Columns[1].Text(i), b.Columns[2].Floats[i])
			}
		}
	}
	batches := make([]event.Batch, len(parts))
	for f, p := range parts {
		if err := p.Read(t.Context(), &batches[f]); err != nil {
			t.Fatal(err)
		}
		check(&batches[f], f)
		held := batches[f]
		held.Columns = slices.Clone(held.Columns)
		if f == 0 { // is closed before its end
			batches[0] = held
		} else if err := p.Read(t.Context(), &batches[f]); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		p.Close()
		check(&batches[0], 0)
		if set, _ := parts[f].(*part).readers.Get().(*[]*pageReader); set != nil { // A pool may forget, and does under the race detector.
			if lent := &(*set)[0].vectors; (lent.Ints == nil) != (f == 0) {
				t.Errorf("part %d leaves %d numbers", f, len(lent.Ints))
			}
			parts[f].(*part).readers.Put(set)
		}
	}
}
