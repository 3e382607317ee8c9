package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestFlagTypos holds that every flag of every command, with a letter left out, is
// refused with the flag that was meant: those of commands to come too.
func TestFlagTypos(t *testing.T) {
	tried := 0
	for _, c := range commands() {
		for _, f := range c.Flags {
			name := f.Names()[0]
			typo := name[:len(name)/2] + name[len(name)/2+1:]
			dashes := "--"
			if len(typo) == 1 {
				dashes = "-"
			}
			args := []string{"timeseam", c.Name, dashes + typo, "1"}
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), args, &stdout, &stderr)
			want := "timeseam: unknown flag " + dashes + typo + "; did you mean --" + name + "?; see timeseam " + c.Name + " --help\n"
			if code != exitWrong || stderr.String() != want || stdout.Len() > 0 {
				t.Errorf("%s: exit code %d, %q, want %q", strings.Join(args, " "), code, stderr.String(), want)
			}
			tried++
			missing := []string{"timeseam", c.Name, "--" + name}
			if _, is := f.(*cli.BoolFlag); is {
				continue
			}
			stderr.Reset()
			if code := run(context.Background(), missing, &stdout, &stderr); code != exitWrong || !strings.Contains(stderr.String(), "--"+name+" needs a value") {
				t.Errorf("%s: exit code %d, %q", strings.Join(missing, " "), code, stderr.String())
			}
		}
		var stdout, stderr bytes.Buffer
		typo := c.Name[:len(c.Name)-1]
		if code := run(context.Background(), []string{"timeseam", typo}, &stdout, &stderr); code != exitWrong || !strings.Contains(stderr.String(), "unknown command "+typo+"; did you mean "+c.Name+"?") {
			t.Errorf("timeseam %s: exit code %d, %q", typo, code, stderr.String())
		}
		if len(c.Usage) == 0 || len(c.Usage) > 65 {
			t.Errorf("the usage of %s takes %d columns", c.Name, len(c.Usage))
		}
	}
	if tried < 20 {
		t.Errorf("only %d flags were found", tried)
	}
}
