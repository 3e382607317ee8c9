package features

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
)

// table is every key's run. Those touched of late stand ready; the others are packed
// in the canonical form of a snapshot, which holds no pointers and no more than the
// events. A run is unpacked when it is touched next. Packed runs that memory has no room
// for are in a file, the largest groups first (packed.go). Which are where is a matter of
// memory and cannot be seen in a value (I1, I3).
type table struct {
	store  *Store
	ready  map[event.Hash]*held
	ring   []*held // all that are ready; the hand goes round it to find who was not touched
	hand   int
	bytes  int // of all that are ready, about
	most   int // more than this is not kept ready, but for the run at hand
	groups []group
	spare  []*aggregate.Run

	packed     int // bytes of packed runs in memory, with their holes
	packedMost int // more than this goes to the file
	spill      *spill
	moved      []moved // scratch of file
	events     int64   // of all runs
	swept      int     // the group that is looked through next for what can be forgotten

	reader  *aggregate.Run // of load and sweep
	reading *event.Symbols

	ahead   ahead
	settled event.Time // no question is of an instant before
	texts   int        // of symbols, when they were last begun anew
}

// held is a run that stands ready.
type held struct {
	key     event.Hash
	run     *aggregate.Run
	touched bool
	bytes   int // when it was last weighed
	room    int // rows for which it was
	grown   int // rows that it may have before it forgets again
}

const (
	spareMost   = 64      // runs that wait for another key
	spareRows   = 1 << 10 // a larger one is let go, with its memory
	grownLeast  = 64      // rows of which a run need not forget any
	symbolsMost = 1 << 20 // bytes of texts that symbols may have before it is asked who uses them
)

func newTable(s *Store) *table {
	return &table{store: s, ready: map[event.Hash]*held{}, most: math.MaxInt, packedMost: math.MaxInt, groups: make([]group, event.KeyGroups), settled: event.MinTime}
}

// run returns a key's run, ready; nil where there is none and none is to be made. A
// question makes no run, so that asking cannot fill a table (I2, I5).
func (t *table) run(key event.Hash, make bool) *aggregate.Run {
	if h := t.hold(key, make); h != nil {
		return h.run
	}
	return nil
}

// hold is run with what is known of it. It stays where it is until the next settle.
func (t *table) hold(key event.Hash, make bool) *held {
	if h := t.ready[key]; h != nil {
		h.touched = true
		return h
	}
	g := &t.groups[event.KeyGroup(key)]
	at, packed := g.at[key]
	if !packed && !make {
		return nil
	}
	h := &held{key: key, run: t.take(), touched: true, grown: grownLeast}
	if packed {
		t.unpack(h.run, g, at)
		t.drop(key, at)
		h.room, h.grown = h.run.Len(), max(grownLeast, 2*h.run.Len())
	}
	t.ready[key] = h
	t.ring = append(t.ring, h)
	t.weigh(h)
	return h
}

// take is an empty run.
func (t *table) take() *aggregate.Run {
	if n := len(t.spare); n > 0 {
		r := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return r
	}
	r := aggregate.NewRun(t.store.view.Layout, t.store.symbols, &t.store.Counts)
	r.Share(t.store.nobody)
	return r
}

// weigh takes into account what a run takes with some room to grow.
func (t *table) weigh(h *held) {
	now := t.store.view.Layout.RunBytes(h.room)
	t.bytes += now - h.bytes
	h.bytes = now
}

// settle keeps what is ready within its bounds: a run that has grown forgets, runs that
// nobody touched are packed, and texts that only packed runs use are let go. It comes
// between steps, never between an event and the question behind it.
func (t *table) settle() {
	for t.bytes > t.most && len(t.ring) > 1 {
		t.hand %= len(t.ring)
		if h := t.ring[t.hand]; h.touched {
			h.touched = false
			t.hand++
			continue
		}
		t.pack(t.hand)
	}
	if n := len(t.store.symbols.Bytes); n > symbolsMost && n > 2*t.texts {
		for len(t.ring) > 0 {
			t.pack(len(t.ring) - 1)
		}
		t.spare = nil
		t.store.begin()
		t.texts = 0
	} else if n > symbolsMost && t.texts == 0 {
		t.texts = n
	}
	if t.packed > t.packedMost {
		t.spillOver()
	}
}

// grow comes after events were applied to a run that is ready.
func (t *table) grow(h *held) {
	if h.run.Len() > h.grown {
		t.forget(h.run)
		h.grown = max(grownLeast, 2*h.run.Len())
	}
	if n := h.run.Len(); n > h.room {
		h.room = n + n/2
		t.weigh(h)
	}
}

// forget has a run let go of what no question can tell any more.
func (t *table) forget(r *aggregate.Run) {
	if t.forgets() {
		t.letGo(r, t.settled)
	}
}

// letGo has a run forget.
func (t *table) letGo(r *aggregate.Run, at event.Time) {
	before := r.Len()
	r.Forget(at)
	t.events -= int64(before - r.Len())
}

// forgets reports whether there is anything to let go of. Where copies of any event may
// come and are told by their ids, a view without a lower end forgets nothing.
func (t *table) forgets() bool {
	l := t.store.view.Layout
	return t.settled > event.MinTime && (l.ID < 0 || !l.Endless())
}

// forgetAll has every run forget, at an instant before which nobody will ask.
func (t *table) forgetAll(at event.Time) {
	t.settled = max(t.settled, at)
	for _, h := range t.ring {
		t.letGo(h.run, at)
	}
	for n := range t.groups {
		for _, key := range slices.Collect(maps.Keys(t.groups[n].at)) {
			t.letGo(t.run(key, true), at)
			t.settle()
		}
	}
}

// pack packs the run at a place of the ring.
func (t *table) pack(at int) {
	h := t.ring[at]
	last := len(t.ring) - 1
	t.ring[at] = t.ring[last]
	t.ring[last] = nil
	t.ring = t.ring[:last]
	delete(t.ready, h.key)
	t.bytes -= h.bytes
	t.forget(h.run)
	if h.run.Len() > 0 || h.run.Based() {
		t.put(h.key, h.run.Snapshot)
	}
	if h.run.Len() <= spareRows && len(t.spare) < spareMost {
		h.run.Reset(t.store.symbols)
		t.spare = append(t.spare, h.run)
	}
}

// keys are those of a group, in order; ready says which of them are.
func (t *table) keys(n int, ready []event.Hash) []event.Hash {
	keys := slices.AppendSeq(ready, maps.Keys(t.groups[n].at))
	slices.SortFunc(keys, func(a, b event.Hash) int { return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo)) })
	return keys
}

// byGroup is the keys of the runs that stand ready, by group.
func (t *table) byGroup() [][]event.Hash {
	all := make([][]event.Hash, event.KeyGroups)
	for key := range t.ready {
		all[event.KeyGroup(key)] = append(all[event.KeyGroup(key)], key)
	}
	return all
}

// snapshot appends the runs of a group in canonical form: each behind its key, in the
// order of the keys.
func (t *table) snapshot(b []byte, n int, ready []event.Hash) []byte {
	in := t.open(n)
	for _, key := range t.keys(n, ready) {
		b = binary.BigEndian.AppendUint64(b, key.Hi)
		b = binary.BigEndian.AppendUint64(b, key.Lo)
		b = in.snapshot(b, key)
	}
	return b
}

// runs is the runs of a group as snapshot has them.
func (t *table) runs(n int, ready []event.Hash) (r Runs) {
	in := t.open(n)
	r.Keys = t.keys(n, ready)
	r.Ends, r.Bytes = make([]uint32, len(r.Keys)), make([]byte, 0, len(in.g.bytes)-in.g.holes+int(in.g.filed))
	for i, key := range r.Keys {
		r.Bytes = in.snapshot(r.Bytes, key)
		r.Ends[i] = uint32(len(r.Bytes))
	}
	return r
}

// load takes a packed run that a snapshot had of a key, which has none yet. It is read
// whole before it is believed. What is behind it in b is returned.
func (t *table) load(key event.Hash, b []byte) ([]byte, error) {
	rest, err := t.read().Restore(b, t.reading)
	if err != nil {
		return nil, err
	}
	g := &t.groups[event.KeyGroup(key)]
	if _, twice := g.at[key]; twice || t.ready[key] != nil {
		return nil, errSnapshot
	}
	t.events += int64(t.reader.Len())
	t.put(key, func(to []byte) []byte { return append(to, b[:len(b)-len(rest)]...) })
	if t.packed > t.packedMost {
		t.spillOver()
	}
	return rest, nil
}

// has reports whether a key has a run with anything in it.
func (t *table) has(key event.Hash) bool {
	if h := t.ready[key]; h != nil {
		return h.run.Len() > 0 || h.run.Based()
	}
	_, packed := t.groups[event.KeyGroup(key)].at[key]
	return packed
}

// read is a run to look at packed ones with, which has texts of its own.
func (t *table) read() *aggregate.Run {
	if t.reader == nil || len(t.reading.Bytes) > symbolsMost {
		t.reading = event.NewSymbols()
		t.reader = aggregate.NewRun(t.store.view.Layout, t.reading, new(event.Counts))
	}
	return t.reader
}

// size is what the table takes.
func (t *table) size() Size {
	s := Size{Keys: t.len(), Events: t.events, Ready: int64(t.bytes), Packed: int64(t.packed)}
	for i := range t.groups {
		s.Filed += t.groups[i].filed
	}
	s.Index = int64(s.Keys-len(t.ready))*packedIndexBytes + int64(len(t.ready))*readyIndexBytes
	return s
}

// What it takes to find a run, in bytes: an entry of a map of which about two thirds are in
// use, and of one that stands ready what is known of it.
const (
	packedIndexBytes = 50
	readyIndexBytes  = 110
)

// len is how many keys have a run.
func (t *table) len() int {
	n := len(t.ready)
	for i := range t.groups {
		n += len(t.groups[i].at)
	}
	return n
}
