package live

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// troubled is a feed whose brokers are away.
type troubled struct {
	since time.Time
	err   error
}

func (f *troubled) Source() string { return "tx" }
func (f *troubled) Next(ctx context.Context) (*Arrival, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (f *troubled) Trouble() (time.Time, error) { return f.since, f.err }
func (f *troubled) Close()                      {}

// TestWatched holds what a driver tells of itself: troubles and its beat once it runs,
// the counts of its feeds, and what came behind the clock of its partition.
func TestWatched(t *testing.T) {
	e := newTestEngine(t, Options{})
	f := &troubled{time.Unix(1, 0), errors.New("away")}
	turned := make(chan struct{}, 1)
	d := &Driver{Engine: e, Feeds: []Feed{f}, Every: time.Millisecond, Due: func(context.Context) error {
		select {
		case turned <- struct{}{}:
		default:
		}
		return nil
	}}
	if d.Troubles() != nil || !d.Beat().IsZero() {
		t.Error("a driver that does not run tells of itself")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-turned
	if all := d.Troubles(); len(all) != 1 || all[0] != (Trouble{"tx", f.since, f.err}) {
		t.Errorf("troubles are %v", all)
	}
	if d.Beat().IsZero() {
		t.Error("a driver that runs has no beat")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for next, at := range []event.Time{day, day - 1, day, day + 1, day - 2} {
		b := payments(e, "a", at, 1)
		b.Source, b.Next = "tx", int64(next+1)
		a := &Arrival{Batch: *b}
		a.Happened.Ints = []int64{int64(at)}
		a.Counts[event.NoKey] = 2
		d.apply(a)
	}
	if p := d.Partitions(); len(p) != 1 || p[0].Late != 2 || p[0].Watermark != day+1 {
		t.Errorf("partitions are %+v", p)
	}
	if n := d.Counts(); n[event.NoKey] != 10 {
		t.Errorf("counted are %d", n[event.NoKey])
	}
	if s := e.Sizes(); len(s) != len(e.plan.Views) || s[0].Keys != 1 || s[0].Ready <= 0 {
		t.Errorf("sizes are %+v", s)
	}
}
