package timetravel

import (
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// collect gathers the columns of the ordered events, whose times have been put in
// order with them; text in the store's symbols.
// Codes of different batches speak different dictionaries; there equal texts have
// equal codes, so that runs compare and count distinct by code, but for texts that
// they only carry.
// Column by column, each vector is written once from front to back.
func (s *sweeper) collect(chunks []shelf.Piece) {
	layout := s.Plan.Views[s.view].Layout
	if s.gather.Columns == nil {
		s.gather.Columns = make([]event.Column, len(layout.Columns))
	}
	for i, t := range layout.Columns {
		c := &s.gather.Columns[i]
		c.Type, c.Dict = t, nil
		if t.Text() {
			c.Dict = &s.store.Symbols().Dict
		}
		s.collectColumn(c, chunks, i)
	}
}

// collectColumn gathers one column by its kind, and its null flags only if some
// chunk has any: a column without flags spares the run an index.
func (s *sweeper) collectColumn(c *event.Column, chunks []shelf.Piece, i int) {
	switch c.Type.Kind {
	case event.Double:
		collect(s.order, &c.Floats, func(k int) []float64 { return chunks[k].Columns[i].Floats }, len(chunks))
	case event.Decimal:
		collect(s.order, &c.Decimals, func(k int) []event.Int128 { return chunks[k].Columns[i].Decimals }, len(chunks))
	case event.String, event.Bytes:
		s.collectTexts(c, chunks, i)
	default:
		collect(s.order, &c.Ints, func(k int) []int64 { return chunks[k].Columns[i].Ints }, len(chunks))
	}
	c.Null = c.Null[:0]
	for k := range chunks {
		if chunks[k].Columns[i].Null != nil {
			null := resize(&c.Null, len(s.order))
			for n, o := range s.order {
				if null[n] = chunks[o.chunk].Columns[i].IsNull(int(o.row)); null[n] && c.Codes != nil {
					c.Codes[n] = 0
				}
			}
			return
		}
	}
	c.Null = nil
}

// collectTexts gathers the codes of one column of text. Where its texts are few, each
// is looked up once; where they are not, and the run only carries them, they stay in
// the dictionaries that they came in.
func (s *sweeper) collectTexts(c *event.Column, chunks []shelf.Piece, i int) {
	type vector struct {
		codes, places []uint32
		add           uint32
	}
	vectors, few := make([]vector, len(chunks)), s.looksUp(chunks, i)
	for k := range vectors {
		v := &vectors[k]
		switch of := &chunks[k].Columns[i]; {
		case few:
			v.places = s.lookUp(of.Dict)
		case s.whole:
			s.store.Intern(chunks[k].Columns[i : i+1])
		default:
			v.add = s.store.Borrow(chunks[k].Columns, i)
		}
		v.codes = chunks[k].Columns[i].Codes
	}
	out := resize(&c.Codes, len(s.order))
	if few {
		for k, o := range s.order {
			v := &vectors[o.chunk]
			out[k] = v.places[v.codes[o.row]]
		}
		return
	}
	for k, o := range s.order {
		v := &vectors[o.chunk]
		out[k] = v.codes[o.row] + v.add
	}
}

// collect gathers one vector. The chunks' vectors are looked up before the
// loop, which then is two loads a row.
func collect[T any](order []source, to *[]T, from func(chunk int) []T, chunks int) {
	vectors := make([][]T, chunks)
	for k := range vectors {
		vectors[k] = from(k)
	}
	out := resize(to, len(order))
	for k, o := range order {
		out[k] = vectors[o.chunk][o.row]
	}
}
