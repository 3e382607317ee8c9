package sink

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// rowFormat is a format that puts row after row.
type rowFormat interface {
	// head is what a file begins with.
	head() []byte
	// bind makes ready for the rows of rec.
	bind(rec arrow.RecordBatch)
	// row appends row i of what was bound.
	row(dst []byte, i int) []byte
	// failure is what could not be put, if anything.
	failure() error
}

// rowSpace is what all files of one sink share: they are written by one
// goroutine, one group after the other.
type rowSpace struct {
	format rowFormat
	buf    []byte
	gzip   *gzip.Writer
	zstd   *zstd.Encoder
}

// rowBytes is how much is gathered before it is handed on.
const rowBytes = 64 << 10

func newRowSpace(f rowFormat, compression string) (*rowSpace, error) {
	s := &rowSpace{format: f}
	var err error
	switch compression {
	case "gzip":
		s.gzip = gzip.NewWriter(io.Discard)
	case "zstd":
		// One goroutine: how many bytes are out after a group must not depend on luck.
		s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	}
	return s, err
}

// open begins a file.
func (s *rowSpace) open(w io.Writer) (encoder, error) { return &rowEncoder{rowSpace: s, w: w}, nil }

// rowEncoder writes one file of a row format. Where it is compressed, each group
// is a member of gzip or a frame of zstd by itself, so that no compressor is kept
// for every file that is open.
type rowEncoder struct {
	*rowSpace
	w     io.Writer
	begun bool
}

func (e *rowEncoder) encode(rec arrow.RecordBatch) error {
	w := e.compressor()
	e.buf = e.buf[:0]
	if !e.begun {
		e.begun, e.buf = true, append(e.buf, e.format.head()...)
	}
	if rec != nil {
		if err := e.rows(w, rec); err != nil {
			return err
		}
	}
	if _, err := w.Write(e.buf); err != nil {
		return err
	}
	return w.Close()
}

func (e *rowEncoder) rows(w io.Writer, rec arrow.RecordBatch) error {
	e.format.bind(rec)
	for i := range int(rec.NumRows()) {
		e.buf = e.format.row(e.buf, i)
		if len(e.buf) < rowBytes {
			continue
		}
		if _, err := w.Write(e.buf); err != nil {
			return err
		}
		e.buf = e.buf[:0]
	}
	return e.format.failure()
}

// finish makes a file without rows one that is whole.
func (e *rowEncoder) finish() error {
	if e.begun {
		return nil
	}
	return e.encode(nil)
}

// compressor is what a group is written to.
func (e *rowEncoder) compressor() io.WriteCloser {
	switch {
	case e.gzip != nil:
		e.gzip.Reset(e.w)
		return e.gzip
	case e.zstd != nil:
		e.zstd.Reset(e.w)
		return e.zstd
	}
	return unclosed{e.w}
}

// unclosed is a writer whose end is somebody else's.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// jsonLines puts a row as an object on a line of its own.
type jsonLines struct {
	misfit
	names [][]byte // with what stands before and after them
	cells []cell
}

func newJSONLines(schema *arrow.Schema) (rowFormat, error) {
	f := &jsonLines{}
	j := jsonCells{misfit: &f.misfit}
	for i, field := range schema.Fields() {
		mark := byte(',')
		if i == 0 {
			mark = '{'
		}
		if !utf8.ValidString(field.Name) {
			return nil, fmt.Errorf("column %q has a name that is not UTF-8, which JSON cannot hold; rename it", field.Name)
		}
		f.names = append(f.names, append(j.quote([]byte{mark}, field.Name), ':'))
	}
	return f, nil
}

func (f *jsonLines) head() []byte   { return nil }
func (f *jsonLines) failure() error { return f.err }

func (f *jsonLines) bind(rec arrow.RecordBatch) {
	f.cells = f.cells[:0]
	for i, c := range rec.Columns() {
		f.cells = append(f.cells, jsonCells{rec.ColumnName(i), &f.misfit}.of(c))
	}
}

func (f *jsonLines) row(dst []byte, i int) []byte {
	for c, cell := range f.cells {
		dst = cell(append(dst, f.names[c]...), i)
	}
	return append(dst, '}', '\n')
}

// csv puts rows as RFC 4180 has them, ended by a line feed. A null is nothing at
// all and an empty text is a pair of quotes.
type csv struct {
	misfit
	header  []byte
	cells   []cell
	scratch []byte
}

func newCSV(schema *arrow.Schema) (rowFormat, error) {
	f := &csv{}
	for i, field := range schema.Fields() {
		if i > 0 {
			f.header = append(f.header, ',')
		}
		f.header = f.quote(f.header, field.Name, field.Name)
	}
	f.header = append(f.header, '\n')
	return f, f.err
}

func (f *csv) head() []byte   { return f.header }
func (f *csv) failure() error { return f.err }

func (f *csv) bind(rec arrow.RecordBatch) {
	f.cells = f.cells[:0]
	for i, c := range rec.Columns() {
		f.cells = append(f.cells, f.cell(rec.ColumnName(i), c, rec.NumCols() == 1))
	}
}

func (f *csv) row(dst []byte, i int) []byte {
	for _, cell := range f.cells {
		dst = append(cell(dst, i), ',')
	}
	dst[len(dst)-1] = '\n'
	return dst
}

// cell spells one column; alone: it is the only one, and a null of it would be an
// empty line, which readers pass over.
func (f *csv) cell(name string, arr arrow.Array, alone bool) cell {
	c := f.present(name, arr)
	if arr.NullN() == 0 && arr.DataType().ID() != arrow.NULL {
		return c
	}
	return func(dst []byte, i int) []byte {
		if !arr.IsNull(i) {
			return c(dst, i)
		}
		if alone {
			f.note(name, "is the only one of a CSV file and null in some row, which would be an empty line; keep another column beside it, or write JSON lines")
		}
		return dst
	}
}

func (f *csv) present(name string, arr arrow.Array) cell {
	c, how := plain(arr)
	switch how {
	case nested:
		c = jsonCells{name, &f.misfit}.present(arr)
	case free:
		if a, ok := arr.(array.StringLike); ok {
			return func(dst []byte, i int) []byte { return f.quote(dst, name, a.Value(i)) }
		}
	case marked:
		// Bytes may be none, which are not null.
		return func(dst []byte, i int) []byte {
			if from := len(dst); len(c(dst, i)) == from {
				return append(dst, `""`...)
			}
			return c(dst, i)
		}
	default:
		return c
	}
	return func(dst []byte, i int) []byte {
		f.scratch = c(f.scratch[:0], i)
		return f.quote(dst, name, string(f.scratch))
	}
}

// quote spells a text, in quotes where it could be taken for anything else.
func (f *csv) quote(dst []byte, column, s string) []byte {
	if !utf8.ValidString(s) {
		f.note(column, "holds text that is not UTF-8 (%q); write Parquet or Arrow, or leave the column out", shortened(s))
		return dst
	}
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' && s[0] != '\t' && s[len(s)-1] != '\t' && s[0] != 0xef {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for from := 0; ; {
		at := strings.IndexByte(s[from:], '"')
		if at < 0 {
			return append(append(dst, s[from:]...), '"')
		}
		dst = append(append(dst, s[from:from+at+1]...), '"')
		from += at + 1
	}
}
