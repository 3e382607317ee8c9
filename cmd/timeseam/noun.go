package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/urfave/cli/v2"
)

// describeNoun says what something is that a definition names. Things of several
// kinds may have one name; all of them are told.
func describeNoun(c *cli.Context, spec, name string) error {
	in, plan, err := openWhole(c.Context, spec)
	if err != nil {
		return err
	}
	found, err := findNouns(in, plan, name)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, found)
	}
	for i, n := range found {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		n.print(c.App.Writer)
	}
	return nil
}

// findNouns is what is called so: a noun, a column as view__column or
// view.column, or all columns of view.feature.
func findNouns(in *inputs, plan *features.Plan, name string) (found []*noun, err error) {
	all := nouns(in.def)
	columns := columnNouns(plan)
	candidates := []string{}
	for _, n := range all {
		candidates = append(candidates, n.Name)
		if n.Name == name {
			n.tell(in, plan)
			found = append(found, n)
		}
	}
	column := strings.Replace(name, ".", "__", 1)
	called := columnsCalled(plan, name)
	for _, n := range columns {
		candidates = append(candidates, n.Name)
		if slices.Contains(called, n.Name) {
			found = append(found, n)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if near := event.Nearest(column, candidates); near != "" {
		return nil, wrongf("%s names nothing that is called %s; did you mean %s?", in.def.File, name, near)
	}
	return nil, wrongf("%s names nothing that is called %s; timeseam list %s tells what it names", in.def.File, name, in.def.File)
}

// columnsCalled is the column of a plan that is called so, as view__column or
// view.column, or else all columns of the feature view.feature, one a window.
func columnsCalled(plan *features.Plan, name string) (columns []string) {
	column := strings.Replace(name, ".", "__", 1)
	for _, d := range plan.Describe() {
		if d.Name == column {
			return []string{column}
		}
		if f := featureOf(viewCalled(plan.Definition, d.View), d); f != nil && column == d.View+"__"+f.Name.Value {
			columns = append(columns, d.Name)
		}
	}
	return columns
}

// tell adds what is to be said of a noun.
func (n *noun) tell(in *inputs, plan *features.Plan) {
	def := in.def
	switch n.Kind {
	case kindSource:
		n.tellSource(in, plan)
	case kindEntity:
		var columns []string
		for _, c := range entityCalled(def, n.Name).Columns {
			columns = append(columns, c.Value)
		}
		key := "nothing: the features are one for all"
		if len(columns) > 0 {
			key = strings.Join(columns, ", ")
		}
		n.Facts = append(n.Facts, fact{"key", key})
	case kindView:
		n.tellView(def, plan)
	case kindService:
		for _, s := range def.Services {
			if s.Name.Value == n.Name {
				n.Columns = columnsOfService(s, plan)
			}
		}
	case kindTraining:
		n.tellTraining(def, plan)
	}
}

func (n *noun) tellSource(in *inputs, plan *features.Plan) {
	s := sourceCalled(in.def, n.Name)
	n.Facts = append(n.Facts, fact{"history", s.History.Path.Value})
	if t := in.histories[n.Name]; t != nil {
		n.Facts = append(n.Facts, fact{"holds", aboutRows(t) + " in " + plural(len(t.Files), "file")})
	} else {
		n.Facts = append(n.Facts, fact{"holds", "its files are not there"})
	}
	n.Facts = append(n.Facts, fact{"time", timeWords(s)})
	if s.EventID.Given() {
		n.Facts = append(n.Facts, fact{"duplicates", "of events equal in key, time and " + s.EventID.Value + " one counts"})
	}
	n.Facts = append(n.Facts, in.partitionFacts(s, plan)...)
	for _, i := range plan.Inputs {
		if i.Source.Name.Value != n.Name {
			continue
		}
		for _, f := range i.Columns {
			n.Columns = append(n.Columns, columnEntry{Name: f.Name, Type: f.Type.String()})
		}
	}
}

func (n *noun) tellView(def *features.Definition, plan *features.Plan) {
	v := viewCalled(def, n.Name)
	for _, p := range plan.Views {
		if p.Name == n.Name {
			n.Facts = append(n.Facts, rules(plan, p)...)
		}
	}
	if !v.Source.Given() {
		n.Facts = append(n.Facts, fact{"derived", "computed from other columns when the question is asked"})
	}
	for _, r := range v.Request {
		n.Facts = append(n.Facts, fact{"request", r.Name.Value + " " + r.Type.String() + " comes with the question"})
	}
	if v.TTL.Given() {
		n.Facts = append(n.Facts, fact{"ttl", v.TTL.Value})
	}
	n.Columns = columnEntries(slices.DeleteFunc(slices.Clone(plan.Describe()), func(d features.Described) bool { return d.View != n.Name }))
}

func columnsOfService(s features.Service, plan *features.Plan) []columnEntry {
	var chosen []features.Described
	for _, f := range s.Features {
		for _, d := range plan.Describe() {
			if f.View.Value == d.View || strings.Replace(f.View.Value, ".", "__", 1) == d.Name {
				if f.As.Given() {
					d.Name = f.As.Value + strings.TrimPrefix(d.Name, d.View)
				}
				chosen = append(chosen, d)
			}
		}
	}
	return columnEntries(chosen)
}

func (n *noun) tellTraining(def *features.Definition, plan *features.Plan) {
	for _, t := range def.TrainingSets {
		if t.Name.Value != n.Name {
			continue
		}
		n.Facts = append(n.Facts, fact{"spine", t.Spine.String()})
		var labels []string
		for _, l := range t.Labels {
			labels = append(labels, l.Value)
		}
		if len(labels) > 0 {
			n.Facts = append(n.Facts, fact{"label", strings.Join(labels, ", ")})
		}
		known := t.Known.Value
		if t.Self != nil {
			known += ", each row is an event itself"
		}
		n.Facts = append(n.Facts, fact{"visibility", known})
		for _, s := range def.Services {
			if s.Name.Value == t.Service.Value {
				n.Columns = columnsOfService(s, plan)
			}
		}
	}
}

// print writes a noun as a person reads it.
func (n *noun) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s%s\n", n.Kind, n.Name, before(": ", n.Description))
	line := func(about, says string) { fmt.Fprintf(w, "  %-10s  %s\n", about, printable(says)) }
	if n.Owner != "" {
		line("owner", n.Owner)
	}
	for _, f := range n.Facts {
		line(f.About, oneSpace(f.Says))
	}
	if len(n.Uses) > 0 {
		line("uses", strings.Join(n.Uses, ", "))
	}
	if len(n.UsedBy) > 0 {
		line("used by", strings.Join(n.UsedBy, ", "))
	} else if n.Kind != kindTraining {
		line("used by", "nothing")
	}
	if len(n.Columns) == 0 {
		return
	}
	fmt.Fprintln(w, "  columns")
	width, kind := 0, 0
	for _, c := range n.Columns {
		width, kind = max(width, len(c.Name)), max(kind, len(c.Type))
	}
	for _, c := range n.Columns {
		words := oneSpace(c.Value)
		if c.Window != "" {
			words += "; " + c.Window
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("    %-*s  %-*s  %s", width, printable(c.Name), kind, c.Type, printable(words)), " "))
	}
}

// aboutRows is how many rows a table has, as far as its beginning tells.
func aboutRows(t *sources.Table) string {
	words := plural(int(t.Estimate()), "row")
	if t.Format() != "parquet" {
		return "about " + words
	}
	return words
}

// timeWords says when a source's rows count.
func timeWords(s *features.Source) string {
	if s.Dimension == nil {
		return s.EventTimestamp.Value
	}
	switch s.Dimension.Mode.Value {
	case "scd2":
		return s.Time() + ": each row holds from then until " + s.Dimension.ValidTo.Value
	case "snapshots":
		return s.Time() + ": each row holds from when its snapshot landed until the next one did"
	case "current":
		return "every row holds always; it tells the past what is known today"
	}
	return s.Time() + ": each row holds from then until the next of its key"
}
