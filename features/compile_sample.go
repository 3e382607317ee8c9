package features

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// chooser compiles which rows of the spine a training set takes and how it
// marks them. It comes after the features: the columns that it adds must have
// names of their own.
func (c *compiler) chooser(t *TrainingSet, q *spineScope) {
	p := &c.plan.Queries.chooser
	if s := t.Split; s != nil {
		p.split = c.splitting(s, q)
		c.mark(t, event.Field{Name: splitColumn, Type: event.Of(event.String)}, s.Pos, s.String())
	}
	if s := t.Sample; s != nil {
		p.sample = c.sampling(t, q)
		c.mark(t, event.Field{Name: weightColumn, Type: event.Of(event.Double)}, s.Pos, s.String())
	}
}

// mark adds a column behind the features.
func (c *compiler) mark(t *TrainingSet, f event.Field, at Pos, words string) {
	name := f.Name
	if c.kept(t, name) {
		c.fault(Text{Pos: at, Value: name, Quoted: -1}, 0, 0, fmt.Sprintf("the spine of training set %s has a column %s already", t.Name.Value, name), "leave it out with spine: {columns: […]}")
	}
	c.plan.Marks = append(c.plan.Marks, f)
	c.plan.marked = append(c.plan.marked, Described{Name: name, Type: f.Type, Value: words})
}

// String is the split in words, with all that decides about a row.
func (s *Split) String() string {
	var words []string
	for _, m := range s.Starts {
		words = append(words, fmt.Sprintf("%s from %s", m.Name, m.Value.Value))
	}
	if s.Embargo.Given() {
		words = append(words, "embargo "+s.Embargo.Value)
	}
	for _, m := range s.Shares {
		words = append(words, fmt.Sprintf("%s %s", m.Name, m.Value.Value))
	}
	return strings.Join(append(words, drawnBy(s.Of, s.Seed)...), ", ")
}

// String is the sample in words.
func (s *Sample) String() string {
	return strings.Join(append([]string{s.Negatives.Value + " of the negatives"}, drawnBy(s.Of, s.Seed)...), ", ")
}

// drawnBy is in words what a draw follows from.
func drawnBy(of []Text, seed int64) []string {
	if len(of) == 0 {
		return nil
	}
	var names []string
	for _, t := range of {
		names = append(names, t.Value)
	}
	return []string{fmt.Sprintf("by the hash of %s with seed %d", strings.Join(names, ", "), seed)}
}

func (c *compiler) splitting(s *Split, q *spineScope) *splitting {
	p := &splitting{of: c.hashed(s.Of, q), seed: uint64(s.Seed)}
	for _, m := range s.Starts {
		start := splitStart{name: m.Name, from: startOf(m.Value)}
		if s.Embargo.Given() {
			span, _ := ParseDuration(s.Embargo.Value)
			start.embargo = embargoBefore(start.from, span)
		}
		p.starts = append(p.starts, start)
	}
	sum := new(big.Rat)
	for _, m := range s.Shares {
		sum.Add(sum, shareOf(m.Value))
		p.shares = append(p.shares, splitShare{m.Name, belowOf(sum)})
	}
	return p
}

func (c *compiler) sampling(t *TrainingSet, q *spineScope) *sampling {
	s := t.Sample
	label := s.Label
	if len(t.EventLabels) > 0 {
		return c.samplingByEvents(t, q)
	}
	switch {
	case label.Given() && !slices.ContainsFunc(t.Labels, func(l Text) bool { return l.Value == label.Value }):
		c.fault(label, 0, 0, fmt.Sprintf("%s is no label of training set %s", label.Value, t.Name.Value), "name one of its labels")
		return nil
	case !label.Given() && len(t.Labels) != 1:
		c.fault(s.Negatives, 0, 0, fmt.Sprintf("training set %s has %d labels, and its sample names none", t.Name.Value, len(t.Labels)), "add label: COLUMN to the sample")
		return nil
	case !label.Given():
		label = t.Labels[0]
	}
	p := c.drawing(s, q)
	if p == nil {
		return nil // the loader has told
	}
	p.late = c.plan.Queries.id != nil
	want, known := event.Of(event.Bool), q.known && q.schema.Index(label.Value) >= 0
	if known {
		want = q.schema[q.schema.Index(label.Value)].Type
	}
	if want.Kind != event.Bool && want.Kind != event.Int && want.Kind != event.Double {
		c.fault(label, 0, 0, fmt.Sprintf("label %s is %s, and negatives are told by false or zero", label.Value, want), "make the label a truth value or a number where the spine is written")
		return nil
	}
	if p.label = q.plain(label, want); p.label == nil {
		return nil
	}
	return p
}

// drawing is a sample but for its label; nil where its share is faulty.
func (c *compiler) drawing(s *Sample, q *spineScope) *sampling {
	share := shareOf(s.Negatives)
	if share == nil {
		return nil
	}
	p := &sampling{of: c.hashed(s.Of, q), seed: uint64(s.Seed), below: belowOf(share)}
	p.weight, _ = new(big.Rat).Inv(share).Float64()
	return p
}

// samplingByEvents compiles a sample whose negatives later events tell: which rows
// stay is decided when that label is known.
func (c *compiler) samplingByEvents(t *TrainingSet, q *spineScope) *sampling {
	s := t.Sample
	label := t.EventLabels[0].Name
	switch {
	case s.Label.Given() && !slices.ContainsFunc(t.EventLabels, func(l EventLabel) bool { return l.Name.Value == s.Label.Value }):
		c.fault(s.Label, 0, 0, fmt.Sprintf("%s is no label of training set %s", s.Label.Value, t.Name.Value), "name one of its labels")
		return nil
	case s.Label.Given():
		label = s.Label
	case len(t.EventLabels) > 1:
		c.fault(s.Negatives, 0, 0, fmt.Sprintf("training set %s has %d labels, and its sample names none", t.Name.Value, len(t.EventLabels)), "add label: NAME to the sample")
		return nil
	}
	p := c.drawing(s, q)
	place, out := -1, c.plan.Outputs.Index(label.Value)
	for i := range c.plan.Labels {
		if c.plan.Labels[i].Output == out {
			place = i
		}
	}
	if p == nil || place < 0 {
		return nil // told
	}
	if k := c.plan.Outputs[out].Type; !k.Numeric() && k.Kind != event.Bool {
		c.fault(label, 0, 0, fmt.Sprintf("label %s is %s, and negatives are told by false or zero", label.Value, k), "make it a condition or a number, such as count(*) > 0")
		return nil
	}
	p.event, p.late = place, true
	return p
}

// hashed compiles the columns of the spine that a draw follows from.
func (c *compiler) hashed(of []Text, q *spineScope) []*expr.Expr {
	var exprs []*expr.Expr
	for _, t := range of {
		want := event.Of(event.String)
		if i := q.schema.Index(t.Value); q.known && i >= 0 {
			want = q.schema[i].Type
		}
		if !want.Scalar() || want.Kind == event.Double || want.Kind == event.Null {
			c.fault(t, 0, 0, fmt.Sprintf("column %s of the spine is %s, and what is hashed is a single value and never floating", t.Value, want), "name other columns")
			continue
		}
		if e := q.plain(t, want); e != nil {
			exprs = append(exprs, e)
		}
	}
	return exprs
}

// belowOf is the least draw that is not of a share: the share of 2^64, rounded
// down, and for a whole the greatest draw.
func belowOf(share *big.Rat) uint64 {
	scaled := new(big.Rat).Mul(share, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64)))
	n := new(big.Int).Quo(scaled.Num(), scaled.Denom())
	if !n.IsUint64() {
		return 1<<64 - 1
	}
	return n.Uint64()
}
