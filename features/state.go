package features

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
)

// Events is what stores take: rows of a view's columns with their times, text in
// the store's symbols.
type Events = aggregate.Events

// Ask is questions to one key, see Store.Values.
type Ask = aggregate.Ask

// Store holds the runs of one view. As a table it keeps a run for every key (table.go); as
// an arena it keeps one, for one key after the other. It belongs to one
// goroutine. The table is for questions in any order of keys: memory for all of
// them. The arena is for a driver that has sorted by key: the memory of the
// largest. Both hold the same runs, so that the choice cannot be seen in a
// value (I1).
type Store struct {
	Counts event.Counts
	Own    Events // of questions that are events themselves; text in Symbols

	view    *PlannedView
	symbols *event.Symbols
	table   *table // nil: an arena
	arena   *aggregate.Run
	key     event.Hash
	due     []event.Column // where questions that an arena has noted are answered; nil: it has none
	nobody  *aggregate.Run // the run of a key that has no events
	texts   *event.Symbols // of an arena's answers
	seen    byte           // of texts that were only looked at
	known   []uint32       // scratch: of each text, its code in others and one, or 0
}

// NewTable returns a store that keeps every key's run. Its memory grows with
// the keys and their events; Forget is the bound (I5).
func NewTable(v *PlannedView) *Store {
	s := newStore(v)
	s.table = newTable(s)
	return s
}

// NewArena returns a store that keeps one key's run at a time. The caller
// brings each key's events and questions together: Apply of another key ends
// the run, and a later return to the first would find nothing. Only keys whose
// questions are noted stay with it until these are answered.
func NewArena(v *PlannedView) *Store {
	s := newStore(v)
	s.arena = aggregate.NewRun(v.Layout, s.symbols, &s.Counts)
	return s
}

// newStore makes what table and arena have in common. nobody stays empty, so
// that an unknown key is asked as any other and gets the same types (S15.1).
func newStore(v *PlannedView) *Store {
	s := &Store{view: v}
	s.begin()
	return s
}

// begin begins symbols, which no run uses yet.
func (s *Store) begin() {
	s.symbols = event.NewSymbols()
	s.nobody = aggregate.NewRun(s.view.Layout, s.symbols, &s.Counts)
}

// Symbols is what the text of events given to Apply is coded in, until Renew.
func (s *Store) Symbols() *event.Symbols { return s.symbols }

// Renew empties an arena and its symbols, after it gave answers texts of their own:
// these outlive the events that they are of. Symbols only grow; without this an
// arena would end up with every text of the history (I5).
func (s *Store) Renew(answers []event.Column) {
	s.close()
	if s.texts == nil {
		s.texts = event.NewSymbols()
	}
	s.known = append(s.known[:0], make([]uint32, s.symbols.Len())...)
	var own []*event.Column
	for i := range answers {
		own = s.own(&answers[i], own)
	}
	if len(own) > 0 {
		texts := s.texts.Texts()
		for _, c := range own {
			c.Dict = texts
		}
		s.texts.Reset()
	}
	s.symbols.Reset()
	s.nobody.Reset(s.symbols)
	s.arena.Reset(s.symbols)
	s.key = event.Hash{}
}

// run returns a key's run; nil where there is none and none is to be made. A
// question makes no run, so that asking cannot fill a table (I2, I5).
func (s *Store) run(key event.Hash, make bool) *aggregate.Run {
	if s.table != nil {
		return s.table.run(key, make)
	}
	if s.key == key {
		return s.arena
	}
	if !make {
		return nil
	}
	s.close()
	s.key = key
	if s.due == nil || !s.arena.Next() {
		s.Answer()
		s.arena.Reset(s.symbols)
	}
	return s.arena
}

// close counts what only a complete run can tell. Whether events tie is known
// when no more of the key can come.
func (s *Store) close() { s.Counts[event.UnorderedTies] += s.arena.Ties() }

// Apply inserts events i to j-1, all of one key, in any order of time. Text
// must be coded in Symbols, see Intern.
func (s *Store) Apply(key event.Hash, e Events, i, j int) {
	if key == s.key {
		s.Answer() // of the key itself some may be noted, which know nothing of these
	}
	if s.table != nil {
		s.table.apply(s.table.hold(key, true), e, i, j)
		return
	}
	s.run(key, true).Insert(e, i, j)
}

// askedMost is how many questions an arena notes before it answers them: enough for
// what they share, and few enough for their ranges to stay in a core's own cache.
const askedMost = 256

// Ask is Values of an arena, which may put the answers into out only when it is told
// to Answer, or asked in another way. So questions to many keys, one after the
// other, share what questions to one key do; what they are answered is the same.
// The key is begun where it is another than before, as by Apply.
func (s *Store) Ask(key event.Hash, a Ask, out []event.Column) {
	r := s.run(key, true)
	s.due = out
	if r.Note(a) >= askedMost {
		s.Answer()
	}
}

// Answer answers the questions that Ask has noted.
func (s *Store) Answer() {
	if s.due != nil {
		s.arena.Answer(s.due)
		s.due = nil
	}
}

// Values puts into out, a column a slot, what is known of a key at some instants.
// It changes nothing that a later Values could see. Instants may come in any
// order. An arena that holds another key answers as for an unknown one. Lists, maps
// and structs are appended in the order of the questions (aggregate.Run.Values).
func (s *Store) Values(key event.Hash, a Ask, out []event.Column) {
	s.Answer()
	s.asked(key).Values(a, out)
}

// ValueWith is Values of one question with its own event, the given row of Own,
// which is gone afterwards.
func (s *Store) ValueWith(key event.Hash, a Ask, own int, out []event.Column) {
	s.Answer()
	s.asked(key).ValueWith(a, s.Own, own, out)
}

// asked is the run that answers for a key.
func (s *Store) asked(key event.Hash) *aggregate.Run {
	if r := s.run(key, false); r != nil {
		return r
	}
	return s.nobody
}

// Close ends an arena's last run, so that all is answered and Counts is complete. A
// table has nothing to end: its keys may get events for as long as it lives.
func (s *Store) Close() {
	if s.arena != nil {
		s.Answer()
		s.close()
		s.arena.Reset(s.symbols)
		s.key = event.Hash{}
	}
}

// Leave appends what is left of a key's run once it has forgotten all that no question
// at an instant from at on can tell apart. Resume takes it back.
func (s *Store) Leave(key event.Hash, at event.Time, b []byte) []byte {
	s.Answer()
	r := s.run(key, true)
	r.Forget(at)
	return r.Snapshot(b)
}

// LeaveLater appends what Leave would, of a run that Leave left before and to which
// nothing has come since. All its rows were settled then.
func LeaveLater(left []byte, at event.Time, b []byte) ([]byte, error) {
	return aggregate.SnapshotLater(b, left, at)
}

// Resume makes a key's run what Leave appended, of a store of a plan with the same
// digest. Nothing of the key was applied before.
func (s *Store) Resume(key event.Hash, b []byte) error {
	s.Answer() // what is restored stands alone
	r := s.run(key, true)
	rest, err := r.Restore(b, s.symbols)
	if s.table != nil {
		s.table.events += int64(r.Len())
	}
	if err == nil && len(rest) > 0 {
		err = errSnapshot
	}
	return err
}

// Answers returns columns for n answers of the slots of the store's view.
func (s *Store) Answers(n int) []event.Column { return s.view.Layout.Answers(n) }

// State is what a plan has accumulated: a table for each of its views. It takes
// events in any order and answers queries from them alone. It belongs to one
// goroutine, also for Value.
//
// The backfill keeps stores of its own, by partition, and goes through the same
// Rows, Store and Finish; State is the same in one piece, for whoever asks in
// any order of keys.
type State struct {
	Counts event.Counts // what was noteworthy outside the runs

	plan   *Plan
	stores []*Store
	file   *spill // nil: all is kept in memory
}

// NewState returns the state of a plan that has seen nothing.
func (p *Plan) NewState() *State {
	s := &State{plan: p}
	for _, v := range p.Views {
		s.stores = append(s.stores, NewTable(v))
	}
	return s
}

// Apply takes a batch of an input's columns into the state. input is the place
// in Plan.Inputs, and b has that input's columns. The batch may be used again
// afterwards. Each event goes to its run by itself: the order within a batch is
// as free as that of batches (I1).
func (s *State) Apply(input int, b *event.Batch) {
	for _, t := range s.plan.Take(input, b, &s.Counts) {
		s.ApplyTaken(&t, nil)
	}
}

// Value answers a batch of the spine's columns: one column an output of the
// plan. Answers keep the symbols of the stores alive.
func (s *State) Value(b *event.Batch) []event.Column {
	q := s.plan.NewQueries(b, &s.Counts)
	slots, rows := make([][]event.Column, len(s.plan.Lookups)), make([]int32, q.Len)
	for r := range rows {
		rows[r] = int32(r)
	}
	for i := range s.plan.Lookups {
		slots[i] = s.Answer(i, q, rows)
	}
	return s.plan.Finish(q, slots, &s.Counts)
}

// bring readies what queries are themselves as events of a view; nil: none is.
// The symbols get their text, as they get that of events.
func (s *Store) bring(q *Queries, view int) *OwnEvents {
	if q.Events == nil || q.Events[view] == nil {
		return nil
	}
	own := q.Events[view]
	s.Own.Columns = append([]event.Column{}, own.Columns...) // the queries' own may be asked of other states
	s.Intern(s.Own.Columns)
	return own
}

// Settle is Forget where nobody waits for it: no later Value asks of an instant before
// at, and each run lets go when it has grown or is packed. Of the runs that lie packed
// and are never touched again some groups are looked through each time (I5).
func (s *State) Settle(at event.Time) {
	for _, store := range s.stores {
		store.table.settled = max(store.table.settled, at)
		store.table.sweep(sweptGroups)
		store.table.settle()
	}
}

// Counted is what was noteworthy in the runs and outside.
func (s *State) Counted() event.Counts {
	n := s.Counts
	for _, store := range s.stores {
		n.Add(&store.Counts)
	}
	return n
}

// Hold keeps at most about so many bytes of runs ready between batches; the others are
// packed, each until it is touched. It changes no value.
func (s *State) Hold(bytes int) {
	for _, store := range s.stores {
		store.table.most = bytes / len(s.stores)
	}
}

// Spill keeps at most about so many bytes of packed runs in memory; the others go to a
// file that open makes when it is first needed, and Close closes. It changes no value:
// what the file does not take stays in memory, and Err says so.
func (s *State) Spill(bytes int, open func() (File, error)) {
	s.file = &spill{open: open}
	for _, store := range s.stores {
		store.table.spill, store.table.packedMost = s.file, bytes/len(s.stores)
	}
}

// Err is what kept the state from keeping its runs in a file, or from reading them there;
// nil: nothing did. Once there is an error no value is to be believed and nothing saved:
// it comes after Apply and after Answer, and it stays.
func (s *State) Err() error {
	if s.file == nil {
		return nil
	}
	return s.file.err
}

// Close lets go of the file. The state is not used any more.
func (s *State) Close() error { return s.file.close() }

// Size is what a view's runs take.
type Size struct {
	Keys   int
	Events int64
	Ready  int64 // bytes of these, about
	Packed int64 // bytes of the others, in memory
	Filed  int64 // and in the file
	Index  int64 // bytes of finding them all, about
}

// Add adds the size of another part of the view's keys.
func (s *Size) Add(o Size) {
	s.Keys, s.Events = s.Keys+o.Keys, s.Events+o.Events
	s.Ready, s.Packed, s.Filed, s.Index = s.Ready+o.Ready, s.Packed+o.Packed, s.Filed+o.Filed, s.Index+o.Index
}

// Forecast is what the view's runs take, about, of so many keys with so many events that
// its windows reach: ready if all of them are touched now and then, packed
// if none is, in memory or in a file. Somewhere between the two is where a state is
// that holds some of them ready.
func (v *PlannedView) Forecast(keys int, events int64) (ready, packed Size) {
	of := func(bytes func(int) int) int64 { // of a run with some rows, as bytes are linear in these
		fixed := int64(bytes(0))
		return int64(keys)*fixed + events*(int64(bytes(1))-fixed)
	}
	ready = Size{Keys: keys, Events: events, Ready: of(v.Layout.RunBytes), Index: int64(keys) * readyIndexBytes}
	packed = Size{Keys: keys, Events: events, Packed: of(v.Layout.PackedBytes), Index: int64(keys) * packedIndexBytes}
	return ready, packed
}

// Sizes are those of the views, in the order of the plan's.
func (s *State) Sizes() (all []Size) {
	for _, store := range s.stores {
		all = append(all, store.table.size())
	}
	return all
}

// Forget lets go of all that no query at an instant from at on can tell apart.
// After it no Value may ask of an instant before at. It goes through all keys,
// O(events held); how often that is worth its time the driver knows.
func (s *State) Forget(at event.Time) {
	for _, store := range s.stores {
		store.table.forgetAll(at)
	}
}

// snapshotMagic begins a snapshot; its last byte is the version of the format.
const snapshotMagic = "timeseam state\x01"

// Snapshot is the state in canonical form: states of equal events have equal
// snapshots, however they were fed. docs/formats.md lays out the bytes. Keys
// are sorted, as the order of a map differs from run to run. Counts are not
// part of it: they tell of a process, and of what it read.
func (s *State) Snapshot() []byte {
	b := []byte(snapshotMagic)
	b = append(b, s.plan.digest...)
	for _, store := range s.stores {
		b = binary.AppendUvarint(b, uint64(store.table.len()))
		ready := store.table.byGroup()
		for n := range event.KeyGroups {
			b = store.table.snapshot(b, n, ready[n])
		}
	}
	return b
}

// errSnapshot is what is said of bytes that no Snapshot wrote.
var errSnapshot = errors.New("the snapshot is damaged")

// Restore returns the state that Snapshot wrote of the same plan; the snapshot of
// another plan is refused. Two plans of one digest have the same layouts, so
// that the bytes need no types of their own (I3). Numbers are held against what
// is left before memory is asked for, as the bytes may come from anywhere.
func (p *Plan) Restore(b []byte) (*State, error) {
	head := len(snapshotMagic) + len(p.digest)
	if len(b) < head || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return nil, errSnapshot
	}
	if got := string(b[len(snapshotMagic):head]); got != p.digest {
		return nil, fmt.Errorf("the snapshot is of another definition: its digest is %q and this plan's %q", got, p.digest)
	}
	b = b[head:]
	s := p.NewState()
	for _, store := range s.stores {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) {
			return nil, errSnapshot
		}
		b = b[size:]
		for range n {
			if len(b) < 16 {
				return nil, errSnapshot
			}
			key := event.Hash{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
			var err error
			if b, err = store.table.load(key, b[16:]); err != nil {
				return nil, err
			}
		}
	}
	if len(b) > 0 {
		return nil, errSnapshot
	}
	return s, nil
}
