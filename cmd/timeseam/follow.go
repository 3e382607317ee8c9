package main

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/timetravel"
	"github.com/urfave/cli/v2"
)

func followCommand() *cli.Command {
	return &cli.Command{
		Name:      "follow",
		Usage:     "keep a service's features fresh from its streams, and serve them",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "service", Usage: "the feature service to follow; not needed where the definition has one", EnvVars: environment("service")},
			&cli.IntFlag{Name: "shards", Usage: "goroutines that apply events", Value: runtime.GOMAXPROCS(0), EnvVars: environment("shards")},
			&cli.StringFlag{Name: "memory", Usage: "what the process may take, such as 2GiB", DefaultText: "half of the machine's or its container's", EnvVars: environment("memory")},
			&cli.StringFlag{Name: "temp-dir", Usage: "where temporary files are made", DefaultText: "where the system has them", EnvVars: environment("temp-dir")},
			&cli.DurationFlag{Name: "as-of", Usage: "how far into the past questions may ask, such as 1h", Value: time.Hour, EnvVars: environment("as-of")},
			&cli.StringFlag{Name: completeFlag, Usage: "say that of every source all events before this instant are in its history, such as 2026-01-31T00:00:00Z", EnvVars: environment(completeFlag)},
		},
		OnUsageError: usageError,
		Action:       follow,
	}
}

// followJob is one daemon with all its settings.
type followJob struct {
	spec, service string
	shards        int
	memory        int64
	tempDir       string // "": the system's
	reach         time.Duration
	complete      *event.Time
	log           *slog.Logger
	lookup        func(string) (string, bool) // settings of the environment; nil: its own

	plan   *features.Plan
	in     *inputs
	engine *live.Engine
	driver *live.Driver
}

func follow(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	j := followJob{spec: spec, service: c.String("service"), shards: c.Int("shards"), tempDir: c.String("temp-dir"), reach: c.Duration("as-of"), log: slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))}
	switch {
	case j.shards < 1 || j.shards > event.KeyGroups:
		return wrongf("--shards %d; give 1 to %d", j.shards, event.KeyGroups)
	case j.reach < 0:
		return wrongf("--as-of %s; give 0 or more", j.reach)
	}
	if j.complete, err = completeSaid(c); err != nil {
		return err
	}
	if j.memory, err = memoryLimit(c.String("memory")); err != nil {
		return err
	}
	return j.run(c.Context)
}

// What part of the memory runs may take that stand ready; and, before there are many, the
// shelf and the partitions of the bounded run that the state begins with.
const (
	readyShare     = 4
	bootstrapShare = 6
)

// run follows until the context ends, which is how a daemon ends.
func (j *followJob) run(ctx context.Context) error {
	defer j.close()
	if err := j.start(ctx); err != nil {
		return err
	}
	return j.driver.Run(ctx)
}

// start has all applied that histories hold, and makes ready to follow the streams.
func (j *followJob) start(ctx context.Context) error {
	if err := j.open(ctx); err != nil {
		return err
	}
	j.engine = live.NewEngine(j.plan, live.Options{Shards: j.shards, Ready: int(j.memory / readyShare), Reach: j.reach})
	j.driver = &live.Driver{Engine: j.engine, Ends: live.Positions{}, Live: func() { j.log.Info("caught up", "epoch", j.engine.Status().Epoch) }}
	if err := j.bootstrap(ctx); err != nil {
		return err
	}
	j.log.Info("following", "service", j.service, "sources", len(j.driver.Feeds), "digest", j.plan.Digest())
	return nil
}

// close lets go of what start has opened.
func (j *followJob) close() {
	if j.driver != nil {
		for _, f := range j.driver.Feeds {
			f.Close()
		}
	}
	if j.in != nil {
		j.in.disconnect()
	}
}

// open compiles the service and opens the topics that it reads.
func (j *followJob) open(ctx context.Context) error {
	def, err := readDefinition(j.spec)
	if err != nil {
		return err
	}
	if j.service, err = chooseService(def, j.service); err != nil {
		return err
	}
	j.in = openInputs(ctx, def, rehearsed) // no training set is called so
	j.in.lookup = j.lookup
	if j.plan, err = j.in.compileService(j.service); err != nil {
		return err
	}
	if err := j.in.connect(ctx, j.plan); err != nil {
		return err
	}
	if len(j.in.streams) == 0 {
		return wrongf("service %s reads no stream, so that there is nothing to follow; add stream to a source, or run `timeseam backfill`", j.service)
	}
	j.plan, err = j.in.compileService(j.service)
	return err
}

// chooseService returns the feature service that is meant.
func chooseService(def *features.Definition, name string) (string, error) {
	switch {
	case name != "":
		return name, nil
	case len(def.Services) == 1:
		return def.Services[0].Name.Value, nil
	case len(def.Services) == 0:
		return "", wrongf("%s has no feature service; add one under feature_services", def.File)
	}
	var services []string
	for _, s := range def.Services {
		services = append(services, s.Name.Value)
	}
	return "", wrongf("%s has %d feature services; say which with --service: %s", def.File, len(services), strings.Join(services, ", "))
}

// bootstrap has a bounded run sweep the histories up to where the streams go on, takes
// what it leaves into the state, and makes ready to follow the streams.
func (j *followJob) bootstrap(ctx context.Context) error {
	from := event.Time(time.Now().UnixMicro()).Earlier(j.reach.Microseconds())
	j.in.ahead = true
	j.in.completed = j.in.complete(j.plan, j.complete)
	room := j.memory / bootstrapShare
	job := &backfillJob{workers: j.shards, tempDir: j.tempDir, out: "-"}
	b := &timetravel.Backfill{Plan: j.plan, Visibility: timetravel.Visibility{Known: timetravel.EventTime}, Workers: j.shards, Hands: room, Shelf: shelf.New(room, job.temporary),
		Seam:    &timetravel.Seam{Interval: event.Span{From: from, To: from}, After: &taking{j.engine}, Whole: true},
		History: func(i features.Input, reach event.Span) ([]event.Source, error) { return j.histories(ctx, &i, reach) }}
	defer b.Shelf.Close()
	for _, i := range j.plan.Inputs {
		b.Events = max(b.Events, j.in.histories[i.Source.Name.Value].Estimate())
	}
	report, err := b.Leave(ctx)
	if err != nil {
		return err
	}
	for i, n := range report.Events {
		j.log.Info("history applied", "source", j.plan.Inputs[i].Source.Name.Value, "rows", n)
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
	return t.to.Load(view, h.Keys, h.Ends, h.Bases, features.Events{Times: h.Times, Columns: h.Columns})
}

// histories are the parts of a source's history, up to the cut where it goes on in a
// stream.
func (j *followJob) histories(ctx context.Context, i *features.Input, reach event.Span) ([]event.Source, error) {
	table, err := j.in.fetch(j.plan, i, reach)
	if err != nil {
		return nil, err
	}
	if j.in.streams[i.Source.Name.Value] == nil {
		return historyParts(i, table, nil, j.shards)
	}
	place := slices.IndexFunc(j.plan.Inputs, func(o features.Input) bool { return o.Source == i.Source })
	both, err := j.in.join(ctx, i, table, event.Span{From: reach.From, To: event.MaxTime})
	if err != nil {
		return nil, err
	}
	return j.cut(ctx, place, both)
}

// cut is the parts of a history up to the cut, and has the stream followed from there.
func (j *followJob) cut(ctx context.Context, place int, both *joined) ([]event.Source, error) {
	from := make([]int64, len(both.topic.Partitions))
	for p, b := range both.topic.Partitions {
		from[p] = b.Start
	}
	var below, above *event.Span
	if c := both.cut; c != nil {
		for _, s := range c.Starts {
			from[s.Partition] = s.From
		}
		if c.Kind == "event_time" {
			below, above = &event.Span{From: event.MinTime, To: c.At}, &event.Span{From: c.At, To: event.MaxTime}
		}
		j.log.Info("cut over", "source", both.source.Name.Value, "kind", string(c.Kind), "why", c.Why)
	}
	feed, err := both.follow(ctx, place, from)
	if err != nil {
		return nil, err
	}
	feed.span = above
	j.driver.Feeds = append(j.driver.Feeds, feed)
	ends := map[int32]int64{}
	for p, b := range both.topic.Partitions {
		if b.End > from[p] {
			ends[int32(p)] = b.End
		}
	}
	j.driver.Ends[both.source.Name.Value] = ends
	if both.table == nil {
		return nil, nil
	}
	return historyParts(both.input, both.table, below, j.shards)
}
