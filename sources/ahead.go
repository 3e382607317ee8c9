package sources

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/store"
)

// The sizes of what is fetched of an object (R6).
const (
	windowMost  = 2 << 20   // bytes of a window
	windowLeast = 256 << 10 // of those of tables with many columns
	windowsMost = 3         // of a column: the one that is read, the one behind it, and the first of the next row group
	heldMost    = 24 << 20  // bytes of all windows of a part, unless so many columns ask for the least
	gapMost     = 64 << 10  // bytes that are fetched in vain, to save a request
)

// windowSize is how long windows are for so many columns.
func windowSize(columns int) int64 {
	return int64(min(max(heldMost/windowsMost/max(columns, 1), windowLeast), windowMost))
}

// ahead fetches what a part is going to read of an object: column chunks, in
// windows, the next ones while the last ones are taken apart. One goroutine uses
// it; those that fetch are its own, and end with it.
type ahead struct {
	r      *store.Reader
	window int64
	ctx    context.Context // of what is fetched, which ends with the part and not with one batch
	end    context.CancelFunc
	asked  context.Context // of the batch that is being read, under which fetches are waited for
	busy   sync.WaitGroup
	free   [][]byte   // memory of windows that is used again
	memory *sync.Pool // of such, the table's
}

// newAhead fetches of one file of a table.
func newAhead(ctx context.Context, t *Table, f *File, columns int) *ahead {
	a := &ahead{r: f.object, window: cmp.Or(t.window, windowSize(columns)), asked: ctx, memory: &t.windows}
	if left, ok := a.memory.Get().(*[][]byte); ok {
		a.free = *left
	}
	a.ctx, a.end = context.WithCancel(context.WithoutCancel(ctx))
	return a
}

// close ends what is still being fetched, and leaves memory for another one.
func (a *ahead) close() {
	if a == nil {
		return
	}
	a.end()
	a.busy.Wait()
	free := a.free
	a.memory.Put(&free)
}

// window is some bytes of an object, once done is closed.
type window struct {
	at    int64
	data  []byte
	done  chan struct{}
	err   error
	users int // feeds that may still read it
}

func (w *window) stop() int64 { return w.at + int64(len(w.data)) }

// fetch begins to fetch bytes for so many feeds.
func (a *ahead) fetch(at, n int64, users int) *window {
	w := &window{at: at, data: a.room(int(n)), done: make(chan struct{}), users: users}
	a.busy.Go(func() {
		defer close(w.done)
		w.err = a.r.ReadAt(a.ctx, w.data, at)
	})
	return w
}

// room is memory for a window.
func (a *ahead) room(n int) []byte {
	for i, b := range a.free {
		if cap(b) >= n+slack {
			a.free = slices.Delete(a.free, i, i+1)
			return b[:n]
		}
	}
	return room(nil, max(n, int(a.window)))[:n]
}

// wait waits until a window is there.
func (a *ahead) wait(w *window) error {
	select {
	case <-w.done:
	case <-a.asked.Done():
		return &unfetched{a.asked.Err()}
	}
	if w.err != nil {
		return &unfetched{w.err}
	}
	return nil
}

// drop is called by a feed that reads a window no more.
func (a *ahead) drop(w *window) {
	if w == nil {
		return
	}
	if w.users--; w.users > 0 {
		return
	}
	select {
	case <-w.done:
		a.free = append(a.free, w.data)
	default: // It is being written to: its memory is not used again.
	}
}

// place is where a column chunk lies.
type place struct{ from, to int64 }

// feeds begins to fetch some column chunks, the first window of each, and returns
// what reads them. Short ones that lie near each other are fetched together.
func (a *ahead) feeds(chunks []place) []*feed {
	order := make([]int, len(chunks))
	all := make([]*feed, len(chunks))
	for i, c := range chunks {
		order[i], all[i] = i, &feed{ahead: a, next: c.from, end: c.to}
	}
	slices.SortFunc(order, func(i, k int) int { return cmp.Compare(chunks[i].from, chunks[k].from) })
	for len(order) > 0 {
		n := a.together(chunks, order)
		from, to := chunks[order[0]].from, chunks[order[0]].to
		for _, i := range order[:n] {
			to = max(to, chunks[i].to)
		}
		if to = min(to, from+a.window); to > from {
			w := a.fetch(from, to-from, n)
			for _, i := range order[:n] {
				all[i].near, all[i].next = w, min(to, chunks[i].to)
			}
		}
		order = order[n:]
	}
	return all
}

// together is how many of the chunks, in their order, are fetched with the first.
func (a *ahead) together(chunks []place, order []int) int {
	first := chunks[order[0]]
	to := first.to
	for n, i := range order[1:] {
		c := chunks[i]
		if c.from-to > gapMost || max(to, c.to)-first.from > a.window {
			return n + 1
		}
		to = max(to, c.to)
	}
	return len(order)
}

// feed gives the bytes of one column chunk, from its front to its end. It looks
// ahead, and never back behind what was taken.
type feed struct {
	ahead     *ahead
	near, far *window // far begins where near ends; nil: nothing is left
	next      int64   // where what is not fetched yet begins
	end       int64
	joint     []byte // a page that lies in more windows than one
}

// fetchFar begins to fetch the window behind the near one.
func (f *feed) fetchFar() {
	if n := min(f.end-f.next, f.ahead.window); f.far == nil && n > 0 && f.near != nil {
		f.far = f.ahead.fetch(f.next, n, 1)
		f.next += n
	}
}

// on goes to the next window.
func (f *feed) on() error {
	if f.far == nil {
		return errShort
	}
	f.ahead.drop(f.near)
	f.near, f.far = f.far, nil
	f.fetchFar()
	return nil
}

// close gives up what was fetched.
func (f *feed) close() {
	f.ahead.drop(f.near)
	f.ahead.drop(f.far)
	f.near, f.far = nil, nil
}

// take returns bytes of the chunk and gives up all before them. They are valid
// until the next take.
func (f *feed) take(at int64, n int) ([]byte, error) {
	switch {
	case f.near == nil || at+int64(n) > f.end:
		return nil, errShort
	case at < f.near.at: // A dictionary behind pages that do without it.
		f.joint = room(f.joint, n)
		if err := f.ahead.r.ReadAt(f.ahead.asked, f.joint, at); err != nil {
			return nil, &unfetched{err}
		}
		return f.joint, nil
	}
	f.fetchFar()
	for at >= f.near.stop() && f.far != nil {
		if err := f.on(); err != nil {
			return nil, err
		}
	}
	if err := f.ahead.wait(f.near); err != nil {
		return nil, err
	}
	from := int(at - f.near.at)
	if from+n <= len(f.near.data) {
		return f.near.data[from : from+n], nil
	}
	f.joint = room(f.joint, n)
	done := copy(f.joint, f.near.data[from:])
	for done < n {
		if err := f.on(); err != nil {
			return nil, err
		}
		if err := f.ahead.wait(f.near); err != nil {
			return nil, err
		}
		done += copy(f.joint[done:], f.near.data)
	}
	return f.joint, nil
}

// ReadAt looks at bytes, of the windows or, for what lies beyond them, of the
// object, and gives up nothing.
func (f *feed) ReadAt(p []byte, at int64) (n int, err error) {
	if at+int64(len(p)) > f.end {
		return 0, io.ErrUnexpectedEOF
	}
	for _, w := range []*window{f.near, f.far} {
		if n == len(p) || w == nil || at < w.at || at >= w.stop() {
			continue
		}
		if err := f.ahead.wait(w); err != nil {
			return n, err
		}
		k := copy(p[n:], w.data[at-w.at:])
		n, at = n+k, at+int64(k)
	}
	if n < len(p) {
		if err := f.ahead.r.ReadAt(f.ahead.asked, p[n:], at); err != nil {
			return n, &unfetched{err}
		}
	}
	return len(p), nil
}

// hop reads here and there in a column chunk, forwards, and gives up what lies
// before.
type hop struct{ *feed }

func (a *ahead) hop(c place) hop { return hop{a.feeds([]place{c})[0]} }

// ReadAt looks at bytes.
func (h hop) ReadAt(p []byte, at int64) (int, error) {
	if _, err := h.take(at, 0); err != nil {
		return 0, err
	}
	return h.feed.ReadAt(p, at)
}

// placeOf is where a column chunk lies.
func placeOf(m *format.ColumnMetaData) place {
	from := chunkStart(m)
	return place{from, from + m.TotalCompressedSize}
}
