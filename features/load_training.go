package features

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// service reads a list of features; its order is that of the columns (S11.1).
func (l *loader) service(d *Definition, name Text, n *yaml.Node) Service {
	o := l.open(n, serviceSection, "service "+name.Value, name)
	s := Service{Name: name, Description: o.prose("description"), Owner: o.prose("owner")}
	list := o.take("features")
	if o.filled(list, o.of("features"), "name a view, or remove the service") {
		l.roles(list, o.of("features"))
		s.Features = l.words(list, o.of("features"))
	}
	known := names(d.Views, func(v View) string { return v.Name.Value })
	for _, t := range s.Features {
		l.serviceFeature(t, known)
	}
	o.close()
	return s
}

// roles refuses the long form of a service's features, and takes it out of the
// list: one view for two roles of an entity.
func (l *loader) roles(list *yaml.Node, subject string) {
	if quiet(list) || list.Kind != yaml.SequenceNode {
		return
	}
	var rest []*yaml.Node
	for _, item := range list.Content {
		if item.Kind == yaml.MappingNode {
			l.fault(item, "{view, as, entity} in "+subject+" is not built yet", "write VIEW or VIEW.COLUMN, and a view of its own for each role")
			continue
		}
		rest = append(rest, item)
	}
	list.Content = rest
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
	t.Labels = o.labels("label")
	if s := o.take("spine"); s != nil {
		t.Spine = l.spine(s, o.of("spine"))
	}
	if v := o.take("visibility"); v != nil {
		t.VisibilityPos = nodePos(v)
		m := l.open(v, visibilitySection, o.of("visibility"), Text{Pos: nodePos(v)})
		t.Known = m.choice("known", knownChoices)
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

// labels reads the spine's label columns; labels from events are told apart by
// being a map.
func (o *object) labels(name string) []Text {
	n := o.take(name)
	if n != nil && n.Kind == yaml.MappingNode {
		o.fault(n, "a label from events, in "+o.of(name)+", is not built yet", "put the label into a column of the spine and name the column")
		return nil
	}
	if !o.filled(n, o.of(name), "name a column of the spine, or remove the key") {
		return nil
	}
	return o.wordOrWords(n, o.of(name))
}

// spine reads where the questions stand. An empty list of columns keeps none,
// no list keeps all, so that ColumnsGiven is more than a length.
func (l *loader) spine(n *yaml.Node, subject string) Spine {
	o := l.open(n, spineSection, subject, Text{Pos: nodePos(n)})
	s := Spine{Pos: nodePos(n), Parquet: o.address("parquet"), EventTimestamp: o.word("event_timestamp"), ColumnsGiven: o.has("columns")}
	s.Columns = l.words(o.take("columns"), o.of("columns"))
	o.close()
	return s
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
