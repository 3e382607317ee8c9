package sources

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// writeArrow writes columns as one row group.
func writeArrow(t testing.TB, record arrow.RecordBatch, options ...parquet.WriterProperty) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "large.parquet")
	out := must(os.Create(at))
	w := must(pqarrow.NewFileWriter(record.Schema(), out, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps()))
	if err := errors.Join(w.Write(record), w.Close()); err != nil {
		t.Fatal(err)
	}
	return at
}

// TestLargeGroup reads a row group of several batches, in which dictionaries end
// in the middle, nulls come in runs, and nothing falls on a batch's end.
func TestLargeGroup(t *testing.T) {
	const rows = 3*batchRows + 1234
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "key", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "few", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}}, nil)
	null := func(column, i int) bool { return (i/(column*97+1))%(7+column) == 0 }
	key := func(i int) string { return fmt.Sprintf("key-%d", i*7919%150_001) }
	r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range rows {
		for c, b := range r.Fields() {
			switch b := b.(type) {
			case *array.StringBuilder:
				b.Append(map[bool]string{true: key(i), false: fmt.Sprint("f", i%11)}[c == 0])
			case *array.Int64Builder:
				b.Append(int64(i) * 3)
			case *array.Float64Builder:
				b.Append(float64(i) / 4)
			case *array.BooleanBuilder:
				b.Append(i%3 == 0)
			}
			if null(c, i) {
				b.SetNull(i)
			}
		}
	}
	record := r.NewRecordBatch()
	for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		table := find(t, writeArrow(t, record, parquet.WithMaxRowGroupLength(rows), parquet.WithDataPageVersion(version), parquet.WithDictionaryPageSizeLimit(300_000), parquet.WithDataPageSize(40_000)))
		s := must(table.Read([]string{"key", "few", "n", "x", "b"}))
		defer s.Close()
		var b event.Batch
		row := 0
		for {
			if err := s.Read(t.Context(), &b); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if err := checkBatch(s.Schema(), &b); err != nil {
				t.Fatal(err)
			}
			for i := range b.Len {
				for c := range b.Columns {
					if b.Columns[c].IsNull(i) != null(c, row) {
						t.Fatalf("row %d of column %d is null: %v", row, c, b.Columns[c].IsNull(i))
					}
				}
				c := b.Columns
				if !null(0, row) && string(c[0].Text(i)) != key(row) || !null(1, row) && string(c[1].Text(i)) != fmt.Sprint("f", row%11) || !null(2, row) && c[2].Ints[i] != int64(row)*3 ||
					!null(3, row) && c[3].Floats[i] != float64(row)/4 || !null(4, row) && (c[4].Ints[i] == 1) != (row%3 == 0) {
					t.Fatalf("row %d is wrong", row)
				}
				row++
			}
		}
		if row != rows {
			t.Errorf("%d rows, want %d", row, rows)
		}
	}
}

// TestLongTexts holds batches of long texts to some megabytes (R4).
func TestLongTexts(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	const rows, size = 6000, 5000
	for i := range rows {
		r.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("%0*d", size, i))
	}
	table := find(t, writeArrow(t, r.NewRecordBatch(), parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(3<<20), parquet.WithCompression(compress.Codecs.Snappy)))
	s := must(table.Read([]string{"s"}))
	defer s.Close()
	var b event.Batch
	row := 0
	for s.Read(t.Context(), &b) == nil {
		if n := len(b.Columns[0].Dict.Bytes); n > textMost {
			t.Errorf("a batch of %d bytes of text", n)
		}
		for i := range b.Len {
			if got := strings.TrimLeft(string(b.Columns[0].Text(i)), "0"); row > 0 && got != fmt.Sprint(row) {
				t.Fatalf("row %d is %s", row, got)
			}
			row++
		}
	}
	if row != rows {
		t.Errorf("%d rows, want %d", row, rows)
	}
}

// TestMixedCodecs reads row groups that are compressed differently, as tools that
// join files leave them.
func TestMixedCodecs(t *testing.T) {
	var file []byte
	var all format.FileMetaData
	for _, codec := range []string{"snappy", "zstd", "none", "gzip", "lz4", "brotli"} {
		b := must(os.ReadFile("testdata/codec_" + codec + "_v1.parquet"))
		n := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		var meta format.FileMetaData
		if err := thrift.Unmarshal(new(thrift.CompactProtocol), b[len(b)-8-n:len(b)-8], &meta); err != nil {
			t.Fatal(err)
		}
		for g := range meta.RowGroups {
			for i := range meta.RowGroups[g].Columns {
				m := &meta.RowGroups[g].Columns[i].MetaData
				m.DataPageOffset += int64(len(file))
				if m.DictionaryPageOffset > 0 {
					m.DictionaryPageOffset += int64(len(file))
				}
			}
		}
		file = append(file, b[:len(b)-8-n]...)
		all.Version, all.Schema = meta.Version, meta.Schema
		all.NumRows += meta.NumRows
		all.RowGroups = append(all.RowGroups, meta.RowGroups...)
	}
	footer := must(thrift.Marshal(new(thrift.CompactProtocol), &all))
	file = append(file, footer...)
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
	at := filepath.Join(t.TempDir(), "mixed.parquet")
	write(t, at, file)

	one, _ := readAll(t, must(find(t, "testdata/codec_none_v1.parquet").Read([]string{"i", "s"})))
	got, rows := readAll(t, must(find(t, at).Read([]string{"i", "s"})))
	if string(got) != strings.Repeat(string(one), 6) || rows != 1200 {
		t.Errorf("%d rows, others than those of six files", rows)
	}
	d := must(Describe(t.Context(), at))
	if d.Columns[0].Codec != "snappy, zstd, uncompressed, gzip, lz4_raw, brotli" {
		t.Errorf("codecs %s", d.Columns[0].Codec)
	}
}

// TestBomb refuses pages that decompress to more than they state.
func TestBomb(t *testing.T) {
	for _, codec := range []string{"snappy", "zstd", "gzip", "lz4", "brotli"} {
		f := find(t, "testdata/codec_"+codec+"_v1.parquet").Files[0]
		m := &f.meta.RowGroups[0].Columns[1].MetaData
		r := must(f.open(t.Context()))
		defer r.Close()
		var headers headReader
		for headers.begin(m); headers.left > 0; {
			h := must(headers.next(r))
			src := make([]byte, h.stored)
			if _, err := r.ReadAt(src, h.at); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			var c codecs
			if got, err := c.expand(m.Codec, nil, src, h.size); err != nil || len(got) != h.size {
				t.Errorf("%s: %d bytes, want %d (%v)", codec, len(got), h.size, err)
			}
			if got, err := c.expand(m.Codec, nil, src, h.size-1); err == nil {
				t.Errorf("%s: %d bytes are made where %d are stated", codec, len(got), h.size-1)
			}
			if got, err := c.expand(m.Codec, nil, src[:len(src)-1], h.size); err == nil && len(got) == h.size && m.Codec != format.Gzip {
				t.Errorf("%s: a page that is cut off decompresses to %d bytes", codec, len(got))
			}
			c.close()
		}
		if !headers.coded {
			t.Errorf("%s: there is no dictionary", codec)
		}
	}
	if math.MaxInt32 < pageBytesMost {
		t.Error("a page may be longer than a header can state")
	}
}
