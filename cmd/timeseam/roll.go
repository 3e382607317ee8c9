package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/store"
)

// rolls is a folder that a daemon writes files of Parquet to, one after the other, of
// this machine or of a bucket. A file is there once it is whole. Those of a bucket are
// made on this machine first, so that a store which is away for a while delays nobody:
// they wait, as many as there is room for. One goroutine uses it.
type rolls struct {
	path    string // of the folder
	bucket  *store.Bucket
	prefix  string
	stage   *spool // where files of a bucket are made
	most    int64  // bytes of those that wait
	waiting []waiting
	dropped func(rows int64) // is told of rows that go; may be nil
}

// waiting is a file that is whole and not in its bucket yet.
type waiting struct {
	name        string
	bytes, rows int64
}

// waitingMost is how much waits for a bucket at most.
const waitingMost = 1 << 30

// openRolls makes ready to write to a folder, and clears away what killed processes left
// half written of files with a prefix.
func openRolls(ctx context.Context, path, prefix, tempDir string) (*rolls, error) {
	r := &rolls{path: path, most: waitingMost}
	if !store.Is(path) {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return nil, err
		}
		return r, sweepPartials(path, prefix)
	}
	a, err := store.Parse(path)
	if err != nil {
		return nil, err
	}
	if r.bucket, err = store.New(store.Options{}).Bucket(ctx, a.Bucket); err != nil {
		return nil, err
	}
	if r.prefix = strings.TrimSuffix(a.Key, "/"); r.prefix != "" {
		r.prefix += "/"
	}
	if err := r.bucket.MayWrite(ctx, r.prefix+prefix+".parquet"); err != nil {
		return nil, err
	}
	r.stage, err = newSpool(tempDir)
	return r, err
}

// sweepPartials removes files that were never finished. One that another process writes
// is locked.
func sweepPartials(dir, prefix string) error {
	left, err := filepath.Glob(filepath.Join(dir, prefix+"*.parquet.partial"))
	for _, at := range left {
		unlock, locked := sink.Lock(strings.TrimSuffix(at, ".partial") + ".lock")
		if locked != nil {
			continue
		}
		err = errors.Join(err, os.Remove(at), unlock())
	}
	return err
}

// rolling is a file that is being written.
type rolling struct {
	event.Sink
	name  string
	rows  int64
	bytes int64 // of its rows in memory, about
	began time.Time
}

// begin begins a file.
func (r *rolls) begin(ctx context.Context, name string, schema event.Schema, now time.Time) (*rolling, error) {
	target, err := sink.Place{Path: filepath.Join(r.dir(), name)}.Resolve()
	if err != nil {
		return nil, err
	}
	out, err := target.Open(ctx, sink.Options{Schema: schema, RowGroupRows: archiveRows})
	if err != nil {
		return nil, err
	}
	return &rolling{Sink: out, name: name, began: now}, nil
}

// write writes rows that take so many bytes.
func (f *rolling) write(ctx context.Context, b *event.Batch, bytes int64) error {
	f.rows, f.bytes = f.rows+int64(b.Len), f.bytes+bytes
	return f.Write(ctx, b)
}

// end makes a file whole. Its rows are lost where that fails.
func (r *rolls) end(ctx context.Context, f *rolling) error {
	err := errors.Join(f.Commit(ctx), f.Close())
	if err != nil {
		return err
	}
	if r.stage == nil {
		return nil
	}
	info, err := os.Stat(filepath.Join(r.stage.dir, f.name))
	if err != nil {
		return err
	}
	r.waiting = append(r.waiting, waiting{f.name, info.Size(), f.rows})
	return nil
}

// send brings what waits to its bucket, and drops the oldest of what there is no room
// for. What fails is tried again by the next send.
func (r *rolls) send(ctx context.Context) (err error) {
	for len(r.waiting) > 0 {
		w := r.waiting[0]
		if err = r.upload(ctx, w.name); err != nil {
			break
		}
		if err := os.Remove(filepath.Join(r.stage.dir, w.name)); err != nil {
			return err
		}
		r.waiting = r.waiting[1:]
	}
	total := int64(0)
	for _, w := range r.waiting {
		total += w.bytes
	}
	for total > r.most {
		w := r.waiting[0]
		if err := os.Remove(filepath.Join(r.stage.dir, w.name)); err != nil {
			return err
		}
		if r.waiting, total = r.waiting[1:], total-w.bytes; r.dropped != nil {
			r.dropped(w.rows)
		}
	}
	return err
}

// upload copies a file to its bucket. Names are of one process, so that what lies there
// under the name is of an attempt before.
func (r *rolls) upload(ctx context.Context, name string) error {
	file, err := os.Open(filepath.Join(r.stage.dir, name))
	if err != nil {
		return err
	}
	defer file.Close()
	up := r.bucket.Upload(ctx, r.prefix+name)
	if _, err = io.Copy(up, file); err == nil {
		_, err = up.Commit(ctx, store.Anything)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", r.bucket.Address(r.prefix+name), errors.Join(err, up.Abort(context.WithoutCancel(ctx))))
	}
	return nil
}

// close lets go of what waits.
func (r *rolls) close() error {
	for _, w := range r.waiting {
		if r.dropped != nil {
			r.dropped(w.rows)
		}
	}
	r.waiting = nil
	return r.stage.close()
}
