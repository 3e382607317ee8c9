package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/timetravel"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// amid runs a job, and has something happen in the midst of it: once it has read so many
// rows, before it reads another. It returns what the run says.
func amid(t *testing.T, job backfillJob, rows int64, happen func()) error {
	t.Helper()
	target, err := sink.Place{Path: job.out}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	happened := false
	job.target, job.workers = target, 1
	job.progress = func(p timetravel.Progress) {
		if p.Stage == "history" && p.Done >= rows {
			once.Do(func() { happened = true; happen() })
		}
	}
	_, _, err = job.run(t.Context())
	if !happened {
		t.Errorf("the run ended before anything happened to it: %v", err)
	}
	return err
}

// amid is a run of cut.yaml into out.csv, to which something happens.
func (s *site) amid(rows int, happen func()) error {
	s.Helper()
	return amid(s.T, backfillJob{spec: filepath.Join(s.dir, "cut.yaml"), out: filepath.Join(s.dir, "out.csv"), attempts: 4}, int64(rows), happen)
}

// refuses holds that a run failed, and not for its definition, and that it says why in
// one sentence with some words in it.
func refuses(t *testing.T, err error, words ...string) {
	t.Helper()
	var w wrong
	var faults event.Faults
	if err == nil || errors.As(err, &w) || errors.As(err, &faults) {
		t.Fatalf("it should have failed: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.HasSuffix(err.Error(), ".") {
		t.Errorf("it is not one sentence: %v", err)
	}
}

// cutSite is a site with a definition cut.yaml whose history is the first of a log's events,
// and whose stream has all of them.
func cutSite(t *testing.T, spool bool) (*site, *split) {
	t.Helper()
	s, log := newSite(t), newSplit(7)
	s.create("tx", splitPartitions)
	log.produce(t, s.cluster.ListenAddrs(), "tx")
	for _, of := range []struct {
		name   string
		events []entry
	}{{"whole", log.events}, {"part", log.events[:len(log.events)/3]}} {
		write(t, s.file(of.name+"/all.jsonl", ""), of.events)
	}
	s.file("spine.csv", "account,t\na,2026-01-01T00:02:00Z\nb,2026-01-01T00:03:00Z\n")
	s.file("cut.yaml", fmt.Sprintf(splitDefinition, "part/", s.brokers(), "event_id: id", "offset", spool, ""))
	s.file("whole.yaml", fmt.Sprintf(splitDefinition, "whole/", s.brokers(), "event_id: id", "offset", false, ""))
	return s, log
}

// admin asks the cluster to change.
func (s *site) admin() *kadm.Client {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// hangUp has the broker end the connections of the next so many who read, or until stop.
func hangUp(s *site, times int64) (stop func()) {
	left := new(atomic.Int64)
	left.Store(times)
	s.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if left.Add(-1) >= 0 {
			s.cluster.KeepControl()
			return nil, errors.New("hang up"), true
		}
		return nil, nil, false
	})
	return func() { left.Store(0) }
}

// TestBrokersAmid has what happens to brokers and topics happen in the midst of a whole
// backfill: it ends in the right bytes, or in one sentence and nothing else, and then
// the next run, once what happened is mended, has the right bytes.
func TestBrokersAmid(t *testing.T) {
	t.Parallel()
	failing := func(of kfake.Fault) func(*site) {
		return func(s *site) { of.Keys = []kmsg.Key{kmsg.Fetch}; s.cluster.Fault(of) }
	}
	again := func(s *site) {
		if err := s.cluster.DeleteTopic("tx"); err != nil {
			s.Fatal(err)
		}
		s.create("tx", splitPartitions)
	}
	for _, c := range []struct {
		name   string
		happen func(s *site)
		words  []string // none: the run goes on
	}{
		{"another leads", failing(kfake.Fault{Err: kerr.NotLeaderForPartition, Count: 2}), nil},
		{"a broker starts again", failing(kfake.Fault{Err: kerr.KafkaStorageError, Count: 3}), nil},
		{"connections break", func(s *site) { hangUp(s, 3) }, nil},
		{"brokers hang up for good", func(s *site) { hangUp(s, 1<<30) }, []string{"topic tx, partition ", "a broker ended the connection; check that it runs, and run again (4 attempts)"}},
		{"brokers are gone", func(s *site) { s.cluster.Close() }, []string{"topic tx", "cannot be reached", "(4 attempts)"}},
		{"nobody leads", failing(kfake.Fault{Err: kerr.NotLeaderForPartition, Count: -1}), []string{"no broker leads it; check that enough brokers run, and run again (4 attempts)"}},
		{"permission is taken", failing(kfake.Fault{Err: kerr.TopicAuthorizationFailed, Count: -1}), []string{"may not do this with the topic"}},
		{"made anew", again, []string{"topic tx", "made anew"}},
		{"deleted", func(s *site) {
			if err := s.cluster.DeleteTopic("tx"); err != nil {
				s.Fatal(err)
			}
		}, []string{"topic tx: the cluster has no topic of that name"}},
		{"a partition more", func(s *site) {
			if _, err := s.admin().CreatePartitions(s.Context(), 1, "tx"); err != nil {
				s.Fatal(err)
			}
		}, []string{"topic tx", "it had 3 partitions and has 4"}},
		{"retention", func(s *site) {
			for p := range int32(splitPartitions) {
				s.cluster.DeleteRecords("tx", p, s.cluster.PartitionInfo("tx", p).HighWatermark)
			}
		}, []string{"topic tx, partition ", "are gone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, log := cutSite(t, false)
			want := s.must("whole.yaml", "whole.csv", "--history-only")
			err := s.amid(len(log.events)/3+1, func() { c.happen(s) })
			if len(c.words) == 0 {
				if got, err2 := os.ReadFile(filepath.Join(s.dir, "out.csv")); err != nil || err2 != nil || !bytes.Equal(got, want) {
					t.Errorf("it is another training set than that of the unbroken log (%v, %v)", err, err2)
				}
				return
			}
			refuses(t, err, c.words...)
			s.clean("part", "whole", "spine.csv", "cut.yaml")
		})
	}
}

// TestLettersRefused holds that dead letters never take the place of what is no file, of
// those of another run or source, and that what a killed run has left is no matter.
func TestLettersRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("tx", 1)
	s.produce("tx", goodValue, "{", goodValue)
	dead := filepath.Join(s.dir, "dead.jsonl")
	into := s.json("tx", ", dead_letter: dead.jsonl")

	device := filepath.Join(s.dir, "spine.csv.device") // clean passes over what is called like the spine
	if err := os.Symlink(os.DevNull, device); err != nil {
		t.Skip(err)
	}
	s.backfills(s.json("tx", ", dead_letter: spine.csv.device"), "spine.csv.device: it is there and no file", 1)
	if at, err := os.Stat(device); err != nil || at.Mode().IsRegular() {
		t.Errorf("the device is no more (%v)", err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "spine.csv.folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	s.backfills(s.json("tx", ", dead_letter: spine.csv.folder"), "spine.csv.folder: it is there and no file", 1)
	s.backfills(s.json("tx", ", dead_letter: spine.csv.device/dead.jsonl"), "spine.csv.device/dead.jsonl: ", 1)

	release, err := sink.Lock(dead + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	s.file("spine.csv", "account,t\na,2026-02-01T00:00:00Z\n")
	s.file("bad.yaml", fmt.Sprintf(badDefinition, into))
	if said, code := s.backfill("bad.yaml", "bad.csv"); code != exitFailed || !strings.Contains(said, "dead.jsonl: process ") || !strings.Contains(said, "is writing it now") {
		t.Errorf("exit %d while another run writes them: %s", code, said)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}

	two := strings.Replace(fmt.Sprintf(badDefinition, into), "entities:", "  ty:\n    stream: {"+into+"}\n    fields: {account: string, amount: bigint, event_time: timestamp}\n    event_timestamp: event_time\nentities:", 1)
	two = strings.Replace(two, "feature_services: {all: {features: [spend]}}", "  more: {entity: account, source: ty, features: {n: count(*)}}\nfeature_services: {all: {features: [spend, more]}}", 1)
	s.file("bad.yaml", two)
	if said, code := s.backfill("bad.yaml", "bad.csv"); code != exitWrong || !strings.Contains(said, "go there too; name a file for each") {
		t.Errorf("exit %d of two sources into one file: %s", code, said)
	}
	s.clean("spine.", "bad.yaml")

	for _, left := range []string{".partial", ".lock"} {
		s.file("dead.jsonl"+left, strings.Repeat("of a killed run\n", 1000))
	}
	s.backfills(into, "", 0)
	if letters := string(read(t, dead)); strings.Count(letters, "\n") != 1 || !strings.Contains(letters, `"offset":1`) {
		t.Errorf("the letters are %s", letters)
	}
	s.clean("spine.", "bad.yaml", "dead.jsonl")
	if left, _ := filepath.Glob(dead + ".*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestLettersFail holds that a run whose dead letters cannot be written, or not be put
// in their place, has no output either.
func TestLettersFail(t *testing.T) {
	t.Parallel()
	s, _ := cutSite(t, false)
	s.produce("tx", "{")
	text := string(read(t, filepath.Join(s.dir, "cut.yaml")))
	into := func(letters string) {
		s.file("cut.yaml", strings.Replace(text, "format: json", "format: json, dead_letter: "+letters, 1))
	}
	into("dead/letters.jsonl")
	s.file("dead/x", "")
	err := s.amid(1, func() {
		if err := os.RemoveAll(filepath.Join(s.dir, "dead")); err != nil {
			t.Error(err)
		}
	})
	refuses(t, err, "dead letters of source tx: dead letters ", "dead/letters.jsonl: no such file or directory")
	s.clean("part", "whole", "spine.csv", "cut.yaml")

	s.create("dead", 1)
	into("{topic: dead}")
	err = s.amid(1, func() {
		s.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	})
	refuses(t, err, "topic tx, partition 0, offset ", "its dead letter: dead letters in topic dead: ", "and Write on a topic for dead letters")
	s.clean("part", "whole", "spine.csv", "cut.yaml")
}
