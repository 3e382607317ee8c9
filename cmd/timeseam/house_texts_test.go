package main_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// foreign is what no text of the project may hold: places of one machine, and
// hosts that a build might quietly depend on. The patterns are written so that
// they do not match themselves.
var foreign = regexp.MustCompile(`/wor[k]/|/roo[t]/|/hom[e]/[a-z]|/User[s]/[A-Za-z]|C:\\[\\]?User[s]|proxy\.golan[g]\.org|sum\.golan[g]\.org|pyp[i]\.org|files\.pythonhoste[d]\.org|registry\.npmj[s]\.org|index\.crate[s]\.io`)

// textEndings are the files that people write.
var textEndings = []string{".go", ".md", ".yaml", ".yml", ".txt", ".txtar", ".py", ".sh", ".json", ".mod", ".sum", ".csv", ".golden", ""}

// TestHouseTexts holds every text to UTF-8, to end in a line's end, and to name no
// machine.
func TestHouseTexts(t *testing.T) {
	err := walkHouse(func(name string) error {
		if !slices.Contains(textEndings, path.Ext(name)) || path.Base(name) == "go.sum" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(houseRoot, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 && path.Ext(name) == "" {
			return nil // a program that somebody built here
		}
		if !utf8.Valid(text) {
			t.Errorf("%s is not UTF-8", name)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if at := foreign.FindString(line); at != "" {
				t.Errorf("%s:%d: %q names a machine or a host; the project stands alone", name, i+1, at)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	link   = regexp.MustCompile(`\[[^\]]*\]\(([^)#:\s]+)(#[^)]*)?\)`)
	number = regexp.MustCompile(`\bS([0-9]+)(\.[0-9]+)?\b`)
)

// TestHouseLinks holds that what a page points to is there.
func TestHouseLinks(t *testing.T) {
	all := pages(t)
	for _, must := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/semantics.md", "docs/architecture.md", "docs/formats.md", "docs/cli.md", "docs/benchmarks.md"} {
		if all[must] == "" {
			t.Errorf("%s is missing", must)
		}
	}
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to := path.Join(path.Dir(name), m[1])
			if _, err := os.Stat(filepath.Join(houseRoot, filepath.FromSlash(to))); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	}
}

// pages is every page of documentation, by its name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := walkHouse(func(name string) error {
		if path.Ext(name) != ".md" || strings.HasPrefix(name, "fixtures/cases/") { // those are others' words
			return nil
		}
		text, err := os.ReadFile(filepath.Join(houseRoot, filepath.FromSlash(name)))
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestHouseCitations holds that a sentence of docs/semantics.md that is cited in code
// or in a page is there.
func TestHouseCitations(t *testing.T) {
	law := pages(t)["docs/semantics.md"]
	stands := func(s string) bool {
		return strings.Contains(law, "\n## "+s+" ") || strings.Contains(law, "\n**"+s+"** ")
	}
	for _, f := range houseFiles(t) {
		for _, group := range f.syntax.Comments {
			for _, comment := range group.List {
				if strings.Contains(comment.Text, "S1^2") {
					continue // algebra
				}
				for _, cited := range number.FindAllString(comment.Text, -1) {
					if !stands(cited) {
						t.Errorf("%s: %s is no sentence of docs/semantics.md", houseSet.Position(comment.Pos()), cited)
					}
				}
			}
		}
	}
}

// TestHouseDependencies holds that every module imported directly is a decision.
func TestHouseDependencies(t *testing.T) {
	page := pages(t)["docs/decisions/0006-dependencies.md"]
	var modules [][]string
	for _, row := range regexp.MustCompile("(?m)^\\| `[^|]*").FindAllString(page, -1) {
		modules = append(modules, codeSpans.FindAllStringSubmatch(row, -1)...)
	}
	used := map[string]bool{}
	for _, f := range houseFiles(t) {
		for _, imported := range importsOf(t, f) {
			if !strings.Contains(strings.Split(imported, "/")[0], ".") || strings.HasPrefix(imported, modulePath) {
				continue
			}
			known := false
			for _, m := range modules {
				if imported == m[1] || strings.HasPrefix(imported, m[1]+"/") {
					known, used[m[1]] = true, true
				}
			}
			if !known {
				t.Errorf("%s: %s stands in no row of docs/decisions/0006-dependencies.md", f.path, imported)
			}
		}
	}
	for _, m := range modules {
		if !used[m[1]] {
			t.Errorf("docs/decisions/0006-dependencies.md has a row for %s, which nothing imports", m[1])
		}
	}
}

var codeSpans = regexp.MustCompile("`([^`]+)`")

var mapped = regexp.MustCompile("`([a-z0-9_*]+\\.go)`")

// TestHouseMap holds that the file map of docs/architecture.md names the files
// that are there, room by room.
func TestHouseMap(t *testing.T) {
	_, text, _ := strings.Cut(pages(t)["docs/architecture.md"], "\n## File map\n")
	text, _, _ = strings.Cut(text, "\n## ")
	named := map[string][]string{}
	for _, paragraph := range strings.Split(text, "\n\n") {
		room, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(paragraph), "**"), "**:")
		if !ok || strings.Contains(rest, "doc.go)") {
			continue // a room whose doc.go has the map
		}
		for _, m := range mapped.FindAllStringSubmatch(rest, -1) {
			named[room] = append(named[room], m[1])
		}
	}
	for _, f := range houseFiles(t) {
		base := path.Base(f.path)
		if files := named[f.folder]; files != nil && !f.test() && base != "doc.go" && !slices.Contains(files, base) {
			t.Errorf("the file map of docs/architecture.md does not name %s", f.path)
		}
	}
	for room, files := range named {
		for _, base := range files {
			if found, _ := filepath.Glob(filepath.Join(houseRoot, filepath.FromSlash(room), base)); len(found) == 0 {
				t.Errorf("the file map of docs/architecture.md names %s in %s, which is not there", base, room)
			}
		}
	}
}
