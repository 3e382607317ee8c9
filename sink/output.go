package sink

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// File is a sink that writes one file.
type File struct {
	*writer
	name   string // as the user named it
	output fileMaker
	buffer *bufio.Writer
	digest *digest
	rows   *counting
}

// bufferBytes gathers the many small writes of headers; pages are larger and
// pass it by.
const bufferBytes = 128 << 10

// openFile opens the sink of the file path, which nothing belongs to.
func openFile(path string, l *layout, open opener) (*File, error) {
	out, err := openOutput(path)
	if err != nil {
		return nil, err
	}
	return newFile(path, out, l, open)
}

// newFile is a sink into the file that out makes.
func newFile(name string, out fileMaker, l *layout, open opener) (*File, error) {
	buffer := bufio.NewWriterSize(out, bufferBytes)
	digest := newDigest(buffer)
	enc, err := open(digest)
	if err != nil {
		out.close()
		return nil, fmt.Errorf("write %s: %w", name, plainly(err))
	}
	rows := &counting{encoder: enc}
	return &File{writer: newWriter(l, rows), name: name, output: out, buffer: buffer, digest: digest, rows: rows}, nil
}

// counting counts the rows that are encoded.
type counting struct {
	encoder
	n int64
}

func (c *counting) encode(rec arrow.RecordBatch) error {
	c.n += rec.NumRows()
	return c.encoder.encode(rec)
}

// Written is the file, once it is committed.
func (f *File) Written() []Written {
	w := f.digest.written("", f.rows.n)
	f.output.identify(&w)
	return []Written{w}
}

// Write takes the next rows. Of Carried it holds references until the rows are
// encoded; of the computed columns it holds nothing.
func (f *File) Write(ctx context.Context, b *event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.named(f.write(ctx, b))
}

// Commit writes the rest and puts the file in its place.
func (f *File) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = f.finish()
	}
	if err == nil {
		err = f.buffer.Flush()
	}
	f.close()
	if err == nil {
		err = f.output.commit(ctx)
	}
	if err != nil {
		f.output.close()
	}
	return f.named(err)
}

// Attach puts a small file beside the output.
func (f *File) Attach(ctx context.Context, suffix string, data []byte) error {
	return f.output.attach(ctx, suffix, data)
}

// Close releases the output for other runs. It keeps the output locked until
// then, so that what belongs beside it can be written after Commit.
func (f *File) Close() error {
	f.close()
	return f.named(f.output.close())
}

func (f *File) named(err error) error { return writing(f.name, err) }

// writing says which output err is about, but of a run that was called off.
func writing(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("write %s: %w", name, plainly(err))
}
