package aggregate

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"

	"github.com/timeseam/timeseam/features/event"
)

// Snapshot appends the run in canonical form: its events in content order and the
// bases of what was forgotten. Runs of equal events have equal snapshots,
// however they were fed (A1). The bytes are laid out in docs/formats.md.
// Nothing derived is written: folds and tracks are rebuilt from the events
// (A3), so that their form may change without a new version of the format.
// Dictionary codes are not written either, as they depend on the order of
// arrival. Bases stand in the order of the layout's folds, which the digest in
// the state's head guards (I3).
func (r *Run) Snapshot(b []byte) []byte {
	r.settle()
	b = binary.AppendUvarint(b, uint64(len(r.times)))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.forgotten))
	for _, t := range r.times {
		b = binary.LittleEndian.AppendUint64(b, uint64(t))
	}
	for c := range r.columns {
		b = appendColumn(b, &r.columns[c])
	}
	for t := range r.tracks {
		b = binary.AppendUvarint(b, uint64(r.tracks[t].dropped))
	}
	for f, spec := range r.layout.folds {
		if r.tracks[spec.track].dropped == 0 {
			continue
		}
		switch f := r.folds[f].(type) {
		case *sums:
			b = f.base.append(b)
		case *moments:
			b = f.base.append(b)
		}
	}
	return b
}

// errSnapshot is what Restore says of bytes that no Snapshot wrote.
var errSnapshot = errors.New("snapshot of a run is damaged")

// Restore makes the run what Snapshot wrote and returns the bytes after it. Text
// is coded in symbols. Bytes are foreign: every number is held against what is
// left of b before anything is allocated for it, and times must not fall. After
// an error the run is empty.
func (r *Run) Restore(b []byte, symbols *event.Symbols) ([]byte, error) {
	r.Reset(symbols)
	d := decoder{b: b}
	n := d.count(8)
	r.forgotten = event.Time(d.word())
	for range n {
		r.times = append(r.times, event.Time(d.word()))
	}
	for c := range r.columns {
		d.column(&r.columns[c], n, symbols)
	}
	for t := range r.tracks {
		r.tracks[t].dropped = int64(d.uvarint())
	}
	for f, spec := range r.layout.folds {
		if r.tracks[spec.track].dropped == 0 {
			continue
		}
		switch f := r.folds[f].(type) {
		case *sums:
			d.base(&f.base)
		case *moments:
			d.base(&f.base)
		}
	}
	for i := 1; i < len(r.times); i++ {
		r.tied = r.tied || r.times[i] == r.times[i-1]
		d.bad = d.bad || r.times[i] < r.times[i-1]
	}
	if d.bad {
		r.Reset(symbols)
		return nil, errSnapshot
	}
	r.resettle()
	return d.b, nil
}

// appendColumn appends one byte a row, 1 for null, and the values of the
// others. Texts carry their length, numbers are 8 bytes or, decimals, 16,
// lowest byte first. A null's byte stands alone, so that what a vector holds
// behind a null cannot be told.
func appendColumn(b []byte, c *event.Column) []byte {
	for i := range c.Len() {
		if c.IsNull(i) {
			b = append(b, 1)
			continue
		}
		b = append(b, 0)
		switch c.Type.Kind {
		case event.Double:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Floats[i]))
		case event.Decimal:
			b = binary.LittleEndian.AppendUint64(b, c.Decimals[i].Lo)
			b = binary.LittleEndian.AppendUint64(b, uint64(c.Decimals[i].Hi))
		case event.String, event.Bytes:
			b = binary.AppendUvarint(b, uint64(len(c.Text(i))))
			b = append(b, c.Text(i)...)
		default:
			b = binary.LittleEndian.AppendUint64(b, uint64(c.Ints[i]))
		}
	}
	return b
}

// The base's words are exact, and so are equal for equal events (A4). Squares
// are not negative and need no sign.
func (s *base) append(b []byte) []byte {
	for _, n := range []int64{s.nan, s.posInf, s.negInf} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, w := range s.sum {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	var squares []byte
	if s.squares != nil {
		squares = s.squares.Bytes()
	}
	b = binary.AppendUvarint(b, uint64(len(squares)))
	return append(b, squares...)
}

// decoder reads what Snapshot wrote; after the first fault it reads zeros. So
// the reading code needs one check, at its end, and cannot forget one in
// between; loops are bounded as counts of the damaged are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads a number of things of at least size bytes each. A count that the
// rest of the bytes could not hold is a fault here, before any memory is asked
// for.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/size) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

// bytes returns the next n bytes without copying them; nil after a fault.
func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// word reads 8 bytes, lowest first; zero after a fault.
func (d *decoder) word() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// column reads n rows. Texts get codes of the symbols of this process.
func (d *decoder) column(c *event.Column, n int, symbols *event.Symbols) {
	for range n {
		if null := d.bytes(1); null == nil || null[0] != 0 {
			c.AppendNull()
			continue
		}
		switch c.Type.Kind {
		case event.Double:
			c.AppendFloat(math.Float64frombits(d.word()))
		case event.Decimal:
			lo := d.word()
			c.AppendDecimal(event.Int128{Hi: int64(d.word()), Lo: lo})
		case event.String, event.Bytes:
			text := d.bytes(d.count(1))
			c.AppendCode(symbols.Intern(text, event.HashBytes(text)))
		default:
			c.AppendInt(int64(d.word()))
		}
	}
}

// base reads what base.append wrote.
func (d *decoder) base(s *base) {
	s.nan, s.posInf, s.negInf = int64(d.uvarint()), int64(d.uvarint()), int64(d.uvarint())
	for k := range s.sum {
		s.sum[k] = d.word()
	}
	s.squares = nil
	if b := d.bytes(d.count(1)); len(b) > 0 {
		s.squares = new(big.Int).SetBytes(b)
	}
}
