package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
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
		Usage:     "say what a file holds, or what a name of a definition means",
		ArgsUsage: "FILE | SPEC NAME",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rows", Usage: "also show this many of the first rows", EnvVars: environment("rows")},
			jsonFlag("print as JSON"),
		},
		OnUsageError: usageError,
		Action:       describe,
	}
}

func describe(c *cli.Context) error {
	if ext := filepath.Ext(c.Args().First()); c.NArg() == 2 && (ext == ".yaml" || ext == ".yml") {
		if c.IsSet("rows") {
			return wrongf("--rows shows rows of files; leave it out where a name of a definition is described")
		}
		return describeNoun(c, c.Args().Get(0), c.Args().Get(1))
	}
	path, err := oneArgument(c, "one file, glob or directory, or a definition and a name in it")
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
	d, err := newFinder().Describe(c.Context, path)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, d)
	}
	var shown bytes.Buffer // Rows that cannot be read are no reason for half a page.
	if rows > 0 {
		fmt.Fprintln(&shown)
		if err := printRows(c.Context, &shown, d.Table(), rows, nestedOf(d)...); err != nil {
			return err
		}
	}
	printDescription(c.App.Writer, d)
	_, err = shown.WriteTo(c.App.Writer)
	return err
}

// nestedOf is the columns that features cannot read and people may want to see.
func nestedOf(d *sources.Description) (columns []string) {
	for _, c := range d.Columns {
		if c.Nested {
			columns = append(columns, c.Name)
		}
	}
	return columns
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
	fmt.Fprintf(w, "\n# Types are suggested by the rows; a definition may declare others.\nhistory: %s\nfields:\n", yamlTable(d, d.Path))
	for _, c := range d.Columns {
		if c.Problem == "" {
			fmt.Fprintf(w, "  %s: %s\n", yamlText(c.Name), yamlText(c.Type))
		}
	}
}

// yamlTable is a described table, at a path, as definitions name it.
func yamlTable(d *sources.Description, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{%s: %s", cmp.Or(d.Format, "parquet"), yamlText(path))
	if d.Delimiter != "" {
		fmt.Fprintf(&b, ", delimiter: %q", d.Delimiter)
	}
	if d.Null != nil {
		b.WriteString(", null: [\"\"")
		for _, null := range d.Null {
			fmt.Fprintf(&b, ", %q", null)
		}
		b.WriteString("]")
	}
	return b.String() + "}"
}

// yamlPlain is what YAML takes for text as it stands, inside { } too.
var yamlPlain = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./(<>-]*$`)

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
