package expr

import (
	"math"

	"github.com/timeseam/timeseam/features/event"
)

// eachInt is a kernel over integers or instants; loop fills out from x. It cannot
// refuse a row, and is for what is defined on all 64 bits.
func eachInt(k event.Kind, loop func(out, x []int64)) kernel {
	return func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		loop(out, v[0].Ints[:f.rows])
		return ofInts(k, out, unite(f.rows, v))
	}
}

// The parts of an instant, in UTC. All floor, so they are right before 1970 too.

func yearLoop(out, x []int64) {
	for i, us := range x {
		out[i], _, _ = civil(floorDiv(us, day))
	}
}

func quarterLoop(out, x []int64) {
	for i, us := range x {
		_, month, _ := civil(floorDiv(us, day))
		out[i] = (month + 2) / 3
	}
}

func monthLoop(out, x []int64) {
	for i, us := range x {
		_, out[i], _ = civil(floorDiv(us, day))
	}
}

// weekLoop is the week alone; its year may be another than year's (S16.9).
func weekLoop(out, x []int64) {
	for i, us := range x {
		out[i] = isoWeek(floorDiv(us, day))
	}
}

func dayLoop(out, x []int64) {
	for i, us := range x {
		_, _, out[i] = civil(floorDiv(us, day))
	}
}

// dayOfWeekLoop counts from Sunday, as PostgreSQL's dow; isodow counts from
// Monday.
func dayOfWeekLoop(out, x []int64) {
	for i, us := range x {
		out[i] = weekday(floorDiv(us, day))
	}
}

func isoDayLoop(out, x []int64) {
	for i, us := range x {
		out[i] = isoWeekday(floorDiv(us, day))
	}
}

func dayOfYearLoop(out, x []int64) {
	for i, us := range x {
		out[i] = dayOfYear(floorDiv(us, day))
	}
}

// hourLoop need not know the day: all have 24 hours (S3.1).
func hourLoop(out, x []int64) {
	for i, us := range x {
		out[i] = floorMod(us, day) / hour
	}
}

func minuteLoop(out, x []int64) {
	for i, us := range x {
		out[i] = floorMod(us, hour) / minute
	}
}

// secondLoop leaves out the fraction, which epoch keeps.
func secondLoop(out, x []int64) {
	for i, us := range x {
		out[i] = floorMod(us, minute) / second
	}
}

// epochMillisLoop goes towards the past, as S3.2 has all coarser units.
func epochMillisLoop(out, x []int64) {
	for i, us := range x {
		out[i] = floorDiv(us, 1000)
	}
}

func epochMicrosLoop(out, x []int64) { copy(out, x) }

// epochSeconds keeps the fraction of a second. Up to the year 2255 an instant is
// below 2^53 microseconds and the quotient rounds once.
func epochSeconds(f *frame, v []vec) vec {
	out := make([]float64, f.rows)
	for i, us := range v[0].Ints[:f.rows] {
		out[i] = float64(us) / second
	}
	return ofFloats(out, unite(f.rows, v))
}

// between is b - a in units, as a double. The difference is taken in integers
// first: doubles of instants far from 1970 have lost their microseconds.
func between(unit float64) kernel {
	return func(f *frame, v []vec) vec {
		o, out := intsOf(v), make([]float64, f.rows)
		for i := range out {
			a, b := o.x[i&o.mx], o.y[i&o.my]
			d := b - a
			if (b^a)&(b^d) < 0 {
				out[i] = (float64(b) - float64(a)) / unit // farther apart than 64 bits tell
				continue
			}
			out[i] = float64(d) / unit
		}
		return ofFloats(out, unite(f.rows, v))
	}
}

// scaledTime is a kernel of whole units since 1970 to an instant. An instant that
// 64 bits of microseconds cannot hold is null and counted.
func scaledTime(unit int64) kernel {
	return castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
		high, low := multiplyWide(v.Ints[i], unit)
		return low, high == low>>63
	})
}

// toTimestamp compiles to_timestamp(seconds); fractions go to the nearest
// microsecond. They are computed values and not stored instants, which S3.2
// floors: 0.1 + 0.2 seconds shall be 300000 microseconds. Decimals never pass
// through a double.
func (c *checker) toTimestamp(_ *Node, args []*code) *code {
	x, t := args[0], event.Of(event.Timestamp)
	switch x.t.Kind {
	case event.Double:
		return counting(strict(t, castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
			us := math.RoundToEven(float64(v.Floats[i] * second))
			if !(us >= -1<<63 && us < 1<<63) {
				return 0, false
			}
			return int64(us), true
		}), x))
	case event.Decimal:
		return counting(strict(t, castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
			us, ok := v.Decimals[i], true
			if x.t.Scale > 6 {
				us = rounded(us, x.t.Scale-6)
			} else {
				us, ok = shifted(us, 6-x.t.Scale)
			}
			low, fits := us.Int64()
			return low, ok && fits
		}), x))
	}
	return counting(strict(t, scaledTime(second), x))
}

// units are what date_trunc and date_diff take.
var units = []string{"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"}

// dateTrunc compiles date_trunc('unit', x): the start of the unit. The unit is a
// constant, so that it is checked once and is part of the digest.
func (c *checker) dateTrunc(n *Node, args []*code) *code {
	unit, ok := c.oneOf(n.Args[0], args[0], units, "unit of time")
	switch {
	case !ok:
		return nil
	case len(args) > 2:
		return c.truncIn(n, unit, args)
	}
	return counting(strict(event.Of(event.Timestamp), castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
		return unitStart(unit, unitIndex(unit, v.Ints[i]))
	}), args[1]))
}

// dateDiff compiles date_diff('unit', a, b): how many starts of units lie after a
// and not after b. From 23:59 to 00:01 it is one day: it counts the boundaries,
// where days_between measures. Only differences in microseconds can overflow.
func (c *checker) dateDiff(n *Node, args []*code) *code {
	unit, ok := c.oneOf(n.Args[0], args[0], units, "unit of time")
	if !ok {
		return nil
	}
	index := func(f *frame, v []vec) vec {
		out := make([]int64, f.rows)
		for i, us := range v[0].Ints[:f.rows] {
			out[i] = unitIndex(unit, us)
		}
		return ofInts(event.Int, out, unite(f.rows, v))
	}
	t := event.Of(event.Int)
	return counting(strict(t, subtractInts, strict(t, index, args[2]), strict(t, index, args[1])))
}

// date compiles date(x), a cast.
func (c *checker) date(n *Node, args []*code) *code {
	return c.cast(&Node{Op: Cast, Pos: n.Pos, End: n.End, To: event.Of(event.Date)}, args[0])
}
