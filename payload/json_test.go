package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/timeseam/timeseam/features/event"
)

// everyField has a field of every kind.
var everyField = event.Schema{{Name: "i", Type: event.Of(event.Int)}, {Name: "d", Type: event.Of(event.Double)}, {Name: "e", Type: event.DecimalOf(38, 4)}, {Name: "s", Type: event.Of(event.String)},
	{Name: "b", Type: event.Of(event.Bytes)}, {Name: "o", Type: event.Of(event.Bool)}, {Name: "day", Type: event.Of(event.Date)}, {Name: "t", Type: event.Of(event.Timestamp)},
	{Name: "l", Type: event.ListOf(event.Of(event.Int))}, {Name: "m", Type: event.MapOf(event.Of(event.String), event.Of(event.Int))},
	{Name: "r", Type: event.StructOf(event.Field{Name: "x", Type: event.Of(event.Int)}, event.Field{Name: "y", Type: event.ListOf(event.Of(event.String))})}}

// columnsOf are columns for fields.
func columnsOf(fields event.Schema) []*Column {
	columns := make([]*Column, len(fields))
	for i, f := range fields {
		columns[i] = NewColumn(f.Name, f.Type)
	}
	return columns
}

// FuzzJSON holds what is taken for JSON against jsontext: grammar, UTF-8, names
// that stand twice. What it takes becomes one row, what not none.
func FuzzJSON(f *testing.F) {
	for _, c := range jsonCases {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		j := new(JSON)
		j.Begin(data)
		err := j.Skip()
		if err == nil {
			err = j.Finish()
		}
		if want := jsontext.Value(data).IsValid(); (err == nil) != want {
			t.Fatalf("%q: %v, and jsontext says %t", data, err, want)
		}
		columns := columnsOf(everyField)
		o := NewObjects(columns)
		for range 3 { // The second time names are expected, the third after a failure perhaps.
			before := columns[0].Values.Len()
			rows := before
			if again := o.Append(data); again == nil {
				rows++
			}
			if rows > before && err != nil {
				t.Fatalf("%q is read: %v", data, err)
			}
			for _, c := range columns {
				if c.Values.Len() != rows {
					t.Fatalf("%q: column %s has %d rows, not %d", data, c.Name, c.Values.Len(), rows)
				}
			}
		}
		sameStrings(t, data)
	})
}

// sameStrings holds texts against encoding/json, where data is an object.
func sameStrings(t *testing.T, data []byte) {
	t.Helper()
	c := NewColumn("s", event.Of(event.String))
	if NewObjects([]*Column{c}).Append(data) != nil || c.Values.IsNull(0) {
		return
	}
	var want map[string]any
	if err := json.Unmarshal(data, &want); err != nil || want["s"] != string(c.Values.Text(0)) {
		t.Fatalf("%q: %q, want %q (%v)", data, c.Values.Text(0), want["s"], err)
	}
}

// jsonCases are texts at the edges of the grammar.
var jsonCases = []string{`{}`, ` { "i" : 1 , "s":"\u00e9\ud83d\ude00\n" } `, `{"s":"\ud83d"}`, `{"s":"\ud83d\u0041"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":2}}`, `{"x":[{"a":1},{"a":1}]}`,
	`[1,2,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":}`, `01`, `-`, `-0`, `1.`, `.5`, `1e`, `1e+`, `1E-7`, `+1`, `0x1`, `nul`, `nulll`, `tru`, `true false`, `"`, `"\x"`, `"\u12"`, "\"\x1f\"", "\"\x7f\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc3\xa9\"",
	`{"i":9223372036854775807,"d":-1e-7,"e":"1.5000","s":null,"b":"AP8=","o":true,"day":"2026-01-31","t":"2026-01-31T12:00:00.1234567+01:00","l":[1,null,3],"m":{"b":2,"a":1},"r":{"x":1,"y":["a"],"z":{}}}`,
	`{"l":[1,"x"]}`, `{"r":{"y":["a",{}]}}`, `{"m":{"a":1,"a":2}}`, `{"m":[["a",1],["b",2]]}`, `{"m":[["a"]]}`, `[[[[]]]]`, `{"` + strings.Repeat("a", 20) + `":1}`, "\ufeff{}", "{}\v", "", " ", manyNames(40), manyNames(40) + "}"}

// manyNames is an object whose first name stands twice.
func manyNames(n int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	return b.String() + `"n0":0}`
}

// TestJSONExpected reads objects whose names come, go and change their places.
func TestJSONExpected(t *testing.T) {
	c := NewColumn("c", event.Of(event.Int))
	o := NewObjects([]*Column{c})
	want := 0
	for i := range 300 {
		object := []string{`{"a":1,"b":2,"c":%d}`, `{"a":1,"x":{"c":7},"c":%d}`, `{"c":%d,"a":1}`, `{"a":1,"c":%d,"d":"","e":1}`, `{"a":1,"c":%d,"c":2}`, `{"a":1,"a":1,"c":%d}`, `{"c":"x","a":%d}`, `{"b":1,"x":1,"c":%d,"z":}`}[i*i%8]
		bad := strings.Contains(object, `"c":2}`) || strings.Contains(object, `"a":1,"a"`) || strings.Contains(object, `"x","a"`) || strings.Contains(object, `:}`)
		err := o.Append(fmt.Appendf(nil, object, i))
		if (err != nil) != bad {
			t.Fatalf("%s: %v", object, err)
		}
		if bad {
			continue
		}
		if want++; c.Values.Len() != want || c.Values.Ints[want-1] != int64(i) {
			t.Fatalf("%s: row %d is %v", object, want-1, c.Values.Ints)
		}
	}
}

// TestJSONFaults holds what is said of texts that are wrong.
func TestJSONFaults(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{``, "its JSON does not end"}, {`{"i":1`, "its JSON does not end"}, {`[1]`, "`[1]` is no object"}, {`{} {}`, "something follows the end of its JSON"},
		{`{"i":1,"i":2}`, "a name stands twice in one object (`i`), and only one could count; write it once"},
		{`{"i":1x}`, "its JSON is wrong: at byte 7 is `x}`, where a comma or } should be"},
		{`{i:1}`, "its JSON is wrong: at byte 2 is `i:1}`, where a name in quotes should be"},
		{`{"i":"1.5"}`, "column i: `1.5` is no int64"}, {`{"s":1}`, "column s: `1` is no string"}, {`{"l":[1,[2]]}`, "column l: `[2]` is no int64"},
		{"{\"s\":\"\xff\"}", "column s: its JSON is wrong: at byte 7 is `·\"}`, where text of UTF-8 should be"},
		{`{"m":[["a",1],["a",2]]}`, "column m: a key of a map is null or stands twice; each entry has a key of its own"},
		{strings.Repeat(`[`, 10_001), "its JSON is nested deeper than 10000"},
	} {
		err := NewObjects(columnsOf(everyField)).Append([]byte(c.data))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.40s: %v, want %s", c.data, err, c.want)
		}
	}
	var bad *Misread
	if err := NewObjects(columnsOf(everyField)).Append([]byte(`{"i":"x"}`)); !errors.As(err, &bad) || string(bad.Text) != "x" {
		t.Errorf("%v", err)
	}
}

// payment is an object of 200 bytes and eight fields.
func payment(i int) []byte {
	b := fmt.Appendf(nil, `{"event_id":"e%012d","account_id":"acc%05d","merchant_id":"m%06d","amount":%d.%02d,"country":"C%d","status":"approved","event_time":"2026-03-%02dT12:%02d:00.123456Z","device":%d,"n":"`, i, i*7919%20000, i*31%5000, i%900, i%100, i%30, 1+i%28, i%60, i%5)
	return append(append(b, bytes.Repeat([]byte("x"), max(0, 198-len(b)))...), `"}`...)
}

var paymentFields = event.Schema{{Name: "event_id", Type: event.Of(event.String)}, {Name: "account_id", Type: event.Of(event.String)}, {Name: "merchant_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.DecimalOf(12, 2)},
	{Name: "country", Type: event.Of(event.String)}, {Name: "status", Type: event.Of(event.String)}, {Name: "event_time", Type: event.Of(event.Timestamp)}, {Name: "device", Type: event.Of(event.Int)}}

// benchRows is how many messages a batch of the benchmarks has.
const benchRows = 8192

// BenchmarkJSON reads objects of 200 bytes.
func BenchmarkJSON(b *testing.B) {
	messages := make([][]byte, benchRows)
	for i := range messages {
		messages[i] = payment(i)
	}
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprint("fields=", n), func(b *testing.B) {
			columns := columnsOf(paymentFields[:n])
			o := NewObjects(columns)
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range columns {
					c.Begin()
				}
				for _, m := range messages {
					if err := o.Append(m); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/record")
		})
	}
}
