package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/fixtures"
)

// TestDocsVisibility holds that docs/visibility.md shows what is told of the
// reference workload, and that its one number is that of the report.
func TestDocsVisibility(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a million events")
	}
	page, err := os.ReadFile("../../docs/visibility.md")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "S")
	w, err := fixtures.Size("S")
	if err == nil {
		err = w.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TIMESEAM_BENCH_DATA", data)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"timeseam", "lag", "../../specs/bench/b.yaml"}, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if !strings.Contains(string(page), "\n```text\n"+stdout.String()+"```\n") {
		t.Errorf("docs/visibility.md does not show\n%s", stdout.String())
	}
	m := regexp.MustCompile(`(?m)^([0-9.]+)% of the values differ; ([0-9.]+)% of the rows`).FindStringSubmatch(stdout.String())
	if m == nil || !strings.Contains(string(page), "**"+m[2]+" % of the rows have a value that arrival changes**, and "+m[1]+" % of all values") {
		t.Errorf("docs/visibility.md has another number than %q", m)
	}
}
