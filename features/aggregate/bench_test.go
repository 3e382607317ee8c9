package aggregate

import (
	"math/rand/v2"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkFolds is the cost of each aggregate over four windows, an event and
// its share of a query at every tenth event, for keys of 20 and of 2,000 events that
// come in order, and for such as come so late that every query is asked alone. Texts
// are 20 countries.
func BenchmarkFolds(b *testing.B) {
	double, text, dollars := event.Of(event.Double), event.Of(event.String), event.DecimalOf(12, 2)
	counts := event.MapOf(text, event.Of(event.Int))
	for _, c := range []struct {
		name string
		slot Slot
	}{
		{"count", Slot{Aggregate: Count, Type: event.Of(event.Int)}},
		{"sum", Slot{Aggregate: Sum, Args: []int{0}, Type: double}},
		{"avg", Slot{Aggregate: Avg, Args: []int{0}, Type: double}},
		{"min", Slot{Aggregate: Min, Args: []int{0}, Type: double}},
		{"stddev", Slot{Aggregate: StddevSamp, Args: []int{0}, Type: double}},
		{"count_distinct", Slot{Aggregate: CountDistinct, Args: []int{1}, Type: event.Of(event.Int)}},
		{"last", Slot{Aggregate: Last, Args: []int{0}, N: 1, Type: double}},
		{"last_10", Slot{Aggregate: Last, Args: []int{0}, N: 10, List: true, Type: event.ListOf(double)}},
		{"quantile", Slot{Aggregate: QuantileCont, Args: []int{0}, P: 0.95, Type: double}},
		{"top_5", Slot{Aggregate: TopK, Args: []int{0}, N: 5, Type: event.ListOf(double)}},
		{"min_decimal", Slot{Aggregate: Min, Args: []int{3}, Type: dollars}},
		{"bool_and", Slot{Aggregate: Min, Args: []int{4}, Type: event.Of(event.Bool)}},
		{"arg_max", Slot{Aggregate: ArgMax, Args: []int{2, 0}, Type: text}},
		{"corr", Slot{Aggregate: Corr, Args: []int{0, 1}, Type: double}},
		{"covar_samp", Slot{Aggregate: CovarSamp, Args: []int{0, 1}, Type: double}},
		{"mode", Slot{Aggregate: Mode, Args: []int{2}, Type: text}},
		{"top_5_frequent", Slot{Aggregate: TopKFrequent, Args: []int{2}, N: 5, Type: event.ListOf(text)}},
		{"histogram", Slot{Aggregate: Histogram, Args: []int{2}, Type: counts}},
		{"entropy", Slot{Aggregate: Entropy, Args: []int{2}, Type: double}},
		{"distinct_last_3", Slot{Aggregate: DistinctLast, Args: []int{2}, N: 3, Type: event.ListOf(text)}},
		{"count_by", Slot{Aggregate: Count, By: []int{2}, Type: counts}},
		{"sum_by", Slot{Aggregate: Sum, Args: []int{0}, By: []int{2}, Type: event.MapOf(text, double)}},
	} {
		for _, of := range []struct {
			name            string
			events, queries int
		}{{"small", 20, 256}, {"large", 2000, 256}, {"alone", 2000, 1}} {
			b.Run(c.name+"/"+of.name, func(b *testing.B) { benchmarkSlots(b, []Slot{c.slot}, of.events, of.queries) })
		}
	}
}

// BenchmarkInsert is what it takes to put an event of five columns in its place: in
// order, and where one of ten comes ten events late.
func BenchmarkInsert(b *testing.B) {
	for _, late := range []bool{false, true} {
		b.Run(map[bool]string{false: "ordered", true: "late"}[late], func(b *testing.B) {
			const n = 2000
			l := benchmarkLayout()
			l.Prepare()
			symbols := event.NewSymbols()
			e := benchmarkEvents(l, symbols, n)
			for i := 10; late && i < n; i += 10 {
				e.Times[i], e.Times[i-10] = e.Times[i-10], e.Times[i]
			}
			r := NewRun(l, symbols, new(event.Counts))
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += n {
				r.Reset(symbols)
				r.Insert(e, 0, n)
			}
		})
	}
}

// BenchmarkView is five aggregates over four windows, an event and its share of the
// twenty answers at every tenth, for keys of 80 events: the view of workload B.
func BenchmarkView(b *testing.B) {
	double := event.Of(event.Double)
	for _, of := range []struct {
		name    string
		queries int
	}{{"together", 256}, {"alone", 1}} {
		b.Run(of.name, func(b *testing.B) {
			benchmarkSlots(b, []Slot{{Aggregate: Count, Type: event.Of(event.Int)}, {Aggregate: Sum, Args: []int{0}, Type: double}, {Aggregate: Avg, Args: []int{0}, Type: double},
				{Aggregate: Min, Args: []int{0}, Type: double}, {Aggregate: Max, Args: []int{0}, Type: double}}, 80, of.queries)
		})
	}
}

const hour = 3_600_000_000

// benchmarkLayout is a layout without slots.
func benchmarkLayout() *Layout {
	return &Layout{Columns: []event.Type{event.Of(event.Double), event.Of(event.Int), event.Of(event.String), event.DecimalOf(12, 2), event.Of(event.Bool)}, ID: -1}
}

// benchmarkEvents is n events of one key over 90 days.
func benchmarkEvents(l *Layout, symbols *event.Symbols, n int) (e Events) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, t := range l.Columns {
		e.Columns = append(e.Columns, event.Make(t))
	}
	e.Columns[2].Dict = &symbols.Dict
	for i := range n {
		e.Times = append(e.Times, event.Time(int64(i)*2160*hour/int64(n)))
		cents := rng.Int64N(100_000)
		e.Columns[0].AppendFloat(float64(cents) / 100)
		e.Columns[1].AppendInt(rng.Int64N(50))
		country := []byte{byte('a' + rng.IntN(20))}
		e.Columns[2].AppendCode(symbols.Intern(country, event.HashBytes(country)))
		e.Columns[3].AppendDecimal(event.Int128Of(cents))
		e.Columns[4].AppendInt(rng.Int64N(2))
	}
	return e
}

func benchmarkSlots(b *testing.B, slots []Slot, n, together int) {
	l := benchmarkLayout()
	for _, s := range slots {
		s.Filter = -1
		for _, w := range []int64{1, 24, 168, 720} {
			s.Window = Window{Length: w * hour, ClosedLow: true}
			l.Slots = append(l.Slots, s)
		}
	}
	l.Prepare()
	symbols := event.NewSymbols()
	e := benchmarkEvents(l, symbols, n)
	r := NewRun(l, symbols, new(event.Counts))
	var a Ask
	out := l.Answers(n / 10)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += n {
		if !single(slots[0].Type) {
			out = l.Answers(0)
		}
		r.Reset(symbols)
		for i := 0; i < n; {
			from := i
			a.Times, a.Rows = a.Times[:0], a.Rows[:0]
			for ; i < n && len(a.Times) < together; i += 10 {
				a.Times, a.Rows = append(a.Times, e.Times[i+9]), append(a.Rows, int32(i/10))
			}
			r.Insert(e, from, i)
			r.Values(a, out)
		}
	}
}
