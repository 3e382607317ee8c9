package features

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// parameter is what an aggregate takes after its argument.
type parameter uint8

const (
	noParameter  parameter = iota
	manyOptional           // first(x, n)
	many                   // top_k(x, k)
	fraction               // quantile_cont(x, p)
	second                 // corr(x, y)
)

// demand is what an aggregate takes as argument.
type demand uint8

const (
	anyValue  demand = iota
	aNumber          // both of corr(x, y)
	condition        // a truth
	aKey             // what a map may have as key
)

// aggregates is what each aggregate of the language is, and what it takes: all
// names that package expr knows. Several names may be one aggregate: a
// conjunction is the least truth, a disjunction the greatest.
var aggregates = map[string]struct {
	kind      aggregate.Aggregate
	parameter parameter
	takes     demand
}{
	"count":         {kind: aggregate.Count},
	"sum":           {kind: aggregate.Sum, takes: aNumber},
	"avg":           {kind: aggregate.Avg, takes: aNumber},
	"min":           {kind: aggregate.Min},
	"max":           {kind: aggregate.Max},
	"stddev":        {kind: aggregate.StddevSamp, takes: aNumber},
	"stddev_samp":   {kind: aggregate.StddevSamp, takes: aNumber},
	"stddev_pop":    {kind: aggregate.StddevPop, takes: aNumber},
	"variance":      {kind: aggregate.VarSamp, takes: aNumber},
	"var_samp":      {kind: aggregate.VarSamp, takes: aNumber},
	"var_pop":       {kind: aggregate.VarPop, takes: aNumber},
	"first":         {kind: aggregate.First, parameter: manyOptional},
	"last":          {kind: aggregate.Last, parameter: manyOptional},
	"lag":           {kind: aggregate.Lag, parameter: manyOptional},
	"quantile_cont": {kind: aggregate.QuantileCont, parameter: fraction, takes: aNumber},
	"quantile_disc": {kind: aggregate.QuantileDisc, parameter: fraction},
	"median":        {kind: aggregate.QuantileCont, takes: aNumber},
	"top_k":         {kind: aggregate.TopK, parameter: many},
	"bottom_k":      {kind: aggregate.BottomK, parameter: many},

	"arg_min":        {kind: aggregate.ArgMin, parameter: second},
	"arg_max":        {kind: aggregate.ArgMax, parameter: second},
	"bool_and":       {kind: aggregate.Min, takes: condition},
	"bool_or":        {kind: aggregate.Max, takes: condition},
	"mode":           {kind: aggregate.Mode},
	"top_k_frequent": {kind: aggregate.TopKFrequent, parameter: many},
	"histogram":      {kind: aggregate.Histogram, takes: aKey},
	"entropy":        {kind: aggregate.Entropy},
	"corr":           {kind: aggregate.Corr, parameter: second, takes: aNumber},
	"covar_samp":     {kind: aggregate.CovarSamp, parameter: second, takes: aNumber},
	"covar_pop":      {kind: aggregate.CovarPop, parameter: second, takes: aNumber},
	"distinct_last":  {kind: aggregate.DistinctLast, parameter: many},
}

// picks reports whether an aggregate gives out events: then it takes row(...) and
// respect nulls.
func picks(a aggregate.Aggregate) bool {
	return a == aggregate.First || a == aggregate.Last || a == aggregate.Lag || a.Decided()
}

// maxMany is the most that last(x, n) and its like may be asked for. A longer
// list for every row of a spine is a slip of the pen, and its memory would be
// the run's end (I5).
const maxMany = 1_000_000

// aggregate compiles one aggregate of a feature over its window into a slot and
// returns the slot's column in the frame, or -1. A parameter is a literal and
// decided here, so that a fold meets no faulty one. Equal aggregates of several
// features become one slot.
func (v *viewCompiler) aggregate(col *column, call *expr.Node) int {
	t := col.feature.Value
	wrong := func(n *expr.Node, mend, problem string, args ...any) int {
		v.c.fault(t, n.Pos, n.End, fmt.Sprintf(problem, args...), mend)
		return -1
	}
	a := aggregates[call.Name]
	s := aggregate.Slot{Aggregate: a.kind, Filter: -1, RespectNulls: call.RespectNulls, Window: col.window.meaning(), N: 1, MinCount: col.feature.MinCount}
	if call.Name == "median" {
		s.P = 0.5
	}
	if call.Distinct {
		if s.Aggregate != aggregate.Count {
			return wrong(call, "", "only count takes distinct")
		}
		s.Aggregate = aggregate.CountDistinct
	}
	if call.RespectNulls && !picks(s.Aggregate) {
		return wrong(call, "first, last, lag, arg_min and arg_max do", "%s does not take respect nulls", call.Name)
	}
	if call.Star && s.Aggregate != aggregate.Count {
		return wrong(call, fmt.Sprintf("write %s(x)", call.Name), "only count takes *")
	}
	if !call.Star && !v.arguments(col, call, &s) {
		return -1
	}
	if call.Filter != nil {
		if s.Filter = v.runColumn(t, call.Filter); s.Filter < 0 {
			return -1
		}
		if k := v.planned.kinds[s.Filter].Kind; k != event.Bool {
			return wrong(call.Filter, "compare it with something", "a filter is a condition, and this is %s", k)
		}
	}
	if !v.result(call, &s, wrong) || !v.by(col, &s) {
		return -1
	}
	return v.slot(col, s)
}

// by makes a slot's answer a map, where its feature says so. What keys a map is
// what may key an entity: doubles are refused alike.
func (v *viewCompiler) by(col *column, s *aggregate.Slot) bool {
	t := col.feature.By
	if !t.Given() {
		return true
	}
	n := v.c.parse(t)
	if n == nil {
		return false
	}
	if aggregated(n) {
		v.c.fault(t, 0, 0, "an aggregate in by", "by is a value of the event, such as a field")
		return false
	}
	i := v.runColumn(t, n)
	if i < 0 {
		return false
	}
	key := v.planned.kinds[i]
	if key.Kind == event.Double {
		v.c.fault(t, 0, 0, fmt.Sprintf("%s is double, and keys are never floating", n), "cast it to a decimal or an integer")
		return false
	}
	s.By, s.Type = []int{i}, event.MapOf(key, s.Type)
	return true
}

// arguments compiles what an aggregate takes. Arguments are row expressions,
// computed once an event as a column of the run; an aggregate of an aggregate
// has no row to stand on.
func (v *viewCompiler) arguments(col *column, call *expr.Node, s *aggregate.Slot) bool {
	t := col.feature.Value
	if !v.parameters(t, call, s) {
		return false
	}
	if arg := call.Args[0]; arg.Op == expr.Row {
		if !picks(s.Aggregate) {
			v.c.fault(t, arg.Pos, arg.End, fmt.Sprintf("%s does not take a row", call.Name), "first, last, lag, arg_min and arg_max do")
			return false
		}
		s.RespectNulls = true // a row is never null
	}
	for _, a := range taken(call) {
		if aggregated(a) {
			v.c.fault(t, a.Pos, a.End, fmt.Sprintf("an aggregate inside %s", call.Name), "give the inner one a feature of its own in a view of its own")
			return false
		}
		i := v.runColumn(t, a)
		if i < 0 {
			return false
		}
		s.Args = append(s.Args, i)
	}
	return true
}

// parameters reads what stands after an aggregate's argument. It must be
// written out: a number that depends on the row would change what the state has
// to keep.
func (v *viewCompiler) parameters(t Text, call *expr.Node, s *aggregate.Slot) bool {
	want, least := 1, 1
	p := aggregates[call.Name].parameter
	if p != noParameter {
		want = 2
	}
	if p != noParameter && p != manyOptional {
		least = 2
	}
	if n := len(call.Args); n < least || n > want {
		v.c.fault(t, call.Pos, call.End, fmt.Sprintf("%s takes %s, not %d arguments", call.Name, argumentsOf(call.Name, p), n), "")
		return false
	}
	if len(call.Args) < 2 || p == second {
		return true
	}
	n := call.Args[1]
	e := v.c.typed(t, n, nothing{})
	if e == nil {
		return false
	}
	if p == fraction {
		if p, ok := literal(n); ok && p >= 0 && p <= 1 && s.Aggregate != aggregate.QuantileDisc {
			s.P = p
			return true
		} else if ok && ratio(p, s) {
			return true
		}
		v.c.fault(t, n.Pos, n.End, fmt.Sprintf("%s takes a fraction between 0 and 1 as it is written", call.Name), "")
		return false
	}
	if n.Op == expr.Literal && n.Value.Type.Kind == event.Int && n.Value.Int >= 1 && n.Value.Int <= maxMany {
		s.N, s.List = int(n.Value.Int), s.Aggregate == aggregate.First || s.Aggregate == aggregate.Last
		return true
	}
	v.c.fault(t, n.Pos, n.End, fmt.Sprintf("%s takes a whole number between 1 and %d as it is written", call.Name, maxMany), "")
	return false
}

// ratio sets the fraction p of quantile_disc, between 0 and 1 and of at most 18
// digits, as the ratio that was written: the shortest digits of the double are
// those of the text.
func ratio(p float64, s *aggregate.Slot) bool {
	text := strconv.FormatFloat(p, 'f', -1, 64)
	_, digits, _ := strings.Cut(text, ".")
	d, err := event.ParseDecimal(text, min(len(digits), 38))
	if err != nil || len(digits) > 18 || p < 0 || p > 1 {
		return false
	}
	s.P, s.Num, s.Den = p, d.Lo, event.Pow10(len(digits)).Lo
	return true
}

// argumentsOf is an aggregate's arguments in words. It is what faults say of
// the number of arguments.
func argumentsOf(name string, p parameter) string {
	switch p {
	case manyOptional:
		return "x, or x and how many"
	case many:
		return "x and how many"
	case fraction:
		return "x and a fraction"
	case second:
		if aggregates[name].takes == aNumber {
			return "two numbers, x and y"
		}
		return "x and what decides, y"
	}
	return "one argument"
}

// literal is the value of a number as written. 0.95 is a decimal as written and
// becomes the nearest double here, once, so that P is the same wherever it is
// used (S9.5).
func literal(n *expr.Node) (float64, bool) {
	if n.Op != expr.Literal {
		return 0, false
	}
	switch v := n.Value; v.Type.Kind {
	case event.Int:
		return float64(v.Int), true
	case event.Decimal:
		return v.Decimal.Float(v.Type.Scale), true
	case event.Double:
		return v.Float, true
	}
	return 0, false
}

// result finds the type of what an aggregate gives (docs/semantics.md,
// "Types"). Sums keep the kind of what they add and are checked when read
// (S9.3); a sum of decimals takes all 38 digits, as how many events it will add
// nobody knows.
func (v *viewCompiler) result(call *expr.Node, s *aggregate.Slot, wrong func(*expr.Node, string, string, ...any) int) bool {
	if s.Aggregate == aggregate.Count || s.Aggregate == aggregate.CountDistinct {
		s.Type = event.Of(event.Int)
		return true
	}
	for i := range s.Args {
		if !v.fits(call, i, s.Args[i], wrong) {
			return false
		}
	}
	t := v.planned.kinds[s.Args[0]]
	switch s.Aggregate {
	case aggregate.Sum:
		s.Type = t
		if t.Kind == event.Decimal {
			s.Type = event.DecimalOf(38, t.Scale)
		}
	case aggregate.Min, aggregate.Max, aggregate.QuantileDisc, aggregate.Mode:
		s.Type = t
	case aggregate.TopK, aggregate.BottomK, aggregate.TopKFrequent, aggregate.DistinctLast:
		s.Type = event.ListOf(t)
	case aggregate.Histogram:
		s.Type = event.MapOf(t, event.Of(event.Int))
	case aggregate.First, aggregate.Last, aggregate.Lag, aggregate.ArgMin, aggregate.ArgMax:
		s.Type = v.picked(call.Args[0], s)
		if s.List {
			s.Type = event.ListOf(s.Type)
		}
	default:
		s.Type = event.Of(event.Double)
	}
	return true
}

// fits checks the type of argument i, which is the run's column, against what
// the aggregate takes.
func (v *viewCompiler) fits(call *expr.Node, i, column int, wrong func(*expr.Node, string, string, ...any) int) bool {
	t := v.planned.kinds[column]
	switch takes := aggregates[call.Name].takes; {
	case takes == aNumber && !t.Numeric():
		mend := ""
		if t.Kind == event.Bool {
			mend = fmt.Sprintf("to count where it is true, write count(*) filter (where %s)", call.Args[i])
		}
		wrong(call.Args[i], mend, "%s takes a number, and %s is %s", call.Name, call.Args[i], t)
	case takes == condition && t.Kind != event.Bool:
		wrong(call.Args[i], "compare it with something", "%s takes a condition, and %s is %s", call.Name, call.Args[i], t)
	case takes == aKey && t.Kind == event.Double:
		wrong(call.Args[i], "cast it to a decimal or an integer, such as cast(floor(x / 10) as int64)", "%s makes its values the keys of a map, and %s is %s", call.Name, call.Args[i], t)
	default:
		return true
	}
	return false
}

// picked is the type of one event's argument. Of a row it is a struct with the
// fields as they are named there.
func (v *viewCompiler) picked(arg *expr.Node, s *aggregate.Slot) event.Type {
	if arg.Op != expr.Row {
		return v.planned.kinds[s.Args[0]]
	}
	fields := make([]event.Field, len(arg.Args))
	for i := range fields {
		fields[i] = event.Field{Name: arg.Names[i], Type: v.planned.kinds[s.Args[i]]}
	}
	return event.StructOf(fields...)
}
