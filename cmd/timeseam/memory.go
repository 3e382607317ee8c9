package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// What a run takes beside what lies on its shelf: the program and its readers, what
// a worker has in hands, and the groups of rows that the sink holds. Measured on
// the workloads of the benchmark.
const (
	memoryFixed  = 44 << 20
	memoryWorker = 12 << 20
	memoryGroups = 3 * 122_880 // rows
	// memoryRecords is what a worker holds of a topic that it reads (kafka.Reading.Held).
	memoryRecords = 12 << 20
	memoryBlock   = 65_536 // rows that are computed together on their way to the sink
	// collected is how much a heap grows before it is collected, and what is lost
	// between its objects.
	collected = 1.2
	// memoryLeast is the least that a run can be asked to make do with.
	memoryLeast = 96 << 20
	// memoryUnknown is taken for the machine's memory where nothing tells it.
	memoryUnknown = 4 << 30
)

// memoryLimit is what --memory says; without it half of what the machine or its
// container has.
func memoryLimit(text string) (int64, error) {
	if text == "" {
		return machineMemory("/") / 2, nil
	}
	n, err := byteSize(text)
	if err != nil || n < memoryLeast {
		return 0, wrongf("--memory %s; write a number of bytes with its unit, KiB, MiB or GiB, from 96MiB on, such as 2GiB", text)
	}
	return n, nil
}

// machineMemory is the least of what the machine has and what the container's
// control group allows, both as Linux tells them under root.
func machineMemory(root string) int64 {
	least := int64(math.MaxInt64)
	for _, path := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(filepath.Join(root, path)); err == nil {
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "proc/meminfo")); err == nil {
		var kib int64
		if _, rest, ok := strings.Cut(string(text), "MemTotal:"); ok {
			if _, err := fmt.Sscan(rest, &kib); err == nil && kib > 0 {
				least = min(least, kib<<10)
			}
		}
	}
	if least == math.MaxInt64 {
		return memoryUnknown
	}
	return least
}

// keep is where a run keeps what it took in, within its memory.
type keep struct {
	shelf   *shelf.Shelf
	hands   int64          // bytes for the partitions that are worked on
	beside  int64          // and for all that is neither these nor on the shelf
	writing int64          // of which those for writing, which comes when no partition is worked on
	journal *shelf.Journal // nil: nobody will go on from this run
	over    bool           // the run has come to its end
	unlock  func() error   // of the journal's folder, where the output's lock is not enough
	undo    func()
}

// newKeep divides the memory of a run. Half of what is left beside program,
// workers and sink is for partitions, and what the sink will have; the rest
// is the shelf's.
func (j *backfillJob) newKeep(plan *features.Plan, in *inputs, begun *seam) (*keep, error) {
	if j.memory == 0 {
		j.memory = machineMemory("/") / 2
	}
	if err := j.tryTemporary(); err != nil {
		return nil, err
	}
	standing, writing := besideBytes(plan, in.spines[j.set].Estimate(), j.workers)
	if len(in.streams) > 0 {
		standing += memoryRecords * int64(j.workers)
	}
	k := &keep{beside: standing + writing, writing: writing, unlock: func() error { return nil }, undo: func() {}}
	if j.memory < k.beside {
		return nil, wrongf("--memory %dMiB; what the run holds beside events, questions and answers takes %dMiB: its output's groups of rows, where its questions lie and the program; give more", j.memory>>20, k.beside>>20+1)
	}
	left := int64(float64(j.memory-k.beside) / collected)
	k.hands = max(left/2+int64(float64(writing)/collected), memoryWorker*int64(j.workers))
	if err := j.resumed(k, plan, in, begun); err != nil {
		return nil, err
	}
	if k.shelf == nil {
		k.shelf = shelf.New(left-left/2, j.temporary)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		limit := debug.SetMemoryLimit(j.memory)
		k.undo = func() { debug.SetMemoryLimit(limit) }
	}
	return k, nil
}

// besideBytes is what a run of so many questions holds beside them, events and answers:
// from its beginning, and once it writes. Groups that the sink holds and blocks on their
// way there are no more than there are rows, which of a grid nobody can tell.
func besideBytes(plan *features.Plan, rows int64, workers int) (standing, writing int64) {
	row := int64(0)
	for _, o := range plan.Outputs {
		row += timetravel.HeldBytes(o.Type)
	}
	// A worker has a block and its answers in hands, and one is being written, whose
	// vectors the next block gets.
	groups, blocks := int64(memoryGroups), memoryBlock*int64(2*workers+2)
	if plan.Queries.Grid == nil {
		groups, blocks = min(groups, rows), min(blocks, rows)
	}
	return memoryFixed + memoryWorker*int64(workers) + rows*timetravel.HeldBits(plan)/8, (groups + blocks) * row
}

// questionBytes is what a question takes on the shelf, until it was asked and then until
// it is written: instants and flags, columns that are computed or asked for, and by key
// its hash, with the row and the instant once more where it is sorted.
func questionBytes(plan *features.Plan) (asking, writing int64) {
	writing = 10
	for _, c := range plan.Queries.Columns {
		writing += timetravel.HeldBytes(c.Type)
	}
	return writing + int64(len(plan.Queries.Keys))*(keyBytes+12), writing
}

// close lets go of everything. What another run may go on from stays.
func (k *keep) close() {
	k.shelf.Close()
	if k.journal != nil {
		k.journal.Close(k.over)
	}
	k.unlock()
	k.undo()
}

// errTakeUp is that of a run that was interrupted and can be taken up.
var errTakeUp = errors.New("the run can be taken up")

// explained says of a run that was too large for its memory what would do.
func (k *keep) explained(err error) error {
	var hot *timetravel.TooHot
	if !errors.As(err, &hot) {
		if errors.Is(err, shelf.ErrFile) {
			return fmt.Errorf("%w; name a folder with more room by --temp-dir, or give more --memory", err)
		}
		if k.journal != nil && errors.Is(err, context.Canceled) {
			return errors.Join(err, errTakeUp)
		}
		return err
	}
	least := k.beside + 2*max(int64(collected*float64(hot.Bytes))-k.writing, 0)
	return fmt.Errorf("%w; run again with --memory %dMiB, or leave such keys out with where", err, least>>20+1)
}

// folder is where temporary files are made; "": where the system has them.
func (j *backfillJob) folder() string {
	if j.tempDir != "" || j.target == nil || strings.Contains(j.target.Path(), "://") {
		return j.tempDir
	}
	return filepath.Dir(filepath.Clean(j.target.Path()))
}

// tryTemporary tells of a folder for temporary files that takes none before there is
// work to lose.
func (j *backfillJob) tryTemporary() error {
	if j.tempDir == "" || j.resume {
		return nil
	}
	f, err := j.temporary()
	if err != nil {
		if path := new(fs.PathError); errors.As(err, &path) {
			err = path.Err
		}
		return wrongf("--temp-dir %s: no file can be made there: %w", j.tempDir, err)
	}
	return f.Close()
}

// temporary makes the file for what memory does not hold. Its name is gone at once,
// so that nothing is left of it however the run ends.
func (j *backfillJob) temporary() (shelf.File, error) {
	f, err := os.CreateTemp(j.folder(), ".timeseam-*.spill")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// resumeSuffix ends the name of the folder from which a run can be taken up.
const resumeSuffix = ".resume"

var errNoFolder = wrongf("--resume needs a folder for what the run writes down; say --temp-dir, or write a file of this machine")

// resumable reports whether there is a folder for what a run writes down.
func (j *backfillJob) resumable() bool {
	return j.target != nil && (!strings.Contains(j.target.Path(), "://") || j.tempDir != "")
}

// resumed opens the journal of a run that is to be taken up, or that one may be taken
// up from. A run that is not to be removes what one before it has left.
func (j *backfillJob) resumed(k *keep, plan *features.Plan, in *inputs, begun *seam) error {
	if !j.resumable() {
		if j.resume {
			return errNoFolder
		}
		return nil
	}
	dir, err := j.resumeFolder()
	if err != nil {
		return err
	}
	if j.tempDir != "" && j.resume {
		// Outputs in a store have no lock, and a folder that two runs wrote to would mix
		// their values.
		if err := os.MkdirAll(j.tempDir, 0o777); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		if k.unlock, err = sink.Lock(dir + ".lock"); err != nil {
			k.unlock = func() error { return nil }
			return fmt.Errorf("--resume: for output %s in --temp-dir %s: %w", j.target.Path(), j.tempDir, err)
		}
	}
	if !j.resume {
		return os.RemoveAll(dir)
	}
	identity, err := json.Marshal(j.identified(plan, in, begun))
	if err != nil {
		return errors.Join(err, k.unlock())
	}
	if k.shelf, k.journal, _, err = shelf.Open(dir, identity); err != nil {
		return errors.Join(fmt.Errorf("--resume: %w", err), k.unlock())
	}
	return nil
}

// resumeFolder is where a run can be taken up from: beside its output, or in --temp-dir
// under a name that is that output's alone, from whichever folder it is named.
func (j *backfillJob) resumeFolder() (string, error) {
	out := j.target.Path()
	if j.tempDir == "" && j.target.Interval != nil {
		// It is no interval of the folder, and none of its readers' business.
		return filepath.Join(filepath.Dir(out), "_"+filepath.Base(out)+resumeSuffix), nil
	}
	if j.tempDir == "" {
		return filepath.Clean(out) + resumeSuffix, nil
	}
	if !strings.Contains(out, "://") {
		var err error
		if out, err = filepath.Abs(out); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256([]byte(out))
	return filepath.Join(j.tempDir, fmt.Sprintf("timeseam-%x%s", sum[:8], resumeSuffix)), nil
}

// identity is what two runs must have in common for one to go on from the other:
// release and machine, whose words the pieces are made of, the meaning, every file as
// it is, up to when each source is complete, which marks without rows tell, and of
// streams the records that were there.
type identity struct {
	Release, System string
	Set, Digest     string
	Definition      [sha256.Size]byte
	Interval        *sink.Interval
	Complete        map[string]event.Time
	Snapshot        *snapshotEntry
	Files           []string
	Streams         []string                // the sources whose streams are read
	Ranges          map[string]*streamEntry // as --ranges names them
	Topics          map[string]*streamEntry // as the first of the runs found them
}

func (j *backfillJob) identity(plan *features.Plan, in *inputs) identity {
	id := identity{Release: version, System: runtime.GOOS + "/" + runtime.GOARCH, Set: j.set, Digest: plan.Digest(), Complete: in.untils(in.complete(plan, j.complete)), Interval: j.target.Interval}
	if text, err := os.ReadFile(j.spec); err == nil {
		id.Definition = sha256.Sum256(text)
	}
	tables := []*sources.Table{in.spines[j.set]}
	for _, i := range plan.Inputs {
		tables = append(tables, in.histories[i.Source.Name.Value])
	}
	for _, t := range tables {
		for f := range t.Files {
			id.Files = append(id.Files, t.Files[f].Path+" "+t.Files[f].Version())
		}
	}
	id.Streams = slices.Sorted(maps.Keys(in.streams))
	if in.pinned != nil {
		id.Ranges = in.pinned.topics
	}
	return id
}

// follow has a run write down how far it comes, if another may go on from it.
func (k *keep) follow(ctx context.Context, b *timetravel.Backfill, plan *features.Plan, in *inputs) {
	if k.journal == nil {
		return
	}
	b.Journal = k.journal
	b.Noted = func() ([]byte, error) { return in.noted(ctx, plan) }
	b.TakenUp = in.takenUp
}
