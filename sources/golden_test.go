package sources

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// goldens are the tables of testdata that have a golden file.
func goldens(t testing.TB) (names []string) {
	t.Helper()
	for folder, least := range map[string]int{"testdata": 25, "testdata/makers": 60} {
		files, err := filepath.Glob(folder + "/*.golden")
		if err != nil || len(files) < least {
			t.Fatalf("%d golden files in %s (%v)", len(files), folder, err)
		}
		for _, f := range files {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, "testdata/"), ".golden"))
		}
	}
	slices.Sort(names)
	return names
}

// goldenPath is the table beside a golden file: a file or a folder.
func goldenPath(name string) string {
	if _, err := os.Stat("testdata/" + name + ".parquet"); err == nil {
		return "testdata/" + name + ".parquet"
	}
	return "testdata/" + name
}

// TestGolden reads what other tools wrote and holds it to what they were given:
// every type, null, page, dictionary and codec (R1), in one source, in parts,
// and with the columns in another order (R2).
func TestGolden(t *testing.T) {
	for _, name := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			g, table := readGolden(t, name), find(t, goldenPath(name))
			if got := goldenHead(table.Schema()); got != g.head {
				t.Fatalf("schema %s, want %s", got, g.head)
			}
			s, err := table.Read(g.names())
			if err != nil {
				t.Fatal(err)
			}
			text, rows := readAll(t, s)
			g.same(t, "read", rows, text)
			if d, err := Describe(t.Context(), goldenPath(name)); err != nil || d.Rows != int64(rows) || len(d.Columns) != len(table.Schema()) {
				t.Errorf("described as %d rows and %d columns (%v)", d.Rows, len(d.Columns), err)
			}
			if int64(rows) != table.Rows() {
				t.Errorf("%d rows, %d in the footers", rows, table.Rows())
			}
			parts, err := table.Parts(g.names(), 3)
			if err != nil {
				t.Fatal(err)
			}
			text, rows = nil, 0
			for _, p := range parts {
				more, n := readAll(t, p)
				text, rows = append(text, more...), rows+n
			}
			g.same(t, "read in parts", rows, text)
		})
	}
}

// TestGoldenAlone reads each column by itself: batches are cut elsewhere then, and
// no value may depend on it (R2).
func TestGoldenAlone(t *testing.T) {
	for _, name := range goldens(t) {
		g, table := readGolden(t, name), find(t, goldenPath(name))
		all, err := table.Read(g.names())
		if err != nil {
			t.Fatal(err)
		}
		whole, _ := readAll(t, all)
		lines := strings.Split(strings.TrimSuffix(string(whole), "\n"), "\n")
		for k, column := range g.names() {
			s, err := table.Read([]string{column})
			if err != nil {
				t.Fatal(err)
			}
			text, rows := readAll(t, s)
			if rows == 0 {
				continue
			}
			for i, v := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				if want := strings.Split(lines[i], "\t")[k]; v != want {
					t.Fatalf("%s: column %s alone has %q in row %d, and %q among others", name, column, v, i, want)
				}
			}
		}
	}
}

// TestOutOfType counts what a type cannot hold.
func TestOutOfType(t *testing.T) {
	for _, name := range []string{"out_of_type", "out_of_type_plain"} {
		table := find(t, "testdata/"+name+".parquet")
		for workers, open := range map[int]func() (event.Source, error){
			1: func() (event.Source, error) { return table.Read([]string{"u64", "ms"}) },
			2: func() (event.Source, error) {
				parts, err := table.Parts([]string{"u64", "ms"}, 2)
				return parts[0], err
			},
		} {
			s, err := open()
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, s)
			counts := s.(event.Counter).Counted()
			if got := counts[event.OutOfType]; got != 4 {
				t.Errorf("%s with %d: %d values out of type, want 4", name, workers, got)
			}
		}
	}
}
