package kafka

import (
	"bytes"
	"context"
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// DeadLetter takes what is poison, so that reading may go on. One goroutine at a time
// calls it; an error of it ends the reading, so that no letter is lost.
type DeadLetter interface {
	// Write takes a letter, which it may keep.
	Write(ctx context.Context, l *Letter) error
	// Commit makes what was written last. Where it fails, the reading is to be
	// thrown away.
	Commit(ctx context.Context) error
	// Close lets go of what is held. Without Commit, what was written may be lost.
	Close() error
}

// Letter is a record whose value could not be read.
type Letter struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp event.Time // if it has one
	Timed     bool
	Key       []byte
	Value     []byte
	Headers   []kgo.RecordHeader
	Reason    string
}

// letterOf copies what the next batch would overwrite.
func letterOf(r *kgo.Record, reason error) *Letter {
	at, ok := instantOf(r)
	return &Letter{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: at, Timed: ok,
		Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: clonedHeaders(r.Headers), Reason: reason.Error()}
}

// fault is that a letter has nowhere to go.
func (l *Letter) fault(why string) error {
	words := fmt.Sprintf("topic %s, partition %d, offset %d: the value cannot be read: %s%s", l.Topic, l.Partition, l.Offset, l.Reason, why)
	if why == "" {
		words += "; mend the topic, or name a dead letter and how many values may be poison"
	}
	return &Fault{words, ErrPoison}
}
