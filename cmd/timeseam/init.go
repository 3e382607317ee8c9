package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/sink"
	"github.com/urfave/cli/v2"
)

// starter is the project that init leaves behind.
//
//go:embed init
var starter embed.FS

func initCommand() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "begin a project: a definition, data, labels and cases",
		ArgsUsage: "DIR",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "guess a first definition from a file of your own"},
		},
		OnUsageError: usageError,
		Action:       initialize,
	}
}

func initialize(c *cli.Context) error {
	dir, err := oneArgument(c, "one new directory")
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return wrongf("%s is not empty; name a new directory", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("init: %w", err)
	}
	write := func(to string) error { return writeStarter(c.Context, to) }
	next := []string{"validate features.yaml", "test features.yaml", "backfill features.yaml -o training.parquet"}
	if from := c.String("from"); c.IsSet("from") {
		g, err := newGuess(c.Context, from, dir)
		if err != nil {
			return err
		}
		write, next = g.write, g.commands()
	}
	if err := populate(dir, write); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	fmt.Fprintf(c.App.Writer, "%s holds a project. Next:\n  cd %s\n", dir, dir)
	for _, command := range next {
		fmt.Fprintf(c.App.Writer, "  timeseam %s\n", command)
	}
	return nil
}

// populate has a directory filled aside and moves what is in it to its place, so
// that a failure leaves nothing.
func populate(dir string, write func(to string) error) (err error) {
	parent := filepath.Dir(filepath.Clean(dir))
	if _, err := os.Stat(dir); err == nil {
		parent = dir // It may be a volume of its own, into which nothing can be renamed from beside it.
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(parent, ".timeseam-init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	if err := write(aside); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(aside)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(aside, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// writeStarter writes the project.
func writeStarter(_ context.Context, to string) error {
	return fs.WalkDir(starter, "init", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := filepath.Join(to, strings.TrimPrefix(path, "init"))
		if e.IsDir() {
			return os.MkdirAll(place, 0o777)
		}
		text, err := starter.ReadFile(path)
		if err != nil {
			return err
		}
		return sink.WriteFile(place, text)
	})
}
