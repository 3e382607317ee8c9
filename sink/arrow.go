package sink

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/timeseam/timeseam/features/event"
)

// NewArrowFile opens a sink that writes the Arrow IPC file path when it is
// committed.
func NewArrowFile(path string, o Options) (*File, error) {
	l, err := newLayout(o)
	if err != nil {
		return nil, err
	}
	open, err := arrowOpener(l, o.Compression)
	if err != nil {
		return nil, err
	}
	return openFile(path, l, open)
}

func arrowOpener(l *layout, compression string) (opener, error) {
	options, err := arrowOptions(compression, l)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) (encoder, error) {
		fw, err := ipc.NewFileWriter(w, options...)
		return arrowEncoder{fw}, err
	}, nil
}

func arrowOptions(compression string, l *layout) ([]ipc.Option, error) {
	options := []ipc.Option{ipc.WithSchema(l.stored)}
	switch compression {
	case "", "none":
	case "zstd":
		options = append(options, ipc.WithZstd())
	case "lz4":
		options = append(options, ipc.WithLZ4())
	default:
		return nil, fmt.Errorf("unknown compression %s; Arrow files and streams take none, zstd or lz4", compression)
	}
	return options, nil
}

// recordWriter is what writers of Arrow files and of streams have in common.
type recordWriter interface {
	Write(rec arrow.RecordBatch) error
	Close() error
}

// arrowEncoder writes one record batch a group.
type arrowEncoder struct{ recordWriter }

func (e arrowEncoder) encode(rec arrow.RecordBatch) error { return e.Write(rec) }
func (e arrowEncoder) finish() error                      { return e.Close() }

// Stream is a sink that writes an Arrow IPC stream, such as to standard output.
// What is written cannot be taken back: before Commit a reader may have seen
// rows, but never the end of them.
type Stream struct {
	*writer
	out       *counted
	committed bool
}

// NewArrowStream opens a sink that writes to w, which it does not close.
func NewArrowStream(w io.Writer, o Options) (*Stream, error) {
	l, err := newLayout(o)
	if err != nil {
		return nil, err
	}
	options, err := arrowOptions(o.Compression, l)
	if err != nil {
		return nil, err
	}
	out := &counted{w: w}
	return &Stream{writer: newWriter(l, arrowEncoder{ipc.NewWriter(out, options...)}), out: out}, nil
}

// Write takes the next rows.
func (s *Stream) Write(ctx context.Context, b *event.Batch) error {
	return streamError(s.write(ctx, b))
}

// Commit writes the rest and the mark of the end.
func (s *Stream) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return streamError(err)
	}
	s.committed = true
	s.close()
	return nil
}

// brokenMessage announces a message that does not follow. Readers take a stream
// that merely stops for one that ends, and a part of a training set for the whole.
var brokenMessage = [...]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}

// Close ends the stream; without Commit, so that its reader gets an error.
func (s *Stream) Close() error {
	if s.closed {
		return nil
	}
	s.close()
	if !s.committed && s.out.n > 0 && s.out.err == nil {
		_, err := s.out.Write(brokenMessage[:])
		return streamError(err)
	}
	return nil
}

func streamError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write the Arrow stream: %w", plainly(err))
}

// counted knows how much was written, and whether that failed.
type counted struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
