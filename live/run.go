package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// Feed is records of a source as rows of an input of the plan, without an end.
type Feed interface {
	// Source is whose records they are.
	Source() string
	// Next waits for rows of some partition, or that one has come to its end. What is
	// arrived may be used until the call of Next after the next. What may pass is waited
	// for; an error is final.
	Next(ctx context.Context) (*Arrival, error)
	// Trouble is what keeps the feed from going on at the moment, and since when; nil:
	// nothing. Any goroutine may ask.
	Trouble() (since time.Time, err error)
	// Close releases what the feed holds.
	Close()
}

// Arrival is a batch of one partition, which may have no rows.
type Arrival struct {
	Batch
	End      int64        // where the partition's log ends, as was seen last
	AtEnd    bool         // there was nothing behind Next
	Happened event.Column // of each row, when
	Poison   int64        // records that went to dead letters
	Counts   event.Counts
}

// Partition is how far a partition has been followed.
type Partition struct {
	Source    string
	Partition int32
	Next, End int64      // positions: what is applied, and where the log ends
	Watermark event.Time // the clock of its events; MinTime: none was seen
	Idle      bool       // all of it is applied
	Moved     time.Time  // when something of it was applied last
	Whole     time.Time  // when all of it was applied last
	Rows      int64
	Poison    int64
	Late      int64 // rows that happened before the clock, as it was then
}

// Driver applies what feeds bring, and does what is due between two batches.
type Driver struct {
	Engine *Engine
	Feeds  []Feed
	// Ends are by source and partition where logs ended when the feeds began: once all
	// is applied up to there, the driver has caught up.
	Ends Positions
	// Due is done between two batches, every Every.
	Due   func(ctx context.Context) error
	Every time.Duration
	// Applied is told of each batch that was applied, and of the epoch at which it was,
	// before the next is; nil: nobody wants to know. The flow waits for it.
	Applied func(a *Arrival, epoch uint64)
	// Live is called once, when the driver has caught up.
	Live func()

	mu         sync.Mutex
	partitions map[string]map[int32]*followed
	caught     bool
	beat       time.Time    // when Run last began a turn
	counts     event.Counts // of the feeds
}

type followed struct {
	Partition
	clock clock
}

// forgetEvery is how often the engine is told to let go of what nobody can ask for.
const forgetEvery = 10 * time.Second

// Run follows the feeds until the context ends, which is no error, or a feed does.
func (d *Driver) Run(ctx context.Context) error {
	arrivals, failed := make(chan *Arrival), make(chan error, len(d.Feeds))
	inner, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	for _, f := range d.Feeds {
		wait.Go(func() {
			if err := relay(inner, f, arrivals); err != nil && inner.Err() == nil {
				failed <- fmt.Errorf("stream of source %s: %w", f.Source(), err)
			}
		})
	}
	due, forget := time.NewTicker(max(d.Every, time.Millisecond)), time.NewTicker(forgetEvery)
	defer due.Stop()
	defer forget.Stop()
	d.settle(nil)
	for {
		d.turn()
		select {
		case a := <-arrivals:
			if err := d.apply(a); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-forget.C:
			d.Engine.Forget()
			if err := d.Engine.Err(); err != nil {
				return err
			}
		case <-due.C:
			if d.Due == nil || d.Every == 0 {
				continue
			}
			if err := d.Due(ctx); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// relay hands on what a feed brings.
func relay(ctx context.Context, f Feed, to chan<- *Arrival) error {
	for {
		a, err := f.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case to <- a:
		case <-ctx.Done():
			return nil
		}
	}
}

// apply applies an arrival.
func (d *Driver) apply(a *Arrival) error {
	if a.Rows != nil && a.Rows.Len > 0 || a.Next > d.next(a) {
		d.Engine.Apply(&a.Batch)
		if err := d.Engine.Err(); err != nil {
			return err
		}
		if d.Applied != nil {
			d.Applied(a, d.Engine.Epoch())
		}
	}
	d.settle(a)
	return nil
}

// next is the position of an arrival's partition before it.
func (d *Driver) next(a *Arrival) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.partitions[a.Source][a.Partition]; p != nil {
		return p.Next
	}
	return -1
}

// settle notes how far a partition has come, and whether all have caught up.
func (d *Driver) settle(a *Arrival) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a != nil {
		d.see(a)
	}
	if d.caught || !d.reached() {
		return
	}
	d.caught = true
	if d.Live != nil {
		d.Live()
	}
}

func (d *Driver) see(a *Arrival) {
	if d.partitions == nil {
		d.partitions = map[string]map[int32]*followed{}
	}
	of := d.partitions[a.Source]
	if of == nil {
		of = map[int32]*followed{}
		d.partitions[a.Source] = of
	}
	p := of[a.Partition]
	if p == nil {
		p = &followed{Partition: Partition{Source: a.Source, Partition: a.Partition, Watermark: event.MinTime}}
		of[a.Partition] = p
	}
	p.Next, p.End, p.Idle = a.Next, max(a.End, a.Next), a.AtEnd
	p.Poison += a.Poison
	d.counts.Add(&a.Counts)
	if a.AtEnd || p.Next >= p.End {
		p.Whole = d.Engine.now()
	}
	for i, t := range a.Happened.Ints {
		if !a.Happened.IsNull(i) {
			if p.clock.begun && event.Time(t) < p.clock.at {
				p.Late++
			}
			p.clock.see(event.Time(t))
		}
	}
	if p.clock.begun {
		p.Watermark = p.clock.at
	}
	if a.Rows != nil && a.Rows.Len > 0 {
		p.Moved, p.Rows = d.Engine.now(), p.Rows+int64(a.Rows.Len)
	}
}

// reached reports whether all that was there when the feeds began is applied.
func (d *Driver) reached() bool {
	for source, of := range d.Ends {
		for partition, end := range of {
			if p := d.partitions[source][partition]; end > 0 && (p == nil || p.Next < end) {
				return false
			}
		}
	}
	return true
}

// Partitions tells how far each partition has been followed, in order.
func (d *Driver) Partitions() (all []Partition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, source := range slices.Sorted(maps.Keys(d.partitions)) {
		of := d.partitions[source]
		for _, p := range slices.Sorted(maps.Keys(of)) {
			all = append(all, of[p].Partition)
		}
	}
	return all
}

// Watermark is that of all partitions.
func (d *Driver) Watermark() event.Time { return Watermark(d.Partitions()) }

// Staleness is how long ago what is applied was all there was, of the partition of which
// it was longest; negative: that is not known yet.
func (d *Driver) Staleness() (longest time.Duration) {
	now := d.Engine.now()
	for _, p := range d.Partitions() {
		switch {
		case p.Whole.IsZero():
			return -1
		case !p.Idle:
			longest = max(longest, now.Sub(p.Whole))
		}
	}
	return longest
}

// Caught reports whether all that was there when the driver began is applied.
func (d *Driver) Caught() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.caught
}
