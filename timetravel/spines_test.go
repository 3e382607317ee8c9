package timetravel_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// ads is a definition of impressions and clicks with a spine and a label to be
// filled in. `copy` brings a stored value out, so that it shows which of several
// copies was asked.
const ads = `version: 1
name: ads
sources:
  shown:
    history: {parquet: shown.parquet}
    fields: {copy: {type: int64, history: payload + 0}}
    event_timestamp: at_time
    arrival_timestamp: came
    event_id: id
    version: revision
    order_by: place
  clicks: {history: {parquet: clicks.parquet}, event_timestamp: at_time, arrival_timestamp: came, event_id: id}
entities: {user: user, ad: [user, ad]}
feature_views:
  seen: {entity: user, source: shown, window: 3s, features: {n: count(*), last: last(place)}}
  hit: {entity: ad, source: clicks, window: 5s, features: {n: count(*)}}
feature_services: {all: {features: [seen, hit]}}
training_sets:
  set:
    service: all
    spine: SPINE
    visibility: VISIBILITY
    LABEL
`

const (
	shownSpine = "{source: shown, from: 1970-01-01T00:00:05Z, to: 1970-01-01T00:00:25Z, where: place <> 'none'}"
	touchLabel = "label: {hit_soon: {source: clicks, match: [user, ad], within: 4s, value: count(*) > 0, attribute: last_touch}, hits: {source: clicks, match: user, within: 9s, value: count(*), attribute: last_touch}}"
)

// drawnAds is a definition over random tables, of so few values that instants, ids
// and keys meet all the time.
func drawnAds(tb testing.TB, seed uint64, spine, label string) *spec {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 77))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	second := func() string {
		if rng.IntN(20) == 0 {
			return "∅"
		}
		return fmt.Sprintf("1970-01-01T00:00:%02dZ", 3*rng.IntN(10)+rng.IntN(2)*rng.IntN(3))
	}
	var shown, clicks strings.Builder
	shown.WriteString("id:int64 | at_time:timestamp | user:string | ad:int64 | place:string | payload:int64 | revision:int64 | came:timestamp\n")
	for range 40 + rng.IntN(100) {
		fmt.Fprintln(&shown, strings.Join([]string{pick("∅", "1", "2"), second(), pick("∅", "ann", "ann", "ann", "bob"), pick("1", "1", "1", "2", "∅"), pick("a", "b", "none", "∅"), pick("1", "2", "3"), pick("∅", "1", "1"), second()}, " | "))
	}
	clicks.WriteString("id:int64 | at_time:timestamp | user:string | ad:int64 | came:timestamp\n")
	for range 10 + rng.IntN(50) {
		fmt.Fprintln(&clicks, strings.Join([]string{pick("∅", "1", "2", "3"), second(), pick("∅", "ann", "bob", "cid"), pick("1", "2"), second()}, " | "))
	}
	text := strings.NewReplacer("SPINE", spine, "LABEL", label, "VISIBILITY", []string{"{known: event_time}", "{known: arrival, delay: 2s}"}[seed%2]).Replace(ads)
	d, err := features.Load("ads.yaml", []byte(text))
	if err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	s := &spec{name: fmt.Sprintf("ads of seed %d", seed), text: text, definition: d, set: "set", sources: map[string]table{}}
	for name, text := range map[string]string{"shown": shown.String(), "clicks": clicks.String()} {
		if s.sources[name], err = parseTable(text); err != nil {
			tb.Fatal(err)
		}
	}
	s.spine = naiveSpine(d, s.set, s.sources)
	return s
}

// checkDrawn holds a bounded run over random tables to the naive evaluator, which
// compares every question with every other.
func checkDrawn(t *testing.T, s *spec) {
	t.Helper()
	want := naiveAnswers(s.definition, s.set, s.sources, s.spine)
	for _, f := range []feed{{workers: 1, batch: 1000, parts: 1}, {workers: 3, batch: 7, parts: 3, seed: 5, events: 1_000_000, spill: true, block: 3}, {workers: 2, batch: 10, parts: 1, events: 20_000_000, block: 4}} {
		if report := differences(s, s.backfill(t, f), want, nil); report != "" {
			t.Fatalf("%s, %s:\n%s\nshown:\n%s\nclicks:\n%s\nspine:\n%s", s.name, f, report, s.sources["shown"], s.sources["clicks"], s.spine)
		}
	}
}

// TestCopiesOfQuestions holds S11.7 over random copies: which are asked, by what
// they hold and not by their places.
func TestCopiesOfQuestions(t *testing.T) {
	fewer := 0
	for seed := range uint64(40) {
		s := drawnAds(t, seed, shownSpine, "")
		checkDrawn(t, s)
		fewer += len(naiveSpine(withoutID(s), s.set, s.sources).rows) - len(s.spine.rows)
		turned := *s
		turned.sources = map[string]table{"shown": reversed(s.sources["shown"]), "clicks": s.sources["clicks"]}
		turned.spine = naiveSpine(s.definition, s.set, turned.sources)
		got, want := turned.backfill(t, feed{workers: 2, batch: 3, parts: 1}).rows, s.backfill(t, feed{workers: 2, batch: 3, parts: 1}).rows
		slices.SortFunc(got, compareAll)
		slices.SortFunc(want, compareAll)
		if !slices.EqualFunc(got, want, sameAll) {
			t.Fatalf("%s: %v of the files turned around, want %v", s.name, got, want)
		}
	}
	if fewer < 30 {
		t.Errorf("%d copies in all: the cases show nothing", fewer)
	}
}

// withoutID is a spec's definition without ids, so that each row is a question.
func withoutID(s *spec) *features.Definition {
	d := *s.definition
	d.Sources = slices.Clone(d.Sources)
	d.Sources[0].EventID = features.Text{}
	return &d
}

func reversed(t table) table {
	t.rows = slices.Clone(t.rows)
	slices.Reverse(t.rows)
	return t
}

// TestLastTouch holds S14.8 over random questions and events: each event is told
// to one question at most, whatever the order of both and whatever interval is run.
func TestLastTouch(t *testing.T) {
	told := 0
	for seed := range uint64(20) {
		s := drawnAds(t, seed, shownSpine, touchLabel)
		checkDrawn(t, s)
		whole := s.backfill(t, feed{workers: 2, batch: 5, parts: 1})
		for i, middle := range []event.Time{9_000_000, 13_000_000, 14_000_000} {
			var parts [][]value
			for _, within := range []features.Interval{{From: event.MinTime, To: middle}, {From: middle, To: event.MaxTime}} {
				parts = append(parts, s.backfill(t, feed{workers: 1 + i, batch: 4, parts: 1, within: &within, block: 2 * i}).rows...)
			}
			got, want := parts, slices.Clone(whole.rows)
			slices.SortFunc(got, compareAll)
			slices.SortFunc(want, compareAll)
			if !slices.EqualFunc(got, want, sameAll) {
				t.Fatalf("%s: intervals that meet at %s make %v, want %v", s.name, middle, got, want)
			}
		}
		hits := whole.schema.Index("hits")
		for _, row := range whole.rows {
			if n, known := row[hits].(int64); known {
				told += int(n)
			}
		}
	}
	if told < 100 {
		t.Errorf("%d events told in all: the cases show nothing", told)
	}
}

// TestSampleByEvents holds S14.4 where events tell the label: the same rows stay as
// if the label had stood in the spine, and their values are those of a run that
// keeps all.
func TestSampleByEvents(t *testing.T) {
	const sample = "\n    sample: {negatives: 0.5, of: [id, at_time, payload], label: hit_soon, seed: 3}"
	left, kept := 0, 0
	for seed := range uint64(20) {
		whole := drawnAds(t, seed, shownSpine, touchLabel)
		some := drawnAds(t, seed, shownSpine, touchLabel+sample)
		p, all := some.plan(t), whole.backfill(t, feed{workers: 1, batch: 9, parts: 1})
		label := all.schema.Index("hit_soon")
		var want [][]value
		for i, row := range all.rows {
			weight := value(1.0)
			if row[label] == false {
				if unlucky := p.NewQueries(some.spineBatch(p, i), new(event.Counts)).Unlucky; unlucky[0] {
					left++
					continue
				}
				weight = 2.0
			}
			kept++
			want = append(want, append(slices.Clone(row), weight))
		}
		for _, f := range []feed{{workers: 1, batch: 1000, parts: 1}, {workers: 3, batch: 2, parts: 2, seed: 2, spill: true, block: 3}} {
			if got := some.backfill(t, f).rows; !slices.EqualFunc(got, want, sameAll) {
				t.Fatalf("%s, %s: %v, want %v", some.name, f, got, want)
			}
		}
	}
	if left < 30 || kept < 30 {
		t.Errorf("%d rows left out, %d kept: the cases show nothing", left, kept)
	}
}

// TestGrid holds S11.8 over random events, with stretches that meet, overlap and
// lie apart.
func TestGrid(t *testing.T) {
	rows := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 78))
		spine := fmt.Sprintf("{source: shown, every: %dms, entity: %s, active: %dms, from: 1970-01-01T00:00:03Z, to: 1970-01-01T00:00:27Z, where: place <> 'none'}", 500*(1+rng.IntN(8)), []string{"user", "ad"}[rng.IntN(2)], 500*(1+rng.IntN(9)))
		s := drawnAds(t, seed, spine, "label: {hits: {source: clicks, match: user, within: 2s, value: count(*), attribute: last_touch}}")
		s.definition.Services[0].Features = s.definition.Services[0].Features[:1]
		checkDrawn(t, s)
		rows += len(s.spine.rows)
	}
	if rows < 300 {
		t.Errorf("%d rows in all: the cases show nothing", rows)
	}
}
