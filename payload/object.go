package payload

import (
	"bytes"
	"errors"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Objects reads JSON objects, each into a row of its columns.
type Objects struct {
	JSON
	columns []*Column
	places  map[string]int // of a column by its name
	found   int            // columns that have a value of this object
	objects int64

	// Objects of one writer have their names in one order, each once. Names that
	// come in the order of expected differ, so that they need neither be looked up
	// nor be held against each other. The first that does not ends that: the object
	// is read again without.
	expected []placed
	next     int // the first of expected that may come
	members  map[string]bool
	off      bool  // this object is read without
	missed   int64 // objects that had to be read again
}

// placed is a name as it stands in objects, and the place of its column; -1: it
// has none.
type placed struct {
	name   string
	quoted []byte
	at     int
}

const (
	expectedMost = 1024 // names that are kept, and bytes of each
	aheadMost    = 8    // names that one look may pass over
	missedMost   = 64   // beyond which reading twice must pay
)

// NotObject is a JSON value that is no object.
type NotObject struct{ Text []byte }

// Error says so.
func (e *NotObject) Error() string { return Ticked(e.Text) + " is no object" }

// errUnexpected is that a name does not come in order.
var errUnexpected = errors.New("a name out of order")

// NewObjects returns a reader that fills columns.
func NewObjects(columns []*Column) *Objects {
	o := &Objects{columns: columns, places: map[string]int{}, members: map[string]bool{}}
	for i, c := range columns {
		o.places[c.Name] = i
		c.object = 0
	}
	return o
}

// Append appends one row to every column: of data, which is one object. On an error
// it appends nothing. What it says of a column's value is an *InColumn.
func (o *Objects) Append(data []byte) error {
	rows := 0
	if len(o.columns) > 0 {
		rows = o.columns[0].Values.Len()
	}
	o.off = o.missed > missedMost && 2*o.missed > o.objects
	err := o.whole(data)
	if err == errUnexpected {
		takeBack(o.columns, rows)
		o.off = true
		o.missed++
		err = o.whole(data)
	}
	if err != nil {
		takeBack(o.columns, rows)
		return err
	}
	if o.found == len(o.columns) {
		return nil
	}
	for _, c := range o.columns {
		if c.object < o.objects {
			c.Values.AppendNull()
		}
	}
	return nil
}

// whole reads data, which is one object.
func (o *Objects) whole(data []byte) error {
	o.Begin(data)
	o.objects++
	o.found, o.next = 0, 0
	if err := o.read(); err != nil {
		return err
	}
	return o.Finish()
}

// read reads an object.
func (o *Objects) read() error {
	if o.Kind() != '{' {
		// A misspelled value is told as such, a whole one as no object.
		v, err := o.span()
		if err != nil {
			return err
		}
		return &NotObject{bytes.Clone(v)}
	}
	if err := o.Open(); err != nil {
		return err
	}
	for {
		more, err := o.More('}')
		if err != nil || !more {
			return err
		}
		if err := o.field(); err != nil {
			return err
		}
	}
}

// field reads the next field of an object.
func (o *Objects) field() error {
	at, err := o.place()
	if err != nil {
		return err
	}
	if at < 0 {
		return o.Skip()
	}
	c := o.columns[at]
	if c.object != o.objects {
		c.object = o.objects
		o.found++
	}
	if err := o.take(c); err != nil {
		return &InColumn{c.Name, err}
	}
	return nil
}

// take reads the value of a column.
func (o *Objects) take(c *Column) error {
	kind := o.Kind()
	if !c.Values.Type.Text() || kind == 'n' {
		return o.value(&c.Values, kind)
	}
	text, err := o.scalar(kind, c.Values.Type)
	if err != nil {
		return err
	}
	if c.Values.Type.Kind == event.String {
		c.intern(text) // Its UTF-8 was looked at when its end was found.
		return nil
	}
	if c.Append(text) != nil {
		return &Misread{bytes.Clone(text), c.Values.Type}
	}
	return nil
}

// place reads the next name of an object and finds its column, -1 if it has none.
func (o *Objects) place() (int, error) {
	if o.off {
		return o.lookUp()
	}
	rest := o.data[o.at:]
	for q := o.next; q < min(len(o.expected), o.next+aheadMost); q++ {
		p := &o.expected[q]
		if !bytes.HasPrefix(rest, p.quoted) {
			continue
		}
		o.next = q + 1
		o.at = skipSpace(o.data, o.at+len(p.quoted))
		if o.at < len(o.data) && o.data[o.at] == ':' {
			o.at++
			return p.at, nil
		}
		return 0, o.wrong(o.at, "a colon")
	}
	return 0, errUnexpected
}

// lookUp is place without expecting any name.
func (o *Objects) lookUp() (int, error) {
	from := o.at
	name, err := o.Name()
	if err != nil {
		return 0, err
	}
	at, ok := o.places[string(name)]
	if !ok {
		at = -1
	}
	if len(o.expected) < expectedMost && len(name) < expectedMost && !o.members[string(name)] {
		end, _ := scanString(o.data, from+1)
		o.expect(placed{string(name), bytes.Clone(o.data[from:end]), at})
	}
	return at, nil
}

// expect takes a new name among those expected, behind the one that it follows.
func (o *Objects) expect(p placed) {
	behind := 0
	if n := len(o.names); n > 1 {
		before := string(o.names[n-2])
		behind = 1 + slices.IndexFunc(o.expected, func(e placed) bool { return e.name == before })
	}
	o.expected = slices.Insert(o.expected, behind, p)
	o.members[p.name] = true
}
