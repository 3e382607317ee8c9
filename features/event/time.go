package event

import (
	"fmt"
	"math"
	"time"
)

// Time is an instant: microseconds since 1970-01-01T00:00:00Z, proleptic
// Gregorian. It reaches far beyond the years 1 to 9999. Bounds are computed with
// saturation (S3.6), never with a plain sum, which wraps near the ends.
type Time int64

// The ends of time. A bound that would fall outside is one of them.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64
)

// Unit is the unit of a stored instant.
type Unit uint8

// The units in which files store instants.
const (
	Nanosecond Unit = iota
	Microsecond
	Millisecond
	Second
)

// FloorTime turns v units since 1970 into microseconds, towards the past and
// never to the nearest (docs/semantics.md S3). ok is false where the result is no
// Time. Rounding to the nearest would move an event up to half a microsecond into
// the future of a query at its instant, and truncating does so before 1970, where
// it rounds up.
func FloorTime(v int64, u Unit) (t Time, ok bool) {
	switch u {
	case Nanosecond:
		q := v / 1000
		if v%1000 < 0 {
			q--
		}
		return Time(q), true
	case Millisecond:
		return scaleTime(v, 1_000)
	case Second:
		return scaleTime(v, 1_000_000)
	}
	return Time(v), true
}

// scaleTime compares before it multiplies: a product that wrapped would look like
// any instant.
func scaleTime(v, by int64) (Time, bool) {
	if v > math.MaxInt64/by || v < math.MinInt64/by {
		return 0, false
	}
	return Time(v * by), true
}

// ParseTime reads an instant in ISO 8601: a date, or a date and a time with
// fractional digits; without a zone it is UTC. Digits beyond the sixth are
// floored, as S3.2 floors what files store.
func ParseTime(s string) (Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05.999999Z07:00", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999", "2006-01-02T15:04Z07:00", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return Time(t.UnixMicro()), nil
		}
	}
	return 0, fmt.Errorf("%q is no instant; write 2026-01-31 or 2026-01-31T12:00:00Z", s)
}

// String is the instant in ISO 8601, UTC, with as many fractional digits as it needs.
func (t Time) String() string {
	return time.UnixMicro(int64(t)).UTC().Format("2006-01-02T15:04:05.999999Z")
}

// Digit is byte n of the instant, the lowest being byte 0, written so that instants
// are in the order of their bytes from the highest down. It is for sorting.
func (t Time) Digit(n int) uint8 { return uint8((uint64(t) ^ 1<<63) >> (8 * n)) }

// Span is the times From <= t < To.
type Span struct{ From, To Time }

// Always is the span that leaves no time out but the last, which no file holds.
func Always() Span { return Span{MinTime, MaxTime} }

// Holds reports whether t is in the span.
func (s Span) Holds(t Time) bool { return s.From <= t && t < s.To }

// Meets reports whether the spans have a time in common.
func (s Span) Meets(o Span) bool { return max(s.From, o.From) < min(s.To, o.To) }

// Widen is the span with so many microseconds more at both ends, by not below
// zero; an empty span stays empty.
func (s Span) Widen(by int64) Span {
	if s.From >= s.To {
		return s
	}
	return Span{s.From.Earlier(by), s.To.Later(by)}
}

// Earlier is t - by, by not below zero, held within the ends of time.
func (t Time) Earlier(by int64) Time {
	if t < MinTime+Time(by) {
		return MinTime
	}
	return t - Time(by)
}

// Later is t + by, by not below zero, held within the ends of time.
func (t Time) Later(by int64) Time {
	if t > MaxTime-Time(by) {
		return MaxTime
	}
	return t + Time(by)
}

// Hour is the hour in which t is, floored, also before 1970.
func (t Time) Hour() Time {
	const hour = 3_600_000_000
	past := int64(t) % hour
	if past < 0 {
		past += hour
	}
	return t.Earlier(past)
}
