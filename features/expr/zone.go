package expr

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// zoneArchive is the time zone database of IANA, release 2025c, as the Go project
// packs it. Only this copy is read and never the machine's: a feature may not
// change with an update of the system (S1.1).
//
//go:embed zoneinfo.zip
var zoneArchive []byte

// zone is the rules of a time zone: from starts[k] on, up to the next, clocks are
// offsets[k] ahead of UTC. What lies after the last start is asked of location.
type zone struct {
	location *time.Location
	starts   []int64
	offsets  []int64
}

// period is a time in which the clocks of a zone are not changed: [from, to).
type period struct{ from, to, offset int64 }

// zoneHorizon is until when changes of clocks are kept in a table. After it they
// are computed when they are asked for, which is slower.
const zoneHorizon = 2100

// zone reads the zone that a constant argument names, and makes its rules part of
// the digest: by their own bytes, so that a release of the database changes the
// digest of only those definitions whose zones it changes.
func (c *checker) zone(n *Node, x *code) (*zone, bool) {
	name, ok := c.literalText(n, x, "a time zone")
	if !ok {
		return nil, false
	}
	data, names := zoneData(name)
	location, err := time.LoadLocationFromTZData(name, data)
	if data == nil || err != nil {
		mend := "zones have names of the IANA database, as 'Europe/Oslo' or 'UTC'"
		if near := event.Nearest(name, names); near != "" {
			mend = "did you mean '" + near + "'?"
		}
		c.fail(n, quoteText(name)+" is no time zone", mend)
		return nil, false
	}
	c.depend(fmt.Sprintf("zone %s %x", name, sha256.Sum256(data))[:len("zone ")+len(name)+17])
	return zoneOf(location), true
}

// zoneData is the file of a zone in the archive, nil if there is none, and what
// names there are.
func zoneData(name string) (data []byte, names []string) {
	archive, err := zip.NewReader(bytes.NewReader(zoneArchive), int64(len(zoneArchive)))
	if err != nil {
		panic(fmt.Sprintf("expr: the embedded time zones cannot be read: %v", err))
	}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		names = append(names, f.Name)
		if f.Name != name {
			continue
		}
		in, err := f.Open()
		if err == nil {
			data, err = io.ReadAll(in)
		}
		if err != nil {
			panic(fmt.Sprintf("expr: the embedded time zone %s cannot be read: %v", name, err))
		}
	}
	return data, names
}

// zoneOf walks through the changes of a location up to the horizon.
func zoneOf(location *time.Location) *zone {
	z := &zone{location: location}
	horizon := time.Date(zoneHorizon, 1, 1, 0, 0, 0, 0, time.UTC)
	for p := z.computed(math.MinInt64); ; p = z.computed(p.to) {
		if n := len(z.offsets); n == 0 || z.offsets[n-1] != p.offset {
			z.starts, z.offsets = append(z.starts, p.from), append(z.offsets, p.offset)
		}
		if p.to >= horizon.UnixMicro() {
			return z
		}
	}
}

// computed is a time around an instant in which package time knows of no change.
// What it takes for the end of a year may lie a day before the instant (in leap
// years); such a bound is moved, so that a walk goes on.
func (z *zone) computed(us int64) period {
	t := time.UnixMicro(us).In(z.location)
	_, offset := t.Zone()
	p := period{math.MinInt64, math.MaxInt64, int64(offset) * second}
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		p.from = min(from.UnixMicro(), us)
	}
	if !to.IsZero() && to.Year() < 290_000 {
		if p.to = to.UnixMicro(); p.to <= us {
			p.to = us - floorMod(us, day) + day
		}
	}
	return p
}

// at is the period of an instant.
func (z *zone) at(us int64) period {
	k, found := slices.BinarySearch(z.starts, us)
	if !found {
		k--
	}
	if k == len(z.starts)-1 {
		return z.computed(us)
	}
	return period{z.starts[k], z.starts[k+1], z.offsets[k]}
}

// local is what clocks show at an instant; false beyond the ends of time.
func (p period) local(us int64) (int64, bool) {
	local := us + p.offset
	return local, (us^local)&(p.offset^local) >= 0
}

// instant is when clocks show local: of two such instants the first. A time that
// clocks skip is read as if they had not been changed yet, which makes it as much
// later as they skip. Both are the reading by the offset before the change.
func (z *zone) instant(local int64) (int64, bool) {
	start := local
	if start > math.MinInt64+2*day {
		start -= 2 * day // clocks are nowhere so far from UTC
	}
	p := z.at(start)
	for offset := p.offset; ; p = z.at(p.to) {
		if end, ok := p.local(p.to); p.to != math.MaxInt64 && ok && end <= local {
			offset = p.offset
			continue
		}
		if first, ok := p.local(p.from); p.from == math.MinInt64 || !ok || first <= local {
			offset = p.offset
		}
		us := local - offset
		return us, (local^offset)&(local^us) >= 0
	}
}

// zoned is a kernel from instants to instants by the periods of a zone. Most
// instants of a batch lie in the period of the one before.
func zoned(z *zone, each func(p period, us int64) (int64, bool)) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		p := period{from: 1} // holds nothing
		for i, us := range v[0].Ints[:f.rows] {
			if u.is(i) {
				continue
			}
			if us < p.from || us >= p.to {
				p = z.at(us)
			}
			x, ok := each(p, us)
			if !ok {
				f.refuse(&u, event.OutOfType, i)
				continue
			}
			out[i] = x
		}
		return ofInts(event.Timestamp, out, u)
	}
}

// atTimezone compiles t at time zone 'X'. There is one type of instants, so that
// the result is a timestamp too, though what it means is a reading of clocks:
// asking for the clocks of a reading is refused as the mistake that it is. SQL
// goes back so; here the way back has a name.
func (c *checker) atTimezone(n *Node, args []*code) *code {
	if x := n.Args[0]; x.Op == Call && x.Name == n.Name {
		return c.fail(n, "this is at a time zone already", "write to_utc_timestamp(local, 'Europe/Oslo') for the instant of a local time")
	}
	z, ok := c.zone(n.Args[1], args[1])
	if !ok {
		return nil
	}
	return counting(strict(event.Of(event.Timestamp), zoned(z, period.local), args[0]))
}

// fromTimezone compiles to_utc_timestamp(local, zone).
func (c *checker) fromTimezone(n *Node, args []*code) *code {
	z, ok := c.zone(n.Args[1], args[1])
	if !ok {
		return nil
	}
	return counting(strict(event.Of(event.Timestamp), castInts(event.Timestamp, func(v *vec, i int) (int64, bool) {
		return z.instant(v.Ints[i])
	}), args[0]))
}

// truncIn compiles date_trunc('unit', t, 'zone'): the instant at which the unit
// begins on the clocks of the zone. Units shorter than a day are taken off the
// instant, so that the hour that clocks show twice is two hours; days and longer
// units begin where clocks first show their start.
func (c *checker) truncIn(n *Node, unit string, args []*code) *code {
	z, ok := c.zone(n.Args[2], args[2])
	if !ok {
		return nil
	}
	size := unitSizes[unit]
	return counting(strict(event.Of(event.Timestamp), zoned(z, func(p period, us int64) (int64, bool) {
		local, ok := p.local(us)
		if !ok {
			return 0, false
		}
		if size > 0 && size < day {
			start := us - floorMod(local, size)
			return start, start <= us
		}
		start, ok := unitStart(unit, unitIndex(unit, local))
		if !ok {
			return 0, false
		}
		return z.instant(start)
	}), args[1]))
}
