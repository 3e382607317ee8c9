package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// loader turns the nodes of one file into a Definition and collects the faults.
// What is faulty is left out or kept as written, whichever brings fewer
// faults in its train. It belongs to one Load.
type loader struct {
	file   string
	lines  lines
	faults event.Faults
	// comparisons is how many more names may be compared in search of the
	// nearest one; it keeps a hostile file from costing minutes.
	comparisons int
	// unread is the kinds of things, such as "source", whose map could not be
	// read: what refers to one of them may be right.
	unread map[string]bool
}

// fault notes what is wrong with the words at a node.
func (l *loader) fault(n *yaml.Node, problem, mend string) {
	words := n.Value
	if n.Kind != yaml.ScalarNode {
		words = oneLine(l.lines.from(nodePos(n)))
	}
	l.faultAt(Text{Pos: nodePos(n), Value: words}, problem, mend)
}

func (l *loader) faultAt(t Text, problem, mend string) {
	l.faults = append(l.faults, event.Fault{File: l.file, Line: t.Line, Column: t.Column, Words: t.Value, Problem: problem, Mend: mend})
}

// nearest is the candidate that word may have meant, or "". Past the bound it
// says nothing; the fault itself is still told.
func (l *loader) nearest(word string, candidates []string) string {
	if l.comparisons < len(candidates) {
		return ""
	}
	l.comparisons -= len(candidates)
	return event.Nearest(word, candidates)
}

// didYouMean is the mend that names the candidate nearest to word, or otherwise.
func (l *loader) didYouMean(word string, candidates []string, otherwise string) string {
	if near := l.nearest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// quiet reports whether n needs no fault of its own: it is not there, or is an
// alias, which is refused wherever one stands.
func quiet(n *yaml.Node) bool { return n == nil || n.Kind == yaml.AliasNode }

// wants notes that a value is of another kind than it must be. All faults of
// kind are worded here, and so alike.
func (l *loader) wants(n *yaml.Node, subject, kind, mend string) {
	l.fault(n, fmt.Sprintf("%s must be %s and is %s", subject, kind, nodeKind(n)), mend)
}

// nodeKind says what stands at a node, in words.
func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "a truth value"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}

// pair is a key of a map and its value.
type pair struct {
	name       string // of the key in its section
	key, value *yaml.Node
	taken      bool
}

// pairs returns what a map holds, in order, each key once. Anything but a map is
// a fault, and so is a key that is no text or stands twice.
func (l *loader) pairs(n *yaml.Node, subject, mend string) []pair {
	if quiet(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		l.wants(n, subject, "a map", mend)
		return nil
	}
	var ps []pair
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode || isMerge(key) {
			continue
		}
		if key.Kind != yaml.ScalarNode {
			l.wants(key, "a key of "+subject, "text", "write KEY: VALUE")
			continue
		}
		if line := first[key.Value]; line > 0 {
			l.fault(key, fmt.Sprintf("%s stands twice in %s, first on line %d", tick(key.Value), subject, line), "remove or rename one")
			continue
		}
		first[key.Value] = key.Line
		ps = append(ps, pair{key: key, value: value})
	}
	return ps
}

// object is an opened map of fixed keys: a section as the user wrote it.
type object struct {
	*loader
	section *section
	subject string     // such as "source transactions"
	opened  *yaml.Node // the map; nil: there is none to read
	given   []pair
}

// open checks the keys of a map against its section. at is where to point when
// a required key is missing. A misspelled key is read as the one it is nearest
// to, so that nothing is said to be missing and its value is checked too.
func (l *loader) open(n *yaml.Node, s *section, subject string, at Text) *object {
	o := &object{loader: l, section: s, subject: subject}
	if quiet(n) {
		return o
	}
	var unknown []pair
	for _, p := range l.pairs(n, subject, s.shape()) {
		if k := s.find(p.key.Value); k == nil {
			unknown = append(unknown, p)
		} else if k.instead != "" {
			l.fault(p.key, fmt.Sprintf("%s of %s is not built yet", tick(k.name), subject), k.instead)
		} else {
			p.name = k.name
			o.given = append(o.given, p)
		}
	}
	for _, p := range unknown {
		o.unknownKey(p)
	}
	if n.Kind == yaml.MappingNode {
		o.opened = n
		o.missing(at)
	}
	return o
}

// unknownKey notes a key that the section has not. The mend is the nearest key,
// the section that has the key, or all keys.
func (o *object) unknownKey(p pair) {
	built := o.section.built()
	mend := "its keys are " + strings.Join(built, ", ")
	for _, other := range sections() {
		if k := other.find(p.key.Value); k != nil && k.instead == "" {
			mend = "it is a key of " + other.title
			break
		}
	}
	if near := o.nearest(p.key.Value, built); near != "" {
		mend = "did you mean " + near + "?"
		if !o.has(near) {
			p.name = near
			o.given = append(o.given, p)
		}
	}
	if o.section == featureSection && (p.key.Value == "filter" || p.key.Value == "where") {
		mend = "it stands behind an aggregate: count(*) filter (where ...)"
	}
	if torn(p) {
		mend = "an expression that holds a comma stands in quotes inside { }"
	}
	o.fault(p.key, fmt.Sprintf("unknown key %s of %s", tick(p.key.Value), o.subject), mend)
}

// torn reports whether a key is the rest of an expression that YAML cut at its
// comma: it has no value and is no name.
func torn(p pair) bool {
	return p.value.Tag == "!!null" && p.value.Value == "" && strings.ContainsAny(p.key.Value, "() ")
}

// missing notes the required keys that are not there.
func (o *object) missing(at Text) {
	for _, k := range o.section.keys {
		if k.required && !o.has(k.name) {
			o.faultAt(at, fmt.Sprintf("%s has no %s", o.subject, k.name), "add "+k.name+": "+k.example)
		}
	}
}

// has reports whether the key stands in the map.
func (o *object) has(name string) bool { return o.key(name) != nil }

// key returns the node of the key itself, or nil.
func (o *object) key(name string) *yaml.Node {
	for i := range o.given {
		if o.given[i].name == name {
			return o.given[i].key
		}
	}
	return nil
}

// isMap reports whether the value of a key is a map; it is not taken with that.
func (o *object) isMap(name string) bool {
	return slices.ContainsFunc(o.given, func(p pair) bool { return p.name == name && p.value.Kind == yaml.MappingNode })
}

// take returns the value of a key, or nil. Only keys that the section has may
// be asked for, and close holds that every one was: so none is offered and
// ignored.
func (o *object) take(name string) *yaml.Node {
	if k := o.section.find(name); k == nil || k.instead != "" {
		panic(fmt.Sprintf("features: key %q is read but %s has none such", name, o.section.title))
	}
	for i := range o.given {
		if o.given[i].name == name {
			o.given[i].taken = true
			return o.given[i].value
		}
	}
	return nil
}

// close ends the reading of a map.
func (o *object) close() {
	for _, p := range o.given {
		if !p.taken {
			panic(fmt.Sprintf("features: key %q of %s is offered but never read", p.name, o.section.title))
		}
	}
}

// of names a key of the object in a fault.
func (o *object) of(name string) string { return name + " of " + o.subject }
