package main

import (
	"context"
	"sort"
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
	store *archiving  // nil: records are not archived
	from  []int64     // by partition: what is below is archived and not applied
}

// follow makes ready to follow the topic of a join from offsets on, one a partition.
func (j *joined) follow(ctx context.Context, place int, from []int64, store *archiving) (*tailFeed, error) {
	own := event.Schema{stamp}
	f := &tailFeed{joined: j, place: place, store: store, from: from}
	if store != nil {
		begin := make([]int64, len(from))
		for p, b := range j.topic.Partitions {
			begin[p] = b.Start
		}
		var err error
		if from, err = store.offsets(ctx, from, begin); err != nil {
			return nil, err
		}
		own = places
	}
	w, order, err := j.want(ctx, append(j.input.Stream.Reads[:len(j.input.Stream.Reads):len(j.input.Stream.Reads)], own...), false)
	if err != nil {
		return nil, err
	}
	f.order = order
	if f.tail, err = j.topic.Tail(w, from); err != nil {
		return nil, err
	}
	return f, nil
}

// Source is whose records they are.
func (f *tailFeed) Source() string { return f.source.Name.Value }

// Close lets go of what is held.
func (f *tailFeed) Close() {
	f.tail.Close()
	if f.store != nil {
		if err := f.store.close(); err != nil {
			f.store.log.Error("archive", "error", err)
		}
	}
}

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
	if int(got.Partition) < len(f.from) {
		a.Next = max(a.Next, f.from[got.Partition])
	}
	if got.Rows.Len == 0 {
		return a, nil
	}
	read := event.Batch{Len: got.Rows.Len}
	for _, at := range f.order {
		read.Columns = append(read.Columns, got.Rows.Columns[at])
	}
	stamps := read.Columns[len(read.Columns)-1]
	values := len(f.input.Stream.Reads)
	own := read.Columns[values:]
	read.Columns = read.Columns[:values:values]
	rows := f.input.Stream.Rows(&read, &a.Counts)
	kept := &rows
	if f.store != nil {
		f.store.take(ctx, got.Partition, &event.Batch{Len: rows.Len, Columns: append(rows.Columns[:len(rows.Columns):len(rows.Columns)], own...)})
		if kept, stamps = f.unapplied(kept, own, got.Partition, stamps); kept.Len == 0 {
			return a, nil
		}
	}
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

// unapplied are the rows that the state does not have: an archive may want some again
// that it has.
func (f *tailFeed) unapplied(rows *event.Batch, own []event.Column, partition int32, stamps event.Column) (*event.Batch, event.Column) {
	if int(partition) >= len(f.from) {
		return rows, stamps
	}
	offsets := own[1].Ints
	first := sort.Search(rows.Len, func(i int) bool { return offsets[i] >= f.from[partition] })
	return sliced(rows, first), stamps.Slice(first, rows.Len)
}
