package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/timetravel"
)

// snapshotsFlag names the folder in which runs of one interval after the other leave
// what the next begins with.
const snapshotsFlag = "snapshots"

// What snapshots are called: the training set, its meaning, the instant.
const (
	snapshotSuffix = ".snapshot"
	snapshotForm   = "2006-01-02T150405.999999Z"
	// snapshotsKept is how many of the latest stay, beside the one that was written
	// and the one that it began with.
	snapshotsKept = 2
	// snapshotFilesTold is how many files an error names.
	snapshotFilesTold = 3
)

// seam is where a run begins, and what it leaves.
type seam struct {
	timetravel.Seam
	dir, prefix string
	named       map[string]map[string]snapshotFile // by source: the files that the snapshot stands for
	left        *shelf.SnapshotWriter              // Seam.After; nil: none is begun
	unlock      func() error
}

// snapshotHead is what a snapshot says of itself; docs/formats.md has it.
type snapshotHead struct {
	Timeseam    string                `json:"timeseam"`
	Definition  string                `json:"definition"`
	TrainingSet string                `json:"training_set"`
	Digest      string                `json:"digest"`
	Meaning     string                `json:"meaning"` // of the digest, the visibility, and how files are read
	At          event.Time            `json:"at"`
	Inputs      []snapshotInput       `json:"inputs"`
	Views       []timetravel.SeamView `json:"views"`
}

// snapshotInput is a source and those of its files that the snapshot stands for.
type snapshotInput struct {
	Source string         `json:"source"`
	Files  []snapshotFile `json:"files"`
}

// snapshotFile is a file as it was read. A file in a folder that bounds its rows'
// times, Bound, is asked for only as long as some question reaches the folder.
type snapshotFile struct {
	Path    string         `json:"path"` // within the table
	Version string         `json:"version"`
	Bound   *[2]event.Time `json:"bound,omitempty"` // from the first up to but without the second
}

// within reports whether a file may have rows with a time in a span.
func (f *snapshotFile) within(s event.Span) bool {
	return f.Bound == nil || event.Span{From: f.Bound[0], To: f.Bound[1]}.Meets(s)
}

// meaning is what two runs must have in common for one to begin with what the other
// left: what values mean, when events are known, and how bytes of files become rows.
func meaning(plan *features.Plan) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %v\n", plan.Digest(), visibilityOf(plan.TrainingSet))
	for _, i := range plan.Inputs {
		s := i.Source
		if s.Dimension != nil {
			continue
		}
		t := s.History
		fmt.Fprintf(h, "%s arrival %q lateness %d format %q %d %d %t %q\n", s.Name.Value, s.Arrival.Value, s.LatenessMicros(), t.Format, t.Delimiter, t.Quote, t.Headless, t.Null)
		for _, f := range s.Fields {
			fmt.Fprintf(h, "%s %s %q\n", f.Name.Value, f.Type, f.History.Value)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

// snapshotsDir checks what is said of snapshots against what is said of the output.
func snapshotsDir(dir string, t *sink.Target) error {
	switch {
	case dir == "":
		return nil
	case t == nil || t.Interval == nil:
		return wrongf("--%s needs an interval that begins where another ended; give --data-interval-start and --data-interval-end, and a folder for the output", snapshotsFlag)
	case store.Is(dir):
		return errSnapshotsStored(dir)
	}
	out, err := filepath.Abs(t.Place.Path)
	there, err2 := filepath.Abs(dir)
	if rel, err3 := filepath.Rel(out, there); !store.Is(t.Place.Path) && errors.Join(err, err2, err3) == nil && filepath.IsLocal(rel) {
		return wrongf("--%s %s is in the output, whose readers take all that is there for rows; name a folder elsewhere", snapshotsFlag, dir)
	}
	return nil
}

func errSnapshotsStored(dir string) error {
	return wrongf("--%s %s: snapshots are read section by section from a disk; name a folder of this machine, on a volume that outlives it where runs change machines", snapshotsFlag, dir)
}

// openSeam opens the snapshot that an interval can begin with, if there is one, and
// holds it against the files that are there.
func openSeam(dir string, v *sink.Interval, plan *features.Plan, in *inputs) (*seam, error) {
	m := meaning(plan)
	s := &seam{dir: dir, prefix: plan.TrainingSet.Name.Value + "-" + m[:16] + "-", named: map[string]map[string]snapshotFile{}, unlock: func() error { return nil }}
	s.Interval = event.Span{From: v.Start, To: v.End}
	at := s.path(v.Start)
	before, err := shelf.OpenSnapshot(at)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil && !errors.Is(err, shelf.ErrSnapshot) {
		return nil, wrongf("--%s: %w", snapshotsFlag, err)
	}
	if err == nil {
		s.Before = before
		err = s.begin(m, plan, in)
	}
	if err != nil {
		return nil, wrongf("snapshot %s: %w; delete it, and the run reads the history whole", at, errors.Join(err, s.Close()))
	}
	return s, nil
}

// path is what the snapshot at an instant is called.
func (s *seam) path(at event.Time) string {
	return filepath.Join(s.dir, s.prefix+time.UnixMicro(int64(at)).UTC().Format(snapshotForm)+snapshotSuffix)
}

// begin reads the snapshot's head and holds the files that it names against those that
// are there.
func (s *seam) begin(m string, plan *features.Plan, in *inputs) error {
	var head snapshotHead
	if err := json.Unmarshal(s.Before.Head(), &head); err != nil {
		return shelf.ErrSnapshot
	}
	if head.Meaning != m || head.At != s.Interval.From {
		return fmt.Errorf("it is of another definition, or of %s", head.At)
	}
	s.Views = head.Views
	var changed []string
	for _, i := range head.Inputs {
		at := slices.IndexFunc(plan.Inputs, func(p features.Input) bool { return p.Source.Name.Value == i.Source })
		if at < 0 {
			return fmt.Errorf("it has source %s, which the definition has not", i.Source)
		}
		changed = append(changed, s.changes(plan, at, in, i.Files)...)
	}
	if n := len(changed); n > snapshotFilesTold {
		changed = append(changed[:snapshotFilesTold], fmt.Sprintf("%d more", n-snapshotFilesTold))
	}
	if len(changed) > 0 {
		return fmt.Errorf("the history before it has changed: %s", strings.Join(changed, ", "))
	}
	return nil
}

// changes notes which files of a source the snapshot stands for, and names those that
// are gone or were written again.
func (s *seam) changes(plan *features.Plan, input int, in *inputs, files []snapshotFile) (changed []string) {
	source := plan.Inputs[input].Source
	there, named := in.histories[source.Name.Value], map[string]snapshotFile{}
	s.named[source.Name.Value] = named
	now := map[string]*sources.File{}
	for f := range there.Files {
		now[fileWithin(there.Path, there.Files[f].Path)] = &there.Files[f]
	}
	reach := source.Fetched(timetravel.Reach(plan, input, s.Interval, false))
	for _, f := range files {
		named[f.Path] = f
		if !f.within(reach) {
			continue // no run would read it any more
		}
		switch file := now[f.Path]; {
		case file == nil:
			changed = append(changed, fmt.Sprintf("%s of source %s is gone", f.Path, source.Name.Value))
		case file.Version() != f.Version:
			changed = append(changed, fmt.Sprintf("%s of source %s was written again", file.Path, source.Name.Value))
		}
	}
	return changed
}

// fileWithin is a file's path as seen from the folder that its table's path names, or,
// of a pattern, from the one above what varies. Two files of a table have two.
func fileWithin(table, file string) string {
	root := filepath.ToSlash(table)
	if i := strings.IndexAny(root, "*?["); i >= 0 {
		root = path.Dir(root[:i] + "x")
	}
	if rel, ok := strings.CutPrefix(filepath.ToSlash(file), strings.TrimSuffix(root, "/")+"/"); ok {
		return rel
	}
	return path.Base(filepath.ToSlash(file))
}

// rest is a source's table without the files that the snapshot stands for.
func (s *seam) rest(in *inputs, source string, t *sources.Table) *sources.Table {
	named := s.named[source]
	if len(named) == 0 {
		return t
	}
	in.rest[source] = t.WithoutFiles(func(f *sources.File) bool {
		_, is := named[fileWithin(t.Path, f.Path)]
		return is
	})
	return in.rest[source]
}

// leave begins the snapshot that the run will leave.
func (s *seam) leave() error {
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return wrongf("--%s: %w", snapshotsFlag, err)
	}
	to := s.path(s.Interval.To)
	unlock, err := sink.Lock(to + ".lock")
	if err != nil {
		return fmt.Errorf("--%s %s: %w", snapshotsFlag, s.dir, err)
	}
	s.unlock = unlock
	if s.left, err = shelf.CreateSnapshot(to); err != nil {
		return fmt.Errorf("--%s %s: %w", snapshotsFlag, s.dir, err)
	}
	s.After = s.left
	return nil
}

// commit gives the snapshot its name, once all that the run makes is there.
func (s *seam) commit(plan *features.Plan, in *inputs) error {
	head := snapshotHead{Timeseam: version, Definition: plan.Definition.Name.Value, TrainingSet: plan.TrainingSet.Name.Value, Digest: plan.Digest(), Meaning: meaning(plan),
		At: s.Interval.To, Inputs: []snapshotInput{}, Views: s.Left}
	for i, input := range plan.Inputs {
		if input.Source.Dimension == nil {
			head.Inputs = append(head.Inputs, snapshotInput{input.Source.Name.Value, s.files(plan, i, in)})
		}
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if err := s.left.Commit(text); err != nil {
		return err
	}
	return s.sweepOut()
}

// files is what the snapshot that is left stands for of a source: what it began with
// and what was read, but for what no question from then on reaches.
func (s *seam) files(plan *features.Plan, input int, in *inputs) []snapshotFile {
	source := plan.Inputs[input].Source
	later := source.Fetched(timetravel.Reach(plan, input, event.Span{From: s.Interval.To, To: event.MaxTime}, false))
	all := []snapshotFile{}
	add := func(f snapshotFile) {
		if f.within(later) {
			all = append(all, f)
		}
	}
	for _, f := range s.named[source.Name.Value] {
		add(f)
	}
	t := in.read(source.Name.Value)
	for i := range t.Files {
		f := snapshotFile{Path: fileWithin(t.Path, t.Files[i].Path), Version: t.Files[i].Version()}
		if span, ok := t.Files[i].Folder(); ok {
			f.Bound = &[2]event.Time{span.From, span.To}
		}
		add(f)
	}
	slices.SortFunc(all, func(a, b snapshotFile) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// sweepOut removes snapshots of the same meaning that no interval will ask for if
// intervals follow one another, and what killed runs have left of others.
func (s *seam) sweepOut() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var whole []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case !strings.HasPrefix(name, s.prefix):
		case strings.HasSuffix(name, snapshotSuffix):
			whole = append(whole, name)
		case strings.HasSuffix(name, snapshotSuffix+".partial"):
			s.removeLeft(strings.TrimSuffix(name, ".partial"))
		}
	}
	for _, name := range whole[:max(len(whole)-snapshotsKept, 0)] {
		if at := filepath.Join(s.dir, name); at != s.path(s.Interval.From) && at != s.path(s.Interval.To) {
			if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove an old snapshot: %w", err)
			}
		}
	}
	return nil
}

// removeLeft removes what is left of a snapshot that nobody is writing.
func (s *seam) removeLeft(name string) {
	at := filepath.Join(s.dir, name)
	if unlock, err := sink.Lock(at + ".lock"); err == nil {
		os.Remove(at + ".partial")
		unlock()
	}
}

// Close lets go of the snapshots; what was not committed is gone.
func (s *seam) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.Before != nil {
		errs = append(errs, s.Before.Close())
	}
	if s.left != nil {
		errs = append(errs, s.left.Close())
	}
	return errors.Join(append(errs, s.unlock())...)
}

// snapshotEntry is what a manifest, or explain, says of where a run began.
type snapshotEntry struct {
	// Began is at which instant; nil: there was no snapshot, and histories were read
	// whole.
	Began *time.Time `json:"began_at"`
	Sum   string     `json:"crc32c,omitempty"` // of its head and sums
	Files int        `json:"files"`            // that it stands for
	Bytes int64      `json:"bytes"`            // of its sections
}

// entry is what is said of the seam; nil where there is none.
func (s *seam) entry() *snapshotEntry {
	if s == nil {
		return nil
	}
	e := &snapshotEntry{}
	if s.Before != nil {
		began := instant(s.Interval.From)
		e.Began, e.Sum, e.Bytes = &began, fmt.Sprintf("%08x", s.Before.Sum()), s.Before.Size()
	}
	for _, files := range s.named {
		e.Files += len(files)
	}
	return e
}

// words says where a run begins.
func (e *snapshotEntry) words() string {
	if e.Began == nil {
		return "none of this definition at the interval's start; the history is read whole"
	}
	return fmt.Sprintf("of %s, %s, in place of %s", e.Began.Format(time.RFC3339Nano), sizeWords(e.Bytes), plural(e.Files, "file"))
}
