package sources

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/timeseam/timeseam/features/event"
)

const (
	benchFiles = 4
	benchRows  = 250_000 // of a file
)

// benchTable writes card payments as writers do: columns that may be null,
// dictionaries of a megabyte that the keys outgrow, snappy.
func benchTable(b *testing.B) *Table {
	b.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "account_id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "merchant_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "amount", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "country", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true}}, nil)
	rng := rand.New(rand.NewPCG(7, 7))
	dir := b.TempDir()
	for f := range benchFiles {
		r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range benchRows {
			r.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("acc%08d", rng.IntN(500_000)))
			r.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("mer%08d", rng.IntN(20_000)))
			r.Field(2).(*array.Float64Builder).Append(float64(rng.IntN(100_000)) / 100)
			r.Field(3).(*array.StringBuilder).Append(fmt.Sprint("C", rng.IntN(30)))
			r.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp((f*benchRows + i) * 345_678))
		}
		out := must(os.Create(filepath.Join(dir, fmt.Sprintf("part-%d.parquet", f))))
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy))
		w := must(pqarrow.NewFileWriter(schema, out, props, pqarrow.DefaultWriterProps()))
		record := r.NewRecordBatch()
		if err := errors.Join(w.Write(record), w.Close()); err != nil {
			b.Fatal(err)
		}
	}
	return find(b, dir)
}

func drain(b *testing.B, s event.Source) {
	b.Helper()
	defer s.Close()
	var batch event.Batch
	for {
		err := s.Read(b.Context(), &batch)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads one part after the other on one core. TIMESEAM_BENCH_TABLE
// names another table with the same columns.
func BenchmarkRead(b *testing.B) {
	var table *Table
	if path := os.Getenv("TIMESEAM_BENCH_TABLE"); path != "" {
		table = find(b, path)
	} else {
		table = benchTable(b)
	}
	for _, columns := range [][]string{{"event_time"}, {"account_id", "amount", "event_time"}, {"account_id", "merchant_id", "amount", "country", "event_time"}} {
		b.Run(fmt.Sprintf("columns=%d", len(columns)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range must(table.Parts(columns, 2)) {
					drain(b, p)
				}
			}
			perRow := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(table.Rows())
			b.ReportMetric(perRow, "ns/row")
			b.ReportMetric(1e9/perRow, "rows/s")
		})
	}
	b.Run("carry", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			drain(b, must(table.Carry(nil, 10_000)))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(table.Rows()), "ns/row")
	})
}
