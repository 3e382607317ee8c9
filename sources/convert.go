package sources

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"github.com/parquet-go/bitpack/unsafecast"
	"github.com/timeseam/timeseam/features/event"
)

// Stored values become the vectors of a column here, a run of values at a time.
// Values that their type cannot hold become zero, and their positions in dst are
// appended to wrong (R1).

// intsOf converts the first values of a column of kind Bool, Int, Date or
// Timestamp.
func intsOf(v values, dst []int64, wrong []int32) []int32 {
	n := len(dst)
	switch v.leaf.form {
	case formBool:
		for i, x := range v.data[:n] {
			dst[i] = int64(x)
		}
	case formInt32:
		for i, x := range unsafecast.Slice[int32](v.data)[:n] {
			dst[i] = int64(x)
		}
	case formUint32:
		for i, x := range unsafecast.Slice[uint32](v.data)[:n] {
			dst[i] = int64(x)
		}
	case formInt64:
		copy(dst, unsafecast.Slice[int64](v.data)[:n])
	case formUint64:
		for i, x := range unsafecast.Slice[int64](v.data)[:n] {
			if dst[i] = x; x < 0 {
				dst[i], wrong = 0, append(wrong, int32(i))
			}
		}
	case formInstant:
		return instantsOf(v.leaf.unit, unsafecast.Slice[int64](v.data)[:n], dst, wrong)
	case formClock32:
		for i, x := range unsafecast.Slice[int32](v.data)[:n] {
			dst[i] = int64(x) * 1000
		}
	case formClock64:
		return instantsOf(v.leaf.unit, unsafecast.Slice[int64](v.data)[:n], dst, wrong)
	case formInt96:
		for i, x := range unsafecast.Slice[[3]uint32](v.data)[:n] {
			ok := false
			if dst[i], ok = julian(x); !ok {
				wrong = append(wrong, int32(i))
			}
		}
	}
	return wrong
}

func instantsOf(unit event.Unit, src, dst []int64, wrong []int32) []int32 {
	if unit == event.Microsecond {
		copy(dst, src)
		return wrong
	}
	for i, x := range src {
		t, ok := event.FloorTime(x, unit)
		if dst[i] = int64(t); !ok {
			wrong = append(wrong, int32(i))
		}
	}
	return wrong
}

const (
	julianDay1970     = 2440588
	microsecondsOfDay = 24 * 60 * 60 * 1_000_000
	julianDaysMost    = 100_000_000 // Days either side of 1970 whose microseconds surely fit 64 bits.
)

// julian turns an INT96, nanoseconds and a Julian day, into microseconds since 1970.
func julian(v [3]uint32) (int64, bool) {
	days := int64(int32(v[2])) - julianDay1970
	if days < -julianDaysMost || days > julianDaysMost {
		return 0, false
	}
	inDay, _ := event.FloorTime(int64(uint64(v[1])<<32|uint64(v[0])), event.Nanosecond)
	return days*microsecondsOfDay + int64(inDay), true
}

// floatsOf converts the first values of a column of kind Double.
func floatsOf(v values, dst []float64) {
	n := len(dst)
	switch v.leaf.form {
	case formDouble:
		if copy(dst, unsafecast.Slice[float64](v.data)[:n]); v.leaf.exact {
			return
		}
	case formFloat:
		for i, x := range unsafecast.Slice[float32](v.data)[:n] {
			dst[i] = float64(x)
		}
	case formHalf:
		for i := range dst {
			dst[i] = half(binary.LittleEndian.Uint16(v.data[2*i:]))
		}
	}
	for i, x := range dst {
		if x != x {
			dst[i] = event.CanonicalNaN
		}
	}
}

// half widens an IEEE 754 number of sixteen bits: a sign, five bits of exponent
// and ten of fraction.
func half(b uint16) float64 {
	exponent, fraction := int(b>>10&31), float64(b&1023)
	v := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		v = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		v = math.Inf(1)
	case exponent == 31:
		v = math.NaN()
	}
	if b>>15 == 1 {
		return -v
	}
	return v
}

// decimalsOf converts the first values of a column of kind Decimal to the
// scale of the table's column, which is at least the file's.
func decimalsOf(v values, to event.Type, dst []event.Int128, wrong []int32) []int32 {
	lift := to.Scale - v.leaf.typ.Scale
	for i := range dst {
		x, ok := v.decimal(i)
		if ok = ok && x.Fits(v.leaf.typ.Precision); !ok {
			dst[i], wrong = event.Int128{}, append(wrong, int32(i))
			continue
		}
		for range lift {
			x = ten(x)
		}
		dst[i] = x
	}
	return wrong
}

func (v *values) decimal(i int) (event.Int128, bool) {
	switch v.leaf.form {
	case formDecimal32:
		return event.Int128Of(int64(unsafecast.Slice[int32](v.data)[i])), true
	case formDecimal64:
		return event.Int128Of(unsafecast.Slice[int64](v.data)[i]), true
	}
	return bigEndian(v.text(i))
}

// ten returns 10x, which fits as the table's type has room for it.
func ten(x event.Int128) event.Int128 {
	two := x.Add(x)
	four := two.Add(two)
	return four.Add(four).Add(two)
}

// bigEndian reads a number in two's complement of any length; ok is false where
// it has more than 128 bits.
func bigEndian(b []byte) (v event.Int128, ok bool) {
	if len(b) == 0 {
		return v, false
	}
	sign := int8(b[0]) >> 7
	for len(b) > 16 {
		if int8(b[0]) != sign {
			return v, false
		}
		b = b[1:]
	}
	if len(b) == 16 && int8(b[0])>>7 != sign {
		return v, false
	}
	v = event.Int128{Hi: int64(sign), Lo: uint64(int64(sign))}
	for _, x := range b {
		v.Hi = v.Hi<<8 | int64(v.Lo>>56)
		v.Lo = v.Lo<<8 | uint64(x)
	}
	return v, true
}

// addTexts appends the first n values of a text column to d, one entry each.
func addTexts(v values, n int, d *event.Dict) {
	switch {
	case v.leaf.form == formUUID:
		for i := range n {
			d.Bytes = appendUUID(d.Bytes, v.text(i))
			d.Offsets = append(d.Offsets, uint32(len(d.Bytes)))
		}
	case v.offsets == nil:
		o, size := uint32(len(d.Bytes)), v.leaf.length
		d.Bytes = append(d.Bytes, v.data[:n*size]...)
		for range n {
			o += uint32(size)
			d.Offsets = append(d.Offsets, o)
		}
	case v.gap == 0:
		base := uint32(len(d.Bytes)) - v.offsets[0]
		d.Bytes = append(d.Bytes, v.data[v.offsets[0]:v.offsets[n]]...)
		for _, o := range v.offsets[1 : n+1] {
			d.Offsets = append(d.Offsets, base+o)
		}
	default:
		addApart(v, n, d)
	}
}

// shortText is the texts that are copied as one word of the machine's widest.
const shortText = 16

// addApart appends texts that have bytes between them. Most are a few bytes long: a
// copy of a fixed length costs less than to ask how many, and what it copies too much
// the next text covers.
func addApart(v values, n int, d *event.Dict) {
	at, first := len(d.Bytes), len(d.Offsets)
	size := int(v.offsets[n]-v.offsets[0]) - int(v.gap)*n
	to := slices.Grow(d.Bytes, size+shortText)[:at+size+shortText]
	offsets := slices.Grow(d.Offsets, n)[:first+n]
	for i, end := range v.offsets[1 : n+1] {
		from, until := int(v.offsets[i]), int(end-v.gap)
		if until-from <= shortText && from+shortText <= len(v.data) {
			*(*[shortText]byte)(to[at:]) = *(*[shortText]byte)(v.data[from:])
		} else {
			copy(to[at:], v.data[from:until])
		}
		at += until - from
		offsets[first+i] = uint32(at)
	}
	d.Bytes, d.Offsets = to[:at], offsets
}

// appendUUID appends the text of RFC 9562, such as
// 01234567-89ab-cdef-0123-456789abcdef.
func appendUUID(dst, u []byte) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		start := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, u[start:end])
	}
	return dst
}
