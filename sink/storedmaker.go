package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/timeseam/timeseam/store"
)

// storedFile makes one object. What is written goes there by parts, or at the
// commit where it is little.
type storedFile struct {
	*stored
	upload *store.Upload
}

func (t *Target) storedFile(ctx context.Context) (fileMaker, error) {
	s, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	u := s.bucket.Upload(ctx, s.base)
	s.pieces = []*piece{{key: s.base, commit: u.Commit, drop: u.Abort}}
	return &storedFile{s, u}, nil
}

func (f *storedFile) Write(p []byte) (int, error) {
	n, err := f.upload.Write(p)
	return n, taken(err)
}

func (f *storedFile) commit(ctx context.Context) error {
	if err := f.upload.Finish(); err != nil {
		return taken(err)
	}
	return f.stored.commit(ctx)
}

// storedFolder makes objects of the files of a stage, which lies where temporary
// files do: of many files that are unfinished at once, each would need memory for
// its parts. A file that is whole is sent and removed there; a small one waits for
// the commit.
type storedFolder struct {
	*stored
	ctx   context.Context // of the one writing that this is
	stage *stage
}

func (t *Target) storedFolder(ctx context.Context) (folderMaker, error) {
	s, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "timeseam-")
	if err != nil {
		return nil, fmt.Errorf("output %s: files are made in a temporary folder first: %w", t.path, err)
	}
	f := &storedFolder{stored: s, ctx: ctx, stage: newStage(dir)}
	f.stage.finished = f.finished
	return f, nil
}

func (f *storedFolder) files() *stage { return f.stage }

// finished takes a file over that is whole.
func (f *storedFolder) finished(w Written, file string) error {
	p := &piece{path: w.Path, key: f.base + w.Path}
	f.pieces = append(f.pieces, p)
	if w.Bytes < store.PartBytes {
		p.commit = func(ctx context.Context, when store.Condition) (string, error) {
			data, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			return f.bucket.Put(ctx, p.key, data, when)
		}
		return nil
	}
	u := f.bucket.Upload(f.ctx, p.key)
	p.commit, p.drop = u.Commit, u.Abort
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(u, in); err != nil {
		return taken(err)
	}
	if err := u.Finish(); err != nil {
		return taken(err)
	}
	return os.Remove(file)
}

func (f *storedFolder) close() error {
	f.stage.settle()
	return errors.Join(f.stored.close(), os.RemoveAll(f.stage.dir))
}
