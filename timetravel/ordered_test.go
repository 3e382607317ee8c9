package timetravel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOrderedFindsTheNext holds a set of numbers to a plain list, for sets of one
// level and of several.
func TestOrderedFindsTheNext(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{0, 1, 64, 65, 4096, 4097, 300_000} {
		s, has := newOrdered(n), make([]bool, n)
		for round := range 40 {
			for range 1 + n/(1<<(round%16)) { // now dense, now sparse
				if n == 0 {
					break
				}
				i := rng.IntN(n)
				if has[i] = rng.IntN(3) == round%3; has[i] {
					s.add(i)
				} else {
					s.remove(i)
				}
			}
			if round%10 == 9 {
				var got, want []int
				for i := s.from(0); i >= 0; i = s.from(i + 1) {
					got = append(got, i)
				}
				for i, is := range has {
					if is {
						want = append(want, i)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("of %d: %d numbers, want %d", n, len(got), len(want))
				}
			}
		}
	}
}
