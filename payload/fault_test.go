package payload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestPoison holds what is said of messages that cannot be read, and that it is
// theirs alone.
func TestPoison(t *testing.T) {
	_, registry := seeded(t)
	avroFile, protoFile := Options{Format: FormatAvro, Schema: "testdata/newest.avsc"}, Options{Format: FormatProtobuf, Schema: "testdata/event.binpb", Message: "Event"}
	framedAvro, framedProto := Options{Format: FormatAvro, Registry: registry}, Options{Format: FormatProtobuf, Registry: registry}
	debezium, framedDebezium := Options{Format: FormatJSON, Envelope: EnvelopeDebezium}, Options{Format: FormatAvro, Envelope: EnvelopeDebezium, Registry: registry}
	field := func(n protowire.Number, wire protowire.Type, value string) string {
		return string(append(protowire.AppendTag(nil, n, wire), value...))
	}
	for _, c := range []struct {
		o             Options
		field         string
		message, want string
	}{
		{Options{Format: FormatJSON}, "id string", "", "it is empty"},
		{Options{Format: FormatJSON}, "id string", "\x00\x00\x00\x00\x05{}", "its JSON is wrong: at byte 1 is `·····{}`, where a value should be; it begins with a zero byte, as messages do whose schema stands in a registry: name the registry, if it has one"},
		{Options{Format: FormatJSON}, "n int", `{"n":1.5}`, "column n: `1.5` is no int64"},
		{framedAvro, "id string", `{"id":"a"}`, "it begins with '{': it is plain JSON; say format: json, and no registry"},
		{framedAvro, "id string", "\xc3\x01abcdefgh", "it begins with C3 01: it is a single object of Avro"},
		{framedAvro, "id string", "\x07abc", "it begins with byte 7 and not with 0, so that it was not written through the registry"},
		{framedAvro, "id string", "\x00\x00", "it has 2 bytes, and a schema's id alone takes 5"},
		{framedAvro, "id string", "\x00\x00\x00\x00\x03", "of schema 3: column id: its Avro ends too early"},
		{avroFile, "id string", "\x02a\x00" + strings.Repeat("\x00", 10) + "zz", "2 bytes follow its end"},
		{avroFile, "id string", "\x40a", "column id: it has a length that it is too short for"},
		{avroFile, "id string", "\x02\xff\x00", "column id: it has a text that is not UTF-8"},
		{avroFile, "note string", "\x00\x00" + strings.Repeat("\x00", 9) + "\x04", "column note: it has a branch or a symbol that its schema has not"},
		{protoFile, "id string", "\x0a\x09a", "column id: its Protobuf is damaged or ends too early"},
		{protoFile, "id string", "\x08\x01", "column id: field id is written as another type than its schema says"},
		{protoFile, "id string", "\x0a\x01\xff", "column id: it has a text that is not UTF-8"},
		{protoFile, "kind string", field(16, protowire.VarintType, "\x09"), "column kind: 9 is no value of enum acme.Event.Kind; its schema is older than its writer"},
		{protoFile, "u64 int", field(5, protowire.VarintType, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "column u64: it has an integer beyond 9223372036854775807"},
		{protoFile, "at timestamp", field(17, protowire.BytesType, "\x06\x10\x80\x94\xeb\xdc\x03"), "column at: it has a Timestamp whose nanoseconds are not below a second"},
		{Options{Format: FormatProtobuf, Schema: "testdata/old.proto", Message: "Old"}, "id string", "\x10\x01", "column id: field id is required and absent"},
		{framedProto, "id string", "\x00\x00\x00\x00\x04\x80", "it does not say which message of its schema it is"},
		{framedProto, "id string", "\x00\x00\x00\x00\x04\x02\x08", "schema 4 has no message [4]"},
		{framedProto, "id string", "\x00\x00\x00\x00\x04\x02\x02\x08\x01", "of schema 4: column id: field id is written"},
		{debezium, "id int", `{"id":1}`, "it is no envelope of Debezium: it has no op; leave out the envelope if its rows come without"},
		{debezium, "id int", `[1]`, "`[1]` is no object"},
		{debezium, "id int", `{"op":"u","before":{"id":1},"after":null}`, "its after is null, and its op says that there is a row"},
		{debezium, "id int", `{"op":"d","before":null}`, "it deletes a row and its before is null; let the database tell it, such as by replica identity full"},
		{debezium, "id int", `{"op":"t"}`, "its op is t: the table was truncated, and which rows it had is not known here"},
		{debezium, "id int", `{"op":"x"}`, "its op is `x`; an envelope of Debezium has c, r, u or d"},
		{debezium, "id int", `{"op":"c","after":{"id":1},"ts_ms":"soon"}`, "its ts_ms is `\"soon\"`, and no integer"},
		{debezium, "id int", `{"op":"c","op":"c","after":{"id":1}}`, "a name stands twice in one object (`op`)"},
		{debezium, "_source_ts timestamp", `{"op":"c","after":{},"source":{"ts_ms":9223372036854775807}}`, "it has an instant beyond those of 64 bits of microseconds"},
		{framedDebezium, "id int", "\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x02d\x00", "of schema 6: it deletes a row and its before is null"},
	} {
		d, err := New(t.Context(), c.o, fieldsOf(c.field))
		if err != nil {
			t.Fatalf("%+v: %v", c.o, err)
		}
		err = d.Append(t.Context(), []byte(c.message))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !Poison(err) {
			t.Errorf("%s, %q:\n%v, want\n%s", c.o.Format, c.message, err, c.want)
		}
		if n := d.Columns()[0].Len(); n != 0 {
			t.Errorf("%q leaves %d rows", c.message, n)
		}
	}
}

// TestMisfits holds what is said where a schema does not give what is asked for.
func TestMisfits(t *testing.T) {
	_, registry := seeded(t)
	event1, newest := Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, Options{Format: FormatAvro, Registry: registry, Subject: "payment-value"}
	protoFile := Options{Format: FormatProtobuf, Schema: "testdata/event.binpb", Message: "Event"}
	for _, c := range []struct {
		o      Options
		fields []string
		want   string // "" is none
	}{
		{event1, []string{"l money"}, "field l: it is int64 in schema testdata/event.avsc, and decimal(12,2) is asked for; declare it so"},
		{event1, []string{"l double"}, "field l: it is int64 in"}, {event1, []string{"i double", "f double", "amount wider", "day timestamp"}, ""},
		{event1, []string{"l timestamp"}, "declare it int64, and make the instant of it in a field of its own, such as to_timestamp_ms(x)"},
		{event1, []string{"d money"}, "declare it double: a decimal would be rounded"},
		{event1, []string{"mixed string"}, "field mixed: it is null or int64 or int64 in schema testdata/event.avsc, and string is asked for"},
		{event1, []string{"clock timestamp"}, "field clock: it is int64 in"},
		{event1, []string{"big money"}, "field big: it is decimal(38,10) in"},
		{event1, []string{"place spot"}, "field place.lon: schema testdata/event.avsc has no such field; do without it, or write it. field place.name: "},
		{event1, []string{"idd string", "kindd string"}, "field idd: schema testdata/event.avsc has no such field; did you mean id?. field kindd: "},
		{newest, []string{"gone string"}, "field gone: schema 3 of payment-value (acme.Payment) has no such field, and the newest schema gives no default for it"},
		{protoFile, []string{"u64 wider"}, "field u64: it is int64 in schema testdata/event.binpb, and decimal(20,4) is asked for"},
		{protoFile, []string{"u64 unsigned", "i32 double", "u32 double"}, ""},
		{protoFile, []string{"extra string"}, "field extra: it is message google.protobuf.Struct in"},
		{protoFile, []string{"words string"}, "field words: it is a list of string in"}, {protoFile, []string{"counts ints"}, "field counts: it is a map from string to int64 in"},
		{protoFile, []string{"wordz strings"}, "field wordz: schema testdata/event.binpb has no such field; did you mean words?"},
		{Options{Format: FormatAvro, Registry: registry, Subject: "payment-value", Envelope: EnvelopeDebezium}, []string{"id string"}, "field op: schema 3 of payment-value (acme.Payment) is no envelope of Debezium"},
		{Options{Format: FormatJSON, Envelope: EnvelopeDebezium}, []string{"_ts int"}, "field _ts of the envelope is timestamp, and int64 is asked for; declare it so"},
		{Options{Format: FormatJSON, Registry: registry, Subject: "json-value"}, []string{"idd string"}, "field idd: schema 5 of json-value has no such property, and allows no others; did you mean id?"},
		{Options{Format: "xml"}, nil, "there is no format xml; formats are json, avro and protobuf"},
		{Options{Format: FormatAvro}, nil, "format avro needs a schema; name a registry, or a schema file"},
		{Options{Format: FormatAvro, Schema: "x", Registry: registry}, nil, "a registry and a schema file are both named"},
		{Options{Format: FormatJSON, Schema: "x"}, nil, "json needs no schema file"}, {Options{Format: FormatJSON, Subject: "x"}, nil, "a subject is named without a registry"},
		{Options{Format: FormatProtobuf, Schema: "x", Envelope: EnvelopeDebezium}, nil, "an envelope of debezium is read from json and avro"}, {Options{Format: FormatJSON, Envelope: "x"}, nil, "there is no envelope x"},
		{Options{Format: FormatJSON, Message: "x"}, nil, "message and imports belong to format protobuf"},
		{event1, []string{"place.lat double", "place.lon double"}, "field place.lon: schema testdata/event.avsc has no such field"},
		{event1, []string{"place place", "place.lat double"}, "field place.lat is of place, which is asked for as a whole besides"}, {event1, []string{"place.lat double", "place place"}, "field place is asked for twice, or by its fields besides"},
		{event1, []string{"id string", "id string"}, "field id is asked for twice"},
		{Options{Format: FormatAvro, Schema: "testdata/none.avsc"}, nil, "schema testdata/none.avsc: no such file or directory"},
		{Options{Format: FormatAvro, Schema: "testdata/event.proto"}, nil, "schema testdata/event.proto: "},
		{Options{Format: FormatProtobuf, Schema: "testdata/event.avsc"}, nil, "schema testdata/event.avsc: it is no set of descriptors"},
		{Options{Format: FormatProtobuf, Schema: "testdata/event.proto"}, nil, "schema testdata/event.proto: event.proto:7:8: "},
		{Options{Format: FormatProtobuf, Schema: "testdata/event.binpb"}, nil, "schema testdata/event.binpb: it has several messages ("},
		{Options{Format: FormatProtobuf, Schema: "testdata/old.proto", Message: "Odl"}, nil, "schema testdata/old.proto: it has no message Odl; "},
	} {
		_, err := New(t.Context(), c.o, fieldsOf(c.fields...))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s of %s%s:\n%v, want\n%s", c.fields, c.o.Schema, c.o.Subject, err, c.want)
		}
		var list Misfits
		if len(c.fields) == 2 && strings.Contains(c.want, ". field") && (!errors.As(err, &list) || len(list) != 2) {
			t.Errorf("%s: %v", c.fields, err)
		}
	}
}

// TestLostField holds that a writer's schema that lost a field stops the run, and is
// named.
func TestLostField(t *testing.T) {
	_, registry := seeded(t)
	d, err := New(t.Context(), Options{Format: FormatAvro, Registry: registry}, fieldsOf("country string"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range readGolden(t, "registry_evolved") {
		err := d.Append(t.Context(), g.message)
		if old := g.message[4] == 2; old != (err != nil) || old && (Poison(err) || !strings.Contains(err.Error(), "field country: schema 2 (acme.Payment) has no such field")) {
			t.Fatalf("schema %d: %v", g.message[4], err)
		}
	}
}

// TestSchema holds what schemas give, each field in its column's type.
func TestSchema(t *testing.T) {
	_, registry := seeded(t)
	for _, c := range []struct {
		o            Options
		fields, left string
	}{
		{Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, "id: string, i: int64, l: int64, f: double, d: double, o: bool, raw: bytes, kind: string, fix: bytes, amount: decimal(12,2), big: decimal(38,10), day: date, ms: timestamp, us: timestamp, local: timestamp, clock: int64, uid: string, perhaps: string, mixed: int64, list: list<int64>, map: map<string, int64>",
			"field tree: it holds record acme.Tree, which holds itself; declare it, down to the depth that is needed. field place: it holds record acme.Tree, which holds itself"},
		{Options{Format: FormatAvro, Registry: registry, Subject: "account-value", Envelope: EnvelopeDebezium}, "id: int64, tier: string, at: timestamp, _op: string, _source_ts: timestamp, _ts: timestamp", ""},
		{Options{Format: FormatProtobuf, Registry: registry, Subject: "proto-value", Message: "acme.Event"}, "id: string, i32: int64, i64: int64, u32: int64, u64: int64, s32: int64, s64: int64, f32: int64, f64: int64, sf32: int64, sf64: int64, real: double, wide: double, flag: bool, raw: bytes, kind: string, at: timestamp, perhaps: int64, note: string, maybe: int64, numbers: list<int64>, words: list<string>, counts: map<string, int64>, places: map<int64, struct<lat: double, lon: double, name: string, seen: list<bool>>>",
			"field tree: it holds message acme.Event.Tree, which holds itself; declare it, down to the depth that is needed. field extra: it is message google.protobuf.Struct, which no column holds"},
		{Options{Format: FormatJSON, Registry: registry, Subject: "json-value"}, "at: timestamp, id: string, l: list<double>, n: int64, r: struct<y: bool>", "field x: its schema does not say one type; declare it"},
	} {
		fields, left, err := Schema(t.Context(), c.o)
		if err != nil {
			t.Fatal(err)
		}
		got := event.StructOf(fields...).String()
		if !strings.HasPrefix(got, "struct<"+c.fields) || !strings.HasPrefix(left.Error(), c.left) || c.left == "" && len(left) > 0 {
			t.Errorf("%s and\n%s, want\n%s and\n%s", got, left, c.fields, c.left)
		}
		if _, err := New(t.Context(), c.o, fields); err != nil {
			t.Errorf("what the schema gives does not fit it: %v", err)
		}
	}
	for _, o := range []Options{{Format: FormatJSON}, {Format: FormatAvro, Registry: registry}, {Format: FormatAvro, Registry: registry, Subject: "payment-value", Envelope: EnvelopeDebezium}, {}} {
		if fields, _, err := Schema(t.Context(), o); err == nil {
			t.Errorf("%+v gives %v", o, fields)
		}
	}
}

// TestFramedJSON reads JSON of two schemas in turn: absent fields are null, whichever
// schema they are of.
func TestFramedJSON(t *testing.T) {
	fake, registry := seeded(t)
	fake.SeedSchema("json-value", 2, 7, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object"}`})
	d, err := New(t.Context(), Options{Format: FormatJSON, Registry: registry, Subject: "json-value"}, fieldsOf("id string", "n int"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		id := []byte{0, 0, 0, 0, []byte{5, 7, 7}[i%3]}
		if err := d.Append(t.Context(), append(id, []string{`{"n":1}`, `{"id":"a"}`, `{}`, `{"id":"b","n":2}`}[i%4]...)); err != nil {
			t.Fatal(err)
		}
		want := []string{`{"id":null,"n":1}`, `{"id":"a","n":null}`, `{"id":null,"n":null}`, `{"id":"b","n":2}`}[i%4]
		same(t, d, fieldsOf("id string", "n int"), want)
	}
}

// TestWideSchema holds that a few names do not make a type of a thousand million
// parts.
func TestWideSchema(t *testing.T) {
	inner := `"string"`
	for i := range 30 {
		inner = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"R%d"}]}`, i+1, inner, i)
		if i == 0 {
			inner = `{"type":"record","name":"R1","fields":[{"name":"a","type":"string"},{"name":"b","type":"string"}]}`
		}
	}
	path := filepath.Join(t.TempDir(), "wide.avsc")
	if err := os.WriteFile(path, []byte(inner), 0o600); err != nil {
		t.Fatal(err)
	}
	_, left, err := Schema(t.Context(), Options{Format: FormatAvro, Schema: path})
	if err != nil || !strings.Contains(left.Error(), "its type has too many parts") {
		t.Errorf("%v %v", left, err)
	}
}

// TestAvroBounds holds messages that say more than they have.
func TestAvroBounds(t *testing.T) {
	for name, c := range map[string]struct{ schema, message, want string }{
		"nulls":   {`{"type":"array","items":"null"}`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "it has a length that it is too short for"},
		"strings": {`{"type":"array","items":"string"}`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "its Avro ends too early"},
		"least":   {`{"type":"array","items":"null"}`, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", "it has a length that it is too short for"},
		"deep":    {`{"type":"record","name":"T","fields":[{"name":"t","type":["null","T"]}]}`, strings.Repeat("\x02", 5000) + "\x00", "its records are nested too deep"},
		"int":     {`"int"`, "\x80\x80\x80\x80\x10", "it has an integer outside its type"},
		"long":    {`"long"`, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "it has an integer outside its type"},
		"boolean": {`"boolean"`, "\x02", "it has a boolean that is neither 0 nor 1"},
	} {
		record, err := parseAvro(`{"type":"record","name":"R","fields":[{"name":"x","type":`+c.schema+`}]}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		compiler := &avroCompiler{misfits: new(misfits)}
		if err := compiler.row(record, nil, nil).append([]byte(c.message)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestInt128 reads integers of any length.
func TestInt128(t *testing.T) {
	for text, want := range map[string]string{"": "0", "\x00": "0", "\xff": "-1", "\x80": "-128", "\x7f": "127", "\x00\x80": "128", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80": "-128", "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00": "18446744073709551616",
		"\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": "!", "\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": "!"} {
		got := "!"
		if v, ok := int128([]byte(text)); ok {
			got = v.Text(0)
		}
		if got != want {
			t.Errorf("%x is %s, want %s", text, got, want)
		}
	}
}
