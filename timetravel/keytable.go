package timetravel

import (
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// keyTable numbers the keys of a partition in the order in which they come. A
// map of Go would hash the hash again and give no numbers; here a key is a
// place in the vectors that group events and queries.
type keyTable struct {
	keys  []event.Hash
	slots []int32 // number+1, open addressing; length a power of two
}

// reset empties the table and makes room for n keys. At most half of the slots
// are taken, so that looking for a key that is not there ends soon. Memory is
// kept for the next partition.
func (t *keyTable) reset(n int) {
	t.keys = t.keys[:0]
	size := 1 << bits.Len(uint(2*n))
	if cap(t.slots) < size {
		t.slots = make([]int32, size)
	}
	t.slots = t.slots[:size]
	clear(t.slots)
}

// grow makes room for twice as many keys, each of which keeps its number.
func (t *keyTable) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	for n, k := range t.keys {
		t.slots[t.slot(k)] = int32(n) + 1
	}
}

func (t *keyTable) len() int { return len(t.keys) }

// add returns the key's number, the next one if it is new.
func (t *keyTable) add(k event.Hash) int32 {
	at := t.slot(k)
	if t.slots[at] == 0 {
		t.keys = append(t.keys, k)
		t.slots[at] = int32(len(t.keys))
	}
	return t.slots[at] - 1
}

// find returns the key's number, or -1.
func (t *keyTable) find(k event.Hash) int32 { return t.slots[t.slot(k)] - 1 }

// slot is where the key is, or where it belongs. It starts from the low word:
// keys of one partition agree in the highest bits of the high one and would all
// meet in a few slots.
func (t *keyTable) slot(k event.Hash) uint64 {
	mask := uint64(len(t.slots) - 1)
	for at := k.Lo & mask; ; at = (at + 1) & mask {
		if n := t.slots[at]; n == 0 || t.keys[n-1] == k {
			return at
		}
	}
}
