package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// The most that a batch of text holds. Bytes are bounded besides, as a row may be
// of any length.
const (
	textRows  = 32768
	textBytes = 8 << 20
)

// textPart is an event.Source over one file of CSV or JSON lines.
type textPart struct {
	schema  event.Schema
	text    *textual
	file    *File
	vectors []vector // of the columns that are the same in all rows; nil: a target
	targets []*target
	beside  []*target      // those of targets, the last ones, that are no column of a batch
	agreed  []agreedTarget // what is held against the file's folders
	most    int            // rows of a batch

	stream *stream
	lines  *lineReader
	csv    *csvReader
	json   *payload.Objects
	nest   payload.JSON // of values in CSV
	rows   int64        // that were read
	last   int          // rows of the last batch
	err    error        // final
}

// target is one column of a batch on its way from text.
type target struct {
	*payload.Column
	at int // its field in a CSV record
}

// agreedTarget is a target whose values its file's folders say too.
type agreedTarget struct {
	*agreement
	target *target
}

func newTextPart(t *Table, chosen []column, file int) *textPart {
	p := &textPart{schema: schemaOf(chosen), text: t.text, file: &t.Files[file], most: textRows}
	for _, c := range chosen {
		p.add(c)
	}
	p.targets = append(p.targets, p.beside...)
	return p
}

// add makes the target of a column, or its value where the file's rows have none
// of their own. What objects of JSON lines say themselves of their folder is read
// beside it, to be held against it.
func (p *textPart) add(c column) {
	at := slices.Index(p.file.names, c.name)
	same, err := p.file.agree(&c, len(p.vectors))
	if err != nil {
		p.err = fmt.Errorf("read %s: %w", p.file.Path, err)
		return
	}
	var t *target
	if at >= 0 {
		t = &target{payload.NewColumn(c.name, c.typ), at}
	}
	if t != nil && same != nil {
		same.absent = p.text.JSON
		p.agreed = append(p.agreed, agreedTarget{same, t})
	}
	if own := t != nil && !c.hive && !(p.text.JSON && same != nil); own {
		p.targets = append(p.targets, t)
		p.vectors = append(p.vectors, nil)
		return
	}
	if t != nil {
		p.beside = append(p.beside, t)
	}
	value, _ := p.file.constantOf(&c, textRows) // agree has found its error
	p.vectors = append(p.vectors, value)
}

// Schema says what the columns are.
func (p *textPart) Schema() event.Schema { return p.schema }

// Counted is zero: a text that is no value of its type is an error.
func (p *textPart) Counted() (n event.Counts) { return n }

// Close closes the file.
func (p *textPart) Close() error {
	if p.err == nil {
		p.err = errClosed
	}
	return p.drop()
}

func (p *textPart) drop() error {
	if p.stream == nil {
		return nil
	}
	s := p.stream
	p.stream, p.lines, p.csv, p.json = nil, nil, nil, nil
	return s.Close()
}

// Read fills b with the next rows.
func (p *textPart) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	if p.err != nil {
		return p.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := p.read(ctx)
	for i := 0; i < len(p.agreed) && err == nil; i++ {
		err = p.agreed[i].differs(&p.agreed[i].target.Values, n, p.rows-int64(n))
	}
	if err != nil {
		if p.err = err; err != io.EOF {
			p.err = fmt.Errorf("read %s: %w", p.file.Path, err)
		}
		p.drop()
		return p.err
	}
	b.Len, p.last = n, n
	at := 0
	for _, v := range p.vectors {
		if v != nil {
			b.Columns = append(b.Columns, v.column(n))
			continue
		}
		b.Columns = append(b.Columns, p.targets[at].Filled())
		at++
	}
	return nil
}

// read fills the targets with the next rows and says how many; io.EOF: none.
func (p *textPart) read(ctx context.Context) (n int, err error) {
	if p.lines == nil {
		if err := p.open(ctx); err != nil {
			return 0, err
		}
	}
	for _, t := range p.targets {
		t.Begin()
	}
	given := p.lines.given
	next := p.csvRow
	if p.json != nil {
		next = p.jsonRow
	}
	for n < p.most && p.lines.given-given < textBytes {
		err := next()
		if err == io.EOF && n > 0 {
			break
		}
		if err == io.EOF {
			if err := p.text.whole(p.file, p.rows, p.stream.raw.sum); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		n++
		p.rows++
	}
	return n, nil
}

// open begins to read the file.
func (p *textPart) open(ctx context.Context) error {
	f, err := p.file.open(ctx)
	if err != nil {
		return err
	}
	if p.stream, err = newStream(p.file.Path, f); err != nil {
		return err
	}
	p.lines = newLineReader(p.stream)
	if p.text.JSON {
		columns := make([]*payload.Column, len(p.targets))
		for i, t := range p.targets {
			columns[i] = t.Column
		}
		p.json = payload.NewObjects(columns)
		return nil
	}
	p.csv = &csvReader{lineReader: p.lines, delimiter: p.text.Delimiter, quote: p.text.Quote}
	if p.text.Headless {
		return nil
	}
	if err := p.csv.record(); err != nil {
		return headError(err)
	}
	if !slices.EqualFunc(p.csv.fields, p.file.names, func(f csvField, name string) bool { return string(f.text) == name }) {
		return errChanged
	}
	return nil
}

// headError is why a file has no header.
func headError(err error) error {
	if err == io.EOF {
		return errors.New("it is empty, and a CSV file begins with the names of its columns; say header: false if it has rows alone")
	}
	return err
}

// errChanged is that a file is not what it was when it was opened, or read before.
var errChanged = errors.New("it was changed while it was being read; run again")

// csvRow reads one record.
func (p *textPart) csvRow() error {
	c := p.csv
	if err := c.record(); err != nil {
		return err
	}
	if len(c.fields) != len(p.file.names) {
		return fmt.Errorf("line %d: it has %d fields, and the table %d columns; look for a delimiter that is not %q, or one in a field without quotes", c.line, len(c.fields), len(p.file.names), c.delimiter)
	}
	for _, t := range p.targets {
		f := c.fields[t.at]
		if !f.quoted && p.text.null(f.text) {
			t.Values.AppendNull()
			continue
		}
		err := error(nil)
		if t.Values.Type.Scalar() {
			err = t.Append(f.text)
		} else {
			err = p.nested(t, f.text)
		}
		if err == payload.ErrValue {
			err = fmt.Errorf("%s is no %s; %s", payload.Ticked(f.text), t.Values.Type, p.mend(t, f))
		}
		if err != nil {
			return fmt.Errorf("line %d, column %s: %w", c.line, t.Name, err)
		}
	}
	return nil
}

// mend says what to do about a field that is no value.
func (p *textPart) mend(t *target, f csvField) string {
	if f.quoted && len(f.text) == 0 {
		return "quotes with nothing in them are an empty text; for null leave the quotes out"
	}
	return mendOf(t.Values.Type, f.text)
}

// null reports whether an unquoted text stands for null.
func (d *textual) null(text []byte) bool {
	if len(text) > d.nullMost {
		return false
	}
	for _, null := range d.Null {
		if string(text) == null {
			return true
		}
	}
	return false
}

// nested reads a list, struct or map, which CSV holds as JSON.
func (p *textPart) nested(t *target, text []byte) error {
	p.nest.Begin(text)
	err := p.nest.Value(&t.Values)
	if err == nil {
		err = p.nest.Finish()
	}
	if err != nil {
		return plainly(err)
	}
	return nil
}

// jsonRow reads one line that is not blank.
func (p *textPart) jsonRow() error {
	for {
		line, size, err := p.lines.peek()
		if err != nil {
			return err
		}
		blank := len(trimSpace(line)) == 0
		if !blank {
			if err := p.json.Append(line); err != nil {
				return fmt.Errorf("line %d%w", p.lines.line, afterLine(err))
			}
		}
		p.lines.take(size)
		p.lines.line++
		if !blank {
			return nil
		}
	}
}

// trimSpace is line without what JSON has for white space before it.
func trimSpace(line []byte) []byte {
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t' || line[0] == '\r') {
		line = line[1:]
	}
	return line
}
