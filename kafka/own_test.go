package kafka

import (
	"slices"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// shown is a value as a test writes it.
func shown(c *event.Column, i int) string {
	switch {
	case c.IsNull(i):
		return "null"
	case c.Type.Kind == event.Timestamp:
		return event.Time(c.Ints[i]).String()
	case c.Type.Text():
		return string(c.Text(i))
	case c.Type.Kind == event.Map:
		text := ""
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			text += shown(&c.Elem.Fields[0], int(k)) + "=" + shown(&c.Elem.Fields[1], int(k)) + ";"
		}
		return text
	}
	return time.Duration(c.Ints[i]).String() // As a number with a unit, so that no null looks like it.
}

func TestOwnColumns(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	client := f.client()
	write(t, client,
		&kgo.Record{Topic: "orders", Key: []byte("k"), Value: []byte("v"), Timestamp: time.UnixMilli(1500), Headers: []kgo.RecordHeader{{Key: "b", Value: []byte("1")}, {Key: "a"}, {Key: "b", Value: []byte("2")}}},
		&kgo.Record{Topic: "orders", Value: []byte{}, Timestamp: time.UnixMilli(2000)},
		&kgo.Record{Topic: "orders", Key: []byte{0xff}, Timestamp: time.UnixMilli(3000), Headers: []kgo.RecordHeader{{Key: "\xff", Value: []byte("1")}}},
	)
	topic := f.topic("orders")
	own := Own()
	own[0].Type = event.Of(event.String)
	reading, err := topic.Reading(Want{Own: own}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	part := reading.Parts()[0]
	defer part.Close()
	var b event.Batch
	if err := part.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"_key":       {"k", "null", "null"},
		"_timestamp": {"1970-01-01T00:00:01.5Z", "1970-01-01T00:00:02Z", "1970-01-01T00:00:03Z"},
		"_partition": {"0s", "0s", "0s"},
		"_offset":    {"0s", "1ns", "2ns"},
		"_headers":   {"a=null;b=2;", "", "null"},
		"_value":     {"v", "", "null"},
	}
	for c, field := range part.Schema() {
		for i := range b.Len {
			if got := shown(&b.Columns[c], i); got != want[field.Name][i] {
				t.Errorf("row %d, %s: %s, not %s", i, field.Name, got, want[field.Name][i])
			}
		}
	}
	if n := part.(event.Counter).Counted()[event.OutOfType]; n != 2 {
		t.Errorf("%d values did not fit, and a key and a header's name did not", n)
	}
}

func TestOwnColumnsRefused(t *testing.T) {
	topic := &Topic{Name: "orders"}
	for _, c := range []struct {
		want  Want
		words string
	}{
		{Want{Own: event.Schema{{Name: "_epoch", Type: event.Of(event.Int)}}}, "no column _epoch is of Kafka's own"},
		{Want{Own: event.Schema{{Name: "_key", Type: event.Of(event.Int)}}}, "column _key of Kafka's own is no int64; it may be bytes or string"},
		{Want{Fields: event.Schema{{Name: "a", Type: event.Of(event.Int)}}}, "there is no decoder"},
		{Want{MaxPoison: 1}, "no dead letter takes them"},
		{Want{MaxPoison: -1}, "write 0 or more"},
	} {
		_, err := topic.Reading(c.want, nil)
		refused(t, err, nil, "topic orders: ", c.words)
	}
}

// TestDictionariesAreNew holds E2: what was handed on in one batch is not changed by
// the next.
func TestDictionariesAreNew(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	var records []*kgo.Record
	for i := range batchRows + 100 {
		records = append(records, &kgo.Record{Topic: "orders", Value: []byte{byte(i), byte(i >> 8)}})
	}
	for some := range slices.Chunk(records, 5000) {
		writeTogether(t, client, some...)
	}
	topic := f.topic("orders")
	reading, err := topic.Reading(Want{Own: event.Schema{{Name: "_value", Type: event.Of(event.Bytes)}}}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	part := reading.Parts()[0]
	defer part.Close()
	var b event.Batch
	if err := part.Read(t.Context(), &b); err != nil || b.Len != batchRows {
		t.Fatalf("%d rows, and the error %v", b.Len, err)
	}
	codes, dict := slices.Clone(b.Columns[0].Codes), b.Columns[0].Dict
	if err := part.Read(t.Context(), &b); err != nil || b.Len != 100 {
		t.Fatalf("%d rows, and the error %v", b.Len, err)
	}
	for i, code := range codes {
		if v := dict.At(code); v[0] != byte(i) || v[1] != byte(i>>8) {
			t.Fatalf("row %d is %v now", i, v)
		}
	}
}
