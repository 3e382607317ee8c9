package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// ends is where the versions of a view over a dimension of mode scd2 say that
// they end: run columns.
type ends struct {
	to  int
	key []int // for the error
}

// Overlap returns an error if two versions of a key, events i to j-1, hold at one
// instant: which of them was meant nobody can tell (S12.6). Of versions with one
// valid_from only the one that counts is looked at. It is O(n log n), and nothing
// where versions end with the next one.
func (v *PlannedView) Overlap(e Events, i, j int) error {
	if v.ends == nil {
		return nil
	}
	order := make([]int, 0, j-i)
	for k := i; k < j; k++ {
		order = append(order, k)
	}
	to := &e.Columns[v.ends.to]
	slices.SortStableFunc(order, func(a, b int) int {
		if e.Times[a] != e.Times[b] {
			if e.Times[a] < e.Times[b] {
				return -1
			}
			return 1
		}
		for _, o := range v.Layout.OrderBy {
			c := event.Compare(&e.Columns[o.Column], a, &e.Columns[o.Column], b)
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return event.Compare(to, a, to, b)
	})
	for n := 1; n < len(order); n++ {
		one, next := order[n-1], order[n]
		if e.Times[one] == e.Times[next] {
			continue
		}
		until := event.MaxTime
		if !to.IsNull(one) {
			until = instantOf(to, one)
		}
		if until > e.Times[next] {
			return fmt.Errorf("two versions hold at once for the key %s of view %s: the one from %s until %s, and the one from %s; mend the table, or write mode: versions, where a version holds until the next one",
				v.keyText(e, one), v.Name, e.Times[one], endText(to, one), e.Times[next])
		}
	}
	return nil
}

// instantOf is a date or timestamp of a column.
func instantOf(c *event.Column, i int) event.Time {
	if c.Type.Kind == event.Date {
		t, _ := event.FloorTime(c.Ints[i]*86_400, event.Second)
		return t
	}
	return event.Time(c.Ints[i])
}

func endText(to *event.Column, i int) string {
	if to.IsNull(i) {
		return "now"
	}
	return instantOf(to, i).String()
}

// keyText is the key of an event, as a person reads it.
func (v *PlannedView) keyText(e Events, i int) string {
	var parts []string
	for _, k := range v.ends.key {
		c := &e.Columns[k]
		switch c.Type.Kind {
		case event.String:
			parts = append(parts, tick(string(c.Text(i))))
		case event.Bytes:
			parts = append(parts, fmt.Sprintf("%x", c.Text(i)))
		case event.Decimal:
			parts = append(parts, c.Decimals[i].Big().String())
		default:
			parts = append(parts, fmt.Sprint(c.Ints[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// Ends reports whether versions say themselves until when they hold, so that they may
// overlap.
func (v *PlannedView) Ends() bool { return v.ends != nil }
