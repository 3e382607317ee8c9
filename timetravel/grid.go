package timetravel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// grid is a source of questions: one for each instant and each entity that was
// active before it. Its first Read reads all events. Of an entity it holds the key
// and the stretches of instants at which it is asked, which are never more than
// the rows that come of them; of a row it holds nothing.
type grid struct {
	*features.GridPlan
	plan   *features.QueryPlan
	hands  int64 // bytes that the entities may take; 0: any
	events event.Source
	counts event.Counts

	keys      keyTable
	entities  []event.Column // what keys each
	stretches [][]stretch    // of each, in order, none touching the next
	parts     int            // how many stretches there are
	order     []int32        // entities in the order of their keys
	begin     turns          // places in order, by the instant from which they are asked
	end       turns          // and by the first at which they no longer are
	active    ordered        // places in order that are asked at the instant
	instant   int            // -1: none yet
	next      int            // place from which on the instant's rows are not given yet
	given     []int32        // entities of the last batch
	less      []int64        // of each entity, how many are less in the order of S5; nil: nobody has asked
	made      bool
}

// Questions is a plan's questions of the table of its spine, opened with the columns
// Plan.Queries.Read: the table's own rows, or those of a grid.
func Questions(p *features.Plan, table event.Source) event.Source {
	if g := p.Queries.Grid; g != nil {
		return &grid{GridPlan: g, plan: &p.Queries, events: table}
	}
	return table
}

// stretch is instants from to to-1.
type stretch struct{ from, to int32 }

// gridRows is how many questions a batch has.
const gridRows = 8192

// Schema says what the columns are.
func (g *grid) Schema() event.Schema { return g.GridPlan.Schema }

// Close closes the source of events.
func (g *grid) Close() error { return g.events.Close() }

// Counted is what was noteworthy of the events.
func (g *grid) Counted() event.Counts {
	n := g.counts
	n.AddCounted(g.events)
	return n
}

// Read fills b with the next questions.
func (g *grid) Read(ctx context.Context, b *event.Batch) error {
	if !g.made {
		if err := g.make(ctx); err != nil {
			return err
		}
		g.made = true
	}
	*b = event.Batch{Columns: make([]event.Column, len(g.GridPlan.Schema))}
	for i, f := range g.GridPlan.Schema {
		b.Columns[i] = event.Make(f.Type)
		if i < len(g.entities) {
			b.Columns[i] = g.entities[i].Like()
		}
	}
	at := &b.Columns[len(b.Columns)-1]
	g.given = g.given[:0]
	for b.Len < gridRows && g.step() {
		e := g.order[g.next]
		g.next++
		g.given = append(g.given, e)
		for i := range g.entities {
			b.Columns[i].Append(&g.entities[i], int(e))
		}
		at.AppendInt(int64(g.Instants[g.instant]))
		b.Len++
	}
	if b.Len == 0 {
		*b = event.Batch{}
		return io.EOF
	}
	return nil
}

// make reads the events and finds the rows.
func (g *grid) make(ctx context.Context) error {
	g.clear()
	var b event.Batch
	for {
		if err := g.events.Read(ctx, &b); errors.Is(err, io.EOF) {
			return g.arrange()
		} else if err != nil {
			return err
		}
		if err := g.add(g.Active(g.plan.Clean(&b, &g.counts), &g.counts)); err != nil {
			return err
		}
	}
}

// clear has no entity active.
func (g *grid) clear() {
	g.keys.reset(0)
	for _, f := range g.GridPlan.Schema[:len(g.GridPlan.Schema)-1] {
		g.entities = append(g.entities, event.Make(f.Type))
	}
}

// add makes entities active, unless that takes more memory than there is for them.
func (g *grid) add(a features.Active) error {
	for i, key := range a.Keys {
		if a.From[i] >= a.To[i] {
			continue
		}
		if 2*g.keys.len() >= len(g.keys.slots) {
			g.keys.grow()
		}
		e := int(g.keys.add(key))
		if e == len(g.stretches) {
			g.stretches = append(g.stretches, nil)
			for c := range g.entities {
				g.entities[c].Append(&a.Columns[c], i)
			}
		}
		g.parts -= len(g.stretches[e])
		g.stretches[e] = joined(g.stretches[e], stretch{a.From[i], a.To[i]})
		g.parts += len(g.stretches[e])
	}
	if n := g.held(); g.hands > 0 && n > g.hands {
		return &TooHot{Bytes: n, Hands: g.hands}
	}
	return nil
}

// Bytes of an entity and of one of its stretches, beside what keys it.
const (
	entityWeight  = 16 + 12 + 24 + 4 + 8 // hash, its place, the list of stretches, the orders
	stretchWeight = 8 + 16               // itself, with room to grow, and its turns
)

// held is about how many bytes the entities take, once they are arranged.
func (g *grid) held() int64 {
	n := len(g.stretches)*entityWeight + g.parts*stretchWeight
	for i := range g.entities {
		c := &g.entities[i]
		n += len(g.stretches) * int(HeldBytes(c.Type))
		if c.Dict != nil {
			n += len(c.Dict.Bytes) + 4*len(c.Dict.Offsets)
		}
	}
	return int64(n)
}

// joined is stretches with one more among them. Events mostly come in order of
// time, so that it joins the last one.
func joined(all []stretch, s stretch) []stretch {
	if n := len(all); n > 0 && all[n-1].from <= s.from && s.from <= all[n-1].to {
		all[n-1].to = max(all[n-1].to, s.to)
		return all
	}
	i := sort.Search(len(all), func(k int) bool { return all[k].to >= s.from })
	j := i
	for ; j < len(all) && all[j].from <= s.to; j++ {
		s.from, s.to = min(s.from, all[j].from), max(s.to, all[j].to)
	}
	return slices.Replace(all, i, j, s)
}

// sorted is the entities in the order of their values, column after column.
func (g *grid) sorted(columns []int) []int32 {
	ranks := make([]int32, len(g.stretches))
	for e := range ranks {
		ranks[e] = int32(e)
	}
	slices.SortFunc(ranks, func(a, b int32) int {
		for _, c := range columns {
			if d := event.Compare(&g.entities[c], int(a), &g.entities[c], int(b)); d != 0 {
				return d
			}
		}
		return cmp.Compare(a, b)
	})
	return ranks
}

// turns is what changes at instants: at i, all[starts[i]:starts[i+1]].
type turns struct{ starts, all []int32 }

// newTurns orders places by the instant that of tells of each of their stretches.
func (g *grid) newTurns(of func(stretch) int32) turns {
	t := turns{starts: make([]int32, len(g.Instants)+2)}
	n := 0
	for _, stretches := range g.stretches {
		for _, s := range stretches {
			t.starts[of(s)+1]++
			n++
		}
	}
	next := accumulate(t.starts)
	t.all = make([]int32, n)
	for place, e := range g.order {
		for _, s := range g.stretches[e] {
			t.all[next[of(s)]] = int32(place)
			next[of(s)]++
		}
	}
	return t
}

func (t *turns) at(i int) []int32 { return t.all[t.starts[i]:t.starts[i+1]] }

// arrange puts what the rows are made of in their order: by instant, and of one
// instant by the values of the key (S5.3).
func (g *grid) arrange() error {
	columns := make([]int, len(g.entities))
	for c := range columns {
		columns[c] = c
	}
	g.order = g.sorted(columns)
	g.begin, g.end = g.newTurns(func(s stretch) int32 { return s.from }), g.newTurns(func(s stretch) int32 { return s.to })
	rows := 0
	for _, stretches := range g.stretches {
		for _, s := range stretches {
			rows += int(s.to - s.from)
		}
	}
	if rows > maxRows {
		return fmt.Errorf("the grid has %d rows, more than %d; ask less often, or of a shorter time", rows, maxRows)
	}
	g.active, g.instant, g.next = newOrdered(len(g.order)), -1, -1
	return nil
}

// step goes to the next row: of the instant, or of one after it. It reports whether
// there is one.
func (g *grid) step() bool {
	for {
		if g.instant >= 0 {
			if g.next = g.active.from(g.next); g.next >= 0 {
				return true
			}
		}
		if g.instant+1 >= len(g.Instants) {
			g.next = len(g.order) // and so ever after
			return false
		}
		g.instant, g.next = g.instant+1, 0
		for _, place := range g.end.at(g.instant) {
			g.active.remove(int(place))
		}
		for _, place := range g.begin.at(g.instant) {
			g.active.add(int(place))
		}
	}
}

// ranks is the order of the last batch's rows of one instant by content (S14.8), which
// is that of their columns' names and not that of the rows: of each of those at the
// given places, nil being all, how many entities are less than its own.
func (g *grid) ranks(places []int32) []int64 {
	if g.less == nil {
		columns := make([]int, len(g.entities))
		for c := range columns {
			columns[c] = c
		}
		slices.SortFunc(columns, func(a, b int) int { return cmp.Compare(g.GridPlan.Schema[a].Name, g.GridPlan.Schema[b].Name) })
		g.less = make([]int64, len(g.stretches))
		for rank, e := range g.sorted(columns) {
			g.less[e] = int64(rank)
		}
	}
	given := g.given
	if places != nil {
		given = take(given, places)
	}
	return take(g.less, given)
}

// ordered is a set of numbers that finds the next one in a few steps: a bit each, and
// above every 64 words of a level a word of the next, whose bits say which are not
// empty.
type ordered [][]uint64

func newOrdered(n int) (s ordered) {
	for n = max(n, 1); ; {
		n = (n + 63) / 64
		s = append(s, make([]uint64, n))
		if n == 1 {
			return s
		}
	}
}

func (s ordered) add(i int) {
	for _, level := range s {
		level[i/64] |= 1 << (i % 64)
		i /= 64
	}
}

func (s ordered) remove(i int) {
	for _, level := range s {
		if level[i/64] &^= 1 << (i % 64); level[i/64] != 0 {
			return
		}
		i /= 64
	}
}

// from is the least number that is not below i, or -1.
func (s ordered) from(i int) int {
	for l, level := range s {
		if i/64 >= len(level) {
			return -1
		}
		if word := level[i/64] >> (i % 64); word != 0 {
			i += bits.TrailingZeros64(word)
			for l--; l >= 0; l-- {
				i = 64*i + bits.TrailingZeros64(s[l][i])
			}
			return i
		}
		i = i/64 + 1
	}
	return -1
}
