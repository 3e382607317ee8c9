package sink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// press encodes one column of a group at a time. What it made is its own until it
// is asked for the next; its vectors grow to the largest column once.
type press struct {
	props   *parquet.WriterProperties
	headers file.PageWriter // writes pages to made
	page    []byte          // before it is compressed
	small   bytes.Buffer    // and after
	words   gathered

	// What was made: the chunks of the column's leaves, whose places count from the
	// first of the bytes.
	made   tape
	leaves []*metadata.ColumnChunkMetaDataBuilder
	err    error
}

// tape is bytes that were written, and knows how many.
type tape struct{ bytes []byte }

func (t *tape) Write(p []byte) (int, error) {
	t.bytes = append(t.bytes, p...)
	return len(p), nil
}

func (t *tape) Tell() int64 { return int64(len(t.bytes)) }

func newPress(props *parquet.WriterProperties) (*press, error) {
	p := &press{props: props}
	var err error
	p.headers, err = file.NewPageWriter(&p.made, props.Compression(), props.CompressionLevel(), nil, 0, 0, memory.DefaultAllocator, false, nil, nil)
	return p, err
}

// encode makes the chunks of a column.
func (p *press) encode(c *parquetColumn, arr arrow.Array) {
	p.made.bytes, p.leaves = p.made.bytes[:0], p.leaves[:0]
	if c.field.Type.ID() == arrow.INT64 && arr.DataType().ID() == arrow.DURATION {
		arr = durationCounts(arr)
		defer arr.Release()
	}
	if c.plain() {
		p.err = p.flat(c, arr)
	} else {
		p.err = p.library(c, arr)
	}
	if p.err != nil {
		p.err = fmt.Errorf("column %s: %w", c.field.Name, p.err)
	}
}

// library has the library encode a column, as a file of its own whose chunks are
// taken over: it knows every type.
func (p *press) library(c *parquetColumn, arr arrow.Array) error {
	w, err := pqarrow.NewFileWriter(arrow.NewSchema([]arrow.Field{c.field}, nil), &p.made, p.props, pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	if err := w.NewRowGroupChecked(); err != nil {
		return err
	}
	if err := w.WriteColumnData(arr); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	footer, err := w.FileMetadata()
	if err != nil {
		return err
	}
	for i, chunk := range footer.RowGroups[0].Columns {
		p.leaves = append(p.leaves, metadata.NewColumnChunkMetaDataBuilderWithContents(p.props, footer.Schema.Column(i), chunk))
	}
	return nil
}

// pageBytes is how many bytes of values a page has, and then it ends. It is what
// the library takes.
const pageBytes = 1 << 20

// flat encodes a column without parts as pages of plain values: levels that tell
// which rows are there, and the values of those. The library's way to the same goes
// by single values.
func (p *press) flat(c *parquetColumn, arr arrow.Array) error {
	leaf := metadata.NewColumnChunkMetaDataBuilder(p.props, c.leaf)
	info := metadata.ChunkMetaInfo{IndexPageOffset: -1}
	optional := c.leaf.MaxDefinitionLevel() > 0
	values := c.values(arr, &p.words)
	pages := int32(0)
	for lo := 0; lo < arr.Len(); pages++ {
		hi := values.end(lo)
		valid := arr.NullBitmapBytes()
		nulls := 0
		if valid != nil && optional {
			nulls = hi - lo - bitutil.CountSetBits(valid, arr.Data().Offset()+lo, hi-lo)
		}
		p.page = p.page[:0]
		if optional {
			p.levels(valid, arr.Data().Offset()+lo, hi-lo, nulls)
		}
		if nulls == 0 {
			valid = nil
		}
		p.page = values.append(p.page, lo, hi, valid)
		if err := p.put(hi-lo, &info); err != nil {
			return err
		}
		lo = hi
	}
	stats, err := values.statistics(c.leaf, int64(arr.NullN()))
	if err != nil {
		return err
	}
	leaf.SetStats(stats)
	p.leaves = append(p.leaves, leaf)
	return leaf.Finish(info, false, false, metadata.EncodingStats{DataEncodingStats: map[parquet.Encoding]int32{parquet.Encodings.Plain: pages}})
}

// levels begins a page with which of its n rows are there: one run, of one level or
// of a bit a row, which is how Arrow has it. The compression finds shorter runs.
func (p *press) levels(valid []byte, at, n, nulls int) {
	p.page = append(p.page, 0, 0, 0, 0)
	switch nulls {
	case 0:
		p.page = append(binary.AppendUvarint(p.page, uint64(n)<<1), 1)
	case n:
		p.page = append(binary.AppendUvarint(p.page, uint64(n)<<1), 0)
	default:
		size := int(bitutil.BytesForBits(int64(n)))
		p.page = binary.AppendUvarint(p.page, uint64(size)<<1|1)
		from := len(p.page)
		p.page = append(p.page, make([]byte, size)...)
		bitutil.CopyBitmap(valid, at, n, p.page[from:], 0)
	}
	binary.LittleEndian.PutUint32(p.page, uint32(len(p.page)-4))
}

// put adds the page of n rows to the chunk.
func (p *press) put(n int, info *metadata.ChunkMetaInfo) error {
	if len(p.page) > math.MaxInt32 {
		return fmt.Errorf("a value of %d bytes; a Parquet file holds 2 GiB at most", len(p.page))
	}
	data := p.page
	if p.headers.HasCompressor() {
		p.small.Reset()
		data = p.headers.Compress(&p.small, p.page)
	}
	page := file.NewDataPageV1WithConfig(memory.NewBufferBytes(data), parquet.Encodings.RLE, parquet.Encodings.RLE,
		file.DataPageConfig{Num: int32(n), Encoding: parquet.Encodings.Plain, UncompressedSize: int32(len(p.page))})
	defer page.Release()
	written, err := p.headers.WriteDataPage(page)
	info.NumValues += int64(n)
	info.CompressedSize += written
	info.UncompressedSize += written - int64(len(data)) + int64(len(p.page))
	return err
}

// durationCounts is the same vectors under the type that Parquet has for them.
func durationCounts(arr arrow.Array) arrow.Array {
	d := arr.Data()
	counts := array.NewData(arrow.PrimitiveTypes.Int64, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer counts.Release()
	return array.MakeFromData(counts)
}
