package timetravel_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/timetravel"
)

// chain is a spec whose events come in files, some with every interval, and whose
// questions are asked interval by interval.
type chain struct {
	*spec
	cuts  []event.Time     // interval i is cuts[i] <= t < cuts[i+1]
	comes map[string][]int // by source that is no dimension, by row: with which interval's file
}

// newChain cuts a random case into intervals.
func newChain(t *testing.T, seed uint64) *chain {
	c := &chain{spec: newRandomCase(seed).spec(t), comes: map[string][]int{}}
	rng := rand.New(rand.NewPCG(seed, 11))
	var instants []event.Time
	for _, name := range []string{"acts", "outcomes"} {
		instants = append(instants, timesOf(c.sources[name], "at")...)
	}
	instants = append(instants, timesOf(c.spine, "at")...)
	c.cuts = []event.Time{event.MinTime, event.MaxTime}
	for range 2 + rng.IntN(2) {
		if len(instants) > 0 {
			c.cuts = append(c.cuts, instants[rng.IntN(len(instants))])
		}
	}
	slices.Sort(c.cuts)
	c.cuts = slices.Compact(c.cuts)
	inOrder := rng.IntN(3) > 0
	for _, name := range []string{"acts", "outcomes"} {
		rows := c.sources[name].rows
		came := max(c.sources[name].schema.Index("came"), c.sources[name].schema.Index("at"))
		for _, row := range rows {
			with := rng.IntN(len(c.cuts) - 1)
			if at, is := row[came].(event.Time); is && inOrder && rng.IntN(5) > 0 {
				for with = 0; with < len(c.cuts)-2 && at >= c.cuts[with+1]; {
					with++
				}
			}
			c.comes[name] = append(c.comes[name], with)
		}
	}
	return c
}

// chainOf cuts a spec into three intervals, with files of events that come at random.
func chainOf(s *spec) *chain {
	c, rng := &chain{spec: s, comes: map[string][]int{}}, rand.New(rand.NewPCG(7, 7))
	var instants []event.Time
	for _, name := range sortedKeys(s.sources) {
		of := s.sources[name]
		for _, f := range of.schema {
			if f.Type.Kind == event.Timestamp {
				instants = append(instants, timesOf(of, f.Name)...)
			}
		}
		for _, source := range s.definition.Sources {
			if source.Name.Value == name && source.Dimension == nil {
				for range of.rows {
					c.comes[name] = append(c.comes[name], max(rng.IntN(5)-2, 0))
				}
			}
		}
	}
	slices.Sort(instants)
	c.cuts = []event.Time{event.MinTime, event.MaxTime}
	if n := len(instants); n > 0 {
		c.cuts = append(c.cuts, instants[n/3], instants[2*n/3])
	}
	slices.Sort(c.cuts)
	c.cuts = slices.Compact(c.cuts)
	return c
}

// TestSeamSpecs takes every folder of specs interval by interval.
func TestSeamSpecs(t *testing.T) {
	for _, dir := range specFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if s := readSpec(t, dir); !s.large() {
				chainOf(s).hold(t, 0)
			}
		})
	}
}

func timesOf(t table, column string) (all []event.Time) {
	at := t.schema.Index(column)
	for _, row := range t.rows {
		if v, is := row[at].(event.Time); is {
			all = append(all, v)
		}
	}
	return all
}

// files is the rows of a source in the files of intervals from to to.
func (c *chain) files(in features.Input, from, to int, seed uint64) [][]value {
	name := in.Source.Name.Value
	of := c.sources[name]
	if comes := c.comes[name]; comes != nil {
		of = table{schema: of.schema}
		for i, row := range c.sources[name].rows {
			if comes[i] >= from && comes[i] <= to {
				of.rows = append(of.rows, row)
			}
		}
	}
	return of.columns(in.Columns, seed)
}

// run answers interval i of a chain: with a seam from the files of that interval and
// what the one before left, and without a seam from all files that there are by then.
func (c *chain) run(t *testing.T, i int, seam *timetravel.Seam, f feed) ([][]value, *timetravel.Report, error) {
	p, out := c.plan(t), &kept{}
	from := 0
	if seam != nil && seam.Before != nil {
		from = i
	}
	b := &timetravel.Backfill{Plan: p, Visibility: c.visibility(), Workers: f.workers, Events: f.events, Sink: out, Seam: seam,
		Within: &features.Interval{From: c.cuts[i], To: c.cuts[i+1]},
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			rows := c.files(in, from, i, f.seed)
			parts := make([]event.Source, f.parts)
			for k := range parts {
				parts[k] = &inMemory{in.Columns, rows[k*len(rows)/f.parts : (k+1)*len(rows)/f.parts], f.batch}
			}
			return parts, nil
		},
		Spine: func() (event.Source, error) {
			return &inMemory{p.Queries.Read(), c.asked(p.Queries.Read()), f.batch}, nil
		},
		Content: func() (event.Source, error) {
			return &inMemory{p.Queries.Content, c.asked(p.Queries.Content), f.batch}, nil
		}}
	if b.Shelf = f.shelf(); b.Shelf != nil {
		defer b.Shelf.Close()
	}
	report, err := b.Run(context.Background())
	return out.rows, report, err
}

// leaving is a seam at interval i that begins with a snapshot; "": with none.
func (c *chain) leaving(t *testing.T, i int, before, after string, views []timetravel.SeamView) *timetravel.Seam {
	t.Helper()
	s := &timetravel.Seam{Interval: event.Span{From: c.cuts[i], To: c.cuts[i+1]}, Views: views}
	var err error
	if before != "" {
		if s.Before, err = shelf.OpenSnapshot(before); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Before.Close() })
	}
	if s.After, err = shelf.CreateSnapshot(after); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	plainFeed    = feed{workers: 1, batch: 1000, parts: 1}
	shuffledFeed = feed{workers: 3, batch: 7, parts: 4, seed: 1, events: 400_000, spill: true}
)

// TestRandomSeam cuts random cases into intervals whose events come late, twice, and
// known long after they happened, and answers each from what the one before left: the
// rows are those of a run over all files, and so is what is left, whatever the number
// of workers and the order of rows.
func TestRandomSeam(t *testing.T) {
	first, runs := randomSeeds()
	usual := *randomRuns == 0 && *seedFlag == 0
	if usual {
		runs /= 5 // each is some twenty backfills
	}
	folded, done := 0, 0
	for n := range runs {
		seed := first + uint64(n)
		refused, intervals := newChain(t, seed).hold(t, seed)
		folded, done = folded+refused, done+intervals
	}
	if usual && !testing.Short() && (folded*4 > done || folded == 0) {
		t.Errorf("%d of %d intervals were refused: of so few, or so many, the test says little", folded, done)
	}
}

// hold holds every interval to a run over all files. refused is how many were not
// answered, as an event came that may be a copy of one that is folded.
func (c *chain) hold(t *testing.T, seed uint64) (refused, done int) {
	dir, before := t.TempDir(), ""
	var views []timetravel.SeamView
	for i := range len(c.cuts) - 1 {
		want, _, err := c.run(t, i, nil, plainFeed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		whole := c.leaving(t, i, "", filepath.Join(dir, fmt.Sprint("whole", i)), nil)
		c.same(t, seed, i, whole, want, shuffledFeed)
		if before != "" {
			seam := c.leaving(t, i, before, filepath.Join(dir, fmt.Sprint("on", i)), views)
			f := shuffledFeed
			if i%2 == 0 {
				f = plainFeed
			}
			done++
			if !c.same(t, seed, i, seam, want, f) {
				refused++
			} else if a, b := sections(t, filepath.Join(dir, fmt.Sprint("on", i))), sections(t, filepath.Join(dir, fmt.Sprint("whole", i))); !bytes.Equal(a, b) {
				t.Fatalf("seed %d: interval %d leaves other sections than a run over all files", seed, i)
			} else if fmt.Sprint(seam.Left) != fmt.Sprint(whole.Left) {
				t.Fatalf("seed %d: interval %d says of its views\n%v, and a run over all files\n%v", seed, i, seam.Left, whole.Left)
			} else {
				before, views = filepath.Join(dir, fmt.Sprint("on", i)), seam.Left
				continue
			}
		}
		before, views = filepath.Join(dir, fmt.Sprint("whole", i)), whole.Left
	}
	return refused, done
}

// same holds an interval's rows to others, and commits what it leaves; false: it was
// refused for a copy that could not be told.
func (c *chain) same(t *testing.T, seed uint64, i int, seam *timetravel.Seam, want [][]value, f feed) bool {
	t.Helper()
	got, _, err := c.run(t, i, seam, f)
	if err != nil && seam.Before != nil && strings.Contains(err.Error(), "a copy of one could not be told") {
		return false
	}
	if err == nil {
		err = seam.After.(*shelf.SnapshotWriter).Commit(nil)
	}
	if err != nil {
		t.Fatalf("seed %d: interval %d of %v: %v\n%s", seed, i, c.cuts, err, c.text)
	}
	p := c.plan(t)
	schema := slices.Concat(p.Queries.Own, p.Outputs, p.Marks)
	exact := answers{schema: schema, rows: want, exact: slices.Repeat([]bool{true}, len(schema))}
	if r := differences(c.spec, answers{schema: schema, rows: got}, exact, nil); r != "" {
		t.Fatalf("seed %d: interval %d of %v, snapshot %t:\n%s\n%s", seed, i, c.cuts, seam.Before != nil, r, c.text)
	}
	return true
}

// sections is a snapshot's file but for its head.
func sections(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSeamStrict holds that a strict run fails for values outside their type in files
// that it does not read, as a run over all files would.
func TestSeamStrict(t *testing.T) {
	b := newBank(2_000)
	path := filepath.Join(t.TempDir(), "s")
	const half = event.Time(45 * 86_400_000_000)
	b.events.Columns[2] = event.Make(event.Of(event.Int))
	for range b.events.Len {
		b.events.Columns[2].AppendInt(1)
	}
	run := func(seam *timetravel.Seam, strict bool) error {
		r := b.backfill(t, "strict", &kept{})
		r.Strict, r.Seam, r.Within = strict, seam, &features.Interval{From: seam.Interval.From, To: seam.Interval.To}
		_, err := r.Run(t.Context())
		return err
	}
	first := &timetravel.Seam{Interval: event.Span{From: event.MinTime, To: half}}
	var err error
	if first.After, err = shelf.CreateSnapshot(path); err != nil {
		t.Fatal(err)
	}
	if err := run(first, true); err != nil {
		t.Fatal(err)
	}
	if err := first.After.(*shelf.SnapshotWriter).Commit(nil); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []int64{0, 3} {
		second := &timetravel.Seam{Interval: event.Span{From: half, To: event.MaxTime}, Views: slices.Clone(first.Left)}
		second.Views[0].OutOfType = bad
		if second.Before, err = shelf.OpenSnapshot(path); err != nil {
			t.Fatal(err)
		}
		if err := run(second, true); (err != nil) != (bad > 0) {
			t.Errorf("with %d values outside their type before: %v", bad, err)
		}
		if err := run(second, false); err != nil {
			t.Error(err)
		}
		second.Before.Close()
	}
}

// TestSeamFits refuses a snapshot whose views are not those of the plan.
func TestSeamFits(t *testing.T) {
	c := newChain(t, 3)
	path := filepath.Join(t.TempDir(), "s")
	first := c.leaving(t, 0, "", path, nil)
	if _, _, err := c.run(t, 0, first, plainFeed); err != nil {
		t.Fatal(err)
	}
	if err := first.After.(*shelf.SnapshotWriter).Commit(nil); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]timetravel.SeamView) []timetravel.SeamView{
		"another name":   func(v []timetravel.SeamView) []timetravel.SeamView { v[0].View = "other"; return v },
		"another type":   func(v []timetravel.SeamView) []timetravel.SeamView { v[0].Types = []string{"bool"}; return v },
		"a view less":    func(v []timetravel.SeamView) []timetravel.SeamView { return v[1:] },
		"no view at all": func([]timetravel.SeamView) []timetravel.SeamView { return nil },
	} {
		seam := c.leaving(t, 1, path, path+"2", change(slices.Clone(first.Left)))
		if _, _, err := c.run(t, 1, seam, plainFeed); err == nil || !strings.Contains(err.Error(), "delete") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const corrected = `version: 1
name: corrected
sources:
  acts:
    history: {parquet: acts.parquet}
    fields: {k: string, at: timestamp, came: timestamp, id: string, v: int64, n: int64}
    event_timestamp: at
    arrival_timestamp: came
    event_id: id
    version: v
entities: {one: k}
feature_views:
  ever: {entity: one, source: acts, features: {sum: sum(n), count: count(*), first: first(n)}}
feature_services: {all: {features: [ever]}}
training_sets:
  answers: {service: all, spine: {parquet: spine.parquet, event_timestamp: at}, visibility: {known: arrival}}
`

// TestSeamWaitsForCopies holds that an event is not folded while another version of it
// is there that is not known yet: when that comes, it takes the first one's place
// (S6.2, S20.4).
func TestSeamWaitsForCopies(t *testing.T) {
	d, err := features.Load("features.yaml", []byte(corrected))
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int64) event.Time { return event.Time(n * microsOfDay) }
	of := func(kinds ...string) (s event.Schema) {
		for _, k := range kinds {
			name, kind, _ := strings.Cut(k, " ")
			s = append(s, event.Field{Name: name, Type: map[string]event.Type{"text": event.Of(event.String), "time": event.Of(event.Timestamp), "int": event.Of(event.Int)}[kind]})
		}
		return s
	}
	acts := table{schema: of("k text", "at time", "came time", "id text", "v int", "n int"), rows: [][]value{
		{"a", day(0), day(0), "w", int64(1), int64(1)},
		{"a", day(1), day(1), "x", int64(1), int64(10)},
		{"a", day(1), day(61), "x", int64(2), int64(100)}, // the second, corrected
		{"a", day(2), day(2), "y", int64(1), int64(1000)},
		{"a", day(3), day(62), "z", int64(1), int64(10000)},
	}}
	spine := table{schema: of("k text", "at time"), rows: [][]value{{"a", day(5)}, {"a", day(60)}, {"a", day(61)}, {"a", day(63)}}}
	c := &chain{spec: &spec{name: "corrected", text: corrected, definition: d, set: "answers", spine: spine, sources: map[string]table{"acts": acts}, plans: map[*features.Definition]*features.Plan{}},
		cuts: []event.Time{event.MinTime, day(30), day(60), event.MaxTime}, comes: map[string][]int{"acts": {0, 0, 0, 0, 0}}}
	if refused, done := c.hold(t, 0); refused != 0 || done != 2 {
		t.Errorf("%d of %d intervals were refused", refused, done)
	}
	rows, _, err := c.run(t, 2, nil, plainFeed)
	if want := [][]value{{int64(1011), int64(3), int64(1)}, {int64(1101), int64(3), int64(1)}, {int64(11101), int64(4), int64(1)}}; err != nil || fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("the sums are %v (%v), want %v", rows, err, want)
	}
}
