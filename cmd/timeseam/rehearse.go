package main

import (
	"context"
	"math/rand/v2"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// rehearsal is a bounded run over rows in memory: the engine of a backfill, with
// another rim. What timeline shows and test checks comes from it and from no
// second evaluator.
type rehearsal struct {
	plan      *features.Plan
	histories []*event.Batch // by input of the plan, with its columns
	spine     *event.Batch   // with the columns of the plan's queries
	way       way
}

// way is how a rehearsal is run. No value depends on it.
type way struct {
	name    string
	workers int
	parts   int    // of each history
	seed    uint64 // of the order of events; 0: as they stand
	repeat  bool   // each event that has an id comes twice
}

// rehearsed is the name of the service and the training set that a rehearsal asks
// for. No definition can hold it.
const rehearsed = "(rehearsal)"

// rehearsing is a definition with a training set that asks for the features given:
// views, or view.column.
func rehearsing(def *features.Definition, asked []features.ServiceFeature) *features.Definition {
	at := features.Pos{Line: 1, Column: 1}
	name := features.Text{Pos: at, Value: rehearsed}
	with := *def
	with.Services = append(with.Services[:len(with.Services):len(with.Services)], features.Service{Name: name, Features: asked})
	with.TrainingSets = []features.TrainingSet{{Name: name, Service: name, VisibilityPos: at,
		Spine: features.Spine{Pos: at, Table: features.Table{Pos: at, Format: "parquet", Path: name}, EventTimestamp: features.Text{Pos: at, Value: instantColumn}},
		Known: features.Text{Pos: at, Value: timetravel.EventTime.String()}}}
	return &with
}

// instantColumn is the column of a rehearsal's spine that holds the instant. No
// entity's column can be called so by chance: it is no word.
const instantColumn = "(at)"

// listed is views, or columns as view.column, as a service lists them.
func listed(names ...string) (asked []features.ServiceFeature) {
	for _, name := range names {
		asked = append(asked, features.ServiceFeature{View: features.Text{Pos: features.Pos{Line: 1, Column: 1}, Value: name}})
	}
	return asked
}

// emptyBatch is a batch of a schema, ready for rows.
func emptyBatch(schema event.Schema) *event.Batch {
	b := &event.Batch{Columns: make([]event.Column, len(schema))}
	for i, f := range schema {
		b.Columns[i] = event.Make(f.Type)
	}
	return b
}

// appendRow appends row i of from, a batch of the same columns.
func appendRow(to, from *event.Batch, i int) {
	for c := range to.Columns {
		to.Columns[c].Append(&from.Columns[c], i)
	}
	to.Len++
}

// gathered is a sink that keeps the values.
type gathered struct{ all *event.Batch }

// Write keeps the rows of b.
func (g *gathered) Write(_ context.Context, b *event.Batch) error {
	for i := range b.Len {
		appendRow(g.all, b, i)
	}
	return nil
}

// Commit has nothing to do: what is in memory is seen by its owner alone.
func (g *gathered) Commit(context.Context) error { return nil }

// Close has nothing to do.
func (g *gathered) Close() error { return nil }

// run answers every row of the spine.
func (r *rehearsal) run(ctx context.Context) (*event.Batch, *timetravel.Report, error) {
	out := &gathered{emptyBatch(r.plan.Outputs)}
	places := map[*features.Source]int{}
	for i, in := range r.plan.Inputs {
		places[in.Source] = i
	}
	b := &timetravel.Backfill{Plan: r.plan, Sink: out, Workers: r.way.workers,
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			return r.partsOf(in, places[in.Source]), nil
		},
		Spine: func() (event.Source, error) {
			return sources.Memory(r.plan.Queries.Columns, r.spine, rehearsedRows), nil
		}}
	report, err := b.Run(ctx)
	return out.all, report, err
}

// rehearsedRows is how many rows a batch in memory has.
const rehearsedRows = 1024

// partsOf is the rows of an input as this way brings them.
func (r *rehearsal) partsOf(in features.Input, place int) (parts []event.Source) {
	all := r.histories[place]
	order := make([]int, 0, all.Len)
	for i := range all.Len {
		order = append(order, i)
	}
	if id := in.Columns.Index(in.Source.EventID.Value); r.way.repeat && id >= 0 {
		for i := range all.Len {
			if !all.Columns[id].IsNull(i) {
				order = append(order, i)
			}
		}
	}
	if r.way.seed != 0 {
		rand.New(rand.NewPCG(r.way.seed, 1)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	n := max(r.way.parts, 1)
	for p := range n {
		some := emptyBatch(in.Columns)
		for _, i := range order[p*len(order)/n : (p+1)*len(order)/n] {
			appendRow(some, all, i)
		}
		parts = append(parts, sources.Memory(in.Columns, some, rehearsedRows))
	}
	return parts
}
