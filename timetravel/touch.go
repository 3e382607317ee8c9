package timetravel

import (
	"cmp"
	"context"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// rivals is the questions of the spine that are not of this run, as those of other
// data intervals: an event that comes after one of them is its, and no row's.
type rivals struct {
	times []event.Time
	keys  [][]event.Hash // by key of the plan
	noKey [][]bool
}

// touches reports whether events of some lookup belong to one question alone.
func (r *run) touches() bool {
	return slices.ContainsFunc(r.Plan.Lookups, func(l features.Lookup) bool { return l.LastTouch })
}

// addRivals keeps the questions of a batch that were not chosen.
func (r *run) addRivals(b *event.Batch, chosen []int32) {
	if chosen == nil || !r.touches() {
		return
	}
	var ignored event.Counts
	q := r.Plan.NewQueries(r.Plan.Rivals(b, chosen), &ignored)
	v := &r.spine.rivals
	if v.keys == nil {
		v.keys, v.noKey = make([][]event.Hash, len(q.Keys)), make([][]bool, len(q.Keys))
	}
	for k := range q.Keys {
		v.keys[k] = append(v.keys[k], q.Keys[k]...)
		v.noKey[k] = appendFlags(v.noKey[k], len(v.times), q.NoKey[k], q.Len)
	}
	v.times = append(v.times, q.Times...)
}

// toucher is a question that events may belong to.
type toucher struct {
	key event.Hash
	at  event.Time
	row int32 // of the spine; -1: a rival
}

// touch finds until when events are a question's own: until the next question with
// its key (S14.8). Of questions of one instant they are the last one's in the
// order of S5, and the others have none: their time is over before it began.
// It is a function of the set of questions, whatever their order.
func (r *run) touch(ctx context.Context) error {
	if !r.touches() {
		return nil
	}
	s := &r.spine
	s.until = make([][]event.Time, len(r.Plan.Lookups))
	for l, lookup := range r.Plan.Lookups {
		if !lookup.LastTouch {
			continue
		}
		same := slices.IndexFunc(r.Plan.Lookups[:l], func(o features.Lookup) bool { return o.LastTouch && o.Key == lookup.Key })
		if same >= 0 {
			s.until[l] = slices.Clone(s.until[same])
			continue
		}
		var err error
		if s.until[l], err = r.untilNext(ctx, lookup.Key); err != nil {
			return err
		}
	}
	s.rivals, s.ties = rivals{}, nil
	return nil
}

// untilNext is of each row when the next question with its key is asked.
func (r *run) untilNext(ctx context.Context, key int) ([]event.Time, error) {
	all := r.touchers(key)
	until, groups, n := make([]event.Time, len(r.spine.times)), slices.Repeat([]int32{-1}, len(r.spine.times)), 0
	next := event.MaxTime
	for i := len(all) - 1; i >= 0; {
		// all[j+1:i+1] are of one key and instant.
		j := i
		for j >= 0 && all[j].key == all[i].key && all[j].at == all[i].at {
			j--
		}
		for _, t := range all[j+1 : i+1] {
			if t.row < 0 {
				continue
			}
			until[t.row] = next
			if i-j > 1 && r.spine.ties == nil {
				groups[t.row] = int32(n)
			}
		}
		if r.spine.ties != nil {
			r.spine.untie(all[j+1:i+1], until)
		} else if i-j > 1 {
			n++
		}
		if next = all[i].at; j >= 0 && all[j].key != all[i].key {
			next = event.MaxTime
		}
		i = j
	}
	if n == 0 {
		return until, nil
	}
	last := func(a []event.Column, i int, b []event.Column, j int) int {
		return r.Plan.Queries.CompareTies(b, j, a, i)
	}
	won, err := r.contest(ctx, groups, n, last)
	if err != nil {
		return nil, err
	}
	for row, g := range groups {
		if g >= 0 && won[g].row != row {
			until[row] = r.spine.times[row]
		}
	}
	return until, nil
}

// untie leaves of a grid's questions of one key and instant the greatest its events:
// the time of the others is over before it began. Rivals are of other instants.
func (s *spine) untie(of []toucher, until []event.Time) {
	for i, last := 1, of[0]; i < len(of); i++ {
		less := of[i]
		if less.row >= 0 && last.row >= 0 && s.ties[less.row] > s.ties[last.row] {
			less, last = last, less
		}
		if less.row >= 0 {
			until[less.row] = less.at
		}
	}
}

// touchers is the questions that have a key and an instant, by key and time.
func (r *run) touchers(key int) (all []toucher) {
	s := &r.spine
	for row, at := range s.times {
		if !s.unasked(key, uint32(row)) {
			all = append(all, toucher{s.keys[key][row], at, int32(row)})
		}
	}
	for i, at := range s.rivals.times {
		if s.rivals.noKey[key] == nil || !s.rivals.noKey[key][i] {
			all = append(all, toucher{s.rivals.keys[key][i], at, -1})
		}
	}
	slices.SortFunc(all, func(a, b toucher) int {
		return cmp.Or(cmp.Compare(a.key.Hi, b.key.Hi), cmp.Compare(a.key.Lo, b.key.Lo), cmp.Compare(a.at, b.at), cmp.Compare(a.row, b.row))
	})
	return all
}

// untilOf is until when events are each row's own; nil: they are anybody's.
func (r *run) untilOf(lookup int) []event.Time {
	if r.spine.until == nil {
		return nil
	}
	return r.spine.until[lookup]
}

// touched is how many events belong to the rows of a block.
func touched(l *features.Label, slots [][]event.Column) (n int64) {
	if !l.LastTouch {
		return 0
	}
	for _, events := range slots[l.Lookup][l.Events].Ints {
		n += events
	}
	return n
}

// countTouched counts the events of a label that belong to no row.
func (r *run) countTouched(label int) {
	l := &r.Plan.Labels[label]
	if !l.LastTouch {
		return
	}
	n := &r.report.Counts[l.Lookup]
	read := r.report.Taken[l.Lookup] + n[event.OutsideWindows]
	r.report.Labels[label].Unmatched = read - n[event.Duplicate] - n[event.Conflicting] - r.report.Labels[label].Attributed
}
