package sources

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageHead is what the header of a data page says.
type pageHead struct {
	rows     int
	coded    bool // its values are entries of the chunk's dictionary
	size     int  // bytes of values and levels, uncompressed
	encoding format.Encoding
	levels   format.Encoding // of the levels that say which rows have a value
	at       int64           // where the page's bytes lie, after the header
	stored   int             // bytes, compressed
	version  int             // of the page's layout: 1 or 2; 0: a dictionary
	packed   bool            // the values are compressed, if the column is
	sum      uint32          // CRC-32 of the stored bytes; 0: not known

	// Of a page of version 2.
	repetition, definition int // bytes of levels
	nulls                  int
}

// The bounds on what a page header may claim. Writers make pages of a megabyte,
// DuckDB of up to a hundred; and pyarrow row groups of at most 64 Mi rows, which may
// be one page where they are all equal.
const (
	pageRowsMost  = 1 << 26
	pageBytesMost = 256 << 20
	headMost      = 1 << 24 // bytes of a header: it may hold the page's least and greatest text
)

// heads reads the headers of all pages of a column chunk, without their values,
// and makes sure that they hold together: reading a page takes no more memory
// than is accounted for here (R3, R4). It also tells where the chunk gives up its
// dictionary, which is where batches end (R5). dict is nil where there is none.
func heads(r io.ReaderAt, m *format.ColumnMetaData) (pages []pageHead, dict *pageHead, err error) {
	at, end := chunkStart(m), chunkStart(m)+m.TotalCompressedSize
	buf := make([]byte, 512)
	for left := m.NumValues; left > 0; {
		h, size, err := headAt(r, at, end, &buf)
		if err != nil {
			return nil, nil, fmt.Errorf("page at byte %d: %w", at, err)
		}
		p, err := headOf(h)
		if err != nil || int64(p.rows) > left && p.version > 0 || h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > end-at-int64(size) {
			return nil, nil, fmt.Errorf("page at byte %d is damaged: it states %d values in %d bytes; the column has %d values and %d bytes left", at, p.rows, h.CompressedPageSize, left, end-at)
		}
		if p.at, p.stored = at+int64(size), int(h.CompressedPageSize); m.Codec == format.Uncompressed && p.stored != p.size {
			return nil, nil, fmt.Errorf("page at byte %d is damaged: it has %d bytes and states %d, and is not compressed", at, p.stored, p.size)
		}
		at = p.at + int64(p.stored)
		switch {
		case h.Type == format.DictionaryPage && dict == nil:
			dict = &p
		case p.version > 0 && p.rows > 0:
			if p.coded && dict == nil {
				return nil, nil, fmt.Errorf("page at byte %d is damaged: it has no dictionary", p.at)
			}
			pages = append(pages, p)
			left -= int64(p.rows)
		}
	}
	return pages, dict, nil
}

// headAt reads the page header at a place of the file.
func headAt(r io.ReaderAt, at, end int64, buf *[]byte) (*format.PageHeader, int, error) {
	for {
		b := (*buf)[:min(int64(len(*buf)), max(end-at, 0))]
		if n, err := r.ReadAt(b, at); n < len(b) {
			return nil, 0, fmt.Errorf("it is not there (%v)", cause(err))
		}
		size, err := thriftSize(b)
		if err == nil {
			h := new(format.PageHeader)
			err = guard(func() error { return thrift.Unmarshal(new(thrift.CompactProtocol), b[:size], h) })
			return h, size, err
		}
		if int64(len(b)) == end-at || len(b) >= headMost {
			return nil, 0, errors.New("its header is damaged, or the file is cut off")
		}
		*buf = make([]byte, 8*len(*buf))
	}
}

var errPage = errors.New("the page header is damaged")

// headOf returns what matters of a header.
func headOf(h *format.PageHeader) (p pageHead, err error) {
	if h.UncompressedPageSize < 0 || h.UncompressedPageSize > pageBytesMost {
		return p, errPage
	}
	p.size, p.sum = int(h.UncompressedPageSize), uint32(h.CRC)
	switch {
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		v := &h.DataPageHeader.V
		p.rows, p.encoding, p.levels = int(v.NumValues), v.Encoding, v.DefinitionLevelEncoding
		p.version, p.packed = 1, true
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		v := &h.DataPageHeaderV2.V
		p.rows, p.encoding, p.levels = int(v.NumValues), v.Encoding, format.RLE
		p.version, p.packed = 2, v.IsCompressed.V || !v.IsCompressed.Valid
		p.repetition, p.definition, p.nulls = int(v.RepetitionLevelsByteLength), int(v.DefinitionLevelsByteLength), int(v.NumNulls)
		if v.NumRows < 0 || v.NumRows > v.NumValues || p.repetition < 0 || p.definition < 0 {
			return p, errPage
		}
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		p.rows, p.encoding = int(h.DictionaryPageHeader.V.NumValues), h.DictionaryPageHeader.V.Encoding
	case h.Type != format.IndexPage:
		return p, errPage
	}
	if p.rows < 0 || p.rows > pageRowsMost {
		return p, errPage
	}
	p.coded = p.version > 0 && (p.encoding == oldDictionary || p.encoding == format.RLEDictionary)
	return p, nil
}

// oldDictionary is what writers of format 1.0 call both the codes of a page and
// the plain values of a dictionary.
//
//lint:ignore SA1019 Files have it whether or not it is deprecated.
const oldDictionary = format.PlainDictionary
