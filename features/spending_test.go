package features

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// spending is a view of fifteen columns over accounts, as a daemon keeps it.
const spending = `version: 1
name: spending
sources:
  tx: {history: {parquet: tx.parquet}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d, 7d]
    features: {n: count(*), s: sum(amount), a: avg(amount), lo: min(amount), hi: max(amount)}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {parquet: spine.parquet, event_timestamp: ts}, visibility: {known: event_time}}
`

// spendingPlan is that view, and batches of its events: 432 ms apart, 15 in a hundred up
// to a minute late, of accounts of which the hottest has about 0.7 %.
func spendingPlan(tb testing.TB) (*Plan, func(n int) (*event.Batch, *event.Batch)) {
	tb.Helper()
	def, err := Load("s.yaml", []byte(spending))
	if err != nil {
		tb.Fatal(err)
	}
	schema := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "at_time", Type: event.Of(event.Timestamp)}}
	spine := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}}
	p, err := Compile(def, Catalog{Histories: map[string]event.Schema{"tx": schema}, Spines: map[string]event.Schema{"train": spine}}, "train")
	if err != nil {
		tb.Fatal(err)
	}
	random, made := rand.New(rand.NewPCG(1, 2)), int64(0)
	return p, func(n int) (*event.Batch, *event.Batch) {
		account, dict := event.Column{Type: event.Of(event.String)}, &event.Dict{Offsets: []uint32{0}}
		amount, at := event.Column{Type: event.Of(event.Double)}, event.Column{Type: event.Of(event.Timestamp)}
		account.Dict = dict
		for range n {
			u := random.Float64()
			account.Codes = append(account.Codes, dict.Add(fmt.Appendf(nil, "account-%d", int(u*u*20_000))))
			amount.Floats = append(amount.Floats, float64(random.IntN(100_000))/100)
			late := int64(0)
			if random.IntN(100) < 15 {
				late = random.Int64N(60_000_000)
			}
			at.Ints = append(at.Ints, 1_767_225_600_000_000+made*432_000-late)
			made++
		}
		columns := map[string]event.Column{"account_id": account, "amount": amount, "at_time": at, "ts": at}
		b, q := &event.Batch{Len: n}, &event.Batch{Len: n}
		for _, f := range p.Inputs[0].Columns {
			b.Columns = append(b.Columns, columns[f.Name])
		}
		for _, f := range p.Queries.Columns {
			q.Columns = append(q.Columns, columns[f.Name])
		}
		return b, q
	}
}
