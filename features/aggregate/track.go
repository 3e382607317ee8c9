package aggregate

import "slices"

// trackSpec says which rows an aggregate takes.
type trackSpec struct {
	filter  int   // column that must be true, or -1
	nonNull []int // columns that must not be null
}

func newTrackSpec(s *Slot) trackSpec {
	t := trackSpec{filter: s.Filter}
	switch {
	case !s.RespectNulls:
		t.nonNull = s.Args
	case s.Aggregate.Decided():
		t.nonNull = s.Args[len(s.Args)-1:]
	}
	t.nonNull = slices.Concat(t.nonNull, s.By)
	return t
}

func (t trackSpec) equal(u trackSpec) bool {
	return t.filter == u.filter && slices.Equal(t.nonNull, u.nonNull)
}

// track is the rows of a run that aggregates of one filter and argument take.
// While every row is taken it is total and keeps no index. The plain `count(*)`
// and columns without nulls, the usual case, cost no memory; an index costs 8
// bytes a row. rank turns a window's rows of the run into the track's in one
// step, so that several windows over one filter share all.
type track struct {
	spec    trackSpec
	partial bool
	pos     []int32 // partial: the run's row of each of the track's rows
	rank    []int32 // partial: rank[i] of the run's first i rows are taken
	rows    int     // total: number of rows
	dropped int64   // rows that Forget has taken out, counted for lifetime windows
}

// row returns the run's row of the track's row k.
func (t *track) row(k int) int {
	if t.partial {
		return int(t.pos[k])
	}
	return k
}

// at returns how many of the run's first i rows are taken. i may be the run's
// length; rank therefore has one entry more than rows.
func (t *track) at(i int) int {
	if t.partial {
		return int(t.rank[i])
	}
	return i
}

// len is the number of rows taken.
func (t *track) len() int {
	if t.partial {
		return len(t.pos)
	}
	return t.rows
}

// reset makes the track empty. It is total again, as the next key's columns may
// hold no null.
func (t *track) reset() {
	t.partial, t.rows, t.dropped = false, 0, 0
	t.pos, t.rank = t.pos[:0], t.rank[:0]
}

// settle brings the track up to the run's rows, of which those from changed on
// are new or elsewhere, and returns the first of its own rows that changed. A
// total track becomes partial with the first row that is left out and stays so:
// the rows before, all taken, get their index then. Rows before changed are as
// they were, in the run and here.
func (t *track) settle(r *Run, changed int) int {
	n := len(r.times)
	if !t.partial && !t.takesAll(r) {
		for i := changed; i < n; i++ {
			if !t.takes(r, i) {
				t.index(changed)
				break
			}
		}
	}
	if !t.partial {
		t.rows = n
		return changed
	}
	from := int(t.rank[changed])
	t.pos, t.rank = t.pos[:from], t.rank[:changed+1]
	for i := changed; i < n; i++ {
		if t.takes(r, i) {
			t.pos = append(t.pos, int32(i))
		}
		t.rank = append(t.rank, int32(len(t.pos)))
	}
	return from
}

// index makes a total track of n rows partial.
func (t *track) index(n int) {
	t.partial = true
	t.pos, t.rank = t.pos[:0], append(t.rank[:0], 0)
	for i := range n {
		t.pos = append(t.pos, int32(i))
		t.rank = append(t.rank, int32(i+1))
	}
}

// takesAll reports whether no row can be left out: there is no filter, and no
// argument holds a null. It spares the look at every row.
func (t *track) takesAll(r *Run) bool {
	for _, c := range t.spec.nonNull {
		if r.columns[c].Null != nil {
			return false
		}
	}
	return t.spec.filter < 0
}

// takes reports whether the aggregate takes row i: the filter is true and no
// argument is null (S7). A filter that is null does not take the row (S7.1).
// All arguments that are listed must be there: those of corr both, of row(...)
// none (S7.2), and what a map is by always (S7.6).
func (t *track) takes(r *Run, i int) bool {
	if f := t.spec.filter; f >= 0 && (r.columns[f].IsNull(i) || r.columns[f].Ints[i] == 0) {
		return false
	}
	for _, c := range t.spec.nonNull {
		if r.columns[c].IsNull(i) {
			return false
		}
	}
	return true
}
