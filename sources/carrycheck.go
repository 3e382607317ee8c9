package sources

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go/format"
)

// The library that carries columns believes what pages state, looks at no
// checksum, and writes every text out that a dictionary holds once. What is here
// goes through the pages before it does (R3, R4).

// carriedBytesMost is about how many bytes of texts one record may have that the
// library makes; a batch may have more, of several records, if the file is long.
const carriedBytesMost = 64 << 20

// checkChunks holds the pages of the leaves to what they state, and returns how
// many rows the library may read at a time.
func (f *File) checkChunks(r io.ReaderAt, leaves []int, rows int) (int, error) {
	lengths := 0
	for g := range f.meta.RowGroups {
		left, longest := int64(budgetLeast), 0
		for _, i := range leaves {
			c := chunkCheck{file: f, r: r, rows: rows}
			err := c.chunk(g, i)
			if left -= c.memory; err == nil && left < 0 {
				err = fmt.Errorf("it takes %d MiB of memory, more than the file's size gives reason for; write it with smaller pages, or it is damaged", c.memory>>20+1)
			}
			if err != nil {
				return 0, fmt.Errorf("row group %d, column %s: %w", g, f.chunkName(g, i), err)
			}
			longest += c.longest
		}
		lengths = max(lengths, longest)
	}
	return min(rows, max(carriedBytesMost/max(lengths, 1), 1)), nil
}

// chunkCheck is what is found out of one column chunk.
type chunkCheck struct {
	file    *File
	r       io.ReaderAt
	rows    int
	memory  int64 // that its pages take, beyond what the file gives reason for
	longest int   // bytes of a text, if they matter
}

func (c *chunkCheck) chunk(g, i int) error {
	columns := c.file.meta.RowGroups[g].Columns
	if i >= len(columns) {
		return errors.New("it is not there")
	}
	m := &columns[i].MetaData
	if start := chunkStart(m); start < magicSize || m.TotalCompressedSize < 0 || start > c.file.Size-m.TotalCompressedSize || m.NumValues < 0 {
		return errors.New("it lies outside the file")
	}
	if !readable(m.Codec) {
		return fmt.Errorf("it is compressed with %s, which cannot be read", m.Codec)
	}
	pages, dict, err := heads(c.r, m)
	if err != nil {
		return err
	}
	size, most := m.TotalCompressedSize, 0 // More than what the headers take.
	for k := range pages {
		if err := checkSum(c.r, &pages[k]); err != nil {
			return err
		}
		size, most = size+int64(pages[k].size), max(most, pages[k].size)
	}
	c.memory = int64(most)
	if dict != nil {
		size += int64(dict.size)
		if err := c.dictionary(m, dict, i); err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
	}
	if c.memory = max(c.memory-budgetTimes*m.TotalCompressedSize, 0); m.TotalUncompressedSize < 0 || m.TotalUncompressedSize > size {
		return fmt.Errorf("it is damaged: it states %d bytes and its pages %d", m.TotalUncompressedSize, size)
	}
	return nil
}

// dictionary finds the longest entry, where so many of it as there may be rows
// take much. A row may have any number of values where they are in a list.
func (c *chunkCheck) dictionary(m *format.ColumnMetaData, dict *pageHead, i int) error {
	if err := checkSum(c.r, dict); err != nil {
		return err
	}
	element, repeated := c.file.element(i)
	c.memory += 2 * int64(dict.size)
	values := m.NumValues
	if !repeated {
		values = min(values, int64(c.rows))
	}
	longest := 8
	if text := m.Type == format.ByteArray || m.Type == format.FixedLenByteArray; text && int64(dict.size)*values > carriedBytesMost {
		p := pageReader{leaf: &leaf{physical: m.Type, length: int(element.TypeLength.V)}, codecs: new(codecs), budget: &budget{left: budgetLeast}}
		defer p.codecs.close()
		p.open(c.r, m)
		v, err := p.dictionary(dict)
		if err != nil {
			return err
		}
		for k := range dict.rows {
			longest = max(longest, len(v.text(k)))
		}
		c.longest = longest
	}
	if repeated {
		c.memory += int64(longest) * values
	}
	return nil
}

// element returns the schema's element of the leaf with a number, and whether a row
// may have several of its values.
func (f *File) element(i int) (e *format.SchemaElement, repeated bool) {
	w := schemaWalk{schema: f.meta.Schema, at: 1}
	var find func(in bool) bool
	find = func(in bool) bool {
		e = &f.meta.Schema[w.at]
		l := w.leaf(nil)
		in = in || e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated
		if l.index == i {
			repeated = in
			return true
		}
		for left := w.left; left > 0 && w.at < len(w.schema); left-- {
			if find(in) {
				return true
			}
		}
		return false
	}
	for w.at < len(w.schema) {
		if find(false) {
			break
		}
	}
	return e, repeated
}

// chunkName is the path of a column chunk.
func (f *File) chunkName(g, i int) string {
	if columns := f.meta.RowGroups[g].Columns; i < len(columns) {
		return strings.Join(columns[i].MetaData.PathInSchema, ".")
	}
	return strconv.Itoa(i)
}

// checkSum holds a page to its checksum, if it has one.
func checkSum(r io.ReaderAt, h *pageHead) error {
	if h.sum == 0 {
		return nil
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(r, h.at, int64(h.stored))); err != nil {
		return cause(err)
	}
	if sum.Sum32() != h.sum {
		return errSum
	}
	return nil
}

// bytesOf is how many bytes of memory a record holds.
func bytesOf(r arrow.RecordBatch) (n int64) {
	for _, a := range r.Columns() {
		n += int64(a.Data().SizeInBytes())
	}
	return n
}
