package sources

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packedEndings are the endings of compressed files, which lists of files look
// through. What a file is its first bytes say, whatever it is called.
var packedEndings = []string{".gz", ".zst", ".bz2"}

// zstdWindow is the largest window of a frame that is read: what zstd writes at
// most unless it is told to go further (--long=27).
const zstdWindow = 128 << 20

// stream is the plain bytes of one file, as a bounded flow: a file of a few bytes
// may unpack to terabytes and takes no more memory for it.
type stream struct {
	name   string
	file   io.Closer
	raw    summed
	plain  io.Reader
	packed string // how it is compressed, for errors; empty: it is not
	done   func() // lets go of the decompressor
}

// summed counts and sums what is read of a file.
type summed struct {
	r     io.Reader
	bytes int64
	sum   uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Read reads on.
func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.bytes += int64(n)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}

// foreign are first bytes of files that are no text, and what they are.
var foreign = []struct{ magic, what string }{
	{"PAR1", "a Parquet file; give {parquet: PATH}"},
	{"ARROW1", "an Arrow file, which cannot be read; write it as Parquet"},
	{"PK\x03\x04", "a ZIP archive; unpack it"},
	{"\xfd7zXZ\x00", "compressed with xz; compress it with gzip or zstd"},
	{"\x04\x22\x4d\x18", "compressed with lz4; compress it with gzip or zstd"},
	{"\xff\xfe", "of UTF-16; write it as UTF-8"},
	{"\xfe\xff", "of UTF-16; write it as UTF-8"},
}

const byteOrderMark = "\xef\xbb\xbf"

// newStream begins to read f, which has a name, becomes the stream's, and is closed
// if it can be none.
func newStream(name string, f io.ReadCloser) (*stream, error) {
	s := &stream{name: name, file: f, raw: summed{r: f}, done: func() {}}
	if err := s.unpack(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// unpack finds out how the file is compressed, and that it is text.
func (s *stream) unpack() error {
	packed := bufio.NewReaderSize(&s.raw, 256<<10)
	head, err := packed.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return cause(err)
	}
	err = nil
	if len(head) < 4 && slices.Contains(packedEndings, path.Ext(s.name)) {
		return fmt.Errorf("it is cut off: it has only %d bytes, and its name says that it is compressed; copy it again", len(head))
	}
	s.plain = packed
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		s.packed = "gzip"
		s.plain, err = gzip.NewReader(packed)
	case zstdHead(head):
		s.packed = "zstd"
		var d *zstd.Decoder
		if d, err = zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow)); err == nil {
			s.plain, s.done = d, d.Close
		}
	case bytes.HasPrefix(head, []byte("BZh")):
		s.packed = "bzip2"
		s.plain = bzip2.NewReader(packed)
	}
	if err != nil {
		return s.failure(err)
	}
	text := bufio.NewReaderSize(s.plain, 64)
	head, err = text.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return s.failure(err)
	}
	for _, k := range foreign {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return fmt.Errorf("it is %s", k.what)
		}
	}
	if bytes.HasPrefix(head, []byte(byteOrderMark)) {
		text.Discard(len(byteOrderMark))
	}
	s.plain = text
	return nil
}

// zstdHead reports whether a frame of zstd begins, or one that its readers skip.
func zstdHead(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")) || len(b) >= 4 && b[0]>>4 == 5 && string(b[1:4]) == "\x2a\x4d\x18"
}

// Read reads plain bytes.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = s.failure(err)
	}
	return n, err
}

// failure says of an error of the decompressor what it means for the file. It
// wraps none that stands for an end: a file cut off must not pass for one that
// is read (R3).
func (s *stream) failure(err error) error {
	switch {
	case s.packed == "":
		return cause(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it is cut off: its %s does not end; copy it again", s.packed)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("its zstd needs a window of more than %d MiB; compress it without --ultra and --long", zstdWindow>>20)
	}
	return fmt.Errorf("its %s is damaged (%s); copy it again", s.packed, strings.TrimPrefix(err.Error(), s.packed+": "))
}

// Close closes the file.
func (s *stream) Close() error {
	s.done()
	return s.file.Close()
}
