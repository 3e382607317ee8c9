package features

import (
	"runtime"
	"testing"
)

// TestForecast holds what a state is said to take, before there is one, to what it does
// take: within a half, ready and packed.
func TestForecast(t *testing.T) {
	p, next := spendingPlan(t)
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	within := func(what string, took, said int64) {
		t.Helper()
		t.Logf("%s: %d bytes, and about %d are said", what, took, said)
		if said < took/2 || said > took*3/2 {
			t.Errorf("%s: %d bytes, and about %d are said", what, took, said)
		}
	}
	before := inUse()
	s := p.NewState()
	for range 200 {
		events, asks := next(1000)
		s.Apply(0, events)
		s.Value(asks)
	}
	size, took := s.Sizes()[0], inUse()-before
	ready, packed := p.Views[0].Forecast(size.Keys, size.Events)
	if size.Events != 200_000 {
		t.Errorf("%+v", size)
	}
	within("ready, measured", took, size.Ready+size.Index)
	within("ready, forecast", took, ready.Ready+ready.Index)
	s.Hold(0)
	events, _ := next(1)
	s.Apply(0, events)
	size, took = s.Sizes()[0], inUse()-before
	within("packed, measured", took, size.Packed+size.Index)
	within("packed, forecast", took, packed.Packed+packed.Index)
	runtime.KeepAlive(s)
}
