package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// leakyBank is a definition over the data of leakyFiles, to which each case adds
// features. As it stands nothing of it leaks.
const leakyBank = `version: 1
name: bank
sources:
  payments:
    history: {csv: payments.csv}
    fields: {id: string, account: string, at_time: timestamp, came: timestamp, amount: int64, status: string}
    event_timestamp: at_time
    arrival_timestamp: came
    event_id: id
  chargebacks: {history: {csv: chargebacks.csv}, fields: {account: string, at_time: timestamp}, event_timestamp: at_time}
  reports: {history: {csv: reports.csv}, fields: {account: string, at_time: timestamp, came: timestamp}, event_timestamp: at_time, arrival_timestamp: came}
  accounts: {history: {csv: accounts.csv}, fields: {account: string, since: timestamp, tier: string}, dimension: {mode: versions, valid_from: since}}
entities: {account: account}
feature_views:
  spend: {entity: account, source: payments, windows: [1d, 30d], features: {n: count(*), total: sum(amount), newest: last(id), all: "last(amount, 3)"}}
  asked: {request: {amount: int64}, features: {share: "request.amount / nullif(spend.total_30d, 0)"}}
%s
feature_services: {all: {features: [spend, asked%s]}}
training_sets:
  t:
    service: all
    spine: {csv: spine.csv, event_timestamp: asked_at, fields: {asked_at: timestamp, amount: int64, fraud: bool, hint: string, flag: bool, twice: int64, pair: int64}}
    label: %s
    visibility: {known: %s}
`

// leakyFiles writes 800 payments of 80 accounts, of which a sixth are fraud, each of
// them asked about at its very instant. Each fraud has a chargeback at that instant,
// a report that is dated back and arrived days later, and a version of its account
// that holds from then on; and a status that was written once it was known.
func leakyFiles(t *testing.T, dir string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	texts := map[string]*strings.Builder{}
	line := func(name, format string, values ...any) {
		if texts[name] == nil {
			texts[name] = &strings.Builder{}
		}
		fmt.Fprintf(texts[name], format+"\n", values...)
	}
	line("payments.csv", "id,account,at_time,came,amount,status")
	line("chargebacks.csv", "account,at_time")
	line("reports.csv", "account,at_time,came")
	line("accounts.csv", "account,since,tier")
	line("spine.csv", "account,asked_at,amount,fraud,hint,flag,twice,pair")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stamp := func(t time.Time) string { return t.Format(time.RFC3339) }
	for i := range 80 {
		line("accounts.csv", "a%d,%s,basic", i, stamp(start.AddDate(-1, 0, 0)))
	}
	for i := range 800 {
		account, at, amount := rng.IntN(80), start.Add(time.Duration(i)*time.Hour), rng.IntN(1000)
		fraud, status, hint := rng.IntN(6) == 0, "ok", ""
		if fraud {
			status, hint = "fraud", fmt.Sprintf("case %d", i)
			line("chargebacks.csv", "a%d,%s", account, stamp(at))
			line("reports.csv", "a%d,%s,%s", account, stamp(at.Add(-10*time.Minute)), stamp(at.AddDate(0, 0, 5)))
			line("accounts.csv", "a%d,%s,blocked", account, stamp(at))
			line("accounts.csv", "a%d,%s,basic", account, stamp(at.Add(time.Minute)))
		}
		for range 1 + i%3/2 { // every third stands twice
			line("payments.csv", "p%d,a%d,%s,%s,%d,%s", i, account, stamp(at), stamp(at.Add(time.Second)), amount, status)
		}
		twice := 0
		if fraud {
			twice = 1 + rng.IntN(2)
		}
		line("spine.csv", "a%d,%s,%d,%v,%s,%v,%d,%d", account, stamp(at), amount, fraud, hint, rng.IntN(6) == 0, twice, 7-twice)
	}
	line("chargebacks.csv", "nobody,%s", stamp(start.AddDate(1, 0, 0))) // how far the data go
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeaks holds that each kind of leak that is planted is found, by the check that
// is there for it, and that nothing else is suspicious.
func TestLeaks(t *testing.T) {
	dir := t.TempDir()
	leakyFiles(t, dir)
	const fromEvents = "{charged: {source: chargebacks, match: account, within: 1h, value: count(*) > 0}}"
	for _, c := range []struct{ name, views, label, known, want string }{
		{"nothing", "", "fraud", "event_time", ""},
		{"nothing under arrival", "", "fraud", "arrival", ""},
		{"nothing of a label from events", `  back: {entity: account, source: chargebacks, window: 1h, features: {n: count(*)}}`, fromEvents, "event_time", ""},
		{"a window that takes t, over the label's source", `  back: {entity: account, source: chargebacks, window: {length: 1h, bounds: "[]"}, features: {n: count(*)}}`, fromEvents, "event_time",
			"lint charged  · auc charged back__n · at charged back__n"},
		{"a copy of the label", `  back: {request: {twice: int64}, features: {n: request.twice * 3}}`, "fraud", "event_time", "auc fraud back__n"},
		{"a text that only frauds have", `  back: {request: {hint: string}, features: {n: "request.hint is not null", text: request.hint}}`, "fraud", "event_time", "auc fraud back__n · auc fraud back__text"},
		{"a number that only frauds have", `  back: {request: {hint: string}, features: {n: hash(request.hint), m: "case when request.hint is not null then hash(request.hint) end"}}`, "fraud", "event_time", "auc fraud back__m"},
		{"a status that was amended", `  back: {entity: account, source: payments, window: 30d, features: {n: last(status)}}`, "fraud", "event_time", "after fraud back__n"},
		{"what is dated back", `  back: {entity: account, source: reports, window: 1h, features: {n: count(*)}}`, "fraud", "event_time", "auc fraud back__n · newest fraud back__n · arrival fraud back__n"},
		{"what is dated back, under arrival", `  back: {entity: account, source: reports, window: 1h, features: {n: count(*)}}`, "fraud", "arrival", ""},
		{"versions from t on", `  back: {entity: account, source: accounts, features: {n: "tier = 'blocked'"}}`, "fraud", "event_time", "auc fraud back__n · at fraud back__n"},
		{"a label of several numbers", `  back: {request: {pair: int64}, features: {n: request.pair * 2}}`, "twice", "event_time", "auc twice back__n"},
		{"two labels", `  back: {request: {twice: int64}, features: {n: request.twice}}`, "[flag, fraud]", "event_time", "auc fraud back__n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			also := ", back"
			if c.views == "" {
				also = ""
			}
			spec := filepath.Join(dir, "features.yaml")
			text := fmt.Sprintf(leakyBank, c.views, also, c.label, c.known)
			if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			code, found, out := leaksOf(t, spec)
			if found != c.want {
				t.Errorf("found %q, want %q\n%s", found, c.want, out)
			}
			if want := map[bool]int{true: exitDone, false: exitDiffer}[c.want == ""]; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
		})
	}
}

// leaksOf runs the command, both ways, and returns what it found.
func leaksOf(t *testing.T, spec string) (code int, found, out string) {
	t.Helper()
	var stdout, stderr, told bytes.Buffer
	code = run(t.Context(), []string{"timeseam", "leaks", spec, "--json"}, &stdout, &stderr)
	var l leaked
	if err := json.Unmarshal(stdout.Bytes(), &l); err != nil {
		t.Fatalf("exit code %d, %s: %v", code, stderr.String(), err)
	}
	var all []string
	for _, s := range l.Suspicions {
		all = append(all, fmt.Sprintf("%s %s %s", s.Check, s.Label, s.Feature))
	}
	if other := run(t.Context(), []string{"timeseam", "leaks", spec}, &told, &stderr); other != code {
		t.Errorf("exit code %d with --json and %d without", code, other)
	}
	for _, s := range l.Suspicions {
		if !strings.Contains(told.String(), s.Says) || !strings.Contains(told.String(), s.Do) {
			t.Errorf("%q, and what to do, is told in JSON alone", s.Says)
		}
	}
	if len(l.Suspicions) == 0 != strings.Contains(told.String(), "nothing suspicious") {
		t.Errorf("with %d suspicions it is told\n%s", len(l.Suspicions), told.String())
	}
	return code, strings.Join(all, " · "), told.String()
}

// TestAgreement holds the area under the curve to all pairs, one by one.
func TestAgreement(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for round := range 200 {
		n := 1 + rng.IntN(60)
		labels, values := event.Make(event.Of(event.Int)), event.Make(event.Of(event.Double))
		for range n {
			if rng.IntN(8) == 0 {
				labels.AppendNull()
			} else {
				labels.AppendInt(rng.Int64N(1 + rng.Int64N(4)))
			}
			values.AppendFloat(float64(rng.IntN(1 + rng.IntN(30))))
		}
		l, _ := newLabelled("y", &labels, make([]bool, n))
		ranks, _ := denseRanks(&values, n)
		got, want := l.pairsOf(ranks, func(row int) bool { return row%3 > 0 }), agreement{}
		for i := range n {
			for j := range n {
				if i%3 == 0 || j%3 == 0 || labels.IsNull(i) || labels.IsNull(j) || labels.Ints[i] <= labels.Ints[j] {
					continue
				}
				want.all += 2
				switch {
				case values.Floats[i] > values.Floats[j]:
					want.agreed += 2
				case values.Floats[i] == values.Floats[j]:
					want.agreed++
				}
			}
		}
		if got != want {
			t.Fatalf("round %d: %+v, want %+v", round, got, want)
		}
	}
}

// TestNullsTell holds that nulls tell on either side of the numbers.
func TestNullsTell(t *testing.T) {
	for _, c := range []struct{ null, value int64 }{{1, 9}, {1, -9}, {0, 9}, {0, -9}} {
		labels, values := event.Make(event.Of(event.Int)), event.Make(event.Of(event.Int))
		for i := range int64(40) {
			labels.AppendInt(i % 2)
			switch {
			case i%2 != c.null:
				values.AppendInt(i % 5)
			case i%3 == 0:
				values.AppendInt(c.value)
			default:
				values.AppendNull()
			}
		}
		l, _ := newLabelled("y", &labels, make([]bool, 40))
		if got := l.toldBy(&values, 0); got != 1 {
			t.Errorf("label %d is null or %d, and that tells %v, want 1", c.null, c.value, got)
		}
	}
}

// TestCategoriesOfTheirOwn holds that a category which stands in one row alone tells
// nothing, and that one which the other half has too does.
func TestCategoriesOfTheirOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	labels, own, shared := event.Make(event.Of(event.Bool)), event.Make(event.Of(event.String)), event.Make(event.Of(event.String))
	half := make([]bool, 400)
	for i := range half {
		y := rng.Int64N(2)
		labels.AppendInt(y)
		own.AppendText(fmt.Appendf(nil, "id %d", i))
		if y == 1 && rng.IntN(2) == 0 {
			shared.AppendNull()
		} else {
			shared.AppendText(fmt.Appendf(nil, "%d of %d", y, rng.IntN(3)))
		}
		half[i] = rng.IntN(2) == 0
	}
	l, _ := newLabelled("y", &labels, half)
	if got := l.toldBy(&own, 0); got != 0.5 {
		t.Errorf("ids tell %v, want 0.5", got)
	}
	if got := l.toldBy(&shared, 0); got != 1 {
		t.Errorf("categories that tell all tell %v, want 1", got)
	}
	texts := event.Make(event.Of(event.String))
	for i := range half {
		texts.AppendText([]byte(string("abc"[i%3])))
	}
	if _, ordered := newLabelled("y", &texts, half); ordered {
		t.Error("three texts have no order")
	}
}

// TestLeaksNotes holds what is said where there is nothing to look at.
func TestLeaksNotes(t *testing.T) {
	dir := t.TempDir()
	leakyFiles(t, dir)
	spec := filepath.Join(dir, "features.yaml")
	for _, c := range []struct {
		label, want string
		code        int
		args        []string
	}{
		{"hint", "note: label hint has more than two values without an order, and is not looked at", exitDone, nil},
		{"fraud", "with fewer than 20 nothing can be told", exitDone, []string{"--rows", "30"}},
		{"fraud", "timeseam: --rows -1; give 1 to 10000000", exitWrong, []string{"--rows=-1"}},
		{"[]", "", exitWrong, nil},
	} {
		text := strings.Replace(fmt.Sprintf(leakyBank, "", "", c.label, "event_time"), "    label: []\n", "", 1)
		if c.label == "[]" {
			c.want = "timeseam: training set t has no label, and leaks looks for features that know one; name it as label"
		}
		if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := run(t.Context(), slices.Concat([]string{"timeseam", "leaks", spec}, c.args), &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("label %s %v: exit code %d, %s, want %q", c.label, c.args, code, out.String(), c.want)
		}
	}
}
