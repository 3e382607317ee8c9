//go:build integration

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/sink"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// real is the cluster of the rig, and a folder with definitions.
type real struct {
	*testing.T
	brokers []string
	dir     string
	topic   string
}

// newReal makes a topic of three partitions in small segments, of which every broker has
// a copy, and waits for it.
func newReal(t *testing.T) *real {
	t.Helper()
	return newRealOf(t, 3)
}

// newRealOf makes a topic of so many copies.
func newRealOf(t *testing.T, copies int16) *real {
	t.Helper()
	brokers := os.Getenv("TIMESEAM_KAFKA")
	if brokers == "" {
		t.Fatal("TIMESEAM_KAFKA is not set; run make integration-kafka")
	}
	r := &real{t, strings.Split(brokers, ","), t.TempDir(), fmt.Sprintf("tx-%d", rand.Uint32())}
	admin := kadm.NewClient(r.client())
	settings := map[string]*string{"retention.ms": kadm.StringPtr("-1"), "segment.bytes": kadm.StringPtr("1048576")}
	until(t, "as many brokers as the topic has copies", func() bool { // one may have been killed just now
		_, err := admin.CreateTopic(t.Context(), splitPartitions, copies, settings, r.topic)
		if err != nil && !errors.Is(err, kerr.InvalidReplicationFactor) {
			t.Fatal(err)
		}
		return err == nil
	})
	until(t, "the topic is there", func() bool {
		topics, err := admin.ListEndOffsets(t.Context(), r.topic)
		return err == nil && topics.Error() == nil && len(topics[r.topic]) == splitPartitions
	})
	return r
}

func (r *real) client(opts ...kgo.Opt) *kgo.Client {
	r.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(r.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(client.Close)
	return client
}

// produce writes a log, a fifth of it twice, the first time in transactions that are
// aborted. value is how an event stands in its record.
func (r *real) produce(events []entry, value func(*entry) []byte) {
	r.Helper()
	client := r.client(kgo.TransactionalID(r.topic), kgo.DefaultProduceTopic(r.topic))
	for at, n := 0, 0; at < len(events); n++ {
		aborted, end := n%5 == 2, min(at+len(events)/20, len(events))
		if err := client.BeginTransaction(); err != nil {
			r.Fatal(err)
		}
		var records []*kgo.Record
		for i := at; i < end; i++ {
			e := &events[i]
			records = append(records, &kgo.Record{Partition: e.partition, Value: value(e), Timestamp: time.UnixMilli(e.written)})
		}
		if err := client.ProduceSync(r.Context(), records...).FirstErr(); err != nil {
			r.Fatal(err)
		}
		for i := at; i < end; i++ {
			events[i].offset = records[i-at].Offset
		}
		if err := client.EndTransaction(r.Context(), kgo.TransactionEndTry(!aborted)); err != nil {
			r.Fatal(err)
		}
		if !aborted {
			at = end
		}
	}
}

// forget has retention delete whole segments from a partition's beginning, as it does:
// what is kept is what the topic's newest bytes are.
func (r *real) forget() map[int32]int64 {
	r.Helper()
	admin := kadm.NewClient(r.client())
	if _, err := admin.AlterTopicConfigs(r.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.bytes", Value: kadm.StringPtr("1200000")}}, r.topic); err != nil {
		r.Fatal(err)
	}
	starts := map[int32]int64{}
	for range 1200 {
		listed, err := admin.ListStartOffsets(r.Context(), r.topic)
		if err != nil {
			r.Fatal(err)
		}
		gone := 0
		listed.Each(func(o kadm.ListedOffset) {
			if starts[o.Partition] = o.Offset; o.Offset > 0 {
				gone++
			}
		})
		if gone == splitPartitions {
			return starts
		}
		<-time.After(100 * time.Millisecond)
	}
	r.Fatal("after two minutes, retention has removed nothing")
	return nil
}

// padded is an event as JSON, large enough for several segments.
func padded(e *entry) []byte {
	return []byte(e.json(fmt.Sprintf(`, "more": %q`, strings.Repeat("x", 9000))))
}

// realLog is a log long enough that segments of it are closed.
func realLog(seed uint64) *split {
	s := &split{random: rand.New(rand.NewPCG(seed, seed)), begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	wall := s.begin.UnixMilli()
	for id := range 1500 {
		wall += s.random.Int64N(4000)
		at := wall - wall%1000
		if s.random.IntN(4) == 0 {
			at -= s.random.Int64N(splitLateness * 1000)
		}
		s.events = append(s.events, entry{id: id, account: string(rune('a' + s.random.IntN(4))), amount: s.random.Int64N(1000), at: at * 1000, written: wall, partition: int32(id % splitPartitions)})
	}
	return s
}

// run backfills a definition of the folder, which must succeed, and returns the bytes.
func (r *real) run(spec, out string, more ...string) []byte {
	r.Helper()
	var said bytes.Buffer
	if code := run(r.Context(), append([]string{"timeseam", "backfill", filepath.Join(r.dir, spec), "-o", filepath.Join(r.dir, out), "--progress", "none"}, more...), &said, &said); code != 0 {
		r.Fatalf("%s: exit %d: %s", spec, code, said.String())
	}
	r.Log(said.String())
	return read(r.T, filepath.Join(r.dir, out))
}

// definition writes one of a history and the topic.
func (r *real) definition(name, history, more, cut string) {
	r.Helper()
	text := fmt.Sprintf(splitDefinition, history, strings.Join(r.brokers, ","), more, cut, true, "")
	text = strings.Replace(text, "kafka: tx", "kafka: "+r.topic, 1)
	if history == "connect/" {
		text = strings.Replace(text, ownFields, "", 1) // files tell by their names alone
	}
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o666); err != nil {
		r.Fatal(err)
	}
}

// spine writes questions at and beside events.
func (r *real) spine(s *split) {
	r.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, "account,t")
	for range 300 {
		e := s.events[s.random.IntN(len(s.events))]
		fmt.Fprintf(&b, "%s,%s\n", string(rune('a'+s.random.IntN(5))), time.UnixMicro(e.at+s.random.Int64N(3)-1).UTC().Format(time.RFC3339Nano))
	}
	if err := os.WriteFile(filepath.Join(r.dir, "spine.csv"), []byte(b.String()), 0o666); err != nil {
		r.Fatal(err)
	}
}

// folder writes events as a history.
func (r *real) folder(name string, events []entry) {
	r.Helper()
	if err := os.MkdirAll(filepath.Join(r.dir, filepath.Dir(name)), 0o777); err != nil {
		r.Fatal(err)
	}
	write(r.T, filepath.Join(r.dir, name), events)
}

// certificate holds that a run left one, of a kind.
func (r *real) certificate(out string, kind cutover.Kind) {
	r.Helper()
	var all []cutover.Certificate
	if err := json.Unmarshal(read(r.T, filepath.Join(r.dir, out+sink.CertificateSuffix)), &all); err != nil || len(all) != 1 || all[0].Kind != kind || all[0].Records == 0 {
		r.Errorf("the certificate of %s is %v (%v)", out, all, err)
	}
}

// TestIntegrationCutover cuts a topic of real brokers in every way, once retention has
// deleted segments and with transactions that were aborted: every training set is, byte
// for byte, that of the unbroken log.
func TestIntegrationCutover(t *testing.T) {
	r, s := newReal(t), realLog(1)
	r.produce(s.events, padded)
	starts := r.forget()
	t.Logf("partitions begin at %v", starts)
	r.spine(s)
	r.folder("whole/all.jsonl", s.events)
	cut := s.events[len(s.events)*85/100].written // landed
	complete := time.UnixMilli(cut - splitLateness*1000 - 2000).Truncate(time.Second).UTC().Format(time.RFC3339Nano)
	landed := slices.DeleteFunc(slices.Clone(s.events), func(e entry) bool { return e.written >= cut })
	r.folder("landed/all.jsonl", landed)
	named := map[int32][]entry{}
	for _, e := range landed {
		named[e.partition] = append(named[e.partition], e)
	}
	for p, of := range named {
		for at := 0; at < len(of); at += 100 {
			some := of[at:min(at+100, len(of))]
			r.folder(fmt.Sprintf("connect/partition=%d/%s+%d+%010d.jsonl", p, r.topic, p, some[0].offset), some)
		}
	}
	r.definition("whole.yaml", "whole/", "event_id: id", "id")
	r.definition("bare.yaml", "whole/", "", "event_time")
	whole := map[string][]byte{"event_id: id": r.run("whole.yaml", "whole.parquet", "--history-only"), "": r.run("bare.yaml", "bare.parquet", "--history-only")}
	for _, c := range []struct {
		name, history, more string
		kind                cutover.Kind
		flags               []string
	}{
		{"columns", "landed/", "event_id: id", cutover.ByOffset, nil},
		{"names", "connect/", "event_id: id", cutover.ByOffset, nil},
		{"ids", "landed/", "event_id: id", cutover.ByID, []string{"--complete-until", complete}},
		{"times", "landed/", "", cutover.ByEventTime, []string{"--complete-until", complete}},
	} {
		cut := string(c.kind)
		if c.kind == cutover.ByEventTime {
			cut += ", accept_late: true"
		}
		r.definition(c.name+".yaml", c.history, c.more, cut)
		out := c.name + ".parquet"
		if got := r.run(c.name+".yaml", out, c.flags...); !bytes.Equal(got, whole[c.more]) {
			t.Errorf("%s: another training set than that of the unbroken log", c.name)
		}
		r.certificate(out, c.kind)
	}
}

// TestIntegrationCutoverAvro reads Avro through a registry: its training set is that of
// the events as files.
func TestIntegrationCutoverAvro(t *testing.T) {
	r, s := newReal(t), realLog(2)
	url := os.Getenv("TIMESEAM_REGISTRY")
	schema := `{"type": "record", "name": "tx", "fields": [{"name": "id", "type": "long"}, {"name": "account", "type": "string"}, {"name": "amount", "type": "long"}, {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}`
	body, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url+"/subjects/"+r.topic+"-value/versions", "application/vnd.schemaregistry.v1+json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ ID uint32 }
	text, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(text, &made) != nil || made.ID == 0 {
		t.Fatalf("the registry says %s (%v)", text, err)
	}
	r.produce(s.events, func(e *entry) []byte { return []byte(framed(made.ID, avroEvent(e))) })
	r.spine(s)
	r.folder("whole/all.jsonl", s.events)
	r.folder("landed/all.jsonl", s.events[:900])
	r.definition("whole.yaml", "whole/", "event_id: id", "offset")
	r.definition("avro.yaml", "landed/", "event_id: id", "offset")
	at := filepath.Join(r.dir, "avro.yaml")
	def := strings.Replace(string(read(t, at)), "format: json", "format: avro, registry: "+fmt.Sprintf("%q", url), 1)
	if err := os.WriteFile(at, []byte(def), 0o666); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.run("whole.yaml", "whole.parquet", "--history-only"), r.run("avro.yaml", "avro.parquet")) {
		t.Error("another training set than that of the unbroken log")
	}
	r.certificate("avro.parquet", cutover.ByOffset)
}

// avroEvent is an event of a log as Avro.
func avroEvent(e *entry) []byte {
	return append(binary.AppendVarint(nil, int64(e.id)), avroRow(e.account, e.amount, e.at)...)
}
