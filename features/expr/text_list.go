package expr

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// listToString compiles list_to_string: elements as casts write them.
func (c *checker) listToString(n *Node, args []*code) *code {
	elem, text := *args[0].t.Elem, event.Of(event.String)
	if elem.Kind == event.Bytes || !elem.Scalar() {
		return c.fail(n.Args[0], fmt.Sprintf("list_to_string does not take %s", args[0].t), "cast the elements to string")
	}
	args[0] = convert(args[0], event.ListOf(text))
	return counting(strict(text, makeText(func(out []byte, a rowArgs) ([]byte, bool) {
		l := &a.v[0]
		written := 0
		for k, to := listsOf(l).at(a.i); k < to; k++ {
			null := l.Elem.IsNull(int(k))
			if null && len(a.v) < 3 {
				continue
			}
			if written++; written > 1 {
				out = append(out, a.text(1)...)
			}
			if null {
				out = append(out, a.text(2)...)
			} else {
				out = append(out, l.Elem.Text(int(k))...)
			}
			if len(out) > longest {
				return out, false
			}
		}
		return out, true
	}), args...))
}

// appendJSON writes row i of a column as JSON without spaces, in the spelling that
// outputs have for nested values in CSV: doubles with a point or an exponent, NaN
// and the infinities as texts, bytes in base64, a map whose keys are texts as an
// object and any other as a list of pairs.
func appendJSON(out []byte, c *event.Column, i int) []byte {
	if c.IsNull(i) {
		return append(out, "null"...)
	}
	switch c.Type.Kind {
	case event.List:
		out = append(out, '[')
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			out = appendJSON(comma(out, k > c.Offsets[i]), c.Elem, int(k))
		}
		return append(out, ']')
	case event.Map:
		return appendPairs(out, c, i)
	case event.Struct:
		out = append(out, '{')
		for k := range c.Fields {
			out = appendText(comma(out, k > 0), []byte(c.Type.Fields[k].Name))
			out = appendJSON(append(out, ':'), &c.Fields[k], i)
		}
		return append(out, '}')
	case event.Double:
		return appendJSONDouble(out, c.Floats[i])
	case event.Bool, event.Int, event.Decimal:
		return scalarWriters[c.Type.Kind](out, c, i)
	case event.String:
		return appendText(out, c.Text(i))
	case event.Timestamp:
		return append(appendInstant(append(out, '"'), c.Ints[i]), '"')
	case event.Bytes:
		return append(base64.StdEncoding.AppendEncode(append(out, '"'), c.Text(i)), '"')
	}
	return append(scalarWriters[c.Type.Kind](append(out, '"'), c, i), '"')
}

// appendInstant writes a fraction, if there is one, with all six digits.
func appendInstant(out []byte, us int64) []byte {
	out = append(out, formatTime(us-floorMod(us, second))...)
	if fraction := floorMod(us, second); fraction != 0 {
		out = append(padded(append(out[:len(out)-1], '.'), fraction, 6), 'Z')
	}
	return out
}

// appendPairs writes a map.
func appendPairs(out []byte, c *event.Column, i int) []byte {
	marks := [...]string{"[", "[", ",", "]", "]"}
	if c.Type.KeyType().Kind == event.String {
		marks = [...]string{"{", "", ":", "", "}"}
	}
	out = append(out, marks[0]...)
	for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
		out = append(comma(out, k > c.Offsets[i]), marks[1]...)
		out = append(appendJSON(out, &c.Elem.Fields[0], int(k)), marks[2]...)
		out = append(appendJSON(out, &c.Elem.Fields[1], int(k)), marks[3]...)
	}
	return append(out, marks[4]...)
}

// appendJSONDouble always has a point or an exponent, so that a reader who guesses
// types guesses no integer.
func appendJSONDouble(out []byte, x float64) []byte {
	switch a := math.Abs(x); {
	case x != x:
		return append(out, `"NaN"`...)
	case a > math.MaxFloat64 && x > 0:
		return append(out, `"inf"`...)
	case a > math.MaxFloat64:
		return append(out, `"-inf"`...)
	case a != 0 && (a < 1e-6 || a >= 1e16):
		return strconv.AppendFloat(out, x, 'e', -1, 64)
	case x == math.Trunc(x):
		return strconv.AppendFloat(out, x+0, 'f', 1, 64)
	}
	return strconv.AppendFloat(out, x, 'f', -1, 64)
}

func comma(out []byte, is bool) []byte {
	if is {
		return append(out, ',')
	}
	return out
}

// appendText writes s as a text of JSON: the quote, the backslash and controls
// escaped, all else as it is; what is no UTF-8 becomes the replacement character.
func appendText(out, s []byte) []byte {
	out = append(out, '"')
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < ' ':
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = utf8.AppendRune(out, r)
		}
		s = s[size:]
	}
	return append(out, '"')
}
