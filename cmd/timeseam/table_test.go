package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/rogpeppe/go-internal/testscript"
)

// A table of a script is lines of cells with | between them: first name:type, then
// the rows. A cell null is null; blanks around a cell do not count, so that the
// columns may stand below each other, and "" is the empty text. Its files are
// written and read without any part of the program: what it says of types and
// values is held against another's word.

// cellType is a type and the name that tables give it.
type cellType struct {
	name string
	arrow.DataType
}

// cellTypes is the types of tables: most are called as Arrow calls them. A
// timestamp stored as INT96 is read back as one of nanoseconds.
func cellTypes() []cellType {
	point := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, arrow.Field{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true})
	types := []cellType{
		{"list", arrow.ListOf(arrow.PrimitiveTypes.Int64)}, {"struct", point}, {"structs", arrow.ListOf(point)},
		{"dictionary", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
	}
	for _, t := range []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary,
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Time64us,
		&arrow.Decimal128Type{Precision: 9, Scale: 2}, &arrow.Decimal128Type{Precision: 9, Scale: 4}, &arrow.Decimal128Type{Precision: 38, Scale: 0}, &arrow.Decimal128Type{Precision: 38, Scale: 2},
	} {
		types = append(types, cellType{strings.ReplaceAll(t.String(), " ", ""), t})
	}
	for _, unit := range arrow.TimeUnitValues {
		for _, zone := range []string{"", "UTC", "Europe/Berlin"} {
			t := &arrow.TimestampType{Unit: unit, TimeZone: zone}
			types = append(types, cellType{strings.ReplaceAll(t.String(), " tz=", ""), t})
		}
	}
	return append(types, cellType{int96, &arrow.TimestampType{Unit: arrow.Nanosecond}})
}

const int96 = "int96"

// typeCalled is the type that a table calls so; nil if there is none.
func typeCalled(name string) arrow.DataType {
	for _, t := range cellTypes() {
		if t.name == name {
			return t.DataType
		}
	}
	return nil
}

// nameOf is what tables call a type; of other types the name that Arrow has.
func nameOf(t arrow.DataType) string {
	for _, known := range cellTypes() {
		if arrow.TypeEqual(known.DataType, t) {
			return known.name
		}
	}
	return t.String()
}

func scriptParquet(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "parquet FILE TABLE")
	ts.Check(writeTable(ts.MkAbs(args[0]), ts.ReadFile(args[1])))
}

// writeTable writes a Parquet file of a table, in row groups of two rows or more.
func writeTable(path, text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var fields []arrow.Field
	options := []parquet.WriterProperty{parquet.WithMaxRowGroupLength(max(2, int64(len(lines))/2))}
	old := false
	for _, cell := range strings.Split(lines[0], "|") {
		name, kind, _ := strings.Cut(strings.TrimSpace(cell), ":")
		t := typeCalled(kind)
		if t == nil {
			return fmt.Errorf("column %s: no type %q", name, kind)
		}
		old = old || kind == int96
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for _, line := range lines[1:] {
		cells := strings.Split(line, "|")
		if len(cells) != len(fields) {
			return fmt.Errorf("%d cells for %d columns: %s", len(cells), len(fields), line)
		}
		for i, cell := range cells {
			if err := appendCell(b.Field(i), strings.TrimSpace(cell)); err != nil {
				return fmt.Errorf("column %s: %w", fields[i].Name, err)
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(b.Schema(), f, parquet.NewWriterProperties(options...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithDeprecatedInt96Timestamps(old)))
	if err != nil {
		return err
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		return err
	}
	return w.Close()
}

func appendCell(b array.Builder, cell string) error {
	switch cell {
	case "null":
		b.AppendNull()
		return nil
	case `""`:
		cell = ""
	}
	return b.AppendValueFromString(cell)
}

func scriptRows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "rows FILE")
	var table arrow.Table
	var err error
	if strings.HasSuffix(args[0], ".parquet") {
		table, err = readParquet(ts.MkAbs(args[0]))
	} else {
		table, err = readArrow([]byte(ts.ReadFile(args[0])))
	}
	ts.Check(err)
	ts.Check(printTable(ts.Stdout(), table))
}

func readParquet(path string) (arrow.Table, error) {
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	return r.ReadTable(context.Background())
}

// readArrow reads an Arrow file, or a stream.
func readArrow(data []byte) (arrow.Table, error) {
	var records []arrow.RecordBatch
	if bytes.HasPrefix(data, []byte("ARROW1")) {
		r, err := ipc.NewFileReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		for i := range r.NumRecords() {
			rec, err := r.RecordBatch(i)
			if err != nil {
				return nil, err
			}
			rec.Retain()
			records = append(records, rec)
		}
		return array.NewTableFromRecords(r.Schema(), records), nil
	}
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for r.Next() {
		rec := r.RecordBatch()
		rec.Retain()
		records = append(records, rec)
	}
	return array.NewTableFromRecords(r.Schema(), records), r.Err()
}

func printTable(w io.Writer, t arrow.Table) error {
	var head []string
	for _, f := range t.Schema().Fields() {
		head = append(head, f.Name+":"+nameOf(f.Type))
	}
	fmt.Fprintln(w, strings.Join(head, " | "))
	r := array.NewTableReader(t, 0)
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			cells := make([]string, rec.NumCols())
			for c := range cells {
				cells[c] = cellText(rec.Column(c), i)
			}
			fmt.Fprintln(w, strings.Join(cells, " | "))
		}
	}
	return r.Err()
}

// cellText is a value as a table has it.
func cellText(a arrow.Array, i int) string {
	switch text := a.ValueStr(i); {
	case a.IsNull(i):
		return "null"
	case text == "":
		return `""`
	default:
		return text
	}
}
