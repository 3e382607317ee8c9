package sink

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
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
	schema, err := parquetSchema(l)
	if err != nil {
		return nil, err
	}
	props, err := parquetProperties(compression, schema)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) (encoder, error) {
		fw, err := pqarrow.NewFileWriter(schema, w, props, pqarrow.DefaultWriterProps())
		return &parquetEncoder{fw: fw}, err
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

// parquetEncoder writes one row group a group.
type parquetEncoder struct{ fw *pqarrow.FileWriter }

func (e *parquetEncoder) encode(rec arrow.RecordBatch) error {
	if err := e.fw.NewRowGroupChecked(); err != nil {
		return err
	}
	for _, c := range rec.Columns() {
		if c.DataType().ID() == arrow.DURATION {
			c = durationCounts(c)
			defer c.Release()
		}
		if err := e.fw.WriteColumnData(c); err != nil {
			return err
		}
	}
	return nil
}

// durationCounts is the same vectors under the type that Parquet has for them.
func durationCounts(arr arrow.Array) arrow.Array {
	d := arr.Data()
	counts := array.NewData(arrow.PrimitiveTypes.Int64, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer counts.Release()
	return array.MakeFromData(counts)
}

func (e *parquetEncoder) finish() error { return e.fw.Close() }
