package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
)

// resolved is the target of a place that must make sense.
func resolved(t *testing.T, p Place) *Target {
	t.Helper()
	target, err := p.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// fill writes values to a place of one column and commits.
func fill(t *testing.T, p Place, v ...int64) Output {
	t.Helper()
	s, err := resolved(t, p).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(t.Context(), oneBatch(v...)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// day is the interval of one day of January 2026.
func day(n int) *Interval {
	v, err := ParseInterval(fmt.Sprintf("2026-01-%02dT00:00:00Z", n), fmt.Sprintf("2026-01-%02dT00:00:00Z", n+1))
	if err != nil {
		panic(err)
	}
	return v
}

// tree lists the files below a folder.
func tree(t *testing.T, root string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPlacesRefused holds what of a place is refused, and what is said.
func TestPlacesRefused(t *testing.T) {
	for _, c := range []struct {
		p     Place
		words string
	}{
		{Place{}, "is no name"},
		{Place{Path: "x.txt"}, "what ends so is no format that is built; name it *.parquet, *.arrow, *.csv, *.csv.gz, *.csv.zst, *.jsonl, *.jsonl.gz, *.jsonl.zst, *.tfrecord, *.tfrecord.gz, end"},
		{Place{Path: "x"}, "what ends so is no format"},
		{Place{Path: "x.parquet.gz"}, "what ends so is no format"},
		{Place{Path: "x.tfrecord.zst"}, "what ends so is no format"},
		{Place{Path: "x.gz"}, "what ends so is no format"},
		{Place{Path: "x.parquet", Format: "csv"}, "--format csv, and output x.parquet is Parquet by its name"},
		{Place{Path: "x/", Format: "orc"}, "--format orc; there are parquet, arrow, csv, jsonl, tfrecord"},
		{Place{Path: "x/", Compression: "rar"}, "--compression rar; Parquet files take snappy"},
		{Place{Path: "x.csv", Compression: "snappy"}, "--compression snappy; CSV files take none, gzip, zstd"},
		{Place{Path: "x.csv", Compression: "gzip"}, "name it *.csv.gz"},
		{Place{Path: "x.csv.gz", Compression: "zstd"}, "the name of the output says gzip"},
		{Place{Path: "x/", Format: "tfrecord", Compression: "zstd"}, "TFRecord files take none, gzip"},
		{Place{Path: "x.parquet", FileSize: 1}, "with --file-size it is a folder; name one, such as -o training/ --format parquet"},
		{Place{Path: "x.csv", PartitionBy: "a"}, "with --partition-by it is a folder"},
		{Place{Path: "x.csv", Interval: day(1)}, "with --data-interval-start it is a folder"},
	} {
		if _, err := c.p.Resolve(); err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v; want %q", c.p, err, c.words)
		}
	}
	for _, p := range []Place{{Path: "x.csv.gz", Compression: "gzip"}, {Path: "x.csv", Compression: "none"}, {Path: "x.ndjson.zst"}, {Path: "x.feather"}, {Path: "x/"}, {Path: "x", FileSize: 5}} {
		if _, err := p.Resolve(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// TestPartitions holds that every row is found again in the folder of its value,
// whatever the value is made of, by our own reader; and that the column is not in
// the files.
func TestPartitions(t *testing.T) {
	values := []string{"plain", "", hiveNull, "a/b", "..", "50%", "ä b", "x=y", "new\nline", `\`, "'", "{", "~", "%20"}
	o := Options{Schema: event.Schema{{Name: "k/1", Type: event.Of(event.String)}, {Name: "n", Type: event.Of(event.Int)}}}
	root := filepath.Join(t.TempDir(), "out")
	s, err := resolved(t, Place{Path: root, PartitionBy: "k/1"}).Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const rows = 3000
	b := &event.Batch{Len: rows, Columns: []event.Column{event.Make(o.Schema[0].Type), event.Make(o.Schema[1].Type)}}
	for i := range rows {
		if n := i % (len(values) + 1); n < len(values) {
			b.Columns[0].AppendText([]byte(values[n]))
		} else {
			b.Columns[0].AppendNull()
		}
		b.Columns[1].AppendInt(int64(i))
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	table, err := sources.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Files) != len(values)+1 || len(s.Written()) != len(values)+1 {
		t.Errorf("%d files, %d of them told", len(table.Files), len(s.Written()))
	}
	for _, f := range table.Files {
		if got := readParquet(t, f.Path); got.NumCols() != 1 || got.ColumnName(0) != "n" {
			t.Errorf("%s has the columns %v", f.Path, got.Schema())
		}
	}
	src, err := table.Read([]string{"k/1", "n"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	seen := map[int64]bool{}
	last := map[string]int64{}
	var got event.Batch
	for src.Read(t.Context(), &got) == nil {
		for i := range got.Len {
			n := got.Columns[1].Ints[i]
			text, want := eventText(&got.Columns[0], i), eventText(&b.Columns[0], int(n))
			if text != want || got.Columns[0].IsNull(i) != b.Columns[0].IsNull(int(n)) {
				t.Fatalf("row %d is %q, want %q", n, text, want)
			}
			if before, ok := last[text]; ok && before >= n {
				t.Fatalf("row %d stands behind row %d", n, before)
			}
			seen[n], last[text] = true, n
		}
	}
	if len(seen) != rows {
		t.Errorf("%d rows, want %d", len(seen), rows)
	}
}

// TestPartitionsOfAnything divides the sample by columns of many types, carried and
// computed, and counts the rows; batches leave no mark.
func TestPartitionsOfAnything(t *testing.T) {
	for _, column := range []string{"bool", "date", "timestamp", "category", "names", "nothing", "counts"} {
		var first []byte
		for _, size := range []int{100, sampleRows} {
			root := filepath.Join(t.TempDir(), "out")
			o := sampleOptions()
			o.RowGroupRows = 200
			s, err := resolved(t, Place{Path: root, PartitionBy: column, FileSize: 20_000}).Open(t.Context(), o)
			if slices.Contains([]string{"names", "nothing", "counts"}, column) {
				if err == nil || !strings.Contains(err.Error(), "partition by a number, text, date or time") {
					t.Errorf("%s: %v", column, err)
				}
				break
			}
			if err != nil {
				t.Fatal(column, err)
			}
			kind{}.writeAll(t, s, sampleRows, size)
			s.Close()
			var rows int64
			for _, w := range s.Written() {
				rows += w.Rows
				if n := readParquet(t, filepath.Join(root, w.Path)).NumRows(); n != w.Rows {
					t.Errorf("%s: %d rows, told %d", w.Path, n, w.Rows)
				}
			}
			if rows != sampleRows {
				t.Errorf("%s: %d rows", column, rows)
			}
			if data := contents(t, root); first == nil {
				first = data
			} else if string(first) != string(data) {
				t.Errorf("%s: other batches give other bytes", column)
			}
		}
	}
}

// TestPartitionsRefused holds that a column with too many values ends the run and
// leaves nothing, and what is said of a column that is not there.
func TestPartitionsRefused(t *testing.T) {
	dir := t.TempDir()
	o := Options{Schema: event.Schema{{Name: "user", Type: event.Of(event.Int)}, {Name: "n", Type: event.Of(event.Int)}}}
	place := Place{Path: filepath.Join(dir, "out"), PartitionBy: "user"}
	s, err := resolved(t, place).Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var v []int64
	for i := range partitionsMax + 1 {
		v = append(v, int64(i))
	}
	b := &event.Batch{Len: len(v), Columns: []event.Column{{Type: event.Of(event.Int), Ints: v}, {Type: event.Of(event.Int), Ints: v}}}
	if err = s.Write(t.Context(), b); err == nil {
		err = s.Commit(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "column user has more than 1000 values to partition by; choose one with fewer") {
		t.Error(err)
	}
	s.Close()
	leavesNothing(t, dir)
	place.PartitionBy = "usr"
	if _, err := resolved(t, place).Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--partition-by usr; the training set has no such column; did you mean user?") {
		t.Error(err)
	}
	place.PartitionBy = "x"
	if _, err := resolved(t, place).Open(t.Context(), one()); err == nil || !strings.Contains(err.Error(), "is the only column") {
		t.Error(err)
	}
}

// TestFileSize holds that files end with the group in which they reach their size,
// and that what is told of them is so.
func TestFileSize(t *testing.T) {
	for _, name := range Formats() {
		root := filepath.Join(t.TempDir(), "out")
		v := make([]int64, 100_000)
		for i := range v {
			v[i] = int64(i) * 0x9e3779b97f4a7c1
		}
		s := fill(t, Place{Path: root, Format: name, FileSize: 100_000}, v...)
		files := s.Written()
		var rows int64
		for i, w := range files {
			rows += w.Rows
			info, err := os.Stat(filepath.Join(root, w.Path))
			if err != nil || info.Size() != w.Bytes {
				t.Errorf("%s: %v, told %d bytes", w.Path, err, w.Bytes)
			}
			if i < len(files)-1 && (w.Bytes < 100_000 || w.Bytes > 220_000) {
				t.Errorf("%s: %s has %d bytes", name, w.Path, w.Bytes)
			}
		}
		if rows != int64(len(v)) || len(files) < 4 {
			t.Errorf("%s: %d rows in %d files", name, rows, len(files))
		}
	}
}

// TestFolderSpares holds that a folder in which anything else stands is not replaced.
func TestFolderSpares(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "out")
	fill(t, Place{Path: root + "/"}, 1)
	fill(t, Place{Path: root + "/", Format: "csv"}, 1, 2)
	if got := tree(t, dir); fmt.Sprint(got) != "[out/part-00000.csv]" {
		t.Errorf("%v", got)
	}
	if err := os.WriteFile(filepath.Join(root, "thesis.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	refused := func(p Place, words string) {
		t.Helper()
		if s, err := resolved(t, p).Open(t.Context(), one()); err == nil {
			s.Close()
			t.Errorf("%+v was taken", p)
		} else if !strings.Contains(err.Error(), words) {
			t.Errorf("%v; want %q", err, words)
		}
	}
	refused(Place{Path: root + "/"}, "holds thesis.txt, which no run wrote")
	refused(Place{Path: filepath.Join(root, "thesis.txt"), FileSize: 1}, "is a file, and a folder is to be written")
	refused(Place{Path: filepath.Join(root, "thesis.txt"), Interval: day(1)}, "is a file, and with --data-interval-start it is a folder")
	refused(Place{Path: filepath.Join(dir, "a", "b") + "/"}, "there is no directory")
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// TestIntervals holds that a run of an interval replaces it, whole, and nothing else.
func TestIntervals(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	first := "2026-01-01T000000Z_2026-01-02T000000Z.parquet"
	for _, p := range []Place{{Path: root}, {Path: root, FileSize: 1 << 20}} {
		os.RemoveAll(root)
		for range 2 {
			p.Interval = day(1)
			fill(t, p, 1)
			fill(t, p, 1, 2)
			p.Interval = day(2)
			fill(t, p, 3)
		}
		rows := int64(0)
		for _, f := range tree(t, root) {
			rows += readParquet(t, filepath.Join(root, f)).NumRows()
		}
		if rows != 3 || len(tree(t, root)) != 2 {
			t.Errorf("%d rows in %v", rows, tree(t, root))
		}
	}
	os.RemoveAll(root)
	fill(t, Place{Path: root, Interval: day(1)}, 1)
	if got := tree(t, root); len(got) != 1 || got[0] != first {
		t.Errorf("%v", got)
	}
	refused := func(p Place, words string) {
		t.Helper()
		s, err := resolved(t, p).Open(t.Context(), one())
		if err == nil {
			s.Close()
			t.Errorf("%+v was taken", p)
			return
		}
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%v; want %q", err, words)
		}
	}
	half, err := ParseInterval("2026-01-01T13:00:00+01:00", "2026-01-03T00:00:00.5Z")
	if err != nil {
		t.Fatal(err)
	}
	if half.Name() != "2026-01-01T120000Z_2026-01-03T000000.5Z" {
		t.Error(half.Name())
	}
	refused(Place{Path: root, Interval: half}, "has "+first+", which overlaps with "+half.Name())
	refused(Place{Path: root, Interval: day(1), Format: "csv"}, "has the interval in another form, "+first)
	refused(Place{Path: root, Interval: day(1), FileSize: 1}, "has the interval in another form, "+first)

	// Of two that overlap and are both on their way, the second is refused; what a
	// killed run left is not.
	open, err := resolved(t, Place{Path: root, Interval: day(5)}).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	five, err := ParseInterval("2026-01-05T06:00:00Z", "2026-01-05T07:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	refused(Place{Path: root, Interval: five}, "is writing it now")
	fill(t, Place{Path: root, Interval: day(6)}, 1)
	open.Close()
	for _, suffix := range []string{lockSuffix, partialSuffix} {
		if err := os.WriteFile(filepath.Join(root, "_"+day(5).Name()+".parquet"+suffix), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, Place{Path: root, Interval: five}, 1)
	if got := tree(t, root); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestIntervalsRefused(t *testing.T) {
	for _, c := range [][3]string{
		{"", "2026-01-01T00:00:00Z", "give both"},
		{"2026-01-01", "2026-01-01T00:00:00Z", "write an instant with its zone"},
		{"2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "write an instant with its zone"},
		{"2026-01-01T00:00:00.0000001Z", "2026-01-02T00:00:00Z", "at most microseconds"},
		{"2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "is not after"},
	} {
		if _, err := ParseInterval(c[0], c[1]); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%v: %v", c[:2], err)
		}
	}
}

// TestFolderCutOff stops a commit after each of its steps, as if the process were
// killed there: what is seen is the old set or the new one, never a part, and the
// next run clears away what is left.
func TestFolderCutOff(t *testing.T) {
	swaps := map[string]func(a, b string) error{"exchange": exchange, "renames": func(string, string) error { return errors.ErrUnsupported }}
	for name, swap := range swaps {
		for _, steps := range []int{0, 1, 2, 3} {
			dir := t.TempDir()
			place := Place{Path: filepath.Join(dir, "out"), FileSize: 1}
			fill(t, place, make([]int64, 3000)...)
			old := contents(t, place.Path)
			s, err := resolved(t, place).Open(t.Context(), one())
			if err != nil {
				t.Fatal(err)
			}
			made := s.(*Folder)
			if err := errors.Join(made.Write(t.Context(), oneBatch(make([]int64, 5000)...)), made.finish()); err != nil {
				t.Fatal(err)
			}
			made.close()
			f := made.output.(*folder)
			for i, step := range f.steps()[:steps] {
				if i == 2 {
					step = func() error { return f.exchange(swap) }
				}
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			f.lock.Close() // the kernel does so
			if now := contents(t, place.Path); (steps < 3) != (string(now) == string(old)) {
				t.Errorf("%s, after %d steps: the old files are there: %t", name, steps, steps >= 3)
			}
			if steps == 3 {
				if n := readParquet(t, filepath.Join(place.Path, "part-00000.parquet")).NumRows(); n != 1024 {
					t.Errorf("%d rows", n)
				}
			}
			fill(t, place, 1)
			if got := tree(t, dir); fmt.Sprint(got) != "[out/part-00000.parquet]" {
				t.Errorf("%s, after %d steps and another run: %v", name, steps, got)
			}
		}
	}
}

// TestFolderInOneStroke holds that the old files are whole until the one call that
// exchanges the folders, and whole still if it fails.
func TestFolderInOneStroke(t *testing.T) {
	dir := t.TempDir()
	place := Place{Path: filepath.Join(dir, "out"), FileSize: 1}
	fill(t, place, 7)
	old := contents(t, place.Path)
	s, err := resolved(t, place).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	asked := false
	err = s.(*Folder).output.(*folder).exchange(func(a, b string) error {
		asked = string(contents(t, b)) == string(old)
		return failed
	})
	if !errors.Is(err, failed) || !asked || string(contents(t, place.Path)) != string(old) {
		t.Errorf("%v; the old files were there: %t", err, asked)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	leavesNothing(t, dir, "out")
}

// TestFolderBetweenRenames holds that a run killed where one folder is away and the
// other not yet there loses neither.
func TestFolderBetweenRenames(t *testing.T) {
	dir := t.TempDir()
	place := Place{Path: filepath.Join(dir, "out"), FileSize: 1}
	fill(t, place, 7)
	old := contents(t, place.Path)
	if err := os.Rename(place.Path, place.Path+partialSuffix+oldSuffix); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(place.Path+partialSuffix, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := resolved(t, place).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if string(contents(t, place.Path)) != string(old) {
		t.Error("the old files are not back")
	}
	leavesNothing(t, dir, "out")
}

// TestNothingInFolders holds what a run without rows leaves.
func TestNothingInFolders(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	if s := fill(t, Place{Path: root + "/", Format: "jsonl", Compression: "gzip"}); len(s.Written()) != 1 || s.Written()[0].Path != "part-00000.jsonl.gz" {
		t.Errorf("%v", s.Written())
	}
	if data := uncompressed(t, filepath.Join(root, "part-00000.jsonl.gz"), "gzip"); len(data) != 0 {
		t.Errorf("%q", data)
	}
}

// TestWrittenAsJSON holds how a manifest tells of files.
func TestWrittenAsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	s := fill(t, Place{Path: path}, 1, 2)
	text, err := json.Marshal(s.Written())
	if want := `[{"rows":2,"bytes":6,"sha256":"aea284871ddeeebac4b57b7a8ee7dad070886e690408ce2409306b9b6487beb1"}]`; err != nil || string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}
