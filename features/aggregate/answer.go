package aggregate

import (
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features/event"
)

// Ask is questions to one key: their instants, and of each the row of the answers
// that is its own. Instants may come in any order; rising ones are cheapest.
type Ask struct {
	Times []event.Time
	Rows  []int32
}

// located is where a window's ranges lie among the rows of the run, one a
// question.
type located struct{ i, j []int32 }

// desk is what Values works with; nothing of it is needed once all is answered. A
// table has a run for every key and one desk for all of them.
type desk struct {
	rows    []int32        // of the questions that are noted
	ranges  []located      // of each window
	asked   asked          // of the slot that is being answered
	taken   [2][]int32     // its ranges, where its track leaves rows out
	picked  []int32        // the row of the run that each question gets, -1: none
	answers []event.Column // of each slot, answers on their way to their rows
}

// Share has a run work at the desk of another of its layout. One goroutine must own
// both.
func (r *Run) Share(with *Run) { r.desk = with.ready() }

// ready returns the run's desk.
func (r *Run) ready() *desk {
	if r.desk == nil {
		r.desk = &desk{ranges: make([]located, len(r.layout.windows)), answers: make([]event.Column, len(r.layout.Slots))}
		for i := range r.desk.answers {
			r.desk.answers[i] = event.Make(r.layout.Slots[i].Type)
		}
	}
	return r.desk
}

// hint is where a window's range was last: a place to start looking, never an
// answer.
type hint struct{ i, j int }

// asked is ranges of a track's rows, i[k] to j[k]-1 for the question whose answer
// stands in row rows[k].
type asked struct {
	i, j, rows []int32
	whole      bool  // what was absorbed counts too
	dropped    int64 // rows that were, if it does
}

// span is the range of question k.
func (a *asked) span(k int) span { return span{int(a.i[k]), int(a.j[k]), a.whole} }

// stand is a track, the run's own or that of a group, and the fold over it; nil
// where the range alone tells.
type stand struct {
	t *track
	f fold
}

// many is a fold that can answer all ranges of a slot in one loop. What it puts is
// what value gives for each of them. false: these it cannot, and has put nothing.
type many interface {
	values(s *Slot, a *asked, out *event.Column) bool
}

// Values puts into out, one column a slot, what is known at some instants of the
// events in the run. None may be before the last Forget's. Columns of single
// values have their rows already, as Layout.Answers makes them; lists, maps and
// structs are appended in the order of the questions. It writes to folds and
// hints, none of which a later Values could see (I2).
//
// Questions come together so that what all of them share, the fold, the kind of
// the column, is looked up once for all and not for each.
func (r *Run) Values(a Ask, out []event.Column) {
	r.Note(a)
	r.Answer(out)
}

// Note notes questions to the key at hand, of which Insert may bring no event before
// they are answered. It returns how many are noted.
func (r *Run) Note(a Ask) int { return r.locate(a, 0) }

// Answer is Values of all questions that were noted, of whatever keys.
func (r *Run) Answer(out []event.Column) {
	r.settle()
	r.answerAll(out)
}

// answerAll puts what the slots have over the ranges at which their windows were
// located, and forgets the questions.
func (r *Run) answerAll(out []event.Column) {
	rows := r.desk.rows
	r.desk.rows = rows[:0]
	for _, s := range r.layout.order {
		slot := &r.layout.Slots[s]
		a := r.askedOf(slot, rows)
		if slot.Aggregate == Count && len(slot.By) == 0 {
			a.counts(slot, &out[s])
			continue
		}
		at := stand{t: &r.tracks[slot.track]}
		if slot.fold >= 0 {
			at.f = r.folds[slot.fold]
		} else if slot.one() {
			r.pickAll(slot, a, at.t, &out[s])
			continue
		}
		if quick, can := at.f.(many); !can || !quick.values(slot, a, &out[s]) {
			r.each(s, a, at, &out[s])
		}
	}
}

// counts puts how many rows each range has: the plain loop of what answer says.
func (a *asked) counts(s *Slot, out *event.Column) {
	for k, row := range a.rows {
		if n := int64(a.j[k]-a.i[k]) + a.dropped; n >= s.MinCount {
			out.Ints[row] = n
		} else {
			putNull(out, row)
		}
	}
}

// each answers one question after the other. Folds append; single values go to
// their rows from there.
func (r *Run) each(slot int, a *asked, at stand, out *event.Column) {
	s, to := &r.layout.Slots[slot], out
	if single(out.Type) {
		to = &r.desk.answers[slot]
		null := to.Null[:0] // kept, once there was a null
		truncate(to, 0)
		to.Null, to.Dict = null, nil
	}
	for k := range a.i {
		if len(s.By) > 0 {
			at.f.value(s, a.span(k), to)
		} else {
			r.answer(s, a.span(k), at, to)
		}
	}
	if to != out {
		putAll(out, a.rows, to)
	}
}

// locate finds the rows [i, j) of every window at each of the instants. Events at
// and above the upper end are in the run and stay outside of [i, j) (A2, S3.7).
// Windows that end alike, as those of a view do, are searched for one end. A rows
// window counts back from its end over all rows of the run, before filters and
// nulls (S3.4). own is how many rows of the question itself stand at its instant,
// which windows that end there hold too. Ranges stand behind those of questions
// that were noted before; it returns how many there are now.
func (r *Run) locate(a Ask, own int) int {
	d, first := r.ready(), int32(r.first)
	noted := len(d.rows)
	d.rows = append(d.rows, a.Rows...)
	for w := range d.ranges {
		at, win := &d.ranges[w], &r.layout.windows[w]
		at.i = extend(at.i, noted, len(a.Times))
		if like := r.layout.ends[w]; like < w {
			at.j = d.ranges[like].j
		} else {
			at.j = extend(at.j, noted, len(a.Times))
			r.locateEnds(w, a.Times, at.j[noted:], own)
		}
		lows, highs := at.i[noted:], at.j[noted:]
		switch near := r.hints[w].i; {
		case win.Length > 0:
			for k, t := range a.Times {
				lo, _ := win.Bounds(t)
				near = r.search(lo, near)
				lows[k] = min(int32(near), highs[k])
			}
			r.hints[w].i = near
		case win.Rows > 0:
			for k, j := range highs {
				lows[k] = max(first, j-int32(min(win.Rows, len(r.times))))
			}
		default:
			for k := range lows {
				lows[k] = first
			}
		}
	}
	return len(d.rows)
}

// locateEnds finds the upper ends of a window's ranges.
func (r *Run) locateEnds(w int, times []event.Time, ends []int32, own int) {
	win := &r.layout.windows[w]
	if !win.HoldsOwn() {
		own = 0
	}
	near := r.hints[w].j
	for k, t := range times {
		_, hi := win.Bounds(t)
		near = r.search(hi, near)
		ends[k] = int32(near + own)
	}
	r.hints[w].j = near
}

// resize is v with n entries of unknown content.
func resize(v []int32, n int) []int32 { return extend(v, 0, n) }

// extend is the first entries of v, and n more of unknown content.
func extend(v []int32, first, n int) []int32 { return slices.Grow(v[:first], n)[:first+n] }

// searchSteps is how many rows search passes one by one before it strides.
const searchSteps = 16

// search returns the key's first row whose time is t or later, looking outward from
// near: some rows on one by one, and from there in steps that double. With d
// rows between near and the answer it costs O(log d): queries of a key come in
// rising order, so that the next answer mostly lies a few rows on (exponential
// search, Bentley and Yao 1976). Any near is right; only the time to find differs.
func (r *Run) search(t event.Time, near int) int {
	times := r.times
	near = min(near, len(times))
	if near > r.first && times[near-1] >= t {
		return r.searchBack(t, near-1)
	}
	for end := min(near+searchSteps, len(times)); near < end; near++ {
		if times[near] >= t {
			return near
		}
	}
	lo, hi := near, len(times) // all rows before lo are earlier
	for step := searchSteps; lo < hi; step *= 2 {
		if k := lo + step - 1; k >= hi {
			break
		} else if times[k] >= t {
			hi = k
			break
		}
		lo += step
	}
	return lo + sort.Search(hi-lo, func(k int) bool { return times[lo+k] >= t })
}

// searchBack is search where row hi is not earlier.
func (r *Run) searchBack(t event.Time, hi int) int {
	lo := r.first
	for step := 1; hi > lo; step *= 2 {
		k := max(hi-step, lo)
		if r.times[k] < t {
			lo = k + 1
			break
		}
		hi = k
	}
	return lo + sort.Search(hi-lo, func(k int) bool { return r.times[lo+k] >= t })
}

// askedOf maps the ranges of a slot's window onto the rows its track takes.
func (r *Run) askedOf(s *Slot, rows []int32) *asked {
	d, t := r.desk, &r.tracks[s.track]
	at, a := &d.ranges[s.window], &d.asked
	// Field by field: as one value it would be made beside and copied, for every slot.
	if a.i, a.j, a.rows, a.whole, a.dropped = at.i, at.j, rows, s.Window.Lifetime, 0; a.whole {
		a.dropped = t.dropped
	}
	if !t.partial {
		return a
	}
	i, j := resize(d.taken[0], len(rows)), resize(d.taken[1], len(rows))
	for k := range rows {
		i[k], j[k] = t.rank[a.i[k]], t.rank[a.j[k]]
	}
	d.taken, a.i, a.j = [2][]int32{i, j}, i, j
	return a
}

// answer appends one slot's value over a range of a track. The order of the
// cases is the meaning: min_count makes even a count null (S7.3); else nothing
// taken is 0 for counts and null for the rest (S15.1). A fold is thus never
// asked about an empty range, unless absorbed rows stand behind it.
func (r *Run) answer(s *Slot, p span, at stand, out *event.Column) {
	taken := int64(p.j - p.i)
	if p.whole {
		taken += at.t.dropped
	}
	switch {
	case taken < s.MinCount:
		out.AppendNull()
	case s.Aggregate == Count:
		out.AppendInt(taken)
	case taken == 0 && s.Aggregate == CountDistinct:
		out.AppendInt(0)
	case p.i == p.j && !s.Aggregate.additive():
		out.AppendNull()
	case taken == 0:
		out.AppendNull()
	case at.f != nil:
		at.f.value(s, p, out)
	default:
		r.pick(s, at.t, p, out)
	}
}

// Answers returns empty columns for the slots, with n rows for those that give
// single values.
func (l *Layout) Answers(n int) []event.Column { return l.AnswersIn(nil, n) }

// AnswersIn is Answers with columns in memory that nobody looks at any more.
func (l *Layout) AnswersIn(memory []event.Column, n int) []event.Column {
	out := slices.Grow(memory[:0], len(l.Slots))[:len(l.Slots)]
	var ints room[int64]
	var floats room[float64]
	if n <= fewAnswers {
		ints, floats = make([]int64, 0, n*len(out)), make([]float64, 0, n*len(out))
	}
	for i := range out {
		out[i] = event.Make(l.Slots[i].Type)
		switch c := &out[i]; c.Type.Kind {
		case event.Double:
			c.Floats = floats.take(n)
		case event.Decimal:
			c.Decimals = make([]event.Int128, n)
		case event.String, event.Bytes:
			c.Codes = make([]uint32, n)
		case event.Bool, event.Int, event.Date, event.Timestamp:
			c.Ints = ints.take(n)
		}
	}
	return out
}

// fewAnswers are so few that their vectors lie in one piece of memory: a question to
// one key has as many vectors as slots, of one row each.
const fewAnswers = 16

// room is memory that vectors are cut from.
type room[T any] []T

// take is a vector of n zeros.
func (r *room[T]) take(n int) []T {
	if cap(*r)-len(*r) < n {
		return make([]T, n)
	}
	from := len(*r)
	*r = (*r)[:from+n]
	return (*r)[from : from+n : from+n]
}

// single reports whether a value of the type is one entry of one vector, which can
// be put anywhere.
func single(t event.Type) bool {
	switch t.Kind {
	case event.Double, event.Decimal, event.String, event.Bytes, event.Bool, event.Int, event.Date, event.Timestamp:
		return true
	}
	return false
}

// putNull makes a row of single values null. Flags come to be with the first null
// only, so that who reads columns without nulls can skip them whole.
func putNull(out *event.Column, row int32) {
	if out.Null == nil {
		out.Null = make([]bool, out.Len())
	}
	out.Null[row] = true
}

// putAll puts the rows of a column of single values where they belong.
func putAll(out *event.Column, rows []int32, from *event.Column) {
	switch out.Type.Kind {
	case event.Double:
		spread(out.Floats, rows, from.Floats)
	case event.Decimal:
		spread(out.Decimals, rows, from.Decimals)
	case event.String, event.Bytes:
		spread(out.Codes, rows, from.Codes)
		if from.Dict != nil {
			out.Dict = from.Dict
		}
	default:
		spread(out.Ints, rows, from.Ints)
	}
	for k, null := range from.Null {
		if null {
			putNull(out, rows[k])
		}
	}
}

func spread[T any](to []T, rows []int32, from []T) {
	for k, row := range rows {
		to[row] = from[k]
	}
}
