package aggregate

import "github.com/timeseam/timeseam/features/event"

// pick answers first, last and lag: rows of the track by their place in content
// order (S5). The span is not empty. It needs no fold and costs what it gives
// out. The track has decided about nulls already, so that `respect nulls` is no
// case of its own (S7.2). A list is never null here and may be shorter than N.
func (r *Run) pick(s *Slot, t *track, p span, out *event.Column) {
	switch {
	case s.Aggregate == Lag:
		// lag(x, n) is the n-th of last(x, n); lag(x, 1) is the newest.
		if k := p.j - s.N; k >= p.i {
			r.copyRow(s, t.row(k), out)
		} else {
			out.AppendNull()
		}
	case !s.List && s.Aggregate == First:
		r.copyRow(s, t.row(p.i), out)
	case !s.List:
		r.copyRow(s, t.row(p.j-1), out)
	case s.Aggregate == First:
		for k := p.i; k < min(p.j, p.i+s.N); k++ {
			r.copyRow(s, t.row(k), out.Elem)
		}
		out.EndList()
	default:
		for k := p.j - 1; k >= max(p.i, p.j-s.N); k-- {
			r.copyRow(s, t.row(k), out.Elem)
		}
		out.EndList()
	}
}

// copyRow appends the argument of row i.
func (r *Run) copyRow(s *Slot, i int, out *event.Column) { appendRow(r.columns, s.Args, i, out) }

// appendRow appends what columns hold in row i: a value, or the struct of
// several. A struct is never null, even if all its fields are.
func appendRow(columns []event.Column, args []int, i int, out *event.Column) {
	if out.Type.Kind != event.Struct {
		appendValue(out, &columns[args[0]], i)
		return
	}
	for f, c := range args {
		appendValue(&out.Fields[f], &columns[c], i)
	}
	out.Rows++
	out.NotNull()
}

// appendValue appends row i of a run's column to a column of the answer, which
// speaks the run's symbols. The answer takes over the dictionary and copies no
// text; it stays readable for as long as the symbols do, which is why an arena
// is renewed and not emptied.
func appendValue(out, c *event.Column, i int) {
	if c.Type.Text() {
		out.Dict = c.Dict
	}
	out.Append(c, i)
}

// keepPicked marks which of the first n rows of a track a lifetime's pick may
// still need. first needs its N oldest: a late event may come before them, and
// then fewer are read. last and lag need the N newest of what has settled;
// those that come later only push them out.
func keepPicked(s *Slot, t *track, n int, mark func(row int)) {
	many := max(1, s.N)
	if s.Aggregate == First {
		for k := range min(n, many) {
			mark(t.row(k))
		}
		return
	}
	for k := max(0, n-many); k < n; k++ {
		mark(t.row(k))
	}
}
