package timetravel_test

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "the seed of TestRandom's first run, and without -runs its only one")
	randomRuns = flag.Int("runs", 0, "how many random definitions TestRandom tries, of one seed after the other")
	explore    = flag.Bool("explore", false, "have TestRandom begin with a new seed; the seed of a failure is printed")
)

// randomUsual is how many random definitions are tried where nothing is said.
const randomUsual = 300

// TestRandom holds the drivers to the naive evaluator on random definitions and
// data whose times stand on every edge. A failure is shrunk and printed whole.
func TestRandom(t *testing.T) {
	first, runs := randomSeeds()
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

// randomSeeds is the seed of the first random definition, and how many are tried.
func randomSeeds() (first uint64, runs int) {
	first, runs = max(*seedFlag, 1), *randomRuns
	switch {
	case runs == 0 && *seedFlag != 0:
		runs = 1
	case runs == 0 && testing.Short():
		runs = randomUsual / 5
	case runs == 0:
		runs = randomUsual
	}
	if *explore {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	return first, runs
}

// randomCase is a definition with data, in pieces that can be left out.
type randomCase struct {
	views       []randomView
	guises      []randomGuise
	eventID     bool
	orderBy     string
	known       string // the training set's visibility
	self        string // whether its rows are events
	version     bool   // with eventID
	nan         bool
	events      table
	tables      []randomTable // dimensions
	outcomes    table         // what labels count, if not the events
	labels      []string
	censored    string // of rows whose labels are not known
	spineEntity string // how the spine calls what keys it
	spine       table
	way         int    // which of the drivers that are states
	future      uint64 // the seed by which what is not known is altered
}

type randomView struct {
	head     string // its keys but for features
	features []string
}

func (v randomView) name() string {
	name, _, _ := strings.Cut(v.head, ":")
	return name
}

// randomTable is a dimension.
type randomTable struct {
	head string // its keys but for history and fields
	table
}

func (t randomTable) name() string {
	name, _, _ := strings.Cut(t.head, ":")
	return name
}

// randomGuise is a view in another role, as a service lists it.
type randomGuise struct{ view, text string }

// yaml is the case's definition.
func (c randomCase) yaml() string {
	var b strings.Builder
	b.WriteString("version: 1\nname: random\nsources:\n  acts:\n    event_timestamp: at\n    arrival_timestamp: came\n")
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
	writeHistory(&b, "acts", c.events)
	b.WriteString("  outcomes:\n    event_timestamp: at\n    order_by: n\n")
	writeHistory(&b, "outcomes", c.outcomes)
	for _, t := range c.tables {
		b.WriteString("  " + t.head)
		writeHistory(&b, t.name(), t.table)
	}
	b.WriteString("entities: {one: k, two: [k, k2], all: []}\nfeature_views:\n")
	var names []string
	for _, v := range c.views {
		names = append(names, v.name())
		b.WriteString("  " + v.head + "    features:\n")
		for _, f := range v.features {
			b.WriteString("      " + f + "\n")
		}
	}
	for _, g := range c.guises {
		if slices.ContainsFunc(c.views, func(v randomView) bool { return v.name() == g.view }) {
			names = append(names, g.text)
		}
	}
	fmt.Fprintf(&b, "feature_services: {all: {features: [%s]}}\n", strings.Join(names, ", "))
	fmt.Fprintf(&b, "training_sets:\n  answers:\n    service: all\n    spine: {parquet: spine.parquet, event_timestamp: at%s}\n    visibility: %s%s}\n", c.spineEntity, strings.TrimSuffix(c.known, "}"), c.self)
	if len(c.labels) > 0 {
		b.WriteString("    label:\n      " + strings.Join(c.labels, "\n      ") + "\n" + c.censored)
	}
	return b.String()
}

func writeHistory(b *strings.Builder, name string, t table) {
	fmt.Fprintf(b, "    history: {parquet: %s.parquet}\n    fields: {", name)
	for i, f := range t.schema {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s: %q", f.Name, f.Type)
	}
	b.WriteString("}\n")
}

// sources are the case's tables by name.
func (c randomCase) sources() map[string]table {
	all := map[string]table{"acts": c.events, "outcomes": c.outcomes}
	for _, t := range c.tables {
		all[t.name()] = t.table
	}
	return all
}

// String is the case as a person can put it into specs.
func (c randomCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "features.yaml:\n%s\n", c.yaml())
	sources := c.sources()
	for _, name := range sortedKeys(sources) {
		fmt.Fprintf(&b, "%s.csv:\n%s\n", name, sources[name])
	}
	fmt.Fprintf(&b, "spine.csv:\n%s", c.spine)
	return b.String()
}

// spec is the case as drivers take it.
func (c randomCase) spec(t *testing.T) *spec {
	text := c.yaml()
	d, err := features.Load("features.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &spec{name: "random", text: text, definition: d, set: "answers", spine: c.spine, sources: c.sources(), plans: map[*features.Definition]*features.Plan{}}
}

// failure is what is wrong with a case, "" if nothing: a driver that differs from
// the naive evaluator, the naive evaluator seeing the order of its input, or what
// is not known changing a feature.
func (c randomCase) failure(t *testing.T) (report string) {
	s := c.spec(t)
	want, rows := naiveAnswers(s.definition, s.set, s.sources, s.spine), naiveKept(s.definition, s.set, s.sources, s.spine)
	turned := map[string]table{}
	for name, t := range s.sources {
		turned[name] = table{t.schema, slices.Clone(t.rows)}
		slices.Reverse(turned[name].rows)
	}
	if r := differences(s, naiveAnswers(s.definition, s.set, turned, s.spine), want, nil); r != "" {
		return "the naive evaluator of the events in reverse:\n" + r
	}
	// Each case takes one number of workers, and one of the states, lest all take their time.
	for _, driver := range []driver{drivers()[0], shuffled()[c.way%3], states()[c.future%uint64(len(states()))]} {
		if r := attempt(t, driver, s, want, rows); r != "" {
			return driver.name + ":\n" + r
		}
	}
	return c.leak(t, s)
}

// attempt has a driver answer, and takes what stops it for a difference.
func attempt(t *testing.T, d driver, s *spec, want answers, rows []int) (report string) {
	tb := &stopper{TB: t}
	defer func() {
		if p := recover(); p != nil {
			report = fmt.Sprintf("stopped: %v\n%s", p, debug.Stack())
		}
	}()
	report = differences(s, d.answer(tb, s), want, rows)
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

// shrink leaves out rows of tables, questions, features, views, roles and labels for as long
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
	if len(c.views) == 0 || len(c.spine.rows) == 0 || slices.ContainsFunc(c.views, func(v randomView) bool { return len(v.features) == 0 }) {
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
		rows("outcomes", func(c *randomCase) *table { return &c.outcomes }),
		{"roles", func() int { return len(c.guises) }, func(from, to int) randomCase {
			d := c
			d.guises = slices.Delete(slices.Clone(c.guises), from, to)
			return d
		}},
		{"labels", func() int { return len(c.labels) }, func(from, to int) randomCase {
			d := c
			d.labels = slices.Delete(slices.Clone(c.labels), from, to)
			return d
		}},
	}
	for i := range c.tables {
		parts = append(parts, rows(fmt.Sprint("table ", i), func(c *randomCase) *table {
			c.tables = slices.Clone(c.tables)
			return &c.tables[i].table
		}))
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
