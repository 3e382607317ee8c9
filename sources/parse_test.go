package sources

import (
	"fmt"
	"math"
	"testing"
	"time"
)

const secondsOfDay = 24 * 60 * 60

// TestParseDate holds every day of the years 0000 to 9999, and the day after each
// month, against package time.
func TestParseDate(t *testing.T) {
	want := int64(0)
	for at := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		got, ok := parseDate([]byte(at.Format("2006-01-02")))
		if want = at.Unix() / secondsOfDay; !ok || got != want {
			t.Fatalf("%s is day %d, %t; want %d", at.Format("2006-01-02"), got, ok, want)
		}
		if next := at.AddDate(0, 0, 1); next.Day() == 1 {
			beyond := fmt.Sprintf("%s-%02d", at.Format("2006-01"), at.Day()+1)
			if _, ok := parseDate([]byte(beyond)); ok {
				t.Fatalf("%s is taken for a day", beyond)
			}
		}
	}
}

// TestFarInstants holds years of other than four digits, as outputs spell them,
// to the ends of what days of 32 and microseconds of 64 bits hold.
func TestFarInstants(t *testing.T) {
	const most, none = math.MaxInt64, math.MinInt64 + 1
	for _, c := range []struct {
		parse func([]byte) (int64, bool)
		text  string
		want  int64
	}{
		{parseDate, "+10000-01-01", 2932897}, {parseDate, "-0001-12-31", -719529}, {parseDate, "+2026-01-31", 20484},
		{parseDate, "+5881580-07-11", math.MaxInt32}, {parseDate, "-5877641-06-23", math.MinInt32}, {parseDate, "+5881580-07-12", none}, {parseDate, "-5877641-06-22", none},
		{parseDate, "+999-01-01", none}, {parseDate, "+12345678-01-01", none}, {parseDate, "+10001-02-29", none}, {parseDate, "10000-01-01", none}, {parseDate, "+", none}, {parseDate, "-", none}, {parseDate, "--", none}, {parseDate, "+1+00-01-01", none},
		{parseInstant, "+10000-01-01T00:00:00Z", 253402300800000000}, {parseInstant, "-0001-12-31T23:59:59.999999Z", -62167219200000001}, {parseInstant, "+10000-01-01", 253402300800000000},
		{parseInstant, "+294247-01-10T04:00:54.775807Z", most}, {parseInstant, "+294247-01-10T04:00:54.775808Z", none}, {parseInstant, "+294247-01-10T05:00:54.775807+01:00", most}, {parseInstant, "+294247-01-11", none}, {parseInstant, "+294247-01-09T23:00:00-23:00", none},
		{parseInstant, "-290308-12-21T19:59:05.224192Z", math.MinInt64}, {parseInstant, "-290308-12-21T19:59:05.224191Z", none}, {parseInstant, "-290308-12-22T00:00:00+05:00", none}, {parseInstant, "-290308-12-21", none}, {parseInstant, "+10000", none},
	} {
		if got, ok := c.parse([]byte(c.text)); ok != (c.want != none) || ok && got != c.want {
			t.Errorf("%s: %d, %t; want %d", c.text, got, ok, c.want)
		}
	}
}
