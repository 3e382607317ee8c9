package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	readmeFile  = regexp.MustCompile("(?s)Save this as `([^`]+)`:\n\n```yaml\n(.*?)```")
	readmeShell = regexp.MustCompile("(?s)\n```sh\n(.*?)```")
)

// TestReadme does what README.md tells a newcomer to do, line by line, in an empty
// directory.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	ran := 0
	for _, block := range readmeShell.FindAllSubmatchIndex(text, -1) {
		saveReadmeFiles(t, text[:block[0]])
		for _, line := range strings.Split(string(text[block[2]:block[3]]), "\n") {
			rest, ok := strings.CutPrefix(line, "go run ./cmd/timeseam ")
			if !ok {
				continue // make test is what runs this
			}
			ran++
			var stdout, stderr bytes.Buffer
			args := append([]string{"timeseam"}, strings.Fields(rest)...)
			if code := run(context.Background(), args, &stdout, &stderr); code != exitDone || stdout.Len() == 0 {
				t.Fatalf("%s: exit code %d\n%s%s", line, code, stdout.String(), stderr.String())
			}
		}
	}
	if ran < 5 {
		t.Errorf("README.md shows %d commands to run", ran)
	}
	for _, made := range []string{"timeseam-demo/mine.parquet", "timeseam-demo/mine.parquet.manifest.json"} {
		if _, err := os.Stat(made); err != nil {
			t.Errorf("the commands of README.md leave no %s", made)
		}
	}
	mistake(t, text)
}

// mistake holds that the fault that the page shows is what is said of that mistake.
func mistake(t *testing.T, text []byte) {
	m := regexp.MustCompile("(?s)\n```text\n(.*?)\n```").FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md shows no mistake")
	}
	right, err := os.ReadFile("timeseam-demo/mine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("mine.yaml", bytes.Replace(right, []byte("sum(amount)"), []byte("sum(ammount)"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("timeseam-demo", "data"), "data"); err != nil {
		t.Skip("no symbolic links here")
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"timeseam", "validate", "mine.yaml"}, &stdout, &stderr)
	if code != exitWrong || strings.TrimSpace(stderr.String()) != string(m[1]) {
		t.Errorf("README.md shows %q, and exit code %d says %q", m[1], code, stderr.String())
	}
}

// saveReadmeFiles writes the files that the page shows up to here, where their
// directory is there already.
func saveReadmeFiles(t *testing.T, text []byte) {
	for _, m := range readmeFile.FindAllSubmatch(text, -1) {
		name := string(m[1])
		if _, err := os.Stat(filepath.Dir(name)); err != nil {
			t.Fatalf("README.md saves %s before its directory is made", name)
		}
		if err := os.WriteFile(name, m[2], 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
