package event_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkKeys hashes the keys of a batch: texts, of which a dictionary has as many
// as half of the rows, and integers.
func BenchmarkKeys(b *testing.B) {
	const rows = 65_536
	rng := rand.New(rand.NewPCG(3, 3))
	texts, ints := event.Make(event.Of(event.String)), event.Make(event.Of(event.Int))
	for i := range rows / 2 {
		texts.Dict.Add(fmt.Appendf(nil, "acct_%08d", i))
	}
	for range rows {
		texts.AppendCode(rng.Uint32N(rows / 2))
		ints.AppendInt(rng.Int64())
	}
	for _, c := range []struct {
		name    string
		columns []event.Column
	}{{"text", []event.Column{texts}}, {"int", []event.Column{ints}}, {"both", []event.Column{texts, ints}}} {
		b.Run(c.name, func(b *testing.B) {
			var keys []event.Hash
			b.ReportAllocs()
			for b.Loop() {
				for i := range c.columns {
					if d := c.columns[i].Dict; d != nil {
						// A dictionary that nobody has hashed yet.
						c.columns[i].Dict = &event.Dict{Offsets: d.Offsets, Bytes: d.Bytes}
					}
				}
				keys, _ = event.Keys(c.columns, rows, keys)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/event")
		})
	}
}
