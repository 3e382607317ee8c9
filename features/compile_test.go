package features

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// shop is a definition whose features the tests fill in.
const shop = `version: 1
name: shop
sources:
  tx:
    history: {parquet: tx.parquet}
    event_timestamp: at_time
    %s
  acc:
    history: {parquet: acc.parquet}
    dimension: {mode: versions, valid_from: since}
entities: {account: account_id}
feature_views:
  spend: {entity: account, source: tx, features: {%s}}
  profile: {entity: account, source: acc, features: {tier: tier}}
  more: {request: {amount: double}, features: {%s}}
feature_services: {all: {features: [spend, profile, more]}}
training_sets:
  train: {service: all, spine: {parquet: spine.parquet, event_timestamp: ts}, visibility: {known: event_time}}
`

// shopCatalog is what the shop's tables hold.
func shopCatalog() Catalog {
	return Catalog{
		Histories: map[string]event.Schema{
			"tx": {{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "price", Type: event.DecimalOf(10, 2)},
				{Name: "n", Type: event.Of(event.Int)}, {Name: "city", Type: event.Of(event.String)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "id", Type: event.Of(event.Int)}},
			"acc": {{Name: "account_id", Type: event.Of(event.String)}, {Name: "tier", Type: event.Of(event.String)}, {Name: "since", Type: event.Of(event.Date)}},
		},
		Spines: map[string]event.Schema{"train": {{Name: "account_id", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "label", Type: event.Of(event.Bool)}}},
	}
}

// compileShop compiles the shop with these features and returns what is wrong.
func compileShop(t *testing.T, source, spend, more string, cat Catalog) (*Plan, string) {
	t.Helper()
	def, err := Load("shop.yaml", fmt.Appendf(nil, shop, source, spend, more))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(def, cat, "train")
	if err == nil {
		return p, ""
	}
	var faults event.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("no faults, but %v", err)
	}
	return nil, strings.ReplaceAll(err.Error(), "shop.yaml:", "")
}

func TestCompileTellsFaults(t *testing.T) {
	for _, c := range []struct{ name, source, spend, more, want string }{
		{"unknown field", "", "s: sum(amuont)", "x: 1 + 1", "13:58: source tx has no field amuont; did you mean amount?"},
		{"text in sum", "", "s: sum(city)", "x: at", "13:58: sum takes a number, and city is string"},
		{"no aggregate", "", "s: 1 + 2", "x: at", "13:54: feature s of view spend has no aggregate; write an aggregate such as count(*) or last(…)"},
		{"bare field", "", "s: amount", "x: at", "13:54: amount is no feature of view spend before s; a field stands inside an aggregate, such as last(amount)"},
		{"nested aggregate", "", "s: sum(max(n))", "x: at", "13:58: an aggregate inside sum; give the inner one a feature of its own in a view of its own"},
		{"filter that is no condition", "", `s: "count(*) filter (where n)"`, "x: at", "13:78: a filter is a condition, and this is int64; compare it with something"},
		{"name of another tool", "", "s: mean(amount)", "x: at", "13:54: unknown function mean; write avg(x)"},
		{"unknown function", "", "s: medain(amount)", "x: at", "13:54: unknown function medain; did you mean median?"},
		{"the instant in a view of events", "", "s: count(*) + at", "x: at", "the instant of the question belongs to derived views"},
		{"double quotes", "", "s: 'count(*) filter (where city = \"rome\")'", "x: at", "source tx has no field rome; text is written in single quotes: 'rome'"},
		{"condition in sum", "", "s: sum(n > 1)", "x: at", "to count where it is true, write count(*) filter (where n > 1)"},
		{"column as it is called outside", "", "s: count(*)", "x: spend__s", "15:51: spend__s is a column of the training set; in expressions write spend.s"},
		{"two windows, one name", "", "s: {value: count(*), windows: [{length: 1h, bounds: '[]'}, {length: 1h, bounds: '(]'}]}", "x: at", "two windows of feature s make the column spend__s_1h; bounds are no part of a column's name: write two features"},
		{"arg_max of one", "", "s: arg_max(n)", "x: at", "13:54: arg_max takes x and what decides, y, not 1 arguments"},
		{"corr of one", "", "s: corr(n)", "x: at", "13:54: corr takes two numbers, x and y, not 1 arguments"},
		{"corr of text", "", `s: "corr(n, city)"`, "x: at", "13:63: corr takes a number, and city is string"},
		{"conjunction of numbers", "", "s: bool_and(n)", "x: at", "13:63: bool_and takes a condition, and n is int64; compare it with something"},
		{"histogram of doubles", "", "s: histogram(amount)", "x: at", "13:64: histogram makes its values the keys of a map, and amount is double; cast it to a decimal or an integer"},
		{"two parameters", "", `s: "histogram(n, 5)"`, "x: at", "histogram takes one argument, not 2 arguments"},
		{"mode of a row", "", `s: "mode(row(n, city))"`, "x: at", "mode does not take a row; first, last, lag, arg_min and arg_max do"},
		{"nulls of a mode", "", `s: mode(n) respect nulls`, "x: at", "mode does not take respect nulls; first, last, lag, arg_min and arg_max do"},
		{"aggregate of another tool", "", `s: "max_by(n, amount)"`, "x: at", "unknown function max_by; write arg_max(x, y)"},
		{"aggregate that decides", "", `s: "arg_max(n, max(n))"`, "x: at", "an aggregate inside arg_max"},
		{"how many are frequent", "", `s: "top_k_frequent(n, 0)"`, "x: at", "top_k_frequent takes a whole number between 1 and 1000000"},
		{"by a double", "", "s: {value: count(*), by: amount}", "x: at", "13:76: amount is double, and keys are never floating; cast it to a decimal or an integer"},
		{"by an unknown field", "", "s: {value: count(*), by: ctiy}", "x: at", "source tx has no field ctiy; did you mean city?"},
		{"by an aggregate", "", "s: {value: count(*), by: max(n)}", "x: at", "an aggregate in by; by is a value of the event"},
		{"by a row", "", `s: {value: count(*), by: "row(city, n)"}`, "x: at", "row(city, n) is struct<city: string, n: int64>, and a feature takes single values"},
		{"by with two aggregates", "", "s: {value: sum(n) / count(*), by: city}", "x: at", "13:62: feature s has `by`, and its value is no single aggregate; give each aggregate a feature of its own"},
		{"default of a map", "", "s: {value: count(*), by: city, default: 0}", "x: at", "a default is one value of the feature's type, map<string, int64>"},
		{"fraction", "", `s: "quantile_cont(n, 1.5)"`, "x: at", "13:72: quantile_cont takes a fraction between 0 and 1 as it is written"},
		{"how many", "", `s: "last(n, 0)"`, "x: at", "13:63: last takes a whole number between 1 and 1000000 as it is written"},
		{"circle", "", "s: count(*)", "x: more.y, y: more.x", "15:51: feature more.x is computed from itself; break the circle"},
		{"later feature", "", "s: count(*)", "x: y, y: at", "15:51: y is no view, and no feature of view more before x"},
		{"unknown column of a view", "", "visits: count(*)", "x: spend.vists", "15:51: view spend makes no column vists; did you mean spend.visits?"},
		{"unknown request field", "", "s: count(*)", "x: request.amuont", "15:51: view more declares no request field amuont; did you mean amount?"},
		{"aggregate in a derived view", "", "s: count(*)", "x: sum(spend.s)", "15:51: aggregate sum in the derived view more, which has no source; aggregate in a view with a source and name its column here"},
		{"a condition that is none", "", "s: count(*)", "x: case when at then 1 end", "15:61: "},
		{"arrival that no file has", "arrival_timestamp: cme", "s: sum(amount)", "x: at", "source tx has no field cme"},
		{"arrival that is no instant", "arrival_timestamp: city", "s: sum(amount)", "x: at", "7:24: city is string, and an arrival is timestamp; cast it under fields"},
		{"narrowing", "fields: {amount: int64}", "s: sum(amount)", "x: at", "7:22: field amount of source tx is declared int64, and the history holds double, which does not widen to it without loss; write {type: int64, history: cast(amount as int64)} if that is meant"},
		{"default of another type", "", "s: {value: last(city), default: 1}", "x: at", "the default is int64, and the feature is string"},
		{"column that no file has", "fields: {extra: int64}", "s: sum(extra)", "x: at", "the history of source tx has no column extra"},
		{"column that no file has, with a near one", "fields: {amuont: double}", "s: sum(amuont)", "x: at", "the history of source tx has no column amuont; did you mean amount?"},
		{"column of a field", "fields: {amuont: double, euros: {type: double, history: amuont / 100}}", "s: sum(euros)", "x: at", "the history of source tx has no column amuont; did you mean amount?"},
		{"time that is none", "event_id: id\n    fields: {at_time: {type: int64, history: n}}", "s: count(*)", "x: at", "at_time is int64, and a time is timestamp or date"},
		{"order column", "order_by: seq", "s: count(*)", "x: at", "source tx has no field seq"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := compileShop(t, c.source, c.spend, c.more, shopCatalog())
			if got == "" || !strings.Contains(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestCompileChecksSpine(t *testing.T) {
	for _, c := range []struct {
		name  string
		spine event.Schema
		want  string
	}{
		{"no key", event.Schema{{Name: "acount_id", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}, {Name: "amount", Type: event.Of(event.Double)}}, "has no column account_id, key of entity account; did you mean acount_id?"},
		{"key of another type", event.Schema{{Name: "account_id", Type: event.Of(event.Int)}, {Name: "ts", Type: event.Of(event.Timestamp)}, {Name: "amount", Type: event.Of(event.Double)}}, "column account_id of the spine of training set train is int64, and key of entity account is string"},
		{"no request field", event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}}, "has no column amount, request field of view more"},
		{"column of a feature", event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "ts", Type: event.Of(event.Timestamp)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "spend__s", Type: event.Of(event.Int)}}, "has a column spend__s, and so have the features"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat := shopCatalog()
			cat.Spines["train"] = c.spine
			if _, got := compileShop(t, "", "s: count(*)", "x: request.amount", cat); !strings.Contains(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestLabelsAreNotRead: what is to be predicted is no input.
func TestLabelsAreNotRead(t *testing.T) {
	for label, want := range map[string]string{"amount": "label amount of training set train is read by view more as a request field", "account_id": "label account_id of training set train keys entity account", "label": ""} {
		text := strings.Replace(shop, "event_timestamp: ts}", "event_timestamp: ts}, label: "+label, 1)
		def, err := Load("shop.yaml", fmt.Appendf(nil, text, "", "s: count(*)", "x: request.amount"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Compile(def, shopCatalog(), "train")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("label %s: %v", label, err)
		}
	}
}

// TestDigestIsOfMeaning: what changes no value changes no digest, and what may
// change one does.
func TestDigestIsOfMeaning(t *testing.T) {
	digest := func(source, spend string) string {
		p, wrong := compileShop(t, source, spend, "x: at", shopCatalog())
		if wrong != "" {
			t.Fatal(wrong)
		}
		return p.Digest()
	}
	base := digest("", "s: {value: sum(amount), window: 1h}")
	for _, same := range []string{"s: {value: SUM( amount ), window: 1h, description: money}", "s: {value: sum(amount), window: 60m}"} {
		if digest("", same) != base {
			t.Errorf("%s has another digest", same)
		}
	}
	if digest("description: payments", "s: {value: sum(amount), window: 1h}") != base {
		t.Error("a description is part of the digest")
	}
	for _, other := range []string{"s: {value: sum(amount), window: 2h}", "s: {value: sum(amount), window: {length: 1h, bounds: '[]'}}", "s: {value: sum(n), window: 1h}",
		"s: {value: sum(amount), window: 1h, min_count: 2}", "s: {value: sum(amount), window: 1h, default: 0}", "s: {value: 'sum(amount) filter (where n > 1)', window: 1h}", "t: {value: sum(amount), window: 1h}"} {
		if digest("", other) == base {
			t.Errorf("%s has the same digest", other)
		}
	}
	if digest("event_id: id", "s: {value: sum(amount), window: 1h}") == base {
		t.Error("event_id is no part of the digest")
	}
}

// TestCompileWithoutFiles: declared types stand where no history is at hand.
func TestCompileWithoutFiles(t *testing.T) {
	source := "fields: {account_id: string, amount: double, at_time: timestamp}"
	def, err := Load("shop.yaml", fmt.Appendf(nil, strings.Replace(shop, "dimension:", "fields: {account_id: string, tier: string, since: date}\n    dimension:", 1), source, "s: sum(amount)", "x: at"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(def, Catalog{}, ""); err != nil {
		t.Error(err)
	}
	if _, wrong := compileShop(t, source, "s: sum(n)", "x: at", Catalog{}); !strings.Contains(wrong, "5:24: the history of source tx is not at hand, and nothing gives the types of n; mend the path, or declare them under fields") {
		t.Errorf("got %q", wrong)
	}
}

// BenchmarkCompile is loading and compiling a definition of 120 features.
func BenchmarkCompile(b *testing.B) {
	var spend strings.Builder
	for i := range 40 {
		fmt.Fprintf(&spend, "f%d: {value: 'sum(amount * %d) / nullif(count(*), 0)', windows: [1h, 1d, 30d]}, ", i, i+2)
	}
	text := fmt.Appendf(nil, shop, "", strings.TrimSuffix(spend.String(), ", "), "x: at")
	b.ReportAllocs()
	for b.Loop() {
		def, err := Load("shop.yaml", text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Compile(def, shopCatalog(), "train"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOrderTakersAreNoted: without ids and order_by, content orders the ties of
// what takes the order, of arg_max and distinct_last too.
func TestOrderTakersAreNoted(t *testing.T) {
	for value, noted := range map[string]bool{"last(n)": true, "lag(n)": true, "arg_min(city, n)": true, "arg_max(city, n)": true, "distinct_last(n, 2)": true,
		"max(n)": false, "mode(n)": false, "histogram(city)": false, "corr(n, amount)": false, "top_k_frequent(n, 2)": false} {
		p, wrong := compileShop(t, "", fmt.Sprintf("s: {value: %q, by: city}", value), "x: at", shopCatalog())
		if wrong != "" {
			t.Fatal(wrong)
		}
		if got := len(p.Lints) > 0; got != noted {
			t.Errorf("%s: noted %t, want %t", value, got, noted)
		}
	}
}

// TestMapsAreDescribed: what a map is by stands in its words and its digest.
func TestMapsAreDescribed(t *testing.T) {
	digests := map[string]bool{}
	for by, kind := range map[string]string{"city": "map<string, decimal(38,2)>", "n": "map<int64, decimal(38,2)>", "id": "map<int64, decimal(38,2)>"} {
		p, wrong := compileShop(t, "", fmt.Sprintf("s: {value: sum(price), by: %s}", by), "x: at", shopCatalog())
		if wrong != "" {
			t.Fatal(wrong)
		}
		if got := p.Outputs[0].Type.String(); got != kind {
			t.Errorf("by %s: %s, want %s", by, got, kind)
		}
		if got := p.Describe()[0].Value; got != "sum(price) by "+by {
			t.Errorf("by %s is described as %s", by, got)
		}
		digests[p.Digest()] = true
	}
	if len(digests) != 3 {
		t.Errorf("%d digests of three meanings", len(digests))
	}
}

// TestDigestHoldsTables: a table beyond the definition that values hang on, with
// its version, is part of what the digest is made of (S13.1).
func TestDigestHoldsTables(t *testing.T) {
	for text, want := range map[string]string{"lower('A')": "lower('A') by unicode " + unicode.Version, "length('a')": "length('a')"} {
		n, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		e, faults := expr.Compile(n, nil)
		if faults != nil {
			t.Fatal(faults)
		}
		if got := spelled(n, e); got != want {
			t.Errorf("%s is %q in the digest, want %q", text, got, want)
		}
	}
}

// TestKeylessTableOfNow compiles a view that only its features make read anything.
func TestKeylessTableOfNow(t *testing.T) {
	const text = `version: 1
name: rates
sources:
  rates: {history: {parquet: r.parquet}, fields: {rate: double}, dimension: {mode: current, leak: accepted}}
entities: {all: []}
feature_views:
  now: {entity: all, source: rates, features: {rate: VALUE}}
feature_services: {all: {features: [now]}}
training_sets:
  rated: {service: all, spine: {parquet: s.parquet, event_timestamp: at}, visibility: {known: arrival}}
`
	for value, problem := range map[string]string{"rate": "", "1": "reads no column", "rat": "no field rat"} {
		d, err := Load("rates.yaml", []byte(strings.Replace(text, "VALUE", value, 1)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(d, Catalog{Histories: map[string]event.Schema{"rates": {{Name: "rate", Type: event.Of(event.Double)}}}}, "rated")
		switch {
		case problem == "" && (err != nil || p.Views[0].Input != 0):
			t.Errorf("%s: %v", value, err)
		case problem != "" && (err == nil || !strings.Contains(err.Error(), problem) || strings.Count(err.Error(), "\n") > 0):
			t.Errorf("%s: %v, want a fault that says %q", value, err, problem)
		}
	}
}
