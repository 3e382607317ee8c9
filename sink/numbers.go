package sink

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

const (
	// repeatsLeast is how often numbers of a group occur on average where they have a
	// dictionary: then it and the places in it take less than half of the numbers.
	repeatsLeast = 4
	// trialRows is with how many numbers a dictionary is given up of which hardly one
	// occurred twice.
	trialRows = 4096
	// spanMost is how far apart integers may lie that are looked up by how far they
	// lie from the least: a table of so many places stands in a core's own cache.
	spanMost = 1 << 16
)

// numbers is the values of eight bytes of a column of a group by dictionary: each
// that occurs once, by its bits, in the order in which they first do. Counts, prices
// and days repeat, and packed to the bits that their places need they leave nothing
// to compress, which would take far longer.
type numbers struct {
	coded
	way    way
	values []uint64 // by code

	near  []uint32 // of integers close to each other: code and one, by distance from the least
	slots []uint32 // of all others: likewise, by hash
	// salt is another in every process, so that nobody can choose numbers that collide.
	// No byte of a file depends on a hash.
	salt    uint64
	scratch [step]uint64
}

// take looks up the numbers of arr, of which valid says which are there, and reports
// whether they repeat often enough. It begins anew and keeps its memory.
func (d *numbers) take(w way, arr arrow.Array, valid []byte) bool {
	all := vector[uint64](arr.Data())
	d.coded, d.way, d.values = coded{rows: len(all), at: arr.Data().Offset(), codes: d.codes[:0]}, w, d.values[:0]
	n := len(all)
	if valid != nil {
		n = bitutil.CountSetBits(valid, d.at, n)
	}
	if n == 0 {
		return false
	}
	least, close := uint64(0), false
	if w == plainLongs {
		least, close = d.closeBy(all)
	}
	if !close {
		d.begin()
	}
	for lo, tried := 0, false; lo < len(all); lo += step {
		rows := all[lo:min(lo+step, len(all))]
		if valid != nil {
			rows = present(&d.scratch, rows, valid, d.at+lo)
		}
		if close {
			d.codes = d.look(d.codes, rows, least)
		} else {
			d.codes = d.find(d.codes, rows)
		}
		if repeatsLeast*len(d.values) > n {
			return false
		}
		if !tried && len(d.codes) >= trialRows {
			if tried = true; 5*len(d.values) > 4*len(d.codes) {
				return false
			}
		}
	}
	d.count = len(d.values)
	return true
}

// closeBy is the least of all integers, and whether they lie so close together that
// it has a place for each. What stands where nothing is there may be anything; at
// worst they are looked up by hash.
func (d *numbers) closeBy(all []uint64) (least uint64, close bool) {
	if len(all) == 0 {
		return 0, false
	}
	low, high := int64(all[0]), int64(all[0])
	for lo := 0; lo < len(all); lo += step {
		for _, v := range all[lo:min(lo+step, len(all))] {
			low, high = min(low, int64(v)), max(high, int64(v))
		}
		if uint64(high)-uint64(low) >= spanMost {
			return 0, false
		}
	}
	if d.near == nil {
		d.near = make([]uint32, spanMost)
	}
	clear(d.near[:uint64(high)-uint64(low)+1])
	return uint64(low), true
}

// look appends the codes of integers that have places of their own.
func (d *numbers) look(codes []uint32, rows []uint64, least uint64) []uint32 {
	for _, v := range rows {
		place := &d.near[v-least]
		if *place == 0 {
			d.values = append(d.values, v)
			*place = uint32(len(d.values))
		}
		codes = append(codes, *place-1)
	}
	return codes
}

// begin empties the slots. There are as many as a group before needed: which of them
// a number has is seen nowhere.
func (d *numbers) begin() {
	if d.slots == nil {
		d.slots, d.salt = make([]uint32, slotsLeast), rand.Uint64()|1
	}
	clear(d.slots)
}

// slot is where a number is looked for first.
func (d *numbers) slot(v uint64) uint64 {
	h := v * d.salt
	return (h ^ h>>32) * d.salt >> (64 - bits.Len(uint(len(d.slots)-1)))
}

// find appends the codes of numbers.
func (d *numbers) find(codes []uint32, rows []uint64) []uint32 {
	for _, v := range rows {
		mask := uint64(len(d.slots) - 1)
		at := d.slot(v)
		for d.slots[at] != 0 && d.values[d.slots[at]-1] != v {
			at = (at + 1) & mask
		}
		if d.slots[at] == 0 {
			d.values = append(d.values, v)
			d.slots[at] = uint32(len(d.values))
			codes = append(codes, uint32(len(d.values)-1))
			if 2*len(d.values) > len(d.slots) {
				d.grow()
			}
			continue
		}
		codes = append(codes, d.slots[at]-1)
	}
	return codes
}

// grow keeps the slots at most half full, so that a search ends soon and always.
func (d *numbers) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for code, v := range d.values {
		at := d.slot(v)
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = uint32(code + 1)
	}
}

// dictionary appends the numbers as the dictionary's page has them.
func (d *numbers) dictionary(page []byte) []byte {
	for _, v := range d.values {
		page = binary.LittleEndian.AppendUint64(page, v)
	}
	return page
}

func (d *numbers) statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error) {
	if d.way == plainLongs {
		return fixedOf[int64](d.values).statistics(leaf, nulls)
	}
	return fixedOf[float64](d.values).statistics(leaf, nulls)
}

// fixedOf is numbers of which all are known, by their bits.
func fixedOf[T word](values []uint64) *fixed[T] {
	f := newFixed(unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(values))), len(values)))
	f.meet(f.values)
	return f
}

var _ dictionary = (*numbers)(nil)
var _ dictionary = (*words)(nil)
