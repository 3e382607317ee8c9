package aggregate

import (
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features/event"
)

// Run is one key's events of one view, in content order and in columns; before
// them may stand those of keys whose questions are noted (Next). It
// belongs to one goroutine. What it holds of a key is its events and what is
// derived from them: 8 bytes of time, a value a column, some words a fold.
// Nothing bounds that but Forget, or, in a backfill, that one run serves key
// after key.
type Run struct {
	layout  *Layout
	counts  *event.Counts
	first   int // row of the key at hand; all before are other keys'
	times   []event.Time
	columns []event.Column
	tracks  []track
	folds   []fold

	undoing   []undoing
	unsettled int     // rows from here on are not yet in tracks and folds
	withdrawn bool    // tracks and folds may hold a row that is gone
	order     []int32 // scratch of insertTied
	changed   []int   // scratch of settle: each track's first row that changed
	tied      bool
	alone     bool   // stands on bases, or has forgotten: no key may come behind
	flags     []bool // scratch of ValueWith: which columns have null flags
	forgotten event.Time

	hints []hint // where each window's range was last
	desk  *desk
}

// Events is rows to insert: their times and the layout's columns. Text columns
// are coded in the symbols that the run was made with. A run copies what it
// takes; the caller may use the vectors again.
type Events struct {
	Times   []event.Time
	Columns []event.Column
}

// NewRun returns an empty run. Its text columns are coded in symbols; counts
// receives what is noteworthy. The layout must be prepared. Runs may share all
// three as long as one goroutine owns them all.
func NewRun(l *Layout, symbols *event.Symbols, counts *event.Counts) *Run {
	r := &Run{layout: l, counts: counts, forgotten: event.MinTime,
		columns: make([]event.Column, len(l.Columns)), tracks: make([]track, len(l.tracks)), changed: make([]int, len(l.tracks)), flags: make([]bool, len(l.Columns)), hints: make([]hint, len(l.windows))}
	for i, t := range l.Columns {
		r.columns[i] = event.Column{Type: t}
	}
	r.code(symbols)
	for i, s := range l.tracks {
		r.tracks[i].spec = s
	}
	for i, s := range l.folds {
		t := &r.tracks[s.track]
		if s.kind == groupFold {
			r.folds = append(r.folds, newGroups(t, &r.columns[s.column], r, l.inner[i]))
		} else {
			r.folds = append(r.folds, newFold(s, t, r))
		}
		if u, can := r.folds[i].(undoer); can {
			r.undoing = append(r.undoing, undoing{u, t})
		}
	}
	return r
}

// code says which symbols text columns are coded in.
func (r *Run) code(symbols *event.Symbols) {
	for i := range r.columns {
		if r.columns[i].Type.Text() {
			r.columns[i].Dict = &symbols.Dict
		}
	}
}

// Reset makes the run empty, for another key whose text is coded in symbols. It
// keeps its memory. Answers that were given before keep the old symbols and
// stay readable. Folds and hints hold places in rows, so they begin anew too.
func (r *Run) Reset(symbols *event.Symbols) {
	r.times = r.times[:0]
	for i := range r.columns {
		truncate(&r.columns[i], 0)
	}
	r.code(symbols)
	for i := range r.tracks {
		r.tracks[i].reset()
	}
	for _, f := range r.folds {
		f.reset()
	}
	clear(r.hints)
	r.first, r.unsettled, r.tied, r.withdrawn, r.alone, r.forgotten = 0, 0, false, false, false, event.MinTime
	if r.desk != nil {
		r.desk.rows = r.desk.rows[:0]
	}
}

// joinedMost is how many rows other keys may have before a key: enough for what a
// batch of questions shares, and few enough for them to stay in a core's own cache.
const joinedMost = 4096

// Next makes room for another key behind what the run holds, so that questions to
// many keys of a few events each are answered in one go. It can where every fold
// answers a range at the same cost wherever it lies, and rows of other keys are
// but rows outside of it (A2). false: the run must begin anew, with Reset.
func (r *Run) Next() bool {
	if r.alone || !r.layout.joins || len(r.times) > joinedMost {
		return false
	}
	r.first, r.tied = len(r.times), false
	for i := range r.hints {
		r.hints[i] = hint{r.first, r.first}
	}
	return true
}

// Len is the number of events held.
func (r *Run) Len() int { return len(r.times) }

// Insert puts events i to j-1 in their places. Any order will do; coming after
// all others is cheapest. It answers nothing and settles nothing (I2), so that
// a thousand events before a question cost one settling. Stretches that rise in
// time are copied column by column; an event at the time of another goes one by
// one, as only content can place it.
func (r *Run) Insert(e Events, i, j int) {
	for i < j {
		if k := r.following(e, i, j); k > i {
			r.unsettled = min(r.unsettled, len(r.times))
			r.times = append(r.times, e.Times[i:k]...)
			for c := range r.columns {
				appendRows(&r.columns[c], &e.Columns[c], i, k)
			}
			i = k
			continue
		}
		k := i + 1
		for k < j && e.Times[k] == e.Times[i] {
			k++
		}
		r.insertTied(e, i, k)
		i = k
	}
}

// insertTied inserts events i to k-1, all of one time, in content order: each then
// comes after those before it, so that many events of one instant, a day's, cost
// a sort and not a search among all of them each. Of copies the one that stays
// comes first, so that counts do not tell in what order they were stored.
func (r *Run) insertTied(e Events, i, k int) {
	if k-i == 1 {
		r.insert(e, i)
		return
	}
	r.order = r.order[:0]
	for at := i; at < k; at++ {
		r.order = append(r.order, int32(at))
	}
	slices.SortStableFunc(r.order, func(a, b int32) int { return r.compare(e, int(a), e, int(b)) })
	for _, at := range r.order {
		r.insert(e, int(at))
	}
}

// held is the run's own rows, as events.
func (r *Run) held() Events { return Events{Times: r.times, Columns: r.columns} }

// following returns the end of the stretch from i whose times rise strictly
// above all that the run holds. Strictly, since an equal time may be a
// duplicate or a tie (S6, S5). `any` is there because MinTime is a time too.
func (r *Run) following(e Events, i, j int) int {
	last, any := event.MinTime, len(r.times) > r.first
	if any {
		last = r.times[len(r.times)-1]
	}
	for ; i < j; i++ {
		if any && e.Times[i] <= last {
			break
		}
		last, any = e.Times[i], true
	}
	return i
}

// insert puts one event in its place, or resolves it against the one it
// repeats. Events of one time are passed one by one, up to the place: the cost
// grows with how many share an instant.
func (r *Run) insert(e Events, i int) {
	first, tied := slices.BinarySearch(r.times[r.first:], e.Times[i])
	first += r.first
	r.tied = r.tied || tied
	at := first
	if tied {
		if r.repeats(e, i, first) {
			return
		}
		at = r.placeOf(e, i, first)
	}
	r.unsettled = min(r.unsettled, at)
	r.times = slices.Insert(r.times, at, e.Times[i])
	for c := range r.columns {
		insertRow(&r.columns[c], at, &e.Columns[c], i)
	}
}

// tiesEnd is the end of the rows of one time that start at first.
func (r *Run) tiesEnd(first int) int {
	t := r.times[first]
	if r.times[len(r.times)-1] == t {
		return len(r.times)
	}
	return first + sort.Search(len(r.times)-first, func(k int) bool { return r.times[first+k] > t })
}

// placeOf returns where an event belongs among the rows of its time, which start
// at first: behind all that are not greater.
func (r *Run) placeOf(e Events, i, first int) int {
	if first == len(r.times) || r.times[first] != e.Times[i] {
		return first
	}
	held := r.held()
	return first + sort.Search(r.tiesEnd(first)-first, func(k int) bool { return r.compare(e, i, held, first+k) < 0 })
}

// repeats resolves an event that has the time and id of one in the run (S6):
// equal content counts once, of different content the smaller stays, and where
// there are versions the greatest of them whatever the content. It
// reports whether nothing is left to insert. The rows of the event's time
// start at first. The smaller content is kept, not the first or the last that
// came, as only that is the same in every order (I1, A1). A null id has no
// identity (S6.4) and never comes past the first line. At most one row can
// match: of any two that did, one was dropped when it came.
func (r *Run) repeats(e Events, i, first int) bool {
	id := r.layout.ID
	if id < 0 || e.Columns[id].IsNull(i) {
		return false
	}
	at := r.copyOf(e, i, first)
	if at < 0 {
		return false
	}
	c := r.content(e, i, r.held(), at)
	for _, v := range r.layout.Version {
		if newer := event.Compare(&r.columns[v], at, &e.Columns[v], i); newer != 0 {
			r.counts[event.Conflicting]++
			if newer < 0 {
				r.remove(at)
			}
			return newer > 0
		}
	}
	if c == 0 {
		r.counts[event.Duplicate]++
		return true
	}
	r.counts[event.Conflicting]++
	if c > 0 {
		return true
	}
	r.remove(at)
	return false
}

// copyOf returns the row that has the event's time and id, or -1. Without
// order_by the rows of a time are in order of their ids and are searched; with
// it a copy may stand anywhere among them.
func (r *Run) copyOf(e Events, i, first int) int {
	id, end := r.layout.ID, r.tiesEnd(first)
	if len(r.layout.OrderBy) == 0 {
		at := first + sort.Search(end-first, func(k int) bool { return event.Compare(&r.columns[id], first+k, &e.Columns[id], i) >= 0 })
		if at < end && event.Compare(&r.columns[id], at, &e.Columns[id], i) == 0 {
			return at
		}
		return -1
	}
	for at := first; at < end; at++ {
		if event.Compare(&r.columns[id], at, &e.Columns[id], i) == 0 {
			return at
		}
	}
	return -1
}

// compare orders event i of e against event j of f, of the same time (S5). The
// sequence is that of S5.1: order_by with its directions, id, content. Zero
// means interchangeable (S5.4).
func (r *Run) compare(e Events, i int, f Events, j int) int {
	for _, o := range r.layout.OrderBy {
		if c := event.Compare(&e.Columns[o.Column], i, &f.Columns[o.Column], j); c != 0 {
			if o.Desc {
				return -c
			}
			return c
		}
	}
	if id := r.layout.ID; id >= 0 {
		if c := event.Compare(&e.Columns[id], i, &f.Columns[id], j); c != 0 {
			return c
		}
	}
	return r.content(e, i, f, j)
}

// content compares the view's columns, and after them what orders it. It also
// decides between copies that conflict (S6.2), where order_by counts ascending
// whatever its direction: content is what an event is, not how a view reads it.
func (r *Run) content(e Events, i int, f Events, j int) int {
	for _, c := range r.layout.Content {
		if d := event.Compare(&e.Columns[c], i, &f.Columns[c], j); d != 0 {
			return d
		}
	}
	for _, o := range r.layout.OrderBy {
		if d := event.Compare(&e.Columns[o.Column], i, &f.Columns[o.Column], j); d != 0 {
			return d
		}
	}
	for _, v := range r.layout.Version {
		if d := event.Compare(&e.Columns[v], i, &f.Columns[v], j); d != 0 {
			return d
		}
	}
	return 0
}

func (r *Run) remove(at int) {
	r.unsettled = min(r.unsettled, at)
	r.times = slices.Delete(r.times, at, at+1)
	for c := range r.columns {
		removeRow(&r.columns[c], at)
	}
}

// settle brings tracks and folds up to the events. Tracks come first: a fold is
// told which of its track's rows changed, and reads them itself when it is next
// asked. A fold that nobody asks is never brought up.
func (r *Run) settle() {
	if r.unsettled == len(r.times) && !r.withdrawn {
		return
	}
	r.withdrawn = false
	for t := range r.tracks {
		r.changed[t] = r.tracks[t].settle(r, r.unsettled)
	}
	for f, spec := range r.layout.folds {
		r.folds[f].changed(r.changed[spec.track])
	}
	r.unsettled = len(r.times)
}

// Ties returns how many events stand beside one that only content orders (S5).
// Events equal in everything are interchangeable and do not count. Only a
// complete run can tell: a later event may remove one of a pair or stand
// between two. So it is asked once, when the key is done, and scans only where
// some times were equal.
func (r *Run) Ties() (n int64) {
	if !r.tied || !r.layout.Ordered {
		return 0
	}
	held := r.held()
	for i := r.first + 1; i < len(r.times); i++ {
		if r.times[i] == r.times[i-1] && r.indistinct(i) && r.content(held, i, held, i-1) != 0 {
			n++
		}
	}
	return n
}

// indistinct reports whether neither order_by nor id tells row i from the one
// before it.
func (r *Run) indistinct(i int) bool {
	for _, o := range r.layout.OrderBy {
		if event.Compare(&r.columns[o.Column], i, &r.columns[o.Column], i-1) != 0 {
			return false
		}
	}
	id := r.layout.ID
	return id < 0 || event.Compare(&r.columns[id], i, &r.columns[id], i-1) == 0
}

// Forget lets go of what no query at an instant from at on can tell apart: rows
// before every window, and rows that a lifetime needs only as part of a sum.
// It changes no value. The caller promises to ask of no instant before at
// again; later ones, and events that come late, are served as ever, but for
// what a late copy of a forgotten event would have been (S6). It costs O(rows),
// so it is called now and then and not for every event (I5).
func (r *Run) Forget(at event.Time) {
	r.settle()
	r.alone = true
	n, _ := slices.BinarySearch(r.times, r.layout.Settled(at))
	if kept := r.kept(n); kept != nil {
		r.drop(n, kept)
	}
	r.forgotten = max(r.forgotten, at)
}

// kept marks which of the first n rows must stay; nil where all must. A row
// stays if any slot needs it. Windows of a length need none of the first n, as
// settled says; a lifetime's count needs only how many there were.
func (r *Run) kept(n int) []bool {
	kept := make([]bool, n)
	for s := range r.layout.Slots {
		slot := &r.layout.Slots[s]
		t := &r.tracks[slot.track]
		switch {
		case slot.Window.Rows > 0:
			for i := max(0, n-slot.Window.Rows); i < n; i++ {
				kept[i] = true
			}
		case slot.Window.Lifetime && slot.fold >= 0:
			r.folds[slot.fold].keep(slot, t.at(n), func(row int) { kept[row] = true })
		case slot.Window.Lifetime && slot.Aggregate != Count:
			keepPicked(slot, t, t.at(n), func(row int) { kept[row] = true })
		}
	}
	if slices.Contains(kept, false) {
		return kept
	}
	return nil
}

// drop takes the rows of the first n that are not kept out of the run and into
// the bases. Folds take in what leaves before any row moves, since absorb reads
// the row where it stands. Every track counts its own rows, as filters and
// nulls differ. Where no window reaches back without end nothing needs a base, and
// a run without rows is as one that there never was.
func (r *Run) drop(n int, kept []bool) {
	for t := range r.tracks {
		if !r.layout.Endless() {
			break
		}
		track := &r.tracks[t]
		for k := range track.at(n) {
			if kept[track.row(k)] {
				continue
			}
			track.dropped++
			for f, spec := range r.layout.folds {
				if spec.track == t {
					r.folds[f].absorb(k)
				}
			}
		}
	}
	to := 0
	for i := range r.times {
		if i >= n || kept[i] {
			r.times[to] = r.times[i]
			for c := range r.columns {
				moveRow(&r.columns[c], to, i)
			}
			to++
		}
	}
	r.times = r.times[:to]
	for c := range r.columns {
		truncate(&r.columns[c], to)
	}
	r.resettle()
}

// resettle rebuilds tracks and folds from the first row. All places have
// changed, so nothing derived may be kept (A3); what was dropped is no place
// and survives. Hints may be beyond the end now, which search allows for.
func (r *Run) resettle() {
	for t := range r.tracks {
		tr := &r.tracks[t]
		dropped := tr.dropped
		tr.reset()
		tr.dropped = dropped
		tr.settle(r, 0)
	}
	for f := range r.folds {
		r.folds[f].changed(0)
	}
	r.unsettled = len(r.times)
}
