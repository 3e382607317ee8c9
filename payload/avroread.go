package payload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// avroReader reads the bytes of one message of Avro. After the first error all that
// it reads is zero, so that only who loops must look.
type avroReader struct {
	data  []byte
	at    int
	err   error
	deep  int     // records that are being passed over
	top   *Column // whose value is being read
	loose int     // elements without a byte of their own
	text  [uuidLength]byte
}

// What may be wrong with a message of Avro.
var (
	errAvroEnd   = errors.New("its Avro ends too early")
	errAvroInt   = errors.New("it has an integer outside its type")
	errAvroLong  = errors.New("it has a length that it is too short for")
	errAvroBool  = errors.New("it has a boolean that is neither 0 nor 1")
	errAvroIndex = errors.New("it has a branch or a symbol that its schema has not")
	errAvroDeep  = errors.New("its records are nested too deep")
	errText      = errors.New("it has a text that is not UTF-8")
	errInstant   = errors.New("it has an instant beyond those of 64 bits of microseconds")
	errDecimal   = errors.New("it has a decimal with more digits than its schema says")
)

// The most of a message that costs no bytes of it.
const (
	looseMost    = 1 << 16
	avroDeepMost = 1000
)

func (r *avroReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.data)
}

// long reads an integer: zigzag, seven bits a byte.
func (r *avroReader) long() int64 {
	if r.at < len(r.data) && r.data[r.at] < 0x80 {
		b := r.data[r.at]
		r.at++
		return int64(b>>1) ^ -int64(b&1)
	}
	u, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		if n < 0 {
			r.fail(errAvroInt)
		}
		r.fail(errAvroEnd)
		return 0
	}
	r.at += n
	return int64(u>>1) ^ -int64(u&1)
}

func (r *avroReader) int() int64 {
	v := r.long()
	if v != int64(int32(v)) {
		r.fail(errAvroInt)
	}
	return v
}

// take returns the next n bytes.
func (r *avroReader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.data)-r.at) {
		r.fail(errAvroLong)
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *avroReader) bytes() []byte { return r.take(r.long()) }

func (r *avroReader) string() []byte {
	b := r.bytes()
	if !utf8.Valid(b) {
		r.fail(errText)
	}
	return b
}

func (r *avroReader) bool() int64 {
	b := r.take(1)
	if len(b) == 0 {
		return 0
	}
	if b[0] > 1 {
		r.fail(errAvroBool)
	}
	return int64(b[0])
}

func (r *avroReader) float() float64 {
	if b := r.take(4); b != nil {
		return canonical(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return 0
}

func (r *avroReader) double() float64 {
	if b := r.take(8); b != nil {
		return canonical(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return 0
}

// canonical is v with NaN in its one form (E3).
func canonical(v float64) float64 {
	if v != v {
		return event.CanonicalNaN
	}
	return v
}

// index reads which of n branches or symbols comes.
func (r *avroReader) index(n int) int {
	v := r.int()
	if v < 0 || v >= int64(n) {
		r.fail(errAvroIndex)
		return 0
	}
	return int(v)
}

// each calls do for every element of an array or map. What takes no bytes, such as
// nulls, is bounded by number.
func (r *avroReader) each(do func()) {
	for r.err == nil {
		n := r.long()
		if n < 0 {
			n = -n
			r.long() // The length of the block, for those who pass over it.
		}
		if n <= 0 {
			if n < 0 {
				r.fail(errAvroLong)
			}
			return
		}
		for ; n > 0 && r.err == nil; n-- {
			from := r.at
			do()
			if r.at == from {
				if r.loose++; r.loose > looseMost {
					r.fail(errAvroLong)
				}
			}
		}
	}
}

// append appends a text to c.
func (r *avroReader) append(c *event.Column, text []byte) { appendTo(r.top, c, text) }

// appendTo appends a text to c, which may be the column of top.
func appendTo(top *Column, c *event.Column, text []byte) {
	if top != nil && c == &top.Values {
		top.intern(text)
		return
	}
	c.AppendText(text)
}

// avroRow reads one record into a row of columns.
type avroRow struct {
	columns []*Column
	steps   []avroColumnStep
	absent  []avroColumnStep // what the record has not
	r       avroReader
}

// avroColumnStep is one field of the record: its column, or what passes over it.
type avroColumnStep struct {
	column *Column
	read   avroStep
	skip   avroSkip
}

// surplus is what follows the value of a message.
type surplus struct{ bytes int }

// Error says how much it is.
func (e *surplus) Error() string { return fmt.Sprintf("%d bytes follow its end", e.bytes) }

// append appends one row, of data as a whole.
func (a *avroRow) append(data []byte) error {
	n, err := a.begin(data)
	if err == nil && n < len(data) {
		err = &surplus{len(data) - n}
	}
	return err
}

// begin appends one row, of what data begins with, and says how much that is.
func (a *avroRow) begin(data []byte) (int, error) {
	r := &a.r
	*r = avroReader{data: data}
	for i := range a.steps {
		s := &a.steps[i]
		if s.column == nil {
			s.skip(r)
			continue
		}
		r.top = s.column
		s.read(r, &s.column.Values)
		if r.err != nil {
			return r.at, &InColumn{s.column.Name, r.err}
		}
	}
	for _, s := range a.absent {
		r.top = s.column
		s.read(r, &s.column.Values)
	}
	return r.at, r.err
}
