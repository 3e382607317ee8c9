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
)

// aggregates is what each aggregate of the language is, and what it takes. A
// name of the language that is missing here is refused by name (S17.2); several
// names may be one aggregate. numeric: anything but a number is a fault of
// types.
var aggregates = map[string]struct {
	kind      aggregate.Aggregate
	parameter parameter
	numeric   bool
}{
	"count":         {kind: aggregate.Count},
	"sum":           {kind: aggregate.Sum, numeric: true},
	"avg":           {kind: aggregate.Avg, numeric: true},
	"min":           {kind: aggregate.Min},
	"max":           {kind: aggregate.Max},
	"stddev":        {kind: aggregate.StddevSamp, numeric: true},
	"stddev_samp":   {kind: aggregate.StddevSamp, numeric: true},
	"stddev_pop":    {kind: aggregate.StddevPop, numeric: true},
	"variance":      {kind: aggregate.VarSamp, numeric: true},
	"var_samp":      {kind: aggregate.VarSamp, numeric: true},
	"var_pop":       {kind: aggregate.VarPop, numeric: true},
	"first":         {kind: aggregate.First, parameter: manyOptional},
	"last":          {kind: aggregate.Last, parameter: manyOptional},
	"lag":           {kind: aggregate.Lag, parameter: manyOptional},
	"quantile_cont": {kind: aggregate.QuantileCont, parameter: fraction, numeric: true},
	"quantile_disc": {kind: aggregate.QuantileDisc, parameter: fraction},
	"median":        {kind: aggregate.QuantileCont, numeric: true},
	"top_k":         {kind: aggregate.TopK, parameter: many},
	"bottom_k":      {kind: aggregate.BottomK, parameter: many},
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
	a, known := aggregates[call.Name]
	if !known {
		return wrong(call, "", "aggregate %s is not built yet", call.Name)
	}
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
	if call.RespectNulls && !s.Aggregate.Ordered() {
		return wrong(call, "first, last and lag do", "%s does not take respect nulls", call.Name)
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
	if s.Type.Kind == event.Unknown && !v.result(call, &s, wrong) {
		return -1
	}
	return v.slot(col, s)
}

// arguments compiles what an aggregate takes. Arguments are row expressions,
// computed once an event as a column of the run; an aggregate of an aggregate
// has no row to stand on.
func (v *viewCompiler) arguments(col *column, call *expr.Node, s *aggregate.Slot) bool {
	t := col.feature.Value
	if !v.parameters(t, call, s) {
		return false
	}
	arg := call.Args[0]
	if arg.Op == expr.Row {
		if !s.Aggregate.Ordered() {
			v.c.fault(t, arg.Pos, arg.End, fmt.Sprintf("%s does not take a row", call.Name), "first, last and lag do")
			return false
		}
		s.RespectNulls = true // a row is never null
	}
	for _, a := range unrow(arg) {
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
	if p == many || p == fraction {
		least = 2
	}
	if n := len(call.Args); n < least || n > want {
		v.c.fault(t, call.Pos, call.End, fmt.Sprintf("%s takes %s, not %d arguments", call.Name, argumentsOf(call.Name, p), n), "")
		return false
	}
	if len(call.Args) < 2 {
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
	t := v.planned.kinds[s.Args[0]]
	if aggregates[call.Name].numeric && !t.Numeric() {
		mend := ""
		if t.Kind == event.Bool {
			mend = fmt.Sprintf("to count where it is true, write count(*) filter (where %s)", call.Args[0])
		}
		wrong(call.Args[0], mend, "%s takes a number, and %s is %s", call.Name, call.Args[0], t)
		return false
	}
	switch s.Aggregate {
	case aggregate.Sum:
		s.Type = t
		if t.Kind == event.Decimal {
			s.Type = event.DecimalOf(38, t.Scale)
		}
	case aggregate.Min, aggregate.Max, aggregate.QuantileDisc:
		s.Type = t
	case aggregate.TopK, aggregate.BottomK:
		s.Type = event.ListOf(t)
	case aggregate.First, aggregate.Last, aggregate.Lag:
		s.Type = v.picked(call.Args[0], s)
		if s.List {
			s.Type = event.ListOf(s.Type)
		}
	default:
		s.Type = event.Of(event.Double)
	}
	return true
}

// picked is the type of one event's argument. Of a row it is a struct with the
// fields as they are named there.
func (v *viewCompiler) picked(arg *expr.Node, s *aggregate.Slot) event.Type {
	if arg.Op != expr.Row {
		return v.planned.kinds[s.Args[0]]
	}
	fields := make([]event.Field, len(s.Args))
	for i, a := range s.Args {
		fields[i] = event.Field{Name: arg.Names[i], Type: v.planned.kinds[a]}
	}
	return event.StructOf(fields...)
}
