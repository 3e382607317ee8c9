package sources

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

// Kept is a source of carried rows without those that has does not hold of, by
// their place in the source. A batch is what is left of one of the source's;
// where nothing is, the next one is read.
func Kept(s event.Source, has func(row int) bool) event.Source { return &kept{Source: s, has: has} }

type kept struct {
	event.Source
	has  func(row int) bool
	row  int
	lent arrow.RecordBatch // of the last batch, this source's until the next Read
}

// Read fills b with the next rows.
func (k *kept) Read(ctx context.Context, b *event.Batch) error {
	release(&k.lent)
	for {
		if err := k.Source.Read(ctx, b); err != nil {
			return err
		}
		mask, left := k.mask(b.Len)
		switch {
		case left == b.Len:
			mask.Release()
			return nil
		case left > 0:
			err := k.filter(ctx, b, mask)
			mask.Release()
			return err
		}
		mask.Release()
	}
}

// mask tells which of the next n rows stay, and how many do.
func (k *kept) mask(n int) (mask arrow.Array, left int) {
	bits := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer bits.Release()
	bits.Reserve(n)
	for range n {
		has := k.has(k.row)
		bits.UnsafeAppend(has)
		if has {
			left++
		}
		k.row++
	}
	return bits.NewArray(), left
}

// filter leaves in b what mask has.
func (k *kept) filter(ctx context.Context, b *event.Batch, mask arrow.Array) error {
	err := guard(func() (err error) {
		k.lent, err = compute.FilterRecordBatch(ctx, b.Carried, mask, compute.DefaultFilterOptions())
		return err
	})
	if err != nil {
		return fmt.Errorf("choose rows: %w", err)
	}
	b.Len, b.Carried = int(k.lent.NumRows()), k.lent
	return nil
}

// Close lets go of the last batch, and closes the source.
func (k *kept) Close() error {
	release(&k.lent)
	return k.Source.Close()
}
