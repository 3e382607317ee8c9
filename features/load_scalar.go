package features

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// word returns the value of a key that names something.
func (o *object) word(name string) Text { return o.asWord(o.take(name), o.of(name)) }

// text returns the value of a key that holds an expression or a literal.
func (o *object) text(name string) Text { return o.asText(o.take(name), o.of(name)) }

// asWord reads the name of something. A number or a truth value is refused, as
// YAML would not keep its spelling: 010 and 0x8 are one number.
func (l *loader) asWord(n *yaml.Node, subject string) Text {
	if quiet(n) || !l.scalar(n, subject, "text") {
		return Text{}
	}
	if kind := nodeKind(n); kind != "text" {
		l.wants(n, subject, "text", "put it in quotes")
		return Text{}
	}
	return l.meaning(n, subject)
}

// asText reads an expression or a literal, as written. Numbers and truth values
// are taken by their spelling and not by YAML's reading, as 1 and true are
// expressions too.
func (l *loader) asText(n *yaml.Node, subject string) Text {
	if quiet(n) || !l.scalar(n, subject, "an expression") {
		return Text{}
	}
	return l.meaning(n, subject)
}

// scalar notes what is no scalar, or empty.
func (l *loader) scalar(n *yaml.Node, subject, kind string) bool {
	switch {
	case n.Kind != yaml.ScalarNode:
		l.wants(n, subject, kind, oneOnly(n, kind))
	case n.ShortTag() == "!!null", strings.TrimSpace(n.Value) == "":
		l.fault(n, subject+" is empty", "give a value, or remove the key")
	default:
		return true
	}
	return false
}

// oneOnly is the mend where several stand and one is wanted.
func oneOnly(n *yaml.Node, kind string) string {
	if kind == "an expression" && n.Kind == yaml.SequenceNode {
		return "write one; several make one as concat(a, '|', b)"
	}
	return ""
}

// meaning makes the Text of a scalar that decides about values. The environment
// must not: a definition means the same everywhere.
func (l *loader) meaning(n *yaml.Node, subject string) Text {
	t := l.lines.text(n)
	if i := strings.Index(t.Value, "${"); i >= 0 {
		at := Text{Pos: t.At(i), Value: t.Value}
		l.faultAt(at, "`${` in "+subject, "only addresses take variables from the environment; write what is meant")
		return Text{}
	}
	return t
}

// prose returns a description or an owner.
func (o *object) prose(name string) string {
	n := o.take(name)
	if quiet(n) || !o.scalar(n, o.of(name), "text") {
		return ""
	}
	if nodeKind(n) != "text" {
		o.wants(n, o.of(name), "text", "put it in quotes")
	}
	return n.Value
}

// count returns a number from 1 on; zero: not given. Hexadecimal, signs and
// underscores, which YAML takes for numbers, are refused: a number has one
// spelling.
func (o *object) count(name string) (int64, Pos) {
	n := o.take(name)
	if quiet(n) {
		return 0, Pos{}
	}
	const kind = "a whole number from 1 on"
	if n.Kind != yaml.ScalarNode {
		o.wants(n, o.of(name), kind, "")
		return 0, Pos{}
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v < 1 || !wholeNumber(n.Value) || n.ShortTag() != "!!int" {
		o.fault(n, fmt.Sprintf("%s must be %s and is %s", o.of(name), kind, tick(n.Value)), "")
		return 0, Pos{}
	}
	return v, nodePos(n)
}

// span returns a duration above zero.
func (o *object) span(name string) Text {
	return o.asSpan(o.take(name), o.of(name))
}

// A window of no length would hold nothing under the default bounds and is
// taken for a slip.
func (l *loader) asSpan(n *yaml.Node, subject string) Text {
	if quiet(n) || !l.scalar(n, subject, "a duration") {
		return Text{}
	}
	length, err := ParseDuration(n.Value)
	switch {
	case strings.HasPrefix(n.Value, "-") || err == nil && length == 0:
		l.fault(n, fmt.Sprintf("%s must be longer than nothing and is %s", subject, tick(n.Value)), "")
	case err != nil:
		l.fault(n, fmt.Sprintf("%s is %s, no duration", subject, tick(n.Value)), err.Error())
	default:
		return l.lines.text(n)
	}
	return Text{}
}

// choice returns one of the words that a key takes. A word that is known but
// not built yet is told apart from a wrong one (S17.2).
func (o *object) choice(name string, choices []choice) Text {
	n := o.take(name)
	if quiet(n) || !o.scalar(n, o.of(name), "a word") {
		return Text{}
	}
	for _, c := range choices {
		switch {
		case c.name != n.Value:
		case c.instead != "":
			o.fault(n, fmt.Sprintf("%s as %s is not built yet", tick(c.name), o.of(name)), c.instead)
			return Text{}
		default:
			return o.lines.text(n)
		}
	}
	known := builtChoices(choices)
	otherwise := "write " + strings.Join(known, ", ")
	o.fault(n, fmt.Sprintf("%s is no value for %s", tick(n.Value), o.of(name)), o.didYouMean(n.Value, known, otherwise))
	return Text{}
}

// address returns where something is stored. Variables are checked for their
// form and not looked up: a definition is right or wrong whatever the
// environment.
func (o *object) address(name string) Text {
	return o.asAddress(o.take(name), o.of(name), addressFault)
}

// setting returns what it takes to reach a service: an address of any scheme, a
// name or a secret. Of variables it has the same.
func (o *object) setting(name string) Text { return o.asAddress(o.take(name), o.of(name), nil) }

// asAddress returns the address that n is; wrong says what may not be one, nil: nothing.
func (l *loader) asAddress(n *yaml.Node, subject string, wrong func(Text, string) *event.Fault) Text {
	if quiet(n) || !l.scalar(n, subject, "an address") {
		return Text{}
	}
	if nodeKind(n) != "text" {
		l.wants(n, subject, "text", "put it in quotes")
		return Text{}
	}
	t := l.lines.text(n)
	var fault *event.Fault
	if wrong != nil {
		fault = wrong(t, t.Value)
	}
	for at := 0; at < len(t.Value) && fault == nil; {
		var v variable
		v, fault = nextVariable(t, at)
		at = v.end
	}
	if fault != nil {
		fault.File = l.file
		l.faults = append(l.faults, *fault)
		return Text{}
	}
	return t
}

// words returns a list of words, each once. An item that is faulty is left out,
// and the others are read.
func (l *loader) words(n *yaml.Node, subject string) []Text {
	if quiet(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.wants(n, subject, "a list", "write [NAME, ...]")
		return nil
	}
	var ts []Text
	first := map[string]bool{}
	for _, item := range n.Content {
		t := l.asWord(item, "an item in "+subject)
		switch {
		case !t.Given():
		case first[t.Value]:
			l.fault(item, fmt.Sprintf("%s stands twice in %s", tick(t.Value), subject), "remove one")
		default:
			first[t.Value] = true
			ts = append(ts, t)
		}
	}
	return ts
}

// wordOrWords returns a word, or a list of words.
func (l *loader) wordOrWords(n *yaml.Node, subject string) []Text {
	if quiet(n) || n.Kind == yaml.SequenceNode {
		return l.words(n, subject)
	}
	if t := l.asWord(n, subject); t.Given() {
		return []Text{t}
	}
	return nil
}

// filled notes a list that is there but empty, and reports whether it is.
func (l *loader) filled(n *yaml.Node, subject, mend string) bool {
	if !quiet(n) && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		l.fault(n, subject+" is an empty list", mend)
		return false
	}
	return true
}
