package sink

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkParquet writes a training set of the reference workload's shape:
// counts, sums, averages, minima and maxima, an eighth of them null.
func BenchmarkParquet(b *testing.B) {
	const rows, columns, batch = 1_000_000, 25, 8192
	var schema event.Schema
	for i := range columns {
		kind := event.Double
		if i%5 == 0 {
			kind = event.Int
		}
		schema = append(schema, event.Field{Name: string(rune('a' + i)), Type: event.Of(kind)})
	}
	in := benchBatch(schema, batch)
	b.ReportAllocs()
	for b.Loop() {
		f, err := NewParquet(filepath.Join(b.TempDir(), "out.parquet"), Options{Schema: schema})
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n < rows; n += batch {
			if err := f.Write(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/columns, "ns/value")
}

func benchBatch(schema event.Schema, rows int) *event.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	in := &event.Batch{Len: rows}
	for _, f := range schema {
		c := event.Make(f.Type)
		for range rows {
			switch {
			case f.Type.Kind == event.Int:
				c.AppendInt(int64(r.ExpFloat64() * 20))
			case r.IntN(8) == 0:
				c.AppendNull()
			default:
				c.AppendFloat(float64(r.IntN(1_000_000)) / 100)
			}
		}
		in.Columns = append(in.Columns, c)
	}
	return in
}
