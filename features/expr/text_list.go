package expr

import (
	"fmt"
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

// appendJSON writes row i of a column as JSON without spaces. It is how a cast
// makes text of what is nested: numbers as the cast of a number, NaN, infinities
// and instants as texts, bytes in hexadecimal, a map as an object.
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
		out = append(out, '{')
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			out = appendText(comma(out, k > c.Offsets[i]), appendScalar(nil, &c.Elem.Fields[0], int(k)))
			out = appendJSON(append(out, ':'), &c.Elem.Fields[1], int(k))
		}
		return append(out, '}')
	case event.Struct:
		out = append(out, '{')
		for k := range c.Fields {
			out = appendText(comma(out, k > 0), []byte(c.Type.Fields[k].Name))
			out = appendJSON(append(out, ':'), &c.Fields[k], i)
		}
		return append(out, '}')
	case event.Bool, event.Int, event.Decimal:
		return appendScalar(out, c, i)
	case event.Double:
		if finite(c.Floats[i]) {
			return appendDouble(out, c.Floats[i])
		}
	}
	return appendText(out, appendScalar(nil, c, i))
}

func comma(out []byte, is bool) []byte {
	if is {
		return append(out, ',')
	}
	return out
}

// appendScalar writes a single value as a cast to string does.
func appendScalar(out []byte, c *event.Column, i int) []byte {
	switch c.Type.Kind {
	case event.String:
		return append(out, c.Text(i)...)
	case event.Bytes:
		return fmt.Appendf(out, "%x", c.Text(i))
	}
	return scalarWriters[c.Type.Kind](out, c, i)
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
