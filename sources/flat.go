package sources

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go/format"
)

// Arrow's writers put the schema into the footer once more, as a flatbuffer in
// base64, and the library that reads it takes memory for as many fields as it
// claims to have. The walk here finds out whether they are there (R3). Tables and
// vectors are as in Arrow's Schema.fbs and Message.fbs.

const arrowSchemaKey = "ARROW:schema"

// Fields of the tables, by their place.
const (
	flatMessageHeader   = 2
	flatMessageBody     = 3
	flatSchemaFields    = 1
	flatSchemaMetadata  = 2
	flatSchemaFeatures  = 3
	flatFieldType       = 3
	flatFieldDictionary = 4
	flatFieldChildren   = 5
	flatFieldMetadata   = 6
)

// flatFieldsMost is how many fields a schema may have, with those within others:
// a damaged one may name the same field over and over.
const flatFieldsMost = 1 << 18

var errFlat = errors.New("the Arrow schema in its footer is damaged")

// checkArrowSchema makes sure that the fields which the footer's Arrow schema
// claims to have are there.
func checkArrowSchema(meta []format.KeyValue) error {
	for i := range meta {
		if meta[i].Key != arrowSchemaKey {
			continue
		}
		b, err := decodeBase64(meta[i].Value)
		if err != nil {
			return errFlat
		}
		// A message is preceded by a mark and its length; older ones by their length.
		if len(b) >= 8 && binary.LittleEndian.Uint32(b) == 0xffffffff {
			b = b[4:]
		}
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return errFlat
		}
		w := flatWalk{b: b[4:]}
		if err := w.message(); err != nil {
			return err
		}
	}
	return nil
}

func decodeBase64(s string) ([]byte, error) {
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b, nil
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// flatWalk is a flatbuffer that may be damaged.
type flatWalk struct {
	b      []byte
	fields int
}

func (w *flatWalk) u32(at int) (int, error) {
	if at < 0 || at > len(w.b)-4 {
		return 0, errFlat
	}
	return int(binary.LittleEndian.Uint32(w.b[at:])), nil
}

// follow returns what the offset at a place points to.
func (w *flatWalk) follow(at int) (int, error) {
	n, err := w.u32(at)
	if err != nil || n > len(w.b)-at {
		return 0, errFlat
	}
	return at + n, nil
}

// slot returns where field k of a table lies; 0: it has none.
func (w *flatWalk) slot(table, k int) (int, error) {
	back, err := w.u32(table)
	if err != nil {
		return 0, err
	}
	v := table - int(int32(back))
	if v < 0 || v > len(w.b)-4 {
		return 0, errFlat
	}
	size := int(binary.LittleEndian.Uint16(w.b[v:]))
	if 4+2*k+2 > size {
		return 0, nil
	}
	if v+4+2*k+2 > len(w.b) {
		return 0, errFlat
	}
	if o := int(binary.LittleEndian.Uint16(w.b[v+4+2*k:])); o > 0 {
		return table + o, nil
	}
	return 0, nil
}

// vector returns where the elements of field k begin, and how many there are,
// each of so many bytes.
func (w *flatWalk) vector(table, k, size int) (at, n int, err error) {
	slot, err := w.slot(table, k)
	if err != nil || slot == 0 {
		return 0, 0, err
	}
	if at, err = w.follow(slot); err != nil {
		return 0, 0, err
	}
	if n, err = w.u32(at); err != nil || n > (len(w.b)-at-4)/size {
		return 0, 0, errFlat
	}
	return at + 4, n, nil
}

// table returns where the table of field k lies; 0: there is none.
func (w *flatWalk) table(table, k int) (int, error) {
	slot, err := w.slot(table, k)
	if err != nil || slot == 0 {
		return 0, err
	}
	return w.follow(slot)
}

func (w *flatWalk) message() error {
	root, err := w.follow(0)
	if err != nil {
		return err
	}
	schema, err := w.table(root, flatMessageHeader)
	if err != nil || schema == 0 {
		return errFlat
	}
	body, err := w.slot(root, flatMessageBody)
	if err != nil || body > len(w.b)-8 || body > 0 && binary.LittleEndian.Uint64(w.b[body:]) != 0 {
		return errFlat // A schema has no body.
	}
	if _, _, err := w.vector(schema, flatSchemaFeatures, 8); err != nil {
		return err
	}
	if _, _, err := w.vector(schema, flatSchemaMetadata, 4); err != nil {
		return err
	}
	return w.all(schema, flatSchemaFields, 0)
}

// all walks a vector of fields.
func (w *flatWalk) all(table, k, depth int) error {
	at, n, err := w.vector(table, k, 4)
	if err != nil || depth > schemaDepth {
		return errFlat
	}
	if w.fields += n; w.fields > flatFieldsMost {
		return errFlat
	}
	for i := range n {
		field, err := w.follow(at + 4*i)
		if err != nil {
			return err
		}
		if err := w.field(field, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *flatWalk) field(field, depth int) error {
	if _, _, err := w.vector(field, flatFieldMetadata, 4); err != nil {
		return err
	}
	for _, k := range []int{flatFieldType, flatFieldDictionary} {
		if _, err := w.table(field, k); err != nil {
			return err
		}
	}
	return w.all(field, flatFieldChildren, depth+1)
}
