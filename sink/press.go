package sink

import (
	"bytes"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
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
	stored  bool            // pages of the chunk are not compressed
	room    gathered
	depths  []uint32 // levels of a field of a struct
	there   []byte   // and a bit for each

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
	p.made.bytes, p.leaves, p.err = p.made.bytes[:0], p.leaves[:0], nil
	if c.field.Type.ID() == arrow.INT64 && arr.DataType().ID() == arrow.DURATION {
		arr = durationCounts(arr)
		defer arr.Release()
	}
	if c.flat == nil {
		p.err = p.library(c, arr)
	}
	for i := 0; i < len(c.flat) && p.err == nil; i++ {
		p.err = p.flat(&c.flat[i], arr)
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

// flat encodes a leaf as pages of plain values, or of their places in a dictionary:
// levels that tell which rows are there, and the values of those. The library's way to
// the same goes by single values.
func (p *press) flat(l *flatLeaf, arr arrow.Array) error {
	leaf := metadata.NewColumnChunkMetaDataBuilder(p.props, l.leaf)
	info := metadata.ChunkMetaInfo{IndexPageOffset: -1, DataPageOffset: p.made.Tell()}
	arr, there := p.open(l, arr)
	values, encoding, encodings := l.values(arr, there.valid, &p.room), parquet.Encodings.Plain, metadata.EncodingStats{}
	var first *int64
	if d, ok := values.(dictionary); ok {
		at := p.made.Tell()
		encoding, first, encodings.DictEncodingStats = parquet.Encodings.RLEDict, &at, map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
		if err := p.putDictionary(d, &info); err != nil {
			return err
		}
	}
	p.stored = false
	pages, missing := int32(0), 0
	for lo := 0; lo < arr.Len(); pages++ {
		hi := values.end(lo)
		valid, nulls := there.of(lo, hi)
		p.page = p.levels(p.page[:0], l, there, [2]int{lo, hi})
		p.page = values.append(p.page, lo, hi, valid)
		if lo == 0 && first == nil && l.way != plainTexts && l.way != wordTexts {
			p.stored = p.hardly(p.page)
		}
		if err := p.put(hi-lo, encoding, &info); err != nil {
			return err
		}
		lo, missing = hi, missing+nulls
	}
	stats, err := values.statistics(l.leaf, int64(missing))
	if err != nil {
		return err
	}
	leaf.SetStats(stats)
	p.leaves = append(p.leaves, leaf)
	encodings.DataEncodingStats = map[parquet.Encoding]int32{encoding: pages}
	err = leaf.Finish(info, first != nil, false, encodings)
	made := leaf.Contents().MetaData
	made.DictionaryPageOffset = first // Finish takes 0 for none
	if p.stored {
		made.Codec = 0 // None; the library does not export its names.
	}
	return err
}

const (
	// sampleBytes of the middle of a page tell how far Snappy shrinks it, and cost
	// a thirtieth of what all of it does.
	sampleBytes = 32 << 10
	// sampledBytes is how large a page is of which a sample is worth taking.
	sampledBytes = 8 * sampleBytes
)

// hardly reports whether compressing a page of numbers would take off less than three
// tenths. To try it takes as long as all the rest of the encoding, and readers would
// have to undo it: such chunks are stored as they are. Who asks for another codec than
// Snappy asks for small files.
func (p *press) hardly(page []byte) bool {
	if p.props.Compression() != compress.Codecs.Snappy || len(page) < sampledBytes {
		return false
	}
	sample := page[len(page)/2:][:sampleBytes]
	p.small.Reset()
	return 10*len(p.headers.Compress(&p.small, sample)) > 7*len(sample)
}

// putDictionary begins a chunk with the page of its dictionary.
func (p *press) putDictionary(d dictionary, info *metadata.ChunkMetaInfo) error {
	p.page = d.dictionary(p.page[:0])
	page := file.NewDictionaryPage(memory.NewBufferBytes(p.page), int32(d.entries()), parquet.Encodings.Plain)
	defer page.Release()
	all := p.headers.(interface{ TotalUncompressedSize() int64 })
	before := all.TotalUncompressedSize()
	written, err := p.headers.WriteDictionaryPage(page)
	info.DataPageOffset += written
	info.CompressedSize = written
	info.UncompressedSize = all.TotalUncompressedSize() - before
	return err
}

// put adds the page of n rows to the chunk.
func (p *press) put(n int, encoding parquet.Encoding, info *metadata.ChunkMetaInfo) error {
	if len(p.page) > math.MaxInt32 {
		return fmt.Errorf("a value of %d bytes; a Parquet file holds 2 GiB at most", len(p.page))
	}
	data := p.page
	if p.headers.HasCompressor() && !p.stored {
		p.small.Reset()
		data = p.headers.Compress(&p.small, p.page)
	}
	page := file.NewDataPageV1WithConfig(memory.NewBufferBytes(data), parquet.Encodings.RLE, parquet.Encodings.RLE,
		file.DataPageConfig{Num: int32(n), Encoding: encoding, UncompressedSize: int32(len(p.page))})
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
