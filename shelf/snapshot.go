package shelf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unsafe"
)

// Snapshot is a file that a run left for another to begin with: a head, which is the
// writer's own, and sections. It is read section by section, each held against its
// sum, from any number of goroutines.
type Snapshot struct {
	file     Readable
	name     string
	head     []byte
	sum      uint32
	sections []section // by view, then by number
}

// Readable is what a snapshot is read from: a file, or bytes that lie elsewhere.
type Readable interface {
	io.ReaderAt
	io.Closer
}

// section is where a section lies. Its numbers are words of the file.
type section struct {
	View, Number uint32
	Rows         uint64
	At, Size     uint64
	Sum          uint64
}

// The parts of a snapshot's file; docs/formats.md lays them out. The order of bytes
// is that of the machines the program is made for; the mark tells of another.
const (
	snapshotMagic = "timeseam snap\x00\x00\x01" // its last byte is the version of the format
	snapshotTail  = 48                          // bytes
	snapshotMark  = uint64(0x0102030405060708)
	sectionWords  = int(unsafe.Sizeof(section{}))
)

// ErrSnapshot is that of a file that is no snapshot, or not as it was written.
var ErrSnapshot = errors.New("it is damaged, or no snapshot of this release")

// tail ends the file: what lies where, and the sum of it.
type tail struct {
	Mark             uint64
	HeadAt, HeadSize uint64
	Sections         uint64
	Sum              uint64 // of head and sections
	Own              uint64 // of the words before
}

func (t *tail) sum() uint64 {
	return uint64(crc32.Checksum(bytesOf([]tail{*t})[:snapshotTail-8], castagnoli))
}

// bytesOf is the bytes of a vector of words.
func bytesOf[T any](v []T) []byte {
	var k packer
	pack(&k, v)
	return k.b
}

// OpenSnapshot opens a snapshot and reads its head.
func OpenSnapshot(path string) (*Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	at, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return ReadSnapshot(path, f, at.Size())
}

// ReadSnapshot is OpenSnapshot of what is open already, which is closed with the
// snapshot, or here where it is none. The name is for errors.
func ReadSnapshot(name string, f Readable, size int64) (*Snapshot, error) {
	s := &Snapshot{file: f, name: name}
	if err := s.open(size); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *Snapshot) open(size int64) error {
	first := make([]byte, len(snapshotMagic))
	if size < int64(len(first)+snapshotTail) {
		return ErrSnapshot
	}
	if _, err := s.file.ReadAt(first, 0); err != nil {
		return err
	}
	var b []byte
	Reserve(&b, snapshotTail)
	b = b[:snapshotTail]
	if _, err := s.file.ReadAt(b, size-snapshotTail); err != nil {
		return err
	}
	r := reader{b: b}
	t := read[tail](&r, 1)[0]
	rest := uint64(size) - snapshotTail
	if string(first) != snapshotMagic || t.Mark != snapshotMark || t.Own != t.sum() || t.HeadAt > rest || t.HeadAt%8 != 0 || t.HeadSize > rest-t.HeadAt {
		return ErrSnapshot
	}
	at := (t.HeadSize + 7) &^ 7
	var all []byte
	Reserve(&all, int(rest-t.HeadAt))
	all = all[:rest-t.HeadAt]
	if _, err := s.file.ReadAt(all, int64(t.HeadAt)); err != nil {
		return err
	}
	s.sum = crc32.Checksum(all, castagnoli)
	if uint64(s.sum) != t.Sum || at > uint64(len(all)) || t.Sections != (uint64(len(all))-at)/uint64(sectionWords) {
		return ErrSnapshot
	}
	r = reader{b: all, at: int(at)}
	s.head, s.sections = all[:t.HeadSize], read[section](&r, int(t.Sections))
	return s.check(t.HeadAt)
}

// check holds the sections to their order, and to the part of the file that is theirs.
func (s *Snapshot) check(end uint64) error {
	for i, sec := range s.sections {
		if sec.At%8 != 0 || sec.At > end || sec.Size > end-sec.At || i > 0 && compareSections(s.sections[i-1], sec) >= 0 {
			return ErrSnapshot
		}
	}
	return nil
}

func compareSections(a, b section) int {
	return cmp.Or(cmp.Compare(a.View, b.View), cmp.Compare(a.Number, b.Number))
}

// Head is what the writer said of the snapshot.
func (s *Snapshot) Head() []byte { return s.head }

// Sum tells the snapshot from others: it is that of its head and, through the sums of
// its sections, of all its rows.
func (s *Snapshot) Sum() uint32 { return s.sum }

// Bytes is how large a section is; 0: it is not there. Rows is how many it has.
func (s *Snapshot) Bytes(view, number int) (size int64, rows int64) {
	if i, found := s.find(view, number); found {
		return int64(s.sections[i].Size), int64(s.sections[i].Rows)
	}
	return 0, 0
}

func (s *Snapshot) find(view, number int) (int, bool) {
	return slices.BinarySearchFunc(s.sections, section{View: uint32(view), Number: uint32(number)}, compareSections)
}

// Section reads a section behind what stands in *buffer, as Shelf.Section does; nil
// where it is not there.
func (s *Snapshot) Section(view, number int, buffer *[]byte) ([]byte, error) {
	i, found := s.find(view, number)
	if !found {
		return nil, nil
	}
	sec := &s.sections[i]
	size := int(sec.Size)
	Reserve(buffer, size)
	from := len(*buffer)
	*buffer = (*buffer)[:from+size]
	b := (*buffer)[from:]
	if _, err := s.file.ReadAt(b, int64(sec.At)); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", s.name, err)
	}
	if uint64(crc32.Checksum(b, castagnoli)) != sec.Sum {
		return nil, s.Damaged()
	}
	return b, nil
}

// Damaged is the error that a section is not what was written.
func (s *Snapshot) Damaged() error {
	return fmt.Errorf("snapshot %s: %w; delete it, and the run reads the history whole", s.name, ErrSnapshot)
}

// Size is how many bytes all sections have together.
func (s *Snapshot) Size() (n int64) {
	for i := range s.sections {
		n += int64(s.sections[i].Size)
	}
	return n
}

// Close closes the file.
func (s *Snapshot) Close() error { return s.file.Close() }

// Each calls do with every section, in their order.
func (s *Snapshot) Each(do func(view, number, rows int) error) error {
	for i := range s.sections {
		if err := do(int(s.sections[i].View), int(s.sections[i].Number), int(s.sections[i].Rows)); err != nil {
			return err
		}
	}
	return nil
}

// SnapshotWriter writes a snapshot: sections in their order, then the head. Until
// Commit nothing stands under its name, and what stood there stays.
type SnapshotWriter struct {
	path     string
	file     *os.File // nil: the bytes go elsewhere, or all is done
	to       io.Writer
	at       uint64
	sections []section
}

// NewSnapshotWriter returns a writer whose bytes go elsewhere. It ends with Finish.
func NewSnapshotWriter(to io.Writer) (*SnapshotWriter, error) {
	w := &SnapshotWriter{to: to}
	return w, w.write([]byte(snapshotMagic))
}

// snapshotPartial ends the name of a snapshot that is not whole.
const snapshotPartial = ".partial"

// CreateSnapshot begins a snapshot that will be called path. What a run left that was
// killed is written over; that there is but one writer the caller sees to.
func CreateSnapshot(path string) (*SnapshotWriter, error) {
	f, err := os.Create(path + snapshotPartial)
	if err != nil {
		return nil, err
	}
	w := &SnapshotWriter{path: path, file: f, to: f}
	if err := w.write([]byte(snapshotMagic)); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *SnapshotWriter) write(b []byte) error {
	if _, err := w.to.Write(b); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	w.at += uint64(len(b))
	return nil
}

// Add writes a section, whose length is a multiple of eight. Sections come in the
// order of views and numbers.
func (w *SnapshotWriter) Add(view, number, rows int, b []byte) error {
	w.sections = append(w.sections, section{View: uint32(view), Number: uint32(number), Rows: uint64(rows), At: w.at, Size: uint64(len(b)), Sum: uint64(crc32.Checksum(b, castagnoli))})
	return w.write(b)
}

// Finish writes the head, and returns what Snapshot.Sum will, and how many bytes the
// snapshot has.
func (w *SnapshotWriter) Finish(head []byte) (sum uint32, size int64, err error) {
	t := tail{Mark: snapshotMark, HeadAt: w.at, HeadSize: uint64(len(head)), Sections: uint64(len(w.sections))}
	var b bytes.Buffer
	b.Write(head)
	b.Write(make([]byte, -len(head)&7))
	b.Write(bytesOf(w.sections))
	t.Sum = uint64(crc32.Checksum(b.Bytes(), castagnoli))
	t.Own = t.sum()
	b.Write(bytesOf([]tail{t}))
	err = w.write(b.Bytes())
	return uint32(t.Sum), int64(w.at), err
}

// Commit writes the head and gives the snapshot its name, in place of one that may
// have had it.
func (w *SnapshotWriter) Commit(head []byte) error {
	if _, _, err := w.Finish(head); err != nil {
		return err
	}
	// The bytes are on the disk before the name is, lest a machine that loses power
	// keep the name alone.
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	w.file = nil
	if err := os.Rename(w.path+snapshotPartial, w.path); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return syncFolder(filepath.Dir(w.path))
}

// syncFolder has a folder's names on the disk, where the system can be asked for it.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	d.Sync() // not every file system can; the name is there all the same
	return d.Close()
}

// Close removes what was not committed.
func (w *SnapshotWriter) Close() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Close(), os.Remove(w.path+snapshotPartial))
	w.file = nil
	return err
}
