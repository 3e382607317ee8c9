package features

import (
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// paymentRoles is a definition whose service lists LIST, and whose spine has MORE keys.
const paymentRoles = `version: 1
name: f
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, shop_id: int64, country: string, amount: double, at_time: timestamp}, event_timestamp: at_time}
entities: {account: account_id, shop: [country, shop_id], all: []}
feature_views:
  spend: {entity: account, source: tx, features: {n: count(*), total: sum(amount)}}
  shops: {entity: shop, source: tx, features: {n: count(*)}}
  share: {features: {x: "spend.total / nullif(spend.n, 0)"}}
  twice: {features: {y: share.x * 2}}
feature_services: {all: {features: LIST}}
training_sets:
  t: {service: all, spine: {parquet: s.parquet, event_timestamp: at_timeMORE}, visibility: {known: event_time}}
`

func compileRoles(list, more string) (*Plan, error) {
	d, err := Load("f.yaml", []byte(strings.NewReplacer("LIST", list, "MORE", more).Replace(paymentRoles)))
	if err != nil {
		return nil, err
	}
	text, whole := event.Of(event.String), event.Of(event.Int)
	spine := event.Schema{{Name: "account_id", Type: text}, {Name: "payee_id", Type: text}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "country", Type: text},
		{Name: "shop_id", Type: whole}, {Name: "number", Type: whole}}
	return Compile(d, Catalog{Spines: map[string]event.Schema{"t": spine}}, "t")
}

// TestRolesShareRuns holds that a view asked in two roles keeps its events once,
// and that equal roles are one.
func TestRolesShareRuns(t *testing.T) {
	p, err := compileRoles("[spend, twice, {view: twice, as: a, entity: {account: payee_id}}, {view: spend.n, as: b, entity: {account: [payee_id]}}, {view: spend, as: c}]", "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.Outputs {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "spend__n spend__total twice__y a__y b__n c__n c__total" {
		t.Errorf("columns %s", got)
	}
	if len(p.Views) != 1 || len(p.Lookups) != 2 || len(p.Queries.Keys) != 2 || len(p.Views[0].Layout.Slots) != 2 {
		t.Errorf("%d views, lookups %v, %d keys", len(p.Views), p.Lookups, len(p.Queries.Keys))
	}
	if by := strings.Join(p.AskedBy(p.Lookups[1]), " "); by != "payee_id" {
		t.Errorf("the second lookup asks by %s", by)
	}
	other, err := compileRoles("[spend, twice, {view: twice, as: a, entity: {account: account_id}}, {view: spend.n, as: b, entity: {account: [payee_id]}}, {view: spend, as: c}]", "")
	if err != nil || other.Digest() == p.Digest() {
		t.Errorf("a role asked by another column has the same digest: %v", err)
	}
	renamed, err := compileRoles("[spend, twice, {view: twice, as: a, entity: {account: payee_id}}, {view: spend.n, as: b, entity: {account: [payee_id]}}, {view: spend, as: c}]", ", entity: {account: country}")
	if err != nil || renamed.Digest() != p.Digest() {
		t.Errorf("what a spine calls its columns changes the digest: %v", err)
	}
}

func TestRoleFaults(t *testing.T) {
	for _, c := range []struct{ list, more, want string }{
		{"[{view: spend, as: shops}]", "", "f.yaml:11:55: role `shops` in features of service all has the name of a view; call it otherwise"},
		{"[{view: spend, as: a}, {view: share, as: a}]", "", "role `a` in features of service all is another one already; rename one"},
		{"[{view: spend, as: a, entity: {acount: payee_id}}]", "", "unknown entity `acount`; did you mean account?"},
		{"[{view: spend, as: a, entity: {shop: payee_id}}]", "", "entity shop is keyed by 2 columns, and entity of a feature in features of service all names 1; name one for each, in its order"},
		{"[{view: spend, as: a, entity: {shop: [country, shop_id]}}]", "", "view spend is not keyed by entity shop, and neither is what it is computed from; name its entity"},
		{"[{view: twice, as: a, entity: {shop: [country, shop_id]}}]", "", "view twice is not keyed by entity shop, and neither"},
		{"[{view: spend, as: a, entity: {account: payee}}]", "", "the spine of training set t has no column payee, key of entity account; did you mean payee_id?"},
		{"[{view: spend, as: a, entity: {account: number}}]", "", "column number of the spine of training set t is int64, and key of entity account is string"},
		{"[{view: spend}, spend]", "", "service all lists spend.n twice; leave one out, or give it a role of its own with as"},
		{"[{as: a}]", "", "a feature in features of service all has no view; add view: VIEW"},
		{"[{view: spend, as: at}]", "", "role at must not be called `at`"},
		{"[{view: spend, as: payee}]", "", ""},
		{"[{view: spend.n, as: a}, {view: spend.total, as: a}]", "", ""},
		{"[spend]", ", entity: {acount: payee_id}", "unknown entity `acount`; did you mean account?"},
		{"[spend]", ", entity: {account: payee}", "the spine of training set t has no column payee, key of entity account; did you mean payee_id?"},
	} {
		_, err := compileRoles(c.list, c.more)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.list, c.more, err, c.want)
		}
	}
}
