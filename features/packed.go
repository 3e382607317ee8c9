package features

import (
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
)

// group is the packed runs of a key group. Those in memory stand one behind the other,
// with holes where some were unpacked; those in the file stand so in extents of it. The
// index of both is in memory, so that a key that has no run costs no reading.
type group struct {
	at    map[event.Hash]stretch
	bytes []byte
	holes int

	extents []extent
	size    int64 // bytes of these
	filed   int64 // bytes of runs in them
}

// stretch is where a packed run stands.
type stretch struct {
	at   uint64 // of the group's bytes, or, with inFile, of the file
	size uint32
	sum  uint32 // of what is in the file
}

const (
	inFile      = 1 << 63
	runMost     = math.MaxUint32 // bytes of one packed run
	wornLeast   = 1 << 14        // bytes in a group's extents that are not worth writing the others anew
	smallGroup  = 1 << 12        // bytes that an empty group may keep
	sweptGroups = 4              // of a view that are looked through at once
)

func (s stretch) inFile() bool { return s.at&inFile != 0 }

// place is where it begins in the file.
func (s stretch) place() int64 { return int64(s.at &^ inFile) }

// put adds a packed run that appends itself.
func (t *table) put(key event.Hash, pack func([]byte) []byte) {
	g := &t.groups[event.KeyGroup(key)]
	if g.at == nil {
		g.at = map[event.Hash]stretch{}
	}
	had := cap(g.bytes)
	if g.holes > len(g.bytes)/2 {
		g.close()
	}
	from := len(g.bytes)
	g.bytes = pack(g.bytes)
	t.packed += cap(g.bytes) - had
	if len(g.bytes)-from > runMost {
		panic("features: a key's run takes more than 4 GiB")
	}
	g.at[key] = stretch{at: uint64(from), size: uint32(len(g.bytes) - from)}
}

// close closes the holes in memory.
func (g *group) close() {
	b := make([]byte, 0, 3*(len(g.bytes)-g.holes)/2)
	for key, at := range g.at {
		if at.inFile() {
			continue
		}
		from := len(b)
		b = append(b, g.bytes[at.at:][:at.size]...)
		g.at[key] = stretch{at: uint64(from), size: at.size}
	}
	g.bytes, g.holes = b, 0
}

// unpack makes a run what is packed. Where the file does not give it the run stays
// empty, and the state has an error.
func (t *table) unpack(r *aggregate.Run, g *group, at stretch) {
	b := t.bytesOf(g, at)
	if b == nil {
		return
	}
	if _, err := r.Restore(b, t.store.symbols); err != nil {
		panic("features: a packed run is damaged in memory") // Snapshot wrote it, and its sum is right
	}
}

// bytesOf is a packed run; nil where the file does not give it.
func (t *table) bytesOf(g *group, at stretch) []byte {
	if at.inFile() {
		return t.spill.run(at)
	}
	return g.bytes[at.at:][:at.size]
}

// drop takes a packed run out of its group.
func (t *table) drop(key event.Hash, at stretch) {
	n := event.KeyGroup(key)
	g := &t.groups[n]
	delete(g.at, key)
	t.wear(g, at)
	t.mend(n)
}

// wear says that nobody needs a stretch of a group.
func (t *table) wear(g *group, at stretch) {
	if !at.inFile() {
		if g.holes += int(at.size); g.holes == len(g.bytes) {
			t.empty(g, smallGroup)
		}
		return
	}
	if g.filed -= int64(at.size); g.filed == 0 {
		t.release(g)
	}
}

// empty lets go of a group's bytes in memory, which nobody needs; of few only what is in
// them, as there will be others.
func (t *table) empty(g *group, few int) {
	if g.holes = 0; cap(g.bytes) <= few {
		g.bytes = g.bytes[:0]
		return
	}
	t.packed -= cap(g.bytes)
	g.bytes = nil
}

// mend writes a group's extents anew when more than half of them is of no use.
func (t *table) mend(n int) {
	if g := &t.groups[n]; g.size-g.filed > g.filed+wornLeast {
		t.file(n, true)
	}
}

// release says of a group's extents that nobody needs them.
func (t *table) release(g *group) {
	for _, e := range g.extents {
		t.spill.release(e)
	}
	g.extents, g.size, g.filed = g.extents[:0], 0, 0
}

// spillOver moves groups to the file, those with the most bytes in memory first, until
// the others have room.
func (t *table) spillOver() {
	for t.packed > t.packedMost && t.spill.err == nil {
		largest := 0
		for n := range t.groups {
			if cap(t.groups[n].bytes) > cap(t.groups[largest].bytes) {
				largest = n
			}
		}
		t.file(largest, false)
		t.mend(largest)
	}
}

// moved is where a run will stand, from the beginning of its extent.
type moved struct {
	key event.Hash
	to  stretch
}

// file writes the packed runs of a group that are in memory to the file, in one extent;
// anew: those in the file as well, so that what is worn there can be used again. Nothing
// has changed where the file takes nothing.
func (t *table) file(n int, anew bool) {
	g := &t.groups[n]
	var old filed
	if anew {
		var ok bool
		if old, ok = t.spill.all(g.extents); !ok {
			return
		}
	}
	b, all := t.spill.block[:0], t.moved[:0]
	for key, at := range g.at {
		if at.inFile() && !anew {
			continue
		}
		from := len(b)
		if at.inFile() {
			b = append(b, old.run(at)...)
		} else {
			b = append(b, g.bytes[at.at:][:at.size]...)
		}
		sum := crc32.Checksum(b[from:], castagnoli)
		if at.inFile() && !t.spill.whole(b[from:], at) {
			return
		}
		all = append(all, moved{key, stretch{uint64(from), at.size, sum}})
	}
	t.spill.block, t.moved = b, all
	if len(b) > 0 {
		e, ok := t.spill.write(b)
		if !ok {
			return
		}
		if anew {
			t.release(g)
		}
		for _, m := range all {
			g.at[m.key] = stretch{inFile | (uint64(e.at) + m.to.at), m.to.size, m.to.sum}
		}
		g.extents, g.size, g.filed = append(g.extents, e), g.size+e.size, g.filed+int64(len(b))
	}
	t.empty(g, 0)
}

// opened is a group whose extents are read.
type opened struct {
	t     *table
	g     *group
	filed filed
	ok    bool
}

// open reads what a group has in the file.
func (t *table) open(n int) opened {
	o := opened{t: t, g: &t.groups[n], ok: true}
	if len(o.g.extents) > 0 {
		o.filed, o.ok = t.spill.all(o.g.extents)
	}
	return o
}

// packed is a key's packed run; nil where the file does not give it.
func (o *opened) packed(at stretch) []byte {
	switch {
	case !at.inFile():
		return o.g.bytes[at.at:][:at.size]
	case !o.ok:
		return nil
	}
	if b := o.filed.run(at); o.t.spill.whole(b, at) {
		return b
	}
	return nil
}

// snapshot appends the run of a key of the group, wherever it stands. Where the file does
// not give it nothing is appended, and the state has an error.
func (o *opened) snapshot(b []byte, key event.Hash) []byte {
	if at, packed := o.g.at[key]; packed {
		return append(b, o.packed(at)...)
	}
	return o.t.ready[key].run.Snapshot(b)
}

// sweep looks through the next groups that have packed runs, for such as can forget at
// least half of their rows. A key that nobody touches any more goes so with the last of
// its events.
func (t *table) sweep(groups int) {
	if !t.forgets() {
		return
	}
	for range t.groups {
		if groups == 0 {
			return
		}
		n := t.swept
		t.swept = (t.swept + 1) % len(t.groups)
		if len(t.groups[n].at) > 0 {
			t.sweepGroup(n)
			t.mend(n)
			groups--
		}
	}
}

func (t *table) sweepGroup(n int) {
	in := t.open(n)
	for _, key := range slices.Collect(maps.Keys(in.g.at)) {
		at := in.g.at[key]
		b := in.packed(at)
		if b == nil {
			return
		}
		if !t.store.view.Layout.Stale(b, t.settled) {
			continue
		}
		r := t.read()
		if _, err := r.Restore(b, t.reading); err != nil {
			panic("features: a packed run is damaged in memory")
		}
		t.letGo(r, t.settled)
		delete(in.g.at, key)
		t.wear(in.g, at)
		if r.Len() > 0 || r.Based() {
			t.put(key, r.Snapshot)
		}
	}
}
