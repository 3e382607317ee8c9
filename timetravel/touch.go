package timetravel

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// touching is what tells, of the questions by one key, until when events are whose.
type touching struct {
	lost   rowSet         // of questions of one key and instant, all but the last in the order of S5
	grid   bool           // the spine is one, and its order stands beside its rows
	rivals []shelf.Stored // questions that are not of this run, as those of other data intervals: an event that comes after one of them is its, and no row's
	held   shelf.Piece    // rivals on their way there
}

// rivalRank is below every rank: a rival takes nothing from the questions of its own
// instant.
const rivalRank = -1

// rank is what is greatest in the question of an instant that has the events: where
// row i of a block stands in a grid's order, and else whether it has not lost.
func (t *touching) rank(when *shelf.Piece, i, number int) int64 {
	switch {
	case t.grid:
		return when.Columns[len(when.Columns)-1].Ints[i]
	case t.lost.has(number):
		return 0
	}
	return 1
}

// newTouching is the keys by which events belong to one question alone; nil: none.
func (r *run) newTouching() []*touching {
	all := make([]*touching, len(r.Plan.Queries.Keys))
	for _, l := range r.Plan.Lookups {
		if l.LastTouch {
			all[l.Key] = &touching{grid: r.Plan.Queries.Grid != nil}
		}
	}
	return all
}

// touches reports whether events of some lookup belong to one question alone.
func (r *run) touches() bool {
	return slices.ContainsFunc(r.Plan.Lookups, func(l features.Lookup) bool { return l.LastTouch })
}

// addRivals keeps the questions of a batch that were not chosen.
func (r *run) addRivals(b *event.Batch, chosen []int32) error {
	if chosen == nil || !r.touches() {
		return nil
	}
	var ignored event.Counts
	q := r.Plan.NewQueries(r.Plan.Rivals(b, chosen), &ignored)
	for k, t := range r.spine.touch {
		if t == nil {
			continue
		}
		for i, key := range q.Keys[k] {
			if q.NoKey[k] == nil || !q.NoKey[k][i] {
				t.held.Rows, t.held.Keys, t.held.Times = append(t.held.Rows, noRow), append(t.held.Keys, key), append(t.held.Times, q.Times[i])
			}
		}
		if len(t.held.Keys) >= r.blockRows {
			if err := r.dealRivals(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// dealRivals puts the rivals that are held on the shelf.
func (r *run) dealRivals(t *touching) error {
	t.held.Columns = []event.Column{{Type: event.Of(event.Int), Ints: slices.Repeat([]int64{rivalRank}, len(t.held.Keys))}}
	err := r.deal(&t.held, &t.rivals)
	t.held = shelf.Piece{}
	return err
}

// rivalsOf is the questions of others by key k.
func (s *spine) rivalsOf(k int) []shelf.Stored {
	if s.touch[k] == nil {
		return nil
	}
	return s.touch[k].rivals
}

// touch finds which of the questions of one key and instant the events are that come
// after (S14.8): those of the last one in the order of S5. Until when they are, the
// sweep tells, which has all questions of a key together.
func (r *run) touch(ctx context.Context) error {
	for k, t := range r.spine.touch {
		if t == nil {
			continue
		}
		if err := r.dealRivals(t); err != nil {
			return err
		}
		if t.grid {
			continue
		}
		c := &contest{run: r, order: func(a []event.Column, i int, b []event.Column, j int) int {
			return r.Plan.Queries.CompareTies(b, j, a, i)
		}}
		c.identity = func(b *spineBlock, buffer *[]byte) ([]event.Hash, []bool, error) { return r.instants(b, k, buffer) }
		if err := c.settle(ctx); err != nil {
			return err
		}
		t.lost = c.lost
	}
	r.spine.touchers = r.spine.stays.clone()
	return nil
}

// instants hashes key k and instant of the rows of a block; none tells which are not
// asked.
func (r *run) instants(b *spineBlock, k int, buffer *[]byte) (of []event.Hash, none []bool, err error) {
	p, err := r.whole(buffer, &b.when, &b.keys[k])
	if err != nil {
		return nil, nil, err
	}
	of, none = make([]event.Hash, b.rows), make([]bool, b.rows)
	var text [24]byte
	for i, key := range p[1].Keys {
		binary.LittleEndian.PutUint64(text[:], key.Hi)
		binary.LittleEndian.PutUint64(text[8:], key.Lo)
		binary.LittleEndian.PutUint64(text[16:], uint64(p[0].Times[i]))
		of[i], none[i] = event.HashBytes(text[:]), unasked(&p[0], i, k)
	}
	return of, none, nil
}

// untilNext finds until when events are a question's own: until the next question
// with its key. own is the questions of one key by instant and row; ranks is by
// place, until by place in own. The time of those that are not the last of their
// instant is over before it began, and the last comes behind them: what is known
// to the one that comes first must not be too much. It is a function of the set of
// questions, whatever their order.
func untilNext(own []query, ranks []int64, until []event.Time) {
	next := event.MaxTime
	for i := len(own) - 1; i >= 0; {
		j, last := i, i
		for ; j >= 0 && own[j].at == own[i].at; j-- {
			if ranks[own[j].place] > ranks[own[last].place] {
				last = j
			}
			until[j] = own[j].at
		}
		winner := own[last]
		copy(own[last:i], own[last+1:i+1])
		own[i], until[i] = winner, next
		next, i = winner.at, j
	}
}

// attribute finds until when events are each query's own.
func (s *sweeper) attribute() {
	until := resize(&s.until, len(s.queries))
	for id := range s.local.len() {
		i, j := s.qStarts[id], s.qStarts[id+1]
		untilNext(s.queries[i:j], s.ranks, until[i:j])
	}
}

// leaveTouchers leaves, of the questions by a key, those that are answered. Places
// were those among all, and are among these now.
func (s *sweeper) leaveTouchers() {
	places := slices.Repeat([]int32{-1}, len(s.ranks))
	for _, q := range s.queries {
		if q.row != noRow {
			places[q.place] = 0
		}
	}
	n := int32(0)
	for i := range places {
		if places[i] == 0 {
			places[i] = n
			n++
		}
	}
	at := int32(0)
	for id := range s.local.len() {
		from, to := s.qStarts[id], s.qStarts[id+1]
		s.qStarts[id] = at
		for k := from; k < to; k++ {
			q := s.queries[k]
			if q.row == noRow {
				continue
			}
			q.place = places[q.place]
			s.queries[at] = q
			if len(s.until) > 0 {
				s.until[at] = s.until[k]
			}
			at++
		}
	}
	s.qStarts[s.local.len()] = at
	s.queries = s.queries[:at]
	if len(s.until) > 0 {
		s.until = s.until[:at]
	}
}

// touched is how many events belong to the rows of a block.
func touched(l *features.Label, slots [][]event.Column) (n int64) {
	if !l.LastTouch {
		return 0
	}
	for _, events := range slots[l.Lookup][l.Events].Ints {
		n += events
	}
	return n
}

// countTouched counts the events of a label that belong to no row.
func (r *run) countTouched(label int) {
	l := &r.Plan.Labels[label]
	if !l.LastTouch {
		return
	}
	n := &r.report.Counts[l.Lookup]
	read := r.report.Taken[l.Lookup] + n[event.OutsideWindows]
	r.report.Labels[label].Unmatched = read - n[event.Duplicate] - n[event.Conflicting] - r.report.Labels[label].Attributed
}
