package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/payload"
	"github.com/timeseam/timeseam/sink"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seamed is a history and a topic that overlap, over twelve hours from begin on, an
// event every ten minutes.
type seamed struct {
	dir     string
	brokers []string
	begin   time.Time
	events  []entry
	cluster *kfake.Cluster

	definition string
	stop       func() // of followed
}

const seamedPartitions = 2

func newSeamed(t *testing.T) *seamed {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(seamedPartitions, "tx"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s := &seamed{dir: t.TempDir(), brokers: cluster.ListenAddrs(), begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), cluster: cluster, definition: seamedDefinition}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for id := range 72 {
		at := s.begin.Add(time.Duration(id) * 10 * time.Minute)
		e := entry{id: id, account: string(rune('a' + id%4)), amount: int64(id * 7), at: at.UnixMicro(), written: at.UnixMilli(), partition: int32(id % seamedPartitions)}
		r, err := client.ProduceSync(t.Context(), &kgo.Record{Partition: e.partition, Value: []byte(e.json("")), Timestamp: at}).First()
		if err != nil {
			t.Fatal(err)
		}
		e.offset = r.Offset
		s.events = append(s.events, e)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "part"), 0o777); err != nil {
		t.Fatal(err)
	}
	return s
}

// run writes the history and a definition, runs a command of it, and returns what was
// said on both outputs.
func (s *seamed) run(t *testing.T, history []entry, source string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	write(t, filepath.Join(s.dir, "part", "all.jsonl"), history)
	if err := os.WriteFile(filepath.Join(s.dir, "spine.csv"), []byte("account,t\na,2026-01-01T11:00:00Z\nb,2026-01-01T12:00:00Z\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(s.dir, "s.yaml")
	text := fmt.Appendf(nil, s.definition, strings.Join(s.brokers, ","), source)
	if err := os.WriteFile(spec, text, 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"timeseam", args[0], spec}, args[1:]...), &out, &errs)
	return out.String(), errs.String(), code
}

const seamedDefinition = `version: 1
name: cut
sources:
  tx:
    history: {json: part/}
    stream: {kafka: tx, brokers: %q, format: json}
    lateness: 30m
%s
entities: {account: account}
feature_views:
  spend: {entity: account, source: tx, windows: [1h, lifetime], features: {n: count(*), s: sum(amount)}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}, visibility: {known: event_time}}
`

const (
	seamedFields  = "    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp}\n"
	seamedByID    = seamedFields + "    event_timestamp: event_time\n    event_id: id\n    cutover: {by: id}"
	seamedByTime  = seamedFields + "    event_timestamp: event_time\n    cutover: {by: event_time}"
	seamedFloored = "    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp, at_ms: {history: \"date_trunc('millisecond', event_time)\", stream: event_time}}\n    event_timestamp: at_ms\n    cutover: {by: event_time}"
	seamedOffsets = "    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp, _partition: bigint, _offset: bigint}\n    event_timestamp: event_time"
)

// TestExplainCutover holds what explain says of a cut, before anything is made.
func TestExplainCutover(t *testing.T) {
	s := newSeamed(t)
	for _, c := range []struct {
		name, source string
		args         []string
		code         int
		want         []string
	}{
		{"by id", seamedByID, []string{"--complete-until", "2026-01-01T08:00:00Z"}, 0, []string{
			"goes on in topic tx, cut by id: the history is complete until 2026-01-01T08:00:00Z: --complete-until", "the stream is read from records of 2026-01-01T07:30:00Z on",
			"partition 0: offsets 23 to 35, at most 13 records", "where no question asks beyond the cut nothing is read of the topic", "stronger would be by offset: the history tells no offsets"}},
		{"by offset", seamedOffsets, nil, 0, []string{"cut by offset: its rows tell offsets, in columns _partition and _offset", "partition 1: offsets 25 to 35, at most 11 records"}},
		{"answered by the history", seamedByID, []string{"--complete-until", "2026-01-01T12:00:01Z", "--data-interval-start", "2026-01-01T00:00:00Z", "--data-interval-end", "2026-01-01T12:00:00Z"}, 0, []string{"topic tx: the history answers all questions; nothing would be read"}},
		{"history only", seamedByID, []string{"--history-only"}, 0, []string{"topic tx: not opened, as --history-only says"}},
		{"nothing tells", seamedFields + "    event_timestamp: event_time", nil, 1, []string{"source tx cannot go on from its history to topic tx"}},
		{"audit of a history alone", seamedByID, []string{"--history-only", "--audit"}, 2, []string{"--audit compares the history with the stream, and --history-only reads no stream"}},
		{"hours", seamedByID, []string{"--audit", "--audit-hours", "0"}, 2, []string{"--audit-hours 0; give 1 to 8784"}},
		{"hours of nothing", seamedByID, []string{"--audit-hours", "5"}, 2, []string{"--audit-hours says how much --audit compares, and nothing is compared; add --audit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := s.run(t, s.events[:50], c.source, append([]string{"explain"}, c.args...)...)
			if code != c.code {
				t.Fatalf("exit %d: %s%s", code, out, errs)
			}
			for _, w := range c.want {
				if !strings.Contains(out+errs, w) {
					t.Errorf("%q is not in\n%s%s", w, out, errs)
				}
			}
		})
	}
	out, errs, _ := s.run(t, s.events[:50], seamedByID, "explain", "--json", "--complete-until", "2026-01-01T08:00:00Z")
	var x struct {
		Inputs []struct{ Cutover cutoverEntry }
	}
	if err := json.Unmarshal([]byte(out), &x); err != nil || len(x.Inputs) != 1 {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if e := x.Inputs[0].Cutover; e.Kind != cutover.ByID || e.Expected != 27 || len(e.Partitions) != 2 {
		t.Errorf("%+v", e)
	}
	s.definition = strings.Replace(seamedDefinition, "    history: {json: part/}\n", "", 1)
	alone := strings.Replace(seamedFields, "}", "}\n    event_timestamp: event_time", 1)
	out, errs, code := s.run(t, nil, alone, "explain")
	if want := "the source has no history, and the topic is read whole\n        partition 0: offsets 0 to 35, at most 36 records"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want %q: %s%s", code, want, out, errs)
	}
	if _, errs, code := s.run(t, nil, alone, "explain", "--audit"); code != exitWrong || !strings.Contains(errs, "this training set reads none such") {
		t.Errorf("exit %d: %s", code, errs)
	}
	s.definition = seamedDefinition
	s.cluster.Close()
	if out, errs, code := s.run(t, s.events[:50], seamedByID, "explain"); code != 1 || !strings.Contains(errs, "--history-only leaves the stream out") || !strings.Contains(errs, s.brokers[0]) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// TestAudit holds that both copies are compared over what they both should hold, that
// every difference there is told, and that a run which finds one writes nothing.
func TestAudit(t *testing.T) {
	s := newSeamed(t)
	until := []string{"--complete-until", "2026-01-01T08:00:00Z"}
	for _, c := range []struct {
		name, source string
		history      func(h []entry) []entry
		args         []string
		code         int
		want         []string
	}{
		{"equal", seamedByID, nil, until, 0, []string{"overlap proven: 42 events of 7 hours, 2026-01-01T00:00:00Z to 2026-01-01T07:00:00Z", "two counts added, cut at any of these hours: 42"}},
		{"fewer hours", seamedByID, nil, append(until, "--audit-hours", "2"), 0, []string{"12 events of 2 hours, 2026-01-01T05:00:00Z to"}},
		{"by event time", seamedByTime, nil, until, 0, []string{"overlap proven: 42 events"}},
		{"by offset", seamedOffsets, nil, nil, 0, []string{"overlap proven: 50 events of 9 hours"}},
		{"answered by the history", seamedByID, nil, []string{"--complete-until", "2026-01-01T12:00:01Z"}, 3, []string{"event 60 is not in the history"}},
		{"lost", seamedByID, func(h []entry) []entry { return append(h[:20:20], h[21:]...) }, until, 3, []string{"differs in 1 of 7 hours: 41 events in the history, 42 in the stream", "2026-01-01T03:00:00Z: 5 and 6", "event 20 is not in the history", "two counts added, cut at one of these hours or another: 41 to 42"}},
		{"twice", seamedByID, func(h []entry) []entry { return append(h, h[3]) }, until, 3, []string{"event 3 is 2 times in the history and 1 time in the stream"}},
		{"an amount", seamedByID, func(h []entry) []entry { h[9].amount++; return h }, until, 3, []string{"event 9: amount is 64 in the history and 63 in the stream"}},
		{"without ids", seamedByTime, func(h []entry) []entry { h[9].amount++; return h }, until, 3, []string{"event of 2026-01-01T01:30:00Z, b: amount is 64 in the history and 63 in the stream"}},
		{"microseconds", seamedByTime, func(h []entry) []entry {
			for i := range h {
				h[i].at += 123
			}
			return h
		}, until, 3, []string{"event_time is 2026-01-01T00:00:00.000123Z in the history and 2026-01-01T00:00:00Z in the stream", "floor those of the history, with a field whose history is date_trunc('millisecond', event_time)"}},
		{"microseconds, mended", seamedFloored, func(h []entry) []entry {
			for i := range h {
				h[i].at += 123
			}
			return h
		}, until, 0, []string{"overlap proven: 42 events"}},
		{"lost after the cut", seamedByID, func(h []entry) []entry { return h[:48] }, until, 0, []string{"overlap proven"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			history := append([]entry(nil), s.events[:50]...)
			if c.history != nil {
				history = c.history(history)
			}
			out, errs, code := s.run(t, history, c.source, append([]string{"explain", "--audit"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit %d: %s", code, errs)
			}
			for _, w := range c.want {
				if !strings.Contains(out, w) {
					t.Errorf("%q is not in\n%s", w, out)
				}
			}
			if c.name == "answered by the history" {
				return // a run would not look at the stream
			}
			made := filepath.Join(t.TempDir(), "out.parquet")
			_, errs, code = s.run(t, history, c.source, append([]string{"backfill", "--audit", "-o", made, "--progress", "none"}, c.args...)...)
			if code != c.code {
				t.Errorf("backfill: exit %d: %s", code, errs)
			}
			left, err := filepath.Glob(filepath.Dir(made) + "/*")
			if err != nil || c.code == exitDiffer && len(left) > 0 {
				t.Errorf("a run whose audit differs left %v", left)
			}
			if c.code == exitDiffer {
				if !strings.Contains(errs, c.want[0]) || !strings.Contains(errs, "nothing was written") {
					t.Errorf("backfill says %s", errs)
				}
				return
			}
			var all []cutover.Certificate
			if err := json.Unmarshal(read(t, made+sink.CertificateSuffix), &all); err != nil || len(all) != 1 || all[0].Audit == nil || all[0].Audit.Differing != 0 {
				t.Fatalf("%v: %s", err, read(t, made+sink.CertificateSuffix))
			}
			if a := all[0].Added; a == nil || !a.Right() || a.Went == 0 {
				t.Errorf("two counts added: %+v", a)
			}
		})
	}
}

// TestCertificateGoes holds that a certificate is of the output that it stands beside: a
// later run over the same output that makes no cut takes it away, and says in the
// manifest that the stream was left out.
func TestCertificateGoes(t *testing.T) {
	s := newSeamed(t)
	made := filepath.Join(t.TempDir(), "out.parquet")
	for _, c := range []struct {
		flag []string
		left bool
	}{{[]string{"--complete-until", "2026-01-01T08:00:00Z"}, true}, {[]string{"--history-only"}, false}} {
		if _, errs, code := s.run(t, s.events[:50], seamedByID, append([]string{"backfill", "-o", made, "--progress", "none"}, c.flag...)...); code != 0 {
			t.Fatalf("%v: exit %d: %s", c.flag, code, errs)
		}
		if _, err := os.Stat(made + sink.CertificateSuffix); (err == nil) != c.left {
			t.Errorf("%v: a certificate is left: %v, want %v", c.flag, err == nil, c.left)
		}
		if said := strings.Contains(string(read(t, made+sink.ManifestSuffix)), `"history_only": true`); said == c.left {
			t.Errorf("%v: the manifest says history_only: %v", c.flag, said)
		}
	}
}

// TestStreamParts holds what the language knows of a record equal to what is read of it.
func TestStreamParts(t *testing.T) {
	own := slices.DeleteFunc(kafka.Own(), func(f event.Field) bool { return f.Name == "_value" }) // Decoded, never given.
	for _, c := range []struct {
		envelope string
		want     event.Schema
	}{{"", own}, {"debezium", slices.Concat(own, payload.ChangeFields)}} {
		stream := features.Stream{}
		stream.Envelope.Value = c.envelope
		got := stream.Parts()
		byName := func(a, b event.Field) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(got, byName)
		slices.SortFunc(c.want, byName)
		if !slices.EqualFunc(got, c.want, func(a, b event.Field) bool { return a.Name == b.Name && a.Type.Equal(b.Type) }) {
			t.Errorf("envelope %q: %v, want %v", c.envelope, got, c.want)
		}
	}
}

// TestAuditLost compares only what the topic still holds.
func TestAuditLost(t *testing.T) {
	s := newSeamed(t)
	forget(t, s.brokers, map[int32]int64{0: 10, 1: 14})
	out, errs, code := s.run(t, s.events[:50], seamedByID, "explain", "--audit", "--complete-until", "2026-01-01T08:00:00Z")
	// The first record of partition 1 is that of 04:50; half an hour is the margin.
	if want := "6 events of 1 hours, 2026-01-01T06:00:00Z to 2026-01-01T07:00:00Z"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want %q: %s%s", code, want, out, errs)
	}
	forget(t, s.brokers, map[int32]int64{0: 22, 1: 21})
	out, errs, code = s.run(t, s.events[:50], seamedByID, "explain", "--audit", "--complete-until", "2026-01-01T08:00:00Z")
	if want := "overlap: there is no whole hour that both copies should hold"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want %q: %s%s", code, want, out, errs)
	}
}

// TestAuditNamed holds files named by offset against the stream up to where the cut is:
// the last file of each partition is left out of both.
func TestAuditNamed(t *testing.T) {
	s := newSeamed(t)
	for p := range seamedPartitions {
		for _, from := range []int64{0, 15} {
			var file []entry
			for _, e := range s.events[:50] {
				if e.partition == int32(p) && e.offset >= from && e.offset < from+15 {
					file = append(file, e)
				}
			}
			write(t, filepath.Join(s.dir, "part", fmt.Sprintf("tx+%d+%010d.jsonl", p, from)), file)
		}
	}
	s.definition = strings.Replace(seamedDefinition, "part/", "part/tx+*", 1)
	source := seamedFields + "    event_timestamp: event_time"
	out, errs, code := s.run(t, nil, source, "explain", "--audit")
	if want := "overlap proven: 30 events of 5 hours"; code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "partition 0: offsets 15 to 35") {
		t.Errorf("exit %d, want %q: %s%s", code, want, out, errs)
	}
}

// TestAuditPoison passes over what cannot be read: it is put aside once, by the run, and
// by explain not at all.
func TestAuditPoison(t *testing.T) {
	s := newSeamed(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte("{"), Timestamp: s.begin.Add(12 * time.Hour)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.definition = strings.Replace(seamedDefinition, "format: json}", "format: json, dead_letter: dead.jsonl}", 1)
	dead, until := filepath.Join(s.dir, "dead.jsonl"), []string{"--audit", "--complete-until", "2026-01-01T08:00:00Z"}
	if out, errs, code := s.run(t, s.events[:50], seamedByID, append([]string{"explain"}, until...)...); code != 0 || !strings.Contains(out, "overlap proven") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("explain left dead letters")
	}
	if out, errs, code := s.run(t, s.events[:50], seamedByID, append([]string{"backfill", "-o", filepath.Join(s.dir, "out.parquet")}, until...)...); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if n := bytes.Count(read(t, dead), []byte("\n")); n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
}

// TestAuditReadsHours holds that of a history nothing is read that its footers prove to
// be of other hours, and that what is compared is the same.
func TestAuditReadsHours(t *testing.T) {
	s := newSeamed(t)
	for day, of := range [][]entry{s.events[:30], s.events[30:50]} {
		a, err := newArchive(t.Context(), filepath.Join(s.dir, "part", fmt.Sprintf("%d.parquet", day)), "tx", event.Schema{{Name: "id", Type: event.Of(event.Int)}, {Name: "account", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Int)}, {Name: "event_time", Type: event.Of(event.Timestamp)}})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b := event.Batch{Len: len(of)}
		for _, kind := range []event.Kind{event.Int, event.String, event.Int, event.Timestamp, event.Int, event.Int, event.Timestamp} {
			b.Columns = append(b.Columns, event.Make(event.Of(kind)))
		}
		for _, e := range of {
			b.Columns[1].AppendText([]byte(e.account))
			for c, v := range map[int]int64{0: int64(e.id), 2: e.amount, 3: e.at, 4: int64(e.partition), 5: e.offset, 6: e.written * 1000} {
				b.Columns[c].AppendInt(v)
			}
		}
		if err := a.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.definition = strings.Replace(seamedDefinition, "{json: part/}", "{parquet: part/*.parquet}", 1)
	until := []string{"--complete-until", "2026-01-01T08:00:00Z"}
	for hours, want := range map[string]string{"2": "overlap proven: 12 events of 2 hours", "24": "overlap proven: 42 events of 7 hours"} {
		out, errs, code := s.run(t, nil, seamedByID, append([]string{"explain", "--audit", "--audit-hours", hours}, until...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want %q: %s%s", code, want, out, errs)
		}
	}
	def, err := readDefinition(filepath.Join(s.dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	in := openInputs(t.Context(), def, "train")
	plan, err := in.compile("train")
	if err != nil {
		t.Fatal(err)
	}
	j := &joined{stream: &stream{source: plan.Inputs[0].Source}, input: &plan.Inputs[0], cut: &cutover.Cut{Kind: cutover.ByID}}
	for hour, want := range map[int]int{0: 1, 4: 1, 5: 1, 7: 1, 20: 0} { // events 30 and on are of 05:00 and on
		from := event.Time(s.begin.Add(time.Duration(hour) * time.Hour).UnixMicro())
		if got := len(j.auditedHistory(in.histories["tx"], event.Span{From: from, To: from.Later(hourMicros)}).Files); got != want {
			t.Errorf("of hour %d %d files are read, want %d", hour, got, want)
		}
	}
	if got := len(j.auditedHistory(in.histories["tx"], event.Always()).Files); got != 2 {
		t.Errorf("of all hours %d files are read", got)
	}
}
