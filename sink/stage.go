package sink

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// digest knows how many bytes went by, and which.
type digest struct {
	w    io.Writer
	n    int64
	hash hash.Hash
}

func newDigest(w io.Writer) *digest { return &digest{w: w, hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	d.hash.Write(p)
	n, err := d.w.Write(p)
	d.n += int64(n)
	return n, err
}

func (d *digest) written(path string, rows int64) Written {
	return Written{Path: path, Rows: rows, Bytes: d.n, SHA256: hex.EncodeToString(d.hash.Sum(nil))}
}

// stage is the folder in which the files of an output are made. One file is open
// at a time, however many are unfinished, so that neither memory nor the number of
// open files grows with them.
type stage struct {
	dir    string
	append func(name string) (io.WriteCloser, error)
	buffer *bufio.Writer
	active *part // the file that buffer belongs to
	open   io.WriteCloser
	done   []Written
	// finished is told of each file that is whole, by its name in the file system;
	// nil: nobody wants to know.
	finished func(w Written, file string) error
}

func newStage(dir string) *stage {
	return &stage{dir: dir, append: appendFile, buffer: bufio.NewWriterSize(nil, bufferBytes)}
}

func appendFile(name string) (io.WriteCloser, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
}

// file is where a part lies.
func (s *stage) file(path string) string { return filepath.Join(s.dir, filepath.FromSlash(path)) }

// part is a file of the stage.
type part struct {
	stage *stage
	path  string // in the stage, with slashes
	*digest
}

// create begins a file, in a folder of its own if need be.
func (s *stage) create(name string) (*part, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, filepath.FromSlash(path.Dir(name))), 0o777); err != nil {
		return nil, err
	}
	p := &part{stage: s, path: name}
	p.digest = newDigest(stageWriter{p})
	return p, s.activate(p)
}

// stageWriter writes to a part, wherever the stage was before.
type stageWriter struct{ *part }

func (w stageWriter) Write(b []byte) (int, error) {
	if err := w.stage.activate(w.part); err != nil {
		return 0, err
	}
	return w.stage.buffer.Write(b)
}

// activate opens p in place of the file that is open.
func (s *stage) activate(p *part) error {
	if s.active == p {
		return nil
	}
	if err := s.settle(); err != nil {
		return err
	}
	f, err := s.append(s.file(p.path))
	if err != nil {
		return err
	}
	s.open, s.active = f, p
	s.buffer.Reset(f)
	return nil
}

// settle writes out and closes the file that is open.
func (s *stage) settle() error {
	if s.active == nil {
		return nil
	}
	err := s.buffer.Flush()
	if e := s.open.Close(); err == nil {
		err = e
	}
	s.active, s.open = nil, nil
	return err
}

// finish puts p, with its rows, on the disk for good.
func (s *stage) finish(p *part, rows int64) error {
	if err := s.activate(p); err != nil {
		return err
	}
	err := s.buffer.Flush()
	if f, ok := s.open.(interface{ Sync() error }); ok && err == nil {
		err = f.Sync()
	}
	if err != nil {
		return err
	}
	s.done = append(s.done, p.written(p.path, rows))
	if err := s.settle(); err != nil || s.finished == nil {
		return err
	}
	return s.finished(s.done[len(s.done)-1], s.file(p.path))
}

// written is all files that are finished, by their names.
func (s *stage) written() []Written {
	slices.SortFunc(s.done, func(a, b Written) int { return strings.Compare(a.Path, b.Path) })
	return s.done
}

// rolling begins another file of one folder with the group after that in which a
// file reached its size.
type rolling struct {
	stage  *stage
	folder string // in the stage; "": the stage itself
	ending string
	size   int64 // 0: one file
	always bool  // there is a file even if there are no rows
	open   opener

	files int
	rows  int64 // of the file that is open
	part  *part // nil: none is open
	enc   encoder
}

func (r *rolling) encode(rec arrow.RecordBatch) error {
	if r.part == nil {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if err := r.enc.encode(rec); err != nil {
		return err
	}
	r.rows += rec.NumRows()
	if r.size > 0 && r.part.n >= r.size {
		return r.end()
	}
	return nil
}

func (r *rolling) begin() (err error) {
	name := path.Join(r.folder, fmt.Sprintf("part-%05d%s", r.files, r.ending))
	if r.part, err = r.stage.create(name); err != nil {
		return err
	}
	r.files++
	r.enc, err = r.open(r.part)
	return err
}

func (r *rolling) end() error {
	if err := r.enc.finish(); err != nil {
		return err
	}
	err := r.stage.finish(r.part, r.rows)
	r.part, r.enc, r.rows = nil, nil, 0
	return err
}

func (r *rolling) finish() error {
	if r.part == nil && r.files == 0 && r.always {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if r.part == nil {
		return nil
	}
	return r.end()
}
