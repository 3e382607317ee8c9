package aggregate

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSelect2AgreesWithSort holds selection to sorting, on ranges that narrow and
// that do not, in orders and with repetitions that mislead the sample.
func TestSelect2AgreesWithSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	f := &narrower{}
	for _, n := range []int{1, 2, 13, 200, narrowFrom - 1, narrowFrom, 5000, 30_000} {
		for name, value := range map[string]func(i int) uint64{
			"random":   func(int) uint64 { return rng.Uint64() },
			"few":      func(int) uint64 { return rng.Uint64N(3) },
			"constant": func(int) uint64 { return 7 },
			"rising":   func(i int) uint64 { return uint64(i) },
			"falling":  func(i int) uint64 { return uint64(n - i) },
			// Only rows that the sample skips hold the small values.
			"hidden": func(i int) uint64 {
				if n >= sampleSize && i%(n/sampleSize+1) == 1 {
					return rng.Uint64N(10)
				}
				return 1 << 40
			},
		} {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = value(i)
			}
			sorted := slices.Clone(keys)
			slices.Sort(sorted)
			before := slices.Clone(keys)
			for _, k := range []int{0, n / 100, n / 3, n / 2, n * 95 / 100, n - 1} {
				a, b := f.select2(keys, k)
				if a != sorted[k] || b != sorted[min(k+1, n-1)] {
					t.Errorf("%s, %d keys, rank %d: %d and %d, want %d and %d", name, n, k, a, b, sorted[k], sorted[min(k+1, n-1)])
				}
			}
			if !slices.Equal(keys, before) {
				t.Errorf("%s, %d keys: selection moved them", name, n)
			}
		}
	}
}

func BenchmarkSelect2(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 4))
	keys := make([]uint64, 30_000)
	for i := range keys {
		keys[i] = rng.Uint64()
	}
	f := &narrower{}
	for b.Loop() {
		f.select2(keys, len(keys)*95/100)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}

// BenchmarkSelectKey is the same without narrowing, the copy included.
func BenchmarkSelectKey(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 4))
	keys := make([]uint64, 30_000)
	for i := range keys {
		keys[i] = rng.Uint64()
	}
	var scratch []uint64
	for b.Loop() {
		scratch = append(scratch[:0], keys...)
		selectKey(scratch, len(keys)*95/100)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}
