package aggregate

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// The plain scan of what counts values, pairs them, or answers by another.

// scanBy is a map from what the rows have in a column to the aggregate of each.
func scanBy(s *Slot, taken []row) string {
	groups := map[string][]row{}
	var firsts []row
	for _, r := range taken {
		key := r.text(s.By[0])
		if key == "∅" {
			continue
		}
		if groups[key] == nil {
			firsts = append(firsts, r)
		}
		groups[key] = append(groups[key], r)
	}
	if len(firsts) == 0 {
		return "∅"
	}
	slices.SortFunc(firsts, func(a, b row) int { return compareCells(a, b, s.By[0]) })
	inner := *s
	inner.Type = s.Type.ValueType()
	var out []string
	for _, r := range firsts {
		key := r.text(s.By[0])
		out = append(out, key+":"+scanGroup(&inner, groups[key]))
	}
	return fmt.Sprint(out)
}

func scanDistinctLast(s *Slot, texts []string) string {
	var out []string
	slices.Reverse(texts)
	for _, text := range texts {
		if !slices.Contains(out, text) && len(out) < s.N {
			out = append(out, text)
		}
	}
	return fmt.Sprint(out)
}

// scanDecided is the first row that no other is beyond.
func scanDecided(s *Slot, taken []row) int {
	best, c := 0, s.Args[len(s.Args)-1]
	for i, r := range taken {
		if d := compareCells(r, taken[best], c); d < 0 && s.Aggregate == ArgMin || d > 0 && s.Aggregate == ArgMax {
			best = i
		}
	}
	return best
}

// scanFrequent counts values, most frequent first, of equally frequent ones the
// smaller first.
func scanFrequent(s *Slot, taken []row) string {
	c := s.Args[0]
	counts := map[string]int{}
	var values []row
	for _, r := range taken {
		if counts[r.text(c)]++; counts[r.text(c)] == 1 {
			values = append(values, r)
		}
	}
	slices.SortFunc(values, func(a, b row) int { return compareCells(a, b, c) })
	if s.Aggregate == Histogram {
		var out []string
		for _, r := range values {
			out = append(out, fmt.Sprintf("%s:%d", r.text(c), counts[r.text(c)]))
		}
		return fmt.Sprint(out)
	}
	if s.Aggregate == Entropy {
		return textOfFloat(scanEntropy(counts, len(taken)))
	}
	slices.SortStableFunc(values, func(a, b row) int { return counts[b.text(c)] - counts[a.text(c)] })
	if s.Aggregate == Mode {
		return values[0].text(c)
	}
	var out []string
	for _, r := range values[:min(s.N, len(values))] {
		out = append(out, r.text(c))
	}
	return fmt.Sprint(out)
}

// scanEntropy is log2(n) - (sum of c log2(c))/n in rationals, with logarithms of
// 58 bits after the point.
func scanEntropy(counts map[string]int, n int) float64 {
	h := new(big.Rat).Mul(big.NewRat(int64(n), 1), scanLog(n))
	for _, c := range counts {
		h.Sub(h, new(big.Rat).Mul(big.NewRat(int64(c), 1), scanLog(c)))
	}
	f, _ := h.Quo(h, big.NewRat(int64(n), 1)).Float64()
	return f
}

// scanLog is log2(n) cut off after 58 bits: the greatest k with 2^k <= n^(2^58)
// is found by squaring with some hundred bits to spare.
func scanLog(n int) *big.Rat {
	const spare = 200
	whole := big.NewInt(int64(n)).BitLen() - 1
	x := new(big.Int).Lsh(big.NewInt(int64(n)), uint(spare-whole)) // 1 to 2 in units of 2^-spare
	log := big.NewInt(int64(whole))
	for range 58 {
		x.Mul(x, x).Rsh(x, spare)
		log.Lsh(log, 1)
		if x.BitLen() > spare+1 {
			x.Rsh(x, 1)
			log.SetBit(log, 0, 1)
		}
	}
	return new(big.Rat).SetFrac(log, new(big.Int).Lsh(big.NewInt(1), 58))
}

// scanPair is covariances and the correlation in rationals.
func scanPair(s *Slot, taken []row) string {
	x, y := s.Args[0], s.Args[1]
	n := int64(len(taken))
	if n < 2 && s.Aggregate != CovarPop {
		return "∅"
	}
	odd := func(r row, c int) bool { return c == 1 && (math.IsNaN(*r.f) || math.IsInf(*r.f, 0)) }
	sum := func(f func(r row) *big.Rat) *big.Rat {
		t := new(big.Rat)
		for _, r := range taken {
			t.Add(t, f(r))
		}
		return t
	}
	for _, r := range taken {
		if odd(r, x) || odd(r, y) {
			return "NaN"
		}
	}
	// moment is n times the sum of products less the product of sums.
	moment := func(a, b int) *big.Rat {
		m := sum(func(r row) *big.Rat { return new(big.Rat).Mul(r.rational(a), r.rational(b)) })
		m.Mul(m, big.NewRat(n, 1))
		return m.Sub(m, new(big.Rat).Mul(sum(func(r row) *big.Rat { return r.rational(a) }), sum(func(r row) *big.Rat { return r.rational(b) })))
	}
	c := moment(x, y)
	switch s.Aggregate {
	case CovarPop:
		return rounded(c.Quo(c, big.NewRat(n*n, 1)))
	case CovarSamp:
		return rounded(c.Quo(c, big.NewRat(n*(n-1), 1)))
	}
	v := new(big.Rat).Mul(moment(x, x), moment(y, y))
	if v.Sign() == 0 {
		return "∅"
	}
	v.Quo(new(big.Rat).Mul(c, c), v)
	// The root of a number of 53 bits, which may be less than a double can be.
	f := new(big.Float).SetPrec(53).SetRat(v)
	root, _ := new(big.Float).SetPrec(53).Sqrt(f).Float64()
	if c.Sign() < 0 {
		root = -root
	}
	return textOfFloat(root)
}

// bySlots are some of the slots, every kind over some window and by some column.
func bySlots(plain []Slot) (slots []Slot) {
	for i := 0; i < len(plain); i += 5 {
		s := plain[i]
		s.By = []int{2 + i%4}
		s.Type = event.MapOf(testColumns[s.By[0]], s.Type)
		slots = append(slots, s)
	}
	return slots
}
