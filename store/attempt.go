package store

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// The pauses between attempts: doubling, with jitter, so that many clients that
// failed together do not come back together.
const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 20 * time.Second
)

// pause is somewhere in the upper half of a span that doubles with each failure.
func pause(failed int) time.Duration {
	most := pauseMost
	if shift := failed - 1; shift < 8 {
		most = min(most, pauseFirst<<shift)
	}
	return most/2 + rand.N(most/2)
}

// errStalled is why an attempt was given up on which nothing came.
var errStalled = errors.New("nothing came over the connection")

// passing is what is worth another attempt.
var passing = retry.IsErrorRetryables(retry.DefaultRetryables)

// garbled reports whether a request succeeded with an answer that is no such one.
func garbled(err error) bool {
	status := statusOf(err)
	return status >= http.StatusOK && status < http.StatusMultipleChoices && codeOf(err) == ""
}

// mayPass reports whether the same request may succeed later. An answer that is cut
// off in an orderly way is one that cannot be understood.
func mayPass(err error) bool {
	return garbled(err) || errors.Is(err, errStalled) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*bodyError)) ||
		passing.IsErrorRetryable(err) == aws.TrueTernary
}

// bodyError is an error in the midst of an answer: the connection's, whatever it
// says.
type bodyError struct{ error }

// Unwrap returns the connection's own error.
func (e *bodyError) Unwrap() error { return e.error }

// tries counts the failures of what is attempted again.
type tries struct {
	bucket *Bucket
	failed int
}

// next returns nil once another attempt is due, or the error as a sentence where
// there is none.
func (t *tries) next(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !mayPass(err) {
		return t.bucket.fault(err, 1)
	}
	if t.failed++; t.failed >= t.bucket.client.Attempts {
		return t.bucket.fault(err, t.failed)
	}
	timer := time.NewTimer(t.bucket.client.Pause(t.failed))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt makes a request whose answer is short, as often as it may be. The
// context that it gives ends where nothing comes for too long.
func (b *Bucket) attempt(ctx context.Context, request func(context.Context) error) error {
	for t := (tries{bucket: b}); ; {
		w := watch(ctx, b.client.Stall)
		err := w.reason(request(w.ctx))
		w.stop()
		if err == nil {
			return nil
		}
		if err := t.next(ctx, err); err != nil {
			return err
		}
	}
}

// watched is a context that ends once nothing was heard for a while.
type watched struct {
	ctx   context.Context // of one attempt, which its makers pass on and drop
	end   context.CancelCauseFunc
	timer *time.Timer
	after time.Duration
}

func watch(ctx context.Context, after time.Duration) *watched {
	w := &watched{after: after}
	w.ctx, w.end = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(after, func() { w.end(errStalled) })
	return w
}

// heard is called when something came.
func (w *watched) heard() { w.timer.Reset(w.after) }

// stop ends the attempt.
func (w *watched) stop() {
	w.timer.Stop()
	w.end(nil)
}

// reason is what an error of the attempt comes from: a stall looks like a
// cancellation from within.
func (w *watched) reason(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return errStalled
	}
	return err
}
