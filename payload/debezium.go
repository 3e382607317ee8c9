package payload

import (
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// ChangeFields are what an envelope says beside the row: what was done (c, r, u or
// d: created, read by a snapshot, updated, deleted), when the database committed it,
// and when the connector saw it.
var ChangeFields = event.Schema{{Name: "_op", Type: event.Of(event.String)}, {Name: "_source_ts", Type: event.Of(event.Timestamp)}, {Name: "_ts", Type: event.Of(event.Timestamp)}}

// change is the columns for ChangeFields, nil where they are not asked for.
type change struct{ op, sourceTS, ts *Column }

// newChange parts the columns of an envelope from those of its row.
func newChange(columns []*Column) (c *change, own []*Column, err error) {
	c = new(change)
	for i, to := range []**Column{&c.op, &c.sourceTS, &c.ts} {
		at := slices.IndexFunc(columns, func(c *Column) bool { return c.Name == ChangeFields[i].Name })
		if at < 0 {
			continue
		}
		*to = columns[at]
		if want := ChangeFields[i].Type; !columns[at].Values.Type.Equal(want) {
			return nil, nil, fmt.Errorf("field %s of the envelope is %s, and %s is asked for; declare it so", ChangeFields[i].Name, want, columns[at].Values.Type)
		}
	}
	for _, column := range columns {
		if column != c.op && column != c.sourceTS && column != c.ts {
			own = append(own, column)
		}
	}
	return c, own, nil
}

// stamp is milliseconds since 1970, if they are known.
type stamp struct {
	ms    int64
	known bool
}

// append appends what the envelope says.
func (c *change) append(op []byte, source, ts stamp) error {
	if c.op != nil {
		c.op.intern(op)
	}
	for _, s := range []struct {
		to *Column
		stamp
	}{{c.sourceTS, source}, {c.ts, ts}} {
		switch {
		case s.to == nil:
		case !s.known:
			s.to.Values.AppendNull()
		default:
			at, ok := event.FloorTime(s.ms, event.Millisecond)
			if !ok {
				return errInstant
			}
			s.to.Values.AppendInt(int64(at))
		}
	}
	return nil
}

// deleted reports whether the row is the one before the change.
func deleted(op []byte) (bool, error) {
	switch string(op) {
	case "c", "r", "u":
		return false, nil
	case "d":
		return true, nil
	case "t":
		return false, errors.New("its op is t: the table was truncated, and which rows it had is not known here")
	}
	return false, fmt.Errorf("its op is %s; an envelope of Debezium has c, r, u or d", Ticked(op))
}

var (
	errNoAfter    = errors.New("its after is null, and its op says that there is a row")
	errNoBefore   = errors.New("it deletes a row and its before is null; let the database tell it, such as by replica identity full")
	errNoEnvelope = errors.New("it is no envelope of Debezium: it has no op; leave out the envelope if its rows come without")
)

// jsonChange reads envelopes of JSON.
type jsonChange struct {
	JSON
	*change
	objects *jsonRow
}

// envelope is the parts of an envelope of JSON, as they stand; nil: absent.
type envelope struct{ before, after, source, op, ts, payload []byte }

func (j *jsonChange) append(value []byte) error {
	e, err := j.envelope(value)
	if err == nil && e.op == nil && e.payload != nil {
		e, err = j.envelope(e.payload)
	}
	if err != nil {
		return err
	}
	if len(e.op) < 2 || e.op[0] != '"' {
		return errNoEnvelope
	}
	op := e.op[1 : len(e.op)-1]
	gone, err := deleted(op)
	if err != nil {
		return err
	}
	row, none := e.after, errNoAfter
	if gone {
		row, none = e.before, errNoBefore
	}
	if row == nil || row[0] == 'n' {
		return none
	}
	if err := j.objects.Append(row); err != nil {
		return err
	}
	source, err := j.sourceTime(e.source)
	if err != nil {
		return err
	}
	ts, err := stampOf(e.ts)
	if err != nil {
		return err
	}
	return j.change.append(op, source, ts)
}

// envelope finds the parts of value, which is an object.
func (j *jsonChange) envelope(value []byte) (e envelope, err error) {
	j.Begin(value)
	if j.Kind() != '{' {
		v, err := j.span()
		if err != nil {
			return e, err
		}
		return e, &NotObject{slices.Clone(v)}
	}
	if err := j.Open(); err != nil {
		return e, err
	}
	for {
		more, err := j.More('}')
		if err != nil {
			return e, err
		}
		if !more {
			return e, j.Finish()
		}
		name, err := j.Name()
		if err != nil {
			return e, err
		}
		part, err := j.span()
		if err != nil {
			return e, err
		}
		switch string(name) {
		case "before":
			e.before = part
		case "after":
			e.after = part
		case "source":
			e.source = part
		case "op":
			e.op = part
		case "ts_ms":
			e.ts = part
		case "payload":
			e.payload = part
		}
	}
}

// sourceTime is ts_ms of a source.
func (j *jsonChange) sourceTime(source []byte) (stamp, error) {
	if source == nil || source[0] != '{' {
		return stamp{}, nil
	}
	e, err := j.envelope(source)
	if err != nil {
		return stamp{}, err
	}
	return stampOf(e.ts)
}

func stampOf(text []byte) (stamp, error) {
	if text == nil || text[0] == 'n' {
		return stamp{}, nil
	}
	ms, ok := ParseInt(text)
	if !ok {
		return stamp{}, fmt.Errorf("its ts_ms is %s, and no integer", Ticked(text))
	}
	return stamp{ms, true}, nil
}

// avroChange reads envelopes of Avro: first its parts, and then the row that counts.
type avroChange struct {
	*change
	envelope *avroRow
	parts    []*Column // op, ts_ms and source, of one message
	places   [2]int    // of before and after in a message; -1: not yet
	sides    [2]avroSide
}

// avroSide is before or after: what reads each of its branches, nil of null.
type avroSide struct {
	branches []*avroRow
	union    bool
}

// change compiles an envelope.
func (c *avroCompiler) change(record, newest *avroType, d *decoder) rows {
	a := &avroChange{change: d.change}
	inSource := event.Field{Name: "ts_ms", Type: event.Of(event.Int)}
	for _, f := range []event.Field{{Name: "op", Type: event.Of(event.String)}, inSource, {Name: "source", Type: event.StructOf(inSource)}} {
		if record.field(f.Name) == nil {
			c.add(f.Name, c.of+" is no envelope of Debezium: it has no such field", "leave out the envelope if its rows come without")
			return nil
		}
		a.parts = append(a.parts, NewColumn(f.Name, f.Type))
	}
	a.envelope = c.row(record, nil, a.parts)
	for i, name := range []string{"before", "after"} {
		at := slices.IndexFunc(record.fields, func(f avroField) bool { return f.name == name })
		if at < 0 {
			c.add(name, c.of+" is no envelope of Debezium: it has no such field", "leave out the envelope if its rows come without")
			return nil
		}
		pass := a.envelope.steps[at].skip
		a.envelope.steps[at].skip = func(r *avroReader) {
			a.places[i] = r.at
			pass(r)
		}
		a.sides[i] = c.side(record.fields[at].typ, newest.fieldType(name).record(), d.own)
	}
	return a
}

// side compiles before or after.
func (c *avroCompiler) side(t, newest *avroType, columns []*Column) avroSide {
	if t.kind == "record" {
		return avroSide{branches: []*avroRow{c.row(t, newest, columns)}}
	}
	s := avroSide{union: true, branches: make([]*avroRow, len(t.branches))}
	for i, b := range t.branches {
		if b.kind == "record" {
			s.branches[i] = c.row(b, newest, columns)
		}
	}
	return s
}

func (a *avroChange) append(data []byte) error {
	takeBack(a.parts, 0)
	op := &a.parts[0].Values
	const opsMost = 64
	if op.Dict.Len() > opsMost { // What is no op may be any text.
		a.parts[0].Begin()
	}
	if err := a.envelope.append(data); err != nil {
		return err
	}
	if op.IsNull(0) {
		return errNoEnvelope
	}
	gone, err := deleted(op.Text(0))
	if err != nil {
		return err
	}
	side, none := 1, errNoAfter
	if gone {
		side, none = 0, errNoBefore
	}
	r := avroReader{data: data, at: a.places[side]}
	branch := 0
	if a.sides[side].union {
		branch = r.index(len(a.sides[side].branches))
	}
	row := a.sides[side].branches[branch]
	if row == nil {
		return none
	}
	if _, err := row.begin(data[r.at:]); err != nil {
		return err
	}
	return a.change.append(op.Text(0), stampIn(&a.parts[2].Values.Fields[0]), stampIn(&a.parts[1].Values))
}

// stampIn is the milliseconds of the one row of a column.
func stampIn(c *event.Column) stamp {
	if c.IsNull(0) {
		return stamp{}
	}
	return stamp{c.Ints[0], true}
}
