package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Answer is what an engine says to a batch of questions. It stands alone (L3).
type Answer struct {
	Columns []event.Column // those that were asked for, a row for each question
	At      event.Time     // the instant of the questions that named none
	Epoch   uint64
	// Known says by lookup and question whether the key has events; of lookups that
	// were not asked it is nil.
	Known [][]bool

	engine *Engine
	room   *features.Room
}

// Done lets the memory of the answer be used for another one: nothing of its columns
// may be looked at any more. An answer that is never done is garbage as any other.
func (a *Answer) Done() {
	if a.room != nil {
		a.room.Clear()
		a.engine.rooms.Put(a.room)
		a.room, a.Columns = nil, nil
	}
}

// ErrForgotten is that of a question of an instant that is too long ago.
var ErrForgotten = errors.New("is too long ago")

// Ask answers a batch of Plan.Queries.Columns. A question without an instant is of now.
func (e *Engine) Ask(b *event.Batch) (*Answer, error) { return e.AskPart(b, e.whole) }

// AskPart is Ask for some of the plan's outputs. Columns of the batch that the part
// does not need are not looked at, but must be there.
func (e *Engine) AskPart(b *event.Batch, part *features.Part) (*Answer, error) {
	var counts event.Counts
	a := &Answer{At: e.instant(), engine: e}
	if a.room, _ = e.rooms.Get().(*features.Room); a.room == nil {
		a.room = e.plan.NewRoom()
	}
	q := e.plan.NewQueries(b, &counts)
	q.At.Ints = slices.Clone(q.At.Ints) // they may be the batch's own
	for r := range q.Times {
		if q.NoTime != nil && q.NoTime[r] {
			q.Times[r], q.At.Ints[r] = a.At, int64(a.At)
		}
	}
	q.NoTime, q.At.Null = nil, nil
	slots, err := e.slots(q, part, a)
	if err != nil {
		return nil, err
	}
	a.Columns, _ = e.plan.FinishPart(part, q, slots, a.room)
	return a, nil
}

// slots are the answers of the part's lookups, all of one epoch (L1).
func (e *Engine) slots(q *features.Queries, part *features.Part, a *Answer) ([][]event.Column, error) {
	all := make([][]event.Column, len(e.plan.Lookups))
	a.Known = make([][]bool, len(e.plan.Lookups))
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, t := range q.Times {
		if t < e.kept {
			return nil, fmt.Errorf("a question of %s %w: what is kept begins at %s; ask bounded runs of it", t, ErrForgotten, e.kept)
		}
	}
	a.Epoch = e.epoch
	for _, i := range part.Lookups {
		a.Known[i] = make([]bool, q.Len)
		all[i] = e.lookup(i, q, a)
	}
	return all, e.Err()
}

// lookup asks each shard for the questions whose keys it has.
func (e *Engine) lookup(lookup int, q *features.Queries, a *Answer) []event.Column {
	known, keys := a.Known[lookup], q.Keys[e.plan.Lookups[lookup].Key]
	if q.Len == 1 || len(e.shards) == 1 {
		s, rows := 0, make([]int32, q.Len)
		for r := range rows {
			rows[r] = int32(r)
			s = e.shardOf(keys[r])
		}
		memory := &a.room.Slots[lookup]
		*memory = e.shards[s].ask(&question{lookup, q, rows, known}, *memory)
		return *memory
	}
	rows, place := make([][]int32, len(e.shards)), make([][2]int32, q.Len)
	for r, key := range keys {
		s := e.shardOf(key)
		place[r] = [2]int32{int32(s), int32(len(rows[s]))}
		rows[s] = append(rows[s], int32(r))
	}
	answers := make([][]event.Column, len(e.shards))
	var out []event.Column
	for i, s := range e.shards {
		if len(rows[i]) == 0 {
			continue
		}
		answers[i] = s.ask(&question{lookup, q, rows[i], known}, nil)
		out = answers[i]
		if len(rows[i]) == q.Len {
			return out
		}
	}
	if out == nil { // nobody asked anything
		return e.shards[0].ask(&question{lookup, q, nil, known}, nil)
	}
	merged := make([]event.Column, len(out))
	for c := range merged {
		merged[c] = event.Make(out[c].Type)
		for _, p := range place {
			merged[c].Append(&answers[p[0]][c], int(p[1]))
		}
	}
	return merged
}

// question is what a shard is asked: some queries for one lookup.
type question struct {
	lookup int
	of     *features.Queries
	rows   []int32
	known  []bool // by query: the shard has events of its key
}

// ask answers a question, in columns that have nothing of the state's (L3), and tells
// which queries are about keys that it knows.
func (s *shard) ask(q *question, memory []event.Column) []event.Column {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range q.rows {
		q.known[r] = s.state.Knows(q.lookup, q.of, r)
	}
	out := s.state.AnswerIn(memory, q.lookup, q.of, q.rows)
	s.look()
	for i := range out {
		if own := &out[i]; own.Shares() {
			c := event.Make(own.Type)
			for r := range q.rows {
				c.Append(own, r)
			}
			out[i] = c
		}
	}
	return out
}

// Wait returns once positions are applied, or the context's error.
func (e *Engine) Wait(ctx context.Context, these Positions) error {
	for {
		e.mu.RLock()
		reached, advanced := e.positions.Reached(these), e.advanced
		e.mu.RUnlock()
		if reached {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
