package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/sources"
	"github.com/urfave/cli/v2"
)

func describeCommand() *cli.Command {
	return &cli.Command{
		Name:      "describe",
		Usage:     "say what is in a Parquet, CSV or JSON lines file, glob or directory",
		ArgsUsage: "FILE",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rows", Usage: "also show this many of the first rows", EnvVars: environment("rows")},
			&cli.BoolFlag{Name: "json", Usage: "print as JSON", EnvVars: environment("json")},
		},
		OnUsageError: usageError,
		Action:       describe,
	}
}

func describe(c *cli.Context) error {
	path, err := oneArgument(c, "one file, glob or directory")
	if err != nil {
		return err
	}
	rows := c.Int("rows")
	switch {
	case rows < 0:
		return wrongf("--rows %d; give 0 or more", rows)
	case rows > 0 && c.Bool("json"):
		return wrongf("--rows shows rows to people; leave it out with --json")
	}
	d, err := sources.Describe(c.Context, path)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, d)
	}
	var shown bytes.Buffer // Rows that cannot be read are no reason for half a page.
	if rows > 0 {
		fmt.Fprintln(&shown)
		if err := printRows(c.Context, &shown, d.Table(), rows); err != nil {
			return err
		}
	}
	printDescription(c.App.Writer, d)
	_, err = shown.WriteTo(c.App.Writer)
	return err
}

// printDescription writes a description as a person reads it: one line a column,
// its least and greatest value where every file tells them.
func printDescription(w io.Writer, d *sources.Description) {
	how := plural(d.RowGroups, "row group")
	switch d.Format {
	case "csv":
		how = "CSV"
	case "json":
		how = "JSON lines"
	}
	fmt.Fprintf(w, "%s: %s, %s, %s in %s, %s\n", d.Path, plural(int(d.Rows), "row"), plural(len(d.Columns), "column"), sizeWords(d.SizeBytes), plural(len(d.Files), "file"), how)
	name, kind := 0, 0
	for _, c := range d.Columns {
		name, kind = max(name, utf8.RuneCountInString(c.Name)), max(kind, len(c.Type))
	}
	for _, c := range d.Columns {
		line := fmt.Sprintf("  %-*s  %-*s", name, printable(c.Name), kind, c.Type)
		if c.Partition {
			line += "  from folders' names"
		}
		if c.Files < len(d.Files) {
			line += fmt.Sprintf("  in %d of %d files", c.Files, len(d.Files))
		}
		if c.Min != "" || c.Max != "" {
			line += fmt.Sprintf("  %s to %s", short(c.Min), short(c.Max))
		}
		if c.Nulls != nil && *c.Nulls > 0 {
			line += fmt.Sprintf("  %d nulls", *c.Nulls)
		}
		if c.Problem != "" {
			line += "  " + c.Problem
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	if d.Format != "" {
		printFields(w, d)
	}
}

// printFields writes what a definition says of a table of text, to be copied.
func printFields(w io.Writer, d *sources.Description) {
	fmt.Fprintf(w, "\n# Types are suggested by the rows; a definition may declare others.\nhistory: {%s: %s", d.Format, yamlText(d.Path))
	if d.Delimiter != "" {
		fmt.Fprintf(w, ", delimiter: %q", d.Delimiter)
	}
	if d.Null != nil {
		fmt.Fprint(w, ", null: [\"\"")
		for _, null := range d.Null {
			fmt.Fprintf(w, ", %q", null)
		}
		fmt.Fprint(w, "]")
	}
	fmt.Fprintln(w, "}\nfields:")
	for _, c := range d.Columns {
		if c.Problem == "" {
			fmt.Fprintf(w, "  %s: %s\n", yamlText(c.Name), yamlText(c.Type))
		}
	}
}

// yamlPlain is what YAML takes for text as it stands, inside { } too.
var yamlPlain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./(<>-]*$`)

// yamlText is s as YAML writes it.
func yamlText(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if yamlPlain.MatchString(s) {
			return s
		}
	}
	return strconv.Quote(s)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
