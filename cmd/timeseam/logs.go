package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/ledger"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/serve"
	"github.com/timeseam/timeseam/store"
)

// logs are what a generation writes beside its checkpoints: which records were applied
// at which epoch.
type logs struct {
	positions *ledger.Log // nil: nobody asked for them
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// positionsEvery is how often positions go to a folder, and less often to a bucket,
// where each time makes an object.
const (
	positionsEvery       = time.Second
	positionsEveryBucket = 10 * time.Second
)

// folder is a folder that the definition names, of this machine beside it or of a
// bucket; "": it names none.
func (g *generation) folder(t features.Text) (string, error) {
	x := settings{in: g.in}
	dir := x.text(t)
	if x.err == nil && dir != "" && !filepath.IsAbs(dir) && !store.Is(dir) {
		dir = filepath.Join(filepath.Dir(g.in.def.File), dir)
	}
	return dir, x.err
}

// beneath is a folder in another.
func beneath(dir, name string) string {
	if !store.Is(dir) {
		return filepath.Join(dir, name)
	}
	if dir[len(dir)-1] != '/' {
		dir += "/"
	}
	return dir + name
}

// refresh begins to look for files of sources without a stream.
func (g *generation) refresh(ctx context.Context, restored bool) error {
	if !slices.ContainsFunc(g.plan.Inputs, func(i features.Input) bool { return i.Source.Refresh.Given() }) {
		return nil
	}
	o := refreshOptions{restored: restored, log: g.log}
	if g.place != "" {
		var err error
		if o.keep, err = ledger.OpenPlace(ctx, beneath(g.place, "refresh"), g.in.finder.Store); err != nil {
			return err
		}
	}
	feeds, err := g.in.refreshing(ctx, g.engine, o)
	g.driver.Feeds = append(g.driver.Feeds, feeds...)
	return err
}

// archived opens the archive of a topic; nil: nobody asked for one.
func (g *generation) archived(ctx context.Context, place int, topic string) (*archiving, error) {
	online := g.in.def.Online
	if online == nil || !online.Archive.Given() {
		return nil, nil
	}
	if now := g.now.Load(); now != nil && now != g {
		// Two of them would write each record twice. What this one applies is read again.
		g.log.Warn("the definition before writes the archive; when this one answers, the archive waits until the daemon is started again, and goes on where it stopped", "source", g.plan.Inputs[place].Source.Name.Value)
		return nil, nil
	}
	dir, err := g.folder(online.Archive)
	if err != nil {
		return nil, err
	}
	i := &g.plan.Inputs[place]
	a, err := newArchiving(ctx, beneath(dir, i.Source.Name.Value), topic, g.tempDir, i.Columns)
	if err == nil {
		a.log = g.log
	}
	return a, err
}

// openLogs begins to note positions, once the engine is where it goes on from.
func (g *generation) openLogs(ctx context.Context) error {
	path, every := "", positionsEvery
	if online := g.in.def.Online; online != nil && online.PositionLog.Given() {
		dir, err := g.folder(online.PositionLog)
		if err != nil {
			return err
		}
		path = beneath(dir, g.plan.Digest())
	} else if g.place != "" {
		path = beneath(g.place, "positions")
	}
	if path == "" {
		return nil
	}
	if store.Is(path) {
		every = positionsEveryBucket
	}
	l, err := ledger.Open(ctx, ledger.Options{Path: path, Client: g.in.finder.Store})
	if err != nil {
		return err
	}
	g.engine.CountFrom(l.From(g.engine.Epoch()))
	if err := l.Begin(ctx, g.engine.Epoch(), g.engine.Status().Positions); err != nil {
		return err
	}
	g.logs.positions = l
	g.driver.Applied = func(a *live.Arrival, epoch uint64) { l.Note(epoch, a.Source, a.Partition, a.Next) }
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.logs.stop = stop
	g.logs.done.Go(func() { g.flushing(inner, l, every) })
	return nil
}

// flushing writes positions now and then. What keeps it from that is told once.
func (g *generation) flushing(ctx context.Context, l *ledger.Log, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := l.Flush(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			g.log.Error("positions cannot be written for now", "error", err)
		}
		failed = err != nil
	}
}

// closeLogs writes what is left.
func (g *generation) closeLogs(ctx context.Context) error {
	if g.logs.positions == nil {
		return nil
	}
	g.logs.stop()
	g.logs.done.Wait()
	return g.logs.positions.Close(ctx)
}

// openServed opens the served log that the definition asks for; nil: it asks for none.
func (g *generation) openServed(ctx context.Context) (*servedLog, error) {
	online := g.in.def.Online
	if online == nil || online.ServedLog == nil {
		return nil, nil
	}
	o := servedOptions{tempDir: g.tempDir, log: g.log}
	var err error
	if o.path, err = g.folder(online.ServedLog.Parquet); err != nil {
		return nil, err
	}
	if t := online.ServedLog.Sample; t.Given() {
		if o.share, err = strconv.ParseFloat(t.Value, 64); err != nil {
			return nil, fmt.Errorf("sample of served_log: %w", err)
		}
	}
	l, err := openServed(ctx, o)
	if err == nil {
		l.run(ctx)
		if g.logs.positions == nil && g.place == "" && !online.PositionLog.Given() {
			g.log.Warn("answers are written without the positions that they were given at; say where these go with online: {position_log: DIR}")
		}
	}
	return l, err
}

// seen has the served log see a request that was answered.
func (j *followJob) seen(x *serve.Exchange) {
	if x.Answer == nil || x.Questions == nil {
		return
	}
	a := &answered{plan: x.Engine.Plan(), service: j.now.Load().service, at: x.Began.Add(x.Took), questions: x.Questions, outputs: x.Outputs, columns: x.Answer.Columns, now: x.Answer.At, epoch: x.Answer.Epoch}
	if all := len(a.plan.Outputs); len(a.outputs) == all {
		whole := true
		for i, o := range a.outputs {
			whole = whole && i == o
		}
		if whole {
			a.outputs = nil
		}
	}
	j.served.see(a)
}

// closeServed writes what was seen.
func (j *followJob) closeServed(ctx context.Context) error {
	if j.served == nil {
		return nil
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
	defer stop()
	err := j.served.close(last)
	j.log.Info("served log", "rows", j.served.written.Load(), "dropped", j.served.dropped.Load())
	return err
}
