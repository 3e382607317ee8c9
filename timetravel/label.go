package timetravel

import (
	"cmp"
	"context"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// LabelCount is how many rows a label tells of. The first four
// make up all rows.
type LabelCount struct {
	Positive int64 // true, or another number than zero
	Negative int64 // false or zero
	Null     int64 // known to be null, or no number
	Censored int64 // not known yet: null, never negative

	Until      event.Time // up to when the label's source is known; the beginning of time: it has no events
	Attributed int64      // by last touch: events that belong to a row
	Unmatched  int64      // by last touch: those that belong to none
}

// censored reports whether a label of the row at t is not known yet: whether its
// window reaches beyond what its source is known to hold (S14.7).
func (r *run) censored(l *features.Label, at event.Time, noTime bool) bool {
	if noTime {
		return true
	}
	_, closed := l.Window.Bounds(at)
	return closed > r.last[l.View]
}

// leaveCensored leaves out the rows of which some label is not known yet, where
// the training set says so. It comes before the sweep: such rows are asked
// nothing.
func (r *run) leaveCensored(context.Context) error {
	if r.Plan.TrainingSet == nil || !r.Plan.TrainingSet.Censored.Given() {
		return nil
	}
	n, err := r.leave(func(when *shelf.Piece, i, _ int) bool {
		known := true
		for l := range r.Plan.Labels {
			known = known && !r.censored(&r.Plan.Labels[l], when.Times[i], flagged(when, i, flagNoTime))
		}
		return !known
	})
	r.report.Spine[event.RowCensored] += n
	return err
}

// mature blanks the labels of a block's rows that are not known yet, and counts
// what the others tell.
func (r *run) mature(b *block, q *features.Queries) {
	b.labels = make([]LabelCount, len(r.Plan.Labels))
	for i := range r.Plan.Labels {
		l := &r.Plan.Labels[i]
		c := &b.columns[l.Output]
		n := &b.labels[i]
		*c, n.Censored = r.blanked(l, *c, q)
		negative := features.Negatives(*c)
		for k := range b.rows {
			switch {
			case c.IsNull(k) || c.Type.Kind == event.Double && c.Floats[k] != c.Floats[k] || !c.Type.Numeric() && c.Type.Kind != event.Bool:
				n.Null++
			case negative(k):
				n.Negative++
			default:
				n.Positive++
			}
		}
		n.Null -= n.Censored
	}
}

// blanked is a label of some rows, null where it is not known yet, and of how many
// that is so.
func (r *run) blanked(l *features.Label, c event.Column, q *features.Queries) (out event.Column, censored int64) {
	out = c.Like()
	for k := range c.Len() {
		if r.censored(l, q.Times[k], q.NoTime != nil && q.NoTime[k]) {
			out.AppendNull()
			censored++
		} else {
			out.Append(&c, k)
		}
	}
	return out, censored
}

// sample leaves out the rows that a sample has no place for.
func (r *run) sample(out func(when *shelf.Piece, i, number int) bool) error {
	n, err := r.leave(out)
	r.report.Spine[event.RowSampledOut] += n
	return err
}

// sampleByLabel draws the sample whose negatives later events tell. The label is
// swept alone, before the features are computed for rows that will not stay, and
// again with them: so counts tell of the rows that stay, and of nothing else.
func (r *run) sampleByLabel(ctx context.Context) error {
	i, waits := r.Plan.Sampled()
	if !waits {
		return nil
	}
	l := &r.Plan.Labels[i]
	taken, counts := r.report.Taken[l.Lookup], r.report.Counts[l.Lookup]
	key := r.Plan.Lookups[l.Lookup].Key
	r.begin()
	if err := cmp.Or(r.ownEvents(l.Lookup), r.ask(key, false)); err != nil {
		return err
	}
	if err := r.newLookupSweep(l.Lookup).sweep(ctx); err != nil {
		return err
	}
	out := newRowSet(r.spine.stays.rows)
	var s slate
	for b := range r.spine.blocks {
		if err := r.draw(l, b, &s, out); err != nil {
			return err
		}
	}
	r.drop(r.found[l.Lookup].answers)
	r.drop(r.own[l.Lookup])
	r.drop(r.asked[key].pieces)
	r.report.Taken[l.Lookup], r.report.Counts[l.Lookup] = taken, counts
	return r.sample(func(_ *shelf.Piece, _, number int) bool { return out.has(number) })
}

// draw adds the rows of a block to out that the sample has no place for.
func (r *run) draw(l *features.Label, block int, s *slate, out rowSet) (err error) {
	if r.starts[block] == r.starts[block+1] {
		return nil
	}
	slots := make([][]event.Column, len(r.Plan.Lookups))
	if slots[l.Lookup], err = r.slots(l.Lookup, block, s); err != nil {
		return err
	}
	q, err := r.rowsOf(block)
	if err != nil {
		return err
	}
	told, _ := r.blanked(l, r.Plan.Told(l, q, slots), q)
	negative, k := features.Negatives(told), 0
	b := &r.spine.blocks[block]
	for number := b.first; number < b.first+b.rows; number++ {
		if r.spine.stays.Has(number) {
			if q.Unlucky[k] && negative(k) {
				out.add(number)
			}
			k++
		}
	}
	return nil
}
