package sources

import (
	"encoding/binary"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// rawColumn is a column of a file that no writer would write: its pages state what
// a test wants them to.
type rawColumn struct {
	element format.SchemaElement
	codec   format.CompressionCodec
	dict    *rawPage
	pages   []rawPage
	rows    int64 // of the row group, by the footer
}

type rawPage struct {
	header format.PageHeader
	body   []byte
}

// rawElement describes a column without nulls.
func rawElement(name string, physical format.Type) (e format.SchemaElement) {
	e.Name = name
	e.Type.V, e.Type.Valid = physical, true
	e.RepetitionType.V, e.RepetitionType.Valid = format.Required, true
	return e
}

// rawData is a data page of version 1.
func rawData(n, size int, encoding format.Encoding, body []byte) (p rawPage) {
	p.header = format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(size), CompressedPageSize: int32(len(body))}
	p.header.DataPageHeader.Valid = true
	p.header.DataPageHeader.V = format.DataPageHeader{NumValues: int32(n), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	p.body = body
	return p
}

// rawDict is a dictionary page.
func rawDict(n, size int, body []byte) *rawPage {
	p := &rawPage{body: body}
	p.header = format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(size), CompressedPageSize: int32(len(body))}
	p.header.DictionaryPageHeader.Valid = true
	p.header.DictionaryPageHeader.V = format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain}
	return p
}

// rawFile is a file of one row group.
func rawFile(columns ...rawColumn) []byte {
	file := []byte("PAR1")
	root := format.SchemaElement{Name: "schema"}
	root.NumChildren.V, root.NumChildren.Valid = int32(len(columns)), true
	meta := format.FileMetaData{Version: 2, Schema: []format.SchemaElement{root}, NumRows: columns[0].rows}
	group := format.RowGroup{NumRows: columns[0].rows}
	for _, c := range columns {
		meta.Schema = append(meta.Schema, c.element)
		m := format.ColumnMetaData{Type: c.element.Type.V, PathInSchema: []string{c.element.Name}, Codec: c.codec, NumValues: c.rows, Encoding: []format.Encoding{format.Plain}}
		start := int64(len(file))
		put := func(p *rawPage) {
			file = append(file, must(thrift.Marshal(new(thrift.CompactProtocol), &p.header))...)
			file = append(file, p.body...)
			m.TotalUncompressedSize += int64(p.header.UncompressedPageSize)
		}
		if c.dict != nil {
			m.DictionaryPageOffset = start
			put(c.dict)
		}
		m.DataPageOffset = int64(len(file))
		for i := range c.pages {
			put(&c.pages[i])
		}
		m.TotalCompressedSize = int64(len(file)) - start
		m.TotalUncompressedSize = max(m.TotalUncompressedSize, 0)
		group.Columns = append(group.Columns, format.ColumnChunk{FileOffset: start, MetaData: m})
	}
	meta.RowGroups = []format.RowGroup{group}
	footer := must(thrift.Marshal(new(thrift.CompactProtocol), &meta))
	file = append(file, footer...)
	return append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
}
