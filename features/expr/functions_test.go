package expr

import (
	"math"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

func TestWords(t *testing.T) {
	checkRows(t, []row{
		{"string_split('a,b,,c', ',')", "[a b  c]", ""}, {"string_split(s, 'l')", "[He  o]", ""}, {"string_split(s, '')", "[Hello]", ""}, {"string_split(empty, ',')", "[]", ""}, {"length(string_split(empty, ','))", "1", ""}, {"split(nothing, ',')", "null", ""}, {"string_split(t, 'ö')[2]", "ße 1", ""},
		{"list_to_string(lt, '-')", "b-a-b", ""}, {"list_to_string(l, ', ')", "10, 20", ""}, {"array_join(l, ',', '?')", "10,20,?", ""}, {"list_to_string(el, ',')", "", ""}, {"list_to_string([1.50, 2], '')", "1.502.00", ""}, {"list_to_string(lt, repeat('x', 65536))", "null", outOfType}, {"list_to_string(l, nothing)", "null", ""}, {"list_to_string([ts], '')", "2024-02-29T13:45:59.123456Z", ""},
		{"initcap('hello wORLD-élan o''neil 3rd')", "Hello World-Élan O'Neil 3rd", ""}, {"ascii(s)", "72", ""}, {"ascii('ß')", "223", ""}, {"ord(empty)", "0", ""}, {"chr(223)", "ß", ""}, {"chr(0)", "null", outOfType}, {"chr(55296)", "null", outOfType}, {"chr(1114112)", "null", outOfType}, {"chr(big)", "null", outOfType},
		{"translate(s, 'lo', 'L')", "HeLL", ""}, {"translate(t, 'öß', 'os')", "grose 1", ""}, {"translate('abc', 'aab', 'xyz')", "xzc", ""}, {"translate(s, '', 'x')", "Hello", ""}, {"translate(repeat('a', 60000), 'a', 'ß')", "null", outOfType},
		{"levenshtein('kitten', 'sitting')", "3", ""}, {"levenshtein(s, s)", "0", ""}, {"levenshtein(empty, t)", "7", ""}, {"levenshtein('größe', 'grosse')", "3", ""}, {"levenshtein('ab', 'ba')", "2", ""}, {"edit_distance(repeat('a', 5000), s)", "null", outOfType},
	})
}

func TestRegexp(t *testing.T) {
	checkRows(t, []row{
		{"regexp_matches(s, 'l+')", "true", ""}, {"regexp_matches(s, '^l')", "false", ""}, {"regexp_matches(s, '^h', 'i')", "true", ""}, {"regexp_matches(nothing, 'a')", "null", ""}, {"rlike(t, '\\pL+\\s\\d')", "true", ""}, {"regexp_matches('a' || chr(10) || 'b', 'a.b')", "false", ""}, {"regexp_matches('a' || chr(10) || 'b', 'a.b', 's')", "true", ""}, {"regexp_matches('a' || chr(10) || 'b', '^b', 'm')", "true", ""},
		{"regexp_extract('order 42 of 7', '[0-9]+')", "42", ""}, {"regexp_extract('k=v', '(\\w)=(\\w)', 2)", "v", ""}, {"regexp_extract(s, 'z')", "null", ""}, {"regexp_extract(s, 'z*')", "", ""}, {"regexp_extract('ab', 'a(x)?b', 1)", "null", ""}, {"regexp_extract(s, 'l', 0)", "l", ""}, {"regexp_extract(nothing, 'l')", "null", ""},
		{"regexp_replace(s, 'l', 'L')", "HeLlo", ""}, {"regexp_replace(s, 'l', 'L', 'g')", "HeLLo", ""}, {"regexp_replace('ab', '(a)(b)', '\\2\\1\\0\\\\')", "baab\\", ""}, {"regexp_replace(s, 'L', '', 'gi')", "Heo", ""}, {"regexp_replace(s, 'x*', '-', 'g')", "-H-e-l-l-o-", ""}, {"regexp_replace(repeat('a', 60000), 'a', 'bb', 'g')", "null", outOfType}, {"regexp_replace(repeat('a', 60000), 'a', 'b', 'g') = repeat('b', 60000)", "true", ""}, {"regexp_replace('ab', 'a(x)?', '<\\1>')", "<>b", ""}, {"regexp_replace(s, 'l', '$1')", "He$1lo", ""},
		{"regexp_count(s, 'l')", "2", ""}, {"regexp_count(s, 'x')", "0", ""}, {"regexp_count('aaaa', 'aa')", "2", ""}, {"regexp_split('a1b22c', '[0-9]+')", "[a b c]", ""}, {"regexp_split(s, 'x')", "[Hello]", ""}, {"regexp_split('abc', '')", "[a b c]", ""}, {"regexp_split(',a,', ',')", "[ a ]", ""}, {"length(regexp_split(empty, ','))", "1", ""},
	})
}

func TestCalendar(t *testing.T) {
	checkRows(t, []row{
		{"isoyear(date '2021-01-03')", "2020", ""}, {"isoyear(date '2024-12-30')", "2025", ""}, {"last_day(ts)", "2024-02-29", ""}, {"last_day(date '2023-02-01')", "2023-02-28", ""}, {"last_day(date '2023-12-31')", "2023-12-31", ""}, {"last_day(old)", "1969-12-31", ""},
		{"make_date(2024, 2, 29)", "2024-02-29", ""}, {"make_date(2023, 2, 29)", "null", outOfType}, {"make_date(2024, 13, 1)", "null", outOfType}, {"make_date(big, 1, 1)", "null", outOfType}, {"make_date(299999, 1, 1)", "null", outOfType}, {"make_date(none, 13, 1)", "null", ""},
		{"make_timestamp(2024, 2, 29, 13, 45, 59.123456)", "2024-02-29T13:45:59.123456Z", ""}, {"make_timestamp(1969, 12, 31, 23, 59, 59)", "1969-12-31T23:59:59Z", ""}, {"make_timestamp(2024, 1, 1, 24, 0, 0)", "null", outOfType}, {"make_timestamp(2024, 1, 1, 0, 0, 60)", "null", outOfType}, {"make_timestamp(2024, 1, 1, 0, 0, nan)", "null", outOfType}, {"make_timestamp(2024, 1, 1, 0, -1, 0)", "null", outOfType}, {"make_timestamp(2024, 12, 31, 23, 59, 59.9999996)", "2025-01-01T00:00:00Z", ""},
		{"date_add('day', 1, ts)", "2024-03-01T13:45:59.123456Z", ""}, {"dt + interval '1 month'", "2024-03-29T00:00:00Z", ""}, {"date '2024-01-31' + interval '1 month'", "2024-02-29T00:00:00Z", ""}, {"date '2023-01-31' + interval 1 months", "2023-02-28T00:00:00Z", ""}, {"date '2024-02-29' + interval '1 year'", "2025-02-28T00:00:00Z", ""}, {"date '2024-03-31' - interval '1 month'", "2024-02-29T00:00:00Z", ""}, {"ts - interval '90 minutes'", "2024-02-29T12:15:59.123456Z", ""}, {"old + interval '1 microsecond'", "1970-01-01T00:00:00Z", ""}, {"ts + interval (i) day", "2024-03-07T13:45:59.123456Z", ""}, {"ts - interval (j) week", "2024-03-21T13:45:59.123456Z", ""}, {"dt + interval '2 quarters 1 day'", "2024-08-30T00:00:00Z", ""},
		{"date_add('day', big, ts)", "null", outOfType}, {"date_add('year', big, ts)", "null", outOfType}, {"date_add('month', 9999999, ts)", "null", outOfType}, {"date_add('microsecond', big, ts)", "null", outOfType}, {"date_add('week', low, ts)", "null", outOfType}, {"date_add('day', none, ts)", "null", ""}, {"old - interval '1 month'", "1969-11-30T23:59:59.999999Z", ""}, {"date_add('month', -1, date '0001-01-01')", "0000-12-01T00:00:00Z", ""},
		{"strftime(ts, '%Y-%m-%d %H:%M:%S.%f')", "2024-02-29 13:45:59.123456", ""}, {"strftime(ts, '%F %T %L %I %p %j %u %w %V %G %a %A %b %B %y %s 100%%')", "2024-02-29 13:45:59 123 01 PM 060 4 4 09 2024 Thu Thursday Feb February 24 1709214359 100%", ""}, {"strftime(old, '%FT%T.%f %I%p')", "1969-12-31T23:59:59.999999 11PM", ""}, {"strftime(date '0007-03-04', '%Y %y')", "0007 07", ""}, {"strftime(dt, '')", "", ""}, {"strftime(dt, '%I %p')", "12 AM", ""}, {"strftime(date '2021-01-03', '%G-W%V-%u')", "2020-W53-7", ""},
		{"strptime('29/02/2024 13:45:59.5', '%d/%m/%Y %H:%M:%S.%f')", "2024-02-29T13:45:59.5Z", ""}, {"strptime('2024-02-29T13:45:59+02:00', '%FT%T%z')", "2024-02-29T11:45:59Z", ""}, {"strptime('2024-02-29 0100Z', '%Y-%m-%d %H%M%z')", "2024-02-29T01:00:00Z", ""}, {"strptime('Feb 9, 24 1 pm', '%b %d, %y %I %p')", "2024-02-09T13:00:00Z", ""}, {"strptime('1 MAY 1999 12 AM', '%d %B %Y %I %p')", "1999-05-01T00:00:00Z", ""}, {"strptime('-1', '%s')", "1969-12-31T23:59:59Z", ""}, {"strptime('1700000000.25', '%s.%f')", "2023-11-14T22:13:20.25Z", ""}, {"strptime('2024-01-01 00:00:00.1234567', '%F %T.%f')", "2024-01-01T00:00:00.123456Z", ""}, {"strptime('68-1-1', '%y-%m-%d')", "2068-01-01T00:00:00Z", ""}, {"strptime('69-1-1', '%y-%m-%d')", "1969-01-01T00:00:00Z", ""}, {"strptime('100%2024-1-1', '100%%%F')", "2024-01-01T00:00:00Z", ""},
		{"strptime('2024-02-30', '%F')", "null", outOfType}, {"strptime('2024-02-29 ', '%F')", "null", outOfType}, {"strptime('24-02-29', '%F')", "null", outOfType}, {"strptime('2024-01-01 24:00:00', '%F %T')", "null", outOfType}, {"strptime(nothing, '%F')", "null", ""}, {"strptime('2024-01-01 0 AM', '%F %I %p')", "null", outOfType}, {"strptime('', '%F')", "null", outOfType}, {"strptime('99999999999999999', '%s')", "null", outOfType}, {"strptime('2024-01-01+1', '%F%z')", "null", outOfType}, {"strptime('2024-01-01+01:', '%F%z')", "null", outOfType},
	})
}

func TestZones(t *testing.T) {
	checkRows(t, []row{
		{"ts at time zone 'Europe/Oslo'", "2024-02-29T14:45:59.123456Z", ""}, {"hour(timestamp '2024-07-01 22:30' at time zone 'Europe/Oslo')", "0", ""}, {"date(timestamp '2024-07-01 22:30' at time zone 'Europe/Oslo')", "2024-07-02", ""}, {"extract(dow from timestamp '2024-07-06 23:00' at time zone 'Asia/Kolkata')", "0", ""}, {"ts at time zone 'UTC' = ts", "true", ""}, {"nothing::timestamp at time zone 'UTC'", "null", ""},
		{"to_timestamp_us(big) at time zone 'Asia/Tokyo'", "null", outOfType}, {"to_timestamp_us(low) at time zone 'America/New_York'", "null", outOfType}, {"timestamp '2500-07-01 12:00' at time zone 'Europe/Oslo'", "2500-07-01T14:00:00Z", ""}, {"timestamp '1850-01-01' at time zone 'America/New_York'", "1849-12-31T19:03:58Z", ""},
		{"to_utc_timestamp(timestamp '2024-03-31 02:30', 'Europe/Oslo')", "2024-03-31T01:30:00Z", ""}, {"to_utc_timestamp(timestamp '2024-03-31 01:59:59.999999', 'Europe/Oslo')", "2024-03-31T00:59:59.999999Z", ""}, {"to_utc_timestamp(timestamp '2024-03-31 03:00', 'Europe/Oslo')", "2024-03-31T01:00:00Z", ""}, {"to_utc_timestamp(timestamp '2024-10-27 02:30', 'Europe/Oslo')", "2024-10-27T00:30:00Z", ""}, {"to_utc_timestamp(timestamp '2024-10-27 03:00', 'Europe/Oslo')", "2024-10-27T02:00:00Z", ""}, {"to_utc_timestamp(timestamp '2011-12-30 12:00', 'Pacific/Apia')", "2011-12-30T22:00:00Z", ""}, {"to_utc_timestamp(to_timestamp_us(low), 'Asia/Tokyo')", "null", outOfType},
		{"date_trunc('day', timestamp '2024-07-01 22:30', 'Europe/Oslo')", "2024-07-01T22:00:00Z", ""}, {"date_trunc('month', timestamp '2024-03-31 23:30', 'Europe/Oslo')", "2024-03-31T22:00:00Z", ""}, {"date_trunc('hour', timestamp '2024-10-27 00:30', 'Europe/Oslo')", "2024-10-27T00:00:00Z", ""}, {"date_trunc('hour', timestamp '2024-10-27 01:30', 'Europe/Oslo')", "2024-10-27T01:00:00Z", ""}, {"date_trunc('hour', timestamp '2024-07-01 00:40', 'Asia/Kolkata')", "2024-07-01T00:30:00Z", ""}, {"date_trunc('day', timestamp '2018-11-04 12:00', 'America/Sao_Paulo')", "2018-11-04T03:00:00Z", ""}, {"date_trunc('week', ts, 'America/New_York')", "2024-02-26T05:00:00Z", ""}, {"date_trunc('day', to_timestamp_us(low), 'Asia/Tokyo')", "null", outOfType},
	})
}

// TestZonesPeers holds local times to those of package time over some zones, drawn
// anew each time, and the way back to them.
func TestZonesPeers(t *testing.T) {
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	_, names := zoneData("")
	if len(names) < 500 {
		t.Fatalf("only %d zones", len(names))
	}
	for _, k := range r.Perm(len(names))[:100] {
		name := names[k]
		data, _ := zoneData(name)
		location, err := time.LoadLocationFromTZData(name, data)
		if err != nil {
			t.Fatal(err)
		}
		z := zoneOf(location)
		for range 40 {
			us := r.Int63n(400*365*day) - 100*365*day
			local, _ := z.at(us).local(us)
			at := time.UnixMicro(us).In(location)
			if want := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC).UnixMicro(); local != want {
				t.Fatalf("%s: %s is %s, want %s", name, formatTime(us), formatTime(local), formatTime(want))
			}
			back, _ := z.instant(local)
			again, _ := z.at(back).local(back)
			if again != local || back > us {
				t.Fatalf("%s: back from %s is %s, not %s", name, formatTime(local), formatTime(back), formatTime(us))
			}
		}
	}
}

func TestJSON(t *testing.T) {
	const doc = `'{"a": {"b": [1, 2.50, "x\u00e9\ud83d\ude00\"", null, [true]], "a": 1, "a": 9007199254740993}, "": "e", "a.b": " ", "n": null, "\u006b": {}}'`
	checkRows(t, []row{
		{"json_extract(" + doc + ", '$.a.b[0]')", "1", ""}, {doc + " -> '$.a.b[1]'", "2.50", ""}, {doc + " ->> '$.a.b[2]'", `xé😀"`, ""}, {doc + " -> '$.a.b[2]'", `"x\u00e9\ud83d\ude00\""`, ""}, {doc + " ->> '$.a.a'", "9007199254740993", ""}, {"(" + doc + " ->> '$.a.a')::int = 9007199254740993", "true", ""}, {doc + " ->> 'n'", "null", ""}, {doc + " -> 'n'", "null", ""}, {doc + " -> 'n' is null", "false", ""}, {doc + " ->> 'n' is null", "true", ""}, {doc + " ->> 'zz'", "null", ""}, {doc + " -> 'a' -> 'b' -> 4 ->> 0", "true", ""}, {doc + ` ->> '$."a.b"'`, " ", ""}, {doc + " ->> 'a.b'", " ", ""}, {doc + " ->> ''", "e", ""}, {doc + " -> '$.k'", "{}", ""}, {doc + " -> '$.a.b[4]'", "[true]", ""}, {doc + " -> '$.a.b[5]'", "null", ""}, {doc + " -> '$.a.b.c'", "null", ""}, {doc + " -> '$.a[0]'", "null", ""},
		{"json_extract(' [1 , 2] ', '$')", "[1 , 2]", ""}, {"'5' ->> '$'", "5", ""}, {"'{' ->> '$.a'", "null", outOfType}, {"'' ->> '$.a'", "null", outOfType}, {"'{\"a\": 1} x' ->> 'a'", "null", outOfType}, {"'{\"a\": 1, \"b\": 01}' ->> 'a'", "null", outOfType}, {"nothing ->> 'a'", "null", ""}, {`'"\ud800x"' ->> '$'`, "\ufffdx", ""}, {`'"\ud800\u0041"' ->> '$'`, "\ufffdA", ""}, {`'"\/\b\t"' ->> '$'`, "/\b\t", ""}, {"('{\"x\": \"1.5\"}' ->> 'x')::double", "1.5", ""},
		{"json_array_length('[1, [2, 3], {\"a\": [4]}]')", "3", ""}, {"json_array_length('[]')", "0", ""}, {"json_array_length('{}')", "null", ""}, {"json_array_length('{\"a\": [1, \"],\"]}', '$.a')", "2", ""}, {"json_array_length('[')", "null", outOfType}, {"json_array_length(" + doc + ", '$.zz')", "null", ""}, {"json_valid(" + doc + ")", "true", ""}, {"json_valid('{')", "false", ""}, {"json_valid('nul')", "false", ""}, {"json_valid(nothing)", "null", ""},
		{"json_valid(repeat('[', 30000) || repeat(']', 30000))", "false", ""}, {"json_array_length(repeat('[', 9000) || repeat(']', 9000))", "1", ""},
	})
}

func TestLists(t *testing.T) {
	checkRows(t, []row{
		{"[i, j, none]", "[7 -3 null]", ""}, {"array[1, 2.5]", "[1.0 2.5]", ""}, {"list_value(s)", "[Hello]", ""}, {"[[1], [], null]", "[[1] [] null]", ""}, {"[row(i as a)]", "[{a: 7}]", ""}, {"[]::list<int64>", "[]", ""}, {"[null]::list<string>", "[null]", ""}, {"coalesce(null::list<int64>, [])", "[]", ""}, {"coalesce(el, l)", "[]", ""}, {"case when yes then [1] else [2.5] end", "[1.0]", ""}, {"l[1:2]", "[10 20]", ""}, {"l[2:]", "[20 null]", ""}, {"l[:-2]", "[10 20]", ""}, {"l[-2:-1]", "[20 null]", ""}, {"l[3:2]", "[]", ""}, {"l[0:99]", "[10 20 null]", ""}, {"l[low:big]", "[10 20 null]", ""}, {"l[none:2]", "null", ""}, {"el[1:]", "[]", ""}, {"lt[2:][1]", "a", ""},
		{"list_contains(l, 20)", "true", ""}, {"list_contains(l, 20.0)", "true", ""}, {"list_contains(l, 21)", "false", ""}, {"list_contains(l, none)", "null", ""}, {"array_contains(lt, 'a')", "true", ""}, {"list_contains(el, 1)", "false", ""}, {"list_contains([1, 2, 7], i)", "true", ""}, {"list_contains([nan, 1], nan)", "true", ""}, {"list_contains([9007199254740993], 9007199254740992e0)", "false", ""}, {"list_position(lt, 'b')", "1", ""}, {"list_position(lt, 'a')", "2", ""}, {"list_position(l, 5)", "0", ""}, {"list_position(null::list<int64>, 5)", "null", ""}, {"list_position([3, 1, 7], i)", "3", ""},
		{"list_sum(l)", "30", ""}, {"list_sum(ld)", "0.6", ""}, {"list_sum(list_reverse(ld))", "0.6", ""}, {"list_sum(lm)", "1.25", ""}, {"list_sum(el)", "null", ""}, {"list_sum([none])", "null", ""}, {"list_sum([big, 1])", "null", outOfType}, {"list_sum([big, 1, -1])", "9223372036854775807", ""}, {"list_sum([1e308, 1e308])", "null", outOfType}, {"list_sum([1e308, 1e308, -1e308])", "1e+308", ""}, {"list_sum([1e16, 1e0, -1e16])", "1", ""}, {"list_sum([nan, 1])", "NaN", ""}, {"list_sum([inf, -inf])", "NaN", ""}, {"list_sum([inf, 1])", "Infinity", ""}, {"list_sum([1e308, 1e308, inf])", "Infinity", ""}, {"list_sum([-0e0])", "0", ""}, {"list_sum([99999999999999999999999999999999999999, 1])", "null", outOfType}, {"list_sum([99999999999999999999999999999999999999, 99999999999999999999999999999999999999, -99999999999999999999999999999999999999])", "99999999999999999999999999999999999999", ""},
		{"list_avg(l)", "15", ""}, {"list_avg(ld)", "0.2", ""}, {"list_avg(lm)", "0.625", ""}, {"list_avg(el)", "null", ""}, {"list_avg([1, 2, 2])", "1.6666666666666667", ""}, {"list_avg([big, big])", "9.223372036854776e+18", ""}, {"list_avg([1e308, 1e308])", "1e+308", ""}, {"list_avg([0.1, 0.2])", "0.15", ""}, {"list_min(l)", "10", ""}, {"list_max(l)", "20", ""}, {"list_max([nan, 1])", "NaN", ""}, {"list_min(lt)", "a", ""}, {"list_min(el)", "null", ""}, {"list_max([none])", "null", ""},
		{"list_sort(l)", "[null 10 20]", ""}, {"list_sort(l, 'desc')", "[20 10 null]", ""}, {"list_sort(lt)", "[a b b]", ""}, {"list_sort([nan, 1, inf])", "[1 Infinity NaN]", ""}, {"list_reverse(l)", "[null 20 10]", ""}, {"list_distinct(lt)", "[b a]", ""}, {"list_distinct([1, null, 1, null, 2])", "[1 null 2]", ""}, {"list_distinct([0e0, -0e0, nan, nan])", "[0 NaN]", ""}, {"list_concat(l, el, [1])", "[10 20 null 1]", ""}, {"l || [1]", "[10 20 null 1]", ""}, {"[1] || l", "[1 10 20 null]", ""}, {"lt || ['z', nothing]", "[b a b z null]", ""}, {"l || null::list<int64>", "null", ""}, {"list_intersect(lt, ['b', 'z'])", "[b]", ""}, {"list_intersect([1, 2, 3], [3.0, 1.0])", "[1.0 3.0]", ""}, {"list_intersect([1, null], [null])", "[null]", ""}, {"flatten([[1, 2], null, [], [3]])", "[1 2 3]", ""}, {"flatten([l, el])", "[10 20 null]", ""},
		{"length(l)", "3", ""}, {"cardinality(el)", "0", ""}, {"length(mp)", "2", ""}, {"len(null::list<int64>)", "null", ""}, {"map_keys(mp)", "[DE NO]", ""}, {"map_values(mp)", "[2 1]", ""}, {"map([3, 1, 3], ['a', 'b', 'c'])", "{1=b 3=c}", ""}, {"map(['a', null], [1, 2])", "null", outOfType}, {"map(['a'], [1, 2])", "null", outOfType}, {"map(lt, l)", "{a=20 b=null}", ""}, {"map_keys(null)", "null", ""},
		{"l::list<string>", "[10 20 null]", ""}, {"['1', 'x']::list<int64>", "[1 null]", outOfType}, {"lm::list<double>", "[1.5 -0.25]", ""}, {"l::string", "[10,20,null]", ""}, {"ld::string", "[0.1,0.2,0.3,null]", ""}, {"st::string", `{"a":1,"b":"x"}`, ""}, {"mp::string", `{"DE":2,"NO":1}`, ""}, {"[nan, inf, -0e0]::string", `["NaN","inf",0.0]`, ""}, {"[ts, ts - interval '123056 microseconds', dt]::string", `["2024-02-29T13:45:59.123456Z","2024-02-29T13:45:59.000400Z","2024-02-29T00:00:00Z"]`, ""}, {"['a\"b\\c' || chr(10) || chr(1)]::string", `["a\"b\\c\n\u0001"]`, ""}, {"[raw]::string", `["YWJj"]`, ""}, {"map([dt], [yes])::string", `[["2024-02-29",true]]`, ""}, {"[1e0, 1e16, 1e-7, -inf]::string", `[1.0,1e+16,1e-07,"-inf"]`, ""}, {"el::string", "[]", ""}, {"(-0e0)::string", "0", ""},
	})
}

func TestHashing(t *testing.T) {
	checkRows(t, []row{
		{"hash(i) = hash(7.00)", "true", ""}, {"hash(i) = hash(7e0)", "false", ""}, {"hash('7') = hash(7)", "false", ""}, {"hash(null) = hash(none)", "true", ""}, {"hash(0e0) = hash(-0e0)", "true", ""}, {"hash(nan) = hash('nan'::double)", "true", ""}, {"hash('a', 'b') = hash('ab', '')", "false", ""}, {"hash(1, 2) = hash(2, 1)", "false", ""}, {"hash(date '1970-01-02') = hash(1)", "false", ""}, {"hash(raw) = hash('abc')", "false", ""}, {"hash([1, 2]) = hash(1, 2)", "false", ""}, {"hash(10) = hash(1)", "false", ""}, {"hash(1.50) = hash(1.5)", "true", ""}, {"hash(row(1 as a)) = hash(row(1 as b))", "true", ""},
		{"hash_bucket(s, 10) between 0 and 9", "true", ""}, {"hash_bucket(s, 1)", "0", ""}, {"hash_bucket(s, 0)", "null", outOfType}, {"hash_bucket(s, -5)", "null", outOfType}, {"hash_bucket(nothing, 10)", "null", ""}, {"hash_bucket(nothing, 0)", "null", ""},
		{"md5('')", "d41d8cd98f00b204e9800998ecf8427e", ""}, {"md5(raw)", "900150983cd24fb0d6963f7d28e17f72", ""}, {"sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ""}, {"md5(nothing)", "null", ""},
		{"bucketize(0, [1, 10, 100])", "0", ""}, {"bucketize(1, [1, 10, 100])", "1", ""}, {"bucketize(9.99, [1, 10, 100])", "1", ""}, {"bucketize(inf, [1, 10, 100])", "3", ""}, {"bucketize(nan, [1, 10, 100])", "3", ""}, {"bucketize(-inf, [1, 10, 100])", "0", ""}, {"bucketize(none, [1])", "null", ""}, {"bucketize(d, [0.1, 2.5])", "2", ""}, {"bucketize(big, [9223372036854775806.5])", "1", ""}, {"bucketize(i, [])", "0", ""}, {"bucketize(m, [12.34])", "1", ""}, {"bucketize(100, [1, 10, 100])", "3", ""},
		{"width_bucket(5.35, 0.024, 10.06, 5)", "3", ""}, {"width_bucket(0, 0, 10, 5)", "1", ""}, {"width_bucket(10, 0, 10, 5)", "6", ""}, {"width_bucket(-1, 0, 10, 5)", "0", ""}, {"width_bucket(nan, 0, 10, 5)", "6", ""}, {"width_bucket(9.999999999999999e0, 0, 10, 3)", "3", ""}, {"width_bucket(5, 10, 0, 5)", "null", outOfType}, {"width_bucket(5, 0, 10, 0)", "null", outOfType}, {"width_bucket(5, 0, inf, 2)", "null", outOfType},
		{"geohash(57.64911, 10.40744, 11)", "u4pruydqqvj", ""}, {"geohash(0, 0, 1)", "s", ""}, {"geohash(90, 180, 2)", "zz", ""}, {"geohash(-90, -180, 3)", "000", ""}, {"geohash(91, 0, 5)", "null", outOfType}, {"geohash(nan, 0, 5)", "null", outOfType}, {"geohash(0, 0, 13)", "null", outOfType}, {"geohash(none, 0, 0)", "null", ""},
	})
}

// TestHashesStay holds hashes to what models have been trained on: they may never
// change.
func TestHashesStay(t *testing.T) {
	for text, want := range map[string]string{
		"hash_bucket('merchant', 1000)": "102", "hash('a')": "9092590525458256132", "hash(2.5e0)": "5182229995538392386", "hash(true)": "508203992382727667", "hash([1, null])": "3063893649253258116", "hash('a', 1)": "1378980042931399114", "hash(1)": "-6778296572133524703", "hash(null)": "-4302098779834749733", "hash(1.5)": "1439170558096965418", "hash(date '2024-02-29')": "-1172899265106965504",
	} {
		x := compiled(t, sample(t), text)
		if got := show(&x.code.value.Column, 0); got != want {
			t.Errorf("%s = %s, and was %s", text, got, want)
		}
	}
}

func TestMoreMath(t *testing.T) {
	checkRows(t, []row{
		{"log1p(0)", "0", ""}, {"log1p(1e-20)", "1e-20", ""}, {"log1p(-1)", "null", outOfType}, {"log1p(-2)", "null", outOfType}, {"log1p(inf)", "Infinity", ""}, {"log1p(nan)", "NaN", ""}, {"expm1(1e-20)", "1e-20", ""}, {"expm1(-1000)", "-1", ""}, {"expm1(1000)", "Infinity", ""}, {"expm1(nan)", "NaN", ""},
		{"sinh(0)", "0", ""}, {"sinh(-inf)", "-Infinity", ""}, {"cosh(0)", "1", ""}, {"cosh(-inf)", "Infinity", ""}, {"cosh(nan)", "NaN", ""}, {"tanh(inf)", "1", ""}, {"tanh(-50)", "-1", ""}, {"cbrt(27)", "3", ""}, {"cbrt(-0.001)", "-0.1", ""}, {"cbrt(inf)", "Infinity", ""}, {"hypot(3, 4)", "5", ""}, {"hypot(inf, nan)", "Infinity", ""}, {"hypot(nan, 1)", "NaN", ""}, {"hypot(3 * power(2, 600), 4 * power(2, 600)) / power(2, 600)", "5", ""}, {"hypot(0, -2)", "2", ""},
		{"sigmoid(0)", "0.5", ""}, {"sigmoid(inf)", "1", ""}, {"sigmoid(-inf)", "0", ""}, {"sigmoid(nan)", "NaN", ""}, {"sigmoid(-800)", "0", ""}, {"isfinite(nan)", "false", ""}, {"isfinite(d)", "true", ""}, {"isfinite(none)", "null", ""},
		{"clamp(i, 0, 5)", "5", ""}, {"clamp(j, 0, 5)", "0", ""}, {"clamp(i, 0, 10.5)", "7.0", ""}, {"clamp(nan, 0, 5)", "5", ""}, {"clamp(none, 0, 5)", "null", ""}, {"clamp(i, none, 5)", "null", ""}, {"clamp(i, 0, none)", "null", ""}, {"clamp(ts, dt, dt)", "2024-02-29T00:00:00Z", ""}, {"clamp(s, 'a', 'b')", "a", ""}, {"clamp(i, 9, 8)", "9", ""},
		{"gcd(12, -18)", "6", ""}, {"gcd(0, 5)", "5", ""}, {"gcd(0, 0)", "0", ""}, {"gcd(low, 0)", "null", outOfType}, {"gcd(low, -1)", "1", ""}, {"gcd(low, low)", "null", outOfType}, {"bit_and(12, 10)", "8", ""}, {"bit_or(12, 10)", "14", ""}, {"xor(12, 10)", "6", ""}, {"bit_and(-1, big)", "9223372036854775807", ""}, {"shift_left(1, 62)", "4611686018427387904", ""}, {"shift_left(1, 64)", "0", ""}, {"shift_left(1, -1)", "null", outOfType}, {"shift_right(-8, 1)", "-4", ""}, {"shift_right(-8, 100)", "-1", ""}, {"shift_left(1, none)", "null", ""},
	})
}

// exactly are the functions of hyperbolic.go over big floats.
var exactly = map[string]func(x *big.Float) *big.Float{
	"expm1": func(x *big.Float) *big.Float { return bigSub(bigExp(x), bigOf(1)) },
	"log1p": func(x *big.Float) *big.Float { return bigLog(bigAdd(bigOf(1), x)) },
	"sinh":  func(x *big.Float) *big.Float { return bigHalf(bigSub(bigExp(x), bigExp(bigNeg(x)))) },
	"cosh":  func(x *big.Float) *big.Float { return bigHalf(bigAdd(bigExp(x), bigExp(bigNeg(x)))) },
	"tanh": func(x *big.Float) *big.Float {
		e := bigExp(bigAdd(x, x))
		return bigQuo(bigSub(e, bigOf(1)), bigAdd(e, bigOf(1)))
	},
	"sigmoid": func(x *big.Float) *big.Float { return bigQuo(bigOf(1), bigAdd(bigOf(1), bigExp(bigNeg(x)))) },
	"cbrt":    func(x *big.Float) *big.Float { y, _ := x.Float64(); return bigRoot3(x, math.Cbrt(y)) },
	"hypot":   func(x *big.Float) *big.Float { return bigSqrt(bigAdd(bigMul(x, x), bigOf(0.49))) },
}

// The arithmetic of the truth, at 400 bits.

func bigOf(x float64) *big.Float        { return new(big.Float).SetPrec(400).SetFloat64(x) }
func bigNew() *big.Float                { return new(big.Float).SetPrec(400) }
func bigAdd(a, b *big.Float) *big.Float { return bigNew().Add(a, b) }
func bigSub(a, b *big.Float) *big.Float { return bigNew().Sub(a, b) }
func bigMul(a, b *big.Float) *big.Float { return bigNew().Mul(a, b) }
func bigQuo(a, b *big.Float) *big.Float { return bigNew().Quo(a, b) }
func bigNeg(a *big.Float) *big.Float    { return bigNew().Neg(a) }
func bigHalf(a *big.Float) *big.Float   { return bigQuo(a, bigOf(2)) }
func bigSqrt(a *big.Float) *big.Float   { return bigNew().Sqrt(a) }
func bigRoot3(x *big.Float, y float64) *big.Float {
	r := bigOf(y)
	for range 6 {
		r = bigQuo(bigAdd(bigAdd(r, r), bigQuo(x, bigMul(r, r))), bigOf(3))
	}
	return r
}

// bigExp halves its argument until it is small, sums the series and squares.
func bigExp(x *big.Float) *big.Float {
	const halvings = 40
	y := bigNew().SetMantExp(x, -halvings)
	sum, term := bigOf(1), bigOf(1)
	for n := 1; n < 40; n++ {
		term = bigQuo(bigMul(term, y), bigOf(float64(n)))
		sum = bigAdd(sum, term)
	}
	for range halvings {
		sum = bigMul(sum, sum)
	}
	return sum
}

// bigLog is Newton's way back from bigExp.
func bigLog(x *big.Float) *big.Float {
	at, _ := x.Float64()
	y := bigOf(math.Log(at))
	if d, _ := bigSub(x, bigOf(1)).Float64(); math.Abs(d) < 0.1 {
		y = bigOf(math.Log1p(d))
	}
	for range 4 {
		e := bigExp(y)
		y = bigAdd(y, bigMul(bigOf(2), bigQuo(bigSub(x, e), bigAdd(x, e))))
	}
	return y
}

// TestHyperbolicTruth holds each function within one unit in the last place of its
// value in 400-bit arithmetic.
func TestHyperbolicTruth(t *testing.T) {
	ours := map[string]func(float64) float64{"expm1": expm1, "log1p": log1p, "sinh": sinh, "cosh": cosh, "tanh": tanh, "sigmoid": sigmoid, "cbrt": cbrt, "hypot": func(x float64) float64 { return hypot(x, 0.7) }}
	r := rand.New(rand.NewSource(7))
	for name, truth := range exactly {
		worst, at := 0.0, 0.0
		for range 700 {
			x := spreadOver(20)(r)
			switch {
			case name == "log1p" && x <= -1:
				x = -1 + 1/(2-x)
			case name == "cbrt":
				x = positive(r)
			case name == "hypot":
				x = math.Ldexp(r.Float64(), r.Intn(20)-10)
			}
			if x == 0 {
				continue
			}
			xx := bigOf(x)
			want := truth(xx)
			if name == "hypot" {
				want = bigSqrt(bigAdd(bigMul(xx, xx), bigMul(bigOf(0.7), bigOf(0.7))))
			}
			got := ours[name](x)
			near, _ := want.Float64()
			unit := math.Nextafter(math.Abs(near), math.Inf(1)) - math.Abs(near)
			if off, _ := bigQuo(bigSub(bigOf(got), want), bigOf(unit)).Float64(); math.Abs(off) > worst {
				worst, at = math.Abs(off), x
			}
		}
		if t.Logf("%s: within %.3f units", name, worst); worst >= 0.8 {
			t.Errorf("%s(%v) is %.3f units in the last place from the truth", name, at, worst)
		}
	}
}

// TestTables holds what the digest hears of: zones by their rules, and Unicode
// where its tables matter, though the call was folded away.
func TestTables(t *testing.T) {
	s := sample(t)
	for text, want := range map[string]string{
		"i + 1": "", "lower(s)": "unicode", "lower('ABC')": "unicode", "s ilike 'a'": "unicode", "s like 'a'": "", "regexp_matches(s, 'a')": "unicode", "case when yes then upper(s) end": "unicode",
		"ts at time zone 'Europe/Oslo'": "zone Europe/Oslo", "hour(timestamp '2024-01-01' at time zone 'UTC')": "zone UTC",
	} {
		tables := compiled(t, s, text).Tables()
		got := strings.Join(tables, ",")
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s hangs on %q, want %q", text, got, want)
		}
	}
	if got := compiled(t, s, "ts at time zone 'Europe/Oslo'").Tables()[0]; len(got) != len("zone Europe/Oslo 0123456789abcdef") {
		t.Errorf("a zone is %q", got)
	}
}

// TestRewrittenDepth holds that short spellings are refused where their calls
// could not be read back.
func TestRewrittenDepth(t *testing.T) {
	for text, ok := range map[string]bool{
		"t" + strings.Repeat(" + interval '1 day'", 100): true, "t" + strings.Repeat(" + interval '1 day'", 300): false,
		"s" + strings.Repeat(" -> 'a'", 300): false, "x" + strings.Repeat("[1:2]", 300): false,
	} {
		n, err := Parse(text)
		if (err == nil) != ok {
			t.Errorf("%.30s...: %v", text, err)
		}
		if err == nil {
			if again, err := Parse(n.String()); err != nil || again.String() != n.String() {
				t.Errorf("%.30s... is not read back: %v", text, err)
			}
		}
	}
}

// TestListWeights holds that an element that can not be cast is counted for each
// row that its list stands for, and for no row that does not ask.
func TestListWeights(t *testing.T) {
	s := &table{}
	s.add(t, "s", "string", "'1,x'", "'1,x'", "'y'", "null", "'2'")
	for text, want := range map[string]int64{
		"string_split(s, ',')::list<int64>": 3, "case when s = 'y' then string_split(s, ',')::list<int64> end": 1,
		"coalesce([1], string_split(s, ',')::list<int64>)": 0,
	} {
		x := compiled(t, s, text)
		var n event.Counts
		x.Eval(&s.batch, &n)
		if n[event.OutOfType] != want {
			t.Errorf("%s counts %d, want %d", text, n[event.OutOfType], want)
		}
	}
}

// TestPartials holds list_sum to big floats, where terms cancel, tie and overflow.
func TestPartials(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	var p partials
	for range 20_000 {
		p.reset()
		exact := new(big.Float).SetPrec(4000)
		for range 1 + r.Intn(8) {
			x := math.Ldexp(float64(r.Intn(5)-2), r.Intn(120)-60)
			if r.Intn(3) == 0 {
				x = math.Ldexp(r.Float64()-0.5, r.Intn(2000)-1000)
			}
			p.add(x)
			exact.Add(exact, big.NewFloat(x))
		}
		got, ok := p.result(false)
		if want, _ := exact.Float64(); got != want || !ok {
			t.Fatalf("%v adds up to %x, want %x", p.parts, got, want)
		}
	}
}
