package sources

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// codecs decompresses pages. Each page states its size, and never more is made of
// it, whatever its bytes say (R3). One goroutine at a time uses it.
type codecs struct {
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
	src    bytes.Reader
}

var errCompressed = errors.New("it is damaged: the page does not decompress to the size it states")

// slack is how many bytes stand free after those of a page, so that unpacking may
// read whole words.
const slack = 64

// room returns a buffer of n bytes, which is b if it is long enough.
func room(b []byte, n int) []byte {
	if cap(b) < n+slack {
		return make([]byte, n, n+slack)
	}
	return b[:n]
}

// readable reports whether expand knows a codec.
func readable(c format.CompressionCodec) bool {
	switch c {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
		return true
	}
	return false
}

// expand decompresses src, which makes at most size bytes, into dst or into new
// memory if dst is too short.
func (c *codecs) expand(codec format.CompressionCodec, dst, src []byte, size int) ([]byte, error) {
	dst = room(dst, size)
	switch codec {
	case format.Snappy:
		if n, err := snappy.DecodedLen(src); err != nil || n > size {
			return nil, errCompressed
		}
		out, err := snappy.Decode(dst, src)
		return inPlace(dst, out, err)
	case format.Zstd:
		return c.expandZstd(dst, src)
	case format.Lz4Raw:
		if size == 0 {
			return dst, nil
		}
		n, err := lz4.UncompressBlock(src, dst)
		if err != nil || n < 0 || n > size {
			return nil, errCompressed
		}
		return dst[:n], nil
	case format.Gzip:
		return c.expandGzip(dst, src)
	case format.Brotli:
		c.src.Reset(src)
		if c.brotli == nil {
			c.brotli = brotli.NewReader(&c.src)
		} else if err := c.brotli.Reset(&c.src); err != nil {
			return nil, err
		}
		return fill(dst, c.brotli)
	}
	return nil, fmt.Errorf("it is compressed with %s, which cannot be read", codec)
}

// inPlace makes sure that the result stands in dst, with its slack.
func inPlace(dst, out []byte, err error) ([]byte, error) {
	if err != nil || len(out) > len(dst) {
		return nil, errCompressed
	}
	return dst[:copy(dst, out)], nil
}

func (c *codecs) expandZstd(dst, src []byte) (out []byte, err error) {
	if c.zstd == nil {
		if c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(pageBytesMost), zstd.WithDecodeAllCapLimit(true)); err != nil {
			return nil, err
		}
	}
	// What the buffer holds is the limit of what is made.
	out, err = c.zstd.DecodeAll(src, dst[:0:len(dst)])
	return inPlace(dst, out, err)
}

func (c *codecs) expandGzip(dst, src []byte) (out []byte, err error) {
	c.src.Reset(src)
	if c.gzip == nil {
		c.gzip, err = gzip.NewReader(&c.src)
	} else {
		err = c.gzip.Reset(&c.src)
	}
	if err != nil {
		c.gzip = nil
		return nil, errCompressed
	}
	return fill(dst, c.gzip)
}

// fill reads r to its end into dst.
func fill(dst []byte, r io.Reader) ([]byte, error) {
	n := 0
	for n < len(dst) {
		k, err := r.Read(dst[n:])
		n += k
		if err == io.EOF {
			return dst[:n], nil
		}
		if err != nil {
			return nil, errCompressed
		}
	}
	var more [1]byte
	if k, err := r.Read(more[:]); k > 0 || err != nil && err != io.EOF {
		return nil, errCompressed
	}
	return dst, nil
}

// close lets go of what the decoders hold.
func (c *codecs) close() {
	if c.zstd != nil {
		c.zstd.Close()
		c.zstd = nil
	}
}
