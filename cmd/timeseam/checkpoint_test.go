package main

import (
	"context"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// scriptCheckpoints saves an engine of the script's definition behind every batch.
func scriptCheckpoints(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "checkpoints DIR N")
	batches, err := strconv.Atoi(args[1])
	ts.Check(err)
	def, err := features.Load("counts.yaml", []byte(`version: 1
name: counts
sources: {tx: {history: {parquet: tx.parquet}, fields: {account: string, at: timestamp}, event_timestamp: at}}
entities: {account: account}
feature_views: {seen: {entity: account, source: tx, windows: [1h], features: {n: count(*)}}}
feature_services: {all: {features: [seen]}}
`))
	ts.Check(err)
	schema := event.Schema{{Name: "account", Type: event.Of(event.String)}, {Name: "at", Type: event.Of(event.Timestamp)}}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": schema}}, "all")
	ts.Check(err)
	clock := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	e := live.NewEngine(plan, live.Options{Notes: 1 << 20})
	ctx := context.Background()
	k, err := checkpoint.Open(ctx, ts.MkAbs(args[0]), checkpoint.Options{Keep: 2, Step: 1 << 20, Now: clock})
	ts.Check(err)
	for n := range batches {
		b := &event.Batch{Len: 40}
		for _, f := range plan.Inputs[0].Columns {
			c := event.Make(f.Type)
			for r := range b.Len {
				if f.Name == "at" {
					c.AppendInt(int64(n*100 + r))
				} else {
					c.AppendText([]byte("account " + strconv.Itoa(n*1000+r)))
				}
			}
			b.Columns = append(b.Columns, c)
		}
		e.Apply(&live.Batch{Rows: b, Source: "tx", Partition: int32(n % 2), Next: int64(n + 7)})
		ts.Check(k.Finish(ctx, e))
	}
}
