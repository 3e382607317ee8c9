package sources

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/store"
)

// File is one file of a table: of Parquet with its footer read, of text with its
// first line.
type File struct {
	Path      string
	Size      int64
	ETag      string // of an object: one for each content; empty: a file of this machine
	FooterCRC uint32 // Parquet: CRC-32C of the footer: the metadata, its length and the closing magic
	Sum       uint32 // text: CRC-32C of the file as it lies there; known, as Rows, once it was read
	Rows      int64
	RowGroups int

	modified time.Time
	object   *store.Reader // nil: a file of this machine
	footer   []byte        // of an object of Parquet, so that it is fetched once
	meta     format.FileMetaData
	names    []string       // its columns, in order
	leaves   []leaf         // Parquet: by name
	places   map[string]int // Parquet: of each name
	rows     int64          // text: about how many there are
	read     bool           // text: Rows and Sum are known
	hive     []hivePair
	folders  string // those that hive was read from
	bound    *bound // nil: they bound no time
	skips    []bool // row groups that are not read; nil: all are
}

// Version is another for a file that was written again: the tag of an object, or
// size and time of a file of this machine.
func (f *File) Version() string {
	if f.ETag != "" {
		return f.ETag
	}
	return fmt.Sprintf("%d %d", f.Size, f.modified.UnixNano())
}

// The bounds on what a file may claim. Real files stay far below them.
const (
	footerMost = 1 << 30 // bytes of a footer
	readAhead  = 1 << 20 // bytes that are read at once from one column
	magicSize  = 4
	tailSize   = 8 // the length of the metadata and the magic
)

// openFile reads a file's footer and closes the file again: a table may have more
// files than a process may hold open.
func openFile(ctx context.Context, at found) (*File, error) {
	file, f, err := startFile(ctx, at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := file.readFooter(f); err != nil {
		return nil, fmt.Errorf("open %s: %w", at.path, err)
	}
	return file, nil
}

func (f *File) readFooter(r io.ReaderAt) error {
	footer, err := footerOf(r, f.Size)
	if err != nil {
		return err
	}
	if f.object != nil {
		f.footer = footer
	}
	meta := footer[:len(footer)-tailSize]
	if err := checkFooter(meta); err != nil {
		return err
	}
	f.FooterCRC = crc32.Checksum(footer, crc32.MakeTable(crc32.Castagnoli))
	if err := guard(func() error { return thrift.Unmarshal(new(thrift.CompactProtocol), meta, &f.meta) }); err != nil {
		return fmt.Errorf("its metadata is damaged: %w", err)
	}
	return f.readMetadata()
}

// footerOf returns the metadata, its length and the closing magic.
func footerOf(r io.ReaderAt, size int64) ([]byte, error) {
	if size == 0 {
		return nil, errors.New("it is empty (0 bytes), and a Parquet file is never empty")
	}
	if size < magicSize+tailSize {
		return nil, fmt.Errorf("it has only %d bytes and is no Parquet file", size)
	}
	var tail [tailSize]byte
	if _, err := r.ReadAt(tail[:], size-tailSize); err != nil {
		return nil, cause(err)
	}
	head := [magicSize]byte([]byte("PAR1"))
	if _, far := r.(*object); !far || string(tail[4:]) != "PAR1" { // It costs a request more.
		if _, err := r.ReadAt(head[:], 0); err != nil {
			return nil, cause(err)
		}
	}
	switch begins, ends := string(head[:]), string(tail[4:]); {
	case begins == "PARE" || ends == "PARE":
		return nil, errors.New("it is encrypted; encrypted Parquet files cannot be read")
	case begins != "PAR1":
		return nil, noParquet(begins)
	case ends != "PAR1":
		return nil, errors.New("it is cut off: it begins as a Parquet file and does not end as one; copy it again")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-magicSize-tailSize || n > footerMost {
		return nil, fmt.Errorf("it is damaged: it states %d bytes of metadata and has %d bytes in all", n, size)
	}
	footer := make([]byte, n+tailSize)
	if _, err := r.ReadAt(footer, size-n-tailSize); err != nil {
		return nil, cause(err)
	}
	return footer, nil
}

// noParquet says what a file is, if its first bytes tell.
func noParquet(begins string) error {
	for _, k := range []struct{ magic, what string }{
		{"ORC", "an ORC file"}, {"Obj\x01", "an Avro file"}, {"ARRO", "an Arrow file"}, {"PK\x03\x04", "a ZIP archive"}, {"\x1f\x8b", "compressed as a whole"}, {"\x28\xb5\x2f\xfd", "compressed as a whole"},
	} {
		if strings.HasPrefix(begins, k.magic) {
			return fmt.Errorf("it is no Parquet file but %s, which cannot be read; write it as Parquet", k.what)
		}
	}
	return fmt.Errorf("it is no Parquet file: it begins with %q", begins)
}

// readMetadata takes over what the footer says, and holds it against itself.
func (f *File) readMetadata() error {
	meta := &f.meta
	if meta.EncryptionAlgorithm.Value != nil {
		return errors.New("it is encrypted; encrypted Parquet files cannot be read")
	}
	f.readColumns(meta.Schema)
	f.RowGroups = len(meta.RowGroups)
	for i := range meta.RowGroups {
		g := &meta.RowGroups[i]
		if g.NumRows < 0 {
			return fmt.Errorf("it is damaged: row group %d has %d rows", i, g.NumRows)
		}
		if err := f.checkGroup(g); err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
		f.Rows += g.NumRows
	}
	if f.Rows != meta.NumRows {
		return fmt.Errorf("it is damaged: its row groups have %d rows and it says %d", f.Rows, meta.NumRows)
	}
	return nil
}

// readColumns finds the columns at the top of the schema, each with its leaf, and
// after them the fields of those that are structs.
func (f *File) readColumns(schema []format.SchemaElement) {
	w := schemaWalk{schema: schema}
	var tops, fields []leaf
	for w.at = 1; w.at < len(schema); {
		top := w.leaf(nil)
		tops = append(tops, top)
		fields = w.children(&top, fields)
	}
	// Of a name that is there twice neither is meant; but a column at the top has
	// its name before any field of a struct.
	all := append(tops, fields...)
	f.places = map[string]int{}
	f.names, f.leaves = nil, nil
	for i := range all {
		l := &all[i]
		name := l.name()
		first, twice := f.places[name]
		switch {
		case !twice:
			f.places[name] = len(f.names)
			f.names, f.leaves = append(f.names, name), append(f.leaves, *l)
		case len(l.path) == 1 || len(f.leaves[first].path) > 1:
			f.leaves[first].refuse("is there twice in one file")
		}
	}
}

// schemaWalk is a place in a schema, whose elements stand in the order in which a
// walk through the tree meets them.
type schemaWalk struct {
	schema []format.SchemaElement
	at     int
	leaves int // before at
	left   int // children of the element that was read last
}

// leaf reads an element.
func (w *schemaWalk) leaf(in *leaf) leaf {
	e := &w.schema[w.at]
	w.at++
	l := leafOf(e, in)
	w.left = int(e.NumChildren.V)
	if e.Type.Valid {
		l.index, w.left = w.leaves, 0
		w.leaves++
	}
	return l
}

// children goes past the elements below the one that was read, and appends to
// fields those that are fields of structs all the way.
func (w *schemaWalk) children(in *leaf, fields []leaf) []leaf {
	for left := w.left; left > 0 && w.at < len(w.schema); left-- {
		l := w.leaf(in)
		if in.parent && !l.parent {
			fields = append(fields, l)
		}
		if !in.parent {
			l.parent = false // Below a list there is no field that every row has once.
		}
		fields = w.children(&l, fields)
	}
	return fields
}

// checkGroup makes sure that the pages of a row group lie in the file, and that
// its columns have a value or null for every row.
func (f *File) checkGroup(g *format.RowGroup) error {
	for i := range f.leaves {
		l := &f.leaves[i]
		if l.index < 0 || l.why != "" {
			continue
		}
		if l.index >= len(g.Columns) {
			return fmt.Errorf("it is damaged: column %s is not there", f.names[i])
		}
		c := &g.Columns[l.index]
		m := &c.MetaData
		start := chunkStart(m)
		switch {
		case c.FilePath != "":
			return fmt.Errorf("column %s lies in another file, %s, which cannot be read yet", f.names[i], c.FilePath)
		case c.CryptoMetadata.Value != nil:
			l.refuse("is encrypted; encrypted columns cannot be read")
		case !slices.Equal(m.PathInSchema, l.path) || m.Type != l.physical:
			return fmt.Errorf("it is damaged: column %s and what is stored for it differ", f.names[i])
		case m.NumValues != g.NumRows:
			return fmt.Errorf("it is damaged: column %s has %d values for %d rows", f.names[i], m.NumValues, g.NumRows)
		case g.NumRows > 0 && (start < magicSize || m.TotalCompressedSize < 0 || start > f.Size-m.TotalCompressedSize):
			return fmt.Errorf("it is damaged: column %s lies at byte %d with %d bytes, and the file has %d", f.names[i], start, m.TotalCompressedSize, f.Size)
		}
		if !readable(m.Codec) {
			l.refuse(fmt.Sprintf("is compressed with %s, which cannot be read", m.Codec))
		}
	}
	return nil
}

// chunkStart is where the first page of a column chunk begins.
func chunkStart(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < m.DataPageOffset {
		return m.DictionaryPageOffset
	}
	return m.DataPageOffset
}

// column returns the leaf of the column called name, nil if the file has none.
func (f *File) column(name string) *leaf {
	if i, ok := f.places[name]; ok {
		return &f.leaves[i]
	}
	return nil
}

// guard runs what calls into a library with foreign bytes. A panic is the
// library's way of saying that they are damaged; an end of file is damage too,
// and must never be mistaken for the end of the rows (R3).
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged (%v)", r)
		}
	}()
	err = do()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends too early (%v)", err)
	}
	return err
}
