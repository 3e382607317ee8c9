package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// Dialect is how the files of a table of text are written.
type Dialect struct {
	JSON bool // JSON lines; else CSV

	Delimiter byte     // CSV: between fields; 0: a comma
	Quote     byte     // CSV: around fields; 0: a double quote
	Headless  bool     // CSV: the first record is a row; the columns are Fields, in order
	Null      []string // CSV: what stands for null where it is not quoted; nil: nothing at all

	// Fields are the declared columns. Those of CSV that are not declared are
	// strings; JSON has no others.
	Fields event.Schema
}

// textual is what a table of text is beside its files and columns.
type textual struct {
	Dialect
	nullMost int        // the longest of Null
	mu       sync.Mutex // held for Rows, Sum and read of the files
}

var (
	csvEndings  = endings{names: []string{".csv", ".tsv"}, packed: true}
	jsonEndings = endings{names: []string{".jsonl", ".ndjson", ".json"}, packed: true}
)

// endings are those of the dialect's files.
func (d *Dialect) endings() endings {
	if d.JSON {
		return jsonEndings
	}
	return csvEndings
}

// FindText opens a table of CSV or JSON lines. Files may be compressed with gzip,
// zstd or bzip2. Of each it reads the beginning.
func (f Finder) FindText(ctx context.Context, path string, d Dialect) (*Table, error) {
	if d.Delimiter == 0 {
		d.Delimiter = ','
	}
	if d.Quote == 0 {
		d.Quote = '"'
	}
	if d.Null == nil {
		d.Null = []string{""}
	}
	at, marks, err := f.listed(ctx, d.endings(), path)
	if err != nil {
		return nil, err
	}
	text := &textual{Dialect: d}
	for _, null := range d.Null {
		text.nullMost = max(text.nullMost, len(null))
	}
	t := &Table{Path: path, Files: make([]File, len(at)), places: map[string]int{}, text: text, marks: marks}
	if err := t.open(at, func(at found) (*File, error) { return text.openFile(ctx, at) }); err != nil {
		return nil, err
	}
	for i := range t.Files {
		t.mergeText(i)
	}
	return t, t.mergeHive(d.Fields)
}

// mergeText adds the columns of file i to the union. All files have one column in
// one type: the declared one.
func (t *Table) mergeText(i int) {
	f := &t.Files[i]
	for k, name := range f.names {
		if t.text.JSON && slices.ContainsFunc(f.hive, func(p hivePair) bool { return p.key == name }) {
			continue // What every line of a file would say stands in its folder's name.
		}
		c := column{name: name, typ: event.Of(event.String), from: i}
		if at := t.text.Fields.Index(name); at >= 0 {
			c.typ = t.text.Fields[at].Type
		}
		switch {
		case name == "":
			c.why = "has no name; give it one in the header, or leave it out with columns: […]"
		case slices.Contains(f.names[:k], name):
			c.why = "is there twice in the header"
		}
		at, known := t.places[name]
		if !known {
			t.places[name] = len(t.columns)
			t.columns = append(t.columns, c)
		} else if c.why != "" {
			t.columns[at].why = c.why
		}
	}
}

// openFile reads the beginning of a file: the names of its columns, and about how
// many rows it has.
func (d *textual) openFile(ctx context.Context, at found) (*File, error) {
	file, f, err := startFile(ctx, at)
	if err != nil {
		return nil, err
	}
	s, err := newStream(at.path, f)
	if err == nil {
		err = d.readHead(file, s)
		s.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", at.path, err)
	}
	return file, nil
}

func (d *textual) readHead(file *File, s *stream) error {
	lines := newLineReader(s)
	if _, err := lines.more(); err != nil {
		return err
	}
	// A compressed file has read ahead, so that this is too few rather than too many.
	file.rows = int64(bytes.Count(lines.rest(), []byte{'\n'})) * file.Size / max(s.raw.bytes, 1)
	if d.JSON || d.Headless {
		for _, f := range d.Fields {
			file.names = append(file.names, f.Name)
		}
		return nil
	}
	c := &csvReader{lineReader: lines, delimiter: d.Delimiter, quote: d.Quote}
	if err := c.record(); err != nil {
		return headError(err)
	}
	for _, f := range c.fields {
		switch name := string(f.text); {
		case !utf8.ValidString(name):
			return fmt.Errorf("line %d: the header is not UTF-8; write the file as UTF-8", c.line)
		case strings.ContainsAny(name, "\x00"):
			return fmt.Errorf("line %d: the header has a zero byte, and is no text of UTF-8; write the file as UTF-8", c.line)
		case strings.Contains(name, "\r") && !f.quoted:
			return errors.New("its lines end with CR alone; end them with LF or CR LF")
		default:
			file.names = append(file.names, name)
		}
	}
	return nil
}

// Estimate is about how many rows there are, where Rows does not know.
func (t *Table) Estimate() (n int64) {
	for i := range t.Files {
		n += max(t.Files[i].left(), t.Files[i].rows)
	}
	return n
}

// Takes reports whether a file so called would be one of the table's, if it lay in
// its folder.
func (t *Table) Takes(name string) bool {
	ends := parquetEndings
	if t.text != nil {
		ends = t.text.endings()
	}
	return ends.match(name) && !skipped(name)
}

// Format is the table's format, as definitions name it.
func (t *Table) Format() string {
	switch {
	case t.text == nil:
		return "parquet"
	case t.text.JSON:
		return "json"
	}
	return "csv"
}

// whole notes what a file was when it was read to its end, and holds it against
// what it was the last time: what is carried must be what was asked about.
func (d *textual) whole(f *File, rows int64, sum uint32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.read && (f.Rows != rows || f.Sum != sum) {
		return errChanged
	}
	f.Rows, f.Sum, f.read = rows, sum, true
	return nil
}
