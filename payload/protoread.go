package payload

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoReader reads the bytes of one message of Protobuf.
type protoReader struct {
	err error
	top []*Column // of the outermost message
	row *Column   // whose value is being appended
}

// What may be wrong with a message of Protobuf.
var (
	errProto     = errors.New("its Protobuf is damaged or ends too early")
	errProtoUint = errors.New("it has an integer beyond 9223372036854775807")
	errProtoTime = errors.New("it has a Timestamp whose nanoseconds are not below a second")
)

func (r *protoReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// protoRow reads one message into a row of columns.
type protoRow struct {
	message *protoMessage
	r       protoReader
}

func newProtoRow(m *protoMessage, columns []*Column) *protoRow {
	m.outer = true
	return &protoRow{message: m, r: protoReader{top: columns}}
}

// append appends one row of data.
func (p *protoRow) append(data []byte) error {
	p.r.err, p.r.row = nil, nil
	p.r.message(p.message, data, nil)
	if p.r.err != nil && p.r.row != nil {
		return &InColumn{p.r.row.Name, p.r.err}
	}
	return p.r.err
}

// column is where the i-th field of a message goes.
func (r *protoReader) column(m *protoMessage, i int) *event.Column {
	if m.outer {
		return &r.top[i].Values
	}
	return &m.columns[i]
}

// message reads a message into columns, one a field.
func (r *protoReader) message(m *protoMessage, data []byte, columns []event.Column) {
	m.columns = columns
	r.slots(m, data)
	for _, f := range m.fields {
		if r.err != nil {
			return
		}
		if m.outer {
			r.row = r.top[f.column]
		}
		r.end(f, r.column(m, f.column))
	}
	if m.outer && r.err == nil {
		r.row = nil
	}
}

// slots reads a message: single fields into their slots, elements of lists at once
// into its columns.
func (r *protoReader) slots(m *protoMessage, data []byte) {
	m.begin()
	for len(data) > 0 && r.err == nil {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 || number > protowire.MaxValidNumber {
			r.fail(errProto)
			return
		}
		data = data[n:]
		if m.outer {
			r.row = nil
		}
		f := m.byNumber(number)
		if f == nil {
			n = protowire.ConsumeFieldValue(number, wire, data)
		} else {
			n = r.field(m, f, tag{number, wire}, data)
		}
		if n < 0 {
			r.fail(errProto)
			return
		}
		data = data[n:]
	}
}

// tag is what stands before a value.
type tag struct {
	number protowire.Number
	wire   protowire.Type
}

// begin forgets the message before, which may have ended in an error.
func (m *protoMessage) begin() {
	for _, f := range m.fields {
		f.slot = slot{}
		f.forget()
	}
}

// forget empties the entries of a map.
func (f *protoField) forget() {
	if f.used {
		f.entries, f.used = event.Make(f.entries.Type), false
	}
}

// field reads what came of a field and returns how many bytes it has; below 0: it
// is damaged.
func (r *protoReader) field(m *protoMessage, f *protoField, t tag, data []byte) int {
	if m.outer && f.column >= 0 {
		r.row = r.top[f.column]
	}
	switch {
	case t.wire == f.wire:
	case f.packable && t.wire == protowire.BytesType:
		return r.packed(f, data, r.column(m, f.column).Elem)
	default:
		r.fail(fmt.Errorf("field %s is written as another type than its schema says", f.name))
		return -1
	}
	if f.oneof != 0 {
		for _, other := range m.oneofs[f.oneof-1] {
			if other != f {
				other.slot = slot{}
			}
		}
	}
	v, n := scalarOf(t, data)
	switch {
	case n < 0:
	case f.kind == protoreflect.StringKind && !utf8.Valid(v.data):
		r.fail(errText) // Also where another value comes after it.
	case f.entry != nil:
		f.used = true
		r.message(f.entry, v.data, f.entries.Fields)
		f.entries.Rows++
	case f.repeated:
		f.elem(r, r.column(m, f.column).Elem, v)
	default:
		f.take(r, v)
	}
	return n
}

// take notes a value of a single field: the last one counts, and parts of one
// message are one message, one after the other. Each part is whole: no field of one
// ends in the next.
func (f *protoField) take(r *protoReader, v slot) {
	if f.set && f.kind == protoreflect.MessageKind {
		if !wholeFields(f.data) || !wholeFields(v.data) {
			r.fail(errProto)
			return
		}
		v.data = slices.Concat(f.data, v.data)
	}
	f.slot = v
}

// wholeFields reports whether bytes are fields, to the last of them.
func wholeFields(data []byte) bool {
	for len(data) > 0 {
		_, _, n := protowire.ConsumeField(data)
		if n < 0 {
			return false
		}
		data = data[n:]
	}
	return true
}

// scalarOf reads one value.
func scalarOf(t tag, data []byte) (v slot, n int) {
	v.set = true
	switch t.wire {
	case protowire.VarintType:
		v.bits, n = protowire.ConsumeVarint(data)
	case protowire.Fixed32Type:
		var bits uint32
		bits, n = protowire.ConsumeFixed32(data)
		v.bits = uint64(bits)
	case protowire.Fixed64Type:
		v.bits, n = protowire.ConsumeFixed64(data)
	case protowire.BytesType:
		v.data, n = protowire.ConsumeBytes(data)
	default:
		n = protowire.ConsumeFieldValue(t.number, t.wire, data)
	}
	return v, n
}

// packed reads the elements of a list that stand in one value.
func (r *protoReader) packed(f *protoField, data []byte, c *event.Column) int {
	all, total := protowire.ConsumeBytes(data)
	for total >= 0 && len(all) > 0 && r.err == nil {
		v, n := scalarOf(tag{0, f.wire}, all)
		if n < 0 {
			return n
		}
		f.elem(r, c, v)
		all = all[n:]
	}
	return total
}

// end appends what is known of a field when its message has ended.
func (r *protoReader) end(f *protoField, c *event.Column) {
	switch {
	case f.entry != nil:
		err := endMap(c, &f.entries, true)
		f.forget()
		if err != nil {
			r.fail(err)
		}
	case f.repeated:
		c.EndList()
	case f.set:
		f.put(r, c, f.slot)
	case f.required:
		r.fail(fmt.Errorf("field %s is required and absent", f.name))
	case f.fallback.set:
		f.put(r, c, f.fallback)
	default:
		c.AppendNull()
	}
}

// append appends a text to c.
func (r *protoReader) append(c *event.Column, text []byte) { appendTo(r.row, c, text) }

// protoSingle appends values of one part. Their type widens to that of the column.
func protoSingle(fd protoreflect.FieldDescriptor, g given, to event.Type) protoPut {
	if fd.Message() != nil {
		return protoPart(fd, g, to)
	}
	switch g.Kind {
	case event.Bool:
		return func(_ *protoReader, c *event.Column, v slot) { c.AppendInt(int64(protowire.EncodeBool(v.bits != 0))) }
	case event.Int:
		return protoInt(fd.Kind(), g, to)
	case event.Double:
		if fd.Kind() == protoreflect.FloatKind {
			return func(_ *protoReader, c *event.Column, v slot) {
				c.AppendFloat(canonical(float64(math.Float32frombits(uint32(v.bits)))))
			}
		}
		return func(_ *protoReader, c *event.Column, v slot) { c.AppendFloat(canonical(math.Float64frombits(v.bits))) }
	case event.String:
		if fd.Enum() != nil {
			return protoEnum(fd.Enum())
		}
	}
	return func(r *protoReader, c *event.Column, v slot) { r.append(c, v.data) }
}

func protoInt(kind protoreflect.Kind, g given, to event.Type) protoPut {
	put := intTo(to)
	read := func(bits uint64) int64 { return int64(bits) }
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		read = func(bits uint64) int64 { return int64(int32(bits)) }
	case protoreflect.Uint32Kind:
		read = func(bits uint64) int64 { return int64(uint32(bits)) }
	case protoreflect.Sint32Kind:
		read = func(bits uint64) int64 { return protowire.DecodeZigZag(bits & math.MaxUint32) }
	case protoreflect.Sint64Kind:
		read = protowire.DecodeZigZag
	}
	if g.digits != digitsU {
		return func(_ *protoReader, c *event.Column, v slot) { put(c, read(v.bits)) }
	}
	if to.Kind == event.Decimal {
		return func(_ *protoReader, c *event.Column, v slot) {
			d, _ := rescaled(event.Int128{Lo: v.bits}, to.Scale) // Its digits were counted.
			c.AppendDecimal(d)
		}
	}
	return func(r *protoReader, c *event.Column, v slot) {
		if v.bits > math.MaxInt64 {
			r.fail(errProtoUint)
		}
		put(c, int64(v.bits))
	}
}

// protoEnum appends the names of numbers.
func protoEnum(d protoreflect.EnumDescriptor) protoPut {
	names := map[int32][]byte{}
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		if n := int32(v.Number()); names[n] == nil {
			names[n] = []byte(v.Name())
		}
	}
	return func(r *protoReader, c *event.Column, v slot) {
		name := names[int32(v.bits)]
		if name == nil {
			r.fail(fmt.Errorf("%d is no value of enum %s; its schema is older than its writer", int32(v.bits), d.FullName()))
		}
		r.append(c, name)
	}
}

// protoPart reads a message that stands for a value of one part.
func protoPart(fd protoreflect.FieldDescriptor, g given, to event.Type) protoPut {
	asked := []event.Field{{Name: "value", Type: to}}
	if g.Kind == event.Timestamp {
		asked = []event.Field{{Name: "seconds", Type: event.Of(event.Int)}, {Name: "nanos", Type: event.Of(event.Int)}}
	}
	m := (&protoCompiler{new(misfits)}).message(fd.Message(), nil, place{}, asked)
	if g.Kind == event.Timestamp {
		return func(r *protoReader, c *event.Column, v slot) { r.instant(m, c, v.data) }
	}
	return func(r *protoReader, c *event.Column, v slot) {
		r.slots(m, v.data)
		f := m.fields[0]
		if !f.set {
			f.slot = f.fallback
		}
		if r.err == nil {
			f.put(r, c, f.slot)
		}
	}
}

// instant reads a Timestamp, floored to microseconds.
func (r *protoReader) instant(m *protoMessage, c *event.Column, data []byte) {
	r.slots(m, data)
	seconds, nanos := int64(m.fields[0].bits), int64(int32(m.fields[1].bits))
	at, ok := event.FloorTime(seconds, event.Second)
	switch {
	case !ok || at.Later(1_000_000) == event.MaxTime:
		r.fail(errInstant)
	case nanos < 0 || nanos >= 1_000_000_000:
		r.fail(errProtoTime)
	}
	c.AppendInt(int64(at.Later(max(nanos, 0) / 1000)))
}

// numberBits is a default as it would be written, without its tag.
func numberBits(fd protoreflect.FieldDescriptor, v protoreflect.Value) uint64 {
	switch fd.Kind() {
	case protoreflect.FloatKind:
		return uint64(math.Float32bits(float32(v.Float())))
	case protoreflect.DoubleKind:
		return math.Float64bits(v.Float())
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.EncodeZigZag(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return v.Uint()
	}
	return uint64(v.Int())
}
