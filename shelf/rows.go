package shelf

import (
	"errors"

	"github.com/timeseam/timeseam/features/event"
)

// Rows packs rows of one kind behind each other, for another process to read: those of
// pieces with keys, times and columns of single values. What is packed needs nothing
// of what it was packed from.
type Rows struct{ k packer }

// Append appends a piece. The bytes are laid out in docs/formats.md; their length is a
// multiple of eight.
func (r *Rows) Append(b []byte, p *Piece) []byte {
	r.k.b = b
	r.k.word(p.Len)
	pack(&r.k, p.Keys[:p.Len])
	pack(&r.k, p.Times[:p.Len])
	for i := range p.Columns {
		r.k.column(&p.Columns[i], 0, p.Len)
	}
	b, r.k.b = r.k.b, nil
	return b
}

// errRows is that of bytes that Append never wrote.
var errRows = errors.New("rows are damaged")

// UnpackRows calls take with each piece that Append wrote of columns of such types.
// Vectors are windows on b, which begins at a multiple of eight bytes. Bytes may be
// foreign: whatever does not hold together is an error.
func UnpackRows(b []byte, types []event.Type, take func(*Piece) error) error {
	r := reader{b: b}
	for r.at < len(b) {
		var p Piece
		p.Len = r.word()
		p.Keys, p.Times = read[event.Hash](&r, p.Len), read[event.Time](&r, p.Len)
		for _, t := range types {
			p.Columns = append(p.Columns, r.column(t, p.Len))
		}
		if r.bad {
			return errRows
		}
		if err := take(&p); err != nil {
			return err
		}
	}
	return nil
}
