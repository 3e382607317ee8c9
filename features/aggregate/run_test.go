package aggregate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// testWindows are one of each kind and bound, on times up to a thousand.
var testWindows = []Window{
	{Length: 50, ClosedLow: true},
	{Length: 200, ClosedLow: true, ClosedHigh: true},
	{Length: 200, ClosedHigh: true},
	{Length: 100, Offset: 100},
	{Rows: 7, ClosedLow: true},
	{Rows: 3, ClosedLow: true, ClosedHigh: true},
	{Lifetime: true, ClosedLow: true},
	{Lifetime: true, ClosedLow: true, ClosedHigh: true, Offset: 30},
}

// seeds is how many seeds a test tries: a quarter of n in short runs, such as
// those of the race detector.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return n / 4
	}
	return n
}

// TestFoldsAgreeWithScan feeds runs in shuffled order, asks between inserts and
// at past instants, with events at and above the instant in the run, and
// compares folds with the plain scan: half of all slots for every seed.
func TestFoldsAgreeWithScan(t *testing.T) {
	for seed := range seeds(16) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			n := []int{3, 20, 90, 250}[seed%4]
			l := testLayout(testWindows, false)
			l = &Layout{Columns: l.Columns, ID: -1, Content: l.Content, Slots: slices.DeleteFunc(l.Slots, func(Slot) bool { return rng.IntN(2) == 0 })}
			l.Prepare()
			symbols, counts := event.NewSymbols(), new(event.Counts)
			r := NewRun(l, symbols, counts)
			rows := randomRows(rng, n, []int64{20, 1000}[rng.IntN(2)])
			if rng.IntN(2) == 0 {
				slices.SortStableFunc(rows, func(a, b row) int { return int(a.time - b.time) })
			}
			e := events(rows, symbols)
			for i := 0; i < n; {
				j := min(n, i+1+rng.IntN(1+n/4))
				r.Insert(e, i, j)
				i = j
				if rng.IntN(3) == 0 || i == n {
					in := inContentOrder(rows[:i], false)
					compareWithScan(t, l, symbols, r, in, event.Time(rng.Int64N(1100)))
					compareWithScan(t, l, symbols, r, in, rows[rng.IntN(i)].time)
				}
			}
		})
	}
}

// TestOrderOfInsertLeavesNoTrace holds A1, also across Reset, snapshots and restores.
func TestOrderOfInsertLeavesNoTrace(t *testing.T) {
	for seed := range seeds(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		l := testLayout(testWindows, true)
		symbols := event.NewSymbols()
		rows := randomRows(rng, 60, 20)
		for i := range 20 { // repeated, and repeated with other content
			again := rows[i]
			if i%2 == 0 {
				again.i = nil
			}
			rows = append(rows, again)
		}
		var first []byte
		r := NewRun(l, symbols, new(event.Counts))
		for range 4 {
			rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			r.Reset(symbols)
			r.Insert(events(rows[:30], symbols), 0, 30)
			restored := NewRun(l, symbols, new(event.Counts))
			if rest, err := restored.Restore(r.Snapshot(nil), symbols); err != nil || len(rest) > 0 {
				t.Fatalf("seed %d: restore: %v, %d bytes left", seed, err, len(rest))
			}
			restored.Insert(events(rows[30:], symbols), 0, len(rows)-30)
			got := restored.Snapshot(nil)
			if first == nil {
				first = got
			}
			if !bytes.Equal(got, first) {
				t.Fatalf("seed %d: two orders of insertion, two snapshots", seed)
			}
		}
	}
}

// TestForgetChangesNoValue forgets, late events arriving after it, and compares
// with a run that never forgot.
func TestForgetChangesNoValue(t *testing.T) {
	for seed := range seeds(16) {
		rng := rand.New(rand.NewPCG(seed, 3))
		windows := testWindows
		if seed%2 == 0 {
			windows = []Window{{Length: 50, ClosedLow: true}, {Lifetime: true, ClosedLow: true}}
		}
		l := testLayout(windows, false)
		// Quantiles, and distinct values that never repeat, need every row of a
		// lifetime, and so does each group of one row: rows can go only where few
		// slots ask, a fifth of them in each run.
		l = &Layout{Columns: l.Columns, ID: -1, Content: l.Content, Slots: slices.DeleteFunc(slices.Clone(l.Slots), func(s Slot) bool {
			single := len(s.By) > 0 && s.By[0] != 5 && !s.Aggregate.additive()
			return s.Aggregate == QuantileCont || s.Aggregate == QuantileDisc || s.Aggregate == CountDistinct && s.Args[0] != 2 && s.Args[0] != 4 || single || rng.IntN(5) > 0
		})}
		l.Prepare()
		symbols := event.NewSymbols()
		kept, forgetful := NewRun(l, symbols, new(event.Counts)), NewRun(l, symbols, new(event.Counts))
		rows := randomRows(rng, 150, 1000)
		e := events(rows, symbols)
		at, dropped := event.Time(0), false
		for i := range rows {
			kept.Insert(e, i, i+1)
			forgetful.Insert(e, i, i+1)
			if i%25 == 24 {
				at += event.Time(rng.IntN(100))
				forgetful.Forget(at)
				dropped = dropped || forgetful.Len() < kept.Len()
				in := inContentOrder(rows[:i+1], false)
				compareWithScan(t, l, symbols, kept, in, at)
				compareWithScan(t, l, symbols, forgetful, in, at)
				compareWithScan(t, l, symbols, forgetful, in, at+77)
				again := NewRun(l, symbols, new(event.Counts))
				if _, err := again.Restore(forgetful.Snapshot(nil), symbols); err != nil {
					t.Fatal(err)
				}
				compareWithScan(t, l, symbols, again, in, at+3)
			}
		}
		if !dropped && seed%2 == 0 {
			t.Fatalf("seed %d: nothing was forgotten", seed)
		}
	}
}

// TestRangesOfPrefixesDoNotWrap: each prefix fits 128 bits while the difference of
// two does not, unless the narrow form keeps a bit free.
func TestRangesOfPrefixesDoNotWrap(t *testing.T) {
	const big = 1 << 61
	for _, c := range []struct {
		values []float64
		last   int
		sum    float64
	}{
		{[]float64{1, -big, -big, -big, big, big, big, big, big, big}, 6, 6 * big},
		{[]float64{1e-12, -4e6, -4e6, 4e6, 4e6, 4e6, 4e6}, 4, 1.6e7},
	} {
		l := &Layout{Columns: []event.Type{event.Of(event.Double)}, ID: -1}
		for _, a := range []Aggregate{Sum, Avg} {
			l.Slots = append(l.Slots, Slot{Aggregate: a, Args: []int{0}, Filter: -1, Window: Window{Rows: c.last, ClosedLow: true}, Type: event.Of(event.Double)})
		}
		l.Prepare()
		symbols := event.NewSymbols()
		r := NewRun(l, symbols, new(event.Counts))
		e := Events{Columns: []event.Column{event.Make(l.Columns[0])}}
		for i, v := range c.values {
			e.Times = append(e.Times, event.Time(i))
			e.Columns[0].AppendFloat(v)
		}
		r.Insert(e, 0, len(c.values))
		out := answersAt(r, event.Time(len(c.values)))
		if got := out[0].Floats[0]; got != c.sum {
			t.Errorf("%v: sum of the last %d is %v, want %v", c.values, c.last, got, c.sum)
		}
		if got := out[1].Floats[0]; got != c.sum/float64(c.last) {
			t.Errorf("%v: average of the last %d is %v, want %v", c.values, c.last, got, c.sum/float64(c.last))
		}
	}
}

// TestCopiesAreCountedAlike: what is counted of the copies of one event does not
// tell in what order they were stored.
func TestCopiesAreCountedAlike(t *testing.T) {
	l := testLayout(testWindows[:1], true)
	one, two := int64(1), int64(2)
	for _, order := range [][]*int64{{&one, &two, &two}, {&two, &one, &two}, {&two, &two, &one}} {
		counts := new(event.Counts)
		symbols := event.NewSymbols()
		var rows []row
		for _, v := range order {
			rows = append(rows, row{time: 5, id: 9, i: v})
		}
		r := NewRun(l, symbols, counts)
		r.Insert(events(rows, symbols), 0, len(rows))
		if r.Len() != 1 || counts[event.Conflicting] != 2 || counts[event.Duplicate] != 0 || r.columns[2].Ints[0] != 1 {
			t.Errorf("%d %d %d: %d rows, %d conflicting, %d duplicates", *order[0], *order[1], *order[2], r.Len(), counts[event.Conflicting], counts[event.Duplicate])
		}
	}
}

// BenchmarkInsertTied is an event of a day whose events all have one time.
func BenchmarkInsertTied(b *testing.B) {
	const n = 100_000
	rng := rand.New(rand.NewPCG(1, 1))
	l := &Layout{Columns: []event.Type{event.Of(event.Double)}, ID: -1, Content: []int{0}, Slots: []Slot{{Aggregate: Count, Filter: -1, Window: Window{Lifetime: true}, Type: event.Of(event.Int)}}}
	l.Prepare()
	e := Events{Times: make([]event.Time, n), Columns: []event.Column{event.Make(l.Columns[0])}}
	for range n {
		e.Columns[0].AppendFloat(rng.Float64())
	}
	symbols := event.NewSymbols()
	r := NewRun(l, symbols, new(event.Counts))
	for b.Loop() {
		r.Reset(symbols)
		r.Insert(e, 0, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}

// TestWindowBounds spells every end once more, by hand.
func TestWindowBounds(t *testing.T) {
	for _, c := range []struct {
		w      Window
		at     event.Time
		lo, hi event.Time
	}{
		{Window{Length: 10, ClosedLow: true}, 100, 90, 100},
		{Window{Length: 10, ClosedLow: true, ClosedHigh: true}, 100, 90, 101},
		{Window{Length: 10, ClosedHigh: true}, 100, 91, 101},
		{Window{Length: 10}, 100, 91, 100},
		{Window{Length: 10, Offset: 5, ClosedLow: true}, 100, 85, 95},
		{Window{Lifetime: true, ClosedLow: true}, 100, event.MinTime, 100},
		{Window{Lifetime: true, ClosedLow: true, ClosedHigh: true, Offset: 1}, 100, event.MinTime, 100},
		{Window{Rows: 3, ClosedLow: true}, 100, event.MinTime, 100},
		{Window{Length: 10, ClosedLow: true}, event.MinTime + 3, event.MinTime, event.MinTime + 3},
		{Window{Length: 10, ClosedLow: true, ClosedHigh: true}, event.MaxTime, event.MaxTime - 10, event.MaxTime},
	} {
		if lo, hi := c.w.Bounds(c.at); lo != c.lo || hi != c.hi {
			t.Errorf("%+v at %d: %d to %d, want %d to %d", c.w, c.at, lo, hi, c.lo, c.hi)
		}
	}
}

// FuzzRestore feeds foreign bytes: an error or a run, never a panic.
func FuzzRestore(f *testing.F) {
	l := &Layout{Columns: testColumns, ID: 0, Slots: []Slot{{Aggregate: Sum, Args: []int{1}, Filter: -1, Window: Window{Lifetime: true}, Type: event.Of(event.Double)},
		{Aggregate: VarPop, Args: []int{3}, Filter: 5, Window: Window{Length: 20}, Type: event.Of(event.Double)}, {Aggregate: Last, Args: []int{4}, Filter: -1, Window: Window{Rows: 2}, N: 1, Type: event.Of(event.String)}}}
	ever := Window{Lifetime: true, ClosedLow: true}
	for _, s := range []Slot{{Aggregate: Corr, Args: []int{1, 2}, Type: event.Of(event.Double)}, {Aggregate: Mode, Args: []int{4}, Type: event.Of(event.String)}, {Aggregate: Entropy, Args: []int{1}, Type: event.Of(event.Double)},
		{Aggregate: Sum, Args: []int{3}, By: []int{4}, Type: event.MapOf(testColumns[4], event.DecimalOf(38, 2))}, {Aggregate: Histogram, Args: []int{2}, By: []int{5}, Type: event.MapOf(testColumns[5], event.MapOf(testColumns[2], event.Of(event.Int)))}} {
		s.Filter, s.Window = -1, ever
		l.Slots = append(l.Slots, s)
	}
	l.Prepare()
	symbols := event.NewSymbols()
	r := NewRun(l, symbols, new(event.Counts))
	rows := randomRows(rand.New(rand.NewPCG(1, 1)), 20, 100)
	r.Insert(events(rows, symbols), 0, len(rows))
	f.Add(r.Snapshot(nil))
	r.Forget(60)
	f.Add(r.Snapshot(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		symbols := event.NewSymbols()
		r := NewRun(l, symbols, new(event.Counts))
		if _, err := r.Restore(b, symbols); err == nil {
			answersAt(r, 50)
		}
	})
}

// TestForgetBesideTheSmallest holds that a sum over what is gone and what stays is
// exact where what stays is smaller than any unit had room for.
func TestForgetBesideTheSmallest(t *testing.T) {
	l := &Layout{Columns: []event.Type{event.Of(event.Double)}, ID: -1, Slots: []Slot{{Aggregate: Sum, Args: []int{0}, Filter: -1, Window: Window{Lifetime: true, ClosedLow: true}, Type: event.Of(event.Double)}}}
	l.Prepare()
	r := NewRun(l, event.NewSymbols(), new(event.Counts))
	x := event.Make(event.Of(event.Double))
	for _, v := range []float64{1e16, 1, 5e-324} {
		x.AppendFloat(v)
	}
	r.Insert(Events{Times: []event.Time{1, 2, 3}, Columns: []event.Column{x}}, 0, 3)
	for _, at := range []event.Time{0, 3} {
		r.Forget(at)
		if out := answersAt(r, 10); out[0].Floats[0] != 1e16+2 {
			t.Errorf("after forgetting what is before %d the sum is %v, want %v", at, out[0].Floats[0], 1e16+2)
		}
	}
}
