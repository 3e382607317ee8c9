package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/ledger"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/sources"
)

// What lists of files are called, and how many rows are applied at once: few enough for
// whoever waits until they are.
const (
	refreshPrefix = "refresh-"
	refreshRows   = 4096
	// refreshAgain is how long after a failure it is looked again, at most.
	refreshAgain = time.Minute
)

// refreshOptions say how sources without a stream are refreshed.
type refreshOptions struct {
	// keep is where lists of files lie, beside the checkpoints; nil: nowhere, as there
	// are none, and a process that begins anew reads all of them.
	keep     *ledger.Place
	restored bool // the engine is that of a checkpoint
	log      *slog.Logger
	wait     func(ctx context.Context, d time.Duration) error // nil: by the clock
}

// refreshList is the files of a source in the order in which they are applied, one after
// the other as if they were one log: a position is how many of its rows are applied. A
// file is in the list, with its content's name and its rows, before anything of it is
// applied, so that a position means the same to whoever restores it (I4).
type refreshList struct {
	Source     string        `json:"source"`
	Generation int32         `json:"generation"` // stands as the partition of positions: each bootstrap begins one
	Base       []refreshFile `json:"base"`       // those that the bootstrap has read
	Files      []refreshFile `json:"files"`
}

// refreshFile is a file as it was found.
type refreshFile struct {
	Path    string `json:"path"` // within the table
	Version string `json:"version"`
	Rows    int64  `json:"rows"`
}

// refreshFeed looks for files of a source that came since, and makes rows of them.
type refreshFeed struct {
	refreshOptions
	in      *inputs
	input   *features.Input
	place   int // of the input, in the plan
	every   time.Duration
	list    refreshList
	next    int64 // rows that were handed out
	end     int64 // of all files of the list
	queue   []refreshQueued
	reading event.Source // nil: no file is
	skip    int64        // rows of it that are applied already
	pending event.Batch  // of it, of which some are taken
	taken   int
	looked  bool
	failed  bool

	mu      sync.Mutex
	since   time.Time
	trouble error
	changed map[string]string // files that were replaced or removed, and what is said of each
}

// refreshQueued is a file that is to be applied, but for its first rows.
type refreshQueued struct {
	table *sources.Table // of it alone
	file  refreshFile
	skip  int64
}

// refreshing are feeds of the sources of a plan that are refreshed. Those of an engine
// which was bootstrapped go on from the files that the bootstrap has read; those of one
// that was restored from where it stands. It is called before anything is applied that
// comes after.
func (in *inputs) refreshing(ctx context.Context, e *live.Engine, o refreshOptions) (feeds []live.Feed, err error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.wait == nil {
		o.wait = sleep
	}
	plan := e.Plan()
	for place := range plan.Inputs {
		i := &plan.Inputs[place]
		if !i.Source.Refresh.Given() {
			continue
		}
		us, _ := features.ParseDuration(i.Source.Refresh.Value)
		f := &refreshFeed{refreshOptions: o, in: in, input: i, place: place, every: time.Duration(us) * time.Microsecond, changed: map[string]string{}}
		if err := f.begin(ctx, e); err != nil {
			return nil, fmt.Errorf("refresh source %s: %w", f.Source(), err)
		}
		feeds = append(feeds, f)
	}
	return feeds, nil
}

// sleep waits, or as long as the context lets it.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin takes up the list of the engine's position, or begins one.
func (f *refreshFeed) begin(ctx context.Context, e *live.Engine) error {
	at := e.Status().Positions[f.Source()]
	if len(at) == 0 {
		return f.fresh(ctx, e)
	}
	generation, next := int32(-1), int64(0)
	for g, n := range at {
		if g > generation {
			generation, next = g, n
		}
	}
	if f.keep == nil {
		return errors.New("the state was restored, and where the lists of its files are is not known")
	}
	data, err := f.keep.Read(ctx, f.name(generation))
	if err == nil {
		err = json.Unmarshal(data, &f.list)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; without it nobody knows which files are applied: bootstrap anew", f.keep.Path(f.name(generation)), err)
	}
	if f.list.Source != f.Source() || f.list.Generation != generation {
		return fmt.Errorf("%s is of source %s; bootstrap anew", f.keep.Path(f.name(generation)), f.list.Source)
	}
	f.next = next
	return f.goOn()
}

// fresh begins a list with the files that the bootstrap has read.
func (f *refreshFeed) fresh(ctx context.Context, e *live.Engine) error {
	if f.restored {
		return errors.New("the checkpoint knows nothing of its files, as it was not refreshed then; bootstrap anew")
	}
	f.list = refreshList{Source: f.Source(), Base: []refreshFile{}, Files: []refreshFile{}}
	if f.keep != nil {
		lists, err := f.keep.List(ctx, refreshPrefix+f.Source()+"-")
		if err != nil {
			return err
		}
		for _, l := range lists {
			var g int32
			if n, err := fmt.Sscanf(l.Name[len(refreshPrefix+f.Source()+"-"):], "%d.json", &g); n == 1 && err == nil {
				f.list.Generation = max(f.list.Generation, g+1)
			}
		}
	}
	table := f.in.histories[f.Source()]
	for i := range table.Files {
		f.list.Base = append(f.list.Base, f.identify(table, &table.Files[i]))
	}
	if err := f.save(ctx); err != nil {
		return err
	}
	e.Apply(&live.Batch{Input: f.place, Source: f.Source(), Partition: f.list.Generation})
	return nil
}

// identify is a file as a list has it. What is rewritten with the same size has another
// footer; text has its size and time.
func (f *refreshFeed) identify(t *sources.Table, of *sources.File) refreshFile {
	r := refreshFile{Path: fileWithin(t.Path, of.Path), Version: of.Version()}
	if of.ETag == "" && !f.input.Source.History.Text() {
		r.Version = fmt.Sprintf("%d %08x", of.Size, of.FooterCRC)
	}
	return r
}

func (f *refreshFeed) name(generation int32) string {
	return fmt.Sprintf("%s%s-%06d.json", refreshPrefix, f.Source(), generation)
}

// save makes the list outlast the process.
func (f *refreshFeed) save(ctx context.Context) error {
	if f.keep == nil {
		return nil
	}
	data, err := json.MarshalIndent(f.list, "", "  ")
	if err == nil {
		err = f.keep.Write(ctx, f.name(f.list.Generation), append(data, '\n'), false)
	}
	return err
}

// goOn queues what is in the list and was not applied whole.
func (f *refreshFeed) goOn() error {
	table, end := f.in.histories[f.Source()], int64(0)
	for _, file := range f.list.Files {
		begin := end
		if end += file.Rows; end <= f.next {
			continue
		}
		one := table.WithoutFiles(func(o *sources.File) bool { return f.identify(table, o).Path != file.Path })
		if len(one.Files) != 1 || f.identify(table, &one.Files[0]).Version != file.Version {
			return fmt.Errorf("file %s was replaced or removed before all of it was applied; bootstrap anew", file.Path)
		}
		f.queue = append(f.queue, refreshQueued{one, file, max(f.next-begin, 0)})
	}
	if f.end = end; f.next > end {
		return fmt.Errorf("%d rows are applied, and its list of files has %d; bootstrap anew", f.next, end)
	}
	return nil
}

// Source is whose rows they are.
func (f *refreshFeed) Source() string { return f.input.Source.Name.Value }

// Close lets go of what is held.
func (f *refreshFeed) Close() {
	if f.reading != nil {
		f.reading.Close()
		f.reading = nil
	}
}

// Trouble is why files could not be looked for the last time, or which are not as they
// were applied: what is in the state is of what they were.
func (f *refreshFeed) Trouble() (since time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.since, f.trouble
}

// Changed is how many files were replaced or removed since they were applied.
func (f *refreshFeed) Changed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.changed)
}

// Next waits for files, and hands out their rows.
func (f *refreshFeed) Next(ctx context.Context) (*live.Arrival, error) {
	for {
		if a, err := f.rows(ctx); a != nil || err != nil {
			return a, err
		}
		if f.looked {
			again := f.every
			if f.failed {
				again = min(again, refreshAgain)
			}
			if err := f.wait(ctx, again); err != nil {
				return nil, err
			}
		}
		f.looked = true
		err := f.look(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f.tell(err)
	}
}

// tell notes how looking for files went.
func (f *refreshFeed) tell(err error) {
	f.failed = err != nil
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && len(f.changed) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(f.changed)))
		err = fmt.Errorf("%d files are not as they were applied, such as %s, which was %s; what the state has of them is of before: bootstrap anew", len(f.changed), first, f.changed[first])
	}
	switch {
	case err == nil:
		f.trouble, f.since = nil, time.Time{}
	case f.trouble == nil:
		f.since = time.Now()
		fallthrough
	default:
		f.trouble = err
		f.log.Warn("refresh", "source", f.Source(), "problem", err.Error())
	}
}

// look finds files that are not in the list, and queues them once they are.
func (f *refreshFeed) look(ctx context.Context) error {
	s := f.input.Source
	table, err := f.in.open(ctx, s.History, s.Fields)
	if err != nil {
		return err
	}
	known, there := map[string]string{}, map[string]bool{}
	for _, file := range append(slices.Clone(f.list.Base), f.list.Files...) {
		known[file.Path] = file.Version
	}
	changed := map[string]string{}
	var came []refreshQueued
	for i := range table.Files {
		file := f.identify(table, &table.Files[i])
		there[file.Path] = true
		version, is := known[file.Path]
		switch {
		case !is:
			at := table.Files[i].Path
			came = append(came, refreshQueued{table: table.WithoutFiles(func(o *sources.File) bool { return o.Path != at }), file: file})
		case version != file.Version:
			changed[file.Path] = "replaced"
		}
	}
	for path := range known {
		if !there[path] {
			changed[path] = "removed"
		}
	}
	f.mu.Lock()
	f.changed = changed
	f.mu.Unlock()
	return f.add(ctx, table, came)
}

// add puts files into the list, and then queues them.
func (f *refreshFeed) add(ctx context.Context, table *sources.Table, came []refreshQueued) error {
	if len(came) == 0 {
		return nil
	}
	schema := table.Schema()
	for _, want := range f.input.History.Reads {
		if i := schema.Index(want.Name); i < 0 || !schema[i].Type.Equal(want.Type) {
			return fmt.Errorf("with the files that came since, column %s is not %s any more; begin the daemon anew", want.Name, want.Type)
		}
	}
	before, end := f.list.Files, f.end
	for i := range came {
		n, err := f.count(ctx, came[i].table)
		if err != nil {
			return err
		}
		came[i].file.Rows = n
		f.list.Files = append(f.list.Files[:len(f.list.Files):len(f.list.Files)], came[i].file)
		end += n
	}
	if err := f.save(ctx); err != nil {
		f.list.Files = before
		return err
	}
	f.end, f.queue = end, append(f.queue, came...)
	f.log.Info("refresh", "source", f.Source(), "files", len(came), "rows", end-f.next)
	return nil
}

// count is how many rows a file has. Those of text are known once they were read.
func (f *refreshFeed) count(ctx context.Context, t *sources.Table) (n int64, err error) {
	if !f.input.Source.History.Text() {
		return t.Rows(), nil
	}
	part, err := t.Read(names(f.input.History.Reads))
	if err != nil {
		return 0, err
	}
	defer part.Close()
	var b event.Batch
	for {
		err := part.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		n += int64(b.Len)
	}
}

// rows are the next of the files that are queued; nil: there are none. Rows of a source
// of snapshots come all at once: a snapshot of which some are applied would say of the
// others' keys that they are not in it.
func (f *refreshFeed) rows(ctx context.Context) (*live.Arrival, error) {
	most := int64(refreshRows)
	if d := f.input.Source.Dimension; d != nil && d.Mode.Value == "snapshots" {
		most = f.end - f.next
	}
	all := emptyBatch(f.input.Columns)
	a := &live.Arrival{AtEnd: true} // that more files may come holds no watermark back
	a.Batch = live.Batch{Input: f.place, Source: f.Source(), Partition: f.list.Generation, Rows: all}
	from := f.next
	for f.next-from < most && (f.reading != nil || len(f.queue) > 0) {
		if err := f.more(ctx, a, most-(f.next-from)); err != nil {
			return nil, err
		}
	}
	if f.next == from {
		return nil, nil
	}
	a.Next, a.End = f.next, f.end
	return a, nil
}

// more appends rows of the file that is being read, or of the next, to an arrival.
func (f *refreshFeed) more(ctx context.Context, a *live.Arrival, most int64) (err error) {
	q := &f.queue[0]
	if f.reading == nil {
		if f.reading, err = q.table.Read(names(f.input.History.Reads)); err != nil {
			return err
		}
		f.skip, f.taken = q.skip, 0
		f.pending = event.Batch{}
	}
	if f.pending.Len == f.taken {
		f.taken = 0
		err := f.reading.Read(ctx, &f.pending)
		if err != nil {
			f.pending = event.Batch{}
		}
		if errors.Is(err, io.EOF) {
			return f.done(q)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", q.file.Path, err)
		}
	}
	if skipped := min(f.skip, int64(f.pending.Len-f.taken)); skipped > 0 {
		f.skip, f.taken = f.skip-skipped, f.taken+int(skipped)
		return nil
	}
	n := min(int(most), f.pending.Len-f.taken)
	some := event.Batch{Len: n}
	for i := range f.pending.Columns {
		some.Columns = append(some.Columns, f.pending.Columns[i].Slice(f.taken, f.taken+n))
	}
	made := f.input.History.Rows(&some, &a.Counts)
	for i := range made.Len {
		appendRow(a.Rows, &made, i) // The vectors are the file's, and used again.
	}
	f.taken, f.next = f.taken+n, f.next+int64(n)
	q.skip += int64(n)
	return nil
}

// done ends a file. It must have had the rows that the list says, or positions would
// mean something else from here on.
func (f *refreshFeed) done(q *refreshQueued) error {
	err := f.reading.Close()
	f.reading = nil
	if err == nil && q.skip != q.file.Rows {
		err = fmt.Errorf("file %s has %d rows, and had %d when it was found; bootstrap anew", q.file.Path, q.skip, q.file.Rows)
	}
	f.queue = f.queue[1:]
	return err
}
