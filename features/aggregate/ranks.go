package aggregate

import (
	"math"
	"slices"
	"sort"
)

// ranks finds keys by their rank in ranges that move. Keys are dealt out to
// buckets, between the bounds of a sample and on them; each window remembers the
// range it was last asked of and how many of its rows every bucket has. A range
// that moved on counts the rows that came and those that left, two levels of
// counts lead to the rank's bucket, and only that bucket's rows in the range are
// searched. The sample never decides a value: it only says how long the search is.
//
// A range costs as many steps as it moved and some hundred more, where selection
// reads all of it: three nanoseconds a row, for 30 days of a busy merchant a tenth
// of a millisecond. Most keys are small or seldom asked, so ranks are made only
// once selection has read every row scanMost times. Six bytes a row and, for each
// window, four a bucket (A3).
type ranks struct {
	all     []uint64 // the key of each row of the track, as far as it was asked for
	read    int      // keys that selection has read so far
	bounds  []uint64 // rising; nil: not made yet
	made    int      // rows when the bounds were chosen
	at      []uint16 // the bucket of each row
	rows    [][]int32
	ranges  []ranked // by window
	scratch []uint64
}

// ranked is how many of rows i to j-1 are in each bucket, and in each fan of them.
type ranked struct {
	i, j         int
	fine, coarse []int32
}

const (
	// scanMost is how often selection may read each row before ranks are made. To
	// make them costs about as much as reading a row thirty times.
	scanMost = 16
	// ranksFrom is the shortest range for which ranks are used: below, selection
	// is done before the buckets are walked.
	ranksFrom = 256
	// boundsMost is how many bounds there are at most.
	boundsMost = 1024
	// rowsPerBound is about how many rows a bucket has at first.
	rowsPerBound = 16
	// coarseFan is how many buckets one coarse count holds.
	coarseFan = 32
)

// reset makes ranks those of no rows, for another key.
func (f *ranks) reset() {
	f.drop()
	f.read = 0
}

// drop lets go of bounds and buckets.
func (f *ranks) drop() {
	if len(f.bounds) == 0 {
		return // as of nearly every key
	}
	f.bounds, f.at = f.bounds[:0], f.at[:0]
	for b := range f.rows {
		f.rows[b] = f.rows[b][:0]
	}
	f.ranges = f.ranges[:0]
}

// changed takes the rows from the given one on out of ranges and buckets.
func (f *ranks) changed(from int) {
	if from == 0 {
		f.reset()
		return
	}
	if from >= len(f.at) {
		return
	}
	for w := range f.ranges {
		r := &f.ranges[w]
		for r.j > max(from, r.i) {
			r.j--
			r.count(f.at[r.j], -1)
		}
		r.i, r.j = min(r.i, from), min(r.j, from)
	}
	for k := len(f.at) - 1; k >= from; k-- {
		rows := &f.rows[f.at[k]]
		*rows = (*rows)[:len(*rows)-1]
	}
	f.at = f.at[:from]
}

// pair returns the keys of rank k and k+1 in rows i to j-1; at the end twice the
// last.
func (f *ranks) pair(window, i, j, k int) (a, b uint64) {
	if j-i < ranksFrom || !f.ready(j-i) {
		return f.scan(i, j, k)
	}
	r := f.move(window, i, j)
	bucket, before := r.find(k)
	a, more := f.inBucket(bucket, i, j, k-before)
	switch {
	case k+1 == j-i:
		return a, a
	case k+1 < before+int(r.fine[bucket]):
		return a, more
	}
	next, _ := r.find(k + 1)
	b, _ = f.inBucket(next, i, j, 0)
	return a, b
}

// scan selects among all keys of the range.
func (f *ranks) scan(i, j, k int) (a, b uint64) {
	f.read += j - i
	f.scratch = append(f.scratch[:0], f.all[i:j]...)
	return selectPair(f.scratch, k)
}

// selectPair returns the keys of rank k and k+1, at the end twice the last, and
// moves keys about.
func selectPair(keys []uint64, k int) (a, b uint64) {
	a = selectKey(keys, k)
	if k+1 == len(keys) {
		return a, a
	}
	// Selection leaves what is not less behind rank k.
	return a, slices.Min(keys[k+1:])
}

// ready makes ranks if it is time to, and brings them up to all rows. Bounds are
// chosen anew as rows double, so that buckets stay short.
func (f *ranks) ready(length int) bool {
	n := len(f.all)
	if len(f.bounds) == 0 && f.read+length < scanMost*n {
		return false
	}
	if len(f.bounds) == 0 || n > 2*f.made {
		f.drop()
		f.choose()
	}
	for k := len(f.at); k < n; k++ {
		b := f.bucketOf(f.all[k])
		f.at = append(f.at, b)
		f.rows[b] = append(f.rows[b], int32(k))
	}
	return true
}

// choose takes every so many rows as a sample and the distinct keys among them as
// bounds.
func (f *ranks) choose() {
	n := len(f.all)
	f.made = n
	count := min(max(n/rowsPerBound, 1), boundsMost)
	for b := range count {
		f.bounds = append(f.bounds, f.all[b*n/count])
	}
	slices.Sort(f.bounds)
	f.bounds = slices.Compact(f.bounds)
	for len(f.rows) < 2*len(f.bounds)+1 {
		f.rows = append(f.rows, nil)
	}
}

// bucketOf is the bucket of a key: 2b for those between bound b-1 and bound b,
// 2b+1 for those that are bound b. Keys that occur often are bounds, and their
// buckets are never searched.
func (f *ranks) bucketOf(key uint64) uint16 {
	b, on := slices.BinarySearch(f.bounds, key)
	if on {
		return uint16(2*b + 1)
	}
	return uint16(2 * b)
}

// move brings the window's counts to a range.
func (f *ranks) move(window, i, j int) *ranked {
	for len(f.ranges) <= window {
		f.ranges = append(f.ranges, ranked{})
	}
	r := &f.ranges[window]
	buckets := 2*len(f.bounds) + 1
	if len(r.fine) != buckets || distance(r.i, i)+distance(r.j, j) > j-i {
		r.i, r.j = i, i
		r.fine, r.coarse = zeroed(r.fine, buckets), zeroed(r.coarse, (buckets+coarseFan-1)/coarseFan)
	}
	// Rows are added before others are taken away, so that no count is below zero.
	for ; r.i > i; r.i-- {
		r.count(f.at[r.i-1], 1)
	}
	for ; r.j < j; r.j++ {
		r.count(f.at[r.j], 1)
	}
	for ; r.i < i; r.i++ {
		r.count(f.at[r.i], -1)
	}
	for ; r.j > j; r.j-- {
		r.count(f.at[r.j-1], -1)
	}
	return r
}

// zeroed is n zeros in v's memory.
func zeroed(v []int32, n int) []int32 {
	v = slices.Grow(v[:0], n)[:n]
	clear(v)
	return v
}

func (r *ranked) count(bucket uint16, n int32) {
	r.fine[bucket] += n
	r.coarse[bucket/coarseFan] += n
}

// find returns the bucket of rank k and how many rows are in those before it.
func (r *ranked) find(k int) (bucket, before int) {
	c := 0
	for before+int(r.coarse[c]) <= k {
		before += int(r.coarse[c])
		c++
	}
	for bucket = c * coarseFan; before+int(r.fine[bucket]) <= k; bucket++ {
		before += int(r.fine[bucket])
	}
	return bucket, before
}

// inBucket returns the keys of rank k and k+1 among the rows i to j-1 of a bucket,
// at the end twice the last.
func (f *ranks) inBucket(bucket, i, j, k int) (a, b uint64) {
	if bucket%2 == 1 {
		return f.bounds[bucket/2], f.bounds[bucket/2]
	}
	rows := f.rows[bucket]
	lo := sort.Search(len(rows), func(at int) bool { return int(rows[at]) >= i })
	f.scratch = f.scratch[:0]
	for _, row := range rows[lo:] {
		if int(row) >= j {
			break
		}
		f.scratch = append(f.scratch, f.all[row])
	}
	if len(f.scratch) == 0 {
		return math.MaxUint64, math.MaxUint64 // find names no empty bucket
	}
	return selectPair(f.scratch, k)
}
