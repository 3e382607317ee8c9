package expr

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// cast compiles CAST. What a value can not be becomes null and is counted. Casts
// whose meaning would hang on a unit that nobody wrote, as of an integer to an
// instant, are refused with the functions that name it.
func (c *checker) cast(n *Node, x *code) *code {
	from, to := x.t, n.To
	if from.Equal(to) || from.Kind == event.Null || castKernel(from, to) != nil {
		return convert(x, to)
	}
	mend := ""
	switch {
	case from.Kind == event.Int && to.Kind == event.Timestamp:
		mend = "use to_timestamp(x) for seconds, to_timestamp_ms(x) or to_timestamp_us(x)"
	case from.Kind == event.Int && to.Kind == event.Date:
		mend = "use date(to_timestamp(x)) for seconds"
	case from.Kind == event.Timestamp && to.Numeric():
		mend = "use epoch(x), epoch_ms(x) or epoch_us(x)"
	case from.Kind == event.Date && to.Numeric():
		mend = "use date_diff('day', date '1970-01-01', x)"
	case to.Kind == event.Bool && from.Numeric():
		mend = "compare it, <> 0 for one"
	case !from.Scalar() || !to.Scalar():
		mend = "cast its elements or fields"
	}
	return c.fail(n, fmt.Sprintf("%s can not be cast to %s", from, to), mend)
}

// convert gives x the type t, which it can be cast to. It is also how operands
// are widened, and then cannot fail: callers that widen ask common or WidensTo
// for t.
func convert(x *code, t event.Type) *code {
	switch {
	case x.t.Equal(t):
		return x
	case x.t.Kind == event.Null:
		return nullOf(t)
	}
	y := strict(t, castKernel(x.t, t), x)
	if mayFail(x.t, t) {
		counting(y)
	}
	return y
}

// mayFail reports whether a cast may meet a value that it can not be made of. It
// must not answer false where a kernel refuses: what is believed not to count is
// evaluated for rows that do not ask for it (S16.7), and for texts that no row
// has.
func mayFail(from, to event.Type) bool {
	switch {
	case from.Kind == event.List && to.Kind == event.List:
		return mayFail(*from.Elem, *to.Elem)
	case from.Text():
		return true
	case to.Kind == event.Int || to.Kind == event.Decimal:
		return from.Kind != event.Bool && !WidensTo(from, to)
	}
	return from.Kind == event.Date && to.Kind == event.Timestamp
}

// castKernel is how to cast, or nil where there is no cast. Doubles are not cast
// to booleans, nor instants to numbers: see the mends of cast.
func castKernel(from, to event.Type) kernel {
	switch to.Kind {
	case event.Bool, event.Int:
		return castToInts(from, to)
	case event.Double:
		return castToDouble(from)
	case event.Decimal:
		return castToDecimal(from, to)
	case event.String:
		return castToString(from)
	case event.List:
		return castList(from, to)
	case event.Bytes:
		if from.Kind == event.String {
			return func(f *frame, v []vec) vec { return retyped(v[0], to) }
		}
	case event.Timestamp, event.Date:
		return castToInstant(from, to)
	}
	return nil
}

// retyped is v under another type of the same vectors. No value is touched, so
// the types must agree in what their bits mean.
func retyped(v vec, t event.Type) vec {
	v.Type = t
	return v
}

// castInts casts to what is held in Ints, row by row; at reports whether row i
// can be. at is not asked about null rows, of which a text column may have no
// entry to read.
func castInts(k event.Kind, at func(v *vec, i int) (int64, bool)) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		for i := range out {
			if u.is(i) {
				continue
			}
			x, ok := at(&v[0], i)
			if !ok {
				f.refuse(&u, event.OutOfType, i)
				continue
			}
			out[i] = x
		}
		return ofInts(k, out, u)
	}
}

// castToInts casts to booleans and integers. Doubles go to the even one of two
// equally near integers, decimals away from zero, as PostgreSQL has it. Integers
// become true unless they are zero. Text is trimmed, as files are full of padded
// columns, and must be a number whole: 12abc is null and counted.
func castToInts(from, to event.Type) kernel {
	switch {
	case from.Kind == event.Bool && to.Kind == event.Int:
		return func(f *frame, v []vec) vec { return retyped(v[0], to) }
	case from.Kind == event.Int && to.Kind == event.Bool:
		return func(f *frame, v []vec) vec {
			out := make([]int64, f.rows)
			for i, x := range v[0].Ints[:f.rows] {
				if x != 0 {
					out[i] = 1
				}
			}
			return ofInts(to.Kind, out, unite(f.rows, v))
		}
	case from.Kind == event.String && to.Kind == event.Bool:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) { return parseBool(v.text(i)) })
	case from.Kind == event.String:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) {
			x, err := strconv.ParseInt(string(bytes.TrimSpace(v.text(i))), 10, 64)
			return x, err == nil
		})
	case to.Kind == event.Bool:
		return nil
	case from.Kind == event.Double:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) {
			x := math.RoundToEven(v.Floats[i])
			// So written, NaN is refused too. 2^63 is a double and no int64; the
			// greatest int64 is no double.
			if !(x >= -1<<63 && x < 1<<63) {
				return 0, false
			}
			return int64(x), true
		})
	case from.Kind == event.Decimal:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) { return rounded(v.Decimals[i], from.Scale).Int64() })
	}
	return nil
}

// parseBool reads what PostgreSQL reads as a boolean. The list is closed: a word
// outside it is null and counted, not false.
func parseBool(s []byte) (int64, bool) {
	switch strings.ToLower(string(bytes.TrimSpace(s))) {
	case "true", "t", "yes", "y", "on", "1":
		return 1, true
	case "false", "f", "no", "n", "off", "0":
		return 0, true
	}
	return 0, false
}

// castToDouble rounds once, to nearest; texts are read to the nearest double. A
// decimal must not go by way of the double of its unscaled value: two roundings
// may end at a neighbour (Int128.Float).
func castToDouble(from event.Type) kernel {
	switch from.Kind {
	case event.Int:
		return func(f *frame, v []vec) vec {
			out := make([]float64, f.rows)
			for i, x := range v[0].Ints[:f.rows] {
				out[i] = float64(x)
			}
			return ofFloats(out, unite(f.rows, v))
		}
	case event.Decimal:
		return func(f *frame, v []vec) vec {
			out := make([]float64, f.rows)
			for i, x := range v[0].Decimals[:f.rows] {
				out[i] = x.Float(from.Scale)
			}
			return ofFloats(out, unite(f.rows, v))
		}
	case event.String:
		return func(f *frame, v []vec) vec {
			out, u := make([]float64, f.rows), unite(f.rows, v)
			for i := range out {
				if u.is(i) {
					continue
				}
				x, ok := parseDouble(v[0].text(i))
				if !ok {
					f.refuse(&u, event.OutOfType, i)
				}
				out[i] = x
			}
			return ofFloats(out, u)
		}
	}
	return nil
}

// parseDouble reads a decimal number, NaN or an infinity. strconv alone would
// take hexadecimal, which no data means, and a number beyond the largest double
// is null and counted like any that is outside its type.
func parseDouble(s []byte) (float64, bool) {
	word := strings.ToLower(string(bytes.TrimSpace(s)))
	switch word {
	case "nan":
		return event.CanonicalNaN, true
	case "infinity", "+infinity", "inf", "+inf":
		return math.Inf(1), true
	case "-infinity", "-inf":
		return math.Inf(-1), true
	}
	if strings.Trim(word, "0123456789.e+-") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(word, 64)
	return x, err == nil
}

// castToDecimal rounds halves away from zero, whatever it casts. The digits are
// counted after rounding: 9.99 as decimal(2,1) would be 10.0, which has three.
func castToDecimal(from, to event.Type) kernel {
	cast := func(at func(v *vec, i int) (event.Int128, bool)) kernel {
		return func(f *frame, v []vec) vec {
			out, u := make([]event.Int128, f.rows), unite(f.rows, v)
			for i := range out {
				if u.is(i) {
					continue
				}
				x, ok := at(&v[0], i)
				if !ok || !x.Fits(to.Precision) {
					f.refuse(&u, event.OutOfType, i)
					continue
				}
				out[i] = x
			}
			return ofDecimals(to, out, u)
		}
	}
	switch from.Kind {
	case event.Int:
		return cast(func(v *vec, i int) (event.Int128, bool) { return shifted(event.Int128Of(v.Ints[i]), to.Scale) })
	case event.Decimal:
		if from.Scale > to.Scale {
			return cast(func(v *vec, i int) (event.Int128, bool) { return rounded(v.Decimals[i], from.Scale-to.Scale), true })
		}
		return cast(func(v *vec, i int) (event.Int128, bool) { return shifted(v.Decimals[i], to.Scale-from.Scale) })
	case event.Double:
		return cast(func(v *vec, i int) (event.Int128, bool) { return doubleToDecimal(v.Floats[i], to.Scale) })
	case event.String:
		return cast(func(v *vec, i int) (event.Int128, bool) {
			return parseDecimal(string(bytes.TrimSpace(v.text(i))), to.Scale)
		})
	}
	return nil
}

// doubleToDecimal rounds the exact value of x, halves away from zero. 0.125 is a
// half at two digits and 0.15 is none at one, as its double lies below; going
// through the shortest decimal text would see a half in both. NaN fails the
// comparison and so is refused.
func doubleToDecimal(x float64, scale int) (event.Int128, bool) {
	if !(math.Abs(x) < 1e39) {
		return event.Int128{}, false
	}
	d, err := event.ParseDecimal(roundedText(x, scale), scale)
	return d, err == nil
}

// roundedText writes x with digits after the point, rounding its exact value,
// halves away from zero. strconv rounds halves to even: where x lies on a half
// its neighbour farther from zero is rounded in its place. x lies on a half at so
// many digits if x*2*10^digits is an odd integer; x is a whole number over a
// power of two, and 5^digits is odd, so that it is enough to look at
// x*2*2^digits, which is exact.
func roundedText(x float64, digits int) string {
	if half := math.Ldexp(x, digits+1); math.Abs(x) < 1<<53 && half == math.Trunc(half) && math.Mod(half, 2) != 0 {
		x = math.Nextafter(x, math.Copysign(math.Inf(1), x))
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// exponentMax bounds what an exponent in a text may ask for. 1e999999999 would
// else be written out as a billion zeros.
const exponentMax = 1000

// parseDecimal reads [sign] digits [. digits] [e exponent], and rounds digits
// beyond scale, halves away from zero. It reads by digits, without a double in
// between: a text of 38 digits keeps all of them.
func parseDecimal(s string, scale int) (event.Int128, bool) {
	number, exponent, has := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if has {
		e, err := strconv.Atoi(exponent)
		if err != nil || e > exponentMax || e < -exponentMax {
			return event.Int128{}, false
		}
		shift = e
	}
	sign := ""
	if number != "" && (number[0] == '-' || number[0] == '+') {
		sign, number = strings.TrimPrefix(number[:1], "+"), number[1:]
	}
	whole, frac, _ := strings.Cut(number, ".")
	digits := whole + frac
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return event.Int128{}, false
	}
	point := len(whole) + shift + scale // where the unscaled value ends in digits
	digits, point = strings.TrimLeft(digits, "0"), point-len(digits)+len(strings.TrimLeft(digits, "0"))
	switch {
	case point < 0 || digits == "":
		return event.Int128{}, true
	case point > 38:
		return event.Int128{}, false
	}
	up := point < len(digits) && digits[point] >= '5'
	if point <= len(digits) {
		digits = digits[:point]
	} else {
		digits += strings.Repeat("0", point-len(digits))
	}
	d, err := event.ParseDecimal(sign+"0"+digits, 0)
	if up && sign == "" {
		d = d.Add(event.Int128Of(1))
	} else if up {
		d = d.Sub(event.Int128Of(1))
	}
	return d, err == nil
}

// castToString writes values as PostgreSQL does, times as ISO 8601, and nested
// values as JSON. These spellings are part of the meaning of a feature, and no
// setting and no locale changes them (S1.1).
func castToString(from event.Type) kernel {
	write := scalarWriters[from.Kind]
	switch {
	case from.Kind == event.Bytes:
		return bytesToString
	case from.Elem != nil || from.Kind == event.Struct:
		write = appendJSON
	case write == nil:
		return nil
	}
	return func(f *frame, v []vec) vec {
		t, u := newTexts(f.rows), unite(f.rows, v)
		var buffer []byte
		for i := range f.rows {
			if !u.is(i) {
				buffer = write(buffer[:0], &v[0].Column, i)
				t.put(i, buffer)
			}
		}
		return t.vec(event.String, u)
	}
}

// scalarWriters write a row that is not null, by its kind.
var scalarWriters = map[event.Kind]func(out []byte, c *event.Column, i int) []byte{
	event.Bool:   func(out []byte, c *event.Column, i int) []byte { return strconv.AppendBool(out, c.Ints[i] != 0) },
	event.Int:    func(out []byte, c *event.Column, i int) []byte { return strconv.AppendInt(out, c.Ints[i], 10) },
	event.Double: func(out []byte, c *event.Column, i int) []byte { return appendDouble(out, c.Floats[i]) },
	event.Decimal: func(out []byte, c *event.Column, i int) []byte {
		return append(out, c.Decimals[i].Text(c.Type.Scale)...)
	},
	event.Date:      func(out []byte, c *event.Column, i int) []byte { return append(out, formatDate(c.Ints[i])...) },
	event.Timestamp: func(out []byte, c *event.Column, i int) []byte { return append(out, formatTime(c.Ints[i])...) },
}

// appendDouble is the shortest text that reads back as x. Shortest is unique, so
// that equal doubles have one text. The bounds of plain notation are those of
// PostgreSQL.
func appendDouble(out []byte, x float64) []byte {
	switch a := math.Abs(x); {
	case x != x:
		return append(out, "NaN"...)
	case x == 0:
		return append(out, '0') // zero has no sign (S8.4)
	case a > math.MaxFloat64:
		return append(out, strings.TrimPrefix(strconv.FormatFloat(x, 'f', -1, 64), "+")+"inity"...)
	case a != 0 && (a < 1e-4 || a >= 1e15):
		return strconv.AppendFloat(out, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(out, x, 'f', -1, 64)
}

// bytesToString keeps the bytes; what is no UTF-8 is no string. Replacing what is
// invalid would make different bytes one string, and one group. The codes are
// copied before they are blanked, as they may be the batch's.
func bytesToString(f *frame, v []vec) vec {
	u := unite(f.rows, v)
	for i := range f.rows {
		if !u.is(i) && !utf8.Valid(v[0].text(i)) {
			f.refuse(&u, event.OutOfType, i)
		}
	}
	out := retyped(v[0], event.Of(event.String))
	if u.own {
		out.Codes = append([]uint32(nil), out.Codes[:f.rows]...)
		blank(out.Codes, u.rows)
		out.Null, out.fresh = u.rows, false
	}
	return out
}

// castToInstant floors instants to days, before 1970 too. S3.1 has a date be its
// midnight, and S16.8 a timestamp go to its day towards the past. A date that is
// too far off for 64 bits of microseconds is null and counted.
func castToInstant(from, to event.Type) kernel {
	switch {
	case from.Kind == event.String && to.Kind == event.Timestamp:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) {
			t, err := event.ParseTime(string(bytes.TrimSpace(v.text(i))))
			return int64(t), err == nil
		})
	case from.Kind == event.String:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) {
			t, err := event.ParseTime(string(bytes.TrimSpace(v.text(i))))
			return floorDiv(int64(t), day), err == nil
		})
	case from.Kind == event.Timestamp && to.Kind == event.Date:
		return func(f *frame, v []vec) vec {
			out := make([]int64, f.rows)
			for i, x := range v[0].Ints[:f.rows] {
				out[i] = floorDiv(x, day)
			}
			return ofInts(to.Kind, out, unite(f.rows, v))
		}
	case from.Kind == event.Date && to.Kind == event.Timestamp:
		return castInts(to.Kind, func(v *vec, i int) (int64, bool) {
			high, low := multiplyWide(v.Ints[i], day)
			return low, high == low>>63
		})
	}
	return nil
}
