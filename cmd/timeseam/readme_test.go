package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestReadme does what README.md tells a newcomer to do, in an empty directory.
func TestReadme(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the page is walked by a shell")
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := newWalk(string(text)).script
	for said, typed := range map[string]string{
		"go run ./cmd/timeseam ": "timeseam ",
		"make test\n":            "", // is what runs this
	} {
		if !strings.Contains(script, said) {
			t.Errorf("README.md does not say %q", said)
		}
		script = strings.ReplaceAll(script, said, typed)
	}
	t.Chdir(t.TempDir())
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+programOnPath(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, made := range []string{"timeseam-demo/training.parquet", "mine.parquet", "mine.parquet.manifest.json"} {
		if _, err := os.Stat(made); err != nil {
			t.Errorf("the commands of README.md leave no %s", made)
		}
	}
	mistake(t, text)
}

// programOnPath is a PATH that begins with a directory in which this test binary is
// called timeseam, which makes it the program (TestMain).
func programOnPath(t *testing.T) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "timeseam")); err != nil {
		t.Fatal(err)
	}
	return bin + ":" + os.Getenv("PATH")
}

// mistake holds that the fault that the page shows is what is said of that mistake.
func mistake(t *testing.T, text []byte) {
	m := regexp.MustCompile("(?s)\n```text\n(mine\\.yaml:.*?)\n```").FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md shows no mistake")
	}
	right, err := os.ReadFile("mine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("mine.yaml", bytes.Replace(right, []byte("sum(amount)"), []byte("sum(ammount)"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"timeseam", "validate", "mine.yaml"}, &stdout, &stderr)
	if code != exitWrong || strings.TrimSpace(stderr.String()) != string(m[1]) {
		t.Errorf("README.md shows %q, and exit code %d says %q", m[1], code, stderr.String())
	}
}
