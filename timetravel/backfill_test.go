package timetravel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
)

const payments = `version: 1
name: payments
sources:
  tx:
    history: {parquet: tx.parquet}
    fields: {account: string, amount: double, n: int64, ts: timestamp}
    event_timestamp: ts
entities: {account: account, all: []}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d, 7d, 30d]
    features: {c: count(*), s: sum(amount), a: avg(amount), lo: min(amount), hi: max(amount)}
  total: {entity: all, source: tx, features: {total: sum(n)}}
feature_services: {b: {features: [spend]}, strict: {features: [total]}}
training_sets:
  b: {service: b, spine: {parquet: s.parquet, event_timestamp: ts}, visibility: {known: event_time}}
  strict: {service: strict, spine: {parquet: s.parquet, event_timestamp: ts}, visibility: {known: event_time}}
`

// bank is accounts, payments and questions, in columns.
type bank struct {
	events, spine event.Batch
}

var (
	txSchema    = event.Schema{{Name: "account", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "n", Type: event.Of(event.Int)}, {Name: "ts", Type: event.Of(event.Timestamp)}}
	spineSchema = event.Schema{{Name: "account", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}}
)

// newBank makes n payments, nearly in order of time, of n/20 accounts, and n/10
// questions.
func newBank(n int) *bank {
	rng, b := rand.New(rand.NewPCG(1, 1)), &bank{}
	const days90 = 90 * 86_400_000_000
	names := event.NewDict()
	for i := range n/20 + 1 {
		names.Add(fmt.Appendf(nil, "acct_%08d", i))
	}
	account := func() uint32 { return uint32(rng.IntN(names.Len())) }
	column := func(t event.Type) event.Column { return event.Make(t) }
	b.events.Len, b.spine.Len = n, n/10
	for _, f := range txSchema {
		b.events.Columns = append(b.events.Columns, column(f.Type))
	}
	for _, f := range spineSchema {
		b.spine.Columns = append(b.spine.Columns, column(f.Type))
	}
	b.events.Columns[0].Dict, b.spine.Columns[0].Dict = names, names
	for i := range n {
		b.events.Columns[0].AppendCode(account())
		b.events.Columns[1].AppendFloat(float64(rng.IntN(100_000)) / 100)
		b.events.Columns[2].AppendInt(1 << 62)
		at := int64(i) * days90 / int64(n)
		if rng.IntN(7) == 0 {
			at -= rng.Int64N(3_600_000_000)
		}
		b.events.Columns[3].AppendInt(at)
	}
	for range n / 10 {
		b.spine.Columns[0].AppendCode(account())
		b.spine.Columns[1].AppendInt(rng.Int64N(days90))
	}
	return b
}

// columnar is a source of a batch's columns by name, rows at a time.
type columnar struct {
	schema  event.Schema
	columns []event.Column
	rows    int
	at      int
	broken  error // given instead of the end
}

func (s *columnar) Schema() event.Schema { return s.schema }
func (s *columnar) Close() error         { return nil }
func (s *columnar) Read(_ context.Context, b *event.Batch) error {
	n := s.columns[0].Len()
	if s.at == n {
		*b = event.Batch{}
		if s.broken != nil {
			return s.broken
		}
		return io.EOF
	}
	to := min(n, s.at+s.rows)
	*b = event.Batch{Len: to - s.at}
	for i := range s.columns {
		b.Columns = append(b.Columns, s.columns[i].Slice(s.at, to))
	}
	s.at = to
	return nil
}

// open returns the columns of want, in parts.
func open(b *event.Batch, have, want event.Schema, parts int) []event.Source {
	var sources []event.Source
	for p := range parts {
		s := &columnar{schema: want, rows: 4096}
		for _, f := range want {
			s.columns = append(s.columns, b.Columns[have.Index(f.Name)].Slice(p*b.Len/parts, (p+1)*b.Len/parts))
		}
		if s.columns[0].Len() > 0 {
			sources = append(sources, s)
		}
	}
	return sources
}

func (b *bank) backfill(tb testing.TB, set string, sink event.Sink) *timetravel.Backfill {
	tb.Helper()
	def, err := features.Load("payments.yaml", []byte(payments))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := features.Compile(def, features.Catalog{}, set)
	if err != nil {
		tb.Fatal(err)
	}
	return &timetravel.Backfill{Plan: p, Workers: 2, Events: int64(b.events.Len), Sink: sink,
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			return open(&b.events, txSchema, in.Columns, 5), nil
		},
		Spine: func() (event.Source, error) { return open(&b.spine, spineSchema, p.Queries.Columns, 1)[0], nil }}
}

// TestWorkersChangeNothing holds T2: rows, their order and all counts.
func TestWorkersChangeNothing(t *testing.T) {
	b := newBank(30_000)
	var first *kept
	var report *timetravel.Report
	for _, workers := range []int{1, 2, 7} {
		for _, events := range []int64{0, 30_000, 50_000_000} {
			out := &kept{}
			run := b.backfill(t, "b", out)
			run.Workers, run.Events = workers, events
			r, err := run.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.Stages = nil
			if first == nil {
				first, report = out, r
				continue
			}
			if !reflect.DeepEqual(out.rows, first.rows) {
				t.Errorf("%d workers, %d events expected: other rows", workers, events)
			}
			if !reflect.DeepEqual(r, report) {
				t.Errorf("%d workers, %d events expected: report\n%+v, want\n%+v", workers, events, r, report)
			}
		}
	}
	if n := report.Counts[0][event.Late]; n == 0 {
		t.Error("no event was late")
	}
}

func TestStrictRefusesValuesOutsideTheirType(t *testing.T) {
	b := newBank(2000)
	for _, strict := range []bool{false, true} {
		out := &kept{}
		run := b.backfill(t, "strict", out)
		run.Strict = strict
		r, err := run.Run(t.Context())
		if strict {
			if err == nil || out.committed || !strings.Contains(err.Error(), "outside their type") {
				t.Errorf("strict: error %v, committed %t", err, out.committed)
			}
			continue
		}
		if err != nil || !out.committed || r.Counts[0][event.OutOfType] == 0 {
			t.Errorf("error %v, committed %t, report %+v", err, out.committed, r)
		}
	}
}

func TestBrokenSourceCommitsNothing(t *testing.T) {
	b := newBank(2000)
	broken := errors.New("file x.parquet: row group 3 is damaged")
	out := &kept{}
	run := b.backfill(t, "b", out)
	run.History = func(in features.Input, _ event.Span) ([]event.Source, error) {
		parts := open(&b.events, txSchema, in.Columns, 4)
		parts[2].(*columnar).broken = broken
		return parts, nil
	}
	if _, err := run.Run(t.Context()); !errors.Is(err, broken) || out.committed {
		t.Errorf("error %v, committed %t", err, out.committed)
	}
}

func TestCancelledRunCommitsNothing(t *testing.T) {
	b := newBank(2000)
	for _, stage := range []string{"spine", "history", "sweep", "write"} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &kept{}
		run := b.backfill(t, "b", out)
		run.Progress = func(p timetravel.Progress) {
			if p.Stage == stage {
				cancel()
			}
		}
		if _, err := run.Run(ctx); !errors.Is(err, context.Canceled) || out.committed {
			t.Errorf("cancelled while %s: error %v, committed %t", stage, err, out.committed)
		}
		cancel()
	}
}

// nowhere is a sink that counts.
type nowhere struct{ rows int }

func (n *nowhere) Write(_ context.Context, b *event.Batch) error { n.rows += b.Len; return nil }
func (n *nowhere) Commit(context.Context) error                  { return nil }
func (n *nowhere) Close() error                                  { return nil }

// BenchmarkBackfill is 20 features, as of reference workload B, over events in
// memory: an event and its tenth of a question, reading and writing apart.
func BenchmarkBackfill(b *testing.B) {
	const n = 1_000_000
	bank := newBank(n)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		run := bank.backfill(b, "b", &nowhere{})
		run.Workers = 1
		if _, err := run.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}
