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

// recordRows is how many rows of a row group the library may read at a time, if the
// longest texts of its columns take so many bytes together.
func recordRows(rows, longest int) int { return min(rows, max(carriedBytesMost/max(longest, 1), 1)) }

// checkChunks holds the pages of the leaves in a row group to what they state, and
// returns how many rows the library may read at a time.
func (f *File) checkChunks(r io.ReaderAt, g int, leaves []int, rows int) (int, error) {
	left, longest := int64(budgetLeast), 0
	for _, i := range leaves {
		c := chunkCheck{file: f, group: g, leaf: i, rows: rows}
		err := c.all(r, checkSum)
		if left -= c.memory(); err == nil && left < 0 {
			err = c.tooMuch()
		}
		if err != nil {
			return 0, c.placed(err)
		}
		longest += c.longest
	}
	return recordRows(rows, longest), nil
}

// chunkCheck is what is found out of one column chunk, as its page headers are met.
type chunkCheck struct {
	file        *File
	group, leaf int
	rows        int // that a record has at most
	meta        *format.ColumnMetaData
	headers     headReader
	size        int64 // bytes that those which were met state; more than what they take
	page, dict  int   // bytes of the longest page, and of the dictionary
	lists       int64 // bytes that the dictionary's texts take in lists
	longest     int   // bytes of a text of the dictionary, if they matter
}

// begin goes to the front of the chunk.
func (c *chunkCheck) begin() error {
	columns := c.file.meta.RowGroups[c.group].Columns
	if c.leaf >= len(columns) {
		return errors.New("it is not there")
	}
	c.meta = &columns[c.leaf].MetaData
	if start := chunkStart(c.meta); start < magicSize || c.meta.TotalCompressedSize < 0 || start > c.file.Size-c.meta.TotalCompressedSize || c.meta.NumValues < 0 {
		return errors.New("it lies outside the file")
	}
	if !readable(c.meta.Codec) {
		return fmt.Errorf("it is compressed with %s, which cannot be read", c.meta.Codec)
	}
	c.size = c.meta.TotalCompressedSize
	c.headers.begin(c.meta)
	return nil
}

// next meets the next header; r gives the chunk's bytes.
func (c *chunkCheck) next(r io.ReaderAt) (pageHead, error) {
	h, err := c.headers.next(r)
	if err != nil {
		return h, err
	}
	if c.size += int64(h.size); h.version > 0 {
		c.page = max(c.page, h.size)
	} else {
		c.dict = h.size
	}
	return h, nil
}

// all meets all headers, and holds pages to their checksums by sum, where it is
// given: then dictionaries are looked into, too.
func (c *chunkCheck) all(r io.ReaderAt, sum func(io.ReaderAt, *pageHead) error) error {
	if err := c.begin(); err != nil {
		return err
	}
	for c.headers.left > 0 {
		h, err := c.next(r)
		if err == nil && sum != nil {
			if err = sum(r, &h); err == nil && h.version == 0 {
				err = c.dictionary(r, &h)
			} else if err != nil && h.version == 0 {
				err = fmt.Errorf("dictionary: %w", err)
			}
		}
		if err != nil {
			return err
		}
	}
	if c.meta.TotalUncompressedSize < 0 || c.meta.TotalUncompressedSize > c.size {
		return fmt.Errorf("it is damaged: it states %d bytes and its pages %d", c.meta.TotalUncompressedSize, c.size)
	}
	return nil
}

// memory is how many bytes the pages take that were met, beyond what the file gives
// reason for.
func (c *chunkCheck) memory() int64 {
	if c.meta == nil {
		return 0
	}
	return max(int64(c.page)+2*int64(c.dict)+c.lists-budgetTimes*c.meta.TotalCompressedSize, 0)
}

func (c *chunkCheck) tooMuch() error {
	return fmt.Errorf("it takes %d MiB of memory, more than the file's size gives reason for; write it with smaller pages, or it is damaged", c.memory()>>20+1)
}

// placed says where an error lies.
func (c *chunkCheck) placed(err error) error {
	return fmt.Errorf("row group %d, column %s: %w", c.group, c.file.chunkName(c.group, c.leaf), err)
}

// dictionary finds the longest entry, where so many of it as there may be rows
// take much. A row may have any number of values where they are in a list.
func (c *chunkCheck) dictionary(r io.ReaderAt, dict *pageHead) error {
	element, repeated := c.file.element(c.leaf)
	values := c.meta.NumValues
	if !repeated {
		values = min(values, int64(c.rows))
	}
	longest := 8
	if t := c.meta.Type; (t == format.ByteArray || t == format.FixedLenByteArray) && int64(dict.size)*values > carriedBytesMost {
		p := pageReader{leaf: &leaf{physical: t, length: int(element.TypeLength.V)}, codecs: new(codecs), budget: &budget{left: budgetLeast}}
		defer p.codecs.close()
		p.open(r, c.meta)
		p.end = dict.at + int64(dict.stored) // No page behind it is read ahead.
		v, err := p.dictionary(dict)
		if err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
		for k := range dict.rows {
			longest = max(longest, len(v.text(k)))
		}
		c.longest = longest
	}
	if repeated {
		c.lists = int64(longest) * values
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
