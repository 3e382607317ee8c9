package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/timeseam/timeseam/store"
)

// What callers branch on.
var (
	// ErrNone is that there is no such file.
	ErrNone = errors.New("it is not there")
	// ErrTaken is that somebody else has written a file of the same name.
	ErrTaken = errors.New("another process writes to the same place; end it, or give this one another place")
)

// Place is where files lie: a folder of this machine, or a bucket. Its methods may be
// called from several goroutines.
type Place struct{ place }

// place is what a folder and a bucket each do in their way.
type place interface {
	// Path is how errors call a file.
	Path(name string) string
	// List is the files whose names begin with a prefix, in the order of names.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Read reads a file whole. ErrNone: it is not there.
	Read(ctx context.Context, name string) ([]byte, error)
	// Write writes a file, whole or not at all, in the place of one that is there; or,
	// where it must be new, only if none is (ErrTaken).
	Write(ctx context.Context, name string, data []byte, fresh bool) error
	// Remove removes a file. One that is not there is removed already.
	Remove(ctx context.Context, name string) error
}

// Entry is a file that is there.
type Entry struct {
	Name  string
	Bytes int64
}

// OpenPlace is the place of a path. client reaches a path that is an address; nil: one
// of its own.
func OpenPlace(ctx context.Context, path string, client *store.Client) (*Place, error) {
	if !store.Is(path) {
		return &Place{&folder{path}}, nil
	}
	a, err := store.Parse(path)
	if err != nil {
		return nil, err
	}
	if client == nil {
		client = store.New(store.Options{})
	}
	b, err := client.Bucket(ctx, a.Bucket)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	prefix := a.Key
	if prefix != "" && prefix[len(prefix)-1] != '/' {
		prefix += "/"
	}
	return &Place{&bucket{b, prefix}}, nil
}
