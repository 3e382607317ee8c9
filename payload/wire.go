package payload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Confluent's wire format: a zero byte, the id of a schema in four bytes, the
// highest first; in Protobuf then which message of the schema's file it is.
const (
	magic      = 0
	headLength = 5
)

// framed reads a message that names its schema.
func (d *decoder) framed(ctx context.Context, value []byte) error {
	if value[0] != magic {
		return notFramed(value)
	}
	if len(value) < headLength {
		return fmt.Errorf("it has %d bytes, and a schema's id alone takes %d", len(value), headLength)
	}
	id := binary.BigEndian.Uint32(value[1:headLength])
	value = value[headLength:]
	if d.Format == FormatProtobuf {
		return d.framedProto(ctx, id, value)
	}
	r := d.known[id]
	if r == nil {
		var err error
		if r, err = d.learn(ctx, id, nil); err != nil {
			return err
		}
	}
	if err := r.append(value); err != nil {
		return fmt.Errorf("of schema %d: %w", id, err)
	}
	return nil
}

// notFramed says what a message is that begins otherwise.
func notFramed(value []byte) error {
	switch b := value[0]; {
	case b == '{' || b == '[':
		return fmt.Errorf("it begins with '%c': it is plain JSON; say format: json, and no registry", b)
	case len(value) > 1 && b == 0xc3 && value[1] == 0x01:
		return errors.New("it begins with C3 01: it is a single object of Avro, which names its schema in another way; write it through the registry's serializer")
	}
	return fmt.Errorf("it begins with byte %d and not with 0, so that it was not written through the registry; name a schema file if it was written without", value[0])
}

// learn asks the registry for a schema and compiles it. Which of its messages it
// is, path says; nil in other formats than Protobuf.
func (d *decoder) learn(ctx context.Context, id uint32, path []int) (rows, error) {
	s, err := d.Registry.byID(ctx, id, &d.Options)
	if err != nil {
		return nil, err
	}
	if s, err = s.at(path); err != nil {
		return nil, err
	}
	r, err := d.compile(s)
	if err != nil {
		return nil, &outside{err}
	}
	if path == nil {
		d.known[id] = r
	}
	return r, nil
}

// pathMost bounds how deep a message may stand in its file's.
const pathMost = 32

// protoPath is a message of a schema, by the place of each message in the one around
// it.
type protoPath struct {
	path []int
	rows rows
}

// protoPaths are the messages of one schema that came so far. There are few.
type protoPaths struct{ all []protoPath }

func (p *protoPaths) append([]byte) error { return errProto }

// framedProto reads a message of Protobuf that names its schema.
func (d *decoder) framedProto(ctx context.Context, id uint32, value []byte) error {
	var room [pathMost]int
	path, value, err := readPath(room[:0], value)
	if err != nil {
		return err
	}
	known, _ := d.known[id].(*protoPaths)
	if known == nil {
		known = new(protoPaths)
	}
	at := slices.IndexFunc(known.all, func(p protoPath) bool { return slices.Equal(p.path, path) })
	if at < 0 {
		path = slices.Clone(path)
		r, err := d.learn(ctx, id, path)
		if err != nil {
			return err
		}
		at = len(known.all)
		known.all = append(known.all, protoPath{path, r})
		d.known[id] = known
	}
	if err := known.all[at].rows.append(value); err != nil {
		return fmt.Errorf("of schema %d: %w", id, err)
	}
	return nil
}

// readPath reads how many places there are, and them: zigzag, seven bits a byte. A
// single zero is the first message.
func readPath(path []int, value []byte) (of []int, rest []byte, err error) {
	n, size := binary.Varint(value)
	if size <= 0 || n < 0 || n > pathMost {
		return nil, nil, errors.New("it does not say which message of its schema it is")
	}
	if value = value[size:]; n == 0 {
		return append(path, 0), value, nil
	}
	for range n {
		at, size := binary.Varint(value)
		if size <= 0 || at < 0 || at > 1<<16 {
			return nil, nil, errors.New("it does not say which message of its schema it is")
		}
		path, value = append(path, int(at)), value[size:]
	}
	return path, value, nil
}
