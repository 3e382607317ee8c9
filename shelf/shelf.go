package shelf

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/timeseam/timeseam/features/event"
)

// Shelf keeps pieces until they are asked for: in memory as long as there is room,
// and the others in a file. Which way a piece went can be seen in nothing but
// time. It may be used from several goroutines.
type Shelf struct {
	open func() (File, error)
	room int64        // bytes that pieces may take in memory
	held atomic.Int64 // and take

	begin  sync.Once
	file   File
	failed error
	end    atomic.Int64 // of what was written
	spare  sync.Pool    // of packers
	sums   bool         // what is written is summed, for who finds it again
}

// ErrFile is that the file for what memory does not hold took no more.
var ErrFile = errors.New("write a temporary file")

// File is what does not fit into memory. Nobody else reads it.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// New returns a shelf that has room for so many bytes in memory, about; more goes
// to the file that open makes, when it is first needed. Without open there is no
// end to the room.
func New(room int64, open func() (File, error)) *Shelf {
	if open == nil {
		room = math.MaxInt64
	}
	return &Shelf{room: room, open: open}
}

// Stored is a piece on a shelf, cut into sections that are asked for one by one:
// partitions, or blocks of the output.
type Stored struct {
	starts []int32 // section s is rows starts[s] to starts[s+1]-1
	piece  Piece   // where it is in memory
	size   int64   // that it takes there alone
	shared *common // and with others; nil: nothing, or it was dropped
	at     []int64 // where its sections lie in the file, and their end; nil: it is in memory
	shape  shape
	sum    uint32 // of its bytes in the file, where the shelf sums them
}

// Len is how many rows a section has.
func (k *Stored) Len(section int) int { return int(k.starts[section+1] - k.starts[section]) }

// Bytes is how many bytes a section has in the file.
func (k *Stored) Bytes(section int) int64 {
	if k.at == nil {
		return 0
	}
	return k.at[section+1] - k.at[section]
}

// common is what pieces share: it is held until the last of them is dropped.
type common struct {
	size int64
	left atomic.Int32
}

// Put takes a piece over, of which nobody else may write to a vector. Section s is
// its rows starts[s] to starts[s+1]-1.
func (s *Shelf) Put(p Piece, starts []int32) (Stored, error) {
	k, err := s.PutAll([]Piece{p}, [][]int32{starts})
	return k[0], err
}

// PutAll takes over pieces that share dictionaries, which take memory once. All stay
// there or none does.
func (s *Shelf) PutAll(pieces []Piece, starts [][]int32) ([]Stored, error) {
	each, dicts := sizes(pieces)
	all := dicts
	for _, n := range each {
		all += n
	}
	room, shared := s.take(all), &common{size: dicts}
	shared.left.Store(int32(len(pieces)))
	stored := make([]Stored, len(pieces))
	for i := range pieces {
		k := &stored[i]
		*k = Stored{starts: starts[i], shape: shapeOf(&pieces[i])}
		if room {
			k.piece, k.size, k.shared = pieces[i], each[i], shared
		} else if err := s.write(k, &pieces[i]); err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// take reserves memory, if there is room.
func (s *Shelf) take(n int64) bool {
	for {
		held := s.held.Load()
		if held+n > s.room {
			return false
		}
		if s.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// Drop lets go of a piece.
func (s *Shelf) Drop(k *Stored) {
	if k.shared != nil {
		s.held.Add(-k.size)
		if k.shared.left.Add(-1) == 0 {
			s.held.Add(-k.shared.size)
		}
	}
	*k = Stored{}
}

// write puts a piece's sections into the file, one behind the other.
func (s *Shelf) write(k *Stored, p *Piece) error {
	if s.begin.Do(func() { s.file, s.failed = s.open() }); s.failed != nil {
		return fmt.Errorf("make a temporary file: %w", s.failed)
	}
	w, _ := s.spare.Get().(*packer)
	if w == nil {
		w = new(packer)
	}
	defer s.spare.Put(w)
	w.b = w.b[:0]
	k.at = make([]int64, len(k.starts))
	for i := range len(k.starts) - 1 {
		k.at[i] = int64(len(w.b))
		if k.Len(i) > 0 {
			w.section(p, int(k.starts[i]), int(k.starts[i+1]))
		}
	}
	k.at[len(k.at)-1] = int64(len(w.b))
	if s.sums {
		k.sum = crc32.Checksum(w.b, castagnoli)
	}
	from := s.end.Add(int64(len(w.b))) - int64(len(w.b))
	for i := range k.at {
		k.at[i] += from
	}
	if _, err := s.file.WriteAt(w.b, from); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

// Section returns one section of a piece. What it reads from the file stands in
// *buffer behind what is there; who wants several at once reserves their bytes
// before. The caller writes to no vector.
func (s *Shelf) Section(k *Stored, i int, buffer *[]byte) (Piece, error) {
	return s.SectionIn(k, i, buffer, nil)
}

// SectionIn is Section with the columns of a piece in memory behind those in *columns,
// if these have room. What they name is held for as long as they are.
func (s *Shelf) SectionIn(k *Stored, i int, buffer *[]byte, columns *[]event.Column) (Piece, error) {
	if k.Len(i) == 0 {
		return Piece{}, nil
	}
	if k.at == nil {
		return k.piece.slice(int(k.starts[i]), int(k.starts[i+1]), columns), nil
	}
	size := int(k.Bytes(i))
	Reserve(buffer, size)
	from := len(*buffer)
	*buffer = (*buffer)[:from+size]
	b := (*buffer)[from:]
	if _, err := s.file.ReadAt(b, k.at[i]); err != nil {
		return Piece{}, fmt.Errorf("read a temporary file back: %w", err)
	}
	u := unpacker{b: b}
	return u.section(&k.shape), nil
}

// Reserve makes room for n more bytes behind those of *b, at a multiple of eight.
// What was read before keeps its own memory.
func Reserve(b *[]byte, n int) {
	if cap(*b)-len(*b) >= n {
		return
	}
	words := make([]uint64, (n+7)/8)
	*b = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))[:0]
}

// Close ends the file; what is on the shelf is gone.
func (s *Shelf) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file, s.failed = nil, errors.New("the run is over")
	return err
}
