package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"regexp"
	"strconv"

	"github.com/timeseam/timeseam/features/event"
)

// magic begins every file; docs/formats.md has what follows.
const magic = "TSPOSIT1"

// What a frame holds.
const (
	vectorFrame  = 'V'
	entriesFrame = 'E'
)

// frameBytes is how long a frame's payload may be: what states more is damaged.
const frameBytes = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is that a file does not hold what was written.
var ErrDamaged = errors.New("it is damaged")

// fileName is what a file is called: the epoch and the instant of its vector, so that
// names are in the order of both.
func fileName(epoch uint64, at event.Time) string {
	return fmt.Sprintf("%s%020d-%016d.log", namePrefix, epoch, int64(at))
}

const namePrefix = "positions-"

var named = regexp.MustCompile(`^positions-(\d{20})-(\d{16})\.log$`)

// parseName reads the name of a file; false: it is none of ours.
func parseName(name string) (epoch uint64, at event.Time, ok bool) {
	m := named.FindStringSubmatch(name)
	if m == nil {
		return 0, 0, false
	}
	epoch, err := strconv.ParseUint(m[1], 10, 64)
	us, err2 := strconv.ParseInt(m[2], 10, 64)
	return epoch, event.Time(us), err == nil && err2 == nil
}

// stream is one partition of a source.
type stream struct {
	source    string
	partition int32
}

// appendFrame appends a frame of a payload.
func appendFrame(to, payload []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(payload)))
	to = binary.LittleEndian.AppendUint32(to, crc32.Checksum(payload, castagnoli))
	return append(to, payload...)
}

// cutFrame takes the next frame; nil: what is left is torn, or none.
func cutFrame(from []byte) (payload, rest []byte) {
	if len(from) < 8 {
		return nil, from
	}
	n, sum := binary.LittleEndian.Uint32(from), binary.LittleEndian.Uint32(from[4:])
	if n == 0 || n > frameBytes || int(n) > len(from)-8 || crc32.Checksum(from[8:8+n], castagnoli) != sum {
		return nil, from
	}
	return from[8 : 8+n], from[8+n:]
}

// vector is where all partitions stand at an epoch, as a file begins.
type vector struct {
	epoch    uint64
	at       event.Time
	reserved uint64 // the first epoch that the run may not use
	gap      bool   // what lies between the last entry before and this is not known
	streams  []stream
	next     []int64
}

func (v *vector) encode() []byte {
	b := binary.AppendUvarint([]byte{vectorFrame}, v.epoch)
	b = binary.AppendVarint(b, int64(v.at))
	b = binary.AppendUvarint(b, v.reserved)
	if v.gap {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(v.streams)))
	for i, s := range v.streams {
		b = appendStream(b, s)
		b = binary.AppendVarint(b, v.next[i])
	}
	return b
}

func appendStream(b []byte, s stream) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.source)))
	b = append(b, s.source...)
	return binary.AppendUvarint(b, uint64(s.partition))
}

// reading takes numbers off the front of a payload, and notes when there are none.
type reading struct {
	b   []byte
	bad bool
}

func (r *reading) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reading) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reading) stream() (s stream) {
	n := r.unsigned()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return s
	}
	s.source, r.b = string(r.b[:n]), r.b[n:]
	p := r.unsigned()
	r.bad = r.bad || p > math.MaxInt32
	s.partition = int32(p)
	return s
}

// decodeVector reads the payload of a vector.
func decodeVector(payload []byte) (*vector, bool) {
	if len(payload) == 0 || payload[0] != vectorFrame {
		return nil, false
	}
	r := &reading{b: payload[1:]}
	v := &vector{epoch: r.unsigned(), at: event.Time(r.signed()), reserved: r.unsigned(), gap: r.unsigned() != 0}
	for n := r.unsigned(); n > 0 && !r.bad; n-- {
		v.streams = append(v.streams, r.stream())
		v.next = append(v.next, r.signed())
	}
	return v, !r.bad && len(r.b) == 0
}

// moved is an entry: at an epoch, the position of one of the streams.
type moved struct {
	epoch  uint64
	at     event.Time
	stream int32
	next   int64
}

// contents are a file's.
type contents struct {
	vector
	entries []moved // in order; streams that they add stand behind the vector's, which counts its own
	streams []stream
	whole   int // bytes of the file up to what is torn
}

// decodeFile reads a file up to what is torn; the error is that it does not even begin.
func decodeFile(data []byte) (*contents, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as a position log does", ErrDamaged)
	}
	payload, rest := cutFrame(data[len(magic):])
	v, ok := decodeVector(payload)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with positions", ErrDamaged)
	}
	c := &contents{vector: *v, streams: append([]stream(nil), v.streams...)}
	next := append([]int64(nil), v.next...)
	last := moved{epoch: v.epoch, at: v.at}
	for {
		c.whole = len(data) - len(rest)
		payload, rest = cutFrame(rest)
		if payload == nil {
			return c, nil
		}
		before := len(c.entries)
		if last, next, ok = c.decodeEntries(payload, last, next); !ok {
			c.entries = c.entries[:before]
			return c, nil // The sum is right and the content is not: nothing behind it can be trusted.
		}
	}
}

// decodeEntries reads a payload of entries that follow the last.
func (c *contents) decodeEntries(payload []byte, last moved, next []int64) (moved, []int64, bool) {
	if payload[0] != entriesFrame {
		return last, next, false
	}
	r := &reading{b: payload[1:]}
	for len(r.b) > 0 {
		last.epoch += r.unsigned()
		last.at = last.at.Later(int64(r.unsigned() & math.MaxInt64))
		id := r.unsigned()
		if id > uint64(len(c.streams)) {
			return last, next, false
		}
		if id == uint64(len(c.streams)) {
			c.streams, next = append(c.streams, r.stream()), append(next, 0)
		}
		next[id] += r.signed()
		if r.bad {
			return last, next, false
		}
		last.stream, last.next = int32(id), next[id]
		c.entries = append(c.entries, last)
	}
	return last, next, true
}
