package live

import (
	"fmt"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// newWideEngine is an engine of 120 features of an account: of four views, ten
// aggregates over three windows each.
func newWideEngine(b *testing.B, o Options) *Engine {
	b.Helper()
	var text strings.Builder
	text.WriteString(`version: 1
name: wide
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, at_time: timestamp, shop: string}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
`)
	for v := range 4 {
		fmt.Fprintf(&text, "  v%d:\n    entity: account\n    source: tx\n    where: amount > %d\n    windows: [1h, 1d, 7d]\n    features: {n: count(*), s: sum(amount), m: avg(amount), lo: min(amount), hi: max(amount), d: stddev(amount), shops: count(distinct shop), l: last(shop), f: first(amount), big: count(*) filter (where amount > 50)}\n", v, v)
	}
	text.WriteString("feature_services: {all: {features: [v0, v1, v2, v3]}}\n")
	def, err := features.Load("s.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	schema := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "shop", Type: event.Of(event.String)}}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": schema}}, "all")
	if err != nil {
		b.Fatal(err)
	}
	e := NewEngine(plan, o)
	amounts := make([]float64, 200)
	for i := range amounts {
		amounts[i] = float64(i % 97)
	}
	for k := range 1000 {
		e.Apply(payments(e, fmt.Sprint("a", k), day-200_000_000, amounts...))
		if _, err := e.Ask(questions(e, day, fmt.Sprint("a", k))); err != nil { // folds settle when they are asked
			b.Fatal(err)
		}
	}
	return e
}

func BenchmarkAsk(b *testing.B) {
	e := newWideEngine(b, Options{Shards: 2})
	if n := len(e.plan.Outputs); n != 120 {
		b.Fatal(n)
	}
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				var accounts []string
				for range n {
					accounts = append(accounts, fmt.Sprint("a", i%1000))
					i += 7
				}
				if _, err := e.Ask(questions(e, day, accounts...)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
