package sink

import (
	"context"
	"io"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store"
)

// What belongs beside an output, by the ends of the names.
const (
	ManifestSuffix    = ".manifest.json"
	ReportSuffix      = ".run.json"
	CertificateSuffix = ".certificate.json" // not of every run
)

// besides is all of them, the manifest first: what goes with an output that is replaced.
var besides = []string{ManifestSuffix, ReportSuffix, CertificateSuffix}

// Output is a sink whose result can be told, and gets its papers, once it is
// committed.
type Output interface {
	event.Sink
	// Written is the files of the output.
	Written() []Written
	// Attach puts a small file beside the output, the manifest last. Where that
	// fails the output is taken away again: it would be one that nobody can place.
	Attach(ctx context.Context, suffix string, data []byte) error
}

// Written is a file that was written. Path is within the output, with forward
// slashes; "" is the output itself.
type Written struct {
	Path   string `json:"path,omitempty"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	ETag   string `json:"etag,omitempty"` // of an object in a store
}

// maker makes one output in the place where it is to stand. The file system and a
// store of objects each have theirs; formats and folders know neither.
//
// Nothing is visible before commit (O2), and all of it after, the papers of what
// was replaced gone. After a commit that failed the old output stands with its
// own. close drops what was not committed and releases the output for other runs;
// it may be called at any time, and more than once.
type maker interface {
	commit(ctx context.Context) error
	attach(ctx context.Context, suffix string, data []byte) error
	close() error
	// identify adds what the place itself says of a file that was committed.
	identify(w *Written)
}

// fileMaker makes an output of one file out of the bytes that are written to it.
type fileMaker interface {
	maker
	io.Writer
}

// folderMaker makes an output of the files of a stage.
type folderMaker interface {
	maker
	files() *stage
}

// fileMaker begins the output's one file.
func (t *Target) fileMaker(ctx context.Context) (fileMaker, error) {
	if store.Is(t.path) {
		return t.storedFile(ctx)
	}
	return t.localFile()
}

// folderMaker begins the output's folder.
func (t *Target) folderMaker(ctx context.Context) (folderMaker, error) {
	if store.Is(t.path) {
		return t.storedFolder(ctx)
	}
	return t.localFolder()
}
