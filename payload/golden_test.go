package payload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// golden is a message as another implementation wrote it, and its row as JSON.
type golden struct {
	message []byte
	row     string
}

// readGolden reads a file that testdata/write.py wrote.
func readGolden(t testing.TB, name string) (all []golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, row, _ := strings.Cut(lines.Text(), "\t")
		message, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, golden{message, row})
	}
	if len(all) < 5 {
		t.Fatalf("%s has %d messages", name, len(all))
	}
	return all
}

// fieldsOf are fields by "name type"; types are those of wantTypes.
func fieldsOf(list ...string) (fields event.Schema) {
	for _, one := range list {
		name, kind, _ := strings.Cut(one, " ")
		fields = append(fields, event.Field{Name: name, Type: wantTypes[kind]})
	}
	return fields
}

var (
	placeType = event.StructOf(event.Field{Name: "lat", Type: event.Of(event.Double)}, event.Field{Name: "names", Type: event.ListOf(event.Of(event.String))})
	spotType  = event.StructOf(event.Field{Name: "lat", Type: event.Of(event.Double)}, event.Field{Name: "lon", Type: event.Of(event.Double)}, event.Field{Name: "name", Type: event.Of(event.String)}, event.Field{Name: "seen", Type: event.ListOf(event.Of(event.Bool))})
	wantTypes = map[string]event.Type{"int": event.Of(event.Int), "double": event.Of(event.Double), "string": event.Of(event.String), "bytes": event.Of(event.Bytes), "bool": event.Of(event.Bool), "date": event.Of(event.Date),
		"timestamp": event.Of(event.Timestamp), "money": event.DecimalOf(12, 2), "wider": event.DecimalOf(20, 4), "unsigned": event.DecimalOf(20, 0), "big": event.DecimalOf(38, 10), "ints": event.ListOf(event.Of(event.Int)), "strings": event.ListOf(event.Of(event.String)),
		"bools": event.ListOf(event.Of(event.Bool)), "counts": event.MapOf(event.Of(event.String), event.Of(event.Int)), "tags": event.MapOf(event.Of(event.String), event.Of(event.String)),
		"place": placeType, "places": event.ListOf(placeType), "spot": spotType, "route": event.ListOf(spotType), "spots": event.MapOf(event.Of(event.Int), spotType)}

	avroFields = fieldsOf("route places", "id string", "i int", "l int", "f double", "d double", "o bool", "raw bytes", "kind string", "fix bytes", "amount money", "big big", "day date", "ms timestamp", "us timestamp", "local timestamp", "clock int", "uid string",
		"perhaps string", "mixed int", "list ints", "map counts", "place place")
	protoFields = fieldsOf("id string", "i32 int", "i64 int", "u32 int", "u64 int", "s32 int", "s64 int", "f32 int", "f64 int", "sf32 int", "sf64 int", "real double", "wide double", "flag bool", "raw bytes", "kind string", "at timestamp",
		"perhaps int", "note string", "maybe int", "numbers ints", "words strings", "counts counts", "places spots", "place spot", "route route", "by_name string", "by_number int", "loose ints", "far int")
	evolvedFields  = fieldsOf("id string", "i int", "amount double", "country string", "note string")
	debeziumFields = fieldsOf("_ts timestamp", "id int", "tier string", "_op string", "at timestamp", "_source_ts timestamp")
)

// text reads a file of testdata.
func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// seeded is a registry with the schemas of testdata.
func seeded(t testing.TB, opts ...srfake.Option) (*srfake.Registry, *Registry) {
	t.Helper()
	fake := srfake.New(opts...)
	t.Cleanup(fake.Close)
	fake.SeedSchema("event-value", 1, 1, sr.Schema{Schema: text(t, "event.avsc")})
	fake.SeedSchema("payment-value", 1, 2, sr.Schema{Schema: text(t, "old.avsc")})
	fake.SeedSchema("payment-value", 2, 3, sr.Schema{Schema: text(t, "newest.avsc")})
	fake.SeedSchema("place", 1, 14, sr.Schema{Schema: text(t, "imports/place.proto"), Type: sr.TypeProtobuf})
	fake.SeedSchema("proto-value", 1, 4, sr.Schema{Schema: text(t, "event.proto"), Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "place.proto", Subject: "place", Version: 1}}})
	fake.SeedSchema("account-value", 1, 6, sr.Schema{Schema: text(t, "change.avsc")})
	fake.SeedSchema("json-value", 1, 5, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","additionalProperties":false,"properties":{"id":{"type":"string"},"n":{"type":["integer","null"]},"at":{"oneOf":[{"type":"null"},{"type":"string","format":"date-time"}]},"x":{"type":["string","integer"]},"l":{"type":"array","items":{"type":"number"}},"r":{"type":"object","properties":{"y":{"type":"boolean"}}}}}`})
	return fake, opened(t, Connection{URL: fake.URL()})
}

// opened is a registry that waits for nothing.
func opened(t testing.TB, c Connection) *Registry {
	t.Helper()
	r, err := OpenRegistry(c)
	if err != nil {
		t.Fatal(err)
	}
	r.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return r
}

// same holds the last row of a decoder against a row of JSON.
func same(t *testing.T, d Decoder, fields event.Schema, row string) {
	t.Helper()
	want, err := New(t.Context(), Options{Format: FormatJSON}, fields)
	if err == nil {
		err = want.Append(t.Context(), []byte(row))
	}
	if err != nil {
		t.Fatalf("%s: %v", row, err)
	}
	wanted := want.Columns()
	for i, got := range d.Columns() {
		if n := got.Len(); event.Compare(&got, n-1, &wanted[i], 0) != 0 {
			t.Fatalf("row %d, %s is not that of %.300s: %+v", n-1, fields[i].Name, row, got)
		}
	}
}

// TestGolden reads messages that other implementations wrote.
func TestGolden(t *testing.T) {
	_, registry := seeded(t)
	local := Options{Format: FormatProtobuf, Schema: "testdata/event.proto", Message: "Event", Imports: []string{"testdata/imports"}}
	compiled := Options{Format: FormatProtobuf, Schema: "testdata/event.binpb", Message: "acme.Event"}
	for _, c := range []struct {
		name   string
		o      Options
		fields event.Schema
	}{
		{"avro", Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, avroFields},
		{"registry_avro", Options{Format: FormatAvro, Registry: registry}, avroFields},
		{"registry_avro", Options{Format: FormatAvro, Registry: registry, Subject: "event-value"}, fieldsOf("us timestamp", "amount wider", "i double")},
		{"avro", Options{Format: FormatAvro, Schema: "testdata/event.avsc"}, fieldsOf("place.names strings", "id string", "place.lat double")},
		{"debezium", Options{Format: FormatJSON, Envelope: EnvelopeDebezium}, fieldsOf("tier string")},
		{"protobuf", local, fieldsOf("place.seen bools", "far int", "place.name string", "place.lat double")},
		{"registry_evolved", Options{Format: FormatAvro, Registry: registry, Subject: "payment-value"}, evolvedFields},
		{"registry_debezium", Options{Format: FormatAvro, Registry: registry, Envelope: EnvelopeDebezium, Subject: "account-value"}, debeziumFields},
		{"registry_debezium", Options{Format: FormatAvro, Registry: registry, Envelope: EnvelopeDebezium}, fieldsOf("tier string")},
		{"debezium", Options{Format: FormatJSON, Envelope: EnvelopeDebezium}, debeziumFields},
		{"protobuf", local, protoFields},
		{"protobuf", compiled, protoFields},
		{"protobuf", compiled, fieldsOf("far int", "by_number int")},
		{"protobuf_joined", local, fieldsOf("id string", "numbers ints", "place spot", "counts counts", "by_name string", "by_number int")},
		{"protobuf_old", Options{Format: FormatProtobuf, Schema: "testdata/old.proto"}, fieldsOf("id string", "stars int", "note string", "numbers ints", "tags tags")},
		{"registry_protobuf", Options{Format: FormatProtobuf, Registry: registry, Subject: "proto-value", Message: "Event"}, protoFields},
	} {
		d, err := New(t.Context(), c.o, c.fields)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for range 2 { // A decoder begins anew.
			d.Begin()
			for i, g := range readGolden(t, c.name) {
				if err := d.Append(t.Context(), g.message); err != nil {
					t.Fatalf("%s, message %d: %v", c.name, i, err)
				}
				if i%7 == 3 { // What is damaged leaves no trace.
					for _, cut := range []int{1, len(g.message) / 2, len(g.message) - 1} {
						d.(*decoder).tryCut(t, g.message[:cut])
					}
				}
				same(t, d, c.fields, g.row)
			}
		}
	}
}

// tryCut appends a message that ends too early, which may be whole by chance.
func (d *decoder) tryCut(t *testing.T, message []byte) {
	t.Helper()
	before := d.rows
	if err := d.Append(t.Context(), message); err == nil {
		takeBack(d.columns, before)
		d.rows = before
	} else if !Poison(err) {
		t.Fatalf("a message that ends too early is no fault of its own: %v", err)
	}
	for _, c := range d.columns {
		if c.Values.Len() != before {
			t.Fatalf("column %s has %d rows, not %d", c.Name, c.Values.Len(), before)
		}
	}
}
