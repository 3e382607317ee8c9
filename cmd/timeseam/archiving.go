package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/ledger"
)

// Bounds of an archive's files, where nothing is said.
const (
	archiveBytes = 256 << 20 // of a file's rows, as memory has them
	archiveAge   = 10 * time.Minute
	// archiveEnding is how many files may wait to be made whole: beyond, records wait.
	archiveEnding = 64
	// archiveSend is how long a bucket may take before the next file is made whole.
	archiveSend = 30 * time.Second
)

// archiving writes every record that is read of a topic to files of Parquet, each of one
// partition, from the offset in its name on. A file is there once it is whole, and has
// the records behind those of the file before: so what is there tells where to go on,
// and however a process ends, a record is in one file. Records that were applied, and in
// no file yet, are read again when the next process begins (offsets). One goroutine calls
// take; files are made whole beside it.
type archiving struct {
	topic   string
	place   *ledger.Place
	columns event.Schema // of the rows; places stand behind them
	files   *rolls
	bytes   int64
	age     time.Duration
	now     func() time.Time
	log     *slog.Logger
	next    map[int32]int64 // by partition: the offset behind what is there
	parts   map[int32]*archivePart

	ending chan archiveEnd
	done   sync.WaitGroup
	mu     sync.Mutex
	broken map[int32]error // partitions of which no more is written
	holes  map[int32]bool  // of those, where a file is missing that others would hide; end's alone
}

// archivePart is the file of a partition that is being written.
type archivePart struct{ *rolling }

// archiveEnd is a file that is to be made whole; nil: all were.
type archiveEnd struct {
	partition int32
	file      *rolling
}

// newArchiving opens the archive of a topic in a folder, and finds out what it has.
func newArchiving(ctx context.Context, path, topic, tempDir string, columns event.Schema) (*archiving, error) {
	a := &archiving{topic: topic, columns: columns, bytes: archiveBytes, age: archiveAge, now: time.Now, log: slog.New(slog.DiscardHandler), next: map[int32]int64{}, parts: map[int32]*archivePart{},
		ending: make(chan archiveEnd, archiveEnding), broken: map[int32]error{}, holes: map[int32]bool{}}
	err := copied(columns, "leave archive out")
	if err == nil {
		a.files, err = openRolls(ctx, path, topic+"+", tempDir)
	}
	if err == nil {
		a.place, err = ledger.OpenPlace(ctx, path, nil)
	}
	if err == nil {
		a.files.most = math.MaxInt64 // nothing is dropped
		err = a.find(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("archive in %s: %w", path, err)
	}
	a.done.Go(a.end)
	return a, nil
}

// find finds where each partition goes on: behind the last record of its last file.
func (a *archiving) find(ctx context.Context) error {
	paths, err := a.files.list(ctx, a.topic+"+")
	if err != nil {
		return err
	}
	last := map[int32]string{}
	start := map[int32]int64{}
	for _, p := range paths {
		n, ok := cutover.ParseName(p[strings.LastIndexAny(p, `/\`)+1:])
		if before, known := start[n.Partition]; ok && n.Topic == a.topic && (!known || n.Start > before) {
			last[n.Partition], start[n.Partition] = p, n.Start
		}
	}
	for partition, p := range last {
		t, err := newFinder().Find(ctx, p)
		if err != nil {
			return err
		}
		next, err := nextByColumn(ctx, t, []string{"_partition", "_offset"})
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		a.next[partition] = max(next[partition], start[partition])
	}
	return nil
}

// beganName is the file that says where the archive of a topic began, by partition.
// Readers of the folder pass over it.
func (a *archiving) beganName() string { return "_" + a.topic + ".began.json" }

// offsets are where a topic is read from for an archive and for a state that has all
// below other offsets: whichever needs more. begin is where its partitions begin by now.
// What the topic has let go of meanwhile is not in the archive; it is told. Where the
// archive of a partition begins is written down first: of one that has no file yet
// nobody would know that it ever began.
func (a *archiving) offsets(ctx context.Context, applied, begin []int64) ([]int64, error) {
	began := map[int32]int64{}
	data, err := a.place.Read(ctx, a.beganName())
	fresh := errors.Is(err, ledger.ErrNone)
	if err == nil {
		err = json.Unmarshal(data, &began)
	}
	if err != nil && !fresh {
		return nil, fmt.Errorf("archive %s: %w", a.place.Path(a.beganName()), err)
	}
	from, known := make([]int64, len(applied)), len(began)
	for p := range applied {
		partition := int32(p)
		if _, is := began[partition]; !is {
			began[partition] = applied[p]
			if !fresh {
				began[partition] = 0 // It was added since.
			}
		}
		a.next[partition] = max(a.next[partition], began[partition])
		next := a.next[partition]
		if from[p] = applied[p]; next < applied[p] {
			if from[p] = max(next, begin[p]); from[p] > next {
				a.log.Error("the archive has a gap: the topic has let go of records before they were in a file", "topic", a.topic, "partition", p, "from", next, "to", from[p])
			}
		}
	}
	if len(began) == known {
		return from, nil
	}
	if data, err = json.Marshal(began); err == nil {
		err = a.place.Write(ctx, a.beganName(), append(data, '\n'), false)
	}
	return from, err
}

// take writes rows of a partition, with their places behind them, but for those that are
// there already. What goes wrong ends the partition's archive until the next process
// goes on with it, and stops nobody else.
func (a *archiving) take(ctx context.Context, partition int32, rows *event.Batch) {
	if a.failed(partition) != nil {
		return
	}
	f := a.parts[partition]
	if f != nil && (f.bytes >= a.bytes || a.now().Sub(f.began) >= a.age) {
		delete(a.parts, partition)
		a.ending <- archiveEnd{partition, f.rolling}
		f = nil
	}
	offsets := rows.Columns[len(a.columns)+1].Ints
	first := sort.Search(rows.Len, func(i int) bool { return offsets[i] >= a.next[partition] })
	if first == rows.Len {
		return
	}
	some := sliced(rows, first)
	err := error(nil)
	if f == nil {
		f, err = a.begin(ctx, partition, offsets[first])
	}
	if err == nil {
		err = f.write(ctx, some, int64(some.Len)*int64(len(some.Columns))*16)
	}
	if err != nil {
		a.fail(partition, err)
		return
	}
	a.next[partition] = offsets[rows.Len-1] + 1
}

// sliced is a batch from a row on.
func sliced(b *event.Batch, first int) *event.Batch {
	if first == 0 {
		return b
	}
	s := &event.Batch{Len: b.Len - first}
	for i := range b.Columns {
		s.Columns = append(s.Columns, b.Columns[i].Slice(first, b.Len))
	}
	return s
}

// begin begins a file, called as a sink of Kafka Connect would.
func (a *archiving) begin(ctx context.Context, partition int32, offset int64) (*archivePart, error) {
	name := fmt.Sprintf("%s+%d+%010d.parquet", a.topic, partition, offset)
	out, err := newArchive(ctx, filepath.Join(a.files.dir(), name), a.topic, a.columns)
	if err != nil {
		return nil, err
	}
	f := &archivePart{&rolling{Sink: out, name: name, began: a.now()}}
	a.parts[partition] = f
	return f, nil
}

func (a *archiving) failed(partition int32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.broken[partition]
}

// fail ends the archive of a partition: a file behind one that is missing would hide it.
func (a *archiving) fail(partition int32, err error) {
	a.mu.Lock()
	a.broken[partition] = err
	a.mu.Unlock()
	if f := a.parts[partition]; f != nil {
		f.Close()
		delete(a.parts, partition)
	}
	a.log.Error("the archive of a partition stops; started again, the daemon goes on with it where it stopped", "topic", a.topic, "partition", partition, "error", err)
}

// Broken is how many partitions are not archived any more.
func (a *archiving) Broken() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.broken)
}

// end makes files whole, in the order in which they come, and sends them.
func (a *archiving) end() {
	ctx := context.Background() // Each is short, or tried again; close waits for it.
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case e, more := <-a.ending:
			if !more {
				a.send(ctx)
				return
			}
			a.finish(ctx, e)
		case <-again.C:
		}
		a.send(ctx)
	}
}

// finish makes a file whole, unless one before it is missing.
func (a *archiving) finish(ctx context.Context, e archiveEnd) {
	if a.holes[e.partition] {
		e.file.Close()
		return
	}
	if err := a.files.end(ctx, e.file); err != nil {
		a.holes[e.partition] = true
		a.mu.Lock()
		a.broken[e.partition] = err
		a.mu.Unlock()
		a.log.Error("the archive of a partition stops; started again, the daemon goes on with it where it stopped", "topic", a.topic, "partition", e.partition, "error", err)
	}
}

func (a *archiving) send(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, archiveSend)
	defer stop()
	if err := a.files.send(ctx); err != nil {
		a.log.Warn("archive", "topic", a.topic, "problem", err.Error(), "waiting", len(a.files.waiting))
	}
}

// close makes whole what is being written.
func (a *archiving) close() error {
	for partition, f := range a.parts {
		a.ending <- archiveEnd{partition, f.rolling}
	}
	close(a.ending)
	a.done.Wait()
	return a.files.close()
}

// list is the paths of the files whose names begin with a prefix.
func (r *rolls) list(ctx context.Context, prefix string) (paths []string, err error) {
	if r.stage == nil {
		entries, err := os.ReadDir(r.path)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ".parquet") {
				paths = append(paths, filepath.Join(r.path, e.Name()))
			}
		}
		return paths, err
	}
	objects, err := r.bucket.List(ctx, r.prefix+prefix)
	for _, o := range objects {
		if strings.HasSuffix(o.Key, ".parquet") {
			paths = append(paths, r.bucket.Address(o.Key).String())
		}
	}
	return paths, err
}

// dir is the folder of this machine in which files are made.
func (r *rolls) dir() string {
	if r.stage == nil {
		return r.path
	}
	return r.stage.dir
}
