package cutover

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// Side is one of the two copies.
type Side int

// The sides.
const (
	History Side = iota
	Stream
)

// String is the side as a person calls it.
func (s Side) String() string { return [...]string{"history", "stream"}[s] }

// Content is what a side holds of an hour: so many rows, and a digest of them that
// does not depend on their order, the sum of their hashes modulo 2^128.
type Content struct {
	Rows   int64
	Digest event.Hash
}

// add puts a row into a content.
func (c *Content) add(h event.Hash) {
	c.Rows++
	var carry uint64
	c.Digest.Lo, carry = bits.Add64(c.Digest.Lo, h.Lo, 0)
	c.Digest.Hi, _ = bits.Add64(c.Digest.Hi, h.Hi, carry)
}

// join puts the rows of another into a content.
func (c *Content) join(of *Content) {
	c.Rows += of.Rows - 1
	c.add(of.Digest)
}

// Hour is what both sides hold of one hour of event time.
type Hour struct {
	From  event.Time
	Sides [2]Content
}

// Equal reports whether both sides hold the same rows.
func (h *Hour) Equal() bool { return h.Sides[History] == h.Sides[Stream] }

const hour = int64(time.Hour / time.Microsecond)

// Audit compares the two copies of what happened in a span: hour by hour, in one pass
// over each side and 64 bytes an hour and worker.
type Audit struct {
	// Span is what both sides should hold, in whole hours.
	Span event.Span
	// Columns are those of the batches, of both sides alike.
	Columns event.Schema
	// Times are when the rows of a batch happened; those that are null are no events.
	Times func(b *event.Batch) event.Column
	// Open opens the rows of a side that may be of the span.
	Open func(Side) ([]event.Source, error)
	// Workers is how many of the parts of a side are read beside each other; 0: one.
	Workers int
}

// tally is the hours of the parts that one goroutine has read of a side.
type tally struct {
	hours map[event.Time]*Content
	row   []byte
}

// add puts a row into its hour.
func (y *tally) add(b *event.Batch, i int, t event.Time) {
	of := y.hours[t.Hour()]
	if of == nil {
		of = &Content{}
		y.hours[t.Hour()] = of
	}
	of.add(y.hash(b, i))
}

// hash is that of a row's values, the same on both sides where they are equal.
func (y *tally) hash(b *event.Batch, i int) event.Hash {
	y.row = y.row[:0]
	for c := range b.Columns {
		y.row = appendValue(y.row, &b.Columns[c], i)
	}
	return event.HashBytes(y.row)
}

// Run compares both sides and returns the hours in order. What an hour holds is a sum,
// so that it is no matter which of the workers has read which part.
func (a *Audit) Run(ctx context.Context) ([]Hour, error) {
	hours := map[event.Time]*Hour{}
	for _, side := range []Side{History, Stream} {
		tallies, err := a.tally(ctx, side)
		if err != nil {
			return nil, err
		}
		for i := range tallies {
			for from, of := range tallies[i].hours {
				h := hours[from]
				if h == nil {
					h = &Hour{From: from}
					hours[from] = h
				}
				h.Sides[side].join(of)
			}
		}
	}
	all := make([]Hour, 0, len(hours))
	for _, h := range hours {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(x, y Hour) int { return cmp.Compare(x.From, y.From) })
	return all, nil
}

// tally reads a side by its workers.
func (a *Audit) tally(ctx context.Context, side Side) ([]tally, error) {
	parts, err := a.Open(side)
	if err != nil {
		return nil, err
	}
	defer closeAll(parts)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tallies := make([]tally, min(max(a.Workers, 1), len(parts)))
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range tallies {
		tallies[w].hours = map[event.Time]*Content{}
		all.Go(func() {
			for k := next.Add(1) - 1; k < int64(len(parts)) && ctx.Err() == nil; k = next.Add(1) - 1 {
				if err := a.readPart(ctx, side, parts[k], tallies[w].add); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return tallies, context.Cause(ctx)
}

func closeAll(parts []event.Source) {
	for _, p := range parts {
		p.Close()
	}
}

// read gives every row of a side that is of the span.
func (a *Audit) read(ctx context.Context, side Side, row func(b *event.Batch, i int, t event.Time)) error {
	parts, err := a.Open(side)
	if err != nil {
		return err
	}
	defer closeAll(parts)
	for _, p := range parts {
		if err := a.readPart(ctx, side, p, row); err != nil {
			return err
		}
	}
	return nil
}

// readPart gives every row of a part that is of the span.
func (a *Audit) readPart(ctx context.Context, side Side, p event.Source, row func(b *event.Batch, i int, t event.Time)) error {
	var b event.Batch
	for {
		err := p.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("audit the %s: %w", side, err)
		}
		times := a.Times(&b)
		for i, t := range times.Ints {
			if !times.IsNull(i) && a.Span.Holds(event.Time(t)) {
				row(&b, i, event.Time(t))
			}
		}
	}
}

// appendValue appends a value in a form that tells every two apart.
func appendValue(to []byte, c *event.Column, i int) []byte {
	if c.IsNull(i) {
		return append(to, 0)
	}
	to = append(to, 1)
	word := binary.LittleEndian.AppendUint64
	switch c.Type.Kind {
	case event.Double:
		return word(to, math.Float64bits(c.Floats[i]))
	case event.Decimal:
		return word(word(to, uint64(c.Decimals[i].Hi)), c.Decimals[i].Lo)
	case event.String, event.Bytes:
		text := c.Text(i)
		return append(word(to, uint64(len(text))), text...)
	case event.List, event.Map:
		from, until := int(c.Offsets[i]), int(c.Offsets[i+1])
		to = word(to, uint64(until-from))
		for k := from; k < until; k++ {
			to = appendValue(to, c.Elem, k)
		}
		return to
	case event.Struct:
		for f := range c.Fields {
			to = appendValue(to, &c.Fields[f], i)
		}
		return to
	default:
		return word(to, uint64(c.Ints[i]))
	}
}

// Difference is how one event differs between the sides.
type Difference struct {
	Hour   event.Time
	ID     string // the event's, as text
	Column string // the first that differs; empty: one side has it more often than the other
	Values [2]string
	Absent *Side    // the side that has it not; nil: both have it
	Times  [2]int64 // how often each side has it

	// Finer: the values are instants of one millisecond.
	Finer bool
}

// told is the rows of one event on one side: the values of the least of them, and how
// many there are.
type told struct {
	values []string
	times  int64
}

// Known tells by what an event is known on both sides, and how a value is written.
type Known struct {
	ID   func(b *event.Batch, row int) string
	Text func(c *event.Column, row int) string
}

// Compare finds, for some hours that differ, some events that do. It holds the rows of
// one hour of one side at a time, by id, and of an hour of more than compareMost events
// those of the first ids alone.
func (a *Audit) Compare(ctx context.Context, hours []Hour, by Known) (all []Difference, err error) {
	for _, h := range hours {
		if h.Equal() {
			continue
		}
		found, err := a.compare(ctx, h.From, by)
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) >= differencesMost {
			return all[:differencesMost], nil
		}
	}
	return all, nil
}

const (
	differencesMost = 20
	compareMost     = 1 << 18
)

// compare finds events of one hour that differ, smallest ids first.
func (a *Audit) compare(ctx context.Context, from event.Time, by Known) ([]Difference, error) {
	one := *a
	one.Span = event.Span{From: from, To: from.Later(hour)}
	var rows [2]map[string]*told
	for _, side := range []Side{History, Stream} {
		rows[side] = map[string]*told{}
		if err := one.read(ctx, side, func(b *event.Batch, i int, _ event.Time) {
			key := by.ID(b, i)
			known := rows[side][key]
			if known == nil {
				if len(rows[side]) >= compareMost {
					return
				}
				known = &told{}
				rows[side][key] = known
			}
			values := make([]string, len(b.Columns))
			for c := range b.Columns {
				values[c] = by.Text(&b.Columns[c], i)
			}
			// Of several the least stands for them, so that their order is no matter.
			if known.times++; known.values == nil || slices.Compare(values, known.values) < 0 {
				known.values = values
			}
		}); err != nil {
			return nil, err
		}
	}
	var all []Difference
	for key, h := range rows[History] {
		if d, is := a.differs(h, rows[Stream][key]); is {
			d.Hour, d.ID = from, key
			all = append(all, d)
		}
	}
	for key, s := range rows[Stream] {
		if rows[History][key] == nil {
			absent := History
			all = append(all, Difference{Hour: from, ID: key, Absent: &absent, Times: [2]int64{Stream: s.times}})
		}
	}
	slices.SortFunc(all, func(x, y Difference) int { return cmp.Compare(x.ID, y.ID) })
	return all[:min(len(all), differencesMost)], nil
}

// differs tells how an event of the history differs from that of the stream; nil:
// there is none.
func (a *Audit) differs(h, s *told) (d Difference, is bool) {
	d.Times[History] = h.times
	if s == nil {
		absent := Stream
		d.Absent = &absent
		return d, true
	}
	d.Times[Stream] = s.times
	for c, f := range a.Columns {
		if h.values[c] == s.values[c] {
			continue
		}
		d.Column, d.Values = f.Name, [2]string{h.values[c], s.values[c]}
		d.Finer = f.Type.Kind == event.Timestamp && sameMilli(h.values[c], s.values[c])
		return d, true
	}
	return d, h.times != s.times
}

// sameMilli reports whether two instants as text are of one millisecond.
func sameMilli(a, b string) bool {
	x, err := event.ParseTime(a)
	y, err2 := event.ParseTime(b)
	return err == nil && err2 == nil && time.UnixMicro(int64(x)).UnixMilli() == time.UnixMicro(int64(y)).UnixMilli()
}
