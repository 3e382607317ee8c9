package timetravel_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

var (
	textType  = event.Of(event.String)
	textsType = event.ListOf(textType)
)

// wordFunctions are functions of texts, JSON, numbers and times beyond the first.
var wordFunctions = map[string]function{
	"initcap":             text(titled),
	"ascii":               {result: event.Int, call: func(a []value) value { return firstRune(a[0].(string)) }},
	"chr":                 {result: event.String, call: func(a []value) value { return character(a[0].(int64)) }},
	"translate":           {result: event.String, call: translated},
	"levenshtein":         {result: event.Int, call: func(a []value) value { return int64(distance([]rune(a[0].(string)), []rune(a[1].(string)))) }},
	"string_split":        {typ: fixed(textsType), call: split},
	"regexp_matches":      {result: event.Bool, call: func(a []value) value { return patternOf(a, 2).MatchString(a[0].(string)) }},
	"regexp_count":        {result: event.Int, call: func(a []value) value { return int64(len(patternOf(a, 2).FindAllString(a[0].(string), -1))) }},
	"regexp_extract":      {result: event.String, call: extracted},
	"regexp_replace":      {result: event.String, call: replaced},
	"regexp_split":        {typ: fixed(textsType), call: func(a []value) value { return textList(patternOf(a, 2).Split(a[0].(string), -1)) }},
	"json_extract":        {result: event.String, call: func(a []value) value { return jsonText(a, false) }},
	"json_extract_string": {result: event.String, call: func(a []value) value { return jsonText(a, true) }},
	"json_array_length":   {result: event.Int, call: jsonLength},
	"json_valid":          {result: event.Bool, call: func(a []value) value { return json.Valid([]byte(a[0].(string))) }},
	"md5":                 {result: event.String, call: func(a []value) value { return fmt.Sprintf("%x", md5.Sum([]byte(bytesOf(a[0])))) }},
	"sha256":              {result: event.String, call: func(a []value) value { return fmt.Sprintf("%x", sha256.Sum256([]byte(bytesOf(a[0])))) }},

	"gcd":     {result: event.Int, call: func(a []value) value { return integer(new(big.Int).GCD(nil, nil, magnitude(a[0]), magnitude(a[1]))) }},
	"bit_and": {result: event.Int, call: func(a []value) value { return a[0].(int64) & a[1].(int64) }},
	"bit_or":  {result: event.Int, call: func(a []value) value { return a[0].(int64) | a[1].(int64) }},
	"bit_xor": {result: event.Int, call: func(a []value) value { return a[0].(int64) ^ a[1].(int64) }},
	"clamp":   {typ: func(t []event.Type) event.Type { return unified(unified(t[0], t[1]), t[2]) }, call: clamped},
	"log1p":   inexact(math.Log1p), "expm1": inexact(math.Expm1), "sinh": inexact(math.Sinh), "cosh": inexact(math.Cosh), "tanh": inexact(math.Tanh), "cbrt": inexact(math.Cbrt),
	"sigmoid":      inexact(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }),
	"isfinite":     {result: event.Bool, call: func(a []value) value { return rank(double(a[0])) == 0 }},
	"bucketize":    {result: event.Int, call: bucket},
	"width_bucket": {result: event.Int, call: widthBucket},

	"isoyear": part(func(t time.Time) int { y, _ := t.ISOWeek(); return y }),
	"week":    part(func(t time.Time) int { _, w := t.ISOWeek(); return w }),
	"last_day": {result: event.Date, call: func(a []value) value {
		t := clock(a[0])
		return dayOf(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC))
	}},
	"make_date":        {result: event.Date, call: madeDate},
	"date_add":         {result: event.Timestamp, call: moved},
	"at_timezone":      {result: event.Timestamp, call: func(a []value) value { return shown(clock(a[0]).In(location(a[1]))) }},
	"to_utc_timestamp": {result: event.Timestamp, call: func(a []value) value { return firstShowing(clock(a[0]), location(a[1])) }},
	"strftime":         {result: event.String, call: func(a []value) value { return clock(a[0]).Format(layout(a[1].(string))) }},
	"strptime":         {result: event.Timestamp, call: parsedTime},
}

func fixed(t event.Type) func([]event.Type) event.Type {
	return func([]event.Type) event.Type { return t }
}

func bytesOf(v value) string {
	if b, ok := v.(octets); ok {
		return string(b)
	}
	return v.(string)
}

func magnitude(v value) *big.Int { return new(big.Int).Abs(big.NewInt(v.(int64))) }

func titled(s string) string {
	out, before := []rune{}, ' '
	for _, r := range s {
		if unicode.IsLetter(before) || unicode.IsDigit(before) || unicode.Is(unicode.Mn, before) {
			out = append(out, unicode.ToLower(r))
		} else {
			out = append(out, unicode.ToUpper(r))
		}
		before = r
	}
	return string(out)
}

func firstRune(s string) value {
	for _, r := range s {
		return int64(r)
	}
	return int64(0)
}

func character(code int64) value {
	if code < 1 || code > unicode.MaxRune || !utf8.ValidRune(rune(code)) {
		return nil
	}
	return string(rune(code))
}

func translated(a []value) value {
	from, to := []rune(a[1].(string)), []rune(a[2].(string))
	return strings.Map(func(r rune) rune {
		switch k := slices.Index(from, r); {
		case k < 0:
			return r
		case k < len(to):
			return to[k]
		}
		return -1
	}, a[0].(string))
}

// distance is the definition of the edit distance, by recursion.
func distance(s, t []rune) int {
	switch {
	case len(s) == 0 || len(t) == 0:
		return len(s) + len(t)
	case s[0] == t[0]:
		return distance(s[1:], t[1:])
	}
	return 1 + min(distance(s[1:], t), distance(s, t[1:]), distance(s[1:], t[1:]))
}

func textList(parts []string) list {
	l := list{}
	for _, p := range parts {
		l = append(l, p)
	}
	return l
}

func split(a []value) value {
	if a[1] == "" {
		return list{a[0]}
	}
	return textList(strings.Split(a[0].(string), a[1].(string)))
}

// patternOf is the pattern of a call, with the flags that stand at an argument.
func patternOf(a []value, at int) *regexp.Regexp {
	flags := ""
	if len(a) > at {
		if s, is := a[at].(string); is && strings.Trim(s, "g") != "" {
			flags = "(?" + strings.ReplaceAll(s, "g", "") + ")"
		}
	}
	return regexp.MustCompile(flags + a[1].(string))
}

func extracted(a []value) value {
	group := 0
	if len(a) > 2 {
		group = int(a[2].(int64))
	}
	m := patternOf(a, 3).FindStringSubmatchIndex(a[0].(string))
	if m == nil || m[2*group] < 0 {
		return nil
	}
	return a[0].(string)[m[2*group]:m[2*group+1]]
}

func replaced(a []value) value {
	re, s := patternOf(a, 3), a[0].(string)
	by := regexp.MustCompile(`\\(\d)`).ReplaceAllString(strings.ReplaceAll(a[2].(string), "$", "$$"), "$${$1}")
	if len(a) > 3 && strings.Contains(a[3].(string), "g") {
		return re.ReplaceAllString(s, by)
	}
	m := re.FindStringSubmatchIndex(s)
	if m == nil {
		return s
	}
	return s[:m[0]] + string(re.ExpandString(nil, by, s, m)) + s[m[1]:]
}

// jsonWalk follows a path of keys and places through JSON, value by value; a value
// is its text. It is nil where the text is no JSON or nothing is there.
func jsonWalk(a []value) json.RawMessage {
	at := json.RawMessage(a[0].(string))
	if !json.Valid(at) {
		return nil
	}
	path := "$"
	if len(a) > 1 {
		path = a[1].(string)
	}
	steps := []string{"." + path}
	if path[0] == '$' {
		steps = regexp.MustCompile(`\.[^.\[]+|\[\d+\]`).FindAllString(path, -1)
	}
	for _, step := range steps {
		var object map[string]json.RawMessage
		var array []json.RawMessage
		if step[0] == '.' {
			if json.Unmarshal(at, &object) != nil || object[step[1:]] == nil {
				return nil
			}
			at = object[step[1:]]
			continue
		}
		var k int
		if _, err := fmt.Sscanf(step, "[%d]", &k); err != nil || json.Unmarshal(at, &array) != nil || k >= len(array) {
			return nil
		}
		at = array[k]
	}
	return json.RawMessage(strings.TrimSpace(string(at)))
}

func jsonText(a []value, plain bool) value {
	at := jsonWalk(a)
	var s string
	switch {
	case at == nil || plain && string(at) == "null":
		return nil
	case plain && json.Unmarshal(at, &s) == nil:
		return s
	}
	return string(at)
}

func jsonLength(a []value) value {
	var array []json.RawMessage
	if at := jsonWalk(a); at == nil || at[0] != '[' || json.Unmarshal(at, &array) != nil {
		return nil
	}
	return int64(len(array))
}

func clamped(a []value) value {
	switch {
	case compare(a[0], a[1]) < 0:
		return a[1]
	case compare(a[0], a[2]) > 0:
		return a[2]
	}
	return a[0]
}

func bucket(a []value) value {
	n := int64(0)
	for _, bound := range a[1].(list) {
		if compare(bound, a[0]) <= 0 {
			n++
		}
	}
	return n
}

func widthBucket(a []value) value {
	x, low, high, n := double(a[0]), double(a[1]), double(a[2]), a[3].(int64)
	switch {
	case !(low < high) || n < 1 || rank(high-low) != 0:
		return nil
	case x < low:
		return int64(0)
	case x < high:
		return min(n, 1+int64((x-low)/(high-low)*float64(n)))
	}
	return n + 1
}

func dayOf(t time.Time) value { return day(floorDiv(t.UnixMicro(), microsOfDay)) }

func madeDate(a []value) value {
	y, m, d := a[0].(int64), a[1].(int64), a[2].(int64)
	if y < -9999 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31 {
		return nil
	}
	t := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(d) {
		return nil
	}
	return dayOf(t)
}

// moved steps by months from the first of the month, and then to the day.
func moved(a []value) value {
	unit, n, t := a[0].(string), a[1].(int64), clock(a[2])
	months := map[string]int64{"month": 1, "quarter": 3, "year": 12}[unit]
	if months == 0 {
		size := map[string]int64{"microsecond": 1, "millisecond": 1000, "second": 1e6, "minute": 60e6, "hour": 3600e6, "day": microsOfDay, "week": 7 * microsOfDay}[unit]
		sum := new(big.Int).Mul(big.NewInt(n), big.NewInt(size))
		if v := integer(sum.Add(sum, big.NewInt(t.UnixMicro()))); v != nil {
			return event.Time(v.(int64))
		}
		return nil
	}
	if n > 1e6 || n < -1e6 {
		return nil
	}
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).AddDate(0, int(n*months), 0)
	last := first.AddDate(0, 1, -1).Day()
	return event.Time(first.AddDate(0, 0, min(t.Day(), last)-1).UnixMicro())
}

// location is a zone as package time loads it, which may be the machine's. Zones
// of specs have rules that no release changes for the instants of the specs.
func location(v value) *time.Location {
	l, err := time.LoadLocation(v.(string))
	if err != nil {
		panic(err)
	}
	return l
}

// shown is what clocks show, as an instant.
func shown(t time.Time) event.Time {
	return event.Time(time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).UnixMicro())
}

// firstShowing tries every offset from far ahead of UTC on, a quarter of an hour
// after another: the first at which clocks show local. A local time that clocks
// skip is looked for an hour earlier, and found an hour later.
func firstShowing(local time.Time, in *time.Location) value {
	for ahead := 15 * time.Hour; ahead > -15*time.Hour; ahead -= 15 * time.Minute {
		if at := local.Add(-ahead); shown(at.In(in)) == event.Time(local.UnixMicro()) {
			return event.Time(at.UnixMicro())
		}
	}
	return event.Time(firstShowing(local.Add(-time.Hour), in).(event.Time) + 3600e6)
}

// layout is a format of strftime as package time writes layouts.
func layout(format string) string {
	return strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%f", "000000", "%b", "Jan", "%B", "January", "%a", "Mon", "%A", "Monday",
		"%F", "2006-01-02", "%T", "15:04:05", "%p", "PM", "%I", "03", "%j", "002", "%y", "06", "%z", "-0700").Replace(format)
}

func parsedTime(a []value) value {
	short := strings.NewReplacer("01", "1", "02", "2", "04", "4", "05", "5") // one digit will do
	t, err := time.Parse(short.Replace(layout(a[1].(string))), a[0].(string))
	if err != nil {
		return nil
	}
	return event.Time(t.UnixMicro())
}
