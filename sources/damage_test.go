package sources

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store/storetest"
)

// readError reads to the end or to the first error, and holds every batch to the
// ground's rules.
func readError(t testing.TB, s event.Source) (rows int, err error) {
	t.Helper()
	defer s.Close()
	var b event.Batch
	for {
		err := s.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) && err != io.EOF {
			t.Fatalf("an error passes for the end: %v", err)
		}
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			if again := s.Read(t.Context(), &b); again == nil || again == io.EOF {
				t.Fatalf("after %v: %v", err, again)
			}
			return rows, err
		}
		if len(s.Schema()) > 0 {
			if err := checkBatch(s.Schema(), &b); err != nil {
				t.Fatal(err)
			}
		}
		rows += b.Len
	}
}

// survive reads what may be no table, every way there is.
func survive(t testing.TB, path string) (whole bool) {
	t.Helper()
	if _, err := Describe(t.Context(), path); err != nil && errors.Is(err, io.EOF) {
		t.Fatalf("describe: an error passes for the end: %v", err)
	}
	table, err := Find(path)
	if err != nil || table.Rows() > 1<<20 {
		return false
	}
	whole = true
	for _, f := range table.Schema() {
		table.Statistics(f.Name)
		s, err := table.Read([]string{f.Name})
		if err != nil {
			whole = false
			continue
		}
		rows, err := readError(t, s)
		if err == nil && int64(rows) != table.Rows() {
			t.Fatalf("column %s: %d rows without an error, and the footers say %d", f.Name, rows, table.Rows())
		}
		whole = whole && err == nil
	}
	s, err := table.Carry(nil, 1000)
	if err != nil {
		return false
	}
	rows, err := readError(t, s)
	if err == nil && int64(rows) != table.Rows() {
		t.Fatalf("%d rows carried without an error, and the footers say %d", rows, table.Rows())
	}
	return whole && err == nil
}

// damaged are small files that hold all types, codecs and encodings.
var damaged = []string{"types", "types_plain_v1", "encodings_v1", "encodings_v2", "decimals", "int96", "codec_snappy_v1", "codec_zstd_v2", "codec_gzip_v1", "codec_lz4_v1", "codec_lz4_v2", "codec_brotli_v1", "duckdb_v1", "duckdb_v2", "all_null",
	"makers/spark", "makers/spark_v2", "makers/spark_lz4", "makers/spark_legacy_plain", "makers/duckdb_bloom", "makers/polars", "makers/fastparquet_lz4", "makers/fastparquet_groups", "makers/parquetgo_v1", "makers/parquetgo_deltas",
	"makers/arrowgo_deltas", "makers/arrowgo_split", "makers/arrowgo_byte_array_decimals", "makers/pyarrow_checksums_v2", "makers/pyarrow_nested_v1", "makers/pyarrow_nested_v2", "makers/pyarrow_kinds_plain"}

// TestCut reads files that end too early: each is refused, none is read as if it
// were whole (R3).
func TestCut(t *testing.T) {
	at := filepath.Join(t.TempDir(), "cut.parquet")
	for _, name := range damaged {
		b := must(os.ReadFile("testdata/" + name + ".parquet"))
		for n := 0; n < len(b); n += 1 + len(b)/61 {
			write(t, at, b[:n])
			if survive(t, at) {
				t.Errorf("%s cut at %d of %d bytes is read as if it were whole", name, n, len(b))
			}
		}
	}
}

// TestFlipped reads files with some bytes changed. What comes may be wrong where
// no checksum tells, but it is a table or an error, and it comes at once (R3).
func TestFlipped(t *testing.T) {
	seed, times := rand.Uint64(), 200
	if testing.Short() {
		times = 20
	}
	for _, name := range damaged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			at := filepath.Join(t.TempDir(), "flipped.parquet")
			b := must(os.ReadFile("testdata/" + name + ".parquet"))
			for range times {
				c := append([]byte{}, b...)
				for range 1 + rng.IntN(4) {
					c[4+rng.IntN(len(c)-12)] ^= byte(1 << rng.IntN(8))
				}
				if rng.IntN(2) == 0 {
					c[4+rng.IntN(len(c)-12)] = 0xff
				}
				write(t, at, c)
				if survive(t, at); t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// TestFooterLies gives footers another length than they have.
func TestFooterLies(t *testing.T) {
	b := must(os.ReadFile("testdata/types.parquet"))
	n := binary.LittleEndian.Uint32(b[len(b)-8:])
	at := filepath.Join(t.TempDir(), "lies.parquet")
	for _, lie := range []uint32{0, 1, n - 1, n + 1, n / 2, uint32(len(b)) - 12, uint32(len(b)) - 11, uint32(len(b)), 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		c := slices.Clone(b)
		binary.LittleEndian.PutUint32(c[len(c)-8:], lie)
		write(t, at, c)
		_, err := Find(at)
		if err == nil || !strings.Contains(err.Error(), "lies.parquet") || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("a footer of %d bytes states %d: %v", n, lie, err)
		}
	}
}

// bodies are where the pages of a file lie that have checksums: begin and end.
func bodies(t *testing.T, f *File) (at [][2]int64) {
	t.Helper()
	r := must(f.open(t.Context()))
	defer r.Close()
	for g := range f.meta.RowGroups {
		for i := range f.meta.RowGroups[g].Columns {
			pages, dict, err := headsOf(r, &f.meta.RowGroups[g].Columns[i].MetaData)
			if err != nil {
				t.Fatal(err)
			}
			if dict != nil {
				pages = append(pages, *dict)
			}
			for _, p := range pages {
				if p.sum == 0 {
					t.Fatalf("%s: a page has no checksum", f.Path)
				}
				at = append(at, [2]int64{p.at, p.at + int64(p.stored)})
			}
		}
	}
	return at
}

// TestChecksums changes pages that have a checksum: both ways of reading refuse
// them, and name the row group and the column, as files and as objects.
func TestChecksums(t *testing.T) {
	s := storetest.Start(t)
	at := filepath.Join(t.TempDir(), "summed.parquet")
	named := regexp.MustCompile(`summed\.parquet: row group \d+, column [a-z0-9._]+: .*checksum`)
	for _, name := range []string{"pyarrow_checksums", "pyarrow_checksums_v2", "pyarrow_checksums_plain", "spark", "spark_v2", "parquetgo"} {
		whole := must(os.ReadFile("testdata/makers/" + name + ".parquet"))
		f := find(t, "testdata/makers/"+name+".parquet").Files[0]
		for k, page := range bodies(t, &f) {
			if page[0] == page[1] {
				continue
			}
			n := page[0] + int64(k)*7919%(page[1]-page[0])
			c := slices.Clone(whole)
			c[n] ^= 1 << (k % 8)
			write(t, at, c)
			tables := []*Table{find(t, at)}
			if k%4 == 0 { // objects go the same way, but for the bytes' own
				s.Put("summed.parquet", c)
				tables = append(tables, must(hasty(500).Find(t.Context(), "s3://lake/summed.parquet")))
			}
			for _, table := range tables {
				met := 0
				for _, col := range table.Schema() {
					if col.Type.Kind == event.Unknown {
						continue
					}
					if _, err := readError(t, must(table.Read([]string{col.Name}))); err != nil {
						if met++; !named.MatchString(err.Error()) {
							t.Errorf("%s: %v", name, err)
						}
					}
				}
				if met > 1 {
					t.Errorf("%s: a bit of byte %d is another, and %d columns are refused", name, n, met)
				}
				if _, err := readError(t, must(table.Carry(nil, 100))); err == nil || !named.MatchString(err.Error()) {
					t.Errorf("%s: a bit of byte %d is another: %s carried with %v", name, n, table.Path, err)
				}
			}
		}
	}
}

// FuzzOpen reads any bytes as a table.
func FuzzOpen(f *testing.F) {
	for _, name := range damaged {
		f.Add(must(os.ReadFile("testdata/" + name + ".parquet")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		at := filepath.Join(t.TempDir(), "fuzz.parquet")
		write(t, at, b)
		survive(t, at)
	})
}
