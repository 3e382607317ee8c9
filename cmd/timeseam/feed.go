package main

import (
	"context"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/live"
)

// tailFeed is the records of a source's topic from a cut on, as rows of its input.
type tailFeed struct {
	*joined
	place int // of the input, in the plan
	tail  *kafka.Tail
	order []int       // where what the copy reads stands in a batch; the timestamp last
	span  *event.Span // of what happened; nil: all
}

// follow makes ready to follow the topic of a join from offsets on, one a partition.
func (j *joined) follow(ctx context.Context, place int, from []int64) (*tailFeed, error) {
	w, order, err := j.want(ctx, append(j.input.Stream.Reads[:len(j.input.Stream.Reads):len(j.input.Stream.Reads)], stamp), false)
	if err != nil {
		return nil, err
	}
	f := &tailFeed{joined: j, place: place, order: order}
	if f.tail, err = j.topic.Tail(w, from); err != nil {
		return nil, err
	}
	return f, nil
}

// Source is whose records they are.
func (f *tailFeed) Source() string { return f.source.Name.Value }

// Close lets go of what is held.
func (f *tailFeed) Close() { f.tail.Close() }

// Trouble is what keeps the brokers from answering.
func (f *tailFeed) Trouble() (since time.Time, err error) {
	t := f.tail.Trouble()
	return t.Since, t.Err
}

// Next waits for rows of some partition, or that one has come to its end.
func (f *tailFeed) Next(ctx context.Context) (*live.Arrival, error) {
	got, err := f.tail.Next(ctx)
	if err != nil {
		return nil, err
	}
	a := &live.Arrival{End: got.End, AtEnd: got.AtEnd, Poison: got.Taken.Poison, Counts: got.Wrong}
	a.Batch = live.Batch{Input: f.place, Source: f.Source(), Partition: got.Partition, Next: got.Next}
	if got.Rows.Len == 0 {
		return a, nil
	}
	read := event.Batch{Len: got.Rows.Len}
	for _, at := range f.order {
		read.Columns = append(read.Columns, got.Rows.Columns[at])
	}
	stamps := read.Columns[len(read.Columns)-1]
	read.Columns = read.Columns[:len(read.Columns)-1]
	rows := f.input.Stream.Rows(&read, &a.Counts)
	kept := &rows
	if f.span != nil {
		part := streamPart{joined: f.joined, of: kafka.Range{Partition: got.Partition}, span: f.span}
		if err := part.early(kept, &stamps); err != nil {
			return nil, err
		}
		kept, _ = f.input.Between(kept, *f.span)
	}
	a.Rows, a.Happened = kept, f.input.Happened(kept)
	return a, nil
}
