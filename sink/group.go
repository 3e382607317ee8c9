package sink

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

const (
	// step is how many rows are taken before the group's text is measured. Steps
	// stand at fixed rows of a group, so that where it is cut follows from its
	// rows alone (O1).
	step = 1024
	// textMax is how much text a group may hold before it is cut early: an array
	// of Arrow ends at 2 GiB, and three groups may be in memory (O4).
	textMax = 256 << 20
)

// group gathers rows until they are to be encoded together.
type group struct {
	layout  *layout
	len     int
	reserve bool // a full group came before: the next will most likely be full too
	carried []carriedRows
	build   []array.Builder
	appender
}

func newGroup(l *layout) *group {
	g := &group{layout: l}
	room := newVectors(l.rows)
	for _, c := range l.carried {
		g.carried = append(g.carried, carriedRows{carriedType: c})
	}
	for _, f := range l.stored.Fields()[len(l.carried):] {
		g.build = append(g.build, array.NewBuilder(room.of(f.Type), f.Type))
	}
	return g
}

// check refuses a batch that is not of the group's columns and of one length.
func (g *group) check(b *event.Batch) error {
	if len(b.Columns) != len(g.build) {
		return fmt.Errorf("a batch of %d computed columns, where there are %d", len(b.Columns), len(g.build))
	}
	for i := range b.Columns {
		c, f := &b.Columns[i], g.layout.computed[i]
		if c.Len() != b.Len {
			return fmt.Errorf("column %s has %d rows in a batch of %d", f.Name, c.Len(), b.Len)
		}
		if !c.Type.Equal(f.Type) {
			return fmt.Errorf("column %s is %s in a batch and %s in the schema", f.Name, c.Type, f.Type)
		}
	}
	switch {
	case len(g.carried) == 0:
		return nil
	case b.Carried == nil:
		return fmt.Errorf("a batch without the columns of the spine")
	case int(b.Carried.NumCols()) != len(g.carried) || int(b.Carried.NumRows()) != b.Len:
		return fmt.Errorf("%d columns and %d rows of the spine in a batch, where there are %d and %d",
			b.Carried.NumCols(), b.Carried.NumRows(), len(g.carried), b.Len)
	}
	return nil
}

// add takes rows of b from row lo on, as far as the next step, and returns where
// it stopped.
func (g *group) add(b *event.Batch, lo int) (int, error) {
	hi := min(b.Len, lo+step-g.len%step, lo+g.layout.rows-g.len)
	for i := range g.carried {
		if err := g.carried[i].add(b.Carried.Column(i), lo, hi); err != nil {
			return lo, err
		}
	}
	for i, build := range g.build {
		if g.reserve && g.len == 0 {
			build.Reserve(g.layout.rows)
		}
		g.rows(build, &b.Columns[i], lo, hi)
	}
	g.len += hi - lo
	return hi, nil
}

// full reports whether the group is to be encoded before it takes more rows.
func (g *group) full() bool {
	if g.len == g.layout.rows {
		return true
	}
	return g.len > 0 && g.len%step == 0 && g.textBytes() > g.layout.text
}

func (g *group) textBytes() int {
	n := 0
	for i := range g.carried {
		n += g.carried[i].bytes
	}
	for _, b := range g.build {
		n += textBytes(b)
	}
	return n
}

// take returns the group's rows and begins the next group.
func (g *group) take() (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, len(g.carried)+len(g.build))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i := range g.carried {
		c, err := g.carried[i].take()
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	for _, b := range g.build {
		columns = append(columns, trimmed(b.NewArray()))
	}
	rec := array.NewRecordBatch(g.layout.stored, columns, int64(g.len))
	g.reserve, g.len = g.len == g.layout.rows, 0
	return rec, nil
}

// trimmed takes arr over and cuts its bitmaps to the bytes that its rows need.
// Builders leave them as long as they grew, and an Arrow file would tell (O1).
func trimmed(arr arrow.Array) arrow.Array {
	defer arr.Release()
	data := trimmedData(arr.Data())
	defer data.Release()
	return array.MakeFromData(data)
}

func trimmedData(d arrow.ArrayData) arrow.ArrayData {
	buffers := slices.Clone(d.Buffers())
	bitmaps := min(1, len(buffers))
	if d.DataType().ID() == arrow.BOOL {
		bitmaps = len(buffers)
	}
	for i, b := range buffers[:bitmaps] {
		if n := int(bitutil.BytesForBits(int64(d.Len()))); b != nil && b.Len() > n {
			buffers[i] = memory.SliceBuffer(b, 0, n)
			defer buffers[i].Release()
		}
	}
	children := slices.Clone(d.Children())
	for i, c := range children {
		children[i] = trimmedData(c)
		defer children[i].Release()
	}
	return array.NewData(d.DataType(), d.Len(), buffers, children, d.NullN(), d.Offset())
}

// release lets go of what the group holds.
func (g *group) release() {
	for i := range g.carried {
		g.carried[i].release()
	}
	for _, b := range g.build {
		b.Release()
	}
	g.build = nil
}
