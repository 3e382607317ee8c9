package sources

import (
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/parquet-go/parquet-go/format"
)

// The library that carries columns decompresses pages with our decoders: its own
// believe what the compressed bytes say of their length, and take gigabytes for a
// page that states a few bytes (R3); and it has none for the LZ4 of Hadoop. It
// knows one table of codecs, which its readme wants filled before anything is read.
func init() {
	for known, codec := range map[compress.Compression]format.CompressionCodec{
		compress.Codecs.Snappy: format.Snappy, compress.Codecs.Gzip: format.Gzip, compress.Codecs.Brotli: format.Brotli, compress.Codecs.Zstd: format.Zstd, compress.Codecs.Lz4Raw: format.Lz4Raw,
	} {
		own, err := compress.GetCodec(known)
		if err != nil {
			panic(err) // The library has them all.
		}
		compress.RegisterCodec(known, checkedCodec{own, codec})
	}
	raw, _ := compress.GetCodec(compress.Codecs.Lz4Raw)
	compress.RegisterCodec(compress.Codecs.Lz4, checkedCodec{raw, oldLz4})
}

// checkedCodec compresses as the library does, and decompresses as we do.
type checkedCodec struct {
	compress.Codec
	codec format.CompressionCodec
}

var spareCodecs = sync.Pool{New: func() any { return new(codecs) }}

// Decode is DecodeWithError for callers that expect a panic.
func (c checkedCodec) Decode(dst, src []byte) []byte {
	out, err := c.DecodeWithError(dst, src)
	if err != nil {
		panic(err)
	}
	return out
}

// DecodeWithError decompresses a page to the size of dst and no further.
func (c checkedCodec) DecodeWithError(dst, src []byte) ([]byte, error) {
	s := spareCodecs.Get().(*codecs)
	defer spareCodecs.Put(s)
	out, err := s.into(c.codec, dst, src)
	if err == nil && len(out) != len(dst) {
		err = errSize
	}
	return out, err
}
