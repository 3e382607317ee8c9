package sink

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// there is which rows of a leaf are there.
type there struct {
	valid  []byte   // a bit a row; nil: all are
	at     int      // of the first row's
	levels []uint32 // of every row of a field of a struct: how much of its path is there; nil: all of it
}

// of is the bits for rows lo to hi, nil where all of them are there, and how many
// are not.
func (t *there) of(lo, hi int) (valid []byte, nulls int) {
	if t.valid == nil {
		return nil, 0
	}
	if nulls = hi - lo - bitutil.CountSetBits(t.valid, t.at+lo, hi-lo); nulls == 0 {
		return nil, 0
	}
	return t.valid, nulls
}

// open is the values of a leaf of a column, and which are there.
func (p *press) open(l *flatLeaf, arr arrow.Array) (arrow.Array, *there) {
	if len(l.path) == 0 {
		t := &there{at: arr.Data().Offset()}
		if l.may[0] && arr.NullN() > 0 {
			t.valid = arr.NullBitmapBytes()
		}
		return arr, t
	}
	around := []arrow.Array{arr}
	for _, k := range l.path {
		arr = arr.(*array.Struct).Field(k)
		around = append(around, arr)
	}
	t := &there{at: arr.Data().Offset()}
	for i, a := range around {
		if l.may[i] && a.NullN() > 0 {
			p.fill(t, around, l.may)
			break
		}
	}
	return arr, t
}

// fill finds the levels of a field of a struct, around being it and the arrays of
// which it is a part, the column first, and the bits that follow from these.
func (p *press) fill(t *there, around []arrow.Array, may []bool) {
	n := around[0].Len()
	if cap(p.depths) < n {
		p.depths = make([]uint32, n)
	}
	t.levels = p.depths[:n]
	clear(t.levels)
	size := int(bitutil.BytesForBits(int64(t.at + n)))
	p.there = append(p.there[:0], make([]byte, size)...)
	t.valid = p.there
	full := uint32(0)
	for i, a := range around {
		if !may[i] {
			continue
		}
		bits, at := a.NullBitmapBytes(), a.Data().Offset()
		if a.NullN() == 0 {
			bits = nil
		}
		for row := range t.levels {
			if t.levels[row] == full && (bits == nil || bitutil.BitIsSet(bits, at+row)) {
				t.levels[row]++
			}
		}
		full++
	}
	for row, level := range t.levels {
		if level == full {
			bitutil.SetBit(t.valid, t.at+row)
		}
	}
}

// levels appends which of some rows are there, and of fields of structs how much of
// them: one run, of one level or of a bit a row, which is how Arrow has it, where
// there is but one level that is less than all. The compression finds shorter runs.
func (p *press) levels(page []byte, l *flatLeaf, t *there, rows [2]int) []byte {
	full := int(l.leaf.MaxDefinitionLevel())
	if full == 0 {
		return page
	}
	from, n := len(page), rows[1]-rows[0]
	page = append(page, 0, 0, 0, 0)
	valid, nulls := t.of(rows[0], rows[1])
	switch {
	case nulls == 0:
		page = append(binary.AppendUvarint(page, uint64(n)<<1), byte(full))
	case t.levels != nil:
		page = hybrid(page, t.levels[rows[0]:rows[1]], bits.Len(uint(full)))
	case nulls == n:
		page = append(binary.AppendUvarint(page, uint64(n)<<1), 0)
	default:
		size := int(bitutil.BytesForBits(int64(n)))
		page = binary.AppendUvarint(page, uint64(size)<<1|1)
		at := len(page)
		page = append(page, make([]byte, size)...)
		bitutil.CopyBitmap(valid, t.at+rows[0], n, page[at:], 0)
	}
	binary.LittleEndian.PutUint32(page[from:], uint32(len(page)-from-4))
	return page
}
