package checkpoint

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/shelf"
)

// unit is one file as it is kept until it is written.
type unit struct {
	manifest Manifest
	stand    stand // once it is there, but for itself at the end of the chain
	saved    *live.Saved
	layouts  [][]byte // by view, as JSON
	keep     []*Manifest
	size     int64  // of the last attempt, once it came to its end
	sum      uint32 // of the same
}

// result is what became of a unit.
type result struct {
	unit   *unit
	file   File
	took   time.Duration
	err    error
	pruned error // what hindered pruning; the file is there all the same
}

// The numbers of sections within a view.
const (
	layoutSection = 0       // how its runs are read
	rowsSection   = 1       // the first of its rows
	basesSection  = 1 << 20 // and a key group: its base
)

// copy takes from the engine what the next file has.
func (k *Keeper) copy(e *live.Engine) *unit {
	before := k.stand
	if !e.Linked() {
		before = stand{}
	}
	d := live.Due{From: k.cursor, Least: groupsLeast, Bytes: basesEach * e.Noted()}
	if before.bases.oldest() == 0 {
		d.Bytes = max(d.Bytes, k.Step)
	}
	s := e.Save(d)
	if !e.Linked() {
		panic("checkpoint: the engine notes no rows, and what follows could not be saved; set live.Options.Notes")
	}
	u := &unit{saved: s, keep: slices.Clone(k.known), manifest: Manifest{Format: Format, Number: k.number + 1, Writer: k.writer, Made: k.Now().UTC(), State: s.Head}}
	m := &u.manifest
	u.stand = stand{bases: before.bases, epoch: s.Head.Epoch}
	for i := range s.Groups {
		u.stand.bases[(k.cursor+i)%event.KeyGroups] = m.Number
	}
	k.cursor = (k.cursor + s.Groups) % event.KeyGroups
	first := u.stand.bases.first()
	u.stand.chain = slices.Clone(slices.DeleteFunc(slices.Clone(before.chain), func(f File) bool { return f.Number < first }))
	m.Whole, m.Bases, m.Chain = u.stand.bases.oldest() > 0, u.stand.bases.stretches(), u.stand.chain
	for _, of := range s.Rows {
		for i := range of {
			m.Rows += int64(of[i].Rows)
		}
	}
	for _, v := range e.Plan().Views {
		layout, err := json.Marshal(v.Layout)
		if err != nil {
			panic(fmt.Sprintf("checkpoint: layout of view %s: %v", v.Name, err)) // It has names, numbers and truths.
		}
		u.layouts = append(u.layouts, layout)
	}
	return u
}

// write writes a file, and lets go of those that no checkpoint needs any more.
func (k *Keeper) write(ctx context.Context, u *unit) result {
	began := time.Now()
	r := result{unit: u}
	if r.err = u.saved.Err; r.err == nil && k.First != nil {
		r.err = k.First(ctx)
	}
	if r.err == nil {
		r.err = k.put(ctx, u)
	}
	if errors.Is(r.err, ErrTaken) {
		r.err = k.mine(ctx, u)
	}
	if r.err == nil {
		r.file = File{Number: u.manifest.Number, Bytes: u.size, Sum: fmt.Sprintf("%08x", u.sum)}
		if u.manifest.Whole {
			r.pruned = k.prune(ctx, append(u.keep, &u.manifest))
		}
		u.saved = nil
	}
	if r.err != nil {
		r.err = fmt.Errorf("checkpoint %s: %w", k.place.name(u.manifest.Number), r.err)
	}
	r.took = time.Since(began)
	return r
}

// put makes one attempt.
func (k *Keeper) put(ctx context.Context, u *unit) (err error) {
	to, err := k.place.create(ctx, u.manifest.Number)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// The place is put in order even where the caller has no more time.
			err = errors.Join(err, to.abort(context.WithoutCancel(ctx)))
		}
	}()
	w, err := shelf.NewSnapshotWriter(to)
	if err != nil {
		return err
	}
	if err := u.sections(w); err != nil {
		return err
	}
	head, err := json.Marshal(&u.manifest)
	if err != nil {
		return err
	}
	if u.sum, u.size, err = w.Finish(head); err != nil {
		return err
	}
	return to.commit(ctx)
}

// sections writes all sections, in their order.
func (u *unit) sections(w *shelf.SnapshotWriter) error {
	all := slices.Clone(u.saved.Bases)
	slices.SortFunc(all, func(a, b live.GroupRuns) int {
		return cmp.Or(cmp.Compare(a.View, b.View), cmp.Compare(a.Group, b.Group))
	})
	var buffer []byte
	for view, layout := range u.layouts {
		layout = append(layout, "       "[:-len(layout)&7]...)
		if err := w.Add(view, layoutSection, 0, layout); err != nil {
			return err
		}
		for i, s := range u.saved.Rows[view] {
			if err := w.Add(view, rowsSection+i, s.Rows, s.Bytes); err != nil {
				return err
			}
		}
		for ; len(all) > 0 && all[0].View == view; all = all[1:] {
			buffer = all[0].Section(buffer)
			if err := w.Add(view, basesSection+all[0].Group, len(all[0].Keys), buffer); err != nil {
				return err
			}
		}
	}
	return nil
}

// mine tells a number that another writer took from an attempt of this one's that came
// about while its answer was lost. Who cannot look knows neither, and tries again.
func (k *Keeper) mine(ctx context.Context, u *unit) error {
	f, err := k.open(ctx, u.manifest.Number, false)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat) {
		return ErrTaken
	}
	if err != nil {
		return err
	}
	if f.manifest.Writer != k.writer || f.Sum() != u.sum {
		err = ErrTaken
	}
	return errors.Join(err, f.Close())
}

// prune removes the files that none of the newest checkpoints needs. Of what is newer
// than the oldest of these nothing is touched.
func (k *Keeper) prune(ctx context.Context, newest []*Manifest) error {
	newest = newest[max(0, len(newest)-k.Keep):]
	if len(newest) < k.Keep {
		return nil // Fewer than are to be kept are known: what else there is may be one.
	}
	needed := map[int64]bool{}
	for _, m := range newest {
		needed[m.Number] = true
		for _, f := range m.Chain {
			needed[f.Number] = true
		}
	}
	all, err := k.place.list(ctx)
	for _, f := range all {
		if f.number < newest[0].Number && !needed[f.number] {
			err = errors.Join(err, k.place.remove(ctx, f.number))
		}
	}
	if err != nil {
		return fmt.Errorf("remove checkpoints that are not needed: %w", err)
	}
	return nil
}
