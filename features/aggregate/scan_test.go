package aggregate

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// The plain scan of a range, which is the meaning of every fold: rows are
// filtered, sorted and folded from nothing, in arithmetic without bounds.

// row is one event of the tests: a time, an id, and a value of each kind.
type row struct {
	time event.Time
	id   int64
	f    *float64
	i    *int64
	d    *int64 // decimal(10,2), unscaled
	s    *string
	ok   *bool
}

// testColumns are the columns of a row, in content order.
var testColumns = []event.Type{event.Of(event.Int), event.Of(event.Double), event.Of(event.Int), event.DecimalOf(10, 2), event.Of(event.String), event.Of(event.Bool)}

// events puts rows into columns.
func events(rows []row, symbols *event.Symbols) Events {
	e := Events{Columns: make([]event.Column, len(testColumns))}
	for i, t := range testColumns {
		e.Columns[i] = event.Make(t)
	}
	e.Columns[4].Dict = &symbols.Dict
	for _, r := range rows {
		e.Times = append(e.Times, r.time)
		e.Columns[0].AppendInt(r.id)
		appendOr(&e.Columns[1], r.f, func(v float64) { e.Columns[1].AppendFloat(v) })
		appendOr(&e.Columns[2], r.i, func(v int64) { e.Columns[2].AppendInt(v) })
		appendOr(&e.Columns[3], r.d, func(v int64) { e.Columns[3].AppendDecimal(event.Int128Of(v)) })
		appendOr(&e.Columns[4], r.s, func(v string) {
			e.Columns[4].AppendCode(symbols.Intern([]byte(v), event.HashBytes([]byte(v))))
		})
		appendOr(&e.Columns[5], r.ok, func(v bool) { e.Columns[5].AppendInt(map[bool]int64{true: 1}[v]) })
	}
	return e
}

func appendOr[T any](c *event.Column, v *T, put func(T)) {
	if v == nil {
		c.AppendNull()
		return
	}
	put(*v)
}

// scan answers a slot from rows in content order; own is the question's own event,
// nil: it does not count.
func scan(s *Slot, rows []row, at event.Time, own *row) string {
	first := -1 // the place of own
	if own != nil {
		own.time = at
		first = slices.IndexFunc(rows, func(r row) bool { return r.time >= at })
		if first < 0 {
			first = len(rows)
		}
		rows = slices.Insert(slices.Clone(rows), first, *own)
	}
	lo, hi := s.Window.Bounds(at)
	var in []row
	for i, r := range rows {
		if r.time >= lo && r.time < hi || i == first && s.Window.Offset == 0 {
			in = append(in, r)
		}
	}
	if n := s.Window.Rows; n > 0 && len(in) > n {
		in = in[len(in)-n:]
	}
	var taken []row
	for _, r := range in {
		if s.Filter >= 0 && (r.ok == nil || !*r.ok) {
			continue
		}
		null := false
		for k, a := range s.Args {
			decides := s.Aggregate.Decided() && k == len(s.Args)-1
			null = null || r.text(a) == "∅" && (decides || !s.RespectNulls)
		}
		if !null {
			taken = append(taken, r)
		}
	}
	if len(s.By) > 0 {
		return scanBy(s, taken)
	}
	return scanGroup(s, taken)
}

func scanGroup(s *Slot, taken []row) string {
	if int64(len(taken)) < s.MinCount {
		return "∅"
	}
	return scanTaken(s, taken)
}

func scanTaken(s *Slot, taken []row) string {
	if s.Aggregate == Count {
		return fmt.Sprint(len(taken))
	}
	if s.Aggregate == CountDistinct {
		seen := map[string]bool{}
		for _, r := range taken {
			seen[r.text(s.Args[0])] = true
		}
		return fmt.Sprint(len(seen))
	}
	if len(taken) == 0 {
		return "∅"
	}
	texts := make([]string, len(taken))
	for i, r := range taken {
		texts[i] = r.text(s.Args[0])
		if kind := s.Type.Kind; kind == event.Struct || kind == event.List && s.Type.Elem.Kind == event.Struct {
			texts[i] = "{" + r.text(s.Args[0]) + " " + r.text(s.Args[1]) + "}"
		}
	}
	switch s.Aggregate {
	case First, Last, Lag:
		return scanPick(s, texts)
	case DistinctLast:
		return scanDistinctLast(s, texts)
	case ArgMin, ArgMax:
		return texts[scanDecided(s, taken)]
	case Mode, TopKFrequent, Histogram, Entropy:
		return scanFrequent(s, taken)
	case CovarSamp, CovarPop, Corr:
		return scanPair(s, taken)
	case Min, Max, QuantileDisc, TopK, BottomK, QuantileCont:
		return scanSorted(s, taken)
	}
	return scanSum(s, taken)
}

func scanPick(s *Slot, texts []string) string {
	if s.Aggregate != First {
		slices.Reverse(texts)
	}
	if s.Aggregate == Lag {
		if len(texts) < s.N {
			return "∅"
		}
		return texts[s.N-1]
	}
	if s.List {
		return fmt.Sprint(texts[:min(s.N, len(texts))])
	}
	return texts[0]
}

func scanSorted(s *Slot, taken []row) string {
	c := s.Args[0]
	slices.SortStableFunc(taken, func(a, b row) int { return compareCells(a, b, c) })
	n := len(taken)
	cell := func(k int) string { return taken[k].text(c) }
	switch s.Aggregate {
	case Min:
		return cell(0)
	case Max:
		return cell(n - 1)
	case QuantileDisc:
		return cell(max((7*n+9)/10-1, 0))
	case QuantileCont:
		at := s.P * float64(n-1)
		k := int(at)
		lo, hi := taken[k].double(c), taken[min(k+1, n-1)].double(c)
		frac := at - float64(k)
		switch {
		case frac == 0 || lo == hi:
		case math.IsInf(hi-lo, 0):
			lo = float64(lo*(1-frac)) + float64(hi*frac)
		default:
			lo += float64((hi - lo) * frac)
		}
		return textOfFloat(lo)
	}
	var out []string
	for k := range min(n, s.N) {
		if s.Aggregate == TopK {
			k = n - 1 - k
		}
		out = append(out, cell(k))
	}
	return fmt.Sprint(out)
}

func compareCells(a, b row, c int) int {
	switch c {
	case 1:
		return event.CompareFloat(*a.f, *b.f)
	case 4:
		return slices.Compare([]byte(*a.s), []byte(*b.s))
	case 5:
		return map[bool]int{true: 1}[*a.ok] - map[bool]int{true: 1}[*b.ok]
	}
	if c == 3 {
		return cmp.Compare(*a.d, *b.d)
	}
	return cmp.Compare(*a.i, *b.i)
}

// scanSum is sums, means and variances in rationals, rounded once.
func scanSum(s *Slot, taken []row) string {
	c := s.Args[0]
	s1, s2, odd := new(big.Rat), new(big.Rat), 0.0
	for _, r := range taken {
		if c == 1 && (math.IsNaN(*r.f) || math.IsInf(*r.f, 0)) {
			odd += *r.f
			continue
		}
		x := r.rational(c)
		s1.Add(s1, x)
		s2.Add(s2, new(big.Rat).Mul(x, x))
	}
	n := new(big.Rat).SetInt64(int64(len(taken)))
	variance := s.Aggregate >= VarSamp && s.Aggregate <= StddevPop
	den := int64(len(taken))
	if s.Aggregate == VarSamp || s.Aggregate == StddevSamp {
		den--
	}
	switch {
	case variance && den == 0:
		return "∅"
	case odd != 0 && variance:
		return "NaN"
	case odd != 0:
		return textOfFloat(odd)
	case s.Aggregate == Avg:
		return rounded(s1.Quo(s1, n))
	case variance:
		m := new(big.Rat).Mul(s1, s1)
		s2.Mul(s2, n).Sub(s2, m).Quo(s2, n).Quo(s2, new(big.Rat).SetInt64(den))
		f, _ := s2.Float64()
		if s.Aggregate == StddevSamp || s.Aggregate == StddevPop {
			f = math.Sqrt(f)
		}
		return finite(f)
	case c == 1:
		return rounded(s1)
	case c == 3:
		return s1.FloatString(2)
	}
	if v := s1.Num(); v.IsInt64() {
		return v.String()
	}
	return "∅"
}

func rounded(x *big.Rat) string {
	f, _ := x.Float64()
	return finite(f)
}

func finite(f float64) string {
	if math.IsInf(f, 0) {
		return "∅"
	}
	return textOfFloat(f)
}

func textOfFloat(f float64) string {
	if f == 0 {
		f = 0
	}
	return fmt.Sprintf("%v", f)
}

// text is the cell of column c.
func (r row) text(c int) string {
	switch {
	case c == 0:
		return fmt.Sprint(r.id)
	case c == 1 && r.f != nil:
		return textOfFloat(*r.f)
	case c == 2 && r.i != nil:
		return fmt.Sprint(*r.i)
	case c == 3 && r.d != nil:
		return event.Int128Of(*r.d).Text(2)
	case c == 4 && r.s != nil:
		return *r.s
	case c == 5 && r.ok != nil:
		return fmt.Sprint(*r.ok)
	}
	return "∅"
}

func (r row) rational(c int) *big.Rat {
	switch c {
	case 1:
		return new(big.Rat).SetFloat64(*r.f)
	case 3:
		return big.NewRat(*r.d, 100)
	}
	return new(big.Rat).SetInt64(*r.i)
}

func (r row) double(c int) float64 {
	if c == 1 {
		return *r.f
	}
	f, _ := r.rational(c).Float64()
	return f
}

// cellText is a value of an answer as scan writes it.
func cellText(c *event.Column, i int) string {
	if c.IsNull(i) {
		return "∅"
	}
	switch c.Type.Kind {
	case event.Double:
		return textOfFloat(c.Floats[i])
	case event.Decimal:
		return c.Decimals[i].Text(c.Type.Scale)
	case event.String:
		return string(c.Text(i))
	case event.Bool:
		return fmt.Sprint(c.Ints[i] == 1)
	case event.Map:
		var out []string
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			out = append(out, cellText(&c.Elem.Fields[0], int(k))+":"+cellText(&c.Elem.Fields[1], int(k)))
		}
		return fmt.Sprint(out)
	case event.List:
		var out []string
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			out = append(out, cellText(c.Elem, int(k)))
		}
		return fmt.Sprint(out)
	case event.Struct:
		return "{" + cellText(&c.Fields[0], i) + " " + cellText(&c.Fields[1], i) + "}"
	}
	return fmt.Sprint(c.Ints[i])
}

// testSlots are every aggregate over every column it takes, over windows.
func testSlots(windows []Window, ids bool) []Slot {
	var slots []Slot
	add := func(s Slot) {
		for i, w := range windows {
			s.Window, s.MinCount = w, 0
			if i == 1 {
				s.MinCount = 2
			}
			slots = append(slots, s)
		}
	}
	double := event.Of(event.Double)
	add(Slot{Aggregate: Count, Filter: -1, Type: event.Of(event.Int)})
	add(Slot{Aggregate: Count, Filter: 5, Type: event.Of(event.Int)})
	for _, filter := range []int{-1, 5} {
		for c := 1; c <= 4; c++ {
			t := testColumns[c]
			for _, a := range []Aggregate{Sum, Avg, VarSamp, VarPop, StddevSamp, StddevPop, QuantileCont} {
				if c == 4 {
					continue
				}
				s := Slot{Aggregate: a, Args: []int{c}, Filter: filter, Type: double, P: 0.3}
				if a == Sum && c == 3 {
					s.Type = event.DecimalOf(38, 2)
				} else if a == Sum {
					s.Type = t
				}
				add(s)
			}
			for _, a := range []Aggregate{Min, Max, QuantileDisc} {
				add(Slot{Aggregate: a, Args: []int{c}, Filter: filter, Type: t, P: 0.7, Num: 7, Den: 10})
			}
			add(Slot{Aggregate: CountDistinct, Args: []int{c}, Filter: filter, Type: event.Of(event.Int)})
			add(Slot{Aggregate: TopK, Args: []int{c}, Filter: filter, N: 3, Type: event.ListOf(t)})
			add(Slot{Aggregate: BottomK, Args: []int{c}, Filter: filter, N: 3, Type: event.ListOf(t)})
			add(Slot{Aggregate: First, Args: []int{c}, Filter: filter, N: 1, Type: t})
			add(Slot{Aggregate: Last, Args: []int{c}, Filter: filter, N: 1, Type: t, RespectNulls: filter < 0})
			add(Slot{Aggregate: Last, Args: []int{c}, Filter: filter, N: 3, List: true, Type: event.ListOf(t)})
			add(Slot{Aggregate: First, Args: []int{c}, Filter: filter, N: 2, List: true, Type: event.ListOf(t)})
			add(Slot{Aggregate: Lag, Args: []int{c}, Filter: filter, N: 2, Type: t})
			add(Slot{Aggregate: Mode, Args: []int{c}, Filter: filter, Type: t})
			add(Slot{Aggregate: TopKFrequent, Args: []int{c}, Filter: filter, N: 2, Type: event.ListOf(t)})
			add(Slot{Aggregate: Entropy, Args: []int{c}, Filter: filter, Type: double})
			add(Slot{Aggregate: DistinctLast, Args: []int{c}, Filter: filter, N: 3, Type: event.ListOf(t)})
			add(Slot{Aggregate: ArgMin, Args: []int{4, c}, Filter: filter, Type: testColumns[4], RespectNulls: filter < 0})
			add(Slot{Aggregate: ArgMax, Args: []int{2, c}, Filter: filter, Type: testColumns[2]})
			if c > 1 {
				add(Slot{Aggregate: Histogram, Args: []int{c}, Filter: filter, Type: event.MapOf(t, event.Of(event.Int))})
			}
		}
		for _, a := range []Aggregate{CovarSamp, CovarPop, Corr} {
			for _, args := range [][]int{{1, 2}, {2, 3}, {3, 3}} {
				add(Slot{Aggregate: a, Args: args, Filter: filter, Type: double})
			}
		}
	}
	pair := event.StructOf(event.Field{Name: "a", Type: double}, event.Field{Name: "b", Type: event.Of(event.String)})
	add(Slot{Aggregate: Last, Args: []int{1, 4}, RespectNulls: true, Filter: -1, N: 1, Type: pair})
	add(Slot{Aggregate: ArgMax, Args: []int{1, 4, 2}, RespectNulls: true, Filter: -1, Type: pair})
	return append(slots, bySlots(slots)...)
}

func testLayout(windows []Window, ids bool) *Layout {
	l := &Layout{Columns: testColumns, ID: -1, Content: []int{1, 2, 3, 4, 5}, Slots: testSlots(windows, ids)}
	if ids {
		l.ID = 0
	}
	l.Prepare()
	return l
}

// randomRows makes rows on few times, with nulls, ties and values of every size.
func randomRows(rng *rand.Rand, n int, spread int64) []row {
	floats := []float64{0, 1, -1, 0.1, 2.25, 35.71, 1e16, -1e16, 1e-300, 1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	texts := []string{"", "a", "b", "ä", "日本"}
	kind := rng.IntN(3)
	rows := make([]row, n)
	for i := range rows {
		r := row{time: event.Time(rng.Int64N(spread)), id: int64(i)}
		if rng.IntN(6) > 0 {
			f := math.Round(rng.ExpFloat64()*3500) / 100
			if kind == 1 && rng.IntN(3) == 0 || kind == 2 {
				f = floats[rng.IntN(len(floats))]
			}
			r.f = &f
		}
		if rng.IntN(5) > 0 {
			v := rng.Int64N(20) - 10
			if kind == 2 && rng.IntN(4) == 0 {
				v = math.MaxInt64 - rng.Int64N(3)
			}
			r.i = &v
		}
		if rng.IntN(5) > 0 {
			v := rng.Int64N(2_000_000) - 1_000_000
			r.d = &v
		}
		if rng.IntN(4) > 0 {
			v := texts[rng.IntN(len(texts))]
			r.s = &v
		}
		if rng.IntN(4) > 0 {
			v := rng.IntN(2) == 0
			r.ok = &v
		}
		rows[i] = r
	}
	return rows
}

// inContentOrder sorts rows as docs/semantics.md S5 says, ids apart.
func inContentOrder(rows []row, ids bool) []row {
	sorted := slices.Clone(rows)
	symbols := event.NewSymbols()
	e := events(sorted, symbols)
	index := make([]int, len(sorted))
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(a, b int) int {
		if c := int(e.Times[a]) - int(e.Times[b]); c != 0 {
			return c
		}
		columns := []int{0, 1, 2, 3, 4, 5}
		if !ids {
			columns = columns[1:]
		}
		for _, c := range columns {
			if d := event.Compare(&e.Columns[c], a, &e.Columns[c], b); d != 0 {
				return d
			}
		}
		return 0
	})
	out := make([]row, len(sorted))
	for k, i := range index {
		out[k] = sorted[i]
	}
	return out
}

// compareWithScan asks a run twice: as it is, and with an event of the question's
// own, which must leave nothing behind.
func compareWithScan(t *testing.T, l *Layout, symbols *event.Symbols, r *Run, rows []row, at event.Time) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(at), uint64(len(rows))))
	own := randomRows(rng, 1, 1)[0]
	var before []byte
	if rng.IntN(2) == 0 { // else the run is asked before it has settled
		before = r.Snapshot(nil)
	}
	for _, with := range [][]*row{{nil}, {&own}, {&own, nil}}[rng.IntN(3)] {
		compareOnce(t, l, symbols, r, rows, at, with)
	}
	if before != nil && !bytes.Equal(r.Snapshot(nil), before) {
		t.Fatalf("a question at %d changed the run", at)
	}
}

// compareOnce asks at an instant and, together with it, at some later ones in any
// order, now and then one of them twice. Rows of answers are given out in another order.
func compareOnce(t *testing.T, l *Layout, symbols *event.Symbols, r *Run, rows []row, at event.Time, own *row) {
	t.Helper()
	a := Ask{Times: []event.Time{at}, Rows: []int32{0}}
	if own == nil {
		rng := rand.New(rand.NewPCG(uint64(at), uint64(len(rows))))
		for range rng.IntN(3) {
			a.Times = append(a.Times, at+event.Time(rng.Int64N(200)))
		}
		if rng.IntN(3) == 0 {
			a.Times = append(a.Times, a.Times[rng.IntN(len(a.Times))])
		}
		a.Rows = a.Rows[:0]
		for _, row := range rng.Perm(len(a.Times)) {
			a.Rows = append(a.Rows, int32(row))
		}
	}
	out := l.Answers(len(a.Times))
	if own == nil {
		r.Values(a, out)
	} else {
		r.ValueWith(a, events([]row{*own}, symbols), 0, out)
	}
	for i := range l.Slots {
		s := &l.Slots[i]
		for k, at := range a.Times {
			place := k // of what is appended
			if single(s.Type) {
				place = int(a.Rows[k])
			}
			if got, want := cellText(&out[i], place), scan(s, rows, at, own); got != want {
				t.Fatalf("%s%v by %v filter %d n %d list %t min_count %d over %s at %d of %v with %v: got %s, scan says %s", s.Aggregate, s.Args, s.By, s.Filter, s.N, s.List, s.MinCount, s.Window, at, a.Times, own, got, want)
			}
		}
	}
}

// answersAt is what a run has at an instant.
func answersAt(r *Run, at event.Time) []event.Column {
	out := r.layout.Answers(1)
	r.Values(Ask{Times: []event.Time{at}, Rows: []int32{0}}, out)
	return out
}
