package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// kind is one implementation under test.
type kind struct {
	// open opens the sink whose output is path.
	open func(path string, o Options) (event.Sink, error)
	// read reads an output back.
	read func(t *testing.T, path string) arrow.RecordBatch
	// shown reports whether anything of the output can be seen at path.
	shown func(t *testing.T, path string) bool
	// flat: the format holds neither nulls in lists nor lists of lists, and no
	// doubles: the sample is one without.
	flat bool
}

func (k kind) options() Options {
	if k.flat {
		return flatOptions()
	}
	return sampleOptions()
}

func (k kind) batch(lo, hi int) *event.Batch {
	if k.flat {
		return flatBatch(lo, hi)
	}
	return sampleBatch(lo, hi)
}

// conformance is what every sink of training sets must hold.
func conformance(t *testing.T, k kind) {
	t.Run("round trip", func(t *testing.T) { testRoundTrip(t, k) })
	t.Run("no rows", func(t *testing.T) { testNoRows(t, k) })
	t.Run("batches leave no mark", func(t *testing.T) { testBatches(t, k) })
	t.Run("nothing before commit", func(t *testing.T) { testInvisible(t, k) })
	t.Run("commit, then close", func(t *testing.T) { testCommitClose(t, k) })
	t.Run("full disk", func(t *testing.T) { testFullDisk(t, k) })
	t.Run("cancelled", func(t *testing.T) { testCancelled(t, k) })
	t.Run("wrong batch", func(t *testing.T) { testWrongBatch(t, k) })
}

// mustOpen opens the sink whose output is path, and closes it in the end.
func mustOpen(t *testing.T, k kind, path string, o Options) event.Sink {
	t.Helper()
	s, err := k.open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// writeAll writes rows [0, rows) of the sample in batches of size rows and
// commits.
func (k kind) writeAll(t *testing.T, s event.Sink, rows, size int) {
	t.Helper()
	for lo := 0; lo < rows; lo += size {
		if err := s.Write(t.Context(), k.batch(lo, min(lo+size, rows))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testRoundTrip(t *testing.T, k kind) {
	path := filepath.Join(t.TempDir(), "out")
	s := mustOpen(t, k, path, k.options())
	k.writeAll(t, s, sampleRows, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := k.read(t, path)
	if got.NumRows() != sampleRows {
		t.Fatalf("%d rows, want %d", got.NumRows(), sampleRows)
	}
	want := k.batch(0, sampleRows)
	for i, f := range k.options().Schema {
		column := got.Column(int(want.Carried.NumCols()) + i)
		if name := got.ColumnName(int(want.Carried.NumCols()) + i); name != f.Name {
			t.Errorf("column %s, want %s", name, f.Name)
		}
		for row := range sampleRows {
			if g, w := arrowText(t, column, row), eventText(&want.Columns[i], row); g != w {
				t.Errorf("%s, row %d: %s, want %s", f.Name, row, g, w)
				break
			}
		}
	}
	for i := range int(want.Carried.NumCols()) {
		name := want.Carried.ColumnName(i)
		for row := range sampleRows {
			if g, w := arrowText(t, got.Column(i), row), arrowText(t, want.Carried.Column(i), row); g != w {
				t.Errorf("carried %s, row %d: %s, want %s", name, row, g, w)
				break
			}
		}
	}
}

func testNoRows(t *testing.T, k kind) {
	path := filepath.Join(t.TempDir(), "out")
	s := mustOpen(t, k, path, k.options())
	k.writeAll(t, s, 0, 1)
	if got := k.read(t, path); got.NumRows() != 0 || int(got.NumCols()) != len(k.options().Schema)+k.options().Carried.NumFields() {
		t.Errorf("%d rows of %d columns", got.NumRows(), got.NumCols())
	}
}

// testBatches holds O1: the same rows are the same bytes, with several groups
// and with groups that end within batches.
func testBatches(t *testing.T, k kind) {
	dir := t.TempDir()
	o := k.options()
	o.RowGroupRows = 300
	var first []byte
	for _, size := range []int{1, 7, 1000} {
		path := filepath.Join(dir, "out")
		s := mustOpen(t, k, path, o)
		k.writeAll(t, s, sampleRows, size)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		k.read(t, path) // Fetches what lies elsewhere.
		data := contents(t, path)
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Errorf("batches of %d rows give other bytes than batches of 1", size)
		}
	}
}

func testInvisible(t *testing.T, k kind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	o := k.options()
	o.RowGroupRows = 10
	s := mustOpen(t, k, path, o)
	if err := s.Write(t.Context(), k.batch(0, sampleRows)); err != nil {
		t.Fatal(err)
	}
	if k.shown(t, path) {
		t.Error("the output is visible before Commit")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if k.shown(t, path) {
		t.Error("the output is visible after Close without Commit")
	}
	leavesNothing(t, dir, "out")
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Write(t.Context(), k.batch(0, 1)); err == nil {
		t.Error("Write after Close was taken")
	}
	if err := s.Commit(t.Context()); err == nil {
		t.Error("Commit after Close was taken")
	}
}

func testCommitClose(t *testing.T, k kind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	s := mustOpen(t, k, path, k.options())
	k.writeAll(t, s, 3, 3)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := k.read(t, path).NumRows(); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	leavesNothing(t, dir, "out")
}

// testFullDisk writes to the device that is always full.
func testFullDisk(t *testing.T, k kind) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no full device")
	}
	defer full.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	o := k.options()
	o.RowGroupRows = 50
	s := mustOpen(t, k, path, o)
	switch s := s.(type) {
	case *File:
		s.buffer.Reset(full)
	case *Folder:
		s.stage.append = func(string) (io.WriteCloser, error) { return unclosed{full}, nil }
	case *Stream:
		s.out.w = full
	}
	for range 20 {
		if err = s.Write(t.Context(), k.batch(0, sampleRows)); err != nil {
			break
		}
	}
	if commit := s.Commit(t.Context()); !errors.Is(commit, syscall.ENOSPC) {
		t.Errorf("Commit on a full disk: %v", commit)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write on a full disk: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if k.shown(t, path) {
		t.Error("the output is visible after a full disk")
	}
	leavesNothing(t, dir, "out")
}

func testCancelled(t *testing.T, k kind) {
	path := filepath.Join(t.TempDir(), "out")
	s := mustOpen(t, k, path, k.options())
	if err := s.Write(t.Context(), k.batch(0, 5)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	s.Close()
	if k.shown(t, path) {
		t.Error("the output is visible after a cancelled Commit")
	}
}

func testWrongBatch(t *testing.T, k kind) {
	wrong := map[string]func(b *event.Batch){
		"a column less":     func(b *event.Batch) { b.Columns = b.Columns[1:] },
		"a column too long": func(b *event.Batch) { b.Columns[1].Ints = append(b.Columns[1].Ints, 1) },
		"another type":      func(b *event.Batch) { b.Columns[1].Type = event.Of(event.Timestamp) },
		"no carried":        func(b *event.Batch) { b.Carried = nil },
		"too few carried":   func(b *event.Batch) { b.Carried = b.Carried.NewSlice(0, 1) },
	}
	for name, spoil := range wrong {
		path := filepath.Join(t.TempDir(), "out")
		s := mustOpen(t, k, path, k.options())
		b := k.batch(0, 5)
		spoil(b)
		if err := s.Write(t.Context(), b); err == nil {
			t.Errorf("%s: Write took the batch", name)
		}
		if err := s.Commit(t.Context()); err == nil {
			t.Errorf("%s: Commit after a failed Write", name)
		}
		if k.shown(t, path) {
			t.Errorf("%s: the output is visible", name)
		}
	}
}

// leavesNothing checks that no file but those named is in dir.
func leavesNothing(t *testing.T, dir string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
next:
	for _, e := range entries {
		for _, name := range but {
			if e.Name() == name {
				continue next
			}
		}
		t.Errorf("%s was left behind", e.Name())
	}
}

func TestParquetConforms(t *testing.T) {
	conformance(t, kind{
		open:  func(path string, o Options) (event.Sink, error) { return NewParquet(path, o) },
		read:  readParquet,
		shown: exists,
	})
}

func TestArrowFileConforms(t *testing.T) {
	conformance(t, kind{
		open:  func(path string, o Options) (event.Sink, error) { return NewArrowFile(path, o) },
		read:  readArrowFile,
		shown: exists,
	})
}

func TestArrowStreamConforms(t *testing.T) {
	conformance(t, kind{
		open: func(path string, o Options) (event.Sink, error) {
			f, err := os.Create(path)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { f.Close() })
			return NewArrowStream(f, o)
		},
		read: readArrowStream,
		// A stream may show rows, but never as a whole.
		shown: func(t *testing.T, path string) bool {
			data, err := os.ReadFile(path)
			return err == nil && bytes.HasSuffix(data, streamEnd)
		},
	})
}

// streamEnd is the mark that a stream is whole.
var streamEnd = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// TestArrowStreamBreaks holds that a reader of a stream that was not committed
// gets an error, and not a part of the rows.
func TestArrowStreamBreaks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := sampleOptions()
	o.RowGroupRows = 10
	s, err := NewArrowStream(f, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), sampleBatch(0, 100)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rec, err := arrowStream(t, path); err == nil {
		t.Errorf("a reader took %d rows for the whole", rec.NumRows())
	}
}

// contents is the bytes of a file, or of all files of a folder with their names.
func contents(t *testing.T, path string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all = append(append(all, name[len(path):]...), data...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	return err == nil
}
