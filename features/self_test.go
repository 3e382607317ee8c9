package features

import (
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// selfSet is a training set whose rows are events; the cases change its words.
const selfSet = `version: 1
name: scored
sources:
  tx: {history: {parquet: tx.parquet}, event_timestamp: at, event_id: id, order_by: seq}
  logins: {history: {parquet: logins.parquet}, event_timestamp: at}
  plans: {history: {parquet: plans.parquet}, dimension: {mode: versions, valid_from: at}}
entities: {card: card}
feature_views:
  spend: {entity: card, source: tx, where: ok, window: 1d, features: {n: count(*), total: sum(amount)}}
  closed: {entity: card, source: tx, features: {n: {value: count(*), window: {length: 1h, bounds: "(]"}}}}
  before: {entity: card, source: tx, features: {n: {value: count(*), window: {length: 1h, offset: 1h, bounds: "[]"}}}}
  visits: {entity: card, source: logins, features: {n: count(*)}}
  plan: {entity: card, source: plans, features: {name: name}}
feature_services: {all: {features: [SERVICE]}}
training_sets:
  set: {service: all, spine: {parquet: s.parquet, event_timestamp: asked}, LABEL visibility: {known: event_time, self: SELF}}
`

// TestSelfFaults holds what is wrong with rows that are events to its words.
func TestSelfFaults(t *testing.T) {
	text, truth, time := event.Of(event.String), event.Of(event.Bool), event.Of(event.Timestamp)
	schema := func(names string) (s event.Schema) {
		types := map[string]event.Type{"card": text, "name": text, "id": text, "ok": truth, "at": time, "asked": time}
		for _, name := range strings.Fields(names) {
			typ, known := types[name]
			if !known {
				typ = event.Of(event.Double)
			}
			s = append(s, event.Field{Name: name, Type: typ})
		}
		return s
	}
	for _, c := range []struct{ service, self, label, spine, want string }{
		{"spend", "include", "", "card asked amount ok", ""},
		{"spend", "exclude", "", "card asked", ""},
		{"before, spend", "{include: tx}", "", "card asked amount ok", ""},
		{"spend.n", "include", "", "card asked ok", ""}, // what is not asked for needs not be there
		{"spend, visits, plan", "{include: tx}", "", "card asked amount ok", ""},
		{"spend", "include", "", "card asked amount", "f.yaml:16:115: the spine of training set set has no column ok, which view spend reads of the row itself; it has card, asked, amount"},
		{"spend", "include", "", "card asked amoun ok", "f.yaml:16:115: the spine of training set set has no column amount, which view spend reads of the row itself; did you mean amoun?"},
		{"spend", "include", "label: amount,", "card asked amount ok", "f.yaml:16:129: view spend reads column amount of the row itself, which is a label of training set set; what a feature reads is known when the question is asked, and no label"},
		{"spend, visits", "include", "", "card asked amount ok", "f.yaml:16:115: training set set includes the row itself, and its service counts events of tx, logins; say of which the row is one: self: {include: tx}"},
		{"visits", "{include: tx}", "", "card asked", "f.yaml:16:125: training set set includes the row itself as an event of source tx, and its service counts none of these; it counts logins"},
		{"plan", "include", "", "card asked", "f.yaml:16:115: training set set includes the row itself, and its service counts no events; remove self"},
		{"closed", "include", "", "card asked", "f.yaml:10:100: training set set includes the row itself, and the window of closed.n is closed at t: it would count the row's event again as it is stored, if that had arrived; write bounds: \"()\": the row itself is in it once, and nothing else of t"},
	} {
		d, err := Load("f.yaml", []byte(strings.NewReplacer("SERVICE", c.service, "SELF", c.self, "LABEL", c.label).Replace(selfSet)))
		if err != nil {
			t.Fatal(err)
		}
		catalog := Catalog{Histories: map[string]event.Schema{"tx": schema("card at id seq amount ok"), "logins": schema("card at"), "plans": schema("card at name")},
			Spines: map[string]event.Schema{"set": schema(c.spine)}}
		got := ""
		if _, err := Compile(d, catalog, "set"); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("service %s, self %s, spine %s:\n got  %s\n want %s", c.service, c.self, c.spine, got, c.want)
		}
	}
}

// TestSelfOfAGrid refuses rows that are events where the spine is a grid.
func TestSelfOfAGrid(t *testing.T) {
	text := strings.NewReplacer("SERVICE", "spend", "SELF", "include", "LABEL", "").Replace(selfSet)
	from := strings.Index(text, "spine: {")
	grid := text[:from] + "spine: {source: tx, every: 1h, entity: card, from: 2026-03-01, to: 2026-03-02}" + text[from+strings.Index(text[from:], "}")+1:]
	d, err := Load("f.yaml", []byte(grid))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compile(d, Catalog{}, "set")
	if want := "training set set includes the row itself, and its spine is a grid, whose rows are no events; remove self"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
