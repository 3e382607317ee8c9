package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// written is the file that is being written.
type written struct {
	local *os.File // nil: none is begun, or the place is a bucket
	size  int64
	begun int // files of this run
}

// errAbandoned is that a file could not be put in order after a failure.
var errAbandoned = errors.New("what is behind it in the file could not be taken back")

// Flush writes what was noted so far, so that it outlasts the process and the machine.
// What fails is tried again by the next Flush.
func (l *Log) Flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	folder, local := l.place.(*folder)
	l.mu.Lock()
	l.seal()
	pieces, epoch, lost := l.queue, l.at.epoch, l.lost
	if len(pieces) > 0 && l.first == nil && !lost && (!local || l.file.size >= l.o.FileBytes) {
		l.turn()
	}
	l.mu.Unlock()
	begun := l.file.begun
	var done int
	var err error
	if local {
		done, err = l.append(folder, pieces)
	} else {
		done, err = l.upload(ctx, pieces)
	}
	if err == nil && l.file.begun > max(begun, 1) {
		err = l.prune(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(done, err)
	if err == nil && !lost {
		l.status.Epoch = epoch
	}
	return l.status.Err
}

// settle notes how a flush went.
func (l *Log) settle(done int, err error) {
	for _, p := range l.queue[:done] {
		l.held -= len(p.payload)
	}
	l.queue = append([]piece(nil), l.queue[done:]...)
	if errors.Is(err, errAbandoned) {
		l.queue, l.held, l.lost, l.at.gap = nil, 0, true, true
		l.status.Gaps++
	}
	if err != nil {
		l.status.Failed++
		l.status.Err = fmt.Errorf("position log: %w", err)
		return
	}
	l.status.Err, l.status.Since = nil, l.o.Now()
	if l.lost {
		l.lost = false
		l.turn()
	}
}

// append writes pieces behind what a file of this machine has, and tells how many.
func (l *Log) append(to *folder, pieces []piece) (done int, err error) {
	for _, p := range pieces {
		var frame []byte
		if p.begins != nil {
			if err := l.create(to, p.begins); err != nil {
				return done, err
			}
			frame = appendFrame([]byte(magic), p.begins.encode())
		} else {
			frame = appendFrame(nil, p.payload)
		}
		if l.file.local == nil {
			return done, errAbandoned
		}
		if _, err := l.file.local.Write(frame); err != nil {
			return done, l.takeBack(to, p, err)
		}
		l.file.size += int64(len(frame))
		done++
	}
	if done > 0 {
		err = l.file.local.Sync()
	}
	return done, err
}

// create begins a file. That of a run's first epoch must be new: of two processes that
// write to one folder, the second finds it.
func (l *Log) create(to *folder, v *vector) error {
	if before := l.file.local; before != nil {
		l.file.local = nil
		if err := errors.Join(before.Sync(), before.Close()); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(to.dir, 0o777); err != nil {
		return err
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if l.file.begun == 0 {
		mode |= os.O_EXCL
	}
	file, err := os.OpenFile(filepath.Join(to.dir, fileName(v.epoch, v.at)), mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return ErrTaken
	}
	if err != nil {
		return err
	}
	to.settle()
	l.file = written{local: file, begun: l.file.begun + 1}
	return nil
}

// takeBack cuts off what was written of a frame before it failed, so that it can be
// written again.
func (l *Log) takeBack(to *folder, p piece, failed error) error {
	if p.begins != nil {
		// It is created again, as a file that has nothing.
		err := errors.Join(l.file.local.Close(), os.Remove(filepath.Join(to.dir, fileName(p.begins.epoch, p.begins.at))))
		l.file.local, l.file.begun = nil, l.file.begun-1
		if err != nil {
			return errors.Join(failed, errAbandoned)
		}
		return failed
	}
	err := l.file.local.Truncate(l.file.size)
	if err == nil {
		_, err = l.file.local.Seek(l.file.size, 0)
	}
	if err != nil {
		return errors.Join(failed, errAbandoned)
	}
	return failed
}

// upload writes pieces as files of a bucket, each from one vector to the next, and tells
// how many pieces that were.
func (l *Log) upload(ctx context.Context, pieces []piece) (done int, err error) {
	for done < len(pieces) {
		v := pieces[done].begins
		data, n := appendFrame([]byte(magic), v.encode()), 1
		for done+n < len(pieces) && pieces[done+n].begins == nil {
			data = appendFrame(data, pieces[done+n].payload)
			n++
		}
		if err := l.place.Write(ctx, fileName(v.epoch, v.at), data, l.file.begun == 0); err != nil {
			return done, err
		}
		l.file.begun++
		done += n
	}
	return done, nil
}

// prune removes the oldest files: those that are too many, and those whose last entry
// is too long ago. The newest stays.
func (l *Log) prune(ctx context.Context) error {
	files, err := listed(ctx, l.place)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		total += f.Bytes
	}
	oldest := l.o.Now().Add(-l.o.KeepFor).UnixMicro()
	for i := 0; i+1 < len(files) && (total > l.o.KeepBytes || int64(files[i+1].at) < oldest); i++ {
		if err := l.place.Remove(ctx, files[i].Name); err != nil {
			return err
		}
		total -= files[i].Bytes
	}
	return nil
}

// Close writes what is left.
func (l *Log) Close(ctx context.Context) error {
	err := l.Flush(ctx)
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.file.local != nil {
		err = errors.Join(err, l.file.local.Close())
		l.file.local = nil
	}
	return err
}
