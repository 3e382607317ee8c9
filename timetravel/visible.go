package timetravel

import "github.com/timeseam/timeseam/features/event"

// Known names which events a query may know (docs/semantics.md S4).
type Known uint8

// The visibilities.
const (
	EventTime Known = iota // an event is known from its own time on, as if nothing were ever late: optimistic
	Arrival                // an event is known once it had arrived
)

var knownNames = [...]string{"event_time", "arrival"}

// String is the visibility's name in definitions and manifests.
func (k Known) String() string { return knownNames[k] }

// KnownOf is the visibility called name, which the loader has checked.
func KnownOf(name string) Known {
	for k, n := range knownNames {
		if n == name {
			return Known(k)
		}
	}
	panic("timetravel: no visibility is called " + name)
}

// Visibility says when events are known. A new one is a constant of Known and a
// case in each method; no driver asks which one it is.
type Visibility struct {
	Known       Known
	Delay       int64 // microseconds after its arrival at which an event is known
	DecideAfter int64 // microseconds after the question at which the decision falls
}

// Optimistic reports whether values may know events before they had arrived.
func (v Visibility) Optimistic() bool { return v.Known == EventTime }

// visible returns the instant from which an event of the given time and arrival
// is known (S4.4). The sweep orders a key's events by it, and it must depend on
// the event alone, lest the order depend on who asks (T1, T2). An event cannot
// be known before it happens, whatever its arrival says.
func (v Visibility) visible(t, arrived event.Time) event.Time {
	if v.Known == EventTime {
		return t
	}
	return max(t, later(arrived, v.Delay))
}

// cutoff returns the instant up to which events are known to a query at an
// instant. It moves what is known and no window (S4.5).
func (v Visibility) cutoff(at event.Time) event.Time { return later(at, v.DecideAfter) }

// Knows reports whether a query at an instant knows an event of the given time
// and arrival. The sweep does not ask this, as it has its events in the order of
// visible; it is for who explains a value.
func (v Visibility) Knows(at, t, arrived event.Time) bool {
	return v.visible(t, arrived) <= v.cutoff(at)
}

// later is t + by, by not below zero, held within the end of time.
func later(t event.Time, by int64) event.Time {
	if t > event.MaxTime-event.Time(by) {
		return event.MaxTime
	}
	return t + event.Time(by)
}
