package expr

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// plainTypes are the names of types that take no parameters. Integers of every
// width are held in 64 bits and floats of every width as doubles. They are the
// spellings of common SQL dialects; what is held is the one type of the table in
// docs/semantics.md.
var plainTypes = map[string]event.Kind{
	"bool": event.Bool, "boolean": event.Bool,
	"int": event.Int, "integer": event.Int, "bigint": event.Int, "smallint": event.Int, "tinyint": event.Int,
	"int8": event.Int, "int16": event.Int, "int32": event.Int, "int64": event.Int,
	"double": event.Double, "float": event.Double, "float32": event.Double, "float64": event.Double, "real": event.Double,
	"string": event.String, "varchar": event.String, "text": event.String,
	"bytes": event.Bytes, "binary": event.Bytes, "date": event.Date, "timestamp": event.Timestamp,
}

// narrow are types that a column may be read from but no value be cast to.
var narrow = map[string]string{
	"smallint": "int64", "tinyint": "int64", "int8": "int64", "int16": "int64", "int32": "int64", "float32": "double", "real": "double",
}

// ParseType reads a type as users write it, such as "decimal(12,2)" or
// "list<struct<a: double>>". The keywords are not reserved: a column may be
// called list. An error is an *Error.
func ParseType(s string) (event.Type, error) {
	tokens, fault := lex(s)
	if fault != nil {
		return event.Type{}, fault
	}
	p := &parser{tokens: tokens}
	t := p.typeName()
	if p.fault == nil && p.peek().kind != end {
		p.fail(&Error{p.peek().pos, len(s), fmt.Sprintf("%s does not belong to the type %s", p.peek().describe(), t), ""})
	}
	if p.fault != nil {
		return event.Type{}, p.fault
	}
	return t, nil
}

// typeName reads one type; types nest as expressions do.
func (p *parser) typeName() event.Type {
	defer p.leave()
	if !p.enter() {
		return event.Type{}
	}
	t := p.next()
	word := strings.ToLower(t.text)
	switch {
	case t.kind != name:
		p.fail(&Error{t.pos, t.end, "a type is expected", "write double, decimal(12,2), string, timestamp ..."})
	case word == "decimal" || word == "numeric":
		return p.decimalType(t)
	case word == "list":
		p.expect("<", " after list")
		elem := p.typeName()
		p.expect(">", "")
		return event.ListOf(elem)
	case word == "map":
		return p.mapType(t)
	case word == "struct":
		return p.structType()
	case plainTypes[word] == event.Unknown:
		p.fail(&Error{t.pos, t.end, "unknown type " + t.text, meant(t.text, typeNames())})
	}
	if word == "double" {
		p.accept("precision")
	}
	return event.Of(plainTypes[word])
}

// mapType reads what follows `map`. Its keys are what may be a key: doubles are
// equal or not by their last bit, and nested values have no plain spelling.
func (p *parser) mapType(t token) event.Type {
	p.expect("<", " after map")
	at := p.peek()
	key := p.typeName()
	p.expect(",", "")
	value := p.typeName()
	p.expect(">", "")
	if p.fault == nil && (!key.Scalar() || key.Kind == event.Double) {
		p.fail(&Error{at.pos, at.end, fmt.Sprintf("a map cannot have keys of type %s", key), "key it by text, integers, decimals, booleans, dates or timestamps"})
	}
	return event.MapOf(key, value)
}

// typeNames are sorted, so that the advice is the same each time.
func typeNames() []string {
	return append(slices.Sorted(maps.Keys(plainTypes)), "decimal", "numeric", "list", "map", "struct")
}

// decimalType reads the digits in all and after the point. Without its digits a
// decimal would be of a size that each dialect picks otherwise.
func (p *parser) decimalType(t token) event.Type {
	if !p.accept("(") {
		p.fail(&Error{t.pos, t.end, t.text + " needs its digits", "write decimal(12,2) for 12 digits, 2 of them after the point"})
		return event.Type{}
	}
	precision, scale := p.size(), 0
	if p.accept(",") {
		scale = p.size()
	}
	p.expect(")", "")
	if p.fault == nil && (precision < 1 || precision > 38 || scale > precision) {
		p.fail(&Error{t.pos, p.last(), fmt.Sprintf("there is no decimal(%d,%d)", precision, scale), "digits are 1 to 38 in all, and no more of them after the point"})
		return event.Type{}
	}
	return event.DecimalOf(precision, scale)
}

// size refuses signs, points and exponents, which are no tokens of digits alone,
// and what 16 bits do not hold.
func (p *parser) size() int {
	t := p.peek()
	n, err := strconv.ParseUint(t.text, 10, 16)
	if t.kind != number || err != nil {
		p.unexpected("a number of digits is expected")
		return 0
	}
	p.next()
	return int(n)
}

// structType reads what follows the word struct. Names of fields are quoted where
// they could not be read otherwise, as in expressions.
func (p *parser) structType() event.Type {
	var fields []event.Field
	p.expect("<", " after struct")
	for p.fault == nil {
		at := p.peek()
		f := event.Field{Name: p.field()}
		p.expect(":", " after the field's name")
		f.Type = p.typeName()
		if event.Schema(fields).Index(f.Name) >= 0 && p.fault == nil {
			p.fail(&Error{at.pos, at.end, fmt.Sprintf("two fields are called %s", f.Name), ""})
		}
		fields = append(fields, f)
		if !p.accept(",") {
			break
		}
	}
	p.expect(">", "")
	return event.StructOf(fields...)
}

// meant is the mend "did you mean x?", or none.
func meant(word string, candidates []string) string {
	if c := event.Nearest(strings.ToLower(word), candidates); c != "" {
		return "did you mean " + c + "?"
	}
	return ""
}

// WidensTo reports whether every value of from is a value of to, so that from may
// stand for to without loss. An integer does not widen to a double, as beyond
// 2^53 it would be rounded; common does so where the language mixes them, in
// sight of the user.
func WidensTo(from, to event.Type) bool {
	switch {
	case from.Equal(to) || from.Kind == event.Null:
		return true
	case from.Kind == event.List && to.Kind == event.List:
		return WidensTo(*from.Elem, *to.Elem)
	case to.Kind != event.Decimal:
		return from.Kind == event.Date && to.Kind == event.Timestamp
	case from.Kind == event.Int:
		return to.Precision-to.Scale >= intDigits
	}
	return from.Kind == event.Decimal && from.Scale <= to.Scale && from.Precision-from.Scale <= to.Precision-to.Scale
}

// intDigits is how many digits an integer needs as a decimal. The lowest,
// 9223372036854775808 without its sign, has 19.
const intDigits = 19

// asDecimal is t, an integer or a decimal, as a decimal. All integers fit, also
// where the column holds small ones: types come from declarations and not from
// data.
func asDecimal(t event.Type) event.Type {
	if t.Kind == event.Int {
		return event.DecimalOf(intDigits, 0)
	}
	return t
}

// common is the type that values of t and u can both be given as: where CASE,
// COALESCE and their like choose between them. It does not depend on the order of
// its arguments. Precision is cut at 38, and a value that then does not fit is
// null and counted.
func common(t, u event.Type) (event.Type, bool) {
	switch {
	case t.Equal(u) || u.Kind == event.Null:
		return t, true
	case t.Kind == event.Null:
		return u, true
	case t.Numeric() && u.Numeric():
		if t.Kind == event.Double || u.Kind == event.Double {
			return event.Of(event.Double), true
		}
		a, b := asDecimal(t), asDecimal(u)
		scale := max(a.Scale, b.Scale)
		return event.DecimalOf(min(38, max(a.Precision-a.Scale, b.Precision-b.Scale)+scale), scale), true
	case instant(t) && instant(u):
		return event.Of(event.Timestamp), true
	case t.Kind == event.List && u.Kind == event.List:
		elem, ok := common(*t.Elem, *u.Elem)
		return event.ListOf(elem), ok
	}
	return event.Type{}, false
}

// instant reports whether values of t are points in time.
func instant(t event.Type) bool { return t.Kind == event.Date || t.Kind == event.Timestamp }
