package expr

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// The codes of strftime and strptime are those of C, and names are English ones,
// whatever the locale.

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// The codes that each direction takes. %F and %T are written out first.
const (
	writeCodes = "YymdHIMSfLpjuwVGaAbBs%"
	readCodes  = "YymdHIMSfpbBsz%"
)

// step is one part of a format: a code, or a text if code is 0.
type step struct {
	code byte
	text string
}

// steps reads a format; every fault of it is one of the definition.
func (c *checker) steps(n *Node, x *code, codes string) (out []step, ok bool) {
	format, ok := c.literalText(n, x, "a format")
	if !ok {
		return nil, false
	}
	format = strings.NewReplacer("%%", "%%", "%F", "%Y-%m-%d", "%T", "%H:%M:%S").Replace(format)
	for format != "" {
		before, after, found := strings.Cut(format, "%")
		if before != "" {
			out = append(out, step{text: before})
		}
		if !found {
			break
		}
		if after == "" || !strings.Contains(codes, after[:1]) {
			_, size := utf8.DecodeRuneInString(after)
			c.fail(n, "%"+after[:size]+" is no code of this format", "codes are %F, %T, %"+strings.Join(strings.Split(codes, ""), ", %"))
			return nil, false
		}
		out, format = append(out, step{code: after[0]}), after[1:]
	}
	return out, true
}

// strftime compiles strftime(t, format).
func (c *checker) strftime(n *Node, args []*code) *code {
	format, ok := c.steps(n.Args[1], args[1], writeCodes)
	if !ok {
		return nil
	}
	return strict(event.Of(event.String), func(f *frame, v []vec) vec {
		t, u := newTexts(f.rows), unite(f.rows, v)
		var buffer []byte
		for i, us := range v[0].Ints[:f.rows] {
			if !u.is(i) {
				buffer = buffer[:0]
				for _, s := range format {
					buffer = s.write(buffer, us)
				}
				t.put(i, buffer)
			}
		}
		return t.vec(event.String, u)
	}, args[0])
}

// write appends one part of a format.
func (s step) write(out []byte, us int64) []byte {
	if s.code == 0 {
		return append(out, s.text...)
	}
	days := floorDiv(us, day)
	year, month, dayOf := civil(days)
	switch s.code {
	case 'Y':
		return padded(out, year, 4)
	case 'y':
		return padded(out, floorMod(year, 100), 2)
	case 'm':
		return padded(out, month, 2)
	case 'd':
		return padded(out, dayOf, 2)
	case 'b':
		return append(out, monthNames[month-1][:3]...)
	case 'B':
		return append(out, monthNames[month-1]...)
	case 'j':
		return padded(out, dayOfYear(days), 3)
	case 'u':
		return padded(out, isoWeekday(days), 1)
	case 'w':
		return padded(out, weekday(days), 1)
	case 'V':
		return padded(out, isoWeek(days), 2)
	case 'G':
		year, _, _ := civil(days - isoWeekday(days) + 4)
		return padded(out, year, 4)
	case 'a':
		return append(out, dayNames[weekday(days)][:3]...)
	case 'A':
		return append(out, dayNames[weekday(days)]...)
	}
	return s.writeTime(out, us)
}

// writeTime appends a part of the time of day.
func (s step) writeTime(out []byte, us int64) []byte {
	hours := floorMod(us, day) / hour
	switch s.code {
	case 'H':
		return padded(out, hours, 2)
	case 'I':
		return padded(out, (hours+11)%12+1, 2)
	case 'M':
		return padded(out, floorMod(us, hour)/minute, 2)
	case 'S':
		return padded(out, floorMod(us, minute)/second, 2)
	case 'f':
		return padded(out, floorMod(us, second), 6)
	case 'L':
		return padded(out, floorMod(us, second)/1000, 3)
	case 's':
		return strconv.AppendInt(out, floorDiv(us, second), 10)
	case 'p':
		if hours < 12 {
			return append(out, "AM"...)
		}
		return append(out, "PM"...)
	}
	return append(out, '%')
}

// padded writes a number with zeros up to so many digits.
func padded(out []byte, x int64, digits int) []byte {
	if x < 0 {
		out, x = append(out, '-'), -x
	}
	written := 1
	for rest := x / 10; rest > 0; rest /= 10 {
		written++
	}
	for ; written < digits; written++ {
		out = append(out, '0')
	}
	return strconv.AppendInt(out, x, 10)
}

// strptime compiles strptime(s, format). A format that reads no whole date is a
// fault: a time of day alone is no instant.
func (c *checker) strptime(n *Node, args []*code) *code {
	format, ok := c.steps(n.Args[1], args[1], readCodes)
	if !ok {
		return nil
	}
	has := func(codes string) bool {
		for _, s := range format {
			if s.code != 0 && strings.IndexByte(codes, s.code) >= 0 {
				return true
			}
		}
		return false
	}
	if !has("s") && !(has("Yy") && has("mbB") && has("d")) {
		return c.fail(n.Args[1], "the format reads no date", "read year, month and day, %Y-%m-%d, or seconds since 1970, %s")
	}
	if has("I") != has("p") {
		return c.fail(n.Args[1], "%I and %p belong together", "write %H for hours of 0 to 23")
	}
	return counting(strict(event.Of(event.Timestamp), castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
		return readTime(v.text(i), format)
	}), args[0]))
}

// reading is the parts of an instant as they are read.
type reading struct {
	year, month, day, hour, minute, second, micros, offset int64
	epoch                                                  int64
	isEpoch, half, afternoon                               bool
}

// readTime reads the whole of s, or nothing.
func readTime(s []byte, format []step) (int64, bool) {
	var r reading
	ok := true
	for _, part := range format {
		if s, ok = r.read(s, part); !ok {
			return 0, false
		}
	}
	if len(s) > 0 {
		return 0, false
	}
	return r.instant()
}

// instant is what has been read; false where there is no such instant.
func (r *reading) instant() (int64, bool) {
	if r.isEpoch {
		high, low := multiplyWide(r.epoch, second)
		return low + r.micros, high == low>>63 && low <= low+r.micros
	}
	if r.half {
		if r.hour < 1 || r.hour > 12 {
			return 0, false
		}
		if r.hour %= 12; r.afternoon {
			r.hour += 12
		}
	}
	days, ok := dateOf(r.year, r.month, r.day)
	if !ok || r.hour > 23 || r.minute > 59 || r.second > 59 {
		return 0, false
	}
	return instantOf(days, r.hour*hour+r.minute*minute+r.second*second+r.micros-r.offset)
}

// read takes one part of a format off s.
func (r *reading) read(s []byte, part step) (rest []byte, ok bool) {
	switch part.code {
	case 0:
		return s[min(len(s), len(part.text)):], strings.HasPrefix(string(s), part.text)
	case '%':
		return s[min(len(s), 1):], len(s) > 0 && s[0] == '%'
	case 'Y':
		r.year, s, ok = number4(s)
	case 'y':
		r.year, s, ok = digitsOf(s, 2)
		if r.year += 2000; r.year > 2068 {
			r.year -= 100 // as POSIX has it
		}
	case 'm':
		r.month, s, ok = digitsOf(s, 2)
	case 'd':
		r.day, s, ok = digitsOf(s, 2)
	case 'H':
		r.hour, s, ok = digitsOf(s, 2)
	case 'I':
		r.half = true
		r.hour, s, ok = digitsOf(s, 2)
	case 'M':
		r.minute, s, ok = digitsOf(s, 2)
	case 'S':
		r.second, s, ok = digitsOf(s, 2)
	case 'f':
		r.micros, s, ok = fractionOf(s)
	case 'b', 'B':
		r.month, s, ok = monthOf(s, part.code == 'B')
	case 'p':
		return r.readHalf(s)
	case 's':
		r.isEpoch = true
		r.epoch, s, ok = epochOf(s)
	case 'z':
		r.offset, s, ok = offsetOf(s)
	}
	return s, ok
}

// digitsOf reads one to so many digits.
func digitsOf(s []byte, most int) (x int64, rest []byte, ok bool) {
	n := 0
	for n < len(s) && n < most && digit(s[n]) {
		x = 10*x + int64(s[n]-'0')
		n++
	}
	return x, s[n:], n > 0
}

// number4 reads a year, of four digits: with fewer, 24 would be read for 2024.
func number4(s []byte) (x int64, rest []byte, ok bool) {
	x, rest, _ = digitsOf(s, 4)
	return x, rest, len(s)-len(rest) == 4
}

// fractionOf reads digits after the point as microseconds; those beyond the sixth
// are floored, as S3.2 floors what files store.
func fractionOf(s []byte) (x int64, rest []byte, ok bool) {
	x, rest, ok = digitsOf(s, 6)
	for n := len(s) - len(rest); n < 6; n++ {
		x *= 10
	}
	for len(rest) > 0 && digit(rest[0]) {
		rest = rest[1:]
	}
	return x, rest, ok
}

// monthOf reads the name of a month in any case, whole or its first three letters.
func monthOf(s []byte, whole bool) (x int64, rest []byte, ok bool) {
	for k, name := range monthNames {
		if !whole {
			name = name[:3]
		}
		if len(s) >= len(name) && strings.EqualFold(string(s[:len(name)]), name) {
			return int64(k) + 1, s[len(name):], true
		}
	}
	return 0, s, false
}

func (r *reading) readHalf(s []byte) (rest []byte, ok bool) {
	if len(s) < 2 {
		return s, false
	}
	word := strings.ToUpper(string(s[:2]))
	r.afternoon = word == "PM"
	return s[2:], word == "AM" || word == "PM"
}

// epochOf reads seconds since 1970, with a sign.
func epochOf(s []byte) (x int64, rest []byte, ok bool) {
	n := 0
	for n < len(s) && (digit(s[n]) || n == 0 && (s[0] == '-' || s[0] == '+')) {
		n++
	}
	x, err := strconv.ParseInt(string(s[:n]), 10, 64)
	return x, s[n:], err == nil
}

// offsetOf reads Z, +hh, +hhmm or +hh:mm as microseconds ahead of UTC.
func offsetOf(s []byte) (x int64, rest []byte, ok bool) {
	if len(s) > 0 && s[0] == 'Z' {
		return 0, s[1:], true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, s, false
	}
	var m int64
	h, rest, _ := digitsOf(s[1:], 2)
	ok = len(s)-len(rest) == 3
	if len(rest) > 0 && (rest[0] == ':' || digit(rest[0])) {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		before := len(rest)
		m, rest, _ = digitsOf(rest, 2)
		ok = ok && before-len(rest) == 2
	}
	if x = h*hour + m*minute; s[0] == '-' {
		x = -x
	}
	return x, rest, ok && m < 60 && h <= 18
}
