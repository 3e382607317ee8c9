package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store"
)

// Options say how a Log is kept.
type Options struct {
	Path      string           // a folder, of this machine or of a bucket
	Client    *store.Client    // nil: one of its own
	FileBytes int64            // after so many the next file begins; 0: FileMost
	KeepBytes int64            // of all files; 0: KeepMost
	KeepFor   time.Duration    // how long a file stays behind its last entry; 0: KeepLong
	Held      int              // bytes of entries that wait in memory; 0: HeldMost
	Now       func() time.Time // nil: time.Now
}

// Bounds where Options say nothing.
const (
	FileMost = 4 << 20
	KeepMost = 4 << 30
	KeepLong = 31 * 24 * time.Hour
	HeldMost = 8 << 20
)

// runEpochs is how many epochs a run reserves at once. Half of them are left when it
// reserves more, which is days ahead of when it needs them.
const runEpochs = 1_000_000_000

// Log is a position log that is being written. Note is for one goroutine, the one that
// applies; the others for any.
type Log struct {
	o     Options
	place place
	was   *vector // the last of the run before, with the last of its instants; nil: there was none

	mu      sync.Mutex
	at      vector // where all stands
	ids     map[stream]int
	open    []byte  // entries that are in no frame yet
	first   *vector // begins a file before them; nil: they go on with the one before
	queue   []piece // what is to be written, in order
	held    int     // bytes of queue
	lost    bool    // since the queue was full
	status  Status
	writing sync.Mutex
	file    written // of the goroutine that writes
}

// piece is some entries, or the beginning of a file.
type piece struct {
	begins  *vector // nil: payload is entries
	payload []byte
}

// Status is how a log fares.
type Status struct {
	Epoch  uint64    // the last that is written
	Gaps   int64     // how often entries were lost
	Lost   int64     // so many of them
	Failed int64     // how often writing has failed
	Err    error     // of the last time; nil: it went well
	Since  time.Time // when it went well the last time
}

// Open opens the log of a folder, which need not be there yet, and cuts off what a
// killed run has left half written.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.FileBytes == 0 {
		o.FileBytes = FileMost
	}
	if o.KeepBytes == 0 {
		o.KeepBytes = KeepMost
	}
	if o.KeepFor == 0 {
		o.KeepFor = KeepLong
	}
	if o.Held == 0 {
		o.Held = HeldMost
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	at, err := OpenPlace(ctx, o.Path, o.Client)
	if err != nil {
		return nil, fmt.Errorf("position log: %w", err)
	}
	l := &Log{o: o, place: at.place}
	if l.was, err = mend(ctx, at.place); err != nil {
		return nil, fmt.Errorf("position log in %s: %w", o.Path, err)
	}
	return l, nil
}

// From is the epoch that a run counts on from whose state was restored at an epoch: a
// later one than any that another run has used (P3).
func (l *Log) From(restored uint64) uint64 {
	if l.was == nil {
		return restored
	}
	return max(restored, l.was.reserved)
}

// Begin says where the run stands at its first epoch, and writes that: only then may
// the epochs of the run be used.
func (l *Log) Begin(ctx context.Context, epoch uint64, positions live.Positions) error {
	l.mu.Lock()
	l.at = vector{epoch: epoch, at: event.Time(l.o.Now().UnixMicro()), reserved: (epoch/runEpochs + 1) * runEpochs, gap: l.was != nil}
	if l.was != nil {
		l.at.at = max(l.at.at, l.was.at)
	}
	l.ids = map[stream]int{}
	for _, source := range slices.Sorted(maps.Keys(positions)) {
		of := positions[source]
		for _, p := range slices.Sorted(maps.Keys(of)) {
			l.stream(stream{source, p})
			l.at.next[len(l.at.next)-1] = of[p]
		}
	}
	l.turn()
	l.queue = append(l.queue, piece{begins: l.first})
	l.first = nil
	l.mu.Unlock()
	return l.Flush(ctx)
}

// stream is the number of a stream, which may be a new one.
func (l *Log) stream(s stream) (id int, known bool) {
	if id, known = l.ids[s]; known {
		return id, true
	}
	id = len(l.at.streams)
	l.ids[s] = id
	l.at.streams, l.at.next = append(l.at.streams, s), append(l.at.next, 0)
	return id, false
}

// turn has the next entries begin a file, with the positions as they are.
func (l *Log) turn() {
	v := l.at
	v.streams, v.next = slices.Clone(v.streams), slices.Clone(v.next)
	l.first, l.at.gap = &v, false
}

// Note notes that at an epoch, which is greater than that of the note before, all below
// next is applied of a partition.
func (l *Log) Note(epoch uint64, source string, partition int32, next int64) {
	now := event.Time(l.o.Now().UnixMicro())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || l.held+len(l.open) > l.o.Held {
		l.lose(epoch, now, stream{source, partition}, next)
		return
	}
	l.open = binary.AppendUvarint(l.open, epoch-l.at.epoch)
	now = max(now, l.at.at) // P4
	l.open = binary.AppendUvarint(l.open, uint64(now)-uint64(l.at.at))
	id, known := l.stream(stream{source, partition})
	l.open = binary.AppendUvarint(l.open, uint64(id))
	if !known {
		l.open = appendStream(l.open, stream{source, partition})
	}
	l.open = binary.AppendVarint(l.open, next-l.at.next[id])
	l.at.epoch, l.at.at, l.at.next[id] = epoch, now, next
	if len(l.open) >= frameBytes/4 {
		l.seal()
	}
	if epoch+runEpochs/2 > l.at.reserved {
		l.seal()
		l.at.reserved += runEpochs
		l.turn()
	}
}

// lose notes where all stands, and that nobody will know how it came there (P2).
func (l *Log) lose(epoch uint64, now event.Time, s stream, next int64) {
	if !l.lost {
		l.seal()
		l.status.Gaps++
	}
	id, _ := l.stream(s)
	l.at.epoch, l.at.at, l.at.next[id], l.at.gap = epoch, max(l.at.at, now), next, true
	l.lost = true
	l.status.Lost++
}

// seal makes a piece of the entries that are in none.
func (l *Log) seal() {
	if len(l.open) == 0 {
		return
	}
	if l.first != nil {
		l.queue = append(l.queue, piece{begins: l.first})
		l.first = nil
	}
	payload := append([]byte{entriesFrame}, l.open...)
	l.queue = append(l.queue, piece{payload: payload})
	l.held += len(payload)
	l.open = l.open[:0]
}

// Status tells how the log fares.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}
