package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// errLocked is what lockFile returns where another run holds the lock.
var errLocked = errors.New("locked")

// takeLock locks the file path, which it makes if need be, or says who holds it.
// The lock is the kernel's and ends with its holder: a file that a killed run
// left behind locks nothing.
func takeLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("its directory cannot be written to (%w)", plainly(err))
		}
		if err != nil {
			return nil, fmt.Errorf("create %s: %w", path, plainly(err))
		}
		if err := lockFile(f); err != nil {
			defer f.Close()
			if errors.Is(err, errLocked) {
				return nil, fmt.Errorf("%s is writing it now (lock %s); wait for its end or name another output", holder(f), path)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !stands(f, path) {
			// Its holder ended, and removed it, between the opening and the locking.
			f.Close()
			continue
		}
		if err := signLock(f); err != nil {
			releaseLock(f)
			return nil, plainly(err)
		}
		return f, nil
	}
}

// Lock locks the file path until what it returns is called, or says who holds it.
func Lock(path string) (release func() error, err error) {
	f, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	return func() error { return releaseLock(f) }, nil
}

// signLock leaves the name of this process for whoever comes second.
func signLock(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f, "process %d\n", os.Getpid())
	return err
}

// holder is who wrote into the lock file.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if name := strings.TrimSpace(string(text)); err == nil && strings.HasPrefix(name, "process ") {
		return name
	}
	return "another run"
}

// stands reports whether f is still the file called path.
func stands(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// releaseLock removes the file while it is locked, so that nobody can lock a
// file that is about to go.
func releaseLock(f *os.File) error {
	err := os.Remove(f.Name())
	return errors.Join(err, f.Close())
}
