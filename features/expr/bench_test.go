package expr

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// payments is a batch as a source would bring it.
func payments(rows int) *table {
	r := rand.New(rand.NewSource(1))
	s := &table{schema: event.Schema{{Name: "amount", Type: event.Of(event.Double)}, {Name: "status", Type: event.Of(event.String)}, {Name: "price", Type: event.DecimalOf(12, 2)}, {Name: "n", Type: event.Of(event.Int)}}}
	c := []event.Column{event.Make(s.schema[0].Type), event.Make(s.schema[1].Type), event.Make(s.schema[2].Type), event.Make(s.schema[3].Type)}
	for _, word := range []string{"approved", "declined", "pending"} {
		c[1].Dict.Add([]byte(word))
	}
	for range rows {
		c[0].AppendFloat(r.Float64() * 100)
		c[1].AppendCode(uint32(r.Intn(3)))
		c[2].AppendDecimal(event.Int128Of(r.Int63n(100_000)))
		c[3].AppendInt(r.Int63n(1000))
	}
	s.batch = event.Batch{Len: rows, Columns: c}
	return s
}

func BenchmarkEval(b *testing.B) {
	const rows = 8192
	s := payments(rows)
	for _, text := range []string{
		"amount * 2 + 1", "status = 'approved' and amount > 10", "case when status = 'approved' then amount else 0 end", "price * 2 + 1",
		"n % 7 = 0 or n between 100 and 200", "upper(status) like 'APP%'", "ln(amount + 1)", "haversine_km(amount, amount, 10, 20)",
		"log1p(amount)", "expm1(-amount)", "tanh(amount)", "sigmoid(amount)", "cbrt(amount)", "hypot(amount, 3)", "bucketize(amount, [1, 10, 50, 90])", "width_bucket(amount, 0, 100, 20)", "clamp(amount, 10, 50)", "hash(n)", "hash(status)", "hash_bucket(n, 1000)", "hash_bucket(price, 1000)", "geohash(amount - 50, amount, 7)",
		"regexp_extract(status, 'p+')", "initcap(status)", "string_split(status, 'p')[1]", "levenshtein(status, 'approve')", "length('{}' || status ->> '$.a')",
		"hour(to_timestamp(n * 1000000) at time zone 'Europe/Oslo')", "date_trunc('day', to_timestamp(n * 1000000), 'Europe/Oslo')", "to_timestamp(n) + interval '1 month'", "strftime(to_timestamp(n), '%Y-%m-%d')",
		"list_sum([amount, 1, 2])", "list_contains([1, 5, n], 7)", "list_sort([n, 5, 3])[1]",
	} {
		x := compiled(b, s, text)
		b.Run(text, func(b *testing.B) {
			var n event.Counts
			b.ReportAllocs()
			for range b.N {
				x.Eval(&s.batch, &n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// BenchmarkCompile compiles one of many features.
func BenchmarkCompile(b *testing.B) {
	s := payments(0)
	for range b.N {
		compiled(b, s, "case when status in ('approved', 'pending') then coalesce(amount, 0) * 2 + 1 else n end")
	}
}

// TestAllocations holds that the number of allocations does not grow with rows.
func TestAllocations(t *testing.T) {
	for _, text := range []string{"amount * 2 + 1", "status = 'approved' and amount > 10", "price * 2 + n", "case when n > 5 then amount end", "bucketize(amount, [1, 10])", "clamp(log1p(amount), 1, 2)", "hash(n, amount)", "list_sum([amount, 1])", "regexp_extract(status, 'p+')", "status ->> '$.a'", "to_timestamp(n) at time zone 'Europe/Oslo' + interval '1 month'", "list_contains([1, 5], n)"} {
		var got [2]float64
		for k, rows := range []int{100, 10_000} {
			s := payments(rows)
			x := compiled(t, s, text)
			var n event.Counts
			got[k] = testing.AllocsPerRun(5, func() { x.Eval(&s.batch, &n) })
		}
		// Some to spare: the collector, and the race detector, empty the pools of
		// package regexp when they like. One a row would be thousands.
		if got[1] > got[0]+50 {
			t.Errorf("%s: %v allocations for 100 rows, %v for 10000", text, got[0], got[1])
		}
	}
}

func Example() {
	s := payments(0)
	s.batch.Columns[0].AppendFloat(12.5)
	s.batch.Columns[1].AppendCode(0)
	s.batch.Columns[2].AppendNull()
	s.batch.Columns[3].AppendInt(0)
	s.batch.Len = 1

	n, err := Parse("CASE WHEN status = 'approved' THEN amount * 2 ELSE amount / n END")
	if err != nil {
		fmt.Println(err)
	}
	x, faults := Compile(n, s)
	if faults != nil {
		fmt.Println(faults)
	}
	var counts event.Counts
	v := x.Eval(&s.batch, &counts)
	fmt.Println(n)
	fmt.Println(x.Type, v.Floats[0], counts[event.DivisionByZero])
	// Output:
	// case when status = 'approved' then amount * 2 else amount / n end
	// double 25 0
}
