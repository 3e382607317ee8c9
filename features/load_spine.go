package features

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// spine reads where the questions stand. An empty list of columns keeps none,
// no list keeps all, so that ColumnsGiven is more than a length.
func (l *loader) spine(d *Definition, n *yaml.Node, subject string) Spine {
	o := l.open(n, spineSection, subject, Text{Pos: nodePos(n)})
	s := Spine{Pos: nodePos(n), EventTimestamp: o.word("event_timestamp"), ColumnsGiven: o.has("columns")}
	s.Columns = l.words(o.take("columns"), o.of("columns"))
	if o.has("source") {
		o.askedOf(d, &s)
	} else {
		o.askedIn(d, &s)
	}
	o.close()
	return s
}

// askedIn reads a spine that is a table of its own.
func (o *object) askedIn(d *Definition, s *Spine) {
	s.Table, s.Entity = o.table(), o.keyedBy(d, "entity")
	o.eachName("fields", "field", func(field Text, n *yaml.Node) {
		t, at := o.typeOf(n, "field "+field.Value+" of "+o.subject)
		s.Fields = append(s.Fields, Declared{Name: field, Type: t, TypePos: at})
	})
	if s.Table.Format == "parquet" {
		o.forbid("fields", "a Parquet spine", "its files say the types; remove fields")
	}
	o.needFields(s.Table, s.Fields, o.subject)
	if o.opened != nil && !o.has("event_timestamp") {
		o.faultAt(Text{Pos: s.Pos}, o.subject+" has no event_timestamp", "add event_timestamp: COLUMN")
	}
	for _, name := range []string{"from", "to", "where", "every", "active"} {
		o.take(name)
		o.forbid(name, "a spine that is a table", "choose the rows when making it, or name a source in place of it")
	}
}

// askedOf reads a spine whose questions are told by the events of a source.
func (o *object) askedOf(d *Definition, s *Spine) {
	for _, k := range append([]string{"fields"}, tableKeyNames()...) {
		o.take(k)
		o.forbid(k, "a spine of a source's events", "where they lie, and of what types they are, the source says; remove it")
	}
	s.Source, s.Where = o.word("source"), o.text("where")
	o.reference(s.Source, "source", names(d.Sources, func(s Source) string { return s.Name.Value }))
	s.From, s.To = o.instant("from"), o.instant("to")
	if s.From.Given() && s.To.Given() && startOf(s.From) >= startOf(s.To) {
		o.faultAt(s.To, fmt.Sprintf("to of %s is %s, which is not after from", o.subject, tick(s.To.Value)), "questions have from <= t < to")
	}
	o.grid(d, s)
	for i := range d.Sources {
		of := &d.Sources[i]
		switch {
		case of.Name.Value != s.Source.Value:
			continue
		case of.Dimension != nil:
			o.faultAt(s.Source, fmt.Sprintf("source %s of %s is a dimension, whose rows are no events", of.Name.Value, o.subject), "name a source with an event_timestamp")
		}
		s.Table, s.Fields = of.History, of.Fields
		if s.Grid == nil {
			s.EventTimestamp = of.EventTimestamp
		}
	}
}

// grid reads a grid, if the spine is one.
func (o *object) grid(d *Definition, s *Spine) {
	if !o.has("every") {
		s.Entity = o.keyedBy(d, "entity")
		o.take("every")
		o.take("active")
		o.forbid("active", "a spine without every", "each event is asked at its own time; write every for a grid")
		o.forbid("event_timestamp", "a spine of a source's events", "the source has one; remove it")
		return
	}
	s.Grid = &Grid{Every: o.span("every"), Active: o.span("active"), Entity: o.word("entity")}
	o.reference(s.Grid.Entity, "entity", names(d.Entities, func(e Entity) string { return e.Name.Value }))
	for _, need := range [][2]string{{"entity", "ENTITY"}, {"from", "2026-01-01"}, {"to", "2026-03-01"}} {
		if !o.has(need[0]) {
			o.fault(o.key("every"), fmt.Sprintf("%s is a grid and has no %s", o.subject, need[0]), fmt.Sprintf("add %s: %s", need[0], need[1]))
		}
	}
	if !s.EventTimestamp.Given() {
		s.EventTimestamp = Text{Pos: s.Pos, Value: gridTime, Quoted: -1}
	}
	if s.From.Given() && s.To.Given() && s.Grid.Every.Given() {
		every, _ := ParseDuration(s.Grid.Every.Value)
		if _, ok := gridInstants(startOf(s.From), startOf(s.To), every); !ok {
			o.faultAt(s.Grid.Every, fmt.Sprintf("%s has more than %d instants", o.subject, maxInstants), "ask less often, or of a shorter time")
		}
	}
}

// gridTime is what a grid's column of instants is called where nothing is said.
const gridTime = "event_timestamp"

// tableKeyNames are the keys of whatever names a table.
func tableKeyNames() (names []string) {
	for _, k := range tableKeys {
		names = append(names, k.name)
	}
	return names
}
