package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// folder is a place on a disk.
type folder struct{ dir string }

// partial ends the name of what is not whole yet.
const partial = ".partial"

// Path is how errors call a file.
func (f *folder) Path(name string) string { return filepath.Join(f.dir, name) }

// List is the files whose names begin with a prefix.
func (f *folder) List(_ context.Context, prefix string) (all []Entry, err error) {
	names, err := os.ReadDir(f.dir) // in the order of names
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, d := range names {
		if !strings.HasPrefix(d.Name(), prefix) || strings.HasSuffix(d.Name(), partial) || d.IsDir() {
			continue
		}
		at, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was removed meanwhile.
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Entry{d.Name(), at.Size()})
	}
	return all, err
}

// Read reads a file whole.
func (f *folder) Read(_ context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(f.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	return data, err
}

// Write writes a file under another name first, and has its bytes on the disk before
// the name is.
func (f *folder) Write(_ context.Context, name string, data []byte, fresh bool) error {
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.dir, name+".*"+partial)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(data)
	if err := errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return err
	}
	if fresh {
		err = os.Link(file.Name(), f.Path(name)) // is made only where nothing has the name
		if errors.Is(err, fs.ErrExist) {
			return ErrTaken
		}
	} else {
		err = os.Rename(file.Name(), f.Path(name))
	}
	if err == nil {
		f.settle()
	}
	return err
}

// settle makes names outlast a power cut, where the file system can.
func (f *folder) settle() {
	if d, err := os.Open(f.dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// Remove removes a file.
func (f *folder) Remove(_ context.Context, name string) error {
	err := os.Remove(f.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
