package timetravel_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
)

// stages is the definition of the benchmarks of stages: what A, B and C of the
// reference workload ask, over events in memory.
const stages = `version: 1
name: stages
sources:
  tx:
    history: {parquet: tx.parquet}
    fields: {account: string, amount: double, n: int64, ts: timestamp}
    event_timestamp: ts
entities: {account: account}
feature_views:
  newest: {entity: account, source: tx, window: 90d, features: {amount: last(amount)}}
  spend: {entity: account, source: tx, windows: [1h, 1d, 7d, 30d], features: {c: count(*), s: sum(amount), a: avg(amount), lo: min(amount), hi: max(amount)}}
  more: {entity: account, source: tx, windows: [1d, 30d], features: {d: count(distinct amount), sd: stddev(amount), p: "quantile_cont(amount, 0.95)", l: "last(amount, 10)", t: "top_k(amount, 5)"}}
feature_services: {a: {features: [newest]}, b: {features: [spend]}, c: {features: [spend, more]}}
training_sets:
  a: {service: a, spine: {parquet: s.parquet, event_timestamp: ts}, visibility: {known: event_time}}
  b: {service: b, spine: {parquet: s.parquet, event_timestamp: ts}, visibility: {known: event_time}}
  c: {service: c, spine: {parquet: s.parquet, event_timestamp: ts}, visibility: {known: event_time}}
`

// staged is a run of a training set of stages on one goroutine.
func staged(tb testing.TB, bank *bank, set string) *timetravel.Backfill {
	tb.Helper()
	def, err := features.Load("stages.yaml", []byte(stages))
	if err != nil {
		tb.Fatal(err)
	}
	plan, err := features.Compile(def, features.Catalog{}, set)
	if err != nil {
		tb.Fatal(err)
	}
	run := bank.backfill(tb, "b", &nowhere{})
	run.Plan, run.Workers = plan, 1
	return run
}

// BenchmarkStages tells what each stage of a run costs an event: its tenth of a
// question included, the reading of files and the encoding of the output not.
// history is keys, reach and partitions; sweep is grouping, sorting, insert and
// value; write is derived features and the order of the spine.
func BenchmarkStages(b *testing.B) {
	const n = 1_000_000
	bank := newBank(n)
	for _, set := range []string{"a", "b", "c"} {
		b.Run(set, func(b *testing.B) {
			took := map[string]int64{}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				report, err := staged(b, bank, set).Run(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				for _, s := range report.Stages {
					took[s.Name] += s.Wall.Nanoseconds()
				}
			}
			runtime.ReadMemStats(&after)
			for _, name := range []string{"spine", "history", "sweep", "write"} {
				b.ReportMetric(float64(took[name])/float64(b.N)/n, name+"-ns/event")
			}
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N)/n, "allocs/event")
		})
	}
}

// TestSweepAllocatesNothingPerEvent sweeps the same questions of the same keys over
// few and over many events: what more events allocate is what their batches do, and
// nothing for each.
func TestSweepAllocatesNothingPerEvent(t *testing.T) {
	const n = 240_000
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	bank := newBank(n)
	for _, set := range []string{"a", "b", "c"} {
		swept := func(events int) int64 {
			some := *bank
			some.events = event.Batch{Len: events}
			for i := range bank.events.Columns {
				some.events.Columns = append(some.events.Columns, bank.events.Columns[i].Slice(0, events))
			}
			run := staged(t, &some, set)
			run.Events = n // and as many partitions
			var first, last runtime.MemStats
			run.Progress = func(p timetravel.Progress) {
				switch {
				case p.Stage == "sweep" && p.Done == 1:
					runtime.ReadMemStats(&first)
				case p.Stage == "sweep" && p.Done == p.Total:
					runtime.ReadMemStats(&last)
				}
			}
			if _, err := run.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			return int64(last.Mallocs - first.Mallocs)
		}
		few, many := swept(n/8), swept(n)
		if each := float64(many-few) / (n * 7 / 8); each > 0.02 {
			t.Errorf("%s: %d allocations for %d events and %d for %d: %.3f for each more", set, few, n/8, many, n, each)
		}
	}
}
