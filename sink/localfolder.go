package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// folder makes a folder of the file system. Its files are made in a partial folder
// beside it, which takes its place when all of them are whole.
type folder struct {
	name      string // as the user named it
	target    string // what it means, links followed
	partial   *stage
	lock      *os.File // nil: it was released
	committed bool
	papers    *companions
}

// oldSuffix ends the name of the folder that is being replaced, where the system
// cannot exchange two folders at once.
const oldSuffix = ".old"

// localFolder begins a folder of the file system.
func (t *Target) localFolder() (folderMaker, error) {
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
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *folder) files() *stage { return f.partial }

func (f *folder) identify(*Written) {}

func (f *folder) attach(_ context.Context, suffix string, data []byte) error {
	return f.papers.attach(suffix, data)
}

// lockFolder finds what the folder's name means and locks it.
func (t *Target) lockFolder() (*folder, error) {
	f := &folder{name: t.path, target: t.path, papers: t.companions()}
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
	f.partial = newStage(beside + partialSuffix)
	return f, nil
}

// begin puts in order what a killed run left, checks what is to be replaced, and
// makes the partial folder.
func (f *folder) begin(t *Target) error {
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
	if err := os.Mkdir(f.partial.dir, 0o777); err != nil {
		return fmt.Errorf("output %s: create %s: %w", f.name, f.partial.dir, plainly(err))
	}
	return nil
}

// recover ends a replacement that was cut off: the old folder goes back where the
// new one did not come, and else away.
func (f *folder) recover() error {
	old := f.partial.dir + oldSuffix
	if _, err := os.Lstat(f.target); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(old, f.target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return os.RemoveAll(f.partial.dir)
}

// ours are the names that files of a folder have.
var ours = regexp.MustCompile(`^part-\d{5,}\.(parquet|arrow|csv|jsonl|tfrecord)(\.gz|\.zst)?$`)

// replaceable refuses a folder in which anything stands that no run wrote: what is
// replaced is removed.
func (f *folder) replaceable() error {
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

func (f *folder) commit(context.Context) error { return f.papers.replace(f.publish) }

// publish takes the steps.
func (f *folder) publish() error {
	for _, step := range f.steps() {
		if err := step(); err != nil {
			return err
		}
	}
	f.committed = true
	// The new folder is in place; that the old one is gone can wait for the next run.
	os.RemoveAll(f.partial.dir)
	os.RemoveAll(f.partial.dir + oldSuffix)
	return nil
}

// steps is what a commit does to the folder that everybody sees. A run that is
// killed before, between or after them leaves the old files or the new, or, on a
// system without exchange and for an instant, none until the next run.
func (f *folder) steps() []func() error {
	return []func() error{
		func() error { return syncTree(f.partial.dir) },
		f.replaceable,
		func() error { return f.exchange(exchange) },
		func() error { syncFolder(filepath.Dir(f.target)); return nil },
	}
}

// exchange puts the partial folder in the target's place; swap exchanges two
// folders in one stroke, or says that the system cannot.
func (f *folder) exchange(swap func(a, b string) error) error {
	_, err := os.Lstat(f.target)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(f.partial.dir, f.target)
	}
	if err != nil {
		return err
	}
	if err := swap(f.partial.dir, f.target); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	old := f.partial.dir + oldSuffix
	if err := os.Rename(f.target, old); err != nil {
		return err
	}
	if err := os.Rename(f.partial.dir, f.target); err != nil {
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

func (f *folder) discard() error {
	f.partial.settle()
	return os.RemoveAll(f.partial.dir)
}

// close gives up the lock, and removes what was not committed.
func (f *folder) close() error {
	if f.lock == nil {
		return nil
	}
	var err error
	if !f.committed {
		err = f.discard()
	}
	err = errors.Join(err, releaseLock(f.lock))
	f.lock = nil
	return err
}
