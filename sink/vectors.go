package sink

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// vectors is where the vectors of full groups come from, and go back to when the
// group is encoded: new ones would be cleared, and collected, a group at a time.
// What it gives holds what stood there before, so that it is for builders that
// write every byte that they count.
type vectors struct {
	memory.Allocator // for all other sizes
	size             int

	lock sync.Mutex
	free [][]byte // no more than there were groups at a time (O4)
}

// newVectors is for groups of so many rows of eight bytes. Builders grow to powers
// of two.
func newVectors(rows int) *vectors {
	return &vectors{Allocator: memory.DefaultAllocator, size: 8 * bitutil.NextPowerOf2(rows)}
}

// of is the allocator for builders of type t.
func (v *vectors) of(t arrow.DataType) memory.Allocator {
	switch t.ID() {
	case arrow.FLOAT64, arrow.INT64, arrow.TIMESTAMP:
		return v
	}
	return v.Allocator
}

func (v *vectors) Allocate(size int) []byte {
	if size != v.size {
		return v.Allocator.Allocate(size)
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	if last := len(v.free) - 1; last >= 0 {
		b := v.free[last]
		v.free = v.free[:last]
		return b
	}
	return v.Allocator.Allocate(size)
}

func (v *vectors) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	to := v.Allocate(size)
	copy(to, b)
	v.Free(b)
	return to
}

func (v *vectors) Free(b []byte) {
	if cap(b) != v.size {
		v.Allocator.Free(b)
		return
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	v.free = append(v.free, b[:v.size])
}
