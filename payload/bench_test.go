package payload

import (
	"fmt"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The payment of BenchmarkJSON in the other formats.
const (
	paymentAvsc = `{"type":"record","name":"Payment","fields":[{"name":"event_id","type":"string"},{"name":"account_id","type":"string"},{"name":"merchant_id","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
		{"name":"country","type":["null","string"]},{"name":"status","type":"string"},{"name":"event_time","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"device","type":"int"},{"name":"n","type":"string"}]}`
	paymentSource = `syntax = "proto3"; import "google/protobuf/timestamp.proto";
		message Payment { string event_id = 1; string account_id = 2; string merchant_id = 3; double amount = 4; optional string country = 5; string status = 6; google.protobuf.Timestamp event_time = 7; int32 device = 8; string n = 9; }`
)

// benchmarkRows reads messages into rows. No row of single values allocates.
func benchmarkRows(b *testing.B, fields event.Schema, messages [][]byte, compile func(columns []*Column) rows) {
	for _, n := range []int{1, len(fields)} {
		b.Run(fmt.Sprint("fields=", n), func(b *testing.B) {
			columns := columnsOf(fields[:n])
			r := compile(columns)
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range columns {
					c.Begin()
				}
				for _, m := range messages {
					if err := r.append(m); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(messages)), "ns/record")
		})
	}
}

func avroPayments(b *testing.B) (messages [][]byte) {
	b.Helper()
	s := avro.MustParse(paymentAvsc)
	for i := range benchRows {
		m, err := s.Encode(map[string]any{"event_id": fmt.Sprintf("e%012d", i), "account_id": fmt.Sprintf("acc%05d", i*7919%20000), "merchant_id": fmt.Sprintf("m%06d", i*31%5000), "amount": []byte{byte(i >> 8), byte(i)},
			"country": fmt.Sprint("C", i%30), "status": "approved", "event_time": int64(1_767_225_600_000_000 + i), "device": i % 5, "n": "xxxxxxxxxxxxxxxx"})
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

// BenchmarkAvro reads records of nine fields, and the same by the library.
func BenchmarkAvro(b *testing.B) {
	messages := avroPayments(b)
	record, err := parseAvro(paymentAvsc, nil)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRows(b, paymentFields, messages, func(columns []*Column) rows {
		c := &avroCompiler{misfits: new(misfits)}
		r := c.row(record, nil, columns)
		if c.err() != nil {
			b.Fatal(c.err())
		}
		return r
	})
	b.Run("library", func(b *testing.B) {
		s := avro.MustParse(paymentAvsc)
		b.ReportAllocs()
		for b.Loop() {
			for _, m := range messages {
				var into any
				if _, err := s.Decode(m, &into); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/record")
	})
}

// BenchmarkProtobuf reads messages of nine fields, and the same by the library.
func BenchmarkProtobuf(b *testing.B) {
	file, err := compileProto(b.Context(), "p.proto", map[string]string{"p.proto": paymentSource})
	if err != nil {
		b.Fatal(err)
	}
	d := file.Messages().Get(0)
	var messages [][]byte
	for i := range benchRows {
		m := dynamicpb.NewMessage(d)
		set := func(name protoreflect.Name, v any) { m.Set(d.Fields().ByName(name), protoreflect.ValueOf(v)) }
		set("event_id", fmt.Sprintf("e%012d", i))
		set("account_id", fmt.Sprintf("acc%05d", i*7919%20000))
		set("merchant_id", fmt.Sprintf("m%06d", i*31%5000))
		set("amount", float64(i)/100)
		set("country", fmt.Sprint("C", i%30))
		set("status", "approved")
		set("device", int32(i%5))
		set("n", "xxxxxxxxxxxxxxxx")
		at := m.Mutable(d.Fields().ByName("event_time")).Message()
		at.Set(at.Descriptor().Fields().ByNumber(1), protoreflect.ValueOfInt64(1_767_225_600+int64(i)))
		at.Set(at.Descriptor().Fields().ByNumber(2), protoreflect.ValueOfInt32(123_456_789))
		data, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, data)
	}
	fields := append(event.Schema{}, paymentFields...)
	fields[3].Type = event.Of(event.Double)
	benchmarkRows(b, fields, messages, func(columns []*Column) rows {
		asked := make([]event.Field, len(columns))
		for i, c := range columns {
			asked[i] = event.Field{Name: c.Name, Type: c.Values.Type}
		}
		c := &protoCompiler{new(misfits)}
		return newProtoRow(c.message(d, nil, place{}, asked), columns)
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, data := range messages {
				m := dynamicpb.NewMessage(d)
				if err := proto.Unmarshal(data, m); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/record")
	})
}
