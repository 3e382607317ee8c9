package live

import (
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// Trouble is what keeps a feed from going on.
type Trouble struct {
	Source string
	Since  time.Time
	Err    error // nil: nothing does
}

// Troubles tells of each feed what keeps it from going on; before the driver runs there
// is nothing to tell.
func (d *Driver) Troubles() (all []Trouble) {
	if d.Beat().IsZero() {
		return nil
	}
	for _, f := range d.Feeds {
		since, err := f.Trouble()
		all = append(all, Trouble{f.Source(), since, err})
	}
	return all
}

// Beat is when the driver last began a turn: it does so at least every Every, unless
// something holds it up. The zero time: it does not run yet.
func (d *Driver) Beat() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.beat
}

// turn notes that the driver goes on. By the process's own clock, which nobody sets back.
func (d *Driver) turn() {
	d.mu.Lock()
	d.beat = time.Now()
	d.mu.Unlock()
}

// Counts is what was refused or noted while records became rows. What the state itself
// notes is in the engine's Status.
func (d *Driver) Counts() event.Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// Watermark is the least of the partitions' clocks, but of those that are at their end
// while others are not; MinTime: nothing was seen.
func Watermark(of []Partition) event.Time {
	least, idle, any := event.MaxTime, event.MinTime, false
	for _, p := range of {
		if p.Idle {
			idle = max(idle, p.Watermark)
			continue
		}
		least, any = min(least, p.Watermark), true
	}
	if !any {
		return idle
	}
	return least
}
