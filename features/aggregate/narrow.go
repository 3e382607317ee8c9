package aggregate

import (
	"math"
	"slices"
)

// The size of a range from which narrowing pays, and of the sample it takes.
const (
	narrowFrom = 2048
	sampleSize = 1024
)

// narrower finds a rank in a long range without moving it: a sorted sample says
// between which values the rank lies, one pass counts what is below them and
// copies what is between, and only that is searched. The idea is that of Floyd
// and Rivest (Expected Time Bounds for Selection, 1975). The sample never decides
// a value: where the rank is not between its bounds, all of the range is searched.
type narrower struct {
	sample, between []uint64
}

// select2 returns the keys of rank k and k+1, at the end twice the last. It leaves
// keys as they are.
func (f *narrower) select2(keys []uint64, k int) (a, b uint64) {
	below := 0
	f.between = f.between[:0]
	if len(keys) >= narrowFrom {
		below = f.narrow(keys, k)
	}
	next := min(k+1, len(keys)-1)
	if k < below || next >= below+len(f.between) {
		below, f.between = 0, append(f.between[:0], keys...)
	}
	a = selectKey(f.between, k-below)
	if next == k {
		return a, a
	}
	// Selection leaves what is not less behind rank k.
	return a, slices.Min(f.between[k-below+1:])
}

// narrow copies the keys around rank k to between and returns how many lie below
// them. Three standard deviations of a rank in the sample, at most sqrt(n)/2
// each, almost always hold it.
func (f *narrower) narrow(keys []uint64, k int) (below int) {
	const margin = 3 * 32 / 2 // the root of 1,024 is 32
	f.sample = f.sample[:0]
	for i := range sampleSize {
		f.sample = append(f.sample, keys[i*len(keys)/sampleSize])
	}
	slices.Sort(f.sample)
	at := k * sampleSize / len(keys)
	low, high := uint64(0), uint64(math.MaxUint64)
	if at >= margin {
		low = f.sample[at-margin]
	}
	if at+margin+1 < sampleSize {
		high = f.sample[at+margin+1]
	}
	for _, x := range keys {
		if x < low {
			below++
		} else if x <= high {
			f.between = append(f.between, x)
		}
	}
	return below
}
