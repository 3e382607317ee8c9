package sources

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/timeseam/timeseam/features/event"
)

// jsonReader reads JSON values, each from bytes of its own, into columns. Grammar,
// UTF-8 and names that stand twice in one object are the library's to check; what
// is a value of which type is ours. It knows neither files nor lines, so that
// whatever brings JSON may use it.
type jsonReader struct {
	dec  *jsontext.Decoder
	buf  bytes.Buffer
	text []byte // of the last string that had escapes
}

// misread is a JSON value that its column cannot hold.
type misread struct {
	text []byte // as JSON spells it
	typ  event.Type
}

// Error says which, for a person; the place is the caller's to add.
func (e *misread) Error() string {
	return fmt.Sprintf("%s is no %s; %s", ticked(e.text), e.typ, mendOf(e.typ, e.text))
}

// inColumn is an error in the value of a column.
type inColumn struct {
	column string
	err    error
}

// Error names the column.
func (e *inColumn) Error() string { return "column " + e.column + ": " + e.err.Error() }

// begin makes ready to read data, which is not changed.
func (j *jsonReader) begin(data []byte) {
	j.buf = *bytes.NewBuffer(data)
	if j.dec == nil {
		j.dec = jsontext.NewDecoder(&j.buf)
		return
	}
	j.dec.Reset(&j.buf)
}

// finish holds that nothing but white space follows the value that was read.
func (j *jsonReader) finish() error {
	switch _, err := j.dec.ReadToken(); {
	case err == nil:
		return said("something follows the end of its JSON; one line holds one object")
	case err != io.EOF:
		return err
	}
	return nil
}

// said is an error in words of ours.
type said string

// Error is the words.
func (s said) Error() string { return string(s) }

// plainly says what the library found, in words of ours.
func plainly(err error) error {
	var bad *misread
	var ours said
	switch {
	case errors.As(err, &bad), errors.As(err, &ours):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("its JSON does not end; one line holds one whole object")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("a name stands twice in one object (%s), and only one could count; write it once", oneWord(err))
	}
	return fmt.Errorf("its JSON is wrong: %s", oneWord(err))
}

// oneWord is the library's error without its name.
func oneWord(err error) string { return strings.TrimPrefix(err.Error(), "jsontext: ") }

// value reads the next value and appends it to c.
func (j *jsonReader) value(c *event.Column) error {
	kind := j.dec.PeekKind()
	switch {
	case kind == 'n':
		if _, err := j.dec.ReadToken(); err != nil {
			return err
		}
		c.AppendNull()
		return nil
	case kind == '[' && c.Type.Kind == event.List:
		return j.list(c)
	case kind == '{' && c.Type.Kind == event.Struct:
		return j.object(c)
	case c.Type.Kind == event.Map && (kind == '[' || kind == '{'):
		return j.pairs(c, kind)
	}
	text, err := j.scalar(c.Type)
	if err != nil {
		return err
	}
	return j.append(c, text)
}

func (j *jsonReader) append(c *event.Column, text []byte) error {
	if err := appendScalar(c, text); err != nil {
		return &misread{bytes.Clone(text), c.Type}
	}
	return nil
}

// scalar returns the text of the next value, which must be one of a single value.
// A number may stand in quotes, as writers do who have readers without 64 bits;
// text without them is none. It is valid until the next call.
func (j *jsonReader) scalar(t event.Type) ([]byte, error) {
	v, err := j.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	switch kind := v.Kind(); {
	case kind == '{', kind == '[', !t.Scalar(), kind != '"' && t.Text():
		return nil, &misread{bytes.Clone(v), t}
	case kind != '"':
		return v, nil
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	j.text, err = jsontext.AppendUnquote(j.text[:0], v)
	return j.text, err
}

func (j *jsonReader) list(c *event.Column) error {
	if _, err := j.dec.ReadToken(); err != nil {
		return err
	}
	for {
		switch j.dec.PeekKind() {
		case ']':
			_, err := j.dec.ReadToken()
			c.EndList()
			return err
		default:
			if err := j.value(c.Elem); err != nil {
				return err
			}
		}
	}
}

// object reads a struct. Fields that the object has not are null, and those that
// the type has not are passed over.
func (j *jsonReader) object(c *event.Column) error {
	if _, err := j.dec.ReadToken(); err != nil {
		return err
	}
	for j.dec.PeekKind() != '}' {
		name, err := j.name()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(c.Type.Fields, func(f event.Field) bool { return f.Name == string(name) })
		if at < 0 {
			err = j.dec.SkipValue()
		} else {
			err = j.value(&c.Fields[at])
		}
		if err != nil {
			return err
		}
	}
	c.Rows++
	c.NotNull()
	for f := range c.Fields {
		if c.Fields[f].Len() < c.Rows {
			c.Fields[f].AppendNull()
		}
	}
	_, err := j.dec.ReadToken()
	return err
}

// name returns the next name of an object, valid until the next call.
func (j *jsonReader) name() ([]byte, error) {
	v, err := j.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	j.text, err = jsontext.AppendUnquote(j.text[:0], v)
	return j.text, err
}

// pairs reads a map: an object, or a list of lists of key and value. Entries may
// stand in any order, each key once.
func (j *jsonReader) pairs(c *event.Column, kind jsontext.Kind) error {
	if _, err := j.dec.ReadToken(); err != nil {
		return err
	}
	entries := event.Make(*c.Type.Elem)
	key, value := &entries.Fields[0], &entries.Fields[1]
	for end := kind + 2; j.dec.PeekKind() != end; { // ] and } stand two behind [ and {.
		if kind == '[' && j.dec.PeekKind() != '[' {
			_, err := j.scalar(*c.Type.Elem)
			return err
		}
		if err := j.entry(key, value, kind == '{'); err != nil {
			return err
		}
		entries.Rows++
	}
	order := make([]int, entries.Rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return event.Compare(key, a, key, b) })
	for i, at := range order {
		if key.IsNull(at) || i > 0 && event.Compare(key, order[i-1], key, at) == 0 {
			return said("a key of a map is null or stands twice; each entry has a key of its own")
		}
		c.Elem.Append(&entries, at)
	}
	c.EndList()
	_, err := j.dec.ReadToken()
	return err
}

// entry reads one entry of a map.
func (j *jsonReader) entry(key, value *event.Column, named bool) error {
	if named {
		name, err := j.name()
		if err == nil {
			err = j.append(key, name)
		}
		if err != nil {
			return err
		}
		return j.value(value)
	}
	if _, err := j.dec.ReadToken(); err != nil {
		return err
	}
	if err := j.value(key); err != nil {
		return err
	}
	if err := j.value(value); err != nil {
		return err
	}
	if j.dec.PeekKind() != ']' {
		return said("an entry of a map is [key, value]")
	}
	_, err := j.dec.ReadToken()
	return err
}

func noObject(v []byte) error {
	return fmt.Errorf("%s is no object; each line of JSON lines is one, such as {\"name\": 1}", ticked(v))
}

// objectReader reads the fields of JSON objects that are asked for, each into its
// target.
type objectReader struct {
	jsonReader
	targets []*target
	places  map[string]int // of a target by its name
	last    []placed       // the names of the last object, in order
	objects int64
}

// placed is a name as it stood in an object, and the place of its target; -1: it
// has none. Objects of one writer have their names in one order, so that most are
// found without being looked up.
type placed struct {
	quoted []byte
	at     int
}

// placedMost bounds what is kept of the names of one object.
const placedMost = 1024

func newObjectReader(targets []*target) *objectReader {
	o := &objectReader{targets: targets, places: map[string]int{}}
	for i, t := range targets {
		o.places[t.name] = i
	}
	return o
}

// read appends one row to every target: of data, which is one object.
func (o *objectReader) read(data []byte) error {
	o.begin(data)
	o.objects++
	if o.dec.PeekKind() != '{' {
		// A misspelled value is told as such, a whole one as none of ours.
		v, err := o.dec.ReadValue()
		if err != nil {
			return plainly(err)
		}
		return noObject(v)
	}
	if _, err := o.dec.ReadToken(); err != nil {
		return plainly(err)
	}
	for i := 0; o.dec.PeekKind() != '}'; i++ {
		if err := o.field(i); err != nil {
			return err
		}
	}
	if _, err := o.dec.ReadToken(); err != nil {
		return plainly(err)
	}
	if err := o.finish(); err != nil {
		return plainly(err)
	}
	for _, t := range o.targets {
		if t.row < o.objects {
			t.row = o.objects
			t.col.AppendNull()
		}
	}
	return nil
}

// field reads the i-th field of an object.
func (o *objectReader) field(i int) error {
	v, err := o.dec.ReadValue()
	if err != nil {
		return plainly(err)
	}
	at, err := o.place(i, v)
	if err != nil {
		return plainly(err)
	}
	if at < 0 {
		if err := o.dec.SkipValue(); err != nil {
			return plainly(err)
		}
		return nil
	}
	t := o.targets[at]
	t.row = o.objects
	if err := o.take(t); err != nil {
		return &inColumn{t.name, plainly(err)}
	}
	return nil
}

// take reads the value of a target.
func (o *objectReader) take(t *target) error {
	if !t.col.Type.Text() || o.dec.PeekKind() == 'n' {
		return o.value(&t.col)
	}
	text, err := o.scalar(t.col.Type)
	if err != nil {
		return err
	}
	if err := t.append(text); err != nil {
		return &misread{bytes.Clone(text), t.col.Type}
	}
	return nil
}

// place finds the target of the i-th name of an object, -1 if it has none.
func (o *objectReader) place(i int, quoted []byte) (int, error) {
	if i < len(o.last) && bytes.Equal(o.last[i].quoted, quoted) {
		return o.last[i].at, nil
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(quoted, '\\') >= 0 {
		var err error
		if o.text, err = jsontext.AppendUnquote(o.text[:0], quoted); err != nil {
			return 0, err
		}
		name = o.text
	}
	at, ok := o.places[string(name)]
	if !ok {
		at = -1
	}
	switch {
	case len(quoted) > placedMost || i >= placedMost:
	case i < len(o.last):
		o.last[i] = placed{append(o.last[i].quoted[:0], quoted...), at}
	case i == len(o.last):
		o.last = append(o.last, placed{bytes.Clone(quoted), at})
	}
	return at, nil
}
