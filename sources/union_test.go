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
