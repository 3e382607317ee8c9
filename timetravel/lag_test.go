package timetravel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

const arriving = `version: 1
name: arriving
sources:
  tx: {history: {parquet: tx.parquet}, fields: {happened: timestamp, came: timestamp}, event_timestamp: happened, arrival_timestamp: came}
entities: {all: []}
feature_views: {seen: {entity: all, source: tx, features: {n: count(*)}}}
feature_services: {s: {features: [seen]}}
training_sets: {t: {service: s, spine: {parquet: s.parquet, event_timestamp: at}, visibility: {known: arrival}}}
`

// coming is one event: when it happened and came, or null.
type coming struct{ at, came *int64 }

func instants(v ...int64) (all []coming) {
	for i := 0; i < len(v); i += 2 {
		all = append(all, coming{&v[i], &v[i+1]})
	}
	return all
}

// measured is what is told of events in so many parts.
func measured(t *testing.T, events []coming, parts int) *timetravel.LagReport {
	t.Helper()
	def, err := features.Load("arriving.yaml", []byte(arriving))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.Compile(def, features.Catalog{}, "t")
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	l := &timetravel.Lag{View: plan.Views[0], Quantiles: []int64{0, 1, 500, 900, 990, 999, 1000}, Spans: []int64{0, 1_000_000, 60_000_000}, Workers: 3,
		Open: func() (all []event.Source, err error) {
			opened++
			for p := range parts {
				b := &event.Batch{}
				for _, f := range plan.Inputs[0].Columns {
					c := event.Make(f.Type)
					for _, e := range events[p*len(events)/parts : (p+1)*len(events)/parts] {
						v := e.at
						if f.Name == "came" {
							v = e.came
						}
						if v == nil {
							c.AppendNull()
						} else {
							c.AppendInt(*v)
						}
					}
					b.Len, b.Columns = c.Len(), append(b.Columns, c)
				}
				all = append(all, sources.Memory(plan.Inputs[0].Columns, b, 100))
			}
			return all, nil
		}}
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Events > 0 && opened != r.Passes {
		t.Errorf("%d passes are told, and the source was opened %d times", r.Passes, opened)
	}
	return r
}

// plainLag tells the same by sorting and looking at every pair.
func plainLag(events []coming, step int64) *timetravel.LagReport {
	r := &timetravel.LagReport{Rows: int64(len(events)), Over: make([]int64, 3), Step: step}
	var lags []int64
	var whole []coming
	for _, e := range events {
		switch {
		case e.at == nil:
			r.Counts[event.NoTime]++
		case e.came == nil:
			r.Counts[event.NoArrival]++
		default:
			whole = append(whole, e)
			lag := *e.came - *e.at
			if *e.at < 0 && *e.came > math.MaxInt64+*e.at {
				lag = math.MaxInt64
			}
			if *e.came < *e.at {
				r.Counts[event.ArrivedBefore]++
			}
			for i, span := range []int64{0, 1_000_000, 60_000_000} {
				if lag > span {
					r.Over[i]++
				}
			}
			lags = append(lags, lag)
		}
	}
	r.Events = int64(len(lags))
	slices.Sort(lags)
	floor := func(v int64) int64 { return int64(math.Floor(float64(v) / float64(step))) }
	for _, e := range whole {
		if slices.ContainsFunc(whole, func(f coming) bool { return *f.at > *e.at && floor(max(*f.at, *f.came)) < floor(max(*e.at, *e.came)) }) {
			r.Late++
		}
	}
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		rank := int(math.Ceil(math.Round(q*float64(len(lags))*1e6) / 1e6))
		r.Quantiles = append(r.Quantiles, lags[max(rank, 1)-1])
	}
	r.Min, r.Max = lags[0], lags[len(lags)-1]
	return r
}

// TestLagIsExact holds quantiles, shares and what is late to a plain account of
// all pairs, over lags of every size and both signs.
func TestLagIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 60 {
		var events []coming
		for range 1 + rng.IntN(400) {
			at := rng.Int64N(40_000_000)
			if round%2 == 0 {
				at = at / 5_000_000 * 5_000_000 // many of one time
			}
			lag := rng.Int64N(1 << rng.IntN(45))
			if rng.IntN(4) == 0 {
				lag = -lag
			}
			came := at + lag
			e := coming{&at, &came}
			if rng.IntN(20) == 0 {
				e.came = nil
			}
			if rng.IntN(20) == 0 {
				e.at = nil
			}
			events = append(events, e)
		}
		at, came := int64(5), int64(6)
		events = append(events, coming{&at, &came})
		got := measured(t, events, 1+rng.IntN(4))
		want := plainLag(events, got.Step)
		want.Passes = got.Passes
		if !equalLag(got, want) {
			t.Fatalf("round %d: got %+v, want %+v", round, got, want)
		}
		if got.Passes > 5 {
			t.Errorf("round %d: %d passes", round, got.Passes)
		}
	}
}

func equalLag(a, b *timetravel.LagReport) bool {
	return a.Rows == b.Rows && a.Events == b.Events && a.Counts == b.Counts && slices.Equal(a.Quantiles, b.Quantiles) && a.Min == b.Min && a.Max == b.Max &&
		slices.Equal(a.Over, b.Over) && a.Late == b.Late && a.Step == b.Step && a.Passes == b.Passes
}

// TestLagAtTheEnds holds what is at the ends of time, and a source without events.
func TestLagAtTheEnds(t *testing.T) {
	const first, last = math.MinInt64, math.MaxInt64
	r := measured(t, instants(first, last, last-1, first, 0, 0), 1)
	if want := []int64{first, first, 0, last, last, last, last}; !slices.Equal(r.Quantiles, want) || r.Min != first || r.Max != last {
		t.Errorf("got %+v", r)
	}
	if r.Late != 1 { // what arrived at the end of time and happened at its beginning
		t.Errorf("%d are late, want 1", r.Late)
	}
	if r := measured(t, []coming{{}}, 1); r.Events != 0 || r.Counts[event.NoTime] != 1 || r.Passes != 0 {
		t.Errorf("of no event %+v is told", r)
	}
}

// TestLagStepsGrow holds that arrivals spread over years make steps longer, alike in
// every order, and that what is late is told by these.
func TestLagStepsGrow(t *testing.T) {
	const second, page = int64(1_000_000), 4096
	var events []coming
	for i := range int64(5000) { // an event in each of so many pages of seconds
		at := i * page * second
		came := at
		events = append(events, coming{&at, &came})
	}
	// Behind the next event by a second: it arrives in the same step of four.
	late := instants(0, 4000*page*second+second, 8*page*second, 8*page*second+3*second)
	events = append(events, late...)
	straight := measured(t, events, 1)
	slices.Reverse(events)
	if turned := measured(t, events, 3); !equalLag(straight, turned) {
		t.Errorf("%+v in order, %+v turned round", straight, turned)
	}
	if straight.Step != 4*second || straight.Late != 1 {
		t.Errorf("steps of %d us and %d late, want steps of 4 s and 1", straight.Step, straight.Late)
	}
}

// TestLagOfChangingHistory holds that a history that is written meanwhile is told.
func TestLagOfChangingHistory(t *testing.T) {
	def, _ := features.Load("arriving.yaml", []byte(arriving))
	plan, err := features.Compile(def, features.Catalog{}, "t")
	if err != nil {
		t.Fatal(err)
	}
	rows := 3
	l := &timetravel.Lag{View: plan.Views[0], Quantiles: []int64{500}, Workers: 1, Open: func() ([]event.Source, error) {
		b := &event.Batch{Len: rows}
		for range plan.Inputs[0].Columns {
			c := event.Make(event.Of(event.Timestamp))
			for range rows {
				c.AppendInt(1)
			}
			b.Columns = append(b.Columns, c)
		}
		rows--
		return []event.Source{sources.Memory(plan.Inputs[0].Columns, b, 100)}, nil
	}}
	if _, err := l.Run(t.Context()); err == nil {
		t.Error("a history of fewer rows in the second pass is not told")
	}
}
