package timetravel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// partitionEvents is how many events a partition should have: their keys, times
// and one value are then about the size of a core's own cache. It changes the
// time a run takes and nothing else (T2).
const partitionEvents = 40_000

// maxBits is the most partition bits: a batch still has dozens of rows for
// each. More would leave a chunk a few rows a partition, and gathering would
// jump from chunk to chunk.
const maxBits = 10

// chunk is what a view takes of one batch, in pieces by group of partitions, and
// these in sections by partition. A group's pieces go as soon as all of its
// partitions are swept, so that events make room for answers. Pieces own their
// vectors, as the source uses the batch again, and share dictionaries, which last
// (E2). Events that no query can reach are gone already.
type chunk []shelf.Stored

// groupBits is how many of a partition's highest bits are its group: at most.
const groupBits = 4

// groupOf is the group of partition p, and its section there.
func groupOf(p, bits int) (group, section int) {
	within := max(bits-groupBits, 0)
	return p >> within, p & (1<<within - 1)
}

// len is how many events the chunk has of partition p.
func (c chunk) len(p, bits int) int {
	g, s := groupOf(p, bits)
	return c[g].Len(s)
}

// partitionOf is the partition of a key: the highest bits of its hash. All
// events and queries of a key meet in one partition, whatever the number; so
// partitions share nothing and need no order among them (T2). Entities that key
// by the same columns have the same hashes.
func partitionOf(h event.Hash, bits int) int { return int(h.Hi >> (64 - bits)) }

// readHistory reads every input and partitions what each view takes of it.
// Inputs follow one another, each with all workers on its parts. The number of
// events is only an estimate and may be wrong.
func (r *run) readHistory(ctx context.Context) error {
	if taken, err := r.takeUp(); taken || err != nil {
		return err
	}
	r.chunks = make([][][]chunk, len(r.Plan.Views))
	r.last = slices.Repeat([]event.Time{event.MinTime}, len(r.Plan.Views))
	for v := range r.last {
		if r.begins(v) {
			r.last[v] = r.Seam.Views[v].Newest
		}
	}
	r.newest = slices.Clone(r.last)
	r.sieves = make([]sieve, len(r.Plan.Views))
	for v := range r.sieves {
		var err error
		if r.sieves[v], err = r.sieveOf(v); err != nil {
			return err
		}
	}
	for in := range r.Plan.Inputs {
		if err := r.readInput(ctx, in); err != nil {
			return err
		}
	}
	return r.noteRead()
}

// readInput reads the parts of one input beside each other. Every part has its
// own place for chunks and counts: the order of reading is that of the parts
// and not of the goroutines, so that late_events (S10.2) does not depend on
// them (T2). Sources may be closed twice.
func (r *run) readInput(ctx context.Context, in int) error {
	until, known := r.Complete[r.Plan.Inputs[in].Source.Name.Value]
	parts, err := r.openInput(in)
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range parts {
			p.Close()
		}
	}()
	views := r.viewsOf(in)
	for _, v := range views {
		r.chunks[v] = make([][]chunk, len(parts))
	}
	read := new(atomic.Int64)
	readers := make([]partReader, len(parts))
	err = each(ctx, r.Workers, len(parts), func(ctx context.Context, part int) error {
		p := &readers[part]
		*p = partReader{in: in, part: part, source: parts[part], views: views, read: read,
			counts: make([]event.Counts, len(views)), last: slices.Repeat([]event.Time{event.MinTime}, len(views))}
		return r.readPart(ctx, p)
	})
	r.report.Events[in] = read.Load()
	for part := range readers {
		p := &readers[part]
		r.report.Read[in].AddCounted(parts[part])
		r.report.Read[in].Add(&p.cleaned)
		for i := range p.counts {
			r.report.Counts[r.firstOf(views[i])].Add(&p.counts[i])
			r.last[views[i]] = max(r.last[views[i]], p.last[i])
			r.newest[views[i]] = r.last[views[i]]
		}
	}
	for i := 0; known && i < len(views); i++ {
		r.last[views[i]] = until
	}
	return cmp.Or(err, r.Plan.Inputs[in].Refuse(&r.report.Read[in]))
}

// openInput opens what the questions can reach of an input: also those that are asked
// at any later time, where nobody will read it again.
func (r *run) openInput(in int) ([]event.Source, error) {
	_, known := r.Complete[r.Plan.Inputs[in].Source.Name.Value]
	asked := r.interval()
	if r.Seam == nil || !r.Seam.Whole {
		return r.History(r.Plan.Inputs[in], Reach(r.Plan, in, asked, known))
	}
	reach := Reach(r.Plan, in, event.Span{From: asked.From, To: asked.From.Later(1)}, known)
	reach.To = event.MaxTime
	return r.History(r.Plan.Inputs[in], reach)
}

// firstOf is a view's first lookup.
func (r *run) firstOf(view int) int {
	return slices.IndexFunc(r.Plan.Lookups, func(l features.Lookup) bool { return l.View == view })
}

// viewsOf lists the views over an input. Views over one source share one
// reading of it.
func (r *run) viewsOf(in int) (views []int) {
	for v := range r.Plan.Views {
		if r.Plan.Views[v].Input == in {
			views = append(views, v)
		}
	}
	return views
}

// partReader is one part of an input on its way into chunks.
type partReader struct {
	in, part int
	source   event.Source
	views    []int
	counts   []event.Counts // by place in views
	last     []event.Time   // the greatest time, by place in views
	cleaned  event.Counts   // of the part itself
	read     *atomic.Int64
	scratch  *readScratch // while it is read
}

// readScratch is memory that a goroutine uses for one batch after the other.
type readScratch struct {
	rows  features.Rows
	order partitioner
	texts map[column]*sharedTexts
}

// Reach is the times outside of which no event of an input matters to questions of
// the span asked: what the windows of all its views reach. A label that has only
// the newest event to tell how far it is known (S14.7), complete being false, has
// no upper end.
func Reach(plan *features.Plan, in int, asked event.Span, complete bool) event.Span {
	reach := event.Span{From: event.MaxTime, To: event.MinTime}
	if asked.From >= asked.To {
		return reach // no query has an instant
	}
	for v := range plan.Views {
		if plan.Views[v].Input != in {
			continue
		}
		lo, hi := plan.Views[v].Layout.Reach(asked.From, asked.To.Earlier(1))
		if !complete && slices.ContainsFunc(plan.Labels, func(l features.Label) bool { return l.View == v }) {
			hi = event.MaxTime
		}
		reach = event.Span{From: min(reach.From, lo), To: max(reach.To, hi)}
	}
	return reach
}

// foldered is a part whose rows lie in a folder that bounds their time, or claims
// to: what it is of is known without reading a row, so that it may be left unread.
type foldered interface {
	// Folder is the times of the folder; ok is false where it bounds none.
	Folder() (times event.Span, ok bool)
	// Place names the file and the row of a row of the last batch.
	Place(row int) string
}

// astray returns an error if a row of a batch lies in the wrong folder: where one
// does, others may lie in folders that were left unread (S19.3).
func (r *run) astray(p *partReader, b *event.Batch) error {
	f, is := p.source.(foldered)
	if !is {
		return nil
	}
	times, bound := f.Folder()
	if !bound {
		return nil
	}
	if row, problem := r.Plan.Inputs[p.in].Astray(b, times); row >= 0 {
		return fmt.Errorf("read history of %s: %s: %s", r.Plan.Inputs[p.in].Source.Name.Value, f.Place(row), problem)
	}
	return nil
}

// readPart reads one part to its end, in one goroutine. The first error stops
// the other parts too.
func (r *run) readPart(ctx context.Context, p *partReader) error {
	defer p.source.Close()
	if p.scratch, _ = r.scratch.Get().(*readScratch); p.scratch == nil {
		p.scratch = new(readScratch)
	}
	defer func() {
		r.scratch.Put(p.scratch)
		p.scratch = nil
	}()
	var b event.Batch
	for {
		if err := p.source.Read(ctx, &b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			if s := r.Plan.Inputs[p.in].Source; s.Stream != nil {
				return fmt.Errorf("read source %s: %w", s.Name.Value, err) // either copy's error says where it is
			}
			return fmt.Errorf("read history of %s: %w", r.Plan.Inputs[p.in].Source.Name.Value, err)
		}
		clean := r.Plan.Inputs[p.in].Clean(&b, &p.cleaned)
		if err := r.astray(p, clean); err != nil {
			return err
		}
		for i, v := range p.views {
			c, n, err := r.chunk(v, clean, p, i)
			if err != nil {
				return err
			}
			if n > 0 {
				r.chunks[v][p.part] = append(r.chunks[v][p.part], c)
			}
		}
		r.tell("history", p.read.Add(int64(b.Len)), r.Events)
	}
}

// chunk makes the chunk of a view from a batch, and says how many events it has.
// Reach leaves out what no query's window can hold, and the sieve what is of no key
// that is asked, both counted as events_outside_windows; the views' columns are computed before, as refusals
// are counted for all rows alike.
func (r *run) chunk(view int, b *event.Batch, of *partReader, place int) (chunk, int, error) {
	n := &of.counts[place]
	v := r.Plan.Views[view]
	rows, p := &of.scratch.rows, &of.scratch.order
	v.Take(b, n, rows)
	lo, hi := v.Layout.Reach(r.spine.first, r.spine.last)
	if r.spine.first > r.spine.last {
		hi = lo // no query has an instant
	}
	if err := r.folded(view, rows.Times, of); err != nil {
		return chunk{}, 0, err
	}
	ahead := r.seamed(view) // what comes after the questions is left to the next run
	if ahead {
		lo, _ = v.Layout.Reach(r.Seam.Interval.From, r.Seam.Interval.From)
	}
	sieve, last := r.sieves[view], of.last[place]
	p.begin(r.bits, rows)
	for i, t := range rows.Times {
		last = max(last, t)
		if t >= lo && (t < hi || ahead) && (sieve == nil || sieve.passes(rows.Key(i))) {
			p.count(i)
		}
	}
	of.last[place] = last
	order := p.order()
	n[event.OutsideWindows] += int64(len(rows.Times) - len(order))
	if len(order) == 0 {
		return chunk{}, 0, nil
	}
	for i := range rows.Columns {
		of.scratch.settle(column{view, i}, &rows.Columns[i], order)
	}
	c, err := r.groups(rows, p, order)
	return c, len(order), err
}

// groups puts rows, in the order of their partitions, on the shelf. Groups share
// dictionaries.
func (r *run) groups(rows *features.Rows, p *partitioner, order []int32) (chunk, error) {
	per := 1 << max(r.bits-groupBits, 0)
	groups := (len(p.starts) - 1) / per
	pieces, sections := make([]shelf.Piece, groups), make([][]int32, groups)
	all := shelf.Piece{Keys: rows.Keys, Times: rows.Times, Arrived: rows.Arrived, Columns: rows.Columns}
	for i, is := range rows.Timed {
		if is {
			all.Columns[i].Ints = nil // It is held once, as the times.
		}
	}
	for g := range pieces {
		starts := slices.Clone(p.starts[g*per : (g+1)*per+1])
		own := order[starts[0]:starts[per]]
		for i, first := per, starts[0]; i >= 0; i-- {
			starts[i] -= first
		}
		pieces[g] = shelf.Make(&all, len(own))
		if rows.Coded == nil {
			gather(pieces[g].Keys, rows.Keys, own)
		} else {
			gatherCoded(pieces[g].Keys, rows.Keys, rows.Coded, own)
		}
		gatherAll(&pieces[g], &all, own)
		for i, is := range rows.Timed {
			if is {
				pieces[g].Columns[i].Ints = shelf.Instants(pieces[g].Times)
			}
		}
		sections[g] = starts
	}
	return r.shelf.PutAll(pieces, sections)
}

// partitioner orders rows by the partition of their keys, by counting: O(rows), and
// stable, so that within a partition they stay in the order of reading. Its vectors
// are scratch.
type partitioner struct {
	all    []uint16 // the partition of every row of the batch
	keys   []uint16 // and of every key of its dictionary
	starts []int32  // partition p is rows starts[p] to starts[p+1]-1 of the order
	next   []int32
	n      int     // rows that were counted
	rows   []int32 // those, and room for more
	of     []uint16
	sorted []int32
}

// begin makes room for the rows of a batch, and finds their partitions: those of a
// dictionary's keys once for each key, unless most of them are of other rows.
func (p *partitioner) begin(bits int, rows *features.Rows) {
	n := len(rows.Times)
	p.n = 0
	clear(resize(&p.starts, 1<<bits+1))
	resize(&p.rows, n)
	resize(&p.of, n)
	all := resize(&p.all, n)
	switch {
	case rows.Coded == nil:
		for i, key := range rows.Keys {
			all[i] = uint16(partitionOf(key, bits))
		}
	case len(rows.Keys) > 2*n:
		for i, code := range rows.Coded {
			all[i] = uint16(partitionOf(rows.Keys[code], bits))
		}
	default:
		keys := resize(&p.keys, len(rows.Keys))
		for k, key := range rows.Keys {
			keys[k] = uint16(partitionOf(key, bits))
		}
		for i, code := range rows.Coded {
			all[i] = keys[code]
		}
	}
}

// count takes a row into its partition.
func (p *partitioner) count(row int) {
	at := p.all[row]
	p.starts[at+1]++
	p.rows[p.n], p.of[p.n] = int32(row), at
	p.n++
}

// order is the rows that were counted, by partition.
func (p *partitioner) order() []int32 {
	for k := range len(p.starts) - 1 {
		p.starts[k+1] += p.starts[k]
	}
	next := resize(&p.next, len(p.starts))
	copy(next, p.starts)
	order := resize(&p.sorted, p.n)
	for i, at := range p.of[:p.n] {
		order[next[at]] = p.rows[i]
		next[at]++
	}
	return order
}
