package features

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// durationUnits are the units of a duration with their length in microseconds.
// Weeks, months and years are left out: the last two have no one length.
var durationUnits = [...]struct {
	name   string
	length int64
}{
	{"us", 1},
	{"ms", 1_000},
	{"s", 1_000_000},
	{"m", 60 * 1_000_000},
	{"h", 3_600 * 1_000_000},
	{"d", 86_400 * 1_000_000},
}

// errDuration is what a duration looks like.
var errDuration = errors.New("write a whole number and one of us, ms, s, m, h, d, such as 30d")

// ParseDuration reads a span of time as definitions write it, a whole number
// and a unit, into microseconds. Zero is read; whether a nothing is meant only
// the caller knows. The error says what to write. A day is 24 hours: instants
// are UTC and know no summer time. Fractions and sums of units are refused, so
// that a span has few spellings.
func ParseDuration(text string) (int64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	unit := text[len(digits):]
	length := durationUnit(unit)
	if length == 0 || !wholeNumber(digits) {
		return 0, durationMend(digits, unit)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/length {
		return 0, fmt.Errorf("the longest is %dd", math.MaxInt64/durationUnit("d"))
	}
	return n * length, nil
}

// durationUnit is the length of a unit, or 0.
func durationUnit(name string) int64 {
	for _, u := range durationUnits {
		if u.name == name {
			return u.length
		}
	}
	return 0
}

// durationMend tells what to write where what is meant can be known. It guesses
// only at units whose length is certain: a month is none.
func durationMend(digits, unit string) error {
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 1 || !wholeNumber(digits) {
		return errDuration
	}
	switch unit {
	case "":
		return fmt.Errorf("add a unit: us, ms, s, m, h or d, such as %dd", n)
	case "w":
		return fmt.Errorf("there is no unit w; write %dd", 7*n)
	case "sec", "secs", "second", "seconds":
		return fmt.Errorf("write %ds", n)
	case "min", "mins", "minute", "minutes":
		return fmt.Errorf("write %dm", n)
	case "hour", "hours":
		return fmt.Errorf("write %dh", n)
	case "day", "days":
		return fmt.Errorf("write %dd", n)
	}
	return errDuration
}

// wholeNumber reports whether s is a decimal number as one writes it: digits,
// no sign, no leading zero. Durations become parts of column names as written,
// so each number has one spelling.
func wholeNumber(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
