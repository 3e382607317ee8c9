package expr

import (
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// lists are the lists of an operand: row i is elements [from, to).
type lists struct {
	offsets []int32
	m       int
}

func listsOf(v *vec) lists { return lists{v.Offsets, v.mask()} }

func (l lists) at(i int) (from, to int32) {
	i &= l.m
	return l.offsets[i], l.offsets[i+1]
}

// inside is the frame of the elements of a column of lists: what an element
// counts it counts for each row that its list stands for.
func (f *frame) inside(l *vec, columns ...event.Column) *frame {
	g := &frame{rows: l.Elem.Len(), columns: columns, counts: f.counts, held: map[int]vec{}}
	if f.weight == nil {
		return g
	}
	g.weight = make([]int64, g.rows)
	for i := range f.rows {
		for k := l.Offsets[i]; k < l.Offsets[i+1]; k++ {
			g.weight[k] = f.weighs(i)
		}
	}
	return g
}

// castList casts element by element; an element that can not be cast is null and
// counted, and the list stays. Elements that were only ever null take any type.
func castList(from, to event.Type) kernel {
	if from.Kind != event.List {
		return nil
	}
	inner := castKernel(*from.Elem, *to.Elem)
	switch {
	case from.Elem.Kind == event.Null:
		inner = func(f *frame, _ []vec) vec { return vec{Column: spread(nullOf(*to.Elem).value, f.rows)} }
	case inner == nil:
		return nil
	}
	return func(f *frame, v []vec) vec {
		l := &v[0]
		elem := inner(f.inside(l), []vec{{Column: *l.Elem}})
		return vec{Column: event.Column{Type: to, Offsets: l.Offsets, Elem: &elem.Column, Null: l.Null}}
	}
}

// listValue compiles [a, b]: its elements become one type, and it is never null,
// as no list of nulls is.
func (c *checker) listValue(n *Node, args []*code) *code {
	args, elem, ok := c.unify(n.Args, args, "a list")
	if !ok {
		return nil
	}
	t := event.ListOf(elem)
	if elem.Kind == event.Null {
		return constantOf(event.Column{Type: t, Offsets: []int32{0, int32(len(args))}, Elem: &event.Column{Type: elem, Rows: len(args)}})
	}
	return lenient(t, func(f *frame, v []vec) vec {
		out := event.Make(t)
		out.Elem.Grow(f.rows * len(v))
		out.Offsets = slices.Grow(out.Offsets, f.rows)
		for i := range f.rows {
			for k := range v {
				out.Elem.Append(&v[k].Column, i&v[k].mask())
			}
			out.EndList()
		}
		return vec{Column: out, fresh: true}
	}, args...)
}

// rearranged is a kernel whose each appends the places of the elements that row i
// of the result has, out of the elements of the first operand, or of what of
// takes from it.
func rearranged(t event.Type, of func(v []vec) *event.Column, each func(out []int32, v []vec, i int) []int32) kernel {
	return func(f *frame, v []vec) vec {
		u := unite(f.rows, v)
		offsets, places := make([]int32, 1, f.rows+1), []int32{}
		for i := range f.rows {
			if !u.is(i) {
				places = each(places, v, i)
			}
			offsets = append(offsets, int32(len(places)))
		}
		elem := gather(of(v), places)
		elem.Type = *t.Elem
		return vec{Column: event.Column{Type: t, Offsets: offsets, Elem: &elem, Null: u.rows}, fresh: true}
	}
}

// elementsOf are the elements of the first operand.
func elementsOf(v []vec) *event.Column { return v[0].Elem }

// listSlice compiles l[from:to]. Places beyond the ends are cut, and a slice of
// nothing is an empty list.
func (c *checker) listSlice(_ *Node, args []*code) *code {
	return strict(args[0].t, rearranged(args[0].t, elementsOf, func(out []int32, v []vec, i int) []int32 {
		start, end := listsOf(&v[0]).at(i)
		n := int64(end - start)
		from, to := placeIn(v[1].Ints[i&v[1].mask()], n), placeIn(v[2].Ints[i&v[2].mask()], n)
		for k := max(from, 1); k <= min(to, n); k++ {
			out = append(out, start+int32(k)-1)
		}
		return out
	}), args...)
}

// placeIn is a place of a list of n elements, those from the end turned round.
func placeIn(k, n int64) int64 {
	if k < 0 {
		return k + n + 1
	}
	return k
}

// listReverse compiles list_reverse.
func (c *checker) listReverse(_ *Node, args []*code) *code {
	return strict(args[0].t, rearranged(args[0].t, elementsOf, func(out []int32, v []vec, i int) []int32 {
		from, to := listsOf(&v[0]).at(i)
		for k := to - 1; k >= from; k-- {
			out = append(out, k)
		}
		return out
	}), args...)
}

// listSort compiles list_sort in the order of content (S5.3): null first, NaN
// last. The reverse order is the exact reverse.
func (c *checker) listSort(n *Node, args []*code) *code {
	sign := 1
	if len(args) > 1 {
		word, ok := c.oneOf(n.Args[1], args[1], []string{"asc", "desc"}, "order")
		if !ok {
			return nil
		}
		if word == "desc" {
			sign = -1
		}
	}
	return strict(args[0].t, func(f *frame, v []vec) vec {
		less := func(a, b int32) int { return sign * event.Compare(v[0].Elem, int(a), v[0].Elem, int(b)) }
		return rearranged(args[0].t, elementsOf, func(out []int32, v []vec, i int) []int32 {
			return sorted(out, &v[0], i, less)
		})(f, v)
	}, args[0])
}

// sorted appends the places of list i in order; of equal elements the first stays
// first.
func sorted(out []int32, l *vec, i int, order func(a, b int32) int) []int32 {
	from, to := listsOf(l).at(i)
	start := len(out)
	for k := from; k < to; k++ {
		out = append(out, k)
	}
	slices.SortStableFunc(out[start:], order)
	return out
}

// listDistinct compiles list_distinct; null is a value like others.
func (c *checker) listDistinct(_ *Node, args []*code) *code {
	return strict(args[0].t, func(f *frame, v []vec) vec {
		order := ownOrder(&v[0])
		return rearranged(args[0].t, elementsOf, func(out []int32, v []vec, i int) []int32 {
			return distinctPlaces(out, &v[0], i, order)
		})(f, v)
	}, args...)
}

// ownOrder compares two elements of one operand by their places.
func ownOrder(l *vec) func(a, b int32) int {
	return func(a, b int32) int { return event.Compare(l.Elem, int(a), l.Elem, int(b)) }
}

// distinctPlaces appends the first place of each element of list i. Sorting makes
// equal ones neighbours, the first of them first; then places are put back in
// order.
func distinctPlaces(out []int32, l *vec, i int, order func(a, b int32) int) []int32 {
	start := len(out)
	out = sorted(out, l, i, order)
	kept := slices.CompactFunc(out[start:], func(a, b int32) bool { return order(a, b) == 0 })
	slices.Sort(kept)
	return out[:start+len(kept)]
}

// listIntersect compiles list_intersect over elements of one type.
func (c *checker) listIntersect(n *Node, args []*code) *code {
	args, t, ok := c.unify(n.Args, args, n.Name)
	if !ok {
		return nil
	}
	return strict(t, func(f *frame, v []vec) vec {
		a, b := &v[0], &v[1]
		orderA, orderB, other := ownOrder(a), ownOrder(b), []int32{}
		return rearranged(t, elementsOf, func(out []int32, _ []vec, i int) []int32 {
			start := len(out)
			out = distinctPlaces(out, a, i, orderA)
			other = sorted(other[:0], b, i, orderB)
			kept := slices.DeleteFunc(out[start:], func(k int32) bool {
				_, found := slices.BinarySearchFunc(other, k, func(m, k int32) int { return event.Compare(b.Elem, int(m), a.Elem, int(k)) })
				return !found
			})
			return out[:start+len(kept)]
		})(f, v)
	}, args...)
}

// listConcat compiles list_concat and ||: null if one of the lists is.
func (c *checker) listConcat(n *Node, args []*code) *code {
	args, t, ok := c.unify(n.Args, args, "a list")
	if !ok {
		return nil
	}
	return strict(t, func(f *frame, v []vec) vec {
		out, u := event.Make(t), unite(f.rows, v)
		for i := range f.rows {
			if u.is(i) {
				out.AppendNull()
				continue
			}
			for k := range v {
				for from, to := listsOf(&v[k]).at(i); from < to; from++ {
					out.Elem.Append(v[k].Elem, int(from))
				}
			}
			out.EndList()
		}
		return vec{Column: out, fresh: true}
	}, args...)
}

// flatten compiles flatten: the lists in a list one after the other.
func (c *checker) flatten(n *Node, args []*code) *code {
	t := *args[0].t.Elem
	if t.Kind != event.List {
		return c.fail(n.Args[0], fmt.Sprintf("flatten takes a list of lists, not %s", args[0].t), "")
	}
	return strict(t, rearranged(t, func(v []vec) *event.Column { return v[0].Elem.Elem }, func(out []int32, v []vec, i int) []int32 {
		inner := v[0].Elem
		for k, to := listsOf(&v[0]).at(i); k < to; k++ {
			if inner.IsNull(int(k)) {
				continue
			}
			for m := inner.Offsets[k]; m < inner.Offsets[k+1]; m++ {
				out = append(out, m)
			}
		}
		return out
	}), args...)
}

// length compiles length of a string, list or map.
func (c *checker) length(n *Node, args []*code) *code {
	x, t := args[0], event.Of(event.Int)
	switch x.t.Kind {
	case event.String:
		return strict(t, measure(event.Int, runeCount), x)
	case event.List, event.Map:
		return strict(t, func(f *frame, v []vec) vec {
			out, u := make([]int64, f.rows), unite(f.rows, v)
			for i := range out {
				from, to := listsOf(&v[0]).at(i)
				out[i] = int64(to - from)
			}
			return ofInts(event.Int, out, u)
		}, x)
	case event.Null:
		return nullOf(t)
	}
	mend := "cast it to string"
	if x.t.Kind == event.Bytes {
		mend = "use octet_length(x)"
	}
	return c.fail(n.Args[0], fmt.Sprintf("argument 1 of %s is %s, not string, list or map", n.Name, x.t), mend)
}
