package features

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// File is where packed runs go that memory has no room for. Nobody else reads it.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// spill is the file of a state, in extents. What is written is never written over while
// somebody needs it; extents that nobody needs are used again. After the first error
// nothing that the state says can be believed, and the file is left alone.
type spill struct {
	open func() (File, error)
	file File // nil: nothing was written yet
	end  int64
	free []extent // in order of place; no two touch
	err  error

	block []byte // scratch: what is read or written
}

// extent is a stretch of the file.
type extent struct{ at, size int64 }

// extentUnit is what the size of an extent is a multiple of, as file systems give blocks.
const extentUnit = 4096

var (
	errSpillWrite = errors.New("write the temporary file of the state")
	errSpillRead  = errors.New("read the temporary file of the state")
	errSpillBytes = errors.New("it gave other bytes than were written")
	castagnoli    = crc32.MakeTable(crc32.Castagnoli)
)

// fail keeps the first error.
func (s *spill) fail(what, err error) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w", what, err)
	}
}

// write puts bytes into an extent that is free. false: it could not, and the state keeps
// them in memory.
func (s *spill) write(b []byte) (extent, bool) {
	if s.err != nil {
		return extent{}, false
	}
	if s.file == nil {
		f, err := s.open()
		if err != nil {
			s.fail(errSpillWrite, err)
			return extent{}, false
		}
		s.file = f
	}
	e := s.take((int64(len(b)) + extentUnit - 1) / extentUnit * extentUnit)
	if _, err := s.file.WriteAt(b, e.at); err != nil {
		s.fail(errSpillWrite, err)
		return extent{}, false
	}
	return e, true
}

// take is the first free extent that is large enough, or one behind all.
func (s *spill) take(size int64) extent {
	for i := range s.free {
		f := &s.free[i]
		if f.size < size {
			continue
		}
		e := extent{f.at, size}
		if f.at, f.size = f.at+size, f.size-size; f.size == 0 {
			s.free = slices.Delete(s.free, i, i+1)
		}
		return e
	}
	e := extent{s.end, size}
	s.end += size
	return e
}

// release says that nobody needs an extent. It is one with those that it touches.
func (s *spill) release(e extent) {
	i, _ := slices.BinarySearchFunc(s.free, e, func(a, b extent) int { return cmp.Compare(a.at, b.at) })
	if i < len(s.free) && e.at+e.size == s.free[i].at {
		e.size += s.free[i].size
		s.free = slices.Delete(s.free, i, i+1)
	}
	if i > 0 && s.free[i-1].at+s.free[i-1].size == e.at {
		s.free[i-1].size += e.size
		return
	}
	s.free = slices.Insert(s.free, i, e)
}

// read fills bytes from the file. false: it could not.
func (s *spill) read(b []byte, at int64) bool {
	if s.err != nil {
		return false
	}
	// A reader may say that the file ends, of the last bytes of it.
	if n, err := s.file.ReadAt(b, at); n < len(b) {
		s.fail(errSpillRead, cmp.Or(err, io.ErrUnexpectedEOF))
		return false
	}
	return true
}

// run reads one packed run, to be used until the next is read; nil where it could not.
func (s *spill) run(at stretch) []byte {
	s.block = slices.Grow(s.block[:0], int(at.size))[:at.size]
	if !s.read(s.block, at.place()) || !s.whole(s.block, at) {
		return nil
	}
	return s.block
}

// whole reports whether bytes are those that were written.
func (s *spill) whole(b []byte, at stretch) bool {
	if crc32.Checksum(b, castagnoli) != at.sum {
		s.fail(errSpillRead, errSpillBytes)
	}
	return s.err == nil
}

// filed is extents of the file, read whole.
type filed struct {
	extents []extent
	bytes   []byte
}

// all reads extents whole: one after the other, as that takes a disk far less time than
// their runs one by one. false: it could not.
func (s *spill) all(extents []extent) (f filed, ok bool) {
	size := int64(0)
	for _, e := range extents {
		size += e.size
	}
	f = filed{extents, make([]byte, size)}
	to := f.bytes
	for _, e := range extents {
		// The file may end within its last extent, of which not all was written.
		if n := min(e.size, s.end-e.at); s.err != nil || !s.readSome(to[:n], e.at) {
			return f, false
		}
		to = to[e.size:]
	}
	return f, true
}

// readSome is read where the file may end before.
func (s *spill) readSome(b []byte, at int64) bool {
	if _, err := s.file.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		s.fail(errSpillRead, err)
		return false
	}
	return true
}

// run is one packed run of extents that were read.
func (f *filed) run(at stretch) []byte {
	from := int64(0)
	for _, e := range f.extents {
		if p := at.place(); e.at <= p && p < e.at+e.size {
			return f.bytes[from+p-e.at:][:at.size]
		}
		from += e.size
	}
	panic("features: a packed run is in no extent of its group")
}

// close lets go of the file.
func (s *spill) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}
