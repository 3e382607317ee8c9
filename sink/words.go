package sink

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// wordBytes is how large a dictionary may be. A column of a group that needs a larger
// one is written plain: a reader has all of it in memory for any of its rows.
const wordBytes = 1 << 20

// words is the texts of a column of a group by dictionary: each that occurs once, in
// the order in which they first do, and of every row that is there which it is.
type words struct {
	rows  int
	at    int      // of the first row, in the bits that say which are there
	codes []uint32 // of the rows that are there
	texts [][]byte // by code: windows on the column
	bytes int      // of the dictionary's page
	next  int      // code that goes to the next page

	// slots finds a text by its hash, whose upper half stands over its code plus one.
	// No byte of a file depends on a hash: the seed is another in every process, so
	// that nobody can choose texts that collide.
	slots []uint64
	seed  maphash.Seed
}

// slotsLeast is how many slots there are at first: a power of two, as ever.
const slotsLeast = 1 << 12

// take looks up the texts of arr, of which valid says which are there, and reports
// whether the dictionary was not too large. It begins anew and keeps its memory.
func (w *words) take(arr arrow.Array, valid []byte) bool {
	if w.slots == nil {
		w.slots, w.seed = make([]uint64, slotsLeast), maphash.MakeSeed()
	}
	clear(w.slots)
	w.rows, w.at, w.codes, w.texts, w.bytes, w.next = arr.Len(), arr.Data().Offset(), w.codes[:0], w.texts[:0], 0, 0
	all := textsOf(arr)
	for i := range w.rows {
		if valid != nil && !bitutil.BitIsSet(valid, w.at+i) {
			continue
		}
		w.codes = append(w.codes, w.code(all.row(i)))
		if w.bytes > wordBytes {
			return false
		}
	}
	return true
}

// code is that of a text, which is new or not.
func (w *words) code(text []byte) uint32 {
	h := maphash.Bytes(w.seed, text)
	mask := len(w.slots) - 1
	at := int(h) & mask
	for ; w.slots[at] != 0; at = (at + 1) & mask {
		if s := w.slots[at]; s>>32 == h>>32 && bytes.Equal(w.texts[uint32(s)-1], text) {
			return uint32(s) - 1
		}
	}
	w.texts = append(w.texts, text)
	w.slots[at] = h>>32<<32 | uint64(len(w.texts))
	w.bytes += 4 + len(text)
	if 2*len(w.texts) > len(w.slots) {
		w.grow()
	}
	return uint32(len(w.texts) - 1)
}

// grow keeps the slots at most half full, so that a search ends soon and always.
func (w *words) grow() {
	w.slots = make([]uint64, 2*len(w.slots))
	mask := len(w.slots) - 1
	for code, text := range w.texts {
		h := maphash.Bytes(w.seed, text)
		at := int(h) & mask
		for w.slots[at] != 0 {
			at = (at + 1) & mask
		}
		w.slots[at] = h>>32<<32 | uint64(code+1)
	}
}

// dictionary appends the texts as the dictionary's page has them.
func (w *words) dictionary(page []byte) []byte {
	for _, v := range w.texts {
		page = append(binary.LittleEndian.AppendUint32(page, uint32(len(v))), v...)
	}
	return page
}

// end has pages end with the rows with which those of numbers do.
func (w *words) end(lo int) int { return min(lo+pageBytes/8, w.rows) }

// append goes on where the page before ended.
func (w *words) append(page []byte, lo, hi int, valid []byte) []byte {
	n := hi - lo
	if valid != nil {
		n = bitutil.CountSetBits(valid, w.at+lo, n)
	}
	codes := w.codes[w.next : w.next+n]
	w.next += n
	width := max(1, bits.Len(uint(max(len(w.texts), 1)-1)))
	return hybrid(append(page, byte(width)), codes, width)
}

func (w *words) statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error) {
	var t texts
	for _, v := range w.texts {
		t.meet(v)
	}
	return t.statistics(leaf, nulls)
}

// runLeast is how many equal values are written as a run: fewer take no more room
// bit by bit, of which there are eight values at a time.
const runLeast = 16

// hybrid appends values as runs of equal ones, and others packed to so many bits.
func hybrid(page []byte, values []uint32, width int) []byte {
	from := 0 // of those that are not written yet
	for i := 0; i < len(values); {
		n := 1
		for i+n < len(values) && values[i+n] == values[i] {
			n++
		}
		if n < runLeast {
			i = min(i+8, len(values))
			continue
		}
		page = packed(page, values[from:i], width)
		page = binary.AppendUvarint(page, uint64(n)<<1)
		for b := 0; b < width; b += 8 {
			page = append(page, byte(values[i]>>b))
		}
		i += n
		from = i
	}
	return packed(page, values[from:], width)
}

// packed appends values bit by bit, and zeros until their number divides by eight.
func packed(page []byte, values []uint32, width int) []byte {
	if len(values) == 0 {
		return page
	}
	groups := (len(values) + 7) / 8
	page = binary.AppendUvarint(page, uint64(groups)<<1|1)
	end := len(page) + groups*width
	word, n := uint64(0), 0
	for _, v := range values {
		word |= uint64(v) << n
		if n += width; n >= 32 {
			page = binary.LittleEndian.AppendUint32(page, uint32(word))
			word, n = word>>32, n-32
		}
	}
	for len(page) < end {
		page = append(page, byte(word))
		word >>= 8
	}
	return page
}
