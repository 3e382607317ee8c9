package timetravel_test

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
)

// TestIntervalsMakeTheWhole holds S14.2: the rows of a data interval are those of
// the whole run, and intervals that follow one another hold every row with an
// instant once.
func TestIntervalsMakeTheWhole(t *testing.T) {
	for _, dir := range specFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			s := readSpec(t, dir)
			if s.large() {
				return
			}
			at := s.spine.schema.Index(s.plan(t).TrainingSet.Spine.EventTimestamp.Value)
			whole := s.backfill(t, feed{workers: 2, batch: 5, parts: 1}).rows
			first, last := event.MaxTime, event.MinTime
			for _, row := range s.spine.rows {
				if row[at] != nil {
					first, last = min(first, instant(row[at])), max(last, instant(row[at]))
				}
			}
			middle := first/2 + last/2
			for _, within := range []features.Interval{{From: event.MinTime, To: middle}, {From: middle, To: event.MaxTime}, {From: middle, To: middle}} {
				var want [][]value
				for i, row := range s.spine.rows {
					if row[at] != nil && within.From <= instant(row[at]) && instant(row[at]) < within.To {
						want = append(want, whole[i])
					}
				}
				got := s.backfill(t, feed{workers: 2, batch: 5, parts: 1, within: &within, block: 2}).rows
				same := func(a, b []value) bool {
					return slices.EqualFunc(a, b, func(x, y value) bool { return compare(x, y) == 0 })
				}
				if !slices.EqualFunc(got, want, same) {
					t.Errorf("%v: %d rows, want %d of the whole run", within, len(got), len(want))
				}
			}
		})
	}
}

// TestCensoredRowsAreLeftOut holds S14.7: with censored: drop, the rows whose
// labels are known are as they are without it.
func TestCensoredRowsAreLeftOut(t *testing.T) {
	s := readSpec(t, "../specs/label_events")
	whole := s.backfill(t, feed{workers: 2, batch: 2, parts: 1}).rows
	n, set := newNaive(s.definition, s.set, s.sources, s.spine)
	var want [][]value
	for i, row := range s.spine.rows {
		known := true
		for k := range set.EventLabels {
			_, censored := n.label(&set.EventLabels[k]).censored(row)
			known = known && !censored
		}
		if known {
			want = append(want, whole[i])
		}
	}
	dropped := *s.definition
	dropped.TrainingSets = slices.Clone(dropped.TrainingSets)
	dropped.TrainingSets[0].Censored = features.Text{Pos: features.Pos{Line: 1, Column: 1}, Value: "drop"}
	s.definition = &dropped
	got := s.backfill(t, feed{workers: 2, batch: 2, parts: 1, block: 3}).rows
	if len(want) == 0 || len(want) == len(whole) {
		t.Fatalf("%d of %d rows are known: the spec shows nothing", len(want), len(whole))
	}
	if !slices.EqualFunc(got, want, func(a, b []value) bool { return compareAll(a, b) == 0 }) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestCarriedRowsStayBesideTheirs runs an interval over more rows than a block
// has, with blocks of which nothing is kept.
func TestCarriedRowsStayBesideTheirs(t *testing.T) {
	b := newBank(1_500_000)
	times := b.spine.Columns[1].Ints
	slices.Sort(times)
	out := &kept{}
	run := b.backfill(t, "b", out)
	var asked timetravel.Kept
	run.Within = &features.Interval{From: event.Time(times[100_000]), To: event.MaxTime}
	run.Carry = func(rows int, k timetravel.Kept) (event.Source, error) {
		asked = k
		return &places{rows: rows, total: b.spine.Len, has: k.Has}, nil
	}
	run.Sink = &beside{t: t, kept: out}
	r, err := run.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for row := range b.spine.Len {
		if asked.Has(row) {
			n++
		}
	}
	if int(r.Rows) != n || n != 50_000 || r.Spine[event.RowOutsideInterval] != 100_000 {
		t.Errorf("%d rows, %d kept, %d left out", r.Rows, n, r.Spine[event.RowOutsideInterval])
	}
}

// places stands for carried columns: only the numbers of rows count.
type places struct {
	rows, total, at int
	has             func(int) bool
}

func (p *places) Schema() event.Schema { return nil }
func (p *places) Close() error         { return nil }
func (p *places) Read(_ context.Context, b *event.Batch) error {
	b.Len = 0
	for b.Len == 0 {
		if p.at >= p.total {
			return io.EOF
		}
		for end := min(p.at+p.rows, p.total); p.at < end; p.at++ {
			if p.has(p.at) {
				b.Len++
			}
		}
	}
	return nil
}

// beside is a sink that wants columns as long as the batch.
type beside struct {
	t *testing.T
	*kept
}

func (b *beside) Write(ctx context.Context, batch *event.Batch) error {
	for i := range batch.Columns {
		if n := batch.Columns[i].Len(); n != batch.Len {
			b.t.Errorf("column %d has %d rows of %d", i, n, batch.Len)
		}
	}
	return b.kept.Write(ctx, batch)
}
