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
	// spoolRows are encoded together: fewer than of an output, as every worker has its
	// own file.
	spoolRows = 32 << 10
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

// copy copies parts to a folder, so many at a time, and closes them. It returns their
// files, in their order.
func (s *spool) copy(ctx context.Context, dir string, parts []event.Source, workers int) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	paths, turn := make([]string, len(parts)), make(chan struct{}, workers)
	var all sync.WaitGroup
	for i, p := range parts {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%06d.parquet", i))
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			err := copyPart(ctx, p, paths[i])
			if err := errors.Join(err, p.Close()); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return paths, context.Cause(ctx)
}

// copyPart copies a part to a file.
func copyPart(ctx context.Context, p event.Source, path string) error {
	for _, f := range p.Schema() {
		if !f.Type.Scalar() {
			return fmt.Errorf("column %s is %s, which is not copied: leave spool out, or make single values of it", f.Name, f.Type)
		}
	}
	target, err := sink.Place{Path: path}.Resolve()
	if err != nil {
		return err
	}
	out, err := target.Open(ctx, sink.Options{Schema: p.Schema(), RowGroupRows: spoolRows})
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
			return fmt.Errorf("copy to %s: %w; name a folder with more room by --temp-dir", path, err)
		}
	}
	if err := out.Commit(ctx); err != nil {
		return fmt.Errorf("copy to %s: %w; name a folder with more room by --temp-dir", path, err)
	}
	return nil
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

// spoolRecords copies the records of the parts of a join, and returns the copies as
// parts in their place. What a spine is made of is copied by who makes it.
func (j *joined) spoolRecords(ctx context.Context, parts []event.Source, workers int) ([]event.Source, error) {
	if !j.source.Cutover.Spool || j.asked {
		return parts, nil
	}
	dir, err := j.spool.folder("source-" + j.source.Name.Value)
	if err != nil {
		return nil, err
	}
	files, err := j.spool.copy(ctx, dir, parts, workers)
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
		if copied.Source, err = t.Read(names(parts[i].Schema())); err != nil {
			return nil, err
		}
		copies[i] = copied
	}
	return copies, nil
}
