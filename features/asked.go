package features

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// GridPlan is how the events of a source become questions at equally distant
// instants: one for each instant and each entity that was active before it.
type GridPlan struct {
	Columns  event.Schema // the history's columns that are read
	Schema   event.Schema // of the questions: what keys the entity, then the instant
	Instants []event.Time

	begins, ends []event.Time // by instant: an entity with an event in [begin, end) is asked
	time         *expr.Expr
	where        *expr.Expr // nil: every event
	keys         []*expr.Expr
}

// maxInstants is the most instants of a grid. A minute's over eight years are so
// many; they are held in memory, with the ends of their windows.
const maxInstants = 1 << 22

// gridInstants returns the instants of a grid; false where they are too many.
func gridInstants(from, to event.Time, every int64) ([]event.Time, bool) {
	return aggregate.Steps(from, to, max(every, 1), maxInstants)
}

// Active is the events of a batch that make an entity active at some instant of a
// grid: From to To-1.
type Active struct {
	Keys     []event.Hash
	From, To []int32
	Columns  []event.Column // what keys the entity
}

// Active evaluates a batch of the grid's columns. Events without time or key are
// counted and left out, as a view leaves them out (S7.5). An instant is found by
// searching the ends of its window, so that Window.Bounds alone spells them.
func (g *GridPlan) Active(b *event.Batch, n *event.Counts) Active {
	if g.where != nil {
		passed := newSelection(b.Len)
		passed.keep(g.where.Eval(b, n))
		b = passed.batch(b)
	}
	taken := newSelection(b.Len)
	at := g.time.Eval(b, n)
	n[event.NoTime] += taken.dropNulls(at.Null)
	columns := evaluate(g.keys, b, n)
	hashes, null := event.Keys(columns, b.Len, nil)
	n[event.NoKey] += taken.dropNulls(null)
	keyed := taken.batch(&event.Batch{Len: b.Len, Columns: columns})
	a := Active{Keys: pick(taken, hashes), Columns: keyed.Columns}
	for _, t := range pick(taken, at.Ints) {
		at := event.Time(t)
		a.From = append(a.From, int32(sort.Search(len(g.ends), func(i int) bool { return g.ends[i] > at })))
		a.To = append(a.To, int32(sort.Search(len(g.begins), func(i int) bool { return g.begins[i] > at })))
	}
	return a
}

// Most is the most questions that so many events can make: as many for each as
// there are instants in the time that it makes its entity active.
func (g *GridPlan) Most(events int64) int64 {
	most := 0
	for i := range g.Instants {
		most = max(most, sort.Search(len(g.begins), func(k int) bool { return g.begins[k] >= g.ends[i] })-i)
	}
	return events * int64(most)
}

// contentPlan is what tells questions of one instant apart.
type contentPlan struct {
	version []*expr.Expr // none or one
	order   []*expr.Expr // order_by, then the id
	desc    []bool
	values  []*expr.Expr
}

// Contents evaluates what tells the rows of a batch of Queries.Content apart.
func (p *QueryPlan) Contents(b *event.Batch) []event.Column {
	var ignored event.Counts // what is wrong with a row is counted when it is answered
	return evaluate(slices.Concat(p.content.version, p.content.order, p.content.values), b, &ignored)
}

// CompareCopies compares two rows of contents that are copies of one event; the
// lesser is asked: the one of the greater version, or else of the smaller content
// (S6.2). Zero: they are equal in all single values.
func (p *QueryPlan) CompareCopies(a []event.Column, i int, b []event.Column, j int) int {
	for v := range p.content.version {
		if c := event.Compare(&b[v], j, &a[v], i); c != 0 {
			return c
		}
	}
	for v := len(p.content.version) + len(p.content.order); v < len(a); v++ {
		if c := event.Compare(&a[v], i, &b[v], j); c != 0 {
			return c
		}
	}
	return 0
}

// CompareTies compares two rows of contents in the order of events of one time
// (S5.1): order_by, id, content.
func (p *QueryPlan) CompareTies(a []event.Column, i int, b []event.Column, j int) int {
	from := len(p.content.version)
	for v := from; v < len(a); v++ {
		c := event.Compare(&a[v], i, &b[v], j)
		if k := v - from; k < len(p.content.desc) && p.content.desc[k] {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// identify hashes what makes rows one question: id, instant and keys, a null among
// the keys being one value. none tells which rows have no id; nil: all have.
func (p *QueryPlan) identify(b *event.Batch, at *event.Column, n *event.Counts) (ids []event.Hash, none []bool) {
	id := evaluate([]*expr.Expr{p.id}, b, n)
	ids, none = event.Keys(id, b.Len, nil)
	for _, c := range append(evaluate(p.keyed, b, n), *at) {
		also, _ := event.Keys([]event.Column{c}, b.Len, nil)
		for i, h := range also {
			var text [32]byte
			for k, word := range [...]uint64{ids[i].Hi, ids[i].Lo, h.Hi, h.Lo} {
				binary.LittleEndian.PutUint64(text[8*k:], word)
			}
			ids[i] = event.HashBytes(text[:])
		}
	}
	return ids, none
}

// Clean is Input.Clean for a batch of the spine, where a source's rows are the
// spine.
func (p *QueryPlan) Clean(b *event.Batch, n *event.Counts) *event.Batch {
	if p.Source == nil {
		return b
	}
	return (&Input{Source: p.Source}).Clean(b, n)
}

// Refuse is Input.Refuse for a spine.
func (p *QueryPlan) Refuse(n *event.Counts) error {
	if p.Source == nil {
		return nil
	}
	return (&Input{Source: p.Source}).Refuse(n)
}

// Read is the columns of a table that a spine is made of.
func (p *QueryPlan) Read() event.Schema {
	if p.Grid != nil {
		return p.Grid.Columns
	}
	return p.Columns
}

// asked leaves of a batch the rows that are questions of the spine, whenever: of a
// source's those that have a time and pass its where.
func (p *QueryPlan) asked(b *event.Batch, s *selection, at *event.Column, n *event.Counts) {
	if p.Source == nil || p.Grid != nil {
		return
	}
	if p.where != nil {
		var ignored event.Counts
		s.keep(p.where.Eval(b, &ignored))
	}
	n[event.NoTime] += s.drop(at.IsNull)
}

// Rivals returns the rows of a batch that are questions of the spine and were not
// chosen: those of other times. An event that belongs to one of them belongs to
// none that was. chosen is what Choose returned.
func (p *Plan) Rivals(b *event.Batch, chosen []int32) *event.Batch {
	var ignored event.Counts
	s, at := newSelection(b.Len), p.Queries.time.Eval(b, &ignored)
	p.Queries.asked(b, s, &at, &ignored)
	place := 0
	s.drop(func(i int) bool {
		for place < len(chosen) && int(chosen[place]) < i {
			place++
		}
		return chosen == nil || place < len(chosen) && int(chosen[place]) == i || at.IsNull(i)
	})
	return s.batch(b)
}
