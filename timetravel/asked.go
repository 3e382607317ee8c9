package timetravel

import (
	"math"
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// asked is the queries that have a key and an instant: pieces of them, in sections
// by the partition of one of the plan's keys. Views of one entity share it. Rows
// of a partition rise from piece to piece and within each, which the sections of
// answers rely on.
type asked struct {
	pieces []shelf.Stored
	counts []int // by partition
}

// noRow stands for the row of a question that nobody answers: it only takes events
// away from others (touch.go).
const noRow = math.MaxUint32

// askBits is the most partition bits for which the questions of one block make a
// piece. With more, several blocks make one, lest a section be a few rows.
const askBits = 8

// askAll puts the questions of all lookups on the shelf.
func (r *run) askAll() error {
	for l := range r.Plan.Lookups {
		if err := r.ownEvents(l); err != nil {
			return err
		}
	}
	for b := range r.spine.blocks {
		r.drop(r.spine.blocks[b].events)
	}
	for k := range r.Plan.Queries.Keys {
		if err := r.ask(k, true); err != nil {
			return err
		}
	}
	return nil
}

// perPiece is how many blocks make a piece of questions.
func (r *run) perPiece() int { return 1 << max(r.bits-askBits, 0) }

// asker gathers the questions by one key.
type asker struct {
	*run
	key       int
	touching  *touching // nil: no event is some question's alone
	questions shelf.Piece
}

// ask puts the questions by key k on the shelf, in the order of their partitions.
// Where that is done for the last time, the keys' blocks are let go of.
func (r *run) ask(k int, final bool) error {
	blocks, to := r.spine.blocks, &r.asked[k]
	*to = asked{counts: make([]int, 1<<r.bits)}
	a := asker{run: r, key: k, touching: r.spine.touch[k]}
	var buffer []byte
	for b := range blocks {
		if blocks[b].rows > 0 {
			p, err := r.whole(&buffer, &blocks[b].when, &blocks[b].keys[k])
			if err != nil {
				return err
			}
			a.add(b, &p[0], p[1].Keys)
			if final {
				r.shelf.Drop(&blocks[b].keys[k])
			}
		}
		if (b+1)%r.perPiece() == 0 || b == len(blocks)-1 {
			if err := r.deal(&a.questions, &to.pieces); err != nil {
				return err
			}
			a.empty()
		}
	}
	for _, pieces := range [][]shelf.Stored{to.pieces, r.spine.rivalsOf(k)} {
		for i := range pieces {
			for p := range to.counts {
				to.counts[p] += pieces[i].Len(p)
			}
		}
	}
	return nil
}

// add appends the questions of a block.
func (a *asker) add(number int, when *shelf.Piece, keys []event.Hash) {
	s, q, block := &a.spine, &a.questions, &a.spine.blocks[number]
	q.Rows, q.Keys, q.Times = slices.Grow(q.Rows, block.rows), slices.Grow(q.Keys, block.rows), slices.Grow(q.Times, block.rows)
	if a.touching != nil && q.Columns == nil {
		q.Columns = []event.Column{event.Make(event.Of(event.Int))}
	}
	next := uint32(a.starts[number])
	for i, key := range keys {
		row, stays := next, s.stays.Has(block.first+i)
		if stays {
			next++
		} else {
			row = noRow
		}
		if unasked(when, i, a.key) || !stays && (a.touching == nil || !s.touchers.Has(block.first+i)) {
			continue
		}
		q.Rows, q.Keys, q.Times = append(q.Rows, row), append(q.Keys, key), append(q.Times, when.Times[i])
		if a.touching != nil {
			q.Columns[0].AppendInt(a.touching.rank(when, i, block.first+i))
		}
	}
}

// empty makes room for the next questions.
func (a *asker) empty() {
	q := &a.questions
	q.Rows, q.Keys, q.Times = q.Rows[:0], q.Keys[:0], q.Times[:0]
	for i := range q.Columns {
		q.Columns[i].Ints = q.Columns[i].Ints[:0]
	}
}

// deal puts rows on the shelf in sections by the partition of their keys, by
// counting, and stable.
func (r *run) deal(p *shelf.Piece, to *[]shelf.Stored) error {
	starts := make([]int32, 1<<r.bits+1)
	for _, key := range p.Keys {
		starts[partitionOf(key, r.bits)+1]++
	}
	next := accumulate(starts)
	order := make([]int32, len(p.Keys))
	for i, key := range p.Keys {
		at := partitionOf(key, r.bits)
		order[next[at]] = int32(i)
		next[at]++
	}
	dealt := shelf.Piece{Len: len(order), Rows: take(p.Rows, order), Keys: take(p.Keys, order), Times: take(p.Times, order)}
	for i := range p.Columns {
		dealt.Columns = append(dealt.Columns, permuted(&p.Columns[i], order))
	}
	k, err := r.shelf.Put(dealt, starts)
	*to = append(*to, k)
	return err
}

// sections returns section p of pieces, leaving out what is empty. What is read of
// them from the file stands in *buffer, which begins anew.
func (r *run) sections(buffer *[]byte, p int, of ...[]shelf.Stored) (parts []shelf.Piece, err error) {
	size := int64(0)
	for _, pieces := range of {
		for i := range pieces {
			size += pieces[i].Bytes(p)
		}
	}
	*buffer = (*buffer)[:0]
	shelf.Reserve(buffer, int(size))
	for _, pieces := range of {
		for i := range pieces {
			if pieces[i].Len(p) == 0 {
				continue
			}
			part, err := r.shelf.Section(&pieces[i], p, buffer)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// drop lets go of pieces.
func (r *run) drop(pieces []shelf.Stored) {
	for i := range pieces {
		r.shelf.Drop(&pieces[i])
	}
}

// groupQueries orders the partition's queries by key, each key's by instant and
// row, and numbers the keys. Ties of instant are ordered by row, so that
// nothing depends on the sort's own order. Equal neighbours are the
// duplicate_queries (S11.3), each of which is answered.
func (s *sweeper) groupQueries(p int) error {
	parts, err := s.sections(&s.asking, p, s.asked[s.query].pieces, s.spine.rivalsOf(s.query))
	if err != nil {
		return err
	}
	s.number(parts)
	next := accumulate(s.qStarts)
	queries := resize(&s.queries, int(next[len(next)-1]))
	s.rows, s.ranks, s.until = s.rows[:0], s.ranks[:0], s.until[:0]
	at := 0
	for _, part := range parts {
		for i, row := range part.Rows {
			id := s.ids[at]
			if at++; id < 0 {
				continue
			}
			place := int32(len(s.rows))
			if len(part.Columns) > 0 {
				place = int32(len(s.ranks))
				s.ranks = append(s.ranks, part.Columns[0].Ints[i])
			}
			queries[next[id]] = query{part.Times[i], row, place}
			next[id]++
			if row != noRow {
				s.rows = append(s.rows, row)
			}
		}
	}
	for id := range s.local.len() {
		sortQueries(queries[s.qStarts[id]:s.qStarts[id+1]], &s.spare)
	}
	if s.Plan.Lookups[s.lookup].LastTouch {
		s.attribute()
	}
	if len(s.ranks) > 0 {
		s.leaveTouchers()
	}
	for id := range s.local.len() {
		own := s.queries[s.qStarts[id]:s.qStarts[id+1]]
		for i := 1; i < len(own); i++ {
			if own[i].at == own[i-1].at {
				s.counts[event.QueryDuplicate]++
			}
		}
	}
	return nil
}

// number numbers the keys that are asked, remembers them in ids and counts their
// questions. Those of a key that only questions without a row have are left out: -1.
func (s *sweeper) number(parts []shelf.Piece) {
	n := 0
	for i := range parts {
		n += parts[i].Len
	}
	s.local.reset(n)
	s.qStarts = append(s.qStarts[:0], 0)
	ids, at, rowless := resize(&s.ids, n), 0, false
	for _, part := range parts {
		for i, key := range part.Keys {
			if part.Rows[i] == noRow {
				rowless = true
			} else {
				id := s.local.add(key)
				ids[at] = id
				if int(id)+2 > len(s.qStarts) {
					s.qStarts = append(s.qStarts, 0)
				}
				s.qStarts[id+1]++
			}
			at++
		}
	}
	for part, at := 0, 0; rowless && part < len(parts); part++ {
		for i, key := range parts[part].Keys {
			if parts[part].Rows[i] == noRow {
				if ids[at] = s.local.find(key); ids[at] >= 0 {
					s.qStarts[ids[at]+1]++
				}
			}
			at++
		}
	}
}
