package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/ledger"
	"github.com/twmb/franz-go/pkg/kgo"
)

// logged runs a daemon until do is done with it.
func (s *seamed) logged(t *testing.T, do func(at string, j *followJob)) {
	t.Helper()
	log := newLines()
	j := &followJob{spec: filepath.Join(s.dir, "s.yaml"), listen: "127.0.0.1:0", shards: 2, memory: 1 << 30, reach: 240 * 365 * 24 * time.Hour, interval: time.Second, tempDir: t.TempDir(), log: slog.New(slog.NewTextHandler(log, nil))}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.run(ctx) }()
	_, at, _ := strings.Cut(log.until(t, "msg=serving"), " at=")
	log.until(t, "caught up")
	do(at, j)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFollowLogs runs a daemon of a topic alone, twice, that writes all its logs: each
// answer is there with an epoch whose positions are told, and a training set of the
// archive, and the stream behind it, is that of the stream alone.
func TestFollowLogs(t *testing.T) {
	s := newSeamed(t)
	dir := t.TempDir()
	fields := "    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp}\n    event_timestamp: event_time"
	definition := strings.Replace(s.definition, "    history: {json: part/}\n", "", 1)
	s.definition = definition + "online:\n  serve: {service: all}\n  checkpoint: " + filepath.Join(dir, "state") + "\n  served_log: {parquet: " + filepath.Join(dir, "served") + "}\n  archive: {parquet: " + filepath.Join(dir, "archive") + "}\n"
	s.run(t, nil, fields, "validate")
	var digest string
	ask := func(at string, j *followJob) {
		t.Helper()
		digest = j.now.Load().plan.Digest()
		r, err := http.Post("http://"+at+"/get-online-features", "application/json", strings.NewReader(`{"feature_service": "all", "entities": {"account": ["a", "b"]}}`))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if text, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
			t.Fatal(r.StatusCode, string(text), err)
		}
	}
	s.logged(t, ask)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	more := func(id int) {
		t.Helper()
		at := s.begin.Add(time.Duration(id) * time.Minute)
		e := entry{id: id, account: "a", amount: int64(id), at: at.UnixMicro(), written: at.UnixMilli()}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Partition: int32(id % 2), Value: []byte(e.json("")), Timestamp: at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	more(500)
	more(501)
	s.logged(t, ask)
	schema, b := readAll(t, filepath.Join(dir, "served"))
	if b.Len != 4 {
		t.Fatalf("%d answers are written", b.Len)
	}
	r, err := ledger.OpenReader(t.Context(), filepath.Join(dir, "state", digest, "positions"), nil)
	if err != nil {
		t.Fatal(err)
	}
	epochs := b.Columns[schema.Index("_epoch")].Ints
	for i, want := range []string{"map[tx:map[0:36 1:36]]", "map[tx:map[0:37 1:37]]"} {
		got, err := r.At(t.Context(), uint64(epochs[2*i]))
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("run %d answered at %v, and its log says %v: %v", i, want, got, err)
		}
		at, err := r.EpochAt(t.Context(), event.Time(b.Columns[schema.Index("_time")].Ints[2*i]))
		if err != nil || at != uint64(epochs[2*i]) {
			t.Errorf("run %d answered at epoch %d, and it was %d then: %v", i, epochs[2*i], at, err)
		}
	}
	if epochs[0] >= epochs[2] {
		t.Errorf("epochs are %v", epochs)
	}
	more(502) // is in the stream alone
	made := func(text string) string {
		t.Helper()
		s.definition = text
		out := filepath.Join(t.TempDir(), "out.csv")
		said, errs, code := s.run(t, nil, fields, "backfill", "-o", out, "--progress", "none")
		if code != 0 {
			t.Fatal(said, errs)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	alone := made(definition)
	archived := filepath.Join(dir, "archive", "tx")
	both := strings.Replace(definition, "    stream:", "    history: {parquet: "+archived+"}\n    stream:", 1)
	if got := made(both); got != alone {
		t.Errorf("of the archive and the stream it is\n%s, of the stream\n%s", got, alone)
	}
	if _, rows := readAll(t, archived); rows.Len != 74 {
		t.Errorf("the archive has %d records", rows.Len)
	}
}
