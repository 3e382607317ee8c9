package sources

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// target is one column of a batch on its way from text.
type target struct {
	name string
	at   int // its field in a CSV record
	row  int64
	col  event.Column
	raw  []byte // of bytes, decoded

	// Equal texts get one code while that pays: symbols is nil where most texts of
	// the batch before were their column's only ones.
	symbols *event.Symbols
	varied  bool
}

func newTarget(name string, t event.Type) *target {
	return &target{name: name, col: event.Make(t)}
}

// begin makes the column empty. Its dictionary is a new one, as the old one is the
// batch's that was handed on (E2); its vectors are used again.
func (t *target) begin() {
	c := &t.col
	if !c.Type.Scalar() {
		*c = event.Make(c.Type)
		return
	}
	if c.Type.Text() {
		if rows := len(c.Codes); rows > 0 {
			t.varied = t.varied || 2*t.symbols.Len() > rows
		}
		t.symbols, c.Dict = nil, event.NewDict()
		if !t.varied {
			t.symbols = event.NewSymbols()
			c.Dict = &t.symbols.Dict
		}
	}
	c.Null, c.Rows = nil, 0
	c.Ints, c.Floats, c.Decimals, c.Codes = c.Ints[:0], c.Floats[:0], c.Decimals[:0], c.Codes[:0]
}

// append appends the value that text spells.
func (t *target) append(text []byte) error {
	switch t.col.Type.Kind {
	case event.String:
		if !utf8.Valid(text) {
			return errValue
		}
	case event.Bytes:
		var err error
		if t.raw, err = decodeBytes(t.raw[:0], text); err != nil {
			return errValue
		}
		text = t.raw
	default:
		return appendScalar(&t.col, text)
	}
	if t.symbols == nil {
		t.col.AppendText(text)
		return nil
	}
	t.col.AppendCode(t.symbols.Intern(text, event.HashBytes(text)))
	return nil
}

// decodeBytes appends what base64 spells: the usual alphabet, with its padding,
// on one line.
func decodeBytes(dst, text []byte) ([]byte, error) {
	for _, c := range text {
		if c == '\n' || c == '\r' {
			return dst, errValue
		}
	}
	return base64.StdEncoding.Strict().AppendDecode(dst, text)
}
