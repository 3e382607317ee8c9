package timetravel

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// slice returns rows from to to-1 of the spine as queries. Keys are left out:
// Finish asks for none, as slots are answered already. Vectors are shared with
// the spine and only read.
func (s *spine) slice(from, to int) *features.Queries {
	q := &features.Queries{Len: to - from, Times: s.times[from:to], At: event.Column{Type: event.Of(event.Timestamp), Ints: make([]int64, to-from)}}
	for i, t := range q.Times {
		q.At.Ints[i] = int64(t)
	}
	if s.noTime != nil {
		q.NoTime = s.noTime[from:to]
		q.At.Null = q.NoTime
	}
	for i := range s.request {
		q.Request = append(q.Request, s.request[i].Slice(from, to))
	}
	return q
}

// slots returns lookup l's answers to rows from to to-1 of the spine. Each
// partition's answers lie in the order of the spine, so that this reads 2^bits
// vectors from front to back rather than at random. A query without key or
// instant gets what a key without events gets (S15.1); Finish then nulls those
// without an instant (S11.4).
func (r *run) slots(l, from, to int) []event.Column {
	f := &r.found[l]
	keys := r.spine.keys[r.Plan.Lookups[l].Key][from:to]
	columns := make([]event.Column, len(f.nobody))
	for s := range columns {
		columns[s] = event.Make(f.nobody[s].Type)
		c := &columns[s]
		c.Grow(to - from)
		pull := puller(c)
		for i, place := range f.place[from:to] {
			if place == noPlace {
				pull(&f.nobody[s], 0)
				continue
			}
			pull(&f.answers[partitionOf(keys[i], r.bits)][s], int(place))
		}
	}
	return columns
}

// puller returns what appends a row to c. The kind is looked at once and not
// for every row. Numbers are appended straight; other kinds bring dictionaries
// or parts of their own and take the general way, which costs more and does the
// same.
func puller(c *event.Column) func(from *event.Column, i int) {
	switch c.Type.Kind {
	case event.Double:
		return func(from *event.Column, i int) {
			if from.Null != nil && from.Null[i] {
				c.AppendNull()
				return
			}
			c.AppendFloat(from.Floats[i])
		}
	case event.Bool, event.Int, event.Date, event.Timestamp:
		return func(from *event.Column, i int) {
			if from.Null != nil && from.Null[i] {
				c.AppendNull()
				return
			}
			c.AppendInt(from.Ints[i])
		}
	}
	return c.Append
}
