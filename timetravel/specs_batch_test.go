package timetravel_test

import (
	"github.com/timeseam/timeseam/features/event"
)

// batch is the rows of a table in columns, as a source would hand them on.
func (t table) batch() *event.Batch {
	b := &event.Batch{Len: len(t.rows)}
	for i, f := range t.schema {
		c := event.Make(f.Type)
		for _, row := range t.rows {
			appendValue(&c, row[i])
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

func appendValue(c *event.Column, v value) {
	switch x := v.(type) {
	case nil:
		c.AppendNull()
	case bool:
		c.AppendInt(int64(truth(x)))
	case int64:
		c.AppendInt(x)
	case day:
		c.AppendInt(int64(x))
	case event.Time:
		c.AppendInt(int64(x))
	case float64:
		if x != x {
			x = event.CanonicalNaN
		}
		c.AppendFloat(x)
	case decimal:
		d, ok := event.Int128OfBig(x.unscaled)
		if !ok {
			panic("a decimal outside 128 bits")
		}
		c.AppendDecimal(d)
	case string:
		c.AppendText([]byte(x))
	case octets:
		c.AppendText([]byte(x))
	case list:
		for _, e := range x {
			appendValue(c.Elem, e)
		}
		c.EndList()
	case record:
		for i, e := range x {
			appendValue(&c.Fields[i], e)
		}
		c.Rows++
		c.NotNull()
	}
}

// valueAt is row i of a column as a plain value.
func valueAt(c *event.Column, i int) value {
	if c.IsNull(i) {
		return nil
	}
	switch c.Type.Kind {
	case event.Bool:
		return c.Ints[i] != 0
	case event.Int:
		return c.Ints[i]
	case event.Date:
		return day(c.Ints[i])
	case event.Timestamp:
		return event.Time(c.Ints[i])
	case event.Double:
		return c.Floats[i]
	case event.Decimal:
		return decimal{c.Decimals[i].Big(), c.Type.Scale}
	case event.String:
		return string(c.Text(i))
	case event.Bytes:
		return octets(c.Text(i))
	case event.List, event.Map:
		l := list{}
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			l = append(l, valueAt(c.Elem, int(k)))
		}
		return l
	}
	r := make(record, len(c.Fields))
	for f := range c.Fields {
		r[f] = valueAt(&c.Fields[f], i)
	}
	return r
}

// rowsOf is the rows of a batch as plain values.
func rowsOf(b *event.Batch) [][]value {
	rows := make([][]value, b.Len)
	for i := range rows {
		for c := range b.Columns {
			rows[i] = append(rows[i], valueAt(&b.Columns[c], i))
		}
	}
	return rows
}
