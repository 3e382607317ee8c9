package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// goldens are the messages of a file as seeds.
func goldens(f *testing.F, name string) {
	f.Helper()
	for i, g := range readGolden(f, name) {
		if i < 12 {
			f.Add(g.message)
		}
	}
}

// whole appends a message twice and holds that it becomes a row each time, or none.
func whole(t *testing.T, d Decoder, message []byte) error {
	t.Helper()
	d.Begin()
	err := d.Append(t.Context(), message)
	again := d.Append(t.Context(), message)
	if (err == nil) != (again == nil) {
		t.Fatalf("%x: first %v, then %v", message, err, again)
	}
	rows := 0
	if err == nil {
		rows = 2
	}
	for _, c := range d.Columns() {
		if c.Len() != rows {
			t.Fatalf("%x: %d rows, not %d (%v)", message, c.Len(), rows, err)
		}
		if rows == 2 && event.Compare(&c, 0, &c, 1) != 0 {
			t.Fatalf("%x: read otherwise the second time", message)
		}
	}
	if err != nil && !Poison(err) {
		t.Fatalf("%x: a fault that is not its own: %v", message, err)
	}
	return err
}

// FuzzAvro reads any bytes as Avro. What is read the library reads too, and what it
// refuses is refused.
func FuzzAvro(f *testing.F) {
	goldens(f, "avro")
	s := avro.MustParse(text(f, "event.avsc"))
	d, err := New(f.Context(), Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, avroFields)
	if err != nil {
		f.Fatal(err)
	}
	few, err := New(f.Context(), Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, avroFields[3:4])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		mine := whole(t, d, message)
		if passed := whole(t, few, message); mine == nil && passed != nil {
			t.Fatalf("%x: whole it is read, and of one field: %v", message, passed)
		}
		if mine != nil {
			return
		}
		var into any
		if rest, err := s.Decode(message, &into); err != nil || len(rest) > 0 {
			t.Fatalf("%x: read, and not by the library: %v", message, err)
		}
	})
}

// FuzzProtobuf reads any bytes as Protobuf. What is read the library reads too, and
// as the same. It does not look into fields that are not asked for, so that its
// schema has not those either.
func FuzzProtobuf(f *testing.F) {
	goldens(f, "protobuf")
	goldens(f, "protobuf_joined")
	source := text(f, "event.proto")
	for _, pair := range [][2]string{{"Tree tree = 30;", ""}, {"google.protobuf.Struct extra = 31;", ""}, {"acme.Place by_place", "bytes by_place"}} {
		source = strings.Replace(source, pair[0], pair[1], 1)
	}
	file, err := compileProto(f.Context(), "event.proto", map[string]string{"event.proto": source, "place.proto": text(f, "imports/place.proto")})
	if err != nil {
		f.Fatal(err)
	}
	m := file.Messages().ByName("Event")
	d, err := New(f.Context(), Options{Format: FormatProtobuf, Schema: "testdata/event.binpb", Message: "Event"}, protoFields)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if whole(t, d, message) != nil {
			return
		}
		want := dynamicpb.NewMessage(m)
		if err := proto.Unmarshal(message, want); err != nil {
			t.Fatalf("%x: read, and not by the library: %v", message, err)
		}
		columns := d.Columns()
		for i, field := range protoFields {
			fd := m.Fields().ByName(protoreflect.Name(field.Name))
			sameProto(t, &columns[i], fd, want)
		}
	})
}

// sameProto holds a column's first row against the library's message, where it is of
// integers or text.
func sameProto(t *testing.T, c *event.Column, fd protoreflect.FieldDescriptor, m protoreflect.Message) {
	t.Helper()
	got, want := "", ""
	switch {
	case fd.IsList() && fd.Kind() == protoreflect.Int64Kind:
		for i := range m.Get(fd).List().Len() {
			want += fmt.Sprint(m.Get(fd).List().Get(i).Int(), " ")
		}
		for _, v := range c.Elem.Ints[:c.Offsets[1]] {
			got += fmt.Sprint(v, " ")
		}
	case fd.IsList() || fd.IsMap() || fd.Message() != nil || fd.Enum() != nil || fd.Kind() == protoreflect.FloatKind || fd.Kind() == protoreflect.DoubleKind || fd.Kind() == protoreflect.BytesKind:
		return
	case fd.HasPresence() && !m.Has(fd):
		got, want = fmt.Sprint(c.IsNull(0)), "true"
	case fd.Kind() == protoreflect.StringKind:
		got, want = string(c.Text(0)), m.Get(fd).String()
	case fd.Kind() == protoreflect.BoolKind:
		got, want = fmt.Sprint(c.Ints[0] == 1), fmt.Sprint(m.Get(fd).Bool())
	default:
		got, want = fmt.Sprint(c.Ints[0]), fmt.Sprint(m.Get(fd).Interface())
	}
	if got != want {
		t.Fatalf("%s is %s, and %s by the library", fd.Name(), got, want)
	}
}

// FuzzFramed reads any bytes in the wire format of a registry.
func FuzzFramed(f *testing.F) {
	_, registry := seeded(f)
	var all []Decoder
	for _, c := range []struct {
		o      Options
		fields event.Schema
		golden string
	}{
		{Options{Format: FormatAvro, Registry: registry, Subject: "payment-value"}, evolvedFields, "registry_evolved"},
		{Options{Format: FormatAvro, Registry: registry, Subject: "account-value", Envelope: EnvelopeDebezium}, debeziumFields, "registry_debezium"},
		{Options{Format: FormatProtobuf, Registry: registry, Subject: "proto-value", Message: "Event"}, protoFields, "registry_protobuf"},
	} {
		d, err := New(f.Context(), c.o, c.fields)
		if err != nil {
			f.Fatal(err)
		}
		goldens(f, c.golden)
		all = append(all, d)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, d := range all {
			d.Begin()
			err := d.Append(t.Context(), message)
			var out *outside
			if errors.As(err, &out) {
				continue // A schema of another format, or without the fields.
			}
			whole(t, d, message)
		}
	})
}

// FuzzDebezium reads any bytes as an envelope of JSON.
func FuzzDebezium(f *testing.F) {
	goldens(f, "debezium")
	f.Add([]byte(`{"payload":{"op":"d","before":{"id":1},"ts_ms":1e3}}`))
	d, err := New(f.Context(), Options{Format: FormatJSON, Envelope: EnvelopeDebezium}, debeziumFields)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if whole(t, d, message) == nil && !json.Valid(message) {
			t.Fatalf("%q is read and no JSON", message)
		}
	})
}

// FuzzSchemas reads any text as a schema: never a panic, and what is typed can be
// compiled.
func FuzzSchemas(f *testing.F) {
	for _, name := range []string{"event.avsc", "newest.avsc", "change.avsc"} {
		f.Add(text(f, name))
	}
	f.Add(`{"type":["null",{"type":"array","items":{"type":"string","format":"date"}}],"properties":{"a":{"oneOf":[{"type":"null"},{"type":"integer"}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if record, err := parseAvro(text, nil); err == nil && record.kind == "record" {
			s := &schema{says: "schema", avro: record}
			fields, _, err := s.fields(false)
			if err != nil {
				t.Fatal(err)
			}
			c := &avroCompiler{misfits: new(misfits)}
			r := c.row(record, nil, columnsOf(fields))
			if c.err() != nil {
				t.Fatalf("%s is typed and does not fit: %v", text, c.err())
			}
			r.append([]byte{0, 0, 0})
		}
		if s, err := parseJSONSchema(text); err == nil {
			s.columnType()
			(&schema{says: "schema", json: s}).fields(false)
		}
	})
}
