//go:build unix

package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/fixtures"
)

// Some things show only in a process of its own: signals, a pipe that is closed, and
// two runs at once.

// process is the program at work.
type process struct {
	*exec.Cmd
	stderr bytes.Buffer
}

// started starts the program in dir; a test that ends kills it.
func started(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command(t, dir, args...)}
	p.Cmd.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// command is the program, which this test binary is under that name (TestMain). One
// that hangs is killed.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args, cmd.Dir, cmd.WaitDelay = append([]string{"timeseam"}, args...), dir, 30*time.Second
	return cmd
}

// until waits for what must come to be.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// slowDefinition takes about a second of the data of slowFiles, as each value
// sorts anew what it is the median of.
const slowDefinition = `
version: 1
name: slow
sources:
  payments:
    history: {parquet: transactions}
    event_timestamp: event_time
    event_id: event_id
entities:
  all: []
feature_views:
  usual:
    entity: all
    source: payments
    features: {amount: median(amount), previous: "last(amount, 200)"}
feature_services:
  all: {features: [usual]}
training_sets:
  train:
    service: all
    spine: {parquet: labels.parquet, event_timestamp: event_time}
    visibility: {known: event_time}
`

func slowFiles(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	w := fixtures.Workload{Events: 20_000, Labels: 4_000, Accounts: 100, Days: 2, Seed: 1}
	if err := w.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "slow.yaml"), []byte(slowDefinition), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestProcessTogether holds that of two runs on one output the second is refused
// and the first does not notice; and that Ctrl-C ends a run and leaves nothing.
func TestProcessTogether(t *testing.T) {
	t.Parallel()
	dir := slowFiles(t)
	out := filepath.Join(dir, "out.parquet")
	first := started(t, dir, "backfill", "slow.yaml", "-o", "out.parquet")
	until(t, "the first run to begin", func() bool { return exists(out + ".partial") })
	// However slow this machine is, the first run is at work until the second has ended.
	first.Process.Signal(syscall.SIGSTOP)
	second := started(t, dir, "backfill", "slow.yaml", "-o", "./out.parquet")
	err := second.Wait()
	refused := regexp.MustCompile(`^timeseam: output ./out.parquet: process \d+ is writing it now \(lock \S+\); wait for its end or name another output\n$`)
	if code := exitCode(err); code != exitFailed || !refused.MatchString(second.stderr.String()) {
		t.Errorf("the second run ends with %d and says %q", code, second.stderr.String())
	}
	if !exists(out+".partial") || exists(out) {
		t.Error("the second run touched what the first is writing")
	}
	first.Process.Signal(os.Interrupt)
	first.Process.Signal(syscall.SIGCONT)
	if code := exitCode(first.Wait()); code != exitFailed || first.stderr.String() != "timeseam: interrupted; nothing was written\n" {
		t.Errorf("interrupted, the run ends with %d and says %q", code, first.stderr.String())
	}
	left, err := filepath.Glob(out + "*")
	if err != nil || len(left) > 0 {
		t.Errorf("the interrupted run left %q (%v)", left, err)
	}
}

// TestProcessKilled kills runs that replace a folder, each when it has come a little
// further: what is left is the old files or the new, whole, and the next run does
// not mind.
func TestProcessKilled(t *testing.T) {
	t.Parallel()
	dir := slowFiles(t)
	backfill := func(args ...string) []string {
		return append([]string{"backfill", "slow.yaml", "--format", "csv", "-o", "set/"}, args...)
	}
	whole := func(args ...string) string {
		if out, err := command(t, dir, backfill(args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return seen(t, filepath.Join(dir, "set"))
	}
	replaced := whole("--file-size", "20KiB")
	old := whole()
	if old == replaced {
		t.Fatal("the two sets are one")
	}
	for _, at := range []string{"set.lock", "set.partial", "set.partial/part-00000.csv", "set.partial/part-00001.csv", "set.partial/part-00003.csv"} {
		run := started(t, dir, backfill("--file-size", "20KiB")...)
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		until(t, at, func() bool { return exists(filepath.Join(dir, at)) || len(ended) > 0 })
		run.Process.Kill()
		<-ended
		if now := seen(t, filepath.Join(dir, "set")); now != old && now != replaced {
			t.Errorf("killed at %s, neither the old files nor the new are there", at)
		}
		if whole() != old {
			t.Errorf("the run after one that was killed at %s leaves other files", at)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "set*"))
	if err != nil || len(left) != 3 {
		t.Errorf("there are %q (%v), want the set, its manifest and its report", left, err)
	}
}

// seen is the names and the bytes of all files below a folder.
func seen(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestProcessPipe holds that a reader who has seen enough is no reason to panic, and
// that the run does not end as if all had been read.
func TestProcessPipe(t *testing.T) {
	t.Parallel()
	cmd := command(t, slowFiles(t), "backfill", "slow.yaml", "-o", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	if code := exitCode(cmd.Wait()); code == exitDone || strings.Contains(stderr.String(), "panic") {
		t.Errorf("the run ends with %d and says %q", code, stderr.String())
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// exitCode is the code that a process ended with; -1 for a signal.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -2
}

// TestProcessGone holds that a report whose reader has gone ends without a word.
func TestProcessGone(t *testing.T) {
	t.Parallel()
	dir := slowFiles(t)
	for _, args := range [][]string{{"list", "slow.yaml"}, {"explain", "slow.yaml"}, {"--help"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := command(t, dir, args...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &stderr
		err = cmd.Run()
		w.Close()
		if code := exitCode(err); code != -1 || stderr.Len() > 0 {
			t.Errorf("%v ends with %d and says %q", args, code, stderr.String())
		}
	}
}

// TestProcessResumed kills a run each time it has written something down, and goes on
// until one comes to its end: the training set and its manifest are those of a run
// that nobody stopped, and nothing else is left.
func TestProcessResumed(t *testing.T) {
	t.Parallel()
	t.Run("parquet", func(t *testing.T) { resumed(t, slowFiles(t), "slow.yaml") })
	t.Run("partitions of text", func(t *testing.T) { resumed(t, lakeFiles(t), "lake.yaml") })
}

func resumed(t *testing.T, dir, spec string) {
	t.Helper()
	if out, err := command(t, dir, "backfill", spec, "-o", "whole.csv").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	journal := filepath.Join(dir, "set.csv.resume", "journal")
	size := func() int64 {
		info, err := os.Stat(journal)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	killed := 0
	for {
		run := started(t, dir, "backfill", spec, "-o", "set.csv", "--resume")
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		before := size()
		until(t, "the run to come further", func() bool { return size() > before || len(ended) > 0 })
		run.Process.Kill()
		if err := <-ended; err == nil {
			break
		}
		if killed++; killed > 100 {
			t.Fatal("no run comes to its end")
		}
	}
	if killed < 2 {
		t.Errorf("only %d runs were killed", killed)
	}
	for _, suffix := range []string{"", ".manifest.json"} {
		want, err := os.ReadFile(filepath.Join(dir, "whole.csv"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "set.csv"+suffix))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("set.csv%s is another than that of one run (%v)", suffix, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "set.csv*"))
	if err != nil || len(left) != 3 {
		t.Errorf("there are %q (%v), want the set, its manifest and its report", left, err)
	}
}

// TestProcessKilledAnywhere kills a run at some random instant, and so the ones that go
// on from it, until one comes to its end. -kills 50 is for a long night.
func TestProcessKilledAnywhere(t *testing.T) {
	t.Parallel()
	t.Run("files", func(t *testing.T) { killedAnywhere(t, slowFiles(t), "slow.yaml", "--workers", "2") })
	t.Run("streams", func(t *testing.T) {
		s, flags := takenSite(t, "history: {json: old.jsonl}\n    "+takenStream+"\n    cutover: {by: id, spool: true, margin: 1h}", takenTable)
		killedAnywhere(t, s.dir, "set.yaml", flags...)
	})
}

// killedAnywhere kills runs of a definition of a folder.
func killedAnywhere(t *testing.T, dir, spec string, flags ...string) {
	t.Helper()
	start := time.Now()
	if out, err := command(t, dir, append([]string{"backfill", spec, "-o", "whole.csv"}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	long, random := time.Since(start), rand.New(rand.NewPCG(*killSeed, 0))
	left := func(of string) []string {
		files, err := filepath.Glob(filepath.Join(dir, of+".csv*"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			files[i] = strings.TrimPrefix(files[i], filepath.Join(dir, of))
		}
		return files
	}
	same := func(killed int) {
		t.Helper()
		whole, err := os.ReadFile(filepath.Join(dir, "whole.csv"))
		if set, err2 := os.ReadFile(filepath.Join(dir, "set.csv")); err != nil || err2 != nil || !bytes.Equal(whole, set) {
			t.Fatalf("after %d kills of seed %d the training set is another than that of one run (%v, %v)", killed, *killSeed, err, err2)
		}
		if set, whole := left("set"), left("whole"); !slices.Equal(set, whole) {
			t.Fatalf("there are %q, want %q", set, whole)
		}
	}
	again := append([]string{"backfill", spec, "-o", "set.csv", "--resume"}, flags...)
	for killed := 0; killed < *kills; {
		run := started(t, dir, again...)
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, run.stderr.String())
			}
			same(killed)
			os.Remove(filepath.Join(dir, "set.csv"))
		case <-time.After(time.Duration(random.Int64N(int64(long)))):
			run.Process.Kill()
			if err := <-ended; err != nil {
				killed++
			}
		}
	}
	if out, err := command(t, dir, again...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	same(*kills)
}

var (
	kills    = flag.Int("kills", 3, "how many runs TestProcessKilledAnywhere kills, and how many daemons TestProcessFollowKilled")
	killSeed = flag.Uint64("kill-seed", 1, "where its random instants begin")
)

const lakeDefinition = `version: 1
name: lake
sources:
  tx:
    history: {csv: tx}
    fields: {who: string, at: timestamp, amount: double}
    event_timestamp: at
    partitioned_by: {dt: at}
    cutover: {complete: _SUCCESS}
entities: {who: who}
feature_views:
  v: {entity: who, source: tx, window: 1d, features: {n: count(*), p: "quantile_cont(amount, 0.9)"}}
feature_services:
  all: {features: [v]}
training_sets:
  lake:
    service: all
    spine: {csv: asked.csv, event_timestamp: at, fields: {at: timestamp, who: string}}
    visibility: {known: event_time}
`

// lakeFiles is a definition whose history is text in partitions, of which the
// questions reach some.
func lakeFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	put := func(path, text string) {
		path = filepath.Join(dir, path)
		if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	for day := 1; day <= 6; day++ {
		var rows strings.Builder
		rows.WriteString("who,at,amount\n")
		for i := range 5000 {
			fmt.Fprintf(&rows, "u%d,2026-01-%02dT%02d:%02d:00Z,%d.5\n", i%77, day, i%24, i%60, i%101)
		}
		put(fmt.Sprintf("tx/dt=2026-01-%02d/a.csv", day), rows.String())
	}
	put("asked.csv", "who,at\n"+strings.Repeat("u1,2026-01-03T12:00:00Z\nu2,2026-01-04T12:00:00Z\n", 20_000))
	put("lake.yaml", lakeDefinition)
	return dir
}

// TestProcessInterruptedWithResume holds what Ctrl-C says of a run that can be taken up,
// and that its next one can.
func TestProcessInterruptedWithResume(t *testing.T) {
	t.Parallel()
	dir := slowFiles(t)
	run := started(t, dir, "backfill", "slow.yaml", "-o", "set.csv", "--resume")
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	until(t, "the run to begin", func() bool { return exists(filepath.Join(dir, "set.csv.resume", "journal")) || len(ended) > 0 })
	run.Process.Signal(os.Interrupt)
	code := exitCode(<-ended)
	if code == exitDone {
		t.Skip("the run ended before it was interrupted")
	}
	if code != exitFailed || run.stderr.String() != "timeseam: interrupted; no training set was written; run again with --resume to go on\n" {
		t.Errorf("interrupted, the run ends with %d and says %q", code, run.stderr.String())
	}
	if exists(filepath.Join(dir, "set.csv")) {
		t.Error("a training set was written")
	}
	if out, err := command(t, dir, "backfill", "slow.yaml", "-o", "set.csv", "--resume").CombinedOutput(); err != nil || exists(filepath.Join(dir, "set.csv.resume")) {
		t.Errorf("%v: %s", err, out)
	}
}
