package features

import (
	"math"
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Rows is the events of a batch as a view takes them: those that have a time and
// a key and pass its where, in the order of the batch. The vectors may be the
// batch's own where nothing was left out: who keeps them beyond the batch
// copies (timetravel does, by partition).
type Rows struct {
	Keys    []event.Hash
	Coded   []uint32 // nil: Keys are of the rows; else of row i it is Keys[Coded[i]]. Only Take gives it
	Times   []event.Time
	Arrived []event.Time   // nil: the plan does not ask
	Columns []event.Column // the run's columns; text in the batch's dictionaries
	Timed   []bool         // by column: it is Times itself, once more; some that are may not be known to be

	hashes []event.Hash // scratch
}

// Rows evaluates what the view takes of a batch of its input. Rows without time
// or key are counted and left out. Nothing is evaluated for a row that is out
// already, so that it counts nowhere else. The sequence is the law's: where
// before key and time, as a row that where leaves out is none of the view's,
// nor a copy of one (S6.3, S7.1); then time before key, so that a row without
// either counts once (S7.5). The order of the batch is kept, which late_events
// is told from (S10.2). It may be called from several goroutines, with batches
// and counts of their own.
func (v *PlannedView) Rows(b *event.Batch, n *event.Counts) Rows {
	var r Rows
	v.Take(b, n, &r)
	if r.Coded != nil {
		keys := make([]event.Hash, len(r.Coded))
		for i, code := range r.Coded {
			keys[i] = r.Keys[code]
		}
		r.Keys, r.Coded = keys, nil
	}
	return r
}

// Take is Rows for who goes through many batches: vectors of *r are used again, and
// keys that are one column of text are left in its dictionary.
func (v *PlannedView) Take(b *event.Batch, n *event.Counts, r *Rows) {
	if v.where != nil {
		passed := newSelection(b.Len)
		passed.keep(v.where.Eval(b, n))
		b = passed.batch(b)
	}
	taken := newSelection(b.Len)
	at := v.time.Eval(b, n)
	n[event.NoTime] += taken.dropNulls(at.Null)
	keys, coded := evaluate(v.keys, b, n), []uint32(nil)
	if len(keys) == 1 && keys[0].Type.Text() && keys[0].Null == nil && b.Len > 0 {
		coded = keys[0].Codes
	} else {
		var null []bool
		r.hashes, null = event.Keys(keys, b.Len, r.hashes)
		n[event.NoKey] += taken.dropNulls(null)
	}
	var arrived event.Column
	if v.arrival != nil {
		arrived = v.arrival.Eval(b, n)
		n[event.NoArrival] += taken.dropNulls(arrived.Null)
	}
	if r.Coded = pick(taken, coded); coded != nil {
		r.Keys = keys[0].Dict.Hashes()
	} else {
		r.Keys = pick(taken, r.hashes)
	}
	r.Times = resized(r.Times, taken.len())
	for i, t := range pick(taken, at.Ints) {
		r.Times[i] = event.Time(t)
	}
	if v.arrival == nil {
		r.Arrived = nil
	} else {
		r.Arrived = resized(r.Arrived, taken.len())
		for i, t := range pick(taken, arrived.Ints) {
			r.Arrived[i] = event.Time(t)
			if r.Arrived[i] < r.Times[i] {
				n[event.ArrivedBefore]++
			}
		}
	}
	r.Columns = v.kept(taken.batch(b), n)
	r.Timed = resized(r.Timed, len(r.Columns))
	for i := range r.Columns {
		c := &r.Columns[i]
		r.Timed[i] = c.Type.Kind == event.Timestamp && c.Null == nil && len(c.Ints) > 0 && &c.Ints[0] == &at.Ints[0]
	}
}

// Key is the key of row i.
func (r *Rows) Key(i int) event.Hash {
	if r.Coded != nil {
		return r.Keys[r.Coded[i]]
	}
	return r.Keys[i]
}

// resized is a vector of n values, in the memory of v if that has room.
func resized[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// kept evaluates what the view's runs keep of events. Negative zero becomes zero
// here, once for all that a view computes (S8.4).
func (v *PlannedView) kept(b *event.Batch, n *event.Counts) []event.Column {
	columns := evaluate(v.columns, b, n)
	for i := range columns {
		if columns[i].Type.Kind == event.Double {
			columns[i].Floats = unsigned(columns[i].Floats)
		}
	}
	return columns
}

// selection is some rows of a batch, in order. Selecting first and evaluating
// after costs a copy of what passes, and is what keeps a refused row from
// counting again, in a division by zero say.
type selection struct {
	n    int
	rows []int32 // nil: all n
}

func newSelection(n int) *selection { return &selection{n: n} }

func (s *selection) len() int {
	if s.rows == nil {
		return s.n
	}
	return len(s.rows)
}

// keep keeps the rows where a condition is true. False and null leave the row
// out alike (S7.1).
func (s *selection) keep(c event.Column) {
	s.filter(func(i int) bool { return !c.IsNull(i) && c.Ints[i] != 0 })
}

// dropNulls leaves out rows that are null and returns how many those were.
func (s *selection) dropNulls(null []bool) int64 {
	if null == nil {
		return 0
	}
	before := s.len()
	s.filter(func(i int) bool { return !null[i] })
	return int64(before - s.len())
}

// filter keeps the rows of which ok holds, in place after the first time. ok is
// given the row of the batch, not the place in the selection.
func (s *selection) filter(ok func(i int) bool) {
	if s.rows == nil {
		s.rows = make([]int32, 0, s.n)
		for i := range s.n {
			if ok(i) {
				s.rows = append(s.rows, int32(i))
			}
		}
		return
	}
	to := s.rows[:0]
	for _, i := range s.rows {
		if ok(int(i)) {
			to = append(to, i)
		}
	}
	s.rows = to
}

// pick returns the selected values. Where all are, it is the vector itself, not
// a copy.
func pick[T any](s *selection, from []T) []T {
	if s.rows == nil || from == nil {
		return from
	}
	to := make([]T, len(s.rows))
	for k, i := range s.rows {
		to[k] = from[i]
	}
	return to
}

// batch returns the selected rows of a batch, which is itself where all are.
// Text columns keep their dictionary whole; only codes are picked.
func (s *selection) batch(b *event.Batch) *event.Batch {
	if s.rows == nil {
		return b
	}
	some := &event.Batch{Len: len(s.rows), Columns: make([]event.Column, len(b.Columns))}
	for i := range b.Columns {
		c := &b.Columns[i]
		some.Columns[i] = event.Column{Type: c.Type, Dict: c.Dict, Null: pick(s, c.Null), Ints: pick(s, c.Ints),
			Floats: pick(s, c.Floats), Decimals: pick(s, c.Decimals), Codes: pick(s, c.Codes), Rows: len(s.rows)}
	}
	return some
}

// unsigned returns the values with zeros that have no sign (S8.4): the vector
// itself where none has, as of nearly every one; else a copy, as it may be the
// source's own.
func unsigned(x []float64) []float64 {
	const negativeZero = 1 << 63
	at := slices.IndexFunc(x, func(v float64) bool { return math.Float64bits(v) == negativeZero })
	if at < 0 {
		return x
	}
	y := slices.Clone(x)
	for i := at; i < len(y); i++ {
		y[i] += 0 // -0 + 0 is +0 in IEEE 754, and every other value stays
	}
	return y
}

// Queries is a batch of questions: the instant, the keys and the request fields
// of each. A row of a spine and a question asked online are both this. Nothing
// of it tells which (I1, S1.2).
type Queries struct {
	Len     int
	Times   []event.Time
	NoTime  []bool         // nil: every query has its instant
	Keys    [][]event.Hash // by key of the plan, by query
	NoKey   [][]bool       // by key of the plan; nil: every query has it
	At      event.Column
	Request []event.Column
	Marks   []event.Column // of the rows of a training set; columns of Plan.Marks
	Events  []*OwnEvents   // by view of the plan; nil: the view, or the training set, does not count the rows
	Own     []event.Column // the spine's columns that are computed; columns of QueryPlan.Own
	IDs     []event.Hash   // equal for copies of one event; nil: queries have no identity
	NoID    []bool         // nil: every query has it
	Unlucky []bool         // leaves the sample, if it turns out to be a negative; nil: nobody waits to know
}

// NewQueries makes queries of a batch of the spine's columns. b has the columns
// of Plan.Queries.Columns, in their order. The hashes are those of the events'
// keys, although types may differ: keys match by value (S11.2). Vectors may be
// the batch's own.
func (p *Plan) NewQueries(b *event.Batch, n *event.Counts) *Queries {
	q := &Queries{Len: b.Len, At: p.Queries.time.Eval(b, n), Times: make([]event.Time, b.Len)}
	q.NoTime = q.At.Null
	for i, t := range q.At.Ints {
		q.Times[i] = event.Time(t)
	}
	for _, k := range p.Queries.Keys {
		columns := evaluate(k.exprs, b, n)
		keys, null := event.Keys(columns, b.Len, nil)
		q.Keys, q.NoKey = append(q.Keys, keys), append(q.NoKey, null)
	}
	q.Request = evaluate(p.Queries.request, b, n)
	q.Marks = p.Queries.chooser.marks(b, &q.At)
	q.Events = p.owns(b, n)
	q.Own = evaluate(p.Queries.own, b, n)
	if p.Queries.id != nil {
		q.IDs, q.NoID = p.Queries.identify(b, &q.At, n)
	}
	if s := p.Queries.chooser.sample; s != nil && s.late {
		q.Unlucky = s.unlucky(b)
	}
	return q
}

// FirstKeys are the hashes of the first of a service's keys that has columns, of queries
// as NewQueries takes them: what tells whose answers are kept as a sample.
func (p *Plan) FirstKeys(b *event.Batch) []event.Hash {
	var ignored event.Counts
	for _, k := range p.Queries.Keys {
		if len(k.exprs) > 0 {
			keys, _ := event.Keys(evaluate(k.exprs, b, &ignored), b.Len, nil)
			return keys
		}
	}
	return make([]event.Hash, b.Len)
}

// evaluate computes expressions over one batch, a column each.
func evaluate(exprs []*expr.Expr, b *event.Batch, n *event.Counts) []event.Column {
	columns := make([]event.Column, len(exprs))
	for i, e := range exprs {
		columns[i] = e.Eval(b, n)
	}
	return columns
}

// Finish computes the plan's outputs for queries from the slots of each lookup,
// one column a slot. Queries without an instant get nulls. It is the last step
// of training and serving alike. Nulls for a missing instant are set after
// defaults, which do not apply there (S11.4). The plan is not written to, so
// that blocks may be finished beside each other.
func (p *Plan) Finish(q *Queries, slots [][]event.Column, n *event.Counts) []event.Column {
	frame := p.compute(q, slots, [2]int{0, len(p.frame)}, n)
	outs := make([]event.Column, len(p.outputs))
	for i, f := range p.outputs {
		outs[i] = p.output(q, &frame.Columns[f])
	}
	return outs
}

// Told computes one label alone, before the features are there. Slots of other
// lookups are not looked at, and what is noteworthy is left to Finish.
func (p *Plan) Told(l *Label, q *Queries, slots [][]event.Column) event.Column {
	var ignored event.Counts
	last := p.outputs[l.Output]
	frame := p.compute(q, slots, [2]int{l.frame, last + 1}, &ignored)
	return p.output(q, &frame.Columns[last])
}

// output is a column of the frame as it is given out: null where there is no
// instant, and without signs of zero.
func (p *Plan) output(q *Queries, c *event.Column) event.Column {
	if q.NoTime != nil {
		return signless(blank(*c, q.NoTime))
	}
	return signless(*c)
}

// compute makes the columns of the frame from of[0] up to of[1]. None of these may
// read a column before the first: all of the frame, or one label's part of it.
func (p *Plan) compute(q *Queries, slots [][]event.Column, of [2]int, n *event.Counts) event.Batch {
	s := sheet{Batch: event.Batch{Len: q.Len, Columns: make([]event.Column, len(p.frame))}, plan: p, queries: q, slots: slots, counts: n}
	for i := of[0]; i < of[1]; i++ {
		s.place(i)
	}
	return s.Batch
}

// sheet is the frame while its columns are put into their places.
type sheet struct {
	event.Batch
	plan    *Plan
	queries *Queries
	slots   [][]event.Column
	counts  *event.Counts
}

// place puts column i into its place. What it reads is there: the plan is in that
// order.
func (s *sheet) place(i int) {
	switch o := s.plan.frame[i]; o.kind {
	case atOrigin:
		s.Columns[i] = s.queries.At
	case requestOrigin:
		s.Columns[i] = s.queries.Request[o.index]
	case slotOrigin:
		s.Columns[i] = s.slots[o.lookup][o.index]
	case stepOrigin:
		s.Columns[i] = s.plan.steps[o.index].expr.Eval(&s.Batch, s.counts)
	}
}

// signless returns the column with zeros that have no sign, also inside structs
// and lists (S8.4).
func signless(c event.Column) event.Column {
	switch c.Type.Kind {
	case event.Double:
		c.Floats = unsigned(c.Floats)
	case event.List, event.Map:
		elem := signless(*c.Elem)
		c.Elem = &elem
	case event.Struct:
		fields := make([]event.Column, len(c.Fields))
		for i := range c.Fields {
			fields[i] = signless(c.Fields[i])
		}
		c.Fields = fields
	}
	return c
}

// blank returns the column with null in the given rows. Vectors are copied,
// since the frame's columns may be outputs twice.
func blank(c event.Column, rows []bool) event.Column {
	if k := c.Type.Kind; k == event.List || k == event.Map || k == event.Struct {
		out := c.Like()
		for i := range rows {
			if rows[i] {
				out.AppendNull()
			} else {
				out.Append(&c, i)
			}
		}
		return out
	}
	null := make([]bool, len(rows))
	for i := range rows {
		null[i] = rows[i] || c.IsNull(i)
	}
	c.Null = null
	if c.Type.Kind == event.Double || len(c.Ints) > 0 || len(c.Decimals) > 0 || len(c.Codes) > 0 {
		c = zeroed(c)
	}
	return c
}

// zeroed returns the column with zeros in its vectors where it is null (E1).
func zeroed(c event.Column) event.Column {
	c.Floats, c.Ints = zeroNulls(c.Floats, c.Null), zeroNulls(c.Ints, c.Null)
	c.Decimals, c.Codes = zeroNulls(c.Decimals, c.Null), zeroNulls(c.Codes, c.Null)
	return c
}

// zeroNulls returns a copy with zeros where null is true.
func zeroNulls[T any](v []T, null []bool) []T {
	if v == nil {
		return nil
	}
	var zero T
	w := make([]T, len(v))
	copy(w, v)
	for i, is := range null {
		if is {
			w[i] = zero
		}
	}
	return w
}

// Arrives reports whether the plan asks when events arrived.
func (v *PlannedView) Arrives() bool { return v.arrival != nil }

// KeysOf is the key of every row of a batch of the view's input, also of those
// that the view does not take, and which rows have none. Whoever looks for the
// events of one key compares hashes by it, as a run does.
func (v *PlannedView) KeysOf(b *event.Batch, n *event.Counts) (keys []event.Hash, null []bool) {
	return event.Keys(evaluate(v.keys, b, n), b.Len, nil)
}
