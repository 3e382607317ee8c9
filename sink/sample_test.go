package sink

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/timeseam/timeseam/features/event"
)

// sampleRows is more than some groups, some steps of a byte, and no round number.
const sampleRows = 1205

// sampleSchema has a column of every type, and types within types.
func sampleSchema() event.Schema {
	point := event.StructOf(
		event.Field{Name: "x", Type: event.Of(event.Double)},
		event.Field{Name: "tags", Type: event.ListOf(event.Of(event.String))})
	return event.Schema{
		{Name: "bool", Type: event.Of(event.Bool)},
		{Name: "int", Type: event.Of(event.Int)},
		{Name: "double", Type: event.Of(event.Double)},
		{Name: "decimal", Type: event.DecimalOf(12, 2)},
		{Name: "wide", Type: event.DecimalOf(38, 0)},
		{Name: "string", Type: event.Of(event.String)},
		{Name: "bytes", Type: event.Of(event.Bytes)},
		{Name: "date", Type: event.Of(event.Date)},
		{Name: "timestamp", Type: event.Of(event.Timestamp)},
		{Name: "list", Type: event.ListOf(event.Of(event.Double))},
		{Name: "lists", Type: event.ListOf(event.ListOf(event.Of(event.Int)))},
		{Name: "struct", Type: point},
		{Name: "structs", Type: event.ListOf(point)},
		{Name: "counts", Type: event.MapOf(event.Of(event.String), event.Of(event.Double))},
		{Name: "nothing", Type: event.Of(event.Null)},
	}
}

// sampleBatch is rows [lo, hi) of the sample. Each value follows from its row
// and column alone.
func sampleBatch(lo, hi int) *event.Batch {
	b := &event.Batch{Len: hi - lo, Carried: sampleRecord(lo, hi)}
	for i, f := range sampleSchema() {
		c := event.Make(f.Type)
		for row := lo; row < hi; row++ {
			appendSample(&c, row*31+i)
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

// appendSample appends a value of c's type that follows from n; each fifth is null.
func appendSample(c *event.Column, n int) {
	if n%5 == 0 {
		c.AppendNull()
		return
	}
	switch c.Type.Kind {
	case event.Bool:
		c.AppendInt(int64(n % 2))
	case event.Double:
		c.AppendFloat([]float64{float64(n) / 7, event.CanonicalNaN, math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64}[n%7%5])
	case event.Decimal:
		v := event.Int128Of(int64(n - 9999))
		if c.Type.Precision > 20 {
			v.Hi = int64(n%3 - 1)
		}
		c.AppendDecimal(v)
	case event.String, event.Bytes:
		c.AppendText([]byte(strings.Repeat("é", n%4) + fmt.Sprint(n%50)))
	case event.List:
		for k := range n % 4 {
			appendSample(c.Elem, n/2+k)
		}
		c.EndList()
	case event.Map:
		for k := range n % 3 {
			c.Elem.Fields[0].AppendText(fmt.Appendf(nil, "k%d", k))
			appendSample(&c.Elem.Fields[1], n/2+k)
			c.Elem.Rows++
		}
		c.EndList()
	case event.Struct:
		for f := range c.Fields {
			appendSample(&c.Fields[f], n+f)
		}
		c.Rows++
		c.NotNull()
	case event.Null:
		c.Rows++
	case event.Timestamp:
		c.AppendInt(int64(n%9-4) * 1_234_567_890_123_456)
	default:
		c.AppendInt(int64(n%9-4) * 12_345)
	}
}

func sampleOptions() Options {
	return Options{Schema: sampleSchema(), Carried: arrow.NewSchema(sampleCarried(), nil)}
}

// sampleCarried is the columns of a spine as other tools make them.
func sampleCarried() []arrow.Field {
	berlin := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"}
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	f := func(name string, t arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: t, Nullable: true}
	}
	return []arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		f("ns", &arrow.TimestampType{Unit: arrow.Nanosecond}),
		f("ms", arrow.FixedWidthTypes.Timestamp_ms), f("berlin", berlin),
		f("category", dict), f("large", arrow.BinaryTypes.LargeString),
		f("u64", arrow.PrimitiveTypes.Uint64), f("f32", arrow.PrimitiveTypes.Float32), f("i8", arrow.PrimitiveTypes.Int8),
		f("time", arrow.FixedWidthTypes.Time64us),
		f("money", &arrow.Decimal128Type{Precision: 9, Scale: 2}),
		f("fixed", &arrow.FixedSizeBinaryType{ByteWidth: 3}),
		f("uuid", extensions.NewUUIDType()),
		f("names", arrow.ListOf(arrow.BinaryTypes.String)),
		f("map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32)),
		f("half", arrow.FixedWidthTypes.Float16),
	}
}

// sampleRecord is the carried columns of rows [lo, hi). The dictionary differs
// from batch to batch, as it does between the row groups of a file.
func sampleRecord(lo, hi int) arrow.RecordBatch {
	schema := arrow.NewSchema(sampleCarried(), nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, f := range b.Fields() {
		for row := lo; row < hi; row++ {
			if row%6 == 0 && i > 0 {
				f.AppendNull()
				continue
			}
			appendCarried(f, row)
		}
	}
	return b.NewRecordBatch()
}

func appendCarried(b array.Builder, n int) {
	text := fmt.Sprint("v", n%40)
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		for k := range n % 3 {
			appendCarried(b.ValueBuilder(), n+k)
		}
	case *array.MapBuilder:
		b.Append(true)
		appendCarried(b.KeyBuilder(), n)
		appendCarried(b.ItemBuilder(), n%100)
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(int64(n)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte(fmt.Sprintf("%03d", n%1000)))
	case *extensions.UUIDBuilder:
		b.AppendBytes([16]byte{byte(n), 1, byte(n >> 8)})
	case *array.Time64Builder:
		b.Append(arrow.Time64(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n * 1_000_003))
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	default:
		if err := b.AppendValueFromString(map[bool]string{true: text, false: fmt.Sprint(n)}[textual(b.Type())]); err != nil {
			panic(err)
		}
	}
}

func textual(t arrow.DataType) bool {
	return t.ID() == arrow.STRING || t.ID() == arrow.LARGE_STRING || t.ID() == arrow.DICTIONARY
}

func readParquet(t *testing.T, path string) arrow.RecordBatch {
	t.Helper()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := fr.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tr := array.NewTableReader(table, 0)
	var all []arrow.RecordBatch
	for tr.Next() {
		rec := tr.RecordBatch()
		rec.Retain()
		all = append(all, rec)
	}
	return joined(t, table.Schema(), all)
}

func readArrowFile(t *testing.T, path string) arrow.RecordBatch {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []arrow.RecordBatch
	for i := range r.NumRecords() {
		rec, err := r.RecordBatchAt(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec)
	}
	return joined(t, r.Schema(), all)
}

func readArrowStream(t *testing.T, path string) arrow.RecordBatch {
	t.Helper()
	rec, err := arrowStream(t, path)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// arrowStream reads a stream to its end, or says why there is none.
func arrowStream(t *testing.T, path string) (arrow.RecordBatch, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var all []arrow.RecordBatch
	for r.Next() {
		rec := r.RecordBatch()
		rec.Retain()
		all = append(all, rec)
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	return joined(t, r.Schema(), all), nil
}

func joined(t *testing.T, schema *arrow.Schema, all []arrow.RecordBatch) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	if len(all) == 0 {
		return b.NewRecordBatch()
	}
	var rows int64
	columns := make([]arrow.Array, schema.NumFields())
	for _, rec := range all {
		rows += rec.NumRows()
	}
	for i := range columns {
		var parts []arrow.Array
		for _, rec := range all {
			c := rec.Column(i)
			if ext, ok := c.(array.ExtensionArray); ok {
				c = ext.Storage()
			}
			parts = append(parts, c)
		}
		var err error
		if columns[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			t.Fatal(err)
		}
		if ext, ok := schema.Field(i).Type.(arrow.ExtensionType); ok {
			columns[i] = array.NewExtensionArrayWithStorage(ext, columns[i])
		}
	}
	return array.NewRecordBatch(schema, columns, rows)
}

// arrowText spells row i of arr; equal values of equal types are spelled alike,
// whatever vectors hold them.
func arrowText(t *testing.T, arr arrow.Array, i int) string {
	t.Helper()
	if arr.IsNull(i) {
		return "null"
	}
	switch a := arr.(type) {
	case *array.Null:
		return "null"
	case *array.Float64:
		return fmt.Sprintf("%x", math.Float64bits(a.Value(i)))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Date32:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Decimal128:
		return a.Value(i).BigInt().String()
	case *array.Binary:
		return base64.StdEncoding.EncodeToString(a.Value(i))
	case *array.Map:
		var parts []string
		lo, hi := a.ValueOffsets(i)
		for k := lo; k < hi; k++ {
			parts = append(parts, "{"+arrowText(t, a.Keys(), int(k))+" "+arrowText(t, a.Items(), int(k))+"}")
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *array.List:
		var parts []string
		lo, hi := a.ValueOffsets(i)
		for k := lo; k < hi; k++ {
			parts = append(parts, arrowText(t, a.ListValues(), int(k)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *array.Struct:
		var parts []string
		for f := range a.NumField() {
			parts = append(parts, arrowText(t, a.Field(f), i))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return arr.ValueStr(i)
}

// eventText spells row i of c as arrowText does.
func eventText(c *event.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	switch c.Type.Kind {
	case event.Bool:
		return fmt.Sprint(c.Ints[i] != 0)
	case event.Double:
		return fmt.Sprintf("%x", math.Float64bits(c.Floats[i]))
	case event.Decimal:
		return c.Decimals[i].Big().String()
	case event.String:
		return string(c.Text(i))
	case event.Bytes:
		return base64.StdEncoding.EncodeToString(c.Text(i))
	case event.List, event.Map:
		var parts []string
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, eventText(c.Elem, int(k)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case event.Struct:
		var parts []string
		for f := range c.Fields {
			parts = append(parts, eventText(&c.Fields[f], i))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(c.Ints[i])
}
