package expr

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestCanonical holds what is written to its one spelling, and that spelling to
// its tree.
func TestCanonical(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"1+2*3", "1 + 2 * 3"},
		{"(1+2)*3", "(1 + 2) * 3"},
		{"1-(2-3)", "1 - (2 - 3)"},
		{"(1-2)-3", "1 - 2 - 3"},
		{"a AND b OR NOT c", "a and b or not c"},
		{"a and (b or c)", "a and (b or c)"},
		{"not (a and b)", "not (a and b)"},
		{"a = b IS NULL", "a = b is null"},
		{"a = (b is null)", "a = (b is null)"},
		{"not a = b", "not a = b"},
		{"a != b", "a <> b"},
		{"a IS NOT DISTINCT FROM b+1", "a is not distinct from b + 1"},
		{"(a is null) is not true", "a is null is not true"},
		{"x BETWEEN 1 AND 2 and y", "x between 1 and 2 and y"},
		{"x not between (1 and 2) and 3", "x not between (1 and 2) and 3"},
		{"x NOT IN (1,'a''b',NULL)", "x not in (1, 'a''b', null)"},
		{"x in (1) = true", "x in (1) = true"},
		{"s NOT LIKE 'a%' ESCAPE '!'", "s not like 'a%' escape '!'"},
		{"s || 't' = 'u' || v", "s || 't' = 'u' || v"},
		{"CASE WHEN a THEN 1 ELSE 2 END", "case when a then 1 else 2 end"},
		{"case x when 1 then 'a' when 2 then 'b' end", "case x when 1 then 'a' when 2 then 'b' end"},
		{"CAST(x AS Decimal(12, 2))", "x::decimal(12,2)"},
		{"x::bigint::text", "x::int64::string"},
		{"-1::text", "-1::string"},
		{"(-1)::text", "(-1)::string"},
		{"-x::double precision", "-x::double"},
		{"(a+b)::double", "(a + b)::double"},
		{"- -1", "- -1"},
		{"t + interval '1 Days'", "date_add('day', 1, t)"},
		{"t - interval 90 minutes + INTERVAL '-2' hour", "date_add('hour', -2, date_add('minute', -90, t))"},
		{"t + interval '1 month 2 days'", "date_add('day', 2, date_add('month', 1, t))"},
		{"t - interval (n + 1) day", "date_add('day', -(n + 1), t)"},
		{"t - interval (3) day", "date_add('day', -3, t)"},
		{"a - interval", "a - interval"},
		{"a + interval * 2", "a + interval * 2"},
		{"t at time zone 'Europe/Oslo'", "at_timezone(t, 'Europe/Oslo')"},
		{"extract(hour from at AT TIME ZONE 'UTC')", "hour(at_timezone(at, 'UTC'))"},
		{"x::timestamp at time zone 'UTC' = y", "at_timezone(x::timestamp, 'UTC') = y"},
		{"at", "at"},
		{"s -> 'a' ->> '$.b[0]'", "json_extract_string(json_extract(s, 'a'), '$.b[0]')"},
		{"s->0->>'x' = 'y' || z", "json_extract_string(json_extract(s, '$[0]'), 'x') = 'y' || z"},
		{"a - -1 > b", "a - -1 > b"},
		{"[1, 2+3][1]", "list_value(1, 2 + 3)[1]"},
		{"array[a]", "list_value(a)"},
		{"[]::list<string>", "list_value()::list<string>"},
		{`"array"[1] + array`, `"array"[1] + "array"`},
		{"x[1:2]", "list_slice(x, 1, 2)"},
		{"x[:2][2:][:]", "list_slice(list_slice(list_slice(x, 1, 2), 2, -1), 1, -1)"},
		{"m['NO'].a", "m['NO'].a"},
		{"len(x) + cardinality(x)", "length(x) + length(x)"},
		{"-(-x)", "- -x"},
		{"a - -1", "a - -1"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"9223372036854775808", "9223372036854775808"},
		{"1.50", "1.50"},
		{".5", "0.5"},
		{"007", "7"},
		{"1E3", "1e3"},
		{"1.25e-07", "1.25e-7"},
		{"0e5", "0e0"},
		{"-0.0", "0.0"},
		{"DATE '2024-02-29'", "date '2024-02-29'"},
		{"timestamp '2024-02-29 12:30:00.5'", "timestamp '2024-02-29T12:30:00.5Z'"},
		{"date", "date"},
		{`"End"."a b".c`, `"End"."a b".c`},
		{`"plain"`, "plain"},
		{`a.end`, `a."end"`},
		{"Count(*) FILTER (WHERE x > 1)", "count(*) filter (where x > 1)"},
		{"count(DISTINCT x)", "count(distinct x)"},
		{"last(x) RESPECT NULLS", "last(x) respect nulls"},
		{"last(x respect nulls)", "last(x) respect nulls"},
		{"last(x) ignore nulls", "last(x)"},
		{"row(a, b.c, d AS e, 1+1, f as f)", "row(a, b.c, d as e, 1 + 1 as f4, f)"},
		{"last(row(a, b)).a", "last(row(a, b)).a"},
		{"(x).a", "(x).a"},
		{"x.a[1].b", "x.a[1].b"},
		{"(x::list<int>)[1]", "(x::list<int64>)[1]"},
		{`x::struct<a: double, "b c": list<string>>`, `x::struct<a: double, "b c": list<string>>`},
		{"substring(s, 1, 2)", "substr(s, 1, 2)"},
		{"pow(a, b)", "power(a, b)"},
		{"extract(YEAR from x)", "year(x)"},
		{"position('a' in s)", "strpos(s, 'a')"},
		{"größe + 1", "größe + 1"},
	} {
		n, err := Parse(c.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.in, err)
			continue
		}
		if got := n.String(); got != c.want {
			t.Errorf("Parse(%q) = %q, want %q", c.in, got, c.want)
		}
		again, err := Parse(n.String())
		if err != nil || !sameTree(n, again) {
			t.Errorf("Parse(%q) is not the tree of %q (%v)", n.String(), c.in, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	deep := strings.Repeat("(", 201) + "1" + strings.Repeat(")", 201)
	for _, c := range []struct {
		in       string
		pos, end int
		want     string
	}{
		{"", 0, 0, "the expression is empty"},
		{"1 +", 3, 3, "the expression ends too early"},
		{"1 2", 2, 3, "2 can not stand here"},
		{"a < b < c", 0, 5, "comparisons can not be chained; write a < b and b < c"},
		{"x == 1", 2, 4, "== is not of this language; write = to compare"},
		{"a && b", 2, 4, "&& is not of this language; write and"},
		{"a--1", 1, 3, "-- is not of this language; comments are no part of an expression; write a - -b with a space for minus minus"},
		{"'abc", 0, 4, "the ' is not closed; end with ', and write '' for a ' inside"},
		{`""`, 0, 2, "a name can not be empty; text is written in single quotes, ''"},
		{"12abc", 0, 5, "12abc is no number"},
		{"1.2.3", 0, 4, "1.2. is no number"},
		{"1e999", 0, 5, "1e999 is outside double"},
		{strings.Repeat("9", 39), 0, 39, strings.Repeat("9", 39) + " has more than 38 digits"},
		{"case 1 end", 7, 10, "end can not stand here; when is expected after case"},
		{"x in ()", 6, 7, ") can not stand here; a list holds one expression at least"},
		{"x is 3", 5, 6, "3 can not stand here; is takes null, true, false or distinct from"},
		{"cast(x as flot)", 10, 14, "unknown type flot; did you mean float?"},
		{"cast(x as int32)", 10, 15, "a value can not be cast to int32; write int64, which is how it is held"},
		{"x::decimal", 3, 10, "decimal needs its digits; write decimal(12,2) for 12 digits, 2 of them after the point"},
		{"x::decimal(40,2)", 3, 16, "there is no decimal(40,2); digits are 1 to 38 in all, and no more of them after the point"},
		{"interval '1 day'", 0, 16, "an interval stands only after a time and + or -; write t + interval '1 day', or compare with hours_between(a, b)"},
		{"date '2024-02-30'", 0, 17, "'2024-02-30' is no date; write 2026-01-31 or, for a timestamp, 2026-01-31T12:00:00Z"},
		{"date '2024-02-03 12:00'", 0, 23, "'2024-02-03 12:00' has a time of day; write timestamp instead of date"},
		{"select", 0, 6, ""},
		{"end", 0, 3, `end can not stand here; a column of that name is written "end"`},
		{"a.f(x)", 0, 3, "a.f is no function; names of functions are not quoted and hold no dot"},
		{"row(a, b.a)", 7, 10, "two fields of the row are called a; name one of them with as"},
		{"sum(x) over (partition by y)", 7, 11, "over can not stand here; windows are written in the view, not in the expression"},
		{"a\xff", 1, 2, "the expression is not valid UTF-8"},
		{"a § b", 2, 4, "§ can not stand here"},
		{deep, 200, 201, "the expression nests deeper than 200; split it into several features"},
	} {
		_, err := Parse(c.in)
		if c.want == "" {
			if err != nil {
				t.Errorf("Parse(%q): %v", c.in, err)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) = %v, want %q", c.in, err, c.want)
			continue
		}
		if e.Error() != c.want || e.Pos != c.pos || e.End != c.end {
			t.Errorf("Parse(%.40q) = %d:%d %q\nwant %d:%d %q", c.in, e.Pos, e.End, e.Error(), c.pos, c.end, c.want)
		}
	}
}

// TestChains holds that length alone, without nesting, is no fault.
func TestChains(t *testing.T) {
	n, err := Parse("x" + strings.Repeat(" + x", 5000))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(n.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(strings.Repeat("x", maxText+1)); err == nil {
		t.Fatal("a text above the limit was taken")
	}
}

func TestWalk(t *testing.T) {
	n, err := Parse("case a when b then f(c) filter (where d) else row(e as g).g end")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	Walk(n, func(n *Node) bool {
		if n.Op == Ref {
			seen = append(seen, n.String())
		}
		return n.Op != Row
	})
	if got := strings.Join(seen, " "); got != "a b c d" {
		t.Errorf("seen %s", got)
	}
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]string{
		"DOUBLE": "double", "decimal(12,2)": "decimal(12,2)", "numeric(5)": "decimal(5,0)", "list<int>": "list<int64>", "map<text, list<real>>": "map<string, list<double>>",
		"struct<a: double, b: list<struct<c: text>>>": "struct<a: double, b: list<struct<c: string>>>",
		"int32": "int64", "real": "double", "varchar": "string", "binary": "bytes", "boolean": "bool", "double precision": "double",
	} {
		got, err := ParseType(in)
		if err != nil || got.String() != want {
			t.Errorf("ParseType(%q) = %s, %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                       "a type is expected; write double, decimal(12,2), string, timestamp ...",
		"strng":                  "unknown type strng; did you mean string?",
		"int int":                "int does not belong to the type int64",
		"map<double, int>":       "a map cannot have keys of type double; key it by text, integers, decimals, booleans, dates or timestamps",
		"list":                   "the expression ends too early; < is expected after list",
		"struct<a: int, a: int>": "two fields are called a",
	} {
		if _, err := ParseType(in); err == nil || err.Error() != want {
			t.Errorf("ParseType(%q): %v, want %s", in, err, want)
		}
	}
}

// sameTree compares trees but for places.
func sameTree(a, b *Node) bool {
	strip := func(n *Node) *Node {
		n = clone(n)
		Walk(n, func(n *Node) bool { n.Pos, n.End = 0, 0; return true })
		return n
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

func clone(n *Node) *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Args = nil
	for _, a := range n.Args {
		c.Args = append(c.Args, clone(a))
	}
	c.Filter, c.Operand = clone(n.Filter), clone(n.Operand)
	return &c
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"amount * 2 + 1", "status = 'approved' and amount > 10", "case when a is not null then -1 else x[2].b end",
		"count(distinct a) filter (where b like 'x%' escape '!') / nullif(count(*), 0)", "cast(x as struct<a: decimal(3,1)>)",
		"date '2024-01-01' between a and not b", "row(a, b as \"c d\")", "extract(hour from timestamp '2024-01-01')", "- - -1.5e-3", "(a).b.c::int",
		"x not in (1, 2e3, null, true) is distinct from false", "((((1))))",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos < 0 || e.End < e.Pos || e.End > len(s) {
				t.Fatalf("Parse(%q): fault %#v", s, err)
			}
			return
		}
		printed := n.String()
		again, err := Parse(printed)
		if err != nil && len(printed) > maxText {
			return
		}
		if err != nil {
			t.Fatalf("Parse(%q), from %q: %v", printed, s, err)
		}
		if !sameTree(n, again) || again.String() != printed {
			t.Fatalf("%q became %q, then %q", s, printed, again)
		}
	})
}
