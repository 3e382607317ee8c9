package live

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Options say how an Engine works; no value depends on them.
type Options struct {
	Shards int // how many goroutines may apply beside each other; 0: one
	Ready  int // bytes of runs that stand ready, of all shards, about; 0: no bound
	Packed int // bytes of packed runs in memory, of all shards; more goes to files
	// Spill makes such a file, one a shard when it is first needed; nil: there are none.
	Spill func() (features.File, error)
	Reach time.Duration // how far into the past questions may ask
	Notes int           // bytes of rows that may wait to be saved; 0: the engine is not saved
	Now   func() time.Time
}

// Engine is the state of a plan, in shards. Apply is for one goroutine at a time, all
// else for any number beside it.
type Engine struct {
	plan   *features.Plan
	now    func() time.Time
	reach  time.Duration
	shards []*shard
	whole  *features.Part // all outputs of the plan
	rooms  sync.Pool      // of *features.Room, of answers that are done
	notes  notes          // of the goroutine that applies
	again  again          // of a restore

	mu        sync.RWMutex // held for writing while a batch is applied (L1)
	epoch     uint64
	positions Positions
	marks     map[string]string
	counts    event.Counts
	advanced  chan struct{} // closed, and another in its place, when the epoch changes

	clock sync.Mutex
	last  event.Time // the greatest instant of a question without one
	kept  event.Time // no question may be of an instant before
}

// shard is the state of some key groups, which lie beside each other. mu is for
// questions: while a batch is applied there are none.
type shard struct {
	mu    sync.Mutex
	state *features.State
	err   atomic.Pointer[error] // of the state, once it has one; for who does not hold mu
	rows  []int32               // scratch of Apply: the rows of a batch that are the shard's
}

// Positions are, by source and partition, the offsets below which all is applied.
type Positions map[string]map[int32]int64

// Clone is a copy that nobody else has.
func (p Positions) Clone() Positions {
	c := make(Positions, len(p))
	for source, of := range p {
		c[source] = maps.Clone(of)
	}
	return c
}

// Reached reports whether all of these positions are reached in p.
func (p Positions) Reached(these Positions) bool {
	for source, of := range these {
		for partition, offset := range of {
			if p[source][partition] < offset {
				return false
			}
		}
	}
	return true
}

// NewEngine returns an engine that has seen nothing.
func NewEngine(plan *features.Plan, o Options) *Engine {
	e := &Engine{plan: plan, now: o.Now, reach: o.Reach, positions: Positions{}, advanced: make(chan struct{}), last: event.MinTime, kept: event.MinTime}
	if e.now == nil {
		e.now = time.Now
	}
	outputs := make([]int, len(plan.Outputs))
	for i := range outputs {
		outputs[i] = i
	}
	e.whole = plan.Part(outputs)
	e.notes = notes{most: o.Notes, views: make([][]Section, len(plan.Views))}
	n := min(max(o.Shards, 1), event.KeyGroups)
	for range n {
		s := &shard{state: plan.NewState(), rows: []int32{}} // no rows at all would be all of them
		if o.Ready > 0 {
			s.state.Hold(o.Ready / n)
		}
		if o.Spill != nil {
			s.state.Spill(o.Packed/n, o.Spill)
		}
		e.shards = append(e.shards, s)
	}
	return e
}

// Err is what kept a shard from keeping its runs in a file; nil: nothing did. It stays:
// the engine answers nothing any more, and nothing of it is to be saved. What was saved
// before is whole. Any goroutine may ask.
func (e *Engine) Err() error {
	for _, s := range e.shards {
		if err := s.err.Load(); err != nil {
			return fmt.Errorf("the state has more than its memory holds: %w; make room for temporary files or give it more memory, and start again", *err)
		}
	}
	return nil
}

// look notes whether the state has an error by now. It comes after whatever may move
// runs to the file or back.
func (s *shard) look() {
	if err := s.state.Err(); err != nil {
		s.err.CompareAndSwap(nil, &err)
	}
}

// look looks at all shards, for who has them alone.
func (e *Engine) look() error {
	for _, s := range e.shards {
		s.look()
	}
	return e.Err()
}

// Close lets go of files. The engine is not used any more.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all error
	for _, s := range e.shards {
		all = errors.Join(all, s.state.Close())
	}
	return all
}

// Plan is what the engine answers.
func (e *Engine) Plan() *features.Plan { return e.plan }

// shardOf is the place of the shard that has a key. Each has groups beside each other,
// so that what is saved by group can be taken up by any number of them.
func (e *Engine) shardOf(key event.Hash) int {
	return e.shardOfGroup(event.KeyGroup(key))
}

func (e *Engine) shardOfGroup(group int) int { return group * len(e.shards) / event.KeyGroups }

// Batch is rows of an input, and where a reader of theirs stands when they are applied.
type Batch struct {
	Input int // place in Plan.Inputs
	Rows  *event.Batch
	// Source and Partition are whose records the rows were, and Next the offset behind
	// the last of them; rows of a history have no source.
	Source    string
	Partition int32
	Next      int64
}

// Load takes what is left of keys of a view, as features.State.Load does, before
// anything was applied of them. Keys come in the order of their hashes.
func (e *Engine) Load(view int, l *features.Left) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k := 0; k < len(l.Keys); {
		shard, to := e.shardOf(l.Keys[k]), k+1
		for to < len(l.Keys) && e.shardOf(l.Keys[to]) == shard {
			to++
		}
		if err := e.shards[shard].state.Load(view, l.Part(k, to)); err != nil {
			return err
		}
		k = to
	}
	return e.look()
}

// beside is how many rows are worth a goroutine of each shard.
const beside = 256

// Apply applies a batch, to be seen by questions whole or not at all. Nothing of it is
// kept: its vectors may be used again.
func (e *Engine) Apply(b *Batch) {
	var counts event.Counts
	var taken []features.Taken
	if b.Rows != nil && b.Rows.Len > 0 {
		taken = e.plan.Take(b.Input, b.Rows, &counts)
		for i := range taken {
			e.notes.add(&taken[i])
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.Add(&counts)
	for i := range taken {
		e.spread(&taken[i])
	}
	e.look()
	e.epoch++
	if b.Source != "" {
		of := e.positions[b.Source]
		if of == nil {
			of = map[int32]int64{}
			e.positions[b.Source] = of
		}
		of[b.Partition] = b.Next
	}
	close(e.advanced)
	e.advanced = make(chan struct{})
}

// CountFrom has epochs be counted on from one that is not less than the engine's, before
// anything more is applied: what another process has called so is not called so again.
func (e *Engine) CountFrom(epoch uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch = max(e.epoch, epoch)
}

// spread applies what a view takes, each row in the shard that has its key.
func (e *Engine) spread(t *features.Taken) {
	if len(e.shards) == 1 {
		e.shards[0].state.ApplyTaken(t, nil)
		return
	}
	for _, s := range e.shards {
		s.rows = s.rows[:0]
	}
	for r, key := range t.Keys {
		s := e.shards[e.shardOf(key)]
		s.rows = append(s.rows, int32(r))
	}
	e.deal(t)
}

// deal applies what a view takes in every shard that has rows of it.
func (e *Engine) deal(t *features.Taken) {
	if len(t.Keys) < beside {
		for _, s := range e.shards {
			if len(s.rows) > 0 { // no rows at all would be all of them
				s.state.ApplyTaken(t, s.rows)
			}
		}
		return
	}
	for i := range t.Columns {
		if t.Columns[i].Dict != nil {
			t.Columns[i].Dict.Hashes() // once, and not by each shard
		}
	}
	var wait sync.WaitGroup
	for _, s := range e.shards {
		if len(s.rows) > 0 {
			wait.Go(func() { s.state.ApplyTaken(t, s.rows) })
		}
	}
	wait.Wait()
}

// Forget lets go, in time, of what no question from Kept on can tell. The driver calls
// it now and then.
func (e *Engine) Forget() {
	kept := e.instant().Earlier(e.reach.Microseconds())
	e.mu.Lock()
	defer e.mu.Unlock()
	if kept > e.kept {
		e.kept = kept
		for _, s := range e.shards {
			s.state.Settle(kept)
			s.look()
		}
	}
}

// instant is that of a question which names none: the wall clock's, which may be set
// back, while what is known at an instant may not be forgotten again (L4).
func (e *Engine) instant() event.Time {
	e.clock.Lock()
	defer e.clock.Unlock()
	e.last = max(e.last, event.Time(e.now().UnixMicro()))
	return e.last
}

// Mark notes what a feed must find again where the engine is restored; an empty value
// takes the note away.
func (e *Engine) Mark(name, value string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.marks == nil {
		e.marks = map[string]string{}
	}
	if e.marks[name] = value; value == "" {
		delete(e.marks, name)
	}
}

// Status is where an engine stands.
type Status struct {
	Epoch     uint64
	Positions Positions
	Kept      event.Time // no question may be of an instant before
	Counts    event.Counts
	Marks     map[string]string
}

// Epoch is how many batches were applied.
func (e *Engine) Epoch() uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.epoch
}

// Status tells where the engine stands between two batches.
func (e *Engine) Status() Status {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := Status{Epoch: e.epoch, Positions: e.positions.Clone(), Kept: e.kept, Counts: e.counts, Marks: maps.Clone(e.marks)}
	for _, shard := range e.shards {
		shard.mu.Lock()
		counts := shard.state.Counted()
		shard.mu.Unlock()
		s.Counts.Add(&counts)
	}
	return s
}

// Sizes are what the views' runs take, in the order of the plan's.
func (e *Engine) Sizes() []features.Size {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make([]features.Size, len(e.plan.Views))
	for _, s := range e.shards {
		s.mu.Lock()
		for v, size := range s.state.Sizes() {
			all[v].Add(size)
		}
		s.mu.Unlock()
	}
	return all
}
