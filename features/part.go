package features

import (
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Part is some outputs of a plan and what it takes to answer just these: who asks for
// a few of a service's features pays for these, and need not know the keys of the
// others. It is read only once it is made.
type Part struct {
	Outputs []int // places in Plan.Outputs, in the order in which they are asked for
	Lookups []int // places in Plan.Lookups, rising
	Columns []int // places in Plan.Queries.Columns, rising; the instant's is one where it has its own
	From    []int // by output: the one lookup whose view has it; -1: it is derived

	frame []int // the columns of the frame that are computed, in order
}

// Part returns what it takes to answer some outputs.
func (p *Plan) Part(outputs []int) *Part {
	part := &Part{Outputs: outputs}
	need := make([]bool, len(p.frame))
	for _, o := range outputs {
		need[p.outputs[o]] = true
		part.From = append(part.From, p.from(o))
	}
	// A column reads only columns before it, so that one way back finds all.
	lookups, columns := make([]bool, len(p.Lookups)), make([]bool, len(p.Queries.Columns))
	for f := len(p.frame) - 1; f >= 0; f-- {
		if !need[f] {
			continue
		}
		switch o := p.frame[f]; o.kind {
		case atOrigin:
		case requestOrigin:
			mark(columns, p.Queries.request[o.index])
		case slotOrigin:
			lookups[o.lookup] = true
		case stepOrigin:
			mark(need, p.steps[o.index].expr)
		}
	}
	for l, asked := range lookups {
		if asked {
			for _, e := range p.Queries.Keys[p.Lookups[l].Key].exprs {
				mark(columns, e)
			}
		}
	}
	part.Lookups, part.Columns, part.frame = places(lookups), places(columns), places(need)
	return part
}

// mark marks the columns that an expression reads.
func mark(read []bool, e *expr.Expr) {
	for _, c := range e.Columns() {
		read[c] = true
	}
}

// places is where a mark is true.
func places(marks []bool) (at []int) {
	for i, is := range marks {
		if is {
			at = append(at, i)
		}
	}
	return at
}

// from is the lookup of the view whose feature an output is; -1: its view is derived,
// or it is made of no event.
func (p *Plan) from(output int) int {
	view := p.described[output].View
	v := slices.IndexFunc(p.Definition.Views, func(v View) bool { return v.Name.Value == view })
	if v < 0 || !p.Definition.Views[v].Source.Given() {
		return -1
	}
	next := []int{p.outputs[output]}
	for len(next) > 0 {
		o := p.frame[next[0]]
		next = next[1:]
		switch o.kind {
		case slotOrigin:
			return o.lookup
		case stepOrigin:
			next = append(next, p.steps[o.index].expr.Columns()...)
		}
	}
	return -1
}

// Room is memory for an answer: columns alone are some hundred bytes each, and a
// question to one key has more of them than values. It may be used again once nobody
// looks at the columns that were made in it.
type Room struct {
	Slots       [][]event.Column // by lookup, for State.AnswerIn
	frame, outs []event.Column
}

// NewRoom returns memory for answers of a plan.
func (p *Plan) NewRoom() *Room { return &Room{Slots: make([][]event.Column, len(p.Lookups))} }

// Clear forgets what was made.
func (r *Room) Clear() {
	clear(r.frame)
	clear(r.outs)
	for i := range r.Slots {
		clear(r.Slots[i])
		r.Slots[i] = r.Slots[i][:0]
	}
}

// FinishPart is Finish for some outputs: slots are those of the part's lookups, by
// place in Plan.Lookups. The columns that it returns are the room's.
func (p *Plan) FinishPart(part *Part, q *Queries, slots [][]event.Column, r *Room) (outs []event.Column, n event.Counts) {
	r.frame = slices.Grow(r.frame[:0], len(p.frame))[:len(p.frame)]
	s := sheet{Batch: event.Batch{Len: q.Len, Columns: r.frame}, plan: p, queries: q, slots: slots, counts: &n}
	for _, f := range part.frame {
		s.place(f)
	}
	r.outs = r.outs[:0]
	for _, o := range part.Outputs {
		r.outs = append(r.outs, p.output(q, &r.frame[p.outputs[o]]))
	}
	return r.outs, n
}

// Knows reports whether the state has an event of the key that a query asks a lookup
// by. An event that was forgotten is none.
func (s *State) Knows(lookup int, q *Queries, row int32) bool {
	l := s.plan.Lookups[lookup]
	if q.NoKey[l.Key] != nil && q.NoKey[l.Key][row] {
		return false
	}
	return s.stores[l.View].table.has(q.Keys[l.Key][row])
}
