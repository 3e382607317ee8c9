package timetravel_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/timetravel"
)

// everyPlace is how many events a spec may have for snapshots at every place;
// of more, snapshots are taken at somePlaces places.
const (
	everyPlace = 200
	somePlaces = 20
)

var everyWay = flag.Bool("every-way", false, "answer specs with 1, 2 and 8 workers and by every state, and not with 8 and some alone")

// shuffled are backfills of events in no order, that hold nothing in memory.
func shuffled() []driver {
	return []driver{ofShuffledParts(1, 4), ofShuffledParts(2, 7), ofShuffledParts(8, 5)}
}

// drivers are the ways in which the engine answers a spec.
func drivers() []driver {
	all := shuffled()
	if !*everyWay {
		all = all[2:]
	}
	first := driver{"backfill", func(tb testing.TB, s *spec) answers { return s.backfill(tb, feed{workers: 1, batch: 1000, parts: 1}) }}
	return append(append([]driver{first}, all...), states()...)
}

// statesEach is how many of the states answer a spec where not all do.
const statesEach = 3

// driversOf are the ways that answer a spec: of the states some, by its name, so that
// all specs together go every way; and with -every-way each of them does.
func driversOf(name string) []driver {
	all := drivers()
	if *everyWay {
		return all
	}
	of := states()
	all = all[:len(all)-len(of)]
	first := int(event.HashBytes([]byte(name)).Lo % uint64(len(of)))
	for k := range statesEach {
		all = append(all, of[(first+k)%len(of)])
	}
	return all
}

// states are the ways of a state alone.
func states() []driver {
	return []driver{
		{"state fed in shuffled order, asked between", ofEventTime(func(tb testing.TB, s *spec) answers { return s.fed(tb, 2, math.MaxInt) })},
		{"state that packs every run", ofEventTime(func(tb testing.TB, s *spec) answers { return s.fed(tb, 4, 0) })},
		{"live engine of 3 shards", ofEventTime(func(tb testing.TB, s *spec) answers { return s.served(tb, 3) })},
		{"state that keeps every run in a file", ofEventTime(func(tb testing.TB, s *spec) answers { return s.filed(tb, 6) })},
		{"state of what a run leaves", ofEventTime(func(tb testing.TB, s *spec) answers { return s.left(tb) })},
		{"live engine saved and restored at some places", ofEventTime(func(tb testing.TB, s *spec) answers { return s.kept(tb) })},
		{"state restored from snapshots", ofEventTime(func(tb testing.TB, s *spec) answers { return s.restored(tb) })},
		{"state that forgets", ofEventTime(func(tb testing.TB, s *spec) answers { return s.forgetting(tb) })},
	}
}

// ofShuffledParts is a backfill of events in no order, by so many workers, that holds
// nothing in memory, in blocks of so many rows.
func ofShuffledParts(workers, block int) driver {
	name := fmt.Sprintf("backfill of shuffled parts by %d workers", workers)
	return driver{name, func(tb testing.TB, s *spec) answers {
		return s.backfill(tb, feed{workers: workers, batch: 7, parts: 4, seed: uint64(workers), events: 10_000_000, spill: true, block: block})
	}}
}

// feed is how a backfill gets its input.
type feed struct {
	workers, batch, parts int
	seed                  uint64 // of the order of events; 0: as they stand
	events                int64  // how many the backfill is told there are
	within                *features.Interval
	spill                 bool // nothing is held in memory
	block                 int  // rows of a block; 0: as many as usual
}

// shelf is where the feed's runs keep what they took in.
func (f feed) shelf() *shelf.Shelf {
	if !f.spill {
		return nil
	}
	return shelf.New(-1, func() (shelf.File, error) {
		file, err := os.CreateTemp("", "timeseam-test-*")
		if err == nil {
			err = os.Remove(file.Name())
		}
		return file, err
	})
}

// inMemory is a source of rows in memory.
type inMemory struct {
	schema event.Schema
	rows   [][]value
	batch  int
}

func (m *inMemory) Schema() event.Schema { return m.schema }
func (m *inMemory) Close() error         { return nil }
func (m *inMemory) Read(_ context.Context, b *event.Batch) error {
	if len(m.rows) == 0 {
		*b = event.Batch{}
		return io.EOF
	}
	n := min(m.batch, len(m.rows))
	*b = *table{m.schema, m.rows[:n]}.batch()
	m.rows = m.rows[n:]
	return nil
}

// kept is a sink that keeps rows.
type kept struct {
	rows      [][]value
	committed bool
}

func (k *kept) Write(_ context.Context, b *event.Batch) error {
	k.rows = append(k.rows, rowsOf(b)...)
	return nil
}
func (k *kept) Commit(context.Context) error { k.committed = true; return nil }
func (k *kept) Close() error                 { return nil }

// plan compiles the spec's training set against its tables.
func (s *spec) plan(tb testing.TB) *features.Plan {
	tb.Helper()
	if p := s.plans[s.definition]; p != nil {
		return p
	}
	c := features.Catalog{Histories: map[string]event.Schema{}, Spines: map[string]event.Schema{s.set: s.spine.schema}}
	for name, t := range s.sources {
		c.Histories[name] = t.schema
	}
	p, err := features.Compile(s.definition, c, s.set)
	if err != nil {
		tb.Fatalf("spec %s: %v", s.name, err)
	}
	if s.plans != nil {
		s.plans[s.definition] = p
	}
	return p
}

// columns is a table's columns of a schema, rows in an order by seed.
func (t table) columns(schema event.Schema, seed uint64) [][]value {
	at := make([]int, len(schema))
	for i, f := range schema {
		at[i] = t.schema.Index(f.Name)
	}
	rows := make([][]value, len(t.rows))
	for i, row := range t.rows {
		for _, c := range at {
			rows[i] = append(rows[i], row[c])
		}
	}
	if seed != 0 {
		rand.New(rand.NewPCG(seed, 7)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

func answersOf(p *features.Plan, rows [][]value) answers {
	return answers{schema: p.Outputs, rows: rows}
}

// backfill answers the spec by a bounded run.
func (s *spec) backfill(tb testing.TB, f feed) answers {
	tb.Helper()
	p, out := s.plan(tb), &kept{}
	b := &timetravel.Backfill{Plan: p, Visibility: s.visibility(), Workers: f.workers, Events: f.events, Sink: out, Within: f.within,
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			rows := s.sources[in.Source.Name.Value].columns(in.Columns, f.seed)
			parts := make([]event.Source, f.parts)
			for i := range parts {
				parts[i] = &inMemory{in.Columns, rows[i*len(rows)/f.parts : (i+1)*len(rows)/f.parts], f.batch}
			}
			return parts, nil
		},
		Spine: func() (event.Source, error) {
			return &inMemory{p.Queries.Read(), s.asked(p.Queries.Read()), f.batch}, nil
		},
		Content: func() (event.Source, error) {
			return &inMemory{p.Queries.Content, s.asked(p.Queries.Content), f.batch}, nil
		}}
	b.InBlocks(f.block)
	if b.Shelf = f.shelf(); b.Shelf != nil {
		defer b.Shelf.Close()
	}
	report, err := b.Run(context.Background())
	if err != nil {
		tb.Fatalf("spec %s: %v", s.name, err)
	}
	set := setOf(s.definition, s.set)
	whole := f.within == nil && !set.Censored.Given() && set.Sample == nil
	if !out.committed || int(report.Rows) != len(out.rows) || whole && int(report.Rows) != len(s.spine.rows) {
		tb.Fatalf("spec %s: %d rows reported, committed %t", s.name, report.Rows, out.committed)
	}
	for i, n := range report.Labels {
		if n.Positive+n.Negative+n.Null+n.Censored != report.Rows || n.Attributed < 0 || n.Unmatched < 0 {
			tb.Fatalf("spec %s: label %s tells %+v of %d rows", s.name, set.EventLabels[i].Name.Value, n, report.Rows) // S14.7
		}
	}
	return answersOf(p, s.checkOwn(tb, p.Queries.Own, out.rows, whole))
}

// visibility is that of the spec's training set.
func (s *spec) visibility() timetravel.Visibility {
	_, set := newNaive(s.definition, s.set, s.sources, s.spine)
	v := timetravel.Visibility{Known: timetravel.KnownOf(set.Known.Value)}
	if set.Delay.Given() {
		v.Delay = duration(set.Delay.Value)
	}
	if set.DecideAfter.Given() {
		v.DecideAfter = duration(set.DecideAfter.Value)
	}
	return v
}

// arrival is one event of one input.
type arrival struct {
	input int
	row   *event.Batch
}

// arrivals are the events of all inputs, in shuffled order.
func (s *spec) arrivals(p *features.Plan, seed uint64) (all []arrival) {
	for i, in := range p.Inputs {
		for _, row := range s.sources[in.Source.Name.Value].columns(in.Columns, 0) {
			all = append(all, arrival{i, table{in.Columns, [][]value{row}}.batch()})
		}
	}
	rand.New(rand.NewPCG(seed, 8)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// spineBatch is rows of the spine as queries are made of them.
func (s *spec) spineBatch(p *features.Plan, rows ...int) *event.Batch {
	all := s.spine.columns(p.Queries.Columns, 0)
	if rows != nil {
		var some [][]value
		for _, i := range rows {
			some = append(some, all[i])
		}
		all = some
	}
	return table{p.Queries.Columns, all}.batch()
}

func (s *spec) ask(p *features.Plan, st *features.State, b *event.Batch) [][]value {
	return rowsOf(&event.Batch{Len: b.Len, Columns: st.Value(b)})
}

// fed answers from a state fed one event at a time in shuffled order, with
// queries between, at past instants and those to come. It keeps so many bytes of runs
// ready.
func (s *spec) fed(tb testing.TB, seed uint64, ready int) answers {
	return s.fedOf(tb, seed, ready, false)
}

func (s *spec) fedOf(tb testing.TB, seed uint64, ready int, file bool) answers {
	p := s.plan(tb)
	st, rng := p.NewState(), rand.New(rand.NewPCG(seed, 9))
	st.Hold(ready)
	if file {
		st.Spill(0, func() (features.File, error) { return os.CreateTemp(tb.TempDir(), "") })
		defer func() {
			if err := errors.Join(st.Err(), st.Close()); err != nil {
				tb.Errorf("spec %s: %v", s.name, err)
			}
		}()
	}
	all := s.arrivals(p, seed)
	for _, a := range all {
		st.Apply(a.input, a.row)
		if len(s.spine.rows) > 0 && (len(all) <= everyPlace || rng.IntN(len(all)) < somePlaces) {
			st.Value(s.spineBatch(p, rng.IntN(len(s.spine.rows))))
		}
	}
	return answersOf(p, s.ask(p, st, s.spineBatch(p)))
}

// filed is fed of a state that has nothing in memory.
func (s *spec) filed(tb testing.TB, seed uint64) answers {
	return s.fedOf(tb, seed, 0, true)
}

// restored answers from a state that was written and read again at every place,
// or at some. Wherever that was, the last snapshot is the same.
func (s *spec) restored(tb testing.TB) answers {
	p := s.plan(tb)
	st, rng := p.NewState(), rand.New(rand.NewPCG(3, 9))
	all := s.arrivals(p, 3)
	for _, a := range all {
		if len(all) <= everyPlace || rng.IntN(len(all)) < somePlaces {
			st = again(tb, p, st)
		}
		st.Apply(a.input, a.row)
	}
	other := p.NewState()
	other.Hold(0)
	for _, a := range s.arrivals(p, 4) {
		other.Apply(a.input, a.row)
	}
	if !bytes.Equal(st.Snapshot(), other.Snapshot()) {
		tb.Errorf("spec %s: states of the same events have different snapshots", s.name)
	}
	return answersOf(p, s.ask(p, again(tb, p, st), s.spineBatch(p)))
}

func again(tb testing.TB, p *features.Plan, st *features.State) *features.State {
	tb.Helper()
	restored, err := p.Restore(st.Snapshot())
	if err != nil {
		tb.Fatal(err)
	}
	return restored
}

// forgetting asks a state in order of time, and lets it forget, between one
// question or some and the next, all that no later one can tell apart.
func (s *spec) forgetting(tb testing.TB) answers {
	p := s.plan(tb)
	st := p.NewState()
	all := s.arrivals(p, 5)
	for _, a := range all {
		st.Apply(a.input, a.row)
	}
	at := s.spine.schema.Index(s.definition.TrainingSets[0].Spine.EventTimestamp.Value)
	order := make([]int, len(s.spine.rows))
	for i := range order {
		order[i] = i
	}
	instant := func(i int) event.Time {
		t, ok := s.spine.rows[i][at].(event.Time)
		if !ok {
			return event.MinTime
		}
		return t
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareTimes(instant(a), instant(b)) })
	rows := make([][]value, len(order))
	step := max(1, len(order)/somePlaces)
	for from := 0; from < len(order); from += step {
		some := order[from:min(from+step, len(order))]
		st.Forget(instant(some[0]))
		for k, row := range s.ask(p, st, s.spineBatch(p, some...)) {
			rows[some[k]] = row
		}
	}
	return answersOf(p, rows)
}

func compareTimes(a, b event.Time) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// String names the feed in messages.
func (f feed) String() string {
	return fmt.Sprintf("%d workers, batches of %d, %d parts, seed %d", f.workers, f.batch, f.parts, f.seed)
}

// served answers from a live engine of some shards that was fed in shuffled order and
// keeps no run ready, in batches of all sizes.
func (s *spec) served(tb testing.TB, shards int) answers {
	p := s.plan(tb)
	e := live.NewEngine(p, live.Options{Shards: shards, Ready: 1, Reach: 1 << 62})
	for _, a := range s.arrivals(p, 6) {
		e.Apply(&live.Batch{Input: a.input, Rows: a.row})
	}
	return s.asks(tb, e)
}

// kept answers from a live engine that was saved at some places, and at some of these
// ended and restored, with as many shards as it happened to have.
func (s *spec) kept(tb testing.TB) answers {
	p, dir, rng := s.plan(tb), tb.TempDir(), rand.New(rand.NewPCG(7, 9))
	var e *live.Engine
	var k *checkpoint.Keeper
	start := func() {
		e = live.NewEngine(p, live.Options{Shards: 1 + rng.IntN(4), Ready: 1, Reach: 1 << 62, Notes: 1 << 24})
		var err error
		if k, err = checkpoint.Open(tb.Context(), dir, checkpoint.Options{Step: 1 << 30}); err != nil {
			tb.Fatal(err)
		}
		if _, err := k.Restore(tb.Context(), e, checkpoint.Newest); err != nil && !errors.Is(err, checkpoint.ErrNone) {
			tb.Fatal(err)
		}
	}
	start()
	all := s.arrivals(p, 7)
	for i, a := range all {
		if rng.IntN(len(all)) < 3 || i == len(all)-1 {
			if err := k.Finish(tb.Context(), e); err != nil {
				tb.Fatal(err)
			}
			start()
			if e.Epoch() != uint64(i) {
				tb.Fatalf("spec %s: restored at epoch %d, want %d", s.name, e.Epoch(), i)
			}
		}
		e.Apply(&live.Batch{Input: a.input, Rows: a.row})
	}
	return s.asks(tb, e)
}

// asks answers the spine from a live engine.
func (s *spec) asks(tb testing.TB, e *live.Engine) answers {
	p, b := e.Plan(), s.spineBatch(e.Plan())
	times := p.NewQueries(b, new(event.Counts)).NoTime
	answer, err := e.Ask(b)
	if err != nil {
		tb.Fatal(err)
	}
	rows := rowsOf(&event.Batch{Len: b.Len, Columns: answer.Columns})
	for r, none := range times { // a row without an instant is of none in a training set, and of now online
		for c := range rows[r] {
			if none {
				rows[r][c] = nil
			}
		}
	}
	return answersOf(p, rows)
}

// loading takes what a run leaves into a state.
type loading struct {
	plan *features.Plan
	to   *features.State
}

// Add takes a section.
func (l *loading) Add(view, _, _ int, b []byte) error {
	var own []byte // which begins at a multiple of eight
	shelf.Reserve(&own, len(b))
	h, err := shelf.UnpackHeld(append(own, b...), l.plan.Views[view].Layout.Columns)
	if err != nil {
		return err
	}
	return l.to.Load(view, &features.Left{Keys: h.Keys, Ends: h.Ends, Bases: h.Bases, Events: features.Events{Times: h.Times, Columns: h.Columns}})
}

// left answers from a state that begins with what a bounded run leaves at the first
// question.
func (s *spec) left(tb testing.TB) answers {
	p := s.plan(tb)
	at := s.spine.schema.Index(s.definition.TrainingSets[0].Spine.EventTimestamp.Value)
	first := event.MaxTime
	for _, row := range s.spine.rows {
		if t, ok := row[at].(event.Time); ok {
			first = min(first, t)
		}
	}
	l := &loading{p, p.NewState()}
	l.to.Hold(0)
	b := &timetravel.Backfill{Plan: p, Visibility: s.visibility(), Workers: 2, Events: 10_000_000, Shelf: feed{spill: true}.shelf(),
		Seam: &timetravel.Seam{Interval: event.Span{From: first, To: first}, After: l, Whole: true},
		History: func(in features.Input, _ event.Span) ([]event.Source, error) {
			rows := s.sources[in.Source.Name.Value].columns(in.Columns, 3)
			return []event.Source{&inMemory{in.Columns, rows[:len(rows)/2], 7}, &inMemory{in.Columns, rows[len(rows)/2:], 5}}, nil
		}}
	defer b.Shelf.Close()
	if _, err := b.Leave(context.Background()); err != nil {
		tb.Fatalf("spec %s: %v", s.name, err)
	}
	return answersOf(p, s.ask(p, l.to, s.spineBatch(p)))
}
