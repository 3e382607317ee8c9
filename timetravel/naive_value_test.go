package timetravel_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// A value of the naive evaluator is nil (null), bool, int64, float64, decimal,
// string, octets, day, event.Time, list or record: plain Go values, so that what
// is computed with them can be read off the page.
type value = any

type (
	decimal struct {
		unscaled *big.Int
		scale    int
	}
	octets string
	day    int64
	list   []value
	record []value
)

const microsOfDay = 86_400_000_000

// table is a source's rows, or a spine's, as read from a file.
type table struct {
	schema event.Schema
	rows   [][]value
}

// number reports whether v is an int64, a double or a decimal.
func number(v value) bool {
	switch v.(type) {
	case int64, float64, decimal:
		return true
	}
	return false
}

// rational is a finite number exactly; nil for NaN and the infinities.
func rational(v value) *big.Rat {
	switch x := v.(type) {
	case int64:
		return new(big.Rat).SetInt64(x)
	case float64:
		return new(big.Rat).SetFloat64(x)
	case decimal:
		return new(big.Rat).SetFrac(x.unscaled, tenTo(x.scale))
	}
	panic(fmt.Sprintf("%T is no number", v))
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// double is the double nearest to a number.
func double(v value) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	f, _ := rational(v).Float64()
	return f
}

// instant is a date or a timestamp as a time.
func instant(v value) event.Time {
	if d, ok := v.(day); ok {
		return event.Time(d * microsOfDay)
	}
	return v.(event.Time)
}

// compare is the order of contents: null first, numbers by their exact value
// with NaN greatest and equal to itself and the two zeros equal, text by bytes,
// lists and records element by element.
func compare(a, b value) int {
	if a == nil || b == nil {
		return cmp.Compare(truth(a != nil), truth(b != nil))
	}
	if number(a) && number(b) {
		return compareNumbers(a, b)
	}
	switch x := a.(type) {
	case bool:
		return cmp.Compare(truth(x), truth(b.(bool)))
	case string:
		return strings.Compare(x, b.(string))
	case octets:
		return strings.Compare(string(x), string(b.(octets)))
	case list:
		return compareAll(x, b.(list))
	case record:
		return compareAll(x, b.(record))
	}
	return cmp.Compare(instant(a), instant(b))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareAll(a, b []value) int {
	for i := range min(len(a), len(b)) {
		if c := compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareNumbers(a, b value) int {
	x, y := rank(a), rank(b)
	if x != y || x != 0 {
		return cmp.Compare(x, y)
	}
	return rational(a).Cmp(rational(b))
}

// rank places what is not finite around what is.
func rank(v value) int {
	f, ok := v.(float64)
	switch {
	case !ok:
		return 0
	case math.IsNaN(f):
		return 2
	case math.IsInf(f, 1):
		return 1
	case math.IsInf(f, -1):
		return -1
	}
	return 0
}

// identity is a text that two values share exactly if they are equal.
func identity(v value) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("s%q", x)
	case octets:
		return fmt.Sprintf("b%q", string(x))
	case bool:
		return fmt.Sprintf("t%v", x)
	case day, event.Time:
		return fmt.Sprintf("i%d", int64(instant(x)))
	case list:
		return "l" + identities(x)
	case record:
		return "r" + identities(x)
	}
	if r := rank(v); r != 0 {
		return fmt.Sprintf("n!%d", r)
	}
	return "n" + rational(v).RatString()
}

func identities(vs []value) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = identity(v)
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// widen gives v, whose type stands in its Go type, the type t: integers become
// decimals or doubles, dates instants. What t can not hold is null.
func widen(v value, t event.Type) value {
	switch x := v.(type) {
	case nil:
		return nil
	case day:
		if t.Kind == event.Timestamp {
			return instant(x)
		}
	case list:
		r := make(list, len(x))
		for i := range x {
			r[i] = widen(x[i], *t.Elem)
		}
		return r
	case record:
		r := make(record, len(x))
		for i := range x {
			r[i] = widen(x[i], t.Fields[i].Type)
		}
		return r
	}
	switch {
	case !number(v):
		return v
	case t.Kind == event.Double:
		return double(v)
	case t.Kind == event.Decimal:
		return decimalOf(rational(v), t)
	}
	return v
}

// decimalOf is the number r as a decimal of type t; null where it has too many
// digits before the point. It must have no more digits after it than t.
func decimalOf(r *big.Rat, t event.Type) value {
	x := new(big.Rat).Mul(r, new(big.Rat).SetInt(tenTo(t.Scale)))
	if !x.IsInt() {
		panic(fmt.Sprintf("%s has more digits than %s", r, t))
	}
	return fit(x.Num(), t)
}

func fit(unscaled *big.Int, t event.Type) value {
	if new(big.Int).Abs(unscaled).Cmp(tenTo(t.Precision)) >= 0 {
		return nil
	}
	return decimal{new(big.Int).Set(unscaled), t.Scale}
}

// integer is n as an int64, null outside.
func integer(n *big.Int) value {
	if !n.IsInt64() {
		return nil
	}
	return n.Int64()
}

// rounded is the double nearest to r, null outside.
func rounded(r *big.Rat) value {
	f, _ := r.Float64()
	if math.IsInf(f, 0) {
		return nil
	}
	return f
}

// same reports whether two results are equal bit for bit: doubles by their bits,
// but for NaN, of which there is one, and zero, whose sign is no content.
func same(a, b value) bool {
	x, ok := a.(float64)
	y, too := b.(float64)
	if ok && too {
		return math.Float64bits(x) == math.Float64bits(y) || x == y || x != x && y != y
	}
	if fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		return false
	}
	switch x := a.(type) {
	case list:
		return sameAll(x, b.(list))
	case record:
		return sameAll(x, b.(record))
	case decimal:
		return x.scale == b.(decimal).scale && compare(a, b) == 0
	}
	return compare(a, b) == 0
}

func sameAll(a, b []value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// near is same with a tolerance for doubles.
func near(a, b value, rtol, atol float64) bool {
	x, ok := a.(float64)
	y, too := b.(float64)
	if ok && too {
		return same(a, b) || math.Abs(x-y) <= atol+rtol*math.Abs(y)
	}
	if xs, ok := a.(list); ok {
		return nearAll(xs, b, rtol, atol)
	}
	if xs, ok := a.(record); ok {
		return nearAll(xs, b, rtol, atol)
	}
	return same(a, b)
}

func nearAll(xs []value, b value, rtol, atol float64) bool {
	var ys []value
	switch y := b.(type) {
	case list:
		ys = y
	case record:
		ys = y
	}
	if b == nil || len(xs) != len(ys) {
		return false
	}
	for i := range xs {
		if !near(xs[i], ys[i], rtol, atol) {
			return false
		}
	}
	return true
}
