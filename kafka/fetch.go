package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// fetchBytes is how much of a partition is asked for at once. A broker answers
	// with one whole batch at least, however large.
	fetchBytes = 1 << 20
	// answerMost is the largest answer that is taken. A batch that is larger can be
	// written to no broker that is set up as most are.
	answerMost = 128 << 20
	// fetchMillis is how long a broker may wait for something to answer with. All that
	// is asked for is there already, unless a new leader is still catching up.
	fetchMillis = 500
)

// answer is what a broker said of one partition, from an offset on.
type answer struct {
	of    kmsg.FetchResponseTopicPartition
	whole []byte // the batches of it that are whole
	next  int64  // where they end
	empty bool   // there is nothing from that offset to beyond the range
	err   error
}

// fetch asks for a partition's batches from an offset on until there is an answer
// that leads on. Answers without anything count as attempts: an end that was there
// may take a while to be there again, after another broker has come to lead.
func (t *Topic) fetch(ctx context.Context, of Range, at int64) (a answer) {
	most := int32(fetchBytes)
	first := true
	err := t.cluster.attempts(ctx, t.cluster.most(), func() error {
		if !first && most == fetchBytes {
			if err := t.elect(ctx); err != nil {
				return err
			}
		}
		first = false
		var err error
		a, err = t.fetchOnce(ctx, Range{of.Partition, at, of.To}, most)
		if errors.Is(err, errCut) {
			most = min(2*most, answerMost)
		}
		return err
	})
	if errors.Is(err, kerr.OffsetOutOfRange) {
		err = t.gone(ctx, Range{of.Partition, at, of.To})
	}
	if err != nil {
		a.err = fmt.Errorf("topic %s, partition %d, offset %d: %w", t.Name, of.Partition, at, t.cluster.fault(t.vanished(err)))
	}
	return a
}

var (
	// errCut is that an answer holds no whole batch, as brokers before Kafka 0.10.1 do.
	errCut = errors.New("its batch is larger than what was asked for")
	// errNothing is that an answer holds nothing, and no reason for it.
	errNothing = errors.New("its broker answers with nothing, though the log went on when it was asked for its end")
)

// fetchOnce asks once, from where the range begins.
func (t *Topic) fetchOnce(ctx context.Context, of Range, most int32) (answer, error) {
	by := t.leads(of.Partition)
	if by.broker < 0 {
		return answer{}, kerr.LeaderNotAvailable
	}
	resp, err := t.cluster.client.Broker(int(by.broker)).Request(ctx, t.request(of, by, most))
	if err != nil {
		return answer{}, err
	}
	fetched, ok := resp.(*kmsg.FetchResponse)
	if !ok {
		return answer{}, errGarbled
	}
	if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
		return answer{}, err
	}
	for i := range fetched.Topics {
		for _, p := range fetched.Topics[i].Partitions {
			if p.Partition == of.Partition {
				return answered(p, of, fetched.ThrottleMillis > 0)
			}
		}
	}
	return answer{}, errNothing
}

// request is for one partition, without a session: an answer depends on nothing
// that was asked before. The epoch makes a broker refuse that leads no longer, and
// the id one whose topic of that name is another.
func (t *Topic) request(of Range, by leader, most int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = fetchMillis, 1, most
	req.IsolationLevel, req.SessionEpoch = committed, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = t.Name, t.ID
	one := kmsg.NewFetchRequestTopicPartition()
	one.Partition, one.CurrentLeaderEpoch, one.FetchOffset, one.PartitionMaxBytes = of.Partition, by.epoch, of.From, most
	topic.Partitions = append(topic.Partitions, one)
	req.Topics = append(req.Topics, topic)
	return req
}

// answered looks at what a broker said of a partition, from of.From on.
func answered(p kmsg.FetchResponseTopicPartition, of Range, throttled bool) (answer, error) {
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return answer{}, err
	}
	frames, err := framesOf(p.RecordBatches)
	switch {
	case err != nil:
		return answer{}, err
	case frames.next > of.From:
		if frames.first > of.From && p.LogStartOffset > of.From {
			return answer{}, kerr.OffsetOutOfRange // Taken away just now.
		}
		return answer{of: p, whole: frames.whole, next: frames.next}, nil
	case len(p.RecordBatches) > 0:
		return answer{}, errCut
	case !throttled && p.LastStableOffset >= of.To && p.LogStartOffset <= of.From:
		// The broker has all up to beyond the range, and nothing of the rest: markers and
		// compaction leave such ends. Less would not be enough to go on (K2).
		return answer{next: of.To, empty: true}, nil
	}
	return answer{}, errNothing
}

// gone says what is missing of a range whose offsets a broker no longer has.
func (t *Topic) gone(ctx context.Context, of Range) error {
	starts, err := t.list(ctx, askStart)
	if err != nil {
		return err
	}
	ends, err := t.list(ctx, askEnd)
	if err != nil {
		return err
	}
	return missing(of, Bounds{starts[of.Partition], ends[of.Partition]})
}

// missing is what a partition does not hold of a range.
func missing(of Range, now Bounds) error {
	if of.From < now.Start {
		return &Fault{fmt.Sprintf("offsets %d to %d are gone, of the range that ends before %d: the first offset there is %d, as retention or somebody took away what was before; read sooner, or keep more",
			of.From, min(now.Start, of.To)-1, of.To, now.Start), ErrGone}
	}
	return &Fault{fmt.Sprintf("offsets %d to %d are gone: the log ends before %d, as a broker without them came to lead, or the topic was made anew", max(of.From, now.End), of.To-1, now.End), ErrGone}
}
