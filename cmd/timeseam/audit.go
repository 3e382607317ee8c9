package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/sources"
	"github.com/urfave/cli/v2"
)

// The audit of a cutover: both copies of a source, where they overlap, are one.

const (
	auditFlag      = "audit"
	auditHoursName = "audit-hours"
	auditHoursMost = 24 * 366
)

var (
	errNoAudit    = wrongf("--%s compares the two copies of a source that has a history and a stream, and this training set reads none such; leave it out", auditFlag)
	errAuditAlone = wrongf("--%s compares the history with the stream, and --history-only reads no stream; leave one out", auditFlag)
)

func auditHoursFlag() cli.Flag {
	return &cli.IntFlag{Name: auditHoursName, Usage: "so many hours before the cut are compared, as far as the topic still reaches back", Value: 24, EnvVars: environment(auditHoursName)}
}

// auditHours is how many hours are compared.
func auditHours(c *cli.Context) (int, error) {
	n := c.Int(auditHoursName)
	if c.IsSet(auditHoursName) && !c.Bool(auditFlag) {
		return 0, wrongf("--%s says how much --%s compares, and nothing is compared; add --%s, or leave it out", auditHoursName, auditFlag, auditFlag)
	}
	if n < 1 || n > auditHoursMost {
		return 0, wrongf("--%s %d; give 1 to %d", auditHoursName, n, auditHoursMost)
	}
	return n, nil
}

// audited is how much is compared, and by how many at once.
type audited struct{ hours, workers int }

// joinable reports whether a source has both copies and its stream is open.
func (in *inputs) joinable() bool {
	for _, s := range in.streams {
		if s.source.History.Path.Given() {
			return true
		}
	}
	return false
}

// auditing is what a run has audited before it commits.
func (j *backfillJob) auditing(plan *features.Plan, in *inputs) func(context.Context) error {
	return func(ctx context.Context) error {
		if !j.audit {
			return nil
		}
		var differ []*joined
		for i := range plan.Inputs {
			both := in.joins[plan.Inputs[i].Source.Name.Value]
			if both == nil || both.cut == nil {
				continue // the history answers it all, or there is none
			}
			if err := in.audit(ctx, plan, both, audited{j.auditHours, j.workers}); err != nil {
				return err
			}
			if both.audit.Differing > 0 {
				differ = append(differ, both)
			}
		}
		for _, both := range differ {
			fmt.Fprintf(j.told, "timeseam: the history of source %s and topic %s are not the same where they overlap; nothing was written\n", both.source.Name.Value, both.topic.Name)
			both.audit.Print(j.told)
		}
		if len(differ) > 0 {
			return errDiffers
		}
		return nil
	}
}

// audit compares both copies of a source where they overlap, at most so many hours.
func (in *inputs) audit(ctx context.Context, plan *features.Plan, j *joined, of audited) error {
	if j.cut == nil {
		if err := j.choose(ctx, in.pinned); err != nil {
			return err
		}
	}
	span, err := j.overlap(ctx, of.hours)
	if err != nil {
		return err
	}
	a := &cutover.Audit{Span: span, Columns: j.input.Columns, Times: j.input.Happened, Workers: of.workers}
	if span.From >= span.To {
		a.Span = event.Span{From: span.To, To: span.To}
		j.audit = a.Certify(nil, nil)
		return nil
	}
	ranges, err := j.overlapping(ctx, span)
	if err != nil {
		return err
	}
	a.Open = func(side cutover.Side) ([]event.Source, error) {
		if side == cutover.Stream {
			return j.auditedStream(ctx, ranges, of.workers)
		}
		return historyParts(j.input, j.auditedHistory(in.histories[j.source.Name.Value], span), nil, of.workers)
	}
	found, err := a.Run(ctx)
	if err != nil {
		return err
	}
	differences, err := a.Compare(ctx, found, j.known(keyColumns(plan, j.source)))
	j.audit = a.Certify(found, differences)
	return err
}

// auditedHistory is what of a history may have rows of a span, as its folders and its
// footers tell.
func (j *joined) auditedHistory(t *sources.Table, span event.Span) *sources.Table {
	if len(j.source.PartitionedBy) > 0 {
		t = t.Within(j.source.Fetched(span))
	}
	if j.cut.Kind == cutover.ByOffset {
		t = j.whole(t)
	}
	if !j.input.History.Plain() {
		return t // what footers know is of other columns
	}
	return t.Without(func(known sources.Known) bool {
		at, ok := known(j.source.Time())
		return ok && at.Type.Kind == event.Timestamp && at.Len() == 2 && !span.Meets(event.Span{From: event.Time(at.Ints[0]), To: event.Time(at.Ints[1]).Later(1)})
	})
}

const (
	hourMicros = int64(time.Hour / time.Microsecond)
	auditTail  = 500 // offsets before a cut of which the last timestamp is asked
)

// overlap is the whole hours that both copies should hold. A cut by instant leaves its
// margin out, as what is late may not have been there when the history was copied; of a
// cut by offset both copies end with the same record, in the midst of an hour or not.
func (j *joined) overlap(ctx context.Context, hours int) (span event.Span, err error) {
	margin := marginOf(j.source)
	if j.cut.Kind != cutover.ByOffset {
		span.To = j.cut.At.Earlier(margin).Hour()
	}
	first, last, empty := event.MaxTime, event.MinTime, true
	for p, b := range j.log.Partitions {
		end := j.auditEnd(p)
		b.Start = max(b.Start, j.topic.Partitions[p].Start) // a run that is taken up may find less
		if b.Start >= end {
			if b.Start > 0 {
				return span, nil // nothing tells what was there
			}
			continue
		}
		head, there, err := j.stamped(ctx, kafka.Range{Partition: b.ID, From: b.Start, To: end}, false)
		if err != nil {
			return span, err
		}
		empty = empty && !there
		if there && b.Start > 0 {
			span.From = max(span.From, head.From.Later(margin))
		} else if there {
			first = min(first, head.From) // it never had an earlier one
		}
		tail, there, err := j.stamped(ctx, kafka.Range{Partition: b.ID, From: max(b.Start, end-auditTail), To: end}, true)
		if err != nil {
			return span, err
		}
		if there {
			last = max(last, tail.To)
		}
	}
	if empty {
		return event.Span{}, nil
	}
	if j.cut.Kind == cutover.ByOffset && last > event.MinTime {
		span.To = last.Hour().Later(hourMicros)
	}
	if first < event.MaxTime {
		span.From = max(span.From, first)
	}
	if whole := span.From.Hour(); whole < span.From {
		span.From = whole.Later(hourMicros)
	}
	span.From = max(span.From, span.To.Earlier(int64(hours)*hourMicros))
	return span, nil
}

// auditEnd is up to where a partition is compared: of a cut by offset what the history
// holds, else all that was there when the run began.
func (j *joined) auditEnd(p int) int64 {
	if j.cut.Kind == cutover.ByOffset {
		return j.cut.Starts[p].From
	}
	return j.log.Partitions[p].End
}

// overlapping is the ranges in which what happened in a span may stand.
func (j *joined) overlapping(ctx context.Context, span event.Span) (ranges []kafka.Range, err error) {
	from, err := j.offsetsAt(ctx, span.From.Earlier(marginOf(j.source)))
	if err != nil {
		return nil, err
	}
	for p, b := range j.log.Partitions {
		if r := (kafka.Range{Partition: b.ID, From: max(from[p], b.Start, j.topic.Partitions[p].Start), To: j.auditEnd(p)}); r.From < r.To {
			ranges = append(ranges, r)
		}
	}
	return ranges, nil
}

// auditedStream opens ranges of the topic as rows of the input. What is poison there is
// for the run to put aside, not for what compares.
func (j *joined) auditedStream(ctx context.Context, ranges []kafka.Range, workers int) (all []event.Source, err error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	compared := &joined{stream: j.stream, input: j.input, ranges: ranges, ignored: true}
	parts, err := compared.records(ctx, workers)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		all = append(all, &streamPart{Source: p, joined: compared, of: compared.ranges[i]})
	}
	return all, nil
}

// known tells an event by its id, or else by its time, to the millisecond, and the
// columns that are keys.
func (j *joined) known(keys []int) cutover.Known {
	k := cutover.Known{Text: func(c *event.Column, i int) string {
		if c.Type.Kind == event.Timestamp && !c.IsNull(i) {
			return event.Time(c.Ints[i]).String()
		}
		return cmp.Or(valueText(c, i), `""`)
	}}
	if id := j.input.Columns.Index(j.source.EventID.Value); j.source.EventID.Given() && id >= 0 {
		k.ID = func(b *event.Batch, i int) string { return k.Text(&b.Columns[id], i) }
		return k
	}
	k.ID = func(b *event.Batch, i int) string {
		at := j.input.Happened(b)
		words := []string{"of " + time.UnixMicro(at.Ints[i]).UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)}
		for _, c := range keys {
			words = append(words, k.Text(&b.Columns[c], i))
		}
		return strings.Join(words, ", ")
	}
	return k
}

// keyColumns are the columns of a source's input that are keys of views over it.
func keyColumns(plan *features.Plan, of *features.Source) (columns []int) {
	for _, v := range plan.Views {
		input := &plan.Inputs[v.Input]
		for _, name := range v.Key() {
			if at := input.Columns.Index(name); input.Source == of && at >= 0 && !slices.Contains(columns, at) {
				columns = append(columns, at)
			}
		}
	}
	return columns
}
