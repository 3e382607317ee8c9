package expr

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
)

// bucketize compiles bucketize(x, [1, 10, 100]). The bounds are judged once, as
// part of the definition; x and bounds are compared as one type, that of CASE.
func (c *checker) bucketize(n *Node, args []*code) *code {
	x, bounds := args[0], args[1]
	if !bounds.constant || bounds.nullConstant() {
		return c.fail(n.Args[1], "bounds must be a literal list", "write [1, 10, 100]")
	}
	t, ok := common(x.t, *bounds.t.Elem)
	if !ok || !t.Numeric() {
		return c.fail(n.Args[1], fmt.Sprintf("bounds are numbers, not %s", bounds.t), "write [1, 10, 100]")
	}
	bounds = convert(bounds, event.ListOf(t))
	if !bounds.constant || !ascending(bounds.value.Elem) {
		return c.fail(n.Args[1], "bounds ascend, none of them null or twice", "write [1, 10, 100]")
	}
	edges := bounds.value.Elem
	return strict(event.Of(event.Int), func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		if t.Kind == event.Double {
			bucketFloats(out, v[0].Floats, edges.Floats)
			return ofInts(event.Int, out, u)
		}
		for i := range out {
			for low, high := 0, edges.Len(); low < high; {
				middle := (low + high) / 2
				if event.Compare(edges, middle, &v[0].Column, i) <= 0 {
					low = middle + 1
				} else {
					high = middle
				}
				out[i] = int64(low)
			}
		}
		return ofInts(event.Int, out, u)
	}, convert(x, t))
}

// ascending reports whether each element is above the one before it, and none
// null.
func ascending(c *event.Column) bool {
	for k := range c.Len() {
		if c.IsNull(k) || k > 0 && event.Compare(c, k-1, c, k) >= 0 {
			return false
		}
	}
	return true
}

// bucketFloats halves without a call a row. NaN is below no edge, and so above
// all, where S8.1 has it.
func bucketFloats(out []int64, x, edges []float64) {
	for i := range out {
		low, high := 0, len(edges)
		for low < high {
			middle := int(uint(low+high) / 2)
			if x[i] < edges[middle] {
				high = middle
			} else {
				low = middle + 1
			}
		}
		out[i] = int64(low)
	}
}

// widthBucket computes in doubles, as PostgreSQL does of doubles. What rounding
// would put beyond the last interval, though it is below high, belongs to it.
func widthBucket(f *frame, v []vec) vec {
	out, u := make([]int64, f.rows), unite(f.rows, v)
	for i := range out {
		if u.is(i) {
			continue
		}
		x, low, high := v[0].Floats[i&v[0].mask()], v[1].Floats[i&v[1].mask()], v[2].Floats[i&v[2].mask()]
		n := v[3].Ints[i&v[3].mask()]
		width := high - low
		switch {
		case !(width > 0) || !finite(width) || n < 1 || n >= 1<<53:
			f.refuse(&u, event.OutOfType, i)
		case x < low:
		case x < high:
			out[i] = min(n, int64(float64((x-low)/width*float64(n)))+1)
		default: // NaN too
			out[i] = n + 1
		}
	}
	return ofInts(event.Int, out, u)
}

const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// geohash halves longitude and latitude in turn, beginning with longitude, five
// times a character (G. Niemeyer, 2008). Middles of cells are exact doubles.
func geohash(f *frame, v []vec) vec {
	t, u := newTexts(f.rows), unite(f.rows, v)
	var cell [12]byte
	for i := range f.rows {
		if u.is(i) {
			continue
		}
		lat, lon := v[0].Floats[i&v[0].mask()], v[1].Floats[i&v[1].mask()]
		n := v[2].Ints[i&v[2].mask()]
		if n < 1 || n > int64(len(cell)) || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) {
			f.refuse(&u, event.OutOfType, i)
			continue
		}
		places := [2]float64{lon, lat}
		low, high := [2]float64{-180, -90}, [2]float64{180, 90}
		for bit := range 5 * n {
			axis := bit & 1
			middle := (low[axis] + high[axis]) / 2
			digit := &cell[bit/5]
			if bit%5 == 0 {
				*digit = 0
			}
			*digit <<= 1
			if places[axis] >= middle {
				*digit |= 1
				low[axis] = middle
			} else {
				high[axis] = middle
			}
		}
		for k := range n {
			cell[k] = geohashDigits[cell[k]]
		}
		t.put(i, cell[:n])
	}
	return t.vec(event.String, u)
}
