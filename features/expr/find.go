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
	all := l.Elem.Len()
	if l.one {
		all *= f.rows
	}
	places, rows := make([]int32, 0, all), make([]int32, 0, all)
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
		u, offsets := unite(f.rows, v), make([]int32, 1, f.rows+1)
		e := entries{v: v, order: ownOrder(&v[0])}
		for i := range f.rows {
			if !u.is(i) && !e.add(i) {
				f.refuse(&u, event.OutOfType, i)
			}
			offsets = append(offsets, int32(len(e.keys)))
		}
		elem := event.Column{Type: *t.Elem, Rows: len(e.keys), Fields: []event.Column{gather(v[0].Elem, e.keys), gather(v[1].Elem, e.values)}}
		return vec{Column: event.Column{Type: t, Offsets: offsets, Elem: &elem, Null: u.rows}, fresh: true}
	}, args...))
}

// entries are the places of keys and of their values, for maps in the making.
type entries struct {
	v            []vec // the lists of keys and of values
	order        func(a, b int32) int
	keys, values []int32
	own          []int32 // of one row, before equal keys are one
}

// add appends the keys of row i, ascending and each once, and their values. Of
// equal keys the last stands, as in JSON. It is false, and nothing is appended,
// where a key is null or has no value.
func (e *entries) add(i int) bool {
	from, to := listsOf(&e.v[0]).at(i)
	first, last := listsOf(&e.v[1]).at(i)
	if to-from != last-first {
		return false
	}
	for k := from; k < to; k++ {
		if e.v[0].Elem.IsNull(int(k)) {
			return false
		}
	}
	start := len(e.keys)
	e.own = sorted(e.own[:0], &e.v[0], i, e.order)
	for k, place := range e.own {
		if n := len(e.keys); k > 0 && e.order(e.keys[n-1], place) == 0 {
			e.keys = e.keys[:n-1]
		}
		e.keys = append(e.keys, place)
	}
	for _, place := range e.keys[start:] {
		e.values = append(e.values, first+place-from)
	}
	return true
}
