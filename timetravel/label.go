package timetravel

import (
	"context"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// LabelCount is how many rows a label tells of. The four make up all rows.
type LabelCount struct {
	Positive int64 // true, or another number than zero
	Negative int64 // false or zero
	Null     int64 // known to be null, or no number
	Censored int64 // not known yet: null, never negative
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
	s.kept.leave(places)
	s.times, s.noTime = take(s.times, places), take(s.noTime, places)
	for _, own := range s.events {
		if own != nil {
			own.Place = take(own.Place, places)
		}
	}
	for k := range s.keys {
		s.keys[k], s.noKey[k] = take(s.keys[k], places), take(s.noKey[k], places)
	}
	for _, columns := range [][]event.Column{s.request, s.marks} {
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
		blanked := event.Make(c.Type)
		n := &b.labels[i]
		for k := range b.rows {
			if r.censored(l, from+k) {
				blanked.AppendNull()
				n.Censored++
				continue
			}
			blanked.Append(c, k)
			switch {
			case c.IsNull(k) || c.Type.Kind == event.Double && c.Floats[k] != c.Floats[k]:
				n.Null++
			case c.Type.Kind == event.Double && c.Floats[k] != 0, c.Ints != nil && c.Ints[k] != 0, c.Type.Kind == event.Decimal && c.Decimals[k] != event.Int128{}:
				n.Positive++
			case c.Type.Numeric() || c.Type.Kind == event.Bool:
				n.Negative++
			default:
				n.Null++
			}
		}
		*c = blanked
	}
}
