package payload

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// Column is one column of a batch while its rows are read.
type Column struct {
	Name   string
	Values event.Column

	object int64  // the last one of JSON that had a value for it
	raw    []byte // of bytes, decoded

	// Equal texts get one code while that pays: symbols is nil where most texts of
	// the batch before were their column's only ones.
	symbols *event.Symbols
	varied  bool
}

// NewColumn returns an empty column of type t.
func NewColumn(name string, t event.Type) *Column {
	c := &Column{Name: name, Values: event.Make(t)}
	c.Begin()
	return c
}

// Begin makes the column empty. Its dictionary is a new one, as the old one is the
// batch's that was handed on (E2); its vectors are used again.
func (c *Column) Begin() {
	v := &c.Values
	if !v.Type.Scalar() {
		*v = event.Make(v.Type)
		return
	}
	if v.Type.Text() {
		if rows := len(v.Codes); rows > 0 {
			c.varied = c.varied || c.symbols != nil && 2*c.symbols.Len() > rows
		}
		c.symbols, v.Dict = nil, event.NewDict()
		if !c.varied {
			c.symbols = event.NewSymbols()
			v.Dict = &c.symbols.Dict
		}
	}
	v.Null, v.Rows = nil, 0
	v.Ints, v.Floats, v.Decimals, v.Codes = v.Ints[:0], v.Floats[:0], v.Decimals[:0], v.Codes[:0]
}

// Filled is the column as it goes into a batch: every dictionary has an entry for
// its nulls (E1).
func (c *Column) Filled() event.Column {
	v := c.Values
	fill(&v)
	return v
}

func fill(c *event.Column) {
	if c.Type.Text() && (c.Dict == nil || c.Dict.Len() == 0) {
		c.Dict = &event.Dict{Offsets: []uint32{0, 0}}
	}
	if c.Elem != nil {
		fill(c.Elem)
	}
	for i := range c.Fields {
		fill(&c.Fields[i])
	}
}

// Append appends the value that text spells, as in CSV; ErrValue: it is none of
// the type.
func (c *Column) Append(text []byte) error {
	switch c.Values.Type.Kind {
	case event.String:
		if !utf8.Valid(text) {
			return ErrValue
		}
	case event.Bytes:
		var err error
		if c.raw, err = decodeBytes(c.raw[:0], text); err != nil {
			return ErrValue
		}
		text = c.raw
	default:
		return AppendText(&c.Values, text)
	}
	c.intern(text)
	return nil
}

// intern appends a text as it is.
func (c *Column) intern(text []byte) {
	if c.symbols == nil {
		c.Values.AppendText(text)
		return
	}
	c.Values.AppendCode(c.symbols.Intern(text, event.HashBytes(text)))
}

// decodeBytes appends what base64 spells: the usual alphabet, with its padding,
// on one line.
func decodeBytes(dst, text []byte) ([]byte, error) {
	for _, c := range text {
		if c == '\n' || c == '\r' {
			return dst, ErrValue
		}
	}
	return base64.StdEncoding.Strict().AppendDecode(dst, text)
}

// truncate takes back all rows of c from the n-th on, with what was appended of
// one that was not ended. Texts stay in their dictionaries, where nothing names
// them.
func truncate(c *event.Column, n int) {
	if len(c.Null) > n {
		c.Null = c.Null[:n]
	}
	switch c.Type.Kind {
	case event.Double:
		c.Floats = c.Floats[:n]
	case event.Decimal:
		c.Decimals = c.Decimals[:n]
	case event.String, event.Bytes:
		c.Codes = c.Codes[:n]
	case event.List, event.Map:
		c.Offsets = c.Offsets[:n+1]
		truncate(c.Elem, int(c.Offsets[n]))
	case event.Struct:
		for f := range c.Fields {
			truncate(&c.Fields[f], n)
		}
		c.Rows = n
	case event.Null, event.Unknown:
		c.Rows = n
	default:
		c.Ints = c.Ints[:n]
	}
}

// takeBack leaves every column so many rows.
func takeBack(columns []*Column, rows int) {
	for _, c := range columns {
		truncate(&c.Values, rows)
	}
}
