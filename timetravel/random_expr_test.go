package timetravel_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Random expressions, by the family of their type, over the columns of random
// rows: parsed, compiled and evaluated over columns, they give row by row what the
// naive evaluator gives. In a shape %n is a part that is a number, %i an integer,
// %d a double, %b a boolean, %s a text, %t an instant, %l a list of integers, %f
// one of doubles and %w one of texts.

var expressionLeaves = map[byte][]string{
	'i': {"i", "j", "0", "1", "-3", "9223372036854775807", "86400"},
	'd': {"x", "y", "1e0", "-0.5e0", "2.5e0"},
	'm': {"m", "12.34", "-0.5"},
	'b': {"b", "true", "false", "null"},
	's': {"s", "u", "'a,b,,c'", "''", "'Größe 42'", "'12'", "'{\"a\": [1, {\"b\": \"x\"}], \"n\": null}'"},
	't': {"t", "timestamp '2024-03-31 00:30'", "date '2024-01-31'"},
	'l': {"[i, j, 1]", "[3, null, 3]", "[]::list<int64>"},
	'f': {"[x, y]", "[0.1e0, 0.2e0, 0.3e0, x]"},
	'w': {"[s, u]", "string_split(s, ',')", "['b', 'a', null]"},
}

var expressionShapes = map[byte][]string{
	'n': {"%i", "%d", "%m"},
	'm': {"%m + %i", "%m - %m", "abs(%m)", "(%i)::decimal(25,3)", "coalesce(%m, %m)", "clamp(%m, %m, %m)"},
	'i': {"%i + %i", "%i * %i", "%i %% %i", "abs(%i)", "length(%s)", "length(%l)", "ascii(%s)", "levenshtein(substr(%s, 1, 4), substr(%s, 1, 4))", "regexp_count(%s, '[a-z]')", "json_array_length(%s, '$.a')", "(%s ->> '$.a[0]')::int", "gcd(%i, %i)", "bit_and(%i, %i)", "bit_or(%i, %i)", "bit_xor(%i, %i)",
		"bucketize(%n, [-0.5, 1, 12.34])", "width_bucket(%n, -2, 3, 5)", "isoyear(%t)", "week(%t)", "hour(%t at time zone 'Europe/Oslo')", "day(%t at time zone 'Asia/Kolkata')", "list_sum(%l)", "list_max(%l)", "list_min(%l)", "list_position(%l, %i)", "(%l)[%i]", "(%l)[-1]", "(%l)[2:][1]", "case when %b then %i else %i end", "coalesce(%i, %i)", "clamp(%i, %i, %i)", "nullif(%i, %i)"},
	'd': {"%d + %d", "%d * %d", "%d / %n", "abs(%d)", "(%i)::double", "coalesce(%d, %d)", "list_sum(%f)", "list_avg(%f)", "list_avg(%l)", "list_max(%f)", "(%f)[1]", "clamp(%d, %d, %d)", "case when %b then %d else %d end"},
	'b': {"%b and %b", "%b or %b", "not (%b)", "%n < %n", "%s = %s", "%t >= %t", "%s like '%%a%%'", "regexp_matches(%s, '^[a-z]+')", "regexp_matches(%s, 'A', 'i')", "json_valid(%s)", "isfinite(%d)", "list_contains(%l, %n)", "list_contains(%w, %s)", "%i in (1, %i)", "(%s) is null", "%d between %n and %n"},
	's': {"upper(%s)", "%s || %s", "substr(%s, 2, 3)", "initcap(%s)", "translate(%s, 'ab', 'X')", "chr(%i)", "regexp_extract(%s, '([a-z])([0-9])?', 2)", "regexp_extract(%s, '[0-9]+')", "regexp_replace(%s, '([a-z])', '<\\1>')", "regexp_replace(%s, '[a-z]', '', 'g')", "%s -> '$.a[1]'", "%s ->> '$.a[1].b'", "json_extract(%s, 'n')", "md5(%s)", "sha256(%s)",
		"strftime(%t, '%%F %%T.%%f %%b %%a')", "list_to_string(%l, '-')", "list_to_string(%w, ',', '?')", "list_max(%w)", "(%w)[2]", "(%i)::string", "coalesce(%s, %s)", "case when %b then %s else %s end"},
	't': {"%t + interval '1 month'", "%t - interval '90 minutes'", "date_add('quarter', 2, %t)", "%t + interval (%i) day", "date_trunc('month', %t)", "date_trunc('quarter', %t)", "date_trunc('day', %t, 'Europe/Oslo')", "date_trunc('hour', %t, 'Europe/Oslo')", "date_trunc('month', %t, 'America/New_York')", "%t at time zone 'America/New_York'", "to_utc_timestamp(%t, 'Europe/Oslo')", "last_day(%t)", "make_date(2024, %i, 29)", "strptime(%s, '%%Y-%%m-%%d')", "coalesce(%t, %t)"},
	'l': {"list_slice(%l, %i, %i)", "(%l)[2:]", "(%l)[:-2]", "list_sort(%l)", "list_sort(%l, 'desc')", "list_reverse(%l)", "list_distinct(%l)", "%l || %l", "list_concat(%l, %l)", "list_intersect(%l, %l)", "flatten([%l, %l])", "[%i, %i]", "coalesce(%l, [])", "regexp_split(%s, '[^0-9]')::list<int64>"},
	'f': {"list_sort(%f)", "list_distinct(%f)", "[%d, %n]", "(%l)::list<double>", "list_concat(%f, %l)"},
	'w': {"string_split(%s, %s)", "regexp_split(%s, '[,a]')", "list_sort(%w)", "list_distinct(%w)", "[%s, %s]", "(%l)::list<string>"},
}

// drawExpression draws an expression of a family.
func drawExpression(d *rand.Rand, family byte, depth int) string {
	if leaves := expressionLeaves[family]; leaves != nil && (depth == 0 || d.IntN(4) == 0) {
		return leaves[d.IntN(len(leaves))]
	}
	shapes := expressionShapes[family]
	shape, out := shapes[d.IntN(len(shapes))], strings.Builder{}
	for i := 0; i < len(shape); i++ {
		switch {
		case shape[i] != '%':
			out.WriteByte(shape[i])
		case shape[i+1] == '%':
			out.WriteByte('%')
			i++
		default:
			out.WriteString("(" + drawExpression(d, shape[i+1], max(depth-1, 0)) + ")")
			i++
		}
	}
	return out.String()
}

// drawRows draws rows of every type, nulls among them.
func drawRows(d *rand.Rand) table {
	t := table{}
	for _, f := range []struct{ name, typ string }{{"i", "int64"}, {"j", "int64"}, {"x", "double"}, {"y", "double"}, {"m", "decimal(12,2)"}, {"b", "bool"}, {"s", "string"}, {"u", "string"}, {"t", "timestamp"}} {
		typ, err := expr.ParseType(f.typ)
		if err != nil {
			panic(err)
		}
		t.schema = append(t.schema, event.Field{Name: f.name, Type: typ})
	}
	cells := map[event.Kind][]string{
		event.Int: {"0", "1", "-3", "7", "2", "9223372036854775807", "-9223372036854775808"}, event.Double: {"0", "1.5", "-2.25", "0.1", "1e300", "inf", "NaN", "1e-310"},
		event.Decimal: {"0.00", "12.34", "-0.50", "9999999999.99"}, event.Bool: {"true", "false"},
		event.String:    {"abc", "Größe 42", "a1,b2,,c3", "12", "x", "{\"a\": [7, {\"b\": \"y\"}]}", "{\"a\":", "2024-02-29", "ß"},
		event.Timestamp: {"2024-02-29T13:45:59.123456Z", "2024-03-31T00:59:59.999999Z", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "1969-12-31T23:59:59.999999Z", "2023-12-31T23:30:00Z"},
	}
	for range 6 {
		var row []value
		for _, f := range t.schema {
			of := cells[f.Type.Kind]
			v, err := parseScalar(of[d.IntN(len(of))], f.Type)
			if err != nil {
				panic(err)
			}
			if d.IntN(6) == 0 {
				v = nil
			}
			row = append(row, v)
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// Resolve and Names make a table the scope of an expression over its columns.
func (t table) Resolve(path []string) (int, event.Type, int, bool) {
	k := t.schema.Index(path[0])
	if k < 0 {
		return 0, event.Type{}, 0, false
	}
	return k, t.schema[k].Type, 1, true
}

func (t table) Names() []string { return nil }

// compareExpression evaluates one expression both ways; compiled is false where
// the checker refuses it.
func compareExpression(t *testing.T, text string, rows table) (compiled bool) {
	t.Helper()
	n, err := expr.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if again, err := expr.Parse(n.String()); err != nil || again.String() != n.String() {
		t.Fatalf("%s is written %s, and is not read back: %v", text, n, err)
	}
	x, faults := expr.Compile(n, rows)
	if faults != nil {
		return false
	}
	got := x.Eval(rows.batch(), nil)
	for i, row := range rows.rows {
		s := &scope{resolve: func(path []string) (string, event.Type, int) {
			_, typ, used, _ := rows.Resolve(path)
			return path[0], typ, used
		}, value: func(key string) value { return row[rows.schema.Index(key)] }}
		want, have := eval(n, s), valueAt(&got, i)
		if agrees := same(have, want) || !exact(n) && near(have, want, 1e-12, 1e-300); !agrees {
			t.Fatalf("%s\n of %v\n is %#v\nwant %#v", text, row, have, want)
		}
	}
	return true
}

// TestRandomExpressions holds compiled expressions to the naive evaluator.
func TestRandomExpressions(t *testing.T) {
	seed := max(*seedFlag, 1)
	if *explore {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	d := rand.New(rand.NewPCG(seed, 1))
	compiled, families := 0, "imdbstlfw"
	for range 3000 {
		text := drawExpression(d, families[d.IntN(len(families))], 3)
		if compareExpression(t, text, drawRows(d)) {
			compiled++
		}
	}
	if compiled < 2000 {
		t.Errorf("only %d of 3000 expressions compile", compiled)
	}
}

// FuzzExpressions is TestRandomExpressions by seeds that a fuzzer draws.
func FuzzExpressions(f *testing.F) {
	f.Add(uint64(1), byte('i'))
	f.Fuzz(func(t *testing.T, seed uint64, family byte) {
		if expressionShapes[family] == nil {
			return
		}
		d := rand.New(rand.NewPCG(seed, 2))
		compareExpression(t, drawExpression(d, family, 4), drawRows(d))
	})
}
