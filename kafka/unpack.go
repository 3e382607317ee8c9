package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// unpackedMost is the largest that a batch may become. The client's own way of
// unpacking allows 2 GiB, which few bytes can become.
const unpackedMost = 256 << 20

var (
	errUnpackedMost = fmt.Errorf("it would be larger than %d MiB when it is unpacked", unpackedMost>>20)
	errCodec        = errors.New("its compression is not known")
	errXerial       = errors.New("its blocks of snappy do not fit together")
)

// unpacker unpacks one batch after the other into the same memory: what it returned
// is gone with the next call. It belongs to one goroutine.
type unpacker struct {
	out  []byte
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
	most int // unpackedMost, and less in tests
}

// Decompress unpacks the records of a batch. It is what kgo.ProcessFetchPartition
// calls.
func (u *unpacker) Decompress(in []byte, codec kgo.CompressionCodecType) (out []byte, err error) {
	switch codec {
	case kgo.CodecNone:
		return in, nil
	case kgo.CodecGzip:
		out, err = u.gunzip(in)
	case kgo.CodecSnappy:
		out, err = u.unsnap(in)
	case kgo.CodecLz4:
		if u.lz4 == nil {
			u.lz4 = lz4.NewReader(nil)
		}
		u.lz4.Reset(bytes.NewReader(in))
		out, err = u.readAll(u.lz4)
	case kgo.CodecZstd:
		out, err = u.unzstd(in)
	default:
		err = errCodec
	}
	if err != nil {
		return nil, err
	}
	if cap(out) > cap(u.out) {
		u.out = out[:0]
	}
	return out, nil
}

// close ends what keeps memory of its own.
func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
	*u = unpacker{most: u.most}
}

func (u *unpacker) gunzip(in []byte) ([]byte, error) {
	if u.gzip == nil {
		u.gzip = new(gzip.Reader)
	}
	if err := u.gzip.Reset(bytes.NewReader(in)); err != nil {
		return nil, err
	}
	return u.readAll(u.gzip)
}

func (u *unpacker) unzstd(in []byte) ([]byte, error) {
	if u.zstd == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(u.most)))
		if err != nil {
			return nil, err
		}
		u.zstd = dec
	}
	out, err := u.zstd.DecodeAll(in, u.out[:0])
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || len(out) > u.most {
		return nil, errUnpackedMost
	}
	return out, err
}

// readAll reads to the end, or to the bound.
func (u *unpacker) readAll(r io.Reader) ([]byte, error) {
	out := bytes.NewBuffer(u.out[:0])
	n, err := out.ReadFrom(io.LimitReader(r, int64(u.most)+1))
	if err == nil && n > int64(u.most) {
		err = errUnpackedMost
	}
	return out.Bytes(), err
}

// xerial is how the Java client begins snappy: its marks, a version and the least
// version that reads it. Blocks follow, each behind its length.
var xerial = []byte{130, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHead = 16

func (u *unpacker) unsnap(in []byte) ([]byte, error) {
	if len(in) < xerialHead || !bytes.HasPrefix(in, xerial) {
		return u.block(u.out[:0], in)
	}
	out := u.out[:0]
	for in = in[xerialHead:]; len(in) > 0; {
		if len(in) < 4 {
			return nil, errXerial
		}
		size := int64(binary.BigEndian.Uint32(in))
		if in = in[4:]; size > int64(len(in)) {
			return nil, errXerial
		}
		var err error
		if out, err = u.block(out, in[:size]); err != nil {
			return nil, err
		}
		in = in[size:]
	}
	return out, nil
}

// block appends one block of snappy. What it says to become is held against the
// bound before memory is taken for it.
func (u *unpacker) block(out, in []byte) ([]byte, error) {
	n, err := s2.DecodedLen(in)
	if err != nil {
		return nil, err
	}
	if n > u.most-len(out) {
		return nil, errUnpackedMost
	}
	at := len(out)
	if cap(out)-at < n {
		out = append(make([]byte, 0, max(at+n, min(2*cap(out), u.most))), out...)
	}
	if _, err := s2.Decode(out[at:at+n], in); err != nil {
		return nil, err
	}
	return out[:at+n], nil
}
