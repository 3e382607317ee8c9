package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// companions are the files beside an output that say what it is.
type companions struct {
	output string // whose they are, as the user named it
	beside string // what their names begin with
}

// companions are those of t in the file system.
func (t *Target) companions() *companions {
	return &companions{t.path, t.Beside("")}
}

// paths are where they stand, the manifest first.
func (c *companions) paths() (all []string) {
	for _, suffix := range besides {
		all = append(all, c.beside+suffix)
	}
	return all
}

// replace takes those of the output that commit replaces away, so that no output
// ever stands beside another's manifest, and puts them back where commit fails.
// The names they have meanwhile are those of files on their way, so that the next
// run removes what a killed one left here.
func (c *companions) replace(commit func() error) error {
	for _, path := range c.paths() {
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a directory, and the place of what belongs beside %s; name another output", path, c.output)
		}
	}
	var err error
	for _, path := range c.paths() {
		if e := os.Rename(path, path+partialSuffix); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("take the old manifest away: %w", plainly(e)))
		}
	}
	if err == nil {
		err = commit()
	}
	for _, path := range c.paths() {
		if err != nil {
			os.Rename(path+partialSuffix, path)
		} else {
			os.Remove(path + partialSuffix)
		}
	}
	return err
}

// attach writes one of them, or takes away the output that it belongs to.
func (c *companions) attach(suffix string, data []byte) error {
	err := WriteFile(c.beside+suffix, data)
	if err == nil {
		return nil
	}
	for _, path := range append([]string{c.output}, c.paths()...) {
		err = errors.Join(err, plainly(os.RemoveAll(path)))
	}
	return err
}
