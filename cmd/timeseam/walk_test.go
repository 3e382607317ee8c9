package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// Pages that take a reader by the hand are walked as a reader would: what they say to
// save is saved, what they say to type is typed, in an empty directory, line after
// line, and what they say comes out must come out.

var (
	fence   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	saved   = regexp.MustCompile("Save this as `([^`]+)`:\n\n$")
	seconds = regexp.MustCompile(`\b[0-9]+(\.[0-9]+)? m?s\b`)
	blanks  = regexp.MustCompile(` +`)
)

// walk is a page as a script of the shell, and what must come out of its blocks.
type walk struct {
	script string
	shown  map[int]string // by the number of the block
}

// newWalk reads a page: files to save, blocks of sh to type, and blocks of text that
// stand directly below one of those, to be seen.
func newWalk(page string) walk {
	w, b := walk{shown: map[int]string{}}, &strings.Builder{}
	typed, end := 0, 0
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		kind, body := page[m[2]:m[3]], page[m[4]:m[5]]
		switch name := saved.FindStringSubmatch(page[:m[0]]); {
		case name != nil:
			fmt.Fprintf(b, "cat > '%s' <<'END OF FILE'\n%sEND OF FILE\n", name[1], body)
		case kind == "sh":
			typed++
			fmt.Fprintf(b, "echo '=== %d'\n%s", typed, body)
			end = m[1]
		case kind == "text" && typed > 0 && strings.TrimSpace(page[end:m[0]]) == "":
			w.shown[typed] = body
		}
	}
	w.script = b.String()
	return w
}

// told is the lines of a text as they are compared: without times and columns.
func told(text string) []string {
	text = blanks.ReplaceAllString(seconds.ReplaceAllString(text, "TIME"), " ")
	return strings.Split(strings.TrimSpace(text), "\n")
}

// missing is the first line of want that does not stand in got, after those before it.
func missing(want, got []string) string {
	for _, line := range want {
		for len(got) > 0 && strings.TrimSpace(got[0]) != strings.TrimSpace(line) {
			got = got[1:]
		}
		if len(got) == 0 {
			return line
		}
		got = got[1:]
	}
	return ""
}

// TestDocsWalk walks the pages.
func TestDocsWalk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the pages speak of GNU's date and the shell of Linux")
	}
	path := programOnPath(t)
	for page, least := range map[string]int{"getting-started.md": 5, "cron.md": 1, "coming-from.md": 1, "visibility.md": 2} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("../../docs", page))
			if err != nil {
				t.Fatal(err)
			}
			w := newWalk(string(text))
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", w.script)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "PATH="+path, "LC_ALL=C")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			blocks := strings.Split(string(out), "=== ")[1:]
			if len(blocks) < least {
				t.Errorf("only %d blocks were typed", len(blocks))
			}
			for i, got := range blocks {
				if line := missing(told(w.shown[i+1]), told(got)); w.shown[i+1] != "" && line != "" {
					t.Errorf("the page shows %q, which did not come out of\n%s", line, got)
				}
			}
		})
	}
}

// TestDocsJobs holds that what docs/jobs.md shows of a worked job stands in that job's
// definition.
func TestDocsJobs(t *testing.T) {
	text, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	linked := regexp.MustCompile(`\]\(\.\./(specs/[a-z_]+/features\.yaml)\)`)
	shown := 0
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		block, link := fence.FindStringSubmatch(section), linked.FindStringSubmatch(section)
		if link == nil {
			t.Errorf("the section %q links no definition", strings.Split(section, "\n")[0])
			continue
		}
		if block == nil {
			continue
		}
		definition, err := os.ReadFile(filepath.Join("../..", link[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, line := range told(block[2]) {
			shown++
			if !strings.Contains(blanks.ReplaceAllString(string(definition), " "), strings.TrimSpace(line)) {
				t.Errorf("docs/jobs.md shows %q, which is not in %s", strings.TrimSpace(line), link[1])
			}
		}
	}
	if shown < 12 {
		t.Errorf("docs/jobs.md shows %d lines of definitions", shown)
	}
}

// TestDocsAirflow holds that docs/airflow.md shows the DAGs that are run.
func TestDocsAirflow(t *testing.T) {
	text, err := os.ReadFile("../../docs/airflow.md")
	if err != nil {
		t.Fatal(err)
	}
	dags, err := filepath.Glob("../../fixtures/airflow/dags/*.py")
	if err != nil || len(dags) < 2 {
		t.Fatalf("%d DAGs: %v", len(dags), err)
	}
	for _, dag := range dags {
		program, err := os.ReadFile(dag)
		if err != nil || !strings.Contains(string(text), "\n```python\n"+string(program)+"```\n") {
			t.Errorf("docs/airflow.md does not show %s as it is: %v", filepath.Base(dag), err)
		}
	}
}

// TestDocsCoverage holds that the tests that docs/coverage.md names are there, and that
// it names every spec.
func TestDocsCoverage(t *testing.T) {
	page, err := os.ReadFile("../../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, pattern := range []string{"../../*/*_test.go", "../../*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	for _, m := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(tests.String(), "\nfunc "+m[1]+"(") {
			t.Errorf("docs/coverage.md names %s, which is no test", m[1])
		}
	}
	specs, err := filepath.Glob("../../specs/*/features.yaml")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	for _, s := range specs {
		name := filepath.Base(filepath.Dir(s))
		if !strings.Contains(string(page), "](../specs/"+name+"/features.yaml)") {
			t.Errorf("docs/coverage.md does not say what specs/%s holds; add it to a row", name)
		}
	}
}
