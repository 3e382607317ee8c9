package features

import (
	"encoding/binary"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Interval is the instants From <= t < To.
type Interval = event.Span

// chooser says which rows of a spine a training set takes, and what it marks them
// with. Both are functions of the row's own values, so that neither the
// order of the spine nor who reads it can change them (S14.2).
type chooser struct {
	split  *splitting
	sample *sampling
}

// splitting marks rows as train, validation or test (S14.3): by time or by hash.
type splitting struct {
	starts []splitStart // by time, rising; what is before the first is train
	of     []*expr.Expr // by hash: the columns that are hashed
	seed   uint64
	shares []splitShare // by hash, in order
}

// splitStart is where a split begins, and the rows before it that are left out.
type splitStart struct {
	name    string
	from    event.Time
	embargo Interval // empty: none
}

// splitShare is a split by hash: rows whose draw is below it, and not below the
// one before.
type splitShare struct {
	name  string
	below uint64
}

// sampling keeps a share of the negatives and weighs what it keeps (S14.4).
type sampling struct {
	label  *expr.Expr // nil: events tell it
	event  int        // place in Plan.Labels
	late   bool       // which rows stay is decided once copies are removed, or labels known
	of     []*expr.Expr
	seed   uint64
	below  uint64 // negatives whose draw is below stay
	weight float64
}

// The columns that choosing adds to a training set, behind the features.
const (
	splitColumn  = "split"
	weightColumn = "sample_weight"
)

// splitNames are the splits, in the order of time.
var splitNames = []string{"train", "validation", "test"}

// Choose returns the rows of a batch of the spine's columns that are to be
// answered, and their places in it; nil: all. within leaves out what is not of
// an interval, a row without an instant included; nil: every row is. Rows that
// are left out are counted, and nothing else of them is.
func (p *Plan) Choose(b *event.Batch, within *Interval, n *event.Counts) (*event.Batch, []int32) {
	c, q := p.Queries.chooser, &p.Queries
	if within == nil && q.Source == nil && c.sample == nil && (c.split == nil || len(c.split.starts) == 0) {
		return b, nil
	}
	s := newSelection(b.Len)
	var ignored event.Counts // what is wrong with a row is counted when it is answered
	at := q.time.Eval(b, &ignored)
	q.asked(b, s, &at, n)
	if q.Source != nil && q.Grid == nil {
		n[event.RowOutsideInterval] += s.drop(func(i int) bool { return !q.between.Holds(event.Time(at.Ints[i])) })
	}
	if within != nil {
		n[event.RowOutsideInterval] += s.drop(func(i int) bool { return at.IsNull(i) || !within.Holds(event.Time(at.Ints[i])) })
	}
	if c.split != nil {
		n[event.RowEmbargoed] += s.drop(func(i int) bool { return !at.IsNull(i) && c.split.embargoed(event.Time(at.Ints[i])) })
	}
	if c.sample != nil && !c.sample.late {
		unlucky := c.sample.unlucky(b)
		n[event.RowSampledOut] += s.drop(func(i int) bool { return unlucky[i] })
	}
	if s.len() == b.Len {
		return b, nil
	}
	return s.batch(b), s.rows
}

// drop leaves out the rows of which is holds, and returns how many those were.
func (s *selection) drop(is func(i int) bool) int64 {
	before := s.len()
	s.filter(func(i int) bool { return !is(i) })
	return int64(before - s.len())
}

// marks returns the columns that choosing adds to the rows of a batch.
func (c *chooser) marks(b *event.Batch, at *event.Column) (columns []event.Column) {
	if c.split != nil {
		columns = append(columns, c.split.mark(b, at))
	}
	if c.sample != nil && c.sample.label != nil {
		var ignored event.Counts
		columns = append(columns, c.sample.weigh(c.sample.label.Eval(b, &ignored), b.Len))
	}
	return columns
}

// embargoed reports whether a row at t is so close before a split that what is
// learned from it may reach into the split.
func (s *splitting) embargoed(t event.Time) bool {
	for i := range s.starts {
		if s.starts[i].embargo.Holds(t) {
			return true
		}
	}
	return false
}

// mark is the column of splits. A row without an instant is in no split by time.
func (s *splitting) mark(b *event.Batch, at *event.Column) event.Column {
	c := event.Make(event.Of(event.String))
	for _, name := range splitNames {
		c.Dict.Add([]byte(name))
	}
	code := func(name string) uint32 {
		for i := range splitNames {
			if splitNames[i] == name {
				return uint32(i)
			}
		}
		panic("features: no split is called " + name)
	}
	if len(s.starts) == 0 {
		for _, d := range draw(s.of, b, "split", s.seed) {
			k := 0
			for k < len(s.shares)-1 && d >= s.shares[k].below {
				k++
			}
			c.AppendCode(code(s.shares[k].name))
		}
		return c
	}
	for i := range b.Len {
		if at.IsNull(i) {
			c.AppendNull()
			continue
		}
		name := splitNames[0]
		for k := range s.starts {
			if event.Time(at.Ints[i]) >= s.starts[k].from {
				name = s.starts[k].name
			}
		}
		c.AppendCode(code(name))
	}
	return c
}

// Negatives returns what tells the negatives of a label: rows where it is false or
// zero. A null is none: it is not known yet (S14.1).
func Negatives(label event.Column) func(i int) bool {
	switch label.Type.Kind {
	case event.Double:
		return func(i int) bool { return !label.IsNull(i) && label.Floats[i] == 0 }
	case event.Decimal:
		return func(i int) bool { return !label.IsNull(i) && label.Decimals[i] == event.Int128{} }
	}
	if label.Type.Kind != event.Int && label.Type.Kind != event.Bool {
		return func(int) bool { return false }
	}
	return func(i int) bool { return !label.IsNull(i) && label.Ints[i] == 0 }
}

// unlucky reports of each row whether the sample has no place for it: of all rows
// where events tell the label, who may yet be no negatives, else of negatives.
func (s *sampling) unlucky(b *event.Batch) []bool {
	draws, out := draw(s.of, b, "sample", s.seed), make([]bool, b.Len)
	negative := func(int) bool { return true }
	if s.label != nil {
		var ignored event.Counts
		negative = Negatives(s.label.Eval(b, &ignored))
	}
	for i := range out {
		out[i] = draws[i] >= s.below && negative(i)
	}
	return out
}

// weigh is the column of weights by a label: how many rows each row stands for.
func (s *sampling) weigh(label event.Column, rows int) event.Column {
	c := event.Make(event.Of(event.Double))
	negative := Negatives(label)
	for i := range rows {
		w := 1.0
		if negative(i) {
			w = s.weight
		}
		c.AppendFloat(w)
	}
	return c
}

// Sampled is which label the sample of a training set waits for, a place in Labels;
// false: for none.
func (p *Plan) Sampled() (label int, waits bool) {
	s := p.Queries.chooser.sample
	if s == nil || s.label != nil {
		return 0, false
	}
	return s.event, true
}

// Weigh is the weights of rows by the label that the sample has waited for.
func (p *Plan) Weigh(label event.Column, rows int) event.Column {
	return p.Queries.chooser.sample.weigh(label, rows)
}

// draw is a number for each row that is uniform over the rows and follows from
// the values of the given columns and the seed alone: the first 64 bits of the
// hash of what it is drawn for, the seed and the row's key (event.Keys). Without
// the first a sample by the columns of a split would come from one split only. A
// row with a null among the columns draws as all such rows do.
func draw(of []*expr.Expr, b *event.Batch, what string, seed uint64) []uint64 {
	var ignored event.Counts
	keys, _ := event.Keys(evaluate(of, b, &ignored), b.Len, nil)
	draws := make([]uint64, len(keys))
	text := binary.LittleEndian.AppendUint64([]byte(what), seed)
	for i, k := range keys {
		row := binary.LittleEndian.AppendUint64(text[:len(what)+8], k.Hi)
		text = binary.LittleEndian.AppendUint64(row, k.Lo)
		draws[i] = event.HashBytes(text).Hi
	}
	return draws
}

// embargoBefore is the interval that an embargo of a span leaves out before a
// split: [from-span, from), which is a window at its start (S3.1).
func embargoBefore(from event.Time, span int64) Interval {
	w := aggregate.Window{Length: span, ClosedLow: true}
	lo, hi := w.Bounds(from)
	return Interval{From: lo, To: hi}
}
