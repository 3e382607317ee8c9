package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/timeseam/timeseam/store"
)

// content is the bytes of one file, wherever it lies. It is read either by places
// or from its front to its end.
type content interface {
	io.ReaderAt
	io.ReadCloser
}

// startFile opens a file of any format.
func startFile(ctx context.Context, at found) (*File, content, error) {
	if at.object != nil {
		o := at.object.Object()
		f := &File{Path: at.path, Size: o.Size, ETag: o.ETag, modified: o.Modified, hive: hivePairs(at.hive), folders: at.hive, object: at.object}
		return f, &object{ctx: ctx, r: at.object, first: headBytes, tail: tailAt(o.Size)}, nil
	}
	// Opening a pipe would wait for its writer: what is no file is refused before.
	info, err := os.Stat(at.path)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", at.path, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("open %s: it is no regular file", at.path)
	}
	f, err := os.Open(at.path)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", at.path, cause(err))
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("open %s: %w", at.path, cause(err))
	}
	return &File{Path: at.path, Size: info.Size(), modified: info.ModTime(), hive: hivePairs(at.hive), folders: at.hive}, f, nil
}

// open opens the file for reading, and refuses it if it is not the file whose
// footer was read. Of an object, that is found out by each of its reads.
func (f *File) open(ctx context.Context) (content, error) {
	if f.object != nil {
		return &object{ctx: ctx, r: f.object, first: f.Size, tail: f.Size}, nil
	}
	r, err := os.Open(f.Path)
	if err != nil {
		return nil, cause(err)
	}
	info, err := r.Stat()
	if err == nil && (info.Size() != f.Size || !info.ModTime().Equal(f.modified)) {
		err = errors.New("it was changed while it was being read; run again")
	}
	if err != nil {
		r.Close()
		return nil, cause(err)
	}
	return r, nil
}

// What is fetched of an object to know what it holds: the most of what is there at
// the front of a text, and what most footers are shorter than.
const (
	headBytes   = 1 << 20
	footerGuess = 64 << 10
)

// tailAt is where the last bytes of an object begin that are fetched at once.
func tailAt(size int64) int64 { return max(size-footerGuess, 0) }

// object is the content of an object. It lives as long as one reading of its front,
// its footer or its whole, whose context it has.
type object struct {
	ctx   context.Context
	r     *store.Reader
	first int64         // bytes of the first request of a flow
	flow  io.ReadCloser // nil: none was asked for
	tail  int64         // where the bytes begin that are fetched together
	last  []byte        // those, once they were asked for
}

// Read reads the flow.
func (o *object) Read(p []byte) (int, error) {
	if o.flow == nil {
		o.flow = o.r.Stream(o.ctx, o.first)
	}
	n, err := o.flow.Read(p)
	if err != nil && err != io.EOF {
		err = &unfetched{err}
	}
	return n, err
}

// ReadAt reads at a place.
func (o *object) ReadAt(p []byte, at int64) (int, error) {
	if at < o.tail || at+int64(len(p)) > o.r.Object().Size {
		if err := o.r.ReadAt(o.ctx, p, at); err != nil {
			return 0, &unfetched{err}
		}
		return len(p), nil
	}
	if o.last == nil {
		last := make([]byte, o.r.Object().Size-o.tail)
		if err := o.r.ReadAt(o.ctx, last, o.tail); err != nil {
			return 0, &unfetched{err}
		}
		o.last = last
	}
	return copy(p, o.last[at-o.tail:]), nil
}

// Close ends the flow.
func (o *object) Close() error {
	if o.flow == nil {
		return nil
	}
	return o.flow.Close()
}

// unfetched is an error of the store on the way to bytes. It is told as it is: no
// damage of the file, and no end of it.
type unfetched struct{ error }

// Unwrap returns the error of the store.
func (e *unfetched) Unwrap() error { return e.error }

// fetching returns the error of the store in an error, nil if there is none.
func fetching(err error) error {
	var u *unfetched
	if errors.As(err, &u) {
		return u.error
	}
	return nil
}

// openFooter opens what the library reads of a file to know its columns: of an
// object, the footer, which is there already.
func (f *File) openFooter() (content, error) {
	if f.object == nil {
		return f.open(context.Background())
	}
	return &footerOnly{f}, nil
}

// footerOnly is an object of which nothing is fetched.
type footerOnly struct{ file *File }

// ReadAt reads in the footer.
func (o *footerOnly) ReadAt(p []byte, at int64) (int, error) {
	from := o.file.Size - int64(len(o.file.footer))
	if at < from || at+int64(len(p)) > o.file.Size {
		return 0, errShort
	}
	return copy(p, o.file.footer[at-from:]), nil
}

// Read is not asked for.
func (o *footerOnly) Read([]byte) (int, error) { return 0, errShort }

// Close does nothing.
func (o *footerOnly) Close() error { return nil }
