package timetravel

import (
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// leaveNewest leaves, of a view that gives out nothing but the newest event, the
// events that are some question's newest: what follows is told by these alone
// (aggregate.Layout.Newest), and the columns of all others need not be gathered.
// Keys of which this cannot be told by times, as two events share one or some came
// to be known out of order, keep all of theirs; so do those with events that are
// folded. Nothing that is counted within a key changes: without equal times there
// are no copies and no ties.
func (s *sweeper) leaveNewest(chunks []shelf.Piece) {
	if !s.newestTells(chunks) {
		return
	}
	from, at := int32(0), int32(0)
	for id := range s.local.len() {
		to := s.eStarts[id+1]
		s.eStarts[id] = at
		if s.hasBase(id) || !rises(s.gather.Times[from:to]) {
			at = s.move(at, from, to)
		} else {
			at = s.leaveAsked(id, at, from, to)
		}
		from = to
	}
	s.eStarts[s.local.len()] = at
	s.order, s.gather.Times = s.order[:at], s.gather.Times[:at]
}

// newestTells reports whether the newest event before a question's end is all that
// the view's slots can tell of.
func (s *sweeper) newestTells(chunks []shelf.Piece) bool {
	layout := s.Plan.Views[s.view].Layout
	given, is := layout.Newest()
	if !is || s.Plan.Views[s.view].Ends() || s.Plan.Lookups[s.lookup].Ahead {
		return false
	}
	for k := range chunks {
		for _, c := range given {
			if chunks[k].Columns[c].Null != nil {
				return false // an older one may be the newest that has a value
			}
		}
	}
	return true
}

// rises reports whether every time is after the one before.
func rises(times []event.Time) bool {
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			return false
		}
	}
	return true
}

// leaveAsked moves those of a key's events from to to-1 to at that are the newest of
// some question, and returns where they end. Events rise in time and in when they
// are known, and questions in their instants, so that one is never before the last.
func (s *sweeper) leaveAsked(id int, at, from, to int32) int32 {
	layout, next := s.Plan.Views[s.view].Layout, from
	for _, q := range s.queries[s.qStarts[id]:s.qStarts[id+1]] {
		end := s.passed(next, to, s.Visibility.cutoff(q.at), layout.End(q.at))
		if end > next {
			at = s.move(at, end-1, end)
			next = end
		}
	}
	return at
}

// passed is the end of the events from next on, up to to, that are known at a cutoff
// and happened before an end: some steps on, which double.
func (s *sweeper) passed(next, to int32, cutoff, end event.Time) int32 {
	lo, hi := next, to // all before lo pass
	for step := int32(1); lo < hi; step *= 2 {
		k := min(lo+step, hi) - 1
		if s.order[k].visible > cutoff || s.gather.Times[k] >= end {
			hi = k
			break
		}
		lo = k + 1
	}
	for lo < hi {
		k := lo + (hi-lo)/2
		if s.order[k].visible > cutoff || s.gather.Times[k] >= end {
			hi = k
		} else {
			lo = k + 1
		}
	}
	return lo
}

// move moves events from to to-1 to at, and returns where they end there.
func (s *sweeper) move(at, from, to int32) int32 {
	copy(s.order[at:], s.order[from:to])
	copy(s.gather.Times[at:], s.gather.Times[from:to])
	return at + to - from
}
