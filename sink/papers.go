package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/timeseam/timeseam/store"
)

// Manifests calls take with the manifest of each interval that stands in the folder
// of t, until it returns false. Of a target without interval there are none.
func (t *Target) Manifests(ctx context.Context, take func(text []byte) bool) error {
	if t.Interval == nil {
		return nil
	}
	names, read, err := t.level(ctx)
	if err != nil {
		return fmt.Errorf("output %s: %w", t.Place.Path, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "_") || !strings.HasSuffix(name, ManifestSuffix) {
			continue
		}
		text, err := read(name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrChanged):
			continue // It goes, or is replaced, just now.
		case err != nil:
			return fmt.Errorf("output %s: read %s: %w", t.Place.Path, name, plainly(err))
		}
		if !take(text) {
			break
		}
	}
	return nil
}

// level lists what stands in the folder of intervals, and how a file of it is read.
func (t *Target) level(ctx context.Context) (names []string, read func(name string) ([]byte, error), err error) {
	dir := parent(t.path)
	if !store.Is(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return nil, nil, plainly(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }, nil
	}
	b, prefix, err := t.storedLevel(ctx)
	if err != nil {
		return nil, nil, err
	}
	objects, folders, err := b.Level(ctx, prefix)
	by := map[string]store.Object{}
	for _, o := range objects {
		name := strings.TrimPrefix(o.Key, prefix)
		names, by[name] = append(names, name), o
	}
	for _, f := range folders {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, prefix), "/"))
	}
	read = func(name string) ([]byte, error) {
		text := make([]byte, by[name].Size)
		return text, b.Reader(by[name]).ReadAt(ctx, text, 0)
	}
	return names, read, err
}

// storedLevel is the bucket of t, and what keys directly in its folder begin with.
func (t *Target) storedLevel(ctx context.Context) (*store.Bucket, string, error) {
	at, err := store.Parse(parent(t.path) + "/")
	if err != nil {
		return nil, "", err
	}
	b, err := t.bucket(ctx, at.Bucket)
	return b, at.Key, err
}

// bucket reaches a bucket by the client of t.
func (t *Target) bucket(ctx context.Context, name string) (*store.Bucket, error) {
	client := t.Store
	if client == nil {
		client = store.New(store.Options{})
	}
	return client.Bucket(ctx, name)
}
