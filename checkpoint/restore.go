package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/shelf"
)

// Which names a checkpoint.
type Which int64

// The names that are no numbers.
const (
	Newest   Which = 0
	Previous Which = -1 // the one before the newest
)

// ParseWhich reads a name.
func ParseWhich(text string) (Which, error) {
	switch text {
	case "", "newest":
		return Newest, nil
	case "previous":
		return Previous, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q names no checkpoint; write newest, previous, or a number that timeseam checkpoint list shows", text)
	}
	return Which(n), nil
}

// choose finds a checkpoint. A file that cannot be read is taken for one: what is asked
// for is never replaced by something older in silence.
func (k *Reader) choose(ctx context.Context, which Which) (int64, error) {
	all, err := k.list(ctx)
	if err != nil {
		return 0, err
	}
	skip := -int(min(which, 0))
	for _, f := range slices.Backward(all) {
		if which > 0 && f.number != int64(which) {
			continue
		}
		m, err := k.head(ctx, f.number)
		if which > 0 && err == nil && !m.Whole {
			return 0, fmt.Errorf("checkpoint %s is a step on the way to one, and has not all key groups; timeseam checkpoint list shows which are whole", k.place.name(f.number))
		}
		if err == nil && !m.Whole {
			continue
		}
		if skip == 0 {
			return f.number, nil
		}
		skip--
	}
	switch {
	case which > 0:
		return 0, fmt.Errorf("checkpoint %s: %w; timeseam checkpoint list shows which are", k.place.name(int64(which)), ErrMissing)
	case which == Previous && skip == 0:
		return 0, fmt.Errorf("%s has one checkpoint, and none before it: %w; begin anew in an empty folder", k.path, ErrMissing)
	}
	return 0, fmt.Errorf("%s: %w", k.path, ErrNone)
}

// Restore makes a new engine what a checkpoint saved, and goes on from there. ErrNone:
// there is none, and the engine is as it was. After another error it is of no use.
func (k *Keeper) Restore(ctx context.Context, e *live.Engine, which Which) (*Manifest, error) {
	number, err := k.choose(ctx, which)
	if err != nil {
		return nil, err
	}
	f, err := k.restore(ctx, e, number)
	if err != nil {
		return nil, advised(err)
	}
	m, own := f.manifest, f.file()
	k.stand = stand{bases: f.bases, chain: append(slices.Clone(m.Chain), own), epoch: m.State.Epoch}
	k.cursor = slices.Index(f.bases[:], f.bases.oldest())
	k.tried = k.Now()
	k.known = slices.DeleteFunc(k.known, func(other *Manifest) bool { return other.Number > number })
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &k.status
	s.Number, s.At, s.Epoch, s.Files, s.Bytes = number, m.Made, m.State.Epoch, 1+len(m.Chain), own.Bytes
	for _, f := range m.Chain {
		s.Bytes += f.Bytes
	}
	return m, nil
}

// advised adds what to do to an error of a file.
func advised(err error) error {
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrMissing):
		return fmt.Errorf("%w; start with --from-checkpoint previous, or a number: timeseam checkpoint verify tells which ones can be read", err)
	case errors.Is(err, live.ErrOther):
		return fmt.Errorf("%w; give the changed definition another place for its checkpoints, and it begins with the history", err)
	}
	return err
}

// restore reads the chain of a checkpoint, the oldest file first. What it returns is
// closed.
func (k *Keeper) restore(ctx context.Context, e *live.Engine, number int64) (*opened, error) {
	last, err := k.open(ctx, number, true)
	if err != nil {
		return nil, err
	}
	defer last.Close()
	if err := e.Fits(&last.manifest.State); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", k.place.name(number), err)
	}
	ahead := k.ahead(ctx, last.manifest.Chain)
	defer ahead.close()
	for range last.manifest.Chain {
		f := <-ahead.files
		if f.err != nil {
			return nil, fmt.Errorf("%w; checkpoint %d needs it", f.err, number)
		}
		err := k.load(e, f.opened, &last.bases)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	if err := k.load(e, last, &last.bases); err != nil {
		return nil, err
	}
	e.Resume(&last.manifest.State)
	return last, nil
}

// coming is a file of a chain, or why it cannot be opened.
type coming struct {
	*opened
	err error
}

// ahead opens the files of a chain one ahead of who reads them: what comes from a
// bucket comes while the one before is loaded.
type ahead struct {
	files chan coming
	stop  context.CancelFunc
}

func (k *Keeper) ahead(ctx context.Context, chain []File) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{make(chan coming), stop}
	go func() {
		defer close(a.files)
		for _, f := range chain {
			o, err := k.link(ctx, f)
			select {
			case a.files <- coming{o, err}:
			case <-ctx.Done():
				if err == nil {
					o.Close()
				}
				return
			}
		}
	}()
	return a
}

// close ends the reading, and waits for it.
func (a *ahead) close() {
	a.stop()
	for f := range a.files {
		if f.err == nil {
			f.Close()
		}
	}
}

// link opens a file of a chain and makes sure that it is the one.
func (k *Reader) link(ctx context.Context, f File) (*opened, error) {
	o, err := k.open(ctx, f.Number, true)
	if err != nil {
		return nil, err
	}
	if got := o.file(); got != f {
		return nil, errors.Join(fmt.Errorf("checkpoint %s: %w: it is another file than the one that was there (%d bytes and crc32c %s, not %d and %s)",
			k.place.name(f.Number), ErrDamaged, got.Bytes, got.Sum, f.Bytes, f.Sum), o.Close())
	}
	return o, nil
}

// load takes what a file of a chain has: first the bases that are the newest of their
// groups, then its rows of all groups whose base is older.
func (k *Keeper) load(e *live.Engine, s *opened, b *bases) error {
	number := s.manifest.Number
	views := len(e.Plan().Views)
	broken := func(view int, what string, err error) error {
		return fmt.Errorf("checkpoint %s: %w: %s of view %s: %w", k.place.name(number), ErrDamaged, what, e.Plan().Views[view].Name, plain(err))
	}
	for view := range views {
		// The plan says how runs are read; of the layout it only matters that it is whole,
		// as a file that verify calls damaged is not taken for a good one.
		var buffer []byte
		if _, err := s.Section(view, layoutSection, &buffer); err != nil {
			return broken(view, "the layout", err)
		}
	}
	err := e.EachShard(func(from, to int) error {
		var buffer []byte
		for view := range views {
			for group := from; group < to; group++ {
				if b[group] != number {
					continue
				}
				buffer = buffer[:0]
				section, err := s.Section(view, basesSection+group, &buffer)
				if err == nil && section != nil {
					err = e.LoadBase(view, group, section)
				}
				if err != nil {
					return broken(view, fmt.Sprintf("key group %d", group), err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for view := range views {
		for i := 0; ; i++ {
			var buffer []byte // the engine's
			section, err := s.Section(view, rowsSection+i, &buffer)
			if err == nil && section == nil {
				break
			}
			if err == nil {
				err = e.Reapply(view, section, func(group int) bool { return b[group] < number })
			}
			if err != nil {
				return broken(view, fmt.Sprintf("section %d of the rows", i+1), err)
			}
		}
	}
	return nil
}

// plain is an error without the advice that is for other snapshots.
func plain(err error) error {
	if errors.Is(err, shelf.ErrSnapshot) {
		return errors.New("its bytes are not those that were written")
	}
	return err
}

// Age is how long ago what is saved was all that was known.
func (s Status) Age(now time.Time) time.Duration {
	if s.Number == 0 {
		return 0
	}
	return now.Sub(s.At)
}
