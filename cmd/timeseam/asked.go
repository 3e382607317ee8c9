package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// makeSpool makes room for copies of records, where a run needs it.
func (j *backfillJob) makeSpool(plan *features.Plan, in *inputs) error {
	needed := in.asksStream(plan)
	for _, s := range in.streams {
		needed = needed || s.source.Cutover.Spool
	}
	if len(in.streams) == 0 {
		return nil
	}
	if err := j.tryTemporary(); err != nil {
		return err
	}
	var err error
	if needed {
		in.spool, err = newSpool(j.folder())
		return err
	}
	return sweepSpools(cmp.Or(j.folder(), os.TempDir()))
}

// asksStream reports whether questions are events that a stream may hold.
func (in *inputs) asksStream(plan *features.Plan) bool {
	q := &plan.Queries
	return q.Stream != nil && in.streams[q.Source.Name.Value] != nil
}

// askStream makes the spine of a training set whose questions are events of a source
// that has a stream: a table of Parquet of both copies, as the run reads its spine
// several times, in its order, and a topic may lose records meanwhile. The plan is then one
// over that table. What else reads the source reads the same ranges.
func (j *backfillJob) askStream(ctx context.Context, plan *features.Plan, in *inputs) (*features.Plan, error) {
	if !in.asksStream(plan) {
		return plan, nil
	}
	of := plan.Queries.Stream
	name := of.Source.Name.Value
	in.completed = in.complete(plan, j.complete)
	both, err := in.join(ctx, of, in.histories[name], event.Always())
	if err != nil {
		return nil, err
	}
	both.asked = true
	for _, i := range plan.Inputs {
		both.ignored = both.ignored || i.Source.Name.Value == name
	}
	parts, err := both.parts(ctx, j.workers)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("training set %s asks at the events of source %s, and neither copy of it has one", j.set, name)
	}
	dir, err := in.spool.folder("spine")
	if err != nil {
		return nil, err
	}
	if err := in.spool.copyRows(ctx, dir, parts, j.workers); err != nil {
		return nil, err
	}
	table, err := in.finder.Find(ctx, dir)
	if err != nil {
		return nil, err
	}
	in.asked, in.spines[j.set] = both, table
	in.copied = map[string]event.Schema{name: of.Columns}
	return in.compile(j.set)
}
