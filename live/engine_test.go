package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

const definition = `version: 1
name: spending
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, at_time: timestamp, shop: string}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d]
    features: {n: count(*), s: sum(amount), shops: "last(shop, 3)"}
  asked: {request: {amount: double}, features: {share: "request.amount / nullif(spend.s_1d, 0)"}}
feature_services: {all: {features: [spend, asked]}}
`

// day is an instant that the tests count from.
const day = event.Time(1_767_225_600_000_000)

func newTestEngine(t *testing.T, o Options) *Engine {
	t.Helper()
	def, err := features.Load("s.yaml", []byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	schema := event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "shop", Type: event.Of(event.String)}}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": schema}}, "all")
	if err != nil {
		t.Fatal(err)
	}
	return NewEngine(plan, o)
}

// payments is a batch of payments of one account, a second apart.
func payments(e *Engine, account string, from event.Time, amounts ...float64) *Batch {
	columns := map[string]*event.Column{}
	for _, f := range e.plan.Inputs[0].Columns {
		c := event.Make(f.Type)
		columns[f.Name] = &c
	}
	for i, amount := range amounts {
		columns["account_id"].AppendText([]byte(account))
		columns["amount"].AppendFloat(amount)
		columns["at_time"].AppendInt(int64(from) + int64(i)*1_000_000)
		columns["shop"].AppendText(fmt.Appendf(nil, "shop of %g", amount))
	}
	b := &event.Batch{Len: len(amounts)}
	for _, f := range e.plan.Inputs[0].Columns {
		b.Columns = append(b.Columns, *columns[f.Name])
	}
	return &Batch{Rows: b, Source: "tx", Next: 7}
}

// questions is one question for each account, of an instant; 0: of none.
func questions(e *Engine, at event.Time, accounts ...string) *event.Batch {
	b := &event.Batch{Len: len(accounts)}
	for _, f := range e.plan.Queries.Columns {
		c := event.Make(f.Type)
		for _, a := range accounts {
			switch {
			case f.Name == "account_id":
				c.AppendText([]byte(a))
			case f.Name == "amount":
				c.AppendFloat(10)
			case at == 0:
				c.AppendNull()
			default:
				c.AppendInt(int64(at))
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

// TestAsk holds that questions without an instant are of now, which never goes back,
// and that an answer stands alone.
func TestAsk(t *testing.T) {
	now := time.UnixMicro(int64(day))
	e := newTestEngine(t, Options{Shards: 3, Reach: time.Hour, Now: func() time.Time { return now }})
	e.Apply(payments(e, "a", day-10_000_000, 1, 2, 4))
	e.Apply(payments(e, "b", day-30_000_000, 8))
	a, err := e.Ask(questions(e, 0, "a", "b", "nobody"))
	if err != nil || a.At != day || a.Epoch != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	said := func() string {
		shops := &a.Columns[e.plan.Outputs.Index("spend__shops_1h")]
		return fmt.Sprint(a.Columns[e.plan.Outputs.Index("spend__n_1h")].Ints, a.Columns[e.plan.Outputs.Index("asked__share")].Floats[0], shops.Elem.Len(), string(shops.Elem.Text(0)), shops.IsNull(2))
	}
	want := fmt.Sprint([]int64{3, 1, 0}, 10.0/7, 4, "shop of 4", true)
	if said() != want {
		t.Errorf("%s, want %s", said(), want)
	}
	e.Apply(payments(e, "a", day-5_000_000, 16))
	if said() != want {
		t.Errorf("an answer changed: %s, want %s", said(), want)
	}
	now = now.Add(-48 * time.Hour)
	if a, err = e.Ask(questions(e, 0, "a")); err != nil || a.At != day {
		t.Errorf("a clock that was set back: %v, %v", a, err)
	}
	e.Forget()
	if _, err := e.Ask(questions(e, day-2*3600_000_000, "a")); !errors.Is(err, ErrForgotten) {
		t.Errorf("a question of long ago: %v", err)
	}
}

// TestDone holds that answers which are done change no other, and that one which is not
// keeps what it said.
func TestDone(t *testing.T) {
	e := newTestEngine(t, Options{Shards: 2, Now: func() time.Time { return time.UnixMicro(int64(day)) }})
	e.Apply(payments(e, "a", day-10_000_000, 1, 2, 4))
	e.Apply(payments(e, "b", day-30_000_000, 8))
	said := func(a *Answer) string {
		shops := &a.Columns[e.plan.Outputs.Index("spend__shops_1h")]
		var texts []string
		for k := range shops.Elem.Len() {
			texts = append(texts, string(shops.Elem.Text(k)))
		}
		return fmt.Sprint(a.Columns[e.plan.Outputs.Index("spend__n_1h")].Ints, a.Columns[e.plan.Outputs.Index("spend__s_1d")].Floats, a.Columns[e.plan.Outputs.Index("asked__share")].Null, texts, a.Known)
	}
	ask := func(accounts ...string) *Answer {
		a, err := e.Ask(questions(e, 0, accounts...))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	kept := ask("b")
	want := map[string]string{"a": said(ask("a")), "b": said(kept), "nobody": said(ask("nobody")), "a, b, nobody": said(ask("a", "b", "nobody"))}
	for range 3 {
		for accounts, want := range want {
			a := ask(strings.Split(accounts, ", ")...)
			if got := said(a); got != want {
				t.Errorf("%s: %s, want %s", accounts, got, want)
			}
			a.Done()
			a.Done()
		}
	}
	if said(kept) != want["b"] {
		t.Errorf("an answer changed: %s, want %s", said(kept), want["b"])
	}
}

// TestPart holds that some outputs, asked alone, are what they are among all, and that
// only the keys that they need are looked at.
func TestPart(t *testing.T) {
	e := newTestEngine(t, Options{Shards: 2, Now: func() time.Time { return time.UnixMicro(int64(day)) }})
	e.Apply(payments(e, "a", day-10_000_000, 1, 2, 4))
	whole, err := e.Ask(questions(e, 0, "a", "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	for o := range e.plan.Outputs {
		part := e.plan.Part([]int{o})
		b := questions(e, 0, "a", "nobody")
		for i, f := range e.plan.Queries.Columns {
			if !slices.Contains(part.Columns, i) && f.Name != "event_timestamp" {
				nulls := event.Make(f.Type)
				nulls.AppendNull()
				nulls.AppendNull()
				b.Columns[i] = nulls
			}
		}
		a, err := e.AskPart(b, part)
		if err != nil || len(a.Columns) != 1 {
			t.Fatal(err)
		}
		for row := range 2 {
			if event.Compare(&a.Columns[0], row, &whole.Columns[o], row) != 0 {
				t.Errorf("%s of row %d is another when it is asked alone", e.plan.Outputs[o].Name, row)
			}
		}
		derived := strings.HasPrefix(e.plan.Outputs[o].Name, "asked__")
		if from := part.From[0]; (from < 0) != derived || from >= 0 && (!a.Known[from][0] || a.Known[from][1]) {
			t.Errorf("%s is of lookup %d, known %v", e.plan.Outputs[o].Name, from, a.Known)
		}
	}
}

// full is a file of a disk that is full.
type full struct{}

func (full) ReadAt([]byte, int64) (int, error)  { return 0, errors.New("nothing was written") }
func (full) WriteAt([]byte, int64) (int, error) { return 0, errors.New("no space left on device") }
func (full) Close() error                       { return nil }

// TestFull holds that an engine that has no room answers nothing, and ends who drives it.
func TestFull(t *testing.T) {
	e := newTestEngine(t, Options{Shards: 2, Ready: 1, Spill: func() (features.File, error) { return full{}, nil }})
	d := &Driver{Engine: e}
	var err error
	for i := range 10 {
		b := payments(e, fmt.Sprint("account ", i), day, 1)
		b.Next = int64(i)
		if err = errors.Join(err, d.apply(&Arrival{Batch: *b})); err != nil {
			break
		}
	}
	if _, asked := e.Ask(questions(e, day, "account 1")); err == nil || asked == nil || !strings.Contains(asked.Error(), "no space left on device") {
		t.Errorf("%v, %v", err, asked)
	}
}

// TestSizes holds that the engine tells what its shards hold together.
func TestSizes(t *testing.T) {
	e := newTestEngine(t, Options{Shards: 3})
	for i := range 20 {
		e.Apply(payments(e, fmt.Sprint("account ", i), day, 1, 2))
	}
	if sizes := e.Sizes(); len(sizes) != 1 || sizes[0].Keys != 20 || sizes[0].Events != 40 || sizes[0].Ready == 0 || sizes[0].Index == 0 {
		t.Errorf("%+v", sizes)
	}
}

// TestWait holds that who waits for a record is told once it is applied.
func TestWait(t *testing.T) {
	e := newTestEngine(t, Options{})
	want := Positions{"tx": {0: 7}}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := e.Wait(ctx, want); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := e.Wait(t.Context(), want); err != nil {
			t.Error(err)
		}
	})
	e.Apply(payments(e, "a", day, 1))
	wait.Wait()
	if s := e.Status(); s.Epoch != 1 || !s.Positions.Reached(want) || s.Positions.Reached(Positions{"tx": {1: 1}}) {
		t.Errorf("%+v", s)
	}
}

// TestOneEpoch asks from several goroutines while batches are applied that touch two
// accounts alike: no answer may know of one what it does not of the other (L1).
func TestOneEpoch(t *testing.T) {
	e := newTestEngine(t, Options{Shards: 4, Ready: 1, Spill: func() (features.File, error) { return os.CreateTemp(t.TempDir(), "") }})
	defer func() {
		if err := errors.Join(e.Err(), e.Close()); err != nil {
			t.Error(err)
		}
	}()
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, err := e.Ask(questions(e, day+3600_000_000, "a", "b"))
				if err != nil {
					t.Error(err)
					return
				}
				if n := a.Columns[e.plan.Outputs.Index("spend__n_1d")].Ints; n[0] != n[1] || n[0] != int64(a.Epoch) {
					t.Errorf("epoch %d: %v", a.Epoch, n)
				}
			}
		})
	}
	for i := range 300 {
		both := payments(e, "a", day+event.Time(i), 1)
		more := payments(e, "b", day+event.Time(i), 1)
		for c := range both.Rows.Columns {
			both.Rows.Columns[c].Append(&more.Rows.Columns[c], 0)
		}
		both.Rows.Len++
		e.Apply(both)
	}
	close(done)
	wait.Wait()
}

// TestCountFrom holds that epochs go on from where they are told to, and never go back.
func TestCountFrom(t *testing.T) {
	e := newTestEngine(t, Options{})
	var seen []uint64
	d := &Driver{Engine: e, Applied: func(a *Arrival, epoch uint64) { seen = append(seen, epoch, uint64(a.Next)) }}
	e.CountFrom(100)
	e.CountFrom(7)
	for next := range 3 {
		b := payments(e, "a", day, 1)
		b.Next = int64(next + 1)
		d.apply(&Arrival{Batch: *b})
	}
	d.apply(&Arrival{Batch: Batch{Source: "tx", Next: 3}}) // nothing is new
	if got := fmt.Sprint(seen); got != "[101 1 102 2 103 3]" || e.Epoch() != 103 {
		t.Errorf("epochs and positions are %s, the engine's is %d", got, e.Epoch())
	}
}
