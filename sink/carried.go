package sink

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// carriedType is how one column of the spine is taken along.
type carriedType struct {
	declared arrow.Field // as the spine has it
	stored   arrow.Field // as it is encoded: a dictionary column as its values
}

func carriedTypeOf(f arrow.Field) carriedType {
	c := carriedType{declared: f, stored: f}
	if d, ok := f.Type.(*arrow.DictionaryType); ok {
		// Batches may bring different dictionaries, so that written as they are
		// they would make the bytes depend on the batches (O1).
		c.stored.Type = d.ValueType
	}
	return c
}

// carriedRows is the rows of one column of the spine that await encoding, as
// the pieces in which they came. It holds a reference to each.
type carriedRows struct {
	carriedType
	pieces []arrow.Array
	bytes  int // of text
}

// compactAt is how many pieces are kept apart: enough that whole batches are
// copied once, and few enough that batches of one row cost little memory.
const compactAt = 256

// add takes rows [lo, hi) of arr along.
func (r *carriedRows) add(arr arrow.Array, lo, hi int) error {
	if !arrow.TypeEqual(arr.DataType(), r.declared.Type) {
		return fmt.Errorf("column %s of the spine is %s here and was %s before", r.declared.Name, arr.DataType(), r.declared.Type)
	}
	piece, err := r.plain(array.NewSlice(arr, int64(lo), int64(hi)))
	if err != nil {
		return fmt.Errorf("column %s of the spine: %w", r.declared.Name, err)
	}
	r.bytes += arrayText(piece)
	r.pieces = append(r.pieces, piece)
	if len(r.pieces) < compactAt {
		return nil
	}
	return r.compact()
}

// plain takes over arr and returns its values without dictionary or extension,
// which are what concatenation knows.
func (r *carriedRows) plain(arr arrow.Array) (arrow.Array, error) {
	defer arr.Release()
	switch a := arr.(type) {
	case *array.Dictionary:
		return compute.CastArray(context.Background(), a, compute.SafeCastOptions(r.stored.Type))
	case array.ExtensionArray:
		a.Storage().Retain()
		return a.Storage(), nil
	}
	arr.Retain()
	return arr, nil
}

func (r *carriedRows) compact() error {
	all, err := array.Concatenate(r.pieces, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("column %s of the spine: %w", r.declared.Name, err)
	}
	r.release()
	r.pieces = append(r.pieces, all)
	return nil
}

// take returns all rows as one array, always copied into vectors of its own, so
// that its layout is the same however the rows came.
func (r *carriedRows) take() (arrow.Array, error) {
	if err := r.compact(); err != nil {
		return nil, err
	}
	all := r.pieces[0]
	r.pieces, r.bytes = r.pieces[:0], 0
	if ext, ok := r.stored.Type.(arrow.ExtensionType); ok {
		defer all.Release()
		return array.NewExtensionArrayWithStorage(ext, all), nil
	}
	return all, nil
}

func (r *carriedRows) release() {
	for i, p := range r.pieces {
		p.Release()
		r.pieces[i] = nil
	}
	r.pieces = r.pieces[:0]
}

// arrayText is how many bytes of text arr holds, as far as that is cheap to know.
func arrayText(arr arrow.Array) int {
	if a, ok := arr.(array.BinaryLike); ok && a.Len() > 0 {
		last := a.Len() - 1
		return int(a.ValueOffset64(last)-a.ValueOffset64(0)) + a.ValueLen(last)
	}
	return 0
}
