package expr

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
)

// bitwise is a kernel over the bits of two integers in two's complement.
func bitwise(each func(x, y int64) int64) kernel {
	return func(f *frame, v []vec) vec {
		o, out := intsOf(v), make([]int64, f.rows)
		for i := range out {
			out[i] = each(o.x[i&o.mx], o.y[i&o.my])
		}
		return ofInts(event.Int, out, unite(f.rows, v))
	}
}

// shiftBits moves bits, and refuses to move them backwards. Go moves 64 places and
// more as what they are, where processors differ.
func shiftBits(down bool) kernel {
	return func(f *frame, v []vec) vec {
		o, out, u := intsOf(v), make([]int64, f.rows), unite(f.rows, v)
		for i := range out {
			x, n := o.x[i&o.mx], o.y[i&o.my]
			switch {
			case u.is(i):
			case n < 0:
				f.refuse(&u, event.OutOfType, i)
			case down:
				out[i] = x >> uint64(n)
			default:
				out[i] = x << uint64(n)
			}
		}
		return ofInts(event.Int, out, u)
	}
}

// gcd is Euclid's, of which the lowest integer alone has no positive one.
func gcd(f *frame, v []vec) vec {
	o, out, u := intsOf(v), make([]int64, f.rows), unite(f.rows, v)
	for i := range out {
		if u.is(i) {
			continue
		}
		x, y := o.x[i&o.mx], o.y[i&o.my]
		for y != 0 && y != -1 {
			x, y = y, x%y
		}
		if y == -1 {
			x = 1
		}
		if out[i] = max(x, -x); out[i] < 0 {
			f.refuse(&u, event.OutOfType, i)
		}
	}
	return ofInts(event.Int, out, u)
}

// clamp compiles clamp(x, low, high): unlike least and greatest it is null where a
// bound is. Of bounds the wrong way round low is asked first.
func (c *checker) clamp(n *Node, args []*code) *code {
	args, t, ok := c.unify(n.Args, args, n.Name)
	switch {
	case !ok:
		return nil
	case !t.Scalar():
		return c.fail(n, fmt.Sprintf("%s is not defined on %s", n.Name, t), "")
	}
	return strict(t, func(f *frame, v []vec) vec {
		chosen, u := make([]int32, f.rows), unite(f.rows, v)
		below := func(a, b *vec, i int) bool {
			return event.Compare(&a.Column, i&a.mask(), &b.Column, i&b.mask()) < 0
		}
		for i := range chosen {
			switch {
			case u.is(i):
				for k := range v {
					if v[k].null(i) {
						chosen[i] = int32(k)
					}
				}
			case below(&v[0], &v[1], i):
				chosen[i] = 1
			case below(&v[2], &v[0], i):
				chosen[i] = 2
			}
		}
		return pick(t, chosen, v)
	}, args...)
}
