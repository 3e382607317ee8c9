package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// batchRows is how many rows a batch has at most: enough that the work per batch
// does not show, and few enough that its columns stay in the cache.
const batchRows = 65536

// vector is one column of a part.
type vector interface {
	begin()
	// run is how many of the next n rows may be in one batch.
	run(n int) int
	// column is the batch's column, of n rows.
	column(n int) event.Column
}

// part is an event.Source over some row groups of one file.
type part struct {
	schema  event.Schema
	file    *File
	span    span
	vectors []vector
	cursors []*cursor // those of the vectors that read the file
	agreed  []*agreement
	codecs  codecs
	budget  budget     // of the row group
	readers *sync.Pool // of sets of pageReaders, the table's
	table   *Table
	r       content       // of a file of this machine, once it is open
	ahead   *ahead        // of an object, once it is open
	coming  []*feed       // of the row group that is read next
	reading []*pageReader // of the cursors, once the file is open
	group   int           // that is being read
	left    int64         // rows of the group that are still to come
	most    int           // rows of a batch
	rows    int64         // of the file, before those of the last batch
	last    int           // rows of the last batch
	err     error         // final
}

var errClosed = errors.New("the source is closed")

func schemaOf(chosen []column) event.Schema {
	s := make(event.Schema, len(chosen))
	for i, c := range chosen {
		s[i] = event.Field{Name: c.name, Type: c.typ}
	}
	return s
}

func newPart(t *Table, chosen []column, s span) *part {
	p := &part{schema: schemaOf(chosen), file: &t.Files[s.file], span: s, group: s.from - 1, readers: &t.readers, table: t, most: batchRows}
	for g := range s.from {
		p.rows += p.meta(g).NumRows
	}
	most := int64(0)
	for g := s.from; g < s.to; g++ {
		most = max(most, p.file.rowsOf(g))
	}
	for _, c := range chosen {
		p.add(c, int(min(most, batchRows)))
	}
	return p
}

// add makes the vector of a column: read from the file, or the same in all rows.
func (p *part) add(c column, batch int) {
	l := p.file.column(c.name)
	if l == nil || l.form == formNull {
		value, err := p.file.constantOf(&c, batch)
		if err != nil {
			p.err = fmt.Errorf("read %s: %w", p.file.Path, err)
			return
		}
		p.vectors = append(p.vectors, value)
		return
	}
	same, err := p.file.agree(&c, len(p.vectors))
	if err != nil {
		p.err = fmt.Errorf("read %s: %w", p.file.Path, err)
		return
	}
	if same != nil {
		p.agreed = append(p.agreed, same)
	}
	p.addCursor(c, l, batch)
}

// addCursor makes the vector of a column that is read from leaf l.
func (p *part) addCursor(c column, l *leaf, batch int) {
	cur := &cursor{name: c.name, leaf: l, batch: batch, col: event.Column{Type: c.typ}}
	p.cursors = append(p.cursors, cur)
	p.vectors = append(p.vectors, cur)
}

func (p *part) meta(g int) *format.RowGroup { return &p.file.meta.RowGroups[g] }

// Schema says what the columns are.
func (p *part) Schema() event.Schema { return p.schema }

// Counted is what was met so far: every source of a Table is an event.Counter.
func (p *part) Counted() (n event.Counts) {
	for _, c := range p.cursors {
		n[event.OutOfType] += c.bad
	}
	return n
}

// Close closes the file.
func (p *part) Close() error {
	if p.err == nil {
		p.err = errClosed
	}
	return p.drop()
}

// drop lets go of everything that is held.
func (p *part) drop() error {
	p.codecs.close()
	p.ahead.close()
	p.ahead, p.coming = nil, nil
	if set := p.reading; set != nil {
		for _, r := range set {
			r.forget()
		}
		p.readers.Put(&set)
		p.reading = nil
	}
	for _, c := range p.cursors {
		c.forget()
	}
	if p.r == nil {
		return nil
	}
	r := p.r
	p.r = nil
	return r.Close()
}

// Read fills b with the next rows.
func (p *part) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	if p.err != nil {
		return p.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.read(ctx, b); err != nil {
		if p.err = err; err != io.EOF {
			p.err = fmt.Errorf("read %s: %w", p.file.Path, err)
		} else if p.reading != nil {
			for _, c := range p.cursors {
				c.lend()
			}
		}
		p.drop()
		b.Columns = b.Columns[:0]
	}
	return p.err
}

func (p *part) read(ctx context.Context, b *event.Batch) error {
	if p.ahead != nil {
		p.ahead.asked = ctx
	}
	for p.left == 0 {
		if p.group++; p.group >= p.span.to {
			return io.EOF
		}
		if p.file.skipped(p.group) {
			p.rows += p.meta(p.group).NumRows
			continue
		}
		if err := p.open(ctx); err != nil {
			return err
		}
	}
	n := int(min(p.left, int64(p.most)))
	for _, v := range p.vectors {
		v.begin()
		n = v.run(n)
	}
	at := 0
	err := guard(func() error {
		for _, c := range p.cursors {
			if err := c.take(n); err != nil {
				return err
			}
			at++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("row group %d, column %s: %w", p.group, p.cursors[at].name, err)
	}
	for _, v := range p.vectors {
		b.Columns = append(b.Columns, v.column(n))
	}
	p.rows, p.last = p.rows+int64(p.last), n
	for _, a := range p.agreed {
		if err := a.differs(&b.Columns[a.at], n, p.rows); err != nil {
			return err
		}
	}
	b.Len = n
	p.left -= int64(n)
	return nil
}

// open begins the next row group.
func (p *part) open(ctx context.Context) error {
	if p.r == nil && p.ahead == nil {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	meta := p.meta(p.group)
	if p.left = meta.NumRows; p.left == 0 {
		return nil
	}
	p.budget.left = budgetLeast
	for _, c := range p.cursors {
		p.budget.left += budgetTimes * meta.Columns[c.leaf.index].MetaData.TotalCompressedSize
	}
	for _, c := range p.cursors {
		c.open(p.r, meta, p)
	}
	if p.ahead != nil {
		p.fetch()
	}
	return nil
}

// start opens the file.
func (p *part) start(ctx context.Context) (err error) {
	if p.file.object != nil {
		p.ahead = newAhead(ctx, p.table, p.file, len(p.cursors))
	} else if p.r, err = p.file.open(ctx); err != nil {
		return err
	}
	// In the order of the columns, so that each finds what fits it.
	if set, _ := p.readers.Get().(*[]*pageReader); set != nil {
		p.reading = *set
	}
	for i, c := range p.cursors {
		if i == len(p.reading) {
			p.reading = append(p.reading, new(pageReader))
		}
		c.pages = p.reading[i]
		c.prepare()
	}
	return nil
}

// fetch gives the cursors their column chunks of the row group, and begins to fetch
// those of the next one.
func (p *part) fetch() {
	if p.coming == nil {
		p.coming = p.ahead.feeds(p.chunks(p.group))
	}
	for i, c := range p.cursors {
		if c.pages.feed != nil {
			c.pages.feed.close()
		}
		c.pages.feed = p.coming[i]
		c.pages.feed.fetchFar()
	}
	p.coming = nil
	for g := p.group + 1; g < p.span.to; g++ {
		if p.file.rowsOf(g) > 0 {
			p.coming = p.ahead.feeds(p.chunks(g))
			return
		}
	}
}

// chunks are where the cursors' column chunks of a row group lie.
func (p *part) chunks(group int) []place {
	all := make([]place, len(p.cursors))
	for i, c := range p.cursors {
		all[i] = placeOf(&p.meta(group).Columns[c.leaf.index].MetaData)
	}
	return all
}

// constant is a column that is the same in all rows of a part.
type constant struct {
	value event.Column // one row
	batch int
	all   event.Column // as many rows as a batch has at most
}

func (c *constant) begin() {}

func (c *constant) run(n int) int { return n }

func (c *constant) column(n int) event.Column {
	if c.all.Len() == 0 {
		c.fill()
	}
	return c.all.Slice(0, n)
}

func (c *constant) fill() {
	v := &c.value
	c.all = event.Column{Type: v.Type, Dict: v.Dict, Rows: c.batch, Ints: repeat(v.Ints, c.batch), Floats: repeat(v.Floats, c.batch),
		Decimals: repeat(v.Decimals, c.batch), Codes: repeat(v.Codes, c.batch), Null: repeat(v.Null, c.batch)}
	if v.Type.Text() {
		c.all.Dict = filled(v.Dict)
	}
}

// repeat is the first of v, n times; nil if there is none.
func repeat[T any](v []T, n int) []T {
	if len(v) == 0 {
		return nil
	}
	all := make([]T, n)
	for i := range all {
		all[i] = v[0]
	}
	return all
}
