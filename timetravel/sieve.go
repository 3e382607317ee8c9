package timetravel

import (
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
)

// sieve tells of most keys that nobody asks for them, so that their events are let
// go as they are read. Of a key that is asked it never says so. It is a Bloom
// filter (Bloom, Space/Time Trade-offs in Hash Coding with Allowable Errors, 1970)
// of one word a key: one load, and of keys that are not asked about one in a
// hundred passes. Two bytes a query.
type sieve []uint64

const (
	// sieveFrom is how many events there must be for each query: where queries are
	// many, nearly every key is asked.
	sieveFrom = 20
	// sieveMost is how many queries a sieve is made for: beyond, it would leave the
	// cache, and cost more than it spares.
	sieveMost = 1 << 20
)

// sieveOf is the sieve for the events of a view; nil: all pass. What is left to
// another run has events of all keys.
func (r *run) sieveOf(view int) (sieve, error) {
	n := r.spine.stays.count()
	if r.seamed(view) || n > sieveMost || int64(n)*sieveFrom > r.Events {
		return nil, nil
	}
	s := make(sieve, 1<<bits.Len(uint(n/4)))
	for _, l := range r.Plan.Lookups {
		if l.View != view {
			continue
		}
		var buffer []byte
		for b := range r.spine.blocks {
			block := &r.spine.blocks[b]
			if block.rows == 0 {
				continue
			}
			p, err := r.whole(&buffer, &block.when, &block.keys[l.Key])
			if err != nil {
				return nil, err
			}
			for i, key := range p[1].Keys {
				if r.spine.stays.Has(block.first+i) && !unasked(&p[0], i, l.Key) {
					word, mask := s.place(key)
					*word |= mask
				}
			}
		}
	}
	return s, nil
}

// place is the word of a key, and its bits there. The word's number is of other bits
// than those that choose the partition.
func (s sieve) place(key event.Hash) (word *uint64, mask uint64) {
	return &s[key.Lo&uint64(len(s)-1)], 1<<(key.Hi&63) | 1<<(key.Hi>>6&63) | 1<<(key.Hi>>12&63)
}

// passes reports whether somebody may ask for the key.
func (s sieve) passes(key event.Hash) bool {
	if s == nil {
		return true
	}
	word, mask := s.place(key)
	return *word&mask == mask
}
