package cutover

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

const second = 1_000_000

// at is so many seconds after 1970.
func at(s int64) event.Time { return event.Time(s * second) }

// stamped finds offsets in partitions whose record k is stamped so many seconds as
// its offset.
func stamped(log Log) func(event.Time) ([]int64, error) {
	return func(t event.Time) (all []int64, err error) {
		for _, p := range log.Partitions {
			all = append(all, min(max(int64(t)/second, p.Start), p.End))
		}
		return all, nil
	}
}

func starts(c *Cut) string {
	var all []string
	for _, s := range c.Starts {
		all = append(all, fmt.Sprintf("%d:%d-%d", s.Partition, s.From, s.To))
	}
	return string(c.Kind) + " " + strings.Join(all, " ")
}

func TestChoose(t *testing.T) {
	whole := Log{Topic: "tx", Partitions: []Partition{{ID: 0, End: 100}, {ID: 1, End: 50}}}
	cut := Log{Topic: "tx", Partitions: []Partition{{ID: 0, Start: 40, End: 100, First: at(40)}, {ID: 1, End: 50}}}
	grown := Log{Topic: "tx", Partitions: []Partition{{ID: 0, End: 100}, {ID: 1, End: 50}, {ID: 2, End: 9}}}
	drained := Log{Topic: "tx", Partitions: []Partition{{ID: 0, Start: 60, End: 60}}}
	compacted := Log{Topic: "tx", Compacted: true, Partitions: whole.Partitions}
	next := map[int32]int64{0: 40, 1: 30}
	until := Evidence{Until: at(60), By: "_SUCCESS in every partition"}
	with := func(e Evidence, change func(*Evidence)) Evidence { change(&e); return e }
	ids := with(until, func(e *Evidence) { e.IDs = true })
	offsets := with(ids, func(e *Evidence) { e.Next, e.Told = next, "files" })
	for _, c := range []struct {
		name string
		wish Wish
		e    Evidence
		log  Log
		want string
	}{
		{"the strongest is by offset", Wish{}, offsets, whole, "offset 0:40-100 1:30-50"},
		{"a wish for a weaker one", Wish{Kind: ByID}, offsets, whole, "id 0:60-100 1:50-50"},
		{"by id from the margin on", Wish{Margin: 10 * second}, ids, whole, "id 0:50-100 1:50-50"},
		{"by event time without ids", Wish{Margin: 10 * second}, until, whole, "event_time 0:50-100 1:50-50"},
		{"retention up to the margin itself", Wish{Margin: 20 * second}, ids, cut, "id 0:40-100 1:40-50"},
		{"retention up to the first offset itself", Wish{}, offsets, cut, "offset 0:40-100 1:30-50"},
		{"a partition that was added", Wish{}, offsets, grown, "offset 0:40-100 1:30-50 2:0-9"},
		{"retention beyond the margin", Wish{Margin: 21 * second}, ids, cut, "topic tx no longer holds what is needed from 1970-01-01T00:00:39Z on (the cut at 1970-01-01T00:01:00Z, less a margin of 21s): retention has removed partition 0 before 1970-01-01T00:00:40Z; the earliest cut that would do is 1970-01-01T00:01:01Z: complete the history up to then"},
		{"retention beyond the offset", Wish{}, with(offsets, func(e *Evidence) { e.Next = map[int32]int64{0: 39, 1: 30} }), cut, "records of topic tx are in neither copy: retention has removed partition 0 offsets 39 to 39"},
		{"retention that left nothing", Wish{}, until, drained, "partition 0 before offset 60, and no record is left to tell until when"},
		{"a partition that the history has not, and retention", Wish{}, with(offsets, func(e *Evidence) { e.Next = map[int32]int64{1: 30} }), cut, "partition 0 offsets 0 to 39"},
		{"a topic made anew", Wish{}, with(offsets, func(e *Evidence) { e.Next = map[int32]int64{0: 101, 1: 30} }), whole, "ends at offset 101 of partition 0, and topic tx at 100: the topic was made anew"},
		{"a topic of fewer partitions", Wish{}, with(offsets, func(e *Evidence) { e.Next = map[int32]int64{0: 1, 7: 30} }), whole, "holds records of partition 7, and topic tx has none such"},
		{"a compacted topic", Wish{}, offsets, compacted, "topic tx is compacted"},
		{"a wish without evidence", Wish{Source: "tx", Kind: ByOffset}, ids, whole, "source tx cannot be cut by offset: the history tells no offsets"},
		{"no evidence at all", Wish{Source: "tx"}, Evidence{IDs: true}, whole, "source tx cannot go on from its history to topic tx: by offset, the history tells no offsets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Choose(c.wish, c.e, c.log, stamped(c.log))
			text := ""
			if err != nil {
				text = err.Error()
			} else {
				text = starts(got)
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

// TestChooseSaysWhatIsStronger holds that a weaker cut says what would make it a
// stronger one.
func TestChooseSaysWhatIsStronger(t *testing.T) {
	log := Log{Topic: "tx", Partitions: []Partition{{End: 100}}}
	c, err := Choose(Wish{}, Evidence{Until: at(60), By: "next_partition"}, log, stamped(log))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"by offset: the history tells no offsets", "by id: the source has no event_id"} {
		if !strings.Contains(c.Stronger, want) {
			t.Errorf("%q is not in %q", want, c.Stronger)
		}
	}
	if _, err := Choose(Wish{}, Evidence{Until: at(60), By: "x"}, log, func(event.Time) ([]int64, error) { return nil, errors.New("away") }); err == nil {
		t.Error("offsets that cannot be found are no error")
	}
}
