package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestRunBytes holds what runs are said to take to what they do take: within a half, of
// some layouts, with few rows and with many.
func TestRunBytes(t *testing.T) {
	double, text := event.Of(event.Double), event.Of(event.String)
	slots := map[string][]Slot{
		"counts":    {{Aggregate: Count, Type: event.Of(event.Int)}},
		"sums":      {{Aggregate: Sum, Args: []int{0}, Type: double}, {Aggregate: Avg, Args: []int{0}, Type: double}},
		"five":      {{Aggregate: Count, Type: event.Of(event.Int)}, {Aggregate: Sum, Args: []int{0}, Type: double}, {Aggregate: Min, Args: []int{0}, Type: double}, {Aggregate: Max, Args: []int{0}, Type: double}},
		"deviation": {{Aggregate: StddevSamp, Args: []int{0}, Type: double}},
		"distinct":  {{Aggregate: CountDistinct, Args: []int{1}, Type: event.Of(event.Int)}},
		"quantile":  {{Aggregate: QuantileCont, Args: []int{0}, P: 0.5, Type: double}},
		"last":      {{Aggregate: Last, Args: []int{2}, N: 1, Type: text}},
		"mode":      {{Aggregate: Mode, Args: []int{2}, Type: text}},
		"corr":      {{Aggregate: Corr, Args: []int{0, 1}, Type: double}},
		"by":        {{Aggregate: Sum, Args: []int{0}, By: []int{2}, Type: event.MapOf(text, double)}},
	}
	for name, of := range slots {
		for _, rows := range []int{0, 10, 100} {
			t.Run(fmt.Sprint(name, "/", rows), func(t *testing.T) {
				l := benchmarkLayout()
				for _, s := range of {
					for _, w := range []int64{50 * hour, 500 * hour, 5000 * hour} {
						s.Filter, s.Window = -1, Window{Length: w, ClosedLow: true}
						l.Slots = append(l.Slots, s)
					}
				}
				l.Prepare()
				took, said := weighRuns(l, rows), l.RunBytes(rows)
				t.Logf("%d rows: %d bytes, and about %d are said", rows, took, said)
				if said < took/2 || said > took*3/2 {
					t.Errorf("a run of %d rows takes %d bytes, and about %d are said", rows, took, said)
				}
			})
		}
	}
}

// weighRuns is what a run takes of so many rows, once it was asked.
func weighRuns(l *Layout, rows int) int {
	const n = 1_000
	symbols, counts := event.NewSymbols(), new(event.Counts)
	desk := NewRun(l, symbols, counts)
	e := benchmarkEvents(l, symbols, max(rows, 1))
	runs := make([]*Run, n)
	before := inUse()
	for i := range runs {
		runs[i] = NewRun(l, symbols, counts)
		runs[i].Share(desk)
		for k := range rows {
			runs[i].Insert(e, k, k+1)
		}
		if rows > 0 {
			runs[i].Values(Ask{Times: []event.Time{e.Times[rows-1]}, Rows: []int32{0}}, l.Answers(1))
		}
	}
	after := inUse()
	runtime.KeepAlive(runs)
	return int(after-before) / n
}

// inUse is the bytes of what is alive.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
