package live

import "github.com/timeseam/timeseam/features/event"

// How a partition's clock guards against instants that are none.
const (
	jumpMost  = 86_400_000_000 // microseconds that the clock goes ahead at once
	jumpsMost = 16             // so many events in a row, all further ahead, and the clock follows them
)

// clock is how far a partition has come in the times of its events: the greatest of
// them, but one bad instant moves nothing. It is a function of the events before, in
// their order, so that it is the same whenever they are read. No value is made of it.
type clock struct {
	at     event.Time
	begun  bool
	beyond int        // events in a row that were further ahead than the clock goes at once
	least  event.Time // of them
}

// see moves the clock by an event.
func (c *clock) see(t event.Time) {
	switch {
	case !c.begun:
		c.at, c.begun = t, true
	case t <= c.at:
		c.beyond = 0
	case t <= c.at.Later(jumpMost):
		c.at, c.beyond = t, 0
	default:
		if c.beyond++; c.beyond == 1 || t < c.least {
			c.least = t
		}
		if c.beyond >= jumpsMost {
			c.at, c.beyond = c.least, 0
		}
	}
}
