package timetravel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// Backfill is a bounded run: a plan over histories, asked by a spine. The
// caller fills it and calls Run once. The functions that open things are called
// from Run's own goroutine; what they open is read and closed by Run, history
// parts each from one goroutine at a time.
//
// Memory is that of the spine's instants, keys and answers and of the events
// within reach of its queries, with the columns that the views keep of them, as far
// as the shelf has room; whatever room there is, HeldBits of a row, the partitions
// and blocks that are worked on, and the entities of a grid. The spine's own columns
// are never held, but for those that are computed.
type Backfill struct {
	Plan       *features.Plan
	Visibility Visibility
	// History opens an input's history as parts that may be read beside each
	// other; together they hold every row once. Of what no question can reach, the
	// times outside of reach, they may lack rows; where Seam is set, of a file of which
	// they have any, only those before reach.
	History func(in features.Input, reach event.Span) ([]event.Source, error)
	// Complete is up to when the events of a source are all there, by its name.
	// Of a source that is not here the newest event tells.
	Complete map[string]event.Time
	// Spine opens the columns of the spine's table that the plan's queries are made
	// of: Plan.Queries.Read.
	Spine func() (event.Source, error)
	// Content opens those that tell questions apart, Plan.Queries.Content, row for
	// row as Spine does. It is called where questions share an id or an instant;
	// nil: the plan has none such.
	Content func() (event.Source, error)
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
	// Shelf keeps events and answers until they are needed; nil: memory does. Run
	// does not close it.
	Shelf *shelf.Shelf
	// Journal is told how far the run has come, and has told how far one before it
	// came, of the same inputs and settings; the shelf then holds nothing in memory.
	// nil: nobody will go on from this run.
	Journal Journal
	// Noted is what the caller has found in histories that are read, for the journal;
	// TakenUp gives it back, before they are opened, to a run that does not read them.
	// nil: there is nothing.
	Noted   func() ([]byte, error)
	TakenUp func([]byte) error
	// Hands is how many bytes the partitions that are worked on may take together;
	// 0: any.
	Hands int64
	// Seam: the run begins with what another left, or leaves something to the next;
	// Within is then its interval. nil: neither.
	Seam *Seam
	// Workers is how many goroutines compute; at least one.
	Workers int
	// Events is about how many events there are: it only chooses the number of partitions.
	Events int64
	// Progress is told how far a stage has come; nil: nobody asks. It is called
	// from several goroutines.
	Progress func(Progress)

	blockRows int // outputRows; tests make it smaller
}

// Progress is how far a stage of a run has come. Done never falls for a stage
// that one goroutine runs; reports of several may overtake each other.
type Progress struct {
	Stage string // "spine", "history", "snapshot", "sweep", "write"
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
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if err := r.do(ctx, []stage{{"spine", r.readSpine}, {"history", r.readHistory}, {"snapshot", r.leaveSnapshot}, {"censor", r.leaveCensored}, {"sample", r.sampleByLabel}, {"sweep", r.sweep}, {"write", r.write}}); err != nil {
		return nil, err
	}
	r.report.Rows = int64(r.starts[len(r.starts)-1])
	for i := range r.Plan.Labels {
		r.report.Labels[i].Until = r.last[r.Plan.Labels[i].View]
		r.countTouched(i)
	}
	return r.report, nil
}

// Leave reads everything and leaves what Seam says, and asks nothing: neither Spine
// nor Sink need be there.
func (b *Backfill) Leave(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	r.spine.first, r.spine.last = event.MaxTime, event.MinTime
	r.asked = make([]asked, len(r.Plan.Queries.Keys))
	if err := r.do(ctx, []stage{{"history", r.readHistory}, {"snapshot", r.leaveSnapshot}}); err != nil {
		return nil, err
	}
	return r.report, nil
}

// begin makes a run ready.
func (b *Backfill) begin() (*run, error) {
	r := &run{Backfill: b, report: &Report{Events: make([]int64, len(b.Plan.Inputs)), Read: make([]event.Counts, len(b.Plan.Inputs)), Taken: make([]int64, len(b.Plan.Lookups)), Counts: make([]event.Counts, len(b.Plan.Lookups)), Labels: make([]LabelCount, len(b.Plan.Labels)), Splits: map[string]int64{}}}
	if r.shelf = b.Shelf; r.shelf == nil {
		r.shelf = shelf.New(0, nil)
	}
	if r.blockRows = b.blockRows; r.blockRows == 0 {
		r.blockRows = outputRows
	}
	r.bits = min(max(bits.Len64(uint64(r.Events/partitionEvents)), 1), maxBits)
	return r, r.Seam.fits(r)
}

// stage is a part of a run.
type stage struct {
	name string
	do   func(context.Context) error
}

// do does one stage after the other.
func (r *run) do(ctx context.Context, stages []stage) error {
	for _, s := range stages {
		if s.name == "snapshot" && r.Seam == nil {
			continue
		}
		start := time.Now()
		if err := s.do(ctx); err != nil {
			return err
		}
		r.report.Stages = append(r.report.Stages, Stage{s.name, time.Since(start)})
	}
	return nil
}

// run is a Backfill on its way. Each stage fills the fields that the next ones
// read; within a stage goroutines write to places of their own, so that there
// is no lock.
type run struct {
	*Backfill
	report  *Report
	spine   spine
	bits    int              // keys are partitioned by this many of their hash's highest bits
	chunks  [][][]chunk      // by view, by part of its input, in the order of reading
	last    []event.Time     // up to when events are known to be there, by view: the greatest time of one, where nothing else tells
	newest  []event.Time     // the greatest time of an event, by view
	sieves  []sieve          // by view
	asked   []asked          // by key of the plan
	own     [][]shelf.Stored // by lookup: questions that are events themselves
	found   []found          // by lookup
	starts  []int            // block b is rows starts[b] to starts[b+1]-1 of the output
	shelf   *shelf.Shelf
	hands   *hands
	scratch sync.Pool // of readScratch
	// finished is what the run that is taken up had done of the sweep.
	finished []finished
}

// tell reports progress, if somebody asked for it.
func (r *run) tell(stage string, done, total int64) {
	if r.Progress != nil {
		r.Progress(Progress{Stage: stage, Done: done, Total: total})
	}
}

// splits counts the rows of each split: the one mark that is text.
func splits(q *features.Queries) map[string]int64 {
	counts := map[string]int64{}
	for i := range q.Marks {
		c := &q.Marks[i]
		for row := 0; c.Type.Text() && row < q.Len; row++ {
			if !c.IsNull(row) {
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
	src = Questions(r.Plan, src)
	defer src.Close()
	s := &r.spine
	s.touch, s.first, s.last = r.newTouching(), event.MaxTime, event.MinTime
	questions, _ := src.(*grid)
	if questions != nil {
		questions.hands = r.Hands // of which no partition is worked on yet
	}
	var b event.Batch
	for {
		switch err := src.Read(ctx, &b); {
		case errors.Is(err, io.EOF):
			r.report.Spine.AddCounted(src)
			if s.chosen.rows%r.blockRows != 0 {
				if err := r.seal(); err != nil {
					return err
				}
			}
			return r.settleSpine(ctx)
		case err != nil:
			return fmt.Errorf("read spine: %w", err)
		}
		if s.stays.rows+b.Len > maxRows {
			return fmt.Errorf("the spine has more than %d rows; cut it into several", maxRows)
		}
		clean := &b
		if r.Plan.Queries.Grid == nil {
			clean = r.Plan.Queries.Clean(&b, &r.report.Spine)
		}
		chosen, rows := r.Plan.Choose(clean, r.Within, &r.report.Spine)
		var ranks []int64
		if questions != nil && r.touches() {
			ranks = questions.ranks(rows)
		}
		if err := r.addQueries(r.Plan.NewQueries(chosen, &r.report.Spine), b.Len, rows, ranks); err != nil {
			return err
		}
		if err := r.addRivals(clean, rows); err != nil {
			return err
		}
		r.tell("spine", int64(s.stays.rows), 0)
	}
}

// settleSpine decides which of the questions that were read stay, where it takes
// all of them to tell. Copies go first: what is left of them is one question, of
// which a sample is drawn and to which an event may belong.
func (r *run) settleSpine(ctx context.Context) error {
	if err := cmp.Or(r.Plan.Queries.Refuse(&r.report.Spine), r.Plan.RefuseOwn(&r.report.Spine)); err != nil {
		return err
	}
	if err := r.once(ctx); err != nil {
		return err
	}
	if err := r.touch(ctx); err != nil {
		return err
	}
	if _, waits := r.Plan.Sampled(); !waits && r.spine.sampled {
		if err := r.sample(func(when *shelf.Piece, i, _ int) bool { return flagged(when, i, flagUnlucky) }); err != nil {
			return err
		}
	}
	if err := r.countQueries(); err != nil {
		return err
	}
	if s := &r.spine; s.first <= s.last {
		r.report.Asked = event.Span{From: s.first, To: s.last.Later(1)}
	}
	return nil
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
	if n += r.Seam.outOfType(); r.Strict && n > 0 {
		return fmt.Errorf("%d values are outside their type; without strict they are null and counted", n)
	}
	return nil
}

// maxRows is the most rows that a spine may have: places in it are 32 bits.
const maxRows = 1<<32 - 2
