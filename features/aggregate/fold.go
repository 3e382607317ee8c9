package aggregate

import "github.com/timeseam/timeseam/features/event"

// A fold answers an aggregate over any range of a track's rows. It is derived
// from the track and catches up when it is asked; how it does that is its own
// affair, its meaning is the plain scan of the range. A run calls changed as it
// settles and value, keep and absorb only on a settled track; all from the
// goroutine that owns the run. No call asks for rows in any order: windows
// overlap, end below t, and stand still.
//
// There is no method to remove a value. A sliding window that adds and
// subtracts keeps the errors of doubles, and a NaN for ever (S8.2); ranges of a
// prefix or a pyramid do not.
type fold interface {
	// changed says that the track's rows from the given one on are new, gone or
	// elsewhere; those before are as they were.
	changed(from int)
	// value appends to out the aggregate of rows i to j-1, of which there is at
	// least one, or which stand on what was absorbed where whole is true.
	value(s *Slot, r span, out *event.Column)
	// keep marks those of the first n rows, by their places in the run, without
	// which a window that has settled on them could not be answered; the others
	// will be absorbed.
	keep(s *Slot, n int, mark func(row int))
	// absorb takes row k, which is about to leave the run, into the base that
	// stands for all that left.
	absorb(k int)
	// reset makes the fold that of an empty track.
	reset()
}

// span is a range of a track's rows, i to j-1. whole: what was absorbed counts
// too. A range may be empty only where whole is true: then all that it holds
// was absorbed.
type span struct {
	i, j  int
	whole bool
}

// foldKind is the family of folds; aggregates of one family share one fold.
type foldKind uint8

const (
	sumFold foldKind = iota
	momentFold
	minFold
	maxFold
	distinctFold
	sortedFold
	pairFold
	frequencyFold
	groupFold
)

// foldSpec is which fold stands over which track's column; of a pairFold, over
// column and other.
type foldSpec struct {
	kind                 foldKind
	track, column, other int
}

// foldFor returns the fold a slot needs. Counts and picks need none: the range
// tells. Sum, avg and count of one column share a track, and the first two a
// fold; windows need no folds of their own, as a fold answers any range.
func foldFor(s *Slot) (foldSpec, bool) {
	kinds := map[Aggregate]foldKind{CountDistinct: distinctFold, Sum: sumFold, Avg: sumFold, Min: minFold, Max: maxFold,
		VarSamp: momentFold, VarPop: momentFold, StddevSamp: momentFold, StddevPop: momentFold,
		QuantileCont: sortedFold, QuantileDisc: sortedFold, TopK: sortedFold, BottomK: sortedFold,
		ArgMin: minFold, ArgMax: maxFold, DistinctLast: distinctFold, CovarSamp: pairFold, CovarPop: pairFold, Corr: pairFold,
		Mode: frequencyFold, TopKFrequent: frequencyFold, Histogram: frequencyFold, Entropy: frequencyFold}
	kind, ok := kinds[s.Aggregate]
	if !ok {
		return foldSpec{}, false
	}
	spec := foldSpec{kind: kind, track: s.track, column: s.Args[0]}
	if s.Aggregate.Decided() {
		spec.column = s.Args[len(s.Args)-1]
	}
	if kind == pairFold {
		spec.other = s.Args[1]
	}
	return spec, true
}

// newFold makes the fold of spec over a track, the run's or a group's, and the
// run's columns. It keeps pointers to both: the run's tracks and columns must
// therefore never be reallocated.
func newFold(spec foldSpec, t *track, r *Run) fold {
	c := &r.columns[spec.column]
	switch spec.kind {
	case sumFold:
		return &sums{t: t, c: c, counts: r.counts}
	case momentFold:
		return &moments{sums: sums{t: t, c: c, counts: r.counts, squared: true}}
	case minFold:
		return newExtremes(t, c, r.columns, false)
	case maxFold:
		return newExtremes(t, c, r.columns, true)
	case distinctFold:
		return &distinct{t: t, c: c}
	case pairFold:
		return newPairs(t, c, &r.columns[spec.other], r.counts)
	case frequencyFold:
		return &frequencies{t: t, c: c}
	}
	return &sorted{t: t, c: c}
}
