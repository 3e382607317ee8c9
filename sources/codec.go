package sources

import (
	"bytes"
	"encoding/binary"
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
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw, oldLz4:
		return true
	}
	return false
}

// mostOf is how many bytes a codec can at most make of n: what states more is
// damaged, and gets no memory. Zstd and brotli know hardly a bound.
func mostOf(c format.CompressionCodec, n int) int {
	switch c {
	case format.Snappy: // A copy of 64 bytes takes three.
		return 32 * n
	case format.Lz4Raw, oldLz4: // A byte adds up to 255 to a length.
		return 256 * (n + 1)
	case format.Gzip: // 258 bytes take two bits.
		return 1040 * (n + 1)
	}
	return pageBytesMost
}

// expand decompresses src, which makes at most size bytes, into dst or into new
// memory if dst is too short.
func (c *codecs) expand(codec format.CompressionCodec, dst, src []byte, size int) ([]byte, error) {
	return c.into(codec, room(dst, size), src)
}

// into decompresses src into dst and no further, and returns how far it came.
func (c *codecs) into(codec format.CompressionCodec, dst, src []byte) ([]byte, error) {
	switch codec {
	case format.Snappy:
		if n, err := snappy.DecodedLen(src); err != nil || n > len(dst) {
			return nil, errCompressed
		}
		out, err := snappy.Decode(dst, src)
		return inPlace(dst, out, err)
	case format.Zstd:
		return c.expandZstd(dst, src)
	case format.Lz4Raw:
		return expandLz4(dst, src)
	case oldLz4:
		return expandOldLz4(dst, src)
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

// oldLz4 is what writers call LZ4 that did not say in which frame: Hadoop's, as
// Spark and Hive write it, or none at all, as fastparquet does.
const oldLz4 = format.Lz4

// expandLz4 decompresses one block of LZ4 without a frame.
func expandLz4(dst, src []byte) ([]byte, error) {
	if len(dst) == 0 {
		return dst, nil
	}
	n, err := lz4.UncompressBlock(src, dst)
	if err != nil || n < 0 || n > len(dst) {
		return nil, errCompressed
	}
	return dst[:n], nil
}

// expandOldLz4 decompresses LZ4 of a frame that is not stated. Hadoop's is tried
// first: it states sizes, which no block without a frame holds by chance.
func expandOldLz4(dst, src []byte) ([]byte, error) {
	if out, ok := expandHadoop(dst, src); ok {
		return out, nil
	}
	return expandLz4(dst, src)
}

// expandHadoop decompresses Hadoop's frames: the size of what a frame makes, and
// then blocks, each preceded by its own size, until they have made it.
func expandHadoop(dst, src []byte) (out []byte, ok bool) {
	made := 0
	for made < len(dst) {
		if len(src) < 4 {
			return nil, false
		}
		frame := uint64(binary.BigEndian.Uint32(src))
		if src = src[4:]; frame == 0 || frame > uint64(len(dst)-made) {
			return nil, false
		}
		for end := made + int(frame); made < end; {
			if len(src) < 4 || uint64(binary.BigEndian.Uint32(src)) > uint64(len(src)-4) {
				return nil, false
			}
			n := int(binary.BigEndian.Uint32(src))
			k, err := lz4.UncompressBlock(src[4:4+n], dst[made:end])
			if err != nil || k <= 0 {
				return nil, false
			}
			made, src = made+k, src[4+n:]
		}
	}
	return dst[:made], len(src) == 0
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
