package timetravel

import (
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// spine is all queries, in the spine's order. They lie on the shelf, in blocks of
// the output: what memory holds of each row whatever there is room for is a bit
// or a few. Keys are hashes of 128 bits that stand for the values (S11.2): with n
// distinct keys two meet with probability n^2/2^129, for a billion about one in
// 10^21.
//
// A row's number is its place among the rows that were taken up, and stays the
// same when others are left out; only who asks and who writes count again.
type spine struct {
	blocks      []spineBlock
	filling     *filler // the last block, while there are fewer rows of it
	chosen      Kept    // of the table's rows, those that were taken up
	stays       Kept    // of those, the ones that are to be answered
	kept        Kept    // of the table's rows, those that are answered; from the sweep on
	request     int     // how many of the columns of rest are the request's
	identified  bool    // rows have ids
	sampled     bool    // some are unlucky
	gaps        bool    // some row lacks its instant or a key
	first, last event.Time
	touch       []*touching // by key; nil: no event is some question's alone
	touchers    Kept        // of the rows that were taken up, those that an event may belong to
}

// spineBlock is what was taken up of the rows that make a block of the output, in
// pieces of one section each, by when they are needed.
type spineBlock struct {
	first, rows int            // the number of its first row, and how many there are; of none there are no pieces
	when        shelf.Stored   // instants and flags
	rest        shelf.Stored   // what the request says, what is computed of the row, marks
	ids         shelf.Stored   // until copies are removed
	keys        []shelf.Stored // until they have been asked
	events      []shelf.Stored // by view: the rows that are events of it, with their places in the block
}

// The columns of when: flags, and behind those of the keys the order of questions
// of one instant, where the spine is a grid and that is asked.
const (
	flagNoTime = iota
	flagUnlucky
	flagNoKey
)

// filler is a block on its way to the shelf.
type filler struct {
	when, rest, ids shelf.Piece
	keys, events    []shelf.Piece
	symbols         *event.Symbols // of the texts of rest and events
}

// addQueries takes up the questions of a batch of the spine: of its n rows those at
// the given places; nil: all. ranks is a grid's order of each. The batch may be
// used again.
func (r *run) addQueries(q *features.Queries, n int, places []int32, ranks []int64) error {
	s := &r.spine
	at := s.chosen.rows
	s.request, s.identified = len(q.Request), s.identified || q.IDs != nil
	s.sampled = s.sampled || q.Unlucky != nil
	s.chosen.add(n, places)
	s.stays.add(q.Len, nil)
	s.gaps = s.gaps || q.NoTime != nil || slices.ContainsFunc(q.NoKey, func(no []bool) bool { return no != nil })
	for i, t := range q.Times {
		// A row without an instant has zero for one: 1970 would widen the reach of
		// every window.
		if q.NoTime == nil || !q.NoTime[i] {
			s.first, s.last = min(s.first, t), max(s.last, t)
		}
	}
	for i, done := 0, 0; done < n; {
		done += min(r.blockRows-(at+done)%r.blockRows, n-done)
		j := done
		if places != nil {
			j, _ = slices.BinarySearch(places, int32(done))
		}
		if i < j {
			if s.filling == nil {
				s.filling = newFiller(q, r.blockRows)
			}
			s.filling.add(q, ranks, i, j)
		}
		i = j
		if (at+done)%r.blockRows == 0 {
			if err := r.seal(); err != nil {
				return err
			}
		}
	}
	return nil
}

func newFiller(like *features.Queries, rows int) *filler {
	f := &filler{keys: make([]shelf.Piece, len(like.Keys)), events: make([]shelf.Piece, len(like.Events)), symbols: event.NewSymbols()}
	f.when.Times = make([]event.Time, 0, rows)
	f.when.Columns = slices.Repeat([]event.Column{event.Make(event.Of(event.Null))}, flagNoKey+len(like.Keys))
	for k := range f.keys {
		f.keys[k].Keys = make([]event.Hash, 0, rows)
	}
	f.ids.Columns = []event.Column{event.Make(event.Of(event.Null))}
	return f
}

// add appends rows i to j-1 of q.
func (f *filler) add(q *features.Queries, ranks []int64, i, j int) {
	before, n := f.when.Len, j-i
	flag := func(c *event.Column, flags []bool) {
		if flags != nil {
			flags = flags[i:j]
		}
		c.Null, c.Rows = appendFlags(c.Null, before, flags, n), before+n
	}
	f.when.Times = append(f.when.Times, q.Times[i:j]...)
	flag(&f.when.Columns[flagNoTime], q.NoTime)
	flag(&f.when.Columns[flagUnlucky], q.Unlucky)
	for k := range f.keys {
		f.keys[k].Keys = append(f.keys[k].Keys, q.Keys[k][i:j]...)
		flag(&f.when.Columns[flagNoKey+k], q.NoKey[k])
	}
	if ranks != nil {
		if len(f.when.Columns) == flagNoKey+len(f.keys) {
			f.when.Columns = append(f.when.Columns, event.Make(event.Of(event.Int)))
		}
		c := &f.when.Columns[len(f.when.Columns)-1]
		c.Ints = append(c.Ints, ranks[i:j]...)
	}
	if q.IDs != nil {
		f.ids.Keys = append(f.ids.Keys, q.IDs[i:j]...)
		flag(&f.ids.Columns[0], q.NoID)
	}
	places := make([]int32, 0, n)
	for row := i; row < j; row++ {
		places = append(places, int32(row))
	}
	f.rest.Columns = f.append(f.rest.Columns, slices.Concat(q.Request, q.Own, q.Marks), places)
	for v, own := range q.Events {
		if own != nil {
			f.addEvents(&f.events[v], own, places)
		}
	}
	f.when.Len += n
}

// append appends rows of columns to those before, which are made with the first. A
// text is held once, however many rows of the block have it.
func (f *filler) append(to, from []event.Column, rows []int32) []event.Column {
	if to == nil {
		for i := range from {
			c := event.Make(from[i].Type)
			if c.Type.Text() {
				c.Dict = &f.symbols.Dict
			}
			to = append(to, c)
		}
	}
	for i := range from {
		c := &from[i]
		if !c.Type.Text() {
			for _, row := range rows {
				to[i].Append(c, int(row))
			}
			continue
		}
		if len(rows) == 0 {
			continue // columns of no rows have no dictionaries
		}
		hashes := c.Dict.Hashes()
		for _, row := range rows {
			if c.IsNull(int(row)) {
				to[i].AppendNull()
			} else {
				to[i].AppendCode(f.symbols.Intern(c.Text(int(row)), hashes[c.Codes[row]]))
			}
		}
	}
	return to
}

// seal puts the block that was filled on the shelf.
func (r *run) seal() (err error) {
	s := &r.spine
	b, f := spineBlock{}, s.filling
	if n := len(s.blocks); n > 0 {
		b.first = s.blocks[n-1].first + s.blocks[n-1].rows
	}
	if s.filling = nil; f == nil {
		s.blocks = append(s.blocks, b)
		return nil
	}
	b.rows = f.when.Len
	texts := &event.Dict{Offsets: f.symbols.Offsets, Bytes: f.symbols.Bytes} // without what finds them
	put := func(p *shelf.Piece, n int) (k shelf.Stored) {
		if p.Len = n; err == nil {
			for i := range p.Columns {
				if c := &p.Columns[i]; c.Type.Text() {
					c.Dict = texts
				}
			}
			k, err = r.shelf.Put(*p, []int32{0, int32(n)})
		}
		return k
	}
	b.when, b.rest = put(&f.when, b.rows), put(&f.rest, b.rows)
	if f.ids.Keys != nil {
		b.ids = put(&f.ids, b.rows)
	}
	for k := range f.keys {
		b.keys = append(b.keys, put(&f.keys[k], b.rows))
	}
	for v := range f.events {
		b.events = append(b.events, put(&f.events[v], len(f.events[v].Keys)))
	}
	s.blocks = append(s.blocks, b)
	return err
}

// appendFlags appends n flags, nil meaning all false, to the flags of before
// rows. Flags are made only when one is needed; most spines have neither gap.
func appendFlags(to []bool, before int, flags []bool, n int) []bool {
	if to == nil && flags == nil {
		return nil
	}
	if to == nil {
		to = make([]bool, before)
	}
	if flags == nil {
		flags = make([]bool, n)
	}
	return append(to, flags...)
}

// whole returns pieces of one section. What is read of them from the file stands in
// *buffer, which begins anew.
func (r *run) whole(buffer *[]byte, stored ...*shelf.Stored) ([]shelf.Piece, error) {
	size := 0
	for _, k := range stored {
		size += int(k.Bytes(0))
	}
	*buffer = (*buffer)[:0]
	shelf.Reserve(buffer, size)
	pieces := make([]shelf.Piece, len(stored))
	for i, k := range stored {
		var err error
		if pieces[i], err = r.shelf.Section(k, 0, buffer); err != nil {
			return nil, err
		}
	}
	return pieces, nil
}

// flagged reports whether row i of a block's when has one of two flags: lacks its
// instant, or its key.
func flagged(when *shelf.Piece, i, flag int) bool {
	null := when.Columns[flag].Null
	return null != nil && null[i]
}

// unasked reports whether row i of a block lacks its instant or key k, so that it is
// answered as a key without events. Such a row takes no part in the sweep
// (S11.4, S11.5).
func unasked(when *shelf.Piece, i, k int) bool {
	return flagged(when, i, flagNoTime) || flagged(when, i, flagNoKey+k)
}

// eachRow calls do for every row that stays.
func (r *run) eachRow(do func(when *shelf.Piece, i, number int)) error {
	s := &r.spine
	var buffer []byte
	for b := range s.blocks {
		block := &s.blocks[b]
		if block.rows == 0 {
			continue
		}
		p, err := r.whole(&buffer, &block.when)
		if err != nil {
			return err
		}
		for i := range block.rows {
			if number := block.first + i; s.stays.Has(number) {
				do(&p[0], i, number)
			}
		}
	}
	return nil
}

// leave leaves out the rows of which out holds, and returns how many those are.
func (r *run) leave(out func(when *shelf.Piece, i, number int) bool) (n int64, err error) {
	err = r.eachRow(func(when *shelf.Piece, i, number int) {
		if out(when, i, number) {
			r.spine.stays.drop(number)
			n++
		}
	})
	return n, err
}

// countQueries counts what is noteworthy of the spine itself. A row that lacks
// several keys counts once: the reason is the row's (S17.1).
func (r *run) countQueries() error {
	if !r.spine.gaps {
		return nil
	}
	keys := len(r.Plan.Queries.Keys)
	return r.eachRow(func(when *shelf.Piece, i, _ int) {
		if flagged(when, i, flagNoTime) {
			r.report.Spine[event.QueryNoTime]++
		}
		for k := range keys {
			if flagged(when, i, flagNoKey+k) {
				r.report.Spine[event.QueryNoKey]++
				break
			}
		}
	})
}

// rowsOf is the rows of a block that stay, as queries. Keys are left out: Finish asks
// for none, as slots are answered already. Vectors may be the shelf's and are only
// read.
func (r *run) rowsOf(block int) (*features.Queries, error) {
	b := &r.spine.blocks[block]
	var buffer []byte // its own: the sink may keep what is made of it
	p, err := r.whole(&buffer, &b.when, &b.rest)
	if err != nil {
		return nil, err
	}
	when, rest := p[0], p[1]
	if n := r.spine.stays.in(b.first, b.first+b.rows); n < b.rows {
		places := make([]int32, 0, n)
		for i := range b.rows {
			if r.spine.stays.Has(b.first + i) {
				places = append(places, int32(i))
			}
		}
		when.Len, when.Times, when.Columns = n, take(when.Times, places), slices.Clone(when.Columns)
		for i := range when.Columns {
			when.Columns[i].Null = take(when.Columns[i].Null, places)
		}
		columns := make([]event.Column, len(rest.Columns))
		for i := range rest.Columns {
			columns[i] = permuted(&rest.Columns[i], places)
		}
		rest.Columns = columns
	}
	own := r.spine.request
	marks := own + len(r.Plan.Queries.Own)
	q := &features.Queries{Len: when.Len, Times: when.Times, At: event.Column{Type: event.Of(event.Timestamp), Ints: make([]int64, when.Len)}}
	for i, t := range q.Times {
		q.At.Ints[i] = int64(t)
	}
	q.NoTime, q.Unlucky = when.Columns[flagNoTime].Null, when.Columns[flagUnlucky].Null
	q.At.Null = q.NoTime
	q.Request, q.Own, q.Marks = rest.Columns[:own], rest.Columns[own:marks], rest.Columns[marks:]
	return q, nil
}
