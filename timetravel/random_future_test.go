package timetravel_test

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// leak alters all that one question may not know, and says which feature of it,
// or of a question that knows no more, has changed: none may (S4.4). It is told
// by the engine alone, so that a meaning that it shares with the naive evaluator
// is caught too.
func (c randomCase) leak(t *testing.T, s *spec) string {
	d := rand.New(rand.NewPCG(c.future, 3))
	at := s.spine.schema.Index("at")
	asked := s.spine.rows[d.IntN(len(s.spine.rows))]
	if asked[at] == nil {
		return ""
	}
	spine := table{schema: s.spine.schema}
	for _, row := range s.spine.rows {
		if row[at] == nil || instant(row[at]) <= instant(asked[at]) {
			spine.rows = append(spine.rows, row)
		}
	}
	c.labels = nil // they know all there is
	before := c.spec(t)
	before.spine = spine
	after := *before
	after.sources = map[string]table{}
	n, set := newNaive(before.definition, before.set, before.sources, spine)
	for name, of := range before.sources {
		knows := func([]value) bool { return false } // labels alone read them
		if name != "outcomes" {
			knows = n.knows(set, name, asked)
		}
		after.sources[name] = altered(d, of, knows)
	}
	once := driver{"backfill", func(tb testing.TB, s *spec) answers { return s.backfill(tb, feed{workers: 1, batch: 5, parts: 2}) }}
	want := once.answer(t, before)
	want.exact = slices.Repeat([]bool{true}, len(want.schema))
	if r := attempt(t, once, &after, want, nil); r != "" {
		return "altered what the question of row " + identities(asked) + " does not know:\n" + r
	}
	return ""
}

// placing says when a row holds. It stays, so that what is not known is not known
// then either, and versions that follow each other still do.
var placing = []string{"at", "since", "until", "snap", "landed"}

// altered takes away some of the rows that are not known, and puts values of
// others into some.
func altered(d *rand.Rand, t table, knows func(row []value) bool) table {
	to := table{schema: t.schema}
	for _, row := range t.rows {
		what := d.IntN(3)
		switch {
		case knows(row):
		case what == 0:
			continue
		case what == 1:
			row = slices.Clone(row)
			for i, f := range t.schema {
				other := t.rows[d.IntN(len(t.rows))][i]
				switch {
				case d.IntN(2) == 0 || slices.Contains(placing, f.Name) || f.Name == "k" && t.schema.Index("until") >= 0:
				case f.Name == "came":
					row[i] = nil // so it never comes
				default:
					row[i] = other
				}
			}
		}
		to.rows = append(to.rows, row)
	}
	return to
}
