package timetravel

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// step brings events i to j-1 of a key to the store and asks it what is known of
// the key at some instants. Bounded and unbounded runs are made of nothing else.
// Apply comes before Value: an event known from the very instant of the query
// is in (T1), and whether it counts is the window's affair (S4.3). i == j asks
// again without new events. It is one function so that training and serving
// cannot come to differ in it.
func step(s *features.Store, e features.Events, i, j int, q question, out []event.Column) {
	if i < j {
		s.Apply(q.key, e, i, j)
	}
	if q.own >= 0 {
		s.ValueWith(q.key, q.ask, q.own, out)
	} else {
		s.Ask(q.key, q.ask, out)
	}
}

// question is what is asked of a key, once or several times. own is the place, among
// those that the store was brought, of the event that the one question itself is;
// -1: it is none of the key's that counts (S4.7).
type question struct {
	key event.Hash
	ask features.Ask
	own int
}
