package sources

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/parquet-go/bitpack"
)

// The encodings of Parquet that pack bits: runs of equal values mixed with packed
// groups of eight ("hybrid"), and differences ("delta"). They are read here and
// not by a library, as those at hand take what a damaged page claims for granted,
// to the end of all memory, and read runs of equal truths wrong.

var errShort = errors.New("it is damaged: a page has fewer values than it states")

// hybridRun is one run: count values, all equal to value, or packed in the bytes.
type hybridRun struct {
	count  int
	value  uint32
	packed []byte // nil: all are equal
}

// nextRun reads a run of values of so many bits, of which n are wanted.
func nextRun(src []byte, width, n int) (run hybridRun, rest []byte, err error) {
	head, size := binary.Uvarint(src)
	if size <= 0 {
		return run, nil, errShort
	}
	src = src[size:]
	count := head >> 1
	run.count = int(min(count, uint64(n)))
	if head&1 == 0 {
		bytes := (width + 7) / 8
		if len(src) < bytes {
			return run, nil, errShort
		}
		for i, b := range src[:bytes] {
			run.value |= uint32(b) << (8 * i)
		}
		return run, src[bytes:], nil
	}
	run.count = int(min(count, uint64(n)) * 8)
	run.count = min(run.count, n)
	need := (run.count*width + 7) / 8
	if need > len(src) {
		return run, nil, errShort
	}
	// The last group may be cut off after the values that count.
	whole := min(count, uint64(len(src))) * uint64(width)
	run.packed = src[:need]
	return run, src[min(whole, uint64(len(src))):], nil
}

// hybridBits reads n bits, a byte each, in place of what dst held.
func hybridBits(dst, src []byte, n int) ([]byte, error) {
	dst = dst[:0]
	for len(dst) < n {
		run, rest, err := nextRun(src, 1, n-len(dst))
		if err != nil {
			return dst, err
		}
		if src = rest; run.packed != nil {
			dst = unpackBits(dst, run.packed, run.count)
			continue
		}
		for range run.count {
			dst = append(dst, byte(run.value))
		}
	}
	return dst, nil
}

// hybridLevels reads n levels, in place of what dst held: 1 where one is most, the
// level of a value, and 0 where it stands for a null.
func hybridLevels(dst, src []byte, most, n int) ([]byte, error) {
	if most == 1 {
		return hybridBits(dst, src, n)
	}
	c, err := newHybridCodes(src, bits.Len(uint(most)), n)
	if err != nil {
		return dst, err
	}
	var some [512]uint32
	for dst = dst[:0]; len(dst) < n; {
		part := some[:min(n-len(dst), len(some))]
		if err := c.read(part); err != nil {
			return dst, err
		}
		for _, level := range part {
			is := byte(0)
			if level == uint32(most) {
				is = 1
			}
			dst = append(dst, is)
		}
	}
	return dst, nil
}

// unpackBits appends n bits, a byte each.
func unpackBits(dst, src []byte, n int) []byte {
	for i := range n {
		dst = append(dst, src[i>>3]>>(i&7)&1)
	}
	return dst
}

// hybridCodes are the numbers of one page, which are unpacked a batch at a time: a
// few bytes may stand for millions of them (R4).
type hybridCodes struct {
	src   []byte
	width int
	left  int // numbers of the page that are not in run
	run   hybridRun
	spare [8]uint32 // of a packed group, those that the next batch begins with
	spent int       // of spare; 8: none is left
}

// newHybridCodes begins a page of n numbers of so many bits.
func newHybridCodes(src []byte, width, n int) (c hybridCodes, err error) {
	if width > 32 {
		return c, errors.New("it is damaged: a page has codes of more than 32 bits")
	}
	return hybridCodes{src: src, width: width, left: n, spent: len(c.spare)}, nil
}

// read fills dst with the next numbers, of which there must be as many.
func (c *hybridCodes) read(dst []uint32) error {
	if c.width == 0 {
		clear(dst)
		return nil
	}
	n := copy(dst, c.spare[c.spent:])
	c.spent += n
	for dst = dst[n:]; len(dst) > 0; dst = dst[n:] {
		if c.run.count == 0 {
			var err error
			if c.run, c.src, err = nextRun(c.src, c.width, c.left); err != nil {
				return err
			}
			c.left -= c.run.count
		}
		if n = min(len(dst), c.run.count); c.run.packed == nil {
			for i := range dst[:n] {
				dst[i] = c.run.value
			}
			c.run.count -= n
			continue
		}
		n = c.unpack(dst[:n])
	}
	return nil
}

// unpack fills dst from a packed run, and returns how many it took. Groups of
// eight begin on whole bytes: one that dst cuts is unpacked into spare.
func (c *hybridCodes) unpack(dst []uint32) int {
	n := len(dst)
	if n < c.run.count {
		n &^= 7
	}
	if n == 0 {
		whole := min(len(c.spare), c.run.count)
		c.take(c.spare[len(c.spare)-whole:])
		c.spent = len(c.spare) - whole
		n = copy(dst, c.spare[c.spent:])
		c.spent += n
		return n
	}
	c.take(dst[:n])
	return n
}

// take unpacks whole groups, or the last of a run.
func (c *hybridCodes) take(dst []uint32) {
	size := (len(dst)*c.width + 7) / 8
	unpackCodes(dst, c.run.packed[:size], c.width)
	c.run.packed = c.run.packed[size:]
	c.run.count -= len(dst)
}

// unpackCodes unpacks whole words at a time, for which the bytes of a page are
// followed by free ones; those at the end of a buffer are copied.
func unpackCodes(out []uint32, packed []byte, width int) {
	if cap(packed) < len(packed)+bitpack.PaddingInt32 {
		packed = append(make([]byte, 0, len(packed)+bitpack.PaddingInt32), packed...)
	}
	bitpack.Unpack(out, packed[:len(packed)+bitpack.PaddingInt32], uint(width))
}

// deltas reads n numbers that are stored as differences, in place of what dst
// held, and returns what follows them.
func deltas(dst []int64, src []byte, n int) (out []int64, rest []byte, err error) {
	var head [3]uint64 // values of a block, parts of a block, values in all
	for i := range head {
		if head[i], src, err = uvarint(src); err != nil {
			return dst, nil, err
		}
	}
	first, src, err := varint(src)
	block, parts, total := head[0], head[1], head[2]
	switch {
	case err != nil:
		return dst, nil, err
	case block == 0 || block > 1<<20 || block%128 != 0 || parts == 0 || parts > block || block%parts != 0 || block/parts%32 != 0:
		return dst, nil, errors.New("it is damaged: a page has blocks of an impossible size")
	case total != uint64(n):
		return dst, nil, errShort
	}
	dst = dst[:0]
	if n == 0 {
		return dst, src, nil
	}
	if cap(dst) < n {
		dst = make([]int64, 0, n)
	}
	dst = append(dst, first)
	for len(dst) < n {
		if dst, src, err = deltaBlock(dst, src, deltaShape{int(parts), int(block / parts), n}); err != nil {
			return dst, nil, err
		}
	}
	return dst, src, nil
}

// deltaShape is how a page's differences are cut: parts a block, values a part,
// and n values in all.
type deltaShape struct{ parts, size, n int }

// deltaBlock appends the values of one block, until there are n.
func deltaBlock(dst []int64, src []byte, shape deltaShape) ([]int64, []byte, error) {
	least, src, err := varint(src)
	if err != nil || len(src) < shape.parts {
		return dst, nil, errShort
	}
	widths, src := src[:shape.parts], src[shape.parts:]
	for _, width := range widths {
		count := min(shape.size, shape.n-len(dst))
		if count == 0 {
			break
		}
		w := int(width)
		if w > 64 || (count*w+7)/8 > len(src) {
			return dst, nil, errShort
		}
		last := dst[len(dst)-1]
		for i := range count {
			last += least + int64(bitsAt(src, i*w, w))
			dst = append(dst, last)
		}
		src = src[min(shape.size*w/8, len(src)):]
	}
	return dst, src, nil
}

// bitsAt returns w bits from a bit on.
func bitsAt(src []byte, bit, w int) uint64 {
	if w == 0 {
		return 0
	}
	at, shift := bit>>3, bit&7
	var word [9]byte
	copy(word[:], src[at:])
	v := binary.LittleEndian.Uint64(word[:]) >> shift
	if w+shift > 64 {
		v |= uint64(word[8]) << (64 - shift)
	}
	return v & (^uint64(0) >> (64 - w))
}

func uvarint(src []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, errShort
	}
	return v, src[n:], nil
}

func varint(src []byte) (int64, []byte, error) {
	v, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, errShort
	}
	return v, src[n:], nil
}
