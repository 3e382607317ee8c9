package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// A run holds few pointers and much memory, so that collecting when the heap has
// grown by a quarter costs little and keeps the peak low. While the heap is small
// a quarter is little too, and it would be collected dozens of times for nothing:
// it may always grow by the room, which is part of what the run may take.
const (
	collectPercent = 25
	collectMost    = 1000
	roomMost       = 96 << 20
	roomShare      = 16 // of the run's memory
)

// pace says how much the heap may grow from one collection to the next.
type pace struct {
	room    uint64
	before  int // what was said before the run
	lock    sync.Mutex
	percent int
	over    bool
}

// frugal keeps the peak of memory low until what it returns is called. memory is
// what the run may take; 0: what it may take by default.
func frugal(memory int64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	if memory == 0 {
		memory = machineMemory("/") / 2
	}
	p := &pace{room: uint64(min(memory/roomShare, roomMost)), percent: collectPercent}
	p.before = debug.SetGCPercent(p.percent)
	p.watch()
	return p.stop
}

// watch has the pace adapted when the heap has been collected: the mark, which
// nothing else refers to, goes with every collection and is set again.
func (p *pace) watch() {
	type mark struct{ *pace }
	runtime.SetFinalizer(&mark{p}, func(m *mark) {
		if m.adapt() {
			m.watch()
		}
	})
}

// adapt says what the heap that is left may grow by; false: the run is over.
func (p *pace) adapt() bool {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.over {
		return false
	}
	if percent := p.percentOf(live[0].Value.Uint64()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	return true
}

// percentOf is the percentage by which a heap may grow.
func (p *pace) percentOf(live uint64) int {
	return int(min(max(100*p.room/max(live, 1), collectPercent), collectMost))
}

func (p *pace) stop() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.over = true
	debug.SetGCPercent(p.before)
}
