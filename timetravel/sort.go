package timetravel

import "slices"

// compareQueries is the order of a key's questions.
func compareQueries(a, b query) int {
	switch {
	case a.at < b.at || a.at == b.at && a.row < b.row:
		return -1
	case a.at == b.at && a.row == b.row:
		return 0
	}
	return 1
}

// sortQueries sorts a key's questions, which stand in the order of their rows, by
// insertion, as most keys have few, unless that takes more than some moves a question.
func sortQueries(own []query, spare *[]query) {
	budget := 8 * len(own)
	for i := 1; i < len(own); i++ {
		x := own[i]
		j := i
		for ; j > 0 && (x.at < own[j-1].at || x.at == own[j-1].at && x.row < own[j-1].row); j-- {
			own[j] = own[j-1]
		}
		own[j] = x
		if budget -= i - j; budget >= 0 {
			continue
		}
		if len(own) < digitsFrom {
			slices.SortFunc(own, compareQueries)
		} else {
			sortDigits(own, resize(spare, len(own)))
		}
		return
	}
}

// digitsFrom is from how many questions on they are sorted by digits: for fewer, the
// counts of each digit cost more than comparing.
const digitsFrom = 128

// sortDigits sorts questions by the bytes of their instants, from the lowest up, each
// pass keeping what the one before did, so that those of one instant stay in the order
// of their rows, if they stood in it. A byte that all have in common, as the highest are, takes no pass.
func sortDigits(own, spare []query) {
	const digits = 8
	var counts [digits][256]int32
	for i := range own {
		for d := range digits {
			counts[d][own[i].at.Digit(d)]++
		}
	}
	from, to := own, spare
	for d := range digits {
		next := &counts[d]
		if next[own[0].at.Digit(d)] == int32(len(own)) {
			continue
		}
		at := int32(0)
		for k, n := range next {
			next[k], at = at, at+n
		}
		for i := range from {
			k := from[i].at.Digit(d)
			to[next[k]] = from[i]
			next[k]++
		}
		from, to = to, from
	}
	if &from[0] != &own[0] {
		copy(own, from)
	}
	if !slices.IsSortedFunc(own, compareQueries) {
		slices.SortFunc(own, compareQueries)
	}
}
