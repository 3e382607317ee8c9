package sources

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/bitpack/unsafecast"
	"github.com/timeseam/timeseam/features/event"
)

// flatPart reads the columns of a file that are carried as events are read, where each
// of them is flat and of a type of which our vectors hold every bit: the library takes
// twice as long, for texts above all. Its rows are the file's, as Arrow has them.
type flatPart struct {
	part   *part
	schema *arrow.Schema // of the columns that the file has
	batch  event.Batch   // that was read
	at     int           // how many of its rows were given
}

// flatPart is nil where one of the columns is none of those.
func (c *carry) flatPart() *flatPart {
	var fields []arrow.Field
	var leaves []*leaf
	for _, f := range c.schema.Fields() {
		l := c.file.column(f.Name)
		if l == nil {
			if c.file.has(f.Name) {
				return nil
			}
			continue
		}
		own, ok := l.carried(f.Type)
		if !ok {
			return nil
		}
		fields, leaves = append(fields, f), append(leaves, own)
	}
	for g := range c.file.RowGroups {
		if c.file.skipped(g) {
			return nil
		}
	}
	p := newPart(c.table, nil, span{c.next - 1, 0, c.file.RowGroups})
	most := 0
	for g := range c.file.RowGroups {
		most = max(most, int(min(c.file.rowsOf(g), int64(c.rows), batchRows)))
	}
	for i, l := range leaves {
		p.addCursor(column{name: fields[i].Name, typ: l.typ}, l, most)
	}
	return &flatPart{part: p, schema: arrow.NewSchema(fields, nil)}
}

// has reports whether the file has a column of that name, readable or not.
func (f *File) has(name string) bool {
	w := schemaWalk{schema: f.meta.Schema, at: 1}
	for w.at < len(w.schema) {
		top := w.leaf(nil)
		w.children(&top, nil)
		if top.name() == name {
			return true
		}
	}
	return false
}

// carried is l as it is read to be carried as type t; false: the library is to.
func (l *leaf) carried(t arrow.DataType) (*leaf, bool) {
	own := *l
	if l.index < 0 || l.why != "" || len(l.path) != 1 {
		return nil, false
	}
	switch t.ID() {
	case arrow.BOOL:
		return &own, l.form == formBool
	case arrow.INT64:
		return &own, l.form == formInt64 || l.form == formInt32
	case arrow.FLOAT64:
		own.exact = true
		return &own, l.form == formDouble
	case arrow.TIMESTAMP:
		// As they are stored: of other units than ours, too, and of any year.
		own.form, own.typ = formInt64, event.Of(event.Int)
		unit, ok := arrowUnits[l.unit]
		return &own, l.form == formInstant && ok && unit == t.(*arrow.TimestampType).Unit
	case arrow.STRING, arrow.BINARY:
		return &own, l.form == formText
	}
	return nil, false
}

var arrowUnits = map[event.Unit]arrow.TimeUnit{event.Millisecond: arrow.Millisecond, event.Microsecond: arrow.Microsecond, event.Nanosecond: arrow.Nanosecond}

// next returns the next rows of the row group, at most n.
func (p *flatPart) next(ctx context.Context, n int) (arrow.RecordBatch, error) {
	if p.at == p.batch.Len {
		p.at, p.batch.Len, p.part.most = 0, 0, min(n, batchRows)
		if err := p.part.Read(ctx, &p.batch); err == io.EOF {
			return nil, fmt.Errorf("it is damaged: it has other rows than its footer says")
		} else if err != nil {
			return nil, err
		}
	}
	n = min(n, p.batch.Len-p.at)
	for i := range p.batch.Columns {
		n = textRun(&p.batch.Columns[i], p.at, n)
	}
	columns := make([]arrow.Array, len(p.batch.Columns))
	for i := range columns {
		columns[i] = arrayOf(p.schema.Field(i).Type, &p.batch.Columns[i], p.at, n)
		defer columns[i].Release()
	}
	p.at += n
	return array.NewRecordBatch(p.schema, columns, int64(n)), nil
}

// textRun is how many of n rows from at on may be in one record: their texts are
// written out, and one that a dictionary holds once may stand in all of them.
func textRun(c *event.Column, at, n int) int {
	if c.Codes == nil {
		return n
	}
	size := 0
	for i, code := range c.Codes[at : at+n] {
		if size += int(c.Dict.Offsets[code+1] - c.Dict.Offsets[code]); size > carriedBytesMost {
			return max(i, 1)
		}
	}
	return n
}

// arrayOf is n rows of c from at on.
func arrayOf(t arrow.DataType, c *event.Column, at, n int) arrow.Array {
	var null []bool
	if c.Null != nil {
		null = c.Null[at : at+n]
	}
	bits, nulls := validBits(null)
	buffers := []*memory.Buffer{bits}
	switch {
	case c.Codes != nil:
		offsets, bytes := spelledOut(c, at, n)
		buffers = append(buffers, memory.NewBufferBytes(unsafecast.Slice[byte](offsets)), memory.NewBufferBytes(bytes))
	case c.Floats != nil:
		buffers = append(buffers, memory.NewBufferBytes(append([]byte(nil), unsafecast.Slice[byte](c.Floats[at:at+n])...)))
	case t.ID() == arrow.BOOL:
		buffers = append(buffers, memory.NewBufferBytes(truthBits(c.Ints[at:at+n])))
	default:
		buffers = append(buffers, memory.NewBufferBytes(append([]byte(nil), unsafecast.Slice[byte](c.Ints[at:at+n])...)))
	}
	data := array.NewData(t, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// spelledOut is the texts of n rows of c from at on, one after the other, and where
// each begins. Most are a few bytes long: see addApart.
func spelledOut(c *event.Column, at, n int) (offsets []int32, bytes []byte) {
	d, codes := c.Dict, c.Codes[at:at+n]
	size := 0
	for i, code := range codes {
		if c.Null == nil || !c.Null[at+i] {
			size += int(d.Offsets[code+1] - d.Offsets[code])
		}
	}
	offsets, bytes = make([]int32, n+1), make([]byte, size+shortText)
	end := 0
	for i, code := range codes {
		offsets[i] = int32(end)
		if c.Null != nil && c.Null[at+i] {
			continue
		}
		from, to := int(d.Offsets[code]), int(d.Offsets[code+1])
		if to-from <= shortText && from+shortText <= len(d.Bytes) {
			copy(bytes[end:end+shortText], d.Bytes[from:from+shortText])
		} else {
			copy(bytes[end:], d.Bytes[from:to])
		}
		end += to - from
	}
	offsets[n] = int32(end)
	clear(bytes[end:])
	return offsets, bytes[:end]
}

// validBits has a bit for every row that is not null, and counts those that are; nil:
// none is.
func validBits(null []bool) (bits *memory.Buffer, nulls int) {
	if null == nil {
		return nil, 0
	}
	valid := make([]byte, bitutil.BytesForBits(int64(len(null))))
	for i, is := range null {
		if is {
			nulls++
		} else {
			valid[i>>3] |= 1 << (i & 7)
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(valid), nulls
}

// truthBits is a bit for every truth.
func truthBits(truths []int64) []byte {
	bits := make([]byte, bitutil.BytesForBits(int64(len(truths))))
	for i, v := range truths {
		bits[i>>3] |= byte(v&1) << (i & 7)
	}
	return bits
}
