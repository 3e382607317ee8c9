package features

import (
	"fmt"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// time compiles the event's time, or the version's valid_from. A date is its
// midnight (S3.1); numbers are refused, as whether they are seconds or
// milliseconds only the user knows.
func (v *viewCompiler) time() *expr.Expr {
	t := v.src.def.EventTimestamp
	if d := v.src.def.Dimension; d != nil {
		switch d.Mode.Value {
		case "snapshots":
			if !d.Landed.Given() {
				return v.landing(d)
			}
			t = d.Landed
		case "current":
			// It holds at every instant there is: the leak is accepted.
			always := &expr.Node{Op: expr.Literal, Value: expr.Value{Type: event.Of(event.Timestamp), Int: int64(event.MinTime)}}
			return v.c.typed(d.Mode, always, nothing{})
		default:
			t = d.ValidFrom
		}
	}
	field := v.landedField(t)
	e := v.src.compile(t, field)
	if e == nil || e.Type.Kind == event.Timestamp {
		return e
	}
	if e.Type.Kind == event.Date {
		n := v.src.bind(t, field)
		return v.c.typed(t, &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: event.Of(event.Timestamp)}, nothing{})
	}
	spelled := fieldNode(t).String() // in double quotes if need be, as expressions have it
	how := fmt.Sprintf("'to_timestamp_ms(%s)', or to_timestamp of seconds,", spelled)
	if d := v.src.declared(t.Value); e.Type.Kind == event.String && v.src.def.History.Text() && (d == nil || !d.History.Given()) {
		v.c.fault(t, 0, 0, fmt.Sprintf("%s is %s, and a time is timestamp or date", t.Value, e.Type), "declare it as timestamp under fields; where it is not written as 2026-01-31T12:00:00Z, see strptime")
		return nil
	}
	if e.Type.Kind == event.String {
		how = fmt.Sprintf("'cast(%s as timestamp)'", spelled)
	}
	v.c.fault(t, 0, 0, fmt.Sprintf("%s is %s, and a time is timestamp or date", t.Value, e.Type), fmt.Sprintf("write fields: {a_name: {type: timestamp, history: %s}} and name that", how))
	return nil
}

// landedField is the field with a view's times. A row that names no snapshot is of
// none: whenever it landed, it has no time, and is skipped and counted as any
// other without one. It would blank the whole dimension as the newest snapshot.
func (v *viewCompiler) landedField(t Text) *expr.Node {
	d := v.src.def.Dimension
	if d == nil || !d.Landed.Given() {
		return fieldNode(t)
	}
	if f, _ := v.src.field(d.Snapshot.Value); f == nil {
		return fieldNode(t) // told where the snapshot is asked for
	}
	named := &expr.Node{Op: expr.IsNull, Negated: true, Args: []*expr.Node{fieldNode(d.Snapshot)}}
	return &expr.Node{Op: expr.Case, End: len(t.Value), Args: []*expr.Node{named, fieldNode(t)}}
}

// landing compiles when a snapshot can be read: so long after the time that names
// it.
func (v *viewCompiler) landing(d *Dimension) *expr.Expr {
	e := v.src.named(d.Snapshot)
	if e == nil {
		return nil
	}
	if e.Type.Kind != event.Date && e.Type.Kind != event.Timestamp {
		v.c.fault(d.Snapshot, 0, 0, fmt.Sprintf("%s is %s, and lands_after counts from a date or a timestamp", d.Snapshot.Value, e.Type), "cast it under fields, or name a field as landed")
		return nil
	}
	after, _ := ParseDuration(d.LandsAfter.Value)
	call := func(name string, args ...*expr.Node) *expr.Node {
		return &expr.Node{Op: expr.Call, Name: name, Args: args}
	}
	n := v.src.bind(d.Snapshot, fieldNode(d.Snapshot))
	n = &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: event.Of(event.Timestamp)}
	span := &expr.Node{Op: expr.Literal, Value: expr.Value{Type: event.Of(event.Int), Int: after}}
	sum := &expr.Node{Op: expr.Binary, Name: "+", Args: []*expr.Node{call("epoch_us", n), span}}
	return v.c.typed(d.Snapshot, call("to_timestamp_us", sum), nothing{})
}

// fieldNode is the expression of a field that is named alone.
func fieldNode(t Text) *expr.Node {
	return &expr.Node{Op: expr.Ref, Path: []string{t.Value}, End: len(t.Value)}
}

// conditions are what is asked of a version once it is chosen, as row expressions:
// where, when it ends, whether it deletes, of which snapshot it is. They are a part
// of its content.
func (v *viewCompiler) conditions() (reads []read) {
	d := v.src.def.Dimension
	if d == nil {
		return nil
	}
	add := func(t Text, n *expr.Node, err error) {
		if t.Given() && err == nil {
			reads = append(reads, read{t, n})
		}
	}
	where, err := expr.Parse(v.def.Where.Value)
	add(v.def.Where, where, err)
	deleted, err := expr.Parse(d.Deleted.Value)
	add(d.Deleted, deleted, err)
	add(d.ValidTo, fieldNode(d.ValidTo), nil)
	add(d.Snapshot, fieldNode(d.Snapshot), nil)
	return reads
}

// version compiles a dimension's feature: the row expression of the version that
// is valid, null where what is asked of it does not hold (S12). That does not
// choose the version but blanks its features, so that no older one comes back
// (S12.4).
func (v *viewCompiler) version(col *column, n *expr.Node) *expr.Node {
	faulty := false
	expr.Walk(n, func(n *expr.Node) bool {
		if n.Op == expr.Call && expr.Aggregate(n.Name) {
			v.c.fault(col.feature.Value, n.Pos, n.End, fmt.Sprintf("aggregate %s in view %s over a dimension, which has one version at a time", n.Name, v.def.Name.Value), "aggregate a source of events")
			faulty = true
		}
		return !faulty
	})
	if faulty {
		return nil
	}
	value := v.latest(col, col.feature.Value, n)
	if value == nil {
		return nil
	}
	holds, ok := v.holds(col)
	if !ok {
		return nil
	}
	for _, h := range holds {
		value = &expr.Node{Op: expr.Case, Pos: n.Pos, End: n.End, Args: []*expr.Node{h, value}}
	}
	return value
}

// holds are the conditions under which the chosen version answers, over the frame.
func (v *viewCompiler) holds(col *column) (all []*expr.Node, ok bool) {
	d := v.src.def.Dimension
	conditions := v.conditions()
	for _, r := range conditions {
		newest := v.latest(col, r.text, r.node)
		if newest == nil {
			return nil, false
		}
		switch r.text {
		case d.ValidTo:
			v.ends()
			if k := newest.To.Kind; k != event.Timestamp && k != event.Date {
				v.c.fault(r.text, 0, 0, fmt.Sprintf("%s is %s, and a time is timestamp or date", r.text.Value, newest.To), "cast it under fields")
				return nil, false
			}
			to := &expr.Node{Op: expr.Cast, Args: []*expr.Node{newest}, To: event.Of(event.Timestamp)}
			before := &expr.Node{Op: expr.Binary, Name: "<", Args: []*expr.Node{v.c.bound(0, r.node), to}}
			all = append(all, coalesced(before, true))
		case d.Snapshot:
			last := v.newestSnapshot(col)
			if last == nil {
				return nil, false
			}
			all = append(all, &expr.Node{Op: expr.Binary, Name: "=", Args: []*expr.Node{newest, last}})
		default:
			if !v.condition(r.text, newest) {
				return nil, false
			}
			if r.text == d.Deleted {
				newest = &expr.Node{Op: expr.Not, Args: []*expr.Node{coalesced(newest, false)}}
			}
			all = append(all, newest)
		}
	}
	return all, true
}

// ends has the runs hold what Overlap looks at.
func (v *viewCompiler) ends() {
	if v.planned.ends != nil {
		return
	}
	d := v.src.def.Dimension
	v.planned.ends = &ends{to: v.runColumn(d.ValidTo, fieldNode(d.ValidTo))}
	for _, k := range v.entity.Columns {
		v.planned.ends.key = append(v.planned.ends.key, v.runColumn(k, fieldNode(k)))
	}
}

// coalesced is a condition with a truth in place of null.
func coalesced(n *expr.Node, or bool) *expr.Node {
	truth := int64(0)
	if or {
		truth = 1
	}
	lit := &expr.Node{Op: expr.Literal, Value: expr.Value{Type: event.Of(event.Bool), Int: truth}}
	return &expr.Node{Op: expr.Call, Name: "coalesce", Args: []*expr.Node{n, lit}}
}

// condition checks that what is asked of a version is true or false.
func (v *viewCompiler) condition(t Text, n *expr.Node) bool {
	if n.To.Kind != event.Bool && n.To.Kind != event.Null {
		v.c.fault(t, 0, 0, fmt.Sprintf("a condition is true or false, and this is %s", n.To), "compare it with something")
		return false
	}
	return true
}

// newestSnapshot is the snapshot that had landed last at t, whatever the key: a
// key that it does not have is gone. It is asked of a run without a key, over the
// same rows, which holds each snapshot once.
func (v *viewCompiler) newestSnapshot(col *column) *expr.Node {
	if v.snapshots == nil {
		def := *v.def
		def.Name.Value += " snapshots"
		def.Features, def.Where, def.TTL = nil, Text{}, Text{}
		s := &viewCompiler{c: v.c, def: &def, src: v.src, entity: &Entity{}, asked: map[*guise]*viewGuise{}}
		s.planned = &PlannedView{Name: def.Name.Value, View: &def, Input: v.src.input, time: v.planned.time, Layout: &aggregate.Layout{ID: -1}}
		s.place = len(v.c.plan.Views)
		v.c.plan.Views = append(v.c.plan.Views, s.planned)
		s.planned.Layout.ID = s.runColumn(v.src.def.Dimension.Snapshot, fieldNode(v.src.def.Dimension.Snapshot))
		v.snapshots = s
	}
	if v.snapshots.planned.Layout.ID < 0 {
		return nil
	}
	return v.snapshots.latest(col, v.src.def.Dimension.Snapshot, fieldNode(v.src.def.Dimension.Snapshot))
}

// latest is a row expression's value in the newest version, as the frame has it;
// nil where it is faulty. A dimension is the aggregate last over a closed window:
// valid_from <= t (S12.1), and t - ttl <= valid_from (S12.2), of equal ones the
// last in content order (S12.3). So dimensions need no state of their own.
func (v *viewCompiler) latest(col *column, t Text, n *expr.Node) *expr.Node {
	i := v.runColumn(t, n)
	if i < 0 {
		return nil
	}
	w := aggregate.Window{Lifetime: true, ClosedLow: true, ClosedHigh: true}
	if v.def.TTL.Given() {
		ttl, _ := ParseDuration(v.def.TTL.Value)
		w.Lifetime, w.Length = false, ttl
	}
	frame := v.slot(col, aggregate.Slot{Aggregate: aggregate.Last, Args: []int{i}, Filter: -1, RespectNulls: true, Window: w, N: 1, Type: v.planned.Layout.Columns[i]})
	if frame < 0 {
		return nil
	}
	return v.c.bound(frame, n)
}
