package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestPercentOf(t *testing.T) {
	p := pace{room: 96 << 20}
	for _, c := range []struct {
		live    uint64
		percent int
	}{{0, 1000}, {1 << 20, 1000}, {32 << 20, 300}, {96 << 20, 100}, {384 << 20, 25}, {4 << 30, 25}} {
		if got := p.percentOf(c.live); got != c.percent {
			t.Errorf("a heap of %d MiB may grow by %d percent, want %d", c.live>>20, got, c.percent)
		}
	}
}

// TestFrugal holds that the pace follows the heap while a run lasts, collection
// after collection, and that all is as it was before when the run is over.
func TestFrugal(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	stop := frugal(1 << 30)
	held := make([]byte, 256<<20)
	if got := settled(t, collectPercent, 30); got > 30 {
		t.Errorf("beside 256 MiB that are held the heap may grow by %d percent, want a quarter", got)
	}
	runtime.KeepAlive(held)
	held = nil
	if got := settled(t, 60, collectMost); got < 60 {
		t.Errorf("once they are gone it may grow by %d percent only", got)
	}
	stop()
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("the run is over and the heap may grow by %d percent, as in the run", got)
	}
	t.Setenv("GOGC", "50")
	frugal(1 << 30)()
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("GOGC is set and the run has changed it to %d", got)
	}
}

// settled collects until the heap may grow by a percentage between two, and returns
// the last.
func settled(t *testing.T, least, most int) (percent int) {
	t.Helper()
	read := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 200 {
		runtime.GC()
		runtime.Gosched()
		metrics.Read(read)
		if percent = int(read[0].Value.Uint64()); percent >= least && percent <= most {
			break
		}
	}
	return percent
}
