package payload

import (
	"bytes"
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/timeseam/timeseam/features/event"
)

// This file reads single values from text, for CSV and JSON alike. A value is
// read exactly or not at all (R1): the caller makes an error of what is not.

// viewOf is b as a string for functions that keep none of it.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// ParseInt reads a whole number. 5.0 and 1e3 are whole: writers without nulls in
// their integers make doubles of them.
func ParseInt(b []byte) (int64, bool) {
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return longInt(b)
	}
	v := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return longInt(b)
		}
		v = v*10 + int64(c)
	}
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

func longInt(b []byte) (int64, bool) {
	d, ok := ParseDecimal(b, event.DecimalOf(38, 0))
	if !ok {
		return 0, false
	}
	return d.Int64()
}

// ParseDouble reads a number, NaN or an infinity, as the double nearest to what is
// written. What no double is near to, such as 1e999, is none.
func ParseDouble(b []byte) (float64, bool) {
	for _, c := range b {
		// Go's own spellings, 0x1p-2 and 1_000, are no numbers elsewhere.
		if c == '_' || c == 'x' || c == 'X' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(viewOf(b), 64)
	if err != nil {
		return 0, false
	}
	if v != v {
		v = event.CanonicalNaN
	}
	return v, true
}

// ParseDecimal reads a number as an unscaled value of type t, if t holds it with
// all its digits.
func ParseDecimal(b []byte, t event.Type) (event.Int128, bool) {
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, b = b[0] == '-', b[1:]
	}
	mantissa, exponent := b, int64(0)
	for i, c := range b {
		if c != 'e' && c != 'E' {
			continue
		}
		var err error
		if exponent, err = strconv.ParseInt(viewOf(b[i+1:]), 10, 32); err != nil {
			return event.Int128{}, false
		}
		mantissa = b[:i]
		break
	}
	v, ok := unscaled(mantissa, exponent+int64(t.Scale))
	if !ok || !v.Fits(t.Precision) {
		return event.Int128{}, false
	}
	if negative {
		v = v.Neg()
	}
	return v, true
}

// unscaled is digits, with a point or without, times 10^shift, if that is whole
// and has at most 38 digits.
func unscaled(digits []byte, shift int64) (v event.Int128, ok bool) {
	point, any := false, false
	zeros := int64(0) // since the last other digit
	for _, c := range digits {
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			return v, false
		}
		any = true
		if point {
			shift--
		}
		// Zeros are kept back: those that end a fraction take no room.
		if c == '0' && v.Sign() == 0 {
			continue
		}
		if zeros++; c == '0' {
			continue
		}
		if v, ok = shifted(v, zeros, uint64(c-'0')); !ok {
			return v, false
		}
		zeros = 0
	}
	if !any {
		return v, false
	}
	if v.Sign() == 0 {
		return v, true
	}
	if shift += zeros; shift < 0 {
		return v, false
	}
	return shifted(v, shift, 0)
}

// shifted is v * 10^by + digit, if that has at most 38 digits; v is not negative.
func shifted(v event.Int128, by int64, digit uint64) (event.Int128, bool) {
	for ; by > 0; by-- {
		if uint64(v.Hi) > (1<<63-1)/10 {
			return v, false
		}
		hi, lo := bits.Mul64(v.Lo, 10)
		hi += uint64(v.Hi) * 10
		if hi > 1<<63-1 {
			return v, false
		}
		v = event.Int128{Hi: int64(hi), Lo: lo}
	}
	v = v.Add(event.Int128Of(int64(digit)))
	return v, v.Sign() >= 0 && v.Fits(38)
}

// ParseBool reads true or false, in the cases that writers use, or 1 or 0.
func ParseBool(b []byte) (int64, bool) {
	switch string(b) {
	case "true", "True", "TRUE", "1":
		return 1, true
	case "false", "False", "FALSE", "0":
		return 0, true
	}
	return 0, false
}

// yearLength is how long the year is that b begins with: four digits or, as ISO 8601
// writes far years, a sign and four to seven of them.
func yearLength(b []byte) int {
	if len(b) == 0 || b[0] != '+' && b[0] != '-' {
		return 4
	}
	if n := 1 + bytes.IndexByte(b[1:], '-'); n >= 5 && n <= 8 {
		return n
	}
	return len(b) // No year is so long.
}

// ParseDate reads 2026-01-31 and +10000-01-31 as days since 1970.
func ParseDate(b []byte) (int64, bool) {
	n := yearLength(b)
	if len(b) != n+len("-01-31") || b[n] != '-' || b[n+3] != '-' {
		return 0, false
	}
	year, ok := number(bytes.TrimLeft(b[:n], "+-"))
	if b[0] == '-' {
		year = -year
	}
	month, ok2 := number(b[n+1 : n+3])
	day, ok3 := number(b[n+4:])
	if !ok || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > monthDays[month] {
		return 0, false
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	if month == 2 && day == 29 && !leap {
		return 0, false
	}
	// Years begin in March here, so that the leap day is their last; eras of 400
	// years before 0000-03-01 are added, so that no division is of a negative.
	if month <= 2 {
		year, month = year-1, month+12
	}
	year += 400 * eras
	days := int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - eras*eraDays - daysTo1970
	return days, days == int64(int32(days)) // As Arrow and Parquet hold them.
}

const (
	eras       = 25_000  // more than seven digits of years
	eraDays    = 146_097 // of 400 years
	daysTo1970 = 719_468 // from 0000-03-01
)

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// number reads digits alone, no more than nine.
func number(b []byte) (int, bool) {
	v := 0
	for _, c := range b {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int(c)
	}
	return v, len(b) > 0 && len(b) <= 9
}

// ParseInstant reads an instant in ISO 8601 as microseconds since 1970: a date, T
// or a space, hours and minutes, perhaps seconds and a fraction of any length,
// which is floored, and perhaps Z or an offset, such as +02:00. Without one it is
// UTC. A date alone is its midnight.
func ParseInstant(b []byte) (int64, bool) {
	n := yearLength(b) + len("-01-31")
	if len(b) < n {
		return 0, false
	}
	days, ok := ParseDate(b[:n])
	if !ok {
		return 0, false
	}
	inDay := int64(0)
	if n < len(b) {
		inDay, ok = parseClock(b[n:])
	}
	at, held := instantOf(days, inDay)
	return at, ok && held
}

// instantOf is an instant by its day and the microseconds from that day's midnight,
// if 64 bits hold it: the midnight of the first day is before all that they hold.
func instantOf(days, inDay int64) (at int64, ok bool) {
	if days < -lastDay-1 || days > lastDay {
		return 0, false
	}
	if days < 0 {
		days, inDay = days+1, inDay-microsecondsOfDay
	}
	midnight := days * microsecondsOfDay
	at = midnight + inDay
	return at, (inDay < 0) == (at < midnight)
}

const microsecondsOfDay = 24 * 60 * 60 * 1_000_000

// lastDay is that of the last instant of 64 bits.
const lastDay = math.MaxInt64 / microsecondsOfDay

// parseClock reads what follows a date as microseconds from its midnight in UTC,
// which an offset may move to another day.
func parseClock(b []byte) (int64, bool) {
	if len(b) < len("T12:00") || b[0] != 'T' && b[0] != ' ' && b[0] != 't' || b[3] != ':' {
		return 0, false
	}
	hour, ok := number(b[1:3])
	minute, ok2 := number(b[4:6])
	if !ok || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	inDay := int64(hour*60+minute) * 60_000_000
	if b = b[6:]; len(b) > 0 && b[0] == ':' {
		us, n := parseSeconds(b[1:])
		if n == 0 {
			return 0, false
		}
		inDay, b = inDay+us, b[1+n:]
	}
	offset, ok := parseOffset(b)
	return inDay - offset, ok
}

// parseSeconds reads seconds and their fraction as microseconds, and says how many
// bytes they are; 0: they are none.
func parseSeconds(b []byte) (us int64, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	seconds, ok := number(b[:2])
	if !ok || seconds > 59 {
		return 0, 0
	}
	us = int64(seconds) * 1_000_000
	if len(b) == 2 || b[2] != '.' && b[2] != ',' {
		return us, 2
	}
	unit := int64(100_000)
	for n = 3; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		us += int64(b[n]-'0') * unit
		unit /= 10 // Zero from the seventh digit on: floored.
	}
	if n == 3 {
		return 0, 0
	}
	return us, n
}

// parseOffset reads what an instant is ahead of UTC, in microseconds.
func parseOffset(b []byte) (int64, bool) {
	switch string(b) {
	case "", "Z", "z", "+00", " UTC":
		return 0, true
	}
	if b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	sign := int64(1)
	if b[0] == '-' {
		sign = -1
	}
	digits := b[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = []byte{digits[0], digits[1], digits[3], digits[4]}
	}
	minutes := 0
	hours, ok := 0, false
	switch len(digits) {
	case 2:
		hours, ok = number(digits)
	case 4:
		var ok2 bool
		hours, ok = number(digits[:2])
		minutes, ok2 = number(digits[2:])
		ok = ok && ok2
	}
	return sign * int64(hours*60+minutes) * 60_000_000, ok && hours <= 23 && minutes <= 59
}

// ErrValue is that a text is no value of its type. Who knows the place makes a
// sentence of it.
var ErrValue = errors.New("no value of the type")

// AppendText appends the value that text spells to a column of a single value.
func AppendText(c *event.Column, text []byte) error {
	ok := true
	switch c.Type.Kind {
	case event.Int:
		var v int64
		if v, ok = ParseInt(text); ok {
			c.AppendInt(v)
		}
	case event.Double:
		var v float64
		if v, ok = ParseDouble(text); ok {
			c.AppendFloat(v)
		}
	case event.Decimal:
		var v event.Int128
		if v, ok = ParseDecimal(text, c.Type); ok {
			c.AppendDecimal(v)
		}
	case event.String:
		if ok = utf8.Valid(text); ok {
			c.AppendText(text)
		}
	case event.Bytes:
		raw, err := decodeBytes(nil, text)
		if ok = err == nil; ok {
			c.AppendText(raw)
		}
	default:
		return appendInstant(c, text)
	}
	if !ok {
		return ErrValue
	}
	return nil
}

// appendInstant is AppendText for truth values, dates and instants.
func appendInstant(c *event.Column, text []byte) error {
	parse := ParseInstant
	switch c.Type.Kind {
	case event.Bool:
		parse = ParseBool
	case event.Date:
		parse = ParseDate
	}
	v, ok := parse(text)
	if !ok {
		return ErrValue
	}
	c.AppendInt(v)
	return nil
}

// tickedMost is how many characters of a text an error shows.
const tickedMost = 40

// Ticked is a text as an error shows it: on one line and short.
func Ticked(text []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, string(text[:min(len(text), 4*tickedMost)]))
	if utf8.RuneCountInString(clean) > tickedMost {
		clean = string([]rune(clean)[:tickedMost-3]) + "..."
	}
	return "`" + clean + "`"
}
