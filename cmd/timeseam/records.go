package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
)

// rangeLeast is how many offsets a range has that is worth a worker of its own.
const rangeLeast = 64 << 10

// divided cuts ranges so that each of the workers finds some, none shorter than least.
// They stay in the order of their partitions and offsets.
func divided(ranges []kafka.Range, workers int, least int64) (all []kafka.Range) {
	total := int64(0)
	for _, r := range ranges {
		total += r.To - r.From
	}
	most := max(total/int64(max(workers, 1))+1, least)
	for _, r := range ranges {
		pieces := max((r.To-r.From)/most, 1)
		if workers < 2 {
			pieces = 1
		}
		for k := range pieces {
			n := r.To - r.From
			all = append(all, kafka.Range{Partition: r.Partition, From: r.From + n/pieces*k, To: r.From + n/pieces*(k+1)})
		}
		all[len(all)-1].To = r.To
	}
	return all
}

// records are the records of the ranges, as rows of the input with their own
// timestamps behind them: of the topic, or of archives that are made first. Columns are
// known by their places, as a source may have one of a name of Kafka's own.
func (j *joined) records(ctx context.Context, workers int) ([]event.Source, error) {
	j.ranges = divided(j.ranges, workers, rangeLeast)
	reading, order, err := j.stream.reading(ctx, j.input.Stream.Reads, j)
	if err != nil {
		return nil, err
	}
	j.reading = reading
	schema := append(j.input.Columns[:len(j.input.Columns):len(j.input.Columns)], j.kafkaOwn()...)
	parts := j.reading.Parts()
	for i, p := range parts {
		parts[i] = &recordPart{Source: p, joined: j, order: order, schema: schema}
	}
	return j.spoolRecords(ctx, parts, workers)
}

// recordPart is a range of a topic as rows of an input, with what is read of Kafka's
// own columns behind them, the timestamp last.
type recordPart struct {
	event.Source
	*joined
	order  []int // where what the copy reads stands in a batch; Kafka's own last
	schema event.Schema
	raw    event.Batch
	counts event.Counts
	ended  bool
}

// Schema is the input's columns and Kafka's own.
func (p *recordPart) Schema() event.Schema { return p.schema }

// Close lets go of what is held.
func (p *recordPart) Close() error { return p.Source.Close() }

// Counted is what was noteworthy in reading them and in making them.
func (p *recordPart) Counted() event.Counts {
	n := p.counts
	n.AddCounted(p.Source)
	return n
}

// Read fills b with the next rows. At the end it is asked whether the topic is still
// the one that was opened.
func (p *recordPart) Read(ctx context.Context, b *event.Batch) error {
	err := p.Source.Read(ctx, &p.raw)
	if errors.Is(err, io.EOF) && !p.ended {
		if err := p.cluster.Check(ctx, p.topic.Name, p.topic.ID, len(p.topic.Partitions)); err != nil {
			return err
		}
		p.ended = true
	}
	if errors.Is(err, kafka.ErrGone) && !p.ignored && !p.asked && !p.spooled() {
		return fmt.Errorf("%w, or say spool: true under cutover, which copies records before all else", err)
	}
	if err != nil {
		return err
	}
	read := event.Batch{Len: p.raw.Len}
	for _, at := range p.order {
		read.Columns = append(read.Columns, p.raw.Columns[at])
	}
	values := len(p.order) - (len(p.schema) - len(p.input.Columns))
	own := read.Columns[values:]
	read.Columns = read.Columns[:values:values]
	rows := p.input.Stream.Rows(&read, &p.counts)
	b.Len, b.Carried = rows.Len, nil
	b.Columns = append(append(b.Columns[:0], rows.Columns...), own...)
	return nil
}

// streamPart is records as rows of an input, of a span.
type streamPart struct {
	event.Source
	*joined
	of   kafka.Range
	span *event.Span // nil: all
	raw  event.Batch
}

// Schema is the input's columns.
func (p *streamPart) Schema() event.Schema { return p.input.Columns }

// Close lets go of what is held.
func (p *streamPart) Close() error { return p.Source.Close() }

// Counted is what was noteworthy.
func (p *streamPart) Counted() (n event.Counts) {
	n.AddCounted(p.Source)
	return n
}

// Read fills b with the next rows that there are.
func (p *streamPart) Read(ctx context.Context, b *event.Batch) error {
	for {
		if err := p.Source.Read(ctx, &p.raw); err != nil {
			return err
		}
		last := len(p.raw.Columns) - 1
		rows := event.Batch{Len: p.raw.Len, Columns: p.raw.Columns[:last:last]}
		kept := &rows
		if p.span != nil {
			if err := p.early(kept, &p.raw.Columns[last]); err != nil {
				return err
			}
			kept, _ = p.input.Between(kept, *p.span)
		}
		if kept.Len > 0 {
			p.given[cutover.Stream].Add(int64(kept.Len))
			p.note(cutover.Stream, kept)
			*b = *kept
			return nil
		}
	}
}

// early counts the records of before a cut by event time. One that was stamped after
// it may be in neither copy, unless the definition takes that upon itself.
func (p *streamPart) early(b *event.Batch, stamps *event.Column) error {
	at := p.input.Happened(b)
	for i, t := range at.Ints {
		if at.IsNull(i) || p.span.Holds(event.Time(t)) {
			continue
		}
		p.before.Add(1)
		if stamps.IsNull(i) || event.Time(stamps.Ints[i]) < p.cut.At {
			continue
		}
		p.late.Add(1)
		if !p.source.Cutover.AcceptLate {
			return fmt.Errorf("topic %s, partition %d: an event of %s was written at %s, after the cut at %s, which it happened before; the history's copy may not have it: cut by id or by offset, choose a later cut, or say accept_late: true to leave such events out",
				p.topic.Name, p.of.Partition, event.Time(t), event.Time(stamps.Ints[i]), p.cut.At)
		}
	}
	return nil
}

// taken is what was read of each partition, whose ranges lie beside each other.
func (j *joined) taken() (all []kafka.Taken) {
	read := []kafka.Taken(nil)
	if j.noted != nil {
		read = j.noted.Taken
	} else if j.reading != nil {
		read = j.reading.Taken()
	}
	for _, t := range read {
		if last := len(all) - 1; last >= 0 && all[last].Partition == t.Partition {
			whole := &all[last]
			whole.To, whole.Records, whole.WithoutData, whole.Poison = t.To, whole.Records+t.Records, whole.WithoutData+t.WithoutData, whole.Poison+t.Poison
			whole.Earliest, whole.Latest = min(whole.Earliest, t.Earliest), max(whole.Latest, t.Latest)
			continue
		}
		all = append(all, t)
	}
	return all
}

// forgetful takes letters that another reading of the same records writes, or nobody.
type forgetful struct{}

// Write does nothing.
func (forgetful) Write(context.Context, *kafka.Letter) error { return nil }

// Commit does nothing.
func (forgetful) Commit(context.Context) error { return nil }

// Close does nothing.
func (forgetful) Close() error { return nil }
