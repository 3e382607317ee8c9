package features

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

var errDisk = errors.New("the disk is full")

// looked is a file that counts what is done to it, takes so many bytes and no more, and
// may give other bytes than it took.
type looked struct {
	*os.File
	reads, writes int
	end           int64 // of what was written
	room          int64 // 0: no end
	torn          func(b []byte, at int64) (int, error)
}

func (f *looked) ReadAt(b []byte, at int64) (int, error) {
	f.reads++
	n, err := f.File.ReadAt(b, at)
	if f.torn != nil && err == nil {
		return f.torn(b, at)
	}
	return n, err
}

func (f *looked) WriteAt(b []byte, at int64) (int, error) {
	f.writes++
	if f.end = max(f.end, at+int64(len(b))); f.room > 0 && f.end > f.room {
		return 0, errDisk
	}
	return f.File.WriteAt(b, at)
}

func newLooked(tb testing.TB) *looked {
	tb.Helper()
	f, err := os.CreateTemp(tb.TempDir(), "")
	if err != nil {
		tb.Fatal(err)
	}
	return &looked{File: f}
}

// spilling is a state of the spending plan that keeps so many bytes in memory, and the
// rest in a file.
func spilling(tb testing.TB, p *Plan, bytes int, f *looked) *State {
	tb.Helper()
	s := p.NewState()
	s.Hold(bytes)
	s.Spill(bytes, func() (File, error) { return f, nil })
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// sameColumns fails where two answers differ.
func sameColumns(t *testing.T, got, want []event.Column) {
	t.Helper()
	for c := range want {
		for r := range want[c].Len() {
			if event.Compare(&got[c], r, &want[c], r) != 0 {
				t.Fatalf("column %d, row %d: another value than that of a state in memory", c, r)
			}
		}
	}
}

// TestSpill holds that a state whose packed runs are in a file answers as one that has all
// in memory, has the same snapshot, and that the file does not grow beyond some times of
// what is in it, though every run is written again and again.
func TestSpill(t *testing.T) {
	p, next := spendingPlan(t)
	f := newLooked(t)
	inMemory, s := p.NewState(), spilling(t, p, 1<<16, f)
	for i := range 60 {
		events, asks := next(400)
		inMemory.Apply(0, events)
		s.Apply(0, events)
		sameColumns(t, s.Value(asks), inMemory.Value(asks))
		if i%20 == 19 {
			at := event.Time(slices.Max(asks.Columns[p.Queries.Columns.Index("ts")].Ints)).Earlier(10_000_000)
			for range event.KeyGroups / sweptGroups {
				inMemory.Settle(at)
				s.Settle(at)
			}
		}
	}
	size := s.Sizes()[0]
	if all := inMemory.Sizes()[0]; size.Keys != all.Keys || size.Filed < 1<<18 || size.Packed > 1<<17 {
		t.Errorf("%+v, and in memory %+v", size, all)
	}
	if f.end > 2*(2*size.Filed+event.KeyGroups*wornLeast) || f.reads == 0 {
		t.Errorf("the file has %d bytes, of which %d are of runs; it was read %d times and written %d times", f.end, size.Filed, f.reads, f.writes)
	}
	_, asks := next(1)
	at := event.Time(asks.Columns[p.Queries.Columns.Index("ts")].Ints[0])
	inMemory.Forget(at)
	s.Forget(at)
	if !bytes.Equal(s.Snapshot(), inMemory.Snapshot()) || s.Err() != nil {
		t.Errorf("another snapshot than that of a state in memory, or %v", s.Err())
	}
}

// TestSpillSnapshot holds that a snapshot is the same wherever the runs are.
func TestSpillSnapshot(t *testing.T) {
	p, next := spendingPlan(t)
	inMemory, s := p.NewState(), spilling(t, p, 0, newLooked(t))
	for range 10 {
		events, _ := next(1000)
		inMemory.Apply(0, events)
		s.Apply(0, events)
	}
	want := inMemory.Snapshot()
	if !bytes.Equal(s.Snapshot(), want) {
		t.Error("another snapshot than that of a state in memory")
	}
	again, err := p.Restore(want)
	if err != nil || again.Sizes()[0].Events != 10_000 || s.Sizes()[0].Events != 10_000 {
		t.Errorf("%v; of 10,000 events %d and %d", err, again.Sizes()[0].Events, s.Sizes()[0].Events)
	}
}

// TestSpillFails holds that a file that takes nothing, or gives something else than it
// took, makes an error that stays, and never a value that is wrong without one.
func TestSpillFails(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(f *looked)
		want string
	}{
		"full": {func(f *looked) { f.room = 1 << 18 }, "write the temporary file of the state: the disk is full"},
		"flipped": {func(f *looked) {
			f.torn = func(b []byte, at int64) (int, error) { b[len(b)/2] ^= 1; return len(b), nil }
		}, "read the temporary file of the state: it gave other bytes than were written"},
		"cut off": {func(f *looked) {
			f.torn = func(b []byte, at int64) (int, error) { clear(b[len(b)/2:]); return len(b) / 2, nil }
		}, "read the temporary file of the state: unexpected EOF"},
		"broken": {func(f *looked) {
			f.torn = func([]byte, int64) (int, error) { return 0, errDisk }
		}, "read the temporary file of the state: the disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			p, next := spendingPlan(t)
			f := newLooked(t)
			inMemory, s := p.NewState(), spilling(t, p, 1<<14, f)
			for i := range 100 {
				if i == 20 {
					c.harm(f)
				}
				events, asks := next(200)
				inMemory.Apply(0, events)
				s.Apply(0, events)
				got, want := s.Value(asks), inMemory.Value(asks)
				if s.Err() != nil {
					break
				}
				sameColumns(t, got, want)
			}
			if err := s.Err(); err == nil || err.Error() != c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
			f.torn, f.room = nil, 0
			events, asks := next(200)
			s.Apply(0, events)
			s.Value(asks)
			if err := s.Err(); err == nil || err.Error() != c.want {
				t.Errorf("the error did not stay: %v", err)
			}
		})
	}
	p, next := spendingPlan(t)
	s := p.NewState()
	s.Hold(0)
	s.Spill(0, func() (File, error) { return nil, errors.New("no folder") })
	events, _ := next(10)
	if s.Apply(0, events); s.Err() == nil || !strings.Contains(s.Err().Error(), "no folder") {
		t.Errorf("%v", s.Err())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestExtents takes and releases extents at random: none that is in use may overlap
// another, and all that is free is one once nothing is in use.
func TestExtents(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	s, used := &spill{}, []extent{}
	for range 5_000 {
		if len(used) > 0 && rng.IntN(2) == 0 {
			k := rng.IntN(len(used))
			s.release(used[k])
			used = slices.Delete(used, k, k+1)
			continue
		}
		e := s.take(extentUnit * (1 + rng.Int64N(9)))
		for _, o := range used {
			if e.at < o.at+o.size && o.at < e.at+e.size {
				t.Fatalf("%v overlaps %v", e, o)
			}
		}
		used = append(used, e)
	}
	for _, e := range used {
		s.release(e)
	}
	if len(s.free) != 1 || s.free[0] != (extent{0, s.end}) {
		t.Errorf("of %d bytes free: %v", s.end, s.free)
	}
}

// TestSweep holds that keys that nobody touches any more leave nothing behind, in memory
// or in a file, once all their events are too old for any question.
func TestSweep(t *testing.T) {
	for _, filed := range []bool{false, true} {
		p, next := spendingPlan(t)
		s := p.NewState()
		if s.Hold(0); filed {
			s = spilling(t, p, 0, newLooked(t))
		}
		events, _ := next(5_000)
		s.Apply(0, events)
		if s.Sizes()[0].Keys < 1_000 {
			t.Fatalf("%+v", s.Sizes())
		}
		week := event.Time(slices.Max(events.Columns[p.Inputs[0].Columns.Index("at_time")].Ints)).Later(7 * 86_400_000_000)
		for range event.KeyGroups / sweptGroups {
			s.Settle(week.Earlier(86_400_000_000))
		}
		if s.Sizes()[0].Keys < 1_000 {
			t.Errorf("what can still be asked of is gone: %+v", s.Sizes())
		}
		for range event.KeyGroups / sweptGroups {
			s.Settle(week.Later(1))
		}
		if size := s.Sizes()[0]; size.Keys > 1 || size.Events > 1 || size.Filed > 0 || size.Packed > smallGroup*event.KeyGroups { // one is at hand
			t.Errorf("file %t: %+v", filed, size)
		}
	}
}
