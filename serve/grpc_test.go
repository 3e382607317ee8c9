package serve

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// feastMessages are Feast's messages, compiled of their source.
func feastMessages(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"testdata"}})}
	files, err := c.Compile(context.Background(), "feast.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// wire is a message of JSON's mapping in bytes.
func wire(t testing.TB, name, text string) message {
	t.Helper()
	m := dynamicpb.NewMessage(feastMessages(t).Messages().ByName(protoreflect.Name(name)))
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read is a message of bytes in JSON's mapping, whose spaces mean nothing.
func read(t *testing.T, name string, b message) string {
	t.Helper()
	m := dynamicpb.NewMessage(feastMessages(t).Messages().ByName(protoreflect.Name(name)))
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	if len(m.GetUnknown()) > 0 {
		t.Errorf("%s has fields that Feast has not", name)
	}
	return spaceless(t, protojson.MarshalOptions{UseProtoNames: true}.Format(m))
}

func spaceless(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err, text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGRPC asks by Feast's messages over a connection.
func TestGRPC(t *testing.T) {
	s := newTestServer(t, Options{Tokens: []string{"first-s3cret"}, Topics: map[string][]string{"payments": {"tx"}}})
	conn, err := grpc.NewClient(running(t, s, s.ServeGRPC), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(passing{})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	call := func(method string, in message, told ...string) (message, metadata.MD, error) {
		var out message
		var headers metadata.MD
		err := conn.Invoke(metadata.AppendToOutgoingContext(t.Context(), told...), "/"+servingName+"/"+method, &in, &out, grpc.Header(&headers))
		return out, headers, err
	}
	const bearer = "Bearer first-s3cret"
	in := wire(t, "GetOnlineFeaturesRequest", `{"features":{"val":["spend:n_1h","asked:share"]},"entities":{"account_id":{"val":[{"string_val":"a"},{"string_val":"z"}]}},"request_context":{"amount":{"val":[{"double_val":1.5},{"int64_val":3}]}},"include_feature_view_version_metadata":true}`)
	out, headers, err := call("GetOnlineFeatures", in, "authorization", bearer, "positions", "payments/0=2", "wait", "1s")
	if err != nil {
		t.Fatal(err)
	}
	want := spaceless(t, `{"metadata":{"feature_names":{"val":["account_id","n_1h","share"]},"feature_view_metadata":[{"name":"spend"},{"name":"asked"}]},"results":[
		{"values":[{"string_val":"a"},{"string_val":"z"}],"statuses":["PRESENT","PRESENT"],"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},
		{"values":[{"int64_val":"3"},{"int64_val":"0"}],"statuses":["PRESENT","NOT_FOUND"],"event_timestamps":["2026-01-01T12:00:00Z","1970-01-01T00:00:00Z"]},
		{"values":[{"double_val":0.2},{"null_val":"NULL"}],"statuses":["PRESENT","PRESENT"],"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]}]}`)
	if got := read(t, "GetOnlineFeaturesResponse", out); got != want {
		t.Errorf("\n got  %s\n want %s", got, want)
	}
	if headers.Get("timeseam-epoch")[0] != "1" || headers.Get("timeseam-reached")[0] != "true" {
		t.Error(headers)
	}
	out, _, err = call("GetFeastServingInfo", nil, "authorization", bearer)
	if err != nil || !strings.Contains(read(t, "GetFeastServingInfoResponse", out), s.catalog.Load().plan.Digest()) {
		t.Error(err)
	}
	for _, c := range []struct {
		code codes.Code
		in   message
		told []string
	}{
		{codes.Unauthenticated, in, nil},
		{codes.Unauthenticated, in, []string{"authorization", "Bearer x"}},
		{codes.NotFound, wire(t, "GetOnlineFeaturesRequest", `{"feature_service":"al"}`), []string{"authorization", bearer}},
		{codes.InvalidArgument, message{0xff}, []string{"authorization", bearer}},
		{codes.InvalidArgument, wire(t, "GetOnlineFeaturesRequest", `{}`), []string{"authorization", bearer}},
		{codes.InvalidArgument, in, []string{"authorization", bearer, "as_of", "noon"}},
		{codes.ResourceExhausted, make(message, BodyMost+1), []string{"authorization", bearer}},
	} {
		if _, _, err := call("GetOnlineFeatures", c.in, c.told...); status.Code(err) != c.code {
			t.Errorf("%v, want %s", err, c.code)
		}
	}
}

// TestProtoTypes holds that values of every type are Values of Feast's, and that those
// of a request mean what JSON's would.
func TestProtoTypes(t *testing.T) {
	for _, c := range []struct {
		t       event.Type
		in, out string
	}{
		{event.Of(event.Bool), `true`, `{"bool_val":true}`},
		{event.Of(event.Int), `-5`, `{"int64_val":"-5"}`},
		{event.Of(event.Double), `"NaN"`, `{"double_val":"NaN"}`},
		{event.DecimalOf(38, 2), `"-12.5"`, `{"decimal_val":"-12.50"}`},
		{event.Of(event.String), `"a\"ö"`, `{"string_val":"a\"ö"}`},
		{event.Of(event.Bytes), `"/w=="`, `{"bytes_val":"/w=="}`},
		{event.Of(event.Date), `"2026-01-31"`, `{"string_val":"2026-01-31"}`},
		{event.Of(event.Timestamp), `"2026-01-31T00:00:00.000001Z"`, `{"string_val":"2026-01-31T00:00:00.000001Z"}`},
		{event.Of(event.Int), `null`, `{"null_val":"NULL"}`},
		{event.ListOf(event.Of(event.Int)), `[1,-2]`, `{"int64_list_val":{"val":["1","-2"]}}`},
		{event.ListOf(event.Of(event.Int)), `[1,null]`, `{"list_val":{"val":[{"int64_val":"1"},{"null_val":"NULL"}]}}`},
		{event.ListOf(event.Of(event.Bool)), `[true,false]`, `{"bool_list_val":{"val":[true,false]}}`},
		{event.ListOf(event.Of(event.Double)), `[1.5]`, `{"double_list_val":{"val":[1.5]}}`},
		{event.ListOf(event.Of(event.String)), `["a",""]`, `{"string_list_val":{"val":["a",""]}}`},
		{event.ListOf(event.Of(event.Bytes)), `["/w=="]`, `{"bytes_list_val":{"val":["/w=="]}}`},
		{event.ListOf(event.DecimalOf(3, 1)), `[1]`, `{"decimal_list_val":{"val":["1.0"]}}`},
		{event.ListOf(event.ListOf(event.Of(event.Int))), `[[1],[]]`, `{"list_val":{"val":[{"int64_list_val":{"val":["1"]}},{"int64_list_val":{}}]}}`},
		{event.StructOf(event.Field{Name: "a", Type: event.Of(event.Int)}), `{"a":1}`, `{"struct_val":{"val":{"a":{"int64_val":"1"}}}}`},
		{event.MapOf(event.Of(event.Int), event.Of(event.Int)), `{"7":8}`, `{"map_val":{"val":{"7":{"int64_val":"8"}}}}`},
	} {
		col := event.Make(c.t)
		if !coerce(&col, json.RawMessage(c.in)) {
			t.Fatal(c.in)
		}
		if got := read(t, "Value", appendProto(nil, &col, 0)); got != spaceless(t, c.out) {
			t.Errorf("%s of %s is %s, want %s", c.in, c.t, got, c.out)
		}
	}
	for in, want := range map[string]string{`{"int32_val":-7}`: "-7", `{"float_val":0.5}`: "0.5", `{"double_val":"-Infinity"}`: `"-Infinity"`, `{"unix_timestamp_val":"-1"}`: `"1969-12-31T23:59:59Z"`, `{}`: "null", `{"null_val":"NULL"}`: "null", `{"bytes_val":"/w=="}`: `"/w=="`,
		`{"list_val":{"val":[{"bool_val":true},{"list_val":{"val":[{"decimal_val":"1.0"}]}}]}}`: `[true,["1.0"]]`} {
		if got, err := valueOf(wire(t, "Value", in), 0); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`{"map_val":{}}`, `{"int64_list_val":{}}`, `{"unix_timestamp_val":"9223372036854775807"}`} {
		if got, err := valueOf(wire(t, "Value", in), 0); err == nil {
			t.Errorf("%s is taken for %s", in, got)
		}
	}
	for _, at := range []event.Time{0, 1, -1, 1_500_000, -1_500_000, math.MaxInt64} {
		b := appendInstant(nil, at)
		var seconds, nanos int64
		if err := fields(b, func(n protowire.Number, _ protowire.Type, v []byte) error {
			u, _ := protowire.ConsumeVarint(v)
			x := int64(u)
			if n == 1 {
				seconds = x
			} else {
				nanos = x
			}
			return nil
		}); err != nil || seconds*1_000_000+nanos/1000 != int64(at) || nanos < 0 {
			t.Errorf("%d is %d s and %d ns, %v", at, seconds, nanos, err)
		}
	}
}

// FuzzMessage holds that whatever comes as a message is answered or refused.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(wire(f, "GetOnlineFeaturesRequest", `{"features":{"val":["spend"]},"entities":{"account_id":{"val":[{"string_val":"a"},{"list_val":{"val":[{"bool_val":true}]}}]}},"full_feature_names":true}`)))
	f.Add([]byte(wire(f, "GetOnlineFeaturesRequest", `{"feature_service":"all","entities":{"shop_id":{"val":[{"int32_val":1}]}}}`)))
	s := newTestServer(f, Options{})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := readMessage(in, BatchMost)
		if err == nil {
			err = r.check()
		}
		if err == nil {
			var a *reply
			if a, err = s.ask(t.Context(), r); err == nil {
				appendMessage(nil, a)
			}
		}
		if err != nil && s.refusalOf(err).code >= 500 {
			t.Error(err)
		}
	})
}
