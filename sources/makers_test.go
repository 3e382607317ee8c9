package sources

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

var rewriteMakers = flag.Bool("rewrite-makers", false, "write the table of makers of docs/inputs.md anew")

// makers are those whose files stand in testdata, by how their files begin to say
// who wrote them.
var makers = []struct{ created, name string }{
	{"parquet-cpp-arrow", "pyarrow"}, {"DuckDB", "DuckDB"}, {"Polars", "Polars"}, {"parquet-mr", "Spark 4.3.0, parquet-mr"}, {"fastparquet", "fastparquet"},
	{"parquet-go version", "arrow-go"}, {"github.com/parquet-go", "parquet-go"},
}

// made is what the files of one maker have in them.
type made struct {
	versions, codecs, encodings, pages, physical map[string]bool
	files, summed                                int
	uncarried                                    []string
}

func (m *made) file(t *testing.T, f *File) {
	m.files++
	summed, r := false, must(f.open(t.Context()))
	defer r.Close()
	for g := range f.meta.RowGroups {
		for i := range f.meta.RowGroups[g].Columns {
			c := &f.meta.RowGroups[g].Columns[i].MetaData
			pages, dict, err := headsOf(r, c)
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			m.codecs[strings.ToLower(c.Codec.String())], m.physical[c.Type.String()] = true, true
			for _, p := range pages {
				m.encodings[p.encoding.String()], m.pages[fmt.Sprint("v", p.version)] = true, true
				summed = summed || p.sum != 0
			}
			if dict != nil {
				m.encodings["dictionary"] = true
			}
		}
	}
	if summed {
		m.summed++
	}
}

func listed(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// TestMakers holds the table of makers of docs/inputs.md to the files of testdata,
// all of which TestGolden reads and holds to the values they were given.
func TestMakers(t *testing.T) {
	all := map[string]*made{}
	for _, name := range goldens(t) {
		for _, f := range find(t, goldenPath(name)).Files {
			by := -1
			for i, m := range makers {
				if strings.HasPrefix(f.meta.CreatedBy, m.created) {
					by = i
				}
			}
			if by < 0 {
				t.Fatalf("%s was written by %q", f.Path, f.meta.CreatedBy)
			}
			m := all[makers[by].name]
			if m == nil {
				m = &made{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, 0, 0, nil}
				all[makers[by].name] = m
			}
			if m.file(t, &f); uncarried[name] != "" {
				m.uncarried = append(m.uncarried, strings.TrimPrefix(name, "makers/"))
			}
			version, _, _ := strings.Cut(f.meta.CreatedBy[strings.Index(f.meta.CreatedBy, "version ")+len("version "):], "(")
			m.versions[strings.TrimPrefix(strings.TrimSpace(version), "v")] = true
		}
	}
	table := "| written by | codecs | encodings | pages | checksums | files, all read | carried |\n|---|---|---|---|---|---|---|\n"
	encodings := map[string]bool{}
	for _, maker := range makers {
		m := all[maker.name]
		sums := "in some files"
		if m.summed == 0 {
			sums = "never"
		}
		carried := "all"
		if len(m.uncarried) > 0 {
			carried += " but " + strings.Join(m.uncarried, ", ")
		}
		table += fmt.Sprintf("| %s %s | %s | %s | %s | %s | %d | %s |\n", maker.name, listed(m.versions), listed(m.codecs), listed(m.encodings), listed(m.pages), sums, m.files, carried)
		maps.Copy(encodings, m.encodings)
	}
	for _, e := range []format.Encoding{format.Plain, oldDictionary, format.RLEDictionary, format.RLE, format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.DeltaByteArray, format.ByteStreamSplit} {
		if !encodings[e.String()] {
			t.Errorf("no file of testdata has the encoding %s", e)
		}
	}
	const page, begin, end = "../docs/inputs.md", "<!-- makers -->\n", "<!-- end of makers -->\n"
	text := string(must(os.ReadFile(page)))
	before, rest, found := strings.Cut(text, begin)
	have, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatalf("%s has no %q and %q", filepath.Base(page), begin, end)
	case *rewriteMakers:
		write(t, page, []byte(before+begin+table+end+after))
	case have != table:
		t.Errorf("docs/inputs.md has\n%s\nand the files have\n%s\nrun go test ./sources -run TestMakers -rewrite-makers", have, table)
	}
}

// headsOf reads the headers of all pages of a column chunk; dict is nil where there
// is no dictionary.
func headsOf(r io.ReaderAt, m *format.ColumnMetaData) (pages []pageHead, dict *pageHead, err error) {
	var headers headReader
	for headers.begin(m); headers.left > 0; {
		p, err := headers.next(r)
		switch {
		case err != nil:
			return nil, nil, err
		case p.version == 0:
			dict = &p
		default:
			pages = append(pages, p)
		}
	}
	return pages, dict, nil
}
