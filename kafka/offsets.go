package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What the protocol asks for in the place of an instant.
const (
	askEnd   = -1
	askStart = -2
)

// committed is that of records only what was committed is told and read.
const committed = 1

// bounds asks where each partition ends, and then where it begins (K1). A partition
// of which all was taken away in between is empty.
func (t *Topic) bounds(ctx context.Context) ([]Bounds, error) {
	ends, err := t.list(ctx, askEnd)
	if err != nil {
		return nil, err
	}
	starts, err := t.list(ctx, askStart)
	if err != nil {
		return nil, err
	}
	all := make([]Bounds, len(ends))
	for p := range all {
		all[p] = Bounds{min(starts[p], ends[p]), ends[p]}
	}
	return all, nil
}

// At is, for each instant, the first offset of each partition whose record has that
// timestamp or a later one; where there is none, it is the end that was asked for
// first. Timestamps need not ascend: behind that offset there may be earlier ones.
func (t *Topic) At(ctx context.Context, instants []event.Time) ([][]int64, error) {
	all := make([][]int64, len(instants))
	for i, at := range instants {
		offsets, err := t.list(ctx, millis(at))
		if err != nil {
			return nil, fmt.Errorf("topic %s: its offsets at %s: %w", t.Name, at, t.cluster.fault(err))
		}
		for p, b := range t.Partitions {
			if offsets[p] < 0 || offsets[p] > b.End {
				offsets[p] = b.End
			}
		}
		all[i] = offsets
	}
	return all, nil
}

// millis is the first millisecond that is not before an instant. What is before 1970
// is taken for its beginning, as no record is earlier, and as brokers take negative
// numbers for other questions.
func millis(at event.Time) int64 {
	n := time.UnixMicro(int64(at)).UnixMilli()
	if floor, _ := event.FloorTime(n, event.Millisecond); floor < at {
		n++
	}
	return max(n, 0)
}

// list asks for one offset of each partition. What some brokers have answered is
// not asked again.
func (t *Topic) list(ctx context.Context, what int64) ([]int64, error) {
	offsets := make([]int64, t.count)
	open := make([]int32, len(offsets))
	for p := range open {
		open[p] = int32(p)
	}
	err := t.cluster.attempts(ctx, t.cluster.most(), func() (err error) {
		open, err = t.listOnce(ctx, what, open, offsets)
		return err
	})
	return offsets, err
}

// listOnce fills in the offsets of those partitions, and returns the ones that are
// left, with the first error.
func (t *Topic) listOnce(ctx context.Context, what int64, of []int32, offsets []int64) ([]int32, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = committed
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = t.Name
	for _, p := range of {
		one := kmsg.NewListOffsetsRequestTopicPartition()
		one.Partition, one.Timestamp = p, what
		topic.Partitions = append(topic.Partitions, one)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, t.cluster.client)
	if err != nil {
		return of, err
	}
	answered := make(map[int32]bool, len(of))
	var first error
	for _, rt := range resp.Topics {
		for _, p := range rt.Partitions {
			switch err := kerr.ErrorForCode(p.ErrorCode); {
			case err != nil && first == nil:
				first = &ofPartition{p.Partition, t.vanished(err)}
			case err == nil && rt.Topic == t.Name && p.Partition >= 0 && int(p.Partition) < len(offsets):
				offsets[p.Partition], answered[p.Partition] = p.Offset, true
			}
		}
	}
	var left []int32
	for _, p := range of {
		if !answered[p] {
			left = append(left, p)
		}
	}
	if len(left) > 0 && first == nil {
		first = errGarbled
	}
	return left, first
}
