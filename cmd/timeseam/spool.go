package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
)

// What spools are called. The lock stands beside a spool for as long as its run does,
// however that ends.
const (
	spoolPrefix = ".timeseam-"
	spoolSuffix = ".spool"
	spoolLock   = ".lock"
)

// spool is a folder of this machine that parts of sources are copied to, a file of
// Parquet each, and read from. It goes with the run.
type spool struct {
	dir    string
	unlock func() error
}

// newSpool makes one in a folder; "": where the system has temporary files.
func newSpool(parent string) (*spool, error) {
	parent = cmp.Or(parent, os.TempDir())
	if err := sweepSpools(parent); err != nil {
		return nil, err
	}
	var err error
	s := &spool{}
	// The lock is there before the folder, so that nobody takes this for one that was left.
	s.dir = filepath.Join(parent, fmt.Sprintf("%s%016x%s", spoolPrefix, rand.Uint64(), spoolSuffix))
	if s.unlock, err = sink.Lock(s.dir + spoolLock); err != nil {
		return nil, fmt.Errorf("make room for records in %s: %w", parent, err)
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

// sweepSpools removes what runs have left in a folder that were killed.
func sweepSpools(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("make room for records: %w", err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), spoolLock)
		if !strings.HasPrefix(name, spoolPrefix) || !strings.HasSuffix(name, spoolSuffix) {
			continue
		}
		dir := filepath.Join(parent, name)
		unlock, err := sink.Lock(dir + spoolLock)
		if err != nil {
			continue // its run is there, or it is another's
		}
		if err := errors.Join(os.RemoveAll(dir), unlock()); err != nil {
			return fmt.Errorf("remove what a run has left: %w", err)
		}
	}
	return nil
}

// close removes it. A nil spool has nothing.
func (s *spool) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(s.dir), s.unlock())
}

// folder makes a folder in it.
func (s *spool) folder(name string) (string, error) {
	dir := filepath.Join(s.dir, name)
	return dir, os.Mkdir(dir, 0o700)
}

// copying is parts that are copied to files of a folder, so many at a time.
type copying struct {
	dir     string
	parts   []event.Source
	workers int
	open    func(path string, p event.Source) (event.Sink, error)
}

// copy copies parts and closes them. It returns their files, in their order.
func (s *spool) copy(ctx context.Context, c copying) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	paths, turn := make([]string, len(c.parts)), make(chan struct{}, c.workers)
	var all sync.WaitGroup
	for i, p := range c.parts {
		paths[i] = filepath.Join(c.dir, fmt.Sprintf("%06d.parquet", i))
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			err := c.part(ctx, p, paths[i])
			if err := errors.Join(err, p.Close()); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return paths, context.Cause(ctx)
}

// part copies a part to a file.
func (c *copying) part(ctx context.Context, p event.Source, path string) error {
	full := func(err error) error {
		return fmt.Errorf("copy to %s: %w; name a folder with more room by --temp-dir", path, err)
	}
	out, err := c.open(path, p)
	if err != nil {
		return fmt.Errorf("copy to %s: %w", path, err)
	}
	defer out.Close()
	var b event.Batch
	for {
		err := p.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := out.Write(ctx, &b); err != nil {
			return full(err)
		}
	}
	if err := out.Commit(ctx); err != nil {
		return full(err)
	}
	return nil
}

// copyRows copies rows of parts as they are to files in a folder, so many at a time.
func (s *spool) copyRows(ctx context.Context, dir string, parts []event.Source, workers int) error {
	_, err := s.copy(ctx, copying{dir, parts, workers, func(path string, p event.Source) (event.Sink, error) {
		for _, f := range p.Schema() {
			if !f.Type.Scalar() {
				return nil, fmt.Errorf("column %s is %s, which is not copied: make single values of it", f.Name, f.Type)
			}
		}
		target, err := sink.Place{Path: path}.Resolve()
		if err != nil {
			return nil, err
		}
		return target.Open(ctx, sink.Options{Schema: p.Schema(), RowGroupRows: archiveRows})
	}})
	return err
}

// spooled are the rows of a part that was copied to a file: what was noteworthy in
// reading it belongs to the first of them.
type spooled struct {
	event.Source
	counts event.Counts
}

// Counted is what was noteworthy.
func (p *spooled) Counted() event.Counts {
	n := p.counts
	n.AddCounted(p.Source)
	return n
}

// spooled reports whether records are copied to archives before they are read. What a
// spine is made of is copied by who makes it, and what is read once more then.
func (j *joined) spooled() bool {
	return j.spool != nil && j.source.Cutover.Spool && !j.asked && !j.ignored
}

// spoolRecords copies the records of the parts of a join to archives, and returns what
// is read of these as parts in their place.
func (j *joined) spoolRecords(ctx context.Context, parts []event.Source, workers int) ([]event.Source, error) {
	if !j.spooled() {
		return parts, nil
	}
	dir, err := j.spool.folder("source-" + j.source.Name.Value)
	if err != nil {
		return nil, err
	}
	files, err := j.spool.archiveParts(ctx, j.topic, dir, parts, workers)
	if err != nil {
		return nil, err
	}
	copies := make([]event.Source, len(parts))
	for i, path := range files {
		t, err := j.finder.Find(ctx, path)
		if err != nil {
			return nil, err
		}
		copied := &spooled{}
		copied.counts.AddCounted(parts[i])
		if copied.Source, err = t.Read(append(archivedNames(j.input.Columns), stamp.Name)); err != nil {
			return nil, err
		}
		copies[i] = copied
	}
	return copies, nil
}
