package timetravel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Backfill is a bounded run: a plan over histories, asked by a spine. The
// caller fills it and calls Run once. The functions that open things are called
// from Run's own goroutine; what they open is read and closed by Run, history
// parts each from one goroutine at a time.
//
// Memory is that of the spine's instants, keys and answers and of the events
// within reach of its queries, with the columns that the views keep of them;
// the spine's own columns are never held.
type Backfill struct {
	Plan       *features.Plan
	Visibility Visibility
	// History opens an input's history as parts that may be read beside each
	// other; together they hold every row once. Of what no question can reach, the
	// times outside of reach, they may lack rows.
	History func(in features.Input, reach event.Span) ([]event.Source, error)
	// Complete is up to when the events of a source are all there, by its name.
	// Of a source that is not here the newest event tells.
	Complete map[string]event.Time
	// Spine opens the spine's columns that the plan's queries are made of.
	Spine func() (event.Source, error)
	// Within leaves out the rows of the spine that are not of an interval; nil:
	// every row is.
	Within *features.Interval
	// Carry opens the spine's own columns, row for row, in batches of the given
	// number of rows; of each batch only the rows that kept has, and no batch
	// where it has none. nil: they are not wanted.
	Carry func(rows int, kept Kept) (event.Source, error)
	// Sink takes the training set. Run writes to it and commits; who made it closes it.
	Sink event.Sink
	// Strict: fail, and commit nothing, if a value was outside its type.
	Strict bool
	// Workers is how many goroutines compute; at least one.
	Workers int
	// Events is about how many events there are: it only chooses the number of partitions.
	Events int64
	// Progress is told how far a stage has come; nil: nobody asks. It is called
	// from several goroutines.
	Progress func(Progress)
}

// Progress is how far a stage of a run has come. Done never falls for a stage
// that one goroutine runs; reports of several may overtake each other.
type Progress struct {
	Stage string // "spine", "history", "sweep", "write"
	Done  int64  // rows, or partitions of a sweep
	Total int64  // 0: not known
}

// Report is what a run did. All but Stages is the same in every run over the
// same files (S2.1), and manifests print it; so nothing that depends on the
// machine may be added beside it.
type Report struct {
	Rows   int64            // of the output
	Events []int64          // rows read, by input of the plan
	Read   []event.Counts   // what was noteworthy in reading, by input of the plan
	Taken  []int64          // events taken into runs, by lookup of the plan
	Counts []event.Counts   // what was noteworthy, by lookup; in reading, with a view's first
	Spine  event.Counts     // what was noteworthy of the spine and of derived values
	Labels []LabelCount     // by label of the plan
	Asked  event.Span       // from the earliest question to the latest, which it holds; empty: none has an instant
	Splits map[string]int64 // rows of the output by split; empty: they are not split
	Stages []Stage          // in order; no part of what is deterministic
}

// Stage is how long a part of a run took. A manifest must not hold it.
type Stage struct {
	Name string
	Wall time.Duration
}

// Run reads everything, computes every row of the spine and commits the sink.
// After an error nothing is committed. The stages follow one another and none
// overlaps: the reach of the queries must be known before events are left out,
// and all events of a key must be there before its first query is answered
// (T1). Cancelling ctx ends it with ctx's error.
func (b *Backfill) Run(ctx context.Context) (*Report, error) {
	r := &run{Backfill: b, report: &Report{Events: make([]int64, len(b.Plan.Inputs)), Read: make([]event.Counts, len(b.Plan.Inputs)), Taken: make([]int64, len(b.Plan.Lookups)), Counts: make([]event.Counts, len(b.Plan.Lookups)), Labels: make([]LabelCount, len(b.Plan.Labels))}}
	for _, stage := range []struct {
		name string
		do   func(context.Context) error
	}{{"spine", r.readSpine}, {"history", r.readHistory}, {"censor", r.leaveCensored}, {"sweep", r.sweep}, {"write", r.write}} {
		start := time.Now()
		if err := stage.do(ctx); err != nil {
			return nil, err
		}
		r.report.Stages = append(r.report.Stages, Stage{stage.name, time.Since(start)})
	}
	r.report.Rows, r.report.Splits = int64(len(r.spine.times)), r.spine.splits()
	return r.report, nil
}

// run is a Backfill on its way. Each stage fills the fields that the next ones
// read; within a stage goroutines write to places of their own, so that there
// is no lock.
type run struct {
	*Backfill
	report *Report
	spine  spine
	bits   int          // keys are partitioned by this many of their hash's highest bits
	chunks [][][]chunk  // by view, by part of its input, in the order of reading
	last   []event.Time // up to when events are known to be there, by view: the greatest time of one, where nothing else tells
	asked  []asked      // by key of the plan
	found  []found      // by lookup
}

// tell reports progress, if somebody asked for it.
func (r *run) tell(stage string, done, total int64) {
	if r.Progress != nil {
		r.Progress(Progress{Stage: stage, Done: done, Total: total})
	}
}

// spine is all queries, in the spine's order. It holds 8 bytes of instant and
// 16 of every key a row; where rows are events that count, of every view what it
// keeps of an event too. Keys are hashes of 128 bits that stand for the values
// (S11.2): with n distinct keys two meet with probability n^2/2^129, for a
// billion about one in 10^21.
type spine struct {
	times       []event.Time
	noTime      []bool // nil: every query has its instant
	keys        [][]event.Hash
	noKey       [][]bool // by key; nil: every query has it
	request     []event.Column
	marks       []event.Column
	events      []*features.OwnEvents // by view; nil: the rows are no events of it
	kept        Kept
	first, last event.Time // of the instants there are
}

// splits counts the rows of each split: the one mark that is text.
func (s *spine) splits() map[string]int64 {
	counts := map[string]int64{}
	for i := range s.marks {
		c := &s.marks[i]
		for row := range s.times {
			if c.Type.Text() && !c.IsNull(row) {
				counts[string(c.Text(row))]++
			}
		}
	}
	return counts
}

// readSpine reads the queries. Batches are used again by the source, so add
// copies. The spine is read by one goroutine, as its order is that of the
// output (S11.1).
func (r *run) readSpine(ctx context.Context) error {
	src, err := r.Spine()
	if err != nil {
		return err
	}
	defer src.Close()
	n := len(r.Plan.Queries.Keys)
	s := &r.spine
	s.keys, s.noKey = make([][]event.Hash, n), make([][]bool, n)
	s.first, s.last = event.MaxTime, event.MinTime
	var b event.Batch
	for {
		switch err := src.Read(ctx, &b); {
		case errors.Is(err, io.EOF):
			addCounted(&r.report.Spine, src)
			r.countQueries()
			if s.first <= s.last {
				r.report.Asked = event.Span{From: s.first, To: s.last.Later(1)}
			}
			s.hashEvents()
			return r.Plan.RefuseOwn(&r.report.Spine)
		case err != nil:
			return fmt.Errorf("read spine: %w", err)
		}
		if len(s.times)+b.Len > maxRows {
			return fmt.Errorf("the spine has more than %d rows; cut it into several", maxRows)
		}
		chosen, rows := r.Plan.Choose(&b, r.Within, &r.report.Spine)
		s.kept.add(b.Len, rows)
		s.add(r.Plan.NewQueries(chosen, &r.report.Spine))
		r.tell("spine", int64(len(s.times)), 0)
	}
}

// refuse returns an error where a strict run met values outside their type. It
// is asked before the commit and after everything is computed, as derived
// values count too, so that a strict run leaves nothing behind (S9.3, S17.2).
func (r *run) refuse() error {
	n := r.report.Spine[event.OutOfType]
	for i := range r.report.Read {
		n += r.report.Read[i][event.OutOfType]
	}
	for i := range r.report.Counts {
		n += r.report.Counts[i][event.OutOfType]
	}
	if r.Strict && n > 0 {
		return fmt.Errorf("%d values are outside their type; without strict they are null and counted", n)
	}
	return nil
}

// addCounted adds what a source has counted, if it counts. It must come after
// the last read: readers count as they go.
func addCounted(n *event.Counts, s event.Source) {
	if c, ok := s.(event.Counter); ok {
		counted := c.Counted()
		n.Add(&counted)
	}
}

// maxRows is the most rows that a spine may have: places in it are 32 bits.
const maxRows = 1<<32 - 2

// add appends a batch of queries, copying what the batch may reuse. first and
// last leave out rows without an instant, whose times are zeros: 1970 would
// widen the reach of every window.
func (s *spine) add(q *features.Queries) {
	before := len(s.times)
	s.times = append(s.times, q.Times...)
	s.noTime = appendFlags(s.noTime, before, q.NoTime, q.Len)
	for k := range s.keys {
		s.keys[k] = append(s.keys[k], q.Keys[k]...)
		s.noKey[k] = appendFlags(s.noKey[k], before, q.NoKey[k], q.Len)
	}
	s.request, s.marks = appendColumns(s.request, q.Request, q.Len), appendColumns(s.marks, q.Marks, q.Len)
	s.addEvents(q.Events)
	for i, t := range q.Times {
		if q.NoTime == nil || !q.NoTime[i] {
			s.first, s.last = min(s.first, t), max(s.last, t)
		}
	}
}

// appendColumns appends n rows of columns to those before, which are made with
// the first.
func appendColumns(to, from []event.Column, n int) []event.Column {
	if to == nil {
		for i := range from {
			to = append(to, event.Make(from[i].Type))
		}
	}
	for i := range from {
		for row := range n {
			to[i].Append(&from[i], row)
		}
	}
	return to
}

// appendFlags appends n flags, nil meaning all false, to the flags of before
// rows. Flags are made only when one is needed; most spines have neither gap.
func appendFlags(to []bool, before int, flags []bool, n int) []bool {
	if to == nil && flags == nil {
		return nil
	}
	if to == nil {
		to = make([]bool, before)
	}
	if flags == nil {
		flags = make([]bool, n)
	}
	return append(to, flags...)
}

// countQueries counts what is noteworthy of the spine itself. A row that lacks
// several keys counts once: the reason is the row's (S17.1).
func (r *run) countQueries() {
	for _, no := range r.spine.noTime {
		if no {
			r.report.Spine[event.QueryNoTime]++
		}
	}
	for i := range r.spine.times {
		for k := range r.spine.noKey {
			if r.spine.noKey[k] != nil && r.spine.noKey[k][i] {
				r.report.Spine[event.QueryNoKey]++
				break
			}
		}
	}
}

// unasked reports whether query row has no instant or lacks key k, so that it is
// answered as a key without events. Such a row takes no part in the sweep
// (S11.4, S11.5).
func (s *spine) unasked(k int, row uint32) bool {
	return s.noTime != nil && s.noTime[row] || s.noKey[k] != nil && s.noKey[k][row]
}
