// Writes the rows of write.py, which it hands over as an Arrow file, with the two
// libraries of Go: go run . ROWS.arrow BOUNDS.arrow, which write.py does.
package main

import (
	"log"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
	pg "github.com/parquet-go/parquet-go"
)

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	rows, bounds := read(os.Args[1]), read(os.Args[2])
	arrowGo("arrowgo_bounds", bounds, nil)
	parquetGoBounds(bounds)
	arrowGo("arrowgo", rows, pqarrow.WithStoreSchema())
	arrowGo("arrowgo_v2", rows, nil, parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Zstd), parquet.WithPageIndexEnabled(true))
	deltas := []parquet.WriterProperty{parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Brotli)}
	split := []parquet.WriterProperty{parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Lz4Raw), parquet.WithStoreDecimalAsInteger(true)}
	for _, f := range rows.Schema().Fields() {
		switch f.Type.ID() {
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.DATE32, arrow.TIMESTAMP:
			deltas = append(deltas, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked))
			split = append(split, parquet.WithEncodingFor(f.Name, parquet.Encodings.ByteStreamSplit))
		case arrow.FLOAT32, arrow.FLOAT64, arrow.DECIMAL128:
			split = append(split, parquet.WithEncodingFor(f.Name, parquet.Encodings.ByteStreamSplit))
		case arrow.STRING:
			deltas = append(deltas, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaByteArray))
		case arrow.BINARY:
			deltas = append(deltas, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaLengthByteArray))
		case arrow.BOOL:
			deltas = append(deltas, parquet.WithEncodingFor(f.Name, parquet.Encodings.RLE))
		}
	}
	arrowGo("arrowgo_deltas", rows, nil, deltas...)
	arrowGo("arrowgo_split", rows, nil, split...)
	byteArrayDecimals(rows)
	parquetGo(rows)
}

func read(path string) arrow.RecordBatch {
	in := must(ipc.NewFileReader(must(os.Open(path))))
	return must(in.RecordBatch(0))
}

func arrowGo(name string, rows arrow.RecordBatch, store pqarrow.WriterOption, options ...parquet.WriterProperty) {
	props := pqarrow.DefaultWriterProps()
	if store != nil {
		props = pqarrow.NewArrowWriterProperties(store)
	}
	w := must(pqarrow.NewFileWriter(rows.Schema(), must(os.Create(name+".parquet")), parquet.NewWriterProperties(options...), props))
	check(w.WriteBuffered(rows.NewSlice(0, 4)))
	w.NewBufferedRowGroup()
	check(w.WriteBuffered(rows.NewSlice(4, rows.NumRows())))
	check(w.Close())
}

// byteArrayDecimals stores decimals in as many bytes as each needs.
func byteArrayDecimals(rows arrow.RecordBatch) {
	names := []string{"d9", "d18", "d38"}
	var fields schema.FieldList
	for _, name := range names {
		d := column[*array.Decimal128](rows, name).DataType().(*arrow.Decimal128Type)
		fields = append(fields, must(schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Optional, schema.NewDecimalLogicalType(d.Precision, d.Scale), parquet.Types.ByteArray, 0, -1)))
	}
	root := must(schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1))
	w := file.NewParquetWriter(must(os.Create("arrowgo_byte_array_decimals.parquet")), root)
	g := w.AppendRowGroup()
	for _, name := range names {
		a := column[*array.Decimal128](rows, name)
		var values []parquet.ByteArray
		levels := make([]int16, a.Len())
		for i := range levels {
			if !a.IsNull(i) {
				levels[i] = 1
				values = append(values, shortest(a.Value(i)))
			}
		}
		c := must(g.NextColumn()).(*file.ByteArrayColumnChunkWriter)
		must(c.WriteBatch(values, levels, nil))
		check(c.Close())
	}
	check(g.Close())
	check(w.Close())
}

// shortest is a number in two's complement without needless first bytes.
func shortest(n decimal128.Num) []byte {
	b := sixteen(n)
	at := 0
	for at < 15 && (b[at] == 0 && b[at+1] < 0x80 || b[at] == 0xff && b[at+1] >= 0x80) {
		at++
	}
	return b[at:]
}

func sixteen(n decimal128.Num) []byte {
	b := make([]byte, 16)
	for i := range 8 {
		b[i], b[8+i] = byte(uint64(n.HighBits())>>(56-8*i)), byte(n.LowBits()>>(56-8*i))
	}
	return b
}

func column[A arrow.Array](rows arrow.RecordBatch, name string) A {
	return rows.Column(rows.Schema().FieldIndices(name)[0]).(A)
}

type boundsRow struct {
	S     *string   `parquet:"s,optional"`
	B     *[]byte   `parquet:"b,optional"`
	X     *float64  `parquet:"x,optional"`
	NaN   *float64  `parquet:"nan,optional"`
	Zero  *float64  `parquet:"zero,optional"`
	High  *uint32   `parquet:"high,optional"`
	Signs *int32    `parquet:"signs,optional,decimal(2:9)"`
	Wide  *[13]byte `parquet:"wide,optional,decimal(2:30)"`
}

func parquetGoBounds(rows arrow.RecordBatch) {
	w := pg.NewGenericWriter[boundsRow](must(os.Create("parquetgo_bounds.parquet")))
	for i := range int(rows.NumRows()) {
		must(w.Write([]boundsRow{{
			S: given(column[*array.String](rows, "s"), i), B: given(column[*array.Binary](rows, "b"), i), X: given(column[*array.Float64](rows, "x"), i), NaN: given(column[*array.Float64](rows, "nan"), i),
			Zero: given(column[*array.Float64](rows, "zero"), i), High: given(column[*array.Uint32](rows, "high"), i),
			Signs: cast(given(column[*array.Decimal128](rows, "signs"), i), func(v decimal128.Num) int32 { return int32(v.LowBits()) }),
			Wide:  cast(given(column[*array.Decimal128](rows, "wide"), i), func(v decimal128.Num) [13]byte { return [13]byte(sixteen(v)[3:]) }),
		}}))
	}
	check(w.Close())
}

type inner struct {
	N *int64 `parquet:"n,optional"`
}

type payload struct {
	Amount *float64 `parquet:"amount,optional"`
	Note   *string  `parquet:"note,optional"`
	Inner  *inner   `parquet:"inner,optional"`
}

type row struct {
	I8      *int32           `parquet:"i8,optional,int(8)"`
	I16     *int32           `parquet:"i16,optional,int(16)"`
	I32     *int32           `parquet:"i32,optional"`
	I64     *int64           `parquet:"i64,optional"`
	F32     *float32         `parquet:"f32,optional"`
	F64     *float64         `parquet:"f64,optional"`
	S       *string          `parquet:"s,optional"`
	B       *[]byte          `parquet:"b,optional"`
	OK      *bool            `parquet:"ok,optional"`
	Day     *int32           `parquet:"day,optional,date"`
	T       *int64           `parquet:"t,optional,timestamp(microsecond)"`
	Local   *int64           `parquet:"local,optional,timestamp(microsecond:local)"`
	D9      *int32           `parquet:"d9,optional,decimal(2:9)"`
	D18     *int64           `parquet:"d18,optional,decimal(4:18)"`
	D38     *[16]byte        `parquet:"d38,optional,decimal(10:38)"`
	Payload *payload         `parquet:"payload,optional"`
	Tags    []string         `parquet:"tags,list"`
	Attrs   map[string]int32 `parquet:"attrs"`
}

func parquetGo(rows arrow.RecordBatch) {
	all := make([]row, rows.NumRows())
	for i := range all {
		all[i] = rowAt(rows, i)
	}
	writeRows("parquetgo", all, pg.Compression(&pg.Snappy), pg.DataPageVersion(2))
	writeRows("parquetgo_v1", all, pg.DataPageVersion(1), pg.BloomFilters(pg.SplitBlockFilter(10, "s")), pg.Compression(&pg.Lz4Raw))
	writeRows("parquetgo_deltas", all, pg.Compression(&pg.Gzip), pg.DefaultEncodingFor(pg.Int32, &pg.DeltaBinaryPacked), pg.DefaultEncodingFor(pg.Int64, &pg.DeltaBinaryPacked),
		pg.DefaultEncodingFor(pg.ByteArray, &pg.DeltaByteArray), pg.DefaultEncodingFor(pg.FixedLenByteArray, &pg.DeltaByteArray), pg.DefaultEncodingFor(pg.Float, &pg.ByteStreamSplit), pg.DefaultEncodingFor(pg.Double, &pg.ByteStreamSplit))
}

func writeRows(name string, all []row, options ...pg.WriterOption) {
	w := pg.NewGenericWriter[row](must(os.Create(name+".parquet")), options...)
	must(w.Write(all[:4]))
	check(w.Flush())
	must(w.Write(all[4:]))
	check(w.Close())
}

// given returns a value that is there.
func given[V any](a interface {
	arrow.Array
	Value(int) V
}, i int) *V {
	if a.IsNull(i) {
		return nil
	}
	v := a.Value(i)
	return &v
}

// cast returns a value that is there in another type.
func cast[V, W any](v *V, to func(V) W) *W {
	if v == nil {
		return nil
	}
	w := to(*v)
	return &w
}

func rowAt(rows arrow.RecordBatch, i int) (r row) {
	r.I8 = cast(given(column[*array.Int8](rows, "i8"), i), func(v int8) int32 { return int32(v) })
	r.I16 = cast(given(column[*array.Int16](rows, "i16"), i), func(v int16) int32 { return int32(v) })
	r.I32 = given(column[*array.Int32](rows, "i32"), i)
	r.I64 = given(column[*array.Int64](rows, "i64"), i)
	r.F32 = given(column[*array.Float32](rows, "f32"), i)
	r.F64 = given(column[*array.Float64](rows, "f64"), i)
	r.S = given(column[*array.String](rows, "s"), i)
	r.B = given(column[*array.Binary](rows, "b"), i)
	r.OK = given(column[*array.Boolean](rows, "ok"), i)
	r.Day = cast(given(column[*array.Date32](rows, "day"), i), func(v arrow.Date32) int32 { return int32(v) })
	r.T = cast(given(column[*array.Timestamp](rows, "t"), i), func(v arrow.Timestamp) int64 { return int64(v) })
	r.Local = cast(given(column[*array.Timestamp](rows, "local"), i), func(v arrow.Timestamp) int64 { return int64(v) })
	r.D9 = cast(given(column[*array.Decimal128](rows, "d9"), i), func(v decimal128.Num) int32 { return int32(v.LowBits()) })
	r.D18 = cast(given(column[*array.Decimal128](rows, "d18"), i), func(v decimal128.Num) int64 { return int64(v.LowBits()) })
	r.D38 = cast(given(column[*array.Decimal128](rows, "d38"), i), func(v decimal128.Num) [16]byte { return [16]byte(sixteen(v)) })
	if p := column[*array.Struct](rows, "payload"); !p.IsNull(i) {
		r.Payload = &payload{Amount: given(p.Field(0).(*array.Float64), i), Note: given(p.Field(1).(*array.String), i)}
		if in := p.Field(2).(*array.Struct); !in.IsNull(i) {
			r.Payload.Inner = &inner{N: given(in.Field(0).(*array.Int64), i)}
		}
	}
	tags := column[*array.List](rows, "tags")
	from, to := tags.ValueOffsets(i)
	for k := from; k < to; k++ {
		r.Tags = append(r.Tags, tags.ListValues().(*array.String).Value(int(k)))
	}
	return r
}
