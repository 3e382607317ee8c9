package sink

import (
	"fmt"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// Interval is the instants from Start on and before End.
type Interval struct{ Start, End event.Time }

// ParseInterval reads the two ends as ISO 8601 writes instants with their zone.
func ParseInterval(start, end string) (*Interval, error) {
	if start == "" || end == "" {
		return nil, fmt.Errorf("--data-interval-start and --data-interval-end belong together; give both")
	}
	from, err := parseInstant("--data-interval-start", start)
	if err != nil {
		return nil, err
	}
	to, err := parseInstant("--data-interval-end", end)
	if err != nil {
		return nil, err
	}
	if from >= to {
		return nil, fmt.Errorf("--data-interval-end %s is not after --data-interval-start %s", end, start)
	}
	return &Interval{from, to}, nil
}

func parseInstant(flag, text string) (event.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Nanosecond()%1000 != 0 {
		return 0, fmt.Errorf("%s %s; write an instant with its zone and at most microseconds, such as 2026-01-31T00:00:00Z or 2026-01-31T00:00:00+01:00", flag, text)
	}
	return event.Time(t.UnixMicro()), nil
}

// intervalForm is an instant in the name of a file: no system forbids its letters,
// and names have the order of time.
const intervalForm = "2006-01-02T150405.999999Z"

// Name is what the interval's file is called, without ending.
func (v *Interval) Name() string {
	return time.UnixMicro(int64(v.Start)).UTC().Format(intervalForm) + "_" + time.UnixMicro(int64(v.End)).UTC().Format(intervalForm)
}

// intervalNamed reads the interval that a file's or a folder's name begins with.
func intervalNamed(name string) (v Interval, ok bool) {
	from, rest, ok := strings.Cut(name, "_")
	if !ok {
		return v, false
	}
	to, _, ok := strings.Cut(rest, "Z")
	if !ok {
		return v, false
	}
	start, err := time.Parse(intervalForm, from)
	if err != nil {
		return v, false
	}
	end, err := time.Parse(intervalForm, to+"Z")
	v = Interval{event.Time(start.UnixMicro()), event.Time(end.UnixMicro())}
	return v, err == nil
}

// overlaps reports whether an instant is in both.
func (v *Interval) overlaps(w Interval) bool { return v.Start < w.End && w.Start < v.End }

// clash is the error that an interval of the folder shares instants with that of t.
func (t *Target) clash(v Interval, name string) error {
	if v == *t.Interval {
		return fmt.Errorf("output %s has the interval in another form, %s; remove that with what belongs to it, or name another output", t.Place.Path, name)
	}
	return fmt.Errorf("output %s has %s, which overlaps with %s, so that rows would stand there twice; give intervals that meet end to end, or remove it", t.Place.Path, name, t.Interval.Name())
}
