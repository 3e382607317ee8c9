package expr

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/timeseam/timeseam/features/event"
	"github.com/zeebo/xxh3"
)

// Hashes of the language are part of the meaning of features: models are trained
// on buckets. The bytes that a value is hashed as are fixed here, apart from
// event.HashBytes, on which no value may depend.

// The marks with which the bytes of a value begin, by what it is.
const (
	markNull byte = iota
	markBool
	markNumber
	markDouble
	markString
	markBytes
	markDate
	markTimestamp
	markList
	markStruct
	markMap
)

// appendCanonical appends the bytes that stand for row i: a mark and the value in
// little-endian order, integers and decimals as the shortest unscaled number and
// its scale, texts and lists with their length in front. Values that are equal
// have equal bytes, and no value's bytes begin another's.
func appendCanonical(out []byte, c *event.Column, i int) []byte {
	if c.IsNull(i) {
		return append(out, markNull)
	}
	order := binary.LittleEndian
	switch c.Type.Kind {
	case event.Bool:
		return append(out, markBool, byte(c.Ints[i]))
	case event.Int:
		return appendNumber(out, event.Int128Of(c.Ints[i]), 0)
	case event.Decimal:
		return appendNumber(out, c.Decimals[i], c.Type.Scale)
	case event.Double:
		return order.AppendUint64(append(out, markDouble), math.Float64bits(c.Floats[i]+0))
	case event.String:
		return appendSized(append(out, markString), c.Text(i))
	case event.Bytes:
		return appendSized(append(out, markBytes), c.Text(i))
	case event.Date:
		return order.AppendUint64(append(out, markDate), uint64(c.Ints[i]))
	case event.Timestamp:
		return order.AppendUint64(append(out, markTimestamp), uint64(c.Ints[i]))
	case event.Struct:
		out = order.AppendUint64(append(out, markStruct), uint64(len(c.Fields)))
		for k := range c.Fields {
			out = appendCanonical(out, &c.Fields[k], i)
		}
		return out
	}
	mark := markList
	if c.Type.Kind == event.Map {
		mark = markMap
	}
	out = order.AppendUint64(append(out, mark), uint64(c.Offsets[i+1]-c.Offsets[i]))
	for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
		out = appendCanonical(out, c.Elem, int(k))
	}
	return out
}

func appendSized(out, s []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(out, uint64(len(s))), s...)
}

// appendNumber takes zeros at the end of the fraction off, so that 1.50 and 1.5
// are one number.
func appendNumber(out []byte, x event.Int128, scale int) []byte {
	for ten := event.Int128Of(10); scale > 0; scale-- {
		q, r := quotient(x, ten)
		if r != (event.Int128{}) {
			break
		}
		x = q
	}
	out = binary.LittleEndian.AppendUint64(append(out, markNumber), x.Lo)
	return append(binary.LittleEndian.AppendUint64(out, uint64(x.Hi)), byte(scale))
}

// hash64 is the hash of row i over all columns, through one buffer.
func hash64(buffer []byte, v []vec, i int) (uint64, []byte) {
	buffer = buffer[:0]
	for k := range v {
		buffer = appendCanonical(buffer, &v[k].Column, i&v[k].mask())
	}
	return xxh3.Hash(buffer), buffer
}

// hash compiles hash(...), which takes nulls for values: a key of several columns
// has a hash though one of them is null.
func (c *checker) hash(_ *Node, args []*code) *code {
	return lenient(event.Of(event.Int), func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		var h uint64
		var buffer []byte
		for i := range out {
			h, buffer = hash64(buffer, v, i)
			out[i] = int64(h)
		}
		return ofInts(event.Int, out, nulls{})
	}, args...)
}

// hashBucket compiles hash_bucket(x, n). The remainder is taken of the unsigned
// hash, which spreads evenly up to one part in 2^64/n.
func (c *checker) hashBucket(_ *Node, args []*code) *code {
	return counting(strict(event.Of(event.Int), func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		n, m := v[1].Ints, v[1].mask()
		var h uint64
		var buffer []byte
		for i := range out {
			switch {
			case u.is(i):
			case n[i&m] < 1:
				f.refuse(&u, event.OutOfType, i)
			default:
				h, buffer = hash64(buffer, v[:1], i)
				out[i] = int64(h % uint64(n[i&m]))
			}
		}
		return ofInts(event.Int, out, u)
	}, args...))
}

// digestText is a kernel from bytes to the digits of their digest.
func digestText(sum func(out, s []byte) []byte) kernel {
	return edit(func(out []byte, a rowArgs) []byte { return sum(out, a.text(0)) })
}

func md5Hex(out, s []byte) []byte {
	sum := md5.Sum(s)
	return hex.AppendEncode(out, sum[:])
}

func sha256Hex(out, s []byte) []byte {
	sum := sha256.Sum256(s)
	return hex.AppendEncode(out, sum[:])
}
