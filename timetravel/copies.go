package timetravel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// once leaves one question of those that are copies of one event: equal in id,
// instant and keys (S6.1). Which one is told by content and not by place, so
// that the order of the files decides nothing.
func (r *run) once(ctx context.Context) error {
	s := &r.spine
	if !s.identified {
		return nil
	}
	c := &contest{run: r, order: r.Plan.Queries.CompareCopies, identity: func(b *spineBlock, buffer *[]byte) ([]event.Hash, []bool, error) {
		p, err := r.whole(buffer, &b.ids)
		if err != nil {
			return nil, nil, err
		}
		return p[0].Keys, p[0].Columns[0].Null, nil // without identity (S6.4)
	}}
	if err := c.settle(ctx); err != nil {
		return err
	}
	for b := range s.blocks {
		if s.blocks[b].rows > 0 {
			r.shelf.Drop(&s.blocks[b].ids)
		}
	}
	for number := range c.lost.all() {
		s.stays.drop(number)
	}
	r.report.Spine[event.Duplicate] += c.equal
	r.report.Spine[event.Conflicting] += c.others
	return nil
}

// rowSet is a set of rows, a bit each.
type rowSet []uint64

func newRowSet(n int) rowSet { return make(rowSet, (n+63)/64) }

func (s rowSet) add(row int)      { s[row/64] |= 1 << (row % 64) }
func (s rowSet) has(row int) bool { return s != nil && s[row/64]>>(row%64)&1 == 1 }

// all lists the rows, rising.
func (s rowSet) all() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// order compares rows of contents, as a plan's queries do.
type order func(a []event.Column, i int, b []event.Column, j int) int

// contest finds, of each group of questions of one identity, the least by an order,
// the first of those that are equal. It goes by partition of the identities: what
// memory holds is those of a partition and the content of the least of each group
// so far, a row or a few.
type contest struct {
	*run
	order         order
	identity      func(b *spineBlock, buffer *[]byte) (of []event.Hash, none []bool, err error)
	shared        rowSet // questions that are not alone in their group
	contents      []shelf.Stored
	lost          rowSet // those that are not the least; nil: every group has one member
	equal, others int64  // of them, those whose content is that of the least, and is not
}

// contestRows is how many rows of contents make a piece: they may be wide.
const contestRows = 16_384

// settle finds the questions that are shared, and of those the ones that lost.
func (c *contest) settle(ctx context.Context) error {
	found, err := c.share()
	if err != nil || !found {
		return err
	}
	c.lost = newRowSet(c.spine.stays.rows)
	if err := c.read(ctx); err != nil {
		return err
	}
	for p := range 1 << c.bits {
		if err := c.decide(p); err != nil {
			return err
		}
	}
	c.drop(c.contents)
	c.contents, c.shared = nil, nil
	return nil
}

// share finds the questions of groups that have more than one member.
func (c *contest) share() (found bool, err error) {
	s, pieces := &c.spine, []shelf.Stored{}
	c.shared = newRowSet(s.stays.rows)
	var buffer []byte
	var q shelf.Piece
	for b := range s.blocks {
		if block := &s.blocks[b]; block.rows > 0 {
			ids, none, err := c.identity(block, &buffer)
			if err != nil {
				return false, err
			}
			for i, id := range ids {
				if number := block.first + i; s.stays.Has(number) && (none == nil || !none[i]) {
					q.Rows, q.Keys = append(q.Rows, uint32(number)), append(q.Keys, id)
				}
			}
		}
		if (b+1)%c.perPiece() == 0 || b == len(s.blocks)-1 {
			if err := c.deal(&q, &pieces); err != nil {
				return false, err
			}
			q.Rows, q.Keys = q.Rows[:0], q.Keys[:0]
		}
	}
	defer c.drop(pieces)
	var known keyTable
	var members []int32
	for p := range 1 << c.bits {
		parts, err := c.sections(&buffer, p, pieces)
		if err != nil {
			return false, err
		}
		members = known.count(parts, members[:0])
		for _, part := range parts {
			for i, id := range part.Keys {
				if members[known.find(id)] > 1 {
					c.shared.add(int(part.Rows[i]))
					found = true
				}
			}
		}
	}
	return found, nil
}

// count numbers the keys of pieces, and says of each how many rows have it.
func (t *keyTable) count(parts []shelf.Piece, members []int32) []int32 {
	n := 0
	for i := range parts {
		n += parts[i].Len
	}
	t.reset(n)
	for _, part := range parts {
		for _, key := range part.Keys {
			id := t.add(key)
			if int(id) == len(members) {
				members = append(members, 0)
			}
			members[id]++
		}
	}
	return members
}

// read reads the spine again and keeps the contents of the questions that are shared.
func (c *contest) read(ctx context.Context) error {
	src, err := c.Content()
	if err != nil {
		return err
	}
	defer src.Close()
	var b event.Batch
	var buffer []byte
	var q shelf.Piece
	var ids []event.Hash
	of, raw, number := -1, 0, 0 // ids are those of block number of
	for {
		if err := src.Read(ctx, &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read spine: %w", err)
		}
		if raw+b.Len > c.spine.chosen.rows {
			return errSpineChanged
		}
		contents := c.Plan.Queries.Contents(&b)
		for i := range b.Len {
			raw++
			if !c.spine.chosen.Has(raw - 1) {
				continue
			}
			if number++; !c.shared.has(number - 1) {
				continue
			}
			block := (raw - 1) / c.blockRows
			if block != of {
				if ids, _, err = c.identity(&c.spine.blocks[block], &buffer); err != nil {
					return err
				}
				of = block
			}
			q.Rows, q.Keys = append(q.Rows, uint32(number-1)), append(q.Keys, ids[number-1-c.spine.blocks[block].first])
			q.Columns = appended(q.Columns, contents, i)
		}
		if len(q.Keys) >= contestRows {
			if err := c.deal(&q, &c.contents); err != nil {
				return err
			}
			q = shelf.Piece{}
		}
	}
	if raw != c.spine.chosen.rows {
		return errSpineChanged
	}
	return c.deal(&q, &c.contents)
}

// appended appends a row to columns, which are made with the first.
func appended(to, from []event.Column, row int) []event.Column {
	if to == nil {
		for i := range from {
			to = append(to, event.Make(from[i].Type))
		}
	}
	for i := range from {
		to[i].Append(&from[i], row)
	}
	return to
}

// least is the question of a group that is less than the others so far, its content,
// and of how many others the content is that, and is not.
type least struct {
	row           uint32
	held          int
	equal, others int64
}

// decide lets the questions of a partition meet, in the order of the spine. The
// sections are read one by one: copies of one event may be many.
func (c *contest) decide(p int) error {
	var known keyTable
	n := 0
	for i := range c.contents {
		n += c.contents[i].Len(p)
	}
	known.reset(n)
	var groups []least
	var held []event.Column
	var buffer []byte
	for i := range c.contents {
		parts, err := c.sections(&buffer, p, c.contents[i:i+1])
		if err != nil {
			return err
		}
		for _, part := range parts {
			for k, id := range part.Keys {
				g := int(known.add(id))
				if g == len(groups) {
					groups = append(groups, least{row: noRow})
				}
				if c.meet(&groups[g], part.Rows[k], func(g *least) int { return c.order(part.Columns, k, held, g.held) }) {
					held = appended(held, part.Columns, k)
					groups[g].held = held[0].Len() - 1
				}
			}
		}
	}
	for _, g := range groups {
		c.equal, c.others = c.equal+g.equal, c.others+g.others
	}
	return nil
}

// meet lets one more question of a group take part: it is the least, or counted
// against it.
func (c *contest) meet(g *least, row uint32, compared func(*least) int) (less bool) {
	if g.row != noRow {
		switch d := compared(g); {
		case d == 0:
			g.equal++
			c.lost.add(int(row))
			return false
		case d > 0:
			g.others++
			c.lost.add(int(row))
			return false
		}
		c.lost.add(int(g.row))
		g.equal, g.others = 0, g.equal+g.others+1
	}
	g.row = row
	return true
}
