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
// events. A run is unpacked when it is touched next. Which are ready is a matter of
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

	reader  *aggregate.Run // of load
	reading *event.Symbols

	settled event.Time // no question is of an instant before
	texts   int        // of symbols, when they were last begun anew
}

// held is a run that stands ready.
type held struct {
	key     event.Hash
	run     *aggregate.Run
	touched bool
	bytes   int // when it was last weighed
	grown   int // rows that it may have before it forgets again
}

// group is the packed runs of a key group, one behind the other with holes where some
// were unpacked.
type group struct {
	at    map[event.Hash]stretch
	bytes []byte
	holes int
}

// stretch is where a packed run stands.
type stretch struct{ from, to uint32 }

const (
	spareMost   = 64        // runs that wait for another key
	spareRows   = 1 << 10   // a larger one is let go, with its memory
	grownLeast  = 64        // rows of which a run need not forget any
	symbolsMost = 1 << 20   // bytes of texts that symbols may have before it is asked who uses them
	groupMost   = 1<<32 - 1 // bytes of a group's packed runs
)

func newTable(s *Store) *table {
	return &table{store: s, ready: map[event.Hash]*held{}, most: math.MaxInt, groups: make([]group, event.KeyGroups), settled: event.MinTime}
}

// run returns a key's run, ready; nil where there is none and none is to be made. A
// question makes no run, so that asking cannot fill a table (I2, I5).
func (t *table) run(key event.Hash, make bool) *aggregate.Run {
	if h := t.ready[key]; h != nil {
		h.touched = true
		return h.run
	}
	g := &t.groups[event.KeyGroup(key)]
	at, packed := g.at[key]
	if !packed && !make {
		return nil
	}
	h := &held{key: key, run: t.take(), touched: true, grown: grownLeast}
	if packed {
		if _, err := h.run.Restore(g.bytes[at.from:at.to], t.store.symbols); err != nil {
			panic("features: a packed run is damaged in memory") // Snapshot wrote it
		}
		delete(g.at, key)
		g.holes += int(at.to - at.from)
		h.grown = max(grownLeast, 2*h.run.Len())
	}
	t.ready[key] = h
	t.ring = append(t.ring, h)
	t.weigh(h)
	return h.run
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

// weigh takes the size into account to which a run may grow.
func (t *table) weigh(h *held) {
	now := t.store.view.Layout.RunBytes(h.grown)
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
}

// grow comes after events were applied to a run that is ready.
func (t *table) grow(key event.Hash) {
	h := t.ready[key]
	if h.run.Len() > h.grown {
		t.forget(h.run)
		h.grown = max(grownLeast, 2*h.run.Len())
		t.weigh(h)
	}
}

// forget has a run let go of what no question can tell any more. Where copies of any
// event may come and are told by their ids, a view without a lower end forgets nothing.
func (t *table) forget(r *aggregate.Run) {
	if l := t.store.view.Layout; t.settled > event.MinTime && (l.ID < 0 || !l.Endless()) {
		r.Forget(t.settled)
	}
}

// forgetAll has every run forget, at an instant before which nobody will ask.
func (t *table) forgetAll(at event.Time) {
	t.settled = max(t.settled, at)
	for _, h := range t.ring {
		h.run.Forget(at)
	}
	for n := range t.groups {
		for _, key := range slices.Collect(maps.Keys(t.groups[n].at)) {
			t.run(key, true).Forget(at)
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
		t.groups[event.KeyGroup(h.key)].put(h.key, h.run.Snapshot)
	}
	if h.run.Len() <= spareRows && len(t.spare) < spareMost {
		h.run.Reset(t.store.symbols)
		t.spare = append(t.spare, h.run)
	}
}

// put adds a packed run that appends itself.
func (g *group) put(key event.Hash, pack func([]byte) []byte) {
	if g.at == nil {
		g.at = map[event.Hash]stretch{}
	}
	if g.holes > len(g.bytes)/2 {
		g.close()
	}
	from := len(g.bytes)
	g.bytes = pack(g.bytes)
	if len(g.bytes) > groupMost {
		panic("features: a key group holds more than 4 GiB")
	}
	g.at[key] = stretch{uint32(from), uint32(len(g.bytes))}
}

// close closes the holes.
func (g *group) close() {
	b := make([]byte, 0, 2*(len(g.bytes)-g.holes))
	for key, at := range g.at {
		from := len(b)
		b = append(b, g.bytes[at.from:at.to]...)
		g.at[key] = stretch{uint32(from), uint32(len(b))}
	}
	g.bytes, g.holes = b, 0
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
	g := &t.groups[n]
	for _, key := range t.keys(n, ready) {
		b = binary.BigEndian.AppendUint64(b, key.Hi)
		b = binary.BigEndian.AppendUint64(b, key.Lo)
		if at, packed := g.at[key]; packed {
			b = append(b, g.bytes[at.from:at.to]...)
		} else {
			b = t.ready[key].run.Snapshot(b)
		}
	}
	return b
}

// runs is the runs of a group as snapshot has them.
func (t *table) runs(n int, ready []event.Hash) (r Runs) {
	g := &t.groups[n]
	r.Keys = t.keys(n, ready)
	r.Ends, r.Bytes = make([]uint32, len(r.Keys)), make([]byte, 0, len(g.bytes)-g.holes)
	for i, key := range r.Keys {
		if at, packed := g.at[key]; packed {
			r.Bytes = append(r.Bytes, g.bytes[at.from:at.to]...)
		} else {
			r.Bytes = t.ready[key].run.Snapshot(r.Bytes)
		}
		r.Ends[i] = uint32(len(r.Bytes))
	}
	return r
}

// load takes a packed run that a snapshot had of a key, which has none yet. It is read
// whole before it is believed. What is behind it in b is returned.
func (t *table) load(key event.Hash, b []byte) ([]byte, error) {
	if t.reader == nil || len(t.reading.Bytes) > symbolsMost {
		t.reading = event.NewSymbols()
		t.reader = aggregate.NewRun(t.store.view.Layout, t.reading, new(event.Counts))
	}
	rest, err := t.reader.Restore(b, t.reading)
	if err != nil {
		return nil, err
	}
	g := &t.groups[event.KeyGroup(key)]
	if _, twice := g.at[key]; twice || t.ready[key] != nil {
		return nil, errSnapshot
	}
	g.put(key, func(to []byte) []byte { return append(to, b[:len(b)-len(rest)]...) })
	return rest, nil
}

// len is how many keys have a run.
func (t *table) len() int {
	n := len(t.ready)
	for i := range t.groups {
		n += len(t.groups[i].at)
	}
	return n
}
