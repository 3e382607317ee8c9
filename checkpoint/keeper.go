package checkpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store"
)

// Options say how a Keeper works; zeros are what is usual.
type Options struct {
	Interval     time.Duration // between two checkpoints; 0: 10 s
	Keep         int           // how many of the newest checkpoints stay; 0: 3
	SingleWriter bool          // of a bucket: nobody else writes there, whose server cannot tell
	Step         int           // bytes of bases that a file on the way to the first checkpoint has, about; 0: 64 MiB
	Notes        int           // of the engine's Options; half of it makes a checkpoint due. 0: the interval alone does
	Client       *store.Client // nil: one of its own
	Temp         string        // where objects are copied to; empty: where the system has such files
	Now          func() time.Time
	// First makes last what must, before positions that pass it are saved. It is called
	// beside the flow before each attempt, which an error ends. nil: there is no such.
	First func(ctx context.Context) error
}

// The bounds of what a checkpoint has beside its rows.
const (
	// basesEach is how many bytes of bases go with a byte of rows: the rows that a
	// restore applies again are then about half as many as a state's.
	basesEach = 2
	// groupsLeast is how many key groups are renewed in any case, so that no chain has
	// more files than KeyGroups/groupsLeast.
	groupsLeast = 8
)

// Keeper writes checkpoints of one engine to a place, beside the flow. Turn and Finish
// are for the goroutine that applies; Status is for any.
type Keeper struct {
	*Reader
	Options
	writer string

	number int64 // the greatest that is there
	stand  stand // after the newest file that was written or restored
	cursor int   // the first key group whose base is due next
	tried  time.Time
	failed *unit // what could not be written, to be tried again
	under  chan result

	known []*Manifest // the newest checkpoints that are there, rising

	mu     sync.Mutex
	status Status
}

// stand is what the next file follows on.
type stand struct {
	bases bases
	chain []File // up to the newest file
	epoch uint64
}

// Status is how checkpoints stand.
type Status struct {
	Number   int64         // of the newest checkpoint; 0: there is none yet
	Files    int           // that it is restored with
	Bytes    int64         // of these
	At       time.Time     // what was applied then is saved
	Epoch    uint64        // that is saved
	Written  int64         // bytes, of all files of this process
	Failures int64         // attempts that failed
	Failed   error         // why the last attempt failed; nil: it did not
	Pause    time.Duration // for how long the flow waited, the last time
	Longest  time.Duration // and at most
	Took     time.Duration // how long the last file took to write, beside the flow
}

// Open opens a place for an engine's checkpoints. It clears away what killed writers
// left there, and makes sure that two writers are kept apart.
func Open(ctx context.Context, path string, o Options) (*Keeper, error) {
	if o.Interval == 0 {
		o.Interval = 10 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 3
	}
	if o.Step == 0 {
		o.Step = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r, err := Look(ctx, path, o)
	if err != nil {
		return nil, err
	}
	k := &Keeper{Reader: r, Options: o, writer: rand.Text()}
	if err := r.place.ready(ctx); err != nil {
		return nil, fmt.Errorf("checkpoints in %s: %w", path, err)
	}
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0 && len(k.known) < o.Keep; i-- {
		k.number = max(k.number, all[i].number)
		if m, err := k.head(ctx, all[i].number); err == nil && m.Whole {
			k.known = append([]*Manifest{m}, k.known...)
		}
	}
	return k, nil
}

// Turn does what is due: between two batches, and now and then where none come. It
// returns at once but for copying memory. An error is that nobody may go on writing
// here (ErrTaken); whatever else goes wrong stands in Status, and is tried again after
// the interval.
func (k *Keeper) Turn(ctx context.Context, e *live.Engine) error {
	if err := k.land(false); err != nil || k.under != nil || !k.due(e) {
		return err
	}
	k.begin(ctx, e)
	return nil
}

// Finish saves what is not saved yet, and waits for it: for who stops applying.
func (k *Keeper) Finish(ctx context.Context, e *live.Engine) error {
	for first := true; ; first = false {
		if err := k.land(true); err != nil {
			return err
		}
		if !first && k.failed != nil {
			return k.Status().Failed
		}
		if k.saved(e) {
			return nil
		}
		k.begin(ctx, e)
	}
}

// Wait waits for the file that is being written, if one is.
func (k *Keeper) Wait() error { return k.land(true) }

// Status tells how checkpoints stand.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// due reports whether a file is to be begun.
func (k *Keeper) due(e *live.Engine) bool {
	passed := k.Now().Sub(k.tried) >= k.Interval
	if k.failed != nil {
		return passed
	}
	if k.saved(e) {
		if passed { // Nothing has happened since: what is saved is what is known now.
			k.tried = k.Now()
			k.mu.Lock()
			k.status.At = k.tried
			k.mu.Unlock()
		}
		return false
	}
	onTheWay := k.number > 0 && len(k.stand.chain) > 0 && k.stand.bases.oldest() == 0
	return passed || onTheWay || k.Notes > 0 && e.Noted() >= k.Notes/2
}

// saved reports whether there is nothing to save. What was forgotten since is nothing:
// a state that has it still answers the same.
func (k *Keeper) saved(e *live.Engine) bool {
	return k.failed == nil && k.stand.bases.oldest() > 0 && e.Linked() && e.Epoch() == k.stand.epoch
}

// begin copies what the next file has, unless one is left to be tried again, and has
// it written beside the flow.
func (k *Keeper) begin(ctx context.Context, e *live.Engine) {
	u := k.failed
	if u != nil && !e.Linked() {
		u = nil // What follows on it is lost: all begins anew.
	}
	if u == nil {
		began := time.Now()
		u = k.copy(e)
		k.mu.Lock()
		k.status.Pause = time.Since(began)
		k.status.Longest = max(k.status.Longest, k.status.Pause)
		k.mu.Unlock()
	}
	k.failed, k.tried = nil, k.Now()
	under := make(chan result, 1)
	k.under = under
	go func() { under <- k.write(ctx, u) }()
}

// land takes in what became of the file that was written, if it is done.
func (k *Keeper) land(wait bool) error {
	if k.under == nil {
		return nil
	}
	var r result
	if wait {
		r = <-k.under
	} else {
		select {
		case r = <-k.under:
		default:
			return nil
		}
	}
	k.under = nil
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &k.status
	s.Took, s.Failed = r.took, r.err
	if r.err != nil {
		s.Failures++
		k.failed = r.unit
		if errors.Is(r.err, ErrTaken) {
			return r.err
		}
		return nil
	}
	m := &r.unit.manifest
	k.number, k.stand = m.Number, r.unit.stand
	k.stand.chain = append(k.stand.chain, r.file)
	s.Written += r.file.Bytes
	if m.Whole {
		k.landed(s, m, r)
	}
	return nil
}

// landed is that there is another checkpoint.
func (k *Keeper) landed(s *Status, m *Manifest, r result) {
	s.Number, s.At, s.Epoch = m.Number, m.Made, m.State.Epoch
	s.Files, s.Bytes = 1+len(m.Chain), r.file.Bytes
	for _, f := range m.Chain {
		s.Bytes += f.Bytes
	}
	k.known = append(k.known, m)
	if len(k.known) > k.Keep {
		k.known = k.known[len(k.known)-k.Keep:]
	}
	if r.pruned != nil {
		s.Failed = r.pruned
		s.Failures++
	}
}
