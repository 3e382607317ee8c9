package features

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// refutable is a table with a column of every kind that has bounds.
var refutable = event.Schema{
	{Name: "i", Type: event.Of(event.Int)}, {Name: "f", Type: event.Of(event.Double)}, {Name: "m", Type: event.DecimalOf(5, 2)}, {Name: "t", Type: event.Of(event.String)},
	{Name: "b", Type: event.Of(event.Bool)}, {Name: "d", Type: event.Of(event.Date)}, {Name: "at", Type: event.Of(event.Timestamp)}}

// refutableCondition parses a condition over refutable.
func refutableCondition(t *testing.T, text string) (*expr.Node, *expr.Expr) {
	t.Helper()
	n, err := expr.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	n = rewrite(n, func(r *expr.Node) *expr.Node {
		if r.Op != expr.Ref {
			return nil
		}
		i := refutable.Index(r.Path[0])
		return &expr.Node{Op: expr.Bound, Column: i, To: refutable[i].Type}
	})
	e, faults := expr.Compile(n, nothing{})
	if faults != nil {
		t.Fatalf("%s: %v", text, faults[0])
	}
	return n, e
}

// randomRows is a few rows close to each other, with nulls and NaN among them.
func randomRows(rng *rand.Rand) *event.Batch {
	b := &event.Batch{Len: 1 + rng.IntN(4)}
	for _, f := range refutable {
		c, base, spread := event.Make(f.Type), rng.IntN(6), 1+rng.IntN(3)
		for range b.Len {
			x := base + rng.IntN(spread)
			switch {
			case rng.IntN(6) == 0:
				c.AppendNull()
			case f.Name == "f" && rng.IntN(6) == 0:
				c.AppendFloat(math.NaN())
			case f.Name == "f":
				c.AppendFloat(float64(x) / 2)
			case f.Name == "m":
				c.AppendDecimal(event.Int128Of(int64(x) * 50))
			case f.Name == "t":
				c.AppendText([]byte("abcdefghi"[x : x+1]))
			case f.Name == "b":
				c.AppendInt(int64(min(x/4, 1)))
			case f.Name == "at":
				c.AppendInt(int64(x) * 86_400_000_000)
			default:
				c.AppendInt(int64(x))
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

// boundsOf is what a writer puts down of the rows: exact bounds, numbers without
// NaN, and nothing where there is no value.
func boundsOf(b *event.Batch) func(int) (event.Column, bool) {
	return func(column int) (event.Column, bool) {
		c := &b.Columns[column]
		var rows []int
		for i := range b.Len {
			if !c.IsNull(i) && (c.Type.Kind != event.Double || c.Floats[i] == c.Floats[i]) {
				rows = append(rows, i)
			}
		}
		bounds := event.Make(c.Type)
		if len(rows) == 0 {
			return bounds, false
		}
		by := func(i, j int) int { return event.Compare(c, i, c, j) }
		bounds.Append(c, slices.MinFunc(rows, by))
		bounds.Append(c, slices.MaxFunc(rows, by))
		return bounds, true
	}
}

// randomCondition is one that people write, of columns against constants mostly.
func randomCondition(rng *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	if depth > 0 && rng.IntN(2) == 0 {
		return fmt.Sprintf("(%s %s %s)", randomCondition(rng, depth-1), pick("and", "or"), randomCondition(rng, depth-1))
	}
	n := rng.IntN(8)
	operands := map[string][]string{
		"i": {fmt.Sprint(n), fmt.Sprintf("%d.5", n), fmt.Sprintf("%d.5e0", n)}, "f": {fmt.Sprint(n), fmt.Sprintf("%d.5", n), "cast('NaN' as double)"}, "m": {fmt.Sprint(n), fmt.Sprintf("%d.25", n)},
		"t": {fmt.Sprintf("'%c'", 'a'+n), "'cc'", "null"}, "d": {fmt.Sprintf("date '1970-01-%02d'", n+1), fmt.Sprintf("timestamp '1970-01-%02dT00:00:00Z'", n+1)}, "at": {fmt.Sprintf("date '1970-01-%02d'", n+1), fmt.Sprintf("timestamp '1970-01-%02dT00:00:00Z'", n+1)}}
	column := pick("i", "f", "m", "t", "d", "at")
	constant := func() string { return pick(operands[column]...) }
	written := column
	if column == "m" && rng.IntN(2) == 0 {
		written = "cast(m as decimal(12,4))"
	}
	switch rng.IntN(7) {
	case 0:
		return pick("b", "not b", "b = true", "i = i", "i + 1 = 3", "t || 'x' > 'c'", "m is not null", "not (i > 2)")
	case 1:
		return fmt.Sprintf("%s %s (%s, %s)", written, pick("in", "not in"), constant(), constant())
	case 2:
		return fmt.Sprintf("%s %s %s and %s", written, pick("between", "not between"), constant(), constant())
	case 3:
		return fmt.Sprintf("%s %s %s", constant(), pick("=", "<", "<=", ">", ">=", "<>"), written)
	}
	return fmt.Sprintf("%s %s %s", written, pick("=", "<", "<=", ">", ">=", "<>"), constant())
}

// TestRefuterIsSound: of rows of which a condition is refuted by their bounds none
// passes; and much of what could be refuted is.
func TestRefuterIsSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	refuted, empty := 0, 0
	for range 10_000 {
		text := randomCondition(rng, 2)
		n, e := refutableCondition(t, text)
		rows := randomRows(rng)
		passed, c := false, e.Eval(rows, nil)
		for i := range rows.Len {
			passed = passed || !c.IsNull(i) && c.Ints[i] != 0
		}
		if !passed {
			empty++
		}
		if !newRefuter(n).refutes(boundsOf(rows)) {
			continue
		}
		if refuted++; passed {
			t.Fatalf("%s is refuted, and holds of a row of %+v", text, rows.Columns)
		}
	}
	if refuted < empty/4 {
		t.Errorf("%d are refuted of %d that hold of no row", refuted, empty)
	}
	t.Logf("%d of %d refuted", refuted, empty)
}

// TestRefuterRefutes tells what is refuted of a row group and what is not.
func TestRefuterRefutes(t *testing.T) {
	one := &event.Batch{Len: 2}
	for _, f := range refutable {
		c := event.Make(f.Type)
		for _, x := range []int64{3, 5} {
			switch f.Type.Kind {
			case event.Double:
				c.AppendFloat(float64(x))
			case event.Decimal:
				c.AppendDecimal(event.Int128Of(x * 100))
			case event.String:
				c.AppendText([]byte{'a' + byte(x)}) // d and f
			case event.Bool:
				c.AppendInt(0)
			case event.Timestamp:
				c.AppendInt(x * 86_400_000_000)
			default:
				c.AppendInt(x)
			}
		}
		one.Columns = append(one.Columns, c)
	}
	for text, want := range map[string]bool{
		"t = 'c'": true, "t = 'd'": false, "t = 'e'": false, "t = 'f'": false, "t = 'g'": true, "t = 'D'": true, "t = 'dd'": false, "'g' = t": true,
		"i < 3": true, "i <= 3": false, "i > 5": true, "i >= 5": false, "3 > i": true, "5 < i": true, "i = 6": true, "i <> 4": false, "i = 2.5": true, "i > 5.5e0": true, "not i = 6": false,
		"m > 5.01": true, "m >= 5": false, "cast(m as decimal(12,4)) > 5.0001": true, "cast(m as int64) > 9": false,
		"f < 3": true, "f > 5": false, "f = 6": false, // NaN may be among them, and is above all numbers.
		"b": true, "not b": false, "b = false": false,
		"d < date '1970-01-04'": true, "d < timestamp '1970-01-04T00:00:00.000001Z'": false, "at >= date '1970-01-07'": true, "at > date '1970-01-06'": true,
		"t in ('a', 'b')": true, "t in ('a', 'e')": false, "i between 6 and 9": true, "i not between 3 and 5": false, "i between 1 and 2": true,
		"t = 'c' and i > 0": true, "length(t) = 1 and t = 'c'": true, "t = 'c' or i > 5": true, "t = 'c' or i > 4": false, "t = 'c' or length(t) = 1": false,
		"t = null": false, "i = 1 / 0": false, "upper(t) = 'X'": false,
	} {
		n, _ := refutableCondition(t, text)
		if got := newRefuter(n).refutes(boundsOf(one)); got != want {
			t.Errorf("%s: refuted %v", text, got)
		}
	}
}

// TestNeed says of rows with such times and amounts whether a plan of several views
// needs them.
func TestNeed(t *testing.T) {
	catalog := shopCatalog()
	plan := func(where string) *Plan {
		text := strings.Replace(fmt.Sprintf(shop, "", "s: count(*)", "x: at"), "source: tx", "source: tx"+where, 1)
		def, err := Load("shop.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(def, catalog, "train")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole, some := plan(""), plan(", where: \"city = 'rome' and n > 2\"")
	reach := event.Span{From: 100, To: 200}
	for _, c := range []struct {
		plan  *Plan
		times [2]int64
		city  string
		want  Need
		name  string
	}{
		{whole, [2]int64{50, 99}, "rome", Unreached, "all before"},
		{whole, [2]int64{50, 100}, "rome", Needed, "the first instant is within"},
		{whole, [2]int64{199, 300}, "oslo", Needed, "the last one too"},
		{whole, [2]int64{200, 300}, "rome", Unreached, "the end is not"},
		{some, [2]int64{100, 199}, "rome", Needed, "where takes some"},
		{some, [2]int64{100, 199}, "oslo", RuledOut, "where takes none"},
		{some, [2]int64{200, 300}, "oslo", Unreached, "neither"},
		{whole, [2]int64{200, 100}, "rome", Needed, "no bounds"},
	} {
		in := slices.IndexFunc(c.plan.Inputs, func(i Input) bool { return i.Source.Name.Value == "tx" })
		got := c.plan.Need(in, reach, func(column int) (event.Column, bool) {
			f := c.plan.Inputs[in].Columns[column]
			b := event.Make(f.Type)
			switch f.Name {
			case "at_time":
				b.AppendInt(c.times[0])
				b.AppendInt(c.times[1])
				return b, c.times[0] <= c.times[1]
			case "city":
				b.AppendText([]byte(c.city))
				b.AppendText([]byte(c.city))
				return b, true
			}
			return b, false
		})
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
