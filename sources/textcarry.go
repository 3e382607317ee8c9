package sources

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

// textCarry is carry for files of text: their types are ours, so that what was
// read is built into Arrow arrays.
type textCarry struct {
	table  *Table
	schema *arrow.Schema
	chosen []column
	rows   int // of a batch

	next int // file to be opened
	part *textPart
	lent arrow.RecordBatch // of the last batch
	err  error
}

func newTextCarry(t *Table, schema *arrow.Schema, rows int) (event.Source, error) {
	c := &textCarry{table: t, schema: schema, rows: rows}
	names := make([]string, schema.NumFields())
	for i := range names {
		names[i] = schema.Field(i).Name
	}
	var err error
	c.chosen, err = t.choose(names)
	return c, err
}

// textSchema is ArrowSchema for files of text.
func (t *Table) textSchema(columns []string) (*arrow.Schema, error) {
	chosen, err := t.choose(columns)
	if err != nil {
		return nil, err
	}
	fields := make([]arrow.Field, len(chosen))
	for i, c := range chosen {
		fields[i] = arrow.Field{Name: c.name, Type: arrowOf(c.typ), Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// arrowOf is the type in which values of t are carried: the one that computed
// columns are written in.
func arrowOf(t event.Type) arrow.DataType {
	switch t.Kind {
	case event.Bool:
		return arrow.FixedWidthTypes.Boolean
	case event.Int:
		return arrow.PrimitiveTypes.Int64
	case event.Double:
		return arrow.PrimitiveTypes.Float64
	case event.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case event.String:
		return arrow.BinaryTypes.String
	case event.Bytes:
		return arrow.BinaryTypes.Binary
	case event.Date:
		return arrow.FixedWidthTypes.Date32
	case event.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case event.List:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: arrowOf(*t.Elem), Nullable: true})
	case event.Map:
		m := arrow.MapOf(arrowOf(t.KeyType()), arrowOf(t.ValueType()))
		m.KeysSorted = true
		return m
	case event.Struct:
		fields := make([]arrow.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = arrow.Field{Name: f.Name, Type: arrowOf(f.Type), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return arrow.Null
}

// Schema is empty: what is carried has none of ours.
func (c *textCarry) Schema() event.Schema { return event.Schema{} }

// Close lets go of the file and of the last batch.
func (c *textCarry) Close() error {
	if c.err == nil {
		c.err = errClosed
	}
	release(&c.lent)
	if c.part == nil {
		return nil
	}
	return c.part.Close()
}

// Read fills b with the next rows.
func (c *textCarry) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	if c.err != nil {
		return c.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	release(&c.lent)
	if err := c.read(ctx); err != nil {
		c.err = err
		if c.part != nil {
			c.part.Close()
		}
		return err
	}
	b.Len, b.Carried = int(c.lent.NumRows()), c.lent
	return nil
}

// read makes the next batch of as many rows as are left of it, from as many
// pieces as the parts make of them.
func (c *textCarry) read(ctx context.Context) error {
	var pieces []arrow.RecordBatch
	defer func() {
		for i := range pieces {
			pieces[i].Release()
		}
	}()
	var b event.Batch
	for have := 0; have < c.rows; have += b.Len {
		err := c.piece(ctx, &b, c.rows-have)
		if err == io.EOF && have > 0 {
			break
		}
		if err != nil {
			return err
		}
		pieces = append(pieces, recordOf(c.schema, &b))
	}
	return guard(func() (err error) {
		c.lent, err = joined(c.table, c.schema, pieces)
		return err
	})
}

// piece reads the next rows, at most n, or returns io.EOF.
func (c *textCarry) piece(ctx context.Context, b *event.Batch, n int) error {
	for {
		if c.part == nil {
			if c.next == len(c.table.Files) {
				return io.EOF
			}
			c.part = newTextPart(c.table, c.chosen, c.next)
			c.next++
		}
		c.part.most = min(n, textRows)
		err := c.part.Read(ctx, b)
		if err != io.EOF {
			return err
		}
		c.part.Close()
		c.part = nil
	}
}

// recordOf builds a record of a batch's columns.
func recordOf(schema *arrow.Schema, b *event.Batch) arrow.RecordBatch {
	columns := make([]arrow.Array, len(b.Columns))
	for i := range b.Columns {
		builder := array.NewBuilder(memory.DefaultAllocator, schema.Field(i).Type)
		builder.Reserve(b.Len)
		build(builder, &b.Columns[i], 0, b.Len)
		columns[i] = builder.NewArray()
		builder.Release()
	}
	r := array.NewRecordBatch(schema, columns, int64(b.Len))
	for _, a := range columns {
		a.Release()
	}
	return r
}

// build appends rows from to to-1 of c.
func build(to array.Builder, c *event.Column, from, end int) {
	switch b := to.(type) {
	case *array.ListBuilder:
		for i := from; i < end; i++ {
			b.Append(!c.IsNull(i))
			build(b.ValueBuilder(), c.Elem, int(c.Offsets[i]), int(c.Offsets[i+1]))
		}
	case *array.MapBuilder:
		for i := from; i < end; i++ {
			if c.IsNull(i) {
				b.AppendNull()
				continue
			}
			b.Append(true)
			lo, hi := int(c.Offsets[i]), int(c.Offsets[i+1])
			build(b.KeyBuilder(), &c.Elem.Fields[0], lo, hi)
			build(b.ItemBuilder(), &c.Elem.Fields[1], lo, hi)
		}
	case *array.StructBuilder:
		for i := from; i < end; i++ {
			if c.IsNull(i) {
				b.AppendNull() // Of the fields too.
				continue
			}
			b.Append(true)
			for f := range c.Fields {
				build(b.FieldBuilder(f), &c.Fields[f], i, i+1)
			}
		}
	default:
		for i := from; i < end; i++ {
			if c.IsNull(i) {
				to.AppendNull()
			} else {
				buildScalar(to, c, i)
			}
		}
	}
}

// buildScalar appends row i of c, which is not null.
func buildScalar(to array.Builder, c *event.Column, i int) {
	switch b := to.(type) {
	case *array.BooleanBuilder:
		b.Append(c.Ints[i] != 0)
	case *array.Int64Builder:
		b.Append(c.Ints[i])
	case *array.Float64Builder:
		b.Append(c.Floats[i])
	case *array.Decimal128Builder:
		b.Append(decimal128.New(c.Decimals[i].Hi, c.Decimals[i].Lo))
	case *array.StringBuilder:
		b.BinaryBuilder.Append(c.Text(i))
	case *array.BinaryBuilder:
		b.Append(c.Text(i))
	case *array.Date32Builder:
		b.Append(arrow.Date32(c.Ints[i]))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(c.Ints[i]))
	default:
		panic(fmt.Sprintf("sources: no way to build %T of %s", to, c.Type))
	}
}
