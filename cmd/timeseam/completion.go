package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:         "completion",
		Usage:        "print a script that completes commands as you type",
		ArgsUsage:    "bash | zsh | fish",
		OnUsageError: usageError,
		Description: `bash:  source <(timeseam completion bash)
zsh:   source <(timeseam completion zsh)
fish:  timeseam completion fish | source`,
		Action: completion,
	}
}

// shells are those that a script can be made for.
var shells = []string{"bash", "zsh", "fish"}

func completion(c *cli.Context) error {
	shell, err := oneArgument(c, "one shell: "+strings.Join(shells, ", "))
	if err != nil {
		return err
	}
	w := c.App.Writer
	switch shell {
	case "bash":
		completeBash(w, c.App.Commands)
	case "zsh":
		completeZsh(w, c.App.Commands)
	case "fish":
		completeFish(w, c.App.Commands)
	default:
		return wrongf("completion %s: no such shell; there are %s%s", visible(shell), strings.Join(shells, ", "), nearestOf(shell, shells))
	}
	return nil
}

// wordsAfter is the arguments that a command takes other than files.
func wordsAfter(command *cli.Command, all []*cli.Command) []string {
	switch command.Name {
	case "completion":
		return shells
	case "checkpoint":
		return checkpointWords
	case "help":
		return commandNames(all)
	}
	return nil
}

func commandNames(all []*cli.Command) (names []string) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// dashed is a flag's names as they are typed.
func dashed(f cli.Flag) (names []string) {
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	return names
}

// takesValue reports whether a word follows the flag.
func takesValue(f cli.Flag) bool {
	_, is := f.(*cli.BoolFlag)
	return !is
}

// usageOf is what a flag does.
func usageOf(f cli.Flag) string {
	if d, is := f.(cli.DocGenerationFlag); is {
		return d.GetUsage()
	}
	return ""
}

// setsOf is a line of the shell that prints the training sets of the definition in
// $spec.
const setsOf = `timeseam list -- "$spec" 2>/dev/null | awk '/^Training sets/ {on = 1; next} on {print $1}'`

func completeBash(w io.Writer, all []*cli.Command) {
	fmt.Fprintf(w, `# bash completion of timeseam; source <(timeseam completion bash)
_timeseam() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags="" words="" spec="" word
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "%s --help --version" -- "$cur")
    return
  fi
  case $prev in
  --training-set | -t)
    for word in "${COMP_WORDS[@]:2}"; do
      case $word in *.yaml | *.yml) spec=$word ;; esac
    done
    mapfile -t COMPREPLY < <(compgen -W "$(%s)" -- "$cur")
    return
    ;;
  esac
  case ${COMP_WORDS[1]} in
`, strings.Join(commandNames(all), " "), setsOf)
	for _, c := range all {
		var flags []string
		for _, f := range c.Flags {
			flags = append(flags, dashed(f)...)
		}
		fmt.Fprintf(w, "  %s) flags=\"%s --help\" words=\"%s\" ;;\n", c.Name, strings.Join(flags, " "), strings.Join(wordsAfter(c, all), " "))
	}
	fmt.Fprint(w, `  esac
  case $cur in
  -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur") ;;
  *)
    if [ -n "$words" ]; then
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
    ;;
  esac
}
complete -o filenames -F _timeseam timeseam
`)
}

// inQuotes is a text between the single quotes of a shell, that ends and begins
// them anew around each of its own.
func inQuotes(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func completeZsh(w io.Writer, all []*cli.Command) {
	described := func(name, usage string) string {
		return inQuotes(strings.ReplaceAll(name, ":", `\:`) + ":" + strings.ReplaceAll(usage, ":", `\:`))
	}
	fmt.Fprint(w, "#compdef timeseam\n# zsh completion of timeseam; source <(timeseam completion zsh)\n_timeseam() {\n  local -a commands flags sets\n  local spec\n  commands=(\n")
	for _, c := range all {
		fmt.Fprintf(w, "    %s\n", described(c.Name, c.Usage))
	}
	fmt.Fprintf(w, `  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  if [[ $words[CURRENT-1] == --training-set || $words[CURRENT-1] == -t ]]; then
    spec=${${(M)words:#*.(yaml|yml)}[1]}
    sets=(${(f)"$(%s)"})
    _describe 'training set' sets
    return
  fi
  case $words[2] in
`, setsOf)
	for _, c := range all {
		var flags []string
		for _, f := range c.Flags {
			for _, name := range dashed(f) {
				flags = append(flags, described(name, usageOf(f)))
			}
		}
		fmt.Fprintf(w, "  %s)\n    flags=(%s)\n", c.Name, strings.Join(flags, " "))
		if words := wordsAfter(c, all); words != nil {
			fmt.Fprintf(w, "    compadd -- %s\n    return\n", strings.Join(words, " "))
		}
		fmt.Fprint(w, "    ;;\n")
	}
	fmt.Fprint(w, `  esac
  if [[ $PREFIX == -* ]]; then
    _describe flag flags
  else
    _files
  fi
}
if [[ $funcstack[1] == _timeseam ]]; then _timeseam; else compdef _timeseam timeseam; fi
`)
}

func completeFish(w io.Writer, all []*cli.Command) {
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	fmt.Fprint(w, `# fish completion of timeseam; timeseam completion fish | source
function __timeseam_sets
  for spec in (commandline -opc | string match -r '.*\.ya?ml$')
    timeseam list -- $spec 2>/dev/null | awk '/^Training sets/ {on = 1; next} on {print $1}'
  end
end
`)
	for _, c := range all {
		fmt.Fprintf(w, "complete -c timeseam -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, quote(c.Usage))
		seen := fmt.Sprintf("complete -c timeseam -n '__fish_seen_subcommand_from %s'", c.Name)
		if words := wordsAfter(c, all); words != nil {
			fmt.Fprintf(w, "%s -f -a %s\n", seen, quote(strings.Join(words, " ")))
		}
		for _, f := range c.Flags {
			line := seen
			for _, name := range f.Names() {
				if len(name) == 1 {
					line += " -s " + name
				} else {
					line += " -l " + name
				}
			}
			if slices.Contains(f.Names(), "training-set") {
				line += " -f -a '(__timeseam_sets)'"
			}
			if takesValue(f) {
				line += " -r"
			}
			fmt.Fprintf(w, "%s -d %s\n", line, quote(usageOf(f)))
		}
	}
}
