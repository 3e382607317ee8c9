package sink

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store"
)

// Place says where a training set goes and in which form, as flags say it.
type Place struct {
	Path        string
	Format      string    // of a folder's files; "": parquet
	Compression string    // "": what the format has where nothing is said
	FileSize    int64     // bytes; 0: one file, however large
	PartitionBy string    // a column; "": no folders by value
	Interval    *Interval // nil: the whole spine

	Store *store.Client     // what reaches a Path that is an address; nil: one of its own
	Warn  func(what string) // is told what a run goes on in spite of; nil: nobody
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
	if store.Is(p.Path) {
		var err error
		if p.Path, err = checkedAddress(p.Path); err != nil {
			return nil, err
		}
	}
	t := &Target{Place: p, path: p.Path}
	set := p.FileSize > 0 || p.PartitionBy != ""
	t.folder = set || p.Interval == nil && strings.HasSuffix(filepath.ToSlash(p.Path), "/")
	in := t.folder || p.Interval != nil // Path is a folder
	if in {
		t.path = cleaned(p.Path)
	}
	named, compressed := formatOf(p.Path)
	switch {
	case p.Path == "":
		return nil, fmt.Errorf("output %q is no name; name a file or a folder", p.Path)
	case in && p.Interval == nil && store.Is(t.path) && strings.Count(t.path, "/") == 2:
		return nil, fmt.Errorf("output %s is a whole bucket; name a folder in it, such as %straining/", p.Path, p.Path)
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
		t.path = under(t.path, p.Interval.Name())
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
		return under(parent(t.path), "_"+last(t.path)+suffix)
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
