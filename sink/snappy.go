package sink

import (
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/s2"
)

// fastSnappy is Snappy as it was meant to be: the library at hand looks twice as
// long for matches, which doubles of features seldom have.
type fastSnappy struct{ compress.Codec }

func init() {
	c, err := compress.GetCodec(compress.Codecs.Snappy)
	if err != nil {
		panic("sink: " + err.Error())
	}
	compress.RegisterCodec(compress.Codecs.Snappy, fastSnappy{c})
}

func (fastSnappy) Encode(dst, src []byte) []byte { return s2.EncodeSnappy(dst, src) }

func (fastSnappy) EncodeLevel(dst, src []byte, _ int) []byte { return s2.EncodeSnappy(dst, src) }
