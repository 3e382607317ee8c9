package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// Folder is a sink that writes a folder of files. They are made in a partial
// folder beside it, which takes its place when all of them are whole.
type Folder struct {
	*writer
	name      string // as the user named it
	target    string // what it means, links followed
	stage     *stage
	lock      *os.File
	divided   *partitioned // nil: it is not
	committed bool
}

// oldSuffix ends the name of the folder that is being replaced, where the system
// cannot exchange two folders at once.
const oldSuffix = ".old"

func (t *Target) openFolder(l *layout, o Options) (*Folder, error) {
	column := -1
	if t.PartitionBy != "" {
		var err error
		if column, err = t.checkPartition(l); err != nil {
			return nil, err
		}
	}
	if t.FileSize > 0 && o.RowGroupRows == 0 {
		l.rows = groupRows(l, t.FileSize)
	}
	files := *l
	if column >= 0 {
		files = l.without(column)
		l.text /= partitionGroups
	}
	open, err := t.format.open(&files, t.compression)
	if err != nil {
		return nil, err
	}
	if t.Interval != nil {
		if err := t.makeFolder(); err != nil {
			return nil, err
		}
	}
	f, err := t.lockFolder()
	if err != nil {
		return nil, err
	}
	if err := f.begin(t); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in := func(folder string) encoder {
		return &rolling{stage: f.stage, folder: folder, ending: t.format.ending(t.compression), size: t.FileSize, always: folder == "", open: open}
	}
	enc := in("")
	if column >= 0 {
		f.divided = &partitioned{column: column, name: t.PartitionBy, rows: l.rows, without: files.stored, open: in, by: map[string]int{}}
		enc = f.divided
	}
	f.writer = newWriter(l, enc)
	return f, nil
}

// groupRows is how many rows are encoded together where files are to have a size:
// few enough that a file has some groups, as it ends with a group.
func groupRows(l *layout, size int64) int {
	width := int64(0)
	for _, f := range l.stored.Fields() {
		if t, ok := f.Type.(arrow.FixedWidthDataType); ok {
			width += int64(t.BitWidth()+7) / 8
		} else {
			width += 24
		}
	}
	return int(min(max(size/4/width, step), rowsDefault))
}

// without is the layout of files that lack a column.
func (l *layout) without(column int) layout {
	w := *l
	less := func(s *arrow.Schema) *arrow.Schema {
		return arrow.NewSchema(slices.Delete(slices.Clone(s.Fields()), column, column+1), nil)
	}
	w.declared, w.stored = less(l.declared), less(l.stored)
	return w
}

// lockFolder finds what the folder's name means and locks it.
func (t *Target) lockFolder() (*Folder, error) {
	f := &Folder{name: t.path, target: t.path}
	if err := checkFolder(f.target); err != nil {
		return nil, err
	}
	if at, err := os.Lstat(f.target); err == nil && at.Mode()&fs.ModeSymlink != 0 {
		if f.target, err = filepath.EvalSymlinks(t.path); err != nil {
			return nil, fmt.Errorf("output %s is a link that leads nowhere; remove it or name a folder", t.path)
		}
	}
	beside := f.target
	if t.Interval != nil {
		beside = t.Beside("")
	}
	var err error
	if f.lock, err = takeLock(beside + lockSuffix); err != nil {
		return nil, fmt.Errorf("output %s: %w", t.path, err)
	}
	f.stage = newStage(beside + partialSuffix)
	return f, nil
}

// begin puts in order what a killed run left, checks what is to be replaced, and
// makes the partial folder.
func (f *Folder) begin(t *Target) error {
	if t.Interval != nil {
		if err := t.checkIntervals(); err != nil {
			return err
		}
	}
	if err := f.recover(); err != nil {
		return fmt.Errorf("output %s: put in order what an earlier run left: %w", f.name, plainly(err))
	}
	if err := f.replaceable(); err != nil {
		return err
	}
	if err := os.Mkdir(f.stage.dir, 0o777); err != nil {
		return fmt.Errorf("output %s: create %s: %w", f.name, f.stage.dir, plainly(err))
	}
	return nil
}

// recover ends a replacement that was cut off: the old folder goes back where the
// new one did not come, and else away.
func (f *Folder) recover() error {
	old := f.stage.dir + oldSuffix
	if _, err := os.Lstat(f.target); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(old, f.target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return os.RemoveAll(f.stage.dir)
}

// ours are the names that files of a folder have.
var ours = regexp.MustCompile(`^part-\d{5,}\.(parquet|arrow|csv|jsonl|tfrecord)(\.gz|\.zst)?$`)

// replaceable refuses a folder in which anything stands that no run wrote: what is
// replaced is removed.
func (f *Folder) replaceable() error {
	at, err := os.Stat(f.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("output %s: %w", f.name, plainly(err))
	case !at.IsDir():
		return fmt.Errorf("output %s is a file, and a folder is to be written; name another", f.name)
	}
	err = filepath.WalkDir(f.target, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("output %s: %w", f.name, plainly(err))
		}
		key, _, pair := strings.Cut(d.Name(), "=")
		if path == f.target || d.IsDir() && pair && key != "" || d.Type().IsRegular() && ours.MatchString(d.Name()) {
			return nil
		}
		return fmt.Errorf("output %s holds %s, which no run wrote, and a folder is replaced as a whole; name another", f.name, d.Name())
	})
	return err
}

// Write takes the next rows. Of Carried it holds references until the rows are
// encoded; of the computed columns it holds nothing.
func (f *Folder) Write(ctx context.Context, b *event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.named(f.write(ctx, b))
}

// Commit finishes all files and puts the folder in its place.
func (f *Folder) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = f.finish()
	}
	f.close()
	if err == nil {
		err = f.stage.settle()
	}
	for _, step := range f.steps() {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return f.named(errors.Join(err, f.discard()))
	}
	f.committed = true
	// The new folder is in place; that the old one is gone can wait for the next run.
	os.RemoveAll(f.stage.dir)
	os.RemoveAll(f.stage.dir + oldSuffix)
	return nil
}

// steps is what a commit does to the folder that everybody sees. A run that is
// killed before, between or after them leaves the old files or the new, or, on a
// system without exchange and for an instant, none until the next run.
func (f *Folder) steps() []func() error {
	return []func() error{
		func() error { return syncTree(f.stage.dir) },
		f.replaceable,
		func() error { return f.exchange(exchange) },
		func() error { syncFolder(filepath.Dir(f.target)); return nil },
	}
}

// exchange puts the partial folder in the target's place; swap exchanges two
// folders in one stroke, or says that the system cannot.
func (f *Folder) exchange(swap func(a, b string) error) error {
	_, err := os.Lstat(f.target)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(f.stage.dir, f.target)
	}
	if err != nil {
		return err
	}
	if err := swap(f.stage.dir, f.target); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	old := f.stage.dir + oldSuffix
	if err := os.Rename(f.target, old); err != nil {
		return err
	}
	if err := os.Rename(f.stage.dir, f.target); err != nil {
		return errors.Join(err, os.Rename(old, f.target))
	}
	return nil
}

// syncTree makes the names in a tree of folders outlast a power cut.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			syncFolder(path)
		}
		return err
	})
}

// Written is the files of the folder, once they are committed.
func (f *Folder) Written() []Written { return f.stage.written() }

func (f *Folder) discard() error {
	f.stage.settle()
	return os.RemoveAll(f.stage.dir)
}

// Close releases the output for other runs, and removes what was not committed.
func (f *Folder) Close() error {
	if f.writer != nil {
		f.close()
	}
	if f.divided != nil {
		f.divided.release()
	}
	if f.lock == nil {
		return nil
	}
	var err error
	if !f.committed {
		err = f.discard()
	}
	err = errors.Join(err, releaseLock(f.lock))
	f.lock = nil
	return f.named(err)
}

func (f *Folder) named(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("write %s: %w", f.name, plainly(err))
}
