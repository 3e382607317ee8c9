package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// caseReader reads a file of cases. It collects faults and goes on, so that all
// are told at once.
type caseReader struct {
	file   string
	in     *inputs
	plan   *features.Plan
	faults event.Faults
}

// readCases reads the cases of a definition. docs/testing.md has the format.
func readCases(file string, in *inputs) ([]*example, error) {
	r := &caseReader{file: file, in: in}
	root := r.parse()
	var examples []*example
	if root != nil {
		top := r.fields(root, "the file of cases", []string{"service", "cases"}, []string{"cases"})
		service := ""
		if n := top["service"]; n != nil {
			service = r.service(n)
		}
		if len(r.faults) == 0 {
			var err error
			if r.plan, err = planFor(in, service); err != nil {
				return nil, err
			}
			examples = r.cases(top["cases"])
		}
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b event.Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
		return nil, r.faults
	}
	return examples, nil
}

// fault notes a fault at a node.
func (r *caseReader) fault(n *yaml.Node, problem, mend string) {
	words := ""
	if n.Kind == yaml.ScalarNode {
		words = n.Value
	}
	r.faults = append(r.faults, event.Fault{File: r.file, Line: n.Line, Column: n.Column, Words: words, Problem: problem, Mend: mend})
}

// parse returns the root of the file's document; nil, and told, if it has none.
func (r *caseReader) parse() (root *yaml.Node) {
	top := func(line int, problem, mend string) *yaml.Node {
		r.faults = append(r.faults, event.Fault{File: r.file, Line: line, Column: min(line, 1), Problem: problem, Mend: mend})
		return nil
	}
	text, fault := readText(r.file)
	if fault != nil {
		return top(0, strings.ReplaceAll(fault.Problem, "the definition", "the file of cases"), strings.ReplaceAll(fault.Mend, "the definition", "the file of cases"))
	}
	if !utf8.Valid(text) {
		return top(0, "the file of cases is not UTF-8", "save it as UTF-8")
	}
	var document yaml.Node
	second, err := decodeYAML(text, &document)
	if err != nil {
		line, problem := 0, strings.TrimPrefix(err.Error(), "yaml: ")
		if n, _ := fmt.Sscanf(problem, "line %d: ", &line); n == 1 {
			_, problem, _ = strings.Cut(problem, ": ")
		}
		return top(line, "not YAML: "+problem, "")
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return top(1, "there are no cases", "write cases: and a list of them")
	}
	if second > 0 {
		return top(second, "a second document begins here", "write all cases into the first")
	}
	r.structure(document.Content[0], 0)
	if len(r.faults) > 0 {
		return nil
	}
	return document.Content[0]
}

// decodeYAML is the library's decoder, which is known to panic on some malformed
// texts where it should return an error. It returns the line of a second document,
// or 0.
func decodeYAML(text []byte, n *yaml.Node) (second int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var other yaml.Node
	err = d.Decode(n)
	if err == nil {
		err = d.Decode(&other)
	}
	if err == io.EOF {
		err = nil
	}
	return other.Line, err
}

// nestingMost is how deep lists and maps of a case may go.
const nestingMost = 32

// structure refuses what makes a file mean more than it says.
func (r *caseReader) structure(n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fault(n, "alias *"+n.Value+" is not allowed", "write the value out")
		return
	case n.Anchor != "":
		r.fault(n, "anchor &"+n.Anchor+" is not allowed", "write the value out wherever it is meant")
		return
	case depth > nestingMost:
		r.fault(n, fmt.Sprintf("nested more than %d levels deep", nestingMost), "no case is")
		return
	}
	seen := map[string]int{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if line, twice := seen[child.Value]; twice {
				r.fault(child, fmt.Sprintf("%s stands twice, first on line %d", visible(short(child.Value)), line), "remove one")
			}
			seen[child.Value] = child.Line
		}
		r.structure(child, depth+1)
	}
}

// fields takes a map apart. Keys are those known, if any are; those required are
// there.
func (r *caseReader) fields(n *yaml.Node, what string, known, required []string) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		parts := "COLUMN: VALUE"
		if len(required) > 0 {
			parts = strings.Join(required, ": ..., ") + ": ..."
		}
		r.fault(n, what+" is no map", "write {"+parts+"}")
		return all
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if known != nil && !slices.Contains(known, key.Value) {
			mend := "its keys are " + strings.Join(known, ", ")
			if near := event.Nearest(key.Value, known); near != "" {
				mend = "did you mean " + near + "?"
			}
			r.fault(key, fmt.Sprintf("unknown key %s of %s", visible(short(key.Value)), what), mend)
			continue
		}
		all[key.Value] = n.Content[i+1]
	}
	for _, name := range required {
		if all[name] == nil {
			r.fault(n, fmt.Sprintf("%s has no %s", what, name), "add "+name+": ...")
		}
	}
	return all
}

func (r *caseReader) service(n *yaml.Node) string {
	var services []string
	for _, s := range r.in.def.Services {
		services = append(services, s.Name.Value)
	}
	if !slices.Contains(services, n.Value) {
		mend := "the definition has " + strings.Join(services, ", ")
		if near := event.Nearest(n.Value, services); near != "" {
			mend = "did you mean " + near + "?"
		}
		r.fault(n, "unknown service "+visible(short(n.Value)), mend)
	}
	return n.Value
}

func (r *caseReader) cases(n *yaml.Node) (examples []*example) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fault(n, "cases is no list, or an empty one", "write - {name: ..., events: ..., asks: ...}")
		return nil
	}
	for i, child := range n.Content {
		examples = append(examples, r.example(child, i+1))
	}
	return examples
}

func (r *caseReader) example(n *yaml.Node, number int) *example {
	e := &example{name: fmt.Sprint(number), node: n, run: rehearsal{plan: r.plan, spine: emptyBatch(r.plan.Queries.Columns)}}
	parts := r.fields(n, fmt.Sprintf("case %d", number), []string{"name", "events", "asks"}, []string{"name", "asks"})
	if name := parts["name"]; name != nil {
		e.name = printable(oneSpace(name.Value))
	}
	for _, in := range r.plan.Inputs {
		e.run.histories = append(e.run.histories, emptyBatch(in.Columns))
	}
	if events := parts["events"]; events != nil {
		for source, rows := range r.fields(events, "events of case "+e.name, r.sources(), nil) {
			r.events(e, source, rows)
		}
	}
	asks := parts["asks"]
	if asks == nil {
		return e
	}
	if asks.Kind != yaml.SequenceNode || len(asks.Content) == 0 {
		r.fault(asks, "asks of case "+e.name+" is no list, or an empty one", "write - {at: ..., ENTITY_COLUMN: ..., expect: {COLUMN: VALUE}}")
		return e
	}
	for _, ask := range asks.Content {
		r.ask(e, ask)
	}
	return e
}

func (r *caseReader) sources() (all []string) {
	for _, s := range r.in.def.Sources {
		all = append(all, s.Name.Value)
	}
	return all
}

// events reads the rows of one source. Those of a source that nothing reads need
// no types and are left.
func (r *caseReader) events(e *example, source string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, fmt.Sprintf("events of %s are no list", source), "write - {COLUMN: VALUE}")
		return
	}
	place := slices.IndexFunc(r.plan.Inputs, func(in features.Input) bool { return in.Source.Name.Value == source })
	if place < 0 {
		return
	}
	in, known := r.plan.Inputs[place], r.columnsOf(source)
	time := in.Source.Time()
	for _, row := range n.Content {
		values := r.fields(row, "event of "+source, known, nil)
		if row.Kind == yaml.MappingNode && values[time] == nil && in.Columns.Index(time) >= 0 {
			r.fault(row, fmt.Sprintf("event of %s has no %s, its time", source, time), "add "+time+": 2026-01-31T12:00:00Z")
			continue
		}
		b := e.run.histories[place]
		for i, f := range in.Columns {
			r.value(&b.Columns[i], f.Name, values[f.Name])
		}
		b.Len++
	}
}

// value appends a value, or null where none is written.
func (r *caseReader) value(c *event.Column, name string, n *yaml.Node) {
	if n == nil {
		c.AppendNull()
		return
	}
	// A value that is wrong in its middle leaves half of it behind: it is made apart.
	one := event.Make(c.Type)
	if err := appendNode(&one, n); err != nil {
		r.fault(n, name+": "+err.Error(), "")
		c.AppendNull()
		return
	}
	c.Append(&one, 0)
}

// columnsOf is the columns that events of a source may have: those of its history,
// or else those that the definition declares.
func (r *caseReader) columnsOf(source string) (known []string) {
	if t := r.in.histories[source]; t != nil {
		known = names(t.Schema())
	}
	for _, in := range r.plan.Inputs {
		if in.Source.Name.Value != source {
			continue
		}
		for _, f := range in.Columns {
			if !slices.Contains(known, f.Name) {
				known = append(known, f.Name)
			}
		}
		for _, d := range in.Source.Fields {
			if !d.History.Given() && !slices.Contains(known, d.Name.Value) {
				known = append(known, d.Name.Value)
			}
		}
	}
	return known
}

// ask reads one question and the values that are expected of it.
func (r *caseReader) ask(e *example, n *yaml.Node) {
	columns := r.plan.Queries.Columns
	known := []string{"at", "expect"}
	for _, f := range columns {
		if f.Name != instantColumn {
			known = append(known, f.Name)
		}
	}
	before := len(r.faults)
	values := r.fields(n, "ask of case "+e.name, known, []string{"at", "expect"})
	if len(r.faults) > before {
		return
	}
	for i, f := range columns {
		node := values[f.Name]
		if f.Name == instantColumn {
			node = values["at"]
		}
		r.value(&e.run.spine.Columns[i], f.Name, node)
	}
	row := e.run.spine.Len
	e.run.spine.Len++
	r.expect(e, row, values)
}

func (r *caseReader) expect(e *example, row int, values map[string]*yaml.Node) {
	n := values["expect"]
	outputs := names(r.plan.Outputs)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		r.fault(n, "nothing is expected", "name at least one column and its value")
	}
	expected := r.fields(n, "expect of case "+e.name, nil, nil)
	for i := 0; i < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		key := n.Content[i]
		c := slices.Index(outputs, strings.Replace(key.Value, ".", "__", 1))
		if c < 0 {
			mend := "timeseam list and timeseam describe tell what there is"
			if near := event.Nearest(key.Value, outputs); near != "" {
				mend = "did you mean " + near + "?"
			}
			r.fault(key, "there is no column "+visible(short(key.Value)), mend)
			continue
		}
		for _, k := range keysOf(r.in.def, r.plan.Describe()[c].View) {
			if values[k] == nil && r.plan.Queries.Columns.Index(k) >= 0 {
				r.fault(key, fmt.Sprintf("%s is asked by %s, and the ask has none", key.Value, k), "add "+k+": VALUE, or null")
			}
		}
		w := want{row: row, column: c, node: expected[key.Value], value: event.Make(r.plan.Outputs[c].Type)}
		r.value(&w.value, outputs[c], w.node)
		e.wants = append(e.wants, w)
	}
}
