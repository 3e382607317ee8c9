package kafka

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// LetterFile is a file of JSON lines, one a letter. It appears at Commit, whole, in
// the place of one that was there.
type LetterFile struct {
	path string
	file *os.File
	out  *bufio.Writer
	done bool
}

// letterPartial is behind the name of a file that is not whole yet.
const letterPartial = ".partial"

// NewLetterFile begins a file beside its place, so that a folder that is not there is
// an error before anything is read. It begins in the place of what a killed run has
// left: whoever calls it sees to it that no other run is at work on the same file.
func NewLetterFile(path string) (*LetterFile, error) {
	// What is no file would be replaced by one: /dev/null for all of the machine.
	if at, err := os.Stat(path); err == nil && !at.Mode().IsRegular() {
		return nil, fmt.Errorf("dead letters %s: it is there and no file; name one that may be replaced", path)
	}
	file, err := os.OpenFile(path+letterPartial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("dead letters %s: no file can be made there: %w", path, unnamed(err))
	}
	return &LetterFile{path: path, file: file, out: bufio.NewWriter(file)}, nil
}

// unnamed is an error without the path of a file that nobody asked for.
func unnamed(err error) error {
	var of *fs.PathError
	var both *os.LinkError
	switch {
	case errors.As(err, &of):
		return of.Err
	case errors.As(err, &both):
		return both.Err
	}
	return err
}

// letterLine is a letter as it stands in a file (docs/formats.md).
type letterLine struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	Offset    int64          `json:"offset"`
	Timestamp *string        `json:"timestamp"`
	Key       *string        `json:"key"`
	Reason    string         `json:"reason"`
	Value     string         `json:"value"`
	Headers   []letterHeader `json:"headers,omitempty"`
}

type letterHeader struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// line is the letter as a line of JSON.
func (l *Letter) line() ([]byte, error) {
	line := letterLine{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Key: coded(l.Key), Reason: l.Reason, Value: base64.StdEncoding.EncodeToString(l.Value)}
	if l.Timed {
		at := l.Timestamp.String()
		line.Timestamp = &at
	}
	for _, h := range l.Headers {
		line.Headers = append(line.Headers, letterHeader{h.Key, coded(h.Value)})
	}
	text, err := json.Marshal(line)
	return append(text, '\n'), err
}

// Write appends a line.
func (f *LetterFile) Write(_ context.Context, l *Letter) error {
	line, err := l.line()
	if err == nil {
		_, err = f.out.Write(line)
	}
	if err != nil {
		return fmt.Errorf("dead letters %s: %w", f.path, unnamed(err))
	}
	return nil
}

// Take appends the letters of another file.
func (f *LetterFile) Take(path string) error {
	of, err := os.Open(path)
	if err == nil {
		_, err = io.Copy(f.out, of)
		err = errors.Join(err, of.Close())
	}
	if err != nil {
		return fmt.Errorf("dead letters %s: %w", f.path, err)
	}
	return nil
}

// coded is bytes in base64, or null.
func coded(b []byte) *string {
	if b == nil {
		return nil
	}
	text := base64.StdEncoding.EncodeToString(b)
	return &text
}

// Commit puts the file in its place.
func (f *LetterFile) Commit(context.Context) error {
	err := cmp.Or(f.out.Flush(), f.file.Sync(), f.file.Close())
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("dead letters %s: %w", f.path, unnamed(err))
	}
	f.done = true
	return nil
}

// Close takes away what was not committed.
func (f *LetterFile) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	f.file.Close() // It is not wanted, so what it says does not matter.
	return os.Remove(f.file.Name())
}
