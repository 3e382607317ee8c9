package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/store"
)

// What callers branch on.
var (
	// ErrNone is that there is no checkpoint yet.
	ErrNone = errors.New("there is no checkpoint")
	// ErrDamaged is that a file is not as it was written.
	ErrDamaged = errors.New("it is damaged")
	// ErrFormat is that a file is of another release's form.
	ErrFormat = errors.New("it has format")
	// ErrTaken is that somebody else writes checkpoints to the same place.
	ErrTaken = errors.New("another process keeps its checkpoints there; end it, or give this one another place")
	// ErrMissing is that a file is not there which another needs.
	ErrMissing = errors.New("it is not there")
)

// place is where files lie.
type place interface {
	reads
	writes
}

// reads is what any number of goroutines may ask of a place.
type reads interface {
	// name is how errors call the file of a number.
	name(number int64) string
	// list is the numbers that are there, rising.
	list(ctx context.Context) ([]entry, error)
	// open opens a file; all of it will be read, or only its head. ErrMissing: it is not
	// there.
	open(ctx context.Context, number int64, all bool) (shelf.Readable, int64, error)
}

// writes is what one goroutine at a time may do to a place.
type writes interface {
	// create begins a file that nobody sees before its commit.
	create(ctx context.Context, number int64) (blob, error)
	remove(ctx context.Context, number int64) error
	// ready makes sure that files can be kept apart here, and clears away what killed
	// writers left.
	ready(ctx context.Context) error
}

// blob is a file that is being written. Commit gives it its number, or finds that the
// number is taken (ErrTaken); abort drops it, and after a commit does nothing.
type blob interface {
	io.Writer
	commit(ctx context.Context) error
	abort(ctx context.Context) error
}

// entry is a file that is there.
type entry struct {
	number, bytes int64
}

// suffix ends the names of files.
const suffix = ".checkpoint"

var named = regexp.MustCompile(`^(\d{12})\.checkpoint$`)

// fileName is what the file of a number is called: names are in the order of numbers.
func fileName(number int64) string { return fmt.Sprintf("%012d%s", number, suffix) }

// numberOf is the number of a file's name; 0: it is none of ours.
func numberOf(name string) int64 {
	if m := named.FindStringSubmatch(name); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// placeAt is the place of a path.
func placeAt(ctx context.Context, path string, o *Options) (place, error) {
	if !store.Is(path) {
		return &folder{path}, nil
	}
	a, err := store.Parse(path)
	if err != nil {
		return nil, err
	}
	client := o.Client
	if client == nil {
		client = store.New(store.Options{})
	}
	b, err := client.Bucket(ctx, a.Bucket)
	if err != nil {
		return nil, fmt.Errorf("checkpoints in %s: %w", path, err)
	}
	prefix := a.Key
	if prefix != "" && prefix[len(prefix)-1] != '/' {
		prefix += "/"
	}
	return &bucket{Bucket: b, prefix: prefix, path: path, alone: o.SingleWriter, temp: o.Temp}, nil
}
