package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/fixtures"
	"github.com/timeseam/timeseam/sources"
)

// TestCasesWays holds that the ways of running are others: that events come in
// another order, and those with an id twice.
func TestCasesWays(t *testing.T) {
	dir := t.TempDir()
	spec := filepath.Join(dir, "features.yaml")
	const definition = `
version: 1
name: ways
sources:
  tx: {history: {parquet: nothing}, event_timestamp: time, event_id: id, fields: {id: int64, user: string, time: timestamp}}
entities: {user: user}
feature_views:
  spend: {entity: user, source: tx, features: {n: count(*)}}
`
	const cases = `
cases:
  - name: four
    events: {tx: [{id: 1, user: a, time: 2026-01-01}, {id: 2, user: a, time: 2026-01-02}, {id: null, user: a, time: 2026-01-03}, {id: 4, user: b, time: 2026-01-04}]}
    asks: [{at: 2026-02-01, user: a, expect: {spend__n: 3}}]
`
	for name, text := range map[string]string{spec: definition, filepath.Join(dir, "features.test.yaml"): cases} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	in, err := openHistories(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	all, err := readCases(filepath.Join(dir, "features.test.yaml"), in)
	if err != nil {
		t.Fatal(err)
	}
	e := all[0]
	var orders []string
	for _, way := range ways {
		e.run.way = way
		var ids []string
		for _, part := range e.run.partsOf(e.run.plan.Inputs[0], 0) {
			var b event.Batch
			for part.Read(t.Context(), &b) == nil {
				id := e.run.plan.Inputs[0].Columns.Index("id")
				for i := range b.Len {
					ids = append(ids, valueText(&b.Columns[id], i))
				}
			}
		}
		want := 4
		if way.repeat {
			want = 7 // The event without an id is another event each time.
		}
		if len(ids) != want {
			t.Errorf("%s brings %v, want %d events", way.name, ids, want)
		}
		orders = append(orders, strings.Join(ids, " "))
	}
	if orders[0] != orders[1] || orders[2] == orders[0] {
		t.Errorf("events come in the orders %q", orders)
	}
	if got, err := e.check(t.Context()); err != nil || len(got.Differences) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestTimelineBackfill holds that what a timeline shows of an account at an instant
// is what a backfill answers to a row of a spine with that account and instant.
func TestTimelineBackfill(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Demo(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	spec, out := filepath.Join(dir, "features.yaml"), filepath.Join(dir, "training.parquet")
	if err := os.WriteFile(spec, demoDefinition, 0o666); err != nil {
		t.Fatal(err)
	}
	timeseam := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"timeseam"}, args...), &stdout, &stderr); code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, stderr.String())
		}
		return stdout.String()
	}
	timeseam("backfill", spec, "-o", out)
	table, err := sources.Find(out)
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"account_id", "event_time", "amount", "lat", "lon", "spend__tx_count_30d", "spend__amount_sum_1d", "spend__countries", "profile__tier", "scoring__times_usual", "scoring__kmh"}
	src, err := table.Read(columns)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var b event.Batch
	if err := src.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for row := 0; row < b.Len; row += b.Len / 12 {
		text := func(c int) string { return writtenJSON(&b.Columns[c], row) }
		said := timeseam("timeline", spec, "--csv", "--entity", "account="+text(0), "--from", text(1), "--to", text(1),
			"--request", fmt.Sprintf("amount=%s,lat=%s,lon=%s", text(2), text(3), text(4)), "--features", strings.Join(columns[5:], ","))
		var want []string
		for c := 5; c < len(columns); c++ {
			want = append(want, text(c))
		}
		if !strings.HasSuffix(said, ","+strings.Join(want, ",")+"\n") {
			t.Errorf("row %d: the backfill has %v, the timeline says\n%s", row, want, said)
		}
	}
}
