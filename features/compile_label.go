package features

import (
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
)

// eventLabels compiles the labels that later events tell, behind the features. A
// label is a view of its own: its source, keyed by what it matches, over a window
// that begins at t. So it has the aggregates, ties and nulls of features.
func (c *compiler) eventLabels(t *TrainingSet) {
	for i := range t.EventLabels {
		l := &t.EventLabels[i]
		if len(l.Match) == 0 || !l.Within.Given() || !l.Value.Given() {
			continue // the loader has told
		}
		c.eventLabel(t, l)
	}
}

func (c *compiler) eventLabel(t *TrainingSet, l *EventLabel) {
	def := &View{Name: Text{Pos: l.Name.Pos, Value: "label " + l.Name.Value, Quoted: -1}, Source: l.Source, Entity: l.Name, Description: l.Description,
		Features: []Feature{{Name: l.Name, Description: l.Description, Value: l.Value}}}
	entity := &Entity{Name: def.Name}
	by := make([]Text, len(l.Match))
	for i, m := range l.Match {
		entity.Columns, by[i] = append(entity.Columns, m.Field), m.Spine
	}
	v := &viewCompiler{c: c, def: def, entity: entity, asked: map[*guise]*viewGuise{}, ahead: true}
	for i := range c.def.Sources {
		if c.def.Sources[i].Name.Value == l.Source.Value {
			v.src = c.source(&c.def.Sources[i])
		}
	}
	if v.src == nil || !v.plan() {
		return
	}
	c.views[def.Name.Value] = v
	g := &guise{keys: []KeyedBy{{Entity: entity.Name, Columns: by}}, used: map[string]bool{}, columns: map[string]*column{}}
	col := &column{guise: g, view: def, feature: &def.Features[0], window: Window{Length: l.Within, ahead: true}, name: l.Name.Value, frame: -1}
	first := len(c.plan.frame)
	c.compile(col)
	if col.frame < 0 {
		return
	}
	name := l.Name.Value
	if c.plan.Outputs.Index(name) >= 0 || c.kept(t, name) {
		c.fault(l.Name, 0, 0, fmt.Sprintf("label %s has the name of a column of the training set", name), "rename it")
		return
	}
	label := Label{Output: len(c.plan.Outputs), View: v.place, Lookup: v.asked[g].lookup, Window: col.window.meaning(), frame: first}
	if l.Attribute.Given() {
		// The rows that an event is told to are counted by a slot beside the label's.
		all := aggregate.Slot{Aggregate: aggregate.Count, Filter: -1, Window: label.Window, Type: event.Of(event.Int)}
		label.LastTouch, label.Events = true, c.plan.frame[v.slot(col, all)].index
		c.plan.Lookups[label.Lookup].LastTouch = true
	}
	c.plan.Labels = append(c.plan.Labels, label)
	c.plan.outputs = append(c.plan.outputs, col.frame)
	kind := c.plan.frame[col.frame].t
	c.plan.Outputs = append(c.plan.Outputs, event.Field{Name: name, Type: kind})
	words := c.describe(col, name, kind)
	if label.LastTouch {
		words.Window += ", each event to the last row that it matches"
	}
	c.plan.described = append(c.plan.described, words)
	for _, other := range c.plan.Views[:v.place] {
		if src := c.plan.Inputs[other.Input].Source; src == v.src.def && slices.ContainsFunc(other.Layout.Slots, reachesAt) {
			c.plan.Lints = append(c.plan.Lints, event.Fault{File: c.def.File, Line: l.Name.Line, Column: l.Name.Column, Words: name,
				Problem: fmt.Sprintf("view %s counts events of source %s at t, and label %s counts them from t on: the features tell the label", other.Name, src.Name.Value, name),
				Mend:    "leave t out of the view's windows"})
		}
	}
}

// kept reports whether a training set keeps a column of its spine.
func (c *compiler) kept(t *TrainingSet, name string) bool {
	kept := !t.Spine.ColumnsGiven || slices.ContainsFunc(t.Spine.Columns, func(k Text) bool { return k.Value == name })
	return kept && c.spineScope(t).schema.Index(name) >= 0
}

// reachesAt reports whether a slot counts events at the instant of the query.
func reachesAt(s aggregate.Slot) bool { return s.Window.ClosedHigh && s.Window.Offset == 0 }
