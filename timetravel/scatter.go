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

// gatherCoded is gather of values that stand in a dictionary.
func gatherCoded[T any](to, entries []T, codes []uint32, order []int32) {
	for k, i := range order[:len(to)] {
		to[k] = entries[codes[i]]
	}
}

// gatherAll fills a piece that was made like another with some of its rows, but for
// their keys.
func gatherAll(to, from *shelf.Piece, order []int32) {
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
	codes   []uint32         // scratch: of each text of a section its code in the block and one, or 0
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
	slate    *slate
	sections []shelf.Piece // one a partition that has any; column 0 is the first slot's
	from     uint32        // first row of the block
	rows     int
	missing  []uint32 // rows, counted from the first, that nobody was asked about
	nobody   []event.Column
}

// answersOf reads lookup l's answers to block b.
func (r *run) answersOf(l, b int, t *slate) (*answers, error) {
	f := &r.found[l]
	a := &answers{slate: t, from: uint32(r.starts[b]), rows: r.starts[b+1] - r.starts[b], nobody: f.nobody}
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
		from := make([]*event.Column, len(a.sections))
		for i := range a.sections {
			from[i] = &a.sections[i].Columns[s]
		}
		columns[s] = a.column(from, &a.nobody[s], &kept[s])
	}
	return columns, nil
}

// column is a slot of every row, or a field of one, in the vectors of kept. from is
// the sections' columns of it. A query without key or instant gets what a key without
// events gets (S15.1); Finish then nulls those without an instant (S11.4).
func (a *answers) column(from []*event.Column, nobody, kept *event.Column) event.Column {
	c := event.Column{Type: nobody.Type}
	switch c.Type.Kind {
	case event.Double:
		c.Floats = scatter(a, &kept.Floats, func(i int) []float64 { return from[i].Floats }, nobody.Floats)
	case event.Decimal:
		c.Decimals = scatter(a, &kept.Decimals, func(i int) []event.Int128 { return from[i].Decimals }, nobody.Decimals)
	case event.Bool, event.Int, event.Date, event.Timestamp:
		c.Ints = scatter(a, &kept.Ints, func(i int) []int64 { return from[i].Ints }, nobody.Ints)
	case event.String, event.Bytes:
		a.texts(&c, from, nobody, kept)
	case event.Struct:
		a.fields(&c, from, nobody, kept)
	default:
		return a.general(from, nobody)
	}
	null := len(a.missing) > 0 && nobody.IsNull(0)
	for i := range from {
		null = null || from[i].Null != nil
	}
	if null {
		c.Null = a.nulls(from, nobody, &kept.Null)
	}
	return c
}

// fields fills the fields of a slot of structs. Those of a struct that is null are
// null wherever it stands.
func (a *answers) fields(c *event.Column, from []*event.Column, nobody, kept *event.Column) {
	c.Rows, c.Fields = a.rows, make([]event.Column, len(nobody.Fields))
	if kept.Fields == nil {
		kept.Fields = make([]event.Column, len(nobody.Fields))
	}
	parts := make([]*event.Column, len(from))
	for f := range c.Fields {
		for i := range from {
			parts[i] = &from[i].Fields[f]
		}
		c.Fields[f] = a.column(parts, &nobody.Fields[f], &kept.Fields[f])
	}
}

// nulls says of every row whether it is null; nil: none is. Whether one is, is asked of
// whole vectors: the rows' loop only moves.
func (a *answers) nulls(from []*event.Column, nobody *event.Column, kept *[]bool) []bool {
	any := len(a.missing) > 0 && nobody.IsNull(0)
	for i := range from {
		any = any || slices.Contains(from[i].Null, true)
	}
	if !any {
		return nil
	}
	to := resize(kept, a.rows)
	for i := range from {
		rows, null := a.sections[i].Rows, from[i].Null
		if null == nil {
			for _, row := range rows {
				to[row-a.from] = false
			}
			continue
		}
		null = null[:len(rows)]
		for k, row := range rows {
			to[row-a.from] = null[k]
		}
	}
	for _, row := range a.missing {
		to[row] = nobody.IsNull(0)
	}
	return to
}

// scatter is one vector of a column.
func scatter[T any](a *answers, kept *[]T, of func(section int) []T, nobody []T) []T {
	to := resize(kept, a.rows)
	for i := range a.sections {
		rows := a.sections[i].Rows
		from := of(i)[:len(rows)]
		for k, row := range rows {
			to[row-a.from] = from[k]
		}
	}
	for _, row := range a.missing {
		to[row] = nobody[0]
	}
	return to
}

// texts fills a column of text, whose dictionary has the texts that the rows name,
// each once a section.
func (a *answers) texts(c *event.Column, from []*event.Column, nobody, kept *event.Column) {
	c.Codes, c.Dict = resize(&kept.Codes, a.rows), event.NewDict()
	if kept.Dict != nil {
		c.Dict.Offsets, c.Dict.Bytes = kept.Dict.Offsets[:1], kept.Dict.Bytes[:0]
	}
	for i := range from {
		a.section(c, from[i], a.sections[i].Rows)
	}
	code := uint32(0)
	if len(a.missing) > 0 && !nobody.IsNull(0) {
		code = c.Dict.Add(nobody.Text(0))
	}
	for _, row := range a.missing {
		c.Codes[row] = code
	}
	kept.Dict = c.Dict
}

// section fills the given rows of a column of text with those of a section.
func (a *answers) section(c, from *event.Column, rows []uint32) {
	known := resize(&a.slate.codes, max(from.Dict.Len(), len(a.slate.codes))) // all 0 before and after
	codes := from.Codes[:len(rows)]
	for k, row := range rows {
		if from.Null != nil && from.Null[k] {
			c.Codes[row-a.from] = 0
			continue
		}
		place := &known[codes[k]]
		if *place == 0 {
			*place = c.Dict.Add(from.Dict.At(codes[k])) + 1
		}
		c.Codes[row-a.from] = *place - 1
	}
	for k, code := range codes {
		if from.Null == nil || !from.Null[k] {
			known[code] = 0
		}
	}
}

// general is a column where values bring parts of their own.
func (a *answers) general(from []*event.Column, nobody *event.Column) event.Column {
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
	c := event.Make(nobody.Type)
	c.Grow(a.rows)
	for _, p := range places {
		of := nobody
		if p.section >= 0 {
			of = from[p.section]
		}
		c.Append(of, int(p.row))
	}
	return c
}
