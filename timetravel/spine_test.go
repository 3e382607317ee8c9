package timetravel_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
)

// drawn is a spine of a bank's accounts whose rows nobody holds: every row is made of
// its number.
type drawn struct {
	schema   event.Schema
	names    *event.Dict
	rows, at int
}

func (d *drawn) Schema() event.Schema { return d.schema }
func (d *drawn) Close() error         { return nil }
func (d *drawn) Read(_ context.Context, b *event.Batch) error {
	*b = event.Batch{}
	if d.at == d.rows {
		return io.EOF
	}
	b.Columns = make([]event.Column, len(d.schema))
	names, times := &b.Columns[d.schema.Index("account")], &b.Columns[d.schema.Index("ts")]
	*names, *times = event.Column{Type: spineSchema[0].Type, Dict: d.names}, event.Column{Type: spineSchema[1].Type}
	for ; b.Len < 3000 && d.at < d.rows; d.at++ {
		mixed := uint64(d.at) * 0x9e3779b97f4a7c15
		names.AppendCode(uint32(mixed>>32) % uint32(d.names.Len()))
		if d.at%1000 == 7 {
			times.AppendNull()
		} else {
			times.AppendInt(int64(mixed % (90 * 86_400_000_000)))
		}
		b.Len++
	}
	return nil
}

// weighed is a sink that holds nothing: a sum of all it is given, and how much was
// held when it was given a block from the middle.
type weighed struct {
	sum  maphash.Hash
	rows int
	held int64 // the most
}

func (w *weighed) Write(_ context.Context, b *event.Batch) error {
	var word [8]byte
	for row := range b.Len { // row by row, as blocks may differ
		for i := range b.Columns {
			c, v := &b.Columns[i], uint64(math.MaxUint64)
			switch {
			case c.IsNull(row):
			case c.Type.Kind == event.Double:
				v = math.Float64bits(c.Floats[row])
			default:
				v = uint64(c.Ints[row])
			}
			binary.LittleEndian.PutUint64(word[:], v)
			w.sum.Write(word[:])
		}
	}
	if w.rows += b.Len; w.rows/b.Len%64 == 7 {
		w.held = max(w.held, heldBytes())
	}
	return nil
}
func (w *weighed) Commit(context.Context) error { return nil }
func (w *weighed) Close() error                 { return nil }

// heldBytes is what the process holds and cannot let go of.
func heldBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSpineIsNotHeld runs a spine of 300,000 rows, whose keys and instants alone are
// 7 MB, with nothing held in memory: what there is of it once it is read, and while
// it is written, is less than a byte and the blocks in hands, and the rows are those of
// a run that holds everything.
func TestSpineIsNotHeld(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // of the tests' own
	const rows, block = 300_000, 1024
	b := newBank(20_000)
	var sum uint64
	seed := maphash.MakeSeed()
	for _, f := range []feed{{}, {spill: true, block: block}} {
		out := &weighed{}
		out.sum.SetSeed(seed)
		run := b.backfill(t, "b", out)
		run.InBlocks(f.block)
		run.Events = 2_500_000 // for partitions that are small beside the spine
		run.Spine = func() (event.Source, error) {
			return &drawn{schema: run.Plan.Queries.Columns, names: b.spine.Columns[0].Dict, rows: rows}, nil
		}
		var read int64
		history := run.History
		run.History = func(in features.Input, reach event.Span) ([]event.Source, error) {
			read = heldBytes()
			return history(in, reach)
		}
		if run.Shelf = f.shelf(); run.Shelf != nil {
			defer run.Shelf.Close()
		}
		before := heldBytes()
		r, err := run.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows != rows || out.rows != rows || r.Spine[event.QueryNoTime] != rows/1000 {
			t.Fatalf("%d rows, %d written, %d without an instant", r.Rows, out.rows, r.Spine[event.QueryNoTime])
		}
		if sum == 0 {
			if sum = out.sum.Sum64(); read-before < 24*rows {
				t.Errorf("in memory, %d bytes are held of %d rows: the test measures nothing", read-before, rows)
			}
			continue
		}
		if out.sum.Sum64() != sum {
			t.Error("other rows")
		}
		// Some blocks are on their way to the sink, and of each a few hundred bytes are
		// held: with blocks as large as usual those are nothing.
		blocks := int64(rows / block * 1600)
		if read-before > rows+blocks || out.held-before > rows+2*blocks+16*block*250 {
			t.Errorf("%d bytes are held of %d rows once they are read, %d while they are written", read-before, rows, out.held-before)
		}
	}
}

// TestGridTooLarge refuses a grid whose entities do not fit.
func TestGridTooLarge(t *testing.T) {
	s := drawnAds(t, 3, "{source: shown, every: 1s, entity: ad, active: 3s, from: 1970-01-01T00:00:03Z, to: 1970-01-01T00:00:27Z}", "")
	p := s.plan(t)
	run := &timetravel.Backfill{Plan: p, Workers: 1, Sink: &kept{}, Hands: 200, Spine: func() (event.Source, error) {
		return &inMemory{p.Queries.Read(), s.asked(p.Queries.Read()), 10}, nil
	}}
	var hot *timetravel.TooHot
	if _, err := run.Run(t.Context()); !errors.As(err, &hot) || hot.Bytes <= hot.Hands || hot.View != "" {
		t.Errorf("got %v", err)
	}
}
