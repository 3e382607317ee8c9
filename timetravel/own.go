package timetravel

import (
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// addEvents appends what the rows of a batch are as events themselves (S4.7), of
// those at the given places.
func (f *filler) addEvents(to *shelf.Piece, own *features.OwnEvents, rows []int32) {
	var places []int32
	for i, row := range rows {
		if k := own.Place[row]; k >= 0 {
			to.Rows, to.Keys = append(to.Rows, uint32(f.when.Len+i)), append(to.Keys, own.Keys[k])
			places = append(places, k)
		}
	}
	to.Columns = f.append(to.Columns, own.Columns, places)
}

// ownEvents puts what the questions of a lookup are themselves as events of the key
// that they ask on the shelf, in the order of their partitions: a payee's question
// is not about what its payer does.
func (r *run) ownEvents(lookup int) error {
	of := r.Plan.Lookups[lookup]
	r.own[lookup] = nil
	var buffer []byte
	for b := range r.spine.blocks {
		block := &r.spine.blocks[b]
		if block.rows == 0 || of.View >= len(block.events) || block.events[of.View].Len(0) == 0 {
			continue
		}
		p, err := r.whole(&buffer, &block.when, &block.keys[of.Key], &block.events[of.View])
		if err != nil {
			return err
		}
		when, keys, events := &p[0], p[1].Keys, &p[2]
		var q shelf.Piece
		var places []int32
		row, at := uint32(r.starts[b]), 0 // of the output, of the row of the block
		for i, place := range events.Rows {
			for ; at < int(place); at++ {
				if r.spine.stays.Has(block.first + at) {
					row++
				}
			}
			if r.spine.stays.Has(block.first+at) && !unasked(when, at, of.Key) && events.Keys[i] == keys[at] {
				q.Rows, q.Keys, places = append(q.Rows, row), append(q.Keys, keys[at]), append(places, int32(i))
			}
		}
		for i := range events.Columns {
			q.Columns = append(q.Columns, permuted(&events.Columns[i], places))
		}
		if err := r.deal(&q, &r.own[lookup]); err != nil {
			return err
		}
	}
	return nil
}

// bring gives the store what the partition's questions are themselves as events of
// the key that they ask, and notes of each its place there or -1.
func (s *sweeper) bring(p int) error {
	if len(s.run.own[s.lookup]) == 0 {
		s.own = s.own[:0]
		return nil
	}
	parts, err := s.sections(&s.asking, p, s.run.own[s.lookup])
	if err != nil {
		return err
	}
	places, at, n := slices.Repeat([]int32{-1}, len(s.rows)), 0, int32(0)
	var columns []event.Column
	for _, part := range parts {
		s.store.Intern(part.Columns)
		if columns == nil {
			for i := range part.Columns {
				columns = append(columns, part.Columns[i].Like())
			}
		}
		for k, row := range part.Rows {
			for s.rows[at] != row { // both rise, and every one is asked
				at++
			}
			places[at] = n
			n++
			for i := range columns {
				columns[i].Append(&part.Columns[i], k)
			}
		}
	}
	mine := resize(&s.own, len(s.queries))
	for k := range s.queries {
		mine[k] = int(places[s.queries[k].place])
	}
	s.store.Own.Columns = columns
	return nil
}

// ownOf is the place in the store of the own event of the partition's question k.
func (s *sweeper) ownOf(k int) int {
	if len(s.own) == 0 {
		return -1
	}
	return s.own[k]
}
