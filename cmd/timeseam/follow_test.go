package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/twmb/franz-go/pkg/kgo"
)

// followed starts a daemon over the history and the topic of a seam, and returns it
// once it has caught up.
func (s *seamed) followed(t *testing.T, history []entry, source, until, saved string) *generation {
	t.Helper()
	s.run(t, history, source, "validate") // which writes the definition
	j := &followJob{spec: filepath.Join(s.dir, "s.yaml"), shards: 2, memory: 1 << 30, reach: 240 * 365 * 24 * time.Hour, checkpoints: saved, interval: time.Hour, log: slog.New(slog.DiscardHandler)}
	if until != "" {
		at, err := event.ParseTime(until)
		if err != nil {
			t.Fatal(err)
		}
		j.complete = &at
	}
	g, err := j.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := g.begun(t.Context())
	t.Cleanup(r.stop)
	select {
	case err := <-r.ended:
		t.Fatal(err)
	case <-g.caught:
	}
	s.stop = func() {
		r.stop()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
	}
	return g
}

// spent asks the daemon for all features of accounts at an instant.
func spent(t *testing.T, j *generation, at event.Time, accounts ...string) [][]string {
	t.Helper()
	b := emptyBatch(j.plan.Queries.Columns)
	for _, a := range accounts {
		for c := range b.Columns {
			if b.Columns[c].Type.Text() {
				b.Columns[c].AppendText([]byte(a))
			} else {
				b.Columns[c].AppendInt(int64(at))
			}
		}
		b.Len++
	}
	answer, err := j.engine.Ask(b)
	if err != nil {
		t.Fatal(err)
	}
	return cellsOf(t, j.plan.Outputs, answer.Columns)
}

// cellsOf is values as the files of a training set have them.
func cellsOf(t *testing.T, schema event.Schema, columns []event.Column) (rows [][]string) {
	t.Helper()
	for i := range columns[0].Len() {
		var row []string
		for c := range schema {
			row = append(row, valueText(&columns[c], i))
		}
		rows = append(rows, row)
	}
	return rows
}

// TestFollow has a daemon go on from a history to a topic by every kind of cut: what it
// answers is what a training set says, and goes on being that when more is written.
func TestFollow(t *testing.T) {
	for _, c := range []struct{ name, source, until string }{
		{"by offset", seamedOffsets, ""}, {"by id", seamedByID, "2026-01-01T08:00:00Z"}, {"by event time", seamedByTime, "2026-01-01T08:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSeamed(t)
			history := slices.Clone(s.events[:50])
			if c.name == "by event time" {
				history = slices.DeleteFunc(slices.Clone(s.events), func(e entry) bool { return e.at >= s.begin.Add(8*time.Hour).UnixMicro() })
			}
			saved := t.TempDir()
			j := s.followed(t, history, c.source, c.until, saved)
			made := filepath.Join(t.TempDir(), "out.csv")
			args := []string{"backfill", "-o", made, "--progress", "none"}
			if c.until != "" {
				args = append(args, "--complete-until", c.until)
			}
			if _, errs, code := s.run(t, history, c.source, args...); code != 0 {
				t.Fatal(errs)
			}
			text, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			for i, account := range []string{"a", "b"} {
				at := event.Time(s.begin.Add(time.Duration(11+i) * time.Hour).UnixMicro())
				got := strings.Join(spent(t, j, at, account)[0], ",")
				if !strings.HasSuffix(lines[i+1], ","+got) {
					t.Errorf("account %s: the daemon says %s, the training set %s", account, got, lines[i+1])
				}
			}
			client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			at := s.begin.Add(20 * time.Hour)
			before := spent(t, j, event.Time(at.UnixMicro()), "a")[0]
			e := entry{id: 999, account: "a", amount: 1, at: at.Add(-time.Minute).UnixMicro(), written: at.UnixMilli()}
			r, err := client.ProduceSync(t.Context(), &kgo.Record{Partition: 0, Value: []byte(e.json("")), Timestamp: at}).First()
			if err != nil {
				t.Fatal(err)
			}
			if err := j.engine.Wait(t.Context(), live.Positions{"tx": {0: r.Offset + 1}}); err != nil {
				t.Fatal(err)
			}
			after := spent(t, j, event.Time(at.UnixMicro()), "a")[0]
			if slices.Equal(before, after) {
				t.Errorf("an event changed nothing: %v", after)
			}
			s.stop()
			again := s.followed(t, nil, c.source, c.until, saved) // of a history that is gone nothing is read
			if got := spent(t, again, event.Time(at.UnixMicro()), "a")[0]; !slices.Equal(got, after) {
				t.Errorf("restored, the daemon says %v, and it said %v", got, after)
			}
			s.stop()
		})
	}
}

// lines is what is written, by lines, for who waits for one.
type lines struct {
	*io.PipeWriter
	all chan string
}

func newLines() *lines {
	r, w := io.Pipe()
	l := &lines{w, make(chan string, 1000)}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			l.all <- s.Text()
		}
	}()
	return l
}

// until waits for a line that holds all of some words.
func (l *lines) until(t *testing.T, words ...string) string {
	t.Helper()
	for {
		select {
		case line := <-l.all:
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return line
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no line has %q", words)
		}
	}
}

// TestFollowServes runs a daemon as its command does: it says 503 until it has caught up,
// answers over HTTP, goes over to a definition that has changed without being away, and
// ends with a checkpoint.
func TestFollowServes(t *testing.T) {
	s := newSeamed(t)
	s.run(t, s.events[:50], seamedOffsets, "validate")
	log := newLines()
	j := &followJob{spec: filepath.Join(s.dir, "s.yaml"), listen: "127.0.0.1:0", shards: 2, memory: 1 << 30, reach: 240 * 365 * 24 * time.Hour, checkpoints: t.TempDir(), interval: time.Second, log: slog.New(slog.NewTextHandler(log, nil))}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.run(ctx) }()
	_, at, _ := strings.Cut(log.until(t, "msg=serving"), " at=")
	log.until(t, "caught up")
	ask := func() (int, string) {
		t.Helper()
		r, err := http.Post("http://"+at+"/get-online-features", "application/json", strings.NewReader(`{"feature_service": "all", "entities": {"account": ["a"]}, "as_of": "2026-01-01T11:00:00Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(text)
	}
	if code, text := ask(); code != http.StatusOK || !strings.Contains(text, "n_lifetime") {
		t.Fatalf("%d: %s", code, text)
	}
	s.definition = strings.Replace(s.definition, "s: sum(amount)", "s: sum(amount), most: max(amount)", 1)
	s.run(t, s.events[:50], seamedOffsets, "validate")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	log.until(t, "the changed definition answers")
	if code, text := ask(); code != http.StatusOK || !strings.Contains(text, "most_lifetime") {
		t.Errorf("%d: %s", code, text)
	}
	if err := os.WriteFile(j.spec, []byte("version: 1\nname: [\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	log.until(t, "the one before goes on")
	if code, _ := ask(); code != http.StatusOK {
		t.Errorf("after a definition at fault: %d", code)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	log.until(t, "msg=saved")
}

// TestFollowSettings holds what is said of settings that only brokers that answer let be
// looked at.
func TestFollowSettings(t *testing.T) {
	s := newSeamed(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "x"}, `timeseam: --listen x: listen is "x", no HOST:PORT; write 127.0.0.1:6566`},
		{[]string{"--listen", "0.0.0.0:0"}, "timeseam: --listen 0.0.0.0:0: other machines may reach 0.0.0.0:0, and nothing says who may ask; "},
		{[]string{"--from-checkpoint", "4"}, "timeseam: --from-checkpoint speaks of checkpoints, and nothing says where they are; add --checkpoint DIR, or online: {checkpoint: DIR} to the definition"},
		{[]string{"--checkpoint-interval", "5s"}, "timeseam: --checkpoint-interval speaks of checkpoints, "},
		{[]string{"--checkpoint", "s3://"}, "timeseam: checkpoints: s3:// names no bucket; write s3://BUCKET/KEY"},
	} {
		_, errs, code := s.run(t, s.events[:50], seamedOffsets, append([]string{"follow"}, c.args...)...)
		if code != exitWrong || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, errs)
		}
	}
}
