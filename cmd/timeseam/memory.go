package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// What a run takes beside what lies on its shelf: the program and its readers, what
// a worker has in hands, and the groups of rows that the sink holds. Measured on
// the workloads of the benchmark.
const (
	memoryFixed  = 48 << 20
	memoryWorker = 12 << 20
	memoryGroups = 3 * 122_880 // rows
	// collected is how much a heap grows before it is collected, and what is lost
	// between its objects.
	collected = 1.2
	// memoryLeast is the least that a run can be asked to make do with.
	memoryLeast = 64 << 20
	// memoryUnknown is taken for the machine's memory where nothing tells it.
	memoryUnknown = 4 << 30
)

// memoryLimit is what --memory says; without it half of what the machine or its
// container has.
func memoryLimit(text string) (int64, error) {
	if text == "" {
		return machineMemory("/") / 2, nil
	}
	n, err := byteSize(text)
	if err != nil || n < memoryLeast {
		return 0, wrongf("--memory %s; write a number of bytes with its unit, KiB, MiB or GiB, from 64MiB on, such as 2GiB", text)
	}
	return n, nil
}

// machineMemory is the least of what the machine has and what the container's
// control group allows, both as Linux tells them under root.
func machineMemory(root string) int64 {
	least := int64(math.MaxInt64)
	for _, path := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(filepath.Join(root, path)); err == nil {
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "proc/meminfo")); err == nil {
		var kib int64
		if _, rest, ok := strings.Cut(string(text), "MemTotal:"); ok {
			if _, err := fmt.Sscan(rest, &kib); err == nil && kib > 0 {
				least = min(least, kib<<10)
			}
		}
	}
	if least == math.MaxInt64 {
		return memoryUnknown
	}
	return least
}

// shelf returns where a run keeps what it took in, within the limit, and what undoes
// the collector's settings.
func (j *backfillJob) shelf(outputs event.Schema) (*shelf.Shelf, func()) {
	row := int64(0)
	for _, o := range outputs {
		row += heldBytes(o.Type)
	}
	beside := memoryFixed + memoryWorker*int64(j.workers) + memoryGroups*row
	room := max(int64(float64(j.memory-beside)/collected), 0)
	// A run holds few pointers and much memory: collecting at a quarter more keeps
	// the peak low and costs next to nothing.
	percent, limit := -1, debug.SetMemoryLimit(-1)
	if os.Getenv("GOGC") == "" {
		percent = debug.SetGCPercent(25)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(j.memory)
	}
	return shelf.New(room, j.temporary), func() {
		debug.SetMemoryLimit(limit)
		if percent >= 0 {
			debug.SetGCPercent(percent)
		}
	}
}

// temporary makes the file for what memory does not hold, beside the output or
// where --temp-dir says. Its name is gone at once, so that nothing is left of it
// however the run ends.
func (j *backfillJob) temporary() (shelf.File, error) {
	dir := j.tempDir
	if dir == "" && j.target != nil {
		dir = filepath.Dir(filepath.Clean(j.target.Path()))
	}
	f, err := os.CreateTemp(dir, ".timeseam-*.spill")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
