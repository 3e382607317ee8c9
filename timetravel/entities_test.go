package timetravel_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// Windows are microseconds, so that few instants meet every end of them.
const activity = `version: 1
name: activity
sources:
  one: {history: {parquet: one.parquet}, fields: {account: string, n: bigint, at: timestamp}, event_timestamp: at}
  two: {history: {parquet: two.parquet}, fields: {account: string, n: bigint, at: timestamp}, event_timestamp: at}
entities: {account: account, all: []}
feature_views:
  short: {entity: account, source: one, window: {length: 3us, bounds: "(]"}, where: n > 1, features: {n: count(*)}}
  long: {entity: account, source: one, window: {length: 2us, offset: 5us}, features: {n: count(*)}}
  both: {entity: account, source: two, window: {length: 2us, bounds: "[]"}, features: {n: count(*)}}
  whole: {entity: all, source: two, features: {n: count(*)}}
feature_services: {s: {features: [short, long, both, whole]}}
`

// happening is an event: whose, null where that is "", and when.
type happening struct {
	account string
	n, at   int64
}

// partsOf is events in so many parts, with the columns of an input.
func partsOf(in features.Input, events []happening, parts int) (all []event.Source) {
	for p := range parts {
		b := &event.Batch{}
		for _, f := range in.Columns {
			c := event.Make(f.Type)
			for _, e := range events[p*len(events)/parts : (p+1)*len(events)/parts] {
				switch {
				case f.Name == "account" && e.account == "":
					c.AppendNull()
				case f.Name == "account":
					c.AppendText([]byte(e.account))
				case f.Name == "n":
					c.AppendInt(e.n)
				default:
					c.AppendInt(e.at)
				}
			}
			b.Len, b.Columns = c.Len(), append(b.Columns, c)
		}
		all = append(all, sources.Memory(in.Columns, b, 3))
	}
	return all
}

// TestEntities holds who is found against a look at every event of every window.
func TestEntities(t *testing.T) {
	def, err := features.Load("activity.yaml", []byte(activity))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{}, "s")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 9))
		at, histories := int64(100), map[string][]happening{}
		for _, source := range []string{"one", "two"} {
			for range random.IntN(12) {
				e := happening{n: random.Int64N(4), at: at - 9 + random.Int64N(12)}
				if who := random.IntN(9); who > 0 {
					e.account = fmt.Sprint("a", who)
				}
				histories[source] = append(histories[source], e)
			}
		}
		want := map[string]bool{}
		for _, e := range histories["one"] {
			if e.n > 1 && e.at > at-3 && e.at <= at || e.at >= at-7 && e.at < at-5 {
				want[e.account] = true
			}
		}
		for _, e := range histories["two"] {
			if e.at >= at-2 && e.at <= at {
				want[e.account] = true
			}
		}
		delete(want, "")
		e := &timetravel.Entities{Plan: plan, Key: slices.IndexFunc(plan.Queries.Keys, func(k features.QueryKey) bool { return k.Entity == "account" }), At: event.Time(at), Workers: 2,
			History: func(in features.Input, _ event.Span) ([]event.Source, error) {
				return partsOf(in, histories[in.Source.Name.Value], 1+random.IntN(3)), nil
			}}
		asked, err := e.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var b event.Batch
		for {
			if err := asked.Read(t.Context(), &b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for i := range b.Len {
				got = append(got, string(b.Columns[0].Text(i)))
				if b.Columns[1].Ints[i] != at {
					t.Fatalf("seed %d: asked at %d", seed, b.Columns[1].Ints[i])
				}
			}
		}
		if !slices.IsSorted(got) || len(got) != len(want) || slices.ContainsFunc(got, func(a string) bool { return !want[a] }) {
			t.Fatalf("seed %d: found %v of %v, %v", seed, got, want, histories)
		}
		found += len(got)
	}
	if found < 300 {
		t.Errorf("only %d entities were found in all", found)
	}
}

// TestEntitiesHot holds that entities that do not fit are refused, and an error of a
// history is told with its source.
func TestEntitiesHot(t *testing.T) {
	def, err := features.Load("activity.yaml", []byte(activity))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{}, "s")
	if err != nil {
		t.Fatal(err)
	}
	var many []happening
	for i := range 100 {
		many = append(many, happening{fmt.Sprint("account", i), 2, 100})
	}
	e := &timetravel.Entities{Plan: plan, Key: slices.IndexFunc(plan.Queries.Keys, func(k features.QueryKey) bool { return k.Entity == "account" }), At: 100, Workers: 2, Hands: 1000,
		History: func(in features.Input, _ event.Span) ([]event.Source, error) { return partsOf(in, many, 2), nil }}
	_, err = e.Find(t.Context())
	var hot *timetravel.TooHot
	if !errors.As(err, &hot) || hot.Hands != 1000 {
		t.Errorf("100 accounts in 1000 bytes: %v", err)
	}
	e.History = func(features.Input, event.Span) ([]event.Source, error) { return nil, io.ErrUnexpectedEOF }
	if _, err := e.Find(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "read source one: ") {
		t.Errorf("an error of a history is %v", err)
	}
}
