package live

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Head is what an engine says of what it saves; docs/formats.md has it.
type Head struct {
	Digest    string           `json:"digest"`
	Views     []SavedView      `json:"views"`
	Epoch     uint64           `json:"epoch"`
	Positions Positions        `json:"positions"`
	Kept      event.Time       `json:"kept"`
	Last      event.Time       `json:"last"` // the greatest instant of a question without one
	Counts    map[string]int64 `json:"counts"`
	// Marks are what the driver's feeds must find again: what topics were, which files
	// were applied.
	Marks map[string]string `json:"marks,omitempty"`
}

// SavedView is a view and the types of what its runs keep, for those who look.
type SavedView struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// Saved is an engine between two batches: all rows since it was saved last, and the
// whole runs of some key groups. Nobody changes any of it any more.
type Saved struct {
	Head   Head
	Linked bool        // the rows are all since it was saved last
	Rows   [][]Section // by view
	Bases  []GroupRuns // of all views, in the order in which they were taken
	Err    error       // of the engine: none of it is to be kept
	Groups int         // whose runs are there: so many from the one that was asked for, and on from the first behind the last
}

// GroupRuns is the runs of one key group of a view.
type GroupRuns struct {
	View, Group int
	features.Runs
}

// Due is which key groups' runs are to be saved.
type Due struct {
	From  int // the first
	Least int // at least so many
	Bytes int // and more, until they have so many bytes
}

// together is how many key groups are taken while a shard's questions wait.
const together = 8

// Save takes what a checkpoint needs. It is for the goroutine that applies, between two
// batches; questions wait for a few key groups at a time. The flow waits for as long as
// copying takes: by its bounds, never for the whole state.
func (e *Engine) Save(d Due) *Saved {
	s := &Saved{Head: e.head()}
	s.Rows, s.Linked = e.notes.take()
	size := 0
	for s.Groups < event.KeyGroups && (s.Groups < d.Least || size < d.Bytes) {
		from := (d.From + s.Groups) % event.KeyGroups
		to := min(from+together, event.KeyGroups, from+event.KeyGroups-s.Groups)
		if s.Groups < d.Least {
			to = min(to, from+d.Least-s.Groups)
		}
		for from < to {
			shard := e.shards[e.shardOfGroup(from)]
			end := from + 1
			for end < to && e.shards[e.shardOfGroup(end)] == shard {
				end++
			}
			size += s.takeGroups(shard, from, end)
			from = end
		}
	}
	s.Err = e.Err()
	return s
}

// takeGroups takes some key groups of a shard.
func (s *Saved) takeGroups(from *shard, first, end int) (size int) {
	from.mu.Lock()
	defer from.mu.Unlock()
	defer from.look()
	for view := range s.Rows {
		for i, runs := range from.state.Runs(view, first, end) {
			if len(runs.Keys) > 0 {
				s.Bases = append(s.Bases, GroupRuns{View: view, Group: first + i, Runs: runs})
				size += len(runs.Bytes) + 20*len(runs.Keys)
			}
		}
	}
	s.Groups += end - first
	return size
}

// head is where the engine stands.
func (e *Engine) head() Head {
	at := e.Status()
	h := Head{Digest: e.plan.Digest(), Epoch: at.Epoch, Positions: at.Positions, Kept: at.Kept, Counts: map[string]int64{}, Marks: at.Marks}
	e.clock.Lock()
	h.Last = e.last
	e.clock.Unlock()
	for _, v := range e.plan.Views {
		view := SavedView{Name: v.Name, Columns: []string{}}
		for _, t := range v.Layout.Columns {
			view.Columns = append(view.Columns, t.String())
		}
		h.Views = append(h.Views, view)
	}
	at.Counts.Each(func(r event.Reason, n int64) {
		if n != 0 {
			h.Counts[r.String()] = n
		}
	})
	return h
}
