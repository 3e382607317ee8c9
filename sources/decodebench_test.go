package sources

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
)

// BenchmarkDecode is what a value costs from the page into the batch, by type and
// encoding: uncompressed, but for a text with snappy and with zstd. A tenth of
// int64/nulls is null.
func BenchmarkDecode(b *testing.B) {
	const rows = 500_000
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		name   string
		typ    arrow.DataType
		value  func(i int) string
		option []parquet.WriterProperty
	}{
		{"text/dictionary", arrow.BinaryTypes.String, func(int) string { return fmt.Sprintf("acct_%08d", rng.IntN(20_000)) }, nil},
		{"text/plain", arrow.BinaryTypes.String, func(int) string { return fmt.Sprintf("acct_%08d", rng.IntN(500_000)) }, plain()},
		{"text/snappy", arrow.BinaryTypes.String, func(int) string { return fmt.Sprintf("acct_%08d", rng.IntN(500_000)) }, plain(parquet.WithCompression(compress.Codecs.Snappy))},
		{"text/zstd", arrow.BinaryTypes.String, func(int) string { return fmt.Sprintf("acct_%08d", rng.IntN(500_000)) }, plain(parquet.WithCompression(compress.Codecs.Zstd))},
		{"int64/dictionary", arrow.PrimitiveTypes.Int64, func(int) string { return fmt.Sprint(rng.IntN(1000)) }, nil},
		{"int64/plain", arrow.PrimitiveTypes.Int64, func(int) string { return fmt.Sprint(rng.Int64()) }, plain()},
		{"int64/delta", arrow.PrimitiveTypes.Int64, func(i int) string { return fmt.Sprint(i*100 + rng.IntN(50)) }, plain(parquet.WithEncoding(parquet.Encodings.DeltaBinaryPacked))},
		{"int64/nulls", arrow.PrimitiveTypes.Int64, func(int) string { return []string{"", fmt.Sprint(rng.Int64())}[min(rng.IntN(10), 1)] }, plain()},
		{"double/dictionary", arrow.PrimitiveTypes.Float64, func(int) string { return fmt.Sprint(float64(rng.IntN(10_000)) / 100) }, nil},
		{"double/plain", arrow.PrimitiveTypes.Float64, func(int) string { return fmt.Sprint(rng.Float64()) }, plain()},
		{"decimal/plain", &arrow.Decimal128Type{Precision: 12, Scale: 2}, func(int) string { return fmt.Sprintf("%d.%02d", rng.IntN(1e6), rng.IntN(100)) }, plain()},
		{"bool/plain", arrow.FixedWidthTypes.Boolean, func(int) string { return fmt.Sprint(rng.IntN(2) == 0) }, plain()},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "x", Type: c.typ, Nullable: true}}, nil))
			for i := range rows {
				if v := c.value(i); v == "" {
					r.Field(0).AppendNull()
				} else if err := r.Field(0).AppendValueFromString(v); err != nil {
					b.Fatal(err)
				}
			}
			table := find(b, writeArrow(b, r.NewRecordBatch(), c.option...))
			b.ReportAllocs()
			for b.Loop() {
				drain(b, must(table.Read([]string{"x"})))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/event")
		})
	}
}

// plain is the options of a file without dictionaries.
func plain(more ...parquet.WriterProperty) []parquet.WriterProperty {
	return append([]parquet.WriterProperty{parquet.WithDictionaryDefault(false)}, more...)
}

// BenchmarkWithout is what it takes to look at the bounds of a column of a row group.
func BenchmarkWithout(b *testing.B) {
	r := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil))
	const groups = 10_000
	for i := range groups {
		r.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	table := find(b, writeArrow(b, r.NewRecordBatch(), parquet.WithMaxRowGroupLength(1)))
	b.ReportAllocs()
	for b.Loop() {
		some := table.Without(func(known Known) bool { c, ok := known("x"); return ok && c.Ints[0] > 100 })
		if some.GroupsRead() != 101 {
			b.Fatal("the bounds are others")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/groups, "ns/group")
}
