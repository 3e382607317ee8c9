package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Function is one row of the table of functions: what the checker knows of it,
// and what documentation tells. A row stands for itself: the checker, the
// documentation and the advice in faults all read the signature, and none can lag
// behind. counts must be set where the kernel may refuse a row (see counting).
type Function struct {
	Name      string
	Aliases   []string
	Group     string // text, time, math or choice
	Signature string // substr(s string, start int64, [n int64]) string
	Doc       string

	params   []param
	variadic bool
	result   event.Type
	kernel   kernel
	compile  func(*checker, *Node, []*code) *code // in place of result and kernel
	counts   bool
}

// param is an argument of a function. A class wider than one type leaves the
// function to look at what came.
type param struct {
	class    string // a type; number, scalar or any; instants and numbers are widened
	optional bool
}

// Functions are all functions, in the order of their documentation. They are
// copies: the table itself is never handed out.
func Functions() []Function {
	out := make([]Function, len(functions))
	for i, f := range functions {
		out[i] = *f
		out[i].Aliases = slices.Clone(f.Aliases)
	}
	return out
}

// functions is made once and never changed; its order is that of the
// documentation.
var functions = slices.Concat(
	group("text", textFunctions()), group("time", timeFunctions()), group("math", mathFunctions()), group("choice", choiceFunctions()))

// byName holds aliases too, but only the parser meets them (canonicalName).
var byName = func() map[string]*Function {
	m := map[string]*Function{}
	for _, f := range functions {
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			m[name] = f
		}
	}
	return m
}()

// group reads the signatures of rows, so that what is documented is what is
// checked. It runs once, when the program starts.
func group(name string, rows []Function) []*Function {
	out := make([]*Function, len(rows))
	for i := range rows {
		f := &rows[i]
		f.Group = name
		head, rest, _ := strings.Cut(f.Signature, "(")
		list, result, _ := strings.Cut(rest, ") ")
		f.Name = head
		f.result = event.Of(plainTypes[result])
		for _, p := range strings.Split(list, ", ") {
			optional := strings.HasPrefix(p, "[")
			word := strings.Fields(strings.Trim(p, "[]"))
			switch {
			case p == "...":
				f.variadic = true
			case len(word) == 2:
				f.params = append(f.params, param{word[1], optional})
			}
		}
		out[i] = f
	}
	return out
}

// canonicalName is the one name of a function that has several. The tree holds
// it, so that len(s) and length(s) are one expression with one digest (S13.1) and
// one column of content (S5.2).
func canonicalName(name string) string {
	if f := byName[name]; f != nil {
		return f.Name
	}
	return name
}

// dateParts are what extract takes. Each is also a function of that name, or an
// alias of one.
var dateParts = []string{"year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute", "second", "epoch"}

// datePart is the function that extracts a part, or "".
func datePart(part string) string {
	if !slices.Contains(dateParts, canonicalName(part)) && !slices.Contains(dateParts, part) {
		return ""
	}
	return canonicalName(part)
}

// apply checks arguments against a signature and compiles the call. Every
// argument is checked before the call is given up, so that one run tells all that
// do not fit.
func (c *checker) apply(n *Node, f *Function, args []*code) *code {
	least := len(f.params)
	for least > 0 && f.params[least-1].optional {
		least--
	}
	if len(args) < least || len(args) > len(f.params) && !f.variadic {
		return c.fail(n, fmt.Sprintf("%s does not take %d arguments", f.Name, len(args)), "write "+f.Signature)
	}
	good := true
	for i, a := range args {
		p := f.params[min(i, len(f.params)-1)]
		t, ok := p.takes(a.t)
		if !ok {
			c.fail(n.Args[i], fmt.Sprintf("argument %d of %s is %s, not %s", i+1, f.Name, a.t, p.class), "write "+f.Signature)
			good = false
			continue
		}
		args[i] = convert(a, t)
	}
	switch {
	case !good:
		return nil
	case f.compile != nil:
		return f.compile(c, n, args)
	}
	x := strict(f.result, f.kernel, args...)
	if f.counts {
		counting(x)
	}
	return x
}

// takes is the type that an argument of type t becomes. Nothing is narrowed here,
// and text becomes no number: what is converted unasked loses nothing, but that a
// number is rounded where a double is asked for. A bare null fits everywhere.
func (p param) takes(t event.Type) (event.Type, bool) {
	null := t.Kind == event.Null
	switch p.class {
	case "any":
		return t, true
	case "scalar":
		return t, t.Scalar()
	case "number":
		if null {
			return event.Of(event.Double), true
		}
		return t, t.Numeric()
	case "double":
		return event.Of(event.Double), t.Numeric() || null
	case "timestamp":
		return event.Of(event.Timestamp), instant(t) || null
	case "text":
		if null {
			return event.Of(event.String), true
		}
		return t, t.Text()
	}
	want := event.Of(plainTypes[p.class])
	return want, t.Equal(want) || null
}

// textFunctions count characters, not bytes, unless they say so.
func textFunctions() []Function {
	return []Function{
		{Signature: "lower(s string) string", kernel: edit(lower), Doc: "in lower case"},
		{Signature: "upper(s string) string", kernel: edit(upper), Doc: "in upper case"},
		{Signature: "trim(s string, [characters string]) string", Aliases: []string{"btrim"}, kernel: edit(trim), Doc: "without spaces, or the given characters, at both ends"},
		{Signature: "ltrim(s string, [characters string]) string", kernel: edit(ltrim), Doc: "without spaces, or the given characters, at the start"},
		{Signature: "rtrim(s string, [characters string]) string", kernel: edit(rtrim), Doc: "without spaces, or the given characters, at the end"},
		{Signature: "length(s string) int64", Aliases: []string{"char_length", "character_length", "len"}, kernel: measure(event.Int, runeCount), Doc: "how many characters"},
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
		{Signature: "dayofweek(t timestamp) int64", Aliases: []string{"dow"}, kernel: part(dayOfWeekLoop), Doc: "0, Sunday, to 6"},
		{Signature: "isodow(t timestamp) int64", kernel: part(isoDayLoop), Doc: "1, Monday, to 7"},
		{Signature: "dayofyear(t timestamp) int64", Aliases: []string{"doy"}, kernel: part(dayOfYearLoop), Doc: "1 to 366"},
		{Signature: "hour(t timestamp) int64", kernel: part(hourLoop), Doc: "0 to 23"},
		{Signature: "minute(t timestamp) int64", kernel: part(minuteLoop), Doc: "0 to 59"},
		{Signature: "second(t timestamp) int64", kernel: part(secondLoop), Doc: "0 to 59, without fraction"},
		{Signature: "epoch(t timestamp) double", kernel: epochSeconds, Doc: "seconds since 1970, with fraction"},
		{Signature: "epoch_ms(t timestamp) int64", kernel: part(epochMillisLoop), Doc: "milliseconds since 1970, towards the past"},
		{Signature: "epoch_us(t timestamp) int64", kernel: part(epochMicrosLoop), Doc: "microseconds since 1970"},
		{Signature: "date_trunc(unit string, t timestamp) timestamp", compile: (*checker).dateTrunc, Doc: "the start of the microsecond, millisecond, second, minute, hour, day, week, month, quarter or year"},
		{Signature: "date_diff(unit string, a timestamp, b timestamp) int64", Aliases: []string{"datediff"}, compile: (*checker).dateDiff, Doc: "how many units begin after a and not after b"},
		{Signature: "seconds_between(a timestamp, b timestamp) double", kernel: between(second), Doc: "b - a in seconds"},
		{Signature: "minutes_between(a timestamp, b timestamp) double", kernel: between(minute), Doc: "b - a in minutes"},
		{Signature: "hours_between(a timestamp, b timestamp) double", kernel: between(hour), Doc: "b - a in hours"},
		{Signature: "days_between(a timestamp, b timestamp) double", kernel: between(day), Doc: "b - a in days of 24 hours"},
		{Signature: "to_timestamp(s number) timestamp", compile: (*checker).toTimestamp, Doc: "the instant s seconds after 1970, to the nearest microsecond"},
		{Signature: "to_timestamp_ms(ms int64) timestamp", kernel: scaledTime(1000), counts: true, Doc: "the instant ms milliseconds after 1970"},
		{Signature: "to_timestamp_us(us int64) timestamp", kernel: scaledTime(1), Doc: "the instant us microseconds after 1970"},
		{Signature: "date(x scalar) date", compile: (*checker).date, Doc: "the day of a timestamp or text, a cast"},
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
