package timetravel

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// step brings events i to j-1 of a key to the store and asks it what is known of
// the key at an instant. Bounded and unbounded runs are made of nothing else.
// Apply comes before Value: an event known from the very instant of the query
// is in (T1), and whether it counts is the window's affair (S4.3). i == j asks
// again without new events. It is one function so that training and serving
// cannot come to differ in it.
func step(s *features.Store, key event.Hash, e features.Events, i, j int, at event.Time, out []event.Column) {
	if i < j {
		s.Apply(key, e, i, j)
	}
	s.Value(key, at, out)
}
