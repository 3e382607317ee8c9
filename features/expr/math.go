package expr

import (
	"math"
	"math/big"
	"strconv"

	"github.com/timeseam/timeseam/features/event"
)

// defined is a kernel of a double to a double. Where the result is NaN though the
// operand is none, the function has no value there: null, and counted. NaN of NaN
// is no fault: it is a value and goes through (S8.1).
func defined(loop func(out, x []float64)) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]float64, f.rows), unite(f.rows, v)
		x := v[0].Floats[:f.rows]
		loop(out, x)
		for i, y := range out {
			if y == y {
				continue
			}
			out[i] = event.CanonicalNaN
			if x[i] == x[i] && !u.is(i) {
				f.refuse(&u, event.OutOfType, i)
			}
		}
		return ofFloats(out, u)
	}
}

// defined2 is defined of two operands. It looks at both: a NaN in either excuses
// the result.
func defined2(loop func(out []float64, o floats)) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]float64, f.rows), unite(f.rows, v)
		o := floatsOf(v)
		loop(out, o)
		for i, z := range out {
			if z == z {
				continue
			}
			out[i] = event.CanonicalNaN
			x, y := o.x[i&o.mx], o.y[i&o.my]
			if x == x && y == y && !u.is(i) {
				f.refuse(&u, event.OutOfType, i)
			}
		}
		return ofFloats(out, u)
	}
}

// The loops of functions of doubles. What has a pole is NaN there, so that
// defined refuses it.

// sqrtLoop may use the machine's root: IEEE 754 fixes its result (S9.5).
func sqrtLoop(out, x []float64) {
	for i, v := range x {
		out[i] = math.Sqrt(v)
	}
}

// expLoop refuses nothing: what is too large is an infinity (S16.5), what is too
// small zero.
func expLoop(out, x []float64) {
	for i, v := range x {
		out[i] = exp(v)
	}
}

func lnLoop(out, x []float64) {
	for i, v := range x {
		out[i] = ln(v)
	}
	blot(out, x)
}

func log10Loop(out, x []float64) {
	for i, v := range x {
		out[i] = log10(v)
	}
	blot(out, x)
}

func log2Loop(out, x []float64) {
	for i, v := range x {
		out[i] = log2(v)
	}
	blot(out, x)
}

// blot marks logarithms of zero. IEEE 754 has an infinity there; S16.10 has null,
// as an average over it would be lost.
func blot(out, x []float64) {
	for i, v := range x {
		if v == 0 {
			out[i] = event.CanonicalNaN
		}
	}
}

// powerLoop takes the pole at zero, which power answers with an infinity, for
// undefined.
func powerLoop(out []float64, o floats) {
	for i := range out {
		x, y := o.x[i&o.mx], o.y[i&o.my]
		if x == 0 && y < 0 {
			out[i] = event.CanonicalNaN
			continue
		}
		out[i] = power(x, y)
	}
}

func sinLoop(out, x []float64) {
	for i, v := range x {
		out[i] = sin(v)
	}
}

func cosLoop(out, x []float64) {
	for i, v := range x {
		out[i] = cos(v)
	}
}

func tanLoop(out, x []float64) {
	for i, v := range x {
		out[i] = tan(v)
	}
}

func asinLoop(out, x []float64) {
	for i, v := range x {
		out[i] = asin(v)
	}
}

func acosLoop(out, x []float64) {
	for i, v := range x {
		out[i] = acos(v)
	}
}

func atanLoop(out, x []float64) {
	for i, v := range x {
		out[i] = atan(v)
	}
}

func atan2Loop(out []float64, o floats) {
	for i := range out {
		out[i] = atan2(o.x[i&o.mx], o.y[i&o.my])
	}
}

func radiansLoop(out, x []float64) {
	for i, v := range x {
		out[i] = radians(v)
	}
}

// degreesLoop multiplies by a constant that the compiler computes to more digits
// than a double has, and rounds once.
func degreesLoop(out, x []float64) {
	for i, v := range x {
		out[i] = float64(v * (180 / math.Pi))
	}
}

// radians rounds the factor once, so that 180 degrees are math.Pi.
func radians(degrees float64) float64 { return float64(degrees * (math.Pi / 180)) }

// earthRadius is the mean radius in kilometres, (2a+b)/3 of WGS 84. Another
// radius is another feature: the name says km, and the documentation the radius.
const earthRadius = 6371.0088

// haversine is the distance of two places on the sphere, in kilometres. An
// infinite place is undefined and not a NaN (S16.10). Places are not checked for
// being on the map: a longitude of 190 is one of -170.
func haversine(f *frame, v []vec) vec {
	out, u := make([]float64, f.rows), unite(f.rows, v)
	for i := range out {
		if u.is(i) {
			continue
		}
		at := func(k int) float64 { return v[k].Floats[i&v[k].mask()] }
		lat1, lon1, lat2, lon2 := at(0), at(1), at(2), at(3)
		out[i] = distance(lat1, lon1, lat2, lon2)
		if out[i] != out[i] {
			out[i] = event.CanonicalNaN
			if !(lat1 != lat1 || lon1 != lon1 || lat2 != lat2 || lon2 != lon2) {
				f.refuse(&u, event.OutOfType, i)
			}
		}
	}
	return ofFloats(out, u)
}

// distance is by the haversine formula, which keeps its digits for near places.
// The law of cosines would take the arc cosine of nearly 1 there, and be metres
// off.
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	phi1, phi2 := radians(lat1), radians(lat2)
	s, t := sin(radians(lat2-lat1)/2), sin(radians(lon2-lon1)/2)
	h := float64(s*s) + float64(float64(cos(phi1)*cos(phi2))*float64(t*t))
	if h > 1 {
		h = 1 // rounding, at opposite places
	}
	return float64(2 * earthRadius * asin(math.Sqrt(h)))
}

// testFloat is a kernel of a double to a boolean. It is null of null: to ask is
// no way to be rid of it.
func testFloat(holds func(x float64) bool) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		for i, x := range v[0].Floats[:f.rows] {
			if holds(x) {
				out[i] = 1
			}
		}
		return ofInts(event.Bool, out, unite(f.rows, v))
	}
}

// abs compiles abs of any number; the lowest integer has none. Of the lowest both
// signs are negative after wrapping, and so is their maximum. Decimals are
// symmetric and need no check.
func (c *checker) abs(_ *Node, args []*code) *code {
	x := args[0]
	switch x.t.Kind {
	case event.Int:
		return counting(strict(x.t, castInts(event.Int, func(v *vec, i int) (int64, bool) {
			n := max(v.Ints[i], -v.Ints[i])
			return n, n >= 0
		}), x))
	case event.Decimal:
		return strict(x.t, func(f *frame, v []vec) vec {
			out := make([]event.Int128, f.rows)
			for i, d := range v[0].Decimals[:f.rows] {
				if out[i] = d; d.Hi < 0 {
					out[i] = d.Neg()
				}
			}
			return ofDecimals(x.t, out, unite(f.rows, v))
		}, x)
	}
	return strict(event.Of(event.Double), eachFloat(func(out, x []float64) {
		for i, v := range x {
			out[i] = math.Abs(v)
		}
	}), x)
}

// sign compiles sign: -1, 0 or 1, and NaN of NaN. Its type is int64 but for
// doubles, whose NaN no integer holds.
func (c *checker) sign(_ *Node, args []*code) *code {
	x, t := args[0], event.Of(event.Int)
	switch x.t.Kind {
	case event.Int:
		return strict(t, eachInt(event.Int, func(out, x []int64) {
			for i, v := range x {
				out[i] = max(-1, min(1, v))
			}
		}), x)
	case event.Decimal:
		return strict(t, func(f *frame, v []vec) vec {
			out := make([]int64, f.rows)
			for i, d := range v[0].Decimals[:f.rows] {
				out[i] = int64(d.Sign())
			}
			return ofInts(event.Int, out, unite(f.rows, v))
		}, x)
	}
	return strict(event.Of(event.Double), eachFloat(func(out, x []float64) {
		for i, v := range x {
			switch {
			case v > 0:
				out[i] = 1
			case v < 0:
				out[i] = -1
			default:
				out[i] = v + 0 // NaN, or zero without a sign
			}
		}
	}), x)
}

// towards is a way of rounding to whole numbers. Ways and not signs: round and
// trunc treat both sides of zero alike, floor and ceil do not.
type towards uint8

const (
	nearest towards = iota // halves away from zero
	below
	above
	zero
)

// roundings has no halves to even: round takes them away from zero for doubles
// and decimals alike.
var roundings = map[string]towards{"round": nearest, "floor": below, "ceil": above, "trunc": zero}

// whole compiles floor, ceil, trunc and round. A decimal keeps as many digits
// after the point as are asked for. A double stays a double: it may lie beyond
// int64, or be NaN. One digit before the point is added, as 9.5 rounds to 10.
func (c *checker) whole(n *Node, args []*code) *code {
	x, way := args[0], roundings[n.Name]
	if len(args) > 1 {
		return c.roundDigits(n, args)
	}
	switch x.t.Kind {
	case event.Int:
		return x
	case event.Decimal:
		t := event.DecimalOf(min(38, x.t.Precision-x.t.Scale+1), 0)
		return strict(t, roundDecimals(t, x.t.Scale, way), x)
	}
	return strict(event.Of(event.Double), eachFloat(wholeLoops[way]), x)
}

// wholeLoops are exact, and taken from package math: each only clears bits, and
// gives the same on every machine.
var wholeLoops = [...]func(out, x []float64){
	nearest: func(out, x []float64) {
		for i, v := range x {
			out[i] = math.Round(v)
		}
	},
	below: func(out, x []float64) {
		for i, v := range x {
			out[i] = math.Floor(v)
		}
	},
	above: func(out, x []float64) {
		for i, v := range x {
			out[i] = math.Ceil(v)
		}
	},
	zero: func(out, x []float64) {
		for i, v := range x {
			out[i] = math.Trunc(v)
		}
	},
}

// roundDecimals takes away n digits after the point. It goes by the truncated
// quotient, and steps away from zero only where the sign of the remainder says
// that truncating went the wrong way.
func roundDecimals(t event.Type, n int, way towards) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]event.Int128, f.rows)
		for i, d := range v[0].Decimals[:f.rows] {
			if way == nearest {
				out[i] = rounded(d, n)
				continue
			}
			q, r := quotient(d, event.Pow10(n))
			switch {
			case way == below && r.Sign() < 0:
				q = q.Sub(event.Int128Of(1))
			case way == above && r.Sign() > 0:
				q = q.Add(event.Int128Of(1))
			}
			out[i] = q
		}
		return ofDecimals(t, out, unite(f.rows, v))
	}
}

// roundDigits compiles round(x, n). The type of a rounded decimal follows from a
// constant n; with another n the scale stays. A column has one scale for all
// rows, so n can shape it only if it is the same for all.
func (c *checker) roundDigits(n *Node, args []*code) *code {
	x, digits := args[0], args[1]
	switch x.t.Kind {
	case event.Int:
		return counting(strict(x.t, roundInts, x, digits))
	case event.Double:
		return counting(strict(x.t, roundFloats, x, digits))
	}
	scale := x.t.Scale
	if digits.constant && !digits.nullConstant() {
		scale = int(max(0, min(int64(scale), digits.value.Ints[0])))
	}
	t := event.DecimalOf(min(38, x.t.Precision-x.t.Scale+scale+1), scale)
	return counting(strict(t, roundDecimalsTo(x.t.Scale, t), x, digits))
}

// roundDecimalsTo rounds each decimal of scale from to its number of digits. More
// digits than there are change nothing, and 40 fewer leave zero; n is cut to that
// before it is used as an index. The digits taken away come back as zeros, in the
// scale of the type.
func roundDecimalsTo(from int, t event.Type) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]event.Int128, f.rows), unite(f.rows, v)
		x, mx, n, mn := v[0].Decimals, v[0].mask(), v[1].Ints, v[1].mask()
		for i := range out {
			keep := max(-40, min(int64(from), n[i&mn]))
			d := rounded(x[i&mx], from-int(keep))
			ok := true
			switch back := t.Scale - int(keep); {
			case back > 38:
				d = event.Int128{}
			case back > 0:
				d, ok = shifted(d, back)
			}
			if (!ok || !d.Fits(t.Precision)) && !u.is(i) {
				f.refuse(&u, event.OutOfType, i)
			}
			out[i] = d
		}
		return ofDecimals(t, out, u)
	}
}

// roundInts rounds integers to tens, hundreds ... for a negative number of
// digits. 10^19 is beyond every integer but not beyond twice the greatest, which
// may round up to it and then is out of type; beyond that all is zero.
func roundInts(f *frame, v []vec) vec {
	o, out, u := intsOf(v), make([]int64, f.rows), unite(f.rows, v)
	for i := range out {
		x, n := o.x[i&o.mx], o.y[i&o.my]
		if n >= 0 {
			out[i] = x
			continue
		}
		if n < -19 {
			continue
		}
		d, _ := shifted(rounded(event.Int128Of(x), int(-n)), int(-n))
		y, ok := d.Int64()
		if !ok && !u.is(i) {
			f.refuse(&u, event.OutOfType, i)
		}
		out[i] = y
	}
	return ofInts(event.Int, out, u)
}

// roundFloats goes through decimal text: what is asked for is a decimal rounding.
// Multiplying by 10^n and dividing again would round three times, and 1.005 would
// go up or down by chance.
func roundFloats(f *frame, v []vec) vec {
	out := make([]float64, f.rows)
	x, mx, n, mn := v[0].Floats, v[0].mask(), v[1].Ints, v[1].mask()
	for i := range out {
		out[i] = roundFloat(x[i&mx], n[i&mn])
	}
	return ofFloats(out, unite(f.rows, v))
}

// roundFloat is the double nearest to the exact value of x rounded to digits
// after the point, halves away from zero. From 2^53 on every double is whole. At
// more than 330 digits the rounding is less than half of the smallest double and
// cannot move x.
func roundFloat(x float64, digits int64) float64 {
	switch {
	case !finite(x):
		return x
	case digits >= 0:
		if digits > 330 || math.Abs(x) >= 1<<53 {
			return x
		}
		y, _ := strconv.ParseFloat(roundedText(x, int(digits)), 64)
		return y
	case digits < -309:
		return 0
	}
	// Whole tens, hundreds ...: by integers, which are exact.
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
	half := new(big.Rat).SetFrac(unit, big.NewInt(2))
	size := new(big.Rat).SetFloat64(math.Abs(x))
	size.Add(size, half).Quo(size, new(big.Rat).SetInt(unit))
	units := new(big.Int).Quo(size.Num(), size.Denom())
	y, _ := new(big.Float).SetInt(units.Mul(units, unit)).Float64()
	return math.Copysign(y, x)
}

// mod compiles mod(a, b), which is a % b. So it follows the operator in every
// type, and has no kernel of its own.
func (c *checker) mod(n *Node, args []*code) *code {
	return c.arithmetic(&Node{Op: Binary, Name: "%", Pos: n.Pos, End: n.End, Args: n.Args}, args[0], args[1])
}

func (c *checker) pi(*Node, []*code) *code {
	return literalOf(Value{Type: event.Of(event.Double), Float: math.Pi})
}

// isNaN holds for the one value that is not itself by Go's operators; in the
// language NaN equals NaN (S8.1), and so needs a function to be asked for.
func isNaN(x float64) bool      { return x != x }
func isInfinite(x float64) bool { return math.IsInf(x, 0) }
