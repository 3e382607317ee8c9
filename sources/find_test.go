package sources

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyTo puts a file of testdata at a new place.
func copyTo(t testing.TB, name string, to ...string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(to...)
	write(t, at, b)
	return at
}

func write(t testing.TB, at string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.parquet", "a.parquet", "sub/c.parquet", "k=1/d.parquet", "_k=2/e.parquet", "_tmp/x.parquet", ".hidden/x.parquet", "sub/.x.parquet", "sub/_x.parquet", "sub/deep/f.pq"} {
		copyTo(t, "required.parquet", dir, name)
	}
	write(t, filepath.Join(dir, "README.md"), []byte("not a table"))
	if err := os.Symlink(filepath.Join(dir, "sub"), filepath.Join(dir, "z-link")); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"":                 "_k=2/e.parquet a.parquet b.parquet k=1/d.parquet sub/c.parquet z-link/c.parquet",
		"a.parquet":        "a.parquet",
		"*.parquet":        "a.parquet b.parquet",
		"*":                "_k=2/e.parquet a.parquet b.parquet k=1/d.parquet sub/c.parquet z-link/c.parquet",
		"[ab].parquet":     "a.parquet b.parquet",
		"k=*":              "k=1/d.parquet",
		"?k=*/e.parquet":   "_k=2/e.parquet",
		"**/*.pq":          "sub/deep/f.pq",
		"**/d.parquet":     "k=1/d.parquet",
		"**":               "_k=2/e.parquet a.parquet b.parquet k=1/d.parquet sub/c.parquet z-link/c.parquet",
		"sub/**/f.pq":      "sub/deep/f.pq",
		"_tmp/*.parquet":   "_tmp/x.parquet",
		"sub/deep/f.pq":    "sub/deep/f.pq",
		"sub/_x.parquet":   "sub/_x.parquet",
		"{a,b}.parquet":    "",
		"none*":            "",
		"nowhere/*":        "",
		"sub/deep":         "",
		"[a.parquet":       "",
		"nothing.parquet":  "",
		"_tmp/none.parque": "",
	} {
		files, err := parquetEndings.list(filepath.Join(dir, pattern))
		var got []string
		for _, f := range files {
			rel, _ := filepath.Rel(dir, f.path)
			got = append(got, filepath.ToSlash(rel))
		}
		if strings.Join(got, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%s: %v (%v), want %s", pattern, got, err, want)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "sub", "circle")); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "leads back into itself") {
		t.Errorf("a circle of links: %v", err)
	}
}

// TestFindHive finds partitions in what stands between the root and the files.
func TestFindHive(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/hive":               "dt:date region:string shard:int64",
		"testdata/hive/dt=*":          "dt:date region:string shard:int64",
		"testdata/hive/dt=2026-01-01": "region:string shard:int64",
		"testdata/hive/dt=2026-01-0[12]/*/shard=*/*.parquet": "dt:date region:string shard:int64",
	} {
		table := find(t, path)
		var got []string
		for _, f := range table.Schema() {
			if table.columns[table.places[f.Name]].hive {
				got = append(got, f.Name+":"+f.Type.String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	if _, n := readAll(t, must(find(t, "testdata/hive/dt=2026-01-0*").Read([]string{"dt", "id"}))); n != 8 {
		t.Errorf("%d rows of two days, want 8", n)
	}
}

// must is for what a test has established to work.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHiveKinds types partitions by all their values.
func TestHiveKinds(t *testing.T) {
	for values, want := range map[string]string{
		"1 2 -3":                       "int64",
		"01 2":                         "int64",
		"1 x":                          "string",
		"1 2026-01-01":                 "string",
		"2026-01-01 2026-02-28":        "date",
		"2026-02-30":                   "string",
		"2026-1-1":                     "string",
		"1.5":                          "string",
		"__HIVE_DEFAULT_PARTITION__":   "string",
		"7 __HIVE_DEFAULT_PARTITION__": "int64",
		"99999999999999999999":         "string",
		"%C3%A9":                       "string",
		"2026-01-01%2000%3A00":         "timestamp",
		"2026-01-01 2026-01-01T05":     "string",
		"2026-01-01 2026-01-01T05:00":  "timestamp",
		"true false":                   "bool",
		"True FALSE":                   "bool",
		"true 1":                       "string",
		"0 1":                          "int64",
		"yes no":                       "string",
		"2026-01-01-05":                "string",
		"100%":                         "string",
		"+1":                           "string",
	} {
		var files []File
		for _, v := range strings.Fields(values) {
			files = append(files, File{hive: hivePairs("a/k=" + v)})
		}
		if got := hiveKind(files, "k").String(); got != want {
			t.Errorf("%s: %s, want %s", values, got, want)
		}
	}
	if p, _ := (&File{hive: hivePairs("k=a%2Fb%20c")}).partition("k"); p.value != "a/b c" {
		t.Errorf("escaped value is %q", p.value)
	}
}

// TestColumnErrors names the column, the files, and the mend.
func TestColumnErrors(t *testing.T) {
	for _, c := range []struct{ path, column, want string }{
		{"testdata/required.parquet", "idd", "no file of testdata/required.parquet has a column idd; did you mean id?"},
		{"testdata/required.parquet", "nothing_like_it", "no file of testdata/required.parquet has a column nothing_like_it"},
		{"testdata/conflict", "code", "testdata/conflict: column code is string in testdata/conflict/a.parquet and int64 in testdata/conflict/b.parquet; it must be of one type in all files"},
		{"testdata/conflict", "list", "testdata/conflict: column list is a list, which features cannot read"},
		{"testdata/unreadable.parquet", "tags", "testdata/unreadable.parquet: column tags is a list, which features cannot read"},
		{"testdata/unreadable.parquet", "place", "testdata/unreadable.parquet: column place is a struct, which features cannot read; its fields are columns: place.lat"},
		{"testdata/unreadable.parquet", "pairs", "testdata/unreadable.parquet: column pairs is a map, which features cannot read"},
		{"testdata/unreadable.parquet", "wide", "testdata/unreadable.parquet: column wide is decimal(50,2); decimals have up to 38 digits"},
	} {
		table := find(t, c.path)
		err := table.Check([]string{c.column})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s: %v, want %s", c.path, c.column, err, c.want)
		}
		for _, open := range []func() error{
			func() error { _, err := table.Read([]string{c.column}); return err },
			func() error { _, err := table.Parts([]string{c.column}, 1); return err },
		} {
			var missing *MissingColumn
			var unreadable *UnreadableColumn
			if err := open(); !errors.As(err, &missing) && !errors.As(err, &unreadable) {
				t.Errorf("%s %s: opened with %v", c.path, c.column, err)
			}
		}
		if c.path != "testdata/required.parquet" && table.Check([]string{"id"}) != nil {
			t.Errorf("%s: one column that cannot be read keeps another from being read", c.path)
		}
	}
}

// TestRefused says what is wrong with what is no table.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	whole := must(os.ReadFile("testdata/types.parquet"))
	at := func(name string) string { return filepath.Join(dir, name) }
	encrypted := append([]byte("PARE"), whole[4:len(whole)-4]...)
	long := append([]byte{}, whole...)
	copy(long[len(long)-8:], "\xff\xff\xff\x7f")
	for name, b := range map[string][]byte{
		"zero.parquet": {}, "short.parquet": []byte("PAR1"), "text.parquet": []byte("id,amount\n1,2\n3,4\n"), "cut.parquet": whole[:len(whole)/2],
		"pare.parquet": append(encrypted, "PARE"...), "long.parquet": long, "empty/README": []byte("x"),
	} {
		write(t, at(name), b)
	}
	if err := os.Symlink(os.DevNull, at("null.parquet")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                   "its path is empty",
		"s3://lake/x/":       "open s3://lake/x/: there is no access to buckets here",
		"gs://lake/x/":       "open gs://lake/x/: reading from gs:// is not built yet",
		at("nowhere"):        "nowhere: no such file or directory",
		at("empty"):          "no *.parquet file is there",
		at("zero.parquet"):   "zero.parquet: it is empty (0 bytes)",
		at("short.parquet"):  "short.parquet: it has only 4 bytes and is no Parquet file",
		at("text.parquet"):   `text.parquet: it is no Parquet file: it begins with "id,a"`,
		at("cut.parquet"):    "cut.parquet: it is cut off: it begins as a Parquet file and does not end as one",
		at("pare.parquet"):   "pare.parquet: it is encrypted; encrypted Parquet files cannot be read",
		at("long.parquet"):   "long.parquet: it is damaged: it states 2147483647 bytes of metadata and has ",
		at("null.parquet"):   "null.parquet: it is no regular file",
		"testdata/write.py":  "it is no Parquet file",
		at("nowhere/*.parq"): "no such file or directory",
	} {
		if _, err := Find(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestChanged refuses a file that is not the one whose footer was read.
func TestChanged(t *testing.T) {
	at := copyTo(t, "required.parquet", t.TempDir(), "a.parquet")
	table := find(t, at)
	s := must(table.Read([]string{"id"}))
	copyTo(t, "types.parquet", at)
	_, err := readError(t, s)
	if err == nil || !strings.Contains(err.Error(), "it was changed while it was being read") {
		t.Errorf("a changed file: %v", err)
	}
}
