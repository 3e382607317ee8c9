package sink

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/timeseam/timeseam/features/event"
)

// appender copies rows of columns into builders. Its scratch grows to the
// largest range once and is used again.
type appender struct {
	valid    []bool
	bools    []bool
	dates    []arrow.Date32
	decimals []decimal128.Num
	offsets  []int32
}

// rows appends rows [lo, hi) of c to b, whose type arrowType made from c's.
func (a *appender) rows(b array.Builder, c *event.Column, lo, hi int) {
	if lo == hi {
		return
	}
	switch b := b.(type) {
	case *array.NullBuilder:
		b.AppendNulls(hi - lo)
	case *array.Int64Builder:
		b.AppendValues(c.Ints[lo:hi], a.validity(c, lo, hi))
	case *array.TimestampBuilder:
		b.AppendValues(timestamps(c.Ints[lo:hi]), a.validity(c, lo, hi))
	case *array.Float64Builder:
		b.AppendValues(c.Floats[lo:hi], a.validity(c, lo, hi))
	case *array.BooleanBuilder:
		b.AppendValues(a.booleans(c.Ints[lo:hi]), a.validity(c, lo, hi))
	case *array.Date32Builder:
		b.AppendValues(a.days(c.Ints[lo:hi]), a.validity(c, lo, hi))
	case *array.Decimal128Builder:
		b.AppendValues(a.numbers(c.Decimals[lo:hi]), a.validity(c, lo, hi))
	case *array.StringBuilder:
		appendText(b.BinaryBuilder, c, lo, hi)
	case *array.BinaryBuilder:
		appendText(b, c, lo, hi)
	case *array.ListBuilder:
		a.lists(b, c, lo, hi)
	case *array.MapBuilder:
		a.maps(b, c, lo, hi)
	case *array.StructBuilder:
		b.AppendValues(a.always(c, lo, hi))
		for f := range c.Fields {
			a.rows(b.FieldBuilder(f), &c.Fields[f], lo, hi)
		}
	}
}

// validity is the opposite of c.Null, which is how builders want it; nil: no
// row is null.
func (a *appender) validity(c *event.Column, lo, hi int) []bool {
	if c.Null == nil {
		return nil
	}
	a.valid = a.valid[:0]
	for _, null := range c.Null[lo:hi] {
		a.valid = append(a.valid, !null)
	}
	return a.valid
}

// always is validity, but never nil: builders of nested types count rows by it.
func (a *appender) always(c *event.Column, lo, hi int) []bool {
	if c.Null != nil {
		return a.validity(c, lo, hi)
	}
	a.valid = a.valid[:0]
	for range hi - lo {
		a.valid = append(a.valid, true)
	}
	return a.valid
}

// timestamps gives the same integers another name: arrow.Timestamp is an int64.
func timestamps(v []int64) []arrow.Timestamp {
	return unsafe.Slice((*arrow.Timestamp)(unsafe.SliceData(v)), len(v))
}

func (a *appender) booleans(v []int64) []bool {
	a.bools = a.bools[:0]
	for _, x := range v {
		a.bools = append(a.bools, x != 0)
	}
	return a.bools
}

func (a *appender) days(v []int64) []arrow.Date32 {
	a.dates = a.dates[:0]
	for _, x := range v {
		a.dates = append(a.dates, arrow.Date32(x))
	}
	return a.dates
}

func (a *appender) numbers(v []event.Int128) []decimal128.Num {
	a.decimals = a.decimals[:0]
	for _, x := range v {
		a.decimals = append(a.decimals, decimal128.New(x.Hi, x.Lo))
	}
	return a.decimals
}

// appendText writes text out in full: a file has a dictionary of its own, and
// one that names only what the group holds. Room is made before, and twice as much as
// there was, so that no text asks for it.
func appendText(b *array.BinaryBuilder, c *event.Column, lo, hi int) {
	b.Reserve(hi - lo)
	size := 0
	for i := lo; i < hi; i++ {
		if c.Null == nil || !c.Null[i] {
			size += len(c.Dict.At(c.Codes[i]))
		}
	}
	if b.DataCap() < b.DataLen()+size {
		b.ReserveData(max(size, b.DataLen()))
	}
	for i := lo; i < hi; i++ {
		if c.Null != nil && c.Null[i] {
			b.AppendNull()
			continue
		}
		b.UnsafeAppend(c.Dict.At(c.Codes[i]))
	}
}

// lists appends the rows' offsets, moved to where the elements will stand, and
// then all their elements at once.
func (a *appender) lists(b *array.ListBuilder, c *event.Column, lo, hi int) {
	elems := b.ValueBuilder()
	from, to := c.Offsets[lo], c.Offsets[hi]
	a.offsets = a.offsets[:0]
	for _, o := range c.Offsets[lo:hi] {
		a.offsets = append(a.offsets, int32(elems.Len())+o-from)
	}
	b.AppendValues(a.offsets, a.always(c, lo, hi))
	a.rows(elems, c.Elem, int(from), int(to))
}

// maps is lists, of entries: their keys, then their values.
func (a *appender) maps(b *array.MapBuilder, c *event.Column, lo, hi int) {
	from, to := c.Offsets[lo], c.Offsets[hi]
	a.offsets = a.offsets[:0]
	for _, o := range c.Offsets[lo:hi] {
		a.offsets = append(a.offsets, int32(b.KeyBuilder().Len())+o-from)
	}
	b.AppendValues(a.offsets, a.always(c, lo, hi))
	a.rows(b.KeyBuilder(), &c.Elem.Fields[0], int(from), int(to))
	a.rows(b.ItemBuilder(), &c.Elem.Fields[1], int(from), int(to))
}

// textBytes is how many bytes of text b holds.
func textBytes(b array.Builder) int {
	switch b := b.(type) {
	case *array.StringBuilder:
		return b.DataLen()
	case *array.BinaryBuilder:
		return b.DataLen()
	case *array.ListBuilder:
		return textBytes(b.ValueBuilder())
	case *array.MapBuilder:
		return textBytes(b.KeyBuilder()) + textBytes(b.ItemBuilder())
	case *array.StructBuilder:
		n := 0
		for i := range b.NumField() {
			n += textBytes(b.FieldBuilder(i))
		}
		return n
	}
	return 0
}
