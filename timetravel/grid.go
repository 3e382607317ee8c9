package timetravel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// grid is a source of questions: one for each instant and each entity that was
// active before it. Its first Read reads all events. Of an entity it holds the key
// and the stretches of instants at which it is asked, which are never more than
// the rows that come of them; of each row then 4 bytes.
type grid struct {
	*features.GridPlan
	plan   *features.QueryPlan
	events event.Source
	counts event.Counts

	keys      keyTable
	entities  []event.Column // what keys each
	stretches [][]stretch    // of each, in order, none touching the next
	rows      []int32        // entities by instant, each instant's in the order of their keys
	ends      []int          // by instant, in rows
	instant   int
	next      int
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
	addCounted(&n, g.events)
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
	for ; b.Len < gridRows && g.next < len(g.rows); g.next++ {
		for g.next == g.ends[g.instant] {
			g.instant++
		}
		for i := range g.entities {
			b.Columns[i].Append(&g.entities[i], int(g.rows[g.next]))
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
	g.keys.reset(0)
	for _, f := range g.GridPlan.Schema[:len(g.GridPlan.Schema)-1] {
		g.entities = append(g.entities, event.Make(f.Type))
	}
	var b event.Batch
	for {
		if err := g.events.Read(ctx, &b); errors.Is(err, io.EOF) {
			return g.order()
		} else if err != nil {
			return err
		}
		g.add(g.Active(g.plan.Clean(&b, &g.counts), &g.counts))
	}
}

// add makes entities active.
func (g *grid) add(a features.Active) {
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
		g.stretches[e] = joined(g.stretches[e], stretch{a.From[i], a.To[i]})
	}
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

// order puts the rows in their order: by instant, and of one instant by the values
// of the key (S5.3).
func (g *grid) order() error {
	columns := make([]int, len(g.entities))
	for c := range columns {
		columns[c] = c
	}
	ranks := g.sorted(columns)
	counts := make([]int, len(g.Instants)+1)
	for _, stretches := range g.stretches {
		for _, s := range stretches {
			counts[s.from]++
			counts[s.to]--
		}
	}
	g.ends = make([]int, len(g.Instants))
	active, rows := 0, 0
	for i := range g.Instants {
		active += counts[i]
		counts[i] = rows // where the instant's rows begin
		rows += active
		g.ends[i] = rows
	}
	if rows > maxRows {
		return fmt.Errorf("the grid has %d rows, more than %d; ask less often, or of a shorter time", rows, maxRows)
	}
	g.rows = make([]int32, rows)
	for _, e := range ranks {
		for _, s := range g.stretches[e] {
			for i := s.from; i < s.to; i++ {
				g.rows[counts[i]] = e
				counts[i]++
			}
		}
	}
	return nil
}

// ties is the order of rows of one instant by content (S14.8), which is that of their
// columns' names and not that of the rows: of each row that is kept, how many
// entities are less than its own.
func (g *grid) ties(kept Kept) []int32 {
	columns := make([]int, len(g.entities))
	for c := range columns {
		columns[c] = c
	}
	slices.SortFunc(columns, func(a, b int) int { return cmp.Compare(g.GridPlan.Schema[a].Name, g.GridPlan.Schema[b].Name) })
	less := make([]int32, len(g.stretches))
	for rank, e := range g.sorted(columns) {
		less[e] = int32(rank)
	}
	ties := []int32{}
	for row, e := range g.rows {
		if kept.Has(row) {
			ties = append(ties, less[e])
		}
	}
	return ties
}
