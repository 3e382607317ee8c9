package kafka

import (
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// second is the instant of the record that texts numbers n.
func second(n int64) event.Time { return event.Time((1000 + n) * 1_000_000) }

func TestTopicIsWhatItWasAtFirst(t *testing.T) {
	f := newFake(t)
	f.create("orders", 3, "retention.ms=86400000", "message.timestamp.type=CreateTime")
	client := f.client()
	writeTogether(t, client, texts("orders", 0, 0, 10)...)
	writeTogether(t, client, texts("orders", 1, 0, 4)...)
	if err := f.DeleteRecords("orders", 0, 3); err != nil {
		t.Fatal(err)
	}
	topic := f.topic("orders")
	writeTogether(t, client, texts("orders", 1, 4, 10)...)

	want := []Bounds{{3, 10}, {0, 4}, {0, 0}}
	for p, b := range topic.Partitions {
		if b != want[p] {
			t.Errorf("partition %d is %v, not %v", p, b, want[p])
		}
	}
	if s := topic.Settings; !s.Known || s.Cleanup != "delete" || s.Retention != 24*time.Hour || s.Timestamps != "CreateTime" || s.Compacted() {
		t.Errorf("settings are %+v", s)
	}
	if topic.ID == (ID{}) || len(topic.ID.String()) != 22 {
		t.Errorf("the id is %s", topic.ID)
	}

	// What came later is not of the topic as it was: the end stands in for none.
	at, err := topic.At(t.Context(), []event.Time{event.MinTime, second(5), second(5) - 1, second(5) + 1, second(9) + 1, second(12)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int64{{3, 0, 0}, {5, 4, 0}, {5, 4, 0}, {6, 4, 0}, {10, 4, 0}, {10, 4, 0}} {
		for p, o := range want {
			if at[i][p] != o {
				t.Errorf("instant %d, partition %d: offset %d, not %d", i, p, at[i][p], o)
			}
		}
	}
	rows, _ := readAll(t, topic, topic.All()...)
	if got := values(rows); got != "n3 n4 n5 n6 n7 n8 n9 n0 n1 n2 n3" {
		t.Errorf("the topic as it was holds %s", got)
	}
}

func TestTopicNotThere(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.create("payments", 1)
	c := f.connect()
	_, err := c.Topic(t.Context(), "ordres")
	refused(t, err, ErrUnknownTopic, "topic ordres:", "did you mean orders?")
	_, err = c.Topic(t.Context(), "clicks")
	refused(t, err, ErrUnknownTopic, "topic clicks:", "no topic of that name")
}

func TestTopicCompacted(t *testing.T) {
	f := newFake(t)
	f.create("profiles", 1, "cleanup.policy=compact,delete")
	if topic := f.topic("profiles"); !topic.Settings.Compacted() {
		t.Errorf("settings are %+v", topic.Settings)
	}
}

func TestTopicChanged(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	topic := f.topic("orders")
	c := f.connect()
	if err := c.Check(t.Context(), "orders", topic.ID, 2); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(t.Context(), "orders", ID{}, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := f.admin().CreatePartitions(t.Context(), 1, "orders"); err != nil {
		t.Fatal(err)
	}
	refused(t, c.Check(t.Context(), "orders", topic.ID, 2), ErrChanged, "topic orders:", "it had 2 partitions and has 3")
	if err := f.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	refused(t, c.Check(t.Context(), "orders", topic.ID, 2), ErrUnknownTopic)
	f.create("orders", 2)
	refused(t, c.Check(t.Context(), "orders", topic.ID, 2), ErrChanged, "it was made anew", topic.ID.String())
}
