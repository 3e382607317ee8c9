package features

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestArenaBorrowsTexts: an arena that leaves texts in the dictionaries they came in
// answers as a table does that has them all, also where only these texts place
// events of one time. Its answers hold when the dictionaries are gone, and the next
// partition knows nothing of them.
func TestArenaBorrowsTexts(t *testing.T) {
	p, wrong := compileShop(t, "", "l: last(city), f: 'first(row(city, amount))', many: 'last(city, 3)', d: count(distinct city) , m: mode(city)", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	carrying, wrong := compileShop(t, "", "l: last(city), f: 'first(row(city, amount))', many: 'last(city, 3)'", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for _, plan := range []*Plan{p, carrying} {
		v := plan.Views[0]
		if carried := slices.ContainsFunc([]int{0, 1}, v.Layout.Carries); carried != (plan == carrying) {
			t.Fatalf("a text of the plan is carried: %v", carried)
		}
		arena := NewArena(v)
		for partition := range 20 {
			var pieces []Events
			for range 3 {
				pieces = append(pieces, cityEvents(v, 1+rng.IntN(8), rng))
			}
			table, key := NewTable(v), event.Hash{Lo: uint64(partition + 1)}
			got, want := arena.Answers(3), table.Answers(3)
			for _, e := range pieces {
				interned := Events{Times: e.Times, Columns: append([]event.Column{}, e.Columns...)}
				table.Intern(interned.Columns)
				table.Apply(key, interned, 0, len(e.Times))
				arena.Apply(key, brought(arena, e), 0, len(e.Times))
			}
			for at := range event.Time(3) {
				ask := Ask{Times: []event.Time{at + 1}, Rows: []int32{int32(at)}}
				table.Values(key, ask, want)
				arena.Values(key, ask, got)
			}
			arena.Renew(got)
			for _, e := range pieces { // the memory of the events is used again
				for c := range e.Columns {
					if d := e.Columns[c].Dict; d != nil {
						clear(d.Bytes)
					}
				}
			}
			for s := range got {
				for row := range 3 {
					if event.Compare(&got[s], row, &want[s], row) != 0 {
						t.Fatalf("partition %d, slot %d, row %d: another value than the table's", partition, s, row)
					}
				}
			}
		}
	}
}

// brought is events as a driver brings them to an arena.
func brought(s *Store, e Events) Events {
	out := Events{Times: e.Times, Columns: append([]event.Column{}, e.Columns...)}
	for i := range out.Columns {
		c := &out.Columns[i]
		add := s.Borrow(out.Columns, i)
		if !c.Type.Text() {
			continue
		}
		codes := make([]uint32, len(c.Codes))
		for r, code := range c.Codes {
			if !c.IsNull(r) {
				codes[r] = code + add
			}
		}
		c.Codes, c.Dict = codes, &s.Symbols().Dict
	}
	return out
}

// cityEvents is events of few instants and texts, some of them null. The dictionary
// has the texts twice.
func cityEvents(v *PlannedView, n int, rng *rand.Rand) (e Events) {
	for range n {
		e.Times = append(e.Times, event.Time(rng.IntN(3)))
	}
	for _, t := range v.Layout.Columns {
		c := event.Make(t)
		for i := 0; t.Text() && i < 6; i++ {
			c.Dict.Add(fmt.Appendf(nil, "city %d", i%3))
		}
		for range n {
			switch {
			case rng.IntN(4) == 0:
				c.AppendNull()
			case t.Text():
				c.AppendCode(rng.Uint32N(6))
			case t.Kind == event.Double:
				c.AppendFloat(float64(rng.IntN(2)))
			default:
				c.AppendInt(rng.Int64N(2))
			}
		}
		e.Columns = append(e.Columns, c)
	}
	return e
}
