package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// Text reports whether the table is of text, whose types only a definition says.
func (t Table) Text() bool { return t.Format == "csv" || t.Format == "json" }

// Columns are the fields that name columns of the table, which is of text: those
// with a type and without an expression.
func (t Table) Columns(fields []Declared) (s event.Schema) {
	for _, f := range fields {
		if !f.History.Given() && f.Type.Kind != event.Unknown {
			s = append(s, event.Field{Name: f.Name.Value, Type: f.Type})
		}
	}
	return s
}

var tableFormats = []string{"parquet", "csv", "json"}

// table reads where rows are stored. What has no meaning in the format given is
// refused: a delimiter beside parquet is a slip, or was meant for another table.
func (o *object) table() Table {
	var t Table
	if len(o.given) > 0 {
		t.Pos = nodePos(o.given[0].key)
	}
	for _, format := range tableFormats {
		if !o.has(format) {
			continue
		}
		path := o.address(format)
		if t.Format != "" {
			o.fault(o.key(format), fmt.Sprintf("%s has both %s and %s", o.subject, t.Format, format), "a table has one format; remove one")
			continue
		}
		t.Format, t.Path, t.Pos = format, path, nodePos(o.key(format))
	}
	t.Delimiter, t.Quote = o.character("delimiter"), o.character("quote")
	t.Headless = !o.truth("header", true)
	t.Null = o.nulls("null")
	switch {
	case t.Format == "" && o.opened != nil:
		o.fault(o.opened, o.subject+" says neither parquet nor csv nor json", "add parquet: PATH, csv: PATH or json: PATH")
	case t.Format != "" && t.Format != "csv":
		for _, name := range []string{"delimiter", "quote", "header", "null"} {
			o.forbid(name, t.Format, "only csv has one; remove it")
		}
	case t.Delimiter != 0 && t.Delimiter == t.Quote, t.Delimiter == '"' && t.Quote == 0, t.Quote == ',' && t.Delimiter == 0:
		o.fault(o.opened, "delimiter and quote of "+o.subject+" are one character", "give them different ones")
	}
	return t
}

// character returns one character of ASCII; 0: not given, or faulty. Neither a
// letter nor a digit can separate fields that hold them.
func (o *object) character(name string) byte {
	n := o.take(name)
	if quiet(n) {
		return 0
	}
	if n.Kind != yaml.ScalarNode || len(n.Value) != 1 || n.Value[0] != '\t' && (n.Value[0] < ' ' || n.Value[0] > '~') || isWordByte(n.Value[0]) {
		o.fault(n, o.of(name)+" must be one character, neither letter nor digit", `write it in quotes, such as ";", or "\t" for a tab`)
		return 0
	}
	return n.Value[0]
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '+'
}

// truth returns true or false, and otherwise where the key is not given.
func (o *object) truth(name string, otherwise bool) bool {
	n := o.take(name)
	if quiet(n) {
		return otherwise
	}
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		o.fault(n, o.of(name)+" must be true or false", "")
		return otherwise
	}
	return n.Value == "true"
}

// nulls returns the texts that stand for null, which may be none; nil: not given.
// They are taken as they are written, so that -999 and NA need no quotes.
func (o *object) nulls(name string) []string {
	n := o.take(name)
	if quiet(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		o.wants(n, o.of(name), "a list", `write ["", "NA"]`)
		return nil
	}
	texts := []string{}
	for _, item := range n.Content {
		switch {
		case item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null":
			o.wants(item, "an item in "+o.of(name), "text", "put it in quotes")
		case strings.ContainsAny(item.Value, "\r\n"):
			o.fault(item, "an item in "+o.of(name)+" has an end of line", "only what is not quoted is null, and that has none")
		case slices.Contains(texts, item.Value):
			o.fault(item, fmt.Sprintf("%s stands twice in %s", tick(item.Value), o.of(name)), "remove one")
		default:
			texts = append(texts, item.Value)
		}
	}
	return texts
}

// needFields notes a table of text whose columns nothing names.
func (l *loader) needFields(t Table, fields []Declared, subject string) {
	if len(t.Columns(fields)) > 0 || !t.Path.Given() {
		return
	}
	switch {
	case t.Format == "json":
		l.faultAt(t.Path, subject+" is of JSON lines and declares no fields", "add fields: {NAME: TYPE}; `timeseam describe` of the file prints them")
	case t.Headless:
		l.faultAt(t.Path, subject+" is of CSV without a header and declares no fields", "add fields: {NAME: TYPE} in the order of the columns; `timeseam describe` of the file prints them")
	}
}
