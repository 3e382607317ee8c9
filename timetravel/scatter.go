package timetravel

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// permuted is the rows of a column in another order. It shares dictionaries.
func permuted[I int32 | uint32](c *event.Column, order []I) event.Column {
	switch c.Type.Kind {
	case event.Double, event.Decimal, event.Bool, event.Int, event.Date, event.Timestamp, event.String, event.Bytes:
		return event.Column{Type: c.Type, Dict: c.Dict, Null: take(c.Null, order), Ints: take(c.Ints, order),
			Floats: take(c.Floats, order), Decimals: take(c.Decimals, order), Codes: take(c.Codes, order)}
	}
	p := event.Column{Type: c.Type, Null: take(c.Null, order), Rows: len(order)}
	if c.Elem != nil {
		lists(&p, c, order)
	}
	for i := range c.Fields {
		p.Fields = append(p.Fields, permuted(&c.Fields[i], order))
	}
	return p
}

// lists fills the lists or maps of a column with those of another, in another order.
func lists[I int32 | uint32](p, c *event.Column, order []I) {
	p.Rows, p.Offsets = 0, append(make([]int32, 0, len(order)+1), 0)
	elements := make([]int32, 0, c.Elem.Len())
	for _, i := range order {
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			elements = append(elements, k)
		}
		p.Offsets = append(p.Offsets, int32(len(elements)))
	}
	elem := permuted(c.Elem, elements)
	p.Elem = &elem
}

// compact is a column of text of which only some rows are asked for, with a
// dictionary of their texts. The batch's own would be held for few of them.
func compact(c *event.Column, rows []int32) event.Column {
	codes, known := make([]uint32, len(c.Codes)), make([]uint32, c.Dict.Len())
	d := event.NewDict()
	for _, i := range rows {
		if c.IsNull(int(i)) {
			continue
		}
		code := c.Codes[i]
		if known[code] == 0 {
			known[code] = d.Add(c.Dict.At(code)) + 1
		}
		codes[i] = known[code] - 1
	}
	return event.Column{Type: c.Type, Dict: d, Null: c.Null, Codes: codes}
}

// take copies the values at the given places; a vector that is not there stays
// so.
func take[T any, I int32 | uint32](from []T, order []I) []T {
	if from == nil {
		return nil
	}
	to := make([]T, len(order))
	gather(to, from, order)
	return to
}

// gather is take for who has the memory. A vector that is not there has no place.
func gather[T any, I int32 | uint32](to, from []T, order []I) {
	if from == nil {
		return
	}
	for k, i := range order[:len(to)] {
		to[k] = from[i]
	}
}

// gatherAll fills a piece that was made like another with some of its rows.
func gatherAll(to, from *shelf.Piece, order []int32) {
	gather(to.Keys, from.Keys, order)
	gather(to.Times, from.Times, order)
	gather(to.Arrived, from.Arrived, order)
	for i := range from.Columns {
		c, p := &from.Columns[i], &to.Columns[i]
		if !c.Type.Scalar() {
			*p = permuted(c, order)
			continue
		}
		gather(p.Null, c.Null, order)
		gather(p.Ints, c.Ints, order)
		gather(p.Floats, c.Floats, order)
		gather(p.Decimals, c.Decimals, order)
		gather(p.Codes, c.Codes, order)
	}
}

// slate is where the answers to a block are put together. The next block that is
// begins with its vectors, and writes every row of them: new ones would be cleared
// first, and collected, a block at a time. A sink keeps nothing of what it is given.
type slate struct {
	buffer  []byte           // what is read of the shelf
	found   []bool           // rows that somebody was asked about
	missing []uint32         // and the others
	columns [][]event.Column // by lookup and slot; only their vectors count
}

// of is the columns of lookup l.
func (s *slate) of(l, slots int) []event.Column {
	s.columns = slices.Grow(s.columns, max(l+1-len(s.columns), 0))[:max(l+1, len(s.columns))]
	if s.columns[l] == nil {
		s.columns[l] = make([]event.Column, slots)
	}
	return s.columns[l]
}

// answers puts the answers of one lookup to a block of the spine in its order. Each
// partition's stand in that order already, so that every vector is read from front
// to back and written within a block, which a core's own cache holds.
type answers struct {
	sections []shelf.Piece // one a partition that has any; column 0 is the first slot's
	from     uint32        // first row of the block
	rows     int
	missing  []uint32 // rows, counted from the first, that nobody was asked about
	nobody   []event.Column
}

// answersOf reads lookup l's answers to block b.
func (r *run) answersOf(l, b int, t *slate) (*answers, error) {
	f := &r.found[l]
	a := &answers{from: uint32(r.starts[b]), rows: r.starts[b+1] - r.starts[b], nobody: f.nobody}
	size := 0
	for p := range f.answers {
		size += int(f.answers[p].Bytes(b))
	}
	t.buffer = t.buffer[:0]
	shelf.Reserve(&t.buffer, size)
	clear(resize(&t.found, a.rows))
	for p := range f.answers {
		if f.answers[p].Len(b) == 0 {
			continue
		}
		s, err := r.shelf.Section(&f.answers[p], b, &t.buffer)
		if err != nil {
			return nil, err
		}
		for _, row := range s.Rows {
			t.found[row-a.from] = true
		}
		a.sections = append(a.sections, s)
	}
	t.missing = t.missing[:0]
	for i, is := range t.found {
		if !is {
			t.missing = append(t.missing, uint32(i))
		}
	}
	a.missing = t.missing
	return a, nil
}

// slots returns lookup l's answers to the rows of block b, whose vectors are those of
// the slate. What is read into its buffer is in none of them.
func (r *run) slots(l, b int, t *slate) ([]event.Column, error) {
	a, err := r.answersOf(l, b, t)
	if err != nil {
		return nil, err
	}
	kept, columns := t.of(l, len(a.nobody)), make([]event.Column, len(a.nobody))
	for s := range columns {
		columns[s] = a.column(s, &kept[s])
	}
	return columns, nil
}

// column is slot s of every row, in the vectors of kept. A query without key or
// instant gets what a key without events gets (S15.1); Finish then nulls those
// without an instant (S11.4).
func (a *answers) column(s int, kept *event.Column) event.Column {
	c := event.Column{Type: a.nobody[s].Type}
	switch c.Type.Kind {
	case event.Double:
		c.Floats = scatter(a, s, &kept.Floats, func(c *event.Column) []float64 { return c.Floats })
	case event.Decimal:
		c.Decimals = scatter(a, s, &kept.Decimals, func(c *event.Column) []event.Int128 { return c.Decimals })
	case event.Bool, event.Int, event.Date, event.Timestamp:
		c.Ints = scatter(a, s, &kept.Ints, func(c *event.Column) []int64 { return c.Ints })
	default:
		return a.general(s)
	}
	null := len(a.missing) > 0 && a.nobody[s].IsNull(0)
	for i := range a.sections {
		null = null || a.sections[i].Columns[s].Null != nil
	}
	if null {
		c.Null = a.nulls(s, &kept.Null)
	}
	return c
}

// nulls says of every row whether slot s is null; nil: none is.
func (a *answers) nulls(s int, kept *[]bool) []bool {
	to := resize(kept, a.rows)
	any := false
	for i := range a.sections {
		rows, from := a.sections[i].Rows, a.sections[i].Columns[s].Null
		for k, row := range rows {
			is := from != nil && from[k]
			to[row-a.from] = is
			any = any || is
		}
	}
	for _, row := range a.missing {
		to[row] = a.nobody[s].IsNull(0)
		any = any || to[row]
	}
	if !any {
		return nil
	}
	return to
}

// scatter is one vector of slot s.
func scatter[T any](a *answers, s int, kept *[]T, of func(*event.Column) []T) []T {
	to := resize(kept, a.rows)
	for i := range a.sections {
		rows := a.sections[i].Rows
		from := of(&a.sections[i].Columns[s])[:len(rows)]
		for k, row := range rows {
			to[row-a.from] = from[k]
		}
	}
	nobody := of(&a.nobody[s])[0]
	for _, row := range a.missing {
		to[row] = nobody
	}
	return to
}

// general is slot s where its values bring dictionaries or parts of their own.
func (a *answers) general(s int) event.Column {
	type place struct{ section, row int32 }
	places := make([]place, a.rows)
	for i := range a.sections {
		for k, row := range a.sections[i].Rows {
			places[row-a.from] = place{int32(i), int32(k)}
		}
	}
	for _, row := range a.missing {
		places[row] = place{-1, 0}
	}
	c := event.Make(a.nobody[s].Type)
	c.Grow(a.rows)
	for _, p := range places {
		from := &a.nobody[s]
		if p.section >= 0 {
			from = &a.sections[p.section].Columns[s]
		}
		c.Append(from, int(p.row))
	}
	return c
}
