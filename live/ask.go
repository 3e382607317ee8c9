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
	Columns []event.Column // those of Plan.Outputs, a row for each question
	At      event.Time     // the instant of the questions that named none
	Epoch   uint64
}

// ErrForgotten is that of a question of an instant that is too long ago.
var ErrForgotten = errors.New("is too long ago")

// Ask answers a batch of Plan.Queries.Columns. A question without an instant is of now.
func (e *Engine) Ask(b *event.Batch) (*Answer, error) {
	var counts event.Counts
	a := &Answer{At: e.instant()}
	q := e.plan.NewQueries(b, &counts)
	q.At.Ints = slices.Clone(q.At.Ints) // they may be the batch's own
	for r := range q.Times {
		if q.NoTime != nil && q.NoTime[r] {
			q.Times[r], q.At.Ints[r] = a.At, int64(a.At)
		}
	}
	q.NoTime, q.At.Null = nil, nil
	slots, err := e.slots(q, a)
	if err != nil {
		return nil, err
	}
	a.Columns = e.plan.Finish(q, slots, &counts)
	return a, nil
}

// slots are the answers of every lookup, all of one epoch (L1).
func (e *Engine) slots(q *features.Queries, a *Answer) ([][]event.Column, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, t := range q.Times {
		if t < e.kept {
			return nil, fmt.Errorf("a question of %s %w: what is kept begins at %s; ask bounded runs of it", t, ErrForgotten, e.kept)
		}
	}
	a.Epoch = e.epoch
	all := make([][]event.Column, len(e.plan.Lookups))
	for i, l := range e.plan.Lookups {
		all[i] = e.lookup(i, q, q.Keys[l.Key])
	}
	return all, nil
}

// lookup asks each shard for the questions whose keys it has.
func (e *Engine) lookup(lookup int, q *features.Queries, keys []event.Hash) []event.Column {
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
		answers[i] = s.ask(lookup, q, rows[i])
		out = answers[i]
		if len(rows[i]) == q.Len {
			return out
		}
	}
	if out == nil { // nobody asked anything
		return e.shards[0].ask(lookup, q, nil)
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

// ask answers some questions, in columns that have nothing of the state's (L3).
func (s *shard) ask(lookup int, q *features.Queries, rows []int32) []event.Column {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.state.Answer(lookup, q, rows)
	for i := range out {
		if own := &out[i]; own.Shares() {
			c := event.Make(own.Type)
			for r := range rows {
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
