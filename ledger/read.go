package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store"
)

// ErrUnknown is that nothing is known of an epoch or an instant.
var ErrUnknown = errors.New("the position log does not tell")

// listedFile is a file as its name tells.
type listedFile struct {
	Entry
	epoch uint64
	at    event.Time
}

// listed are the files of a place, in order.
func listed(ctx context.Context, p place) (files []listedFile, err error) {
	all, err := p.List(ctx, namePrefix)
	for _, e := range all {
		if epoch, at, ok := parseName(e.Name); ok {
			files = append(files, listedFile{e, epoch, at})
		}
	}
	return files, err
}

// mend cuts off what is torn at the end of the newest file, and tells what the run that
// wrote it has reserved, and when its last entry was. A file that does not even begin
// says nothing of its run, which used no epoch before that was written; it goes.
func mend(ctx context.Context, p place) (*vector, error) {
	files, err := listed(ctx, p)
	if err != nil {
		return nil, err
	}
	for i := len(files) - 1; i >= 0; i-- {
		data, err := p.Read(ctx, files[i].Name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p.Path(files[i].Name), err)
		}
		c, err := decodeFile(data)
		if err != nil {
			if err := p.Remove(ctx, files[i].Name); err != nil {
				return nil, err
			}
			continue
		}
		if c.whole < len(data) {
			if f, local := p.(*folder); local {
				err = os.Truncate(f.Path(files[i].Name), int64(c.whole))
			} else {
				err = p.Write(ctx, files[i].Name, data[:c.whole], false)
			}
		}
		v := c.vector
		if n := len(c.entries); n > 0 {
			v.at = max(v.at, c.entries[n-1].at)
		}
		return &v, err
	}
	return nil, nil
}

// Reader reads a position log. It keeps the file that it read last, so that it is fast
// where it is asked in the order of epochs. It is for one goroutine.
type Reader struct {
	place place
	path  string
	files []listedFile

	file int // of contents; -1: none is read
	*contents
	upto int // entries that are applied to now
	now  vector
}

// OpenReader opens the log of a folder, of this machine or of a bucket, as it is.
// client reaches a bucket; nil: one of its own.
func OpenReader(ctx context.Context, path string, client *store.Client) (*Reader, error) {
	at, err := OpenPlace(ctx, path, client)
	if err != nil {
		return nil, fmt.Errorf("position log: %w", err)
	}
	r := &Reader{place: at.place, path: path, file: -1}
	if r.files, err = listed(ctx, at.place); err != nil {
		return nil, fmt.Errorf("position log in %s: %w", path, err)
	}
	if len(r.files) == 0 {
		return nil, fmt.Errorf("position log in %s: %w", path, ErrNone)
	}
	return r, nil
}

// read reads a file.
func (r *Reader) read(ctx context.Context, i int) error {
	if r.file == i {
		return nil
	}
	r.file = -1
	data, err := r.place.Read(ctx, r.files[i].Name)
	if err == nil {
		r.contents, err = decodeFile(data)
	}
	if err != nil {
		return fmt.Errorf("position log %s: %w", r.place.Path(r.files[i].Name), err)
	}
	r.file = i
	r.rewind()
	return nil
}

// rewind goes back to where the file begins.
func (r *Reader) rewind() {
	r.upto, r.now = 0, r.vector
	r.now.next = append(slices.Clone(r.vector.next), make([]int64, len(r.contents.streams)-len(r.vector.next))...)
	for i := len(r.vector.next); i < len(r.now.next); i++ {
		r.now.next[i] = -1 // It has none yet.
	}
}

// At is the position of every partition at an epoch. ErrUnknown: the log does not go
// back so far, or what was noted of the epoch was lost.
func (r *Reader) At(ctx context.Context, epoch uint64) (live.Positions, error) {
	i := sort.Search(len(r.files), func(i int) bool { return r.files[i].epoch > epoch }) - 1
	if i < 0 {
		return nil, fmt.Errorf("epoch %d: %w: its first is %d", epoch, ErrUnknown, r.files[0].epoch)
	}
	if err := r.read(ctx, i); err != nil {
		return nil, err
	}
	if r.now.epoch > epoch {
		r.rewind()
	}
	for r.upto < len(r.entries) && r.entries[r.upto].epoch <= epoch {
		e := r.entries[r.upto]
		r.now.epoch, r.now.next[e.stream] = e.epoch, e.next
		r.upto++
	}
	if r.now.epoch != epoch {
		return nil, fmt.Errorf("epoch %d: %w: it was not written before its run ended, or moved no position", epoch, ErrUnknown)
	}
	p := live.Positions{}
	for i, s := range r.contents.streams {
		if r.now.next[i] < 0 && i >= len(r.vector.next) {
			continue
		}
		if p[s.source] == nil {
			p[s.source] = map[int32]int64{}
		}
		p[s.source][s.partition] = r.now.next[i]
	}
	return p, nil
}

// EpochAt is the last epoch that began at an instant or before. ErrUnknown: the log
// begins later.
func (r *Reader) EpochAt(ctx context.Context, at event.Time) (uint64, error) {
	i := sort.Search(len(r.files), func(i int) bool { return r.files[i].at > at }) - 1
	if i < 0 {
		return 0, fmt.Errorf("instant %s: %w: it begins at %s", at, ErrUnknown, r.files[0].at)
	}
	if err := r.read(ctx, i); err != nil {
		return 0, err
	}
	n := sort.Search(len(r.entries), func(i int) bool { return r.entries[i].at > at })
	if n == 0 {
		return r.vector.epoch, nil
	}
	return r.entries[n-1].epoch, nil
}
