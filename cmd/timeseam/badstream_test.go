package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// badDefinition has a source that is a stream alone; tests fill in the stream.
const badDefinition = `version: 1
name: bad
sources:
  tx:
    stream: {%s}
    fields: {account: string, amount: bigint, event_time: timestamp}
    event_timestamp: event_time
entities: {account: account}
feature_views:
  spend: {entity: account, source: tx, features: {n: count(*), s: sum(amount)}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}, visibility: {known: event_time}}
`

const goodValue = `{"account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z"}`

// backfills has a stream be read as it is said, and holds the exit code, the one line of
// the fault, and that nothing is left of a run that failed. It returns the training set.
func (s *site) backfills(stream, words string, code int) string {
	s.Helper()
	s.file("spine.csv", "account,t\na,2026-02-01T00:00:00Z\n")
	s.file("bad.yaml", fmt.Sprintf(badDefinition, stream))
	said, got := s.backfill("bad.yaml", "bad.csv")
	if got != code || !strings.Contains(said, words) {
		s.Errorf("exit %d, and not %d with %q: %s", got, code, words, said)
	}
	if code != 0 {
		if told := strings.TrimSpace(said); strings.Count(told, "\n") > 2 || strings.Contains(told, "sesame") {
			s.Errorf("it is not one sentence, or tells the password: %s", told)
		}
		s.clean("spine.csv", "bad.yaml")
		return ""
	}
	made := read(s.T, filepath.Join(s.dir, "bad.csv"))
	for _, suffix := range []string{"", manifestSuffix, runSuffix} {
		os.Remove(filepath.Join(s.dir, "bad.csv"+suffix))
	}
	return string(made)
}

// json is a stream of JSON in a topic.
func (s *site) json(topic, more string) string {
	return fmt.Sprintf("kafka: %s, brokers: %q, format: json%s", topic, s.brokers(), more)
}

// TestBadTopic holds what is said where topic or brokers are not what a definition takes
// them for.
func TestBadTopic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("orders", 3)
	s.backfills(s.json("orderz", ""), "did you mean orders", 1)
	if got := s.backfills(s.json("orders", ""), "", 0); !strings.Contains(got, ",0,") {
		t.Errorf("of empty partitions: %s", got)
	}
	for memory, want := range map[string]int{"128MiB": exitWrong, "192MiB": exitDone} { // a worker that reads a topic holds some of it
		s.file("bad.yaml", fmt.Sprintf(badDefinition, s.json("orders", "")))
		if said, code := s.backfill("bad.yaml", "bad.csv", "--workers", "4", "--memory", memory); code != want || code == exitWrong && !strings.Contains(said, "give more") {
			t.Errorf("--memory %s: exit %d: %s", memory, code, said)
		}
	}
	for _, suffix := range []string{"", manifestSuffix, runSuffix} {
		os.Remove(filepath.Join(s.dir, "bad.csv"+suffix))
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	s.backfills(fmt.Sprintf("kafka: orders, brokers: %q, format: json", nobody.Addr()), "cannot be reached", 1)

	secured, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "open-barley"))
	if err != nil {
		t.Fatal(err)
	}
	defer secured.Close()
	s.backfills(fmt.Sprintf("kafka: orders, brokers: %q, format: json, sasl: {mechanism: plain, user: ann, password: sesame}", strings.Join(secured.ListenAddrs(), ",")), "user ann and its password", 1)
}

// TestBadValues holds what becomes of values that cannot be read.
func TestBadValues(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("tx", 2)
	s.produce("tx", goodValue, `{"account": "a", "amount": "many", "event_time": "2026-01-01T00:00:02Z"}`, "{", goodValue)
	s.backfills(s.json("tx", ""), "topic tx, partition 0, offset 1: the value cannot be read", 1)
	s.backfills(s.json("tx", ", dead_letter: dead.jsonl, max_poison: 1"), "as many as may be", 1)
	s.backfills(s.json("tx", ", dead_letter: there/is/none.jsonl"), "there/is", 1)
	s.backfills(s.json("tx", ", dead_letter: {topic: none}"), "none", 1)
	if got := s.backfills(s.json("tx", ", dead_letter: dead.jsonl, max_poison: 2"), "", 0); !strings.Contains(got, ",2,6") {
		t.Errorf("the values that can be read make %s", got)
	}
	letters := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(s.dir, "dead.jsonl")))), "\n")
	if len(letters) != 2 || !strings.Contains(letters[0], `"offset":1`) || !strings.Contains(letters[1], `"offset":2`) {
		t.Errorf("the dead letters are %s", letters)
	}

	// A large record is a record like others.
	s.create("large", 1)
	s.produce("large", goodValue, fmt.Sprintf(`{"account": "a", "amount": 4, "event_time": "2026-01-01T00:00:02Z", "more": %q}`, strings.Repeat("x", 10<<20)))
	if got := s.backfills(s.json("large", ""), "", 0); !strings.Contains(got, ",2,7") {
		t.Errorf("with a record of 10 MB: %s", got)
	}
}

// framed is a value as producers write that has a registry: a mark, the id of its schema,
// and what the schema says.
func framed(id uint32, value []byte) string {
	return string(append(binary.BigEndian.AppendUint32([]byte{0}, id), value...))
}

// avroRow is a row of the schemas of TestBadSchema.
func avroRow(account string, amount int64, micros int64) []byte {
	b := binary.AppendVarint(nil, int64(len(account)))
	b = append(b, account...)
	return binary.AppendVarint(binary.AppendVarint(b, amount), micros)
}

// TestBadSchema holds what is said where the registry, or what it has, does not help.
func TestBadSchema(t *testing.T) {
	t.Parallel()
	field := func(fields string) string {
		return `{"type": "record", "name": "tx", "fields": [` + fields + `]}`
	}
	account, amount, at := `{"name": "account", "type": "string"}`, `{"name": "amount", "type": "long"}`, `{"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}}`
	schemas := map[string]string{"1": field(account + "," + amount + "," + at), "2": field(account + "," + at)}
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		id := "1"
		if asked, is := strings.CutPrefix(q.URL.Path, "/schemas/ids/"); is {
			id = asked
		} else if !strings.HasPrefix(q.URL.Path, "/subjects/") || strings.HasPrefix(q.URL.Path, "/subjects/unknown-value") {
			id = ""
		}
		schema, known := schemas[id]
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		if !known {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error_code": 40403, "message": "Schema not found"}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"id": 1, "version": 1, "subject": "tx-value", "schema": schema})
	}))
	defer registry.Close()
	s := newSite(t)
	avro := func(topic, url string) string {
		return fmt.Sprintf("kafka: %s, brokers: %q, format: avro, registry: %q", topic, s.brokers(), url)
	}
	const second = 1_767_225_600_000_000
	for topic, values := range map[string][]string{
		"tx":      {framed(1, avroRow("a", 3, second))},
		"unknown": {framed(1, avroRow("a", 3, second))},
		"id":      {framed(7, avroRow("a", 3, second))},
		"bare":    {goodValue},
		"lost":    {framed(1, avroRow("a", 3, second)), framed(2, binary.AppendVarint([]byte{2, 'a'}, second))},
	} {
		s.create(topic, 1)
		s.produce(topic, values...)
	}
	if got := s.backfills(avro("tx", registry.URL), "", 0); !strings.Contains(got, ",1,3") {
		t.Errorf("of a good schema: %s", got)
	}
	s.backfills(avro("unknown", registry.URL), "unknown-value", 1)
	s.backfills(avro("id", registry.URL), "7", 1)
	s.backfills(avro("bare", registry.URL), "offset 0", 1)
	s.backfills(avro("lost", registry.URL), "amount", 1)
	away := registry.URL
	registry.Close()
	s.backfills(avro("tx", away), "registry", 1)
}
