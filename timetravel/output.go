package timetravel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// outputRows is how many rows are computed and written at a time. It is no part
// of any value (T2). Large enough that columns and not calls cost the time,
// small enough that some blocks a worker are some megabytes; carried columns
// come in the same number, so that both sides meet row for row.
const outputRows = 65_536

// block is some rows of the output on their way to the sink. Its counts are its
// own and are added in the spine's order.
type block struct {
	slate   *slate // whose vectors some columns are
	rows    int
	columns []event.Column
	counts  event.Counts
	labels  []LabelCount
	splits  map[string]int64
	err     error
}

// write puts the answers in the spine's order, computes what is derived from
// them, and hands everything to the sink: blocks are computed beside each other
// and written in order. Sink.Write and Sink.Commit are called from this
// goroutine alone. On the way out, whatever the reason, the computing is
// cancelled and then waited for (T3), before carry is closed. Commit comes
// last: until then the sink shows nothing (S17.2).
func (r *run) write(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var carry event.Source
	if r.Carry != nil {
		var err error
		if carry, err = r.Carry(r.blockRows, r.spine.kept); err != nil {
			return err
		}
		defer carry.Close()
	}
	slates := make(chan *slate, r.Workers+1)
	for range cap(slates) {
		slates <- new(slate)
	}
	blocks, wait := r.blocks(ctx, slates)
	defer wait()
	defer cancel()
	rows, done := r.starts[len(r.starts)-1], 0
	for pending := range blocks {
		b := <-pending
		if b.err != nil {
			return b.err
		}
		r.report.Spine.Add(&b.counts)
		for split, n := range b.splits {
			r.report.Splits[split] += n
		}
		for i, n := range b.labels {
			l := &r.report.Labels[i]
			l.Positive, l.Negative, l.Null, l.Censored, l.Attributed = l.Positive+n.Positive, l.Negative+n.Negative, l.Null+n.Null, l.Censored+n.Censored, l.Attributed+n.Attributed
		}
		if err := r.writeBlock(ctx, carry, b); err != nil {
			return err
		}
		slates <- b.slate
		done += b.rows
		r.tell("write", int64(done), int64(rows))
	}
	if err := r.carriedAll(ctx, carry); err != nil {
		return err
	}
	if err := cmp.Or(ctx.Err(), r.refuse()); err != nil {
		return err
	}
	return r.Sink.Commit(ctx)
}

// errSpineChanged is what is said of a spine that has other rows when it is read
// again.
var errSpineChanged = errors.New("the spine changed while it was read; run again when nobody writes it")

// carriedAll checks that the spine ended where its queries did.
func (r *run) carriedAll(ctx context.Context, carry event.Source) error {
	if carry == nil {
		return nil
	}
	var more event.Batch
	if err := carry.Read(ctx, &more); err == nil {
		return errSpineChanged
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read spine: %w", err)
	}
	return nil
}

// blocks computes all blocks that have rows, in order of their channels, as many at a
// time as there are slates; each comes back when its block is written. wait returns
// when no more are being computed. A channel of channels keeps the order of the spine
// while blocks finish in any: the reader waits for the next one, not for whichever is
// done. A pending channel holds its one block, so that no goroutine hangs on a reader
// that has left.
func (r *run) blocks(ctx context.Context, slates <-chan *slate) (<-chan chan block, func()) {
	out := make(chan chan block, cap(slates))
	var working sync.WaitGroup
	working.Go(func() {
		defer close(out)
		for b := range len(r.starts) - 1 {
			if r.starts[b] == r.starts[b+1] {
				continue
			}
			select {
			case s := <-slates:
				pending := make(chan block, 1)
				out <- pending // there is room for as many as there are slates
				working.Go(func() { pending <- r.block(b, s) })
			case <-ctx.Done():
				return
			}
		}
	})
	return out, working.Wait
}

// block computes block number of the spine. It reads what the sweep has finished
// and writes nothing shared but s, which is its own until it is written, so that blocks
// may be computed beside each other. Dictionaries of text are only read here.
func (r *run) block(number int, s *slate) (b block) {
	b.slate = s
	slots := make([][]event.Column, len(r.Plan.Lookups))
	for l := range r.Plan.Lookups {
		if slots[l], b.err = r.slots(l, number, s); b.err != nil {
			return b
		}
	}
	var q *features.Queries
	if q, b.err = r.rowsOf(number); b.err != nil {
		return b
	}
	b.rows, b.splits = q.Len, splits(q)
	b.columns = r.Plan.Finish(q, slots, &b.counts)
	r.mature(&b, q)
	for i := range r.Plan.Labels {
		b.labels[i].Attributed = touched(&r.Plan.Labels[i], slots)
	}
	var weights []event.Column
	if i, waits := r.Plan.Sampled(); waits {
		weights = append(weights, r.Plan.Weigh(b.columns[r.Plan.Labels[i].Output], b.rows))
	}
	b.columns = slices.Concat(q.Own, b.columns, q.Marks, weights)
	return b
}

// writeBlock writes a block, beside the spine's own columns if there are any.
// The spine is opened a second time for this; a different number of rows is
// proof that it was rewritten, and labels beside features of other rows would
// be worse than no training set.
func (r *run) writeBlock(ctx context.Context, carry event.Source, of block) error {
	b := event.Batch{Len: of.rows, Columns: of.columns}
	if carry != nil {
		var own event.Batch
		err := carry.Read(ctx, &own)
		if errors.Is(err, io.EOF) || err == nil && own.Len != of.rows {
			return errSpineChanged
		}
		if err != nil {
			return fmt.Errorf("read spine: %w", err)
		}
		b.Carried = own.Carried
	}
	return r.Sink.Write(ctx, &b)
}
