package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// materialized runs the command over the history and the topic of a seam, and returns
// the lines of its output without the header.
func (s *seamed) materialized(t *testing.T, history []entry, source string, args ...string) (lines []string, m manifest) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.csv")
	if _, errs, code := s.run(t, history, source, append([]string{"materialize", "-o", out, "--progress", "none"}, args...)...); code != 0 {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(out + manifestSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(told, &m); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".timeseam-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")[1:], m
}

// TestMaterializeFollow holds values that are materialized across every kind of cut
// against what a daemon answers of the same instant, whose digest is the same too; and
// against those of a table of the same accounts.
func TestMaterializeFollow(t *testing.T) {
	for _, c := range []struct{ name, source, until string }{
		{"by offset", seamedOffsets, ""}, {"by id", seamedByID, "2026-01-01T08:00:00Z"}, {"by event time", seamedByTime, "2026-01-01T08:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSeamed(t)
			history := slices.Clone(s.events[:50])
			if c.name == "by event time" {
				history = slices.DeleteFunc(slices.Clone(s.events), func(e entry) bool { return e.at >= s.begin.Add(8*time.Hour).UnixMicro() })
			}
			j := s.followed(t, history, c.source, c.until, "")
			at := s.begin.Add(11*time.Hour + 30*time.Minute)
			args := []string{"--at", at.Format(time.RFC3339)}
			if c.until != "" {
				args = append(args, "--complete-until", c.until)
			}
			lines, m := s.materialized(t, history, c.source, args...)
			accounts := []string{"a", "b", "c", "d"}
			if len(lines) != len(accounts) || m.Digest != j.plan.Digest() {
				t.Fatalf("%d rows of digest %s, not %d of %s", len(lines), m.Digest, len(accounts), j.plan.Digest())
			}
			for i, values := range spent(t, j, event.Time(at.UnixMicro()), accounts...) {
				if want := strings.Join(append([]string{accounts[i], at.Format(time.RFC3339)}, values...), ","); lines[i] != want {
					t.Errorf("materialized %s, and the daemon says %s", lines[i], want)
				}
			}
			if m.Inputs[0].Stream == nil || m.Inputs[0].Stream.Ranges == nil {
				t.Errorf("nothing is told of the topic: %+v", m.Inputs[0])
			}
			keys := filepath.Join(s.dir, "accounts.csv")
			if err := os.WriteFile(keys, []byte("account\n"+strings.Join(accounts, "\n")+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			if listed, _ := s.materialized(t, history, c.source, append(args, "--entities", keys)...); !slices.Equal(listed, lines) {
				t.Errorf("of a table %v, and found %v", listed, lines)
			}
		})
	}
}

// historied is a definition over files whose footers and folders tell times, so that of
// a history is left unread what no question reaches.
const historied = `version: 1
name: cut
sources:
  tx:
    history: {parquet: history/}
    stream: {kafka: tx, brokers: %q, format: json}
    partitioned_by: {dt: event_time}
    lateness: 30m
%s
  plans: {history: {parquet: plans.parquet}, dimension: {mode: versions, valid_from: since}}
entities: {account: account}
feature_views:
  spend: {entity: account, source: tx, windows: [1d, lifetime], features: {n: count(*), s: sum(amount)}}
  plan: {entity: account, source: plans, features: {tier: tier}}
feature_services: {all: {features: [spend, plan]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}, visibility: {known: event_time}}
`

// TestFollowPruned holds that a daemon begins with all of a history that questions of
// now or later reach, whatever its footers and folders say of other times.
func TestFollowPruned(t *testing.T) {
	s := newSeamed(t)
	s.definition = historied
	s.table(t, "plans.parquet", "account:utf8 | since:timestamp[us,UTC] | tier:utf8\na | 2025-01-01T00:00:00Z | basic\na | 2026-01-01T10:00:00Z | gold\n")
	rows := "id:int64 | account:utf8 | amount:int64 | event_time:timestamp[us,UTC]\n"
	for _, e := range s.events[:50] {
		rows += fmt.Sprintf("%d | %s | %d | %s\n", e.id, e.account, e.amount, time.UnixMicro(e.at).UTC().Format(time.RFC3339))
	}
	s.table(t, "history/dt=2026-01-01/all.parquet", rows)
	const until, at = "2026-01-01T08:00:00Z", "2026-01-01T11:30:00Z"
	j := s.followed(t, nil, seamedPruned, until, "")
	lines, _ := s.materialized(t, nil, seamedPruned, "--at", at, "--complete-until", until)
	instant, err := event.ParseTime(at)
	if err != nil {
		t.Fatal(err)
	}
	for i, values := range spent(t, j, instant, "a", "b", "c", "d") {
		want := strings.TrimSuffix(strings.Join(append([]string{string(rune('a' + i)), at}, values...), ","), "null") // CSV has nothing there
		if i >= len(lines) || lines[i] != want {
			t.Errorf("materialized %v, and the daemon says %s", lines, want)
		}
	}
	if want := "a," + at + ",18,18,4284,4284,gold"; len(lines) != 4 || lines[0] != want {
		t.Errorf("materialized %v, not %s first", lines, want)
	}
}

const seamedPruned = "    event_timestamp: event_time\n    event_id: id\n    cutover: {by: id}"

// table makes a file of Parquet of a table as text.
func (s *seamed) table(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := writeTable(path, text); err != nil {
		t.Fatal(err)
	}
}

// TestMaterializeStream holds who is found in the part of a topic behind its history,
// that its dead letters are written once, though it is read twice, and that
// --history-only leaves it out.
func TestMaterializeStream(t *testing.T) {
	s := newSeamed(t)
	letters := filepath.Join(s.dir, "letters.jsonl")
	s.definition = strings.Replace(s.definition, "format: json}", "format: json, dead_letter: letters.jsonl}", 1)
	s.definition = strings.Replace(s.definition, "windows: [1h, lifetime]", "window: 20m", 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte("{broken"), Timestamp: s.begin.Add(12 * time.Hour)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	args := []string{"--at", "2026-01-01T10:00:00Z"}
	lines, m := s.materialized(t, s.events[:50], seamedOffsets, args...)
	// Of minutes 580 and 590, which are events 58 and 59.
	if want := []string{"c,2026-01-01T10:00:00Z,1,406", "d,2026-01-01T10:00:00Z,1,413"}; !slices.Equal(lines, want) {
		t.Errorf("materialized %v, not %v", lines, want)
	}
	text, err := os.ReadFile(letters)
	if err != nil || strings.Count(string(text), "\n") != 1 || m.Inputs[0].Stream.Poison != 1 {
		t.Errorf("letters, of which there is one, are %s: %v, %+v", text, err, m.Inputs[0].Stream)
	}
	if lines, m := s.materialized(t, s.events[:50], seamedOffsets, append(args, "--history-only")...); len(lines) != 0 || !m.Inputs[0].HistoryOnly {
		t.Errorf("of the history alone %v, %+v", lines, m.Inputs[0])
	}
	if lines, _ := s.materialized(t, s.events[:50], seamedOffsets+"\n    cutover: {spool: true}", args...); len(lines) != 2 {
		t.Errorf("copied first %v", lines)
	}
}
