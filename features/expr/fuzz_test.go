package expr

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// agree evaluates n with its literals folded and with them as columns: both give
// the same values, and null rows are zero.
func agree(t *testing.T, n *Node) {
	t.Helper()
	s := sample(t)
	x, faults := Compile(n, s)
	if faults != nil {
		return
	}
	plain := x.Eval(&s.batch, nil)
	m := unfold(n, s)
	y, faults := Compile(m, s)
	if faults != nil {
		return // some arguments must be constant
	}
	unfolded := y.Eval(&s.batch, nil)
	if plain.Len() != 3 || unfolded.Len() != 3 || !plain.Type.Equal(x.Type) {
		t.Fatalf("%s: %d and %d rows of %s, want 3 of %s", n, plain.Len(), unfolded.Len(), plain.Type, x.Type)
	}
	checkZeros(t, &plain, n.String())
	checkZeros(t, &unfolded, n.String())
	for _, i := range []int{0, 2} {
		if x.Type.Equal(y.Type) && show(&plain, i) != show(&unfolded, i) {
			t.Fatalf("%s = %s folded, %s by column", n, show(&plain, i), show(&unfolded, i))
		}
	}
	checkNaNs(t, &plain, n.String())
}

// checkNaNs holds that there is one NaN.
func checkNaNs(t *testing.T, c *event.Column, what string) {
	t.Helper()
	for _, f := range c.Floats {
		if f != f && math.Float64bits(f) != math.Float64bits(event.CanonicalNaN) {
			t.Errorf("%s: NaN has bits %x", what, math.Float64bits(f))
		}
	}
}

// FuzzCompile holds that no text makes the checker or a kernel panic.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"amount + i", "case when i > 5 then m else d end", "substr(s, i, j) || t", "l[i - 5] in (1, 2, 20)", "round(m * n, 1)::string", "date_trunc('week', ts) = dt",
		"coalesce(none, 1 / (i - 7), nullif(d, nan))", "repeat(s, 30000)", "st.a between low and big", "greatest(m, d, i) % e", "ilike like 'a'", "low / -1 * big",
		"ts + interval '1 month 2 days' - interval (i) hour", "hour(ts at time zone 'Europe/Oslo')", "date_trunc('day', to_timestamp_us(low), 'Asia/Tokyo')", "s -> 0 ->> '$.a[1]'", "json_array_length(t, '$')", "[i, null][-1] || l[2:]", "mp['NO']", "map(lt, l)::string", "list_sum([d, nan, inf])",
		"regexp_replace(s, '(l)+', '<\\1>', 'g')", "strptime(s, '%Y-%m-%d')", "strftime(to_timestamp_us(big), '%F %j %G')", "hash(l, st, mp)", "bucketize(d, [1, 2.5])", "flatten([[l], []])", "cbrt(inf) + hypot(nan, 1)", "make_timestamp(big, low, 1, 1, 1, d)", "date_add('month', low, ts)", "list_slice(l, low, big)", "levenshtein(s, t)", "clamp(st.a, low, nan)", "gcd(low, j)", "geohash(d, e, i)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(n.String()); err != nil || again.String() != n.String() {
			t.Fatalf("%q is written %q, and not read back: %v", s, n, err)
		}
		agree(t, n)
	})
}

// TestRandomTrees builds expressions of the right types at random, so that most
// compile, and holds what FuzzCompile holds.
func TestRandomTrees(t *testing.T) {
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	g := &generator{rand.New(rand.NewSource(seed))}
	compiled := 0
	for range 1000 {
		text := g.make([]string{"n", "b", "s", "t"}[g.Intn(4)], 4)
		n, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, faults := Compile(n, sample(t)); faults == nil {
			compiled++
		}
		agree(t, n)
	}
	if compiled < 700 {
		t.Errorf("only %d of 1000 expressions compile", compiled)
	}
}

type generator struct{ *rand.Rand }

// leaves and shapes are expressions by family: numbers, booleans, texts, times.
// In a shape %n, %b, %s and %t stand for a part of that family.
var leaves = map[string][]string{
	"n": {"i", "j", "big", "low", "d", "e", "nan", "inf", "m", "n", "none", "0", "1", "-3", "2.50", "1e3", "st.a", "l[1]", "null"},
	"b": {"yes", "no", "unknown", "true", "false", "null"},
	"s": {"s", "t", "empty", "nothing", "'a'", "'Hello'", "''", "st.b"},
	"t": {"ts", "old", "dt", "date '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'"},
}

var shapes = map[string][]string{
	"n": {"%n + %n", "%n - %n", "%n * %n", "%n / %n", "%n %% %n", "-(%n)", "abs(%n)", "round(%n)", "floor(%n)", "sign(%n)", "case when %b then %n else %n end", "coalesce(%n, %n)", "nullif(%n, %n)", "greatest(%n, %n)", "least(%n, %n, %n)", "if(%b, %n, %n)",
		"(%n)::double", "(%n)::int", "(%n)::decimal(20,3)", "(%s)::int", "length(%s)", "strpos(%s, %s)", "hour(%t)", "hours_between(%t, %t)", "sqrt(%n)", "power(%n, %n)", "sin(%n)", "epoch(%t)", "(%b)::int", "round(%n, 1)", "date_diff('week', %t, %t)"},
	"b": {"%b and %b", "%b or %b", "not (%b)", "(%n) = (%n)", "(%n) < (%n)", "(%n) <> (%n)", "(%n) is distinct from (%n)", "(%s) = (%s)", "(%s) < (%s)", "(%t) >= (%t)", "(%n) between (%n) and (%n)", "(%n) in (%n, %n)", "(%s) not in (%s, %s, 'a', 'b')", "(%s) like '%%l%%'", "(%n) is null", "(%b) is not true", "case %n when %n then %b else %b end"},
	"s": {"upper(%s)", "%s || %s", "substr(%s, 2, 3)", "concat(%s, %n, %t)", "case when %b then %s else %s end", "coalesce(%s, %s)", "replace(%s, 'l', %s)", "lpad(%s, 7, 'ab')", "trim(%s)", "(%n)::string", "(%t)::string", "nullif(%s, %s)", "split_part(%s, 'l', 2)", "reverse(%s)"},
	"t": {"date_trunc('month', %t)", "case when %b then %t else %t end", "coalesce(%t, %t)", "greatest(%t, %t)", "(%t)::date", "(%t)::timestamp", "to_timestamp(%n)"},
}

func (g *generator) make(family string, depth int) string {
	if depth == 0 || g.Intn(4) == 0 {
		return g.one(leaves[family])
	}
	var b strings.Builder
	shape := g.one(shapes[family])
	for i := 0; i < len(shape); i++ {
		switch {
		case shape[i] != '%':
			b.WriteByte(shape[i])
		case shape[i+1] == '%':
			b.WriteByte('%')
			i++
		default:
			fmt.Fprintf(&b, "(%s)", g.make(string(shape[i+1]), depth-1))
			i++
		}
	}
	return b.String()
}

func (g *generator) one(of []string) string { return of[g.Intn(len(of))] }
