package sink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// File is a sink that writes one file.
type File struct {
	*writer
	output *output
	buffer *bufio.Writer
}

// bufferBytes gathers the many small writes of headers; pages are larger and
// pass it by.
const bufferBytes = 128 << 10

func openFile(path string, l *layout, open func(io.Writer) (encoder, error)) (*File, error) {
	out, err := openOutput(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriterSize(out.file, bufferBytes)
	enc, err := open(buffer)
	if err != nil {
		out.close()
		return nil, fmt.Errorf("write %s: %w", path, plain(err))
	}
	return &File{writer: newWriter(l, enc), output: out, buffer: buffer}, nil
}

// Write takes the next rows. Of Carried it holds references until the rows are
// encoded; of the computed columns it holds nothing.
func (f *File) Write(ctx context.Context, b *event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.named(f.write(ctx, b))
}

// Commit writes the rest and puts the file in its place.
func (f *File) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = f.finish()
	}
	if err == nil {
		err = f.buffer.Flush()
	}
	f.close()
	if err == nil {
		err = f.output.commit()
	}
	if err != nil {
		f.output.discard()
	}
	return f.named(err)
}

// Close releases the output for other runs. It keeps the output locked until
// then, so that what belongs beside it can be written after Commit.
func (f *File) Close() error {
	f.close()
	return f.named(f.output.close())
}

func (f *File) named(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("write %s: %w", f.output.path, plain(err))
}

// plain leaves out the name of the partial file, which means nothing to a user.
func plain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// output is a file that does not exist until it is committed: a partial file
// and a lock beside it.
type output struct {
	path   string // as the user named it
	target string // what it means, links followed
	file   *os.File
	lock   *os.File // nil: this output needs none
}

// partialSuffix and lockSuffix end the names of what stands beside an output
// while it is made. Patterns for data files do not match them.
const (
	partialSuffix = ".partial"
	lockSuffix    = ".lock"
)

// openOutput locks path and opens its partial file, and removes the one that a
// killed run may have left.
func openOutput(path string) (*output, error) {
	target, err := targetOf(path)
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(target + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", path, err)
	}
	o := &output{path: path, target: target, lock: lock}
	if err := o.create(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// create opens an empty partial file, never one that somebody else put there.
func (o *output) create() error {
	partial := o.target + partialSuffix
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("output %s: remove %s, left by an earlier run: %w", o.path, partial, plain(err))
	}
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("output %s: create %s: %w", o.path, partial, plain(err))
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
		return "", fmt.Errorf("output %s: %w", path, plain(err))
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
		return fmt.Errorf("output %s: %w", path, plain(err))
	case !at.IsDir():
		return fmt.Errorf("output %s: %s is no directory", path, dir)
	}
	return nil
}

// commit makes the partial file the output. The rename is the moment at which it
// becomes visible; everything that can go wrong goes wrong before.
func (o *output) commit() error {
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
	o := &output{path: path, target: target}
	if err := o.create(); err != nil {
		return err
	}
	if _, err = o.file.Write(data); err == nil {
		err = o.commit()
	}
	o.close()
	if err != nil {
		return fmt.Errorf("write %s: %w", path, plain(err))
	}
	return nil
}
