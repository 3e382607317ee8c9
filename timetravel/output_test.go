package timetravel_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// summed is a sink that keeps a number for each row, which tells its values.
type summed struct{ rows []uint64 }

func (s *summed) Write(_ context.Context, b *event.Batch) error {
	for i := range b.Len {
		h := uint64(14695981039346656037)
		for c := range b.Columns {
			v := uint64(1)
			if c := &b.Columns[c]; !c.IsNull(i) && c.Type.Kind == event.Double {
				v = math.Float64bits(c.Floats[i]) + 2
			} else if !c.IsNull(i) {
				v = uint64(c.Ints[i]) + 3
			}
			h = (h ^ v) * 1099511628211
			h ^= h >> 29
		}
		s.rows = append(s.rows, h)
	}
	return nil
}
func (s *summed) Commit(context.Context) error { return nil }
func (s *summed) Close() error                 { return nil }

// TestBlocksLeaveNothing holds that a block that is put together in the vectors of
// another shows none of its values and nulls, and that these stay until the sink has
// taken them: blocks without and with nulls, of which nobody was asked about most
// rows, and the last, which is short, follow each other.
func TestBlocksLeaveNothing(t *testing.T) {
	for _, kinds := range [][]string{
		{"late", "all", "nobody", "all", "nobody", "late", "all"},
		{"late", "no time", "nobody", "all"}, // a run with rows without instant copies what it answers
	} {
		testBlocks(t, kinds)
	}
}

func testBlocks(t *testing.T, kinds []string) {
	const block = 65_536
	b := newBank(5_000)
	accounts, times := event.Make(spineSchema[0].Type), event.Make(spineSchema[1].Type)
	accounts.Dict = b.events.Columns[0].Dict
	for i := range (len(kinds)-1)*block + 777 {
		kind := kinds[i/block]
		if kind == "nobody" && i%100 != 0 {
			accounts.AppendNull()
		} else {
			accounts.AppendCode(uint32(i*7919) % uint32(accounts.Dict.Len()))
		}
		at := int64(i*104_729) % (90 * 86_400_000_000)
		switch {
		case kind == "no time" && i%3 == 0:
			times.AppendNull()
			continue
		case kind == "late":
			at = 90*86_400_000_000 - 86_400_000_000*int64(i%20)
		}
		times.AppendInt(at)
	}
	ask := func(from, to, workers int) []uint64 {
		b.spine = event.Batch{Len: to - from, Columns: []event.Column{accounts.Slice(from, to), times.Slice(from, to)}}
		out := &summed{}
		run := b.backfill(t, "b", out)
		run.Workers = workers
		if _, err := run.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.rows
	}
	var alone []uint64 // blocks that are the first of their run
	for from := 0; from < times.Len(); from += block {
		alone = append(alone, ask(from, min(from+block, times.Len()), 1)...)
	}
	for _, workers := range []int{1, 2, 8} {
		all := ask(0, times.Len(), workers)
		if !slices.Equal(all, alone) {
			row := 0
			for row < min(len(all), len(alone)) && all[row] == alone[row] {
				row++
			}
			t.Errorf("%d workers: %d rows, want %d; row %d is another", workers, len(all), len(alone), row)
		}
	}
}
