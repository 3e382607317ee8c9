package features

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// placing is what is asked of a row to know whether it lies in the right folder:
// the time that folders bound, and, where that is the arrival, the event's own
// beside it, which may be no further from it than the lateness.
type placing struct {
	field   string
	by      *expr.Expr
	time    *expr.Expr // nil: by is the event's own time
	late    int64      // microseconds
	written string     // the lateness
}

// placings compiles what is asked of the rows of sources with partitions. It comes
// last, as what it reads is no part of the digest: where rows lie changes no value.
func (c *compiler) placings() {
	for i := range c.plan.Inputs {
		src := c.sources[c.plan.Inputs[i].Source.Name.Value]
		if len(src.def.PartitionedBy) == 0 {
			continue
		}
		field := src.def.PartitionedBy[0].Field
		p := &placing{field: field.Value, by: c.instant(src, field)}
		if src.def.ByArrival() {
			p.time, p.late, p.written = c.instant(src, src.def.EventTimestamp), src.def.LatenessMicros(), src.def.Lateness.Value
		}
		c.plan.Inputs[i].placing = p
	}
}

// instant compiles a field that is a timestamp or a date, which is its midnight;
// nil where it is faulty. What a time of events may be is told where views ask it.
func (c *compiler) instant(src *sourceScope, field Text) *expr.Expr {
	e := src.named(field)
	if e == nil || e.Type.Kind == event.Timestamp {
		return e
	}
	if e.Type.Kind != event.Date {
		c.fault(field, 0, 0, fmt.Sprintf("%s is %s, and a time is timestamp or date", field.Value, e.Type), "cast it under fields")
		return nil
	}
	n := src.bind(field, fieldNode(field))
	return c.typed(field, &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: event.Of(event.Timestamp)}, nothing{})
}

// Fetched is the times of the folders that may hold an event of a reach: where they
// bound arrivals, so much more as an event may be late (S19.2).
func (s *Source) Fetched(reach event.Span) event.Span {
	if s.ByArrival() {
		return reach.Widen(s.LatenessMicros())
	}
	return reach
}

// Astray returns the first row of a batch that does not belong into a folder of a
// span, with what is wrong with it; -1 where all do. Rows without a time are no
// events and belong anywhere. The batch has the input's columns.
func (in *Input) Astray(b *event.Batch, folder event.Span) (row int, problem string) {
	p := in.placing
	if p == nil {
		return -1, ""
	}
	var ignored event.Counts // views count the same when they take the rows
	by := p.by.Eval(b, &ignored)
	if p.time == nil {
		for i, t := range by.Ints {
			if !folder.Holds(event.Time(t)) && !by.IsNull(i) {
				return i, p.outside(event.Time(t), folder)
			}
		}
		return -1, ""
	}
	times := p.time.Eval(b, &ignored)
	for i, t := range by.Ints {
		at, came := event.Time(times.Ints[i]), event.Time(t)
		switch {
		case times.IsNull(i):
		case by.IsNull(i):
			return i, p.field + " is null, and folders bound it; remove partitioned_by if events may lack it"
		case !folder.Holds(came):
			return i, p.outside(came, folder)
		case !(event.Span{From: at, To: at.Later(1)}).Widen(p.late).Holds(came):
			return i, fmt.Sprintf("it happened at %s and arrived at %s, which is further apart than the lateness of %s; declare the greatest there is", at, came, p.written)
		}
	}
	return -1, ""
}

// outside is what is wrong with a row of another folder.
func (p *placing) outside(t event.Time, folder event.Span) string {
	return fmt.Sprintf("%s is %s, and its folder is that of %s up to but without %s, in UTC; move the row into its folder, name in partitioned_by the time by which folders are cut, or remove it", p.field, t, folder.From, folder.To)
}
