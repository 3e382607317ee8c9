package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/timeseam/timeseam/fixtures"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/urfave/cli/v2"
)

// demoDefinition is the definition that the demo leaves behind.
//
//go:embed demo/features.yaml
var demoDefinition []byte

// demoRows is how many rows of the training set the demo shows.
const demoRows = 5

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:         "demo",
		Usage:        "make data, run a definition over it, show the result, serve it",
		ArgsUsage:    "[DIR]",
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "stay", Usage: "have its daemon answer at 127.0.0.1:6566 until Ctrl-C", EnvVars: environment("stay")}},
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			dir := "timeseam-demo"
			if c.NArg() > 0 {
				var err error
				if dir, err = oneArgument(c, "at most one directory"); err != nil {
					return err
				}
			}
			return demo(c, dir)
		},
	}
}

// demo runs the main job from nothing, saying what it does.
func demo(c *cli.Context, dir string) error {
	w := c.App.Writer
	spec, out := filepath.Join(dir, "features.yaml"), filepath.Join(dir, "training.parquet")
	if err := demoFiles(dir, spec, w); err != nil {
		return err
	}
	target, err := sink.Place{Path: out}.Resolve()
	if err != nil {
		return err
	}
	job := &backfillJob{spec: spec, out: out, target: target, workers: runtime.GOMAXPROCS(0)}
	fmt.Fprintf(w, "\n$ timeseam backfill %s -o %s\n", spec, out)
	m, r, err := job.run(c.Context)
	if err != nil {
		return err
	}
	m.print(w, r)
	fmt.Fprintf(w, "\nThe first rows, one column a line:\n")
	t, err := sources.Find(out)
	if err != nil {
		return err
	}
	if err := printRows(c.Context, w, t, demoRows); err != nil {
		return err
	}
	if err := demoSeam(c, dir, out); err != nil {
		return err
	}
	fmt.Fprintf(w, `
%[1]s
  says what was read, which events counted, and what was noteworthy; cutover.parquet.certificate.json beside it how the copies were cut.

Next: change %[2]s, then
  %[3]s validate %[2]s
  %[3]s explain %[2]s
  %[3]s backfill %[2]s -o %[4]s
`, out+manifestSuffix, spec, myself(os.Args[0]), out)
	return nil
}

// myself is how this program was started, to be typed again: go run keeps it in a
// directory of its own.
func myself(arg string) string {
	if strings.Contains(arg, "go-build") {
		return "go run ./cmd/timeseam"
	}
	return "timeseam"
}

// demoFiles makes the demo's directory. A demo that is already there is used as
// it stands, with what its owner changed.
func demoFiles(dir, spec string, w io.Writer) error {
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(spec); err == nil {
		if _, err := os.Stat(data); err == nil {
			fmt.Fprintf(w, "%s is there already and is used as it stands.\n", dir)
			return nil
		}
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s holds other files; name a new directory: timeseam demo DIR", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("demo: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(w, "Making two months of card payments under %s ...\n", data)
	if err := fixtures.Demo(data); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := sink.WriteFile(spec, demoDefinition); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for _, name := range []string{"transactions", "accounts", "labels.parquet"} {
		t, err := sources.Find(filepath.Join(data, name))
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		fmt.Fprintf(w, "  %-24s %6d rows in %d files\n", name, t.Rows(), len(t.Files))
	}
	fmt.Fprintf(w, "  %-24s the definition: %d lines\n", "features.yaml", countLines(demoDefinition))
	return nil
}

func countLines(b []byte) (n int) {
	for _, c := range b {
		if c == '\n' {
			n++
		}
	}
	return n
}
