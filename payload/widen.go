package payload

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// given is what a schema says that a value is: its type, and of an integer how
// many digits it may have.
type given struct {
	event.Type
	digits int
}

// Digits of integers of so many bits.
const (
	digits32 = 10
	digits64 = 19
	digitsU  = 20 // of 64 bits without a sign
)

// widens reports whether every value of a schema's single-valued type is a value of
// to. As in the language, and besides: an integer of 32 bits is a double.
func (g given) widens(to event.Type) bool {
	switch {
	case g.Kind == event.Int && to.Kind == event.Decimal:
		return to.Precision-to.Scale >= g.digits
	case g.Kind == event.Int && to.Kind == event.Double:
		return g.digits <= digits32
	case g.Kind == event.Decimal && to.Kind == event.Decimal:
		return g.Scale <= to.Scale && g.Precision-g.Scale <= to.Precision-to.Scale
	case g.Kind == event.Date && to.Kind == event.Timestamp:
		return true
	}
	return g.Kind == to.Kind
}

// intTo appends integers to columns of type to.
func intTo(to event.Type) func(c *event.Column, v int64) {
	switch to.Kind {
	case event.Double:
		return func(c *event.Column, v int64) { c.AppendFloat(float64(v)) }
	case event.Decimal:
		return func(c *event.Column, v int64) {
			d, _ := rescaled(event.Int128Of(v), to.Scale) // Its digits were counted.
			c.AppendDecimal(d)
		}
	}
	return (*event.Column).AppendInt
}

// rescaled is v with so many zeros more, if that has at most 38 digits.
func rescaled(v event.Int128, by int) (event.Int128, bool) {
	if by == 0 {
		return v, v.Fits(38)
	}
	if v.Sign() < 0 {
		up, ok := shifted(v.Neg(), int64(by), 0)
		return up.Neg(), ok
	}
	return shifted(v, int64(by), 0)
}

// int128 reads an integer of two's complement, its highest byte first.
func int128(b []byte) (v event.Int128, ok bool) {
	if len(b) == 0 {
		return v, true
	}
	sign := int64(int8(b[0])) >> 63
	for len(b) > 16 {
		if b[0] != byte(sign) {
			return v, false
		}
		b = b[1:]
	}
	hi, lo := sign, uint64(sign)
	for _, x := range b {
		hi, lo = hi<<8|int64(lo>>56), lo<<8|uint64(x)
	}
	return event.Int128{Hi: hi, Lo: lo}, hi>>63 == sign
}

// dayTo appends days to columns of type to, a date or a timestamp.
func dayTo(to event.Type) func(c *event.Column, day int64) {
	if to.Kind == event.Timestamp {
		return func(c *event.Column, day int64) { c.AppendInt(day * microsecondsOfDay) } // 32 bits of days
	}
	return (*event.Column).AppendInt
}

// uuidLength is that of a UUID as text.
const uuidLength = 36

// appendUUID appends sixteen bytes as text.
func appendUUID(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	for i, x := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hex[x>>4], hex[x&15])
	}
	return dst
}

// misfits gathers what of a schema does not fit the fields that are asked for.
type misfits struct {
	of    string // the schema, as a sentence names it
	found []Misfit
}

// Misfit is a field that a schema does not give as it is asked for.
type Misfit struct {
	Field   string // with its path, if it is one of a struct
	Problem string
	Mend    string
}

// Error is the misfit as one sentence.
func (m Misfit) Error() string {
	text := "field " + m.Field + ": " + m.Problem
	if m.Mend != "" {
		text += "; " + m.Mend
	}
	return text
}

// Misfits is all that does not fit.
type Misfits []Misfit

// Error is every misfit, one after the other.
func (ms Misfits) Error() string {
	text := ""
	for i, m := range ms {
		if i > 0 {
			text += ". "
		}
		text += m.Error()
	}
	return text
}

func (m *misfits) add(field, problem, mend string) {
	m.found = append(m.found, Misfit{field, problem, mend})
}

// other says that a field is of another type than the one asked for.
func (m *misfits) other(field, is string, to event.Type) {
	mend := "declare it so"
	switch {
	case is == event.Int.String() && to.Kind == event.Timestamp:
		mend = "declare it int64, and make the instant of it in a field of its own, such as to_timestamp_ms(x)"
	case is == event.Double.String() && to.Kind == event.Decimal:
		mend = "declare it double: a decimal would be rounded"
	}
	m.add(field, "it is "+is+" in "+m.of+", and "+to.String()+" is asked for", mend)
}

// err is nil where all fits.
func (m *misfits) err() error {
	if len(m.found) == 0 {
		return nil
	}
	var all Misfits // Both sides of an envelope have the same fields.
	for _, f := range m.found {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}
