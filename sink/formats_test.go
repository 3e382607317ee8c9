package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/timeseam/timeseam/features/event"
)

// at opens the sink of a place, whose path is given later.
func at(p Place) func(path string, o Options) (event.Sink, error) {
	return func(path string, o Options) (event.Sink, error) {
		p.Path = path
		t, err := p.Resolve()
		if err != nil {
			return nil, err
		}
		return t.Open(context.Background(), o)
	}
}

// formatted opens the sink of a file whose name has an ending that the path lacks.
func formatted(name, compression string) func(path string, o Options) (event.Sink, error) {
	return func(path string, o Options) (event.Sink, error) {
		f, err := formatNamed(name)
		if err != nil {
			return nil, err
		}
		l, err := newLayout(o)
		if err != nil {
			return nil, err
		}
		open, err := f.open(l, compression)
		if err != nil {
			return nil, err
		}
		return openFile(path, l, open)
	}
}

func TestCSVConforms(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			conformance(t, kind{open: formatted("csv", compression), shown: exists, read: func(t *testing.T, path string) arrow.RecordBatch {
				return readCSV(t, uncompressed(t, path, compression), textSchema(t))
			}})
		})
	}
}

func TestJSONLinesConform(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			conformance(t, kind{open: formatted("jsonl", compression), shown: exists, read: func(t *testing.T, path string) arrow.RecordBatch {
				return readJSONLines(t, uncompressed(t, path, compression), textSchema(t))
			}})
		})
	}
}

func TestTFRecordConforms(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			conformance(t, kind{open: formatted("tfrecord", compression), shown: exists, flat: true, read: func(t *testing.T, path string) arrow.RecordBatch {
				return readExamples(t, uncompressed(t, path, compression))
			}})
		})
	}
}

func TestFolderConforms(t *testing.T) {
	read := func(t *testing.T, path string) arrow.RecordBatch {
		files, err := filepath.Glob(filepath.Join(path, "part-*.parquet"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files (%v)", len(files), err)
		}
		var all []arrow.RecordBatch
		for i, f := range files {
			if want := fmt.Sprintf("part-%05d.parquet", i); filepath.Base(f) != want {
				t.Errorf("file %s, want %s", f, want)
			}
			all = append(all, readParquet(t, f))
		}
		return joined(t, all[0].Schema(), all)
	}
	conformance(t, kind{open: at(Place{FileSize: 1}), shown: exists, read: read})
}

// textSchema is the columns of the sample.
func textSchema(t *testing.T) *arrow.Schema {
	l, err := newLayout(sampleOptions())
	if err != nil {
		t.Fatal(err)
	}
	return l.stored
}

func uncompressed(t *testing.T, path, compression string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(data)
	switch compression {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err == nil {
		data, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// csvRows reads a CSV file by the rules of RFC 4180; a value is nil where nothing,
// not even quotes, stands for it.
func csvRows(t *testing.T, data []byte) (rows [][]*string) {
	t.Helper()
	var row []*string
	for i := 0; i < len(data); {
		var value *string
		if data[i] == '"' {
			var text []byte
			for i++; ; i++ {
				if data[i] == '"' {
					if i++; i == len(data) || data[i] != '"' {
						break
					}
				}
				text = append(text, data[i])
			}
			s := string(text)
			value = &s
		} else {
			n := bytes.IndexAny(data[i:], ",\n")
			if n > 0 {
				s := string(data[i : i+n])
				value = &s
			}
			i += n
		}
		row = append(row, value)
		if data[i] == '\n' {
			rows, row = append(rows, row), nil
		}
		i++
	}
	return rows
}

func readCSV(t *testing.T, data []byte, schema *arrow.Schema) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	rows := csvRows(t, data)
	for c, name := range rows[0] {
		if *name != schema.Field(c).Name {
			t.Errorf("header %s, want %s", *name, schema.Field(c).Name)
		}
	}
	for _, row := range rows[1:] {
		if len(row) != schema.NumFields() {
			t.Fatalf("a row of %d values", len(row))
		}
		for c, v := range row {
			appendRead(t, b.Field(c), schema.Field(c).Type, v)
		}
	}
	return b.NewRecordBatch()
}

// appendRead appends what stands in a text as the library reads it.
func appendRead(t *testing.T, b array.Builder, typ arrow.DataType, v *string) {
	t.Helper()
	if v == nil {
		b.AppendNull()
		return
	}
	text := *v
	var err error
	switch {
	case arrow.IsNested(typ.ID()):
		err = b.UnmarshalJSON(slices.Concat([]byte("["), entries([]byte(text), typ), []byte("]")))
	default:
		err = b.AppendValueFromString(text)
	}
	if err != nil {
		t.Fatalf("%s %q: %v", typ, text, err)
	}
}

// entries makes the object that a map is spelled as the list that the library reads.
func entries(text []byte, typ arrow.DataType) []byte {
	if typ.ID() != arrow.MAP || string(text) == "null" {
		return text
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.Token()
	var out []string
	for d.More() {
		key, _ := d.Token()
		var value json.RawMessage
		d.Decode(&value)
		out = append(out, fmt.Sprintf(`{"key":%q,"value":%s}`, key, value))
	}
	return []byte("[" + strings.Join(out, ",") + "]")
}

func readJSONLines(t *testing.T, data []byte, schema *arrow.Schema) arrow.RecordBatch {
	t.Helper()
	var docs bytes.Buffer
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil || len(row) != schema.NumFields() {
			t.Fatalf("%q: %v", line, err)
		}
		for _, f := range schema.Fields() {
			row[f.Name] = entries(row[f.Name], f.Type)
		}
		again, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(append(again, '\n'))
	}
	if docs.Len() == 0 {
		return readCSV(t, csvHeader(schema), schema)
	}
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, &docs, array.WithMultipleDocs())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func csvHeader(schema *arrow.Schema) []byte {
	var names []string
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	return []byte(strings.Join(names, ",") + "\n")
}

// flat are the columns that a TFRecord holds without loss.
var flat = []string{"bool", "int", "string", "bytes", "date", "timestamp"}

func flatOptions() Options {
	var o Options
	for _, f := range sampleSchema() {
		if slices.Contains(flat, f.Name) {
			o.Schema = append(o.Schema, f)
		}
	}
	o.Carried = arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "large", Type: arrow.BinaryTypes.LargeString, Nullable: true}}, nil)
	return o
}

func flatBatch(lo, hi int) *event.Batch {
	b := sampleBatch(lo, hi)
	o := flatOptions()
	var columns []event.Column
	for i, f := range sampleSchema() {
		if slices.Contains(flat, f.Name) {
			columns = append(columns, b.Columns[i])
		}
	}
	carried := []arrow.Array{b.Carried.Column(b.Carried.Schema().FieldIndices("id")[0]), b.Carried.Column(b.Carried.Schema().FieldIndices("large")[0])}
	return &event.Batch{Len: b.Len, Columns: columns, Carried: array.NewRecordBatch(o.Carried, carried, int64(b.Len))}
}

// readExamples reads TFRecords back by the rules of protocol buffers.
func readExamples(t *testing.T, data []byte) arrow.RecordBatch {
	t.Helper()
	l, err := newLayout(flatOptions())
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, l.stored)
	defer b.Release()
	for _, example := range tfRecords(t, data) {
		got := exampleOf(t, example)
		for i, f := range l.stored.Fields() {
			v, ok := got[f.Name]
			switch {
			case !ok:
				b.Field(i).AppendNull()
			case f.Type.ID() == arrow.BOOL:
				b.Field(i).(*array.BooleanBuilder).Append(v.ints[0] == 1)
			case f.Type.ID() == arrow.INT64:
				b.Field(i).(*array.Int64Builder).Append(v.ints[0])
			case f.Type.ID() == arrow.DATE32:
				b.Field(i).(*array.Date32Builder).Append(arrow.Date32(v.ints[0]))
			case f.Type.ID() == arrow.TIMESTAMP:
				b.Field(i).(*array.TimestampBuilder).Append(arrow.Timestamp(v.ints[0]))
			case f.Type.ID() == arrow.BINARY:
				b.Field(i).(*array.BinaryBuilder).Append(v.texts[0])
			case f.Type.ID() == arrow.LARGE_STRING:
				b.Field(i).(*array.LargeStringBuilder).Append(string(v.texts[0]))
			default:
				b.Field(i).(*array.StringBuilder).Append(string(v.texts[0]))
			}
		}
	}
	return b.NewRecordBatch()
}

// tfRecords cuts a file into its records, and checks both sums of each.
func tfRecords(t *testing.T, data []byte) (records [][]byte) {
	t.Helper()
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		if binary.LittleEndian.Uint32(data[8:]) != masked(data[:8]) || binary.LittleEndian.Uint32(data[12+n:]) != masked(data[12:12+n]) {
			t.Fatal("a checksum is wrong")
		}
		records = append(records, data[12:12+n])
		data = data[16+n:]
	}
	return records
}

// listed is one feature as it is read.
type listed struct {
	kind   byte
	ints   []int64
	floats []uint32
	texts  [][]byte
}

// fields calls do for each field of a message, all of which are length-delimited here.
func fields(t *testing.T, m []byte, do func(number byte, value []byte)) {
	t.Helper()
	for len(m) > 0 {
		n, size := binary.Uvarint(m[1:])
		if m[0]&7 != 2 || size <= 0 || 1+size+int(n) > len(m) {
			t.Fatalf("no message: %x", m)
		}
		m = m[:len(m):len(m)]
		do(m[0]>>3, m[1+size:1+size+int(n)])
		m = m[1+size+int(n):]
	}
}

func exampleOf(t *testing.T, example []byte) map[string]listed {
	t.Helper()
	all := map[string]listed{}
	fields(t, example, func(_ byte, features []byte) {
		fields(t, features, func(_ byte, entry []byte) {
			var name string
			var got listed
			fields(t, entry, func(number byte, value []byte) {
				if number == 1 {
					name = string(value)
					return
				}
				fields(t, value, func(kind byte, list []byte) {
					got.kind = kind
					fields(t, list, func(_ byte, values []byte) { got.add(values) })
				})
			})
			all[name] = got
		})
	})
	return all
}

func (l *listed) add(values []byte) {
	switch l.kind {
	case 1:
		l.texts = append(l.texts, values)
	case 2:
		for ; len(values) > 0; values = values[4:] {
			l.floats = append(l.floats, binary.LittleEndian.Uint32(values))
		}
	case 3:
		for len(values) > 0 {
			v, n := binary.Uvarint(values)
			l.ints, values = append(l.ints, int64(v)), values[n:]
		}
	}
}
