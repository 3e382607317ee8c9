package timetravel

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// found is a lookup's answers: a piece a partition, in sections by block of the
// output, with the rows that it answers in the spine's order.
type found struct {
	answers []shelf.Stored
	nobody  []event.Column // the one answer for a key without events, and for no key
}

// sweep computes the slots of every lookup, partitions beside each other. Lookups
// follow one another, so that only one view's scratch is alive; total is known
// before, as every lookup has as many partitions. A view that is asked by two
// keys is read once and swept twice.
func (r *run) sweep(ctx context.Context) error {
	r.begin()
	if err := r.askAll(); err != nil {
		return err
	}
	if err := r.weigh(); err != nil {
		return err
	}
	done, total := new(atomic.Int64), int64(len(r.Plan.Lookups))<<r.bits
	for l, lookup := range r.Plan.Lookups {
		s := r.newLookupSweep(l)
		s.tell = func() { r.tell("sweep", done.Add(1), total) }
		s.last = !slices.ContainsFunc(r.Plan.Lookups[l+1:], func(later features.Lookup) bool { return later.View == lookup.View })
		s.takeUp()
		if err := s.sweep(ctx); err != nil {
			return err
		}
		r.drop(r.own[l])
		if !slices.ContainsFunc(r.Plan.Lookups[l+1:], func(later features.Lookup) bool { return later.Key == lookup.Key }) {
			r.drop(r.asked[lookup.Key].pieces)
		}
	}
	return nil
}

// begin makes room for questions and answers of all lookups, in blocks of what stays
// of the spine.
func (r *run) begin() {
	r.spine.kept = r.spine.chosen.among(r.spine.stays)
	r.starts, r.hands = r.spine.kept.blocks(r.blockRows), newHands(0)
	r.asked, r.own, r.found = make([]asked, len(r.Plan.Queries.Keys)), make([][]shelf.Stored, len(r.Plan.Lookups)), make([]found, len(r.Plan.Lookups))
}

// dropGroup lets go of a group of events that was asked for the last time: its
// memory is the answers'.
func (r *run) dropGroup(view, group int) {
	for _, part := range r.chunks[view] {
		for i := range part {
			r.shelf.Drop(&part[i][group])
		}
	}
}

// lookupSweep answers one lookup. Sweepers are handed on through `free` rather
// than made for every partition, since their vectors are the size of one; each
// goroutine has one at a time, so a sweeper needs no lock. Counts are kept by
// partition and added in order.
type lookupSweep struct {
	*run
	lookup, view int
	last         bool // nobody asks for the view again
	noted        bool // what is answered is written down
	counts       []event.Counts
	taken        []int64
	over         []bool         // partitions that are answered
	left         []atomic.Int32 // partitions to come, by group
	free         chan *sweeper  // at most one for each worker
	tell         func()
}

func (r *run) newLookupSweep(lookup int) *lookupSweep {
	s := &lookupSweep{run: r, lookup: lookup, view: r.Plan.Lookups[lookup].View, counts: make([]event.Counts, 1<<r.bits), taken: make([]int64, 1<<r.bits),
		over: make([]bool, 1<<r.bits), left: make([]atomic.Int32, max(1<<min(r.bits, groupBits), 1)), free: make(chan *sweeper, r.Workers), tell: func() {}}
	f := &r.found[lookup]
	f.answers = make([]shelf.Stored, 1<<r.bits)
	store := features.NewArena(r.Plan.Views[s.view])
	f.nobody = store.Answers(1)
	store.Values(event.Hash{}, features.Ask{Times: []event.Time{0}, Rows: []int32{0}}, f.nobody)
	return s
}

// takeUp takes over what the run that is taken up had answered.
func (s *lookupSweep) takeUp() {
	s.noted = true
	for _, done := range s.finished {
		if p := done.Partition; done.Lookup == s.lookup {
			s.found[s.lookup].answers[p], s.counts[p], s.taken[p], s.over[p] = done.Answers, done.Counts, done.Taken, true
		}
	}
}

// sweep answers all partitions that are not answered yet.
func (s *lookupSweep) sweep(ctx context.Context) error {
	for p, over := range s.over {
		if g, _ := groupOf(p, s.bits); !over {
			s.left[g].Add(1)
		}
	}
	err := each(ctx, s.Workers, len(s.over), func(ctx context.Context, p int) error {
		if s.over[p] {
			s.tell()
			return nil
		}
		n := s.weightOf(s.lookup, p)
		if err := s.hands.take(ctx, n); err != nil {
			return err
		}
		defer s.hands.give(n)
		return s.partition(ctx, p)
	})
	for p := range s.counts {
		s.report.Taken[s.lookup] += s.taken[p]
		s.report.Counts[s.lookup].Add(&s.counts[p])
	}
	return err
}

func (s *lookupSweep) partition(ctx context.Context, p int) error {
	var own *sweeper
	select {
	case own = <-s.free:
	default:
		own = &sweeper{run: s.run, lookup: s.lookup, view: s.view, query: s.Plan.Lookups[s.lookup].Key, store: features.NewArena(s.Plan.Views[s.view])}
	}
	out, err := own.partition(ctx, p)
	if err != nil {
		return err
	}
	answers := &s.found[s.lookup].answers[p]
	if *answers, err = s.keep(own.rows, out); err != nil {
		return err
	}
	s.counts[p], s.taken[p] = own.counts, int64(own.events)
	if err := s.noteFinished(s.noted, &finished{s.lookup, p, *answers, s.counts[p], s.taken[p]}); err != nil {
		return err
	}
	s.free <- own
	if g, _ := groupOf(p, s.bits); s.left[g].Add(-1) == 0 && s.last {
		s.dropGroup(s.view, g)
	}
	s.tell()
	return nil
}

// keep puts the answers to rows of the spine on the shelf.
func (r *run) keep(rows []uint32, out []event.Column) (shelf.Stored, error) {
	starts := make([]int32, len(r.starts))
	at := 0
	for b, from := range r.starts {
		for at < len(rows) && int(rows[at]) < from {
			at++
		}
		starts[b] = int32(at)
	}
	return r.shelf.Put(shelf.Piece{Len: len(rows), Rows: slices.Clone(rows), Columns: out}, starts)
}

// sweeper works through one partition after the other: it groups the
// partition's events by key, orders each key's by visible, and steps through
// them and the key's queries. Its vectors are scratch, kept for the next
// partition. A partition is some 40 thousand events, so scratch is bounded by
// Workers times that, unless one key alone has more: a key is never cut.
type sweeper struct {
	*run
	lookup, view, query int
	store               *features.Store
	counts              event.Counts
	events              int
	buffer, asking      []byte         // of what is read from the shelf: events, questions
	headers             []event.Column // of the events of a partition

	local   keyTable
	rows    []uint32     // of the output that ask, rising
	queries []query      // by key, each key's by instant
	spare   []query      // scratch of sorting
	until   []event.Time // until when events are each query's own; empty: they are anybody's
	ranks   []int64      // by place, while that is found out
	qStarts []int32      // by local key; one more than keys
	ids     []int32      // local key of each of the partition's events, -1: nobody asks
	eStarts []int32
	order   []source // the events by key, each key's by visible
	gather  features.Events
	dicts   map[*event.Dict][]uint32 // scratch of looksUp
	whole   bool                     // events leave with their texts: none is borrowed

	heldBuffer []byte   // of what is read from a snapshot
	heldRows   []int32  // scratch of takeOver
	bases      [][]byte // by local key: what is left of events that are folded; empty: of none anything

	own []int        // of the partition's questions: see bring
	ask features.Ask // the stretch that is being asked
}

// query is a question of the partition: gathered once, so that nothing is looked up
// in the spine's order again.
type query struct {
	at    event.Time
	row   uint32 // of the output
	place int32  // among the partition's rows
}

// source is where an event stands before it is gathered, and when it is known.
// Sorting these 16 bytes moves no columns; the columns are gathered once, in
// the final order.
type source struct {
	visible    event.Time
	chunk, row int32
}

// partition computes the answers to the queries of partition p. What it returns
// depends on the partition alone, not on which ones the sweeper did before:
// counts and scratch begin anew, and the arena is empty. Events of a partition
// that nobody asks are counted as events_outside_windows and not looked at
// further.
func (s *sweeper) partition(ctx context.Context, p int) ([]event.Column, error) {
	s.counts, s.events = event.Counts{}, 0
	s.store.Counts = event.Counts{}
	if err := s.groupQueries(p); err != nil {
		return nil, err
	}
	out := s.store.Answers(len(s.rows))
	if len(s.rows) == 0 {
		for _, part := range s.chunks[s.view] {
			for i := range part {
				s.counts[event.OutsideWindows] += int64(part[i].len(p, s.bits))
			}
		}
		return out, nil
	}
	chunks, err := s.takeOver(p)
	if err != nil {
		return nil, err
	}
	read, err := s.cut(p)
	if err != nil {
		return nil, err
	}
	chunks = append(chunks, read...)
	s.groupEvents(chunks)
	s.orderEvents(chunks)
	s.leaveNewest(chunks)
	s.collect(chunks)
	if err := s.overlap(); err != nil {
		return nil, err
	}
	if err := s.bring(p); err != nil {
		return nil, err
	}
	if err := s.walk(ctx, out); err != nil {
		return nil, err // a part of the answers is none
	}
	s.sortAnswers(out)
	s.store.Renew(out)
	clear(s.headers) // what they name may go
	s.counts.Add(&s.store.Counts)
	return out, nil
}

// accumulate turns counts, shifted by one, into starts, and returns a copy of
// them to be moved on. Shifting by one makes starts[id] to starts[id+1] the
// range of id with no case for the last.
func accumulate(starts []int32) []int32 {
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	return slices.Clone(starts)
}

// resize returns v with n entries, of unknown content, and keeps it for the next time.
func resize[T any](v *[]T, n int) []T {
	if cap(*v) < n {
		*v = make([]T, n)
	}
	*v = (*v)[:n]
	return *v
}

// cut lists the partition's part of every chunk, in the order of reading. Parts in
// memory are windows on the chunks' vectors and copy nothing; their column
// headers are new, as Intern will put other codes into them.
func (s *sweeper) cut(p int) ([]shelf.Piece, error) {
	group, section := groupOf(p, s.bits)
	size, n := int64(0), 0
	for _, part := range s.chunks[s.view] {
		for i := range part {
			size += part[i][group].Bytes(section)
		}
		n += len(part)
	}
	parts := make([]shelf.Piece, 0, n)
	resize(&s.headers, n*len(s.Plan.Views[s.view].Layout.Columns))
	s.headers = s.headers[:0]
	s.buffer = s.buffer[:0]
	shelf.Reserve(&s.buffer, int(size))
	for _, part := range s.chunks[s.view] {
		for i := range part {
			if part[i][group].Len(section) == 0 {
				continue
			}
			piece, err := s.shelf.SectionIn(&part[i][group], section, &s.buffer, &s.headers)
			if err != nil {
				return nil, err
			}
			parts = append(parts, piece)
		}
	}
	return parts, nil
}

// groupEvents orders the events that somebody asks for by key, each key's in the
// order of reading. Keys are looked up once and remembered in ids, -1 where
// nobody asks. The table is complete by then, since queries come first: events
// never add a key.
func (s *sweeper) groupEvents(chunks []shelf.Piece) {
	s.eStarts = append(s.eStarts[:0], make([]int32, s.local.len()+1)...)
	all := 0
	for i := range chunks {
		all += chunks[i].Len
	}
	ids := resize(&s.ids, all)
	at := 0
	for i := range chunks {
		for _, key := range chunks[i].Keys {
			id := s.local.find(key)
			ids[at] = id
			at++
			if id >= 0 {
				s.eStarts[id+1]++
			} else {
				s.counts[event.OutsideWindows]++
			}
		}
	}
	s.placeEvents(chunks)
}

// placeEvents puts the events that groupEvents has counted in their places, with
// their times. A label is told by what happened, whenever it was heard of.
func (s *sweeper) placeEvents(chunks []shelf.Piece) {
	next := accumulate(s.eStarts)
	order, times, ids := resize(&s.order, int(next[len(next)-1])), resize(&s.gather.Times, int(next[len(next)-1])), s.ids
	known := s.Plan.Lookups[s.lookup].Ahead || s.Visibility.Optimistic()
	for c := range chunks {
		own := ids[:len(chunks[c].Times)]
		ids = ids[len(own):]
		for row, t := range chunks[c].Times {
			if id := own[row]; id >= 0 {
				if !known {
					times[next[id]], t = t, s.Visibility.visible(t, arrivedAt(&chunks[c], row))
				}
				order[next[id]] = source{t, int32(c), int32(row)}
				next[id]++
			}
		}
	}
	for k := 0; known && k < len(order); k++ {
		times[k] = order[k].visible
	}
	s.events = len(order)
}

// arrivedAt is when an event arrived; its own time where the plan does not ask.
func arrivedAt(r *shelf.Piece, row int) event.Time {
	if r.Arrived == nil {
		return r.Times[row]
	}
	return r.Arrived[row]
}

// orderEvents orders each key's events by when they are known; those known at
// once stay in the order of reading, the run puts them in their places. Late is
// told from the order of reading, before anything is sorted (S10.2); it changes
// no value (I1).
func (s *sweeper) orderEvents(chunks []shelf.Piece) {
	for id := range s.local.len() {
		own, times := s.order[s.eStarts[id]:s.eStarts[id+1]], s.gather.Times[s.eStarts[id]:s.eStarts[id+1]]
		if len(own) == 0 && !s.hasBase(id) {
			s.counts[event.QueryUnknownKey] += int64(s.qStarts[id+1] - s.qStarts[id])
		}
		ordered, known, latest := true, event.MinTime, event.MinTime
		for k, e := range own {
			t := times[k]
			if t < latest {
				s.counts[event.Late]++
			}
			ordered = ordered && e.visible >= known
			known, latest = e.visible, max(latest, t)
		}
		if !ordered {
			sortSources(own, 8*len(own))
			for k, e := range own {
				times[k] = chunks[e.chunk].Times[e.row]
			}
		}
	}
}

// sortSources sorts by insertion, as late events are rarely late within their
// key, until more moves than the budget were made; then by merging. Both ways
// are stable. The budget of a few moves an event bounds the insertion where a
// history stands in no order at all, which would be O(n^2).
func sortSources(own []source, budget int) {
	for i := 1; i < len(own); i++ {
		x := own[i]
		j := i
		for ; j > 0 && own[j-1].visible > x.visible; j-- {
			own[j] = own[j-1]
		}
		own[j] = x
		if budget -= i - j; budget < 0 {
			slices.SortStableFunc(own, func(a, b source) int { return cmp.Compare(a.visible, b.visible) })
			return
		}
	}
}

// overlap is the error of the first key whose versions overlap.
func (s *sweeper) overlap() error {
	v := s.Plan.Views[s.view]
	for id := range s.local.len() {
		if err := v.Overlap(s.gather, int(s.eStarts[id]), int(s.eStarts[id+1])); err != nil {
			return err
		}
	}
	return nil
}
