package aggregate

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

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

// one reports whether the slot gives out one row of the run, in columns that can be
// filled one after the other.
func (s *Slot) one() bool {
	if s.List || s.Aggregate != First && s.Aggregate != Last && s.Aggregate != Lag {
		return false
	}
	return single(s.Type) || s.Type.Kind == event.Struct && !slices.ContainsFunc(s.Type.Fields, func(f event.Field) bool { return !single(f.Type) })
}

// pickAll is answer and pick for all questions of a slot that gives out one row: rows
// first, and then column by column what stands in them.
func (r *Run) pickAll(s *Slot, a *asked, t *track, out *event.Column) {
	picked := resize(r.desk.picked, len(a.rows))
	r.desk.picked = picked
	for k := range picked {
		i, j := int(a.i[k]), int(a.j[k])
		at := j - 1
		switch s.Aggregate {
		case First:
			at = i
		case Lag:
			at = j - s.N
		}
		picked[k] = -1
		if i < j && at >= i && int64(j-i)+a.dropped >= s.MinCount {
			picked[k] = int32(t.row(at))
		}
	}
	if out.Type.Kind != event.Struct {
		putPicked(out, &r.columns[s.Args[0]], a.rows, picked)
		return
	}
	for f, c := range s.Args {
		appendPicked(&out.Fields[f], &r.columns[c], picked)
	}
	appendFlags(&out.Null, out.Rows, picked, nil)
	out.Rows += len(picked)
}

// putPicked puts rows of a run's column where they belong. Of nulls the answer holds
// zero already.
func putPicked(out, c *event.Column, rows, picked []int32) {
	switch out.Type.Kind {
	case event.Double:
		put(out.Floats, c.Floats, rows, picked)
	case event.Decimal:
		put(out.Decimals, c.Decimals, rows, picked)
	case event.String, event.Bytes:
		put(out.Codes, c.Codes, rows, picked)
		speak(out, c, picked)
	default:
		put(out.Ints, c.Ints, rows, picked)
	}
	for k, row := range picked {
		if row < 0 || c.Null != nil && c.Null[row] {
			putNull(out, rows[k])
		}
	}
}

func put[T any](to, from []T, rows, picked []int32) {
	for k, row := range picked {
		if row >= 0 {
			to[rows[k]] = from[row]
		}
	}
}

// appendPicked appends rows of a run's column.
func appendPicked(out, c *event.Column, picked []int32) {
	n := out.Len()
	switch out.Type.Kind {
	case event.Double:
		out.Floats = appendRowsOf(out.Floats, c.Floats, picked)
	case event.Decimal:
		out.Decimals = appendRowsOf(out.Decimals, c.Decimals, picked)
	case event.String, event.Bytes:
		out.Codes = appendRowsOf(out.Codes, c.Codes, picked)
		speak(out, c, picked)
	default:
		out.Ints = appendRowsOf(out.Ints, c.Ints, picked)
	}
	appendFlags(&out.Null, n, picked, c.Null)
}

// appendRowsOf appends the values of rows, and zero for none.
func appendRowsOf[T any](to, from []T, picked []int32) []T {
	n := len(to)
	to = slices.Grow(to, len(picked))[:n+len(picked)]
	for k, row := range picked {
		if row >= 0 {
			to[n+k] = from[row]
		} else {
			clear(to[n+k : n+k+1])
		}
	}
	return to
}

// appendFlags appends which rows are null, or none, to the flags of a column of n
// rows. It has none until its first null.
func appendFlags(flags *[]bool, n int, picked []int32, null []bool) {
	if *flags == nil {
		if !slices.ContainsFunc(picked, func(row int32) bool { return row < 0 || null != nil && null[row] }) {
			return
		}
		*flags = make([]bool, n, n+len(picked))
	}
	for _, row := range picked {
		*flags = append(*flags, row < 0 || null != nil && null[row])
	}
}

// speak has an answer that got a text speak the run's symbols.
func speak(out, c *event.Column, picked []int32) {
	if slices.ContainsFunc(picked, func(row int32) bool { return row >= 0 }) {
		out.Dict = c.Dict
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
