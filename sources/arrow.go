package sources

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	parquetfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// fieldID is what the library notes on a field of where it stood in its file. It
// would be wrong in any other file.
const fieldID = "PARQUET:field_id"

// ArrowSchema is the schema of what Carry(columns) brings, all columns if nil:
// each column in the type its files give it, which is the wider one where they
// differ in width or unit.
func (t *Table) ArrowSchema(columns []string) (*arrow.Schema, error) {
	if columns == nil {
		for i := range t.columns {
			if !t.columns[i].deep {
				columns = append(columns, t.columns[i].name)
			}
		}
	}
	if t.text != nil {
		return t.textSchema(columns)
	}
	schemas, err := t.arrowSchemas()
	if err != nil {
		return nil, err
	}
	fields := make([]arrow.Field, len(columns))
	for i, name := range columns {
		at, ok := t.places[name]
		if !ok {
			return nil, t.missing(name)
		}
		if t.columns[at].deep {
			return nil, &UnreadableColumn{Path: t.Path, Column: name, Problem: "is a field of a struct, which is carried as a whole; name the struct"}
		}
		if fields[i], err = t.arrowField(&t.columns[at], schemas); err != nil {
			return nil, err
		}
		if fields[i].Type.ID() == arrow.DURATION {
			return nil, fmt.Errorf("column %s of %s is a duration, which cannot be carried; leave it out with spine: {columns: […]}", name, t.Path)
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

// arrowSchemas returns the schema of each file.
func (t *Table) arrowSchemas() ([]*arrow.Schema, error) {
	schemas := make([]*arrow.Schema, len(t.Files))
	for i := range t.Files {
		var err error
		if schemas[i], err = t.Files[i].arrowSchema(); err != nil {
			return nil, fmt.Errorf("open %s: %w", t.Files[i].Path, err)
		}
	}
	return schemas, nil
}

// arrowField is the field that holds a column of all files.
func (t *Table) arrowField(c *column, schemas []*arrow.Schema) (arrow.Field, error) {
	if c.hive {
		return arrow.Field{Name: c.name, Type: arrowOf(c.typ), Nullable: true}, nil
	}
	var all arrow.Field
	from := -1
	for i, s := range schemas {
		at := s.FieldIndices(c.name)
		switch {
		case len(at) == 0:
			all.Nullable = true
			continue
		case len(at) > 1:
			return all, &UnreadableColumn{Path: t.Path, Column: c.name, Problem: "is there twice in one file"}
		}
		f := s.Field(at[0])
		if from < 0 {
			f.Nullable = f.Nullable || all.Nullable
			all, from = f, i
			continue
		}
		wide, ok := widerArrow(all.Type, f.Type)
		if !ok {
			why := fmt.Sprintf("is %s in %s and %s in %s; it must be of one type in all files", all.Type, t.Files[from].Path, f.Type, t.Files[i].Path)
			return all, &UnreadableColumn{Path: t.Path, Column: c.name, Problem: why}
		}
		if !arrow.TypeEqual(wide, all.Type) {
			all.Type, from = wide, i
		}
		all.Nullable = all.Nullable || f.Nullable
	}
	if from < 0 {
		return all, &UnreadableColumn{Path: t.Path, Column: c.name, Problem: "is damaged: it has no type in Arrow"}
	}
	all.Metadata = withoutFieldID(all.Metadata)
	return all, nil
}

func withoutFieldID(m arrow.Metadata) arrow.Metadata {
	var keys, values []string
	for i, k := range m.Keys() {
		if k != fieldID {
			keys, values = append(keys, k), append(values, m.Values()[i])
		}
	}
	return arrow.NewMetadata(keys, values)
}

// widerArrow is the type that holds the values of both.
func widerArrow(a, b arrow.DataType) (arrow.DataType, bool) {
	if arrow.TypeEqual(a, b) || b.ID() == arrow.NULL {
		return a, true
	}
	if a.ID() == arrow.NULL {
		return b, true
	}
	if d, ok := a.(*arrow.DictionaryType); ok {
		return widerArrow(d.ValueType, b)
	}
	if d, ok := b.(*arrow.DictionaryType); ok {
		return widerArrow(a, d.ValueType)
	}
	for _, family := range arrowFamilies() {
		x, y := indexOf(family, a), indexOf(family, b)
		if x >= 0 && y >= 0 {
			return family[max(x, y)], true
		}
	}
	return widerInstant(a, b)
}

// arrowFamilies lists types that hold all values of those before them.
func arrowFamilies() [][]arrow.DataType {
	p := &arrow.PrimitiveTypes
	return [][]arrow.DataType{
		{p.Int8, p.Int16, p.Int32, p.Int64},
		{p.Uint8, p.Uint16, p.Uint32, p.Uint64},
		{p.Uint8, p.Uint16, p.Uint32, p.Int64},
		{p.Uint8, p.Int16, p.Int32, p.Int64},
		{p.Uint16, p.Int32, p.Int64},
		{arrow.FixedWidthTypes.Float16, p.Float32, p.Float64},
		{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString},
		{arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary},
	}
}

func indexOf(types []arrow.DataType, t arrow.DataType) int {
	for i := range types {
		if arrow.TypeEqual(types[i], t) {
			return i
		}
	}
	return -1
}

// widerInstant is the finer of two timestamps of one zone, or the wider of two
// decimals.
func widerInstant(a, b arrow.DataType) (arrow.DataType, bool) {
	if x, ok := a.(*arrow.TimestampType); ok {
		y, ok := b.(*arrow.TimestampType)
		if !ok || x.TimeZone != y.TimeZone {
			return nil, false
		}
		if x.Unit > y.Unit {
			return x, true
		}
		return y, true
	}
	x, ok := a.(*arrow.Decimal128Type)
	y, ok2 := b.(*arrow.Decimal128Type)
	if !ok || !ok2 {
		return nil, false
	}
	scale := max(x.Scale, y.Scale)
	precision := max(x.Precision-x.Scale, y.Precision-y.Scale) + scale
	return &arrow.Decimal128Type{Precision: precision, Scale: scale}, precision <= 38
}

// arrowSchema reads the file's footer once more, as the library that makes Arrow
// records of it does.
func (f *File) arrowSchema() (*arrow.Schema, error) {
	r, err := f.openFooter()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var s *arrow.Schema
	err = guard(func() error {
		fr, err := f.arrowReader(r, 0)
		if err != nil {
			return err
		}
		s, err = fr.Schema()
		return err
	})
	return s, err
}

// arrowReader opens the file for reading as Arrow records of so many rows.
func (f *File) arrowReader(r io.ReaderAt, rows int) (*pqarrow.FileReader, error) {
	if err := checkArrowSchema(f.meta.KeyValueMetadata); err != nil {
		return nil, err
	}
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled, props.BufferSize = true, readAhead
	p, err := parquetfile.NewParquetReader(io.NewSectionReader(r, 0, f.Size), parquetfile.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	return pqarrow.NewFileReader(p, pqarrow.ArrowReadProperties{BatchSize: int64(rows)}, memory.DefaultAllocator)
}
