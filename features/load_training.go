package features

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// service reads a list of features; its order is that of the columns (S11.1).
func (l *loader) service(d *Definition, name Text, n *yaml.Node) Service {
	o := l.open(n, serviceSection, "service "+name.Value, name)
	s := Service{Name: name, Description: o.prose("description"), Owner: o.prose("owner")}
	list := o.take("features")
	if o.filled(list, o.of("features"), "name a view, or remove the service") {
		s.Features = l.serviceFeatures(d, list, o.of("features"))
	}
	o.close()
	return s
}

// serviceFeatures reads a service's list. The short form may stand in it once;
// the long form is told apart by its name, which compiling checks.
func (l *loader) serviceFeatures(d *Definition, list *yaml.Node, subject string) (fs []ServiceFeature) {
	if quiet(list) {
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		l.wants(list, subject, "a list", "write [VIEW, ...]")
		return nil
	}
	views := names(d.Views, func(v View) string { return v.Name.Value })
	guises, first := map[string]ServiceFeature{}, map[string]bool{}
	for _, item := range list.Content {
		var f ServiceFeature
		if item.Kind == yaml.MappingNode {
			f = l.guise(d, item, subject)
		} else {
			f.View = l.asWord(item, "an item in "+subject)
			if f.View.Given() && first[f.View.Value] {
				l.fault(item, fmt.Sprintf("%s stands twice in %s", tick(f.View.Value), subject), "remove one")
				continue
			}
			first[f.View.Value] = true
		}
		if !f.View.Given() {
			continue
		}
		l.serviceFeature(f.View, views)
		if before, again := guises[f.As.Value]; f.As.Given() {
			switch {
			case slices.Contains(views, f.As.Value):
				l.faultAt(f.As, fmt.Sprintf("role %s in %s has the name of a view", tick(f.As.Value), subject), "call it otherwise")
			case again && !before.sameGuise(f):
				l.faultAt(f.As, fmt.Sprintf("role %s in %s is another one already", tick(f.As.Value), subject), "rename one")
			}
			guises[f.As.Value] = f
		}
		fs = append(fs, f)
	}
	return fs
}

// guise reads the long form of a service's feature.
func (l *loader) guise(d *Definition, n *yaml.Node, subject string) ServiceFeature {
	o := l.open(n, roleSection, "a feature in "+subject, Text{Pos: nodePos(n)})
	f := ServiceFeature{View: o.word("view"), As: o.word("as")}
	if f.As.Given() {
		l.name(f.As, "role "+oneLine(f.As.Value))
	}
	f.Entity = o.keyedBy(d, "entity")
	o.close()
	return f
}

// keyedBy reads the columns of a query by entity: as many as the entity has.
func (o *object) keyedBy(d *Definition, key string) (ks []KeyedBy) {
	n := o.take(key)
	for _, p := range o.pairs(n, o.of(key), "write {ENTITY: COLUMN}") {
		k := KeyedBy{Entity: o.lines.text(p.key), Columns: o.wordOrWords(p.value, oneLine(p.key.Value)+" of "+o.of(key))}
		i := slices.IndexFunc(d.Entities, func(e Entity) bool { return e.Name.Value == k.Entity.Value })
		if i < 0 {
			o.reference(k.Entity, "entity", names(d.Entities, func(e Entity) string { return e.Name.Value }))
			continue
		}
		if want := len(d.Entities[i].Columns); len(k.Columns) != want && len(k.Columns) > 0 {
			o.fault(p.value, fmt.Sprintf("entity %s is keyed by %s, and %s names %d", k.Entity.Value, columnsWords(want), o.of(key), len(k.Columns)), "name one for each, in its order")
			continue
		}
		if len(k.Columns) > 0 {
			ks = append(ks, k)
		}
	}
	return ks
}

func columnsWords(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

// serviceFeature checks VIEW or VIEW.COLUMN as far as views are known; which
// columns a view has only the compiled definition knows. It runs before
// anything is compiled, so that a misspelled view is told in one pass with all
// else.
func (l *loader) serviceFeature(t Text, views []string) {
	view, column, dotted := strings.Cut(t.Value, ".")
	if dotted && column == "" {
		l.faultAt(t, fmt.Sprintf("%s names no column", tick(t.Value)), "write VIEW.COLUMN, or the view alone")
		return
	}
	if v, c, spelled := strings.Cut(view, "__"); spelled && !dotted {
		l.faultAt(t, fmt.Sprintf("unknown view %s", tick(t.Value)), fmt.Sprintf("write %s.%s", oneLine(v), oneLine(c)))
		return
	}
	t.Value = view
	l.reference(t, "view", views)
}

// trainingSet reads one training set. Its visibility is required and has no
// default (S4.1): which events a value may know is no detail.
func (l *loader) trainingSet(d *Definition, name Text, n *yaml.Node) TrainingSet {
	o := l.open(n, trainingSection, "training set "+name.Value, name)
	t := TrainingSet{Name: name, Description: o.prose("description"), Service: o.word("service")}
	l.reference(t.Service, "service", names(d.Services, func(s Service) string { return s.Name.Value }))
	t.Labels, t.EventLabels = o.labels(d, "label")
	if t.Censored = o.choice("censored", censoredChoices); t.Censored.Given() && len(t.EventLabels) == 0 {
		l.faultAt(t.Censored, "censored of "+o.subject+" without a label from events", "remove it; a label of the spine is known")
	}
	if s := o.take("spine"); s != nil {
		t.Spine = l.spine(d, s, o.of("spine"))
	}
	if v := o.take("visibility"); v != nil {
		t.VisibilityPos = nodePos(v)
		m := l.open(v, visibilitySection, o.of("visibility"), Text{Pos: nodePos(v)})
		t.Known = m.choice("known", knownChoices)
		t.Delay, t.DecideAfter = m.span("delay"), m.span("decide_after")
		for _, d := range []struct {
			key  string
			text Text
		}{{"delay", t.Delay}, {"decide_after", t.DecideAfter}} {
			if d.text.Given() && t.Known.Value == "event_time" {
				l.faultAt(d.text, fmt.Sprintf("%s of %s under event_time, where events are known from their own time on", d.key, o.of("visibility")), "remove it, or say known: arrival")
			}
		}
		t.Self = m.self(d)
		m.close()
	}
	if n := o.take("split"); n != nil {
		t.Split = l.split(n, o.of("split"))
	}
	if n := o.take("sample"); n != nil {
		t.Sample = l.sample(n, o.of("sample"))
	}
	l.labelsKept(&t)
	o.close()
	return t
}

// self reads whether a row of the spine counts as an event itself; nil: it does
// not.
func (o *object) self(d *Definition) *Self {
	n := o.take("self")
	if quiet(n) || n.Kind != yaml.MappingNode {
		if word := o.choice("self", selfChoices); word.Value == "include" {
			return &Self{Include: word}
		}
		return nil
	}
	m := o.open(n, selfSection, o.of("self"), Text{Pos: nodePos(n)})
	s := &Self{Source: m.word("include")}
	m.close()
	if s.Include = s.Source; !s.Source.Given() {
		return nil // told
	}
	o.reference(s.Source, "source", names(d.Sources, func(s Source) string { return s.Name.Value }))
	return s
}

// labels reads the spine's label columns; labels from events are told apart by
// being a map.
func (o *object) labels(d *Definition, name string) (columns []Text, events []EventLabel) {
	n := o.take(name)
	if n != nil && n.Kind == yaml.MappingNode {
		o.eachName(name, "label", func(label Text, n *yaml.Node) {
			events = append(events, o.eventLabel(d, o.name(label, "a label"), n))
		})
		return nil, events
	}
	if !o.filled(n, o.of(name), "name a column of the spine, or remove the key") {
		return nil, nil
	}
	return o.wordOrWords(n, o.of(name)), nil
}

// eventLabel reads a label that later events tell.
func (l *loader) eventLabel(d *Definition, name Text, n *yaml.Node) EventLabel {
	o := l.open(n, labelSection, "label "+name.Value, name)
	e := EventLabel{Name: name, Description: o.prose("description"), Source: o.word("source"), Within: o.span("within"), Value: o.text("value"),
		Attribute: o.choice("attribute", attributeChoices)}
	l.reference(e.Source, "source", names(d.Sources, func(s Source) string { return s.Name.Value }))
	for _, s := range d.Sources {
		if s.Name.Value == e.Source.Value && s.Dimension != nil {
			l.faultAt(e.Source, fmt.Sprintf("source %s of label %s is a dimension", s.Name.Value, name.Value), "a label counts events")
		}
	}
	match := o.take("match")
	if !quiet(match) && match.Kind == yaml.MappingNode {
		for _, p := range o.pairs(match, o.of("match"), "") {
			if field := l.asWord(p.value, oneLine(p.key.Value)+" of "+o.of("match")); field.Given() {
				e.Match = append(e.Match, Match{o.lines.text(p.key), field})
			}
		}
	} else if o.filled(match, o.of("match"), "name a column") {
		for _, c := range o.wordOrWords(match, o.of("match")) {
			e.Match = append(e.Match, Match{c, c})
		}
	}
	o.close()
	return e
}

// labelsKept holds that a label is among the columns that the training set
// keeps. Whether the spine has the column at all only Compile can see (S14.1).
func (l *loader) labelsKept(t *TrainingSet) {
	if !t.Spine.ColumnsGiven {
		return
	}
	kept := map[string]bool{}
	for _, c := range t.Spine.Columns {
		kept[c.Value] = true
	}
	for _, label := range t.Labels {
		if !kept[label.Value] {
			l.faultAt(label, fmt.Sprintf("label %s is not among the columns that the spine keeps", tick(label.Value)), "add it to columns of the spine")
		}
	}
}
