package aggregate

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// ValueWith is Values of one question with one more event: the one that the
// question itself is, row i of own (S4.7). It stands at the instant of the question
// as the newest event before all others of that instant, whatever orders those, and
// is gone again when ValueWith returns; no other question may be noted; its id is compared with no other's. Windows that end at t hold it, and those that
// are closed there, by its time, as well. It goes into
// the run and out again, so that every window, filter and fold takes it as any
// row: a second way to compute would be a second meaning. Mostly it is the last
// row, or the last but its own copy in the history, and costs what an event does.
func (r *Run) ValueWith(a Ask, own Events, i int, out []event.Column) {
	at := a.Times[0]
	p := r.search(at, len(r.times))
	r.undo(p)
	r.times = slices.Insert(r.times, p, at)
	for c := range r.columns {
		r.flags[c] = r.columns[c].Null != nil
		insertRow(&r.columns[c], p, &own.Columns[c], i)
	}
	r.settle()
	r.locate(a, 1)
	r.answerAll(out)
	r.undo(p)
	r.remove(p)
	r.withdrawn = true
	for c := range r.columns {
		if !r.flags[c] {
			r.columns[c].Null = nil // no row has a null but the one that is gone
		}
	}
}

// undo takes the rows from p on out of the folds that would else begin anew,
// while their values still stand in the columns. What came since they were
// settled is settled first, as it may have moved rows that they hold.
func (r *Run) undo(p int) {
	if p >= r.unsettled {
		return
	}
	r.settle()
	for _, u := range r.undoing {
		u.fold.undo(u.track.at(p))
	}
	r.unsettled = p
}

// undoer is a fold for which changed is dear where only the last rows go. undo
// comes before changed, from the same row of the track on, and may read the rows
// that are about to go.
type undoer interface{ undo(from int) }

// undoing is such a fold and its track.
type undoing struct {
	fold  undoer
	track *track
}
