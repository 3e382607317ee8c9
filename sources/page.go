package sources

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// values are the values of a page or a dictionary, as they are stored but for
// their encoding.
type values struct {
	leaf    *leaf
	data    []byte   // one after the other; truths a byte each
	offsets []uint32 // of texts of any length: where each begins in data, and one more
	gap     uint32   // bytes between one text and the next
}

// text returns value i of texts or decimals.
func (v *values) text(i int) []byte {
	if v.offsets == nil {
		return v.data[i*v.leaf.length : (i+1)*v.leaf.length]
	}
	return v.data[v.offsets[i] : v.offsets[i+1]-v.gap]
}

// from is the values from at on.
func (v values) from(at int) values {
	if v.offsets != nil {
		v.offsets = v.offsets[at:]
		return v
	}
	v.data = v.data[at*max(v.leaf.width(), 1):]
	return v
}

// pageReader reads the pages of one column chunk. What it returns is valid until
// it reads the next page.
type pageReader struct {
	r      io.ReaderAt // of a file of this machine
	feed   *feed       // of an object
	leaf   *leaf
	codec  format.CompressionCodec
	end    int64 // of the chunk
	codecs *codecs
	budget *budget
	held   int64 // bytes of the budget that this column took
	need   int64 // and those that the page being read needs

	window   []byte // bytes of the file that were read ahead
	windowAt int64

	// Of the page that was read.
	level  []byte // 1 where there is a value; nil: there is one in every row
	n      int    // values
	values values
	codes  hybridCodes // of a coded page: entries of the dictionary, those that were not read yet

	// Memory that is used again.
	plain, levels, made []byte
	entries             []byte // what the dictionary was unpacked to, as long as the row group lasts
	offsets, piece      []uint32
	wide, lengths       []int64
	vectors             event.Column // of batches that are gone
}

// open begins a column chunk.
func (p *pageReader) open(r io.ReaderAt, m *format.ColumnMetaData) {
	p.r, p.codec = r, m.Codec
	p.end, p.window = chunkStart(m)+m.TotalCompressedSize, p.window[:0]
}

// keptMost is how many bytes of memory go from part to part with a pageReader.
const keptMost = 64 << 20

// forget drops what belongs to a file, so that only memory is kept.
func (p *pageReader) forget() {
	if p.held > keptMost {
		*p = pageReader{}
	}
	p.r, p.feed, p.leaf, p.codecs, p.budget, p.level, p.values, p.codes = nil, nil, nil, nil, nil, nil, values{}, hybridCodes{}
	p.held, p.need = 0, 0
}

// budget is how much memory the pages of a part may take together (R3, R4). What a
// page states is believed only as far as this: a few bytes of a damaged file, or
// of one made for it, can state gigabytes, and really unpack to them.
type budget struct{ left int64 }

const (
	budgetLeast = 384 << 20
	budgetTimes = 32 // bytes for each byte of the row group's columns as they are stored
)

// claim takes n more bytes of the budget for the page being read. What the page
// before took is its own to use again.
func (p *pageReader) claim(n int) error {
	p.need += int64(n)
	if more := p.need - p.held; more > 0 {
		if p.budget.left -= more; p.budget.left < 0 {
			return fmt.Errorf("a page takes %d MiB of memory, more than the file's size gives reason for; write it with smaller pages, or it is damaged", p.need>>20+1)
		}
		p.held = p.need
	}
	return nil
}

// ReadAt looks at bytes of the chunk, for those who read headers.
func (p *pageReader) ReadAt(b []byte, at int64) (int, error) {
	if from := at - p.windowAt; from >= 0 && from+int64(len(b)) <= int64(len(p.window)) {
		return copy(b, p.window[from:]), nil
	}
	if p.feed != nil {
		return p.feed.ReadAt(b, at)
	}
	return p.r.ReadAt(b, at)
}

// stored returns bytes of the file, reading ahead.
func (p *pageReader) stored(at int64, n int) ([]byte, error) {
	if p.feed != nil {
		return p.feed.take(at, n)
	}
	if at < p.windowAt || at+int64(n) > p.windowAt+int64(len(p.window)) {
		size := min(max(int64(n), readAhead), p.end-at)
		if size < int64(n) {
			return nil, errShort
		}
		p.window = room(p.window, int(size))
		p.windowAt = at
		if k, err := p.r.ReadAt(p.window, at); k < len(p.window) {
			p.window = p.window[:0]
			if lost := fetching(err); lost != nil {
				return nil, &unfetched{lost}
			}
			return nil, fmt.Errorf("it cannot be read at byte %d (%v)", at, cause(err))
		}
	}
	from := int(at - p.windowAt)
	return p.window[from : from+n], nil
}

// read reads a page.
func (p *pageReader) read(h *pageHead) error {
	p.need = 0
	level, body, err := p.body(h)
	if err != nil {
		return err
	}
	if p.n, p.level = h.rows, nil; p.leaf.most > 0 {
		if err := p.readLevels(h, level); err != nil {
			return err
		}
	}
	if h.coded {
		return p.readCodes(body)
	}
	return p.decode(h.encoding, body)
}

// body returns the levels and the values of a page, decompressed.
func (p *pageReader) body(h *pageHead) (level, body []byte, err error) {
	if body, err = p.summed(h); err != nil {
		return nil, nil, err
	}
	size := h.size
	if h.version == 2 {
		skip := h.repetition + h.definition
		if skip > len(body) || skip > size {
			return nil, nil, errPage
		}
		level, body, size = body[h.repetition:skip], body[skip:], size-skip
	}
	if p.codec != format.Uncompressed && h.packed {
		if body, err = p.expand(&p.plain, body, size); err != nil {
			return nil, nil, err
		}
	}
	if len(body) != size {
		return nil, nil, errSize
	}
	if h.version == 1 && p.leaf.most > 0 {
		level, body, err = prefixed(body)
	}
	return level, body, err
}

var (
	errSum  = errors.New("it is damaged: a page's checksum does not match its bytes; copy the file again")
	errSize = errors.New("it is damaged: a page has another size than it states")
)

// summed returns a page as it is stored. Its checksum is held to its bytes, if its
// writer put one down.
func (p *pageReader) summed(h *pageHead) ([]byte, error) {
	body, err := p.stored(h.at, h.stored)
	if err == nil && h.sum != 0 && crc32.ChecksumIEEE(body) != h.sum {
		err = errSum
	}
	return body, err
}

// expand decompresses the values of a page into *to.
func (p *pageReader) expand(to *[]byte, body []byte, size int) (_ []byte, err error) {
	if size > mostOf(p.codec, len(body)) {
		return nil, errCompressed
	}
	if err := p.claim(size); err != nil {
		return nil, err
	}
	*to, err = p.codecs.expand(p.codec, *to, body, size)
	return *to, err
}

// prefixed splits bytes that are preceded by their length from what follows.
func prefixed(b []byte) (first, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}

// readLevels finds the rows that have a value.
func (p *pageReader) readLevels(h *pageHead, level []byte) error {
	if h.levels != format.RLE {
		return fmt.Errorf("its levels are in the encoding %s, which cannot be read", h.levels)
	}
	if h.version == 2 && len(level) == 0 && h.nulls == 0 {
		return nil
	}
	most := p.leaf.most
	run, _, err := nextRun(level, bits.Len(uint(most)), h.rows)
	if err != nil {
		return err
	}
	if run.packed == nil && run.count == h.rows && run.value == uint32(most) {
		return p.checkNulls(h) // The common case: every row has a value.
	}
	if err := p.claim(h.rows); err != nil {
		return err
	}
	if p.levels, err = hybridLevels(p.levels, level, most, h.rows); err != nil {
		return err
	}
	if p.n = present(p.levels); p.n < h.rows {
		p.level = p.levels
	}
	return p.checkNulls(h)
}

// checkNulls holds the nulls of a page to how many it states. What they are in a
// field of a struct writers do not agree on.
func (p *pageReader) checkNulls(h *pageHead) error {
	if h.version == 2 && len(p.leaf.path) == 1 && h.nulls != h.rows-p.n {
		return fmt.Errorf("it is damaged: a page states %d nulls and has %d", h.nulls, h.rows-p.n)
	}
	return nil
}

// present is how many of the levels stand for a value.
func present(level []byte) int { return bytes.Count(level, []byte{1}) }

func (p *pageReader) readCodes(body []byte) (err error) {
	if p.n == 0 {
		p.codes = hybridCodes{}
		return nil
	}
	if len(body) == 0 {
		return errShort
	}
	p.codes, err = newHybridCodes(body[1:], int(body[0]), p.n)
	return err
}

// decode makes p.values of the values of a page that is not coded.
func (p *pageReader) decode(encoding format.Encoding, body []byte) (err error) {
	p.values = values{leaf: p.leaf}
	if p.n == 0 {
		return nil
	}
	if err := p.claim(p.n * perValue(encoding, p.leaf)); err != nil {
		return err
	}
	switch physical := p.leaf.physical; {
	case encoding == format.Plain:
		return p.decodePlain(body)
	case encoding == format.RLE && physical == format.Boolean:
		if body, _, err = prefixed(body); err != nil {
			return err
		}
		p.made, err = hybridBits(p.made, body, p.n)
		p.values.data = p.made
		return err
	case encoding == format.DeltaBinaryPacked && (physical == format.Int32 || physical == format.Int64):
		return p.decodeDeltas(body)
	case encoding == format.DeltaLengthByteArray && physical == format.ByteArray:
		return p.decodeLengths(body)
	case encoding == format.DeltaByteArray && (physical == format.ByteArray || physical == format.FixedLenByteArray):
		return p.decodePrefixes(body)
	case encoding == format.ByteStreamSplit && p.leaf.width() > 0:
		return p.decodeSplit(body)
	}
	return fmt.Errorf("values of %s in the encoding %s cannot be read", p.leaf.physical, encoding)
}

// perValue is how many bytes reading a value takes beside those of its page.
func perValue(encoding format.Encoding, l *leaf) int {
	switch {
	case l.physical == format.Boolean:
		return 1
	case encoding == format.DeltaBinaryPacked, encoding == format.ByteStreamSplit:
		return 8 + l.width()
	case encoding == format.DeltaLengthByteArray:
		return 12
	case encoding == format.DeltaByteArray:
		return 20
	case l.physical == format.ByteArray:
		return 4
	}
	return 0
}

func (p *pageReader) decodePlain(body []byte) error {
	switch p.leaf.physical {
	case format.Boolean:
		if 8*len(body) < p.n {
			return errShort
		}
		p.made = unpackBits(p.made[:0], body, p.n)
		p.values.data = p.made
	case format.ByteArray:
		offsets, err := plainTexts(p.offsets, body, p.n)
		p.offsets = offsets
		p.values.data, p.values.offsets, p.values.gap = body, offsets, 4
		return err
	default:
		if len(body)/p.leaf.width() < p.n {
			return errShort
		}
		p.values.data = body
	}
	return nil
}

// plainTexts finds n texts, each preceded by its length.
func plainTexts(offsets []uint32, body []byte, n int) ([]uint32, error) {
	if 4*n > len(body) {
		return offsets, errShort
	}
	if cap(offsets) < n+1 {
		offsets = make([]uint32, n+1)
	}
	offsets = offsets[:n+1]
	at := 0
	for i := range n {
		if len(body)-at < 4 {
			return offsets, errShort
		}
		size := binary.LittleEndian.Uint32(body[at:])
		at += 4
		offsets[i] = uint32(at)
		if uint64(size) > uint64(len(body)-at) {
			return offsets, errShort
		}
		at += int(size)
	}
	offsets[n] = uint32(at + 4)
	return offsets, nil
}

func (p *pageReader) decodeDeltas(body []byte) (err error) {
	if p.wide, _, err = deltas(p.wide, body, p.n); err != nil {
		return err
	}
	width := p.leaf.width()
	p.made = room(p.made, width*p.n)
	for i, v := range p.wide {
		if width == 4 {
			binary.LittleEndian.PutUint32(p.made[4*i:], uint32(v))
		} else {
			binary.LittleEndian.PutUint64(p.made[8*i:], uint64(v))
		}
	}
	p.values.data = p.made
	return nil
}

var errLengths = errors.New("it is damaged: a page has texts of impossible length")

// decodeLengths reads texts whose lengths stand before them all.
func (p *pageReader) decodeLengths(body []byte) (err error) {
	if p.lengths, body, err = deltas(p.lengths, body, p.n); err != nil {
		return err
	}
	at := int64(0)
	p.offsets = append(p.offsets[:0], 0)
	for _, n := range p.lengths {
		if n < 0 || n > int64(len(body))-at {
			return errLengths
		}
		at += n
		p.offsets = append(p.offsets, uint32(at))
	}
	p.values.data, p.values.offsets = body, p.offsets
	return nil
}

// decodePrefixes reads texts that each share a beginning with the one before.
func (p *pageReader) decodePrefixes(body []byte) (err error) {
	if p.wide, body, err = deltas(p.wide, body, p.n); err != nil {
		return err
	}
	if p.lengths, body, err = deltas(p.lengths, body, p.n); err != nil {
		return err
	}
	total := int64(0)
	for i, prefix := range p.wide {
		if prefix < 0 || prefix > pageBytesMost || p.lengths[i] < 0 || p.lengths[i] > int64(len(body)) {
			return errLengths
		}
		if total += prefix + p.lengths[i]; total > pageBytesMost {
			return errLengths
		}
	}
	if err := p.claim(int(total)); err != nil {
		return err
	}
	p.made = room(p.made, int(total))[:0]
	p.offsets = append(p.offsets[:0], 0)
	last := 0
	for i, prefix := range p.wide {
		n := int(p.lengths[i])
		if int(prefix) > len(p.made)-last || n > len(body) {
			return errLengths
		}
		begin := len(p.made)
		p.made = append(p.made, p.made[last:last+int(prefix)]...)
		p.made = append(p.made, body[:n]...)
		body, last = body[n:], begin
		if width := p.leaf.width(); width > 0 && len(p.made)-begin != width {
			return errLengths
		}
		p.offsets = append(p.offsets, uint32(len(p.made)))
	}
	p.values.data, p.values.offsets = p.made, p.offsets
	return nil
}

// decodeSplit reads numbers whose first bytes stand together, then the second, and
// so on.
func (p *pageReader) decodeSplit(body []byte) error {
	width := p.leaf.width()
	stride := len(body) / width
	if stride < p.n {
		return errShort
	}
	p.made = room(p.made, width*p.n)
	for k := range width {
		stream := body[k*stride : k*stride+p.n]
		for i, b := range stream {
			p.made[i*width+k] = b
		}
	}
	p.values.data = p.made
	return nil
}

// keep takes n bytes of the budget for what lives as long as the row group.
func (p *pageReader) keep(n int) error {
	if p.budget.left -= int64(n); p.budget.left < 0 {
		return fmt.Errorf("its dictionary takes %d MiB of memory, more than the file's size gives reason for; write it with smaller dictionaries, or it is damaged", n>>20+1)
	}
	return nil
}

// dictionary reads the dictionary page. Its numbers last as long as the row group if
// they stand in p.entries, which they do where it is compressed.
func (p *pageReader) dictionary(h *pageHead) (values, error) {
	p.need = 0
	body, err := p.summed(h)
	if err != nil {
		return values{}, err
	}
	if p.codec != format.Uncompressed {
		if body, err = p.expand(&p.entries, body, h.size); err != nil {
			return values{}, err
		}
	}
	if len(body) != h.size {
		return values{}, errSize
	}
	if h.encoding != format.Plain && h.encoding != oldDictionary {
		return values{}, fmt.Errorf("a dictionary in the encoding %s cannot be read", h.encoding)
	}
	p.n = h.rows
	if err = p.decode(format.Plain, body); err == nil {
		err = p.keep(len(body) + 16*p.n) // As it stands in the cursor's own memory.
	}
	return p.values, err
}
