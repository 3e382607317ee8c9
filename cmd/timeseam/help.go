package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// appHelp is what timeseam --help prints: a screen of 24 lines of 80 columns.
const appHelp = `{{.Name}}: {{.Usage}}

Usage: {{.Name}} COMMAND [flags] [arguments]

{{range .VisibleCommands}}  {{printf "%-11s" .Name}} {{.Usage}}
{{end}}
{{.Name}} help COMMAND tells what a command takes. To begin: {{.Name}} demo
`

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:         "help",
		Usage:        "tell what there is, or what a command takes",
		ArgsUsage:    "[COMMAND]",
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return cli.ShowAppHelp(c)
			}
			name, err := oneArgument(c, "at most one command")
			if err != nil {
				return err
			}
			if c.App.Command(name) == nil {
				return unknownCommand(c)
			}
			root := c
			for _, above := range c.Lineage() {
				if above.App != nil {
					root = above
				}
			}
			return cli.ShowCommandHelp(root, name)
		},
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version",
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return wrongf("version takes no arguments; see timeseam version --help")
			}
			_, err := fmt.Fprintf(c.App.Writer, "timeseam version %s\n", version)
			return err
		},
	}
}
