package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

const definition = `version: 1
name: spending
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, at_time: timestamp, shop: string}, event_timestamp: at_time}
entities: {account: account_id, shop: shop}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d]
    features: {n: count(*), s: sum(amount), shops: "last(shop, 3)"}
  ever: {entity: account, source: tx, windows: [lifetime], features: {total: sum(amount), often: mode(shop)}}
  at_shop: {entity: shop, source: tx, windows: [1d], features: {buyers: count(distinct account_id)}}
feature_services: {all: {features: [spend, ever, at_shop]}}
`

// day is an instant that the tests count from.
const day = event.Time(1_767_225_600_000_000)

func planOf(t testing.TB, text string) *features.Plan {
	t.Helper()
	def, err := features.Load("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	schema := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "shop", Type: event.Of(event.String)}}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": schema}}, "all")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// fixed is a clock of questions that the tests set.
func fixed() time.Time { return time.UnixMicro(int64(day)) }

func engineOf(p *features.Plan, shards int) *live.Engine {
	return live.NewEngine(p, live.Options{Shards: shards, Ready: 1 << 14, Reach: time.Hour, Notes: 1 << 24, Now: fixed})
}

// payments is a batch of random payments, the same for the same number.
func payments(p *features.Plan, number, rows int) *live.Batch {
	rng := rand.New(rand.NewPCG(uint64(number), 3))
	b := &event.Batch{Len: rows}
	for _, f := range p.Inputs[0].Columns {
		c := event.Make(f.Type)
		for range rows {
			switch f.Name {
			case "account_id":
				c.AppendText(fmt.Appendf(nil, "account %d", rng.IntN(300)))
			case "amount":
				if rng.IntN(9) == 0 {
					c.AppendNull()
				} else {
					c.AppendFloat(float64(rng.IntN(1000)) / 4)
				}
			case "at_time":
				c.AppendInt(int64(day) - rng.Int64N(2*86_400_000_000))
			default:
				c.AppendText(fmt.Appendf(nil, "shop %d", rng.IntN(20)))
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return &live.Batch{Rows: b, Source: "tx", Partition: int32(number % 3), Next: int64(number + 1)}
}

// state is an engine's state in canonical form: what any number of shards has.
func state(t testing.TB, e *live.Engine) []byte {
	t.Helper()
	s := e.Save(live.Due{Least: event.KeyGroups})
	var b bytes.Buffer
	for view := range e.Plan().Views {
		for group := range event.KeyGroups {
			for i := range s.Bases {
				if k := &s.Bases[i]; k.View == view && k.Group == group {
					fmt.Fprintf(&b, "%d %d %v %v %x\n", view, group, k.Keys, k.Ends, k.Bytes)
				}
			}
		}
	}
	if s.Groups != event.KeyGroups {
		t.Fatalf("%d key groups", s.Groups)
	}
	return b.Bytes()
}

// same holds that two engines know the same and stand at the same place.
func same(t testing.TB, got, want *live.Engine) {
	t.Helper()
	a, b := got.Status(), want.Status()
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Fatalf("the engine stands at %v, want %v", a, b)
	}
	if !bytes.Equal(state(t, got), state(t, want)) {
		t.Fatalf("epoch %d: another state", a.Epoch)
	}
}

// upTo is an engine that was fed the first batches and never saved.
func upTo(p *features.Plan, shards, batches int) *live.Engine {
	e := engineOf(p, shards)
	for n := range batches {
		e.Apply(payments(p, n, 20+n%40))
	}
	return e
}

func open(t testing.TB, path string, o checkpoint.Options) *checkpoint.Keeper {
	t.Helper()
	k, err := checkpoint.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keep saves an engine as it stands, step by step until there is a checkpoint.
func keep(t testing.TB, k *checkpoint.Keeper, e *live.Engine) {
	t.Helper()
	if err := k.Finish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// run feeds batches from one number to another, and saves behind each.
func run(t testing.TB, k *checkpoint.Keeper, e *live.Engine, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		e.Apply(payments(e.Plan(), n, 20+n%40))
		keep(t, k, e)
	}
}

// TestRestore saves behind every batch, and restores in between, with other numbers of
// shards: wherever that is, the state and the position are those of an engine that was
// never interrupted (C2).
func TestRestore(t *testing.T) {
	p, dir := planOf(t, definition), t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	at := 0
	for round := range 7 {
		k, e := open(t, dir, checkpoint.Options{}), engineOf(p, 1+round%4)
		m, err := k.Restore(t.Context(), e, checkpoint.Newest)
		switch {
		case round == 0 && !errors.Is(err, checkpoint.ErrNone):
			t.Fatalf("an empty folder: %v", err)
		case round > 0 && err != nil:
			t.Fatal(err)
		case round > 0 && m.State.Epoch != uint64(at):
			t.Fatalf("epoch %d, want %d", m.State.Epoch, at)
		}
		same(t, e, upTo(p, 3, at))
		k, e = open(t, dir, checkpoint.Options{Step: 20_000}), engineOf(p, 1+round%4)
		if _, err := k.Restore(t.Context(), e, checkpoint.Newest); round > 0 && err != nil {
			t.Fatal(err)
		}
		n := 1 + rng.IntN(12)
		run(t, k, e, at, at+n)
		at += n
		if s := k.Status(); s.Epoch != uint64(at) || s.Failures > 0 || s.Files > event.KeyGroups/8+1 {
			t.Fatalf("%+v", s)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) > event.KeyGroups/8+3 {
		t.Errorf("%d files stay, %v", len(names), err)
	}
}

// TestRestoreForgotten holds that what runs have forgotten stays in their bases, and
// that a late event finds them the same after a restore.
func TestRestoreForgotten(t *testing.T) {
	p, dir := planOf(t, definition), t.TempDir()
	k, e := open(t, dir, checkpoint.Options{}), engineOf(p, 3)
	run(t, k, e, 0, 10)
	e.Forget()
	run(t, k, e, 10, 40)
	other, again := open(t, dir, checkpoint.Options{}), engineOf(p, 2)
	if _, err := other.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	for n := 40; n < 45; n++ {
		e.Apply(payments(p, n, 30))
		again.Apply(payments(p, n, 30))
	}
	a, err := e.Ask(questions(p))
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.Ask(questions(p))
	if err != nil {
		t.Fatal(err)
	}
	for c := range a.Columns {
		for r := range a.Columns[c].Len() {
			if event.Compare(&a.Columns[c], r, &b.Columns[c], r) != 0 {
				t.Errorf("%s, row %d: another value after the restore", p.Outputs[c].Name, r)
			}
		}
	}
	if a, b := e.Status(), again.Status(); a.Kept != b.Kept || a.Kept == event.MinTime || a.Epoch != b.Epoch {
		t.Errorf("%v and %v", a, b)
	}
}

// questions are of all accounts, now.
func questions(p *features.Plan) *event.Batch {
	b := &event.Batch{Len: 300}
	for _, f := range p.Queries.Columns {
		c := event.Make(f.Type)
		for r := range b.Len {
			switch f.Name {
			case "account_id":
				c.AppendText(fmt.Appendf(nil, "account %d", r))
			case "shop":
				c.AppendText(fmt.Appendf(nil, "shop %d", r%20))
			default:
				c.AppendNull()
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

// TestTurn holds that checkpoints are due by the interval, at once while there is none,
// and early where many rows wait; and that the flow goes on meanwhile.
func TestTurn(t *testing.T) {
	p, now := planOf(t, definition), time.UnixMicro(int64(day))
	e := live.NewEngine(p, live.Options{Shards: 2, Notes: 4000})
	k := open(t, t.TempDir(), checkpoint.Options{Interval: time.Minute, Step: 1, Notes: 4000, Now: func() time.Time { return now }})
	turn := func() uint64 {
		t.Helper()
		if err := k.Turn(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := k.Wait(); err != nil {
			t.Fatal(err)
		}
		return k.Status().Epoch
	}
	e.Apply(payments(p, 0, 5))
	steps := 1
	for ; turn() == 0; steps++ {
	}
	if steps < 3 || steps > event.KeyGroups/8 {
		t.Errorf("a first checkpoint in %d steps", steps)
	}
	e.Apply(payments(p, 1, 2))
	if turn() != 1 {
		t.Error("a checkpoint before its time")
	}
	now = now.Add(time.Minute)
	if turn() != 2 {
		t.Error("no checkpoint after the interval")
	}
	now = now.Add(time.Minute)
	if n := k.Status().Number; turn() != 2 || k.Status().Number != n || k.Status().Age(now) != 0 {
		t.Errorf("nothing happened, and there is %+v", k.Status())
	}
	for n := 2; e.Noted() < 2000; n++ {
		e.Apply(payments(p, n, 5))
	}
	if turn() <= 2 {
		t.Error("no checkpoint while many rows wait")
	}
	for n := 0; e.Linked(); n++ {
		e.Apply(payments(p, n, 5))
	}
	if e.Noted() != 0 {
		t.Errorf("%d bytes wait for nothing", e.Noted())
	}
	e.Apply(payments(p, 1000, 5))
	keep(t, k, e)
	again := engineOf(p, 3)
	if _, err := k.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	same(t, again, e)
}

// TestWhich restores the newest, the one before, and one by its number; the next file
// has a number of its own, and follows on what was restored.
func TestWhich(t *testing.T) {
	p, dir := planOf(t, definition), t.TempDir()
	k, e := open(t, dir, checkpoint.Options{Step: 1 << 30}), engineOf(p, 2)
	run(t, k, e, 0, 5)
	for which, epoch := range map[checkpoint.Which]int{checkpoint.Newest: 5, checkpoint.Previous: 4, 3: 3} {
		k, e := open(t, dir, checkpoint.Options{}), engineOf(p, 2)
		if _, err := k.Restore(t.Context(), e, which); err != nil {
			t.Fatal(err)
		}
		same(t, e, upTo(p, 1, epoch))
	}
	k, e = open(t, dir, checkpoint.Options{}), engineOf(p, 2)
	if _, err := k.Restore(t.Context(), e, 4); err != nil {
		t.Fatal(err)
	}
	run(t, k, e, 4, 6)
	again := engineOf(p, 1)
	m, err := open(t, dir, checkpoint.Options{}).Restore(t.Context(), again, checkpoint.Newest)
	if err != nil || m.Number != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, f := range m.Chain {
		if f.Number == 5 {
			t.Error("the chain has the file that was not restored")
		}
	}
	same(t, again, upTo(p, 1, 6))
}

// TestRefused damages a chain in every way that a person would meet, and reads what is
// said of it.
func TestRefused(t *testing.T) {
	p := planOf(t, definition)
	other := planOf(t, strings.Replace(definition, "sum(amount), shops", "avg(amount), shops", 1))
	for name, c := range map[string]struct {
		do   func(dir string) error
		plan *features.Plan
		say  string
	}{
		"missing link":   {func(dir string) error { return os.Remove(file(dir, 1)) }, p, "000000000001.checkpoint: it is not there; checkpoint 4 needs it; start with --from-checkpoint previous"},
		"missing last":   {func(dir string) error { return os.Remove(file(dir, 2)) }, p, "000000000002.checkpoint: it is not there; checkpoint 4 needs it"},
		"missing before": {func(dir string) error { return os.Remove(file(dir, 3)) }, p, "000000000003.checkpoint: it is not there; checkpoint 4 needs it"},
		"cut":            {func(dir string) error { return os.Truncate(file(dir, 4), 1000) }, p, "000000000004.checkpoint: it is damaged: its end, which tells where all else lies, is not what was written; start with --from-checkpoint previous"},
		"empty":          {func(dir string) error { return os.Truncate(file(dir, 4), 0) }, p, "it is damaged"},
		"a bit":          {func(dir string) error { return flip(file(dir, 1), 40_000) }, p, "it is damaged: key group "},
		"another":        {func(dir string) error { return os.Rename(file(dir, 3), file(dir, 4)) }, p, "it was written as number 3"},
		"digest":         {func(string) error { return nil }, other, "what was saved is of another definition: its digest is "},
		"format": {func(dir string) error { return rewriteHead(file(dir, 4), `"checkpoint":1`, `"checkpoint":9`) }, p,
			"it has format 9, and this release reads format 1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k, e := open(t, dir, checkpoint.Options{Step: 1 << 30}), upTo(p, 2, 100)
			run(t, k, e, 100, 104)
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			k = open(t, dir, checkpoint.Options{})
			_, err := k.Restore(t.Context(), engineOf(c.plan, 2), checkpoint.Newest)
			if err == nil || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v", err)
			}
			verdicts, err := k.Verify(t.Context())
			faults := 0
			for _, v := range verdicts {
				faults += len(v.Faults)
			}
			if err != nil || (faults > 0) != (c.plan == p) {
				t.Errorf("verified: %v, %v", verdicts, err)
			}
			if c.plan == p && (name == "cut" || name == "empty" || name == "another" || name == "format") {
				again := engineOf(p, 2)
				if name == "another" {
					return // the file before is not there any more
				}
				if _, err := k.Restore(t.Context(), again, checkpoint.Previous); err != nil {
					t.Fatal(err)
				}
				same(t, again, upTo(p, 2, 103))
			}
		})
	}
}

func file(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.checkpoint", number))
}

// flip changes a byte in the midst of a file.
func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at%len(b)] ^= 4
	return os.WriteFile(path, b, 0o666)
}

// TestTaken holds that of two writers one is told, and that nothing of the other's is
// lost (C1).
func TestTaken(t *testing.T) {
	p, dir := planOf(t, definition), t.TempDir()
	one, two := open(t, dir, checkpoint.Options{Step: 1 << 30}), open(t, dir, checkpoint.Options{Step: 1 << 30})
	e, f := engineOf(p, 1), engineOf(p, 1)
	run(t, one, e, 0, 1)
	f.Apply(payments(p, 9, 3))
	if err := two.Finish(t.Context(), f); !errors.Is(err, checkpoint.ErrTaken) {
		t.Errorf("%v", err)
	}
	again := engineOf(p, 1)
	if _, err := one.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	same(t, again, e)
}
