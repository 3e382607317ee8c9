package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/urfave/cli/v2"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:         "list",
		Usage:        "list what definitions name, and who uses what",
		ArgsUsage:    "SPEC...",
		Flags:        []cli.Flag{jsonFlag("print as JSON")},
		OnUsageError: usageError,
		Action:       list,
	}
}

// listing is what one definition names.
type listing struct {
	File        string  `json:"file"`
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Nouns       []*noun `json:"nouns"`
}

func list(c *cli.Context) error {
	paths, err := severalArguments(c)
	if err != nil {
		return err
	}
	var all []listing
	for _, path := range paths {
		def, err := readDefinition(path)
		if err != nil {
			return err
		}
		all = append(all, listing{path, def.Name.Value, oneSpace(def.Description), nouns(def)})
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, all)
	}
	for i := range all {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		all[i].print(c.App.Writer)
	}
	return nil
}

// kindTitles are the headings of a list.
var kindTitles = []struct{ kind, title string }{
	{kindSource, "Sources"}, {kindEntity, "Entities"}, {kindView, "Views"}, {kindService, "Services"}, {kindTraining, "Training sets"},
}

func (l *listing) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s)%s\n", l.Name, printable(l.File), before(": ", l.Description))
	for _, k := range kindTitles {
		title, width := k.title, 0
		for _, n := range l.Nouns {
			if n.Kind == k.kind {
				width = max(width, len(n.Name))
			}
		}
		for _, n := range l.Nouns {
			if n.Kind != k.kind {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s\n", title)
				title = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, n.Name, strings.Join(n.words(), "; "))
		}
	}
}

// words is a noun on one line.
func (n *noun) words() (words []string) {
	if n.Description != "" {
		words = append(words, printable(strings.TrimSuffix(n.Description, ".")))
	}
	if n.Owner != "" {
		words = append(words, "owner "+printable(n.Owner))
	}
	if len(n.Uses) > 0 {
		words = append(words, "of "+strings.Join(n.Uses, ", "))
	}
	if len(n.UsedBy) > 0 {
		words = append(words, "used by "+strings.Join(n.UsedBy, ", "))
	} else if n.Kind != kindTraining {
		words = append(words, "used by nothing")
	}
	return words
}

// before puts words in front of a text, if there is one.
func before(words, text string) string {
	if text == "" {
		return ""
	}
	return words + printable(text)
}

// openHistories reads a definition and opens those histories that are there.
// Spines are not looked at.
func openHistories(ctx context.Context, path string) (*inputs, error) {
	def, err := readDefinition(path)
	if err != nil {
		return nil, err
	}
	bare := *def
	bare.TrainingSets = nil
	in := openInputs(ctx, &bare, "")
	in.def = def
	return in, nil
}

// openWhole compiles all features of a definition besides. A history that is not
// there is a fault only if the definition does not give its types.
func openWhole(ctx context.Context, path string) (*inputs, *features.Plan, error) {
	in, err := openHistories(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	plan, err := features.Compile(in.def, in.catalog(), "")
	return in, plan, err
}
