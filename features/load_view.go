package features

import (
	"fmt"
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// role is what a view is computed from, which decides about its keys.
type role uint8

const (
	roleUnknown role = iota // the source it names is none
	roleEvents
	roleDimension
	roleDerived
)

// view reads one view. Sources and entities are read already; what a key means
// depends on the view's role, so that is found before the features are read.
func (l *loader) view(d *Definition, name Text, n *yaml.Node) View {
	o := l.open(n, viewSection, "view "+name.Value, name)
	v := View{
		Name:        name,
		Description: o.prose("description"),
		Entity:      o.word("entity"),
		Source:      o.word("source"),
		Where:       o.text("where"),
		OrderBy:     o.order("order_by"),
		TTL:         o.span("ttl"),
		Request:     o.request("request"),
	}
	v.Windows, v.WindowsList = o.windows()
	l.reference(v.Entity, "entity", names(d.Entities, func(e Entity) string { return e.Name.Value }))
	r := l.role(d, o, v.Source)
	o.roleKeys(r)
	o.filledMap("features", "add a feature, or remove the view")
	o.named("features", "feature", func(feature Text, n *yaml.Node) { v.Features = append(v.Features, o.feature(r, feature, n)) })
	o.close()
	return v
}

// names is what things are called, for references to them. The order of the
// file is kept, so that mends read the same in every run.
func names[T any](things []T, name func(T) string) []string {
	ns := make([]string, len(things))
	for i, t := range things {
		ns[i] = name(t)
	}
	return ns
}

// role tells what a view is computed from. Of a source that is not there
// nothing is concluded, lest one wrong word bring a fault for every key.
func (l *loader) role(d *Definition, o *object, source Text) role {
	if !o.has("source") {
		return roleDerived
	}
	if !l.reference(source, "source", names(d.Sources, func(s Source) string { return s.Name.Value })) {
		return roleUnknown
	}
	for i := range d.Sources {
		if d.Sources[i].Name.Value == source.Value && d.Sources[i].Dimension != nil {
			return roleDimension
		}
	}
	return roleEvents
}

// roleKeys holds that a view has the keys of its role and no others. A key
// without meaning is refused, as one that is read and ignored would promise
// what nobody does.
func (o *object) roleKeys(r role) {
	if r != roleDerived && !o.has("entity") {
		o.fault(o.key("source"), o.subject+" has no entity", "add entity: what the features are about")
	}
	switch r {
	case roleEvents:
		o.forbid("ttl", "a view of events", "only versions of a dimension have one; use a window")
		o.forbid("request", "a view of a source", "put it into a view without source")
	case roleDimension:
		o.forbidWindows("a view of a dimension", "one version is chosen; use ttl to bound its age")
		o.forbid("request", "a view of a source", "put it into a view without source")
	case roleDerived:
		const mend = "remove it, or name the source"
		for _, name := range []string{"entity", "where", "order_by", "ttl"} {
			o.forbid(name, "a view without source", mend)
		}
		o.forbidWindows("a view without source", mend)
	}
}

// forbidWindows refuses both spellings of a window, which always go together.
func (o *object) forbidWindows(where, mend string) {
	o.forbid("window", where, mend)
	o.forbid("windows", where, mend)
}

// feature reads a named value; an expression alone is its short form. The
// expression stays text here; Compile parses it.
func (o *object) feature(r role, name Text, n *yaml.Node) Feature {
	f := Feature{Name: name}
	subject := "feature " + name.Value + " of " + o.subject
	if n.Kind != yaml.MappingNode {
		f.Value = o.asText(n, subject)
		return f
	}
	m := o.open(n, featureSection, subject, name)
	f.Description = m.prose("description")
	f.Value = m.text("value")
	f.Default = m.text("default")
	f.By = m.text("by")
	f.Windows, f.WindowsList = m.windows()
	f.MinCount, f.MinCountPos = m.count("min_count")
	switch r {
	case roleDimension:
		m.forbidWindows("a feature of a dimension", "one version is chosen; use the view's ttl to bound its age")
		m.forbid("min_count", "a feature of a dimension", "one version is chosen; remove it")
		m.forbid("by", "a feature of a dimension", "one version is chosen; remove it")
	case roleDerived:
		m.forbidWindows("a derived feature", "put it at the feature that this one is derived from")
		m.forbid("min_count", "a derived feature", "put it at the feature that this one is derived from")
		m.forbid("by", "a derived feature", "put it at the feature that this one is derived from")
	}
	m.close()
	return f
}

// windows reads window or windows; both on one level contradict each other.
// list tells the spelling, as only columns of `windows` carry suffixes: a list
// of one window and a single window name their columns differently.
func (o *object) windows() (ws []Window, list bool) {
	one, several := o.take("window"), o.take("windows")
	if o.has("window") && o.has("windows") {
		o.fault(o.key("windows"), "both window and windows of "+o.subject, "keep window for the plain name, windows for names with a suffix")
	}
	if !quiet(one) {
		if one.Kind == yaml.SequenceNode {
			o.wants(one, o.of("window"), "one window", "write windows for a list")
		} else if w, ok := o.window(one, o.of("window")); ok {
			ws = append(ws, w)
		}
	}
	if quiet(several) {
		return ws, false
	}
	if several.Kind != yaml.SequenceNode {
		o.wants(several, o.of("windows"), "a list", "write windows: [1h, 1d], or window for one under the plain name")
		return ws, false
	}
	if o.filled(several, o.of("windows"), "write windows: [1h, 1d], or remove the key") {
		ws = append(ws, o.windowList(several)...)
	}
	return ws, true
}

// windowList reads windows that must differ in meaning: 1h and 60m are one. Two
// columns of one meaning under two names are taken for a slip.
func (o *object) windowList(n *yaml.Node) []Window {
	var ws []Window
	first := map[windowMeaning]int{}
	for i, item := range n.Content {
		w, ok := o.window(item, "an item in "+o.of("windows"))
		if !ok {
			continue
		}
		m := meaningOf(w)
		if before, twice := first[m]; twice {
			o.fault(item, fmt.Sprintf("one window twice in %s, as item %d and as item %d", o.of("windows"), before+1, i+1), "remove one")
			continue
		}
		first[m] = i
		ws = append(ws, w)
	}
	return ws
}

// windowMeaning is a window apart from how it is spelled. Where the far end is
// no instant, of rows and of lifetime, only the near one is told apart.
type windowMeaning struct {
	length, rows, offset int64
	lifetime             bool
	bounds               string
}

func meaningOf(w Window) windowMeaning {
	m := windowMeaning{rows: w.Rows, lifetime: w.Lifetime, bounds: w.Bounds.Value}
	m.length, _ = ParseDuration(w.Length.Value)
	m.offset, _ = ParseDuration(w.Offset.Value)
	if m.bounds == "" {
		m.bounds = "[)"
	}
	if w.Rows > 0 || w.Lifetime {
		m.bounds = m.bounds[1:]
	}
	return m
}

// window reads one window; false: it has faults. A duration or `lifetime` alone
// is its short form.
func (l *loader) window(n *yaml.Node, subject string) (Window, bool) {
	if quiet(n) {
		return Window{}, false
	}
	w := Window{Pos: nodePos(n)}
	if n.Kind == yaml.MappingNode {
		before := len(l.faults)
		l.windowMap(&w, n, subject)
		return w, len(l.faults) == before
	}
	if n.Kind == yaml.ScalarNode && n.Value == "lifetime" {
		w.Lifetime = true
		return w, true
	}
	w.Length = l.asSpan(n, subject)
	return w, w.Length.Given()
}

// windowMap reads the long form: one of length, rows and lifetime, and what
// goes with it. Length and offset together must be a span that 64 bits of
// microseconds hold, so that Bounds cannot overflow in their sum.
func (l *loader) windowMap(w *Window, n *yaml.Node, subject string) {
	o := l.open(n, windowSection, subject, Text{Pos: nodePos(n)})
	w.Length, w.Offset = o.span("length"), o.span("offset")
	w.Rows, _ = o.count("rows")
	w.Bounds = o.choice("bounds", boundsChoices)
	if t := o.take("lifetime"); !quiet(t) {
		w.Lifetime = true
		if t.Kind != yaml.ScalarNode || t.ShortTag() != "!!bool" || t.Value != "true" {
			o.fault(t, o.of("lifetime")+" must be true", "write lifetime: true, or a length")
		}
	}
	var kinds []string
	for _, name := range []string{"length", "rows", "lifetime"} {
		if o.has(name) {
			kinds = append(kinds, name)
		}
	}
	switch len(kinds) {
	case 0:
		if len(n.Content) > 0 {
			break // Some key is refused already.
		}
		l.fault(n, subject+" says neither length nor rows nor lifetime", "write {length: 30d}, {rows: 10} or {lifetime: true}")
	case 1:
	default:
		l.fault(n, fmt.Sprintf("%s says %s", subject, strings.Join(kinds, " and ")), "keep one of them")
	}
	if o.has("rows") {
		o.forbid("offset", "a window of rows", "use a length")
	}
	if m := meaningOf(*w); m.length > math.MaxInt64-m.offset {
		l.fault(n, subject+" reaches back further than time does", "shorten length or offset")
	}
	o.close()
}
