package live

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// A new engine is restored in this order: Fits; of each key group LoadBase, and then
// Reapply of all rows that were applied after its base was taken; at the end Resume.
// After an error it is of no use any more.

// ErrOther is that of a state of another definition.
var ErrOther = errors.New("is of another definition")

// errBase is that of runs that no engine saved.
var errBase = errors.New("runs are damaged")

// Fits holds what was saved against the engine's own plan. Plans of one digest have
// equal layouts and give equal values, whatever release made them (I3 of features).
func (e *Engine) Fits(h *Head) error {
	if h.Digest != e.plan.Digest() {
		return fmt.Errorf("what was saved %w: its digest is %q and this one's %q", ErrOther, h.Digest, e.plan.Digest())
	}
	own := e.head().Views
	if !slices.EqualFunc(h.Views, own, func(a, b SavedView) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }) {
		return fmt.Errorf("what was saved %w: of its views the columns are %v and of this one's %v", ErrOther, h.Views, own)
	}
	return nil
}

// EachShard calls do for the key groups of every shard, beside each other.
func (e *Engine) EachShard(do func(from, to int) error) error {
	var wait sync.WaitGroup
	errs := make([]error, len(e.shards))
	for from := 0; from < event.KeyGroups; {
		s, to := e.shardOfGroup(from), from+1
		for to < event.KeyGroups && e.shardOfGroup(to) == s {
			to++
		}
		first := from
		wait.Go(func() { errs[s] = do(first, to) })
		from = to
	}
	wait.Wait()
	return errors.Join(errs...)
}

// LoadBase takes the runs of a key group, as GroupRuns.Section packed them. The bytes may
// come from anywhere. Groups of several shards may be loaded beside each other.
func (e *Engine) LoadBase(view, group int, section []byte) error {
	h, err := shelf.UnpackHeld(section, nil)
	if err != nil || h.Bases == nil || len(h.Times) > 0 {
		return errBase
	}
	s := e.shards[e.shardOfGroup(group)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Expect(view, group, len(h.Keys), len(section))
	for i, key := range h.Keys {
		if event.KeyGroup(key) != group {
			return errBase
		}
		if err := s.state.LoadRun(view, key, h.Bases[i]); err != nil {
			return err
		}
	}
	return nil
}

// Section packs the runs.
func (b *GroupRuns) Section(buffer []byte) []byte {
	h := shelf.Held{Keys: b.Keys, Ends: make([]uint32, len(b.Keys)), Bases: make([][]byte, len(b.Keys))}
	from := uint32(0)
	for i, end := range b.Ends {
		h.Bases[i] = b.Bytes[from:end]
		from = end
	}
	return h.Pack(0, len(h.Keys), buffer)
}

// Reapply takes the rows of a section of a view whose key groups are wanted, to be
// applied at the latest by Resume; the section is the engine's until then. The bytes may
// come from anywhere.
func (e *Engine) Reapply(view int, section []byte, wanted func(group int) bool) error {
	a := &e.again
	err := shelf.UnpackRows(section, e.plan.Views[view].Layout.Columns, func(p *shelf.Piece) error {
		place := int32(len(a.pieces))
		a.pieces = append(a.pieces, againPiece{view, p.Columns, p.Times})
		for r, key := range p.Keys {
			if wanted(event.KeyGroup(key)) {
				a.rows = append(a.rows, againRow{key, place, int32(r)})
			}
		}
		return nil
	})
	if a.bytes += len(section); err == nil && a.bytes >= againMost {
		e.reapply()
	}
	return err
}

// againMost is how many bytes of rows wait for each other: those of one key are applied
// together, as a run that is packed costs more to open than a row to apply.
const againMost = 192 << 20

// again are rows that are to be applied again.
type again struct {
	pieces []againPiece
	rows   []againRow
	bytes  int
}

type againPiece struct {
	view    int
	columns []event.Column
	times   []event.Time
}

type againRow struct {
	key        event.Hash
	piece, row int32
}

// reapply applies what waits, each shard its own rows.
func (e *Engine) reapply() {
	a := e.again
	e.again = again{}
	parts := make([][]againRow, len(e.shards))
	for _, r := range a.rows {
		s := e.shardOf(r.key)
		parts[s] = append(parts[s], r)
	}
	var wait sync.WaitGroup
	for s, rows := range parts {
		wait.Go(func() { e.shards[s].reapply(a.pieces, rows) })
	}
	wait.Wait()
}

// reapply applies rows in the order of their keys, some at a time.
func (s *shard) reapply(pieces []againPiece, rows []againRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(rows, func(a, b againRow) int {
		return cmp.Or(cmp.Compare(pieces[a.piece].view, pieces[b.piece].view), cmp.Compare(a.key.Hi, b.key.Hi), cmp.Compare(a.key.Lo, b.key.Lo), cmp.Compare(a.piece, b.piece), cmp.Compare(a.row, b.row))
	})
	for len(rows) > 0 {
		first := &pieces[rows[0].piece]
		t := features.Taken{View: first.view}
		for i := range first.columns {
			t.Columns = append(t.Columns, event.Make(first.columns[i].Type))
		}
		n := 0
		for n < len(rows) && n < againRows && pieces[rows[n].piece].view == t.View {
			r := rows[n]
			p := &pieces[r.piece]
			t.Keys, t.Times = append(t.Keys, r.key), append(t.Times, p.times[r.row])
			for i := range t.Columns {
				t.Columns[i].Append(&p.columns[i], int(r.row))
			}
			n++
		}
		s.state.ApplyTaken(&t, nil)
		rows = rows[n:]
	}
}

// againRows is how many rows are put together at a time.
const againRows = 1 << 14

// Resume ends a restore: the engine stands where the other stood, and what is applied
// from now on is noted for what follows on that.
func (e *Engine) Resume(h *Head) {
	e.reapply()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch, e.positions, e.kept, e.marks = h.Epoch, h.Positions.Clone(), h.Kept, maps.Clone(h.Marks)
	e.counts = event.Counts{}
	e.counts.Each(func(r event.Reason, _ int64) { e.counts[r] = h.Counts[r.String()] })
	for _, s := range e.shards {
		// The counts tell of all that was ever read; what is applied again counts once.
		again := s.state.Counted()
		again.Each(func(r event.Reason, n int64) { e.counts[r] -= n })
		if h.Kept > event.MinTime {
			s.state.Settle(h.Kept)
		}
		s.look()
	}
	e.clock.Lock()
	e.last = max(e.last, h.Last)
	e.clock.Unlock()
	e.notes.take()
}
