package payload

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schema is one schema, of one of the formats. It is read and never changed, so
// that decoders may share it.
type schema struct {
	says    string // as sentences name it
	avro    *avroType
	file    protoreflect.FileDescriptor
	message protoreflect.MessageDescriptor
	json    *jsonSchema
}

// loadSchema reads the schema of a file.
func loadSchema(ctx context.Context, o *Options) (*schema, error) {
	s := &schema{says: "schema " + o.Schema}
	if o.Format == FormatProtobuf {
		var err error
		s.message, err = loadProto(ctx, o)
		return s, err
	}
	text, err := os.ReadFile(o.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", o.Schema, errors.Unwrap(err))
	}
	if s.avro, err = parseAvro(string(text), nil); err != nil {
		return nil, fmt.Errorf("schema %s: %w", o.Schema, err)
	}
	return s, nil
}

// at is the schema of the message at a place in its file; nil: it is the schema.
func (s *schema) at(path []int) (*schema, error) {
	if path == nil {
		return s, nil
	}
	all := s.file.Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range path {
		if i >= all.Len() {
			return nil, fmt.Errorf("%s has no message %v", s.says, path)
		}
		m = all.Get(i)
		all = m.Messages()
	}
	c := *s
	c.message, c.says = m, fmt.Sprintf("%s (%s)", s.says, m.FullName())
	return &c, nil
}

// compile makes of a schema what reads its messages.
func (d *decoder) compile(s *schema) (rows, error) {
	found := &misfits{of: s.says}
	var made rows
	switch d.Format {
	case FormatJSON:
		s.json.check(found, d)
		made = d.jsonRows()
	case FormatProtobuf:
		fields := make([]event.Field, len(d.own))
		for i, c := range d.own {
			fields[i] = event.Field{Name: c.Name, Type: c.Values.Type}
		}
		var newest protoreflect.MessageDescriptor
		if d.newest != nil {
			newest = d.newest.message
		}
		c := &protoCompiler{found}
		made = newProtoRow(c.message(s.message, newest, place{}, fields), d.own)
	default:
		made = d.compileAvro(s, found)
	}
	return made, found.err()
}

func (d *decoder) compileAvro(s *schema, found *misfits) rows {
	record, newest := s.avro, (*avroType)(nil)
	if d.newest != nil {
		newest = d.newest.avro
	}
	if record.kind != "record" {
		found.add("", s.says+" is "+record.says()+" and no record", "messages are records, one field a column")
		return nil
	}
	c := &avroCompiler{misfits: found}
	if d.change != nil {
		return c.change(record, newest, d)
	}
	return c.row(record, newest, d.own)
}

// Schema is the fields that a schema gives, the newest of the registry's subject or
// that of the file, each in the type that its column has. left are those that no
// column holds, and why.
func Schema(ctx context.Context, o Options) (fields event.Schema, left Misfits, err error) {
	if err := o.Check(); err != nil {
		return nil, nil, err
	}
	var s *schema
	switch {
	case o.Registry == nil && o.Format == FormatJSON:
		return nil, nil, errors.New("json without a registry has no schema; name its fields")
	case o.Registry != nil && o.Subject == "":
		return nil, nil, errors.New("the registry's subject is not named; name it, such as payments-value")
	case o.Registry != nil:
		s, err = o.Registry.newest(ctx, &o)
	default:
		s, err = loadSchema(ctx, &o)
	}
	if err != nil {
		return nil, nil, err
	}
	fields, left, err = s.fields(o.Envelope != "")
	if err == nil && o.Envelope != "" {
		fields = append(fields, ChangeFields...)
	}
	return fields, left, err
}

// fields are what s gives.
func (s *schema) fields(enveloped bool) (fields event.Schema, left Misfits, err error) {
	add := func(name string, t event.Type, why string) {
		if why != "" {
			left = append(left, Misfit{Field: name, Problem: why})
			return
		}
		fields = append(fields, event.Field{Name: name, Type: t})
	}
	switch {
	case s.avro != nil:
		record := s.avro
		if enveloped {
			record = record.fieldType("after").record()
		}
		if record == nil || record.kind != "record" {
			return nil, nil, fmt.Errorf("%s is no record%s", s.says, map[bool]string{true: " in an envelope of Debezium"}[enveloped])
		}
		for _, f := range record.fields {
			t, why := f.typ.columnType(new(typing[*avroType]))
			add(f.name, t, why)
		}
	case s.message != nil:
		all := s.message.Fields()
		for i := range all.Len() {
			t, why := protoType(all.Get(i), &typing[protoreflect.FullName]{within: []protoreflect.FullName{s.message.FullName()}})
			add(string(all.Get(i).Name()), t, why)
		}
	default:
		object := s.json
		if enveloped {
			object = object.property("after")
		}
		for _, name := range object.names() {
			t, why := object.property(name).columnType()
			add(name, t, why)
		}
	}
	return fields, left, nil
}
