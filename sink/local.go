package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// plainly leaves out the names of partial files, which mean nothing to a user.
func plainly(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	var two *os.LinkError
	if errors.As(err, &two) {
		return two.Err
	}
	return err
}

// output makes a file of the file system: a partial file and a lock stand beside it
// until it is committed.
type output struct {
	path   string // as the user named it
	target string // what it means, links followed
	beside string // what the names of partial file and lock begin with
	file   *os.File
	size   int64       // of what was written
	early  int64       // of that, what the system was told to put on the disk
	lock   *os.File    // nil: this output needs none
	papers *companions // nil: nothing stands beside it
}

// localFile begins a file of the file system.
func (t *Target) localFile() (fileMaker, error) {
	var beside []string
	if t.Interval != nil {
		if err := t.makeFolder(); err != nil {
			return nil, err
		}
		beside = append(beside, t.Beside(""))
	}
	o, err := openOutput(t.path, beside...)
	if err != nil {
		return nil, err
	}
	o.papers = t.companions()
	if t.Interval != nil {
		if err := t.checkIntervals(); err != nil {
			return nil, errors.Join(err, o.close())
		}
	}
	return o, nil
}

// partialSuffix and lockSuffix end the names of what stands beside an output
// while it is made. Patterns for data files do not match them.
const (
	partialSuffix = ".partial"
	lockSuffix    = ".lock"
)

// openOutput locks path and opens its partial file, and removes the one that a
// killed run may have left. What stands beside path while it is made is named after
// it, or after another.
func openOutput(path string, beside ...string) (*output, error) {
	target, err := targetOf(path)
	if err != nil {
		return nil, err
	}
	o := &output{path: path, target: target, beside: target}
	if len(beside) > 0 {
		o.beside = beside[0]
	}
	o.lock, err = takeLock(o.beside + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", path, err)
	}
	if err := o.create(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// create opens an empty partial file, never one that somebody else put there.
func (o *output) create() error {
	partial := o.beside + partialSuffix
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("output %s: remove %s, left by an earlier run: %w", o.path, partial, plainly(err))
	}
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("output %s: create %s: %w", o.path, partial, plainly(err))
	}
	o.file = f
	return nil
}

// targetOf follows links, so that one file has one lock whatever it is called,
// and refuses what a rename would destroy.
func targetOf(path string) (string, error) {
	if path == "" || strings.HasSuffix(path, string(filepath.Separator)) {
		return "", fmt.Errorf("output %q is no file name; name a file", path)
	}
	at, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, checkFolder(path)
	}
	if err != nil {
		return "", fmt.Errorf("output %s: %w", path, plainly(err))
	}
	target := path
	if at.Mode()&fs.ModeSymlink != 0 {
		if target, err = filepath.EvalSymlinks(path); err == nil {
			at, err = os.Stat(target)
		}
		if err != nil {
			return "", fmt.Errorf("output %s is a link that leads nowhere; remove it or name a file", path)
		}
	}
	switch {
	case at.IsDir():
		return "", fmt.Errorf("output %s is a directory; name a file in it", path)
	case !at.Mode().IsRegular():
		return "", fmt.Errorf("output %s is no regular file; name a file, or write an Arrow stream to standard output with -o -", path)
	}
	return target, nil
}

func checkFolder(path string) error {
	dir := filepath.Dir(path)
	at, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("output %s: there is no directory %s; make it first", path, dir)
	case err != nil:
		return fmt.Errorf("output %s: %w", path, plainly(err))
	case !at.IsDir():
		return fmt.Errorf("output %s: %s is no directory", path, dir)
	}
	return nil
}

// earlyBytes is how many bytes are written before the system is told to put them on
// the disk: enough that the disk has them in one go, and few enough that it is hardly
// waited for in the end, when nothing is left to compute.
const earlyBytes = 8 << 20

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if o.size += int64(n); o.size-o.early >= earlyBytes {
		earlyWrite(o.file, o.early, o.size-o.early)
		o.early = o.size
	}
	return n, err
}

func (o *output) identify(*Written) {}

func (o *output) attach(_ context.Context, suffix string, data []byte) error {
	return o.papers.attach(suffix, data)
}

func (o *output) commit(context.Context) error {
	if o.papers == nil {
		return o.publish()
	}
	return o.papers.replace(o.publish)
}

// publish makes the partial file the output. The rename is the moment at which it
// becomes visible; everything that can go wrong goes wrong before.
func (o *output) publish() error {
	if err := o.file.Sync(); err != nil {
		return err
	}
	err := o.file.Close()
	partial := o.file.Name()
	o.file = nil
	if err == nil {
		err = os.Rename(partial, o.target)
	}
	if err != nil {
		os.Remove(partial)
		return err
	}
	syncFolder(filepath.Dir(o.target))
	return nil
}

// syncFolder makes a rename outlast a power cut. Some file systems cannot do it;
// the file is whole in either case, so that is no failure of the run.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// discard removes the partial file, if there still is one.
func (o *output) discard() error {
	if o.file == nil {
		return nil
	}
	name := o.file.Name()
	o.file.Close()
	o.file = nil
	return os.Remove(name)
}

// close discards what was not committed and gives up the lock.
func (o *output) close() error {
	err := o.discard()
	if o.lock != nil {
		err = errors.Join(err, releaseLock(o.lock))
		o.lock = nil
	}
	return err
}

// WriteFile writes a small file, such as a manifest, whole or not at all. It
// takes no lock: the caller holds that of the output it belongs to.
func WriteFile(path string, data []byte) error {
	target, err := targetOf(path)
	if err != nil {
		return err
	}
	o := &output{path: path, target: target, beside: target}
	if err := o.create(); err != nil {
		return err
	}
	if _, err = o.file.Write(data); err == nil {
		err = o.publish()
	}
	o.close()
	if err != nil {
		return fmt.Errorf("write %s: %w", path, plainly(err))
	}
	return nil
}
