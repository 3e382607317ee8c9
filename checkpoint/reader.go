package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/shelf"
)

// Reader reads what lies in a place, and changes nothing there.
type Reader struct {
	path  string
	place place
}

// Look opens a place to read what is there.
func Look(ctx context.Context, path string, o Options) (*Reader, error) {
	p, err := placeAt(ctx, path, &o)
	if err != nil {
		return nil, err
	}
	return &Reader{path, p}, nil
}

// Listed is a file that is there.
type Listed struct {
	Number   int64
	Name     string
	Bytes    int64
	Manifest *Manifest // nil: its head cannot be read
	Parted   bool      // files that it needs are gone: it is kept for newer ones alone
	Err      error     // why
}

// List tells what files are there, by number.
func (k *Reader) List(ctx context.Context) ([]Listed, error) {
	all, err := k.list(ctx)
	if err != nil {
		return nil, err
	}
	var told []Listed
	there := map[int64]int64{}
	for _, f := range all {
		there[f.number] = f.bytes
		l := Listed{Number: f.number, Name: k.place.name(f.number), Bytes: f.bytes}
		l.Manifest, l.Err = k.head(ctx, f.number)
		if errors.Is(l.Err, ErrMissing) {
			continue // It was pruned meanwhile.
		}
		if l.Manifest != nil {
			l.Parted = slices.ContainsFunc(l.Manifest.Chain, func(link File) bool { return there[link.Number] != link.Bytes })
		}
		told = append(told, l)
	}
	return told, nil
}

// Show returns what a checkpoint says of itself.
func (k *Reader) Show(ctx context.Context, which Which) (*Manifest, error) {
	number := int64(which)
	if which <= 0 {
		var err error
		if number, err = k.choose(ctx, which); err != nil {
			return nil, err
		}
	}
	return k.head(ctx, number)
}

func (k *Reader) list(ctx context.Context) ([]entry, error) {
	all, err := k.place.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoints in %s: %w", k.path, err)
	}
	return all, nil
}

// opened is a file whose head was read and holds together.
type opened struct {
	*shelf.Snapshot
	manifest *Manifest
	bases    bases
	bytes    int64
}

// file is what a chain says of the file.
func (o *opened) file() File {
	return File{Number: o.manifest.Number, Bytes: o.bytes, Sum: fmt.Sprintf("%08x", o.Sum())}
}

// open opens a file, of which all will be read or only the head.
func (k *Reader) open(ctx context.Context, number int64, all bool) (*opened, error) {
	from, size, err := k.place.open(ctx, number, all)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", k.place.name(number), err)
	}
	s, err := shelf.ReadSnapshot(k.place.name(number), from, size)
	if errors.Is(err, shelf.ErrSnapshot) {
		err = fmt.Errorf("%w: its end, which tells where all else lies, is not what was written", ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", k.place.name(number), err)
	}
	m, b, err := readManifest(s.Head(), number)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", k.place.name(number), errors.Join(err, s.Close()))
	}
	return &opened{s, m, *b, size}, nil
}

// head reads a file's manifest alone.
func (k *Reader) head(ctx context.Context, number int64) (*Manifest, error) {
	o, err := k.open(ctx, number, false)
	if err != nil {
		return nil, err
	}
	return o.manifest, o.Close()
}
