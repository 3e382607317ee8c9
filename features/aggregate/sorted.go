package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// sorted answers quantiles, top_k and bottom_k. It keeps the key of every row, in
// the rows' order, and selects among those of the range: quantiles by ranks where
// a key is asked often, the best by a scratch copy, which costs O(length). Text
// and decimals have no 64-bit key; their rows are sorted. Structures that answer
// quantiles of any range (wavelet trees, merge trees) cost a logarithm of words a
// row and must be rebuilt when an event comes late.
type sorted struct {
	t     *track
	c     *event.Column
	order []int32  // scratch
	keys  []uint64 // scratch
	ranks
}

func (f *sorted) reset()     { f.changed(0) }
func (f *sorted) absorb(int) {}

func (f *sorted) changed(from int) {
	f.ranks.changed(from)
	f.all = f.all[:min(from, len(f.all))]
}

// wordy reports whether values have no 64-bit key and are compared row by row.
// Those are sorted by rows, O(n log n) comparisons.
func (f *sorted) wordy() bool { return f.c.Type.Text() || f.c.Type.Kind == event.Decimal }

// value answers all four. The rank of quantile_disc is ceil(p*n) and at least 1
// (S9.4), here from 0.
func (f *sorted) value(s *Slot, p span, out *event.Column) {
	switch s.Aggregate {
	case TopK, BottomK:
		f.best(s, p, out)
	case QuantileDisc:
		f.emit(s, p, out)
	default:
		f.interpolate(s, p, out)
	}
}

// emit appends the value that quantile_disc names.
func (f *sorted) emit(s *Slot, p span, out *event.Column) {
	k := s.rank(p.j - p.i)
	if f.wordy() {
		appendValue(out, f.c, int(f.ordered(p)[k]))
		return
	}
	f.settle()
	key, _ := f.ranks.pair(s.window, p.i, p.j, k)
	f.putKey(out, key)
}

// rank is the place, from 0, of quantile_disc among n values: ceil(P*n), at least
// one (S9.4), with P as it was written. In doubles 0.07*100 is a little above 7.
func (s *Slot) rank(n int) int {
	hi, lo := bits.Mul64(s.Num, uint64(n))
	lo, carry := bits.Add64(lo, s.Den-1, 0)
	k, _ := bits.Div64(hi+carry, lo, s.Den)
	return max(int(k)-1, 0)
}

// between is the value that lies frac of the way from low to high. Where their
// difference is no number that doubles hold, each is weighed by itself.
func between(low, high, frac float64) float64 {
	if frac == 0 || low == high {
		return low
	}
	if d := high - low; !math.IsInf(d, 0) {
		return low + float64(d*frac)
	}
	return float64(low*(1-frac)) + float64(high*frac)
}

// interpolate appends the quantile that lies at rank P*(n-1), linearly between
// its neighbours. Conversions around products forbid the compiler to fuse them
// with the sum, which would round differently from machine to machine (S9.5).
// Equal neighbours are answered as they are, so that two infinities do not make
// a NaN.
func (f *sorted) interpolate(s *Slot, p span, out *event.Column) {
	at := float64(s.P * float64(p.j-p.i-1))
	k := int(math.Floor(at))
	frac := at - float64(k)
	low, high := f.neighbours(s, p, k)
	low = between(low, high, frac)
	if math.IsNaN(low) {
		low = event.CanonicalNaN
	}
	out.AppendFloat(low)
}

// neighbours returns the values of rank k and k+1 as doubles; at the end twice the
// last. Of the wordy types only decimals come here: quantile_cont takes numbers
// alone.
func (f *sorted) neighbours(s *Slot, p span, k int) (low, high float64) {
	next := min(k+1, p.j-p.i-1)
	if f.wordy() {
		rows := f.ordered(p)
		scale := f.c.Type.Scale
		return f.c.Decimals[rows[k]].Float(scale), f.c.Decimals[rows[next]].Float(scale)
	}
	f.settle()
	a, b := f.ranks.pair(s.window, p.i, p.j, k)
	return f.float(a), f.float(b)
}

// float is the double that a key stands for.
func (f *sorted) float(key uint64) float64 {
	if f.c.Type.Kind == event.Double {
		return floatOfKey(key)
	}
	return float64(int64(key ^ 1<<63))
}

// best appends the list of the k greatest, descending, or least, ascending.
// Equal values are equal bits, so that which of them is left out at the border
// cannot be seen. Complementing keys turns greatest first into least first, and
// one selection serves both.
func (f *sorted) best(s *Slot, p span, out *event.Column) {
	n := min(s.N, p.j-p.i)
	if f.wordy() {
		rows := f.ordered(p)
		for k := range n {
			if s.Aggregate == TopK {
				k = len(rows) - 1 - k
			}
			appendValue(out.Elem, f.c, int(rows[k]))
		}
		out.EndList()
		return
	}
	f.settle()
	f.keys = append(f.keys[:0], f.all[p.i:p.j]...)
	if s.Aggregate == TopK {
		for i := range f.keys {
			f.keys[i] = ^f.keys[i]
		}
	}
	if n < len(f.keys) {
		selectKey(f.keys, n-1)
	}
	best := f.keys[:n]
	slices.Sort(best)
	for _, k := range best {
		if s.Aggregate == TopK {
			k = ^k
		}
		f.putKey(out.Elem, k)
	}
	out.EndList()
}

// putKey appends the value that a key stands for; it is the inverse of fill.
func (f *sorted) putKey(out *event.Column, key uint64) {
	if f.c.Type.Kind == event.Double {
		out.AppendFloat(floatOfKey(key))
		return
	}
	out.AppendInt(int64(key ^ 1<<63))
}

// settle makes the keys of new rows. They are unsigned integers in the order of
// the values (S8.1, S16.6), with NaN greatest, so that selection compares words
// and knows no types.
func (f *sorted) settle() {
	for k := len(f.all); k < f.t.len(); k++ {
		if i := f.t.row(k); f.c.Type.Kind == event.Double {
			f.all = append(f.all, floatKey(f.c.Floats[i]))
		} else {
			f.all = append(f.all, uint64(f.c.Ints[i])^1<<63)
		}
	}
}

// ordered returns the range's rows by value, equal ones in content order.
func (f *sorted) ordered(p span) []int32 {
	f.order = f.order[:0]
	for k := p.i; k < p.j; k++ {
		f.order = append(f.order, int32(f.t.row(k)))
	}
	slices.SortStableFunc(f.order, func(a, b int32) int { return event.Compare(f.c, int(a), f.c, int(b)) })
	return f.order
}

// selectKey puts the key of rank k in its place, with none greater before it
// and none less behind, and returns it (Hoare's quickselect, pivot the median
// of three). Short stretches are sorted outright. The pivot is chosen by place
// and not at random, as answers to equal questions should cost the same; a
// hostile order costs O(n^2) time, but no order changes the key.
func selectKey(a []uint64, k int) uint64 {
	lo, hi := 0, len(a)-1
	for hi-lo > 12 {
		mid := lo + (hi-lo)/2
		pivot := max(min(a[lo], a[hi]), min(max(a[lo], a[hi]), a[mid]))
		i, j := lo, hi
		for i <= j {
			for a[i] < pivot {
				i++
			}
			for a[j] > pivot {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return a[k]
		}
	}
	slices.Sort(a[lo : hi+1])
	return a[k]
}

// keep marks what a lifetime's answer may still need: the k best, or, for a
// quantile, every row. A quantile over a lifetime is thus not bounded by
// Forget: any value may come to be the median.
func (f *sorted) keep(s *Slot, n int, mark func(row int)) {
	if s.Aggregate == QuantileCont || s.Aggregate == QuantileDisc {
		for k := range n {
			mark(f.t.row(k))
		}
		return
	}
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		c := event.Compare(f.c, f.t.row(a), f.c, f.t.row(b))
		if s.Aggregate == TopK {
			return -c
		}
		return c
	})
	for _, k := range order[:min(n, s.N)] {
		mark(f.t.row(k))
	}
}
