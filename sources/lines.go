package sources

import (
	"bytes"
	"fmt"
	"io"
)

// recordMost is the most bytes that one record, a line or a row over several, may
// have. What is longer is no table but a file without ends of lines, or with a
// quote that nothing closes.
const recordMost = 64 << 20

// lineReader holds a piece of a file in memory and gives out its lines. The piece
// grows only while one record does not fit.
type lineReader struct {
	r     io.Reader
	buf   []byte
	at    int   // of the next byte in buf
	end   int   // of what was read
	line  int64 // number of the line at at, from 1
	given int64 // bytes that were given out
	eof   bool
	most  int // recordMost, but in tests
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: make([]byte, 256<<10), line: 1, most: recordMost}
}

// take gives out the next bytes.
func (l *lineReader) take(size int) {
	l.at += size
	l.given += int64(size)
}

// rest is what is at hand and not yet given out.
func (l *lineReader) rest() []byte { return l.buf[l.at:l.end] }

// more reads on until there is more at hand. false: there is no more. It moves
// what is at hand, so that slices of it are void.
func (l *lineReader) more() (bool, error) {
	if l.eof {
		return false, nil
	}
	if l.end-l.at >= l.most {
		return false, fmt.Errorf("line %d: it is longer than %d MiB, and no record is; look for a quote that is not closed, or ends of lines that are missing", l.line, l.most>>20)
	}
	copy(l.buf, l.buf[l.at:l.end])
	l.at, l.end = 0, l.end-l.at
	if l.end > len(l.buf)/2 {
		grown := make([]byte, 2*len(l.buf))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	before := l.end
	for l.end < len(l.buf) {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if err == io.EOF {
			l.eof = true
			break
		}
		if err != nil && l.line == 1 {
			return false, err
		}
		if err != nil {
			return false, fmt.Errorf("after line %d: %w", l.line-1, err)
		}
	}
	return l.end > before, nil
}

// peek returns the next line without its end and its size with it, or io.EOF. The
// line stays at hand until the caller takes it, and is valid until the next call.
func (l *lineReader) peek() (line []byte, size int, err error) {
	for from := 0; ; {
		rest := l.rest()
		if i := bytes.IndexByte(rest[from:], '\n'); i >= 0 {
			return withoutCR(rest[:from+i]), from + i + 1, nil
		}
		from = len(rest)
		more, err := l.more()
		switch {
		case err != nil:
			return nil, 0, err
		case more:
		case from == 0:
			return nil, 0, io.EOF
		default:
			rest = l.rest()
			return withoutCR(rest), len(rest), nil
		}
	}
}

func withoutCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
