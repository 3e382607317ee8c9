package sources

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/timeseam/timeseam/features/event"
)

// carry is an event.Source of a table's rows as Arrow records, untouched.
type carry struct {
	table  *Table
	schema *arrow.Schema
	rows   int // of a batch

	next   int // file to be opened
	file   *File
	r      content
	far    *passing             // that, of an object
	flat   *flatPart            // what reads the file in place of the library; nil: nothing does
	fr     *pqarrow.FileReader  // nil: the file has none of the columns
	chosen []int                // leaves of the file
	group  int                  // of the file, that is being read
	reader pqarrow.RecordReader // of the row group; nil as fr is
	left   int64                // rows of the row group that are still to come

	rest arrow.RecordBatch // of what was read, the rows for the batches after
	lent arrow.RecordBatch // of the last batch, the source's until the next Read
	err  error
}

// Carry returns the same rows in the same order as Read, in batches of exactly
// the given number of rows, the last one shorter. The batches have no columns of
// ours; Batch.Carried holds the columns of ArrowSchema(columns), all if nil. It is
// valid until the next Read.
func (t *Table) Carry(columns []string, rows int) (event.Source, error) {
	if rows < 1 {
		return nil, fmt.Errorf("carry %s: batches of %d rows; they must have at least one", t.Path, rows)
	}
	schema, err := t.ArrowSchema(columns)
	if err != nil {
		return nil, err
	}
	if t.text != nil {
		return newTextCarry(t, schema, rows)
	}
	return &carry{table: t, schema: schema, rows: rows}, nil
}

// Schema is empty: what is carried has none of ours.
func (c *carry) Schema() event.Schema { return event.Schema{} }

// Close lets go of the file and of the last batch.
func (c *carry) Close() error {
	if c.err == nil {
		c.err = errClosed
	}
	return c.drop()
}

func (c *carry) drop() error {
	release(&c.lent)
	release(&c.rest)
	return c.closeFile()
}

func (c *carry) closeFile() error {
	c.endGroup()
	r, flat := c.r, c.flat
	c.r, c.far, c.fr, c.flat = nil, nil, nil, nil
	switch {
	case flat != nil:
		return flat.part.Close()
	case r != nil:
		return r.Close()
	}
	return nil
}

// endGroup lets go of what reads the row group.
func (c *carry) endGroup() {
	if c.reader != nil {
		c.reader.Release()
		c.reader = nil
	}
}

func release(r *arrow.RecordBatch) {
	if *r != nil {
		(*r).Release()
		*r = nil
	}
}

// Read fills b with the next rows.
func (c *carry) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	if c.err != nil {
		return c.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	release(&c.lent)
	if c.far != nil {
		c.far.ahead.asked = ctx
	}
	if c.err = c.read(ctx); c.err != nil {
		if err := ctx.Err(); err != nil {
			c.err = err // What the library made of being cancelled does not matter.
		}
		c.drop()
		return c.err
	}
	b.Len, b.Carried = int(c.lent.NumRows()), c.lent
	return nil
}

// read makes the next batch from as many pieces as it takes.
func (c *carry) read(ctx context.Context) error {
	var pieces []arrow.RecordBatch
	defer func() {
		for i := range pieces {
			pieces[i].Release()
		}
	}()
	size := int64(0)
	for have := 0; have < c.rows; {
		piece, err := c.piece(ctx, c.rows-have)
		if errors.Is(err, io.EOF) && have > 0 {
			break
		}
		if err != nil {
			return err
		}
		pieces = append(pieces, piece)
		have += int(piece.NumRows())
		if size += bytesOf(piece); size > budgetLeast+budgetTimes*c.file.Size {
			return fmt.Errorf("read %s: %d rows take %d MiB of memory, more than the file's size gives reason for; leave columns of long texts out with spine: {columns: […]}, or it is damaged", c.file.Path, have, size>>20)
		}
	}
	return guard(func() (err error) {
		c.lent, err = joined(c.table, c.schema, pieces)
		return err
	})
}

// piece returns the next rows, at most n, or io.EOF.
func (c *carry) piece(ctx context.Context, n int) (arrow.RecordBatch, error) {
	for c.rest == nil {
		for c.left == 0 {
			if err := c.open(ctx); err != nil {
				return nil, err
			}
		}
		err := guard(func() (err error) {
			c.rest, err = c.record(ctx)
			return err
		})
		if err != nil {
			c.reader = nil // The library may have been left halfway.
			return nil, c.place(ctx, err)
		}
		c.left -= c.rest.NumRows()
	}
	if have := int(c.rest.NumRows()); have > n {
		first, rest := c.rest.NewSlice(0, int64(n)), c.rest.NewSlice(int64(n), int64(have))
		c.rest.Release()
		c.rest = rest
		return first, nil
	}
	all := c.rest
	c.rest = nil
	return all, nil
}

// open goes to the next row group, of the next file where there is none.
func (c *carry) open(ctx context.Context) error {
	c.endGroup()
	if c.group++; c.file == nil || c.group >= c.file.RowGroups {
		if err := c.closeFile(); err != nil {
			return err
		}
		if c.next == len(c.table.Files) {
			return io.EOF
		}
		c.file = &c.table.Files[c.next]
		c.next++
		if c.group = 0; c.file.Rows == 0 {
			c.group = c.file.RowGroups
			return nil
		}
		if err := guard(func() error { return c.openFile(ctx) }); err != nil {
			return fmt.Errorf("read %s: %w", c.file.Path, c.far.reason(err))
		}
	}
	c.left = c.file.meta.RowGroups[c.group].NumRows
	if c.fr == nil || c.left == 0 {
		return nil
	}
	if err := guard(func() error { return c.openGroup(ctx) }); err != nil {
		return fmt.Errorf("read %s: %w", c.file.Path, c.far.reason(err))
	}
	return nil
}

// openFile opens the file, for the library if it has columns which only that reads.
func (c *carry) openFile(ctx context.Context) (err error) {
	if c.chosen = c.leaves(); len(c.chosen) == 0 {
		return nil
	}
	if c.flat = c.flatPart(); c.flat != nil {
		return nil
	}
	if c.file.object != nil {
		c.far = newPassing(ctx, c.table, c.file, len(c.chosen))
		c.r = c.far
	} else if c.r, err = c.file.open(ctx); err != nil {
		return err
	}
	c.fr, err = c.file.arrowReader(c.r, c.rows)
	return err
}

// openGroup has the library read the row group.
func (c *carry) openGroup(ctx context.Context) (err error) {
	rows := 0
	if c.far != nil {
		rows, err = c.far.begin(c.group, c.chosen, c.rows)
	} else {
		rows, err = c.file.checkChunks(c.r, c.group, c.chosen, c.rows)
	}
	if err != nil {
		return err
	}
	c.fr.Props.BatchSize = int64(rows)
	// A record reader keeps its context beyond this call, so that a batch that
	// was asked for under another context is still read under this one.
	c.reader, err = c.fr.GetRecordReader(context.WithoutCancel(ctx), c.chosen, []int{c.group})
	return err
}

// place says where in the file a fault of the library lies, if our own reader meets
// it too: the library names neither row group nor column.
func (c *carry) place(ctx context.Context, fault error) error {
	if c.flat != nil {
		if c.flat.part.err != nil {
			return fault // It is said.
		}
		return fmt.Errorf("read %s: %w", c.file.Path, fault)
	}
	if c.far != nil && c.far.failure != nil {
		return fmt.Errorf("read %s: %w", c.file.Path, c.far.reason(fault))
	}
	for i := range c.file.names {
		l := &c.file.leaves[i]
		if l.index < 0 || l.why != "" || !c.schema.HasField(l.path[0]) {
			continue
		}
		at := column{name: l.name(), typ: l.typ}
		p := newPart(c.table, []column{at}, span{c.next - 1, 0, c.file.RowGroups})
		var b event.Batch
		var err error
		for err == nil {
			err = p.Read(ctx, &b)
		}
		p.Close()
		if !errors.Is(err, io.EOF) && ctx.Err() == nil {
			return err
		}
	}
	return fmt.Errorf("read %s: %w", c.file.Path, fault)
}

// leaves are the numbers of the file's leaves that are carried.
func (c *carry) leaves() (leaves []int) {
	w := schemaWalk{schema: c.file.meta.Schema, at: 1}
	for w.at < len(w.schema) {
		first := w.leaves
		top := w.leaf(nil)
		w.children(&top, nil)
		if c.schema.HasField(top.name()) {
			for i := first; i < w.leaves; i++ {
				leaves = append(leaves, i)
			}
		}
	}
	return leaves
}

// record reads the next rows of the file in the table's types.
func (c *carry) record(ctx context.Context) (arrow.RecordBatch, error) {
	n := min(c.left, int64(c.rows))
	read, err := c.stored(ctx, int(n))
	if err != nil {
		return nil, err
	}
	if read != nil {
		defer read.Release()
		n = read.NumRows()
	}
	if n == 0 || n > c.left {
		return nil, fmt.Errorf("it is damaged: it has other rows than its footer says")
	}
	columns := make([]arrow.Array, c.schema.NumFields())
	defer func() {
		for _, a := range columns {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i, f := range c.schema.Fields() {
		var err error
		if columns[i], err = c.column(read, f, int(n)); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return array.NewRecordBatch(c.schema, columns, n), nil
}

// stored reads the next rows of the columns that the file has, at most n; nil: it has
// none.
func (c *carry) stored(ctx context.Context, n int) (arrow.RecordBatch, error) {
	if c.flat != nil {
		return c.flat.next(ctx, n)
	}
	if c.reader == nil {
		return nil, nil
	}
	if !c.reader.Next() {
		if err := c.reader.Err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("it ends %d rows too early", c.left)
	}
	read := c.reader.RecordBatch()
	read.Retain()
	return read, nil
}

// column returns n rows of one column, which the file may have in a narrower type
// or not at all.
func (c *carry) column(read arrow.RecordBatch, f arrow.Field, n int) (arrow.Array, error) {
	said, err := c.folderArray(f, n)
	if err != nil {
		return nil, err
	}
	if read != nil {
		if at := read.Schema().FieldIndices(f.Name); len(at) > 0 {
			return c.own(read.Column(at[0]), f, said)
		}
	}
	if said != nil {
		return said, nil
	}
	return array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, n), nil
}

// own is a column that the file has, in the table's type; said is what its folders
// say of it, nil if nothing.
func (c *carry) own(a arrow.Array, f arrow.Field, said arrow.Array) (_ arrow.Array, err error) {
	if said != nil {
		defer said.Release()
	}
	if arrow.TypeEqual(a.DataType(), f.Type) {
		a.Retain()
	} else if a, err = compute.CastArray(context.Background(), a, compute.SafeCastOptions(f.Type)); err != nil {
		return nil, err
	}
	if said != nil && !array.Equal(a, said) {
		a.Release()
		p, _ := c.file.partition(f.Name)
		return nil, fmt.Errorf("its rows say something else than its folder %s; write the rows into their folder, or leave the column out of the files", p.folder)
	}
	return a, nil
}

// folderArray is n rows of what the file's folders say of a column; nil if nothing,
// or if the column is of a type of Arrow that is none of ours: then the file alone
// has it.
func (c *carry) folderArray(f arrow.Field, n int) (arrow.Array, error) {
	of := &c.table.columns[c.table.places[f.Name]]
	if of.why != "" {
		return nil, nil
	}
	v, ok, err := c.file.folderValue(of)
	if !ok || err != nil {
		return nil, err
	}
	b := array.NewBuilder(memory.DefaultAllocator, arrowOf(of.typ))
	defer b.Release()
	b.Reserve(n)
	for range n {
		build(b, &v, 0, 1)
	}
	said := b.NewArray()
	if arrow.TypeEqual(said.DataType(), f.Type) {
		return said, nil
	}
	defer said.Release()
	cast, err := compute.CastArray(context.Background(), said, compute.SafeCastOptions(f.Type))
	if err != nil {
		return nil, nil
	}
	return cast, nil
}

// joined makes one record of the pieces of a batch.
func joined(t *Table, schema *arrow.Schema, pieces []arrow.RecordBatch) (arrow.RecordBatch, error) {
	if len(pieces) == 1 {
		pieces[0].Retain()
		return pieces[0], nil
	}
	columns := make([]arrow.Array, schema.NumFields())
	defer func() {
		for _, a := range columns {
			if a != nil {
				a.Release()
			}
		}
	}()
	rows := int64(0)
	for _, p := range pieces {
		rows += p.NumRows()
	}
	for i, f := range schema.Fields() {
		arrays := make([]arrow.Array, len(pieces))
		for k, p := range pieces {
			arrays[k] = p.Column(i)
		}
		var err error
		if columns[i], err = concatenate(f.Type, arrays); err != nil {
			return nil, fmt.Errorf("carry %s: column %s: %w", t.Path, f.Name, err)
		}
	}
	return array.NewRecordBatch(schema, columns, rows), nil
}

// concatenate joins arrays of one type; the library knows no extension types.
func concatenate(t arrow.DataType, arrays []arrow.Array) (arrow.Array, error) {
	ext, ok := t.(arrow.ExtensionType)
	if !ok {
		return array.Concatenate(arrays, memory.DefaultAllocator)
	}
	for i := range arrays {
		arrays[i] = arrays[i].(array.ExtensionArray).Storage()
	}
	all, err := array.Concatenate(arrays, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return array.NewExtensionArrayWithStorage(ext, all), nil
}
