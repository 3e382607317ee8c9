//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestProcessLettersFull has the disk take no more of the dead letters, as they are
// written and as the last of them are: the run ends in one sentence, and leaves nothing.
func TestProcessLettersFull(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"written": 40_000, "committed": 2500} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.create("tx", 1)
			s.produce("tx", goodValue, strings.Repeat("x", size))
			s.file("spine.csv", "account,t\na,2026-02-01T00:00:00Z\n")
			s.file("bad.yaml", fmt.Sprintf(badDefinition, s.json("tx", ", dead_letter: dead.jsonl")))
			run := command(t, s.dir, "backfill", "bad.yaml", "-o", "bad.csv", "--progress", "none")
			limited := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -f 2; exec "$0" "$@"`}, run.Args...)...)
			limited.Env, limited.Dir = append(os.Environ(), "PATH="+programDir(t)+":"+os.Getenv("PATH")), s.dir
			said, err := limited.CombinedOutput()
			if code := exitCode(err); code != exitFailed || !regexp.MustCompile(`^timeseam: .*dead letters dead.jsonl: file too large\n$`).Match(said) {
				t.Errorf("exit %d: %s", code, said)
			}
			s.clean("spine.csv", "bad.yaml")
		})
	}
}

// programDir is a folder with the program in it.
func programDir(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "timeseam")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestProcessSpoolKilled kills runs that copy records to a disk of their own, at random
// instants: what is left is of kinds that the next run removes, and that one has the bytes
// of a run that nobody killed. -kills 50 is for a long night.
func TestProcessSpoolKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("tx", splitPartitions)
	log := newSplit(3)
	for log.events = nil; len(log.events) < 30_000; {
		n := len(log.events)
		at := log.begin.Add(time.Duration(n) * time.Second)
		log.events = append(log.events, entry{id: n, account: string(rune('a' + n%4)), amount: int64(n % 1000), at: at.UnixMicro(), written: at.UnixMilli(), partition: int32(n % splitPartitions)})
	}
	fill(s, log.events)
	for name, events := range map[string][]entry{"whole": log.events, "part": log.events[:1000]} {
		write(t, s.file(name+"/all.jsonl", ""), events)
	}
	s.file("spine.csv", "account,t\na,2026-01-01T04:00:00Z\nb,2026-01-01T06:00:00Z\n")
	for _, history := range []string{"whole", "part"} {
		text := fmt.Sprintf(splitDefinition, history+"/", s.brokers(), "event_id: id", "offset", true, "")
		s.file(history+".yaml", strings.Replace(text, "format: json", "format: json, dead_letter: dead.jsonl", 1))
	}
	want := string(s.must("whole.yaml", "whole.csv", "--history-only"))
	s.file("room/x", "")
	args := []string{"backfill", "part.yaml", "-o", "out.csv", "--temp-dir", "room", "--progress", "none"}
	finished := func() {
		t.Helper()
		if said, err := command(t, s.dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if got := string(read(t, filepath.Join(s.dir, "out.csv"))); got != want {
			t.Error("another training set than that of the unbroken log")
		}
		if left := filesIn(t, s.dir); left != "dead.jsonl out.csv out.csv.certificate.json out.csv.manifest.json out.csv.run.json part/all.jsonl part.yaml room/x spine.csv whole/all.jsonl whole.csv whole.csv.manifest.json whole.csv.run.json whole.yaml" {
			t.Errorf("there are %s", left)
		}
	}
	// The first waits for its brokers as it is killed, so that it leaves a spool.
	stop := hangUp(s, 1<<30)
	run, room := started(t, s.dir, args...), filepath.Join(s.dir, "room", ".timeseam-*")
	until(t, "the run to copy records", func() bool {
		copies, _ := filepath.Glob(filepath.Join(room, "source-tx", "*"))
		return len(copies) > 0
	})
	run.Process.Kill()
	run.Wait()
	stop()
	if left, _ := filepath.Glob(room); len(left) != 2 {
		t.Errorf("%v is left of a spool and its lock", left)
	}
	began := time.Now()
	finished()
	long, random := time.Since(began), rand.New(rand.NewPCG(*killSeed, 1))
	for killed := 0; killed < *kills; {
		os.Remove(filepath.Join(s.dir, "out.csv"))
		run := started(t, s.dir, args...)
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, run.stderr.String())
			}
		case <-time.After(time.Duration(random.Int64N(int64(long)))):
			run.Process.Kill()
			if err := <-ended; err != nil {
				killed++
			}
		}
	}
	finished()
}

// fill writes events to topic tx. A record that is sent twice is one of its id.
func fill(s *site, events []entry) {
	s.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite())
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, len(events))
	for i := range events {
		e := &events[i]
		records[i] = &kgo.Record{Partition: e.partition, Value: []byte(e.json("")), Timestamp: time.UnixMilli(e.written)}
	}
	if err := client.ProduceSync(s.Context(), records...).FirstErr(); err != nil {
		s.Fatal(err)
	}
	for i, r := range records {
		events[i].offset = r.Offset
	}
}

// filesIn are the files below a folder, in their order.
func filesIn(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(dir, path)
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
