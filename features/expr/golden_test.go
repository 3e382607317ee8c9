package expr

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// valuesGolden holds the bits of every function of doubles, cast, spelling, hash
// and calendar over the edges below. It is the same file for all platforms, and
// .ci/platforms holds each of them to it (X4).
const valuesGolden = "testdata/values.golden"

// edges is a table of what is apt to differ: numbers at the ends of their types,
// halves, subnormals, texts of several widths, times before and after clocks
// change.
func edges(t *testing.T) *table {
	s := &table{}
	s.add(t, "x", "double", "0e0", "-0e0", "1e0", "-1e0", "0.1e0", "0.7e0", "-0.3e0", "2.5e0", "1e-300", "4.9e-324", "-2.2250738585072014e-308", "1.7976931348623157e308", "'inf'", "'-inf'", "'nan'", "null", "123456789.123456789e0", "-745.2e0", "709.5e0", "1e22")
	s.add(t, "y", "double", "3e0", "-0.5e0", "1e-20", "7e0", "0.2e0", "-1.5e0", "1e100", "0.3e0", "2e0", "1e0", "-3e0", "2e0", "1e0", "0.5e0", "1e0", "1e0", "1e-3", "2e0", "0.999e0", "1e22")
	s.add(t, "i", "int64", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "7", "-7", "100", "12", "2", "3", "null", "63", "64", "1000000007", "5", "86400", "28", "31")
	s.add(t, "m", "decimal(38,6)", "0", "0.000001", "-0.5", "2.5", "99999999999999999999999999999999.999999", "-99999999999999999999999999999999.999999", "0.1", "123.45", "1", "-1", "9007199254740993", "0.3", "null", "1.5", "3.5", "-2.5", "12345.678901", "10", "100", "0.7")
	s.add(t, "s", "string", "''", "'a'", "'Größe'", "'1.5'", "' -0 '", "'1e400'", "'0.1'", "'NaN'", "'2024-02-29'", "'2024-02-29T13:45:59.123456+02:00'", "'{\"a\": [1, 2.50, \"\\u00e9\"]}'", "'ΑΣ ǅ ß ı'", "null", "'x,y,,z'", "'𝔘𝔫'", "'123456789012345678901234567890'", "'true'", "'merchant 42'", "'2.5'", "'-9223372036854775808'")
	s.add(t, "t", "timestamp", "timestamp '1970-01-01'", "timestamp '1969-12-31 23:59:59.999999'", "timestamp '2024-02-29 13:45:59.123456'", "timestamp '2024-03-31 00:59:59.999999'", "timestamp '2024-03-31 01:00'", "timestamp '2024-10-27 00:30'", "timestamp '2024-10-27 01:30'", "timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'", "timestamp '1900-02-28 23:30'", "timestamp '2021-01-03 12:00'", "timestamp '2011-12-30 10:00'", "null", "timestamp '2100-06-01'", "timestamp '2500-07-01 12:00'", "timestamp '1850-05-05'", "timestamp '2023-12-31 23:59'", "timestamp '2000-01-01'", "timestamp '2024-01-31 08:00'", "timestamp '1582-10-15'")
	return s
}

// goldenExpressions are what values.golden holds.
func goldenExpressions() []string {
	out := []string{"x + y * x", "x * y - y", "x / y", "x % y", "-x", "round(x, 2)", "round(y, -1)", "power(x, y)", "atan2(y, x)", "hypot(x, y)", "haversine_km(x, y, y, -y)", "x::string", "x::int", "x::decimal(38,6)", "x::decimal(20,2)", "i::double", "m::double", "i / m", "m * 1.1e0", "s::double", "s::decimal(38,6)", "s::int", "m::string",
		"clamp(x, y, 5)", "width_bucket(x, -1, y, 7)", "bucketize(x, [0.1, 2.5, 1e3])", "bucketize(m, [0.1, 2.5])", "geohash(y, x, 12)", "to_timestamp(x)", "epoch(t)", "days_between(t, timestamp '2000-01-01')", "seconds_between(timestamp '0001-01-01', t)", "make_timestamp(2024, 2, 29, 1, 2, x)",
		"hash(x)", "hash(i)", "hash(m)", "hash(s)", "hash(t)", "hash(x, i, m, s, t)", "hash([x, y])", "hash_bucket(s, 1000)", "hash_bucket(m, 97)", "md5(s)", "sha256(s)", "list_sum([x, y, 1e16, -1e16])", "list_avg([x, y, 0.1e0])", "list_avg([m, 0.000001])", "list_sort([x, y, 0])::string", "[x, y]::string", "[m, 1]::string", "map([s], [x])::string",
		"lower(s)", "upper(s)", "initcap(s)", "s ilike '%ß%'", "regexp_count(s, '\\pL')", "regexp_replace(s, '(?i)[a-m]', '<\\0>', 'g')", "levenshtein(s, 'merchant')", "json_extract(s, '$.a[1]')", "s ->> '$.a[2]'",
		"strftime(t, '%F %T.%f %j %a %b %G-W%V-%u %I%p %s')", "t at time zone 'Europe/Oslo'", "t at time zone 'America/Sao_Paulo'", "to_utc_timestamp(t, 'Europe/Oslo')", "to_utc_timestamp(t, 'Pacific/Apia')", "date_trunc('day', t, 'America/New_York')", "date_trunc('hour', t, 'Australia/Lord_Howe')", "date_trunc('week', t)", "t + interval '1 month'", "t - interval '1 quarter 90 minutes'", "last_day(t)", "date_diff('week', t, timestamp '2000-01-01')", "t::string"}
	for _, f := range functions {
		if doubles(f) && f.Name != "geohash" {
			args := []string{"x", "y", "x", "y"}[:len(f.params)]
			out = append(out, f.Name+"("+strings.Join(args, ", ")+")")
		}
		if f.Group == "time" && len(f.params) == 1 && f.params[0].class == "timestamp" {
			out = append(out, f.Name+"(t)")
		}
	}
	for _, unit := range units {
		out = append(out, fmt.Sprintf("date_trunc('%s', t)", unit), fmt.Sprintf("date_add('%s', 5, t)", unit))
	}
	return out
}

// doubles reports whether a function takes doubles, or numbers that may be.
func doubles(f *Function) bool {
	for _, p := range f.params {
		if p.class != "double" && p.class != "number" || p.optional {
			return false
		}
	}
	return len(f.params) > 0
}

// goldenRow is a value, doubles by their bits.
func goldenRow(c *event.Column, i int) string {
	if c.Type.Kind == event.Double && !c.IsNull(i) {
		return fmt.Sprintf("%016x", math.Float64bits(c.Floats[i]))
	}
	return fmt.Sprintf("%q", show(c, i))
}

// TestGoldenValues holds every bit.
func TestGoldenValues(t *testing.T) {
	s := edges(t)
	var b strings.Builder
	for _, text := range goldenExpressions() {
		n, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		x, faults := Compile(n, s)
		if faults != nil {
			t.Fatalf("%s: %v", text, faults)
		}
		var counts event.Counts
		v := x.Eval(&s.batch, &counts)
		fmt.Fprintf(&b, "%s: %s %s\n", text, x.Type, counted(counts))
		for i := range v.Len() {
			fmt.Fprintf(&b, "\t%s\n", goldenRow(&v, i))
		}
	}
	if *rewrite {
		if err := os.WriteFile(valuesGolden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(valuesGolden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("values differ from %s, first at:\n%s", valuesGolden, firstDifference(got, string(want)))
	}
}

// firstDifference is the first line that differs, under the expression that it is
// of.
func firstDifference(got, want string) string {
	head := ""
	wants := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if !strings.HasPrefix(line, "\t") {
			head = line
		}
		if i >= len(wants) || wants[i] != line {
			return fmt.Sprintf("%s\n got %s\nwant %s", head, line, wants[min(i, len(wants)-1)])
		}
	}
	return "the end"
}
