package timetravel

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// leaveSnapshot writes what questions from the interval's end on can tell of all events that
// the run knows, for the next run to begin with. It comes before the sweep, which
// lets go of events. What is written depends on the events alone: not on how many
// runs they came in, on workers, or on memory.
func (r *run) leaveSnapshot(ctx context.Context) error {
	if r.Seam.After == nil {
		return nil
	}
	r.Seam.Left = make([]SeamView, len(r.Plan.Views))
	for v := range r.Plan.Views {
		r.Seam.Left[v] = r.seamView(v)
		if !r.seamed(v) {
			continue
		}
		r.Seam.Left[v].Newest = r.newest[v]
		r.Seam.Left[v].OutOfType = r.report.Counts[r.firstOf(v)][event.OutOfType] + r.report.Read[r.Plan.Views[v].Input][event.OutOfType]
		if r.Seam.Before != nil {
			r.Seam.Left[v].OutOfType += r.Seam.Views[v].OutOfType
		}
		if err := r.leaveView(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// leaveView writes the sections of a view. Partitions are made beside each other, and
// written in their order.
func (r *run) leaveView(ctx context.Context, view int) error {
	hands, turns, free, buffers := newHands(r.Hands), newQueue(), make(chan *leaver, r.Workers), new(sync.Pool)
	for p := range 1 << r.bits {
		if n := r.eventsWeight(view, p); r.Hands > 0 && n > r.Hands {
			return &TooHot{View: r.Plan.Views[view].Name, Bytes: n, Hands: r.Hands}
		}
	}
	return each(ctx, r.Workers, 1<<r.bits, func(ctx context.Context, p int) error {
		n := r.eventsWeight(view, p)
		if err := hands.take(ctx, n); err != nil {
			return err
		}
		var l *leaver
		select {
		case l = <-free:
		default:
			l = &leaver{sweeper: sweeper{run: r, lookup: r.firstOf(view), view: view, whole: true, store: features.NewArena(r.Plan.Views[view])}, buffers: buffers}
		}
		sections, err := l.partition(p)
		free <- l
		// Whoever waits for their turn holds nothing that another one waits for.
		hands.give(n)
		if err != nil {
			return err
		}
		r.tell("snapshot", int64(p+1), int64(1)<<r.bits)
		return turns.take(ctx, p, func() error {
			for _, s := range sections {
				if err := r.Seam.After.Add(view, s.number, s.rows, s.bytes); err != nil {
					return err
				}
				buffers.Put(&s.bytes)
			}
			return nil
		})
	})
}

// packed is a section that is ready to be written.
type packed struct {
	number, rows int
	bytes        []byte
}

// leaver makes the sections of one partition after the other. It gathers events as a
// sweeper does, with all of their keys.
type leaver struct {
	sweeper
	pieces []shelf.Piece
	rows   []leftRow
	spare  []leftRow   // scratch of list
	bases  []foldedKey // by key
	kept   []int32     // scratch of hold
	held   shelf.Held
	left   []byte // scratch of hold: all bases

	buffers *sync.Pool // of sections that were written
}

// leftRow is where an event stands before it is gathered.
type leftRow struct {
	key        event.Hash
	time       event.Time
	chunk, row int32
}

// foldedKey is what the snapshot before has of a key's folded events.
type foldedKey struct {
	key   event.Hash
	bytes []byte
}

func compareKeys(a, b event.Hash) int {
	return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
}

// compare orders events by key, time, arrival and columns: events that are equal in
// all of it are one as good as the other.
func (l *leaver) compare(a, b leftRow) int {
	if c := cmp.Or(compareKeys(a.key, b.key), cmp.Compare(a.time, b.time)); c != 0 {
		return c
	}
	p, q := &l.pieces[a.chunk], &l.pieces[b.chunk]
	if p.Arrived != nil {
		if c := cmp.Compare(p.Arrived[a.row], q.Arrived[b.row]); c != 0 {
			return c
		}
	}
	for i := range p.Columns {
		if c := event.Compare(&p.Columns[i], int(a.row), &q.Columns[i], int(b.row)); c != 0 {
			return c
		}
	}
	return 0
}

// partition makes the sections of a partition.
func (l *leaver) partition(p int) ([]packed, error) {
	if err := l.list(p); err != nil {
		return nil, err
	}
	l.order, l.gather.Times = l.order[:0], l.gather.Times[:0]
	for _, row := range l.rows {
		l.gather.Times = append(l.gather.Times, row.time)
		l.order = append(l.order, source{l.Visibility.visible(row.time, arrivedAt(&l.pieces[row.chunk], int(row.row))), row.chunk, row.row})
	}
	l.collect(l.pieces)
	held, err := l.hold()
	if err != nil {
		return nil, err
	}
	var sections []packed
	for from, to := 0, 0; from < len(held.Keys); from = to {
		number := partitionOf(held.Keys[from], seamBits)
		for to = from; to < len(held.Keys) && partitionOf(held.Keys[to], seamBits) == number; {
			to++
		}
		first, _ := held.Rows(from)
		_, end := held.Rows(to - 1)
		var buffer []byte
		if b, is := l.buffers.Get().(*[]byte); is {
			buffer = *b
		}
		sections = append(sections, packed{number, end - first, held.Pack(from, to, buffer)})
	}
	l.store.Renew(nil)
	return sections, nil
}

// list finds the rows of a partition that may still count, those of the snapshot
// before and those of files, in their order. The former have it already.
func (l *leaver) list(p int) error {
	held, err := l.heldOf(l.view, p, &l.heldBuffer)
	if err != nil {
		return err
	}
	lo, _ := l.Plan.Views[l.view].Layout.Reach(l.Seam.Interval.To, l.Seam.Interval.To)
	l.pieces, l.rows, l.bases = l.pieces[:0], l.rows[:0], l.bases[:0]
	for _, h := range held {
		for k, key := range h.Keys {
			for row, to := h.Rows(k); row < to; row++ {
				if h.Times[row] >= lo {
					l.rows = append(l.rows, leftRow{key, h.Times[row], int32(len(l.pieces)), int32(row)})
				}
			}
			if h.Bases != nil {
				l.bases = append(l.bases, foldedKey{key, h.Bases[k]})
			}
		}
		l.pieces = append(l.pieces, shelf.Piece{Len: len(h.Times), Times: h.Times, Arrived: h.Arrived, Columns: h.Columns})
	}
	before := len(l.rows)
	read, err := l.cut(p)
	if err != nil {
		return err
	}
	for _, piece := range read {
		for row, t := range piece.Times {
			if t >= lo {
				l.rows = append(l.rows, leftRow{piece.Keys[row], t, int32(len(l.pieces)), int32(row)})
			}
		}
		l.pieces = append(l.pieces, piece)
	}
	slices.SortFunc(l.rows[before:], l.compare)
	l.merge(before)
	return nil
}

// merge puts rows in order of which the first n are, and the others.
func (l *leaver) merge(n int) {
	if n == 0 || n == len(l.rows) {
		return
	}
	all, a, b := resize(&l.spare, len(l.rows))[:0], l.rows[:n], l.rows[n:]
	for len(a) > 0 && len(b) > 0 {
		if l.compare(a[0], b[0]) <= 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	l.rows, l.spare = append(append(all, a...), b...), l.rows
}

// hold is what is left of every key of the partition.
func (l *leaver) hold() (*shelf.Held, error) {
	endless := l.Plan.Views[l.view].Layout.Endless()
	h, kept := &l.held, l.kept[:0]
	l.left = l.left[:0]
	h.Keys, h.Ends, h.Bases, h.Columns = h.Keys[:0], h.Ends[:0], nil, h.Columns[:0]
	for row, bases := 0, l.bases; row < len(l.rows) || len(bases) > 0; {
		key, base := l.nextKey(row, bases)
		if base != nil {
			bases = bases[1:]
		}
		from := row
		for row < len(l.rows) && l.rows[row].key == key {
			row++
		}
		n := len(kept)
		if endless {
			left, err := l.fold(key, base, [2]int{from, row}, &kept)
			if err != nil {
				return nil, err
			}
			h.Bases = append(h.Bases, left)
		} else {
			for i := from; i < row; i++ {
				kept = append(kept, int32(i))
			}
		}
		if len(kept) == n && (!endless || len(h.Bases[len(h.Bases)-1]) == 0) {
			h.Bases = h.Bases[:max(len(h.Bases)-1, 0)]
			continue
		}
		h.Keys, h.Ends = append(h.Keys, key), append(h.Ends, uint32(len(kept)))
	}
	if l.kept = kept; len(kept) == len(l.rows) {
		h.Times, h.Columns = l.gather.Times, append(h.Columns, l.gather.Columns...)
	} else {
		h.Times = take(l.gather.Times, kept)
		for i := range l.gather.Columns {
			h.Columns = append(h.Columns, permuted(&l.gather.Columns[i], kept))
		}
	}
	if l.Plan.Views[l.view].Arrives() {
		h.Arrived = make([]event.Time, len(kept))
		for i, k := range kept {
			h.Arrived[i] = arrivedAt(&l.pieces[l.rows[k].chunk], int(l.rows[k].row))
		}
	}
	return h, nil
}

// nextKey is the least key of the rows and the bases that are left; and its base, nil
// where it has none.
func (l *leaver) nextKey(row int, bases []foldedKey) (event.Hash, []byte) {
	switch {
	case row == len(l.rows) || len(bases) > 0 && compareKeys(bases[0].key, l.rows[row].key) <= 0:
		return bases[0].key, bases[0].bytes
	}
	return l.rows[row].key, nil
}

// fold folds those of a key's rows that no window tells apart into its base, and
// appends the others to kept. Events that are not known yet are no part of it; and
// where one could be a copy of another that is, no event from its time on is, so
// that whichever counts is decided when it is known (S4.6, S6).
func (l *leaver) fold(key event.Hash, base []byte, of [2]int, kept *[]int32) ([]byte, error) {
	settled, known := l.Plan.Views[l.view].Layout.Settled(l.forgets(l.view)), l.Seam.Interval.To
	if l.Plan.Views[l.view].Layout.ID >= 0 {
		for i := of[0]; i < of[1]; i++ {
			if l.order[i].visible > known {
				settled = min(settled, l.rows[i].time)
			}
		}
	}
	folded, start := 0, len(l.left)
	for i := of[0]; i < of[1]; i++ {
		if l.rows[i].time >= settled || l.order[i].visible > known {
			*kept = append(*kept, int32(i))
			continue
		}
		if folded++; folded == 1 && len(base) > 0 && l.store.Resume(key, base) != nil {
			return nil, l.Seam.Before.Damaged()
		}
		l.store.Apply(key, l.gather, i, i+1)
	}
	switch {
	case folded > 0:
		l.left = l.store.Leave(key, l.forgets(l.view), l.left)
	case len(base) > 0:
		var err error
		if l.left, err = features.LeaveLater(base, l.forgets(l.view), l.left); err != nil {
			return nil, l.Seam.Before.Damaged()
		}
	}
	return l.left[start:len(l.left):len(l.left)], nil
}
