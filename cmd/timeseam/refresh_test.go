package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/ledger"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
)

const refreshedDefinition = `version: 1
name: spending
sources:
  tx: {history: {FORMAT: tx/, refresh: 1h}, fields: {account_id: string, amount: int, at_time: timestamp}, event_timestamp: at_time}
  limits: {history: {parquet: limits/, refresh: 5m}, dimension: {MODE}}
entities: {account: account_id}
feature_views:
  spend: {entity: account, source: tx, window: 30d, features: {n: count(*), s: sum(amount)}}
  limit: {entity: account, source: limits, features: {most: most}}
feature_services: {all: {features: [spend, limit]}}
`

// refreshed is a definition over folders that grow.
type refreshed struct {
	dir    string
	format string
	files  int
}

func newRefreshed(t *testing.T, format, mode string) *refreshed {
	t.Helper()
	r := &refreshed{dir: t.TempDir(), format: format}
	text := strings.ReplaceAll(strings.ReplaceAll(refreshedDefinition, "FORMAT", format), "MODE", mode)
	if err := errors.Join(os.WriteFile(filepath.Join(r.dir, "s.yaml"), []byte(text), 0o644), os.Mkdir(filepath.Join(r.dir, "tx"), 0o755), os.Mkdir(filepath.Join(r.dir, "limits"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return r
}

// land adds a file of so many events and one of limits.
func (r *refreshed) land(t *testing.T, rows int) {
	t.Helper()
	r.files++
	tx := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Int)}, {Name: "at_time", Type: event.Of(event.Timestamp)}}
	b := emptyBatch(tx)
	for i := range rows {
		b.Columns[0].AppendText(fmt.Appendf(nil, "a%d", i%7))
		b.Columns[1].AppendInt(int64(r.files*1000 + i))
		b.Columns[2].AppendInt(int64(servedDay) - int64(i)*1000)
		b.Len++
	}
	r.put(t, fmt.Sprintf("tx/part-%03d.%s", r.files, map[string]string{"parquet": "parquet", "csv": "csv"}[r.format]), tx, b)
	limits := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "most", Type: event.Of(event.Int)}, {Name: "since", Type: event.Of(event.Timestamp)}}
	b = emptyBatch(limits)
	for i := range 7 {
		if i == r.files%7 {
			continue // of a snapshot it is not in
		}
		b.Columns[0].AppendText(fmt.Appendf(nil, "a%d", i))
		b.Columns[1].AppendInt(int64(r.files*100 + i))
		b.Columns[2].AppendInt(int64(servedDay) - int64(50-r.files)*1_000_000)
		b.Len++
	}
	r.put(t, fmt.Sprintf("limits/part-%03d.parquet", r.files), limits, b)
}

func (r *refreshed) put(t *testing.T, name string, schema event.Schema, b *event.Batch) {
	t.Helper()
	target, err := sink.Place{Path: filepath.Join(r.dir, name)}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	out, err := target.Open(t.Context(), sink.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Write(t.Context(), b), out.Commit(t.Context()), out.Close()); err != nil {
		t.Fatal(err)
	}
}

// open opens the tables as they are, and an engine that has seen nothing.
func (r *refreshed) open(t *testing.T) (*inputs, *live.Engine) {
	t.Helper()
	def, err := readDefinition(filepath.Join(r.dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	in := openInputs(t.Context(), def, rehearsed)
	plan, err := in.compileService("all")
	if err != nil {
		t.Fatal(err)
	}
	return in, live.NewEngine(plan, live.Options{Reach: 1e6 * time.Hour})
}

// bootstrap has an engine know what the tables have.
func (r *refreshed) bootstrap(t *testing.T, in *inputs, e *live.Engine) {
	t.Helper()
	for place := range e.Plan().Inputs {
		i := &e.Plan().Inputs[place]
		parts, err := historyParts(i, in.histories[i.Source.Name.Value], nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			for {
				var b event.Batch
				if err := p.Read(t.Context(), &b); err != nil {
					break
				}
				e.Apply(&live.Batch{Input: place, Rows: &b})
			}
			p.Close()
		}
	}
}

// values is what an engine says of all accounts.
func (r *refreshed) values(t *testing.T, e *live.Engine) string {
	t.Helper()
	b := emptyBatch(e.Plan().Queries.Columns)
	for a := range 7 {
		for c, f := range e.Plan().Queries.Columns {
			if f.Type.Text() {
				b.Columns[c].AppendText(fmt.Appendf(nil, "a%d", a))
			} else {
				b.Columns[c].AppendInt(int64(servedDay) + 1)
			}
		}
		b.Len++
	}
	got, err := e.Ask(b)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(cellsOf(t, e.Plan().Outputs, got.Columns))
}

// whole is what a bootstrap over all that is there says.
func (r *refreshed) whole(t *testing.T) string {
	in, e := r.open(t)
	r.bootstrap(t, in, e)
	return r.values(t, e)
}

var errWait = errors.New("nothing more is there")

// idle stands for waiting until it is looked again.
func idle(context.Context, time.Duration) error { return errWait }

// drain has an engine apply what feeds have, and keeps a copy of it.
func drain(t *testing.T, e *live.Engine, feeds []live.Feed) (all []live.Batch) {
	t.Helper()
	for _, f := range feeds {
		f.(*refreshFeed).looked = false
		for {
			a, err := f.Next(t.Context())
			if errors.Is(err, errWait) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			e.Apply(&a.Batch)
			all = append(all, a.Batch)
		}
	}
	return all
}

// TestRefresh has files land while a daemon goes on: what it answers is what a bootstrap
// over all of them would; it does not matter where it is stopped and restored.
func TestRefresh(t *testing.T) {
	for name, c := range map[string]struct{ format, mode string }{
		"parquet and versions": {"parquet", "mode: versions, valid_from: since"},
		"csv and snapshots":    {"csv", "mode: snapshots, snapshot: since, landed: since"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRefreshed(t, c.format, c.mode)
			r.land(t, 10)
			r.land(t, 20)
			keep, err := ledger.OpenPlace(t.Context(), filepath.Join(t.TempDir(), "keep"), nil)
			if err != nil {
				t.Fatal(err)
			}
			in, e := r.open(t)
			r.bootstrap(t, in, e)
			feeds, err := in.refreshing(t.Context(), e, refreshOptions{keep: keep, wait: idle})
			if err != nil || len(feeds) != 2 {
				t.Fatal(len(feeds), err)
			}
			base, began := r.values(t, e), e.Status().Positions
			var applied []live.Batch
			for round := range 3 {
				r.land(t, 30)
				if round == 1 {
					r.land(t, refreshRows+5) // more than is applied at once
				}
				applied = append(applied, drain(t, e, feeds)...)
				if got, want := r.values(t, e), r.whole(t); got != want {
					t.Fatalf("after round %d it says\n%s, and a bootstrap\n%s", round, got, want)
				}
				if again := drain(t, e, feeds); len(again) != 0 {
					t.Fatalf("nothing came, and %d batches were applied", len(again))
				}
			}
			if len(applied) < 7 || base == r.values(t, e) {
				t.Fatalf("%d batches were applied", len(applied))
			}
			for n := range len(applied) + 1 {
				in, other := r.open(t)
				for _, s := range []string{"tx", "limits"} { // what the first bootstrap has read
					table := in.histories[s]
					in.histories[s] = table.WithoutFiles(fileFrom(3))
				}
				r.bootstrap(t, in, other)
				for place, i := range other.Plan().Inputs {
					s := i.Source.Name.Value
					in.histories[s], _ = in.open(t.Context(), i.Source.History, i.Source.Fields)
					for g, next := range began[s] {
						other.Apply(&live.Batch{Input: place, Source: s, Partition: g, Next: next})
					}
				}
				for k := range n {
					other.Apply(&applied[k])
				}
				feeds, err := in.refreshing(t.Context(), other, refreshOptions{keep: keep, restored: true, wait: idle})
				if err != nil {
					t.Fatal(err)
				}
				drain(t, other, feeds)
				if got, want := r.values(t, other), r.values(t, e); got != want {
					t.Fatalf("restored after %d batches it says\n%s, want\n%s", n, got, want)
				}
				if got, want := fmt.Sprint(other.Status().Positions), fmt.Sprint(e.Status().Positions); got != want {
					t.Fatalf("restored after %d batches it stands at %s, want %s", n, got, want)
				}
			}
		})
	}
}

// TestRefreshChanged holds that files which are replaced or removed are told by name and
// counted, that nothing is applied twice for it, and that a failure to look is told.
func TestRefreshChanged(t *testing.T) {
	r := newRefreshed(t, "parquet", "mode: versions, valid_from: since")
	r.land(t, 10)
	in, e := r.open(t)
	r.bootstrap(t, in, e)
	feeds, err := in.refreshing(t.Context(), e, refreshOptions{wait: idle})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(feeds, func(f live.Feed) bool { return f.Source() == "tx" })
	f := feeds[i].(*refreshFeed)
	before := r.values(t, e)
	r.files = 0
	r.land(t, 11) // over the first
	if got := drain(t, e, feeds); len(got) != 0 || r.values(t, e) != before {
		t.Fatalf("%d batches of a file that was replaced are applied", len(got))
	}
	if _, err := f.Trouble(); f.Changed() != 1 || err == nil || !strings.Contains(err.Error(), "part-001.parquet, which was replaced") {
		t.Errorf("%d files are told: %v", f.Changed(), err)
	}
	r.land(t, 5)
	if err := os.Remove(filepath.Join(r.dir, "tx", "part-001.parquet")); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, e, feeds); len(got) != 2 || r.values(t, e) == before {
		t.Fatalf("%d batches are applied", len(got))
	}
	if _, err := f.Trouble(); err == nil || !strings.Contains(err.Error(), "which was removed") {
		t.Errorf("it is told %v", err)
	}
	half := filepath.Join(r.dir, "tx", "part-009.parquet")
	if err := os.WriteFile(half, []byte("PAR1half"), 0o644); err != nil {
		t.Fatal(err)
	}
	drain(t, e, feeds)
	if _, err := f.Trouble(); err == nil || !strings.Contains(err.Error(), "part-009") || !f.failed {
		t.Errorf("of half a file it is told %v", err)
	}
	if err := os.Remove(half); err != nil {
		t.Fatal(err)
	}
	drain(t, e, feeds)
	if _, err := f.Trouble(); f.failed || err == nil {
		t.Errorf("afterwards it is told %v", err)
	}
}

// TestRefreshRestore holds what a restored engine is refused.
func TestRefreshRestore(t *testing.T) {
	r := newRefreshed(t, "parquet", "mode: versions, valid_from: since")
	r.land(t, 10)
	keep, err := ledger.OpenPlace(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	in, e := r.open(t)
	if _, err := in.refreshing(t.Context(), e, refreshOptions{keep: keep, restored: true}); err == nil || !strings.Contains(err.Error(), "knows nothing of its files") {
		t.Errorf("a checkpoint of before is taken: %v", err)
	}
	if _, err := in.refreshing(t.Context(), e, refreshOptions{keep: keep}); err != nil {
		t.Fatal(err)
	}
	if err := keep.Remove(t.Context(), "refresh-tx-000000.json"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.refreshing(t.Context(), e, refreshOptions{keep: keep, restored: true}); err == nil || !strings.Contains(err.Error(), "refresh-tx-000000.json") {
		t.Errorf("without the list of files: %v", err)
	}
	other := live.NewEngine(e.Plan(), live.Options{})
	if _, err := in.refreshing(t.Context(), other, refreshOptions{keep: keep}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(other.Status().Positions); got != "map[limits:map[1:0] tx:map[0:0]]" {
		t.Errorf("a second bootstrap stands at %s", got)
	}
}

// fileFrom tells files of a number or a later one.
func fileFrom(n int) func(*sources.File) bool {
	return func(f *sources.File) bool { return filepath.Base(f.Path) >= fmt.Sprintf("part-%03d", n) }
}
