package timetravel_test

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// eval is the value of an expression, node by node, with three-valued logic.
func eval(n *expr.Node, s *scope) value {
	switch n.Op {
	case expr.Literal:
		return literal(n.Value)
	case expr.Ref:
		return evalRef(n, s)
	case expr.Call:
		if isAggregate(n) {
			return s.aggregate(n)
		}
		return evalFunction(n, s)
	case expr.Row:
		r := make(record, len(n.Args))
		for i, a := range n.Args {
			r[i] = eval(a, s)
		}
		return r
	case expr.Neg:
		return negative(eval(n.Args[0], s))
	case expr.Binary:
		return evalBinary(n, s)
	case expr.Case:
		return evalCase(n, s)
	case expr.Cast:
		return convert(eval(n.Args[0], s), n.To)
	case expr.Dot:
		r, _ := eval(n.Args[0], s).(record)
		return field(r, typeOf(n.Args[0], s), n.Name)
	case expr.Index:
		return evalIndex(n, s)
	}
	return evalPredicate(n, s)
}

func literal(v expr.Value) value {
	switch v.Type.Kind {
	case event.Null:
		return nil
	case event.Bool:
		return v.Int != 0
	case event.Double:
		return v.Float
	case event.Decimal:
		return decimal{v.Decimal.Big(), v.Type.Scale}
	case event.String:
		return v.Text
	case event.Date:
		return day(v.Int)
	case event.Timestamp:
		return event.Time(v.Int)
	}
	return v.Int
}

func evalRef(n *expr.Node, s *scope) value {
	key, t, used := s.resolve(n.Path)
	if used == 0 {
		panic(fmt.Sprintf("unknown name %v", n.Path))
	}
	v := s.value(key)
	for _, name := range n.Path[used:] {
		r, _ := v.(record)
		v = field(r, t, name)
		t = t.Fields[event.Schema(t.Fields).Index(name)].Type
	}
	return v
}

// field is a field of a record; null of a null record.
func field(r record, t event.Type, name string) value {
	if r == nil {
		return nil
	}
	return r[event.Schema(t.Fields).Index(name)]
}

func evalIndex(n *expr.Node, s *scope) value {
	l, ok := eval(n.Args[0], s).(list)
	i, known := eval(n.Args[1], s).(int64)
	if known && i < 0 {
		i += int64(len(l)) + 1
	}
	if !ok || !known || i < 1 || i > int64(len(l)) {
		return nil
	}
	return l[i-1]
}

func evalCase(n *expr.Node, s *scope) value {
	t := typeOf(n, s)
	for i := 0; i+1 < len(n.Args); i += 2 {
		when := eval(n.Args[i], s)
		if n.Operand != nil {
			when = equal(eval(n.Operand, s), when)
		}
		if when == true {
			return widen(eval(n.Args[i+1], s), t)
		}
	}
	if len(n.Args)%2 == 1 {
		return widen(eval(n.Args[len(n.Args)-1], s), t)
	}
	return nil
}

func evalBinary(n *expr.Node, s *scope) value {
	a, b := eval(n.Args[0], s), eval(n.Args[1], s)
	switch n.Name {
	case "and":
		return and(a, b)
	case "or":
		return not(and(not(a), not(b)))
	}
	if a == nil || b == nil {
		return nil
	}
	switch n.Name {
	case "=":
		return compare(a, b) == 0
	case "<>":
		return compare(a, b) != 0
	case "<":
		return compare(a, b) < 0
	case "<=":
		return compare(a, b) <= 0
	case ">":
		return compare(a, b) > 0
	case ">=":
		return compare(a, b) >= 0
	case "||":
		switch x := a.(type) {
		case octets:
			return x + b.(octets)
		case list:
			return widen(append(append(list{}, x...), b.(list)...), typeOf(n, s))
		}
		return a.(string) + b.(string)
	}
	return compute(n.Name, a, b, typeOf(n, s))
}

// and is false if one side is, else null if one side is.
func and(a, b value) value {
	switch {
	case a == false || b == false:
		return false
	case a == nil || b == nil:
		return nil
	}
	return true
}

func not(a value) value {
	if a == nil {
		return nil
	}
	return !a.(bool)
}

func equal(a, b value) value {
	if a == nil || b == nil {
		return nil
	}
	return compare(a, b) == 0
}

// compute is arithmetic on two numbers; t is the type of the result.
func compute(op string, a, b value, t event.Type) value {
	if t.Kind == event.Double {
		return computeDouble(op, double(a), double(b))
	}
	x, y, r := rational(a), rational(b), new(big.Rat)
	switch op {
	case "+":
		r.Add(x, y)
	case "-":
		r.Sub(x, y)
	case "*":
		r.Mul(x, y)
	case "%":
		if y.Sign() == 0 {
			return nil
		}
		q := new(big.Rat).Quo(x, y)
		whole := new(big.Int).Quo(q.Num(), q.Denom())
		r.Sub(x, y.Mul(y, new(big.Rat).SetInt(whole)))
	}
	if t.Kind == event.Int {
		return integer(r.Num())
	}
	return decimalOf(r, t)
}

func computeDouble(op string, a, b float64) value {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		return nil
	}
	if op == "%" {
		return math.Mod(a, b)
	}
	return a / b
}

func negative(v value) value {
	switch x := v.(type) {
	case nil:
		return nil
	case float64:
		return -x
	case decimal:
		return decimal{new(big.Int).Neg(x.unscaled), x.scale}
	}
	return integer(new(big.Int).Neg(big.NewInt(v.(int64))))
}

// evalPredicate is what answers true, false or null.
func evalPredicate(n *expr.Node, s *scope) value {
	a := eval(n.Args[0], s)
	var answer value
	switch n.Op {
	case expr.Not:
		return not(a)
	case expr.IsNull:
		answer = a == nil
	case expr.IsTruth:
		answer = a == (n.Name == "true")
	case expr.IsDistinct:
		answer = compare(a, eval(n.Args[1], s)) != 0
	case expr.In:
		answer = false
		for _, m := range n.Args[1:] {
			answer = not(and(not(answer), not(equal(a, eval(m, s)))))
		}
	case expr.Between:
		low, high := eval(n.Args[1], s), eval(n.Args[2], s)
		answer = and(atLeast(a, low), atLeast(high, a))
	case expr.Like:
		answer = evalLike(n, a, s)
	default:
		panic(fmt.Sprintf("operation %d of %s is not known here", n.Op, n))
	}
	if n.Negated {
		return not(answer)
	}
	return answer
}

func atLeast(a, b value) value {
	if a == nil || b == nil {
		return nil
	}
	return compare(a, b) >= 0
}

func evalLike(n *expr.Node, a value, s *scope) value {
	pattern, escape := eval(n.Args[1], s), value("")
	if len(n.Args) == 3 {
		escape = eval(n.Args[2], s)
	}
	if a == nil || pattern == nil || escape == nil {
		return nil
	}
	text, p := a.(string), pattern.(string)
	if n.Name == "ilike" {
		text, p = strings.ToLower(text), strings.ToLower(p)
	}
	return like([]rune(text), []rune(p), []rune(escape.(string)))
}

// like matches text with a pattern in which _ is any character and % any
// number of them.
func like(text, pattern, escape []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	c := pattern[0]
	switch {
	case len(escape) == 1 && c == escape[0] && len(pattern) > 1:
		return len(text) > 0 && text[0] == pattern[1] && like(text[1:], pattern[2:], escape)
	case c == '%':
		return like(text, pattern[1:], escape) || len(text) > 0 && like(text[1:], pattern, escape)
	}
	return len(text) > 0 && (c == '_' || c == text[0]) && like(text[1:], pattern[1:], escape)
}

// convert is a cast; what can not be converted is null.
func convert(v value, t event.Type) value {
	switch t.Kind {
	case event.String:
		return convertToText(v)
	case event.Int:
		return convertToInt(v)
	case event.Double:
		return convertToDouble(v)
	case event.Decimal:
		return convertToDecimal(v, t)
	case event.Timestamp, event.Date:
		return convertToInstant(v, t)
	case event.List:
		if l, ok := v.(list); ok {
			out := list{}
			for _, e := range l {
				out = append(out, convert(e, *t.Elem))
			}
			return out
		}
	case event.Bool:
		switch x := v.(type) {
		case int64:
			return x != 0
		case string:
			return map[string]value{"true": true, "false": false}[strings.ToLower(x)]
		}
	}
	return v
}

func convertToText(v value) value {
	switch x := v.(type) {
	case int64, bool:
		return fmt.Sprint(x)
	case float64:
		return formatDouble(x)
	case decimal:
		return formatDecimal(x)
	case event.Time:
		return x.String()
	case day:
		return instant(x).String()[:10]
	}
	return v
}

// convertToInt rounds to the nearest integer, halves to the even one.
func convertToInt(v value) value {
	switch x := v.(type) {
	case bool:
		return int64(truth(x))
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64)
		if err != nil {
			return nil
		}
		return i
	case float64, decimal:
		if rank(x) != 0 {
			return nil
		}
		return integer(halfEven(rational(x)))
	}
	return v
}

func halfEven(r *big.Rat) *big.Int {
	two := big.NewInt(2)
	n := new(big.Int).Add(new(big.Int).Mul(r.Num(), two), r.Denom())
	d := new(big.Int).Mul(r.Denom(), two)
	q, m := new(big.Int).DivMod(n, d, new(big.Int))
	if m.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

func convertToDouble(v value) value {
	switch x := v.(type) {
	case int64, decimal:
		return double(x)
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(x), 64)
		if err != nil {
			return nil
		}
		return f
	}
	return v
}

func convertToDecimal(v value, t event.Type) value {
	var r *big.Rat
	switch x := v.(type) {
	case string:
		var ok bool
		if r, ok = new(big.Rat).SetString(x); !ok {
			return nil
		}
	case int64, float64, decimal:
		r = rational(x)
	}
	if r == nil {
		return nil
	}
	return fit(halfEven(r.Mul(r, new(big.Rat).SetInt(tenTo(t.Scale)))), t)
}

func convertToInstant(v value, t event.Type) value {
	var at event.Time
	switch x := v.(type) {
	case nil:
		return nil
	case string:
		var err error
		if at, err = event.ParseTime(x); err != nil {
			return nil
		}
	default:
		at = instant(x)
	}
	if t.Kind == event.Date {
		return day(floorDiv(int64(at), microsOfDay))
	}
	return at
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
