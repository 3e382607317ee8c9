package sources

import (
	"context"
	"io"

	"github.com/timeseam/timeseam/features/event"
)

// chain is an event.Source of parts, one after the other.
type chain struct {
	schema event.Schema
	parts  []counting
	counts event.Counts // of the parts that are done
	err    error
}

// Read returns one source of all rows, in the order of the files.
func (t *Table) Read(columns []string) (event.Source, error) {
	chosen, err := t.choose(columns)
	if err != nil {
		return nil, err
	}
	return &chain{schema: schemaOf(chosen), parts: t.cut(chosen, 1)}, nil
}

// Schema says what the columns are.
func (c *chain) Schema() event.Schema { return c.schema }

// Read fills b with the next rows.
func (c *chain) Read(ctx context.Context, b *event.Batch) error {
	for len(c.parts) > 0 && c.err == nil {
		switch err := c.parts[0].Read(ctx, b); {
		case err == nil:
			return nil
		case err != io.EOF:
			if ctx.Err() == nil {
				c.err = err
			}
			return err
		}
		done := c.parts[0].Counted()
		c.counts.Add(&done)
		c.parts[0].Close()
		c.parts = c.parts[1:]
	}
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	if c.err == nil {
		c.err = io.EOF
	}
	return c.err
}

// Counted is what was met so far.
func (c *chain) Counted() event.Counts {
	n := c.counts
	if len(c.parts) > 0 {
		now := c.parts[0].Counted()
		n.Add(&now)
	}
	return n
}

// Close closes the part that is open.
func (c *chain) Close() error {
	if c.err == nil {
		c.err = errClosed
	}
	if len(c.parts) == 0 {
		return nil
	}
	return c.parts[0].Close()
}
