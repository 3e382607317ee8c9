package checkpoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/store"
)

// bucket is a place among objects.
type bucket struct {
	*store.Bucket
	prefix string // of the keys; empty, or ends with a slash
	path   string
	alone  bool // the caller swears that nobody else writes here
	temp   string
}

func (b *bucket) name(number int64) string { return b.Address(b.key(number)).String() }

func (b *bucket) key(number int64) string { return b.prefix + fileName(number) }

func (b *bucket) list(ctx context.Context) (all []entry, err error) {
	objects, _, err := b.Level(ctx, b.prefix)
	for _, o := range objects {
		if n := numberOf(strings.TrimPrefix(o.Key, b.prefix)); n > 0 {
			all = append(all, entry{n, o.Size})
		}
	}
	return all, err
}

// open copies an object to a temporary file if all of it will be read: that is one
// request for many sections. A head is two.
func (b *bucket) open(ctx context.Context, number int64, all bool) (shelf.Readable, int64, error) {
	o, err := b.Stat(ctx, b.key(number))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrMissing
	}
	if err != nil {
		return nil, 0, err
	}
	r := b.Reader(o)
	if !all {
		return &remote{ctx, r}, o.Size, nil
	}
	f, err := os.CreateTemp(b.temp, "timeseam-checkpoint-*")
	if err != nil {
		return nil, 0, fmt.Errorf("make a temporary file: %w", err)
	}
	c := &copied{f}
	from := r.Stream(ctx, o.Size)
	_, err = io.Copy(f, from)
	if err = errors.Join(err, from.Close()); err != nil {
		return nil, 0, errors.Join(err, c.Close())
	}
	return c, o.Size, nil
}

// remote reads an object where it lies.
type remote struct {
	ctx context.Context // of the one reading that this is
	*store.Reader
}

// ReadAt reads all of p.
func (r *remote) ReadAt(p []byte, at int64) (int, error) {
	if err := r.Reader.ReadAt(r.ctx, p, at); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close has nothing to close.
func (r *remote) Close() error { return nil }

// copied is an object in a file that goes with it.
type copied struct{ *os.File }

// Close removes the file.
func (c *copied) Close() error { return errors.Join(c.File.Close(), os.Remove(c.Name())) }

// object is one that is being written. All of it is in memory until it is sent, which
// Options bound: in one request, as some stores heed the conditions of such alone, and
// not those of objects that are put together from parts.
type object struct {
	bytes.Buffer
	b   *bucket
	key string
}

func (b *bucket) create(_ context.Context, number int64) (blob, error) {
	return &object{b: b, key: b.key(number)}, nil
}

func (o *object) commit(ctx context.Context) error {
	when := store.Absent
	if o.b.alone {
		when = store.Anything
	}
	_, err := o.b.Put(ctx, o.key, o.Bytes(), when)
	if errors.Is(err, store.ErrRaced) {
		return ErrTaken
	}
	return err
}

func (o *object) abort(context.Context) error { return nil }

func (b *bucket) remove(ctx context.Context, number int64) error {
	return b.Delete(ctx, b.key(number))
}

// errUnconditional is what is said of a store that cannot keep two writers apart.
var errUnconditional = errors.New("its server does not heed conditions of writes (If-None-Match), so that two processes could write over each other's checkpoints; give --checkpoint-single-writer if never more than one runs, or use a folder or another store")

// ready tries whether the store heeds conditions: an object that is there must not be
// written again as one that is not. Killed writers leave nothing.
func (b *bucket) ready(ctx context.Context) error {
	if b.alone {
		return nil
	}
	// A name of its own keeps the trials of two processes apart.
	trial := b.prefix + "trial-" + rand.Text()
	_, err := b.Put(ctx, trial, []byte("may be deleted"), store.Absent)
	if errors.Is(err, store.ErrUnconditional) {
		return errUnconditional
	}
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, trial, []byte("may be deleted"), store.Absent)
	if err == nil || errors.Is(err, store.ErrUnconditional) {
		err = errUnconditional
	} else if errors.Is(err, store.ErrRaced) {
		err = nil
	}
	return errors.Join(err, b.Delete(ctx, trial))
}
