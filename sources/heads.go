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

// headReader reads the headers of the pages of a column chunk one after the other,
// without their values, and makes sure that they hold together: reading a page
// takes no more memory than is accounted for here (R3, R4).
type headReader struct {
	at, end int64 // of the bytes whose headers were not met yet
	left    int64 // values, likewise
	coded   bool  // there was a dictionary
	plain   bool  // the column is not compressed
	buf     []byte
}

// begin goes to the front of a chunk.
func (r *headReader) begin(m *format.ColumnMetaData) {
	r.at, r.end = chunkStart(m), chunkStart(m)+m.TotalCompressedSize
	r.left, r.coded, r.plain = m.NumValues, false, m.Codec == format.Uncompressed
	if r.buf == nil {
		r.buf = make([]byte, headLeast)
	}
}

// headLeast is how many bytes are read for a header at first.
const headLeast = 512

// next returns the next header, of the dictionary or of a page with rows. It may be
// asked for while values are left.
func (r *headReader) next(from io.ReaderAt) (p pageHead, err error) {
	for {
		h, size, err := headAt(from, r.at, r.end, &r.buf)
		if err != nil {
			return p, fmt.Errorf("page at byte %d: %w", r.at, err)
		}
		p, err = headOf(h)
		if err != nil || int64(p.rows) > r.left && p.version > 0 || h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > r.end-r.at-int64(size) {
			return p, fmt.Errorf("page at byte %d is damaged: it states %d values in %d bytes; the column has %d values and %d bytes left", r.at, p.rows, h.CompressedPageSize, r.left, r.end-r.at)
		}
		p.at, p.stored = r.at+int64(size), int(h.CompressedPageSize)
		if r.plain && p.stored != p.size {
			return p, fmt.Errorf("page at byte %d is damaged: it has %d bytes and states %d, and is not compressed", r.at, p.stored, p.size)
		}
		r.at = p.at + int64(p.stored)
		switch {
		case h.Type == format.DictionaryPage && !r.coded:
			r.coded = true
			return p, nil
		case p.version > 0 && p.rows > 0:
			if p.coded && !r.coded {
				return p, fmt.Errorf("page at byte %d is damaged: it has no dictionary", p.at)
			}
			r.left -= int64(p.rows)
			return p, nil
		}
	}
}

// headAt reads the page header at a place of the file.
func headAt(r io.ReaderAt, at, end int64, buf *[]byte) (*format.PageHeader, int, error) {
	for {
		b := (*buf)[:min(int64(len(*buf)), max(end-at, 0))]
		if n, err := r.ReadAt(b, at); n < len(b) {
			if lost := fetching(err); lost != nil {
				return nil, 0, &unfetched{lost}
			}
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
