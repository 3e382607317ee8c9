package sink

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// NewParquet opens a sink that writes the Parquet file path when it is committed.
// The schema of Arrow is stored beside Parquet's own, so that every type is read
// back as it was.
func NewParquet(path string, o Options) (*File, error) {
	l, err := newLayout(o)
	if err != nil {
		return nil, err
	}
	open, err := parquetOpener(l, o.Compression)
	if err != nil {
		return nil, err
	}
	return openFile(path, l, open)
}

func parquetOpener(l *layout, compression string) (opener, error) {
	stored, err := parquetSchema(l)
	if err != nil {
		return nil, err
	}
	props, err := parquetProperties(compression, stored)
	if err != nil {
		return nil, err
	}
	columns, err := parquetColumns(stored, props)
	if err != nil {
		return nil, err
	}
	// Of many files of a folder one is encoded at a time, so that they share presses.
	presses := make(chan *press, l.workers)
	for range l.workers {
		p, err := newPress(props)
		if err != nil {
			return nil, err
		}
		presses <- p
	}
	return func(w io.Writer) (encoder, error) {
		e := &parquetEncoder{w: w, columns: slices.Clone(columns), presses: presses, props: props}
		return e, e.begin(stored)
	}, nil
}

// createdBy carries no version: the same rows are the same bytes in every release
// that does not change the format.
const createdBy = "timeseam"

func parquetProperties(compression string, schema *arrow.Schema) (*parquet.WriterProperties, error) {
	codec, err := parquetCodec(compression)
	if err != nil {
		return nil, err
	}
	props := []parquet.WriterProperty{
		parquet.WithCompression(codec),
		parquet.WithCreatedBy(createdBy),
		parquet.WithStats(true),
		// A group is never divided by the encoder.
		parquet.WithMaxRowGroupLength(1 << 40),
		// Numbers and times of a training set hardly repeat: looking each up in a
		// dictionary takes longer than all the rest of the encoding.
		parquet.WithDictionaryDefault(false),
	}
	paths, err := textPaths(schema)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		props = append(props, parquet.WithDictionaryPath(p, true))
	}
	return parquet.NewWriterProperties(props...), nil
}

func parquetCodec(name string) (compress.Compression, error) {
	switch name {
	case "", "snappy":
		return compress.Codecs.Snappy, nil
	case "zstd":
		return compress.Codecs.Zstd, nil
	case "gzip":
		return compress.Codecs.Gzip, nil
	case "lz4":
		return compress.Codecs.Lz4Raw, nil
	case "none":
		return compress.Codecs.Uncompressed, nil
	}
	return 0, fmt.Errorf("unknown compression %s; Parquet files take snappy, zstd, gzip, lz4 or none", name)
}

// textPaths is the leaves that hold text.
func textPaths(schema *arrow.Schema) ([]parquet.ColumnPath, error) {
	ps, err := pqarrow.ToParquet(schema, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	var paths []parquet.ColumnPath
	for i := range ps.NumColumns() {
		if c := ps.Column(i); c.PhysicalType() == parquet.Types.ByteArray {
			paths = append(paths, c.ColumnPath())
		}
	}
	return paths, nil
}

// arrowSchemaKey is where readers of Arrow look for the types as they were.
const arrowSchemaKey = "ARROW:schema"

// parquetSchema is the columns as Parquet stores them, and in the metadata the
// declared ones.
func parquetSchema(l *layout) (*arrow.Schema, error) {
	fields := make([]arrow.Field, l.stored.NumFields())
	for i, f := range l.stored.Fields() {
		if f.Type.ID() == arrow.DURATION {
			f.Type = arrow.PrimitiveTypes.Int64
		}
		one := arrow.NewSchema([]arrow.Field{f}, nil)
		if _, err := pqarrow.ToParquet(one, nil, pqarrow.DefaultWriterProps()); err != nil {
			return nil, fmt.Errorf("column %s is %s, which a Parquet file cannot hold; leave it out of the spine's columns, or write an Arrow file", f.Name, f.Type)
		}
		fields[i] = f
	}
	var buf bytes.Buffer
	if err := ipc.NewWriter(&buf, ipc.WithSchema(l.declared)).Close(); err != nil {
		return nil, fmt.Errorf("store the schema: %w", err)
	}
	meta := arrow.NewMetadata([]string{arrowSchemaKey}, []string{base64.StdEncoding.EncodeToString(buf.Bytes())})
	return arrow.NewSchema(fields, &meta), nil
}

// parquetEncoder writes one row group a group. Its columns are encoded beside each
// other and written in their order, so that the bytes are the same however many
// presses there are (O1).
type parquetEncoder struct {
	w       io.Writer
	at      int64 // bytes written
	columns []parquetColumn
	presses chan *press // those that are free
	props   *parquet.WriterProperties
	footer  *metadata.FileMetaDataBuilder
	groups  int16
}

// parquetMagic is how a Parquet file begins and ends.
const parquetMagic = "PAR1"

func (e *parquetEncoder) begin(s *arrow.Schema) error {
	stored, err := pqarrow.ToParquet(s, e.props, pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	keys := metadata.NewKeyValueMetadata()
	for i, key := range s.Metadata().Keys() {
		if err := keys.Append(key, s.Metadata().Values()[i]); err != nil {
			return err
		}
	}
	e.footer = metadata.NewFileMetadataBuilder(stored, e.props, keys)
	return e.write([]byte(parquetMagic))
}

func (e *parquetEncoder) write(p []byte) error {
	n, err := e.w.Write(p)
	e.at += int64(n)
	return err
}

func (e *parquetEncoder) encode(rec arrow.RecordBatch) error {
	if e.groups == math.MaxInt16 {
		return fmt.Errorf("a Parquet file holds %d row groups and no more; divide the rows over files with --file-size", math.MaxInt16)
	}
	for i := range e.columns {
		e.columns[i].choose(rec.Column(i))
	}
	group := e.footer.AppendRowGroup()
	group.SetNumRows(int(rec.NumRows()))
	var err error
	for done := range e.chunks(rec) {
		p := <-done
		if err == nil {
			err = e.take(p, group)
		}
		e.presses <- p
	}
	if err != nil {
		return err
	}
	e.groups++
	return group.Finish(0, e.groups-1)
}

// chunks encodes the columns of rec and gives the presses that do in the columns'
// order; each is to be put back. As it is taken in that order too, there is always
// one at work on the column that is waited for.
func (e *parquetEncoder) chunks(rec arrow.RecordBatch) <-chan chan *press {
	all := make(chan chan *press, cap(e.presses))
	go func() {
		defer close(all)
		for i := range e.columns {
			p, done := <-e.presses, make(chan *press, 1)
			all <- done
			go func() {
				p.encode(&e.columns[i], rec.Column(i))
				done <- p
			}()
		}
	}()
	return all
}

// take writes the chunks of a column where the file ends, and says in the footer
// where that is.
func (e *parquetEncoder) take(p *press, group *metadata.RowGroupMetaDataBuilder) error {
	if p.err != nil {
		return p.err
	}
	for _, leaf := range p.leaves {
		made := leaf.Contents().MetaData
		from := made.DataPageOffset
		info := metadata.ChunkMetaInfo{NumValues: made.NumValues, IndexPageOffset: -1, CompressedSize: made.TotalCompressedSize, UncompressedSize: made.TotalUncompressedSize}
		if made.DictionaryPageOffset != nil {
			from = *made.DictionaryPageOffset
			info.DictPageOffset = e.at
		}
		info.DataPageOffset = e.at + made.DataPageOffset - from
		chunk := group.NextColumnChunk()
		*chunk.Contents().MetaData = *made
		if err := chunk.Finish(info, false, false, metadata.EncodingStats{}); err != nil {
			return err
		}
		to := chunk.Contents().MetaData
		to.Encodings, to.EncodingStats = made.Encodings, made.EncodingStats
		// The library has them in the order of a map.
		sort.Slice(to.EncodingStats, func(i, k int) bool {
			a, b := to.EncodingStats[i], to.EncodingStats[k]
			return cmp.Or(cmp.Compare(a.PageType, b.PageType), cmp.Compare(a.Encoding, b.Encoding)) < 0
		})
		if err := e.write(p.made.bytes[from : from+made.TotalCompressedSize]); err != nil {
			return err
		}
	}
	return nil
}

func (e *parquetEncoder) finish() error {
	footer, err := e.footer.Finish()
	if err != nil {
		return err
	}
	n, err := footer.WriteTo(e.w, nil)
	if err != nil {
		return err
	}
	return e.write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), parquetMagic...))
}
