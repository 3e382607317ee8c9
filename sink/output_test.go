package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/timeseam/timeseam/features/event"
)

// refuses checks that opening path fails with one line that holds all words.
func refuses(t *testing.T, path string, o Options, words ...string) {
	t.Helper()
	f, err := NewParquet(path, o)
	if err == nil {
		f.Close()
		t.Errorf("%s was opened", path)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has more than one line", err)
	}
}

// one is the smallest training set: a column.
func one() Options {
	return Options{Schema: event.Schema{{Name: "x", Type: event.Of(event.Int)}}}
}

func oneBatch(v ...int64) *event.Batch {
	return &event.Batch{Len: len(v), Columns: []event.Column{{Type: event.Of(event.Int), Ints: v}}}
}

func writeOne(t *testing.T, path string, v ...int64) {
	t.Helper()
	f, err := NewParquet(path, one())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Write(t.Context(), oneBatch(v...)); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOutputRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string][]string{
		"":                           {"no file name"},
		dir:                          {dir, "is a directory"},
		dir + "/":                    {"no file name"},
		filepath.Join(dir, "a", "b"): {"there is no directory " + filepath.Join(dir, "a"), "make it first"},
		filepath.Join(dir, "file/b"): {"not a directory"},
		filepath.Join(dir, "link"):   {"leads nowhere"},
		os.DevNull:                   {"no regular file", "-o -"},
	} {
		refuses(t, path, one(), words...)
		if err := WriteFile(path, nil); err == nil {
			t.Errorf("WriteFile %q was taken", path)
		}
	}
	leavesNothing(t, dir, "file", "link")
}

func TestOutputUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	refuses(t, filepath.Join(dir, "out"), one(), "directory cannot be written to", "permission denied")
}

func TestOutputExclusive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.parquet")
	first, err := NewParquet(path, one())
	if err != nil {
		t.Fatal(err)
	}
	mine := fmt.Sprintf("process %d is writing it now", os.Getpid())
	refuses(t, path, one(), path, mine, "name another output")
	link := filepath.Join(dir, "link")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	refuses(t, link, one(), mine)
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What belongs beside the output is still to be written.
	refuses(t, path, one(), mine)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	writeOne(t, path, 1)
	leavesNothing(t, dir, "out.parquet", "link")
}

// TestOutputAfterCrash holds that what a killed run left stands in nobody's way
// and does not stay.
func TestOutputAfterCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.parquet")
	for _, suffix := range []string{partialSuffix, lockSuffix} {
		if err := os.WriteFile(path+suffix, []byte("process 1\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	writeOne(t, path, 1, 2)
	if n := readParquet(t, path).NumRows(); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	leavesNothing(t, dir, "out.parquet")
}

func TestOutputReplaced(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "out.parquet"), filepath.Join(dir, "latest")
	writeOne(t, path, 1)
	if err := os.Symlink("out.parquet", link); err != nil {
		t.Fatal(err)
	}
	f, err := NewParquet(link, one())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(t.Context(), oneBatch(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if n := readParquet(t, path).NumRows(); n != 1 {
		t.Errorf("%d rows before Commit, want those of before", n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n := readParquet(t, path).NumRows(); n != 1 {
		t.Errorf("%d rows after Close without Commit, want those of before", n)
	}
	writeOne(t, link, 1, 2)
	if n := readParquet(t, path).NumRows(); n != 2 {
		t.Errorf("%d rows where the link leads, want 2", n)
	}
	if at, err := os.Lstat(link); err != nil || at.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v %v", at, err)
	}
}

func TestOptionsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	field := func(name string, ty event.Type) event.Field { return event.Field{Name: name, Type: ty} }
	i := event.Of(event.Int)
	spine := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	twice := arrow.NewSchema(append(spine.Fields(), spine.Fields()...), nil)
	view := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.BinaryTypes.StringView}}, nil)
	for _, c := range []struct {
		o     Options
		words string
	}{
		{Options{}, "without columns"},
		{Options{Schema: event.Schema{field("x", i), field("x", i)}}, "two features give the column x"},
		{Options{Schema: event.Schema{field("id", i)}, Carried: spine}, "column id is both a column of the spine and a feature"},
		{Options{Carried: twice}, "the spine has two columns id"},
		{Options{Carried: view}, "column v is string_view, which a Parquet file cannot hold"},
		{Options{Schema: event.Schema{field("x", event.Type{})}}, "column x: values of type unknown"},
		{Options{Schema: event.Schema{field("x", event.ListOf(event.StructOf()))}}, "column x: a struct without fields"},
		{Options{Schema: event.Schema{field("x", event.DecimalOf(39, 0))}}, "column x: no type decimal(39,0)"},
		{Options{Schema: one().Schema, Compression: "rar"}, "unknown compression rar; Parquet files take snappy"},
		{Options{Schema: one().Schema, RowGroupRows: -1}, "row groups of -1 rows"},
	} {
		refuses(t, path, c.o, c.words)
	}
	o := one()
	o.Compression = "snappy"
	if _, err := NewArrowFile(path, o); err == nil || !strings.Contains(err.Error(), "take none, zstd or lz4") {
		t.Errorf("Arrow file with snappy: %v", err)
	}
	if _, err := NewArrowStream(&bytes.Buffer{}, o); err == nil {
		t.Error("Arrow stream with snappy was taken")
	}
	leavesNothing(t, dir)
}

func TestCompressions(t *testing.T) {
	for _, name := range []string{"", "snappy", "zstd", "gzip", "lz4", "none"} {
		path := filepath.Join(t.TempDir(), "out")
		o := sampleOptions()
		o.Compression = name
		s := mustOpen(t, kind{open: func(p string, o Options) (event.Sink, error) { return NewParquet(p, o) }}, path, o)
		kind{}.writeAll(t, s, sampleRows, sampleRows)
		if n := readParquet(t, path).NumRows(); n != sampleRows {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	for _, name := range []string{"none", "zstd", "lz4"} {
		path := filepath.Join(t.TempDir(), "out")
		o := sampleOptions()
		o.Compression = name
		s := mustOpen(t, kind{open: func(p string, o Options) (event.Sink, error) { return NewArrowFile(p, o) }}, path, o)
		kind{}.writeAll(t, s, sampleRows, sampleRows)
		if n := readArrowFile(t, path).NumRows(); n != sampleRows {
			t.Errorf("arrow %s: %d rows", name, n)
		}
	}
}

// TestParquetFooter holds what tools see of a file: who made it, its types as
// they were, its groups and its statistics.
func TestParquetFooter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := sampleOptions()
	o.RowGroupRows = 500
	f, err := NewParquet(path, o)
	if err != nil {
		t.Fatal(err)
	}
	kind{}.writeAll(t, f, sampleRows, sampleRows)
	f.Close()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	meta := r.MetaData()
	if by := meta.GetCreatedBy(); by != "timeseam" {
		t.Errorf("created by %q", by)
	}
	if meta.KeyValueMetadata().FindValue(arrowSchemaKey) == nil {
		t.Error("the schema of Arrow is not stored")
	}
	if n := r.NumRowGroups(); n != 3 {
		t.Errorf("%d row groups, want 3", n)
	}
	column, err := meta.RowGroup(0).ColumnChunk(meta.Schema.ColumnIndexByName("id"))
	if err != nil {
		t.Fatal(err)
	}
	if set, err := column.StatsSet(); err != nil || !set {
		t.Errorf("column id has no statistics (%v)", err)
	}
}

// TestGroupsOfMuchText holds that a group is cut by its text too, at the same
// row whatever the batches were.
func TestGroupsOfMuchText(t *testing.T) {
	l, err := newLayout(Options{Schema: event.Schema{{Name: "s", Type: event.ListOf(event.Of(event.String))}}})
	if err != nil {
		t.Fatal(err)
	}
	l.text = 10_000
	column := event.Make(l.computed[0].Type)
	for range 5000 {
		column.Elem.AppendText([]byte("0123456789"))
		column.EndList()
	}
	for _, size := range []int{1, 100, 5000} {
		g := newGroup(l)
		var cuts []int
		for lo := 0; lo < 5000; lo += size {
			part := event.Make(column.Type)
			for i := lo; i < lo+size; i++ {
				part.Append(&column, i)
			}
			b := &event.Batch{Len: size, Columns: []event.Column{part}}
			for at := 0; at < size; {
				if at, err = g.add(b, at); err != nil {
					t.Fatal(err)
				}
				if g.full() {
					rec, err := g.take()
					if err != nil {
						t.Fatal(err)
					}
					cuts = append(cuts, int(rec.NumRows()))
					rec.Release()
				}
			}
		}
		if got := fmt.Sprint(cuts); got != "[1024 1024 1024 1024]" {
			t.Errorf("batches of %d: cut at %s", size, got)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.manifest.json")
	for _, text := range []string{"{}\n", "", "{\"a\": 1}\n"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	leavesNothing(t, dir, "out.manifest.json")
	if err := WriteFile(filepath.Join(dir, "a", "b"), nil); !strings.Contains(fmt.Sprint(err), "make it first") {
		t.Error(err)
	}
}

// TestErrorsNameTheOutput holds that a user never reads the name of a partial file.
func TestErrorsNameTheOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := NewParquet(path, one())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.output.(*output).file.Close()
	err = f.Commit(t.Context())
	if err == nil || !errors.Is(err, os.ErrClosed) || err.Error() != "write "+path+": file already closed" {
		t.Errorf("%v", err)
	}
}
