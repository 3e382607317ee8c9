package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

// lake writes files of CSV, by path, and returns their folder.
func lake(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, full, []byte(text))
	}
	return dir
}

// days is a lake of a file for each folder.
func days(t testing.TB, folders ...string) string {
	t.Helper()
	files := map[string]string{}
	for _, f := range folders {
		if name := path.Base(f); strings.HasPrefix(name, "_") && !strings.Contains(name, "=") {
			files[f] = ""
		} else {
			files[f+"/a.csv"] = "x\n1\n"
		}
	}
	return lake(t, files)
}

// span writes a span as tests compare it.
func spanText(s event.Span) string {
	short := func(t event.Time) string {
		return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(t.String(), "Z"), ":00"), "T00:00")
	}
	return short(s.From) + " " + short(s.To)
}

// TestSpanOf holds which times folders stand for, and what is refused.
func TestSpanOf(t *testing.T) {
	for folders, want := range map[string]string{
		"dt=2026-01-31":                          "2026-01-31 2026-02-01",
		"dt=20260131":                            "2026-01-31 2026-02-01",
		"dt=2024-02-29":                          "2024-02-29 2024-03-01",
		"dt=1969-12-31":                          "1969-12-31 1970-01-01",
		"ym=2026-12":                             "2026-12-01 2027-01-01",
		"ym=202612":                              "2026-12-01 2027-01-01",
		"y=2026":                                 "2026-01-01 2027-01-01",
		"h=2026-01-31-23":                        "2026-01-31T23:00 2026-02-01",
		"h=2026-01-31T23":                        "2026-01-31T23:00 2026-02-01",
		"h=2026-01-31%2023":                      "2026-01-31T23:00 2026-02-01",
		"h=2026013123":                           "2026-01-31T23:00 2026-02-01",
		"m=2026-01-31-23-59":                     "2026-01-31T23:59 2026-02-01",
		"m=202601312359":                         "2026-01-31T23:59 2026-02-01",
		"dt=2026-01-31/hour=05":                  "2026-01-31T05:00 2026-01-31T06:00",
		"hour=5/dt=2026-01-31":                   "2026-01-31T05:00 2026-01-31T06:00",
		"dt=2026-01-31/HH=23":                    "2026-01-31T23:00 2026-02-01",
		"dt=2026-01-31/hour=05/minute=59":        "2026-01-31T05:59 2026-01-31T06:00",
		"year=2026/month=2/day=28":               "2026-02-28 2026-03-01",
		"year=2026/month=12":                     "2026-12-01 2027-01-01",
		"year=2026/month=2026-02/day=2026-02-03": "2026-02-03 2026-02-04",
		"day=2026-01-31 00:00:00":                "2026-01-31 2026-02-01",
		"hour=2026-01-31T05%3A00%3A00Z":          "2026-01-31T05:00 2026-01-31T06:00",
		"dt=__HIVE_DEFAULT_PARTITION__":          "nothing",
		"dt=2026-01-31/hour=__HIVE_DEFAULT_PARTITION__": "nothing",
		"":                              "nothing",
		"dt=2026-02-30":                 "folder dt=2026-02-30 is no day of the calendar",
		"dt=20261301":                   "folder dt=20261301 is no day of the calendar",
		"year=2026/month=2/day=29":      "folder day=29 is no day of its month",
		"year=2026/month=13":            "folder month=13 is no month of its year",
		"year=2026/month=0":             "folder month=0 is no month of its year",
		"dt=2026-01-31/hour=24":         "folder hour=24 is no hour of its day",
		"hour=05":                       "folder hour=05 stands without its day",
		"year=2026/day=05":              "folder day=05 stands without its month",
		"year=26":                       "folder year=26 is no time; write",
		"dt=foo":                        "folder dt=foo is no time; write",
		"dt=":                           "folder dt= is no time; write",
		"h=05":                          "folder h=05 is a part of a date, and its key does not say which",
		"dt=2026-01-31 05:00:00":        "folder dt=2026-01-31 05:00:00 is an instant, and nothing says how long",
		"dt=2026-01-31/h=2026-02-01-05": "folder h=2026-02-01-05 is not within that of the day above it",
	} {
		s, ok, err := spanOf(hivePairs(folders))
		got := "nothing"
		switch {
		case err != nil:
			got = err.Error()
		case ok:
			got = spanText(s)
		}
		if got != want && !(err != nil && strings.HasPrefix(got, want)) {
			t.Errorf("%s: %s, want %s", folders, got, want)
		}
	}
}

// FuzzFolders holds that no folder's name breaks the reading of it, and that what
// bounds a time bounds some.
func FuzzFolders(f *testing.F) {
	for _, s := range []string{"dt=2026-01-31/hour=05", "year=2026/month=2/day=28", "a%3Db=c%2Fd", "=x", "dt=%", "dt=__HIVE_DEFAULT_PARTITION__", "dt=9999-12-31-23", "k=1/k=2", "DT=1/dt=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, folders string) {
		pairs := hivePairs(folders)
		s, ok, err := spanOf(pairs)
		if ok && (err != nil || s.From >= s.To) {
			t.Fatalf("%q: %v, %v", folders, s, err)
		}
		table := &Table{Path: "lake", Files: []File{{Path: "lake/f", hive: pairs, folders: folders}}, places: map[string]int{}}
		if table.mergeHive(nil) != nil {
			return
		}
		for i := range table.columns {
			if _, ok, err := table.Files[0].folderValue(&table.columns[i]); !ok || err != nil && table.columns[i].typ.Kind != event.String {
				t.Fatalf("%q: column %s %s: %v", folders, table.columns[i].name, table.columns[i].typ, err)
			}
			if err := table.Partition([]string{table.columns[i].name}); err == nil {
				table.Complete("_SUCCESS")
				table.Holes()
			}
		}
	})
}

// TestFoldersRefused names the file and the folders that contradict.
func TestFoldersRefused(t *testing.T) {
	for _, c := range []struct{ folders, want string }{
		{"k=1/k=2", "its folders k=1 and k=2 say different things of k; a key has one value"},
		{"k=1/k=1", ""},
		{"k=1 K=2", "differ in upper and lower case alone; rename one"},
		{"k=1/K=2", "differ in upper and lower case alone; rename one"},
	} {
		_, err := FindText(days(t, strings.Fields(c.folders)...), Dialect{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.folders, err, c.want)
		}
	}
}

// TestDeclared gives keys of folders the types that are declared, in every format.
func TestDeclared(t *testing.T) {
	fields := event.Schema{{Name: "region", Type: event.Of(event.Bytes)}, {Name: "shard", Type: event.Of(event.String)}, {Name: "dt", Type: event.Of(event.Timestamp)}}
	table := find(t, "testdata/hive")
	if err := table.Declare(fields); err == nil || !strings.Contains(err.Error(), "is no bytes; declare another type for region") {
		t.Errorf("bytes: %v", err)
	}
	if err := table.Declare(fields[1:]); err != nil {
		t.Fatal(err)
	}
	text, _ := readAll(t, must(table.Read([]string{"dt", "shard"})))
	if first, _, _ := strings.Cut(string(text), "\n"); first != "1767225600000000\t00" {
		t.Errorf("the first row is %s", first)
	}
	for _, typ := range []event.Type{event.Of(event.Int), event.Of(event.Double), event.DecimalOf(4, 1), event.Of(event.String), event.Of(event.Bool)} {
		dir := days(t, "k=1", "k=__HIVE_DEFAULT_PARTITION__")
		for _, carried := range []bool{false, true} {
			table, err := FindText(dir, Dialect{Fields: event.Schema{{Name: "k", Type: typ}}})
			if err != nil {
				t.Fatal(err)
			}
			if carried {
				if s, err := table.ArrowSchema(nil); err != nil || s.NumFields() != 2 {
					t.Errorf("%s: %v, %v", typ, s, err)
				}
				continue
			}
			if _, n := readAll(t, must(table.Read([]string{"k", "x"}))); n != 2 {
				t.Errorf("%s: %d rows", typ, n)
			}
		}
	}
}

// TestFolderAndFile holds files that have a column which their folder names: the
// values must agree, and a file without it has the folder's.
func TestFolderAndFile(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		json  bool
		want  string // an error's end, or the values of dt
	}{
		{"agreeing", map[string]string{"dt=2026-01-01/a.csv": "dt,x\n2026-01-01,1\n2026-01-01,2\n"}, false, "2026-01-01 2026-01-01"},
		{"differing", map[string]string{"dt=2026-01-01/a.csv": "dt,x\n2026-01-01,1\n2026-01-02,2\n"}, false, "row 2: column dt is `2026-01-02`, and its folder is dt=2026-01-01; write the rows into their folder, or leave the column out of the files"},
		{"null in the file", map[string]string{"dt=2026-01-01/a.csv": "dt,x\n,1\n"}, false, "row 1: column dt is null, and its folder is dt=2026-01-01; write the rows into their folder, or leave the column out of the files"},
		{"null in the folder", map[string]string{"dt=__HIVE_DEFAULT_PARTITION__/a.csv": "dt,x\n2026-01-01,1\n"}, false, "row 1: column dt is `2026-01-01`, and its folder is dt=__HIVE_DEFAULT_PARTITION__; write the rows into their folder, or leave the column out of the files"},
		{"null in both", map[string]string{"dt=__HIVE_DEFAULT_PARTITION__/a.csv": "dt,x\n,1\n"}, false, "null"},
		{"in one file only", map[string]string{"dt=2026-01-01/a.csv": "dt,x\n2026-01-01,1\n", "dt=2026-01-02/a.csv": "x\n1\n"}, false, "2026-01-01 2026-01-02"},
		{"no value of its type", map[string]string{"dt=2026-01-01/a.csv": "dt,x\n2026-01-01,1\n", "dt=foo/a.csv": "dt,x\n2026-01-01,1\n"}, false, "folder dt=foo is no date; declare another type for dt"},
		{"JSON without it", map[string]string{"dt=2026-01-01/a.json": "{\"x\": 1}\n"}, true, "2026-01-01"},
		{"JSON that agrees", map[string]string{"dt=2026-01-01/a.json": "{\"x\": 1, \"dt\": \"2026-01-01\"}\n"}, true, "2026-01-01"},
		{"JSON that differs", map[string]string{"dt=2026-01-01/a.json": "{\"x\": 1}\n{\"dt\": \"2026-01-03\"}\n"}, true, "row 2: column dt is `2026-01-03`, and its folder is dt=2026-01-01; write the rows into their folder, or leave the column out of the files"},
	} {
		dir := lake(t, c.files)
		fields := event.Schema{{Name: "dt", Type: event.Of(event.Date)}, {Name: "x", Type: event.Of(event.Int)}}
		got, err := columnOf(dir, "dt", Dialect{JSON: c.json, Fields: fields})
		if err != nil {
			got = err.Error()
		}
		if got != c.want && !strings.HasSuffix(got, ": "+c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// columnOf reads one column of a table of text.
func columnOf(dir, name string, d Dialect) (string, error) {
	table, err := FindText(dir, d)
	if err != nil {
		return "", err
	}
	s, err := table.Read([]string{name})
	if err != nil {
		return "", err
	}
	defer s.Close()
	var values []string
	for {
		var b event.Batch
		if err := s.Read(context.Background(), &b); err == io.EOF {
			return strings.Join(values, " "), nil
		} else if err != nil {
			return "", err
		}
		for i := range b.Len {
			if b.Columns[0].IsNull(i) {
				values = append(values, "null")
			} else {
				values = append(values, Text(&b.Columns[0], i))
			}
		}
	}
}

// TestWithin leaves out the files of folders that a span does not meet, and no
// others; nothing of them is opened: they are gone, and nobody notices.
func TestWithin(t *testing.T) {
	dir := t.TempDir()
	var broken []string
	for d := 1; d <= 9; d++ {
		at := copyTo(t, "decimals.parquet", dir, fmt.Sprintf("dt=2026-01-0%d", d), "a.parquet")
		broken = append(broken, at)
	}
	copyTo(t, "decimals.parquet", dir, "dt=__HIVE_DEFAULT_PARTITION__", "a.parquet")
	copyTo(t, "decimals.parquet", dir, "beside.parquet")
	table := find(t, dir)
	if err := table.Partition([]string{"dt"}); err != nil {
		t.Fatal(err)
	}
	for d, at := range broken {
		if d+1 != 4 && d+1 != 5 {
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := event.Span{From: must(event.ParseTime("2026-01-04T23:59:59")), To: must(event.ParseTime("2026-01-05T00:00:00.000001"))}
	some := table.Within(s)
	if len(some.Files) != 4 || len(table.Files) != 11 {
		t.Fatalf("%d of %d files", len(some.Files), len(table.Files))
	}
	name := table.Schema()[0].Name
	if _, n := readAll(t, must(some.Read([]string{name}))); int64(n) != some.Rows() {
		t.Errorf("%d rows, want %d", n, some.Rows())
	}
	if _, err := readError(t, must(table.Read([]string{name}))); err == nil {
		t.Error("nobody noticed the files that are gone")
	}
	if n := len(table.Within(event.Span{From: s.From, To: s.From}).Files); n != 2 {
		t.Errorf("an empty span leaves %d files, want the 2 that nothing bounds", n)
	}
}

// TestComplete holds up to when marks tell that partitions are complete.
func TestComplete(t *testing.T) {
	for _, c := range []struct{ folders, by, want string }{
		{"dt=2026-01-01 dt=2026-01-01/_SUCCESS dt=2026-01-02", "_SUCCESS", "2026-01-02: dt=2026-01-02 has no _SUCCESS"},
		{"dt=2026-01-01 dt=2026-01-01/_SUCCESS dt=2026-01-02 dt=2026-01-02/_SUCCESS", "_SUCCESS", "2026-01-03: dt=2026-01-02 is the last one"},
		{"dt=2026-01-01 dt=2026-01-02 dt=2026-01-02/_SUCCESS", "_SUCCESS", "2026-01-01: dt=2026-01-01 has no _SUCCESS"},
		{"dt=2026-01-01 dt=2026-01-01/_SUCCESS dt=2026-01-02/_SUCCESS", "_SUCCESS", "2026-01-03: dt=2026-01-02 is the last one"},
		{"dt=2026-01-01 dt=2026-01-01/_DONE", "_SUCCESS", "2026-01-01: dt=2026-01-01 has no _SUCCESS"},
		{"dt=2026-01-01 dt=2026-01-01/_DONE", "_DONE", "2026-01-02: dt=2026-01-01 is the last one"},
		{"dt=2026-01-01 _SUCCESS", "_SUCCESS", "2026-01-01: dt=2026-01-01 has no _SUCCESS"},
		{"r=1/dt=2026-01-01 r=1/_SUCCESS", "_SUCCESS", "2026-01-01: dt=2026-01-01 has no _SUCCESS"},
		{"dt=2026-01-01/r=1 dt=2026-01-01/r=2 dt=2026-01-01/_SUCCESS", "_SUCCESS", "2026-01-02: dt=2026-01-01 is the last one"},
		{"dt=2026-01-01/r=1 dt=2026-01-01/r=2 dt=2026-01-01/r=1/_SUCCESS", "_SUCCESS", "2026-01-01: dt=2026-01-01 has no _SUCCESS"},
		{"dt=2026-01-01/hour=00 dt=2026-01-01/hour=01 dt=2026-01-01/hour=00/_SUCCESS", "_SUCCESS", "2026-01-01T01:00: dt=2026-01-01/hour=01 has no _SUCCESS"},
		{"dt=2026-01-01/hour=00 dt=2026-01-01/_SUCCESS", "_SUCCESS", "2026-01-02: dt=2026-01-01 is the last one"},
		{"dt=2026-01-01 dt=2026-01-02 dt=2026-01-05", NextPartition, "2026-01-05: dt=2026-01-05 is the last one"},
		{"dt=__HIVE_DEFAULT_PARTITION__", NextPartition, "there is no partition"},
	} {
		folders := strings.Fields(c.folders)
		dir := days(t, folders...)
		for _, pattern := range []string{"", "*=*", "**/*.csv"} {
			table, err := FindText(filepath.Join(dir, pattern), Dialect{})
			if err != nil {
				t.Fatal(err)
			}
			keys := []string{"dt"}
			if strings.Contains(c.folders, "hour=") {
				keys = append(keys, "hour")
			}
			if err := table.Partition(keys); err != nil {
				t.Fatalf("%s: %v", c.folders, err)
			}
			until, why, ok := table.Complete(c.by)
			got := why
			if ok {
				got = strings.TrimSuffix(strings.Fields(spanText(event.Span{From: until, To: until}))[0], " ") + ": " + why
			}
			if got != c.want {
				t.Errorf("%s of %s by %s: %s, want %s", pattern, c.folders, c.by, got, c.want)
			}
		}
	}
}

// TestHoles finds what is missing between partitions, whatever other keys there are.
func TestHoles(t *testing.T) {
	for _, c := range []struct{ folders, want string }{
		{"dt=2026-01-01 dt=2026-01-02", ""},
		{"dt=2026-01-01 dt=2026-01-04 dt=2026-01-06", "2026-01-02 2026-01-04 between dt=2026-01-01 and dt=2026-01-04, 2026-01-05 2026-01-06 between dt=2026-01-04 and dt=2026-01-06"},
		{"dt=2026-01-01 dt=2026-01-02/_SUCCESS dt=2026-01-03", ""},
		{"r=1/dt=2026-01-01 r=2/dt=2026-01-02 r=1/dt=2026-01-03", ""},
		{"dt=2026-01-01/hour=22 dt=2026-01-02/hour=00", "2026-01-01T23:00 2026-01-02 between dt=2026-01-01/hour=22 and dt=2026-01-02/hour=00"},
		{"dt=2026-01-01 dt=2026-01-01/hour=03 dt=2026-01-02", ""},
		{"dt=2025-12-31 dt=2026-01-01 dt=__HIVE_DEFAULT_PARTITION__", ""},
	} {
		table := must(FindText(days(t, strings.Fields(c.folders)...), Dialect{}))
		keys := []string{"dt"}
		if strings.Contains(c.folders, "hour=") {
			keys = append(keys, "hour")
		}
		if err := table.Partition(keys); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range table.Holes() {
			got = append(got, spanText(h.Span)+" "+h.Folder)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", c.folders, strings.Join(got, ", "), c.want)
		}
	}
}

// TestMisfits names the key that bounds nothing, and the file whose folder is no
// time.
func TestMisfits(t *testing.T) {
	for _, c := range []struct{ folders, key, want string }{
		{"dt=2026-01-01 dt=foo", "dt", "dt: DIR/dt=foo/a.csv: folder dt=foo is no time; write 2026-01-31, 2026-01-31-05, 2026-01 or 2026, or the parts as year=2026, month=01, day=31, hour=05; or leave the key out: it is a column all the same"},
		{"dt=2026-01-01/r=1", "day", "day: no folder of DIR is called day=…; its folders have dt, r"},
		{"plain", "dt", "dt: no folder of DIR is called dt=…; name the folder above them in history; its own name and those above it are not looked at"},
	} {
		dir := days(t, strings.Fields(c.folders)...)
		var m *Misfit
		if err := must(FindText(dir, Dialect{})).Partition([]string{c.key}); !errors.As(err, &m) {
			t.Fatalf("%s: %v", c.folders, err)
		}
		if got := strings.ReplaceAll(m.Key+": "+m.Problem+"; "+m.Mend, dir, "DIR"); filepath.ToSlash(got) != c.want {
			t.Errorf("%s: %s, want %s", c.folders, got, c.want)
		}
	}
}

// TestFolderAndParquet is TestFolderAndFile for Parquet, whose column may be
// narrower or text, read as a batch and carried untouched.
func TestFolderAndParquet(t *testing.T) {
	for _, c := range []struct {
		name   string
		typ    arrow.DataType
		folder string
		value  string
		agree  bool
	}{
		{"text", arrow.BinaryTypes.String, "k=2026-01-01", `"2026-01-01"`, true},
		{"other text", arrow.BinaryTypes.String, "k=2026-01-01", `"2026-01-02"`, false},
		{"escaped", arrow.BinaryTypes.String, "k=a%2Fb", `"a/b"`, true},
		{"a narrow number", arrow.PrimitiveTypes.Int16, "k=07", `7`, true},
		{"another number", arrow.PrimitiveTypes.Int16, "k=07", `8`, false},
		{"a date", arrow.FixedWidthTypes.Date32, "k=2026-01-01", `"2026-01-01"`, true},
		{"null", arrow.PrimitiveTypes.Int64, "k=__HIVE_DEFAULT_PARTITION__", `null`, true},
		{"null in the file alone", arrow.PrimitiveTypes.Int64, "k=1", `null`, false},
	} {
		schema := arrow.NewSchema([]arrow.Field{{Name: "k", Type: c.typ, Nullable: true}}, nil)
		record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"k": `+c.value+`}]`))
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(t.TempDir(), c.folder, "a.parquet")
		write(t, at, must(os.ReadFile(writeArrow(t, record))))
		table := find(t, filepath.Dir(filepath.Dir(at)))
		for how, s := range map[string]event.Source{"read": must(table.Read([]string{"k"})), "carried": must(table.Carry(nil, 10))} {
			_, err := readError(t, s)
			if agrees := err == nil; agrees != c.agree || err != nil && !strings.Contains(err.Error(), c.folder+"; write the rows into their folder") {
				t.Errorf("%s %s: %v, want agreement %t", c.name, how, err, c.agree)
			}
		}
	}
	// A file without the column has the folder's value, in the type of the others.
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int16}}, nil), strings.NewReader(`[{"k": 7}]`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "k=7", "a.parquet"), must(os.ReadFile(writeArrow(t, record))))
	copyTo(t, "decimals.parquet", dir, "k=8", "a.parquet")
	table := find(t, dir)
	text, _ := readAll(t, must(table.Read([]string{"k"})))
	if !strings.HasPrefix(string(text), "7\n8\n8\n") {
		t.Errorf("values are %q", text)
	}
	carried := must(table.Carry([]string{"k"}, 2))
	defer carried.Close()
	var b event.Batch
	if err := carried.Read(context.Background(), &b); err != nil || fmt.Sprint(b.Carried.Column(0)) != "[7 8]" || b.Carried.Column(0).DataType().ID() != arrow.INT16 {
		t.Errorf("carried %v, %v", b.Carried, err)
	}
}
