package aggregate

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// The functions here move single rows of scalar columns; a run has no others.

// appendRows appends rows i to j-1 of src. A column keeps no null flags until
// its first null: most columns never have one, and takesAll reads that off the
// missing flags. Text is copied as codes, so that c and src must speak the same
// symbols.
func appendRows(c, src *event.Column, i, j int) {
	n := c.Len()
	switch c.Type.Kind {
	case event.Double:
		c.Floats = append(c.Floats, src.Floats[i:j]...)
	case event.Decimal:
		c.Decimals = append(c.Decimals, src.Decimals[i:j]...)
	case event.String, event.Bytes:
		c.Codes = append(c.Codes, src.Codes[i:j]...)
	default:
		c.Ints = append(c.Ints, src.Ints[i:j]...)
	}
	switch {
	case src.Null != nil:
		if c.Null == nil {
			c.Null = make([]bool, n, 2*(n+j-i))
		}
		c.Null = append(c.Null, src.Null[i:j]...)
	case c.Null != nil:
		c.Null = append(c.Null, make([]bool, j-i)...)
	}
}

// insertRow inserts row i of src before row at. It moves all that stands
// behind, O(rows), which is quick for an event that is a little late and is the
// price of one that is very late.
func insertRow(c *event.Column, at int, src *event.Column, i int) {
	n := c.Len()
	switch c.Type.Kind {
	case event.Double:
		c.Floats = slices.Insert(c.Floats, at, src.Floats[i])
	case event.Decimal:
		c.Decimals = slices.Insert(c.Decimals, at, src.Decimals[i])
	case event.String, event.Bytes:
		c.Codes = slices.Insert(c.Codes, at, src.Codes[i])
	default:
		c.Ints = slices.Insert(c.Ints, at, src.Ints[i])
	}
	null := src.IsNull(i)
	if null && c.Null == nil {
		c.Null = make([]bool, n, 2*n+1)
	}
	if c.Null != nil {
		c.Null = slices.Insert(c.Null, at, null)
	}
}

// removeRow removes row at. Only a conflicting duplicate removes one (S6.2).
// Null flags stay even if the last null went; that costs an index and changes
// no value.
func removeRow(c *event.Column, at int) {
	switch c.Type.Kind {
	case event.Double:
		c.Floats = slices.Delete(c.Floats, at, at+1)
	case event.Decimal:
		c.Decimals = slices.Delete(c.Decimals, at, at+1)
	case event.String, event.Bytes:
		c.Codes = slices.Delete(c.Codes, at, at+1)
	default:
		c.Ints = slices.Delete(c.Ints, at, at+1)
	}
	if c.Null != nil {
		c.Null = slices.Delete(c.Null, at, at+1)
	}
}

// moveRow puts row i in the place of row to. Compaction calls it with to <= i
// in rising order, so that nothing is read after it was written over.
func moveRow(c *event.Column, to, i int) {
	switch c.Type.Kind {
	case event.Double:
		c.Floats[to] = c.Floats[i]
	case event.Decimal:
		c.Decimals[to] = c.Decimals[i]
	case event.String, event.Bytes:
		c.Codes[to] = c.Codes[i]
	default:
		c.Ints[to] = c.Ints[i]
	}
	if c.Null != nil {
		c.Null[to] = c.Null[i]
	}
}

// truncate keeps the first n rows. Memory is kept. An empty column has no null
// flags again, so that one key's nulls do not cost the next key its index.
func truncate(c *event.Column, n int) {
	switch c.Type.Kind {
	case event.Double:
		c.Floats = c.Floats[:n]
	case event.Decimal:
		c.Decimals = c.Decimals[:n]
	case event.String, event.Bytes:
		c.Codes = c.Codes[:n]
	default:
		c.Ints = c.Ints[:n]
	}
	if c.Null != nil {
		c.Null = c.Null[:n]
	}
	if n == 0 {
		c.Null = nil
	}
}
