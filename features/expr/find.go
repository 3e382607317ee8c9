package expr

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
)

// finder compares the elements of lists, or the keys of maps, with a value a row.
// equal is code over two columns of its own: the elements, and beside each the
// value that it is compared with; so elements compare with all exactness that the
// operator = has (S16.6).
type finder struct {
	equal *code
	keys  bool
}

// finderOf compiles the comparison of elements of type elem with x.
func (c *checker) finderOf(n *Node, elem event.Type, x *code) (*finder, bool) {
	equal := c.compare(n, compareOps["="], columnOf(0, elem), columnOf(1, x.t))
	return &finder{equal: equal}, equal != nil
}

// first is, for each row that is not null, the place among all elements of the
// first that equals the value, or -1.
func (d *finder) first(f *frame, l, x *vec, u *nulls) []int32 {
	in, found := listsOf(l), make([]int32, f.rows)
	var places, rows []int32
	for i := range found {
		found[i] = -1
		if u.is(i) {
			continue
		}
		for k, to := in.at(i); k < to; k++ {
			places, rows = append(places, k), append(rows, int32(i))
		}
	}
	elem := l.Elem
	if d.keys {
		elem = &l.Elem.Fields[0]
	}
	beside := make([]int32, len(rows))
	for k, i := range rows {
		beside[k] = int32(int(i) & x.mask())
	}
	g := frame{rows: len(places), columns: []event.Column{gather(elem, places), gather(&x.Column, beside)}, counts: new(event.Counts), held: map[int]vec{}}
	same := d.equal.eval(&g)
	for k, i := range rows {
		if found[i] < 0 && !same.null(k) && same.Ints[k&same.mask()] == 1 {
			found[i] = places[k]
		}
	}
	return found
}

// listFind compiles list_contains and list_position. A null element equals
// nothing, and makes no answer null.
func (c *checker) listFind(n *Node, args []*code) *code {
	d, ok := c.finderOf(n, *args[0].t.Elem, args[1])
	if !ok {
		return nil
	}
	kind := event.Int
	if n.Name == "list_contains" {
		kind = event.Bool
	}
	return strict(event.Of(kind), func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		for i, place := range d.first(f, &v[0], &v[1], &u) {
			switch from, _ := listsOf(&v[0]).at(i); {
			case place < 0:
			case kind == event.Bool:
				out[i] = 1
			default:
				out[i] = int64(place-from) + 1
			}
		}
		return ofInts(kind, out, u)
	}, args...)
}

// entry compiles m[key]: the value of a key, null where there is none.
func (c *checker) entry(n *Node, m, key *code) *code {
	d, ok := c.finderOf(n, m.t.KeyType(), key)
	if !ok {
		return nil
	}
	d.keys = true
	return strict(m.t.ValueType(), func(f *frame, v []vec) vec {
		u := unite(f.rows, v)
		return vec{Column: gather(&v[0].Elem.Fields[1], d.first(f, &v[0], &v[1], &u)), fresh: true}
	}, m, key)
}

// mapPart compiles map_keys and map_values, which share the vectors of the map.
func (c *checker) mapPart(n *Node, args []*code) *code {
	k := 0
	if n.Name == "map_values" {
		k = 1
	}
	t := event.ListOf(args[0].t.Elem.Fields[k].Type)
	return strict(t, func(_ *frame, v []vec) vec {
		m := &v[0]
		return vec{Column: event.Column{Type: t, Offsets: m.Offsets, Elem: &m.Elem.Fields[k], Null: m.Null}}
	}, args...)
}

// mapOf compiles map(keys, values).
func (c *checker) mapOf(n *Node, args []*code) *code {
	key, value := *args[0].t.Elem, *args[1].t.Elem
	if !key.Scalar() || key.Kind == event.Double || key.Kind == event.Null {
		return c.fail(n.Args[0], fmt.Sprintf("a map cannot have keys of type %s", key), "key it by text, integers, decimals, booleans, dates or timestamps")
	}
	t := event.MapOf(key, value)
	return counting(strict(t, func(f *frame, v []vec) vec {
		u, order := unite(f.rows, v), ownOrder(&v[0])
		offsets, keys, values := make([]int32, 1, f.rows+1), []int32{}, []int32{}
		for i := range f.rows {
			if !u.is(i) {
				start, ok := len(keys), false
				if keys, values, ok = entries(keys, values, v, i, order); !ok {
					keys, values = keys[:start], values[:start]
					f.refuse(&u, event.OutOfType, i)
				}
			}
			offsets = append(offsets, int32(len(keys)))
		}
		elem := event.Column{Type: *t.Elem, Rows: len(keys), Fields: []event.Column{gather(v[0].Elem, keys), gather(v[1].Elem, values)}}
		return vec{Column: event.Column{Type: t, Offsets: offsets, Elem: &elem, Null: u.rows}, fresh: true}
	}, args...))
}

// entries appends the places of the keys of row i, ascending and each once, and of
// their values. Of equal keys the last stands, as in JSON. It is false where a key
// is null or has no value.
func entries(keys, values []int32, v []vec, i int, order func(a, b int32) int) ([]int32, []int32, bool) {
	from, to := listsOf(&v[0]).at(i)
	first, last := listsOf(&v[1]).at(i)
	if to-from != last-first {
		return keys, values, false
	}
	start := len(keys)
	keys = sorted(keys, &v[0], i, order)
	own := keys[start:start]
	for k, place := range keys[start:] {
		if v[0].Elem.IsNull(int(place)) {
			return keys, values, false
		}
		if k > 0 && order(own[len(own)-1], place) == 0 {
			own = own[:len(own)-1]
		}
		own = append(own, place)
	}
	for _, place := range own {
		values = append(values, first+place-from)
	}
	return keys[:start+len(own)], values, true
}
