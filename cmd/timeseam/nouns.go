package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// noun is one thing that a definition names, in words.
type noun struct {
	Kind        string        `json:"kind"`
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Owner       string        `json:"owner,omitempty"`
	Facts       []fact        `json:"facts,omitempty"`
	Columns     []columnEntry `json:"columns,omitempty"`
	Uses        []string      `json:"uses"`
	UsedBy      []string      `json:"used_by"`
}

// fact is one thing that holds of a noun.
type fact struct {
	About string `json:"about"`
	Says  string `json:"says"`
}

// The kinds of nouns, in the order in which they build on each other.
const (
	kindSource   = "source"
	kindEntity   = "entity"
	kindView     = "view"
	kindColumn   = "column"
	kindService  = "service"
	kindTraining = "training set"
)

// nouns is all that a definition names, but for columns: these a plan knows.
func nouns(def *features.Definition) []*noun {
	var all []*noun
	add := func(kind, name, description, owner string) *noun {
		n := &noun{Kind: kind, Name: name, Description: oneSpace(description), Owner: owner, Uses: []string{}, UsedBy: []string{}}
		all = append(all, n)
		return n
	}
	for i := range def.Sources {
		s := &def.Sources[i]
		add(kindSource, s.Name.Value, s.Description, s.Owner)
	}
	for _, e := range def.Entities {
		add(kindEntity, e.Name.Value, "", "")
	}
	for i := range def.Views {
		v := &def.Views[i]
		n := add(kindView, v.Name.Value, v.Description, "")
		if v.Source.Given() {
			n.Uses = append(n.Uses, kindSource+" "+v.Source.Value)
		}
		if v.Entity.Given() {
			n.Uses = append(n.Uses, kindEntity+" "+v.Entity.Value)
		}
		for _, used := range viewsOf(v) {
			n.Uses = append(n.Uses, kindView+" "+used)
		}
	}
	for _, s := range def.Services {
		n := add(kindService, s.Name.Value, s.Description, s.Owner)
		for _, f := range s.Features {
			view, _, _ := strings.Cut(f.View.Value, ".")
			if use := kindView + " " + view; !slices.Contains(n.Uses, use) {
				n.Uses = append(n.Uses, use)
			}
		}
	}
	for _, t := range def.TrainingSets {
		n := add(kindTraining, t.Name.Value, t.Description, "")
		n.Uses = append(n.Uses, kindService+" "+t.Service.Value)
	}
	for _, n := range all {
		for _, other := range all {
			if slices.Contains(other.Uses, n.Kind+" "+n.Name) {
				n.UsedBy = append(n.UsedBy, other.Kind+" "+other.Name)
			}
		}
	}
	return all
}

// oneSpace is prose on one line.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// viewsOf is the views that a derived view names, in the order in which it does.
func viewsOf(v *features.View) (views []string) {
	for i := range v.Features {
		for _, path := range namesIn(v, &v.Features[i]) {
			if !slices.Contains(views, path[0]) {
				views = append(views, path[0])
			}
		}
	}
	return views
}

// namesIn is the columns of other views that a derived feature names, as view and
// column. What does not parse names nothing; the compiler tells that.
func namesIn(v *features.View, f *features.Feature) (paths [][2]string) {
	if v.Source.Given() {
		return nil
	}
	root, err := expr.Parse(f.Value.Value)
	if err != nil {
		return nil
	}
	own := func(name string) bool {
		return slices.ContainsFunc(v.Features, func(g features.Feature) bool { return g.Name.Value == name })
	}
	expr.Walk(root, func(n *expr.Node) bool {
		if n.Op == expr.Ref && len(n.Path) > 1 && n.Path[0] != "request" && !own(n.Path[0]) {
			if p := [2]string{n.Path[0], n.Path[1]}; !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
		return true
	})
	return paths
}

// viewCalled is a view of a definition; nil if it has none of that name.
func viewCalled(def *features.Definition, name string) *features.View {
	for i := range def.Views {
		if def.Views[i].Name.Value == name {
			return &def.Views[i]
		}
	}
	return nil
}

// sourceCalled is a source of a definition; nil if it has none of that name.
func sourceCalled(def *features.Definition, name string) *features.Source {
	for i := range def.Sources {
		if def.Sources[i].Name.Value == name {
			return &def.Sources[i]
		}
	}
	return nil
}

// entityCalled is an entity of a definition; nil if it has none of that name.
func entityCalled(def *features.Definition, name string) *features.Entity {
	for i := range def.Entities {
		if def.Entities[i].Name.Value == name {
			return &def.Entities[i]
		}
	}
	return nil
}

// entitiesOf is the entities that a view is about: its own, or those of the views
// that it names. Circles end, as no view is looked at twice.
func entitiesOf(def *features.Definition, view string) (entities []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		v := viewCalled(def, name)
		if v == nil || seen[name] {
			return
		}
		seen[name] = true
		if v.Entity.Given() && !slices.Contains(entities, v.Entity.Value) {
			entities = append(entities, v.Entity.Value)
		}
		for _, other := range viewsOf(v) {
			visit(other)
		}
	}
	visit(view)
	return entities
}

// keysOf is the columns that key a view.
func keysOf(def *features.Definition, view string) (columns []string) {
	for _, name := range entitiesOf(def, view) {
		if e := entityCalled(def, name); e != nil {
			for _, c := range e.Columns {
				if !slices.Contains(columns, c.Value) {
					columns = append(columns, c.Value)
				}
			}
		}
	}
	return columns
}

// rules is what holds of the events of a view, in words.
func rules(plan *features.Plan, v *features.PlannedView) []fact {
	src := plan.Inputs[v.Input].Source
	facts := []fact{}
	if v.View.Where.Given() && src.Dimension == nil {
		facts = append(facts, fact{"counts", "rows of " + src.Name.Value + " where " + v.View.Where.Value})
	} else if v.View.Where.Given() {
		facts = append(facts, fact{"counts", "the version that holds at t, if " + v.View.Where.Value + "; else null, and no older version"})
	}
	order := strings.Join(v.Order(plan), ", then ")
	if src.Dimension != nil {
		return append(facts, fact{"ties", "of versions of one time the last counts, in order of " + order})
	}
	facts = append(facts, fact{"ties", "events of one time are in order of " + order})
	if src.EventID.Given() {
		return append(facts, fact{"duplicates", "of events equal in key, time and " + src.EventID.Value + " one counts, that of the smaller content"})
	}
	return append(facts, fact{"duplicates", "every row counts: source " + src.Name.Value + " names no event_id"})
}

// columnNouns are the columns of a plan as nouns.
func columnNouns(plan *features.Plan) (all []*noun) {
	def := plan.Definition
	for _, d := range plan.Describe() {
		v := viewCalled(def, d.View)
		n := &noun{Kind: kindColumn, Name: d.Name, Description: oneSpace(d.Description), Uses: []string{}, UsedBy: []string{}}
		n.Facts = append(n.Facts, fact{"type", d.Type.String()}, fact{"value", d.Value})
		if d.Window != "" {
			n.Facts = append(n.Facts, fact{"window", windowWords(d.Window)})
		} else {
			n.Facts = append(n.Facts, fact{"window", "none: computed from other columns when the question is asked"})
		}
		for _, p := range plan.Views {
			if p.Name == d.View {
				n.Facts = append(n.Facts, rules(plan, p)...)
			}
		}
		n.Facts = append(n.Facts, featureFacts(v, d)...)
		n.Uses = append(n.Uses, kindView+" "+d.View)
		n.uses(def, v, d)
		n.usedBy(def, d)
		all = append(all, n)
	}
	return all
}

// windowWords is a window, and what its open end means.
func windowWords(window string) string {
	if strings.HasSuffix(window, "< t") && !strings.Contains(window, "version") {
		return window + ": an event at the instant t itself does not count"
	}
	return window
}

// featureFacts is what a feature says beside its value.
func featureFacts(v *features.View, d features.Described) (facts []fact) {
	f := featureOf(v, d)
	if f == nil {
		return nil
	}
	if f.MinCount > 0 {
		facts = append(facts, fact{"min_count", fmt.Sprintf("null with fewer than %d inputs that are not null", f.MinCount)})
	}
	if f.Default.Given() {
		facts = append(facts, fact{"default", f.Default.Value + " in place of null"})
	}
	return facts
}

// featureOf is the feature that a column is of: that of its value whose name is
// the longest beginning of the column's.
func featureOf(v *features.View, d features.Described) (best *features.Feature) {
	name := strings.TrimPrefix(d.Name, d.View+"__")
	for i := range v.Features {
		f := &v.Features[i]
		if f.Value.Value == d.Value && (name == f.Name.Value || strings.HasPrefix(name, f.Name.Value+"_")) && (best == nil || len(f.Name.Value) > len(best.Name.Value)) {
			best = f
		}
	}
	return best
}

// uses adds what a column is computed from.
func (n *noun) uses(def *features.Definition, v *features.View, d features.Described) {
	if v.Source.Given() {
		n.Uses = append(n.Uses, kindSource+" "+v.Source.Value)
	}
	if f := featureOf(v, d); f != nil {
		for _, p := range namesIn(v, f) {
			n.Uses = append(n.Uses, kindColumn+" "+p[0]+"__"+p[1])
		}
	}
	for _, e := range entitiesOf(def, d.View) {
		n.Uses = append(n.Uses, kindEntity+" "+e)
	}
}

// usedBy adds what a column is used by: derived features, services, and the
// training sets of these.
func (n *noun) usedBy(def *features.Definition, d features.Described) {
	column := strings.TrimPrefix(d.Name, d.View+"__")
	for i := range def.Views {
		v := &def.Views[i]
		for k := range v.Features {
			if slices.Contains(namesIn(v, &v.Features[k]), [2]string{d.View, column}) {
				n.UsedBy = append(n.UsedBy, kindColumn+" "+v.Name.Value+"__"+v.Features[k].Name.Value)
			}
		}
	}
	for _, s := range def.Services {
		if !slices.ContainsFunc(s.Features, func(f features.ServiceFeature) bool {
			return f.View.Value == d.View || f.View.Value == d.View+"."+column
		}) {
			continue
		}
		n.UsedBy = append(n.UsedBy, kindService+" "+s.Name.Value)
		for _, t := range def.TrainingSets {
			if t.Service.Value == s.Name.Value {
				n.UsedBy = append(n.UsedBy, kindTraining+" "+t.Name.Value)
			}
		}
	}
}

// nearestOf is "; did you mean x?", or nothing.
func nearestOf(word string, names []string) string {
	if n := event.Nearest(word, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}
