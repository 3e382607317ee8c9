package timetravel

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/timeseam/timeseam/features/event"
)

// once leaves one question of those that are copies of one event: equal in id,
// instant and keys (S6.1). Which one is told by content and not by place, so
// that the order of the files decides nothing.
func (r *run) once(ctx context.Context) error {
	s := &r.spine
	defer func() { s.ids, s.noID = nil, nil }()
	if s.ids == nil {
		return nil
	}
	var known keyTable
	known.reset(len(s.ids))
	numbers, copies := make([]int32, len(s.ids)), []int32{}
	for row, id := range s.ids {
		if numbers[row] = -1; s.noID != nil && s.noID[row] {
			continue // without identity (S6.4)
		}
		numbers[row] = known.add(id)
		if int(numbers[row]) == len(copies) {
			copies = append(copies, 0)
		}
		copies[numbers[row]]++
	}
	groups, n := grouped(numbers, copies)
	if n == 0 {
		return nil
	}
	won, err := r.contest(ctx, groups, n, r.Plan.Queries.CompareCopies)
	if err != nil {
		return err
	}
	var left []int32
	for row, g := range groups {
		if g < 0 || won[g].row == row {
			left = append(left, int32(row))
		}
	}
	for _, w := range won {
		r.report.Spine[event.Duplicate] += w.equal
		r.report.Spine[event.Conflicting] += w.others
	}
	s.leave(left)
	return nil
}

// grouped numbers anew the groups that have more than one member, and says how
// many those are; all other rows have -1.
func grouped(numbers, members []int32) (groups []int32, n int) {
	renamed := make([]int32, len(members))
	for g, m := range members {
		if renamed[g] = -1; m > 1 {
			renamed[g] = int32(n)
			n++
		}
	}
	for row, g := range numbers {
		if g >= 0 {
			numbers[row] = renamed[g]
		}
	}
	return numbers, n
}

// winner is the question of a group that stays, and of how many others its content
// is, and is not.
type winner struct {
	row, held     int
	equal, others int64
}

// order compares rows of contents, as a plan's queries do.
type order func(a []event.Column, i int, b []event.Column, j int) int

// contest finds of each group of questions the least by an order, the first of
// those that are equal. What it holds is the content of the least so far, and of
// those that it was less than: a row or a few for each group.
type contest struct {
	order order
	won   []winner
	held  []event.Column
}

// contest reads the spine again and lets its questions meet. groups is each row's,
// from 0 to n-1, or -1 for none.
func (r *run) contest(ctx context.Context, groups []int32, n int, by order) ([]winner, error) {
	src, err := r.Content()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	c := &contest{order: by, won: make([]winner, n)}
	for g := range c.won {
		c.won[g].row = -1
	}
	var b event.Batch
	raw, row := 0, 0
	for {
		if err := src.Read(ctx, &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read spine: %w", err)
		}
		contents := r.Plan.Queries.Contents(&b)
		for i := range b.Len {
			if raw++; raw > r.spine.kept.rows {
				return nil, errSpineChanged
			}
			if !r.spine.kept.Has(raw - 1) {
				continue
			}
			if g := groups[row]; g >= 0 {
				c.meet(&c.won[g], row, contents, i)
			}
			row++
		}
	}
	if raw != r.spine.kept.rows {
		return nil, errSpineChanged
	}
	return c.won, nil
}

// meet lets one more question of a group take part: it is the least, or counted
// against it.
func (c *contest) meet(w *winner, row int, contents []event.Column, i int) {
	if w.row >= 0 {
		switch d := c.order(contents, i, c.held, w.held); {
		case d == 0:
			w.equal++
			return
		case d > 0:
			w.others++
			return
		}
		w.equal, w.others = 0, w.equal+w.others+1
	}
	if c.held == nil {
		for k := range contents {
			c.held = append(c.held, event.Make(contents[k].Type))
		}
	}
	for k := range contents {
		c.held[k].Append(&contents[k], i)
	}
	w.row, w.held = row, c.held[0].Len()-1
}
