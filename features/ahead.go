package features

import (
	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
)

// aheadMost is how many runs are looked up and touched before the first of them is worked
// on: enough for a processor to wait for many at once, few enough for all of them to stay
// near.
const aheadMost = 64

// ahead is the runs of the next keys.
type ahead struct {
	runs  [aheadMost]*held // nil: the run is not ready, or there is none
	seen  uint64           // what was read, so that it is
	rows  [aheadMost]int32
	keys  [aheadMost]event.Hash
	times [aheadMost]event.Time
}

// find looks up the runs of some keys and reads what the next events need of them, in
// loops that wait for nothing: a run that is in no cache costs as much as all the work on
// it, and many come at the price of a few.
func (a *ahead) find(t *table, keys []event.Hash) {
	for i, key := range keys {
		a.runs[i] = t.ready[key]
	}
	for i := range keys {
		if h := a.runs[i]; h != nil {
			h.touched = true
			a.seen += uint64(h.run.Len())
		}
	}
	for i := range keys {
		if h := a.runs[i]; h != nil {
			a.seen += h.run.TouchEnd()
		}
	}
}

// ranges is find for questions, after it.
func (a *ahead) ranges(n int) {
	for _, h := range a.runs[:n] {
		if h != nil {
			a.seen += h.run.TouchRanges()
		}
	}
}

// ask is questions i to j-1 of those at hand.
func (a *ahead) ask(i, j int) Ask { return Ask{Times: a.times[i:j], Rows: a.rows[i:j]} }

// applyAll applies events, each to its key.
func (t *table) applyAll(keys []event.Hash, e Events) {
	for from := 0; from < len(keys); from += aheadMost {
		some := keys[from:min(from+aheadMost, len(keys))]
		t.ahead.find(t, some)
		for i := 0; i < len(some); {
			j := i + 1
			for j < len(some) && some[j] == some[i] {
				j++
			}
			h := t.ahead.runs[i]
			if h == nil {
				h = t.hold(some[i], true)
			}
			t.apply(h, e, from+i, from+j)
			i = j
		}
	}
}

// apply inserts events i to j-1, all of one key, into its run.
func (t *table) apply(h *held, e Events, i, j int) {
	before := h.run.Len()
	h.run.Insert(e, i, j)
	t.events += int64(h.run.Len() - before)
	t.grow(h)
}

// asked is the run that answers for a key, which ahead may have found.
func (t *table) asked(h *held, key event.Hash) *aggregate.Run {
	if h == nil {
		h = t.hold(key, false)
	}
	if h == nil {
		return t.store.nobody
	}
	return h.run
}

// asking is some rows of queries by one of the plan's keys, of which the answers begin at
// a row of the columns.
type asking struct {
	key  int
	rows []int32
	from int
	own  *OwnEvents
}

// answer answers few questions: those that stand beside each other and have one key
// together.
func (s *Store) answer(q *Queries, some asking, out []event.Column) {
	a, keys, none := &s.table.ahead, q.Keys[some.key], q.NoKey[some.key]
	for i, r := range some.rows {
		a.keys[i], a.times[i], a.rows[i] = keys[r], q.Times[r], int32(some.from+i)
	}
	n := len(some.rows)
	a.find(s.table, a.keys[:n])
	a.ranges(n)
	nobody := func(i int) bool {
		r := some.rows[i]
		return q.NoTime != nil && q.NoTime[r] || none != nil && none[r]
	}
	for i := 0; i < n; {
		j := i + 1
		switch {
		case nobody(i):
			s.nobody.Values(a.ask(i, j), out)
		case some.own.At(int(some.rows[i]), a.keys[i]) >= 0:
			run := s.table.asked(a.runs[i], a.keys[i])
			run.ValueWith(a.ask(i, j), s.Own, some.own.At(int(some.rows[i]), a.keys[i]), out)
		default:
			for j < n && a.keys[j] == a.keys[i] && !nobody(j) && some.own.At(int(some.rows[j]), a.keys[j]) < 0 {
				j++
			}
			s.table.asked(a.runs[i], a.keys[i]).Values(a.ask(i, j), out)
		}
		i = j
	}
}
