package features

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// whole holds every key that is built.
const whole = `version: 1
name: card_fraud
description: Signals for scoring a card payment.
sources:
  transactions:
    description: One row for each card authorisation.
    owner: payments
    history: {parquet: "${LAKE:-lake}/transactions/"}
    fields:
      amount: decimal(12,2)
      "Odd Name": {type: double}
      day: {type: date, history: date(event_time)}
      cents: {history: amount * 100}
    event_timestamp: event_time
    event_id: event_id
    order_by: [seq, amount desc, "my desc asc"]
  accounts:
    history: {parquet: lake/accounts/*.parquet}
    dimension: {mode: versions, valid_from: valid_from}
    order_by: loaded_at
entities:
  account: account_id
  merchant: [country, merchant_id]
  all: []
feature_views:
  spend:
    description: What was spent.
    entity: account
    source: transactions
    where: status = 'approved'
    windows: [1h, {length: 1h, offset: 1d}, {rows: 10, bounds: "[]"}, lifetime, {lifetime: true, offset: 1d, bounds: "(]"}]
    order_by: seq desc
    features:
      tx_count: count(*)
      amount_sum: sum(amount)
      merchants: {value: count(distinct merchant_id), windows: [7d, 30d], description: Different shops.}
      previous: {value: "last(row(lat, lon))", window: 90d, min_count: 2}
      always: {value: 1, default: 0}
  totals:
    entity: all
    source: transactions
    window: lifetime
    features: {n: count(*)}
  profile:
    entity: account
    source: accounts
    where: 'tier <> ''none'''
    ttl: 365d
    order_by: loaded_at
    features: {tier: tier, credit_limit: {value: credit_limit, default: 0}}
  scoring:
    request: {amount: "decimal(12,2)", lat: double}
    features:
      over_limit: request.amount / nullif(profile.credit_limit, 0)
      long: |
        case when over_limit > 1
        then 1 end
feature_services:
  fraud_v1: {features: [spend.tx_count_1h, profile, scoring, {view: profile, as: other, entity: {account: other_id}}], owner: risk, description: As served.}
training_sets:
  fraud:
    description: Is it fraud?
    service: fraud_v1
    spine: {parquet: labels.parquet, event_timestamp: event_time, columns: [account_id, is_fraud]}
    label: is_fraud
    visibility: {known: event_time}
  two:
    service: fraud_v1
    spine: {parquet: "${SPINE}", event_timestamp: at, columns: []}
    visibility: {known: event_time}
online:
  serve:
    service: fraud_v1
    listen: "${ADDRESS:-0.0.0.0:6566}"
    grpc: "[::1]:6567"
    tokens: ["${TOKEN}", "${OTHER_TOKEN}"]
    token_file: "${SECRETS}/tokens"
    tls: {cert: server.pem, key: server.key, client_ca: clients.pem}
    limits: {body: 65536, batch: 100, rate: 50, wait: 2s}
  checkpoint: s3://lake/state/card_fraud/
  served_log: {parquet: s3://lake/served/, sample: 0.01}
  archive: {parquet: "${LAKE:-lake}/archive/"}
  position_log: positions/
`

func TestLoadWhole(t *testing.T) {
	d, err := Load("f.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "load_whole.golden")
	got := dump(d)
	if os.Getenv("REWRITE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(want), "\n") {
		if lines := strings.Split(got, "\n"); i >= len(lines) || lines[i] != line {
			t.Fatalf("line %d of %s:\n want %s\n got  %s", i+1, golden, line, strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], ""))
		}
	}
}

// dump is a definition as text, each scalar with its place.
func dump(d *Definition) string {
	var b strings.Builder
	text := func(t Text) string {
		if !t.Given() {
			return "-"
		}
		return fmt.Sprintf("%q@%d:%d+%d", t.Value, t.Line, t.Column, t.Quoted)
	}
	texts := func(ts []Text) string {
		var all []string
		for _, t := range ts {
			all = append(all, text(t))
		}
		return "[" + strings.Join(all, " ") + "]"
	}
	declared := func(ds []Declared) {
		for _, f := range ds {
			fmt.Fprintf(&b, "  field %s type %s@%d:%d history %s\n", text(f.Name), f.Type, f.TypePos.Line, f.TypePos.Column, text(f.History))
		}
	}
	orders := func(os []Order) {
		for _, o := range os {
			fmt.Fprintf(&b, "  order %s desc %t\n", text(o.Column), o.Desc)
		}
	}
	windows := func(ws []Window, list bool) {
		for _, w := range ws {
			fmt.Fprintf(&b, "    window@%d:%d list %t length %s rows %d lifetime %t offset %s bounds %s\n", w.Line, w.Column, list, text(w.Length), w.Rows, w.Lifetime, text(w.Offset), text(w.Bounds))
		}
	}
	fmt.Fprintf(&b, "definition %s in %s: %s\n", text(d.Name), d.File, d.Description)
	for _, s := range d.Sources {
		fmt.Fprintf(&b, "source %s %q %q history %s time %s id %s\n", text(s.Name), s.Description, s.Owner, text(s.History.Path), text(s.EventTimestamp), text(s.EventID))
		declared(s.Fields)
		orders(s.OrderBy)
		if s.Dimension != nil {
			fmt.Fprintf(&b, "  dimension@%d:%d mode %s from %s\n", s.Dimension.Line, s.Dimension.Column, text(s.Dimension.Mode), text(s.Dimension.ValidFrom))
		}
	}
	for _, e := range d.Entities {
		fmt.Fprintf(&b, "entity %s %s\n", text(e.Name), texts(e.Columns))
	}
	for _, v := range d.Views {
		fmt.Fprintf(&b, "view %s %q entity %s source %s where %s ttl %s\n", text(v.Name), v.Description, text(v.Entity), text(v.Source), text(v.Where), text(v.TTL))
		windows(v.Windows, v.WindowsList)
		orders(v.OrderBy)
		declared(v.Request)
		for _, f := range v.Features {
			fmt.Fprintf(&b, "  feature %s %q value %s min %d default %s\n", text(f.Name), f.Description, text(f.Value), f.MinCount, text(f.Default))
			windows(f.Windows, f.WindowsList)
		}
	}
	for _, s := range d.Services {
		fmt.Fprintf(&b, "service %s %q %q\n", text(s.Name), s.Description, s.Owner)
		for _, f := range s.Features {
			fmt.Fprintf(&b, "  lists %s as %s", text(f.View), text(f.As))
			for _, k := range f.Entity {
				fmt.Fprintf(&b, " %s by %s", text(k.Entity), texts(k.Columns))
			}
			b.WriteString("\n")
		}
	}
	for _, s := range d.TrainingSets {
		fmt.Fprintf(&b, "training set %s %q service %s labels %s known %s spine %s time %s columns %t %s\n", text(s.Name), s.Description, text(s.Service), texts(s.Labels),
			text(s.Known), text(s.Spine.Table.Path), text(s.Spine.EventTimestamp), s.Spine.ColumnsGiven, texts(s.Spine.Columns))
	}
	if o := d.Online; o != nil {
		fmt.Fprintf(&b, "online@%d:%d checkpoint %s served %s sample %s archive %s positions %s\n", o.Line, o.Column, text(o.Checkpoint), text(o.ServedLog.Parquet), text(o.ServedLog.Sample), text(o.Archive), text(o.PositionLog))
		s := o.Serve
		fmt.Fprintf(&b, "serve@%d:%d service %s listen %s grpc %s tokens %s and %s cert %s key %s client_ca %s insecure %s\n", s.Line, s.Column, text(s.Service), text(s.Listen), text(s.GRPC), texts(s.Tokens), text(s.TokenFile),
			text(s.TLS.Cert), text(s.TLS.Key), text(s.TLS.ClientCA), text(s.Insecure))
		fmt.Fprintf(&b, "limits body %d batch %d rate %d wait %s\n", s.Limits.Body, s.Limits.Batch, s.Limits.Rate, text(s.Limits.Wait))
	}
	return b.String()
}

// faultsOf loads a text that must have faults.
func faultsOf(t *testing.T, text string) event.Faults {
	t.Helper()
	d, err := Load("f.yaml", []byte(text))
	var faults event.Faults
	if !errors.As(err, &faults) || d != nil || len(faults) == 0 {
		t.Fatalf("definition %v, error %v; want faults", d, err)
	}
	return faults
}

// TestKeys holds the loader to the language's table: a key that is not built is
// refused by name wherever it stands, a built one is read (object.close panics
// on a key that no reader takes, object.take on one that the table has not).
func TestKeys(t *testing.T) {
	places := map[string]string{
		"definition":      "version: 1\nname: d\nfeature_views: {v: {features: {x: 1}}}\nKEY: 1\n",
		"source":          "sources: {s: {KEY: 1}}\n",
		"history":         "sources: {s: {history: {KEY: 1}}}\n",
		"stream":          "sources: {s: {stream: {KEY: 1}}}\n",
		"registry":        "sources: {s: {stream: {registry: {KEY: 1}}}}\n",
		"tls":             "sources: {s: {stream: {tls: {KEY: 1}}}}\n",
		"sasl":            "sources: {s: {stream: {sasl: {KEY: 1}}}}\n",
		"dead_letter":     "sources: {s: {stream: {dead_letter: {KEY: 1}}}}\n",
		"cutover":         "sources: {s: {cutover: {KEY: 1}}}\n",
		"field":           "sources: {s: {fields: {f: {KEY: 1}}}}\n",
		"dimension":       "sources: {s: {dimension: {KEY: 1}}}\n",
		"feature_view":    "feature_views: {v: {KEY: 1}}\n",
		"feature":         "feature_views: {v: {features: {f: {KEY: 1}}}}\n",
		"window":          "feature_views: {v: {window: {KEY: 1}}}\n",
		"feature_service": "feature_services: {s: {KEY: 1}}\n",
		"training_set":    "training_sets: {t: {KEY: 1}}\n",
		"spine":           "training_sets: {t: {spine: {KEY: 1}}}\n",
		"visibility":      "training_sets: {t: {visibility: {KEY: 1}}}\n",
		"self":            "training_sets: {t: {visibility: {self: {KEY: 1}}}}\n",
		"service_feature": "feature_services: {s: {features: [{KEY: 1}]}}\n",
		"label":           "training_sets: {t: {label: {l: {KEY: 1}}}}\n",
		"split":           "training_sets: {t: {split: {KEY: 1}}}\n",
		"split_time":      "training_sets: {t: {split: {time: {KEY: 1}}}}\n",
		"split_hash":      "training_sets: {t: {split: {hash: {KEY: 1}}}}\n",
		"sample":          "training_sets: {t: {sample: {KEY: 1}}}\n",
		"online":          "online: {KEY: 1}\n",
		"serve":           "online: {serve: {KEY: 1}}\n",
		"serve_tls":       "online: {serve: {tls: {KEY: 1}}}\n",
		"limits":          "online: {serve: {limits: {KEY: 1}}}\n",
		"served_log":      "online: {served_log: {KEY: 1}}\n",
		"archive":         "online: {archive: {KEY: 1}}\n",
	}
	for _, s := range sections() {
		for _, k := range append(s.keys, setting{name: "zzzzzzzzzz"}) {
			text := strings.Replace(places[s.name], "KEY", k.name, 1)
			all := faultsOf(t, text).Error()
			notBuilt, unknown := strings.Contains(all, "`"+k.name+"` of "), strings.Contains(all, "unknown key `"+k.name+"`")
			if s.find(k.name) == nil && !unknown || s.find(k.name) != nil && unknown {
				t.Errorf("%s.%s: unknown is %t\n%s", s.name, k.name, unknown, all)
			}
			if k.instead != "" && !(notBuilt && strings.Contains(all, " is not built yet; "+k.instead)) {
				t.Errorf("%s.%s is not refused by name\n%s", s.name, k.name, all)
			}
		}
	}
}

func TestFaultsOfBytes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"too large", "version: 1\n#" + strings.Repeat("x", 1<<20), "f.yaml: the definition has 1048588 bytes and at most 1048576 are read; split it into several definitions"},
		{"not UTF-8", "version: 1\nname: é\xff", "f.yaml:2:8: the definition is not UTF-8; save it as UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "f.yaml:1:1: the definition is not UTF-8; save it as UTF-8"},
		{"control character", "version: 1\r\nname: \x00d", "f.yaml:2:7: control character U+0000 is not allowed; remove it"},
		{"escape of a terminal", "name: \x1b[31m", "f.yaml:1:7: control character U+001B is not allowed; remove it"},
		{"line separator", "name: a\u2028b", "f.yaml:1:8: line separator U+2028 is not allowed; put an ordinary line break"},
		{"mark in the middle", "name: \ufeffa", "f.yaml:1:7: control character U+FEFF is not allowed; remove it"},
		{"line breaks of all kinds", "version: 1\rname: d\r\nfeature_views: {v: {features: {x: 1}}}\nfoo: 1\n", "f.yaml:4:1: unknown key `foo` of the definition; its keys are version, name, description, sources, entities, feature_views, feature_services, training_sets, online"},
		{"byte order mark", "\ufeffversion: 2\nname: d\nfeature_views: {v: {features: {x: 1}}}", "f.yaml:1:10: version `2` of the language is unknown; write version: 1"},
		{"nested without end", strings.Repeat("[", 20_000), "f.yaml:1:1: not YAML: exceeded max depth of 10000"},
	} {
		if got := faultsOf(t, c.text).Error(); got != c.want {
			t.Errorf("%s:\n got  %s\n want %s", c.name, got, c.want)
		}
	}
}

func TestFaultWords(t *testing.T) {
	faults := faultsOf(t, "version: 1\nname: [a, b]\nfeature_views: {v: {sourc: x, features: {x: 1}}}\n")
	var got []string
	for _, f := range faults {
		got = append(got, f.Words)
	}
	if want := "[a, b] | sourc | sourc | x"; strings.Join(got, " | ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " | "), want)
	}
}

func TestTextAt(t *testing.T) {
	const text = `version: 1
name: d
feature_views:
  v:
    features:
      plain: é + xyz
      double: "é + xyz"
      single: 'é + xyz'
      escaped: "\u00e9 + xyz"
      doubled: 'é + ''xyz'''
      tab: "é + \txyz"
      folded: é +
        xyz
      quoted_fold: "é +
        xyz"
      block: |
        é + xyz
      stripped: >-
        é + xyz
      long: {value: é + xyz}
`
	d, err := Load("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Pos{
		"plain": {6, 18}, "double": {7, 20}, "single": {8, 20}, "long": {20, 25},
		"escaped": {9, 16}, "doubled": {10, 16}, "tab": {11, 12}, "folded": {12, 15}, "quoted_fold": {14, 20}, "block": {16, 14}, "stripped": {18, 17},
	}
	for _, f := range d.Views[0].Features {
		if got := f.Value.At(strings.Index(f.Value.Value, "xyz")); got != want[f.Name.Value] {
			t.Errorf("%s: xyz is at %v, want %v", f.Name.Value, got, want[f.Name.Value])
		}
	}
	if got := d.Views[0].Features[0].Value.At(99); got != (Pos{6, 21}) {
		t.Errorf("behind the end: %v", got)
	}
}

// wide is a definition of n views of twelve features.
func wide(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nname: wide\nsources:\n  tx:\n    history: {parquet: tx/}\n    event_timestamp: t\nentities: {account: account_id}\nfeature_views:\n")
	for v := range n {
		fmt.Fprintf(&b, "  view_%d:\n    entity: account\n    source: tx\n    where: status = 'approved' and amount > %d\n    windows: [1h, 1d, {length: 7d, offset: 1d}]\n    features:\n", v, v)
		for f := range 12 {
			fmt.Fprintf(&b, "      f_%d: {value: \"sum(amount * %d) / nullif(count(*), 0)\", min_count: %d, default: 0}\n", f, f, f+1)
		}
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	text := []byte(wide(10))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Load("f.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzLoad holds that no text ends the process, that faults have a place within
// the file and words that fit on a line, and that what loads keeps every scalar
// where it says.
func FuzzLoad(f *testing.F) {
	base, err := os.ReadFile("testdata/faults.base.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(base))
	f.Add(whole)
	cases, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(cases), "\ncase ") {
		var text []string
		for _, line := range strings.Split(c, "\n") {
			if strings.HasPrefix(line, "+") {
				text = append(text, line[1:])
			}
		}
		f.Add(strings.Join(text, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Load("f.yaml", []byte(text))
		if (d == nil) == (err == nil) {
			t.Fatalf("definition %v, error %v", d, err)
		}
		var faults event.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("the error is no Faults: %v", err)
		}
		lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r")
		for _, fault := range faults {
			secret := fault.Line == 0 && fault.Column == 0 && strings.Contains(fault.Problem, "in line ")
			if fault.Line > lines || fault.Line < 1 && !secret || fault.Column < 1 && !secret || fault.Problem == "" || strings.ContainsAny(fault.Error(), "\n\r\x1b") {
				t.Fatalf("fault %#v of a file of %d lines", fault, lines)
			}
		}
		if d != nil {
			checkPlaces(t, d, cutLines(strings.TrimPrefix(text, "\ufeff")))
		}
	})
}

// checkPlaces holds that what is said to stand one for one does.
func checkPlaces(t *testing.T, d *Definition, ls lines) {
	t.Helper()
	for _, v := range d.Views {
		for _, f := range v.Features {
			if f.Value.Quoted >= 0 && !strings.HasPrefix(ls.from(f.Value.At(0)), f.Value.Value) {
				t.Fatalf("%q does not stand at %v", f.Value.Value, f.Value.At(0))
			}
		}
	}
}

// TestTokensAreNotTold holds that no fault quotes what may be a secret, nor stands at
// its line, which who shows faults quotes.
func TestTokensAreNotTold(t *testing.T) {
	for _, tokens := range []string{`s3cret`, `[s3cret]`, `["${A:-s3cret}"]`, `["${A}s3cret"]`, `["s3cret${A}"]`, `[[s3cret]]`, `{s3cret: 1}`, `["${A}${s3cret}"]`, `["${s3cret"]`} {
		for _, f := range faultsOf(t, "version: 1\nname: d\nfeature_views: {v: {features: {x: 1}}}\nfeature_services: {s: {features: [v]}}\nonline:\n  serve:\n    service: s\n    tokens: "+tokens+"\n") {
			if strings.Contains(f.Error()+f.Words, "s3cret") || f.Line > 0 || !strings.Contains(f.Problem, "line 8") {
				t.Errorf("tokens: %s: %+v", tokens, f)
			}
		}
	}
}

// TestOnlineIsNoMeaning holds that the digest of a definition is that of the same one
// without its online part.
func TestOnlineIsNoMeaning(t *testing.T) {
	const text = "version: 1\nname: d\nfeature_views: {v: {request: {a: int64}, features: {x: request.a + 1}}}\nfeature_services: {s: {features: [v]}}\n"
	digest := func(text string) string {
		t.Helper()
		d, err := Load("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := CompileService(d, Catalog{}, "s")
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	if a, b := digest(text), digest(text+"online: {serve: {service: s}, checkpoint: here}\n"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}
