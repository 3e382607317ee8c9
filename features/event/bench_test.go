package event_test

import (
	"fmt"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkKeys is the hashes of keys, an event each: of text by dictionary entry,
// where many events share one and where each has its own, of numbers, and of two
// columns together.
func BenchmarkKeys(b *testing.B) {
	const n = 65_536
	text := func(distinct int) event.Column {
		c := event.Make(event.Of(event.String))
		c.Dict = event.NewDict()
		for i := range distinct {
			c.Dict.Add(fmt.Appendf(nil, "acct_%08d", i))
		}
		for i := range n {
			c.AppendCode(uint32(i * 7919 % distinct))
		}
		return c
	}
	number, money := event.Make(event.Of(event.Int)), event.Make(event.DecimalOf(12, 2))
	for i := range int64(n) {
		number.AppendInt(i * 7919)
		money.AppendDecimal(event.Int128Of(i * 7919))
	}
	for _, c := range []struct {
		name    string
		columns []event.Column
	}{
		{"text/shared", []event.Column{text(n / 20)}},
		{"text/distinct", []event.Column{text(n)}},
		{"int64", []event.Column{number}},
		{"decimal", []event.Column{money}},
		{"text and int64", []event.Column{text(n / 20), number}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var keys []event.Hash
			for b.Loop() {
				for i := range c.columns {
					if d := c.columns[i].Dict; d != nil { // It remembers its hashes.
						c.columns[i].Dict = &event.Dict{Offsets: d.Offsets, Bytes: d.Bytes}
					}
				}
				keys, _ = event.Keys(c.columns, n, keys[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
		})
	}
}
