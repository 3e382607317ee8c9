//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// takenDefinition takes a while, as each value sorts anew what it is the median of.
const takenDefinition = `version: 1
name: taken
sources:
  tx:
    %s
    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp%s}
    event_timestamp: event_time
    event_id: id
entities: {account: account}
feature_views:
  spend: {entity: account, source: tx, features: {n: count(*), m: median(amount), last: "last(amount, 200)"}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {%s}, visibility: {known: event_time}}
`

const (
	takenEvents = 6000
	takenStream = "stream: {kafka: tx, brokers: %q, format: json, dead_letter: %s.jsonl, max_poison: 10}"
	takenTable  = "csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}"
)

// takenEvent is the event of a second.
func takenEvent(id int) entry {
	at := time.Date(2026, 1, 1, 0, 0, id, 0, time.UTC)
	return entry{id: id, account: string(rune('a' + id%3)), amount: int64(id * 7919 % 1009), at: at.UnixMicro(), written: at.UnixMilli(), offset: int64(id)}
}

// grow writes events to the topic, and a value now and then that is none.
func (s *site) grow(from, to int) {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.DefaultProduceTopic("tx"))
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for id := from; id < to; id++ {
		e := takenEvent(id)
		value := e.json("")
		if id%1000 == 999 {
			value = "{"
		}
		all = append(all, &kgo.Record{Value: []byte(value), Timestamp: time.UnixMilli(e.written)})
	}
	if err := client.ProduceSync(s.Context(), all...).FirstErr(); err != nil {
		s.Fatal(err)
	}
}

// lose removes all records of the topic, as retention does.
func (s *site) lose() {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...))
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(s.Context(), "tx")
	if err != nil {
		s.Fatal(err)
	}
	if _, err := admin.DeleteRecords(s.Context(), ends.Offsets()); err != nil {
		s.Fatal(err)
	}
}

// TestProcessResumedOverStreams kills runs over a history and a topic whenever they have
// written something down, while the topic grows, and once its records were read loses
// them: what comes of it is, byte for byte, what comes of one run that nobody stopped,
// with manifest, certificate and dead letters, and nothing else is left.
func TestProcessResumedOverStreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, copies, spine string
		loses               bool // once the topic was read it is needed no more
	}{
		{"alone", takenStream, takenTable, true},
		{"by offset", "history: {json: old.jsonl}\n    " + takenStream, takenTable, true},
		{"by id", "history: {json: old.jsonl}\n    " + takenStream + "\n    cutover: {by: id, spool: true, margin: 1h}", takenTable, true},
		{"asked", takenStream, "source: tx, columns: [id, account, event_time]", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, flags := takenSite(t, c.copies, c.spine)
			s.must("whole.yaml", "whole.csv", flags...)
			killed := s.killed("set.yaml", c.loses, flags)
			if killed < 3 {
				t.Errorf("only %d runs were killed", killed)
			}
			for _, suffix := range []string{".csv", ".csv.manifest.json", ".csv.certificate.json", ".letters.jsonl"} {
				want, err := os.ReadFile(filepath.Join(s.dir, "whole"+suffix))
				if err != nil && strings.Contains(c.copies, "history") {
					t.Error(err)
				}
				got, _ := os.ReadFile(filepath.Join(s.dir, "set"+suffix))
				if want = bytes.ReplaceAll(want, []byte("whole.csv"), []byte("set.csv")); !bytes.Equal(got, want) {
					t.Errorf("set%s is another than that of one run: %.3000s\nwant %.3000s", suffix, got, want)
				}
			}
			s.clean("whole.", "set.yaml", "set.csv", "set.letters.jsonl", "old.jsonl", "spine.csv")
			if exists(filepath.Join(s.dir, "set.csv.resume")) {
				t.Error("what another run would go on from is left")
			}
		})
	}
}

// takenSite is a folder with one definition under two names, each with its letters, the
// two thirds of the events that a history may have, and questions at every event.
func takenSite(t *testing.T, copies, spine string) (s *site, flags []string) {
	t.Helper()
	s = newSite(t)
	s.create("tx", 1)
	s.grow(0, takenEvents)
	var old []entry
	for id := range takenEvents * 2 / 3 {
		old = append(old, takenEvent(id))
	}
	write(t, s.file("old.jsonl", ""), old)
	var asked strings.Builder
	asked.WriteString("account,t\n")
	for id := range takenEvents {
		e := takenEvent(id)
		fmt.Fprintf(&asked, "%s,%s\n", e.account, time.UnixMicro(e.at).UTC().Format(time.RFC3339))
	}
	s.file("spine.csv", asked.String())
	for _, name := range []string{"whole", "set"} {
		s.file(name+".yaml", fmt.Sprintf(takenDefinition, fmt.Sprintf(copies, s.brokers(), name+".letters"), takenOwn(copies), spine))
	}
	return s, []string{"--complete-until", "2026-01-01T01:00:00Z", "--workers", "2"}
}

// takenOwn is the fields that a history tells offsets by.
func takenOwn(copies string) string {
	if !strings.Contains(copies, "history") {
		return ""
	}
	return ", _partition: bigint, _offset: bigint"
}

// killed kills runs whenever they have come further until one comes to its end, and
// returns how many it took.
func (s *site) killed(spec string, loses bool, flags []string) (killed int) {
	s.Helper()
	dir := filepath.Join(s.dir, "set.csv.resume")
	told := func() (n int64) {
		for _, name := range []string{"journal", "topics"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				n += info.Size()
			}
		}
		return n
	}
	noted := func() bool {
		b, _ := os.ReadFile(filepath.Join(dir, "journal"))
		return bytes.Contains(b, []byte(`"Joins"`))
	}
	for {
		run := started(s.T, s.dir, append([]string{"backfill", spec, "-o", "set.csv", "--resume"}, flags...)...)
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		before := told()
		until(s.T, "the run to come further", func() bool { return told() > before || len(ended) > 0 })
		run.Process.Kill()
		if err := <-ended; err == nil {
			return killed
		} else if exitCode(err) != -1 {
			s.Fatal(run.stderr.String())
		}
		if killed++; killed > 200 {
			s.Fatal("no run comes to its end")
		}
		s.grow(takenEvents+10*killed, takenEvents+10*killed+5)
		if loses && noted() {
			s.lose()
		}
	}
}

// TestResumeOfTopicThatChanged holds that a run is not taken up over other records than
// those that it began with, and that one without --resume is.
func TestResumeOfTopicThatChanged(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	values := []string{takenValue(1), takenValue(2), "{", takenValue(3)}
	s.produce("tx", values...)
	s.file("set.yaml", fmt.Sprintf(takenDefinition, fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json}", s.brokers()), "", takenTable))
	s.file("spine.csv", "account,t\nb,2026-01-02\n")
	refused := func(words string) {
		t.Helper()
		said, code := s.backfill("set.yaml", "set.csv", "--resume")
		if code != exitFailed || !strings.Contains(said, words) || unclear(said) != "" {
			t.Errorf("exit %d, and not %q: %s", code, words, said)
		}
	}
	refused("offset 2: the value cannot be read")
	forget(t, s.cluster.ListenAddrs(), map[int32]int64{0: 1})
	refused("topic tx, partition 0: offsets 0 to 0 are gone")
	if err := s.cluster.DeleteTopic("tx"); err != nil {
		t.Fatal(err)
	}
	s.create("tx", 1)
	s.produce("tx", values[0], values[1], values[3])
	refused("topic tx was made anew since " + filepath.Join(s.dir, "set.csv.resume", "topics") + " was written")
	refused("run without --resume")
	s.must("set.yaml", "set.csv")
	s.clean("set.yaml", "set.csv", "spine.csv")
	if exists(filepath.Join(s.dir, "set.csv.resume")) {
		t.Error("what the run would have gone on from is left")
	}
}

// takenValue is an event as a record holds it.
func takenValue(id int) string {
	e := takenEvent(id)
	return e.json("")
}
