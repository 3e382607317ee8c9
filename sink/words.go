package sink

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

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
	coded
	texts [][]byte // by code: windows on the column
	bytes int      // of the dictionary's page

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
	w.coded = coded{rows: arr.Len(), at: arr.Data().Offset(), codes: w.codes[:0]}
	w.texts, w.bytes = w.texts[:0], 0
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
	w.count = len(w.texts)
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

func (w *words) statistics(leaf *schema.Column, nulls int64) (metadata.EncodedStatistics, error) {
	var t texts
	for _, v := range w.texts {
		t.meet(v)
	}
	return t.statistics(leaf, nulls)
}
