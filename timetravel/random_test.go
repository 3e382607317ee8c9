package timetravel_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "the seed of TestRandom's only run; 0: -runs of them, the same each time")
	randomRuns = flag.Int("runs", 60, "how many random definitions TestRandom tries")
	explore    = flag.Bool("explore", false, "have TestRandom begin with a new seed; the seed of a failure is printed")
)

// TestRandom holds the drivers to the naive evaluator on random definitions and
// data whose times stand on every edge. A failure is shrunk and printed whole.
func TestRandom(t *testing.T) {
	first, runs := *seedFlag, 1
	if first == 0 {
		first, runs = 1, *randomRuns
		if *explore {
			first = uint64(time.Now().UnixNano()) % 1_000_000_000
		}
		if testing.Short() {
			runs = min(runs, 20)
		}
	}
	for i := range runs {
		seed := first + uint64(i)
		c := newRandomCase(seed)
		report := c.failure(t)
		if report == "" {
			continue
		}
		c, report = c.shrink(t, report)
		t.Fatalf("seed %d (run again with -run TestRandom -seed %d), shrunk:\n%s\n%s", seed, seed, report, c)
	}
}

// randomCase is a definition with data, in pieces that can be left out.
type randomCase struct {
	views    []randomView
	eventID  bool
	orderBy  string
	known    string // the training set's visibility
	version  bool   // with eventID
	nan      bool
	events   table
	versions table
	spine    table
}

type randomView struct {
	head     string // its keys but for features
	features []string
}

// yaml is the case's definition.
func (c randomCase) yaml() string {
	var b strings.Builder
	b.WriteString("version: 1\nname: random\nsources:\n  acts:\n    history: {parquet: acts.parquet}\n    fields: {")
	writeFields(&b, c.events.schema)
	b.WriteString("}\n    event_timestamp: at\n    arrival_timestamp: came\n")
	if c.eventID {
		b.WriteString("    event_id: id\n")
		if c.version {
			b.WriteString("    version: seq\n")
		}
	}
	if c.nan {
		b.WriteString("    nan: null\n")
	}
	if c.orderBy != "" {
		fmt.Fprintf(&b, "    order_by: %s\n", c.orderBy)
	}
	b.WriteString("  versions:\n    history: {parquet: versions.parquet}\n    fields: {")
	writeFields(&b, c.versions.schema)
	b.WriteString("}\n    dimension: {mode: versions, valid_from: since, recorded_at: came}\n    order_by: seq desc\n")
	b.WriteString("entities: {one: k, two: [k, k2], all: []}\nfeature_views:\n")
	var names []string
	for _, v := range c.views {
		name, _, _ := strings.Cut(v.head, ":")
		names = append(names, name)
		b.WriteString("  " + v.head + "    features:\n")
		for _, f := range v.features {
			b.WriteString("      " + f + "\n")
		}
	}
	fmt.Fprintf(&b, "feature_services: {all: {features: [%s]}}\n", strings.Join(names, ", "))
	b.WriteString("training_sets:\n  answers:\n    service: all\n    spine: {parquet: spine.parquet, event_timestamp: at}\n    visibility: " + c.known + "\n")
	return b.String()
}

func writeFields(b *strings.Builder, s event.Schema) {
	for i, f := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s: %q", f.Name, f.Type)
	}
}

// String is the case as a person can put it into specs.
func (c randomCase) String() string {
	return fmt.Sprintf("features.yaml:\n%s\nacts.csv:\n%s\nversions.csv:\n%s\nspine.csv:\n%s", c.yaml(), c.events, c.versions, c.spine)
}

// failure is what is wrong with a case, "" if nothing: a driver that differs from
// the naive evaluator, or the naive evaluator seeing the order of its input.
func (c randomCase) failure(t *testing.T) (report string) {
	text := c.yaml()
	d, err := features.Load("features.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s := &spec{name: "random", text: text, definition: d, set: "answers", spine: c.spine, sources: map[string]table{"acts": c.events, "versions": c.versions}}
	want := naiveAnswers(d, s.set, s.sources, s.spine)
	turned := map[string]table{}
	for name, t := range s.sources {
		turned[name] = table{t.schema, slices.Clone(t.rows)}
		slices.Reverse(turned[name].rows)
	}
	if r := differences(s, naiveAnswers(d, s.set, turned, s.spine), want, nil); r != "" {
		return "the naive evaluator of the events in reverse:\n" + r
	}
	for _, driver := range drivers() {
		if r := attempt(t, driver, s, want); r != "" {
			return driver.name + ":\n" + r
		}
	}
	return ""
}

// attempt has a driver answer, and takes what stops it for a difference.
func attempt(t *testing.T, d driver, s *spec, want answers) (report string) {
	tb := &stopper{TB: t}
	defer func() {
		if p := recover(); p != nil {
			report = fmt.Sprintf("stopped: %v", p)
		}
	}()
	report = differences(s, d.answer(tb, s), want, nil)
	if tb.failed != "" {
		return tb.failed
	}
	return report
}

// stopper is a test that panics where it would stop, so that shrinking goes on.
type stopper struct {
	testing.TB
	failed string
}

func (s *stopper) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (s *stopper) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (s *stopper) Error(args ...any)                 { s.failed = fmt.Sprint(args...) }
func (s *stopper) Errorf(format string, args ...any) { s.failed = fmt.Sprintf(format, args...) }

// shrink leaves out events, versions, questions, features and views for as long
// as the case still fails, larger pieces first.
func (c randomCase) shrink(t *testing.T, report string) (randomCase, string) {
	for tries, again := 0, true; again && tries < 3000; {
		again = false
		for _, part := range c.parts() {
			for size := max(1, part.length()/2); size >= 1; size /= 2 {
				for from := 0; from < part.length() && tries < 3000; tries++ {
					smaller := part.without(from, min(from+size, part.length()))
					if r, ok := smaller.stillFails(t); ok {
						c, report, again = smaller, r, true
						part = c.part(part.name)
						continue
					}
					from += size
				}
			}
		}
	}
	return c, report
}

// stillFails tries a smaller case; one that is none any more does not fail.
func (c randomCase) stillFails(t *testing.T) (report string, fails bool) {
	defer func() {
		if recover() != nil {
			report, fails = "", false
		}
	}()
	if len(c.views) == 0 || slices.ContainsFunc(c.views, func(v randomView) bool { return len(v.features) == 0 }) {
		return "", false
	}
	report = c.failure(t)
	return report, report != ""
}

// casePart is a list within a case from which things can be left out.
type casePart struct {
	name    string
	length  func() int
	without func(from, to int) randomCase
}

func (c randomCase) part(name string) casePart {
	for _, p := range c.parts() {
		if p.name == name {
			return p
		}
	}
	return casePart{name: name, length: func() int { return 0 }}
}

func (c randomCase) parts() []casePart {
	rows := func(name string, of func(*randomCase) *table) casePart {
		return casePart{name, func() int { return len(of(&c).rows) }, func(from, to int) randomCase {
			d := c
			t := of(&d)
			t.rows = slices.Delete(slices.Clone(t.rows), from, to)
			return d
		}}
	}
	parts := []casePart{
		{"views", func() int { return len(c.views) }, func(from, to int) randomCase {
			d := c
			d.views = slices.Delete(slices.Clone(c.views), from, to)
			return d
		}},
		rows("spine", func(c *randomCase) *table { return &c.spine }),
		rows("events", func(c *randomCase) *table { return &c.events }),
		rows("versions", func(c *randomCase) *table { return &c.versions }),
	}
	for i := range c.views {
		parts = append(parts, casePart{fmt.Sprint("features of ", i), func() int { return len(c.views[i].features) }, func(from, to int) randomCase {
			d := c
			d.views = slices.Clone(c.views)
			d.views[i].features = slices.Delete(slices.Clone(c.views[i].features), from, to)
			return d
		}})
	}
	return parts
}
