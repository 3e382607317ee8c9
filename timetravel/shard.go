package timetravel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// each does n things, at most workers of them beside each other, and returns when
// all that were begun are done: with the error of the first in their order, if
// one had an error; after an error no more are begun. Which error is told does
// not depend on who was quicker, as far as both happened; an error that is only
// the echo of the cancelling is passed over. Things are handed out one by one,
// as partitions and files differ in size. do must write only to places that
// belong to i.
func each(outer context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	// One place each: no lock, and the order of telling is that of i.
	errs := make([]error, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(max(workers, 1), n) {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = do(ctx, i); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	wait.Wait()
	if err := outer.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}
