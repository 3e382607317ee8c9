package main

import (
	"cmp"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// labelled is a label over the rows of a sample: for each its rank among the
// label's values, and -1 where it is not known.
type labelled struct {
	name    string
	ranks   []int32
	classes int
	half    []bool // by row: where the order of categories is learned, and where it is tried
	known   int64
	other   int64 // rows that have not the commonest value
}

// newLabelled ranks the first n values of a label. false: it has more than two
// values that have no order, as texts.
func newLabelled(name string, values *event.Column, half []bool) (*labelled, bool) {
	l := &labelled{name: name, ranks: make([]int32, len(half)), half: half}
	ranks, classes := denseRanks(values, len(half))
	if text := values.Type.Text(); text && classes > 2 || !values.Type.Scalar() {
		return l, false
	}
	l.ranks, l.classes = ranks, classes
	counts := make([]int64, classes)
	for _, r := range ranks {
		if r >= 0 {
			counts[r]++
			l.known++
		}
	}
	if classes > 0 {
		l.other = l.known - slices.Max(counts)
	}
	return l, true
}

// denseRanks is the rank of each of the first n values among those there are, and
// how many there are; -1 is null.
func denseRanks(c *event.Column, n int) (ranks []int32, distinct int) {
	order := make([]int32, 0, n)
	for i := range n {
		if !c.IsNull(i) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return event.Compare(c, int(a), c, int(b)) })
	ranks = slices.Repeat([]int32{-1}, n)
	for k, row := range order {
		if k == 0 || event.Compare(c, int(order[k-1]), c, int(row)) != 0 {
			distinct++
		}
		ranks[row] = int32(distinct - 1)
	}
	return ranks, distinct
}

// agreement is rows of different labels, two by two: how many there are, and in how many
// the row of the greater label has the greater value. All is counted twice, so
// that a tie is a half.
type agreement struct{ agreed, all int64 }

// share is the area under the curve (AUC): for a label of two values the chance
// that a positive row has a greater value than a negative one, ties half.
func (p agreement) share() float64 {
	if p.all == 0 {
		return 0.5
	}
	return float64(p.agreed) / float64(p.all)
}

// pairsOf counts the pairs among the rows that take takes, from ranks of values and
// of labels, exactly and in n log n steps.
func (l *labelled) pairsOf(values []int32, take func(row int) bool) (p agreement) {
	var rows []int32
	for row, r := range l.ranks {
		if r >= 0 && take(row) {
			rows = append(rows, int32(row))
		}
	}
	slices.SortFunc(rows, func(a, b int32) int { return cmp.Compare(values[a], values[b]) })
	below := make(sums, l.classes+1) // labels of the rows with less than the value
	equal := map[int32]int64{}       // labels of those with the value
	counts := make([]int64, l.classes)
	for i := 0; i < len(rows); {
		j := i
		clear(equal)
		for ; j < len(rows) && values[rows[j]] == values[rows[i]]; j++ {
			equal[l.ranks[rows[j]]]++
		}
		same := int64(j - i)
		ties := same * same
		for label, n := range equal {
			p.agreed += 2 * n * below.until(int(label))
			ties -= n * n
		}
		p.agreed += ties / 2
		for label, n := range equal {
			below.add(int(label), n)
			counts[label] += n
		}
		i = j
	}
	n := int64(len(rows))
	p.all = n * n
	for _, k := range counts {
		p.all -= k * k
	}
	return p
}

// sums is numbers by place whose sums from the first on are quickly told and
// changed (a Fenwick tree).
type sums []int64

// add adds to place i.
func (s sums) add(i int, n int64) {
	for i++; i < len(s); i += i & -i {
		s[i] += n
	}
}

// until is the sum of the places before i.
func (s sums) until(i int) (n int64) {
	for ; i > 0; i -= i & -i {
		n += s[i]
	}
	return n
}

// toldBy is how well a column's values from row `from` on tell the label: 0.5 is not
// at all, 1 wholly, whichever way round. Values that have an order are ranked, nulls
// below or above all of them, whichever tells more. Of others each value is a
// category, null too: the categories are ordered by one half of the rows and tried
// on the other, as a category that is its row's alone would else tell everything.
func (l *labelled) toldBy(c *event.Column, from int) float64 {
	view := event.Make(c.Type)
	for i := range l.ranks {
		view.Append(c, from+i)
	}
	switch c.Type.Kind {
	case event.Bool, event.Int, event.Double, event.Decimal, event.Date, event.Timestamp:
		ranks, distinct := denseRanks(&view, len(l.ranks))
		best := l.eitherWay(ranks)
		if i := slices.Index(ranks, -1); i >= 0 {
			for row, r := range ranks {
				if r < 0 {
					ranks[row] = int32(distinct)
				}
			}
			best = max(best, l.eitherWay(ranks))
		}
		return best
	}
	var p agreement
	for _, half := range []bool{false, true} {
		tried := l.pairsOf(l.learned(&view, half), func(row int) bool { return l.half[row] == half })
		p.agreed, p.all = p.agreed+tried.agreed, p.all+tried.all
	}
	return max(p.share(), 0.5)
}

func (l *labelled) eitherWay(ranks []int32) float64 {
	share := l.pairsOf(ranks, func(int) bool { return true }).share()
	return max(share, 1-share)
}

// learned ranks the rows' categories by the mean label that each has in the other
// half of the rows; one that is not met there has the mean of all.
func (l *labelled) learned(c *event.Column, half bool) []int32 {
	type mean struct{ sum, n float64 }
	var all mean
	of := map[string]mean{}
	key := func(row int) string {
		if c.IsNull(row) {
			return "null"
		}
		return "=" + writtenJSON(c, row)
	}
	for row, r := range l.ranks {
		if r < 0 || l.half[row] == half {
			continue
		}
		k := key(row)
		of[k] = mean{of[k].sum + float64(r), of[k].n + 1}
		all = mean{all.sum + float64(r), all.n + 1}
	}
	scores := event.Make(event.Of(event.Double))
	for row := range l.ranks {
		m, met := of[key(row)]
		if !met {
			m = all
		}
		scores.AppendFloat(m.sum / max(m.n, 1))
	}
	ranks, _ := denseRanks(&scores, len(l.ranks))
	return ranks
}
