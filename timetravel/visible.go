package timetravel

import "github.com/timeseam/timeseam/features/event"

// Known names which events a query may know (docs/semantics.md S4). A new
// visibility is a constant here and a case in each method; no driver asks which
// one it is.
type Known uint8

// EventTime: an event is known from its own time on, as if nothing were ever
// late. What is computed so is optimistic.
const EventTime Known = iota

// String is the visibility's name in definitions and manifests.
func (k Known) String() string { return "event_time" }

// Optimistic reports whether values may know events before they had arrived.
func (k Known) Optimistic() bool { return k == EventTime }

// visible returns the instant from which an event of the given time is known.
// The sweep orders a key's events by it, and it must depend on the event alone,
// lest the order depend on who asks (T1, T2).
func (k Known) visible(t event.Time) event.Time { return t }
