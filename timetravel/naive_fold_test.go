package timetravel_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// fold is an aggregate over the events of a window, oldest first: what it takes
// of each, then its value. With fewer than minCount inputs it is null.
func fold(call *expr.Node, rows []*scope, minCount int64) value {
	taken, others := inputs(call, rows)
	if int64(len(taken)) < minCount {
		return nil
	}
	if call.Name == "count" {
		if call.Distinct {
			return distinct(taken)
		}
		return int64(len(taken))
	}
	if len(taken) == 0 {
		return nil
	}
	if paired[call.Name] {
		return foldPairs(call, taken, others)
	}
	switch call.Name {
	case "first", "last", "lag":
		return pick(call, taken)
	case "min", "bool_and":
		return extreme(taken, false)
	case "max", "bool_or":
		return extreme(taken, true)
	case "distinct_last":
		return distinctLast(taken, count(call.Args[1]))
	case "mode", "top_k_frequent", "histogram", "entropy":
		return frequency(call, taken)
	case "sum":
		return sum(taken, typeOf(call, rows[0]))
	case "avg":
		return average(taken)
	case "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop":
		return spread(call.Name, taken)
	}
	slices.SortStableFunc(taken, compare)
	switch call.Name {
	case "median":
		return quantileCont(taken, 0.5)
	case "quantile_cont":
		return quantileCont(taken, double(eval(call.Args[1], rows[0])))
	case "quantile_disc":
		return taken[max(0, rankOf(call.Args[1], len(taken))-1)]
	case "bottom_k":
		return list(taken[:min(len(taken), count(call.Args[1]))])
	case "top_k":
		slices.Reverse(taken)
		return list(taken[:min(len(taken), count(call.Args[1]))])
	}
	panic("the naive evaluator has no aggregate " + call.Name)
}

// inputs is the argument's value for each event that passes the filter, without
// the nulls unless they are respected; for count(*) something for each event. Of
// two values both are given, and the second is never null.
func inputs(call *expr.Node, rows []*scope) (taken, others []value) {
	for _, row := range rows {
		if call.Filter != nil && eval(call.Filter, row) != true {
			continue
		}
		var v value = true
		if !call.Star {
			v = eval(call.Args[0], row)
		}
		if paired[call.Name] {
			other := eval(call.Args[1], row)
			if other == nil {
				continue
			}
			if v != nil || call.RespectNulls {
				others = append(others, other)
			}
		}
		if v != nil || call.RespectNulls {
			taken = append(taken, v)
		}
	}
	return taken, others
}

func distinct(vs []value) value {
	seen := map[string]bool{}
	for _, v := range vs {
		seen[identity(v)] = true
	}
	return int64(len(seen))
}

// count is a literal number of things.
func count(n *expr.Node) int { return int(literal(n.Value).(int64)) }

// pick is what first, last and lag choose.
func pick(call *expr.Node, oldest []value) value {
	newest := slices.Clone(oldest)
	slices.Reverse(newest)
	n := 0
	if len(call.Args) == 2 {
		n = count(call.Args[1])
	}
	switch {
	case call.Name == "lag" && n > len(newest):
		return nil
	case call.Name == "lag":
		return newest[n-1]
	case call.Name == "first" && n == 0:
		return oldest[0]
	case call.Name == "first":
		return list(oldest[:min(n, len(oldest))])
	case n == 0:
		return newest[0]
	}
	return list(newest[:min(n, len(newest))])
}

// unbounded is the sum of values that are not finite, if there are such: NaN
// wins, and so do infinities of both signs.
func unbounded(vs []value) (f float64, ok bool) {
	for _, v := range vs {
		if rank(v) != 0 {
			f, ok = f+v.(float64), true
		}
	}
	return f, ok
}

// total is the exact sum of finite numbers.
func total(vs []value) *big.Rat {
	s := new(big.Rat)
	for _, v := range vs {
		s.Add(s, rational(v))
	}
	return s
}

func sum(vs []value, t event.Type) value {
	if f, ok := unbounded(vs); ok {
		return f
	}
	s := total(vs)
	switch t.Kind {
	case event.Int:
		return integer(s.Num())
	case event.Decimal:
		return decimalOf(s, t)
	}
	return rounded(s)
}

func average(vs []value) value {
	if f, ok := unbounded(vs); ok {
		return f
	}
	return rounded(new(big.Rat).Quo(total(vs), new(big.Rat).SetInt64(int64(len(vs)))))
}

// spread is the variance, exact and rounded once, or its root.
func spread(name string, vs []value) value {
	n := int64(len(vs))
	population := name == "var_pop" || name == "stddev_pop"
	if _, ok := unbounded(vs); ok && (population || n > 1) {
		return math.NaN()
	}
	divisor := n - 1
	if population {
		divisor = n
	}
	if divisor == 0 {
		return nil
	}
	mean := new(big.Rat).Quo(total(vs), new(big.Rat).SetInt64(n))
	squares := new(big.Rat)
	for _, v := range vs {
		d := new(big.Rat).Sub(rational(v), mean)
		squares.Add(squares, d.Mul(d, d))
	}
	v := rounded(squares.Quo(squares, new(big.Rat).SetInt64(divisor)))
	if v == nil || name[:3] == "var" {
		return v
	}
	return math.Sqrt(v.(float64))
}

// quantileCont goes a share p of the way through sorted values and, between two
// of them, interpolates, in doubles.
func quantileCont(sorted []value, p float64) value {
	h := float64(p * float64(len(sorted)-1))
	i := int(math.Floor(h))
	a, part := double(sorted[i]), h-math.Floor(h)
	if part == 0 {
		return a
	}
	b := double(sorted[i+1])
	if a == b {
		return a
	}
	if math.IsInf(b-a, 0) {
		return float64(a*(1-part)) + float64(b*part)
	}
	return a + float64(part*(b-a))
}

// rankOf is ceil(p*n), p as it is written.
func rankOf(p *expr.Node, n int) int {
	r, ok := new(big.Rat).SetString(p.String())
	if !ok {
		panic(p.String() + " is no fraction")
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(n)))
	k := new(big.Int).Quo(r.Num(), r.Denom())
	if !r.IsInt() {
		k.Add(k, big.NewInt(1))
	}
	return int(k.Int64())
}

// checkCall panics on what no definition may ask, so that a spec with a slip in
// it does not pass as one that expects null.
func checkCall(call *expr.Node) {
	if call.Star != (len(call.Args) == 0) {
		panic(fmt.Sprintf("%s has no argument", call))
	}
}
