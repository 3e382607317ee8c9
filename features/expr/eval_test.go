package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// table is a scope and the batch behind it.
type table struct {
	schema event.Schema
	batch  event.Batch
}

func (s *table) Resolve(path []string) (int, event.Type, int, bool) {
	k := s.schema.Index(path[0])
	if k < 0 {
		return 0, event.Type{}, 0, false
	}
	return k, s.schema[k].Type, 1, true
}

func (s *table) Names() []string {
	var names []string
	for _, f := range s.schema {
		names = append(names, f.Name)
	}
	return names
}

// add appends a column whose rows are constant expressions.
func (s *table) add(t *testing.T, name, typ string, rows ...string) {
	t.Helper()
	u, err := ParseType(typ)
	if err != nil {
		t.Fatal(err)
	}
	c := event.Make(u)
	for _, r := range rows {
		appendValue(t, &c, r)
	}
	s.schema = append(s.schema, event.Field{Name: name, Type: u})
	s.batch.Columns = append(s.batch.Columns, c)
	s.batch.Len = len(rows)
}

func appendValue(t *testing.T, c *event.Column, value string) {
	t.Helper()
	switch {
	case value == "null":
		c.AppendNull()
	case c.Type.Kind == event.Map:
		for k, e := range strings.Fields(strings.Trim(value, "[]")) {
			if appendValue(t, &c.Elem.Fields[k%2], e); k%2 == 1 {
				c.Elem.Rows++
			}
		}
		c.EndList()
	case c.Type.Kind == event.List:
		for _, e := range strings.Fields(strings.Trim(value, "[]")) {
			appendValue(t, c.Elem, e)
		}
		c.EndList()
	case c.Type.Kind == event.Struct:
		for k, e := range strings.Fields(strings.Trim(value, "{}")) {
			appendValue(t, &c.Fields[k], e)
		}
		c.Rows++
		c.NotNull()
	default:
		n, err := Parse(value)
		if err != nil {
			t.Fatal(err)
		}
		n = &Node{Op: Cast, Args: []*Node{n}, To: c.Type}
		x, faults := Compile(n, &table{})
		if faults != nil {
			t.Fatal(faults)
		}
		v := x.Eval(&event.Batch{Len: 1}, nil)
		c.Append(&v, 0)
	}
}

// show writes row i of a column.
func show(c *event.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	switch c.Type.Kind {
	case event.Bool:
		return fmt.Sprint(c.Ints[i] == 1)
	case event.Double:
		return string(appendDouble(nil, c.Floats[i]))
	case event.Decimal:
		return c.Decimals[i].Text(c.Type.Scale)
	case event.String, event.Bytes:
		return string(c.Text(i))
	case event.Date:
		return formatDate(c.Ints[i])
	case event.Timestamp:
		return formatTime(c.Ints[i])
	case event.List:
		var parts []string
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, show(c.Elem, int(k)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case event.Map:
		var parts []string
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, show(&c.Elem.Fields[0], int(k))+"="+show(&c.Elem.Fields[1], int(k)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case event.Struct:
		var parts []string
		for k := range c.Fields {
			parts = append(parts, c.Type.Fields[k].Name+": "+show(&c.Fields[k], i))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(c.Ints[i])
}

// sample is one row of every type, between null rows.
func sample(t *testing.T) *table {
	s := &table{}
	for _, c := range []struct{ name, typ, value string }{
		{"i", "int64", "7"}, {"j", "int64", "-3"}, {"big", "int64", "9223372036854775807"}, {"low", "int64", "-9223372036854775808"},
		{"d", "double", "2.5"}, {"e", "double", "-0.1"}, {"nan", "double", "'NaN'"}, {"inf", "double", "'inf'"},
		{"m", "decimal(12,2)", "12.34"}, {"n", "decimal(38,3)", "0.005"},
		{"s", "string", "'Hello'"}, {"t", "string", "'größe 1'"}, {"empty", "string", "''"}, {"raw", "bytes", "'abc'"},
		{"yes", "bool", "true"}, {"no", "bool", "false"}, {"none", "int64", "null"}, {"unknown", "bool", "null"}, {"nothing", "string", "null"},
		{"ts", "timestamp", "timestamp '2024-02-29 13:45:59.123456'"}, {"old", "timestamp", "timestamp '1969-12-31 23:59:59.999999'"}, {"dt", "date", "date '2024-02-29'"},
		{"l", "list<int64>", "[10 20 null]"}, {"ld", "list<double>", "[0.1e0 0.2e0 0.3e0 null]"}, {"lm", "list<decimal(5,2)>", "[1.50 -0.25]"}, {"lt", "list<string>", "['b' 'a' 'b']"}, {"mp", "map<string,int64>", "['DE' 2 'NO' 1]"}, {"el", "list<int64>", "[]"}, {"st", "struct<a: int64, b: string>", "{1 'x'}"}, {"ls", "list<struct<a: int64>>", "[{5} {6}]"},
	} {
		s.add(t, c.name, c.typ, c.value, "null", c.value)
	}
	return s
}

// counted writes what was counted for one row.
func counted(n event.Counts) string {
	var parts []string
	n.Each(func(r event.Reason, k int64) {
		if k > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", r, k))
		}
	})
	return strings.Join(parts, " ")
}

// unfold turns literals into columns of s, so that what is folded when it is
// constant runs by column. Arguments that must be constant stay.
func unfold(n *Node, s *table) *Node {
	n = clone(n)
	Walk(n, func(n *Node) bool {
		if n.Op == Call && (constantArgs[n.Name] || strings.HasPrefix(n.Name, "regexp_") || strings.HasPrefix(n.Name, "json_")) || n.Op == Like {
			return false
		}
		if n.Op != Literal || n.Value.Type.Kind == event.Null {
			return true
		}
		value := constantColumn(n.Value)
		c := event.Make(value.Type)
		c.Append(&value, 0)
		c.AppendNull()
		c.Append(&value, 0)
		s.batch.Columns = append(s.batch.Columns, c)
		*n = Node{Op: Bound, To: c.Type, Column: len(s.batch.Columns) - 1, Pos: n.Pos, End: n.End}
		return false
	})
	return n
}

// constantArgs are functions with an argument that must be constant, or whose type
// hangs on one.
var constantArgs = map[string]bool{"date_trunc": true, "date_diff": true, "date_add": true, "round": true, "at_timezone": true, "to_utc_timestamp": true,
	"strftime": true, "strptime": true, "list_sort": true, "bucketize": true}

func constantColumn(v Value) event.Column { return literalOf(v).value.Column }

// row is an expression, its value for the sample's row, and what that counts.
type row struct{ expr, want, counts string }

// checkRows evaluates each expression as it stands and unfolded.
func checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, c := range rows {
		n, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		checkRow(t, c, n, sample(t), "")
		s := sample(t)
		checkRow(t, c, unfold(n, s), s, "unfolded ")
	}
}

func checkRow(t *testing.T, c row, n *Node, s *table, how string) {
	t.Helper()
	x, faults := Compile(n, s)
	if faults != nil {
		t.Errorf("%s%s: %v", how, c.expr, faults)
		return
	}
	var counts event.Counts
	v := x.Eval(&s.batch, &counts)
	if v.Len() != 3 || !v.Type.Equal(x.Type) {
		t.Errorf("%s%s: %d rows of %s, want 3 of %s", how, c.expr, v.Len(), v.Type, x.Type)
		return
	}
	for _, i := range []int{0, 2} {
		if got := show(&v, i); got != c.want {
			t.Errorf("%s%s = %s, want %s", how, c.expr, got, c.want)
		}
	}
	checkZeros(t, &v, how+c.expr)
	perRow := counts
	for r := range perRow {
		perRow[r] /= 2
	}
	if x.Constant() {
		perRow = counts
		for r := range perRow {
			perRow[r] /= 3
		}
	}
	if got := counted(perRow); got != c.counts {
		t.Errorf("%s%s counts %q, want %q", how, c.expr, got, c.counts)
	}
}

// checkZeros holds E1: what is null is zero in its vector.
func checkZeros(t *testing.T, c *event.Column, what string) {
	t.Helper()
	for i := range c.Len() {
		if !c.IsNull(i) {
			continue
		}
		if c.Ints != nil && c.Ints[i] != 0 || c.Floats != nil && c.Floats[i] != 0 || c.Decimals != nil && c.Decimals[i] != (event.Int128{}) || c.Codes != nil && c.Codes[i] != 0 {
			t.Errorf("%s: null row %d is not zero", what, i)
		}
	}
}

const (
	outOfType = "values_out_of_type=1"
	byZero    = "divisions_by_zero=1"
)

func TestArithmetic(t *testing.T) {
	checkRows(t, []row{
		{"1 + 2 * 3", "7", ""}, {"i - j", "10", ""}, {"i * j", "-21", ""}, {"i / j", "-2.3333333333333335", ""}, {"7 / 2", "3.5", ""},
		{"i % j", "1", ""}, {"-i % 3", "-1", ""}, {"div(-7, 2)", "-3", ""}, {"mod(7, 4)", "3", ""},
		{"big + 1", "null", outOfType}, {"low - 1", "null", outOfType}, {"big * 2", "null", outOfType}, {"-low", "null", outOfType}, {"low * -1", "null", outOfType},
		{"low % -1", "0", ""}, {"div(low, -1)", "null", outOfType}, {"big + low", "-1", ""}, {"3037000500 * 3037000500", "null", outOfType}, {"3037000499 * 3037000499", "9223372030926249001", ""},
		{"i / 0", "null", byZero}, {"i % 0", "null", byZero}, {"d / 0", "null", byZero}, {"div(i, 0)", "null", byZero}, {"m / 0", "null", byZero}, {"m % 0", "null", byZero}, {"d % 0", "null", byZero},
		{"d * 2 + 1", "6", ""}, {"d + e", "2.4", ""}, {"d - i", "-4.5", ""}, {"5.5e0 % 2", "1.5", ""}, {"-d", "-2.5", ""}, {"inf % d", "null", outOfType},
		{"nan + 1", "NaN", ""}, {"inf - inf", "NaN", ""}, {"inf * 0", "NaN", ""}, {"-nan", "NaN", ""}, {"nan / 0", "null", byZero}, {"1e308 * 10", "Infinity", ""}, {"nan % d", "NaN", ""},
		{"m + 1", "13.34", ""}, {"m - 0.001", "12.339", ""}, {"m * m", "152.2756", ""}, {"m * 2", "24.68", ""}, {"m % 5", "2.34", ""}, {"-m", "-12.34", ""}, {"m * 1.5e0", "18.509999999999998", ""},
		{"m / n", "2468", ""}, {"n * 99999999999999999999999999999999999", "499999999999999999999999999999999.995", ""}, {"99999999999999999999999999999999999999 + 1", "null", outOfType},
		{"99999999999999999999999999999999999999 * 10", "null", outOfType}, {"99999999999999999999999999999999999999 - 0.5", "null", outOfType}, {"99999999999999999999999999999999999999 % 0.7", "0.3", ""},
		{"99999999999999999999999999999999999999 - 99999999999999999999999999999999999999 - 0.5", "-0.5", ""},
		{"1.50 + 1", "2.50", ""}, {"none + 1", "null", ""}, {"null + 1", "null", ""}, {"1 / null", "null", ""}, {"none / 0", "null", ""}, {"i + m", "19.34", ""}, {"i / m", "0.5672609400324149", ""},
	})
}

func TestComparison(t *testing.T) {
	checkRows(t, []row{
		{"i > j", "true", ""}, {"i = 7", "true", ""}, {"i <> 7", "false", ""}, {"i <= 7", "true", ""}, {"i >= 8", "false", ""}, {"none = 1", "null", ""}, {"i = null", "null", ""},
		{"nan = nan", "true", ""}, {"nan > inf", "true", ""}, {"nan < 1", "false", ""}, {"-0e0 = 0e0", "true", ""}, {"inf = inf", "true", ""}, {"nan <> nan", "false", ""}, {"nan >= 5", "true", ""},
		{"9007199254740993 = 9007199254740992e0", "false", ""}, {"9007199254740993 > 9007199254740992e0", "true", ""}, {"9007199254740992e0 < 9007199254740993", "true", ""},
		{"big < 9223372036854775808e0", "true", ""}, {"low = -9223372036854775808e0", "true", ""}, {"i < 7.5e0", "true", ""}, {"-3 > -3.5e0", "true", ""}, {"i < nan", "true", ""}, {"i > inf", "false", ""},
		{"0.1 = 1e-1", "false", ""}, {"0.1 < 1e-1", "true", ""}, {"2.5 = d", "true", ""}, {"m > 12", "true", ""}, {"m = 12.340", "true", ""}, {"12 < m", "true", ""}, {"m < nan", "true", ""}, {"m > inf", "false", ""},
		{"99999999999999999999999999999999999999 > 0.00000000000000000000000000000000000001", "true", ""}, {"-99999999999999999999999999999999999999 > 0.00000000000000000000000000000000000001", "false", ""},
		{"s = 'Hello'", "true", ""}, {"s < 'hello'", "true", ""}, {"s > t", "false", ""}, {"empty < s", "true", ""}, {"s = nothing", "null", ""}, {"raw = raw", "true", ""},
		{"ts > dt", "true", ""}, {"dt = timestamp '2024-02-29'", "true", ""}, {"dt >= date '2024-03-01'", "false", ""}, {"yes > no", "true", ""},
		{"i is distinct from none", "true", ""}, {"none is distinct from null", "false", ""}, {"none is not distinct from none", "true", ""}, {"i is distinct from 7e0", "false", ""}, {"i is not distinct from j", "false", ""}, {"s is distinct from nothing", "true", ""},
		{"i between 1 and 10", "true", ""}, {"i not between 1 and 10", "false", ""}, {"i between 8 and none", "false", ""}, {"i between 1 and none", "null", ""}, {"i between null and 5", "false", ""}, {"i + 1 between 8 and 8", "true", ""},
		{"i in (1, 7)", "true", ""}, {"i in (1, 2)", "false", ""}, {"i in (1, null)", "null", ""}, {"i in (7, null)", "true", ""}, {"i not in (1, null)", "null", ""}, {"i not in (1, 2)", "true", ""},
		{"i in (1, 2, 3, 4, 5, 6, 7)", "true", ""}, {"s in ('a', 'b', 'c', 'd', 'Hello')", "true", ""}, {"s in ('a', 'b', 'c', 'd', 'e')", "false", ""}, {"none in (1, 2, 3, 4, 5)", "null", ""}, {"m in (1, 12.34)", "true", ""}, {"i in (j, i)", "true", ""},
		{"i in (1, 2, 3, 4, 5, null)", "null", ""}, {"i in (7e0, 8)", "true", ""},
	})
}

func TestLogic(t *testing.T) {
	checkRows(t, []row{
		{"yes and no", "false", ""}, {"yes and yes", "true", ""}, {"yes and unknown", "null", ""}, {"no and unknown", "false", ""}, {"unknown and no", "false", ""}, {"unknown and unknown", "null", ""}, {"null and no", "false", ""}, {"null and yes", "null", ""},
		{"yes or unknown", "true", ""}, {"no or unknown", "null", ""}, {"unknown or yes", "true", ""}, {"no or no", "false", ""}, {"null or yes", "true", ""}, {"null or no", "null", ""}, {"true and unknown", "null", ""}, {"false or unknown", "null", ""},
		{"not yes", "false", ""}, {"not unknown", "null", ""}, {"not null", "null", ""},
		{"none is null", "true", ""}, {"i is null", "false", ""}, {"nothing is not null", "false", ""}, {"null is null", "true", ""}, {"l is null", "false", ""}, {"st is not null", "true", ""},
		{"unknown is true", "false", ""}, {"unknown is not true", "true", ""}, {"no is false", "true", ""}, {"no is not false", "false", ""}, {"null is false", "false", ""},
		{"i <> 7 and 1 / (i - 7) > 0", "false", ""}, {"i = 7 or 1 / (i - 7) > 0", "true", ""}, {"i = 7 and 1 / (i - 7) > 0", "null", byZero},
		{"1 / (i - 7) > 0 and no", "false", byZero},
	})
}

func TestChoice(t *testing.T) {
	checkRows(t, []row{
		{"case when i > 5 then 'big' else 'small' end", "big", ""}, {"case when unknown then 1 end", "null", ""}, {"case i when 1 then 'one' when 7 then 'seven' end", "seven", ""},
		{"case when no then 1 when yes then 2.5 else 3 end", "2.5", ""}, {"case when yes then i else d end", "7", ""}, {"case when yes then dt else ts end", "2024-02-29T00:00:00Z", ""},
		{"case when i = 7 then 0 else 1 / (i - 7) end", "0", ""}, {"case when i <> 7 then 0 else 1 / (i - 7) end", "null", byZero}, {"case when yes then l else null end", "[10 20 null]", ""},
		{"case when no then st else st end", "{a: 1, b: x}", ""}, {"case s when 'Hello' then s else t end", "Hello", ""}, {"case when yes then null else s end", "null", ""}, {"case when none is null then raw end", "abc", ""},
		{"case null when null then 1 else 2 end", "2", ""}, {"case when null then null end", "null", ""}, {"case when yes then m else i end", "12.34", ""},
		{"coalesce(none, i)", "7", ""}, {"coalesce(none, null)", "null", ""}, {"coalesce(nothing, s, (1 / 0)::string)", "Hello", ""}, {"coalesce(i, 1 / (i - 7))", "7", ""}, {"coalesce(none, d)", "2.5", ""}, {"coalesce(nothing, 'x')", "x", ""}, {"coalesce(none)", "null", ""},
		{"nullif(i, 7)", "null", ""}, {"nullif(i, 8)", "7", ""}, {"nullif(i, none)", "7", ""}, {"nullif(s, 'Hello')", "null", ""}, {"i / nullif(0, 0)", "null", ""}, {"nullif(null, 1)", "null", ""}, {"nullif(m, 12.340)", "null", ""},
		{"if(i > 5, 'a', 'b')", "a", ""}, {"iff(unknown, 1, 2)", "2", ""},
		{"greatest(i, j, none)", "7", ""}, {"least(i, j, none)", "-3", ""}, {"greatest(none, none)", "null", ""}, {"greatest(d, nan)", "NaN", ""}, {"least(nan, d)", "2.5", ""}, {"greatest(s, t)", "größe 1", ""}, {"greatest(i, 7.5)", "7.5", ""}, {"least(dt, ts)", "2024-02-29T00:00:00Z", ""}, {"greatest(null, 1)", "1", ""},
	})
}

func TestNested(t *testing.T) {
	checkRows(t, []row{
		{"st.a + 1", "2", ""}, {"st.b", "x", ""}, {"l[1]", "10", ""}, {"l[3]", "null", ""}, {"l[4]", "null", ""}, {"l[0]", "null", ""}, {"l[-1]", "null", ""}, {"l[none]", "null", ""}, {"l[j + 5]", "20", ""}, {"l[-2]", "20", ""}, {"l[-3]", "10", ""}, {"l[-4]", "null", ""}, {"l[low]", "null", ""}, {"mp['NO']", "1", ""}, {"mp['XX']", "null", ""}, {"mp[nothing]", "null", ""}, {"mp[upper('de')]", "2", ""}, {"map([1, 2], [3.5, null])[2.0]", "null", ""},
		{"ls[2].a", "6", ""}, {"(st).b = 'x'", "true", ""}, {"row(i, s as k, 1)", "{i: 7, k: Hello, f3: 1}", ""}, {"row(i, s).s", "Hello", ""}, {"row(none).none is null", "true", ""}, {"upper(st.b)", "X", ""},
	})
}

func TestCast(t *testing.T) {
	checkRows(t, []row{
		{"2.5::int", "3", ""}, {"-2.5::int", "-3", ""}, {"2.5e0::int", "2", ""}, {"3.5e0::int", "4", ""}, {"nan::int", "null", outOfType}, {"1e19::int", "null", outOfType}, {"9223372036854775807e0::int", "null", outOfType}, {"(-9223372036854775808e0)::int", "-9223372036854775808", ""},
		{"99999999999999999999::int", "null", outOfType}, {"i::double", "7", ""}, {"i::decimal(5,2)", "7.00", ""}, {"1000::decimal(5,2)", "null", outOfType}, {"2.345::decimal(5,2)", "2.35", ""}, {"-2.345::decimal(5,2)", "-2.35", ""}, {"m::decimal(4,2)", "12.34", ""}, {"m::decimal(3,2)", "null", outOfType},
		{"2.5e0::decimal(5,0)", "3", ""}, {"0.1e0::decimal(20,18)", "0.100000000000000006", ""}, {"1e30::decimal(38,5)", "1000000000000000019884624838656.00000", ""}, {"inf::decimal(5,2)", "null", outOfType}, {"0.125e0::decimal(5,2)", "0.13", ""}, {"1e300::decimal(38,0)", "null", outOfType},
		{"m::double", "12.34", ""}, {"0.1::double", "0.1", ""}, {"i::string", "7", ""}, {"m::string", "12.34", ""}, {"1e20::string", "1e+20", ""}, {"0.1e0::string", "0.1", ""}, {"1e15::string", "1e+15", ""}, {"123456789012345e0::string", "123456789012345", ""}, {"1e-5::string", "1e-05", ""}, {"(-inf)::string", "-Infinity", ""}, {"nan::string", "NaN", ""}, {"yes::string", "true", ""}, {"ts::string", "2024-02-29T13:45:59.123456Z", ""}, {"dt::string", "2024-02-29", ""},
		{"' 12 '::int", "12", ""}, {"'+5'::int", "5", ""}, {"'12.5'::int", "null", outOfType}, {"''::int", "null", outOfType}, {"'9223372036854775808'::int", "null", outOfType}, {"'1e3'::double", "1000", ""}, {"'-Infinity'::double", "-Infinity", ""}, {"'0x1p3'::double", "null", outOfType}, {"'1_0'::double", "null", outOfType}, {"'1e999'::double", "null", outOfType},
		{"'12.345'::decimal(5,2)", "12.35", ""}, {"'-.005'::decimal(5,2)", "-0.01", ""}, {"'1e2'::decimal(5,2)", "100.00", ""}, {"'123456e-4'::decimal(5,2)", "12.35", ""}, {"'1e9'::decimal(5,2)", "null", outOfType}, {"'0.0049'::decimal(5,2)", "0.00", ""}, {"'1e-500'::decimal(5,2)", "0.00", ""}, {"'1e5000'::decimal(5,2)", "null", outOfType}, {"'.'::decimal(5,2)", "null", outOfType}, {"'x'::decimal(5,2)", "null", outOfType}, {"'99.995'::decimal(4,2)", "null", outOfType},
		{"'yes'::bool", "true", ""}, {"'F'::bool", "false", ""}, {"'maybe'::bool", "null", outOfType}, {"i::bool", "true", ""}, {"0::bool", "false", ""}, {"yes::int", "1", ""},
		{"'2024-02-29'::timestamp", "2024-02-29T00:00:00Z", ""}, {"'2024-02-29T10:00:00+02:00'::timestamp", "2024-02-29T08:00:00Z", ""}, {"'never'::timestamp", "null", outOfType}, {"'2024-02-29 23:00'::date", "2024-02-29", ""}, {"ts::date", "2024-02-29", ""}, {"old::date", "1969-12-31", ""}, {"dt::timestamp", "2024-02-29T00:00:00Z", ""},
		{"'abc'::bytes", "abc", ""}, {"raw::string", "abc", ""}, {"null::int", "null", ""}, {"none::string", "null", ""}, {"s::string", "Hello", ""},
	})
}

func TestText(t *testing.T) {
	checkRows(t, []row{
		{"lower(s)", "hello", ""}, {"upper(t)", "GRÖßE 1", ""}, {"length(t)", "7", ""}, {"octet_length(t)", "9", ""}, {"octet_length(raw)", "3", ""}, {"trim('  a ')", "a", ""}, {"ltrim('  a ')", "a ", ""}, {"rtrim('  a ')", "  a", ""}, {"trim('xxaxx', 'x')", "a", ""},
		{"substr(t, 3, 3)", "öße", ""}, {"substr(t, 3)", "öße 1", ""}, {"substr(s, 0, 2)", "H", ""}, {"substr(s, -1, 3)", "H", ""}, {"substr(s, 9)", "", ""}, {"substr(s, 2, -1)", "", ""}, {"substr(s, 2, big)", "ello", ""}, {"substr(s, low, big)", "", ""}, {"substr(s, big, big)", "", ""}, {"substring(s, 2, 1)", "e", ""},
		{"left(t, 3)", "grö", ""}, {"left(s, -1)", "Hell", ""}, {"left(s, 99)", "Hello", ""}, {"left(s, low)", "", ""}, {"right(t, 3)", "e 1", ""}, {"right(s, -1)", "ello", ""}, {"right(s, 99)", "Hello", ""}, {"right(s, low)", "", ""}, {"right(s, 0)", "", ""},
		{"replace(s, 'l', 'LL')", "HeLLLLo", ""}, {"replace(s, '', 'x')", "Hello", ""}, {"concat(s, none, i, yes)", "Hello7true", ""}, {"concat(null, 'a')", "a", ""}, {"s || ' ' || t", "Hello größe 1", ""}, {"s || nothing", "null", ""}, {"raw || raw", "abcabc", ""},
		{"starts_with(s, 'He')", "true", ""}, {"ends_with(s, 'lo')", "true", ""}, {"contains(s, 'ell')", "true", ""}, {"strpos(t, 'e')", "5", ""}, {"strpos(s, 'z')", "0", ""}, {"position('l' in s)", "3", ""},
		{"lpad(s, 7, 'xy')", "xyHello", ""}, {"lpad(s, 3)", "Hel", ""}, {"rpad(s, 8, 'äb')", "Helloäbä", ""}, {"rpad(s, 7)", "Hello  ", ""}, {"lpad(s, 100000)", "null", outOfType}, {"lpad(s, 9, '')", "Hello", ""}, {"reverse(t)", "1 eßörg", ""}, {"repeat(s, 2)", "HelloHello", ""}, {"repeat(s, 0)", "", ""}, {"repeat(s, big)", "null", outOfType}, {"repeat('', big)", "", ""},
		{"split_part('a,b,c', ',', 2)", "b", ""}, {"split_part('a,b,c', ',', -1)", "c", ""}, {"split_part('a,b,c', ',', 4)", "", ""}, {"split_part('a,b,c', '', 1)", "a,b,c", ""}, {"split_part('a', ',', low)", "", ""},
		{"s like 'H%o'", "true", ""}, {"s like 'h%'", "false", ""}, {"s ilike 'h%'", "true", ""}, {"s like 'H_llo'", "true", ""}, {"s like 'H_lo'", "false", ""}, {"s not like '%z%'", "true", ""}, {"t like '%ö_e%'", "true", ""}, {"s like ''", "false", ""}, {"s like '%'", "true", ""}, {"empty like '%'", "true", ""}, {"empty like ''", "true", ""}, {"s like '%l%l%'", "true", ""}, {"s like '%l%l%l%'", "false", ""}, {"s like '%lo'", "true", ""}, {"s like 'He%llo'", "true", ""}, {"s like 'Hell%llo'", "false", ""},
		{"'50%' like '50!%' escape '!'", "true", ""}, {"'505' like '50!%' escape '!'", "false", ""}, {`'50%' like '50\%'`, "true", ""}, {`'a\b' like 'a\b' escape ''`, "true", ""}, {"s like nothing", "null", ""}, {"s like s", "true", ""}, {"t ilike 'GRÖ%'", "true", ""}, {`s like s || '\'`, "null", outOfType},
		{"lower(s) = 'hello' and s like 'H%'", "true", ""}, {"lower(nothing) is null", "true", ""}, {"length(lower(trim(s)))", "5", ""}, {"substr(s, i - 5, 2)", "el", ""},
	})
}

func TestTime(t *testing.T) {
	checkRows(t, []row{
		{"year(ts)", "2024", ""}, {"quarter(ts)", "1", ""}, {"month(ts)", "2", ""}, {"day(ts)", "29", ""}, {"hour(ts)", "13", ""}, {"minute(ts)", "45", ""}, {"second(ts)", "59", ""}, {"dayofweek(ts)", "4", ""}, {"isodow(ts)", "4", ""}, {"dayofyear(ts)", "60", ""}, {"week(ts)", "9", ""}, {"epoch(ts)", "1709214359.123456", ""}, {"epoch_ms(ts)", "1709214359123", ""}, {"epoch_us(ts)", "1709214359123456", ""},
		{"year(old)", "1969", ""}, {"month(old)", "12", ""}, {"day(old)", "31", ""}, {"hour(old)", "23", ""}, {"minute(old)", "59", ""}, {"second(old)", "59", ""}, {"dayofweek(old)", "3", ""}, {"epoch_ms(old)", "-1", ""}, {"week(old)", "1", ""},
		{"year(dt)", "2024", ""}, {"extract(dow from dt)", "4", ""}, {"extract(epoch from dt)", "1709164800", ""}, {"week(date '2021-01-03')", "53", ""}, {"week(date '2024-12-30')", "1", ""}, {"dayofweek(date '2024-03-03')", "0", ""}, {"isodow(date '2024-03-03')", "7", ""},
		{"date '0001-01-01'", "0001-01-01", ""}, {"year(date '0001-01-01')", "1", ""}, {"dayofyear(date '9999-12-31')", "365", ""}, {"hour(timestamp '0001-01-01 05:06:07')", "5", ""}, {"date_trunc('year', timestamp '9999-12-31 23:59:59')", "9999-01-01T00:00:00Z", ""}, {"date_trunc('week', date '0001-01-01')", "0001-01-01T00:00:00Z", ""},
		{"date_trunc('hour', ts)", "2024-02-29T13:00:00Z", ""}, {"date_trunc('minute', old)", "1969-12-31T23:59:00Z", ""}, {"date_trunc('day', old)", "1969-12-31T00:00:00Z", ""}, {"date_trunc('week', ts)", "2024-02-26T00:00:00Z", ""}, {"date_trunc('month', ts)", "2024-02-01T00:00:00Z", ""}, {"date_trunc('quarter', timestamp '2024-06-30')", "2024-04-01T00:00:00Z", ""}, {"date_trunc('YEAR', old)", "1969-01-01T00:00:00Z", ""}, {"date_trunc('second', ts)", "2024-02-29T13:45:59Z", ""}, {"date_trunc('millisecond', ts)", "2024-02-29T13:45:59.123Z", ""}, {"date_trunc('week', old)", "1969-12-29T00:00:00Z", ""},
		{"date_trunc('day', to_timestamp_us(low))", "null", outOfType}, {"date_trunc('year', to_timestamp_us(low))", "null", outOfType},
		{"date_diff('day', old, ts)", "19783", ""}, {"date_diff('hour', timestamp '2024-01-01 00:59', timestamp '2024-01-01 01:00')", "1", ""}, {"date_diff('month', date '2024-01-31', date '2024-02-01')", "1", ""}, {"date_diff('year', date '2024-01-01', date '2023-12-31')", "-1", ""}, {"date_diff('week', date '2024-03-03', date '2024-03-04')", "1", ""}, {"date_diff('microsecond', to_timestamp_us(low), ts)", "null", outOfType}, {"date_diff('quarter', date '2024-03-31', date '2024-04-01')", "1", ""},
		{"seconds_between(old, timestamp '1970-01-01')", "1e-06", ""}, {"minutes_between(dt, ts)", "825.9853909333333", ""}, {"hours_between(timestamp '2024-01-01 12:00', date '2024-01-01')", "-12", ""}, {"days_between(dt, date '2024-03-01')", "1", ""}, {"days_between(to_timestamp_us(low), to_timestamp_us(big))", "213503982.33460128", ""},
		{"to_timestamp(0)", "1970-01-01T00:00:00Z", ""}, {"to_timestamp(1.5)", "1970-01-01T00:00:01.5Z", ""}, {"to_timestamp(-1e-6)", "1969-12-31T23:59:59.999999Z", ""}, {"to_timestamp(big)", "null", outOfType}, {"to_timestamp(nan)", "null", outOfType}, {"to_timestamp(1.0000005)", "1970-01-01T00:00:01.000001Z", ""}, {"to_timestamp_ms(-1)", "1969-12-31T23:59:59.999Z", ""}, {"to_timestamp_us(1)", "1970-01-01T00:00:00.000001Z", ""}, {"to_timestamp_ms(big)", "null", outOfType},
		{"date(ts)", "2024-02-29", ""}, {"date('2024-02-29T01:00:00Z')", "2024-02-29", ""},
	})
}

func TestMath(t *testing.T) {
	checkRows(t, []row{
		{"abs(j)", "3", ""}, {"abs(low)", "null", outOfType}, {"abs(e)", "0.1", ""}, {"abs(-m)", "12.34", ""}, {"abs(nan)", "NaN", ""}, {"sign(j)", "-1", ""}, {"sign(m)", "1", ""}, {"sign(e)", "-1", ""}, {"sign(nan)", "NaN", ""}, {"sign(-0e0)", "0", ""}, {"sign(low)", "-1", ""},
		{"floor(e)", "-1", ""}, {"floor(-m)", "-13", ""}, {"floor(m)", "12", ""}, {"ceil(m)", "13", ""}, {"ceiling(-m)", "-12", ""}, {"ceil(d)", "3", ""}, {"trunc(-m)", "-12", ""}, {"trunc(-2.5e0)", "-2", ""}, {"floor(i)", "7", ""},
		{"round(d)", "3", ""}, {"round(-d)", "-3", ""}, {"round(m)", "12", ""}, {"round(12.5)", "13", ""}, {"round(m, 1)", "12.3", ""}, {"round(m, 5)", "12.34", ""}, {"round(m, -1)", "10", ""}, {"round(2.345, 2)", "2.35", ""}, {"round(2.675e0, 2)", "2.67", ""}, {"round(0.125e0, 2)", "0.13", ""}, {"round(-0.125e0, 2)", "-0.13", ""}, {"round(1e0 / 3, 4)", "0.3333", ""}, {"round(1234.5e0, -2)", "1200", ""}, {"round(1250e0, -2)", "1300", ""}, {"round(-1250e0, -2)", "-1300", ""}, {"round(i, -1)", "10", ""}, {"round(big, -1)", "null", outOfType}, {"round(i, 2)", "7", ""}, {"round(nan, 2)", "NaN", ""}, {"round(1e300, 2)", "1e+300", ""}, {"round(m, i - 6)", "12.30", ""}, {"round(5e0, -400)", "0", ""}, {"round(0.5e0, -1)", "0", ""}, {"round(d, 400)", "2.5", ""},
		{"sqrt(d)", "1.5811388300841898", ""}, {"sqrt(e)", "null", outOfType}, {"sqrt(nan)", "NaN", ""}, {"sqrt(9)", "3", ""}, {"exp(0)", "1", ""}, {"exp(1000)", "Infinity", ""}, {"ln(1)", "0", ""}, {"ln(0)", "null", outOfType}, {"ln(-1)", "null", outOfType}, {"log10(1000)", "3", ""}, {"log(0.001)", "-3", ""}, {"log2(8)", "3", ""}, {"log2(0)", "null", outOfType},
		{"power(2, 10)", "1024", ""}, {"pow(10, -3)", "0.001", ""}, {"power(0, -1)", "null", outOfType}, {"power(-8, 1e0 / 3)", "null", outOfType}, {"power(-2, 3)", "-8", ""}, {"power(nan, 0)", "1", ""}, {"power(0, 0)", "1", ""}, {"power(nan, 1)", "NaN", ""}, {"power(inf, -1)", "0", ""}, {"power(10, 400)", "Infinity", ""}, {"power(10, 2)", "100", ""}, {"power(3, 5)", "243", ""}, {"power(1.1e0, 2)", "1.2100000000000002", ""},
		{"sin(0)", "0", ""}, {"cos(0)", "1", ""}, {"sin(inf)", "null", outOfType}, {"tan(0)", "0", ""}, {"asin(1)", "1.5707963267948966", ""}, {"asin(2)", "null", outOfType}, {"acos(1)", "0", ""}, {"acos(-1)", "3.141592653589793", ""}, {"acos(nan)", "NaN", ""}, {"atan(1)", "0.7853981633974483", ""}, {"atan2(1, -1)", "2.356194490192345", ""}, {"atan2(0, -1)", "3.141592653589793", ""}, {"atan(inf)", "1.5707963267948966", ""}, {"sin(pi() / 6)", "0.49999999999999994", ""},
		{"radians(180)", "3.141592653589793", ""}, {"degrees(pi())", "180", ""}, {"isnan(nan)", "true", ""}, {"isnan(i)", "false", ""}, {"isinf(-inf)", "true", ""},
		{"round(haversine_km(52.52, 13.405, 48.8566, 2.3522), 6)", "877.464538", ""}, {"round(haversine_km(0, 0, 0, 180), 6)", "20015.114442", ""}, {"haversine_km(d, d, d, d)", "0", ""}, {"haversine_km(0, inf, 0, 0)", "null", outOfType}, {"haversine_km(nan, 0, 0, 0)", "NaN", ""}, {"haversine_km(none, 0, 0, 0)", "null", ""},
	})
}
