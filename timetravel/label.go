package timetravel

import (
	"context"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
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
func (r *run) censored(l *features.Label, row int) bool {
	if r.spine.noTime != nil && r.spine.noTime[row] {
		return true
	}
	_, closed := l.Window.Bounds(r.spine.times[row])
	return closed > r.last[l.View]
}

// leaveCensored leaves out the rows of which some label is not known yet, where
// the training set says so. It comes before the sweep: such rows are asked
// nothing.
func (r *run) leaveCensored(context.Context) error {
	if r.Plan.TrainingSet == nil || !r.Plan.TrainingSet.Censored.Given() {
		return nil
	}
	var left []int32
	for row := range r.spine.times {
		known := true
		for i := range r.Plan.Labels {
			known = known && !r.censored(&r.Plan.Labels[i], row)
		}
		if known {
			left = append(left, int32(row))
		}
	}
	r.report.Spine[event.RowCensored] += int64(len(r.spine.times) - len(left))
	r.spine.leave(left)
	return nil
}

// leave leaves the rows at the given places.
func (s *spine) leave(places []int32) {
	if len(places) == len(s.times) {
		return
	}
	s.kept.leave(places)
	for _, own := range s.events {
		if own != nil {
			own.Place = take(own.Place, places)
		}
	}
	s.times, s.noTime, s.unlucky = take(s.times, places), take(s.noTime, places), take(s.unlucky, places)
	for l := range s.until {
		s.until[l] = take(s.until[l], places)
	}
	for k := range s.keys {
		s.keys[k], s.noKey[k] = take(s.keys[k], places), take(s.noKey[k], places)
	}
	for _, columns := range [][]event.Column{s.request, s.marks, s.own} {
		for i := range columns {
			c := columns[i].Like()
			for _, p := range places {
				c.Append(&columns[i], int(p))
			}
			columns[i] = c
		}
	}
}

// mature blanks the labels of a block's rows that are not known yet, and counts
// what the others tell.
func (r *run) mature(b *block, from int) {
	b.labels = make([]LabelCount, len(r.Plan.Labels))
	for i := range r.Plan.Labels {
		l := &r.Plan.Labels[i]
		c := &b.columns[l.Output]
		n := &b.labels[i]
		*c, n.Censored = r.blanked(l, *c, from)
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

// blanked is a label of the rows from one on, null where it is not known yet, and
// of how many that is so.
func (r *run) blanked(l *features.Label, c event.Column, from int) (out event.Column, censored int64) {
	out = c.Like()
	for k := range c.Len() {
		if r.censored(l, from+k) {
			out.AppendNull()
			censored++
		} else {
			out.Append(&c, k)
		}
	}
	return out, censored
}

// sample leaves out the rows that a sample has no place for.
func (r *run) sample(out func(row int) bool) {
	if r.spine.unlucky == nil {
		return
	}
	var left []int32
	for row := range r.spine.times {
		if !out(row) {
			left = append(left, int32(row))
		}
	}
	r.report.Spine[event.RowSampledOut] += int64(len(r.spine.times) - len(left))
	r.spine.leave(left)
	r.spine.unlucky = nil
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
	starts := []int{0}
	for from := 0; from < len(r.spine.times); from += outputRows {
		starts = append(starts, min(from+outputRows, len(r.spine.times)))
	}
	r.begin(starts)
	r.asked[key] = r.ask(key)
	if err := r.newLookupSweep(l.Lookup).sweep(ctx); err != nil {
		return err
	}
	out := make([]bool, len(r.spine.times))
	slots := make([][]event.Column, len(r.Plan.Lookups))
	var s slate
	for b := range len(starts) - 1 {
		from, to := starts[b], starts[b+1]
		var err error
		if slots[l.Lookup], err = r.slots(l.Lookup, b, &s); err != nil {
			return err
		}
		told, _ := r.blanked(l, r.Plan.Told(l, r.spine.slice(from, to), slots), from)
		negative := features.Negatives(told)
		for k := range to - from {
			out[from+k] = negative(k) && r.spine.unlucky[from+k]
		}
	}
	for p := range r.found[l.Lookup].answers {
		r.shelf.Drop(&r.found[l.Lookup].answers[p])
	}
	r.sample(func(row int) bool { return out[row] })
	r.report.Taken[l.Lookup], r.report.Counts[l.Lookup] = taken, counts
	return nil
}
