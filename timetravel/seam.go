package timetravel

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// Seam is where a run of one data interval begins with what a run before it left, and
// leaves the same to the next. What is left at an instant is all that questions from
// it on can tell of the histories that were read (S20): the events that some window
// may still hold, whoever is asked and whenever they are known, and of views without
// a lower end what the others are folded into. Dimensions are none of it: they are
// read whole in every run.
type Seam struct {
	// Interval has the instants of all questions. Before was left at its beginning.
	Interval event.Span
	// Before is nil where histories are read whole. Else History opens the files that
	// it does not stand for, and Views is what it says of its views.
	Before *shelf.Snapshot
	Views  []SeamView
	// After takes what the run leaves at the interval's end, and Left says of it what
	// Views says of Before. The caller commits it, once all else has come to its end.
	After Taker
	Left  []SeamView
	// Whole: versions of dimensions are left too, for who will read none again.
	Whole bool
}

// Taker takes sections of what a run leaves, in the order of views and numbers, each
// packed by shelf.Held; it keeps nothing of b.
type Taker interface {
	Add(view, number, rows int, b []byte) error
}

// SeamView is what a snapshot says of a view: its place in the plan is the number of
// its sections.
type SeamView struct {
	View  string   `json:"view"`
	Types []string `json:"columns"` // of the columns that its runs keep
	// Settled: events before it are folded, or count in no window any more.
	Settled event.Time `json:"settled"`
	// Newest is the greatest time of an event that was read.
	Newest event.Time `json:"newest"`
	// OutOfType is how many values outside their type there were in reading.
	OutOfType int64 `json:"values_out_of_type"`
}

// seamBits is how many of a hash's highest bits number a section: as many as the most
// partitions have, so that a partition is whole sections in every run.
const seamBits = maxBits

// seamWhole is how long before the snapshot events with an id are kept whole where
// they would be folded, if their lateness is not longer: a copy of an event can be
// told from another event only while it is there.
const seamWhole = 7 * 86_400_000_000 // microseconds

// sectionsOf is the sections of a partition: from, up to but without to.
func sectionsOf(p, bits int) (from, to int) {
	return p << (seamBits - bits), (p + 1) << (seamBits - bits)
}

// outOfType is how many values outside their type there were in reading what the
// snapshot stands for: a strict run fails for them as for its own.
func (s *Seam) outOfType() (n int64) {
	if s == nil {
		return 0
	}
	for _, v := range s.Views {
		n += v.OutOfType
	}
	return n
}

// seamed reports whether what a run leaves, or begins with, holds events of a view.
func (r *run) seamed(view int) bool {
	return r.Seam != nil && (r.Seam.Whole || r.Plan.Inputs[r.Plan.Views[view].Input].Source.Dimension == nil)
}

// begins reports whether a view's events are partly those of a snapshot.
func (r *run) begins(view int) bool { return r.seamed(view) && r.Seam.Before != nil }

// fits returns an error if the snapshot's views are not those of the plan.
func (s *Seam) fits(r *run) error {
	if s == nil || s.Before == nil {
		return nil
	}
	if len(s.Views) != len(r.Plan.Views) {
		return s.Before.Damaged()
	}
	for v, was := range s.Views {
		if now := r.seamView(v); was.View != now.View || !slices.Equal(was.Types, now.Types) {
			return fmt.Errorf("the snapshot has view %s of %v, and the files have it of %v; delete the snapshot, and the run reads the history whole", was.View, was.Types, now.Types)
		}
	}
	return nil
}

// seamView is what is left of a view, but for its newest event.
func (r *run) seamView(view int) SeamView {
	v := r.Plan.Views[view]
	left := SeamView{View: v.Name, Types: []string{}, Settled: v.Layout.Settled(r.forgets(view)), Newest: event.MinTime}
	for _, t := range v.Layout.Columns {
		left.Types = append(left.Types, t.String())
	}
	return left
}

// forgets is the instant from which on questions will be asked of what a view leaves:
// the interval's end; where copies may come of what is folded, so much earlier.
func (r *run) forgets(view int) event.Time {
	v := r.Plan.Views[view]
	if v.Layout.ID < 0 || !v.Layout.Endless() {
		return r.Seam.Interval.To
	}
	return r.Seam.Interval.To.Earlier(max(r.Plan.Inputs[v.Input].Source.LatenessMicros(), seamWhole))
}

// folded returns an error if an event of a file could be a copy of one that is folded
// into what a snapshot holds: nothing can tell any more (S20.4).
func (r *run) folded(view int, times []event.Time, of *partReader) error {
	v := r.Plan.Views[view]
	if !r.begins(view) || v.Layout.ID < 0 || !v.Layout.Endless() || len(times) == 0 {
		return nil
	}
	first, settled := slices.Min(times), r.Seam.Views[view].Settled
	if first >= settled {
		return nil
	}
	where := "a file"
	if f, is := of.source.(foldered); is {
		where = f.Place(0) + " or behind it"
	}
	return fmt.Errorf("read history of %s: %s: an event of %s comes after the snapshot has folded all of view %s before %s, so that a copy of one could not be told; delete the snapshot, and the run reads the history whole",
		r.Plan.Inputs[v.Input].Source.Name.Value, where, first, v.Name, settled)
}

// interval is the instants that a run must be able to answer: of one with a seam its
// whole interval, whatever is asked, so that what it leaves is a matter of files.
func (r *run) interval() event.Span {
	if r.Seam != nil {
		return r.Seam.Interval
	}
	return r.report.Asked
}

// heldOf is what the snapshot has of a partition of a view, section by section. It
// stands in *buffer.
func (r *run) heldOf(view, p int, buffer *[]byte) (all []*shelf.Held, err error) {
	if !r.begins(view) {
		return nil, nil
	}
	size, _ := r.heldSize(view, p)
	*buffer = (*buffer)[:0]
	shelf.Reserve(buffer, int(size))
	from, to := sectionsOf(p, r.bits)
	for n := from; n < to; n++ {
		b, err := r.Seam.Before.Section(view, n, buffer)
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		h, err := shelf.UnpackHeld(b, r.Plan.Views[view].Layout.Columns)
		if err != nil || (h.Arrived == nil) == r.Plan.Views[view].Arrives() {
			return nil, r.Seam.Before.Damaged()
		}
		all = append(all, h)
	}
	return all, nil
}

// heldSize is how many bytes and rows the snapshot has of a partition of a view.
func (r *run) heldSize(view, p int) (size, rows int64) {
	if !r.begins(view) {
		return 0, 0
	}
	from, to := sectionsOf(p, r.bits)
	for n := from; n < to; n++ {
		s, k := r.Seam.Before.Bytes(view, n)
		size, rows = size+s, rows+k
	}
	return size, rows
}

// takeOver is the events that the snapshot has of the keys that a partition asks, and
// what is left of their folded ones in s.bases. The rows of a section stand in the
// order of their keys, so that what nobody asks is passed over key by key.
func (s *sweeper) takeOver(p int) (pieces []shelf.Piece, err error) {
	s.bases = s.bases[:0]
	held, err := s.heldOf(s.view, p, &s.heldBuffer)
	for _, h := range held {
		if h.Bases != nil && len(s.bases) == 0 {
			clear(resize(&s.bases, s.local.len()))
		}
		rows := s.heldRows[:0]
		for k, key := range h.Keys {
			from, to := h.Rows(k)
			id := s.local.find(key)
			if id < 0 {
				s.counts[event.OutsideWindows] += int64(to - from)
				continue
			}
			for row := from; row < to; row++ {
				rows = append(rows, int32(row))
			}
			if h.Bases != nil {
				s.bases[id] = h.Bases[k]
			}
		}
		if s.heldRows = rows; len(rows) == 0 {
			continue
		}
		piece := shelf.Piece{Len: len(rows), Keys: keysOf(h, rows), Times: take(h.Times, rows), Arrived: take(h.Arrived, rows)}
		for i := range h.Columns {
			piece.Columns = append(piece.Columns, permuted(&h.Columns[i], rows))
		}
		pieces = append(pieces, piece)
	}
	return pieces, err
}

// keysOf is the key of each of some rows, which rise.
func keysOf(h *shelf.Held, rows []int32) []event.Hash {
	keys, k := make([]event.Hash, len(rows)), 0
	for i, row := range rows {
		for int(row) >= int(h.Ends[k]) {
			k++
		}
		keys[i] = h.Keys[k]
	}
	return keys
}

// hasBase reports whether a key has events that are folded.
func (s *sweeper) hasBase(id int) bool { return len(s.bases) > 0 && len(s.bases[id]) > 0 }

// resumeKey begins a key with what is left of its folded events.
func (s *sweeper) resumeKey(id int) error {
	if !s.hasBase(id) {
		return nil
	}
	if s.store.Resume(s.local.keys[id], s.bases[id]) != nil {
		return s.Seam.Before.Damaged()
	}
	return nil
}

// queue lets goroutines through in the order of their numbers.
type queue struct {
	lock sync.Mutex
	next *sync.Cond
	at   int
}

func newQueue() *queue {
	t := &queue{}
	t.next = sync.NewCond(&t.lock)
	return t
}

// take waits until it is n's turn, does what n has to do, and lets the next one through.
func (t *queue) take(ctx context.Context, n int, do func() error) error {
	stop := context.AfterFunc(ctx, func() {
		t.lock.Lock()
		defer t.lock.Unlock()
		t.next.Broadcast()
	})
	defer stop()
	t.lock.Lock()
	defer t.lock.Unlock()
	for t.at != n && ctx.Err() == nil {
		t.next.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.at++
	t.next.Broadcast()
	return do()
}
