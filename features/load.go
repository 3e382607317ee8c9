package features

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// The bounds of what is read: a definition is written by people, so whatever is
// larger is no definition.
const (
	definitionBytesMax = 1 << 20
	nestingMax         = 16
	// comparisonsMax is how many names are compared for "did you mean" in one
	// file, at most some microseconds each.
	comparisonsMax = 50_000
)

// Load reads a definition. file is its name as the user gave it, for the
// faults. The error is event.Faults: all that is wrong, in the order of the
// file. Expressions are kept as they stand; Compile reads them. It reads no
// file and no environment: the bytes are all it knows. The text may come from
// anyone; size, nesting and searching are bounded, and no input makes it panic.
func Load(file string, text []byte) (*Definition, error) {
	l := &loader{file: file, comparisons: comparisonsMax, unread: map[string]bool{}}
	root := l.parse(text)
	if root == nil {
		return nil, l.faults
	}
	l.structure(root, 0)
	d := l.definition(root)
	if len(l.faults) > 0 {
		slices.SortStableFunc(l.faults, func(a, b event.Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, l.faults
	}
	return d, nil
}

// parse makes the nodes of the file's one document, or notes why it cannot. The
// library's nodes are used, not its decoding into structs: that would drop
// places, take unknown keys, and read 010 as 8.
func (l *loader) parse(text []byte) *yaml.Node {
	if len(text) > definitionBytesMax {
		l.faultAt(Text{}, fmt.Sprintf("the definition has %d bytes and at most %d are read", len(text), definitionBytesMax), "split it into several definitions")
		return nil
	}
	clean, ok := l.characters(string(text))
	if !ok {
		return nil
	}
	root, err := parseYAML(clean)
	if err != nil {
		l.syntax(root, err)
		return nil
	}
	if root == nil {
		l.faultAt(Text{Pos: Pos{1, 1}}, "the definition is empty", "begin with version: 1, name and feature_views")
		return nil
	}
	return root
}

// structure refuses what makes a YAML file mean more than it says: anchors and
// aliases, with which a few lines grow to gigabytes, and tags. It goes through
// the whole tree before any of it is read, so that the reading code meets none
// of these but aliases, which it passes over quietly.
func (l *loader) structure(n *yaml.Node, depth int) {
	l.clamp(n)
	if depth > nestingMax {
		l.fault(n, fmt.Sprintf("nested more than %d levels deep", nestingMax), "no part of a definition is")
		return
	}
	if n.Kind == yaml.AliasNode {
		l.faultAt(Text{Pos: nodePos(n), Value: "*" + n.Value}, "alias "+tick("*"+n.Value)+" is not allowed", "write the value out")
		return
	}
	if n.Anchor != "" {
		l.faultAt(Text{Pos: nodePos(n), Value: "&" + n.Anchor}, "anchor "+tick("&"+n.Anchor)+" is not allowed", "remove it, and write the value out wherever it is meant")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		l.faultAt(Text{Pos: nodePos(n), Value: n.Tag}, "tag "+tick(n.ShortTag())+" is not allowed", "remove it; put the value in quotes if it is text")
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && isMerge(child) {
			l.fault(child, "merge key `<<` is not allowed", "write the keys out")
		}
		l.structure(child, depth+1)
	}
}

// clamp holds that a node stands in the text. The library puts the empty value
// of a key that ends the text below its last line.
func (l *loader) clamp(n *yaml.Node) {
	if n.Line > len(l.lines) {
		n.Line = len(l.lines)
		n.Column = 1 + utf8.RuneCountInString(l.lines[n.Line-1])
	}
	n.Line, n.Column = max(n.Line, 1), max(n.Column, 1)
}

func isMerge(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!merge" }

// definition reads the whole. Sources and entities come first wherever they
// stand, as views are checked against them, and so on upwards. close then holds
// that no key was offered and left unread.
func (l *loader) definition(root *yaml.Node) *Definition {
	o := l.open(root, definitionSection, "the definition", Text{Pos: nodePos(root)})
	d := &Definition{File: l.file, Name: o.word("name"), Description: o.prose("description")}
	if d.Name.Given() {
		l.name(d.Name, "the definition")
	}
	o.languageVersion()
	o.named("sources", "source", func(name Text, n *yaml.Node) { d.Sources = append(d.Sources, l.source(name, n)) })
	o.named("entities", "entity", func(name Text, n *yaml.Node) { d.Entities = append(d.Entities, l.entity(name, n)) })
	o.filledMap("feature_views", "add a view, or remove the key")
	o.named("feature_views", "view", func(name Text, n *yaml.Node) { d.Views = append(d.Views, l.view(d, name, n)) })
	o.named("feature_services", "service", func(name Text, n *yaml.Node) { d.Services = append(d.Services, l.service(d, name, n)) })
	o.named("training_sets", "training set", func(name Text, n *yaml.Node) { d.TrainingSets = append(d.TrainingSets, l.trainingSet(d, name, n)) })
	d.Online = l.online(d, o.take("online"))
	o.close()
	return d
}

// languageVersion holds that the definition is of the one version there is.
func (o *object) languageVersion() {
	n := o.take("version")
	if quiet(n) || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" && n.Value == "1" {
		return
	}
	if n.Kind != yaml.ScalarNode {
		o.wants(n, "version of the definition", "1", "write version: 1")
		return
	}
	o.fault(n, fmt.Sprintf("version %s of the language is unknown", tick(n.Value)), "write version: 1")
}

// named reads a map of things that the user names; what is such as "source".
func (o *object) named(key, what string, read func(name Text, n *yaml.Node)) {
	o.eachName(key, what, func(name Text, n *yaml.Node) {
		read(o.name(name, article(what)+what), n)
	})
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an "
	}
	return "a "
}

// eachName reads a map whose keys are anyone's names. Names come in the order
// of the file.
func (o *object) eachName(key, what string, read func(name Text, n *yaml.Node)) {
	n := o.take(key)
	if n != nil && n.Kind != yaml.MappingNode {
		o.unread[what] = true
	}
	for _, p := range o.pairs(n, o.of(key), "write NAME: and what the "+what+" is") {
		name := o.lines.text(p.key)
		if strings.TrimSpace(name.Value) == "" {
			o.fault(p.key, fmt.Sprintf("%s without a name in %s", article(what)+what, o.of(key)), "give it one")
			continue
		}
		if p.value.ShortTag() == "!!null" {
			o.fault(p.value, fmt.Sprintf("%s %s is empty", what, tick(name.Value)), "say what it is, or remove it")
			// Its name is known all the same, so that what refers to it is no fault.
			p.value = &yaml.Node{Kind: yaml.AliasNode}
		}
		read(name, p.value)
	}
}

// filledMap notes a map that is there but empty.
func (o *object) filledMap(key, mend string) {
	if n := o.take(key); !quiet(n) && n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		o.fault(n, o.of(key)+" is empty", mend)
	}
}
