package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/timetravel"
)

// generation is one definition that a daemon follows. When the definition changes,
// another begins beside it, and takes over once it has caught up.
type generation struct {
	*followJob
	service string
	log     *slog.Logger
	plan    *features.Plan
	in      *inputs
	engine  *live.Engine
	driver  *live.Driver
	keeper  *checkpoint.Keeper // nil: nothing is saved
	place   string             // of its checkpoints
	logs    logs

	caught   chan struct{} // closed when it has caught up
	began    time.Time
	troubles troubles
	saved    int64 // number of the newest checkpoint that was told
}

// What part of the memory runs may take that stand ready, and those that are packed, of
// which more go to a file (docs/decisions/0023); what waits to be saved; and,
// before there is either, the shelf and the partitions of the bounded run that the state
// begins with.
const (
	readyShare     = 4
	packedShare    = 8
	notesShare     = 16
	bootstrapShare = 6
)

// turnEvery is how often it is looked whether a checkpoint is due.
const turnEvery = 100 * time.Millisecond

// begin opens what a definition names, and makes an engine that has seen nothing.
func (j *followJob) begin(ctx context.Context) (*generation, error) {
	g := &generation{followJob: j, log: j.log, caught: make(chan struct{}), began: time.Now(), troubles: troubles{log: j.log}}
	if err := g.open(ctx); err != nil {
		g.close()
		return nil, err
	}
	g.engine = live.NewEngine(g.plan, live.Options{Shards: j.shards, Ready: int(j.memory / readyShare), Packed: int(j.memory / packedShare), Spill: g.spill, Reach: j.reach, Notes: g.notes(), Now: j.clock})
	g.driver = &live.Driver{Engine: g.engine, Ends: live.Positions{}, Every: turnEvery, Live: func() {
		g.log.Info("caught up", "epoch", g.engine.Epoch(), "seconds", elapsed(g.began))
		close(g.caught)
		if g.answers != nil {
			g.answers()
		}
		g.tell("STATUS=answering")
	}}
	g.driver.Due = func(ctx context.Context) error {
		g.look()
		if g.keeper == nil {
			return nil
		}
		return g.keeper.Turn(ctx, g.engine)
	}
	return g, nil
}

// spill makes a file without a name for packed runs.
func (g *generation) spill() (features.File, error) {
	return (&backfillJob{tempDir: g.tempDir, out: "-"}).temporary()
}

// notes is how many bytes of rows may wait to be saved; 0: none are.
func (g *generation) notes() int {
	if g.place == "" {
		return 0
	}
	return int(g.memory / notesShare)
}

// close lets go of what is open.
func (g *generation) close() {
	if g.driver != nil {
		for _, f := range g.driver.Feeds {
			f.Close()
		}
	}
	if g.engine != nil {
		g.engine.Close() // nothing in its files is read again
	}
	if g.in != nil {
		g.in.disconnect()
	}
}

// open compiles the service, and opens the topics that it reads and where it is saved.
func (g *generation) open(ctx context.Context) error {
	def, err := readDefinition(g.spec)
	if err != nil {
		return err
	}
	if g.service, err = chooseService(def, g.followJob.service); err != nil {
		return err
	}
	g.in = openInputs(ctx, def, rehearsed) // no training set is called so
	g.in.lookup, g.in.unending, g.in.logs = g.lookup, true, &g.letters
	if g.plan, err = g.in.compileService(g.service); err != nil {
		return err
	}
	if err := g.in.connect(ctx, g.plan); err != nil {
		return err
	}
	if len(g.in.streams) == 0 && !slices.ContainsFunc(g.plan.Inputs, func(i features.Input) bool { return i.Source.Refresh.Given() }) {
		return wrongf("service %s reads no stream, so that there is nothing to follow; add stream to a source, or run `timeseam materialize` now and then", g.service)
	}
	if g.plan, err = g.in.compileService(g.service); err != nil {
		return err
	}
	return g.openKeeper(ctx, def)
}

// openKeeper opens the place of the definition's checkpoints: a folder of each meaning,
// so that two of them lie side by side.
func (g *generation) openKeeper(ctx context.Context, def *features.Definition) error {
	dir := g.checkpoints
	if dir == "" && def.Online != nil && def.Online.Checkpoint.Given() {
		x := settings{in: g.in}
		if dir = x.text(def.Online.Checkpoint); x.err != nil {
			return x.err
		}
		if !filepath.IsAbs(dir) && !store.Is(dir) {
			dir = filepath.Join(filepath.Dir(def.File), dir)
		}
	}
	switch {
	case dir == "" && g.saying != "":
		return wrongf("--%s speaks of checkpoints, and nothing says where they are; add --checkpoint DIR, or online: {checkpoint: DIR} to the definition", g.saying)
	case dir == "":
		g.log.Warn("nothing is saved: started again, the daemon begins anew; say where with --checkpoint DIR or online: {checkpoint: DIR}")
		return nil
	case store.Is(dir):
		if _, err := store.Parse(dir); err != nil {
			return wrongf("checkpoints: %w", err)
		}
	}
	digest := g.plan.Digest()
	if g.place = filepath.Join(dir, digest); store.Is(dir) {
		g.place = dir + "/" + digest
		if dir[len(dir)-1] == '/' {
			g.place = dir + digest
		}
	}
	var err error
	g.keeper, err = checkpoint.Open(ctx, g.place, checkpoint.Options{Interval: g.interval, Client: g.in.finder.Store, Temp: g.tempDir, SingleWriter: g.singleWriter, Notes: g.notes(), First: g.keepLetters})
	return err
}

// keepLetters has the dead letters last, before positions do that pass their records.
func (g *generation) keepLetters(ctx context.Context) error {
	for _, s := range g.in.streams {
		if s.letters == nil {
			continue
		}
		if err := s.letters.Commit(ctx); err != nil {
			return fmt.Errorf("dead letters of source %s: %w", s.source.Name.Value, err)
		}
	}
	return nil
}

// run restores the newest checkpoint, or has the histories swept, and follows the
// streams until the context ends, which is no error. What is not saved yet is saved then.
func (g *generation) run(ctx context.Context) error {
	if err := g.start(ctx); err != nil {
		if ctx.Err() != nil {
			g.log.Info("ended while loading: nothing of it is saved")
			return nil
		}
		return err
	}
	err := g.driver.Run(ctx)
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
	defer stop()
	if err := errors.Join(err, g.closeLogs(last)); err != nil || g.keeper == nil {
		return err
	}
	if err := g.keeper.Finish(last, g.engine); err != nil {
		return fmt.Errorf("the last checkpoint: %w", err)
	}
	g.log.Info("saved", "checkpoint", g.keeper.Status().Number, "epoch", g.keeper.Status().Epoch)
	return nil
}

// lastCheckpoint is how long the checkpoint may take with which a daemon ends.
const lastCheckpoint = time.Minute

// start has all in the state that was saved, or that histories hold, and makes ready to
// follow the streams.
func (g *generation) start(ctx context.Context) error {
	restored, err := g.restore(ctx)
	if err != nil {
		return err
	}
	if !restored {
		if err := g.bootstrap(ctx); err != nil {
			return err
		}
	}
	if err := g.refresh(ctx, restored); err != nil {
		return err
	}
	if err := g.openLogs(ctx); err != nil {
		return err
	}
	g.log.Info("following", "service", g.service, "sources", len(g.driver.Feeds), "digest", g.plan.Digest())
	return nil
}

// restore makes the state that of a checkpoint, and reports whether there is one.
func (g *generation) restore(ctx context.Context) (bool, error) {
	if g.keeper == nil {
		return false, nil
	}
	began := time.Now()
	m, err := g.keeper.Restore(ctx, g.engine, g.from)
	if errors.Is(err, checkpoint.ErrNone) && g.from == checkpoint.Newest {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at := g.engine.Status()
	for place := range g.plan.Inputs {
		i := &g.plan.Inputs[place]
		if s := g.in.streams[i.Source.Name.Value]; s != nil {
			if err := g.resume(ctx, place, s, at); err != nil {
				return false, err
			}
		}
	}
	g.log.Info("restored", "checkpoint", m.Number, "of", m.Made.UTC().Format(time.RFC3339), "epoch", at.Epoch, "seconds", elapsed(began))
	return true, nil
}

// elapsed is how long ago something began.
func elapsed(began time.Time) float64 { return time.Since(began).Round(time.Millisecond).Seconds() }

// followedMark is what must be found again of a topic that is followed.
type followedMark struct {
	Topic string      `json:"topic"`
	ID    string      `json:"id"`
	Kind  string      `json:"cut,omitempty"`
	Above *event.Span `json:"above,omitempty"` // of a cut by event time: what happened before is the history's
}

// markOf is the name of the note of a source.
func markOf(source string) string { return "stream " + source }

// resume follows a topic from where the checkpoint stands. Partitions that were added
// are followed from their beginning.
func (g *generation) resume(ctx context.Context, place int, s *stream, at live.Status) error {
	i := &g.plan.Inputs[place]
	name := i.Source.Name.Value
	var was followedMark
	if err := json.Unmarshal([]byte(at.Marks[markOf(name)]), &was); err != nil {
		return fmt.Errorf("the checkpoint does not say what the stream of source %s was; begin anew in an empty folder", name)
	}
	if was.Topic != s.topic.Name || was.ID != s.topic.ID.String() {
		return fmt.Errorf("the checkpoint stands in topic %s of id %s, and source %s has %s of id %s: their offsets are those of other records; begin anew in an empty folder", was.Topic, was.ID, name, s.topic.Name, s.topic.ID)
	}
	from := make([]int64, len(s.topic.Partitions))
	for p := range from {
		from[p] = at.Positions[name][int32(p)]
	}
	j := &joined{stream: s, input: i, log: logOf(s.topic), finder: g.in.finder}
	if was.Above != nil {
		j.cut = &cutover.Cut{Kind: cutover.ByEventTime, At: was.Above.From}
	}
	return g.follow(ctx, place, j, from, was.Above)
}

// bootstrap has a bounded run sweep the histories up to where the streams go on, takes
// what it leaves into the state, and makes ready to follow the streams.
func (g *generation) bootstrap(ctx context.Context) error {
	from := event.Time(time.Now().UnixMicro()).Earlier(g.reach.Microseconds())
	g.in.ahead = true
	g.in.completed = g.in.complete(g.plan, g.complete)
	room := g.memory / bootstrapShare
	job := &backfillJob{workers: g.shards, tempDir: g.tempDir, out: "-"}
	b := &timetravel.Backfill{Plan: g.plan, Visibility: timetravel.Visibility{Known: timetravel.EventTime}, Workers: g.shards, Hands: room, Shelf: shelf.New(room, job.temporary),
		Seam:    &timetravel.Seam{Interval: event.Span{From: from, To: from}, After: &taking{g.engine}, Whole: true},
		History: func(i features.Input, reach event.Span) ([]event.Source, error) { return g.histories(ctx, &i, reach) }}
	defer b.Shelf.Close()
	for _, i := range g.plan.Inputs {
		b.Events = max(b.Events, g.in.histories[i.Source.Name.Value].Estimate())
	}
	g.log.Info("loading the histories", "sources", len(g.plan.Inputs))
	report, err := b.Leave(ctx)
	if err != nil {
		return err
	}
	for i, n := range report.Events {
		g.log.Info("history applied", "source", g.plan.Inputs[i].Source.Name.Value, "rows", n)
	}
	return nil
}

// taking takes what a bounded run leaves into an engine.
type taking struct{ to *live.Engine }

// Add takes a section.
func (t *taking) Add(view, _, _ int, b []byte) error {
	var own []byte // which begins at a multiple of eight
	shelf.Reserve(&own, len(b))
	h, err := shelf.UnpackHeld(append(own, b...), t.to.Plan().Views[view].Layout.Columns)
	if err != nil {
		return err
	}
	return t.to.Load(view, &features.Left{Keys: h.Keys, Ends: h.Ends, Bases: h.Bases, Events: features.Events{Times: h.Times, Columns: h.Columns}})
}

// histories are the parts of a source's history, up to the cut where it goes on in a
// stream.
func (g *generation) histories(ctx context.Context, i *features.Input, reach event.Span) ([]event.Source, error) {
	table, err := g.in.fetch(g.plan, i, reach)
	if err != nil {
		return nil, err
	}
	if g.in.streams[i.Source.Name.Value] == nil {
		return historyParts(i, table, nil, g.shards)
	}
	place := slices.IndexFunc(g.plan.Inputs, func(o features.Input) bool { return o.Source == i.Source })
	both, err := g.in.join(ctx, &g.plan.Inputs[place], table, event.Span{From: reach.From, To: event.MaxTime})
	if err != nil {
		return nil, err
	}
	return g.cut(ctx, place, both)
}

// cut is the parts of a history up to the cut, and has the stream followed from there.
func (g *generation) cut(ctx context.Context, place int, both *joined) ([]event.Source, error) {
	from := make([]int64, len(both.topic.Partitions))
	for p, b := range both.topic.Partitions {
		from[p] = b.Start
	}
	var below, above *event.Span
	if c := both.cut; c != nil {
		for _, s := range c.Starts {
			from[s.Partition] = s.From
		}
		if c.Kind == cutover.ByEventTime {
			below, above = &event.Span{From: event.MinTime, To: c.At}, &event.Span{From: c.At, To: event.MaxTime}
		}
		g.log.Info("cut over", "source", both.source.Name.Value, "kind", string(c.Kind), "why", c.Why)
	}
	if err := g.follow(ctx, place, both, from, above); err != nil || both.table == nil {
		return nil, err
	}
	return historyParts(both.input, both.table, below, g.shards)
}

// follow makes ready to follow a topic from offsets on, one a partition.
func (g *generation) follow(ctx context.Context, place int, j *joined, from []int64, above *event.Span) error {
	name := j.source.Name.Value
	archive, err := g.archived(ctx, place, j.topic.Name)
	if err != nil {
		return fmt.Errorf("stream of source %s: %w", name, err)
	}
	feed, err := j.follow(ctx, place, from, archive)
	if err != nil && archive != nil {
		err = errors.Join(err, archive.close())
	}
	if err != nil {
		return fmt.Errorf("stream of source %s: %w", name, err)
	}
	feed.span = above
	g.driver.Feeds = append(g.driver.Feeds, feed)
	ends := map[int32]int64{}
	for p, b := range j.topic.Partitions {
		if b.End > from[p] {
			ends[int32(p)] = b.End
		}
	}
	g.driver.Ends[name] = ends
	mark := followedMark{Topic: j.topic.Name, ID: j.topic.ID.String(), Above: above}
	if j.cut != nil {
		mark.Kind = string(j.cut.Kind)
	}
	text, err := json.Marshal(mark)
	g.engine.Mark(markOf(name), string(text))
	return err
}
