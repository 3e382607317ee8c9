package expr

import (
	"github.com/timeseam/timeseam/features/event"
)

// The rows of the table of functions, a group each. Signature and Doc are the
// documentation that users read, word by word.

// textFunctions count characters, not bytes, unless they say so.
func textFunctions() []Function {
	return []Function{
		{Signature: "lower(s string) string", kernel: edit(lower), unicode: true, Doc: "in lower case"},
		{Signature: "upper(s string) string", kernel: edit(upper), unicode: true, Doc: "in upper case"},
		{Signature: "trim(s string, [characters string]) string", Aliases: []string{"btrim"}, kernel: edit(trim), Doc: "without spaces, or the given characters, at both ends"},
		{Signature: "ltrim(s string, [characters string]) string", kernel: edit(ltrim), Doc: "without spaces, or the given characters, at the start"},
		{Signature: "rtrim(s string, [characters string]) string", kernel: edit(rtrim), Doc: "without spaces, or the given characters, at the end"},
		{Signature: "length(x any) int64", Aliases: []string{"char_length", "character_length", "len", "cardinality", "list_length", "array_length", "array_size", "size"}, compile: (*checker).length, Doc: "how many characters of a string, elements of a list, entries of a map"},
		{Signature: "octet_length(s text) int64", kernel: measure(event.Int, byteCount), Doc: "how many bytes, of a string or of bytes"},
		{Signature: "substr(s string, start int64, [n int64]) string", Aliases: []string{"substring"}, kernel: edit(substr), Doc: "n characters from character start, the first being 1; to the end without n"},
		{Signature: "left(s string, n int64) string", kernel: edit(left), Doc: "the first n characters; all but the last -n if n is negative"},
		{Signature: "right(s string, n int64) string", kernel: edit(right), Doc: "the last n characters; all but the first -n if n is negative"},
		{Signature: "replace(s string, old string, new string) string", kernel: makeText(replace), counts: true, Doc: "with every old replaced by new"},
		{Signature: "concat(a scalar, ...) string", compile: (*checker).concatAll, Doc: "all values as text, one after the other; nulls are empty"},
		{Signature: "starts_with(s string, prefix string) bool", Aliases: []string{"startswith"}, kernel: test(startsWith), Doc: "whether s starts with prefix"},
		{Signature: "ends_with(s string, suffix string) bool", Aliases: []string{"endswith"}, kernel: test(endsWith), Doc: "whether s ends with suffix"},
		{Signature: "contains(s string, part string) bool", kernel: test(contains), Doc: "whether part stands in s"},
		{Signature: "strpos(s string, part string) int64", Aliases: []string{"instr"}, kernel: measure(event.Int, strpos), Doc: "the first character of part in s, from 1; 0 if it is not there; also position(part in s)"},
		{Signature: "lpad(s string, n int64, [fill string]) string", kernel: makeText(pad(true)), counts: true, Doc: "n characters, filled at the left with spaces or with fill; longer texts are cut"},
		{Signature: "rpad(s string, n int64, [fill string]) string", kernel: makeText(pad(false)), counts: true, Doc: "n characters, filled at the right with spaces or with fill; longer texts are cut"},
		{Signature: "reverse(s string) string", kernel: edit(reverse), Doc: "the characters backwards"},
		{Signature: "repeat(s string, n int64) string", kernel: makeText(repeat), counts: true, Doc: "s n times"},
		{Signature: "split_part(s string, separator string, n int64) string", kernel: edit(splitPart), Doc: "part n of s, from 1, or from the end if n is negative; empty if there is none"},
		{Signature: "string_split(s string, separator string) list<string>", Aliases: []string{"split", "str_split", "string_to_array"}, kernel: listTexts(splitText), Doc: "the parts of s between separators; s alone where the separator is empty or not there"},
		{Signature: "list_to_string(l list, separator string, [null string]) string", Aliases: []string{"array_join", "array_to_string"}, compile: (*checker).listToString, Doc: "the elements as text with the separator between them; nulls are left out, or written as the third argument says"},
		{Signature: "initcap(s string) string", kernel: edit(initcap), unicode: true, Doc: "each word with its first letter in upper case and the others in lower case"},
		{Signature: "ascii(s string) int64", Aliases: []string{"ord", "unicode"}, kernel: measure(event.Int, firstRune), Doc: "the code point of the first character; 0 if there is none"},
		{Signature: "chr(code int64) string", kernel: chr, counts: true, Doc: "the character of a code point; null if there is none"},
		{Signature: "translate(s string, from string, to string) string", kernel: makeText(translate), counts: true, Doc: "with each character of from replaced by the one at its place in to, or left out if to is shorter"},
		{Signature: "levenshtein(a string, b string) int64", Aliases: []string{"edit_distance", "levenshtein_distance"}, kernel: levenshtein, counts: true, Doc: "how many characters must be put in, taken out or changed to make b of a; null if either has more than 4096 bytes"},
		{Signature: "regexp_matches(s string, pattern string, [flags string]) bool", Aliases: []string{"regexp_like", "rlike", "regexp"}, compile: (*checker).regexpMatches, unicode: true, Doc: "whether the pattern matches somewhere in s; a pattern is a literal in the syntax of RE2, flags of the letters i (any case), s (a dot matches line ends) and m (^ and $ match at lines)"},
		{Signature: "regexp_extract(s string, pattern string, [group int64]) string", Aliases: []string{"regexp_substr"}, compile: (*checker).regexpExtract, unicode: true, Doc: "the first match, or a group of it; null where nothing matches"},
		{Signature: "regexp_replace(s string, pattern string, by string, [flags string]) string", compile: (*checker).regexpReplace, unicode: true, Doc: "the first match, or with the flag g every match, replaced by a literal in which \\1 to \\9 stand for groups and \\0 for the match"},
		{Signature: "regexp_count(s string, pattern string) int64", compile: (*checker).regexpCount, unicode: true, Doc: "how many matches there are, none overlapping"},
		{Signature: "regexp_split(s string, pattern string) list<string>", Aliases: []string{"string_split_regex", "regexp_split_to_array"}, compile: (*checker).regexpSplit, unicode: true, Doc: "the parts of s between matches"},
	}
}

// timeFunctions read instants as UTC; a date is its first instant.
func timeFunctions() []Function {
	part := func(loop func(out, x []int64)) kernel { return eachInt(event.Int, loop) }
	return []Function{
		{Signature: "year(t timestamp) int64", kernel: part(yearLoop), Doc: "the year; also extract(year from t), and so for the other parts"},
		{Signature: "quarter(t timestamp) int64", kernel: part(quarterLoop), Doc: "1 to 4"},
		{Signature: "month(t timestamp) int64", kernel: part(monthLoop), Doc: "1 to 12"},
		{Signature: "week(t timestamp) int64", Aliases: []string{"weekofyear"}, kernel: part(weekLoop), Doc: "the week of ISO 8601, 1 to 53"},
		{Signature: "day(t timestamp) int64", Aliases: []string{"dayofmonth"}, kernel: part(dayLoop), Doc: "the day of the month"},
		{Signature: "isoyear(t timestamp) int64", kernel: part(isoYearLoop), Doc: "the year to which the week belongs"},
		{Signature: "dayofweek(t timestamp) int64", Aliases: []string{"dow"}, kernel: part(dayOfWeekLoop), Doc: "0, Sunday, to 6"},
		{Signature: "isodow(t timestamp) int64", kernel: part(isoDayLoop), Doc: "1, Monday, to 7"},
		{Signature: "dayofyear(t timestamp) int64", Aliases: []string{"doy"}, kernel: part(dayOfYearLoop), Doc: "1 to 366"},
		{Signature: "hour(t timestamp) int64", kernel: part(hourLoop), Doc: "0 to 23"},
		{Signature: "minute(t timestamp) int64", kernel: part(minuteLoop), Doc: "0 to 59"},
		{Signature: "second(t timestamp) int64", kernel: part(secondLoop), Doc: "0 to 59, without fraction"},
		{Signature: "epoch(t timestamp) double", kernel: epochSeconds, Doc: "seconds since 1970, with fraction"},
		{Signature: "epoch_ms(t timestamp) int64", kernel: part(epochMillisLoop), Doc: "milliseconds since 1970, towards the past"},
		{Signature: "epoch_us(t timestamp) int64", kernel: part(epochMicrosLoop), Doc: "microseconds since 1970"},
		{Signature: "date_trunc(unit string, t timestamp, [zone string]) timestamp", compile: (*checker).dateTrunc, Doc: "the start of the microsecond, millisecond, second, minute, hour, day, week, month, quarter or year, as the clocks of the zone have it"},
		{Signature: "date_add(unit string, n int64, t timestamp) timestamp", Aliases: []string{"dateadd"}, compile: (*checker).dateAdd, Doc: "n units later; months, quarters and years keep the day, or the last day of a shorter month; also t + interval '1 month', t - interval '90 minutes', t + interval (n) day"},
		{Signature: "date_diff(unit string, a timestamp, b timestamp) int64", Aliases: []string{"datediff"}, compile: (*checker).dateDiff, Doc: "how many units begin after a and not after b"},
		{Signature: "seconds_between(a timestamp, b timestamp) double", kernel: between(second), Doc: "b - a in seconds"},
		{Signature: "minutes_between(a timestamp, b timestamp) double", kernel: between(minute), Doc: "b - a in minutes"},
		{Signature: "hours_between(a timestamp, b timestamp) double", kernel: between(hour), Doc: "b - a in hours"},
		{Signature: "days_between(a timestamp, b timestamp) double", kernel: between(day), Doc: "b - a in days of 24 hours"},
		{Signature: "to_timestamp(s number) timestamp", compile: (*checker).toTimestamp, Doc: "the instant s seconds after 1970, to the nearest microsecond"},
		{Signature: "to_timestamp_ms(ms int64) timestamp", kernel: scaledTime(1000), counts: true, Doc: "the instant ms milliseconds after 1970"},
		{Signature: "to_timestamp_us(us int64) timestamp", kernel: scaledTime(1), Doc: "the instant us microseconds after 1970"},
		{Signature: "date(x scalar) date", compile: (*checker).date, Doc: "the day of a timestamp or text, a cast"},
		{Signature: "last_day(t timestamp) date", kernel: lastDay, Doc: "the last day of the month"},
		{Signature: "make_date(year int64, month int64, day int64) date", Aliases: []string{"date_from_parts"}, kernel: makeDate, counts: true, Doc: "a date of its parts; null if there is none"},
		{Signature: "make_timestamp(year int64, month int64, day int64, hour int64, minute int64, second double) timestamp", Aliases: []string{"timestamp_from_parts"}, kernel: makeTimestamp, counts: true, Doc: "an instant of its parts in UTC, to the nearest microsecond; null if there is none"},
		{Signature: "at_timezone(t timestamp, zone string) timestamp", Aliases: []string{"from_utc_timestamp"}, compile: (*checker).atTimezone, Doc: "what the clocks of the zone show at t, to be taken apart: extract(hour from t at time zone 'Europe/Oslo'); also t at time zone 'Europe/Oslo'"},
		{Signature: "to_utc_timestamp(local timestamp, zone string) timestamp", compile: (*checker).fromTimezone, Doc: "the instant at which the clocks of the zone show local; the first of two, and where clocks skip it, as if they had not yet"},
		{Signature: "strftime(t timestamp, format string) string", compile: (*checker).strftime, Doc: "as text, by a literal format of %Y %y %m %d %H %I %M %S %f %L %p %j %u %w %V %G %a %A %b %B %F %T %s %%"},
		{Signature: "strptime(s string, format string) timestamp", compile: (*checker).strptime, Doc: "an instant read from text by a literal format of %Y %y %m %d %H %I %M %S %f %p %b %B %F %T %s %z %%; UTC without %z; null where the text is not of the format"},
	}
}

// mathFunctions take any number for a double and round it to one first.
func mathFunctions() []Function {
	one := func(loop func(out, x []float64)) kernel { return defined(loop) }
	return []Function{
		{Signature: "abs(x number) number", compile: (*checker).abs, Doc: "without sign"},
		{Signature: "sign(x number) number", compile: (*checker).sign, Doc: "-1, 0 or 1"},
		{Signature: "floor(x number) number", compile: (*checker).whole, Doc: "the greatest whole number not above x"},
		{Signature: "ceil(x number) number", Aliases: []string{"ceiling"}, compile: (*checker).whole, Doc: "the least whole number not below x"},
		{Signature: "round(x number, [digits int64]) number", compile: (*checker).whole, Doc: "to the nearest with so many digits after the point (none if not given), halves away from zero"},
		{Signature: "trunc(x number) number", Aliases: []string{"truncate"}, compile: (*checker).whole, Doc: "without what is after the point"},
		{Signature: "div(a int64, b int64) int64", kernel: quotientInts, counts: true, Doc: "a / b without what is after the point"},
		{Signature: "mod(a number, b number) number", compile: (*checker).mod, Doc: "a % b, with the sign of a"},
		{Signature: "sqrt(x double) double", kernel: one(sqrtLoop), counts: true, Doc: "square root; null below zero"},
		{Signature: "exp(x double) double", kernel: one(expLoop), Doc: "e to the power x"},
		{Signature: "ln(x double) double", kernel: one(lnLoop), counts: true, Doc: "natural logarithm; null unless x is above zero"},
		{Signature: "log10(x double) double", Aliases: []string{"log"}, kernel: one(log10Loop), counts: true, Doc: "logarithm to base 10; null unless x is above zero"},
		{Signature: "log2(x double) double", kernel: one(log2Loop), counts: true, Doc: "logarithm to base 2; null unless x is above zero"},
		{Signature: "power(x double, y double) double", Aliases: []string{"pow"}, kernel: defined2(powerLoop), counts: true, Doc: "x to the power y; null where it has no real value"},
		{Signature: "sin(x double) double", kernel: one(sinLoop), counts: true, Doc: "sine of x radians"},
		{Signature: "cos(x double) double", kernel: one(cosLoop), counts: true, Doc: "cosine of x radians"},
		{Signature: "tan(x double) double", kernel: one(tanLoop), counts: true, Doc: "tangent of x radians"},
		{Signature: "asin(x double) double", kernel: one(asinLoop), counts: true, Doc: "inverse sine; null outside -1 to 1"},
		{Signature: "acos(x double) double", kernel: one(acosLoop), counts: true, Doc: "inverse cosine; null outside -1 to 1"},
		{Signature: "atan(x double) double", kernel: one(atanLoop), Doc: "inverse tangent"},
		{Signature: "atan2(y double, x double) double", kernel: defined2(atan2Loop), Doc: "the angle of the point (x, y)"},
		{Signature: "radians(degrees double) double", kernel: one(radiansLoop), Doc: "degrees as radians"},
		{Signature: "degrees(radians double) double", kernel: one(degreesLoop), Doc: "radians as degrees"},
		{Signature: "pi() double", compile: (*checker).pi, Doc: "3.141592653589793"},
		{Signature: "isnan(x double) bool", kernel: testFloat(isNaN), Doc: "whether x is NaN"},
		{Signature: "isinf(x double) bool", kernel: testFloat(isInfinite), Doc: "whether x is an infinity"},
		{Signature: "isfinite(x double) bool", kernel: testFloat(finite), Doc: "whether x is neither NaN nor an infinity"},
		{Signature: "log1p(x double) double", kernel: one(log1pLoop), counts: true, Doc: "ln(1 + x), exact also near zero; null unless x is above -1"},
		{Signature: "expm1(x double) double", kernel: one(each(expm1)), Doc: "exp(x) - 1, exact also near zero"},
		{Signature: "cbrt(x double) double", kernel: one(each(cbrt)), Doc: "cube root"},
		{Signature: "hypot(x double, y double) double", kernel: defined2(hypotLoop), Doc: "the length of the vector (x, y), without overflow in between"},
		{Signature: "sinh(x double) double", kernel: one(each(sinh)), Doc: "hyperbolic sine"},
		{Signature: "cosh(x double) double", kernel: one(each(cosh)), Doc: "hyperbolic cosine"},
		{Signature: "tanh(x double) double", kernel: one(each(tanh)), Doc: "hyperbolic tangent"},
		{Signature: "sigmoid(x double) double", kernel: one(each(sigmoid)), Doc: "1 / (1 + exp(-x))"},
		{Signature: "clamp(x any, low any, high any) any", compile: (*checker).clamp, Doc: "low where x is below it, else high where x is above it, else x"},
		{Signature: "gcd(a int64, b int64) int64", Aliases: []string{"greatest_common_divisor"}, kernel: gcd, counts: true, Doc: "the greatest whole number that divides both"},
		{Signature: "bit_and(a int64, b int64) int64", kernel: bitwise(func(x, y int64) int64 { return x & y }), Doc: "the bits that both have"},
		{Signature: "bit_or(a int64, b int64) int64", kernel: bitwise(func(x, y int64) int64 { return x | y }), Doc: "the bits that either has"},
		{Signature: "bit_xor(a int64, b int64) int64", Aliases: []string{"xor"}, kernel: bitwise(func(x, y int64) int64 { return x ^ y }), Doc: "the bits that one has and not the other"},
		{Signature: "shift_left(x int64, n int64) int64", Aliases: []string{"shiftleft"}, kernel: shiftBits(false), counts: true, Doc: "the bits n places up; those moved out are lost; null if n is below 0"},
		{Signature: "shift_right(x int64, n int64) int64", Aliases: []string{"shiftright"}, kernel: shiftBits(true), counts: true, Doc: "the bits n places down, the sign kept; null if n is below 0"},
		{Signature: "haversine_km(lat1 double, lon1 double, lat2 double, lon2 double) double", kernel: haversine, counts: true, Doc: "kilometres between two places in degrees, on a sphere of radius 6371.0088 km"},
	}
}

// choiceFunctions look at nulls themselves.
func choiceFunctions() []Function {
	return []Function{
		{Signature: "coalesce(a any, ...) any", compile: (*checker).coalesce, Doc: "the first that is not null"},
		{Signature: "nullif(a any, b any) any", Aliases: nil, compile: (*checker).nullIf, Doc: "null if a = b, else a"},
		{Signature: "if(condition bool, then any, else any) any", Aliases: []string{"iff"}, compile: (*checker).ifElse, Doc: "then if the condition is true, else the other"},
		{Signature: "greatest(a any, ...) any", compile: (*checker).extreme, Doc: "the greatest, nulls left out"},
		{Signature: "least(a any, ...) any", compile: (*checker).extreme, Doc: "the least, nulls left out"},
	}
}

// jsonFunctions read JSON in texts. They give null where the text is no JSON, and
// count it; null where there is nothing at the path, and count nothing.
func jsonFunctions() []Function {
	return []Function{
		{Signature: "json_extract(s string, path string) string", Aliases: []string{"json_query"}, compile: (*checker).jsonExtract, Doc: "the JSON at a literal path like '$.a.b[0]' or '$.\"a b\"', as it stands in s; a path without $ is one key, and a number a place from 0; also s -> path"},
		{Signature: "json_extract_string(s string, path string) string", Aliases: []string{"json_value", "get_json_object", "json_extract_scalar", "json_extract_path_text"}, compile: (*checker).jsonExtractString, Doc: "the same as text: a string without its quotes, null of JSON's null; also s ->> path"},
		{Signature: "json_array_length(s string, [path string]) int64", compile: (*checker).jsonLength, Doc: "how many elements the array has; null if it is none"},
		{Signature: "json_valid(s string) bool", kernel: test(jsonValid), Doc: "whether s is JSON"},
	}
}

// nestedFunctions take lists and maps. Elements are equal as S16.6 compares them.
func nestedFunctions() []Function {
	return []Function{
		{Signature: "list_value([a any], ...) list", Aliases: []string{"array", "list_pack"}, compile: (*checker).listValue, Doc: "a list of the arguments; also [a, b] and array[a, b]"},
		{Signature: "list_slice(l list, from int64, to int64) list", Aliases: []string{"array_slice"}, compile: (*checker).listSlice, Doc: "the elements from one place to another, both taken; places count from 1, or from the end if negative; also l[from:to], l[from:], l[:to]"},
		{Signature: "list_contains(l list, x any) bool", Aliases: []string{"array_contains", "list_has", "array_has"}, compile: (*checker).listFind, Doc: "whether an element equals x"},
		{Signature: "list_position(l list, x any) int64", Aliases: []string{"array_position", "list_indexof", "array_indexof"}, compile: (*checker).listFind, Doc: "the first place of an element that equals x, from 1; 0 if there is none"},
		{Signature: "list_sum(l list) number", Aliases: []string{"array_sum"}, compile: (*checker).listFold, Doc: "the sum, exact and rounded once, as the aggregate; nulls are left out"},
		{Signature: "list_avg(l list) double", Aliases: []string{"list_mean", "array_avg"}, compile: (*checker).listFold, Doc: "the average, exact and rounded once, as the aggregate; nulls are left out"},
		{Signature: "list_min(l list) any", Aliases: []string{"array_min"}, compile: (*checker).listExtreme, Doc: "the least element, nulls left out"},
		{Signature: "list_max(l list) any", Aliases: []string{"array_max"}, compile: (*checker).listExtreme, Doc: "the greatest element, nulls left out"},
		{Signature: "list_sort(l list, [order string]) list", Aliases: []string{"array_sort", "sort_array"}, compile: (*checker).listSort, Doc: "in ascending order, nulls first, or the reverse with 'desc'"},
		{Signature: "list_reverse(l list) list", Aliases: []string{"array_reverse"}, compile: (*checker).listReverse, Doc: "the elements backwards"},
		{Signature: "list_distinct(l list) list", Aliases: []string{"array_distinct"}, compile: (*checker).listDistinct, Doc: "each element once, at its first place"},
		{Signature: "list_concat(a list, ...) list", Aliases: []string{"list_cat", "array_concat", "array_cat"}, compile: (*checker).listConcat, Doc: "one list after the other; also a || b"},
		{Signature: "list_intersect(a list, b list) list", Aliases: []string{"array_intersect"}, compile: (*checker).listIntersect, Doc: "each element of a once that b has too, at its first place"},
		{Signature: "flatten(l list) list", compile: (*checker).flatten, Doc: "the elements of a list of lists in one list; null lists are left out"},
		{Signature: "map(keys list, values list) map", Aliases: []string{"map_from_arrays"}, compile: (*checker).mapOf, Doc: "a map; of one key twice the last counts; null if a key is null or the lengths differ; an entry is m[key]"},
		{Signature: "map_keys(m map) list", compile: (*checker).mapPart, Doc: "the keys, ascending"},
		{Signature: "map_values(m map) list", compile: (*checker).mapPart, Doc: "the values in the order of their keys"},
	}
}

// hashFunctions give the same for equal values on every machine and in every
// release: models remember buckets.
func hashFunctions() []Function {
	return []Function{
		{Signature: "hash(x any, ...) int64", compile: (*checker).hash, Doc: "64 bits of XXH3 over the values, nulls among them; never null. Equal integers and decimals hash alike, doubles and texts each in their own way"},
		{Signature: "hash_bucket(x any, n int64) int64", compile: (*checker).hashBucket, Doc: "hash(x), taken without sign, modulo n: 0 to n - 1"},
		{Signature: "md5(s text) string", kernel: digestText(md5Hex), Doc: "MD5 of the bytes, 32 hexadecimal digits"},
		{Signature: "sha256(s text) string", kernel: digestText(sha256Hex), Doc: "SHA-256 of the bytes, 64 hexadecimal digits"},
		{Signature: "bucketize(x number, bounds list) int64", compile: (*checker).bucketize, Doc: "how many of the ascending constant bounds are not above x: 0 below the first, then the number of the half-open interval; NaN is above all"},
		{Signature: "width_bucket(x double, low double, high double, n int64) int64", kernel: widthBucket, counts: true, Doc: "which of n intervals of one width, from 1; 0 below low, n + 1 from high on; null unless low < high and n > 0"},
		{Signature: "geohash(lat double, lon double, n int64) string", Aliases: []string{"geohash_encode"}, kernel: geohash, counts: true, Doc: "the cell of n characters, 1 to 12, in which a place in degrees lies; null off the map"},
	}
}
