package features

import (
	"fmt"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Described is an output of a plan in words, for people and manifests. No value
// depends on it, and it is no part of the digest.
type Described struct {
	Name        string
	Type        event.Type
	View        string
	Description string
	Value       string // the expression as written
	Window      string // which times count at t; empty: the value is computed from other features
	Ties        string // in what order events of one time are taken; empty: it cannot matter

	own bool // its window holds a row that is an event itself
}

// describe puts a column into words. The window is printed from its compiled
// form, not from the definition: what is shown is what will be done, offset and
// bounds included. A feature without a description of its own has its view's.
func (c *compiler) describe(col *column, name string, t event.Type) Described {
	d := Described{Name: name, Type: t, View: col.view.Name.Value, Description: col.feature.Description, Value: col.feature.Value.Value}
	if by := col.feature.By; by.Given() {
		d.Value += " by " + by.Value
	}
	if d.Description == "" {
		d.Description = col.view.Description
	}
	if v := c.views[d.View]; v != nil {
		d.Window, d.own = col.window.meaning().String(), col.window.meaning().HoldsOwn() && v.src.def.Dimension == nil
		if n, err := expr.Parse(d.Value); err == nil {
			if _, ordered := readsOf(col.feature.Value, n, v.src.def.Dimension != nil); ordered {
				d.Ties = "of one time in the order of view " + d.View
			}
		}
		if v.src.def.Dimension != nil {
			d.Window = v.versionWords()
		}
	}
	return d
}

// versionWords says which version of a dimension counts at t.
func (v *viewCompiler) versionWords() string {
	d := v.src.def.Dimension
	var words string
	switch d.Mode.Value {
	case "snapshots":
		words = "the row of the snapshot by " + d.Snapshot.Value + " that landed last <= t"
	case "current":
		return "the row as it is now, whatever t"
	default:
		words = "the version with the greatest " + d.ValidFrom.Value + " <= t"
	}
	if d.ValidTo.Given() {
		words += ", while t < " + d.ValidTo.Value
	}
	if d.Deleted.Given() {
		words += ", unless " + d.Deleted.Value
	}
	if v.def.TTL.Given() {
		words += ", and >= t-" + v.def.TTL.Value
	}
	return words
}

// tellOwn adds to the windows in words the row of the spine, where it is an event
// of the view.
func (c *compiler) tellOwn(all []Described) {
	for i := range all {
		if v := c.views[all[i].View]; v != nil && v.planned.own && all[i].own {
			all[i].Window += ", and the row itself"
		}
	}
}

// Self is the source that the rows of the spine are events of; "": they are none.
func (p *Plan) Self() string {
	for i, o := range p.Queries.events {
		if o != nil {
			return p.Inputs[i].Source.Name.Value
		}
	}
	return ""
}

// Describe returns the plan's outputs in words, in their order.
func (p *Plan) Describe() []Described { return p.described }

// Marked returns in words the columns that choosing adds.
func (p *Plan) Marked() []Described { return p.marked }

// Inner returns in words the columns that outputs are computed from and that are
// not given out.
func (p *Plan) Inner() []Described { return p.inner }

// Key is the columns that key a view's events; none for the keyless entity.
func (v *PlannedView) Key() []string { return v.key }

// AskedBy is the query's columns that a lookup asks by, in the order of the view's
// key.
func (p *Plan) AskedBy(l Lookup) []string {
	var names []string
	for _, c := range p.Queries.Keys[l.Key].named {
		names = append(names, c.Value)
	}
	return names
}

// Time is the column of a view's instants. Of a dimension that is valid_from.
func (v *PlannedView) Time(p *Plan) string {
	return p.Inputs[v.Input].Source.Time()
}

// Order is what orders a view's events, the first first, in words. It is S5.1
// as it applies to this view; what stands behind event_id and order_by only
// breaks ties.
func (v *PlannedView) Order(p *Plan) []string {
	var order []string
	if t := v.Time(p); t != "" {
		order = append(order, t)
	}
	for _, o := range v.Layout.OrderBy {
		text := v.texts[o.Column]
		if o.Desc {
			text += " desc"
		}
		order = append(order, text)
	}
	if id := v.Layout.ID; id >= 0 {
		order = append(order, v.texts[id]+" (event_id)")
	}
	if len(v.Layout.Content) == 0 {
		return order
	}
	content := make([]string, len(v.Layout.Content))
	for i, c := range v.Layout.Content {
		content[i] = v.texts[c]
	}
	return append(order, fmt.Sprintf("content (%s)", strings.Join(content, ", ")))
}
