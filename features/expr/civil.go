package expr

import (
	"fmt"
	"math"
	"time"
)

// The proleptic Gregorian calendar by integer arithmetic, after Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms": 400 years are one era of
// 146,097 days, and years are taken to begin in March, so that the leap day is
// their last.

// floorDiv is x/y towards the past; y is above 0. Go's / goes towards zero and
// would put the last day of 1969 and the first of 1970 into one.
func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

// floorMod is what floorDiv leaves, never negative.
func floorMod(x, y int64) int64 {
	r := x % y
	if r < 0 {
		r += y
	}
	return r
}

const (
	eraDays  = 146_097
	eraStart = 719_468 // days from 0000-03-01 to 1970-01-01
)

// civil is the date of the day days after 1970-01-01. The era is taken off before
// eraStart is added, so that no day of 64 bits overflows. Within an era yoe is
// the year, 0 to 399, doy the day of a year that begins in March, and mp its
// month, March being 0: from March on, months have 31, 30, 31, 30, 31 days, 153
// in five, and again so, which makes month lengths a division. What doe/1460,
// doe/36524 and doe/146096 correct by are the leap days before it.
func civil(days int64) (year, month, dayOf int64) {
	era := floorDiv(days, eraDays)
	doe := floorMod(days, eraDays) + eraStart
	if doe >= eraDays {
		era += doe / eraDays
		doe %= eraDays
	}
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, doy - (153*mp+2)/5 + 1
}

// daysOf is the day of a date, as days after 1970-01-01. It is the inverse of
// civil, and takes no care of days beyond a month's end: the 32nd of January is
// the first of February.
func daysOf(year, month, dayOf int64) int64 {
	if month <= 2 {
		year--
	}
	era, yoe := floorDiv(year, 400), floorMod(year, 400)
	mp := floorMod(month-3, 12)
	doy := (153*mp+2)/5 + dayOf - 1
	return era*eraDays + yoe*365 + yoe/4 - yoe/100 + doy - eraStart
}

// dayOfYear is 1 on the first of January. It is 366 on the last of December in
// leap years.
func dayOfYear(days int64) int64 {
	year, _, _ := civil(days)
	return days - daysOf(year, 1, 1) + 1
}

// weekday is 0 on Sundays; 1970-01-01 was a Thursday. The inner floorMod keeps
// the addition from overflowing.
func weekday(days int64) int64 { return floorMod(floorMod(days, 7)+4, 7) }

// isoWeekday is 1 on Mondays and 7 on Sundays. ISO 8601 begins the week so
// (S16.9).
func isoWeekday(days int64) int64 { return floorMod(floorMod(days, 7)+3, 7) + 1 }

// isoWeek is the week's number: the week of the year's first Thursday is the
// first. Thursday decides in which year a week lies, and so the first days of
// January may belong to week 52 or 53, and the last of December to week 1
// (S16.9).
func isoWeek(days int64) int64 {
	return (dayOfYear(days-isoWeekday(days)+4)-1)/7 + 1
}

// formatDate writes a date as ISO 8601 does. Years have four digits at least;
// before the year 0 they have a sign.
func formatDate(days int64) string {
	year, month, dayOf := civil(days)
	if year < 0 {
		return fmt.Sprintf("-%04d-%02d-%02d", -year, month, dayOf)
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, dayOf)
}

// formatTime writes an instant as ISO 8601 does, in UTC. Zeros at the end of the
// fraction are left out, so that one instant has one text.
func formatTime(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z")
}

// unitSizes are the units of date_trunc and date_diff that are whole numbers of
// microseconds. Days are of 24 hours, since UTC as held here knows no leap second
// (S3.1).
var unitSizes = map[string]int64{
	"microsecond": 1, "millisecond": 1000, "second": second, "minute": minute, "hour": hour, "day": day,
}

// monday is how many days before 1970-01-01 a week began. 1969-12-29 was a
// Monday.
const monday = 3

// unitIndex is the number of the unit in which an instant lies: instants of one
// unit have one number, and the next unit has the next. Truncating is taking the
// start of the unit so numbered, and a difference in units is a difference of
// numbers: both follow from this one function.
func unitIndex(unit string, us int64) int64 {
	switch unit {
	case "month", "quarter", "year":
		year, month, _ := civil(floorDiv(us, day))
		months := year*12 + month - 1
		switch unit {
		case "quarter":
			return floorDiv(months, 3)
		case "year":
			return year
		}
		return months
	case "week":
		return floorDiv(floorDiv(us, day)+monday, 7)
	}
	return floorDiv(us, unitSizes[unit])
}

// unitStart is the first instant of unit number k; ok is false where there is
// none. The start of the first unit of time may lie before all time that 64 bits
// hold; it is then null and counted.
func unitStart(unit string, k int64) (us int64, ok bool) {
	var days int64
	switch unit {
	case "month":
		days = daysOf(floorDiv(k, 12), floorMod(k, 12)+1, 1)
	case "quarter":
		days = daysOf(floorDiv(k, 4), floorMod(k, 4)*3+1, 1)
	case "year":
		days = daysOf(k, 1, 1)
	case "week":
		days = k*7 - monday
	default:
		high, low := multiplyWide(k, unitSizes[unit])
		return low, high == low>>63
	}
	high, low := multiplyWide(days, day)
	return low, high == low>>63
}

// finite reports whether x is neither NaN nor infinite. The comparison is false
// for NaN.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
