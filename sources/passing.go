package sources

import (
	"cmp"
	"context"
	"errors"
	"hash/crc32"
	"slices"
)

// passing is the content of an object of Parquet as the other library reads it, one
// row group after the other: it reads each column chunk from its front to its end,
// believes page headers and looks at no checksum. So pages are gone through as they
// pass: a header before the library has it, a checksum before it has the page's end.
type passing struct {
	footerOnly
	ahead   *ahead
	chunks  []*chunk // of the row group, by where they lie
	failure error    // that the library was given, and may tell otherwise
}

// chunk is a column chunk on its way.
type chunk struct {
	place
	check chunkCheck
	feed  *feed
	at    int64      // what lies before it has passed
	pages []pageHead // those with checksums whose ends have not passed
	sum   uint32     // of what has passed of the first of them
}

func newPassing(ctx context.Context, t *Table, f *File, columns int) *passing {
	return &passing{footerOnly: footerOnly{f}, ahead: newAhead(ctx, t, f, columns)}
}

// ratioMost is how much more a column chunk may state to hold than it has bytes
// before all its headers are asked: the library makes room for what is stated.
const ratioMost = 64

// begin makes ready for reading some leaves of a row group, and returns how many
// rows the library may read at a time.
func (p *passing) begin(group int, leaves []int, rows int) (int, error) {
	p.end()
	var places []place
	for _, i := range leaves {
		c := &chunk{check: chunkCheck{file: p.file, group: group, leaf: i, rows: rows}}
		if err := c.check.begin(); err != nil {
			return 0, c.check.placed(err)
		}
		c.place = placeOf(c.check.meta)
		c.at = c.from
		p.chunks, places = append(p.chunks, c), append(places, c.place)
	}
	for i, f := range p.ahead.feeds(places) {
		p.chunks[i].feed = f
	}
	longest := 0
	for _, c := range p.chunks {
		if err := p.front(c); err != nil {
			return 0, c.check.placed(err)
		}
		longest += c.check.longest
	}
	slices.SortStableFunc(p.chunks, func(a, b *chunk) int { return cmp.Compare(a.from, b.from) })
	return recordRows(rows, longest), nil
}

// front looks at what must be known of a chunk before the library reads of it.
func (p *passing) front(c *chunk) error {
	if m := c.check.meta; m.TotalUncompressedSize/ratioMost > m.TotalCompressedSize || m.TotalUncompressedSize < 0 {
		all := chunkCheck{file: p.file, group: c.check.group, leaf: c.check.leaf}
		h := p.ahead.hop(c.place)
		err := all.all(h, nil)
		if h.close(); err != nil {
			return err
		}
	}
	if c.check.headers.left == 0 {
		return nil
	}
	h, err := p.meet(c)
	if err == nil && h.version == 0 {
		err = c.check.dictionary(c.feed, &h)
	}
	if err == nil && p.memory() > budgetLeast {
		err = c.check.tooMuch()
	}
	return err
}

// meet meets the next header of a chunk.
func (p *passing) meet(c *chunk) (pageHead, error) {
	first := c.check.headers.at == c.from
	h, err := c.check.next(c.feed)
	switch {
	case err != nil:
		return h, err
	case h.version == 0 && !first: // What its texts take is not known by now.
		return h, errors.New("its dictionary stands behind a page; write it again")
	case p.memory() > budgetLeast:
		return h, c.check.tooMuch()
	}
	if h.sum != 0 {
		c.pages = append(c.pages, h)
	}
	return h, nil
}

// memory is how many bytes the pages of the row group take, beyond what the file
// gives reason for.
func (p *passing) memory() (n int64) {
	for _, c := range p.chunks {
		n += c.check.memory()
	}
	return n
}

// reason is what the library could not read for, where it tells something else.
func (p *passing) reason(err error) error {
	if p != nil && p.failure != nil {
		err = p.failure
	}
	if lost := fetching(err); lost != nil {
		return lost
	}
	return err
}

// end gives up what was fetched of the row group.
func (p *passing) end() {
	for _, c := range p.chunks {
		if c.feed != nil {
			c.feed.close()
		}
	}
	p.chunks = nil
}

// Close ends what is being fetched.
func (p *passing) Close() error {
	p.ahead.close()
	return nil
}

// ReadAt reads on in a column chunk, or in the footer.
func (p *passing) ReadAt(b []byte, at int64) (n int, err error) {
	if at >= p.file.Size-int64(len(p.file.footer)) {
		return p.footerOnly.ReadAt(b, at)
	}
	for n < len(b) && err == nil {
		var k int
		k, err = p.piece(b[n:], at+int64(n))
		n += k
	}
	if err != nil && p.failure == nil {
		p.failure = err
	}
	return n, err
}

// piece reads what of b lies in one column chunk.
func (p *passing) piece(b []byte, at int64) (int, error) {
	i, _ := slices.BinarySearchFunc(p.chunks, at+1, func(c *chunk, at int64) int { return cmp.Compare(c.from, at) })
	if i == 0 || at >= p.chunks[i-1].to {
		// Old files state chunks that are a few bytes too short.
		if err := p.ahead.r.ReadAt(p.ahead.asked, b, at); err != nil {
			return 0, &unfetched{err}
		}
		return len(b), nil
	}
	c := p.chunks[i-1]
	n := int(min(int64(len(b)), c.to-at))
	for c.check.headers.left > 0 && c.check.headers.at < at+int64(n) {
		if _, err := p.meet(c); err != nil {
			return 0, c.check.placed(err)
		}
	}
	got, err := c.feed.take(at, n)
	if err == nil {
		err = c.pass(got, at)
	}
	if err != nil {
		return 0, c.check.placed(err)
	}
	if copy(b, got); at+int64(n) == c.to {
		c.feed.close()
	}
	return n, nil
}

// pass holds pages to their checksums.
func (c *chunk) pass(b []byte, at int64) error {
	if at != c.at {
		return errors.New("it is not read from its front to its end")
	}
	c.at += int64(len(b))
	for len(c.pages) > 0 {
		h := &c.pages[0]
		from, to := max(h.at, at), min(h.at+int64(h.stored), c.at)
		if from < to {
			c.sum = crc32.Update(c.sum, crc32.IEEETable, b[from-at:to-at])
		}
		if h.at+int64(h.stored) > c.at {
			return nil
		}
		if c.sum != h.sum {
			return errSum
		}
		c.pages, c.sum = c.pages[1:], 0
	}
	return nil
}
