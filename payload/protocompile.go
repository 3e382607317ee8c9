package payload

import (
	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoMessage reads the messages of one type at one place. As places are those of
// the columns, each is read by one call at a time and keeps its slots itself.
type protoMessage struct {
	dense  []*protoField // by number
	sparse map[protowire.Number]*protoField
	fields []*protoField // that are asked for
	outer  bool          // its columns are those of the reader

	columns []event.Column // where what is being read goes
	oneofs  [][]*protoField
}

// denseMost is the highest number that is looked up in a slice.
const denseMost = 255

// protoField is a field that is asked for, or one of a oneof of which another is.
type protoField struct {
	name     string
	wire     protowire.Type
	kind     protoreflect.Kind
	repeated bool
	packable bool
	required bool
	oneof    int // 1 + its place; 0: none
	column   int // of the message's columns; -1: it is not asked for
	put      protoPut
	elem     protoPut      // of a list
	entry    *protoMessage // of a map: key and value
	entries  event.Column
	fallback slot // its default; not set: an absent field is null
	used     bool // entries holds something

	slot // of the message that is being read
}

// slot is the last value that came of a field.
type slot struct {
	set  bool
	bits uint64
	data []byte
}

// protoPut appends a value to a column.
type protoPut func(r *protoReader, c *event.Column, v slot)

// protoCompiler makes of a message's descriptor what reads its bytes.
type protoCompiler struct{ *misfits }

// message compiles a message for the columns called names, of the types to. newest
// is the descriptor that says what fields are that this one has not; it may be nil.
func (c *protoCompiler) message(d, newest protoreflect.MessageDescriptor, p place, asked []event.Field) *protoMessage {
	m := &protoMessage{sparse: map[protowire.Number]*protoField{}}
	for i, a := range asked {
		inner := p.field(a.Name, a.Type)
		fd := d.Fields().ByName(protoreflect.Name(a.Name))
		if fd == nil {
			m.fields = append(m.fields, c.absent(d, newest, inner, i))
			continue
		}
		f := c.field(fd, newestField(newest, a.Name), inner)
		f.column = i
		m.fields = append(m.fields, f)
		m.put(fd.Number(), f)
	}
	for i := range d.Oneofs().Len() {
		m.oneof(d.Oneofs().Get(i))
	}
	return m
}

// newestField is the field of the newest descriptor so called, or nil.
func newestField(newest protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if newest == nil {
		return nil
	}
	return newest.Fields().ByName(protoreflect.Name(name))
}

// put makes a field known by its number.
func (m *protoMessage) put(n protowire.Number, f *protoField) {
	if n > denseMost {
		m.sparse[n] = f
		return
	}
	for int(n) >= len(m.dense) {
		m.dense = append(m.dense, nil)
	}
	m.dense[n] = f
}

// oneof makes known which fields a field of a oneof takes away when it comes, if
// one of them is asked for.
func (m *protoMessage) oneof(of protoreflect.OneofDescriptor) {
	fields := of.Fields()
	asked := false
	for i := range fields.Len() {
		asked = asked || m.byNumber(fields.Get(i).Number()) != nil
	}
	if of.IsSynthetic() || !asked {
		return
	}
	members := make([]*protoField, fields.Len())
	m.oneofs = append(m.oneofs, members)
	for i := range members {
		fd := fields.Get(i)
		f := m.byNumber(fd.Number())
		if f == nil {
			f = &protoField{name: string(fd.Name()), column: -1, kind: fd.Kind(), wire: wireOf(fd.Kind())}
			m.put(fd.Number(), f)
		}
		members[i], f.oneof = f, len(m.oneofs)
	}
}

// byNumber finds a field, or nil.
func (m *protoMessage) byNumber(n protowire.Number) *protoField {
	if int(n) < len(m.dense) {
		return m.dense[n]
	}
	if n <= denseMost {
		return nil
	}
	return m.sparse[n]
}

// absent is a field that a writer's message has not.
func (c *protoCompiler) absent(d, newest protoreflect.MessageDescriptor, p place, column int) *protoField {
	if fd := newestField(newest, string(protoreflect.FullName(p.path).Name())); fd != nil {
		f := c.field(fd, nil, p)
		f.column, f.required = column, false
		return f
	}
	problem := c.of + " has no such field, nor has the newest schema"
	if newest == nil {
		problem = c.of + " has no such field"
	}
	c.add(p.path, problem, protoMeant(string(protoreflect.FullName(p.path).Name()), d))
	return &protoField{column: column}
}

func protoMeant(name string, d protoreflect.MessageDescriptor) string {
	var names []string
	for i := range d.Fields().Len() {
		names = append(names, string(d.Fields().Get(i).Name()))
	}
	if near := event.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "do without it, or write it"
}

// field compiles a field for a place.
func (c *protoCompiler) field(fd, newest protoreflect.FieldDescriptor, p place) *protoField {
	f := &protoField{name: string(fd.Name()), wire: wireOf(fd.Kind()), kind: fd.Kind(), required: fd.Cardinality() == protoreflect.Required}
	switch {
	case fd.IsMap():
		if p.to.Kind != event.Map {
			c.other(p.path, protoSays(fd), p.to)
			return f
		}
		f.repeated = true
		f.entries = event.Make(*p.to.Elem)
		f.entry = c.message(fd.Message(), nil, p, p.to.Elem.Fields)
		for _, part := range f.entry.fields { // A key or value that does not come is its default.
			part.fallback.set = true
		}
	case fd.IsList():
		if p.to.Kind != event.List {
			c.other(p.path, protoSays(fd), p.to)
			return f
		}
		f.repeated = true
		f.packable = f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
		f.elem = c.value(fd, newest, place{p.path, *p.to.Elem})
	default:
		f.put = c.value(fd, newest, p)
		f.fallback = fallback(fd)
	}
	return f
}

// fallback is what a field is that does not come: its default. set is false: null.
func fallback(fd protoreflect.FieldDescriptor) slot {
	if fd.HasPresence() && !fd.HasDefault() || fd.Message() != nil {
		return slot{}
	}
	s := slot{set: true}
	v := fd.Default()
	switch fd.Kind() {
	case protoreflect.StringKind:
		s.data = []byte(v.String())
	case protoreflect.BytesKind:
		s.data = v.Bytes()
	case protoreflect.EnumKind:
		s.bits = uint64(v.Enum())
	case protoreflect.BoolKind:
		s.bits = protowire.EncodeBool(v.Bool())
	default:
		s.bits = numberBits(fd, v)
	}
	return s
}

// value compiles one value: a field's, or an element's of a list.
func (c *protoCompiler) value(fd, newest protoreflect.FieldDescriptor, p place) protoPut {
	g, ok := protoScalar(fd)
	if ok {
		if !g.widens(p.to) {
			c.other(p.path, protoSays(fd), p.to)
			return nil
		}
		return protoSingle(fd, g, p.to)
	}
	if fd.Kind() == protoreflect.GroupKind || foreign(fd.Message()) || p.to.Kind != event.Struct {
		c.other(p.path, protoSays(fd), p.to)
		return nil
	}
	var inner protoreflect.MessageDescriptor
	if newest != nil {
		inner = newest.Message()
	}
	m := c.message(fd.Message(), inner, p, p.to.Fields)
	return func(r *protoReader, col *event.Column, v slot) {
		r.message(m, v.data, col.Fields)
		col.Rows++
		col.NotNull()
	}
}

// wireOf is how values of a kind are written.
func wireOf(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}
