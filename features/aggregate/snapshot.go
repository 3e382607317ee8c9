package aggregate

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"slices"

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
		if r.tracks[spec.track].dropped > 0 {
			b = appendBase(b, r.folds[f])
		}
	}
	return b
}

// SnapshotLater appends what Snapshot would have appended of the run in b, had Forget
// been told a later instant: of rows that were settled before, nothing else can differ.
func SnapshotLater(b, of []byte, at event.Time) ([]byte, error) {
	_, n := binary.Uvarint(of)
	if n <= 0 || len(of) < n+8 {
		return b, errSnapshot
	}
	b = append(b, of[:n]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	return append(b, of[n+8:]...), nil
}

// Stale reports whether of the run that Snapshot has appended to b, Forget would take at
// least half of the rows out of the windows of a length, which it has not yet been told to.
// It reads three numbers.
func (l *Layout) Stale(b []byte, at event.Time) bool {
	n, size := binary.Uvarint(b)
	if n == 0 || size <= 0 || uint64(len(b)-size)/8 <= n {
		return false
	}
	b = b[size:]
	forgotten, middle := event.Time(binary.LittleEndian.Uint64(b)), event.Time(binary.LittleEndian.Uint64(b[8+(n-1)/2*8:]))
	return middle < l.Settled(at) && middle >= l.Settled(forgotten)
}

// appendBase appends what a fold holds of forgotten rows; of most folds nothing.
func appendBase(b []byte, f fold) []byte {
	switch f := f.(type) {
	case *sums:
		return f.base.append(b)
	case *moments:
		return f.base.append(b)
	case *pairs:
		b = f.y.base.append(f.x.base.append(b))
		return appendSigned(b, f.base)
	case *frequencies:
		return f.appendBase(b, nil)
	case *groups:
		return f.by.appendBase(b, func(b []byte, id int32) []byte {
			for _, inner := range f.list[id].folds {
				b = appendBase(b, inner)
			}
			return b
		})
	}
	return b
}

// appendBase appends the values of the base in their order, each with its number
// of rows and whatever else more appends of it. The numbers of values are not
// written, as they depend on the order of arrival.
func (f *frequencies) appendBase(b []byte, more func(b []byte, id int32) []byte) []byte {
	var ids []int32
	for id, n := range f.base {
		if n > 0 {
			ids = append(ids, int32(id))
		}
	}
	slices.SortFunc(ids, f.compare)
	b = binary.AppendUvarint(b, uint64(len(ids)))
	value := event.Make(f.c.Type)
	for _, id := range ids {
		truncate(&value, 0)
		f.put(&value, id)
		b = appendValueBytes(b, &value, 0)
		b = binary.AppendUvarint(b, uint64(f.base[id]))
		if more != nil {
			b = more(b, id)
		}
	}
	return b
}

// appendSigned appends an integer of any size: 1 for one below zero, else 0; its
// length, and its bytes.
func appendSigned(b []byte, x *big.Int) []byte {
	if x == nil {
		x = new(big.Int)
	}
	sign := byte(0)
	if x.Sign() < 0 {
		sign = 1
	}
	b = binary.AppendUvarint(append(b, sign), uint64(len(x.Bytes())))
	return append(b, x.Bytes()...)
}

// errSnapshot is what Restore says of bytes that no Snapshot wrote.
var errSnapshot = errors.New("snapshot of a run is damaged")

// Restore makes the run what Snapshot wrote and returns the bytes after it. Text
// is coded in symbols. Bytes are foreign: every number is held against what is
// left of b before anything is allocated for it, and times must not fall. After
// an error the run is empty.
func (r *Run) Restore(b []byte, symbols *event.Symbols) ([]byte, error) {
	r.Reset(symbols)
	r.alone = true
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
		if r.tracks[spec.track].dropped > 0 {
			d.foldBase(r.folds[f], symbols)
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
		b = appendValueBytes(append(b, 0), c, i)
	}
	return b
}

// appendValueBytes appends row i, which is not null.
func appendValueBytes(b []byte, c *event.Column, i int) []byte {
	switch c.Type.Kind {
	case event.Double:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Floats[i]))
	case event.Decimal:
		b = binary.LittleEndian.AppendUint64(b, c.Decimals[i].Lo)
		return binary.LittleEndian.AppendUint64(b, uint64(c.Decimals[i].Hi))
	case event.String, event.Bytes:
		b = binary.AppendUvarint(b, uint64(len(c.Text(i))))
		return append(b, c.Text(i)...)
	}
	return binary.LittleEndian.AppendUint64(b, uint64(c.Ints[i]))
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
		d.value(c, symbols)
	}
}

// value reads what appendValueBytes wrote.
func (d *decoder) value(c *event.Column, symbols *event.Symbols) {
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

// foldBase reads what appendBase wrote of a fold that is empty.
func (d *decoder) foldBase(f fold, symbols *event.Symbols) {
	switch f := f.(type) {
	case *sums:
		d.base(&f.base)
	case *moments:
		d.base(&f.base)
	case *pairs:
		d.base(&f.x.base)
		d.base(&f.y.base)
		f.base = d.signed()
	case *frequencies:
		d.frequencies(f, symbols, nil)
	case *groups:
		d.frequencies(&f.by, symbols, func(id int32) {
			g := f.group(id)
			g.track.dropped = f.by.base[id]
			for _, inner := range g.folds {
				d.foldBase(inner, symbols)
			}
		})
	}
}

// frequencies reads a base. Its values must ascend, as Snapshot writes them: else
// one that came twice could be numbered but once. A value's rows are at least
// one, and all together those that the track has dropped.
func (d *decoder) frequencies(f *frequencies, symbols *event.Symbols, more func(id int32)) {
	total := uint64(0)
	for k := range d.count(2) {
		value := event.Column{Type: f.c.Type, Dict: f.c.Dict}
		d.value(&value, symbols)
		n := d.uvarint()
		total += min(n, 1<<62)
		id := f.number(identity(&value, 0))
		if d.bad = d.bad || n == 0 || total >= 1<<62 || int(id) != k || k > 0 && f.compare(id-1, id) >= 0; d.bad {
			return
		}
		f.add(f.values[id], int64(n))
		if more != nil {
			more(id)
		}
	}
	d.bad = d.bad || total != uint64(f.t.dropped)
}

// signed reads what appendSigned wrote.
func (d *decoder) signed() *big.Int {
	sign := d.bytes(1)
	x := new(big.Int).SetBytes(d.bytes(d.count(1)))
	if sign != nil && sign[0] != 0 {
		x.Neg(x)
	}
	return x
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
