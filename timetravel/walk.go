package timetravel

import (
	"context"

	"github.com/timeseam/timeseam/features/event"
)

// walk steps through every key's events and queries. Both sides of a key rise
// in time, so that one pass serves them, each event is applied once, and the
// run never goes back (T1). Events known only after the key's last query are
// never applied; keys that nobody asks are not here at all. Close makes the
// last key's counts complete.
func (s *sweeper) walk(ctx context.Context, out []event.Column) error {
	for id := range s.local.len() {
		e, end := int(s.eStarts[id]), int(s.eStarts[id+1])
		if err := s.resumeKey(id); err != nil {
			return err
		}
		for k := int(s.qStarts[id]); k < int(s.qStarts[id+1]); {
			if ctx.Err() != nil {
				return ctx.Err() // a hot key may have many queries, and each may be long
			}
			from := e
			own := s.ownOf(k)
			k, e = s.stretch(k, int(s.qStarts[id+1]), e, end)
			step(s.store, s.gather, from, e, question{s.local.keys[id], s.ask, own}, out)
		}
	}
	s.store.Close()
	return ctx.Err()
}

// stretchMost is how many queries are asked at once at most: enough for what they
// share, and few enough for their ranges to stay in a core's own cache.
const stretchMost = 256

// stretch puts into ask the queries from k on that can be asked at once, with all
// events from e on that are known to the last of them, and returns where both
// end. An event that is known to a later query only must have happened so late
// that no window of the ones before reaches it: they answer the same, whether the
// run has it or not (A2). The first that happened earlier, and came late, ends
// the stretch; so does a query that is an event itself.
func (s *sweeper) stretch(k, last, e, end int) (n, known int) {
	until, layout := s.until, s.Plan.Views[s.view].Layout
	ahead := s.Plan.Lookups[s.lookup].Ahead
	s.ask.Times, s.ask.Rows = s.ask.Times[:0], s.ask.Rows[:0]
	reach := event.MinTime
	for n = k; n < min(last, k+stretchMost); n++ {
		if n > k && (s.ownOf(k) >= 0 || s.ownOf(n) >= 0) {
			break
		}
		q := &s.queries[n]
		cutoff, next := s.Visibility.cutoff(q.at), e
		if ahead {
			cutoff = event.MaxTime
		}
		for next < end && s.order[next].visible <= cutoff && (len(until) == 0 || s.order[next].visible < until[n]) {
			if s.gather.Times[next] < reach {
				return n, e
			}
			next++
		}
		e, reach = next, layout.End(q.at)
		s.ask.Times, s.ask.Rows = append(s.ask.Times, q.at), append(s.ask.Rows, q.place)
	}
	return n, e
}

// sortAnswers puts those of a partition's answers that were appended in the order of
// the spine's rows, as all others are, so that those of one block of the output lie
// together. walk leaves them by key; without this every block of the output would
// jump about in every partition.
func (s *sweeper) sortAnswers(out []event.Column) {
	order := resize(&s.ids, len(s.queries))
	for i := range s.queries {
		order[s.queries[i].place] = int32(i)
	}
	for c := range out {
		switch out[c].Type.Kind {
		case event.List, event.Map, event.Struct, event.Null, event.Unknown:
			out[c] = rearranged(&out[c], order)
		}
	}
}

// rearranged is the rows of a column of any type in another order. Lists bring their
// elements along, all of them gathered at once. It shares dictionaries.
func rearranged(c *event.Column, order []int32) event.Column {
	switch c.Type.Kind {
	case event.List, event.Map:
		to := event.Column{Type: c.Type, Null: take(c.Null, order), Offsets: make([]int32, len(order)+1)}
		for k, i := range order {
			to.Offsets[k+1] = to.Offsets[k] + c.Offsets[i+1] - c.Offsets[i]
		}
		elements := make([]int32, 0, to.Offsets[len(order)])
		for _, i := range order {
			for e := c.Offsets[i]; e < c.Offsets[i+1]; e++ {
				elements = append(elements, e)
			}
		}
		elem := rearranged(c.Elem, elements)
		to.Elem = &elem
		return to
	case event.Struct:
		to := event.Column{Type: c.Type, Null: take(c.Null, order), Rows: len(order)}
		for f := range c.Fields {
			to.Fields = append(to.Fields, rearranged(&c.Fields[f], order))
		}
		return to
	case event.Null, event.Unknown:
		return event.Column{Type: c.Type, Rows: len(order)}
	}
	return permuted(c, order)
}
