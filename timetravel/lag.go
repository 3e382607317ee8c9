package timetravel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Lag measures how long after their own time the events of a source arrive. It
// makes no value: what arrival means for values visible.go says alone. The
// caller fills it and calls Run once.
//
// Memory is bounded whatever the source holds: quantiles come from counts over
// intervals that get narrower with each pass (narrow.go), and what is late from
// the greatest time that had arrived by each of a bounded number of steps
// (behind). So the source is read at least twice, and everything told is exact.
type Lag struct {
	// View takes the source's events, with their arrivals.
	View *features.PlannedView
	// Open opens the source's rows as parts that may be read beside each other.
	// It is called for every pass.
	Open func() ([]event.Source, error)
	// Quantiles to tell, in thousandths; each is the value of rank
	// ceil(q*n/1000), at least 1, as that of quantile_disc (S9.4).
	Quantiles []int64
	// Spans, in microseconds: how many events lag by more than each is counted.
	Spans []int64
	// Workers is how many goroutines read; at least one.
	Workers int
}

// LagReport is how long after their time events arrived. It depends on the set
// of events alone, not on their order or on who read them (T2).
type LagReport struct {
	Rows      int64 // that were read
	Events    int64 // those with a time and an arrival; all that follows is of them
	Counts    event.Counts
	Quantiles []int64 // microseconds, below zero where an event arrived before its time
	Min, Max  int64
	Over      []int64 // events, by span
	Late      int64   // events that arrived in a later step than one of a later time
	Step      int64   // microseconds
	Passes    int
}

// errHistoryChanged is what is said of a source whose rows are others when it is
// read again.
var errHistoryChanged = errors.New("it changed while it was read; run again when nobody writes it")

// Run reads the source as often as it takes.
func (l *Lag) Run(ctx context.Context) (*LagReport, error) {
	r := &LagReport{Over: make([]int64, len(l.Spans)), Min: math.MaxInt64, Max: math.MinInt64}
	coarse, line := &magnitudes{}, &behind{}
	err := l.pass(ctx, r, func(times, arrived []event.Time) {
		for i, t := range times {
			lag := lagOf(t, arrived[i])
			coarse.add(lag)
			line.arrive(t, max(t, arrived[i]))
			r.Min, r.Max = min(r.Min, lag), max(r.Max, lag)
			for k, span := range l.Spans {
				if lag > span {
					r.Over[k]++
				}
			}
		}
	})
	if err != nil || r.Events == 0 {
		return r, err
	}
	wanted := make([]interval, len(l.Quantiles))
	for i, q := range l.Quantiles {
		wanted[i] = coarse.find(max((r.Events*q+999)/1000, 1))
	}
	line.settle()
	if err := l.again(ctx, r, wanted, line); err != nil {
		return nil, err
	}
	r.Step = line.step()
	for i := range wanted {
		r.Quantiles = append(r.Quantiles, wanted[i].low)
	}
	return r, nil
}

// again reads the source until every quantile is told: once for what is late,
// and as long as an interval holds more than one value.
func (l *Lag) again(ctx context.Context, r *LagReport, wanted []interval, line *behind) error {
	for r.Passes = 1; r.Passes == 1 || !settled(wanted); r.Passes++ {
		var same LagReport
		for i := range wanted {
			wanted[i].open()
		}
		err := l.pass(ctx, &same, func(times, arrived []event.Time) {
			for i, t := range times {
				lag := lagOf(t, arrived[i])
				for k := range wanted {
					wanted[k].add(lag)
				}
				if r.Passes == 1 && line.late(t, max(t, arrived[i])) {
					r.Late++
				}
			}
		})
		if err != nil {
			return err
		}
		for i := range wanted {
			if !wanted[i].close() {
				return errHistoryChanged
			}
		}
		if same.Events != r.Events || same.Rows != r.Rows {
			return errHistoryChanged
		}
	}
	return nil
}

// pass reads all parts, counts into r, and hands what the view takes of each batch
// to add, one batch at a time. Rows are evaluated beside each other; the sums
// behind the lock are the same in any order.
func (l *Lag) pass(ctx context.Context, r *LagReport, add func(times, arrived []event.Time)) error {
	parts, err := l.Open()
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range parts {
			p.Close()
		}
	}()
	var one sync.Mutex
	return each(ctx, l.Workers, len(parts), func(ctx context.Context, part int) error {
		defer parts[part].Close()
		var b event.Batch
		for {
			if err := parts[part].Read(ctx, &b); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("read history: %w", err)
			}
			var counts event.Counts
			taken := l.View.Rows(&b, &counts)
			one.Lock()
			add(taken.Times, taken.Arrived)
			r.Counts.Add(&counts)
			r.Rows += int64(b.Len)
			r.Events += int64(len(taken.Times))
			one.Unlock()
		}
	})
}

// lagOf is how long after its time an event arrived, in microseconds, held within
// 64 bits.
func lagOf(t, arrived event.Time) int64 {
	lag := int64(arrived - t)
	switch {
	case arrived >= t && lag < 0:
		return math.MaxInt64
	case arrived < t && lag >= 0:
		return math.MinInt64
	}
	return lag
}

// behind tells which events were late: arrived in a later step than an event of
// the source of a later time. One that arrived before its own time counts as
// arrived at it, lest a clock that runs ahead make everything else late. It holds the greatest time that arrived in each
// step, by pages of steps, which are made where an event arrives. A step is a
// second, or, where arrivals are spread over more pages than it may hold, the
// least power of two of seconds with which they are not: that follows from the
// arrivals alone and not from their order.
type behind struct {
	shift uint // a step is 1<<shift seconds
	pages map[int64]*page
}

// page is the greatest times of neighbouring steps; once settled, the greatest
// of all steps before each.
type page struct{ newest [pageSteps]event.Time }

// The bounds of behind: pagesMost pages of pageSteps steps are 64 MB, and three
// months of arrivals in every single second.
const (
	pageSteps = 1 << 12
	pagesMost = 1 << 11
	second    = 1_000_000
)

// step is how long a step is, in microseconds.
func (b *behind) step() int64 { return second << b.shift }

// place is the page and the step in it of an arrival.
func (b *behind) place(arrived event.Time) (at int64, step int) {
	n := int64(arrived) / second
	if int64(arrived)%second < 0 {
		n--
	}
	n >>= b.shift
	return n >> 12, int(n & (pageSteps - 1))
}

// arrive notes an event.
func (b *behind) arrive(t, arrived event.Time) {
	at, step := b.place(arrived)
	p := b.pages[at]
	if p == nil {
		if len(b.pages) == pagesMost {
			b.coarsen()
			b.arrive(t, arrived)
			return
		}
		p = b.page(at)
	}
	p.newest[step] = max(p.newest[step], t)
}

// page makes a page without events.
func (b *behind) page(at int64) *page {
	if b.pages == nil {
		b.pages = map[int64]*page{}
	}
	p := &page{}
	for i := range p.newest {
		p.newest[i] = event.MinTime
	}
	b.pages[at] = p
	return p
}

// coarsen makes steps twice as long until there is room for a page.
func (b *behind) coarsen() {
	for len(b.pages) == pagesMost {
		fine := b.pages
		b.pages = nil
		b.shift++
		for at, p := range fine {
			to := b.pages[at>>1]
			if to == nil {
				to = b.page(at >> 1)
			}
			first := int(at&1) * (pageSteps / 2)
			for i, t := range p.newest {
				to.newest[first+i/2] = max(to.newest[first+i/2], t)
			}
		}
	}
}

// settle ends the noting: each step then holds the greatest time of all before it.
func (b *behind) settle() {
	before := event.MinTime
	for _, at := range slices.Sorted(maps.Keys(b.pages)) {
		p := b.pages[at]
		for i, t := range p.newest {
			p.newest[i] = before
			before = max(before, t)
		}
	}
}

// late reports whether an event of a later time had arrived in a step before this
// one's.
func (b *behind) late(t, arrived event.Time) bool {
	at, step := b.place(arrived)
	p := b.pages[at]
	return p != nil && p.newest[step] > t
}
