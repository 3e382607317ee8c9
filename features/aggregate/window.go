package aggregate

import (
	"fmt"
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// Window is which events count at an instant: those of a span of time, the
// newest rows, or all there ever were. Exactly one of Length, Rows and Lifetime
// is set; Rows takes no Offset. A window is comparable, and equal windows share
// one search. ClosedLow says nothing where there is no lower end; the compiler
// sets it then, so that what means the same is the same.
type Window struct {
	Length     int64 // microseconds
	Rows       int
	Lifetime   bool
	Offset     int64 // microseconds by which both ends lie back
	ClosedLow  bool  // an event at the lower end counts
	ClosedHigh bool  // an event at the upper end counts
}

// Bounds returns the times that count at an instant as lo <= time < hi. It alone
// spells where a window ends (S3): with the default bounds "[)", a window of
// length w and offset o at t is t-o-w <= time < t-o. Ends beyond the ends of
// time are the ends of time. Instants are whole microseconds, so that an open
// lower end is the next instant and a closed upper end too: one form of
// interval serves all four bounds. Both modes and every aggregate come by here;
// an end spelled a second time is how training and serving drift apart.
func (w Window) Bounds(at event.Time) (lo, hi event.Time) {
	hi = back(at, w.Offset)
	lo = event.MinTime
	if w.Length > 0 {
		lo = back(hi, w.Length)
		if !w.ClosedLow {
			lo = back(lo, -1)
		}
	}
	if w.ClosedHigh {
		hi = back(hi, -1)
	}
	return lo, hi
}

// HoldsOwn reports whether the window holds the event that a question itself is,
// where that counts (S4.7): whether it ends at t and not with t. What is at t is
// no matter of its end then.
func (w Window) HoldsOwn() bool { return w.Offset == 0 && !w.ClosedHigh }

// endsWith reports whether two windows have one upper end at every instant.
func (w Window) endsWith(v Window) bool { return w.Offset == v.Offset && w.ClosedHigh == v.ClosedHigh }

// endsBefore reports whether at every instant v ends later, or with w at the end
// of time. A closed end is an instant later than an open one.
func (w Window) endsBefore(v Window) bool {
	return w.Offset > v.Offset || w.Offset == v.Offset && !w.ClosedHigh && v.ClosedHigh
}

// span is how far a window reaches, for ordering: windows of rows as none, a
// lifetime as all.
func (w Window) span() int64 {
	if w.Lifetime {
		return math.MaxInt64
	}
	return w.Length
}

// settled returns the time below which, for every instant from at on, the window
// tells no event from another: it holds them all (lifetime), the newest of
// them (rows), or none. Bounds never go back as instants go on, which is what
// makes it hold for all later ones.
func (w Window) settled(at event.Time) event.Time {
	lo, hi := w.Bounds(at)
	if w.Length > 0 {
		return lo
	}
	return hi
}

// back is t - by, held within the ends of time. A wrapped end would make a
// window that is too long hold nothing (S3.6).
func back(t event.Time, by int64) event.Time {
	switch {
	case by > 0 && t < event.MinTime+event.Time(by):
		return event.MinTime
	case by < 0 && t > event.MaxTime+event.Time(by):
		return event.MaxTime
	}
	return t - event.Time(by)
}

// Steps returns the instants from, from+every, and so on before to; false where
// they are more than most. It stands here because times are added nowhere else.
func Steps(from, to event.Time, every int64, most int) (steps []event.Time, ok bool) {
	for t := from; t < to; {
		if len(steps) == most {
			return nil, false
		}
		steps = append(steps, t)
		next := back(t, -every)
		if next == event.MaxTime {
			break // the end of time, or beyond it
		}
		t = next
	}
	return steps, true
}

// String is the window in words, as explain and manifests print it.
func (w Window) String() string {
	ends := map[bool]string{true: "<=", false: "<"}
	hi := "t"
	if w.Offset > 0 {
		hi = "t-" + Span(w.Offset)
	}
	switch {
	case w.Lifetime:
		return fmt.Sprintf("time %s %s", ends[w.ClosedHigh], hi)
	case w.Rows > 0:
		return fmt.Sprintf("the newest %d rows with time %s t", w.Rows, ends[w.ClosedHigh])
	}
	return fmt.Sprintf("%s-%s %s time %s %s", hi, Span(w.Length), ends[w.ClosedLow], ends[w.ClosedHigh], hi)
}

// Span writes microseconds as the largest unit that divides them: 90d, 36h, 5us.
func Span(us int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"d", 86_400_000_000}, {"h", 3_600_000_000}, {"m", 60_000_000}, {"s", 1_000_000}, {"ms", 1_000}} {
		if us%u.size == 0 && us != math.MinInt64 {
			return fmt.Sprintf("%d%s", us/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dus", us)
}
