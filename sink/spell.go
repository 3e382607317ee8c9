package sink

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// cell appends the text of one row of a column. Which column that is was decided
// when the cell was made, so that no value asks for its type again.
type cell func(dst []byte, row int) []byte

// spelling says how a cell's text must be treated by formats that have marks of
// their own.
type spelling uint8

const (
	bare   spelling = iota // a number, true or false: digits that need no marks
	float                  // a number, or NaN, inf, -inf
	marked                 // a text of digits, letters and -:.+/= alone
	free                   // a text of anything
	nested                 // no text at all; it is spelled as JSON
)

// Spell returns what spells the rows of arr for people as files of CSV have them, but
// for their quotes: nested values as JSON, null as nothing.
func Spell(arr arrow.Array) func(row int) string {
	c, how := plain(arr)
	if how == nested {
		c = jsonCells{"", new(misfit)}.present(arr)
	}
	return func(row int) string {
		if arr.IsNull(row) {
			return ""
		}
		return string(c(nil, row))
	}
}

// plain spells the scalars of arr without any marks; nulls are the caller's. It
// returns no cell for what is nested.
func plain(arr arrow.Array) (cell, spelling) {
	if c := integers(arr); c != nil {
		return c, bare
	}
	if c := times(arr); c != nil {
		return c, marked
	}
	if c := reals(arr); c != nil {
		return c, float
	}
	switch a := arr.(type) {
	case *array.Null:
		return func(dst []byte, _ int) []byte { return dst }, bare
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }, bare
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		return func(dst []byte, i int) []byte { return appendDecimal(dst, a.Value(i), scale) }, bare
	case array.StringLike:
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i)...) }, free
	case array.BinaryLike:
		return func(dst []byte, i int) []byte { return base64.StdEncoding.AppendEncode(dst, binaryAt(a, i)) }, marked
	case *array.FixedSizeBinary:
		return func(dst []byte, i int) []byte { return base64.StdEncoding.AppendEncode(dst, a.Value(i)) }, marked
	case *array.Struct, array.ListLike:
		return nil, nested
	case array.ExtensionArray:
		if a.ExtensionType().ExtensionName() != "arrow.uuid" {
			return plain(a.Storage())
		}
	}
	how := free
	if decimalType(arr.DataType()) {
		how = bare
	}
	return func(dst []byte, i int) []byte { return append(dst, arr.ValueStr(i)...) }, how
}

func decimalType(t arrow.DataType) bool {
	return strings.HasPrefix(t.Name(), "decimal")
}

// binaryAt is the bytes of a row, which arrays of all offset widths have under
// one name that no interface of the library carries.
func binaryAt(a array.BinaryLike, i int) []byte {
	if b, ok := a.(interface{ Value(int) []byte }); ok {
		return b.Value(i)
	}
	return nil
}

// number is the integers that arrays hold.
type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

func integersOf[T number](v []T) cell {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(v[i]), 10) }
}

// integers spells whole numbers; nil: arr has none. A duration is the number of
// its unit.
func integers(arr arrow.Array) cell {
	switch a := arr.(type) {
	case *array.Int64:
		return integersOf(a.Int64Values())
	case *array.Int32:
		return integersOf(a.Int32Values())
	case *array.Int16:
		return integersOf(a.Int16Values())
	case *array.Int8:
		return integersOf(a.Int8Values())
	case *array.Uint32:
		return integersOf(a.Uint32Values())
	case *array.Uint16:
		return integersOf(a.Uint16Values())
	case *array.Uint8:
		return integersOf(a.Uint8Values())
	case *array.Uint64:
		v := a.Uint64Values()
		return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, v[i], 10) }
	case *array.Duration:
		return integersOf(a.DurationValues())
	}
	return nil
}

// reals spells floating point numbers; nil: arr has none.
func reals(arr arrow.Array) cell {
	switch a := arr.(type) {
	case *array.Float64:
		v := a.Float64Values()
		return func(dst []byte, i int) []byte { return appendFloat(dst, v[i], 64) }
	case *array.Float32:
		v := a.Float32Values()
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(v[i]), 32) }
	case *array.Float16:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(a.Value(i).Float32()), 32) }
	}
	return nil
}

// appendFloat spells v by the fewest digits that give v again. It always has a
// point or an exponent, so that a reader who guesses types guesses no integer.
func appendFloat(dst []byte, v float64, size int) []byte {
	switch {
	case v != v:
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	}
	from := len(dst)
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, size)
	}
	dst = strconv.AppendFloat(dst, v, 'f', -1, size)
	for _, c := range dst[from:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendDecimal spells v with all digits of its scale.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	if v.Sign() < 0 {
		dst, v = append(dst, '-'), v.Negate()
	}
	// Parts of 19 digits, lowest first: two divisions where most values need none.
	const part = 10_000_000_000_000_000_000
	hi, low := bits.Div64(uint64(v.HighBits())%part, v.LowBits(), part)
	var text [48]byte
	digits := text[:0]
	if high := uint64(v.HighBits()) / part; high > 0 || hi > 0 {
		top, middle := bits.Div64(high%part, hi, part)
		if top > 0 {
			digits = strconv.AppendUint(digits, top, 10)
			digits = appendPadded(digits, middle)
		} else {
			digits = strconv.AppendUint(digits, middle, 10)
		}
		digits = appendPadded(digits, low)
	} else {
		digits = strconv.AppendUint(digits, low, 10)
	}
	if scale <= 0 {
		dst = append(dst, digits...)
		for range -scale {
			dst = append(dst, '0')
		}
		return dst
	}
	for len(digits) <= scale {
		digits = append(digits, 0)
		copy(digits[1:], digits)
		digits[0] = '0'
	}
	point := len(digits) - scale
	dst = append(append(dst, digits[:point]...), '.')
	return append(dst, digits[point:]...)
}

func appendPadded(dst []byte, v uint64) []byte {
	for least := uint64(1_000_000_000_000_000_000); least > max(v, 1); least /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, v, 10)
}

// times spells days, times of the day and instants; nil: arr has none. An instant
// with a zone is spelled in UTC, one without as it stands.
func times(arr arrow.Array) cell {
	switch a := arr.(type) {
	case *array.Date32:
		v := a.Date32Values()
		return func(dst []byte, i int) []byte { return appendDate(dst, int64(v[i])) }
	case *array.Date64:
		v := a.Date64Values()
		return func(dst []byte, i int) []byte { return appendDate(dst, floorDiv(int64(v[i]), secondsOfDay*1000)) }
	case *array.Time32:
		v, unit := a.Time32Values(), nanosOf(a.DataType().(*arrow.Time32Type).Unit)
		return func(dst []byte, i int) []byte { return appendClock(dst, int64(v[i])*unit, unit) }
	case *array.Time64:
		v, unit := a.Time64Values(), nanosOf(a.DataType().(*arrow.Time64Type).Unit)
		return func(dst []byte, i int) []byte { return appendClock(dst, int64(v[i])*unit, unit) }
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		v, unit := a.TimestampValues(), nanosOf(t.Unit)
		zone := ""
		if t.TimeZone != "" {
			zone = "Z"
		}
		day := nanosOfDay / unit
		return func(dst []byte, i int) []byte {
			d := floorDiv(int64(v[i]), day)
			dst = append(appendDate(dst, d), 'T')
			return append(appendClock(dst, (int64(v[i])-d*day)*unit, unit), zone...)
		}
	}
	return nil
}

// nanosOf is how many nanoseconds a unit has.
func nanosOf(u arrow.TimeUnit) int64 { return int64(u.Multiplier()) }

// misfit is the first value that a format cannot hold. Cells cannot fail one by
// one; who made them asks once a group.
type misfit struct{ err error }

func (m *misfit) note(column, format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf("column %s %s", column, fmt.Sprintf(format, args...))
	}
}
