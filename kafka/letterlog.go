package kafka

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// LetterLog is a file of the lines of a LetterFile that has no end: each letter stands
// behind those that were there, at once. Who goes on from a place before a crash writes
// letters again; those that the log still knows are not put there twice. Any goroutine
// may call it, so that two that follow the same topics share one.
type LetterLog struct {
	path string

	mu    sync.Mutex
	file  *os.File
	lasts bool // all that was written is on the disk
	known [2]map[letterSum]struct{}
}

// letterSum tells letters apart by their whole lines: a topic that was made anew has
// other ones at the same offsets.
type letterSum [16]byte

const (
	// lettersKnown is how many of the newest letters are known at least.
	lettersKnown = 1 << 17
	// letterTail is how much of the end of a file is read for what it knows: no start
	// waits for what a flood left there in all of a year.
	letterTail = 256 << 20
)

// letterBegin is how a line begins.
const letterBegin = `{"topic":`

// OpenLetterLog goes on with a file, or begins it. What a machine that lost its power
// left of a last line is taken away: its record is read again.
func OpenLetterLog(path string) (*LetterLog, error) {
	if at, err := os.Stat(path); err == nil && !at.Mode().IsRegular() {
		return nil, fmt.Errorf("dead letters %s: it is there and no file; name one that may be added to", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("dead letters %s: no file can be made there: %w", path, unnamed(err))
	}
	f := &LetterLog{path: path, file: file}
	f.known[0] = map[letterSum]struct{}{}
	if err := f.recall(letterTail); err != nil {
		return nil, errors.Join(fmt.Errorf("dead letters %s: %w", path, unnamed(err)), file.Close())
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync() // Not every file system can; the name is there all the same.
		d.Close()
	}
	return f, nil
}

// errNoLetters is that a file holds something else, which nobody wants added to.
var errNoLetters = errors.New("it is there and holds no dead letters; name another file")

// recall reads the last bytes of the file, of which it then knows the letters.
func (f *LetterLog) recall(most int64) error {
	at, err := f.file.Stat()
	if err != nil {
		return err
	}
	begin := make([]byte, min(at.Size(), int64(len(letterBegin))))
	if _, err := f.file.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix([]byte(letterBegin), begin) {
		return errNoLetters
	}
	from := max(0, at.Size()-most)
	lines := bufio.NewReaderSize(io.NewSectionReader(f.file, from, at.Size()-from), 1<<16)
	whole, sum := from, sha256.New() // whole: the end of the last line that has one
	for read, first := from, from > 0; ; {
		piece, err := lines.ReadSlice('\n')
		read += int64(len(piece))
		sum.Write(piece)
		switch {
		case err == nil:
			if !first { // which may be the rest of a line
				f.remember(sumOf(sum))
			}
			whole, first = read, false
			sum.Reset()
		case errors.Is(err, io.EOF) && whole == from && from > 0:
			return nil // One line is all of it; there is no telling where it began.
		case errors.Is(err, io.EOF) && read > whole:
			return f.file.Truncate(whole)
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func sumOf(h hash.Hash) (s letterSum) {
	copy(s[:], h.Sum(nil))
	return s
}

// remember knows a letter, and forgets old ones in time (I5 of features).
func (f *LetterLog) remember(s letterSum) {
	if len(f.known[0]) >= lettersKnown {
		f.known[0], f.known[1] = map[letterSum]struct{}{}, f.known[0]
	}
	f.known[0][s] = struct{}{}
}

// knows reports whether a letter is one of the newest.
func (f *LetterLog) knows(s letterSum) bool {
	_, now := f.known[0][s]
	_, before := f.known[1][s]
	return now || before
}

// Write appends a line, unless it is known. A line that does not fit leaves nothing.
func (f *LetterLog) Write(_ context.Context, l *Letter) error {
	line, err := l.line()
	if err == nil {
		err = f.append(line)
	}
	if err != nil {
		return fmt.Errorf("dead letters %s: %w", f.path, unnamed(err))
	}
	return nil
}

func (f *LetterLog) append(line []byte) error {
	h := sha256.Sum256(line)
	sum := letterSum(h[:])
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.knows(sum) {
		return nil
	}
	f.lasts = false
	if n, err := f.file.Write(line); err != nil {
		if at, failed := f.file.Stat(); failed == nil && n > 0 {
			err = errors.Join(err, f.file.Truncate(at.Size()-int64(n)))
		}
		return err
	}
	f.remember(sum)
	return nil
}

// Commit has all that was written on the disk.
func (f *LetterLog) Commit(context.Context) error {
	f.mu.Lock()
	lasts := f.lasts
	f.lasts = true
	f.mu.Unlock()
	if lasts {
		return nil
	}
	if err := f.file.Sync(); err != nil { // beside those who write
		f.mu.Lock()
		f.lasts = false
		f.mu.Unlock()
		return fmt.Errorf("dead letters %s: %w", f.path, unnamed(err))
	}
	return nil
}

// Close lets go of the file; what was written stays.
func (f *LetterLog) Close() error { return f.file.Close() }
