package sink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

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
		if beside {
			if name == filepath.Base(t.path)+lockSuffix || !strings.HasSuffix(name, lockSuffix) {
				continue
			}
			if err := clearStale(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("output %s: interval %s overlaps with %s: %w", t.Place.Path, v.Name(), t.Interval.Name(), err)
			}
			continue
		}
		return t.clash(v, name)
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
