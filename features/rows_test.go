package features

import (
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestNothingIsCountedOfRowsThatAreOut: a row that fails where, or has no time or
// key, goes through no expression of the view, so that what it would divide by
// zero counts nowhere (S7.5).
func TestNothingIsCountedOfRowsThatAreOut(t *testing.T) {
	p, wrong := compileShop(t, "", "s: sum(amount / n)", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	filtered, wrong := compileShop(t, "", "s: 'sum(amount / n) filter (where n > 0)'", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	for _, c := range []struct {
		name             string
		plan             *Plan
		key, time        bool // the row has them
		divisions, noKey int64
		noTime           int64
	}{
		{"taken", p, true, true, 1, 0, 0},
		{"taken by a view whose filter leaves it out", filtered, true, true, 1, 0, 0},
		{"without key", p, false, true, 0, 1, 0},
		{"without time", p, true, false, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.plan.Inputs[0]
			b := &event.Batch{Len: 1}
			for _, f := range in.Columns {
				col := event.Make(f.Type)
				switch {
				case f.Name == "account_id" && !c.key, f.Name == "at_time" && !c.time:
					col.AppendNull()
				case f.Type.Kind == event.String:
					col.AppendText([]byte("a"))
				case f.Type.Kind == event.Double:
					col.AppendFloat(1)
				default:
					col.AppendInt(0)
				}
				b.Columns = append(b.Columns, col)
			}
			st := c.plan.NewState()
			st.Apply(0, b)
			if st.Counts[event.DivisionByZero] != c.divisions || st.Counts[event.NoKey] != c.noKey || st.Counts[event.NoTime] != c.noTime {
				t.Errorf("%d divisions by zero, %d without key, %d without time; want %d, %d, %d", st.Counts[event.DivisionByZero], st.Counts[event.NoKey], st.Counts[event.NoTime], c.divisions, c.noKey, c.noTime)
			}
		})
	}
}

// TestZerosHaveNoSign, not even inside a struct (S8.4).
func TestZerosHaveNoSign(t *testing.T) {
	p, wrong := compileShop(t, "", "s: sum(amount)", "'r': row(-request.amount as a)", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	b := &event.Batch{Len: 1}
	for _, f := range p.Queries.Columns {
		col := event.Make(f.Type)
		switch f.Type.Kind {
		case event.String:
			col.AppendText([]byte("a"))
		case event.Double:
			col.AppendFloat(0)
		default:
			col.AppendInt(5)
		}
		b.Columns = append(b.Columns, col)
	}
	outs := p.NewState().Value(b)
	r := outs[p.Outputs.Index("more__r")]
	if x := r.Fields[0].Floats[0]; 1/x < 0 {
		t.Errorf("a negative zero came out")
	}
}

// TestTimedColumns: a column that is the event's time is known to be it where all rows
// are taken, and is said to be nowhere else.
func TestTimedColumns(t *testing.T) {
	p, wrong := compileShop(t, "", "s: 'last(row(at_time, amount))'", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	for _, null := range []bool{false, true} {
		b := &event.Batch{Len: 3}
		for _, f := range p.Inputs[0].Columns {
			col := event.Make(f.Type)
			for i := range b.Len {
				switch {
				case null && i == 1 && f.Name == "at_time":
					col.AppendNull()
				case f.Type.Kind == event.String:
					col.AppendText([]byte("a"))
				case f.Type.Kind == event.Double:
					col.AppendFloat(1)
				default:
					col.AppendInt(int64(i))
				}
			}
			b.Columns = append(b.Columns, col)
		}
		var n event.Counts
		rows, timed := p.Views[0].Rows(b, &n), 0
		for i, is := range rows.Timed {
			if !is {
				continue
			}
			timed++
			for k, at := range rows.Times {
				if rows.Columns[i].Ints[k] != int64(at) {
					t.Errorf("column %d, row %d: %d, and the time is %d", i, k, rows.Columns[i].Ints[k], at)
				}
			}
		}
		if want := map[bool]int{false: 1, true: 0}[null]; timed != want {
			t.Errorf("with a null %v: %d columns are the time, want %d", null, timed, want)
		}
	}
}

// TestTakeLeavesKeysInTheirDictionary has Take and Rows give one key for every row,
// whether some have none, and whether some are left out.
func TestTakeLeavesKeysInTheirDictionary(t *testing.T) {
	p, wrong := compileShop(t, "", "s: sum(amount)", "x: at", shopCatalog())
	if wrong != "" {
		t.Fatal(wrong)
	}
	for _, lacks := range []string{"", "account_id", "at_time"} {
		b := &event.Batch{Len: 5}
		for _, f := range p.Inputs[0].Columns {
			col := event.Make(f.Type)
			for i, text := range []string{"a", "b", "a", "c", "b"} {
				switch {
				case i == 1 && f.Name == lacks:
					col.AppendNull()
				case f.Type.Kind == event.String:
					col.AppendText([]byte(text))
				case f.Type.Kind == event.Double:
					col.AppendFloat(1)
				default:
					col.AppendInt(int64(i))
				}
			}
			b.Columns = append(b.Columns, col)
		}
		var n, m event.Counts
		var taken Rows
		p.Views[0].Take(b, &n, &taken)
		rows := p.Views[0].Rows(b, &m)
		if coded := taken.Coded != nil; coded == (lacks == "account_id") || rows.Coded != nil || n != m {
			t.Errorf("without %q: coded %v and %v, counts %v and %v", lacks, coded, rows.Coded, n, m)
		}
		want := []string{"a", "b", "a", "c", "b"}
		if lacks != "" {
			want = slices.Delete(want, 1, 2)
		}
		for i, text := range want {
			if key := event.HashBytes([]byte(text)); taken.Key(i) != key || rows.Key(i) != key || len(rows.Keys) != len(want) {
				t.Errorf("without %q: row %d has the keys %v and %v, want that of %s", lacks, i, taken.Key(i), rows.Key(i), text)
			}
		}
	}
}
