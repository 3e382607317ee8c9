package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/urfave/cli/v2"
)

func validateCommand() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "tell all faults of definitions, with places and mends",
		ArgsUsage: "SPEC...",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON Schema of definitions, for editors"},
			jsonFlag("print the faults as JSON"),
		},
		OnUsageError: usageError,
		Action:       validate,
	}
}

// verdict is what validate has to say of one definition.
type verdict struct {
	File   string        `json:"file"`
	Faults []event.Fault `json:"faults"`
	Lints  []event.Fault `json:"lints"`
}

func validate(c *cli.Context) error {
	if c.Bool("schema") {
		if c.NArg() > 0 {
			return wrongf("--schema prints the schema of all definitions; leave out %s", c.Args().First())
		}
		_, err := fmt.Fprintln(c.App.Writer, string(features.JSONSchema()))
		return err
	}
	paths, err := severalArguments(c)
	if err != nil {
		return err
	}
	var verdicts []verdict
	faulty := false
	for _, path := range paths {
		v := verdict{File: path, Faults: []event.Fault{}, Lints: []event.Fault{}}
		err := v.check(c.Context, path)
		faulty = faulty || err != nil
		verdicts = append(verdicts, v)
		if !c.Bool("json") {
			v.print(c)
		}
	}
	if c.Bool("json") {
		if err := printJSON(c.App.Writer, verdicts); err != nil {
			return err
		}
	}
	if faulty {
		return errTold
	}
	return nil
}

// check compiles all of a definition, against its tables where they are there.
func (v *verdict) check(ctx context.Context, path string) error {
	def, err := readDefinition(path)
	if err == nil {
		in := openInputs(ctx, def, "")
		v.Lints = append(v.Lints, in.missingNotes()...)
		var plan *features.Plan
		if plan, err = features.Compile(def, in.catalog(), ""); err == nil {
			v.Lints = append(v.Lints, plan.Lints...)
			if faults := in.partitionFaults(); len(faults) > 0 {
				err = faults
			}
		}
	}
	if faults := (event.Faults{}); errors.As(err, &faults) {
		v.Faults = faults
	} else if err != nil {
		v.Faults = []event.Fault{{File: path, Problem: err.Error()}}
	}
	return err
}

func (v *verdict) print(c *cli.Context) {
	printFaults(c.App.ErrWriter, "note: ", v.Lints)
	printFaults(c.App.ErrWriter, "", v.Faults)
	if len(v.Faults) == 0 {
		fmt.Fprintf(c.App.Writer, "%s: no faults\n", v.File)
	}
}
