package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// askedDefinition has a source whose events are the questions too; tests fill in its
// copies and how it is cut.
const askedDefinition = `version: 1
name: asked
sources:
  tx:
    %s
    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp, _partition: bigint, _offset: bigint}
    event_timestamp: event_time
    event_id: id
entities: {account: account}
feature_views:
  spend: {entity: account, source: tx, windows: [10s, lifetime], features: {n: count(*), s: sum(amount), last: "last(amount, 5)"}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {source: tx, columns: [id, account, amount, event_time]}, visibility: {known: event_time}}
`

// site is a folder with definitions, and a cluster that they name.
type site struct {
	*testing.T
	cluster *kfake.Cluster
	dir     string
}

func newSite(t *testing.T) *site {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &site{t, cluster, t.TempDir()}
}

func (s *site) create(topic string, partitions int32) {
	s.Helper()
	if err := s.cluster.CreateTopic(topic, partitions, map[string]string{"retention.ms": "-1", "max.message.bytes": "33554432"}); err != nil {
		s.Fatal(err)
	}
}

func (s *site) brokers() string { return strings.Join(s.cluster.ListenAddrs(), ",") }

// file writes a file of the folder.
func (s *site) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		s.Fatal(err)
	}
	return path
}

// produce writes values to partition 0 of a topic, stamped a second apart.
func (s *site) produce(topic string, values ...string) {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(32<<20))
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	for i, v := range values {
		r := &kgo.Record{Topic: topic, Value: []byte(v), Timestamp: time.Unix(int64(1_767_225_600+i), 0)}
		if err := client.ProduceSync(s.Context(), r).FirstErr(); err != nil {
			s.Fatal(err)
		}
	}
}

// backfill runs a definition of the folder into a file of it.
func (s *site) backfill(spec, out string, more ...string) (string, int) {
	s.Helper()
	var said bytes.Buffer
	code := run(context.Background(), append([]string{"timeseam", "backfill", filepath.Join(s.dir, spec), "-o", filepath.Join(s.dir, out), "--progress", "none"}, more...), &said, &said)
	return said.String(), code
}

// must is backfill, which must not fail; it returns the bytes of the output.
func (s *site) must(spec, out string, more ...string) []byte {
	s.Helper()
	if said, code := s.backfill(spec, out, more...); code != 0 {
		s.Fatalf("backfill of %s: exit %d: %s", spec, code, said)
	}
	return read(s.T, filepath.Join(s.dir, out))
}

// clean holds that nothing is left beside what names begin with.
func (s *site) clean(names ...string) {
	s.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(e.Name(), n) }) {
			s.Errorf("%s is left", e.Name())
		}
	}
}

// sorted is the lines of a text in their order.
func sorted(text []byte) string {
	lines := strings.Split(string(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestAskedOfStream holds that the events of a topic are questions as those of a file
// are: a training set from Kafka alone is, byte for byte, that of a file of the same
// records, and one of both copies has the same rows.
func TestAskedOfStream(t *testing.T) {
	for seed := range uint64(12) {
		log := newSplit(seed + 1)
		s := newSite(t)
		s.create("tx", splitPartitions)
		log.produce(t, s.cluster.ListenAddrs(), "tx")
		slices.SortStableFunc(log.events, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
		})
		write(t, s.file("whole.jsonl", ""), log.events)
		stream := fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json}", s.brokers())
		s.file("file.yaml", fmt.Sprintf(askedDefinition, "history: {json: whole.jsonl}"))
		s.file("stream.yaml", fmt.Sprintf(askedDefinition, stream))
		if file, topic := s.must("file.yaml", "file.parquet"), s.must("stream.yaml", "stream.parquet"); !bytes.Equal(file, topic) {
			t.Errorf("seed %d: the training set from Kafka alone is another than that of the file", seed)
		}

		slices.SortStableFunc(log.events, func(a, b entry) int { return cmp.Compare(a.written, b.written) })
		if err := os.Mkdir(filepath.Join(s.dir, "part"), 0o777); err != nil {
			t.Fatal(err)
		}
		flags, keep := log.cut(t, filepath.Join(s.dir, "part"))
		forget(t, s.cluster.ListenAddrs(), keep)
		accept := ""
		if log.kind == cutover.ByEventTime {
			accept = ", accept_late: true"
		}
		s.file("both.yaml", fmt.Sprintf(askedDefinition, fmt.Sprintf("history: {json: part/}\n    %s\n    lateness: 40s\n    cutover: {by: %s, spool: %t%s}", stream, log.kind, seed%2 == 0, accept)))
		said, code := s.backfill("both.yaml", "both.csv", flags...)
		if code != 0 {
			if !strings.Contains(said, "retention has removed") {
				t.Errorf("seed %d by %s: %s", seed, log.kind, said)
			}
			continue
		}
		if both := read(t, filepath.Join(s.dir, "both.csv")); sorted(both) != sorted(s.must("file.yaml", "file.csv")) {
			t.Errorf("seed %d by %s: the training set of both copies has other rows than that of the file", seed, log.kind)
		}
		s.clean("part", "whole.jsonl", "file.", "stream.", "both.")
	}
}

// TestRanges reads again what a run has read, whatever came since, for as long as it
// is there.
func TestRanges(t *testing.T) {
	s := newSite(t)
	s.create("tx", 2)
	event := func(id int) string {
		return fmt.Sprintf(`{"id": %d, "account": "a", "amount": %d, "event_time": "2026-01-01T00:00:%02dZ"}`, id, id*3, id)
	}
	s.produce("tx", event(1), event(2), event(3), event(4))
	stream := fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json}", s.brokers())
	s.file("old.jsonl", `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z", "_partition": 0, "_offset": 0}`+"\n")
	for _, cut := range []struct{ name, copies string }{
		{"alone", stream},
		{"offset", "history: {json: old.jsonl}\n    " + stream},
		{"id", "history: {json: old.jsonl}\n    " + stream + "\n    cutover: {by: id, spool: true, margin: 1s}"},
		{"event_time", "history: {json: old.jsonl}\n    " + stream + "\n    cutover: {by: event_time, margin: 1s}"},
	} {
		s.file(cut.name+".yaml", fmt.Sprintf(askedDefinition, cut.copies))
	}
	until := []string{"--complete-until", "2026-01-01T00:00:02Z"}
	first := map[string][]byte{}
	for _, name := range []string{"alone", "offset", "id", "event_time"} {
		first[name] = s.must(name+".yaml", name+".parquet", until...)
	}
	s.produce("tx", event(5), event(6))
	again := func(name string) []string {
		return append([]string{"--ranges", filepath.Join(s.dir, name+".parquet.manifest.json")}, until...)
	}
	for name, want := range first {
		if got := s.must(name+".yaml", "again.parquet", again(name)...); !bytes.Equal(got, want) {
			t.Errorf("%s: another training set of the same ranges", name)
		}
		was, is := read(t, filepath.Join(s.dir, name+".parquet.manifest.json")), read(t, filepath.Join(s.dir, "again.parquet.manifest.json"))
		if want := strings.ReplaceAll(string(was), name+".parquet", "again.parquet"); string(is) != want {
			t.Errorf("%s: another manifest of the same ranges: %s\nand it was %s", name, is, want)
		}
		if got := s.must(name+".yaml", "more.parquet", until...); bytes.Equal(got, want) {
			t.Errorf("%s: records that came since are not read without --ranges", name)
		}
	}
	refused := func(spec, words string, flags ...string) {
		t.Helper()
		said, code := s.backfill(spec, "refused.parquet", flags...)
		if code == 0 || !strings.Contains(said, words) {
			t.Errorf("exit %d, and not %q: %s", code, words, said)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "refused.parquet")); err == nil {
			t.Error("an output is there")
		}
	}
	refused("id.yaml", `would be by "id" at "2026-01-01T00:00:01Z" now`, "--ranges", filepath.Join(s.dir, "id.parquet.manifest.json"), "--complete-until", "2026-01-01T00:00:01Z")
	refused("alone.yaml", "is no manifest", "--ranges", filepath.Join(s.dir, "alone.yaml"))
	refused("alone.yaml", "no such file", "--ranges", filepath.Join(s.dir, "none.json"))
	refused("alone.yaml", "names no ranges of topics", "--ranges", s.file("empty.json", "{}"))
	refused("alone.yaml", "leave one out", append(again("alone"), "--history-only")...)
	forget(t, s.cluster.ListenAddrs(), map[int32]int64{0: 2})
	refused("alone.yaml", "topic tx, partition 0: offsets 0 to 1 are gone", again("alone")...)
	if err := s.cluster.DeleteTopic("tx"); err != nil {
		t.Fatal(err)
	}
	s.create("tx", 2)
	s.produce("tx", event(1), event(2), event(3), event(4))
	refused("alone.yaml", "topic tx was made anew since", again("alone")...)
}

// TestAskedLetters holds that a record which cannot be read is one letter, though the
// run reads it as a question and as an event.
func TestAskedLetters(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	s.produce("tx", `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z"}`, "{", `{"id": 2, "account": "a", "amount": 4, "event_time": "2026-01-01T00:00:02Z"}`)
	s.file("letters.yaml", fmt.Sprintf(askedDefinition, fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json, dead_letter: dead.jsonl}", s.brokers())))
	if made := string(s.must("letters.yaml", "letters.csv")); strings.Count(made, "\n") != 3 {
		t.Errorf("the training set is %s", made)
	}
	if letters := string(read(t, filepath.Join(s.dir, "dead.jsonl"))); strings.Count(letters, "\n") != 1 {
		t.Errorf("the letters are %s", letters)
	}
	s.clean("letters.", "dead.jsonl")
}

// TestSnapshotsOfStreams holds that a snapshot is not left of what goes on in a stream,
// in a sentence that says what to do.
func TestSnapshotsOfStreams(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	s.produce("tx", `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z"}`)
	s.file("old.jsonl", `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z", "_partition": 0, "_offset": 0}`+"\n")
	for history, words := range map[string]string{"history: {json: old.jsonl}\n    ": "source tx goes on in a stream; add --history-only", "": "source tx is a stream; leave it out"} {
		s.file("s.yaml", fmt.Sprintf(askedDefinition, fmt.Sprintf("%sstream: {kafka: tx, brokers: %q, format: json}", history, s.brokers())))
		interval := []string{"--data-interval-start", "2026-01-01T00:00:00Z", "--data-interval-end", "2026-01-02T00:00:00Z"}
		said, code := s.backfill("s.yaml", "out/", append(interval, "--snapshots", filepath.Join(s.dir, "kept"))...)
		if code != exitWrong || !strings.Contains(said, words) || unclear(said) != "" {
			t.Errorf("exit %d, and not %q: %s", code, words, said)
		}
	}
	s.clean("s.yaml", "old.jsonl")
}

// TestRangesOfOtherFiles holds that ranges are read again beside the files of the run
// that a manifest is of, and no others: by their names, sizes and what is in them.
func TestRangesOfOtherFiles(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	event := func(id, amount int) string {
		return fmt.Sprintf(`{"id": %d, "account": "a", "amount": %d, "event_time": "2026-01-01T00:00:%02dZ"`, id, amount, id)
	}
	s.produce("tx", event(1, 3)+"}", event(2, 4)+"}", event(3, 5)+"}")
	source := fmt.Sprintf("history: {json: old/}\n    stream: {kafka: tx, brokers: %q, format: json}", s.brokers())
	table := "{csv: spine.csv, event_timestamp: event_time, fields: {account: string, event_time: timestamp}}"
	s.file("table.yaml", strings.Replace(fmt.Sprintf(askedDefinition, source), "{source: tx, columns: [id, account, amount, event_time]}", table, 1))
	s.file("asked.yaml", fmt.Sprintf(askedDefinition, source))
	old := func(amount int) string { return event(1, amount) + `, "_partition": 0, "_offset": 0}` + "\n" }
	s.file("old/a.jsonl", old(3))
	s.file("spine.csv", "account,event_time\na,2026-01-02T00:00:00Z\n")
	for _, spec := range []string{"table", "asked"} {
		out := spec + ".csv"
		manifest := []string{"--ranges", filepath.Join(s.dir, out+".manifest.json")}
		want := s.must(spec+".yaml", out)
		if got := s.must(spec+".yaml", "again.csv", manifest...); !bytes.Equal(got, want) {
			t.Errorf("%s: of the same files another training set", spec)
		}
		refused := func(words string) {
			t.Helper()
			if said, code := s.backfill(spec+".yaml", "refused.csv", manifest...); code != exitFailed || !strings.Contains(said, words) || unclear(said) != "" {
				t.Errorf("%s: exit %d, and not %q: %s", spec, code, words, said)
			}
			if exists(filepath.Join(s.dir, "refused.csv")) {
				t.Error("an output is there")
			}
		}
		s.file("old/a.jsonl", old(4))
		refused("file a.jsonl was written anew: its sum is ")
		s.file("old/a.jsonl", old(33))
		refused("file a.jsonl has 109 bytes, and had 108; of other files the same bytes cannot be made: run without --ranges")
		s.file("old/a.jsonl", old(3))
		s.file("old/b.jsonl", "")
		refused("file b.jsonl is new")
		if err := os.Rename(filepath.Join(s.dir, "old/a.jsonl"), filepath.Join(s.dir, "old/b.jsonl")); err != nil {
			t.Fatal(err)
		}
		refused("is not what it was: file ")
		if err := os.Rename(filepath.Join(s.dir, "old/b.jsonl"), filepath.Join(s.dir, "old/a.jsonl")); err != nil {
			t.Fatal(err)
		}
		if spec == "table" {
			s.file("spine.csv", "account,event_time\nb,2026-01-02T00:00:00Z\n")
			refused("the spine of training set train is not what it was: file spine.csv was written anew")
		}
	}
}

// TestRetentionOvertakes holds what is said where records go between two readings: what
// is gone, and what would keep them.
func TestRetentionOvertakes(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	value := `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z"}`
	s.produce("tx", value, value, value)
	s.file("old.jsonl", strings.TrimSuffix(value, "}")+`, "_partition": 0, "_offset": 0}`+"\n")
	text := fmt.Sprintf(askedDefinition, fmt.Sprintf("history: {json: old.jsonl}\n    stream: {kafka: tx, brokers: %q, format: json}", s.brokers()))
	spec := s.file("s.yaml", text)
	def, err := readDefinition(spec)
	if err != nil {
		t.Fatal(err)
	}
	in := openInputs(t.Context(), def, "train")
	defer in.disconnect()
	plan, err := in.planned(t.Context(), "train")
	if err != nil {
		t.Fatal(err)
	}
	both, err := in.join(t.Context(), &plan.Inputs[0], in.histories["tx"], event.Always())
	if err != nil {
		t.Fatal(err)
	}
	parts, err := both.records(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer parts[0].Close()
	forget(t, s.cluster.ListenAddrs(), map[int32]int64{0: 2})
	err = parts[0].Read(t.Context(), new(event.Batch))
	for _, want := range []string{"offsets 1 to 1 are gone", "the first offset there is 2", "or say spool: true under cutover, which copies records before all else"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestStreamAloneBesideOutput holds that an output in the folder where one is, or that
// folder itself, is no file of a source that has a stream alone.
func TestStreamAloneBesideOutput(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	s.produce("tx", `{"id": 1, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:01Z"}`)
	spec := s.file("s.yaml", fmt.Sprintf(askedDefinition, fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json}", s.brokers())))
	t.Chdir(s.dir)
	for _, out := range []string{"out.parquet", "out/"} {
		var said bytes.Buffer
		if code := run(t.Context(), []string{"timeseam", "backfill", spec, "-o", out, "--progress", "none"}, &said, &said); code != 0 {
			t.Errorf("exit %d: %s", code, said.String())
		}
	}
}

// TestExplainAsked holds that explain says what of a topic would be asked, and counts it.
func TestExplainAsked(t *testing.T) {
	s := newSite(t)
	s.create("tx", 2)
	value := func(id int) string {
		return fmt.Sprintf(`{"id": %d, "account": "a", "amount": 3, "event_time": "2026-01-01T00:00:%02dZ"`, id, id)
	}
	s.produce("tx", value(1)+"}", value(2)+"}", value(3)+"}")
	s.file("old.jsonl", value(1)+`, "_partition": 0, "_offset": 0}`+"\n")
	stream := fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: json}", s.brokers())
	for copies, want := range map[string][]string{
		stream: {"spine: no history", "questions: each event of source tx, asked at event_time", "topic tx: the source has no history, and the topic is read whole", "partition 0: offsets 0 to 2, at most 3 records", "reads 12 rows", "writes 3 rows"},
		"history: {json: old.jsonl}\n    " + stream: {"questions: each event of source tx", "goes on in topic tx, cut by offset", "partition 0: offsets 1 to 2, at most 2 records", "the spine's events are first copied to this machine"},
	} {
		spec := s.file("s.yaml", fmt.Sprintf(askedDefinition, copies))
		var said bytes.Buffer
		if code := run(t.Context(), []string{"timeseam", "explain", spec}, &said, &said); code != 0 {
			t.Fatalf("exit %d: %s", code, said.String())
		}
		spine, _, _ := strings.Cut(said.String(), "  source tx")
		_, estimates, _ := strings.Cut(said.String(), "\nEstimates")
		for _, w := range want {
			if !strings.Contains(spine+estimates, w) {
				t.Errorf("%q is not in %s", w, said.String())
			}
		}
	}
}
