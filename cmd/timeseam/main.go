package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/timeseam/timeseam/features/event"
	"github.com/urfave/cli/v2"
)

// version is the release, set when it is built.
var version = "0.1.0"

// The exit codes; docs/cli.md has the table.
const (
	exitDone   = 0
	exitFailed = 1 // the run failed
	exitWrong  = 2 // the definition or the flags are wrong
	exitDiffer = 3 // a check found a difference
)

// wrong is an error whose cause is the definition or the flags.
type wrong struct{ error }

func (w wrong) Unwrap() error { return w.error }

// wrongf is an error that exits with exitWrong.
func wrongf(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second Ctrl-C ends the program at once.
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	report := &checked{w: stdout}
	app := newApp(report, stderr)
	err := app.RunContext(ctx, reorder(app, args))
	if report.err != nil && (err == nil || errors.Is(err, report.err)) {
		err = fmt.Errorf("write standard output: %w", report.err)
	}
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		left := "nothing was written"
		if errors.Is(err, errTakeUp) {
			left = "no training set was written; run again with --resume to go on"
		}
		fmt.Fprintln(stderr, "timeseam: interrupted; "+left)
		return exitFailed
	}
	switch {
	case errors.Is(err, errTold):
		return exitWrong
	case errors.Is(err, errDiffers):
		return exitDiffer
	}
	var faults event.Faults
	if errors.As(err, &faults) {
		printFaults(stderr, "", faults)
		return exitWrong
	}
	fmt.Fprintln(stderr, "timeseam: "+printable(err.Error()))
	var w wrong
	if errors.As(err, &w) {
		return exitWrong
	}
	return exitFailed
}

// checked keeps the first error of a writer: a report that nobody could read is a
// failure, and no line of it need be checked by itself.
type checked struct {
	w   io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // without the name that the operating system has for it
	}
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// errTold says that the definition is wrong and that this was printed already.
var errTold = errors.New("the definition has faults")

// newApp returns the command table.
func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                  "timeseam",
		Usage:                 "one feature definition; point-in-time-correct training sets",
		Version:               version,
		Writer:                stdout,
		ErrWriter:             stderr,
		HideHelpCommand:       true,
		Commands:              commands(),
		CustomAppHelpTemplate: appHelp,
		Flags:                 []cli.Flag{cli.HelpFlag}, // The library adds it only where it adds its own help command.
		OnUsageError:          usageError,
		ExitErrHandler:        func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c)
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true // Its argument may be a file called help.
	}
	return app
}

// commands are what there is to do, in the order in which a newcomer does it.
func commands() []*cli.Command {
	return []*cli.Command{
		demoCommand(), initCommand(), validateCommand(), testCommand(), explainCommand(), backfillCommand(), materializeCommand(), followCommand(), lagCommand(), leaksCommand(),
		listCommand(), describeCommand(), timelineCommand(), checkpointCommand(), completionCommand(), helpCommand(), versionCommand(),
	}
}

// The words of the flag library about a value that is not one of the flag's.
var (
	noValue    = regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-([a-z-]+): `)
	noVariable = regexp.MustCompile(`^could not parse "(.*)" as \w+ value from environment variable "(\w+)" for flag ([a-z-]+): `)
	noneGiven  = regexp.MustCompile(`^flag needs an argument: -+([a-z-]+)`)
	noFlag     = regexp.MustCompile(`^flag provided but not defined: -+(.*)`)
)

// usageError makes a wrong flag one sentence: with the nearest right one, or with
// what the flag takes.
func usageError(c *cli.Context, err error, _ bool) error {
	text, flags := err.Error(), c.Command.Flags
	if m := noFlag.FindStringSubmatch(text); m != nil {
		var names []string
		for _, f := range flags {
			names = append(names, f.Names()...)
		}
		text = "unknown flag " + asTyped(m[1])
		if n := event.Nearest(m[1], names); n != "" {
			text += "; did you mean --" + n + "?"
		}
	} else if m := noneGiven.FindStringSubmatch(text); m != nil {
		text = asTyped(m[1]) + " needs a value"
	} else if m := noValue.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s %s; give %s", asTyped(m[2]), visible(m[1]), taken(flags, m[2]))
	} else if m := noVariable.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s=%s stands for --%s; give %s", m[2], m[1], m[3], taken(flags, m[3]))
	}
	if c.Command.Name == c.App.Name {
		return wrongf("%s; see timeseam --help", text)
	}
	return wrongf("%s; see timeseam %s --help", text, c.Command.Name)
}

// asTyped is a flag as it is typed: a letter has one dash.
func asTyped(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + flag
}

// taken is what a flag takes.
func taken(flags []cli.Flag, name string) string {
	for _, f := range flags {
		if _, is := f.(*cli.BoolFlag); is && slices.Contains(f.Names(), name) {
			return "true or false"
		}
	}
	return "a whole number"
}

func unknownCommand(c *cli.Context) error {
	var names []string
	for _, command := range c.App.Commands {
		names = append(names, command.Name)
	}
	word := c.Args().First()
	if n := event.Nearest(word, names); n != "" {
		return wrongf("unknown command %s; did you mean %s?", word, n)
	}
	return wrongf("unknown command %s; there are %s", visible(word), strings.Join(names, ", "))
}

// visible is a word as it was typed, also if it was nothing.
func visible(word string) string {
	if word == "" {
		return `""`
	}
	return word
}

// reorder puts a subcommand's flags before its arguments, so that they may stand
// in any order; after -- nothing is a flag.
func reorder(app *cli.App, args []string) []string {
	if len(args) < 3 {
		return args
	}
	command := app.Command(args[1])
	if command == nil {
		return args
	}
	takes := map[string]bool{}
	for _, f := range command.Flags {
		if _, is := f.(*cli.BoolFlag); !is {
			for _, n := range f.Names() {
				takes[n] = true
			}
		}
	}
	var flags, rest []string
	for i := 2; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-h" || a == "-help" || a == "--help":
			return append(args[:2:2], "--help") // of the command, whatever else there is
		case a == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case len(a) > 1 && a[0] == '-':
			flags = append(flags, a)
			if !strings.Contains(a, "=") && takes[strings.TrimLeft(a, "-")] {
				if i++; i == len(args) {
					return append(args[:2:2], flags...) // its value is not there; the parser says so
				}
				flags = append(flags, args[i])
			}
		default:
			rest = append(rest, a)
		}
	}
	return append(append(append(args[:2:2], flags...), "--"), rest...)
}

// environment is the variable that stands for a flag.
func environment(flag string) []string {
	return []string{"TIMESEAM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

// oneArgument returns the command's only argument.
func oneArgument(c *cli.Context, what string) (string, error) {
	if c.NArg() == 1 && c.Args().First() == "-" {
		return "", wrongf("%s reads no standard input; write it to a file and name that", c.Command.Name)
	}
	if c.NArg() == 1 && c.Args().First() != "" {
		return c.Args().First(), nil
	}
	if c.NArg() == 1 {
		return "", wrongf("%s takes %s, and its name is empty; see timeseam %s --help", c.Command.Name, what, c.Command.Name)
	}
	if c.NArg() == 0 {
		return "", wrongf("%s takes %s; see timeseam %s --help", c.Command.Name, what, c.Command.Name)
	}
	return "", wrongf("%s takes %s, not %d arguments; see timeseam %s --help", c.Command.Name, what, c.NArg(), c.Command.Name)
}

// severalArguments returns the arguments of a command that takes definitions.
func severalArguments(c *cli.Context) ([]string, error) {
	if c.NArg() == 0 || slices.Contains(c.Args().Slice(), "") {
		return nil, wrongf("%[1]s takes at least one definition, none with an empty name; see timeseam %[1]s --help", c.Command.Name)
	}
	if slices.Contains(c.Args().Slice(), "-") {
		return nil, wrongf("%s reads no standard input; write it to a file and name that", c.Command.Name)
	}
	return c.Args().Slice(), nil
}

// jsonFlag asks for what programs read.
func jsonFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: usage, EnvVars: environment("json")}
}

// setFlag chooses one of a definition's training sets.
func setFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "training-set", Aliases: []string{"t"}, Usage: usage, EnvVars: environment("training-set")}
}
