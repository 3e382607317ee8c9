package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
	"gopkg.in/yaml.v3"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "run the cases beside a definition: events, questions, values",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cases", Usage: "the file of cases", DefaultText: "SPEC with .test.yaml in place of .yaml", EnvVars: environment("cases")},
			jsonFlag("print the verdict as JSON"),
		},
		OnUsageError: usageError,
		Action:       test,
	}
}

// errDiffers says that a check found a difference and that this was printed already.
var errDiffers = errors.New("values differ")

// ways are how each case is run: every value must be the same in all of them.
var ways = []way{
	{name: "one worker", workers: 1, parts: 1},
	{name: "several workers", workers: 3, parts: 4},
	{name: "events shuffled", workers: 2, parts: 3, seed: 1},
	{name: "events repeated", workers: 2, parts: 2, seed: 2, repeat: true},
}

// example is one case: events, questions, and the values that are expected.
type example struct {
	name  string
	node  *yaml.Node
	run   rehearsal
	wants []want
}

// want is one expected value.
type want struct {
	row, column int
	node        *yaml.Node
	value       event.Column // of one row
}

// difference is a value that is not the expected one.
type difference struct {
	Column   string `json:"column"`
	At       string `json:"at"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Way      string `json:"way,omitempty"` // of running that alone gives this value
	Line     int    `json:"line"`
	Place    int    `json:"line_column"`
	words    string
}

// tested is what came of one case.
type tested struct {
	Name        string       `json:"name"`
	Line        int          `json:"line"`
	Values      int          `json:"values"`
	Differences []difference `json:"differences"`
}

func test(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	file := c.String("cases")
	if file == "" {
		file = strings.TrimSuffix(spec, filepath.Ext(spec)) + ".test.yaml"
		if _, fault := readText(spec); fault != nil {
			fault.File = spec
			return event.Faults{*fault}
		}
		if _, err := os.Stat(file); err != nil {
			return wrongf("%s has no cases: there is no %s; write it, or name another with --cases", spec, file)
		}
	}
	in, err := openHistories(c.Context, spec)
	if err != nil {
		return err
	}
	examples, err := readCases(file, in)
	if err != nil {
		return err
	}
	var all []tested
	for _, e := range examples {
		t, err := e.check(c.Context)
		if err != nil {
			return fmt.Errorf("case %s: %w", e.name, err)
		}
		all = append(all, t)
	}
	return tell(c, file, all)
}

// check runs a case in every way.
func (e *example) check(ctx context.Context) (tested, error) {
	t := tested{Name: e.name, Line: e.node.Line, Values: len(e.wants), Differences: []difference{}}
	var first *event.Batch
	for _, way := range ways {
		e.run.way = way
		got, _, err := e.run.run(ctx)
		if err != nil {
			return t, err
		}
		for _, w := range e.wants {
			c := &got.Columns[w.column]
			d := difference{Column: e.run.plan.Outputs[w.column].Name, At: valueText(&e.run.spine.Columns[e.run.plan.Queries.Columns.Index(instantColumn)], w.row),
				Expected: valueText(&w.value, 0), Got: valueText(c, w.row), Line: w.node.Line, Place: w.node.Column, words: w.node.Value}
			switch {
			case first == nil && !alike(&w.value, 0, c, w.row):
				t.Differences = append(t.Differences, d)
			case first != nil && event.Compare(&first.Columns[w.column], w.row, c, w.row) != 0:
				d.Way = way.name
				t.Differences = append(t.Differences, d)
			}
		}
		if first == nil {
			first = got
		}
	}
	return t, nil
}

// alikeWithin is how far, of its size, a double may be from what was written.
const alikeWithin = 1e-9

// alike reports whether a value is the expected one: equal, and doubles so nearly
// that nobody need write all of their digits.
func alike(want *event.Column, i int, got *event.Column, j int) bool {
	if want.IsNull(i) || got.IsNull(j) {
		return want.IsNull(i) && got.IsNull(j)
	}
	switch want.Type.Kind {
	case event.Double:
		x, y := want.Floats[i], got.Floats[j]
		return event.CompareFloat(x, y) == 0 || math.Abs(x-y) <= alikeWithin*max(math.Abs(x), math.Abs(y)) && !math.IsInf(x-y, 0)
	case event.List, event.Map:
		n := want.Offsets[i+1] - want.Offsets[i]
		if got.Offsets[j+1]-got.Offsets[j] != n {
			return false
		}
		for k := range n {
			if !alike(want.Elem, int(want.Offsets[i]+k), got.Elem, int(got.Offsets[j]+k)) {
				return false
			}
		}
		return true
	case event.Struct:
		for k := range want.Fields {
			if !alike(&want.Fields[k], i, &got.Fields[k], j) {
				return false
			}
		}
		return true
	}
	return event.Compare(want, i, got, j) == 0
}

// tell prints what came of all cases: a line if all is well, else each difference
// at the place of the expected value.
func tell(c *cli.Context, file string, all []tested) error {
	var faults event.Faults
	values, failed := 0, 0
	for _, t := range all {
		values += t.Values
		if len(t.Differences) > 0 {
			failed++
		}
		for _, d := range t.Differences {
			problem := fmt.Sprintf("case %s: %s at %s is %s, expected %s", t.Name, d.Column, d.At, d.Got, d.Expected)
			mend := ""
			if d.Way != "" {
				problem = fmt.Sprintf("case %s: %s at %s is %s with %s, and another value with %s", t.Name, d.Column, d.At, d.Got, d.Way, ways[0].name)
				mend = "this is a fault of timeseam; please report it"
			}
			faults = append(faults, event.Fault{File: file, Line: d.Line, Column: d.Place, Words: d.words, Problem: problem, Mend: mend})
		}
	}
	if c.Bool("json") {
		verdict := struct {
			File  string   `json:"file"`
			Ways  []string `json:"ways"`
			Cases []tested `json:"cases"`
		}{file, nil, all}
		for _, w := range ways {
			verdict.Ways = append(verdict.Ways, w.name)
		}
		if err := printJSON(c.App.Writer, verdict); err != nil {
			return err
		}
	} else if failed == 0 {
		fmt.Fprintf(c.App.Writer, "%s: %s\n", file, painted(c.App.Writer, green, fmt.Sprintf("%s as expected, %s in %d ways", plural(len(all), "case"), plural(values, "value"), len(ways))))
	} else {
		printFaults(c.App.ErrWriter, "", faults)
		fmt.Fprintf(c.App.ErrWriter, "%s: %s\n", file, painted(c.App.ErrWriter, red, fmt.Sprintf("%d of %s not as expected", failed, plural(len(all), "case"))))
	}
	if failed > 0 {
		return errDiffers
	}
	return nil
}

// The colours of a verdict.
const (
	red   = "31"
	green = "32"
)

// painted is text in a colour, on a terminal whose owner did not forbid it.
func painted(w io.Writer, colour, text string) string {
	if c, is := w.(*checked); is {
		w = c.w
	}
	f, is := w.(*os.File)
	if !is || os.Getenv("NO_COLOR") != "" || !term.IsTerminal(int(f.Fd())) {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// planFor compiles what the cases ask: a service, or all views.
func planFor(in *inputs, service string) (*features.Plan, error) {
	var asked []features.ServiceFeature
	for _, s := range in.def.Services {
		if s.Name.Value == service {
			asked = s.Features
		}
	}
	if service == "" {
		for _, v := range in.def.Views {
			asked = append(asked, listed(v.Name.Value)...)
		}
	}
	return features.Compile(rehearsing(in.def, asked), in.catalog(), rehearsed)
}
