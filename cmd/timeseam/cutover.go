package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/sources"
)

// joined is the two copies of a source as one run reads them.
type joined struct {
	*stream
	input    *features.Input
	evidence cutover.Evidence
	log      cutover.Log
	cut      *cutover.Cut    // nil: the source has a stream alone
	ranges   []kafka.Range   // what is read of the topic; empty: nothing
	table    *sources.Table  // what is read of the history; nil: there is none
	leave    map[string]bool // files of the history that a cut by offset leaves out
	reading  *kafka.Reading
	audit    *cutover.CertifiedAudit // nil: nobody asked for one, or there is none
	finder   sources.Finder
	spool    *spool       // where records are copied to; nil: nowhere
	asked    bool         // of it questions are made, and copied as that
	began    *streamEntry // the topic as the first of the runs that are taken up found it; nil: none is
	noted    *joinedNote  // what the run that is taken up has read; nil: nothing
	ignored  bool         // what is poison is told by another reading of the same records

	before, late atomic.Int64    // records of before the cut; of those, what was stamped after it
	given        [2]atomic.Int64 // rows that each copy gave to the run
	timed, fine  [2]atomic.Int64 // of a cut by id, rows of each copy; of those, what has parts of a millisecond
}

// join decides what is read of each copy of an input for questions that reach so far.
// t is what the questions need of the history.
func (in *inputs) join(ctx context.Context, i *features.Input, t *sources.Table, reach event.Span) (*joined, error) {
	s := in.streams[i.Source.Name.Value]
	j := &joined{stream: s, input: i, table: t, log: logOf(s.topic), finder: in.finder, spool: in.spool}
	before := in.joins[i.Source.Name.Value]
	in.joins[i.Source.Name.Value] = j
	if in.began != nil {
		j.began = in.began.topics[i.Source.Name.Value]
	}
	switch {
	case in.taken != nil:
		return j, j.restore(in.taken.Joins[i.Source.Name.Value])
	case before != nil:
		return j, j.as(before)
	case !i.Source.History.Path.Given():
		j.table, j.ranges = nil, s.topic.All()
		if j.began != nil {
			j.ranges = j.began.ranges()
		}
		return j, j.pin(in.pinned)
	}
	complete := in.completed[i.Source.Name.Value]
	var err error
	if j.leave, err = j.findEvidence(ctx, in.histories[i.Source.Name.Value], complete); err != nil {
		return nil, err
	}
	c := &i.Source.Cutover
	if wanted := cutover.Kind(c.By.Value); j.evidence.By != "" && reach.To <= j.evidence.Until && wanted != cutover.ByOffset && (wanted != "" || j.evidence.Next == nil) {
		return j, j.pin(in.pinned) // the history answers it all
	}
	if err := j.choose(ctx, in.pinned); err != nil {
		return nil, err
	}
	if j.cut.Kind == cutover.ByOffset {
		j.table = j.whole(t)
	}
	for _, start := range j.cut.Starts {
		if start.From < start.To {
			j.ranges = append(j.ranges, kafka.Range{Partition: start.Partition, From: start.From, To: start.To})
		}
	}
	return j, j.pin(in.pinned)
}

// left reports whether the cut leaves a file of the history out.
func (j *joined) left(f *sources.File) bool { return j.leave[f.Path] }

// as cuts where another join of the same source has: the same records, whoever reads them.
func (j *joined) as(before *joined) error {
	j.evidence, j.log, j.cut, j.ranges, j.leave = before.evidence, before.log, before.cut, before.ranges, before.leave
	switch {
	case before.table == nil:
		j.table = nil
	case j.leave != nil:
		j.table = j.table.WithoutFiles(j.left)
	}
	return nil
}

// choose finds the cut that the evidence carries.
func (j *joined) choose(ctx context.Context, pinned *pinned) (err error) {
	if err := j.findFirst(ctx); err != nil {
		return err
	}
	wish := cutover.Wish{Source: j.source.Name.Value, Kind: cutover.Kind(j.source.Cutover.By.Value), Margin: marginOf(j.source)}
	j.cut, err = cutover.Choose(wish, j.evidence, j.pinnedLog(pinned), func(at event.Time) ([]int64, error) { return j.offsetsAt(ctx, at) })
	return err
}

// offsetsAt is the offset, by partition, of the first record that was stamped then or later.
func (j *joined) offsetsAt(ctx context.Context, at event.Time) ([]int64, error) {
	all, err := j.topic.At(ctx, []event.Time{at})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// whole is a history but for the files that a cut by offset leaves out.
func (j *joined) whole(t *sources.Table) *sources.Table {
	if j.leave == nil {
		return t
	}
	return t.WithoutFiles(j.left)
}

// marginOf is how long before the cut a stream is read from.
func marginOf(s *features.Source) int64 {
	if s.Cutover.Margin.Given() {
		us, _ := features.ParseDuration(s.Cutover.Margin.Value)
		return us
	}
	return s.LatenessMicros()
}

// logOf is a topic as a cut knows it.
func logOf(t *kafka.Topic) cutover.Log {
	log := cutover.Log{Topic: t.Name, ID: t.ID.String(), Compacted: t.Settings.Compacted(), Appended: t.Settings.Timestamps == "LogAppendTime"}
	for p, b := range t.Partitions {
		log.Partitions = append(log.Partitions, cutover.Partition{ID: int32(p), Start: b.Start, End: b.End, First: event.MinTime})
	}
	return log
}

// findFirst finds when the first record was stamped of those partitions that have lost
// what was before it.
func (j *joined) findFirst(ctx context.Context) error {
	for p := range j.log.Partitions {
		b := &j.log.Partitions[p]
		if b.Start == 0 || b.Start >= b.End {
			continue
		}
		stamped, there, err := j.stamped(ctx, kafka.Range{Partition: b.ID, From: b.Start, To: b.End}, false)
		switch {
		case err != nil:
			return err
		case !there:
			b.First = event.MaxTime // no record is left
		default:
			b.First = stamped.From
		}
	}
	return nil
}

// stamped is from when to when, both of them, the first records of a range were
// stamped, or all of them. there is false where none is in it.
func (j *joined) stamped(ctx context.Context, of kafka.Range, all bool) (span event.Span, there bool, err error) {
	r, err := j.topic.Reading(kafka.Want{Own: event.Schema{stamp}}, []kafka.Range{of})
	if err != nil {
		return span, false, err
	}
	part := r.Parts()[0]
	defer part.Close()
	var rows event.Batch
	for {
		err := part.Read(ctx, &rows)
		if errors.Is(err, io.EOF) {
			return span, there, nil
		}
		if err != nil {
			return span, false, err
		}
		for i, t := range rows.Columns[0].Ints {
			if rows.Columns[0].IsNull(i) {
				continue
			}
			if at := event.Time(t); !there {
				span, there = event.Span{From: at, To: at}, true
			} else if all {
				span = event.Span{From: min(span.From, at), To: max(span.To, at)}
			}
		}
		if there && !all {
			return span, there, nil
		}
	}
}

// findEvidence finds what the history tells of where it ends. leave are the files that
// a cut by offset leaves out.
func (j *joined) findEvidence(ctx context.Context, whole *sources.Table, complete *completeEntry) (leave map[string]bool, err error) {
	s := j.source
	j.evidence.IDs = s.EventID.Given()
	if complete != nil && complete.until > event.MinTime {
		j.evidence.Until, j.evidence.By = complete.until, complete.By
	}
	if s.Cutover.By.Given() && s.Cutover.By.Value != string(cutover.ByOffset) {
		return nil, nil // nobody asks for offsets
	}
	columns := []string{s.Cutover.Partition.Value, s.Cutover.Offset.Value}
	if !s.Cutover.Offset.Given() {
		columns = []string{"_partition", "_offset"}
	}
	schema := whole.Schema()
	if schema.Index(columns[0]) >= 0 && schema.Index(columns[1]) >= 0 {
		j.evidence.Told = fmt.Sprintf("its rows tell offsets, in columns %s and %s", columns[0], columns[1])
		j.evidence.Next, err = nextByColumn(ctx, whole, columns)
		return nil, err
	}
	if s.Cutover.Offset.Given() {
		return nil, fmt.Errorf("the history of source %s has no columns %s and %s, which cutover names", s.Name.Value, columns[0], columns[1])
	}
	var files []string
	for _, f := range whole.Files {
		files = append(files, path.Base(filepath.ToSlash(f.Path)))
	}
	next, left, err := cutover.NextByName(j.topic.Name, files)
	if err != nil || next == nil {
		return nil, err
	}
	leave = map[string]bool{}
	for i, is := range left {
		leave[whole.Files[i].Path] = is
	}
	j.evidence.Next, j.evidence.Told = next, "its files are named by topic, partition and offset, as Kafka Connect names them; the last of each partition is left out"
	return leave, nil
}

// nextByColumn is the offset behind the last of each partition that rows tell.
func nextByColumn(ctx context.Context, t *sources.Table, columns []string) (map[int32]int64, error) {
	parts, err := t.Parts(columns, 1)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, p := range parts {
			p.Close()
		}
	}()
	next := map[int32]int64{}
	var b event.Batch
	for _, p := range parts {
		for {
			err := p.Read(ctx, &b)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			of, at := &b.Columns[0], &b.Columns[1]
			if of.Type.Kind != event.Int || at.Type.Kind != event.Int {
				return nil, fmt.Errorf("columns %s and %s are %s and %s, and partitions and offsets are integers", columns[0], columns[1], of.Type, at.Type)
			}
			for i := range b.Len {
				if of.IsNull(i) || at.IsNull(i) || of.Ints[i] < 0 || of.Ints[i] > math.MaxInt32 || at.Ints[i] < 0 {
					return nil, fmt.Errorf("a row of the history tells no partition and offset in columns %s and %s; every row must, for a cutover by offset", columns[0], columns[1])
				}
				next[int32(of.Ints[i])] = max(next[int32(of.Ints[i])], at.Ints[i]+1)
			}
		}
	}
	return next, nil
}

// parts are the rows of both copies, history first.
func (j *joined) parts(ctx context.Context, workers int) ([]event.Source, error) {
	var all []event.Source
	var below, above *event.Span
	if j.cut != nil && j.cut.Kind == cutover.ByEventTime {
		below, above = &event.Span{From: event.MinTime, To: j.cut.At}, &event.Span{From: j.cut.At, To: event.MaxTime}
	}
	if j.table != nil {
		parts, err := historyParts(j.input, j.table, below, workers)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			all = append(all, &givenPart{Source: p, joined: j})
		}
	}
	if len(j.ranges) == 0 || j.noted != nil {
		return all, nil
	}
	records, err := j.records(ctx, workers)
	if err != nil {
		return nil, err
	}
	for i, p := range records {
		all = append(all, &streamPart{Source: p, joined: j, of: j.ranges[i], span: above})
	}
	return all, nil
}

// historyParts are the rows of a history in the input's columns, of a span; nil: all.
func historyParts(i *features.Input, t *sources.Table, of *event.Span, workers int) ([]event.Source, error) {
	parts, err := t.Parts(names(i.History.Reads), workers)
	if err != nil || of == nil && i.History.Plain() {
		return parts, err
	}
	for k, p := range parts {
		parts[k] = &historyPart{Source: p, input: i, span: of}
	}
	return parts, nil
}

// givenPart counts the rows that a part gives.
type givenPart struct {
	event.Source
	joined *joined
}

// Read fills b with the next rows.
func (p *givenPart) Read(ctx context.Context, b *event.Batch) error {
	err := p.Source.Read(ctx, b)
	if err == nil {
		p.joined.given[cutover.History].Add(int64(b.Len))
		p.joined.note(cutover.History, b)
	}
	return err
}

// Counted is what was noteworthy in reading them.
func (p *givenPart) Counted() (n event.Counts) {
	n.AddCounted(p.Source)
	return n
}

// Folder is the times of the folder that the rows lie in.
func (p *givenPart) Folder() (event.Span, bool) {
	if f, is := p.Source.(interface{ Folder() (event.Span, bool) }); is {
		return f.Folder()
	}
	return event.Span{}, false
}

// Place names the file and the row of a row of the last batch.
func (p *givenPart) Place(row int) string {
	if f, is := p.Source.(interface{ Place(int) string }); is {
		return f.Place(row)
	}
	return ""
}

// historyPart is a part of a history as rows of an input.
type historyPart struct {
	event.Source
	input  *features.Input
	span   *event.Span
	raw    event.Batch
	counts event.Counts
}

// Schema is the input's columns.
func (p *historyPart) Schema() event.Schema { return p.input.Columns }

// Counted is what was noteworthy in reading them and in making them.
func (p *historyPart) Counted() event.Counts {
	n := p.counts
	n.AddCounted(p.Source)
	return n
}

// Read fills b with the next rows that there are.
func (p *historyPart) Read(ctx context.Context, b *event.Batch) error {
	for {
		if err := p.Source.Read(ctx, &p.raw); err != nil {
			return err
		}
		rows := p.input.History.Rows(&p.raw, &p.counts)
		kept := &rows
		if p.span != nil {
			kept, _ = p.input.Between(kept, *p.span)
		}
		if kept.Len > 0 {
			*b = *kept
			return nil
		}
	}
}

// Folder is the times of the folder that the rows lie in.
func (p *historyPart) Folder() (event.Span, bool) {
	if f, is := p.Source.(interface{ Folder() (event.Span, bool) }); is && p.span == nil {
		return f.Folder()
	}
	return event.Span{}, false
}

// Place names the file and the row of a row of the last batch.
func (p *historyPart) Place(row int) string {
	if f, is := p.Source.(interface{ Place(int) string }); is {
		return f.Place(row)
	}
	return ""
}

// certify is the certificate of the cut, once all is read; nil: nothing was read of
// the stream.
func (j *joined) certify(duplicates, went int64) *cutover.Certificate {
	if j.cut == nil || !j.wasRead() {
		return nil
	}
	c := j.cut.Certify(j.source.Name.Value, j.evidence, j.logBegan())
	for _, t := range j.taken() {
		at := slices.IndexFunc(c.Partitions, func(p cutover.CertifiedPartition) bool { return p.Partition == t.Partition })
		p := &c.Partitions[at]
		p.Records = t.Records
		if t.Records > 0 && t.Earliest <= t.Latest {
			p.FirstAt, p.LastAt = t.Earliest.String(), t.Latest.String()
		}
		c.Records, c.Poison = c.Records+t.Records, c.Poison+t.Poison
	}
	c.Before, c.Late, c.Duplicates, c.Audit = j.before.Load(), j.late.Load(), duplicates, j.audit
	if !j.asked {
		c.Added = &cutover.CertifiedSum{History: j.given[cutover.History].Load(), Stream: j.given[cutover.Stream].Load(), Went: went}
	}
	return &c
}

// unjoined refuses what a run that reads streams cannot do yet.
func (j *backfillJob) unjoined(in *inputs) error {
	switch {
	case j.audit && !in.joinable():
		return errNoAudit
	case len(in.streams) == 0:
		return nil
	case j.snapshots != "":
		name := slices.Sorted(maps.Keys(in.streams))[0]
		if !in.streams[name].source.History.Path.Given() {
			return wrongf("--%s stands for files that stay as they are, and source %s is a stream; leave it out", snapshotsFlag, name)
		}
		return wrongf("--%s stands for files that stay as they are, and source %s goes on in a stream; add --history-only for intervals that the history has, and leave --%[1]s out for those that reach into the stream", snapshotsFlag, name)
	}
	return nil
}

// lettered is a sink that is committed once dead letters are.
type lettered struct {
	event.Sink
	in    *inputs
	plan  *features.Plan
	audit func(ctx context.Context) error // of the copies that were read
}

// Commit audits, makes letters last, and then the output: one without the other would say that
// nothing was left out.
func (l *lettered) Commit(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(l.in.joins)) {
		if err := l.in.joins[name].units(); err != nil {
			return err
		}
	}
	if err := l.sameRead(); err != nil {
		return err
	}
	if err := l.audit(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(l.in.streams)) {
		if s := l.in.streams[name]; s.letters != nil {
			if err := s.letters.Commit(ctx); err != nil {
				return fmt.Errorf("dead letters of source %s: %w", name, err)
			}
		}
	}
	return l.Sink.Commit(ctx)
}
