package expr

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Microseconds of the longer units.
const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// literal turns a token into a node. The sign of a number is no part of the
// token; unary puts it there (negate).
func (p *parser) literal(t token) *Node {
	n := &Node{Op: Literal, Pos: t.pos, End: t.end}
	switch {
	case t.kind == text:
		n.Value = Value{Type: event.Of(event.String), Text: t.text}
	case t.kind == number:
		v, err := parseNumber(t.text)
		if err != nil {
			p.fail(&Error{t.pos, t.end, err.Error(), ""})
		}
		n.Value = v
	case t.is("null"):
		n.Value.Type = event.Of(event.Null)
	default:
		n.Value.Type = event.Of(event.Bool)
		if t.is("true") {
			n.Value.Int = 1
		}
	}
	return n
}

// parseNumber reads an unsigned number: with an exponent a double, with a point,
// or above 64 bits, a decimal, else an integer. A decimal has just the digits
// that are written, so that 1.50 is decimal(3,2), and no literal is rounded
// unless it asks for a double.
func parseNumber(s string) (Value, error) {
	if strings.ContainsAny(s, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return Value{}, fmt.Errorf("%s is outside double", s)
		}
		return Value{Type: event.Of(event.Double), Float: f}, nil
	}
	whole, frac, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole+frac, "0")
	if len(digits) > 38 || len(frac) > 38 {
		return Value{}, fmt.Errorf("%s has more than 38 digits", s)
	}
	if digits == "" {
		digits = "0"
	}
	unscaled, _ := new(big.Int).SetString(digits, 10)
	if frac == "" && unscaled.IsInt64() {
		return Value{Type: event.Of(event.Int), Int: unscaled.Int64()}, nil
	}
	d, _ := event.Int128OfBig(unscaled)
	return Value{Type: event.DecimalOf(max(len(digits), len(frac)), len(frac)), Decimal: d}, nil
}

// negate makes -x of a literal number that is not negative, so that the lowest
// integer can be written. 9223372036854775808 alone is a decimal, and with its
// sign an integer again. A literal that has a sign is left alone: - -1 is two
// operations.
func negate(x *Node, pos int) (*Node, bool) {
	if x.Op != Literal {
		return nil, false
	}
	v := x.Value
	switch {
	case v.Type.Kind == event.Int && v.Int >= 0:
		v.Int = -v.Int
	case v.Type.Kind == event.Double && !math.Signbit(v.Float):
		v.Float = -v.Float
	case v.Type.Kind == event.Decimal && v.Decimal.Sign() >= 0:
		v.Decimal = v.Decimal.Neg()
		if i, ok := v.Decimal.Int64(); ok && v.Type.Scale == 0 {
			v = Value{Type: event.Of(event.Int), Int: i}
		}
	default:
		return nil, false
	}
	return &Node{Op: Literal, Pos: pos, End: x.End, Value: v}, true
}

// instant reads DATE '...' or TIMESTAMP '...'. It is read here and not as a cast
// of text, so that a mistake is a fault of the definition and not a null in every
// row.
func (p *parser) instant(word string) *Node {
	t, s := p.next(), p.next()
	n := &Node{Op: Literal, Pos: t.pos, End: s.end}
	at, err := event.ParseTime(s.text)
	switch {
	case err != nil:
		p.failAt(n, fmt.Sprintf("%s is no %s", quoteText(s.text), word), "write 2026-01-31 or, for a timestamp, 2026-01-31T12:00:00Z")
	case word == "timestamp":
		n.Value = Value{Type: event.Of(event.Timestamp), Int: int64(at)}
	// A date must not drop a time of day that somebody wrote.
	case int64(at)%day != 0:
		p.failAt(n, fmt.Sprintf("%s has a time of day", quoteText(s.text)), "write timestamp instead of date")
	default:
		n.Value = Value{Type: event.Of(event.Date), Int: int64(at) / day}
	}
	return n
}

// textValue is a literal text that nobody wrote.
func textValue(s string) Value { return Value{Type: event.Of(event.String), Text: s} }
