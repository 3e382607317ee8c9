package timetravel

import (
	"cmp"
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

// ask puts the questions by key k on the shelf, in the order of their partitions.
// Where that is done for the last time, the keys' blocks are let go of.
func (r *run) ask(k int, final bool) error {
	s, a := &r.spine, &r.asked[k]
	*a = asked{counts: make([]int, 1<<r.bits)}
	var buffer []byte
	var q shelf.Piece
	for b := range s.blocks {
		if block := &s.blocks[b]; block.rows > 0 {
			p, err := r.whole(&buffer, &block.when, &block.keys[k])
			if err != nil {
				return err
			}
			s.askBlock(&q, k, b, p, uint32(r.starts[b]))
			if final {
				r.shelf.Drop(&block.keys[k])
			}
		}
		if (b+1)%r.perPiece() == 0 || b == len(s.blocks)-1 {
			if err := r.deal(&q, &a.pieces); err != nil {
				return err
			}
			q = shelf.Piece{Rows: q.Rows[:0], Keys: q.Keys[:0], Times: q.Times[:0], Columns: q.Columns}
			for i := range q.Columns {
				q.Columns[i].Ints = q.Columns[i].Ints[:0]
			}
		}
	}
	for _, pieces := range [][]shelf.Stored{a.pieces, s.rivalsOf(k)} {
		for i := range pieces {
			for p := range a.counts {
				a.counts[p] += pieces[i].Len(p)
			}
		}
	}
	return nil
}

// askBlock appends the questions of a block, whose first that stays is the given row
// of the output. p is the block's when and keys.
func (s *spine) askBlock(q *shelf.Piece, k, number int, p []shelf.Piece, row uint32) {
	block, t := &s.blocks[number], s.touch[k]
	q.Rows, q.Keys, q.Times = slices.Grow(q.Rows, block.rows), slices.Grow(q.Keys, block.rows), slices.Grow(q.Times, block.rows)
	for i, key := range p[1].Keys {
		own, stays := row, s.stays.Has(block.first+i)
		if stays {
			row++
		}
		if unasked(&p[0], i, k) || !stays && (t == nil || !s.touchers.Has(block.first+i)) {
			continue
		}
		if !stays {
			own = noRow
		}
		q.Rows, q.Keys, q.Times = append(q.Rows, own), append(q.Keys, key), append(q.Times, p[0].Times[i])
		if t != nil {
			if q.Columns == nil {
				q.Columns = []event.Column{event.Make(event.Of(event.Int))}
			}
			q.Columns[0].AppendInt(t.rank(&p[0], i, block.first+i))
		}
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
		slices.SortFunc(queries[s.qStarts[id]:s.qStarts[id+1]], func(a, b query) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.row, b.row))
		})
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
