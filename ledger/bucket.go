package ledger

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/timeseam/timeseam/store"
)

// bucket is a place in a bucket: what all keys of its files begin with.
type bucket struct {
	*store.Bucket
	prefix string
}

// Path is how errors call a file.
func (b *bucket) Path(name string) string { return b.Address(b.prefix + name).String() }

// List is the files whose names begin with a prefix.
func (b *bucket) List(ctx context.Context, prefix string) (all []Entry, err error) {
	objects, err := b.Bucket.List(ctx, b.prefix+prefix)
	for _, o := range objects {
		if name := strings.TrimPrefix(o.Key, b.prefix); !strings.Contains(name, "/") {
			all = append(all, Entry{name, o.Size})
		}
	}
	return all, err
}

// readsMost is how often a file is asked for whose bytes come otherwise than they were
// stored: one answer may be spoiled on its way.
const readsMost = 4

// Read reads a file whole.
func (b *bucket) Read(ctx context.Context, name string) (data []byte, err error) {
	for range readsMost {
		if data, err = b.read(ctx, name); err == nil || errors.Is(err, ErrNone) || ctx.Err() != nil {
			break
		}
	}
	return data, err
}

func (b *bucket) read(ctx context.Context, name string) ([]byte, error) {
	o, err := b.Stat(ctx, b.prefix+name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	r := b.Reader(o).Stream(ctx, o.Size)
	defer r.Close()
	return io.ReadAll(r)
}

// Write writes a file, which a store makes visible whole.
func (b *bucket) Write(ctx context.Context, name string, data []byte, fresh bool) error {
	when := store.Anything
	if fresh {
		when = store.Absent
	}
	_, err := b.Put(ctx, b.prefix+name, data, when)
	if fresh && errors.Is(err, store.ErrUnconditional) {
		// Names carry an epoch, which one run alone has.
		_, err = b.Put(ctx, b.prefix+name, data, store.Anything)
	}
	if errors.Is(err, store.ErrRaced) {
		return ErrTaken
	}
	return err
}

// Remove removes a file.
func (b *bucket) Remove(ctx context.Context, name string) error {
	return b.Delete(ctx, b.prefix+name)
}
