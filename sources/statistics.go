package sources

import (
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// Statistics is what the footers of a table say about one column, without any row
// being read. What they do not say of all rows is not known.
//
// Who leaves rows out by Bounds may trust them as follows; TestStatisticsHold holds
// them to the rows of every maker's files in testdata, and says so of each kind.
//
//   - Integers, dates, instants, decimals, truths, texts and bytes: no value lies
//     outside. Long texts may be cut short at either end and are bounds still; where
//     there is no greater text to cut to, writers leave the bound whole or out.
//   - Doubles: no number lies outside, but NaN may be anywhere, and has no place in
//     the bounds: Spark and parquet-go put it there, which makes them unknown here;
//     DuckDB leaves both out; the others pass over it. Zeros are equal: a bound of 0
//     may stand for -0 and the other way about.
//   - INT96 has no order that writers agree on: never known.
//   - Bounds of before format 2.4 (min, max) are of signed numbers and bytes; they are
//     taken for signed kinds alone, never for texts, bytes, decimals in bytes or
//     unsigned numbers. parquet-go orders decimals in bytes as unsigned in today's
//     fields too: its least is above its greatest where signs differ, and then
//     nothing is known; where they do not, the orders are the same.
//   - A UINT_64 beyond int64 reads as null, and so does a value that its type cannot
//     hold: bounds that have one are unknown, and Nulls does not count them.
//   - Nulls of 0 beside bounds may be a count that was never stated: it is no proof
//     that there is none.
type Statistics struct {
	Nulls int64 // -1: not known
	// Bounds has two rows, no value being smaller than the first or greater than
	// the second, or none where that is not known. Texts may be shortened.
	Bounds event.Column
}

// Statistics returns what is known of a column; ok is false where no file has it
// or it cannot be read.
func (t *Table) Statistics(name string) (s Statistics, ok bool) {
	at, ok := t.places[name]
	if !ok || t.columns[at].why != "" || t.text != nil { // Text has no footers.
		return Statistics{Nulls: -1}, false
	}
	c := &t.columns[at]
	all := newExtent(c.typ)
	for i := range t.Files {
		all.file(&t.Files[i], c)
	}
	return all.result(), true
}

// extent grows over row groups.
type extent struct {
	typ         event.Type
	nulls       int64
	nullsKnown  bool
	bounds      event.Column // no row, or the least and the greatest so far
	boundsKnown bool
}

func newExtent(t event.Type) *extent {
	return &extent{typ: t, nullsKnown: true, boundsKnown: true, bounds: event.Make(t)}
}

func (e *extent) result() Statistics {
	s := Statistics{Nulls: -1, Bounds: event.Make(e.typ)}
	if e.nullsKnown {
		s.Nulls = e.nulls
	}
	if e.boundsKnown {
		s.Bounds = e.bounds
	}
	return s
}

// file takes in what one file says.
func (e *extent) file(f *File, c *column) {
	l := f.column(c.name)
	v, ok, err := f.folderValue(c)
	switch {
	case f.Rows == 0:
	case l == nil && err != nil:
		e.boundsKnown = false
	case l == nil && ok && !v.IsNull(0):
		e.take(&v, &v)
	case l == nil, l.form == formNull:
		e.nulls += f.Rows
	default:
		groups := f.meta.RowGroups
		for g := range groups {
			e.group(&groups[g].Columns[l.index].MetaData, l)
		}
	}
}

// group takes in what one row group says.
func (e *extent) group(m *format.ColumnMetaData, l *leaf) {
	if m.NumValues == 0 {
		return
	}
	s := &m.Statistics
	low, high := s.MinValue, s.MaxValue
	if low == nil && signed(l.form) {
		low, high = s.Min, s.Max
	}
	// A count of nulls that is not stated cannot be told from none, but where
	// anything else is stated.
	stated := l.most == 0 || s.NullCount > 0 || low != nil
	e.nullsKnown = e.nullsKnown && stated
	e.nulls += s.NullCount
	if s.NullCount == m.NumValues {
		return
	}
	least, ok := boundOf(l, low, e.typ)
	most, ok2 := boundOf(l, high, e.typ)
	// Some writers order signed numbers as bytes, and unsigned ones as signed. Where
	// that matters their least value is above their greatest: parquet-go's of decimals
	// in bytes, and those of old writers.
	if !ok || !ok2 || event.Compare(&least, 0, &most, 0) > 0 {
		e.boundsKnown = false
		return
	}
	e.take(&least, &most)
}

// signed reports whether the bounds that old writers put down, always as signed
// numbers, are right for a column.
func signed(f form) bool {
	switch f {
	case formInt32, formInt64, formInstant, formClock32, formClock64, formFloat, formDouble, formDecimal32, formDecimal64, formBool:
		return true
	}
	return false
}

// take grows the bounds to columns of one row.
func (e *extent) take(least, most *event.Column) {
	grown := event.Make(e.typ)
	if e.bounds.Len() == 0 || event.Compare(least, 0, &e.bounds, 0) < 0 {
		grown.Append(least, 0)
	} else {
		grown.Append(&e.bounds, 0)
	}
	if e.bounds.Len() == 0 || event.Compare(most, 0, &e.bounds, 1) > 0 {
		grown.Append(most, 0)
	} else {
		grown.Append(&e.bounds, 1)
	}
	e.bounds = grown
}

// boundOf makes a column of one row from a bound as the footer holds it.
func boundOf(l *leaf, b []byte, typ event.Type) (event.Column, bool) {
	c := event.Make(typ)
	v, ok := storedBound(l, b)
	if !ok {
		return c, false
	}
	switch typ.Kind {
	case event.String, event.Bytes:
		if l.form == formUUID {
			b = appendUUID(nil, b)
		}
		c.AppendText(b)
	case event.Double:
		var f [1]float64
		floatsOf(v, f[:])
		if f[0] != f[0] {
			return c, false
		}
		c.AppendFloat(f[0])
	case event.Decimal:
		var d [1]event.Int128
		ok = len(decimalsOf(v, typ, d[:], nil)) == 0
		c.AppendDecimal(d[0])
	default:
		var n [1]int64
		ok = len(intsOf(v, n[:], nil)) == 0
		c.AppendInt(n[0])
	}
	return c, ok
}

// storedBound makes a page of one value of a bound. ok is false where there is
// none, or it has another length than the column's values.
func storedBound(l *leaf, b []byte) (v values, ok bool) {
	v = values{leaf: l, data: b}
	if l.form == formDecimal {
		v.offsets = []uint32{0, uint32(len(b))}
	}
	switch {
	case b == nil || l.form == formInt96: // INT96 has no order.
		return v, false
	case l.form == formBool:
		return v, len(b) == 1 && b[0] <= 1
	case l.form == formFixedText || l.physical == format.ByteArray:
		return v, true
	}
	return v, len(b) == l.width()
}
