package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Place says where a training set goes and in which form, as flags say it.
type Place struct {
	Path        string
	Format      string    // of a folder's files; "": parquet
	Compression string    // "": what the format has where nothing is said
	FileSize    int64     // bytes; 0: one file, however large
	PartitionBy string    // a column; "": no folders by value
	Interval    *Interval // nil: the whole spine
}

// Target is a place that was found to make sense. It is a file, or a folder of
// files that is replaced as one.
type Target struct {
	Place
	path        string // of what appears at commit
	folder      bool
	format      *format
	compression string
}

// Resolve checks what is said of a place, before anything is read.
func (p Place) Resolve() (*Target, error) {
	t := &Target{Place: p, path: p.Path}
	set := p.FileSize > 0 || p.PartitionBy != ""
	t.folder = set || p.Interval == nil && strings.HasSuffix(filepath.ToSlash(p.Path), "/")
	in := t.folder || p.Interval != nil // Path is a folder
	if in {
		t.path = filepath.Clean(p.Path)
	}
	named, compressed := formatOf(p.Path)
	switch {
	case p.Path == "":
		return nil, fmt.Errorf("output %q is no name; name a file or a folder", p.Path)
	case in && named != nil:
		return nil, fmt.Errorf("output %s: with %s it is a folder; name one, such as -o training/ --format %s", p.Path, p.folderFlag(), named.name)
	case !in && named == nil:
		return nil, fmt.Errorf("output %s: what ends so is no format that is built; name it %s, end the name of a folder with /, or write - for an Arrow stream", p.Path, endingsText())
	case !in && p.Format != "" && p.Format != named.name:
		return nil, fmt.Errorf("--format %s, and output %s is %s by its name; leave --format out", p.Format, p.Path, named.title())
	case in:
		named, compressed = &formats[0], ""
		if p.Format != "" {
			var err error
			if named, err = formatNamed(p.Format); err != nil {
				return nil, err
			}
		}
	}
	t.format = named
	var err error
	if t.compression, err = named.compression(p.Compression, compressed, !in); err != nil {
		return nil, err
	}
	if p.Interval != nil {
		t.path = filepath.Join(t.path, p.Interval.Name())
		if !t.folder {
			t.path += named.ending(t.compression)
		}
	}
	return t, nil
}

func (p Place) folderFlag() string {
	switch {
	case p.Interval != nil:
		return "--data-interval-start"
	case p.PartitionBy != "":
		return "--partition-by"
	case p.FileSize > 0:
		return "--file-size"
	}
	return "/ at its end"
}

// Path is the file or the folder that appears when the sink is committed.
func (t *Target) Path() string { return t.path }

// Folder reports whether that is a folder.
func (t *Target) Folder() bool { return t.folder }

// Format is the format's name.
func (t *Target) Format() string { return t.format.name }

// Beside is the path of what belongs beside the output. In a folder of intervals
// its name begins with an underscore, which readers of folders pass over.
func (t *Target) Beside(suffix string) string {
	if t.Interval != nil {
		return filepath.Join(filepath.Dir(t.path), "_"+filepath.Base(t.path)+suffix)
	}
	return t.path + suffix
}

// Rounded is the columns whose values lose digits in the format of t.
func (t *Target) Rounded(o Options) []string {
	l, err := newLayout(o)
	if err != nil || t.format.name != "tfrecord" {
		return nil
	}
	var names []string
	for _, f := range l.stored.Fields() {
		if rounds(f.Type) && f.Name != t.PartitionBy {
			names = append(names, f.Name)
		}
	}
	return names
}

// Open opens the sink that makes t.
func (t *Target) Open(ctx context.Context, o Options) (Output, error) {
	o.Compression = t.compression
	l, err := newLayout(o)
	if err != nil {
		return nil, err
	}
	if t.folder {
		return t.openFolder(ctx, l, o)
	}
	open, err := t.format.open(l, t.compression)
	if err != nil {
		return nil, err
	}
	out, err := t.fileMaker(ctx)
	if err != nil {
		return nil, err
	}
	return newFile(t.path, out, l, open)
}

// makeFolder makes the folder of intervals, whose own parent must be there.
func (t *Target) makeFolder() error {
	dir := filepath.Dir(t.path)
	if at, err := os.Stat(dir); err == nil && !at.IsDir() {
		return fmt.Errorf("output %s is a file, and with %s it is a folder; name another", t.Place.Path, t.folderFlag())
	}
	if err := checkFolder(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("output %s: %w", t.Place.Path, plainly(err))
	}
	return nil
}

// checkIntervals refuses an interval that shares instants with another that is
// there, or that another run is about to write: their rows would stand in the
// folder twice. The caller holds the lock of its own, and every run takes its lock
// before it looks, so that of two at once one at least sees the other.
func (t *Target) checkIntervals() error {
	dir := filepath.Dir(t.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("output %s: %w", t.Place.Path, plainly(err))
	}
	for _, e := range entries {
		name, beside := strings.CutPrefix(e.Name(), "_")
		v, ok := intervalNamed(name)
		if !ok || !t.Interval.overlaps(v) || name == filepath.Base(t.path) {
			continue
		}
		same := v == *t.Interval
		if beside {
			if name == filepath.Base(t.path)+lockSuffix || !strings.HasSuffix(name, lockSuffix) {
				continue
			}
			if err := clearStale(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("output %s: interval %s overlaps with %s: %w", t.Place.Path, v.Name(), t.Interval.Name(), err)
			}
			continue
		}
		if same {
			return fmt.Errorf("output %s has the interval in another form, %s; remove that with what belongs to it, or name another output", t.Place.Path, name)
		}
		return fmt.Errorf("output %s has %s, which overlaps with %s, so that rows would stand there twice; give intervals that meet end to end, or remove it", t.Place.Path, name, t.Interval.Name())
	}
	return nil
}

// clearStale removes a lock that a killed run left, and its partial output; of a
// run that is alive it says who that is.
func clearStale(lock string) error {
	f, err := takeLock(lock)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(strings.TrimSuffix(lock, lockSuffix)+partialSuffix), releaseLock(f))
}

// Check refuses a column to partition by that o does not have, before anything is
// made.
func (t *Target) Check(o Options) error {
	l, err := newLayout(o)
	if err == nil && t.PartitionBy != "" {
		_, err = t.checkPartition(l)
	}
	return err
}

// checkPartition finds the column by whose values the rows are divided.
func (t *Target) checkPartition(l *layout) (int, error) {
	var names []string
	for i, f := range l.stored.Fields() {
		if f.Name != t.PartitionBy {
			names = append(names, f.Name)
			continue
		}
		if !divides(f.Type) {
			return 0, fmt.Errorf("--partition-by %s: the column is %s; partition by a number, text, date or time", f.Name, f.Type)
		}
		if l.stored.NumFields() == 1 {
			return 0, fmt.Errorf("--partition-by %s: it is the only column, and files do not hold the column they are divided by; keep another", f.Name)
		}
		return i, nil
	}
	mend := "there are " + strings.Join(names[:min(len(names), 20)], ", ")
	if n := event.Nearest(t.PartitionBy, names); n != "" && slices.Contains(names, n) {
		mend = "did you mean " + n + "?"
	}
	return 0, fmt.Errorf("--partition-by %s; the training set has no such column; %s", t.PartitionBy, mend)
}
