package expr

import (
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// isoYearLoop is the year of the week's Thursday (S16.9).
func isoYearLoop(out, x []int64) {
	for i, us := range x {
		days := floorDiv(us, day)
		out[i], _, _ = civil(days - isoWeekday(days) + 4)
	}
}

// monthDays is how many days a month has.
func monthDays(year, month int64) int64 {
	return daysOf(year+month/12, month%12+1, 1) - daysOf(year, month, 1)
}

// lastDay gives a date, as a day has no time.
func lastDay(f *frame, v []vec) vec {
	out := make([]int64, f.rows)
	for i, us := range v[0].Ints[:f.rows] {
		year, month, _ := civil(floorDiv(us, day))
		out[i] = daysOf(year, month, monthDays(year, month))
	}
	return ofInts(event.Date, out, unite(f.rows, v))
}

// yearMax is beyond every year that instants reach, and small enough for all
// arithmetic of calendars.
const yearMax = 300_000

// dateOf is the day of a date, or false: the 30th of February is none, and not
// the first of March.
func dateOf(year, month, dayOf int64) (int64, bool) {
	if year < -yearMax || year > yearMax || month < 1 || month > 12 || dayOf < 1 || dayOf > monthDays(year, month) {
		return 0, false
	}
	return daysOf(year, month, dayOf), true
}

// instantOf is a day and a time of day in microseconds, or false beyond the ends
// of time.
func instantOf(days, us int64) (int64, bool) {
	high, low := multiplyWide(days, day)
	sum := low + us
	return sum, high == low>>63 && (low^sum)&(us^sum) >= 0
}

// makeDate refuses dates whose midnight is no instant.
func makeDate(f *frame, v []vec) vec {
	return eachParts(event.Date, f, v, func(at func(k int) int64, _ int) (int64, bool) {
		days, ok := dateOf(at(0), at(1), at(2))
		_, held := instantOf(days, 0)
		return days, ok && held
	})
}

// makeTimestamp takes seconds with a fraction, to the nearest microsecond, as
// to_timestamp does. There is no second 60: UTC as held here has no leap seconds
// (S3.1).
func makeTimestamp(f *frame, v []vec) vec {
	return eachParts(event.Timestamp, f, v, func(at func(k int) int64, i int) (int64, bool) {
		days, ok := dateOf(at(0), at(1), at(2))
		h, m, s := at(3), at(4), v[5].Floats[i&v[5].mask()]
		if !ok || h < 0 || h > 23 || m < 0 || m > 59 || !(s >= 0 && s < 60) {
			return 0, false
		}
		return instantOf(days, h*hour+m*minute+int64(math.RoundToEven(float64(s*second))))
	})
}

// eachParts is a kernel of several integers to what is held in Ints.
func eachParts(k event.Kind, f *frame, v []vec, each func(at func(k int) int64, i int) (int64, bool)) vec {
	out, u, i := make([]int64, f.rows), unite(f.rows, v), 0
	at := func(k int) int64 { return v[k].Ints[i&v[k].mask()] }
	for i = range out {
		if u.is(i) {
			continue
		}
		x, ok := each(at, i)
		if !ok {
			f.refuse(&u, event.OutOfType, i)
			continue
		}
		out[i] = x
	}
	return ofInts(k, out, u)
}

// unitMonths are the units of calendars, whose lengths differ.
var unitMonths = map[string]int64{"month": 1, "quarter": 3, "year": 12}

// dateAdd compiles date_add('unit', n, t). Beyond the ends of time it is null and
// counted.
func (c *checker) dateAdd(n *Node, args []*code) *code {
	unit, ok := c.oneOf(n.Args[0], args[0], units, "unit of time")
	if !ok {
		return nil
	}
	months, size := unitMonths[unit], unitSizes[unit]
	if unit == "week" {
		size = 7 * day
	}
	return counting(strict(event.Of(event.Timestamp), func(f *frame, v []vec) vec {
		return eachParts(event.Timestamp, f, v, func(at func(k int) int64, _ int) (int64, bool) {
			if months > 0 {
				return addMonths(at(1), at(0), months)
			}
			high, span := multiplyWide(at(0), size)
			sum := at(1) + span
			return sum, high == span>>63 && (at(1)^sum)&(span^sum) >= 0
		})
	}, args[1], args[2]))
}

// addMonths keeps the day of the month and the time of day; where the month is too
// short it is the month's last day, so that a month after the 31st of January is
// the end of February and never a day of March.
func addMonths(us, n, unit int64) (int64, bool) {
	high, add := multiplyWide(n, unit)
	if high != add>>63 || add > 24*yearMax || add < -24*yearMax {
		return 0, false
	}
	year, month, dayOf := civil(floorDiv(us, day))
	months := year*12 + month - 1 + add
	year, month = floorDiv(months, 12), floorMod(months, 12)+1
	return instantOf(daysOf(year, month, min(dayOf, monthDays(year, month))), floorMod(us, day))
}
