package timetravel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// TestQueriesAreSorted: few or many, in order, reversed or in none, by instant and
// then by row.
func TestQueriesAreSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{0, 1, 2, 7, 40, 3000} {
		for _, order := range []string{"none", "rising", "falling"} {
			own, spare := make([]query, n), []query(nil)
			for i := range own {
				own[i] = query{at: event.Time((rng.IntN(n/2+1) - n/4) << 20), row: uint32(i)}
			}
			want := slices.SortedFunc(slices.Values(own), compareQueries)
			switch order {
			case "rising":
				copy(own, want)
			case "falling":
				copy(own, want)
				slices.Reverse(own)
			}
			if sortQueries(own, &spare); !slices.Equal(own, want) {
				t.Errorf("%d queries, %s before: another order", n, order)
			}
		}
	}
}

// nestedColumn is n rows of lists of structs of a text and a number, some null.
func nestedColumn(n int, rng *rand.Rand) event.Column {
	text, number := event.Of(event.String), event.Of(event.Double)
	c := event.Make(event.ListOf(event.Type{Kind: event.Struct, Fields: []event.Field{{Name: "a", Type: text}, {Name: "b", Type: number}}}))
	for row := range n {
		if rng.IntN(4) == 0 {
			c.AppendNull()
			continue
		}
		for k := range rng.IntN(4) {
			if rng.IntN(5) == 0 {
				c.Elem.AppendNull()
				continue
			}
			c.Elem.Fields[0].AppendText(fmt.Appendf(nil, "%d in %d", k, row))
			c.Elem.Fields[1].AppendFloat(rng.Float64())
			c.Elem.Rows++
			c.Elem.NotNull()
		}
		c.EndList()
	}
	return c
}

// TestPermutedIsAppended: rows in another order are what appending them one by one
// makes, whatever they are made of; also where some stand twice and others nowhere.
func TestPermutedIsAppended(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for n := range 30 {
		c := nestedColumn(n+1, rng)
		order := make([]int32, 2*n)
		for k := range order {
			order[k] = rng.Int32N(int32(n + 1))
		}
		want := c.Like()
		for _, row := range order {
			want.Append(&c, int(row))
		}
		got := permuted(&c, order)
		if got.Len() != want.Len() {
			t.Fatalf("%d rows, want %d", got.Len(), want.Len())
		}
		for row := range order {
			if event.Compare(&got, row, &want, row) != 0 || got.IsNull(row) != want.IsNull(row) {
				t.Errorf("row %d of %d is another", row, len(order))
			}
		}
	}
}

// TestCompact: of a large dictionary some rows keep their texts alone.
func TestCompact(t *testing.T) {
	c := event.Make(event.Of(event.String))
	for i := range 1000 {
		if i%3 == 0 {
			c.AppendNull()
			c.Dict.Add([]byte("of nobody"))
			continue
		}
		c.AppendText(fmt.Appendf(nil, "text %d", i/2*2))
	}
	rows := []int32{999, 1, 2, 500, 4, 5}
	got := compact(&c, rows)
	for _, row := range rows {
		if event.Compare(&got, int(row), &c, int(row)) != 0 {
			t.Errorf("row %d has another text", row)
		}
	}
	if n := got.Dict.Len(); n > len(rows) {
		t.Errorf("%d texts for %d rows", n, len(rows))
	}
}

// TestTimesAreHeldOnce puts a column that is the time on the shelf, in memory and in a
// file: it comes back as the times do, and the other columns beside it.
func TestTimesAreHeldOnce(t *testing.T) {
	for name, s := range map[string]*shelf.Shelf{"memory": shelf.New(0, nil), "file": shelf.New(0, func() (shelf.File, error) {
		return os.Create(filepath.Join(t.TempDir(), "pieces"))
	})} {
		defer s.Close()
		rows := batchOf(1000, rand.New(rand.NewPCG(3, 3)))
		at := event.Make(event.Of(event.Timestamp))
		for _, t := range rows.Times {
			at.AppendInt(int64(t))
		}
		rows.Columns, rows.Timed = append(rows.Columns, at), []bool{false, false, true}
		r := &run{bits: 6, shelf: s}
		var p partitioner
		p.begin(r.bits, rows)
		for i := range rows.Times {
			p.count(i)
		}
		c, err := r.groups(rows, &p, slices.Clone(p.order()))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for part := range 1 << r.bits {
			var buffer []byte
			g, k := groupOf(part, r.bits)
			got, err := s.Section(&c[g], k, &buffer)
			if err != nil {
				t.Fatal(err)
			}
			for i, at := range got.Times {
				row := int(at) // batchOf counts them
				if found++; got.Columns[2].Ints[i] != int64(at) || got.Keys[i] != rows.Keys[row] || got.Columns[0].Floats[i] != rows.Columns[0].Floats[row] {
					t.Fatalf("%s: row %d comes back with another time, key or amount", name, row)
				}
			}
		}
		if found != len(rows.Keys) {
			t.Errorf("%s: %d rows come back of %d", name, found, len(rows.Keys))
		}
	}
}

// batchOf is what a view takes of a batch: an amount and a text an event, of as many
// keys as half the rows.
func batchOf(n int, rng *rand.Rand) *features.Rows {
	r := &features.Rows{Columns: []event.Column{event.Make(event.Of(event.Double)), event.Make(event.Of(event.String))}}
	for i := range n / 2 {
		r.Columns[1].Dict.Add(fmt.Appendf(nil, "merchant %d", i))
	}
	for i := range n {
		r.Keys, r.Times = append(r.Keys, event.HashInt(rng.Int64N(int64(n/2)))), append(r.Times, event.Time(i))
		r.Columns[0].AppendFloat(rng.Float64())
		r.Columns[1].AppendCode(rng.Uint32N(uint32(n / 2)))
	}
	return r
}

// BenchmarkPartition puts a batch on the shelf, by partitions.
func BenchmarkPartition(b *testing.B) {
	const n = 65_536
	rows := batchOf(n, rand.New(rand.NewPCG(1, 1)))
	for _, bits := range []int{1, 5, 9} {
		b.Run(fmt.Sprintf("partitions=%d", 1<<bits), func(b *testing.B) {
			r := &run{bits: bits, shelf: shelf.New(0, nil)}
			var p partitioner
			b.ReportAllocs()
			for b.Loop() {
				p.begin(bits, rows)
				for i := range rows.Times {
					p.count(i)
				}
				if _, err := r.groups(rows, &p, p.order()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
		})
	}
}

// BenchmarkSort orders the queries of keys that have few or many, and a key's events
// of which one in seven is late.
func BenchmarkSort(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{2, 20, 2000} {
		b.Run(fmt.Sprintf("queries=%d", n), func(b *testing.B) {
			from, own, spare := make([]query, n), make([]query, n), []query(nil)
			for i := range from {
				from[i] = query{at: event.Time(rng.Int64()), row: uint32(i)}
			}
			b.ReportAllocs()
			for b.Loop() {
				copy(own, from)
				sortQueries(own, &spare)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/query")
		})
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			from, own := make([]source, n), make([]source, n)
			for i := range from {
				if from[i].visible = event.Time(10 * i); rng.IntN(7) == 0 {
					from[i].visible = event.Time(10*i + rng.IntN(60))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				copy(own, from)
				sortSources(own, 8*n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
		})
	}
}

// BenchmarkKeyTable numbers the keys of a partition's queries, and looks up those of
// its events.
func BenchmarkKeyTable(b *testing.B) {
	const events = partitionEvents
	rng := rand.New(rand.NewPCG(1, 1))
	keys := make([]event.Hash, events)
	for i := range keys {
		keys[i] = event.HashInt(rng.Int64N(events / 20))
	}
	var table keyTable
	found := int32(0)
	b.ReportAllocs()
	for b.Loop() {
		table.reset(events / 10)
		for _, key := range keys[:events/10] {
			table.add(key)
		}
		for _, key := range keys {
			found ^= table.find(key)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
	if found == 1<<30 {
		b.Fatal("there are no such numbers")
	}
}
