package sources

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Footers and page headers are written in Thrift's compact protocol, in which a
// list states its length before its elements. Decoders believe that length and
// take memory for it, so that six damaged bytes can ask for all memory there is.
// The walk here goes through the bytes once, taking none, and only what it has
// passed is decoded (R3).

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// thriftDepth is how deep structs and lists may lie in each other; those of
// Parquet reach seven.
const thriftDepth = 16

// schemaDepth is how deep the columns of a file may be nested.
const schemaDepth = 64

var errThrift = errors.New("its metadata is damaged")

// thriftWalk is a place in compact-protocol bytes.
type thriftWalk struct {
	b  []byte
	at int
}

// thriftSize returns how many bytes the struct at the start of b takes.
func thriftSize(b []byte) (int, error) {
	w := thriftWalk{b: b}
	if err := w.structure(0, nil); err != nil {
		return 0, err
	}
	return w.at, nil
}

// uvarint reads a number; one cut off by the end of the bytes is an error.
func (w *thriftWalk) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	if n <= 0 {
		return 0, errThrift
	}
	w.at += n
	return v, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errThrift
	}
	w.at += int(n)
	return nil
}

// structure walks a struct. field, if any, is offered each field and says
// whether it took it.
func (w *thriftWalk) structure(depth int, field func(id int, typ byte) (bool, error)) error {
	if depth > thriftDepth {
		return errThrift
	}
	for id := 0; ; {
		if w.at >= len(w.b) {
			return errThrift
		}
		head := w.b[w.at]
		w.at++
		if head == 0 {
			return nil
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			z, err := w.uvarint()
			if err != nil {
				return err
			}
			id = int(int16(z>>1) ^ -int16(z&1))
		}
		if field != nil {
			if took, err := field(id, head&15); took || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := w.value(head&15, depth, false); err != nil {
			return err
		}
	}
}

// value walks one value. In a list a truth is a byte of its own; in a struct it
// is the field's type.
func (w *thriftWalk) value(typ byte, depth int, inList bool) error {
	switch typ {
	case thriftTrue, thriftFalse:
		if inList {
			return w.skip(1)
		}
		return nil
	case thriftByte:
		return w.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := w.uvarint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		return w.list(depth + 1)
	case thriftMap:
		return w.mapping(depth + 1)
	case thriftStruct:
		return w.structure(depth+1, nil)
	}
	return errThrift
}

// listHead reads a list's length and type. A list of n elements takes at least n
// bytes.
func (w *thriftWalk) listHead() (n uint64, typ byte, err error) {
	if w.at >= len(w.b) {
		return 0, 0, errThrift
	}
	head := w.b[w.at]
	w.at++
	if n = uint64(head >> 4); n == 15 {
		if n, err = w.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	if n > uint64(len(w.b)-w.at) {
		return 0, 0, errThrift
	}
	return n, head & 15, nil
}

func (w *thriftWalk) list(depth int) error {
	n, typ, err := w.listHead()
	if err != nil || depth > thriftDepth {
		return errThrift
	}
	for ; n > 0; n-- {
		if err := w.value(typ, depth, true); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) mapping(depth int) error {
	n, err := w.uvarint()
	if err != nil || n > uint64(len(w.b)-w.at) || depth > thriftDepth {
		return errThrift
	}
	if n == 0 {
		return nil
	}
	types := w.b[w.at]
	w.at++
	for ; n > 0; n-- {
		if err := w.value(types>>4, depth, true); err != nil {
			return err
		}
		if err := w.value(types&15, depth, true); err != nil {
			return err
		}
	}
	return nil
}

// checkFooter walks a file's metadata and makes sure that its columns are a tree
// of bounded depth, as the library's work grows with the square of the depth.
func checkFooter(b []byte) error {
	w := thriftWalk{b: b}
	return w.structure(0, func(id int, typ byte) (bool, error) {
		if id != 2 || typ != thriftList {
			return false, nil
		}
		return true, w.schema()
	})
}

// schema walks the list of schema elements: each says how many of those after it
// are its children.
func (w *thriftWalk) schema() error {
	n, typ, err := w.listHead()
	if err != nil || typ != thriftStruct {
		return errThrift
	}
	var open []uint64 // children still to come, by depth
	for ; n > 0; n-- {
		children, err := w.schemaElement()
		if err != nil {
			return err
		}
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if children > 0 {
			open = append(open, children)
		}
		if len(open) > schemaDepth {
			return fmt.Errorf("its columns are nested more than %d deep", schemaDepth)
		}
	}
	return nil
}

func (w *thriftWalk) schemaElement() (children uint64, err error) {
	err = w.structure(1, func(id int, typ byte) (bool, error) {
		if id != 5 || typ != thriftInt32 {
			return false, nil
		}
		z, err := w.uvarint()
		if z&1 == 0 {
			children = z >> 1
		}
		return true, err
	})
	return children, err
}
