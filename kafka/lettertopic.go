package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// LetterTopic is a topic that takes letters: each a record of the same key, value and
// headers, with headers that tell its place and the reason. What is written is
// there at once; who runs again after a failure finds a letter twice, by its place.
type LetterTopic struct {
	name    string
	cluster *Cluster
	client  *kgo.Client
}

// What the headers of a letter are called.
const (
	letterTopic     = "timeseam.topic"
	letterPartition = "timeseam.partition"
	letterOffset    = "timeseam.offset"
	letterTimestamp = "timeseam.timestamp"
	letterReason    = "timeseam.reason"
)

// letterPatience is how long the brokers may take to take a letter.
const letterPatience = 2 * time.Minute

// letterMost is the largest letter that is sent; what a broker takes is set there.
const letterMost = 64 << 20

// NewLetterTopic connects to a topic that is there.
func NewLetterTopic(ctx context.Context, conn Connection, name string) (*LetterTopic, error) {
	c, err := Connect(ctx, conn)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.metadata(ctx, name); err != nil {
		return nil, fmt.Errorf("dead letters in topic %s: %w", name, c.fault(c.unknownOr(ctx, name, err)))
	}
	opts, err := conn.options()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	opts = append(opts, kgo.DefaultProduceTopic(name), kgo.RecordDeliveryTimeout(letterPatience), kgo.ProducerBatchMaxBytes(letterMost), kgo.ProducerLinger(0), kgo.RequestRetries(attemptsMost))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("dead letters in topic %s: %w", name, err)
	}
	return &LetterTopic{name, &Cluster{client: client, conn: conn, greeted: true}, client}, nil
}

// Write sends a letter and waits until the brokers have it: one that is lost must
// not be noticed later than by the record that is read next.
func (t *LetterTopic) Write(ctx context.Context, l *Letter) error {
	r := &kgo.Record{Key: l.Key, Value: l.Value, Headers: append(slices.Clone(l.Headers),
		kgo.RecordHeader{Key: letterTopic, Value: []byte(l.Topic)},
		kgo.RecordHeader{Key: letterPartition, Value: strconv.AppendInt(nil, int64(l.Partition), 10)},
		kgo.RecordHeader{Key: letterOffset, Value: strconv.AppendInt(nil, l.Offset, 10)},
		kgo.RecordHeader{Key: letterReason, Value: []byte(l.Reason)})}
	if l.Timed {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: letterTimestamp, Value: []byte(l.Timestamp.String())})
	}
	err := t.client.ProduceSync(ctx, r).FirstErr()
	switch {
	case errors.Is(err, kgo.ErrRecordTimeout):
		return fmt.Errorf("dead letters in topic %s: no broker took one within %s", t.name, letterPatience)
	case err != nil:
		return fmt.Errorf("dead letters in topic %s: %w", t.name, t.cluster.fault(err))
	}
	return nil
}

// Commit has nothing to do: every letter is there.
func (t *LetterTopic) Commit(context.Context) error { return nil }

// Close ends the connection.
func (t *LetterTopic) Close() error {
	t.client.Close()
	return nil
}
