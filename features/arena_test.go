package features

import (
	"fmt"
	"math"
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
			case t.Kind == event.Decimal:
				c.AppendDecimal(event.Int128Of(rng.Int64N(3)))
			default:
				c.AppendInt(rng.Int64N(2))
			}
		}
		e.Columns = append(e.Columns, c)
	}
	return e
}

// TestArenaAsksManyKeys: an arena that notes questions of many keys, which stand one
// behind another in its run then, answers each as a table does that has all keys and
// is asked at once. Keys have no events and many, and windows of every kind; values
// are missing and infinite, of one instant and late; some copies are conflicts.
func TestArenaAsksManyKeys(t *testing.T) {
	const features = "c: count(*), s: sum(amount), a: avg(price), lo: {value: min(amount), window: 3us}, hi: 'max(amount) filter (where n = 1)', " +
		"m: {value: max(n), window: {length: 2us, offset: 1us}}, l: last(city), x: 'arg_min(city, amount)', g: min(price), " +
		"f: {value: 'first(row(n, amount))', window: lifetime}, h: {value: sum(n), window: lifetime}, many: {value: 'last(amount, 3)', window: {rows: 4}}, lag: 'lag(city, 2)'"
	for _, joined := range []bool{true, false} {
		list := features
		if !joined {
			list += ", d: count(distinct city)"
		}
		p, wrong := compileShop(t, "event_id: id", list, "x: at", shopCatalog())
		if wrong != "" {
			t.Fatal(wrong)
		}
		for seed := range uint64(60) {
			compareArena(t, p.Views[0], rand.New(rand.NewPCG(seed, 5)), 1+int(seed%3)*150)
		}
	}
}

// compareArena brings keys in stretches, each followed by questions, to an arena and a
// table.
func compareArena(t *testing.T, v *PlannedView, rng *rand.Rand, keys int) {
	t.Helper()
	arena, table := NewArena(v), NewTable(v)
	got, want := arena.Answers(8*keys), table.Answers(8*keys)
	row := int32(0)
	for k := range keys {
		key := event.Hash{Lo: uint64(k + 1)}
		for range 1 + rng.IntN(2) {
			n := []int{0, 1, 3, 20}[rng.IntN(4)]
			e := cityEvents(v, n, rng)
			for i := range e.Times {
				e.Times[i] = event.Time(rng.IntN(n + 3))
			}
			if rng.IntN(2) == 0 {
				slices.Sort(e.Times)
			}
			for c := range e.Columns {
				if e.Columns[c].Floats != nil && n > 0 && rng.IntN(8) == 0 {
					e.Columns[c].Floats[0], e.Columns[c].Floats[n/2] = math.Inf(1), math.NaN()
				}
			}
			for _, s := range []*Store{arena, table} {
				own := Events{Times: e.Times, Columns: slices.Clone(e.Columns)}
				s.Intern(own.Columns)
				if n > 0 {
					s.Apply(key, own, 0, n)
				}
			}
			ask := Ask{}
			for range rng.IntN(5) {
				ask.Times, ask.Rows = append(ask.Times, event.Time(rng.IntN(n+4))), append(ask.Rows, row)
				row++
			}
			arena.Ask(key, ask, got)
			table.Values(key, ask, want)
		}
	}
	arena.Close()
	for s := range got {
		for r := range min(int(row), got[s].Len(), want[s].Len()) {
			if event.Compare(&got[s], r, &want[s], r) != 0 {
				t.Fatalf("slot %d (%v), row %d: another value than the table's", s, v.Layout.Slots[s].Aggregate, r)
			}
		}
		if got[s].Len() != want[s].Len() {
			t.Fatalf("slot %d: %d answers and not %d", s, got[s].Len(), want[s].Len())
		}
	}
	for _, reason := range []event.Reason{event.Duplicate, event.Conflicting, event.OutOfType} {
		if arena.Counts[reason] != table.Counts[reason] {
			t.Fatalf("%v: counted %d times and not %d", reason, arena.Counts[reason], table.Counts[reason])
		}
	}
}
