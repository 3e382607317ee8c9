package sources

import (
	"encoding/binary"
	"errors"

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

// unpackBits appends n bits, a byte each.
func unpackBits(dst, src []byte, n int) []byte {
	for i := range n {
		dst = append(dst, src[i>>3]>>(i&7)&1)
	}
	return dst
}

// hybridCodes reads n numbers of so many bits in place of what dst held.
func hybridCodes(dst []uint32, src []byte, width, n int) ([]uint32, error) {
	if width > 32 {
		return dst, errors.New("it is damaged: a page has codes of more than 32 bits")
	}
	if cap(dst) < n {
		dst = make([]uint32, n)
	}
	dst = dst[:n]
	if width == 0 {
		clear(dst)
		return dst, nil
	}
	for at := 0; at < n; {
		run, rest, err := nextRun(src, width, n-at)
		if err != nil {
			return dst, err
		}
		out := dst[at : at+run.count]
		if run.packed != nil {
			unpackCodes(out, run.packed, width)
		} else {
			for i := range out {
				out[i] = run.value
			}
		}
		at += run.count
		src = rest
	}
	return dst, nil
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
