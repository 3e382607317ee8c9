package payload

import (
	"bytes"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Value reads the next value and appends it to c.
func (j *JSON) Value(c *event.Column) error { return j.value(c, j.Kind()) }

func (j *JSON) value(c *event.Column, kind byte) error {
	switch {
	case kind == 'n':
		if err := j.Null(); err != nil {
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
	text, err := j.scalar(kind, c.Type)
	if err != nil {
		return err
	}
	return appendOr(c, text)
}

// appendOr appends the value that text spells, or says that it is none.
func appendOr(c *event.Column, text []byte) error {
	if err := AppendText(c, text); err != nil {
		return &Misread{bytes.Clone(text), c.Type}
	}
	return nil
}

func (j *JSON) list(c *event.Column) error {
	if err := j.Open(); err != nil {
		return err
	}
	for {
		more, err := j.More(']')
		if err == nil && more {
			err = j.Value(c.Elem)
		}
		if err != nil {
			return err
		}
		if !more {
			c.EndList()
			return nil
		}
	}
}

// object reads a struct. Fields that the object has not are null, and those that
// the type has not are passed over.
func (j *JSON) object(c *event.Column) error {
	if err := j.Open(); err != nil {
		return err
	}
	for {
		more, err := j.More('}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := j.field(c); err != nil {
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
	return nil
}

// field reads a name and its value into the field so called.
func (j *JSON) field(c *event.Column) error {
	name, err := j.Name()
	if err != nil {
		return err
	}
	for f := range c.Type.Fields {
		if c.Type.Fields[f].Name == string(name) {
			return j.Value(&c.Fields[f])
		}
	}
	return j.Skip()
}

// pairs reads a map: an object, or a list of lists of key and value. Entries may
// stand in any order, each key once.
func (j *JSON) pairs(c *event.Column, kind byte) error {
	if err := j.Open(); err != nil {
		return err
	}
	entries := event.Make(*c.Type.Elem)
	for end := kind + 2; ; { // ] and } stand two behind [ and {.
		more, err := j.More(end)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if kind == '[' && j.Kind() != '[' {
			_, err := j.Scalar(*c.Type.Elem)
			return err
		}
		if err := j.entry(&entries.Fields[0], &entries.Fields[1], kind == '{'); err != nil {
			return err
		}
		entries.Rows++
	}
	return endMap(c, &entries, false)
}

// endMap ends a row of a map: its entries in the order of their keys. Where a key
// stands twice, the last entry counts, or none does.
func endMap(c, entries *event.Column, last bool) error {
	order := make([]int, entries.Rows)
	for i := range order {
		order[i] = i
	}
	key := &entries.Fields[0]
	slices.SortStableFunc(order, func(a, b int) int { return event.Compare(key, a, key, b) })
	for i, at := range order {
		twice := i+1 < len(order) && event.Compare(key, order[i+1], key, at) == 0
		if key.IsNull(at) || twice && !last {
			return errMapKey
		}
		if !twice {
			c.Elem.Append(entries, at)
		}
	}
	c.EndList()
	return nil
}

// entry reads one entry of a map.
func (j *JSON) entry(key, value *event.Column, named bool) error {
	if named {
		name, err := j.Name()
		if err == nil {
			err = appendOr(key, name)
		}
		if err != nil {
			return err
		}
		return j.Value(value)
	}
	if err := j.Open(); err != nil {
		return err
	}
	for _, c := range []*event.Column{key, value} {
		if more, err := j.More(']'); err != nil {
			return err
		} else if !more {
			return errMapEntry
		}
		if err := j.Value(c); err != nil {
			return err
		}
	}
	if more, err := j.More(']'); more || err != nil {
		return errMapEntry
	}
	return nil
}
