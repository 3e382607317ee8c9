package timetravel_test

import (
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// evalFunction calls a function: first those that look at nulls themselves,
// then, unless an argument is null, the others.
func evalFunction(n *expr.Node, s *scope) value {
	args := make([]value, len(n.Args))
	for i, a := range n.Args {
		args[i] = eval(a, s)
	}
	t := typeOf(n, s)
	switch n.Name {
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return widen(a, t)
			}
		}
		return nil
	case "nullif":
		if equal(args[0], args[1]) == true {
			return nil
		}
		return args[0]
	case "if", "iff":
		if args[0] == true {
			return widen(args[1], t)
		}
		return widen(args[2], t)
	case "greatest", "least":
		return widen(extreme(args, n.Name == "greatest"), t)
	case "list_value":
		return listValue(n, args, s)
	case "concat":
		var b strings.Builder
		for _, a := range args {
			if a != nil {
				b.WriteString(convertToText(a).(string))
			}
		}
		return b.String()
	}
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	v := functions[n.Name].call(args)
	if functions[n.Name].typ != nil {
		v = widen(v, t)
	}
	return v
}

// extreme is the greatest or least that is not null.
func extreme(vs []value, greatest bool) value {
	var best value
	for _, v := range vs {
		if v != nil && (best == nil || greatest == (compare(v, best) > 0)) {
			best = v
		}
	}
	return best
}

func typeOfFunction(n *expr.Node, s *scope) event.Type {
	switch n.Name {
	case "coalesce", "greatest", "least", "if", "iff":
		args := n.Args
		if n.Name == "if" || n.Name == "iff" {
			args = args[1:]
		}
		t := event.Of(event.Null)
		for _, a := range args {
			t = unified(t, typeOf(a, s))
		}
		return t
	case "concat":
		return event.Of(event.String)
	case "list_value":
		return typeOfListValue(n, s)
	case "nullif", "abs":
		return typeOf(n.Args[0], s)
	}
	f, ok := functions[n.Name]
	if !ok {
		panic("the naive evaluator has no function " + n.Name)
	}
	if f.typ != nil {
		args := make([]event.Type, len(n.Args))
		for i, a := range n.Args {
			args[i] = typeOf(a, s)
		}
		return f.typ(args)
	}
	return event.Of(f.result)
}

// function is a function of values that are not null. Inexact ones go through
// package math here and may differ from the engine's own in the last bits.
type function struct {
	result  event.Kind
	typ     func(args []event.Type) event.Type // in place of result
	inexact bool
	call    func(args []value) value
}

var functions = func() map[string]function {
	all := map[string]function{}
	for _, group := range []map[string]function{firstFunctions, wordFunctions, listFunctions} {
		for name, f := range group {
			all[name] = f
		}
	}
	return all
}()

var firstFunctions = map[string]function{
	"lower":        text(strings.ToLower),
	"upper":        text(strings.ToUpper),
	"trim":         text(func(s string) string { return strings.Trim(s, " ") }),
	"length":       {result: event.Int, call: lengthOf},
	"substr":       {result: event.String, call: substring},
	"substring":    {result: event.String, call: substring},
	"replace":      {result: event.String, call: func(a []value) value { return strings.ReplaceAll(a[0].(string), a[1].(string), a[2].(string)) }},
	"starts_with":  {result: event.Bool, call: func(a []value) value { return strings.HasPrefix(a[0].(string), a[1].(string)) }},
	"ends_with":    {result: event.Bool, call: func(a []value) value { return strings.HasSuffix(a[0].(string), a[1].(string)) }},
	"contains":     {result: event.Bool, call: func(a []value) value { return strings.Contains(a[0].(string), a[1].(string)) }},
	"isnan":        {result: event.Bool, call: func(a []value) value { return math.IsNaN(double(a[0])) }},
	"isinf":        {result: event.Bool, call: func(a []value) value { return math.IsInf(double(a[0]), 0) }},
	"abs":          {call: func(a []value) value { return absolute(a[0]) }},
	"sqrt":         {result: event.Double, call: func(a []value) value { return domain(math.Sqrt, double(a[0])) }},
	"exp":          inexact(math.Exp),
	"ln":           inexact(math.Log),
	"log":          inexact(math.Log10),
	"log10":        inexact(math.Log10),
	"log2":         inexact(math.Log2),
	"sin":          inexact(math.Sin),
	"cos":          inexact(math.Cos),
	"div":          {result: event.Int, call: quotient},
	"haversine_km": {result: event.Double, inexact: true, call: haversine},

	"year":            part(func(t time.Time) int { return t.Year() }),
	"month":           part(func(t time.Time) int { return int(t.Month()) }),
	"day":             part(func(t time.Time) int { return t.Day() }),
	"hour":            part(func(t time.Time) int { return t.Hour() }),
	"minute":          part(func(t time.Time) int { return t.Minute() }),
	"dayofweek":       part(func(t time.Time) int { return int(t.Weekday()) }),
	"isodow":          part(func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }),
	"epoch_us":        {result: event.Int, call: func(a []value) value { return int64(instant(a[0])) }},
	"seconds_between": between(1e6),
	"minutes_between": between(60e6),
	"hours_between":   between(3600e6),
	"days_between":    between(86400e6),
	"date":            {result: event.Date, call: func(a []value) value { return convert(a[0], event.Of(event.Date)) }},
	"date_trunc":      {result: event.Timestamp, call: truncate},
}

func text(f func(string) string) function {
	return function{result: event.String, call: func(a []value) value { return f(a[0].(string)) }}
}

func part(f func(time.Time) int) function {
	return function{result: event.Int, call: func(a []value) value { return int64(f(clock(a[0]))) }}
}

func clock(v value) time.Time { return time.UnixMicro(int64(instant(v))).UTC() }

func inexact(f func(float64) float64) function {
	return function{result: event.Double, inexact: true, call: func(a []value) value { return domain(f, double(a[0])) }}
}

// domain is f(x), null where f is not defined at x.
func domain(f func(float64) float64, x float64) value {
	y := f(x)
	if math.IsNaN(y) && !math.IsNaN(x) || math.IsInf(y, -1) && x == 0 {
		return nil
	}
	return y
}

// between is b - a in a unit, as a double.
func between(unit float64) function {
	return function{result: event.Double, call: func(a []value) value {
		span := new(big.Int).Sub(big.NewInt(int64(instant(a[1]))), big.NewInt(int64(instant(a[0]))))
		f, _ := new(big.Float).SetInt(span).Float64()
		return f / unit
	}}
}

// substring counts characters from 1; what lies outside is left out.
func substring(a []value) value {
	runes := []rune(a[0].(string))
	from := a[1].(int64) - 1
	to := int64(len(runes))
	if len(a) == 3 {
		to = min(to, from+a[2].(int64))
	}
	from = max(from, 0)
	if from >= to {
		return ""
	}
	return string(runes[from:to])
}

func absolute(v value) value {
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	if compare(v, int64(0)) < 0 {
		return negative(v)
	}
	return v
}

func quotient(a []value) value {
	if a[1].(int64) == 0 {
		return nil
	}
	return integer(new(big.Int).Quo(big.NewInt(a[0].(int64)), big.NewInt(a[1].(int64))))
}

func haversine(a []value) value {
	const radius, degree = 6371.0088, math.Pi / 180
	lat1, lon1, lat2, lon2 := double(a[0])*degree, double(a[1])*degree, double(a[2])*degree, double(a[3])*degree
	p, q := math.Sin((lat2-lat1)/2), math.Sin((lon2-lon1)/2)
	return 2 * radius * math.Asin(math.Sqrt(p*p+math.Cos(lat1)*math.Cos(lat2)*q*q))
}

func truncate(a []value) value {
	if len(a) > 2 {
		return truncateIn(a)
	}
	t := clock(a[1])
	y, m, d := t.Date()
	switch a[0].(string) {
	case "year":
		m, d = 1, 1
	case "month":
		d = 1
	case "quarter":
		m, d = (m-1)/3*3+1, 1
	case "week":
		d -= (int(t.Weekday()) + 6) % 7
	case "day":
	case "hour":
		return event.Time(t.Truncate(time.Hour).UnixMicro())
	case "minute":
		return event.Time(t.Truncate(time.Minute).UnixMicro())
	}
	return event.Time(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).UnixMicro())
}

// truncateIn goes back from the instant, by minutes, to the first at which clocks
// show the start of the unit of now.
func truncateIn(a []value) value {
	in, at := location(a[2]), clock(a[1])
	start := truncate([]value{a[0], shown(at.In(in))}).(event.Time)
	if a[0] == "hour" || a[0] == "minute" {
		return event.Time(at.UnixMicro()) - shown(at.In(in)) + start
	}
	return firstShowing(clock(start), in)
}

// exact reports whether an expression's doubles must agree bit for bit.
func exact(n *expr.Node) bool {
	all := true
	expr.Walk(n, func(m *expr.Node) bool {
		if m.Op == expr.Call && functions[m.Name].inexact {
			all = false
		}
		return true
	})
	return all
}
