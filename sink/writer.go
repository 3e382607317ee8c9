package sink

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// encoder turns groups into the bytes of one format.
type encoder interface {
	encode(rec arrow.RecordBatch) error
	// finish writes what stands at the end. It is not called after an error.
	finish() error
}

// errClosed is what a caller hears who goes on after Commit or Close.
var errClosed = errors.New("the sink is closed")

// writer cuts batches into groups and encodes each while the caller fills the
// next. It is the common part of all sinks of this package.
type writer struct {
	group  *group
	enc    encoder
	closed bool

	// The encoding goroutine is started with the first full group: a small
	// output needs none. ready holds no group of its own (O4).
	ready  chan arrow.RecordBatch
	ended  chan struct{}
	failed atomic.Pointer[error]
}

func newWriter(l *layout, enc encoder) *writer {
	return &writer{group: newGroup(l), enc: enc}
}

// write takes the rows of b. An error is final: a batch may have gone in by
// half, so nothing of it may be committed.
func (w *writer) write(ctx context.Context, b *event.Batch) error {
	if w.closed {
		return errClosed
	}
	if err := w.failure(); err != nil {
		return err
	}
	err := w.take(ctx, b)
	if err != nil {
		w.failed.CompareAndSwap(nil, &err)
	}
	return err
}

func (w *writer) take(ctx context.Context, b *event.Batch) error {
	if err := w.group.check(b); err != nil {
		return err
	}
	for at := 0; at < b.Len; {
		var err error
		if at, err = w.group.add(b, at); err != nil {
			return err
		}
		if !w.group.full() {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// flush hands the group over for encoding.
func (w *writer) flush(ctx context.Context) error {
	if w.ready == nil {
		w.ready, w.ended = make(chan arrow.RecordBatch), make(chan struct{})
		go w.encode()
	}
	rec, err := w.group.take()
	if err != nil {
		return err
	}
	select {
	case w.ready <- rec:
		return w.failure()
	case <-ctx.Done():
		rec.Release()
		return ctx.Err()
	}
}

// encode encodes what is ready, to the end. After a failure it takes groups and
// drops them, so that the caller never waits in vain.
func (w *writer) encode() {
	defer close(w.ended)
	for rec := range w.ready {
		if w.failed.Load() == nil {
			if err := w.enc.encode(rec); err != nil {
				w.failed.CompareAndSwap(nil, &err)
			}
		}
		rec.Release()
	}
}

// failure is the error that the encoding goroutine met, if any.
func (w *writer) failure() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// finish encodes the last group and the end, here and not in the goroutine.
func (w *writer) finish() error {
	if w.closed {
		return errClosed
	}
	w.wait()
	if err := w.failure(); err != nil {
		return err
	}
	if w.group.len > 0 {
		rec, err := w.group.take()
		if err != nil {
			return err
		}
		defer rec.Release()
		if err := w.enc.encode(rec); err != nil {
			return err
		}
	}
	return w.enc.finish()
}

// wait ends the encoding goroutine and waits for it.
func (w *writer) wait() {
	if w.ready != nil {
		close(w.ready)
		<-w.ended
		w.ready = nil
	}
}

// close lets go of everything; it may be called more than once.
func (w *writer) close() {
	if w.closed {
		return
	}
	w.closed = true
	w.wait()
	w.group.release()
}
