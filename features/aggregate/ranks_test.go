package aggregate

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// shapes are orders and repetitions of keys, some of which mislead a sample.
var shapes = map[string]func(rng *rand.Rand, i int) uint64{
	"random":   func(rng *rand.Rand, _ int) uint64 { return rng.Uint64() },
	"few":      func(rng *rand.Rand, _ int) uint64 { return rng.Uint64N(3) },
	"constant": func(*rand.Rand, int) uint64 { return 7 },
	"rising":   func(_ *rand.Rand, i int) uint64 { return uint64(i) },
	"falling":  func(_ *rand.Rand, i int) uint64 { return 1<<40 - uint64(i) },
	"ends":     func(_ *rand.Rand, i int) uint64 { return uint64(i%2) * (1<<64 - 1) },
	// Only rows that the sample skips hold the small values.
	"hidden": func(rng *rand.Rand, i int) uint64 {
		if i%rowsPerBound == 1 {
			return rng.Uint64N(10)
		}
		return 1 << 40
	},
}

// TestRanksAgreeWithSort holds ranks to sorting, while rows come, go and are asked
// of by windows that move on, back and far.
func TestRanksAgreeWithSort(t *testing.T) {
	for name, value := range shapes {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(4, 4))
			f := &ranks{}
			made := false
			for step := range 400 {
				for range rng.IntN(60) {
					f.all = append(f.all, value(rng, len(f.all)))
				}
				if n := len(f.all); n > 0 && step%7 == 0 {
					from := max(0, n-rng.IntN(100))
					f.changed(from)
					f.all = f.all[:from]
				}
				for window := range 3 {
					checkRanks(t, f, window, rng)
				}
				made = made || len(f.bounds) > 0
			}
			if !made {
				t.Error("no question was answered by ranks")
			}
			f.changed(0)
			if f.all = f.all[:0]; f.read != 0 || len(f.at) != 0 {
				t.Error("a fold without rows remembers some")
			}
		})
	}
}

// checkRanks asks a window of a fold for some ranks.
func checkRanks(t *testing.T, f *ranks, window int, rng *rand.Rand) {
	t.Helper()
	n := len(f.all)
	length := []int{ranksFrom - 1, ranksFrom, 1500}[window]
	j := max(0, n-rng.IntN(3))
	if rng.IntN(10) == 0 {
		j = rng.IntN(n + 1)
	}
	i := max(0, j-length)
	if i == j {
		return
	}
	want := slices.Sorted(slices.Values(f.all[i:j]))
	before := slices.Clone(f.all)
	for _, k := range []int{0, len(want) / 3, len(want) * 95 / 100, len(want) - 1} {
		a, b := f.pair(window, i, j, k)
		if a != want[k] || b != want[min(k+1, len(want)-1)] {
			t.Fatalf("rank %d of rows %d to %d: %d and %d, want %d and %d", k, i, j-1, a, b, want[k], want[min(k+1, len(want)-1)])
		}
	}
	if !slices.Equal(f.all, before) {
		t.Fatal("selection moved the keys")
	}
}

// BenchmarkRanks asks for a quantile of 30,000 rows, which move on by ten between
// two questions.
func BenchmarkRanks(b *testing.B) {
	const length = 30_000
	rng := rand.New(rand.NewPCG(4, 4))
	f := &ranks{}
	for range length {
		f.all = append(f.all, rng.Uint64())
	}
	f.read = scanMost * length
	for b.Loop() {
		for range 10 {
			f.all = append(f.all, rng.Uint64())
		}
		f.pair(0, len(f.all)-length, len(f.all), length*95/100)
		if len(f.all) > 50*length {
			f.changed(0)
			f.all = append(f.all[:0], f.all[len(f.all)-length:]...)
			f.read = scanMost * length
		}
	}
}

// BenchmarkSelectKey is the same by selection, the copy included.
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
}
