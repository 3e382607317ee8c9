package sources

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// Memory returns a source of the rows of one batch, so many at a time. It keeps b
// and changes nothing of it.
func Memory(schema event.Schema, b *event.Batch, rows int) event.Source {
	return &inMemory{schema: schema, all: b, rows: max(rows, 1)}
}

type inMemory struct {
	schema event.Schema
	all    *event.Batch
	rows   int
	at     int
	lent   arrow.RecordBatch // of the last batch
	closed bool
}

// Schema says what the columns are.
func (m *inMemory) Schema() event.Schema { return m.schema }

// Read fills b with the next rows.
func (m *inMemory) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	m.release()
	if m.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	n := min(m.rows, m.all.Len-m.at)
	if n <= 0 {
		return io.EOF
	}
	for i := range m.all.Columns {
		b.Columns = append(b.Columns, cut(&m.all.Columns[i], m.at, m.at+n))
	}
	if m.all.Carried != nil {
		m.lent = m.all.Carried.NewSlice(int64(m.at), int64(m.at+n))
		b.Carried = m.lent
	}
	b.Len = n
	m.at += n
	return nil
}

func (m *inMemory) release() {
	if m.lent != nil {
		m.lent.Release()
		m.lent = nil
	}
}

// Close ends the source.
func (m *inMemory) Close() error {
	m.closed = true
	m.release()
	return nil
}

// cut is rows i to j-1 of any column, sharing its vectors.
func cut(c *event.Column, i, j int) event.Column {
	s := c.Slice(i, j)
	switch c.Type.Kind {
	case event.List, event.Map:
		s.Offsets, s.Elem = c.Offsets[i:j+1:j+1], c.Elem
	case event.Struct:
		s.Rows = j - i
		s.Fields = make([]event.Column, len(c.Fields))
		for f := range c.Fields {
			s.Fields[f] = cut(&c.Fields[f], i, j)
		}
	}
	return s
}
