package sources

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// writeNull writes a file of one row, in which column x of a type is null, beside a
// column id.
func writeNull(t *testing.T, at string, typ arrow.DataType) {
	t.Helper()
	fields := []arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}
	if typ != nil {
		fields = append(fields, arrow.Field{Name: "x", Type: typ, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int64Builder).Append(1)
	if typ != nil {
		b.Field(1).AppendNull()
	}
	out := must(os.Create(at))
	w := must(pqarrow.NewFileWriter(schema, out, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())))
	if err := errors.Join(w.Write(b.NewRecordBatch()), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestUnion says what becomes of a column that two files have in two types: the
// type that holds both, or a refusal; nothing is ever rounded or guessed (R1).
func TestUnion(t *testing.T) {
	p, f := &arrow.PrimitiveTypes, &arrow.FixedWidthTypes
	dec := func(precision, scale int32) arrow.DataType {
		return &arrow.Decimal128Type{Precision: precision, Scale: scale}
	}
	x := func(t arrow.DataType) arrow.DataType {
		return arrow.StructOf(arrow.Field{Name: "y", Type: t, Nullable: true})
	}
	for _, c := range []struct {
		a, b   arrow.DataType
		column string
		want   string // a type, or part of the refusal
	}{
		{p.Int32, p.Int64, "x", "int64"}, {p.Uint8, p.Int64, "x", "int64"}, {p.Uint64, p.Int32, "x", "int64"},
		{p.Float32, p.Float64, "x", "double"}, {f.Float16, p.Float32, "x", "double"},
		{dec(9, 2), dec(18, 4), "x", "decimal(18,4)"}, {dec(9, 2), dec(9, 4), "x", "decimal(11,4)"}, {dec(38, 0), dec(38, 2), "x", "must be of one type"},
		{f.Timestamp_ms, f.Timestamp_ns, "x", "timestamp"}, {&arrow.TimestampType{Unit: arrow.Microsecond}, f.Timestamp_us, "x", "timestamp"},
		{f.Date32, f.Timestamp_us, "x", "is date in FILE/a.parquet and timestamp in FILE/b.parquet; it must be of one type"},
		{p.Int64, p.Float64, "x", "is int64 in FILE/a.parquet and double"}, {p.Int64, dec(18, 2), "x", "is int64 in FILE/a.parquet and decimal(18,2)"},
		{p.Int64, arrow.BinaryTypes.String, "x", "is int64 in FILE/a.parquet and string"}, {arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, "x", "is string in FILE/a.parquet and bytes"},
		{f.Time64us, f.Time32ms, "x", "int64"}, {f.Time64us, p.Int64, "x", "is a time of day in FILE/a.parquet and int64"}, {p.Int32, f.Time32ms, "x", "is int64 in FILE/a.parquet and a time of day"},
		{arrow.Null, f.Time64us, "x", "int64"}, {arrow.Null, arrow.BinaryTypes.String, "x", "string"}, {nil, dec(9, 2), "x", "decimal(9,2)"},
		{x(p.Int32), x(p.Int64), "x.y", "int64"}, {x(p.Int32), nil, "x.y", "int64"}, {nil, x(p.Int32), "x.y", "int64"},
		{x(p.Int32), p.Int32, "x.y", "is a field of a struct in FILE/a.parquet, and x in FILE/b.parquet is none"},
		{p.Int32, x(p.Int32), "x.y", "is a field of a struct in FILE/b.parquet, and x in FILE/a.parquet is none"},
		{x(p.Int32), arrow.ListOf(p.Int32), "x.y", "and x in FILE/b.parquet is none"},
		{x(p.Int32), x(x(p.Int32)), "x.y.y", "and x.y in FILE/a.parquet is none"},
		{x(p.Int32), x(arrow.BinaryTypes.String), "x.y", "is int64 in FILE/a.parquet and string"},
	} {
		dir := t.TempDir()
		writeNull(t, filepath.Join(dir, "a.parquet"), c.a)
		writeNull(t, filepath.Join(dir, "b.parquet"), c.b)
		table := find(t, dir)
		got := ""
		if err := table.Check([]string{c.column}); err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "FILE")
		} else {
			at := table.Schema().Index(c.column)
			got = table.Schema()[at].Type.String()
			text, rows := readAll(t, must(table.Read([]string{c.column})))
			if rows != 2 || string(text) != "\\N\n\\N\n" {
				t.Errorf("%v and %v: %q", c.a, c.b, text)
			}
		}
		if got != c.want && !(strings.Contains(got, c.want) && strings.Contains(got, "FILE: column "+c.column)) {
			t.Errorf("%v and %v: %s, want %s", c.a, c.b, got, c.want)
		}
		if _, err := Describe(t.Context(), dir); err != nil {
			t.Errorf("%v and %v: %v", c.a, c.b, err)
		}
	}
}

// TestOtherFormats names what is no Parquet file.
func TestOtherFormats(t *testing.T) {
	for head, want := range map[string]string{
		"Obj\x01": "an Avro file", "ARROW1": "an Arrow file", "PK\x03\x04": "a ZIP archive", "\x1f\x8b\x08": "compressed as a whole", "id,x\n1,2\n": "it begins with \"id,x\"",
	} {
		at := filepath.Join(t.TempDir(), "other.parquet")
		write(t, at, []byte(head+strings.Repeat("\x00", 20)))
		if _, err := Find(at); err == nil || !strings.Contains(err.Error(), "other.parquet: it is no Parquet file") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", head, err)
		}
	}
	if _, err := Describe(t.Context(), "testdata/makers/pyarrow.orc"); err == nil || err.Error() != "open testdata/makers/pyarrow.orc: it is no Parquet file but an ORC file, which cannot be read; write it as Parquet" {
		t.Error(err)
	}
}

// TestStated holds pages to what their headers state, and names what is not read.
func TestStated(t *testing.T) {
	ints := rawElement("x", format.Int64)
	maybe := ints
	maybe.RepetitionType.V = format.Optional
	two := make([]byte, 16)
	file := func(e format.SchemaElement, codec format.CompressionCodec, change func(h *format.PageHeader), body []byte) []byte {
		p := rawData(2, len(body), format.Plain, body)
		if change != nil {
			change(&p.header)
		}
		return rawFile(rawColumn{element: e, codec: codec, rows: 2, pages: []rawPage{p}})
	}
	v2 := func(nulls int32, levels []byte) func(h *format.PageHeader) {
		return func(h *format.PageHeader) {
			h.Type = format.DataPageV2
			h.DataPageHeaderV2.Valid, h.DataPageHeader.Valid = true, false
			h.DataPageHeaderV2.V = format.DataPageHeaderV2{NumValues: 2, NumRows: 2, NumNulls: nulls, Encoding: format.Plain, DefinitionLevelsByteLength: int32(len(levels))}
		}
	}
	levels := []byte{4, 1} // A run of two values.
	for _, c := range []struct {
		name string
		file []byte
		want string // empty: it is read
	}{
		{"as it is", file(ints, format.Uncompressed, nil, two), ""},
		{"fewer bytes", file(ints, format.Uncompressed, nil, two[:15]), "has fewer values than it states"},
		{"another size", file(ints, format.Uncompressed, func(h *format.PageHeader) { h.UncompressedPageSize = 17 }, two), "it has 16 bytes and states 17, and is not compressed"},
		{"a smaller size when packed", file(ints, format.Snappy, func(h *format.PageHeader) { h.UncompressedPageSize = 15 }, snappy.Encode(nil, two)), "does not decompress to the size it states"},
		{"a greater size when packed", file(ints, format.Snappy, func(h *format.PageHeader) { h.UncompressedPageSize = 17 }, snappy.Encode(nil, two)), "has another size than it states"},
		{"nulls", file(maybe, format.Uncompressed, v2(0, levels), append(levels, two...)), ""},
		{"other nulls", file(maybe, format.Uncompressed, v2(1, levels), append(levels, two...)), "states 1 nulls and has 0"},
		{"packed levels", file(maybe, format.Uncompressed, func(h *format.PageHeader) { h.DataPageHeader.V.DefinitionLevelEncoding = format.BitPacked }, append([]byte{2, 0, 0, 0, 4, 1}, two...)), "its levels are in the encoding BIT_PACKED, which cannot be read"},
		{"LZO", file(ints, format.LZO, nil, two), "is compressed with LZO, which cannot be read"},
		{"an encoding", file(ints, format.Uncompressed, func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.DeltaByteArray }, two), "values of INT64 in the encoding DELTA_BYTE_ARRAY cannot be read"},
	} {
		at := filepath.Join(t.TempDir(), "stated.parquet")
		write(t, at, c.file)
		s, err := find(t, at).Read([]string{"x"})
		if err == nil {
			_, err = readError(t, s)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "column x")) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestTopBeforeField holds that a column at the top has its name before a field of a
// struct that is called so too, and that two such fields are neither.
func TestTopBeforeField(t *testing.T) {
	int64s := arrow.PrimitiveTypes.Int64
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.StructOf(arrow.Field{Name: "b", Type: int64s}, arrow.Field{Name: "b.c", Type: int64s}, arrow.Field{Name: "d", Type: arrow.ListOf(int64s)})},
		{Name: "a.b", Type: arrow.StructOf(arrow.Field{Name: "c", Type: int64s})}, {Name: "e.f", Type: int64s}, {Name: "e", Type: arrow.StructOf(arrow.Field{Name: "f", Type: int64s})},
	}, nil)
	r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	if err := r.UnmarshalJSON([]byte(`{"a": {"b": 1, "b.c": 2, "d": [9]}, "a.b": {"c": 3}, "e.f": 4, "e": {"f": 5}}`)); err != nil {
		t.Fatal(err)
	}
	table := find(t, writeArrow(t, r.NewRecordBatch()))
	if text, _ := readAll(t, must(table.Read([]string{"e.f"}))); string(text) != "4\n" {
		t.Errorf("e.f is %q", text)
	}
	for column, want := range map[string]string{"a.b.c": "is there twice in one file", "a.b": "is a struct, which features cannot read", "a.d": "is a list, which features cannot read"} {
		var unreadable *UnreadableColumn
		if err := table.Check([]string{column}); !errors.As(err, &unreadable) || !strings.HasPrefix(unreadable.Problem, want) {
			t.Errorf("%s: %v, want %s", column, err, want)
		}
	}
	if s := table.Schema(); s[s.Index("a")].Type.Kind != event.Unknown {
		t.Error("a struct is read as a whole")
	}
}
