package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/timeseam/timeseam/features/event"
)

// Range is the offsets From <= o < To of a partition.
type Range struct {
	Partition int32
	From, To  int64
}

// Want is what is made of the records of a topic.
type Want struct {
	// Own are Kafka's own columns, by the names of Own, each in a type that it may
	// have. They come first.
	Own event.Schema
	// Fields are what the columns of a Decoder are.
	Fields event.Schema
	// Decoder makes the decoder of one part, which one goroutine at a time uses. Nil: values are not looked at, and
	// records without one are rows too.
	Decoder func() Decoder
	// MaxPoison is how many records of all parts together may be poison. Each goes to
	// DeadLetter, which belongs to the caller, who commits it; one more ends the reading.
	MaxPoison  int64
	DeadLetter DeadLetter
}

// Decoder makes columns of values. It is begun for each batch, given one value after
// the other, and asked for its columns at the batch's end.
type Decoder interface {
	// Begin forgets the rows so far. The columns that were handed out before may lose
	// their vectors by it, and never their dictionaries (E2).
	Begin()
	// Append appends one row to every column, or, on an error, to none. It keeps nothing of value.
	// The error says why the value cannot be read, and the record is poison, unless
	// it is one that Stops: the context's, or of something that values need and that
	// was not there.
	Append(ctx context.Context, value []byte) error
	// Columns are the rows since Begin.
	Columns() []event.Column
}

// stopping is an error of a Decoder that is not the value's fault.
type stopping interface{ Stops() bool }

// Reading is ranges of a topic that are read together, in parts that may be read
// beside each other.
type Reading struct {
	topic *Topic
	want  Want
	parts []*part

	poison atomic.Int64
	mu     sync.Mutex // guards want.DeadLetter
	held   atomic.Int64
	most   atomic.Int64
}

// Taken is what was read of a range: all of it, once its part has come to its end.
type Taken struct {
	Range             // To is the position: where reading ended
	Records     int64 // that were committed there, rows or not
	WithoutData int64 // of those, without a value, and left out
	Poison      int64 // of those, that no decoder could read
	// Earliest and Latest are the ends of the records' timestamps; where no record has
	// one, Earliest is the later of the two.
	Earliest, Latest event.Time
}

// Reading makes ready to read ranges of the topic. Nothing is asked for before a
// part is read, so that parts that wait take no memory.
func (t *Topic) Reading(want Want, ranges []Range) (*Reading, error) {
	r := &Reading{topic: t, want: want}
	if err := want.validate(); err != nil {
		return nil, fmt.Errorf("topic %s: %w", t.Name, err)
	}
	for _, of := range ranges {
		if err := t.holds(of); err != nil {
			return nil, fmt.Errorf("topic %s, partition %d: %w", t.Name, of.Partition, err)
		}
		r.parts = append(r.parts, newPart(r, of))
	}
	return r, nil
}

func (w *Want) validate() error {
	switch {
	case w.Decoder == nil && len(w.Fields) > 0:
		return errors.New("fields are wanted of values, and there is no decoder")
	case w.MaxPoison < 0:
		return fmt.Errorf("at most %d values may be poison; write 0 or more", w.MaxPoison)
	case w.MaxPoison > 0 && w.DeadLetter == nil:
		return errors.New("values may be poison, and no dead letter takes them; name one")
	}
	return validOwn(w.Own)
}

// holds reports what the topic lacks of a range.
func (t *Topic) holds(of Range) error {
	if of.Partition < 0 || int(of.Partition) >= len(t.Partitions) {
		return &Fault{fmt.Sprintf("the topic has %d partitions, numbered from 0", len(t.Partitions)), ErrChanged}
	}
	now := t.Partitions[of.Partition]
	switch {
	case of.From < 0 || of.To < of.From:
		return fmt.Errorf("from offset %d to before %d is no range", of.From, of.To)
	case of.From < of.To && (of.From < now.Start || of.To > now.End):
		return missing(of, now)
	}
	return nil
}

// All is the whole of a topic as it was, a range for each partition that has
// offsets.
func (t *Topic) All() (ranges []Range) {
	for p, b := range t.Partitions {
		if b.Start < b.End {
			ranges = append(ranges, Range{int32(p), b.Start, b.End})
		}
	}
	return ranges
}

// Schema says what the columns of each batch are.
func (r *Reading) Schema() event.Schema {
	return append(append(event.Schema{}, r.want.Own...), r.want.Fields...)
}

// Parts are the ranges, each as a source of its own. Closing it is the caller's.
func (r *Reading) Parts() []event.Source {
	parts := make([]event.Source, len(r.parts))
	for i, p := range r.parts {
		parts[i] = p
	}
	return parts
}

// Taken tells what was read of each range, in their order. It waits for a batch that
// is being read.
func (r *Reading) Taken() []Taken {
	all := make([]Taken, len(r.parts))
	for i, p := range r.parts {
		all[i] = p.told()
	}
	return all
}

// Held is the most bytes that answers, unpacked batches and batches of events have
// taken at any one time, of all parts together. A part takes about 12 MiB where batches
// are of a usual size: two answers of fetchBytes, a batch of events of batchBytes,
// and what one batch unpacks to, which is bounded by unpackedMost.
func (r *Reading) Held() int64 { return r.most.Load() }

// hold counts bytes that a part has come to hold, or let go.
func (r *Reading) hold(bytes int64) {
	now := r.held.Add(bytes)
	for most := r.most.Load(); now > most && !r.most.CompareAndSwap(most, now); most = r.most.Load() {
	}
}

// bury writes a letter, or says why the reading ends instead.
func (r *Reading) bury(ctx context.Context, l *Letter) error {
	n := r.poison.Add(1)
	switch {
	case r.want.DeadLetter == nil:
		return l.fault("")
	case n > r.want.MaxPoison:
		return l.fault(fmt.Sprintf(", and %d values were that before, as many as may be", r.want.MaxPoison))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.want.DeadLetter.Write(ctx, l); err != nil {
		return fmt.Errorf("topic %s, partition %d, offset %d: its dead letter: %w", l.Topic, l.Partition, l.Offset, err)
	}
	return nil
}
