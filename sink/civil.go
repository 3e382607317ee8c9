package sink

import "strconv"

const (
	secondsOfDay = 24 * 60 * 60
	nanosOfDay   = secondsOfDay * 1_000_000_000
)

// appendDate spells a day, counted from 1970-01-01, as ISO 8601 does. Years that
// four digits do not hold have a sign.
func appendDate(dst []byte, day int64) []byte {
	y, m, d := civil(day)
	switch {
	case y < 0:
		dst, y = append(dst, '-'), -y
	case y > 9999:
		dst = append(dst, '+')
	}
	for least := int64(1000); least > max(y, 1); least /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, y, 10)
	dst = appendTwo(append(dst, '-'), m)
	return appendTwo(append(dst, '-'), d)
}

// civil is the date of a day in the Gregorian calendar, also where it was not
// yet in use. The year is counted from March, so that its odd day comes last.
func civil(day int64) (y, m, d int64) {
	const daysOf400 = 146_097
	day += 719_468 // since 0000-03-01
	era := floorDiv(day, daysOf400)
	in := day - era*daysOf400
	year := (in - in/1460 + in/36_524 - in/(daysOf400-1)) / 365
	in -= 365*year + year/4 - year/100
	month := (5*in + 2) / 153
	d = in - (153*month+2)/5 + 1
	m = month + 3
	y = year + era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	return y, m, d
}

// appendClock spells a time of the day that is counted in parts of a second of
// unit nanoseconds. It has a fraction only where one is there, and then all digits
// that such parts have.
func appendClock(dst []byte, nanos, unit int64) []byte {
	seconds, fraction := nanos/1_000_000_000, nanos%1_000_000_000
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := int64(100_000_000); digit >= unit; digit /= 10 {
		dst = append(dst, byte('0'+fraction/digit%10))
	}
	return dst
}

func appendTwo(dst []byte, v int64) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

// floorDiv rounds down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
