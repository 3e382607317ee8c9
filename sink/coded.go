package sink

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// coded is the rows of a column of a group by their places in a dictionary.
type coded struct {
	rows  int
	at    int      // of the first row, in the bits that say which are there
	count int      // entries of the dictionary
	codes []uint32 // of the rows that are there
	next  int      // code that goes to the next page
}

// end has pages end with the rows with which those of numbers do.
func (c *coded) end(lo int) int { return min(lo+pageBytes/8, c.rows) }

// append goes on where the page before ended.
func (c *coded) append(page []byte, lo, hi int, valid []byte) []byte {
	n := hi - lo
	if valid != nil {
		n = bitutil.CountSetBits(valid, c.at+lo, n)
	}
	codes := c.codes[c.next : c.next+n]
	c.next += n
	width := max(1, bits.Len(uint(max(c.count, 1)-1)))
	return hybrid(append(page, byte(width)), codes, width)
}

// entries is how many the dictionary has.
func (c *coded) entries() int { return c.count }

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
