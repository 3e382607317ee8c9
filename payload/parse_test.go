package payload

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
		got, ok := ParseDate([]byte(at.Format("2006-01-02")))
		if want = at.Unix() / secondsOfDay; !ok || got != want {
			t.Fatalf("%s is day %d, %t; want %d", at.Format("2006-01-02"), got, ok, want)
		}
		if next := at.AddDate(0, 0, 1); next.Day() == 1 {
			beyond := fmt.Sprintf("%s-%02d", at.Format("2006-01"), at.Day()+1)
			if _, ok := ParseDate([]byte(beyond)); ok {
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
		{ParseDate, "+10000-01-01", 2932897}, {ParseDate, "-0001-12-31", -719529}, {ParseDate, "+2026-01-31", 20484},
		{ParseDate, "+5881580-07-11", math.MaxInt32}, {ParseDate, "-5877641-06-23", math.MinInt32}, {ParseDate, "+5881580-07-12", none}, {ParseDate, "-5877641-06-22", none},
		{ParseDate, "+999-01-01", none}, {ParseDate, "+12345678-01-01", none}, {ParseDate, "+10001-02-29", none}, {ParseDate, "10000-01-01", none}, {ParseDate, "+", none}, {ParseDate, "-", none}, {ParseDate, "--", none}, {ParseDate, "+1+00-01-01", none},
		{ParseInstant, "+10000-01-01T00:00:00Z", 253402300800000000}, {ParseInstant, "-0001-12-31T23:59:59.999999Z", -62167219200000001}, {ParseInstant, "+10000-01-01", 253402300800000000},
		{ParseInstant, "+294247-01-10T04:00:54.775807Z", most}, {ParseInstant, "+294247-01-10T04:00:54.775808Z", none}, {ParseInstant, "+294247-01-10T05:00:54.775807+01:00", most}, {ParseInstant, "+294247-01-11", none}, {ParseInstant, "+294247-01-09T23:00:00-23:00", none},
		{ParseInstant, "-290308-12-21T19:59:05.224192Z", math.MinInt64}, {ParseInstant, "-290308-12-21T19:59:05.224191Z", none}, {ParseInstant, "-290308-12-22T00:00:00+05:00", none}, {ParseInstant, "-290308-12-21", none}, {ParseInstant, "+10000", none},
	} {
		if got, ok := c.parse([]byte(c.text)); ok != (c.want != none) || ok && got != c.want {
			t.Errorf("%s: %d, %t; want %d", c.text, got, ok, c.want)
		}
	}
}
