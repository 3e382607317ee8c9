package aggregate

import (
	"cmp"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Aggregate names what a slot computes.
type Aggregate uint8

// The aggregates. What each does with nulls, ties and an empty window stands in
// docs/semantics.md, "Aggregates".
const (
	Count Aggregate = iota
	CountDistinct
	Sum
	Avg
	Min
	Max
	VarSamp
	VarPop
	StddevSamp
	StddevPop
	First
	Last
	Lag
	QuantileCont
	QuantileDisc
	TopK
	BottomK
	ArgMin
	ArgMax
	CovarSamp
	CovarPop
	Corr
	Mode
	TopKFrequent
	Histogram
	Entropy
	DistinctLast
)

var aggregateNames = [...]string{"count", "count_distinct", "sum", "avg", "min", "max", "var_samp", "var_pop", "stddev_samp", "stddev_pop",
	"first", "last", "lag", "quantile_cont", "quantile_disc", "top_k", "bottom_k",
	"arg_min", "arg_max", "covar_samp", "covar_pop", "corr", "mode", "top_k_frequent", "histogram", "entropy", "distinct_last"}

// String is the aggregate's name.
func (a Aggregate) String() string { return aggregateNames[a] }

// Ordered reports whether the order of events of one time can change the value.
func (a Aggregate) Ordered() bool {
	return a == First || a == Last || a == Lag || a == DistinctLast || a.Decided()
}

// Decided reports whether the value is that of the one event which the slot's
// last argument decides on.
func (a Aggregate) Decided() bool { return a == ArgMin || a == ArgMax }

// additive reports whether what Forget took out is told by a base; the others
// keep the rows that they need. That decides whether an empty range with a base
// is an answer (sums) or null.
func (a Aggregate) additive() bool {
	return a == Sum || a == Avg || a >= VarSamp && a <= StddevPop || a >= CovarSamp && a <= Entropy
}

// Slot is one aggregate over one window: one column of what a query gets. Slots
// that differ in nothing are one; the compiler sees to it. After Prepare a slot
// is read only.
type Slot struct {
	Aggregate    Aggregate
	Args         []int // run columns: none for count(*), several for row(...); of arg_min and arg_max the last decides
	By           []int // none, or the run column by whose values the answer is a map
	Filter       int   // run column of kind Bool, or -1
	RespectNulls bool  // take rows whose argument is null; of row(...) always
	Window       Window
	N            int     // first, last, lag, top_k and their like: how many
	P            float64 // quantiles: 0..1
	Num, Den     uint64  // quantile_disc: P as it was written, at most 1/1
	List         bool    // first(x, n), last(x, n): a list
	MinCount     int64   // fewer rows taken: null
	Type         event.Type

	window, track, fold int // places in the layout; fold -1: the range alone tells
	inner               int // By: place among the folds of each group; -1: the range alone tells
}

// Order is a run column by which events of one time are ordered.
type Order struct {
	Column int
	Desc   bool
}

// Layout is how the runs of one view are laid out: fixed by the plan, shared by
// all runs of the view. The compiler fills the exported fields; Prepare adds
// the rest. Runs of different goroutines read one layout, so nobody may write
// to it after that.
type Layout struct {
	Columns []event.Type // what a run keeps of each event
	OrderBy []Order      // orders events of one time
	ID      int          // column of the event's id, or -1
	Version []int        // the column by which the greatest of several copies counts; none: their content decides
	Content []int        // the view's columns, in the order in which they break ties
	Slots   []Slot
	Ordered bool // some slot's value can depend on the order of ties

	windows []Window
	ends    []int  // of each window, the first that ends as it does
	last    Window // of these, the one that ends last
	order   []int  // the slots as they are answered
	carried []bool // of each column: texts that are given out and not told apart
	tracks  []trackSpec
	folds   []foldSpec
	inner   [][]foldSpec // of each fold, those that every group of it has
	joins   bool         // runs may hold one key behind another
}

// Prepare finds the windows, tracks and folds that the slots share. It is called
// once, before the first run is made. Sharing is what keeps a feature over many
// windows cheap: one search a distinct window, one index a distinct filter and
// argument, one fold a distinct family and column.
func (l *Layout) Prepare() {
	for i := range l.Slots {
		s := &l.Slots[i]
		s.window = place(&l.windows, s.Window, func(a, b Window) bool { return a == b })
		s.track = place(&l.tracks, newTrackSpec(s), trackSpec.equal)
		l.placeFold(s)
		l.Ordered = l.Ordered || s.Aggregate.Ordered()
		l.order = append(l.order, i)
	}
	for i, w := range l.windows {
		l.ends = append(l.ends, slices.IndexFunc(l.windows, w.endsWith))
		if i == 0 || l.last.endsBefore(w) {
			l.last = w
		}
	}
	// One fold after the other, short windows first: what a fold has found of one
	// window is at hand for the next, which mostly holds it.
	slices.SortStableFunc(l.order, func(a, b int) int {
		s, t := &l.Slots[a], &l.Slots[b]
		return cmp.Or(cmp.Compare(s.fold, t.fold), cmp.Compare(s.track, t.track), cmp.Compare(s.Window.span(), t.Window.span()))
	})
	l.carry()
	l.joins = !slices.ContainsFunc(l.folds, func(f foldSpec) bool { return f.kind != sumFold && f.kind != minFold && f.kind != maxFold })
}

// carry finds the texts that a run only carries to its answers. Their codes need be
// no identity, so that a driver may leave them in the dictionaries that they came
// in; of all others folds, ids and orders make sure of an equal text at every turn.
// What breaks ties by content alone is compared byte by byte, and rarely.
func (l *Layout) carry() {
	l.carried = make([]bool, len(l.Columns))
	for i, t := range l.Columns {
		l.carried[i] = t.Text() && i != l.ID && !slices.Contains(l.Version, i) && !slices.ContainsFunc(l.OrderBy, func(o Order) bool { return o.Column == i })
	}
	for i := range l.Slots {
		s := &l.Slots[i]
		told := s.Args
		switch {
		case s.Aggregate == First || s.Aggregate == Last || s.Aggregate == Lag:
			told = nil
		case s.Aggregate.Decided():
			told = s.Args[len(s.Args)-1:]
		}
		for _, c := range slices.Concat(told, s.By) {
			l.carried[c] = false
		}
	}
}

// Carries reports whether a column is text that is given out and not told apart.
func (l *Layout) Carries(column int) bool { return l.carried[column] }

// Newest reports whether of all events before the upper end of a question's windows,
// which all have the same one, the newest tells every answer: of those of one time
// the last in content order. That holds where no null is in the columns given.
func (l *Layout) Newest() (given []int, is bool) {
	for i := range l.Slots {
		s := &l.Slots[i]
		if s.Aggregate != Last || s.List || len(s.By) > 0 || s.Filter >= 0 || s.MinCount > 1 || l.ends[s.window] != 0 {
			return nil, false
		}
		given = append(given, l.tracks[s.track].nonNull...)
	}
	return given, true
}

// placeFold finds a slot's fold. Slots that answer by one column over one track
// share its groups, and within each group their folds.
func (l *Layout) placeFold(s *Slot) {
	equal := func(a, b foldSpec) bool { return a == b }
	spec, folded := foldFor(s)
	s.fold, s.inner = -1, -1
	if len(s.By) > 0 {
		s.fold = place(&l.folds, foldSpec{kind: groupFold, track: s.track, column: s.By[0]}, equal)
	} else if folded {
		s.fold = place(&l.folds, spec, equal)
	}
	for len(l.inner) < len(l.folds) {
		l.inner = append(l.inner, nil)
	}
	if len(s.By) > 0 && folded {
		s.inner = place(&l.inner[s.fold], spec, equal)
	}
}

// place returns where v stands in list, appending it if it is new. Lists are as
// short as a view has features; a map would need keys that slices in a spec
// forbid.
func place[T any](list *[]T, v T, equal func(a, b T) bool) int {
	if i := slices.IndexFunc(*list, func(u T) bool { return equal(u, v) }); i >= 0 {
		return i
	}
	*list = append(*list, v)
	return len(*list) - 1
}

// Settled returns the time below which, for every instant from at on, no window tells
// an event from another: Forget folds those away. Of a layout whose windows all have
// a length it is the lower end of Reach, below which none counts.
func (l *Layout) Settled(at event.Time) event.Time {
	settled := event.MaxTime
	for _, w := range l.windows {
		settled = min(settled, w.settled(at))
	}
	return settled
}

// Endless reports whether some window reaches back without end, so that what is
// forgotten must be told by bases, or by the rows that a rows window keeps.
func (l *Layout) Endless() bool {
	return slices.ContainsFunc(l.windows, func(w Window) bool { return w.Length == 0 })
}

// Reach returns the times lo <= time < hi outside of which no event can matter to
// queries at instants from first to last. The backfill leaves events outside of
// it unread by any run (events_outside_windows, S17.1), so it must be no
// narrower than any window: the lower end is that of the earliest query, the
// upper that of the latest. Without a window it is empty.
func (l *Layout) Reach(first, last event.Time) (lo, hi event.Time) {
	lo, hi = event.MaxTime, event.MinTime
	for _, w := range l.windows {
		low, _ := w.Bounds(first)
		_, high := w.Bounds(last)
		lo, hi = min(lo, low), max(hi, high)
	}
	return lo, hi
}

// End returns the time from which on no event can matter to a question at an
// instant, nor to one at an earlier one: it is the end of the window that ends
// last.
func (l *Layout) End(at event.Time) event.Time {
	_, hi := l.last.Bounds(at)
	return hi
}
