package kafka

import (
	"encoding/binary"
	"fmt"
)

// The places in a batch that are looked at before it is unpacked: they are where
// they are in every version of the format but the last, which is of version 2.
const (
	frameOffset = 0
	frameLength = 8
	frameHead   = 12 // what the length does not count
	frameMagic  = 16
	frameLeast  = 17
	batchDelta  = 23 // of the last offset
	batchCount  = 57
	batchLeast  = 61
)

// recordsMost is how many records a batch may state. The library takes memory for
// them before it looks whether they are there: about 170 MiB for so many.
const recordsMost = 1 << 20

// frames is the batches that an answer holds whole. Brokers cut the last one off
// where they have sent as much as was asked for.
type frames struct {
	whole []byte
	first int64 // the first offset of the first
	next  int64 // the offset behind the last
}

// framesOf finds the whole batches of an answer, in which offsets ascend.
func framesOf(in []byte) (f frames, err error) {
	n := 0
	for {
		length, from, next, err := frameOf(in[n:])
		if err != nil {
			return frames{}, err
		}
		if length == 0 {
			f.whole = in[:n:n]
			return f, nil
		}
		if n == 0 {
			f.first = from
		} else if next <= f.next {
			return frames{}, damaged(from, "the batches of an answer are out of order")
		}
		f.next = next
		n += length
	}
}

// frameOf is the length of the first batch and the offsets from <= o < next that it
// covers, or a length of 0 where it is not whole. Before version 2 a batch tells
// only its last offset, so that from is at most that.
func frameOf(in []byte) (length int, from, next int64, err error) {
	if len(in) < frameLeast {
		return 0, 0, 0, nil
	}
	from = int64(binary.BigEndian.Uint64(in[frameOffset:]))
	size := int64(int32(binary.BigEndian.Uint32(in[frameLength:]))) + frameHead
	if size < frameLeast || from < 0 {
		return 0, 0, 0, damaged(from, "it states a length or an offset that none has")
	}
	if size > int64(len(in)) {
		return 0, 0, 0, nil
	}
	next = from + 1
	if in[frameMagic] >= 2 {
		if size < batchLeast {
			return 0, 0, 0, damaged(from, "it is too short to be a batch")
		}
		delta := int32(binary.BigEndian.Uint32(in[batchDelta:]))
		if next += int64(delta); delta < 0 || next <= 0 {
			return 0, 0, 0, damaged(from, "it states a last offset before its first")
		}
		if n := int32(binary.BigEndian.Uint32(in[batchCount:])); n < 0 || n > recordsMost {
			return 0, 0, 0, damaged(from, fmt.Sprintf("it states %d records, and at most %d are taken at once", n, recordsMost))
		}
	}
	return int(size), from, next, nil
}

// damaged is a batch that cannot be read. The same bytes would come again, so it is
// not asked for again.
func damaged(at int64, why string) error {
	return &Fault{words: fmt.Sprintf("the batch at offset %d is damaged: %s", at, why)}
}
