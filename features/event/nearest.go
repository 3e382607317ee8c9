package event

import "strings"

// Nearest returns the candidate closest to word by edits (insert, delete, change,
// swap of neighbours), or "" if none is close enough to be meant. A third of the
// letters may differ, one at least: more and the advice would be about another
// word. Of equally near ones the first is returned, so that faults read the same
// each time.
func Nearest(word string, candidates []string) string {
	best, least := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		d := edits(word, c)
		if strings.EqualFold(word, c) || len(word) >= 3 && strings.HasPrefix(c, word) {
			d = min(d, 1) // the beginning of a name, or another case
		}
		if d < least && (d < len(c) || strings.EqualFold(word, c)) {
			best, least = c, d
		}
	}
	return best
}

// edits is the optimal string alignment distance of a and b. It is the restricted
// Damerau-Levenshtein distance, by dynamic programming over three rows: the swap
// of neighbours looks two rows back. Longer words are given up at once, as a
// definition is foreign text and the work is quadratic.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
