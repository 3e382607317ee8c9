package expr

import (
	"fmt"
	"math"
	"math/big"

	"github.com/timeseam/timeseam/features/event"
)

// listFold compiles list_sum and list_avg, which give what the aggregates give
// over the same values (S9): exact inside, rounded once, whatever their order.
func (c *checker) listFold(n *Node, args []*code) *code {
	elem, average := *args[0].t.Elem, n.Name == "list_avg"
	if !elem.Numeric() && elem.Kind != event.Null {
		return c.fail(n.Args[0], fmt.Sprintf("%s takes a list of numbers, not %s", n.Name, args[0].t), "")
	}
	double := event.Of(event.Double)
	switch {
	case elem.Kind == event.Null:
		return nullOf(double)
	case elem.Kind == event.Double:
		return counting(strict(double, foldFloats(average), args...))
	case average:
		return strict(double, averageExact(elem), args...)
	case elem.Kind == event.Int:
		return counting(strict(elem, sumInts, args...))
	}
	t := event.DecimalOf(38, elem.Scale)
	return counting(strict(t, sumDecimals(t), args...))
}

// unscaled is element k of a list of integers or decimals, unscaled.
func unscaled(c *event.Column, k int32) event.Int128 {
	if c.Type.Kind == event.Decimal {
		return c.Decimals[k]
	}
	return event.Int128Of(c.Ints[k])
}

// total is the sum of the elements of row i that are not null, and how many there
// are. It goes on in big integers where 128 bits do not hold what lies in between.
func total(l *vec, i int) (sum event.Int128, wide *big.Int, n int64) {
	for k, to := listsOf(l).at(i); k < to; k++ {
		if l.Elem.IsNull(int(k)) {
			continue
		}
		n++
		x, ok := unscaled(l.Elem, k), false
		if wide == nil {
			var next event.Int128
			if next, ok = sum.AddOK(x); ok {
				sum = next
				continue
			}
			wide = sum.Big()
		}
		wide.Add(wide, x.Big())
	}
	return sum, wide, n
}

// sumInts is null where there is nothing to add, and counted beyond int64 (S9.3).
func sumInts(f *frame, v []vec) vec {
	out, u := make([]int64, f.rows), unite(f.rows, v)
	for i := range out {
		if u.is(i) {
			continue
		}
		sum, _, n := total(&v[0], i) // fewer than 2^31 integers cannot leave 128 bits
		x, ok := sum.Int64()
		switch {
		case n == 0:
			u.set(i, f.rows)
		case !ok:
			f.refuse(&u, event.OutOfType, i)
		}
		out[i] = x
	}
	return ofInts(event.Int, out, u)
}

// sumDecimals is counted beyond 38 digits.
func sumDecimals(t event.Type) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]event.Int128, f.rows), unite(f.rows, v)
		for i := range out {
			if u.is(i) {
				continue
			}
			sum, wide, n := total(&v[0], i)
			ok := true
			if wide != nil {
				sum, ok = event.Int128OfBig(wide)
			}
			switch {
			case n == 0:
				u.set(i, f.rows)
			case !ok || !sum.Fits(t.Precision):
				f.refuse(&u, event.OutOfType, i)
			}
			out[i] = sum
		}
		return ofDecimals(t, out, u)
	}
}

// averageExact divides an exact sum once. Where the sum and the divisor are
// doubles themselves, their quotient is that.
func averageExact(elem event.Type) kernel {
	unit := event.Pow10(elem.Scale).Float(0)
	return func(f *frame, v []vec) vec {
		out, u := make([]float64, f.rows), unite(f.rows, v)
		for i := range out {
			if u.is(i) {
				continue
			}
			sum, wide, n := total(&v[0], i)
			small, ok := sum.Int64()
			divisor := float64(float64(n) * unit)
			switch {
			case n == 0:
				u.set(i, f.rows)
			case ok && wide == nil && small > -1<<53 && small < 1<<53 && divisor < 1<<53:
				out[i] = float64(small) / divisor
			default:
				if wide == nil {
					wide = sum.Big()
				}
				below := new(big.Int).Mul(event.Pow10(elem.Scale).Big(), big.NewInt(n))
				out[i], _ = new(big.Rat).SetFrac(wide, below).Float64()
			}
		}
		return ofFloats(out, u)
	}
}

// foldFloats sums or averages doubles. A sum of finite doubles beyond the largest
// is null and counted, as S9.3 has it.
func foldFloats(average bool) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]float64, f.rows), unite(f.rows, v)
		var parts partials
		for i := range out {
			if u.is(i) {
				continue
			}
			parts.reset()
			for k, to := listsOf(&v[0]).at(i); k < to; k++ {
				if !v[0].Elem.IsNull(int(k)) {
					parts.add(v[0].Elem.Floats[k])
				}
			}
			x, ok := parts.result(average)
			switch {
			case parts.n == 0:
				u.set(i, f.rows)
			case !ok:
				f.refuse(&u, event.OutOfType, i)
			default:
				out[i] = x
			}
		}
		return ofFloats(out, u)
	}
}

// partials are doubles whose exact sum is that of all that were added: each lies
// below the last place of the next (J. R. Shewchuk, "Adaptive Precision
// Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997). Where
// doubles overflow in between, a big float takes over.
type partials struct {
	parts   []float64 // ascending in size
	special float64   // the sum of what is not finite; 0 if all is
	wide    *big.Float
	n       int64
}

// exactBits is the precision in which all doubles add without rounding: the span
// of their exponents, a mantissa and 31 bits of carries.
const exactBits = 2200

func (p *partials) reset() { p.parts, p.special, p.wide, p.n = p.parts[:0], 0, nil, 0 }

func (p *partials) add(x float64) {
	p.n++
	switch {
	case !finite(x):
		p.special += x
		return
	case p.wide != nil:
		p.wide.Add(p.wide, big.NewFloat(x))
		return
	}
	kept := 0
	for k, part := range p.parts {
		s := sumExact(x, part)
		if !finite(s.hi) {
			p.widen(kept, k, x)
			return
		}
		if s.lo != 0 {
			p.parts[kept] = s.lo
			kept++
		}
		x = s.hi
	}
	p.parts = append(p.parts[:kept], x)
}

// widen goes over to a big float, in the middle of adding x: the first parts are
// those kept, and those from k on are still to come.
func (p *partials) widen(kept, k int, x float64) {
	p.wide = new(big.Float).SetPrec(exactBits).SetFloat64(x)
	for _, part := range append(append([]float64{}, p.parts[:kept]...), p.parts[k:]...) {
		p.wide.Add(p.wide, big.NewFloat(part))
	}
}

// result is the sum or average, rounded once; false beyond the largest double.
func (p *partials) result(average bool) (float64, bool) {
	switch {
	case p.special != 0:
		if p.special != p.special {
			return event.CanonicalNaN, true
		}
		return p.special, true
	case len(p.parts) == 0 && p.wide == nil:
		return 0, true
	case p.wide == nil && !average:
		x := p.round() + 0
		return x, finite(x)
	case p.wide == nil && len(p.parts) == 1:
		return p.parts[0] / float64(p.n), true
	}
	sum := p.wide
	if sum == nil {
		sum = new(big.Float).SetPrec(exactBits)
		for _, part := range p.parts {
			sum.Add(sum, big.NewFloat(part))
		}
	}
	exact, _ := sum.Rat(nil)
	if average {
		exact.Quo(exact, new(big.Rat).SetInt64(p.n))
	}
	x, _ := exact.Float64()
	return x, !math.IsInf(x, 0)
}

// round is the sum of all parts, rounded once. From the largest part down, the
// first sum that is not exact is the result, but for a tie: then the next part
// says to which side the sum lies, as it is none.
func (p *partials) round() float64 {
	n := len(p.parts) - 1
	hi, lo := p.parts[n], 0.0
	for n > 0 && lo == 0 {
		n--
		s := sumFast(hi, p.parts[n])
		hi, lo = s.hi, s.lo
	}
	if n > 0 && lo != 0 && (lo < 0) == (p.parts[n-1] < 0) {
		twice := float64(2 * lo)
		if s := hi + twice; s-hi == twice {
			return s
		}
	}
	return hi
}

// listExtreme compiles list_min and list_max, by the order of S8 and S16.6.
func (c *checker) listExtreme(n *Node, args []*code) *code {
	elem, sign := *args[0].t.Elem, 1
	if n.Name == "list_min" {
		sign = -1
	}
	if !elem.Scalar() {
		return c.fail(n.Args[0], fmt.Sprintf("%s is not defined on %s", n.Name, args[0].t), "")
	}
	return strict(elem, func(f *frame, v []vec) vec {
		u, in := unite(f.rows, v), listsOf(&v[0])
		best := make([]int32, f.rows)
		for i := range best {
			best[i] = -1
			for k, to := in.at(i); k < to && !u.is(i); k++ {
				if !v[0].Elem.IsNull(int(k)) && (best[i] < 0 || sign*event.Compare(v[0].Elem, int(k), v[0].Elem, int(best[i])) > 0) {
					best[i] = k
				}
			}
		}
		return vec{Column: gather(v[0].Elem, best), fresh: true}
	}, args...)
}
