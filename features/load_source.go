package features

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
	"gopkg.in/yaml.v3"
)

// source reads one source. A source of events must say its time, a dimension
// its valid_from instead; which of the two it is decides about the keys beside
// it.
func (l *loader) source(name Text, n *yaml.Node) Source {
	o := l.open(n, sourceSection, "source "+name.Value, name)
	s := Source{
		Name:           name,
		Description:    o.prose("description"),
		Owner:          o.prose("owner"),
		EventTimestamp: o.word("event_timestamp"),
		Arrival:        o.word("arrival_timestamp"),
		EventID:        o.word("event_id"),
		Version:        o.word("version"),
		NaN:            o.nan("nan"),
		OrderBy:        o.order("order_by"),
		Holes:          o.choice("holes", holesChoices),
		Lateness:       o.span("lateness"),
	}
	if h := o.take("history"); h != nil {
		history := l.open(h, historySection, o.of("history"), Text{Pos: nodePos(h)})
		s.History, s.Refresh = history.table(), history.span("refresh")
		history.close()
	}
	if n := o.take("stream"); !quiet(n) {
		s.Stream = l.stream(n, o.of("stream"))
	}
	if s.Refresh.Given() && o.has("stream") {
		l.faultAt(s.Refresh, o.subject+" has both refresh and a stream", "remove refresh; what comes after the history is read from the stream")
	}
	if !o.has("history") && !o.has("stream") && !quiet(n) && n.Kind == yaml.MappingNode {
		l.faultAt(name, o.subject+" has neither history nor stream", "add history: {parquet: PATH}, or stream: {kafka: TOPIC, brokers: HOST:PORT, format: json}")
	}
	o.eachName("fields", "field", func(field Text, n *yaml.Node) { s.Fields = append(s.Fields, o.field(field, n)) })
	l.needFields(s.History, s.Fields, o.subject)
	if d := o.take("dimension"); d != nil {
		s.Dimension = l.dimension(o, d, &s)
		if s.Refresh.Given() && s.Dimension != nil && s.Dimension.Mode.Value == "current" {
			l.faultAt(s.Refresh, o.subject+" is overwritten, and refresh finds files that are added", "keep versions or snapshots of it, or remove refresh")
		}
		o.forbid("arrival_timestamp", "a dimension", "the time at which a version was recorded is recorded_at of dimension")
		o.forbid("event_timestamp", "a dimension", "its time is valid_from; remove event_timestamp")
		o.forbid("version", "a dimension", "of versions equal in key and time the last by order_by holds; remove version")
		o.forbid("event_id", "a dimension", "of versions equal in key and time the last by order_by holds; remove event_id")
	} else if !o.has("event_timestamp") && !quiet(n) && n.Kind == yaml.MappingNode {
		l.faultAt(name, o.subject+" has no event_timestamp", "add event_timestamp: the field with the time of the event; or dimension: {mode: versions, valid_from: FIELD}")
	}
	if s.Version.Given() && s.Dimension == nil && !o.has("event_id") {
		l.faultAt(s.Version, "version of "+o.subject+" without event_id", "name the field that identifies an event, of which there may be several versions")
	}
	if d := s.Dimension; d != nil && d.Mode.Given() && d.Mode.Value != "versions" {
		o.forbid("stream", "a dimension of mode "+d.Mode.Value, "records are versions: write mode: versions, or remove the stream")
	}
	l.partitions(o, &s)
	o.close()
	return s
}

// nan reads what becomes of NaN. YAML's own null means the word.
func (o *object) nan(name string) Text {
	n := o.take(name)
	if quiet(n) {
		return Text{}
	}
	if n.Kind == yaml.ScalarNode && (n.Value == "null" || n.Value == "reject") {
		return o.lines.text(n)
	}
	o.fault(n, fmt.Sprintf("%s must be null or reject and is %s", o.of(name), tick(n.Value)), "write null, reject, or nothing: NaN then stays NaN")
	return Text{}
}

// dimension reads how a source's rows are versions. It has no default mode, as
// taking a table of current values for versions would leak the future (S12.1).
func (l *loader) dimension(of *object, n *yaml.Node, s *Source) *Dimension {
	o := l.open(n, dimensionSection, of.of("dimension"), Text{Pos: nodePos(n)})
	d := &Dimension{Pos: nodePos(n), Mode: o.choice("mode", dimensionModes), ValidFrom: o.word("valid_from"), ValidTo: o.word("valid_to"), Deleted: o.text("deleted"),
		Snapshot: o.word("snapshot"), Landed: o.word("landed"), LandsAfter: o.span("lands_after"), Leak: o.choice("leak", leakChoices)}
	s.Arrival = o.word("recorded_at")
	l.modeKeys(o, d)
	o.close()
	return d
}

// modeKeys holds that a dimension has the keys of its mode, and no others.
func (l *loader) modeKeys(o *object, d *Dimension) {
	if !d.Mode.Given() {
		return
	}
	keys := map[string][]string{"versions": {"valid_from", "recorded_at", "deleted"}, "scd2": {"valid_from", "valid_to", "recorded_at"},
		"snapshots": {"snapshot", "landed", "lands_after"}, "current": {"leak"}}[d.Mode.Value]
	for _, k := range []string{"valid_from", "valid_to", "recorded_at", "deleted", "snapshot", "landed", "lands_after", "leak"} {
		if !slices.Contains(keys, k) {
			o.forbid(k, "a dimension of mode "+d.Mode.Value, "its keys are "+strings.Join(keys, ", "))
		}
	}
	need := func(key, mend string) {
		if slices.Contains(keys, key) && !o.has(key) {
			l.faultAt(d.Mode, fmt.Sprintf("%s of mode %s has no %s", o.subject, d.Mode.Value, key), mend)
		}
	}
	need("valid_from", "name the field with the time from which a row holds")
	need("valid_to", "name the field with the time from which a row holds no more, or write versions")
	need("snapshot", "name the field that tells snapshots apart, such as the day of a partition")
	need("leak", "keep every version as a row, or say leak: accepted: today's values then stand in rows of the past")
	if d.Mode.Value == "snapshots" && o.has("landed") == o.has("lands_after") {
		l.faultAt(d.Mode, o.subject+" of mode snapshots needs one of landed and lands_after", "say when a snapshot can be read: by a field, or so long after the time that names it")
	}
}

// field reads what a definition says about a column: its type, or a map. Names
// of fields are the data's and may be any text, unlike those that the
// definition makes.
func (o *object) field(name Text, n *yaml.Node) Declared {
	d := Declared{Name: name}
	subject := "field " + name.Value + " of " + o.subject
	if n.Kind != yaml.MappingNode {
		d.Type, d.TypePos = o.typeOf(n, subject)
		return d
	}
	f := o.open(n, fieldSection, subject, name)
	d.Type, d.TypePos = f.typeOf(f.take("type"), subject)
	d.History, d.Stream = f.text("history"), f.text("stream")
	if !f.has("type") && !f.has("history") && !f.has("stream") {
		o.faultAt(name, subject+" says neither type nor history nor stream", "write its type, such as double, or {type: double, history: EXPRESSION}")
	}
	f.close()
	return d
}

// typeOf reads the name of a type. Types are those of the expression language,
// which cast takes too, so that both have one list. The zero Type means that
// none is known.
func (l *loader) typeOf(n *yaml.Node, subject string) (event.Type, Pos) {
	t := l.asWord(n, subject)
	if !t.Given() {
		return event.Type{}, Pos{}
	}
	parsed, err := expr.ParseType(t.Value)
	var fault *expr.Error
	switch {
	case errors.As(err, &fault):
		l.faultAt(Text{Pos: t.At(fault.Pos), Value: t.Value}, fmt.Sprintf("type of %s: %s", subject, oneLine(fault.Problem)), oneLine(fault.Mend))
		return event.Type{}, Pos{}
	case err != nil:
		l.fault(n, fmt.Sprintf("type of %s: %s", subject, oneLine(err.Error())), "")
		return event.Type{}, Pos{}
	}
	return parsed, t.Pos
}

// request reads the fields that come with a question. Their names are the
// definition's own, unlike those of a source's fields.
func (o *object) request(name string) []Declared {
	var ds []Declared
	o.named(name, "request field", func(field Text, n *yaml.Node) {
		d := Declared{Name: field}
		d.Type, d.TypePos = o.typeOf(n, "request field "+field.Value+" of "+o.subject)
		ds = append(ds, d)
	})
	return ds
}

// entity reads the columns of a key. An empty list is the keyless entity: all
// events are of one key.
func (l *loader) entity(name Text, n *yaml.Node) Entity {
	return Entity{Name: name, Columns: l.wordOrWords(n, "entity "+name.Value)}
}

// order reads columns that may each say `desc`. A column whose own name ends so
// is written with a further asc or desc behind. A field may stand once: a
// second time it could decide nothing.
func (o *object) order(name string) []Order {
	n := o.take(name)
	if !o.filled(n, o.of(name), "name a field, or remove the key") {
		return nil
	}
	var orders []Order
	first := map[string]bool{}
	for _, t := range o.wordOrWords(n, o.of(name)) {
		by := orderOf(t)
		switch {
		case by.Column.Value == "":
			o.faultAt(t, fmt.Sprintf("%s of %s names no field", name, o.subject), "write FIELD or FIELD desc")
		case first[by.Column.Value]:
			o.faultAt(t, fmt.Sprintf("%s stands twice in %s", tick(by.Column.Value), o.of(name)), "remove one")
		default:
			first[by.Column.Value] = true
			orders = append(orders, by)
		}
	}
	return orders
}

// orderOf takes a text apart into its column and the word behind it.
func orderOf(t Text) Order {
	column, desc := t.Value, false
	if i := strings.LastIndexByte(column, ' '); i >= 0 {
		switch strings.ToLower(column[i+1:]) {
		case "desc":
			column, desc = strings.TrimRight(column[:i], " "), true
		case "asc":
			column = strings.TrimRight(column[:i], " ")
		}
	}
	t.Value = column
	return Order{Column: t, Desc: desc}
}

// forbid notes a key that has no meaning where it stands. It points at the key
// and not at its value, as the key is what is too much.
func (o *object) forbid(name, where, mend string) {
	if k := o.key(name); k != nil {
		o.fault(k, fmt.Sprintf("%s of %s: %s has none", tick(name), o.subject, where), mend)
	}
}
