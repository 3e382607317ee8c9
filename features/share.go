package features

import "github.com/timeseam/timeseam/features/event"

// Taken is what a view takes of a batch of its input.
type Taken struct {
	View int // place in Plan.Views
	Rows
}

// Take is what each view of an input takes of a batch of its columns: the part of
// applying that no state is needed for, so that who has several states, each of some
// keys, does it once. The vectors may be the batch's own.
func (p *Plan) Take(input int, b *event.Batch, n *event.Counts) (all []Taken) {
	b = p.Inputs[input].Clean(b, n)
	for i, v := range p.Views {
		if v.Input == input {
			all = append(all, Taken{i, v.Rows(b, n)})
		}
	}
	return all
}

// ApplyTaken takes some rows of what a view takes into the state, in rising order;
// nil: all of them.
func (s *State) ApplyTaken(t *Taken, rows []int32) {
	if rows != nil && len(rows) == 0 {
		return
	}
	some := selection{n: len(t.Keys), rows: rows}
	keys, store := pick(&some, t.Keys), s.stores[t.View]
	e := Events{Times: pick(&some, t.Times), Columns: some.batch(&event.Batch{Len: len(t.Keys), Columns: t.Columns}).Columns}
	if rows == nil {
		e.Columns = append([]event.Column{}, e.Columns...) // Intern puts others into their places
	}
	store.Intern(e.Columns)
	store.table.applyAll(keys, e)
	store.table.settle()
}

// Left is what a run leaves of some keys of a view: of key k the bytes that Store.Leave
// appended, if any, and behind them the events from Ends[k-1] on up to Ends[k].
type Left struct {
	Keys  []event.Hash
	Ends  []uint32
	Bases [][]byte // nil: of no key anything
	Events
}

// Part is what is left of keys from i up to but without j.
func (l *Left) Part(i, j int) *Left {
	first, end := uint32(0), l.Ends[j-1]
	if i > 0 {
		first = l.Ends[i-1]
	}
	p := &Left{Keys: l.Keys[i:j], Ends: make([]uint32, j-i), Events: Events{Times: l.Times[first:end]}}
	for k := range p.Ends {
		p.Ends[k] = l.Ends[i+k] - first
	}
	if l.Bases != nil {
		p.Bases = l.Bases[i:j]
	}
	for c := range l.Columns {
		p.Columns = append(p.Columns, l.Columns[c].Slice(int(first), int(end)))
	}
	return p
}

// Load takes what is left of keys of a view, of which none was there before.
func (s *State) Load(view int, l *Left) error {
	store, from, e := s.stores[view], 0, l.Events
	e.Columns = append([]event.Column{}, e.Columns...)
	store.Intern(e.Columns)
	for k, key := range l.Keys {
		if l.Bases != nil && len(l.Bases[k]) > 0 {
			if err := store.Resume(key, l.Bases[k]); err != nil {
				return err
			}
		}
		if to := int(l.Ends[k]); from < to {
			store.Apply(key, e, from, to)
			from = to
		}
		if k%loadEvery == loadEvery-1 {
			store.table.settle()
		}
	}
	store.table.settle()
	return nil
}

// loadEvery is after how many keys those before are packed, if there is no room.
const loadEvery = 64

// Answer answers some of the queries for one lookup, given by their rows: a column a
// slot, with a row for each of these in their order. Nulls in keys and a missing
// instant are questions to nobody (S11.4, S11.5), so that they cost no key. Answers
// keep the symbols of the store alive.
func (s *State) Answer(lookup int, q *Queries, rows []int32) []event.Column {
	return s.AnswerIn(nil, lookup, q, rows)
}

// AnswerIn is Answer with columns in memory that nobody looks at any more.
func (s *State) AnswerIn(memory []event.Column, lookup int, q *Queries, rows []int32) []event.Column {
	l := s.plan.Lookups[lookup]
	store, k := s.stores[l.View], l.Key
	out, own := store.view.Layout.AnswersIn(memory, len(rows)), store.bring(q, l.View)
	for from := 0; from < len(rows); from += aheadMost {
		some := rows[from:min(from+aheadMost, len(rows))]
		store.answer(q, asking{k, some, from, own}, out)
	}
	store.table.settle()
	return out
}

// Runs is the runs of a key group in canonical form, which nobody changes any more.
type Runs struct {
	Keys  []event.Hash // ascending
	Ends  []uint32     // run k ends before Bytes[Ends[k]], and begins where the one before ends
	Bytes []byte
}

// Runs returns a view's runs of the key groups from from up to but without to, by group.
func (s *State) Runs(view, from, to int) []Runs {
	t := s.stores[view].table
	all, ready := make([]Runs, to-from), make([][]event.Hash, to-from)
	for key := range t.ready {
		if n := event.KeyGroup(key); n >= from && n < to {
			ready[n-from] = append(ready[n-from], key)
		}
	}
	for i := range all {
		all[i] = t.runs(from+i, ready[i])
	}
	return all
}

// Expect makes room for so many runs of a key group of a view, which have so many bytes.
// The caller has them at hand.
func (s *State) Expect(view, group, runs, bytes int) {
	t := s.stores[view].table
	if g := &t.groups[group]; g.at == nil {
		g.at, g.bytes = make(map[event.Hash]stretch, runs), make([]byte, 0, bytes)
		t.packed += cap(g.bytes)
	}
}

// LoadRun takes a run of a view that Runs had of a key, which has none yet. The bytes may
// come from anywhere.
func (s *State) LoadRun(view int, key event.Hash, run []byte) error {
	rest, err := s.stores[view].table.load(key, run)
	if err == nil && len(rest) > 0 {
		err = errSnapshot
	}
	return err
}
