package kafka

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestPartsOfAPartition cuts a partition's range at every offset, also within a transaction
// that is aborted later: both ranges together are the whole.
func TestPartsOfAPartition(t *testing.T) {
	f := newFake(t)
	f.create("payments", 1)
	client := f.client(kgo.TransactionalID("cut"))
	for n := range 8 {
		transaction(t, client, kgo.TransactionEndTry(n%3 > 0), texts("payments", 0, n*4, 4)...)
	}
	topic := f.topic("payments")
	whole := topic.All()[0]
	want, _ := readAll(t, topic, whole)
	if len(want) != 20 {
		t.Fatalf("%d rows are committed", len(want))
	}
	for at := whole.From; at <= whole.To; at++ {
		got, reading := readAll(t, topic, Range{0, whole.From, at}, Range{0, at, whole.To})
		if !slices.Equal(got, want) {
			t.Errorf("cut at %d: %v", at, values(got))
		}
		if n := reading.Taken(); n[0].Records+n[1].Records != 20 {
			t.Errorf("cut at %d: taken is %v", at, n)
		}
	}
}
