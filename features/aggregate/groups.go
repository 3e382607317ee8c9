package aggregate

import (
	"sort"

	"github.com/timeseam/timeseam/features/event"
)

// groups answers slots with `by`: a map from each value of a column to an
// aggregate of the rows that have it. The rows of the track are dealt out to a
// track for each value, and every such group has folds of its own over it, the
// same as a whole run has: what an aggregate means, how it forgets and what a
// late event costs it are said once. All groups together hold each row once, so
// that memory grows with the rows, and by half a kilobyte a group and fold; a
// range costs the groups that have rows in it and not those that the key has.
type groups struct {
	t     *track
	r     *Run
	specs []foldSpec // the folds of each group

	by    frequencies // numbers the values, and knows which a range has and how often
	list  []*group    // by the values' numbers
	done  int         // rows of the track that were dealt out
	spare []*group
}

// group is the rows of one value and the folds over them.
type group struct {
	track track // partial: places in the run, without ranks, which would cost every group all rows
	folds []fold
}

// spares is how many groups are kept for the next key.
const spares = 1024

func newGroups(t *track, c *event.Column, r *Run, specs []foldSpec) *groups {
	return &groups{t: t, r: r, specs: specs, by: frequencies{t: t, c: c}}
}

func (f *groups) reset() {
	for _, g := range f.list {
		f.release(g)
	}
	f.list, f.done = f.list[:0], 0
	f.by.reset()
}

// release keeps a group, emptied, for another value.
func (f *groups) release(g *group) {
	if len(f.spare) == spares {
		return
	}
	g.track.reset()
	g.track.partial = true
	for _, inner := range g.folds {
		inner.reset()
	}
	f.spare = append(f.spare, g)
}

// group returns the group of a value's number, which may be new.
func (f *groups) group(id int32) *group {
	if int(id) == len(f.list) {
		f.list = append(f.list, f.grown())
	}
	return f.list[id]
}

// grown is a group without rows. Folds keep pointers to its track.
func (f *groups) grown() *group {
	if n := len(f.spare); n > 0 {
		g := f.spare[n-1]
		f.spare = f.spare[:n-1]
		return g
	}
	g := &group{track: track{partial: true}}
	for _, s := range f.specs {
		g.folds = append(g.folds, newFold(s, &g.track, f.r))
	}
	return g
}

// undo takes the last rows out of their groups, newest first. It costs these rows,
// and not all groups that the key has.
func (f *groups) undo(from int) {
	for f.done > from {
		f.done--
		g := f.list[f.by.ids[f.done]]
		n := len(g.track.pos) - 1
		g.track.pos = g.track.pos[:n]
		for _, inner := range g.folds {
			inner.changed(n)
		}
	}
	if from > 0 {
		f.by.changed(from)
	} else {
		f.changed(0)
	}
}

// changed takes the rows from the given one on out of their groups. From the
// first row on, the groups that have forgotten rows stay, in their order, as by
// numbers them; the others go.
func (f *groups) changed(from int) {
	if from > 0 && from >= f.done {
		return
	}
	if from > 0 {
		f.cut(f.rowsBelow(from))
	} else {
		f.cut(0)
		kept := f.list[:0]
		for _, g := range f.list {
			if g.track.dropped > 0 {
				kept = append(kept, g)
			} else {
				f.release(g)
			}
		}
		f.list = kept
	}
	f.by.changed(from)
	f.done = from
}

// cut leaves every group the rows that stand before the given place in the run.
func (f *groups) cut(row int) {
	for _, g := range f.list {
		if n := g.below(row); n < len(g.track.pos) {
			g.track.pos = g.track.pos[:n]
			for _, inner := range g.folds {
				inner.changed(n)
			}
		}
	}
}

// rowsBelow is the place in the run before which the first n rows of the track
// stand, and no other.
func (f *groups) rowsBelow(n int) int {
	if n == 0 {
		return 0
	}
	return f.t.row(n-1) + 1
}

// below is how many of the group's rows stand before a place in the run.
func (g *group) below(row int) int {
	pos := g.track.pos
	if n := len(pos); n == 0 || int(pos[n-1]) < row {
		return n // the newest, for most questions
	}
	return sort.Search(len(pos), func(k int) bool { return int(pos[k]) >= row })
}

// settle deals out the track's new rows. The folds of a group see its track grow
// and take in what is new when they are asked.
func (f *groups) settle() {
	f.by.settle()
	for ; f.done < f.t.len(); f.done++ {
		g := f.group(f.by.ids[f.done])
		g.track.pos = append(g.track.pos, int32(f.t.row(f.done)))
	}
}

// value appends the map of a range, null where no row was taken (S15.1). A group
// stands in it with whatever its aggregate is, null too (S7.6).
func (f *groups) value(s *Slot, p span, out *event.Column) {
	f.settle()
	c := f.by.count(s, p)
	if len(c.live) == 0 {
		out.AppendNull()
		return
	}
	f.by.order(c)
	end := f.rowsBelow(p.j)
	entries := out.Elem
	for _, id := range c.live {
		g := f.list[id]
		n := int(c.counts[id])
		if p.whole {
			n -= int(g.track.dropped)
		}
		j := g.below(end)
		f.by.put(&entries.Fields[0], id)
		f.r.answer(s, span{j - n, j, p.whole}, g.stand(s), &entries.Fields[1])
		entries.Rows++
		entries.NotNull()
	}
	out.EndList()
}

// stand is what a slot is answered from in the group.
func (g *group) stand(s *Slot) stand {
	if s.inner < 0 {
		return stand{&g.track, nil}
	}
	return stand{&g.track, g.folds[s.inner]}
}

// keep marks what each group needs of its rows among the first n.
func (f *groups) keep(s *Slot, n int, mark func(row int)) {
	f.settle()
	end := f.rowsBelow(n)
	for _, g := range f.list {
		at, below := g.stand(s), g.below(end)
		switch {
		case at.f != nil:
			at.f.keep(s, below, mark)
		case s.Aggregate != Count:
			keepPicked(s, &g.track, below, mark)
		}
	}
}

// absorb has the group of row k take it into the bases of its folds.
func (f *groups) absorb(k int) {
	f.settle()
	g := f.list[f.by.ids[k]]
	g.track.dropped++
	for _, inner := range g.folds {
		inner.absorb(g.below(f.t.row(k)))
	}
	f.by.absorb(k)
}
