package timetravel_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

var rewrite = flag.Bool("rewrite", false, "write the values of the naive evaluator into the specs' expected.csv")

// spec is a definition with data, and the values it must give.
type spec struct {
	name       string
	dir        string
	text       string // of the definition
	definition *features.Definition
	set        string // the training set
	sources    map[string]table
	spine      table
	plans      map[*features.Definition]*features.Plan // those made already; nil: none is kept
}

// driver is a way to have a spec's questions answered by the engine. It answers
// every row of the spine, in order, with the columns of the service.
type driver struct {
	name   string
	answer func(tb testing.TB, s *spec) answers
}

// sampled is how many rows of a large spine the naive evaluator answers.
const sampled = 500

// TestSpecs takes every folder of specs through the naive evaluator and every
// driver; all must give the expected values.
func TestSpecs(t *testing.T) {
	for _, dir := range specFolders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			s := readSpec(t, dir)
			if s.large() {
				checkLarge(t, s)
				return
			}
			naive := naiveAnswers(s.definition, s.set, s.sources, s.spine)
			if *rewrite {
				s.rewrite(t, naive)
			}
			want := s.expected(t, naive)
			if report := differences(s, naive, want, nil); report != "" {
				t.Errorf("the naive evaluator:\n%s", report)
			}
			for _, d := range driversOf(s.name) {
				if report := differences(s, d.answer(t, s), want, nil); report != "" {
					t.Errorf("%s:\n%s", d.name, report)
				}
			}
		})
	}
}

// checkLarge holds the drivers to the expected values of every row, and the
// naive evaluator to those of some.
func checkLarge(t *testing.T, s *spec) {
	rows := sampleRows(len(s.spine.rows), sampled)
	naive := naiveAnswers(s.definition, s.set, s.sources, s.spine, rows...)
	want := s.expected(t, naive)
	if report := differences(s, naive, want, rows); report != "" {
		t.Errorf("the naive evaluator:\n%s", report)
	}
	ways := driversOf(s.name)
	if testing.Short() {
		ways = ways[:2] // Those with goroutines: the race detector makes the others take minutes.
	}
	for _, d := range ways {
		got := d.answer(t, s)
		if report := differences(s, got, want, nil); report != "" {
			t.Errorf("%s:\n%s", d.name, report)
		}
		if report := differences(s, pickRows(got, rows), naive, nil); report != "" {
			t.Errorf("%s and the naive evaluator:\n%s", d.name, report)
		}
	}
}

// sampleRows is some rows of a table, by a fixed seed.
func sampleRows(rows, most int) []int {
	if rows <= most {
		return nil
	}
	sample := rand.New(rand.NewPCG(1, 1)).Perm(rows)[:most]
	slices.Sort(sample)
	return sample
}

func pickRows(a answers, rows []int) answers {
	if rows == nil {
		return a
	}
	picked := a
	picked.rows = nil
	for _, i := range rows {
		picked.rows = append(picked.rows, a.rows[i])
	}
	return picked
}

func specFolders(t *testing.T) []string {
	files, err := filepath.Glob("../specs/*/features.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	for i := range files {
		files[i] = filepath.Dir(files[i])
	}
	return files
}

func readSpec(tb testing.TB, dir string) *spec {
	file := filepath.Join(dir, "features.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	s := &spec{name: filepath.Base(dir), dir: dir, text: string(text), sources: map[string]table{}}
	if s.definition, err = features.Load(file, text); err != nil {
		tb.Fatal(err)
	}
	if len(s.definition.TrainingSets) != 1 {
		tb.Fatalf("%s has %d training sets, a spec has one", file, len(s.definition.TrainingSets))
	}
	s.set = s.definition.TrainingSets[0].Name.Value
	for _, source := range s.definition.Sources {
		s.sources[source.Name.Value] = s.table(tb, source.Name.Value)
	}
	if setOf(s.definition, s.set).Spine.Source.Given() {
		s.spine = naiveSpine(s.definition, s.set, s.sources)
	} else {
		s.spine = s.table(tb, "spine")
	}
	return s
}

// large reports whether the expected values stand in a Parquet file, of another
// tool's making.
func (s *spec) large() bool { return s.exists("expected.parquet") }

func (s *spec) exists(file string) bool {
	_, err := os.Stat(filepath.Join(s.dir, file))
	return err == nil
}

// table reads a table from text or, where there is none, from Parquet. The spine
// of a large spec may be the source itself.
func (s *spec) table(tb testing.TB, name string) table {
	text, err := os.ReadFile(filepath.Join(s.dir, name+".csv"))
	var t table
	switch {
	case err == nil:
		t, err = parseTable(string(text))
	case errors.Is(err, fs.ErrNotExist):
		t, err = readParquet(s.parquet(name))
	}
	if err != nil {
		tb.Fatalf("%s of spec %s: %v", name, s.name, err)
	}
	return t
}

// parquet is where the definition says that a table lies.
func (s *spec) parquet(name string) string {
	if name == "spine" {
		return filepath.Join(s.dir, s.definition.TrainingSets[0].Spine.Table.Path.Value)
	}
	for _, source := range s.definition.Sources {
		if source.Name.Value == name {
			return filepath.Join(s.dir, source.History.Path.Value)
		}
	}
	return filepath.Join(s.dir, name+".parquet")
}

// expected is what the spec says: a text table with the spine's columns and the
// features, or a Parquet file with the features. It checks names, types, and
// that the spine came through as it was.
func (s *spec) expected(t *testing.T, like answers) answers {
	t.Helper()
	e := s.table(t, "expected")
	want := answers{schema: like.schema, exact: like.exact}
	offset := 0
	if !s.large() {
		offset = len(s.spine.schema)
		s.checkSpine(t, e)
	} else {
		e = e.project(t, like.schema)
		want.exact = make([]bool, len(like.exact)) // another tool's last bits are its own
	}
	if got := e.schema[offset:]; !s.large() && fmt.Sprint(got) != fmt.Sprint(like.schema) {
		t.Fatalf("expected.csv has the columns\n%v, the definition\n%v; run with -rewrite and read the difference", got, like.schema)
	}
	for _, row := range e.rows {
		want.rows = append(want.rows, row[offset:])
	}
	return want
}

// project is the table's columns of those names, in that order and of that type.
func (t table) project(tb testing.TB, columns event.Schema) table {
	p := table{schema: columns, rows: make([][]value, len(t.rows))}
	for _, f := range columns {
		c := t.schema.Index(f.Name)
		if c < 0 {
			tb.Fatalf("there is no expected column %s", f.Name)
		}
		for i, row := range t.rows {
			p.rows[i] = append(p.rows[i], widen(row[c], f.Type))
		}
	}
	return p
}

func (s *spec) checkSpine(t *testing.T, e table) {
	t.Helper()
	n := len(s.spine.schema)
	if len(e.rows) != len(s.spine.rows) || len(e.schema) < n || fmt.Sprint(e.schema[:n]) != fmt.Sprint(s.spine.schema) {
		t.Fatalf("expected.csv does not start with the columns of spine.csv, row for row; run with -rewrite and read the difference")
	}
	for i, row := range e.rows {
		if !sameAll(row[:n], s.spine.rows[i]) {
			t.Fatalf("row %d of expected.csv is not that of spine.csv", i+1)
		}
	}
}

// rewrite writes expected.csv, keeping the remarks at its head.
func (s *spec) rewrite(t *testing.T, a answers) {
	path := filepath.Join(s.dir, "expected.csv")
	var out strings.Builder
	if old, err := os.ReadFile(path); err == nil {
		for line := range strings.Lines(string(old)) {
			if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
				break
			}
			out.WriteString(line)
		}
	}
	e := table{schema: append(slices.Clone(s.spine.schema), a.schema...)}
	for i, row := range a.rows {
		e.rows = append(e.rows, append(slices.Clone(s.spine.rows[i]), row...))
	}
	out.WriteString(e.String())
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The tolerance for columns that are not exact.
const relative, absoluteTolerance = 1e-6, 1e-9

// differences says where got is not want, "" if nowhere. rows are the rows of
// the spine that got answers; nil: all.
func differences(s *spec, got, want answers, rows []int) string {
	want = pickRows(want, rows)
	var b strings.Builder
	if fmt.Sprint(got.schema) != fmt.Sprint(want.schema) {
		return fmt.Sprintf("columns %v\nwant    %v", got.schema, want.schema)
	}
	if len(got.rows) != len(want.rows) {
		return fmt.Sprintf("%d rows, want %d", len(got.rows), len(want.rows))
	}
	found := 0
	for i, row := range got.rows {
		for c, v := range row {
			if want.exact[c] && same(v, want.rows[i][c]) || !want.exact[c] && near(v, want.rows[i][c], relative, absoluteTolerance) {
				continue
			}
			if found++; found > 20 {
				continue
			}
			at := i
			if rows != nil {
				at = rows[i]
			}
			f := want.schema[c]
			fmt.Fprintf(&b, "row %d %s: %s = %s, want %s\n", at+1, identities(s.spine.rows[at]), f.Name, formatCell(v, f.Type), formatCell(want.rows[i][c], f.Type))
		}
	}
	if found > 20 {
		fmt.Fprintf(&b, "and %d more\n", found-20)
	}
	return b.String()
}
