package sink

import (
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkFormats writes rows of a training set as they are usual: a key, an
// instant and a label of the spine, beside 20 features.
func BenchmarkFormats(b *testing.B) {
	const rows, batch = 200_000, 8192
	var schema event.Schema
	for i := range 20 {
		kind := event.Double
		if i%5 == 0 {
			kind = event.Int
		}
		schema = append(schema, event.Field{Name: "feature_" + string(rune('a'+i)), Type: event.Of(kind)})
	}
	in := benchBatch(schema, batch)
	in.Carried = benchSpine(batch)
	o := Options{Schema: schema, Carried: in.Carried.Schema()}
	for _, p := range []Place{{Path: "x.parquet"}, {Path: "x.arrow"}, {Path: "x.csv"}, {Path: "x.csv.gz"}, {Path: "x.csv.zst"}, {Path: "x.jsonl"}, {Path: "x.tfrecord"},
		{Path: "size", FileSize: 4 << 20}, {Path: "by", PartitionBy: "key"}} {
		b.Run(p.Path, func(b *testing.B) {
			var bytes int64
			for b.Loop() {
				p.Path = filepath.Join(b.TempDir(), filepath.Base(p.Path))
				target, err := p.Resolve()
				if err != nil {
					b.Fatal(err)
				}
				s, err := target.Open(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				for n := 0; n < rows; n += batch {
					if err := s.Write(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
				s.Close()
				bytes = 0
				for _, w := range s.Written() {
					bytes += w.Bytes
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			b.ReportMetric(float64(bytes)/rows, "bytes/row")
		})
	}
}

func benchSpine(rows int) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: "key", Type: arrow.BinaryTypes.String}, {Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "label", Type: arrow.FixedWidthTypes.Boolean}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.StringBuilder).Append("account_" + string(rune('a'+i%20)))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(1_767_225_600_000_000 + i*1_000_003))
		b.Field(2).(*array.BooleanBuilder).Append(i%7 == 0)
	}
	return b.NewRecordBatch()
}
