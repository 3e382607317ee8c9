package timetravel

import (
	"context"
	"fmt"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// hands is the memory of the partitions that are worked on: who begins one takes
// its weight, and waits while others hold too much.
type hands struct {
	lock  sync.Mutex
	freed *sync.Cond
	all   int64 // 0: without end
	held  int64
}

func newHands(all int64) *hands {
	h := &hands{all: all}
	h.freed = sync.NewCond(&h.lock)
	return h
}

// take waits until there is room for n bytes, or ctx is done.
func (h *hands) take(ctx context.Context, n int64) error {
	stop := context.AfterFunc(ctx, func() {
		h.lock.Lock()
		defer h.lock.Unlock()
		h.freed.Broadcast()
	})
	defer stop()
	h.lock.Lock()
	defer h.lock.Unlock()
	for h.all > 0 && h.held > 0 && h.held+n > h.all && ctx.Err() == nil {
		h.freed.Wait()
	}
	h.held += n
	return ctx.Err()
}

func (h *hands) give(n int64) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.held -= n
	h.freed.Broadcast()
}

// What a partition takes while it is worked on, in bytes an event and a query beside
// their columns: where each stands and when it is known, the hash of its key, its
// time, and, for one key after the other, what folds make of them.
const (
	eventWeight = 128
	queryWeight = 96
)

// weightOf is about how many bytes partition p of a lookup takes while it is worked
// on. Columns are there as they were read, in order, and in the run.
func (r *run) weightOf(lookup, p int) (n int64) {
	of := r.Plan.Lookups[lookup]
	view := r.Plan.Views[of.View]
	n = r.eventsWeight(of.View, p)
	answer := int64(0)
	for i := range view.Layout.Slots {
		answer += HeldBytes(view.Layout.Slots[i].Type)
	}
	if a := &r.asked[of.Key]; a.counts != nil {
		n += int64(a.counts[p]) * (queryWeight + 2*answer)
	}
	return n
}

// HeldBits is how many bits memory holds of each row of the output wherever the row
// lies: whether it was taken up, stays and is answered, which questions are copies or
// have an instant in common, and where the sections of its questions and answers are.
// A section has 12 bytes, and of a block there are up to 2^maxBits for each lookup's
// answers, and a fourth of that for each key's questions.
func HeldBits(p *features.Plan) int64 {
	bits := int64(3)
	if len(p.Queries.Content) > 0 {
		bits += 3
	}
	section := int64(12 * 8 << maxBits)
	return bits + (int64(len(p.Lookups))*section+int64(len(p.Queries.Keys))*section>>(maxBits-askBits)+outputRows-1)/outputRows
}

// eventsWeight is what of that the events of a view take.
func (r *run) eventsWeight(view, p int) int64 {
	columns := int64(0)
	for _, t := range r.Plan.Views[view].Layout.Columns {
		columns += HeldBytes(t)
	}
	group, section := groupOf(p, r.bits)
	size, n := r.heldSize(view, p)
	for _, part := range r.chunks[view] {
		for i := range part {
			n += int64(part[i][group].Len(section))
		}
	}
	return size + n*(eventWeight+3*columns)
}

// ElementsGuessed is how many elements a list or a map has, as nobody can tell.
const ElementsGuessed = 8

// HeldBytes is about what a value takes in memory; of a text, what stands for it in
// a column.
func HeldBytes(t event.Type) (n int64) {
	switch t.Kind {
	case event.String, event.Bytes:
		return 4
	case event.Decimal:
		return 16
	case event.List, event.Map:
		return ElementsGuessed * HeldBytes(*t.Elem)
	case event.Struct:
		for _, f := range t.Fields {
			n += HeldBytes(f.Type)
		}
		return n
	}
	return 8
}

// TooHot is a key, or several of one partition, whose events do not fit into the
// memory that a run may take; or the entities of a grid.
type TooHot struct {
	View  string // "": it is the grid
	Bytes int64  // that would have to be there for it
	Hands int64  // that are there
}

// Error says so.
func (e *TooHot) Error() string {
	if e.View == "" {
		return fmt.Sprintf("the entities of the grid take %d MiB or more, and %d MiB are there for them", e.Bytes>>20, e.Hands>>20)
	}
	return fmt.Sprintf("the busiest keys of view %s take about %d MiB at once, and %d MiB are there for them", e.View, e.Bytes>>20, e.Hands>>20)
}

// weigh refuses a run of which some partition does not fit, before any work is put
// into the others.
func (r *run) weigh() error {
	r.hands = newHands(r.Hands)
	if r.Hands == 0 {
		return nil
	}
	hot := TooHot{Hands: r.Hands, Bytes: r.Hands}
	for l := range r.Plan.Lookups {
		for p := range 1 << r.bits {
			if n := r.weightOf(l, p); n > hot.Bytes {
				hot.View, hot.Bytes = r.Plan.Views[r.Plan.Lookups[l].View].Name, n
			}
		}
	}
	if hot.Bytes > r.Hands {
		return &hot
	}
	return nil
}
