package timetravel_test

import (
	"math"
	"math/big"
	"slices"

	"github.com/timeseam/timeseam/features/expr"
)

// paired are the aggregates of two values of each event.
var paired = map[string]bool{"arg_min": true, "arg_max": true, "corr": true, "covar_samp": true, "covar_pop": true}

// foldPairs is an aggregate of two values of the events that it takes.
func foldPairs(call *expr.Node, xs, ys []value) value {
	if call.Name != "arg_min" && call.Name != "arg_max" {
		return together(call.Name, xs, ys)
	}
	best := 0
	for i, y := range ys {
		if c := compare(y, ys[best]); call.Name == "arg_min" && c < 0 || call.Name == "arg_max" && c > 0 {
			best = i
		}
	}
	return xs[best]
}

// together is how two numbers vary together, about their means and exact until
// it is rounded.
func together(name string, xs, ys []value) value {
	divisor := int64(len(xs)) - 1
	if name == "covar_pop" {
		divisor++
	}
	if divisor == 0 {
		return nil
	}
	for i := range xs {
		if rank(xs[i]) != 0 || rank(ys[i]) != 0 {
			return math.NaN()
		}
	}
	if name != "corr" {
		return rounded(new(big.Rat).Quo(comoment(xs, ys), new(big.Rat).SetInt64(divisor)))
	}
	spread := new(big.Rat).Mul(comoment(xs, xs), comoment(ys, ys))
	if spread.Sign() == 0 {
		return nil
	}
	c := comoment(xs, ys)
	ratio := new(big.Float).SetPrec(53).SetRat(new(big.Rat).Quo(new(big.Rat).Mul(c, c), spread))
	r, _ := ratio.Sqrt(ratio).Float64()
	if c.Sign() < 0 {
		return -r
	}
	return r
}

// comoment is the sum of the products of what xs and ys are off their means.
func comoment(xs, ys []value) *big.Rat {
	n := new(big.Rat).SetInt64(int64(len(xs)))
	mx, my := new(big.Rat).Quo(total(xs), n), new(big.Rat).Quo(total(ys), n)
	s := new(big.Rat)
	for i := range xs {
		d := new(big.Rat).Sub(rational(xs[i]), mx)
		s.Add(s, d.Mul(d, new(big.Rat).Sub(rational(ys[i]), my)))
	}
	return s
}

// foldBy is a map, as a list of its entries by key, from each value that the
// events have to the aggregate over those that have it and of which it takes any.
func foldBy(call *expr.Node, rows []*scope, by *expr.Node, minCount int64) value {
	groups := map[string][]*scope{}
	keys := map[string]value{}
	for _, row := range rows {
		if k := eval(by, row); k != nil {
			groups[identity(k)], keys[identity(k)] = append(groups[identity(k)], row), k
		}
	}
	var entries list
	for id, group := range groups {
		if xs, _ := inputs(call, group); len(xs) > 0 {
			entries = append(entries, record{keys[id], fold(call, group, minCount)})
		}
	}
	if entries == nil {
		return nil
	}
	slices.SortFunc(entries, func(a, b value) int { return compare(a.(record)[0], b.(record)[0]) })
	return entries
}

func distinctLast(oldest []value, n int) value {
	var newest list
	for i := len(oldest) - 1; i >= 0 && len(newest) < n; i-- {
		if !slices.ContainsFunc(newest, func(v value) bool { return compare(v, oldest[i]) == 0 }) {
			newest = append(newest, oldest[i])
		}
	}
	return newest
}

// frequency is what depends on how often each value occurs. Equally frequent
// values stand in their own order.
func frequency(call *expr.Node, taken []value) value {
	slices.SortStableFunc(taken, compare)
	var entries list
	for i, v := range taken {
		if i > 0 && compare(v, taken[i-1]) == 0 {
			last := entries[len(entries)-1].(record)
			last[1] = last[1].(int64) + 1
			continue
		}
		entries = append(entries, record{v, int64(1)})
	}
	if call.Name == "histogram" {
		return entries
	}
	if call.Name == "entropy" {
		return uncertainty(entries, len(taken))
	}
	slices.SortStableFunc(entries, func(a, b value) int { return compare(b.(record)[1], a.(record)[1]) })
	if call.Name == "mode" {
		return entries[0].(record)[0]
	}
	var top list
	for _, e := range entries[:min(len(entries), count(call.Args[1]))] {
		top = append(top, e.(record)[0])
	}
	return top
}

// uncertainty is the entropy in bits: the sum of c*(log2(n) - log2(c)) over the
// counts c, over n, with logarithms cut off after 58 bits and all else exact.
func uncertainty(entries list, n int) value {
	h := new(big.Int)
	for _, e := range entries {
		c := e.(record)[1].(int64)
		h.Add(h, new(big.Int).Mul(big.NewInt(c), new(big.Int).Sub(log58(int64(n)), log58(c))))
	}
	return rounded(new(big.Rat).SetFrac(h, new(big.Int).Lsh(big.NewInt(int64(n)), 58)))
}

// log58 is the whole number of 2^-58 in log2(n), by squaring n/2^k in 300 bits.
func log58(n int64) *big.Int {
	log := big.NewInt(int64(big.NewInt(n).BitLen() - 1))
	x := new(big.Float).SetPrec(300).SetInt64(n)
	x.SetMantExp(x, -int(log.Int64()))
	two := big.NewFloat(2)
	for range 58 {
		x.Mul(x, x)
		log.Lsh(log, 1)
		if x.Cmp(two) >= 0 {
			x.Quo(x, two)
			log.Add(log, big.NewInt(1))
		}
	}
	return log
}
