package main

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/fixtures"
	"github.com/timeseam/timeseam/store/storetest"
)

// wideDefinition makes rows so wide that a few thousand are some parts of an upload.
const wideDefinition = `
version: 1
name: wide
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
    features: {previous: "last(amount, 500)"}
feature_services:
  all: {features: [usual]}
training_sets:
  train:
    service: all
    spine: {parquet: labels.parquet, event_timestamp: event_time}
    visibility: {known: event_time}
`

// endedInUpload starts runs into a store and ends each in the midst of an upload: what
// a killed one leaves is not visible, and away after the next run; one that is called
// off leaves nothing.
func endedInUpload(t *testing.T, server string) {
	storetest.Use(t.Setenv, server)
	t.Setenv("TMPDIR", t.TempDir())
	b, dir := lake(t), filepath.Join(t.TempDir(), "data")
	if err := (fixtures.Workload{Events: 10_000, Labels: 5_000, Accounts: 100, Days: 2, Seed: 1}).Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wide.yaml"), []byte(wideDefinition), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		end  os.Signal
		args []string
	}{
		{os.Kill, []string{"-o", "s3://lake/out.arrow"}},
		{os.Kill, []string{"-o", "s3://lake/set/", "--file-size", "10MiB", "--format", "arrow"}},
		{os.Interrupt, []string{"-o", "s3://lake/off.arrow"}},
	} {
		prefix := strings.Trim(strings.TrimPrefix(c.args[1], "s3://lake/"), "/")
		storetest.Use(t.Setenv, server)
		reached := make(chan bool, 1)
		storetest.Front(t, server, func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("partNumber") != "2" {
				return false
			}
			io.Copy(io.Discard, r.Body) // Whose end is not read hears of no client that goes.
			reached <- true
			<-r.Context().Done()
			return true
		})
		p := started(t, dir, append([]string{"backfill", "wide.yaml"}, c.args...)...)
		ended := make(chan error, 1)
		go func() { ended <- p.Wait() }()
		select {
		case <-reached:
		case err := <-ended:
			t.Fatalf("%v: it ends with %v before it sends a second part, and says %s", c.args, err, p.stderr.String())
		}
		p.Process.Signal(c.end)
		err := <-ended
		left := slices.Sorted(maps.Keys(stored(t, b, prefix)))
		if c.end == os.Interrupt {
			if exitCode(err) != exitFailed || p.stderr.String() != "timeseam: interrupted; nothing was written\n" || len(left) > 0 {
				t.Errorf("called off, the run ends with %v, says %q and leaves %q", err, p.stderr.String(), left)
			}
			continue
		}
		if len(left) != 1 || !strings.HasSuffix(left[0], " (under way)") {
			t.Errorf("a run that was killed in its upload leaves %q", left)
		}
		storetest.Use(t.Setenv, server)
		if out, err := command(t, dir, append([]string{"backfill", "wide.yaml"}, c.args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		left = slices.Sorted(maps.Keys(stored(t, b, prefix)))
		if len(left) < 2 || slices.ContainsFunc(left, func(key string) bool { return strings.HasSuffix(key, " (under way)") }) {
			t.Errorf("the next run leaves %q", left)
		}
	}
}

func TestS3EndedInUpload(t *testing.T) { endedInUpload(t, storetest.Start(t).URL) }
