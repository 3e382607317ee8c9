package expr

import (
	"fmt"
	"math/big"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

func TestFaults(t *testing.T) {
	s := sample(t)
	for _, c := range []struct{ expr, want string }{
		{"amout + 1", "0:5 unknown column amout"},
		{"tss > ts", "0:3 unknown column tss; did you mean ts?"},
		{`s = "approved"`, "4:14 unknown column approved; text is written in single quotes, 'approved'"},
		{"st.c", "0:4 unknown field c of struct<a: int64, b: string>"},
		{"st.a.b", "0:6 st.a has no field b: it is of type int64"},
		{"i.a", "0:3 i has no field a: it is of type int64"},
		{"sum(i) + 1", "0:6 aggregate sum is not allowed here"},
		{"max(i, j)", "0:9 aggregate max is not allowed here; write greatest(a, b) for the greatest of several values"},
		{"histogram(i)", "0:12 aggregate histogram is not allowed here"},
		{"sum(sum(x))", "0:11 aggregate sum is not allowed here|8:9 unknown column x"},
		{"lowr(s)", "0:4 unknown function lowr; did you mean lower?"},
		{"lower(s, s)", "0:11 lower does not take 2 arguments; write lower(s string) string"},
		{"lower(i)", "6:7 argument 1 of lower is int64, not string; write lower(s string) string"},
		{"lower(distinct s)", "0:17 distinct, filter and respect nulls belong to aggregates, and lower is none"},
		{"lower(*)", "0:8 lower does not take *; give its arguments: lower(s string) string"},
		{"s + 1", "0:5 + is not defined on string and int64; join text with ||"},
		{"yes + 1", "0:7 + is not defined on bool and int64; cast the boolean to int64"},
		{"ts - old", "0:8 - is not defined on timestamp and timestamp; use hours_between(a, b), seconds_between(a, b) or date_diff('day', a, b)"},
		{"ts + 1", "0:6 + is not defined on timestamp and int64; arithmetic on times is not built yet; compare with hours_between(a, b)"},
		{"-s", "0:2 - is not defined on string"},
		{"n * n * n * n * n * n * n * n * n * n * n * n * n", "0:49 the product of decimal(38,36) and decimal(38,3) has 39 digits after the point; 38 is the limit; cast one side to fewer digits"},
		{"ts > '2024-01-01'", "0:17 timestamp and string can not be compared; write timestamp '...' or date '...', or cast the text"},
		{"i = s", "0:5 int64 and string can not be compared; cast the text to a number, or the number to a text"},
		{"yes = 1", "0:7 bool and int64 can not be compared; cast the boolean to int64"},
		{"l = l", "0:5 list<int64> and list<int64> can not be compared; compare their elements or fields"},
		{"i in (1, 'a')", "9:12 int64 and string can not be compared; cast the text to a number, or the number to a text"},
		{"i between 1 and s", "16:17 int64 and string can not be compared; cast the text to a number, or the number to a text"},
		{"i and yes", "0:1 and takes a boolean, not int64; compare it, <> 0 for one"},
		{"not s", "4:5 not takes a boolean, not string"},
		{"s is true", "0:1 is true takes a boolean, not string"},
		{"i like 'a'", "0:1 like takes a string, not int64; cast it to string"},
		{`s like 'a' escape 'ab'`, "18:22 the escape of like is one constant character, or none; write escape '!'"},
		{`s like 'a\'`, "7:11 the pattern ends with its escape; write the escape twice to mean itself"},
		{"s || i", "0:6 || is not defined on string and int64; cast to string, or use concat(a, b)"},
		{"concat(raw)", "7:10 concat does not take bytes; cast it to string"},
		{"case when yes then 1 else 'a' end", "26:29 case would be both int64 and string; cast one of them"},
		{"case i when 'a' then 1 end", "12:15 int64 and string can not be compared; cast the text to a number, or the number to a text"},
		{"case when i then 1 end", "10:11 when takes a boolean, not int64; compare it, <> 0 for one"},
		{"coalesce(i, s)", "12:13 coalesce would be both int64 and string; cast one of them"},
		{"greatest(l, l)", "0:14 greatest is not defined on list<int64>"},
		{"if(i, 1, 2)", "3:4 argument 1 of if is int64, not bool; write if(condition bool, then any, else any) any"},
		{"i::timestamp", "0:12 int64 can not be cast to timestamp; use to_timestamp(x) for seconds, to_timestamp_ms(x) or to_timestamp_us(x)"},
		{"ts::int", "0:7 timestamp can not be cast to int64; use epoch(x), epoch_ms(x) or epoch_us(x)"},
		{"d::bool", "0:7 double can not be cast to bool; compare it, <> 0 for one"},
		{"l::int", "0:6 list<int64> can not be cast to int64; cast its elements or fields"},
		{"regexp_matches(s, '(')", "18:21 the pattern is none: missing closing ), at '('; patterns are those of RE2, without look-around or back references"},
		{"regexp_matches(s, t)", "18:19 a pattern must be a literal text; write it in single quotes"},
		{"regexp_matches(s, 'a', 'g')", "23:26 'g' is no flag of regexp_matches; flags are the letters i, s, m"},
		{"regexp_extract(s, '(a)(b)', 3)", "28:29 3 is no group of the pattern; groups are numbers from 0, the whole match, to 2"},
		{`regexp_replace(s, 'a', '\1')`, `23:27 \1 is no group of the pattern; groups are \0, the whole match, to \0; write \\ for a backslash`},
		{"ts at time zone 'Europe/Olso'", "16:29 'Europe/Olso' is no time zone; did you mean 'Europe/Oslo'?"},
		{"ts at time zone s", "16:17 a time zone must be a literal text; write it in single quotes"},
		{"ts at time zone 'UTC' at time zone 'UTC'", "0:40 this is at a time zone already; write to_utc_timestamp(local, 'Europe/Oslo') for the instant of a local time"},
		{"date_trunc('day', ts, 'Mars')", "22:28 'Mars' is no time zone; zones have names of the IANA database, as 'Europe/Oslo' or 'UTC'"},
		{"strftime(ts, '%Y-%Q')", "13:20 %Q is no code of this format; codes are %F, %T, %Y, %y, %m, %d, %H, %I, %M, %S, %f, %L, %p, %j, %u, %w, %V, %G, %a, %A, %b, %B, %s, %%"},
		{"strptime(s, '%H:%M')", "12:19 the format reads no date; read year, month and day, %Y-%m-%d, or seconds since 1970, %s"},
		{"strptime(s, '%F %I')", "12:19 %I and %p belong together; write %H for hours of 0 to 23"},
		{"date_add('fortnight', 1, ts)", "9:20 'fortnight' is no unit of time; write one of 'microsecond', 'millisecond', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'"},
		{"s ->> '$.a['", "6:12 '$.a[' is no path; write '$.key.other[0]', and '$.\"any key\"' where a key holds points or brackets"},
		{"json_extract(s, t)", "16:17 a path must be a literal text; write it in single quotes"},
		{"[1, 'a']", "4:7 a list would be both int64 and string; cast one of them"},
		{"[]", "0:2 the elements of list_value() have no type; cast it, as []::list<string>"},
		{"row(i, [null] as a)", "0:19 the elements of row(i, list_value(null) as a) have no type; cast it, as []::list<string>"},
		{"list_contains(l, 'a')", "0:21 int64 and string can not be compared; cast the text to a number, or the number to a text"},
		{"list_sum(['a'])", "9:14 list_sum takes a list of numbers, not list<string>"},
		{"list_sum(i)", "9:10 argument 1 of list_sum is int64, not list; write list_sum(l list) number"},
		{"mp[1]", "0:5 string and int64 can not be compared; cast the text to a number, or the number to a text"},
		{"map([1.5e0], [1])", "4:11 a map cannot have keys of type double; key it by text, integers, decimals, booleans, dates or timestamps"},
		{"flatten(l)", "8:9 flatten takes a list of lists, not list<int64>"},
		{"length(i)", "7:8 argument 1 of length is int64, not string, list or map; cast it to string"},
		{"bucketize(i, l)", "13:14 bounds must be a literal list; write [1, 10, 100]"},
		{"bucketize(i, [1, 1])", "13:19 bounds ascend, none of them null or twice; write [1, 10, 100]"},
		{"clamp(i, s, 1)", "9:10 clamp would be both int64 and string; cast one of them"},
		{"xxhash64(i)", "0:8 unknown function xxhash64; write hash(x), whose values are others"},
		{"date_part('hour', ts)", "0:9 unknown function date_part; write extract(hour from t)"},
		{"i[1]", "0:4 i is no list: it is of type int64"},
		{"l['a']", "2:5 a place in a list is an integer, not string"},
		{"date_trunc('hours', ts)", "11:18 'hours' is no unit of time; did you mean 'hour'?"},
		{"date_trunc(s, ts)", "11:12 s is no unit of time; write one of 'microsecond', 'millisecond', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'"},
		{"foo + lower(i) + bar", "0:3 unknown column foo|12:13 argument 1 of lower is int64, not string; write lower(s string) string|17:20 unknown column bar"},
	} {
		n, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		_, faults := Compile(n, s)
		var got []string
		for _, f := range faults {
			got = append(got, fmt.Sprintf("%d:%d %s", f.Pos, f.End, f.Error()))
		}
		if g := strings.Join(got, "|"); g != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expr, g, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	s := sample(t)
	for expr, want := range map[string]string{
		"i + 1": "int64", "i / 2": "double", "m + 1": "decimal(22,2)", "m * 1.5": "decimal(14,3)", "m * i": "decimal(31,2)", "m + d": "double", "n + n": "decimal(38,3)", "m % 3": "decimal(21,2)",
		"1.50": "decimal(3,2)", "1e2": "double", "null": "null", "coalesce(null, i, m)": "decimal(21,2)", "case when yes then i end": "int64", "greatest(i, d)": "double",
		"row(i, s)": "struct<i: int64, s: string>", "l[1]": "int64", "round(m, 1)": "decimal(12,1)", "round(m)": "decimal(11,0)", "floor(d)": "double", "sign(m)": "int64",
		"date_trunc('day', dt)": "timestamp", "s || s": "string", "raw || raw": "bytes", "nullif(m, 1)": "decimal(12,2)", "x'": "",
	} {
		n, err := Parse(expr)
		if want == "" {
			if err == nil {
				t.Errorf("%s was read", expr)
			}
			continue
		}
		x, faults := Compile(n, s)
		if faults != nil || x.Type.String() != want {
			t.Errorf("%s is %v (%v), want %s", expr, x, faults, want)
		}
	}
}

func TestColumns(t *testing.T) {
	s := sample(t)
	for expr, want := range map[string]string{"i + j * i": "[0 1]", "1 + 2": "[]", "st.a": "[28]", "case when yes then d else 1 end": "[4 14]", "i + null": "[]"} {
		x := compiled(t, s, expr)
		if got := fmt.Sprint(x.Columns()); got != want {
			t.Errorf("%s reads %s, want %s", expr, got, want)
		}
		if x.Constant() != (want == "[]") {
			t.Errorf("%s: constant is %v", expr, x.Constant())
		}
	}
}

func compiled(t testing.TB, s Scope, text string) *Expr {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	x, faults := Compile(n, s)
	if faults != nil {
		t.Fatal(faults)
	}
	return x
}

func TestWidensTo(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"int", "double", false}, {"int", "decimal(19,0)", true}, {"int", "decimal(20,2)", false}, {"int", "decimal(21,2)", true}, {"decimal(5,2)", "decimal(6,2)", true},
		{"decimal(5,2)", "decimal(6,3)", true}, {"decimal(5,2)", "decimal(5,3)", false}, {"date", "timestamp", true}, {"timestamp", "date", false}, {"string", "bytes", false},
		{"list<int>", "list<int>", true}, {"double", "decimal(38,10)", false},
	} {
		from, _ := ParseType(c.from)
		to, _ := ParseType(c.to)
		if got := WidensTo(from, to); got != c.want {
			t.Errorf("WidensTo(%s, %s) = %v", from, to, got)
		}
	}
}

func TestAs(t *testing.T) {
	s := sample(t)
	for _, c := range []struct{ expr, typ, want string }{
		{"0", "double", "0"}, {"0.5", "double", "0.5"}, {"1", "decimal(5,2)", "1.00"}, {"1.25", "decimal(5,2)", "1.25"}, {"1.255", "decimal(5,2)", "no"}, {"1e3", "int", "1000"},
		{"1.5", "int", "no"}, {"i", "double", "no"}, {"i", "decimal(19,0)", "7"}, {"dt", "timestamp", "2024-02-29T00:00:00Z"}, {"null", "string", "null"}, {"s", "int", "no"}, {"1000", "decimal(3,0)", "no"}, {"i", "int", "7"},
	} {
		u, _ := ParseType(c.typ)
		x, ok := compiled(t, s, c.expr).As(u)
		got := "no"
		if ok {
			v := x.Eval(&s.batch, nil)
			got = show(&v, 0)
		}
		if got != c.want {
			t.Errorf("%s as %s = %s, want %s", c.expr, c.typ, got, c.want)
		}
	}
}

// TestEntries holds that evaluating once for each text gives what evaluating
// every row gives, counts included, for small and for large dictionaries.
func TestEntries(t *testing.T) {
	texts := []string{"'1'", "'x'", "null", "'2'", "'x'", "'1'", "''", "'x'"}
	for _, text := range []string{"a::int", "upper(a) || '!'", "a is null or a = 'x'", "case when a = 'x' then 0 else a::int end", "length(a) + 1", "a in ('1', 'x', '3', '4')", "a::int + i", "coalesce(a, 'none')", "a::int between 1 and 5", "a::int between i and 5", "row(a::int, upper(a))"} {
		var got [3][]string
		for k, share := range []bool{true, false, true} {
			s := &table{}
			s.add(t, "a", "string", texts...)
			s.add(t, "i", "int64", "1", "2", "3", "4", "5", "6", "7", "8")
			c := &s.batch.Columns[0]
			if share {
				intern(c)
			}
			if k == 2 { // a dictionary much larger than the batch
				for range 100 {
					c.Dict.Add([]byte("other"))
				}
			}
			var n event.Counts
			v := compiled(t, s, text).Eval(&s.batch, &n)
			for i := range texts {
				got[k] = append(got[k], show(&v, i))
			}
			got[k] = append(got[k], counted(n))
		}
		if a := fmt.Sprint(got[0]); a != fmt.Sprint(got[1]) || a != fmt.Sprint(got[2]) {
			t.Errorf("%s: %s", text, strings.ReplaceAll(fmt.Sprint(got), "] [", "]\n["))
		}
	}
}

// intern gives equal texts of c one code.
func intern(c *event.Column) {
	d, known := event.NewDict(), map[string]uint32{}
	for i := range c.Codes {
		if c.IsNull(i) {
			continue
		}
		s := string(c.Text(i))
		if _, ok := known[s]; !ok {
			known[s] = d.Add([]byte(s))
		}
		c.Codes[i] = known[s]
	}
	c.Dict = d
}

// TestEmpty holds that a batch of no rows is no special case.
func TestEmpty(t *testing.T) {
	s := &table{}
	s.add(t, "a", "string")
	s.add(t, "i", "int64")
	s.add(t, "l", "list<int64>")
	for _, text := range []string{"upper(a)", "i + 1", "1", "'x'", "row(a, i)", "l[1]", "case when i > 1 then a else 'x' end", "a like 'x%' and i / 0 > 1"} {
		x := compiled(t, s, text)
		if v := x.Eval(&s.batch, nil); v.Len() != 0 || !v.Type.Equal(x.Type) {
			t.Errorf("%s: %d rows of %s", text, v.Len(), v.Type)
		}
	}
}

// TestConcurrent holds that one Expr may be evaluated by many at once, and that
// no evaluation writes to the batch.
func TestConcurrent(t *testing.T) {
	s := sample(t)
	before := fmt.Sprint(s.batch)
	x := compiled(t, s, "case when d * 2 + 1 between 1 and 10 and not no then upper(s) || t else coalesce(nothing, s) end")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			var n event.Counts
			if v := x.Eval(&s.batch, &n); show(&v, 2) != "HELLOgröße 1" {
				t.Errorf("got %s", show(&v, 2))
			}
		})
	}
	wait.Wait()
	if fmt.Sprint(s.batch) != before {
		t.Error("the batch was changed")
	}
}

// TestQuotient holds division of 128-bit integers to that of math/big.
func TestQuotient(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	draw := func() event.Int128 {
		x := event.Int128{Hi: r.Int63() >> r.Intn(64), Lo: r.Uint64() >> r.Intn(64)}
		if r.Intn(2) == 0 {
			x = x.Neg()
		}
		return x
	}
	for range 100_000 {
		a, b := draw(), draw()
		if b.Sign() == 0 {
			continue
		}
		q, rest := quotient(a, b)
		wantQ, wantR := new(big.Int).QuoRem(a.Big(), b.Big(), new(big.Int))
		if q.Big().Cmp(wantQ) != 0 || rest.Big().Cmp(wantR) != 0 {
			t.Fatalf("%s / %s = %s rest %s, want %s rest %s", a.Big(), b.Big(), q.Big(), rest.Big(), wantQ, wantR)
		}
		p, ok := multiplied(a, b)
		want := new(big.Int).Mul(a.Big(), b.Big())
		if ok != (want.BitLen() <= 127) || ok && p.Big().Cmp(want) != 0 {
			t.Fatalf("%s * %s = %s, %v, want %s", a.Big(), b.Big(), p.Big(), ok, want)
		}
	}
}

// TestFunctions holds the table to itself: each row has a signature that the
// checker understands, and no name is taken twice.
func TestFunctions(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			if seen[name] || Aggregate(name) || name == "" {
				t.Errorf("the name %q is taken twice", name)
			}
			seen[name] = true
		}
		if (f.kernel == nil) == (f.compile == nil) || f.kernel != nil && f.result.Kind == event.Unknown {
			t.Errorf("%s: neither kernel nor compile, or both, or no result", f.Signature)
		}
		if elsewhere[f.Name] != "" {
			t.Errorf("%s is a function and known as one of other tools", f.Name)
		}
		if f.Doc == "" || f.Group == "" {
			t.Errorf("%s has no doc", f.Name)
		}
		for _, p := range f.params {
			if _, ok := plainTypes[p.class]; !ok && p.class != "any" && p.class != "number" && p.class != "scalar" && p.class != "text" && p.class != "list" && p.class != "map" {
				t.Errorf("%s: unknown class %q", f.Signature, p.class)
			}
		}
	}
}
