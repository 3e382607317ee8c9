package features

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// streamed is a definition whose source has a stream; the tests fill in its stream,
// fields and history.
const streamed = `version: 1
name: streamed
sources:
  tx:
    %s
    stream: {kafka: tx, brokers: "h:1", format: json%s}
    fields: {%s}
    event_timestamp: at_time
entities: {account: account_id}
feature_views:
  spend: {entity: account, source: tx, features: {s: sum(amount), n: count(*)}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {parquet: spine.parquet, event_timestamp: ts}, visibility: {known: event_time}}
`

func compileStreamed(t *testing.T, history, stream, fields string, cat Catalog) (*Plan, string) {
	t.Helper()
	def, err := Load("s.yaml", fmt.Appendf(nil, streamed, history, stream, fields))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(def, cat, "train")
	if err != nil {
		return nil, strings.ReplaceAll(err.Error(), "s.yaml:", "")
	}
	return p, ""
}

// parts says a schema in one line, by name.
func parts(s event.Schema) string {
	var all []string
	for _, f := range s {
		all = append(all, f.Name+" "+f.Type.String())
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

const stored = "history: {parquet: tx.parquet}"

// TestStreamCopies holds what is read of each copy, and that both give the same
// columns.
func TestStreamCopies(t *testing.T) {
	for _, c := range []struct{ name, history, stream, fields, columns, ofHistory, ofStream string }{
		{"a part of the envelope", stored, ", envelope: debezium", "account_id: {history: account_id, stream: _op}", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp", "_op string, amount double, at_time timestamp"},
		{"columns of the same names", stored, "", "", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp"},
		{"a time of another unit", stored, "", "at_time: {stream: to_timestamp_ms(ts)}", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp", "account_id string, amount double, ts int64"},
		{"each in its own way", stored, ", columns: {cents: bigint}", "amount: {type: double, history: n * 2, stream: cents / 100.0}", "account_id string, amount double, at_time timestamp", "account_id string, at_time timestamp, n int64", "account_id string, at_time timestamp, cents int64"},
		{"the history alone is computed", stored, "", "amount: {history: cast(n as double)}", "account_id string, amount double, at_time timestamp", "account_id string, at_time timestamp, n int64", "account_id string, amount double, at_time timestamp"},
		{"a key of Kafka", stored, ", columns: {_key: string}", "account_id: {stream: _key}", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp", "_key string, amount double, at_time timestamp"},
		{"a stream alone", "", "", "amount: double, account_id: string, at_time: {stream: _timestamp}", "account_id string, amount double, at_time timestamp", "account_id string, amount double, at_time timestamp", "_timestamp timestamp, account_id string, amount double"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, faults := compileStreamed(t, c.history, c.stream, c.fields, shopCatalog())
			if faults != "" {
				t.Fatal(faults)
			}
			in := p.Inputs[0]
			if got := parts(in.Columns); got != c.columns {
				t.Errorf("columns %s, want %s", got, c.columns)
			}
			if got := parts(in.History.Reads); got != c.ofHistory {
				t.Errorf("of the history %s, want %s", got, c.ofHistory)
			}
			if got := parts(in.Stream.Reads); got != c.ofStream {
				t.Errorf("of the stream %s, want %s", got, c.ofStream)
			}
		})
	}
}

// TestStreamRows holds that a row that stands in both copies, each in its own form,
// becomes one.
func TestStreamRows(t *testing.T) {
	p, faults := compileStreamed(t, stored, ", columns: {cents: bigint}", "amount: {type: double, history: price * 2, stream: cents / 100.0}, at_time: {stream: to_timestamp_ms(ts)}", shopCatalog())
	if faults != "" {
		t.Fatal(faults)
	}
	in := p.Inputs[0]
	fill := func(s event.Schema, values map[string]int64) *event.Batch {
		b := &event.Batch{Len: 1}
		for _, f := range s {
			c := event.Make(f.Type)
			switch f.Type.Kind {
			case event.String:
				c.AppendText([]byte("a"))
			case event.Decimal:
				c.AppendDecimal(event.Int128Of(values[f.Name]))
			default:
				c.AppendInt(values[f.Name])
			}
			b.Columns = append(b.Columns, c)
		}
		return b
	}
	var n event.Counts
	history := in.History.Rows(fill(in.History.Reads, map[string]int64{"price": 125, "at_time": 5_000}), &n)
	stream := in.Stream.Rows(fill(in.Stream.Reads, map[string]int64{"cents": 250, "ts": 5}), &n)
	for i, f := range in.Columns {
		if event.Compare(&history.Columns[i], 0, &stream.Columns[i], 0) != 0 || !history.Columns[i].Type.Equal(f.Type) || !stream.Columns[i].Type.Equal(f.Type) {
			t.Errorf("column %s is %v in the history and %v in the stream", f.Name, history.Columns[i], stream.Columns[i])
		}
	}
}

// TestStreamDigest holds that what a record means is part of the digest, and what it
// takes to reach it is not.
func TestStreamDigest(t *testing.T) {
	digest := func(stream, fields string) string {
		p, faults := compileStreamed(t, stored, stream, fields, shopCatalog())
		if faults != "" {
			t.Fatal(faults)
		}
		return p.Digest()
	}
	plain := digest("", "")
	if got := digest(`, tls: true, sasl: {mechanism: plain, user: u, password: "${P}"}, dead_letter: d.jsonl`, ""); got != plain {
		t.Error("how a topic is reached changes the digest")
	}
	if digest("", "at_time: {stream: to_timestamp_ms(ts)}") == digest("", "at_time: {stream: to_timestamp_us(ts)}") {
		t.Error("what a record means does not change the digest")
	}
}

func TestStreamFaults(t *testing.T) {
	folders := shopCatalog()
	folders.Folders = map[string][]string{"tx": {"account_id"}}
	schema := shopCatalog()
	schema.Streams = map[string]event.Schema{"tx": {{Name: "amount", Type: event.Of(event.String)}, {Name: "acount_id", Type: event.Of(event.String)}, {Name: "at_time", Type: event.Of(event.Timestamp)}}}
	for _, c := range []struct {
		name, history, stream, fields, want string
		cat                                 Catalog
	}{
		{"a type that nothing tells", stored, "", "amount: {stream: a + b}", "nothing gives the type of a, b, which stream of source tx names", shopCatalog()},
		{"a type of several", stored, "", "amount: {stream: a}", "nothing gives the type of a, which stream of source tx names; say its type: columns: {a: TYPE} of the stream", shopCatalog()},
		{"another type", stored, "", "amount: {stream: account_id}", "field amount of source tx is string in the stream and double in the history; cast it, or give the field a type: {type: double, stream: ...}", shopCatalog()},
		{"a column of folders", stored, "", "", "column account_id of source tx is of the folders of its history, and records have none; say what it is in a record: fields: {account_id: {stream: EXPRESSION}}", folders},
		{"a schema of other types", stored, "", "", "column amount of source tx is string in the stream and double in the history, and the one does not widen to the other without loss; write fields: {amount: {stream: cast(amount as double)}} if that is meant", schema},
		{"a schema without a field", stored, "", "", "the schema of the stream of source tx has no field account_id; did you mean acount_id?", schema},
		{"a history that is none", "", "", "amount: {type: double, history: n * 2}, account_id: string, at_time: timestamp", "history of field amount of source tx, which has a stream alone; write stream in its place", shopCatalog()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := compileStreamed(t, c.history, c.stream, c.fields, c.cat); !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestArrivalOfBroker refuses visibility arrival where an event arrives at other times by
// the copy that it is read from.
func TestArrivalOfBroker(t *testing.T) {
	at := event.Of(event.Timestamp)
	for _, c := range []struct {
		name, arrival, fields string
		more                  event.Schema // of the history
		refused               bool
	}{
		{"no column", "arrived", "arrived: {stream: _timestamp}", nil, true},
		{"made of the event's time", "arrived", "arrived: {history: at_time, stream: _timestamp}", nil, true},
		{"later by a rule", "arrived", "arrived: {history: at_time, stream: _timestamp + interval '1 second'}", nil, true},
		{"Kafka's own, not kept", "_timestamp", "", nil, true},
		{"Kafka's own, kept", "_timestamp", "", event.Schema{{Name: "_timestamp", Type: at}}, false},
		{"a column", "arrived", "arrived: {stream: _timestamp}", event.Schema{{Name: "arrived", Type: at}}, false},
		{"a column of another name", "arrived", "arrived: {history: landed, stream: _timestamp}", event.Schema{{Name: "landed", Type: at}}, false},
		{"in the payload", "arrived", "arrived: {history: landed, stream: arrived}", event.Schema{{Name: "landed", Type: at}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := fmt.Sprintf(streamed, stored, ", columns: {arrived: timestamp}", c.fields)
			text = strings.Replace(text, "event_timestamp: at_time", "event_timestamp: at_time\n    arrival_timestamp: "+c.arrival, 1)
			text = strings.Replace(text, "known: event_time", "known: arrival", 1)
			def, err := Load("s.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			cat := shopCatalog()
			cat.Histories["tx"] = append(slices.Clone(cat.Histories["tx"]), c.more...)
			_, err = Compile(def, cat, "train")
			if refused := err != nil && strings.Contains(err.Error(), "which the history does not carry"); refused != c.refused || err != nil && !refused {
				t.Errorf("refused %t, want %t: %v", refused, c.refused, err)
			}
		})
	}
}
