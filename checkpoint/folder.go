package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/shelf"
)

// folder is a place on a disk.
type folder struct{ path string }

func (f *folder) name(number int64) string { return filepath.Join(f.path, fileName(number)) }

func (f *folder) list(context.Context) (all []entry, err error) {
	names, err := os.ReadDir(f.path) // in the order of names
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, d := range names {
		if n := numberOf(d.Name()); n > 0 {
			at, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // It was pruned meanwhile.
			}
			if err != nil {
				return nil, err
			}
			all = append(all, entry{n, at.Size()})
		}
	}
	return all, err
}

func (f *folder) open(_ context.Context, number int64, _ bool) (shelf.Readable, int64, error) {
	file, err := os.Open(f.name(number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrMissing
	}
	if err != nil {
		return nil, 0, err
	}
	at, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, at.Size(), nil
}

// partial ends the name of what is not whole yet.
const partial = ".partial"

// written is a file that has no number yet.
type written struct {
	*os.File
	to string
}

// create begins a file under a name of its own: two writers of one number are kept
// apart when it gets its number, and never write into each other's bytes.
func (f *folder) create(_ context.Context, number int64) (blob, error) {
	file, err := os.CreateTemp(f.path, fileName(number)+".*"+partial)
	if err != nil {
		return nil, err
	}
	return &written{file, f.name(number)}, nil
}

// commit has the bytes on the disk before the name is, lest a machine that loses power
// keep the name alone. A link is made only where nothing has the name.
func (w *written) commit(context.Context) error {
	if err := errors.Join(w.Sync(), w.Chmod(0o644)); err != nil {
		return err
	}
	err := os.Link(w.Name(), w.to)
	if errors.Is(err, fs.ErrExist) {
		return ErrTaken
	}
	if err != nil { // Some file systems have no links.
		if _, there := os.Lstat(w.to); there == nil {
			return ErrTaken
		}
		if err := os.Rename(w.Name(), w.to); err != nil {
			return err
		}
	}
	os.Remove(w.Name()) // else the next start does
	w.Close()
	if d, err := os.Open(filepath.Dir(w.to)); err == nil {
		d.Sync() // Not every file system can; the name is there all the same.
		d.Close()
	}
	return nil
}

func (w *written) abort(context.Context) error {
	if err := w.Close(); errors.Is(err, fs.ErrClosed) {
		return nil // It is committed.
	}
	return os.Remove(w.Name())
}

func (f *folder) remove(_ context.Context, number int64) error {
	err := os.Remove(f.name(number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ready makes the folder, and removes what killed writers left in it.
func (f *folder) ready(context.Context) error {
	if err := os.MkdirAll(f.path, 0o777); err != nil {
		return err
	}
	names, err := os.ReadDir(f.path)
	for _, d := range names {
		if n := d.Name(); strings.HasSuffix(n, partial) && strings.Contains(n, suffix+".") && len(n) > 12 && numberOf(n[:12]+suffix) > 0 {
			if err := os.Remove(filepath.Join(f.path, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return err
}
