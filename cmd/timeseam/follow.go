package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/serve"
	"github.com/urfave/cli/v2"
)

func followCommand() *cli.Command {
	return &cli.Command{
		Name:      "follow",
		Usage:     "keep a service's features fresh from its streams, and serve them",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "service", Usage: "the feature service to follow; not needed where the definition serves or has one", EnvVars: environment("service")},
			&cli.StringFlag{Name: "listen", Usage: "where HTTP is served, in place of what the definition says", DefaultText: serve.DefaultListen, EnvVars: environment("listen")},
			&cli.StringFlag{Name: "checkpoint", Usage: "where the state is saved, a folder or s3://BUCKET/KEY, in place of what the definition says", EnvVars: environment("checkpoint")},
			&cli.StringFlag{Name: "checkpoint-interval", Usage: "how often it is saved, such as 10s", Value: "10s", EnvVars: environment("checkpoint-interval")},
			&cli.StringFlag{Name: "from-checkpoint", Usage: "begin with this one: newest, previous, or a number of `timeseam checkpoint list`", Value: "newest", EnvVars: environment("from-checkpoint")},
			&cli.BoolFlag{Name: "checkpoint-single-writer", Usage: "nobody else writes checkpoints to this bucket, whose server cannot tell", EnvVars: environment("checkpoint-single-writer")},
			&cli.IntFlag{Name: "shards", Usage: "goroutines that apply events", Value: runtime.GOMAXPROCS(0), EnvVars: environment("shards")},
			&cli.StringFlag{Name: "memory", Usage: "what the process may take, such as 2GiB", DefaultText: "half of the machine's or its container's", EnvVars: environment("memory")},
			&cli.StringFlag{Name: "temp-dir", Usage: "where temporary files are made", DefaultText: "where the system has them", EnvVars: environment("temp-dir")},
			&cli.StringFlag{Name: "as-of", Usage: "how far into the past questions may ask, such as 1h", Value: "1h", EnvVars: environment("as-of")},
			&cli.StringFlag{Name: "metrics", Usage: "where Prometheus finds /metrics, beside /healthz and /readyz: a port of this machine, such as 6568, or HOST:PORT", DefaultText: "nowhere", EnvVars: environment("metrics")},
			&cli.DurationFlag{Name: "drain", Usage: "told to end, how long to say so at /readyz while answering on", EnvVars: environment("drain")},
			&cli.StringFlag{Name: "log-format", Usage: "text or json", Value: "text", EnvVars: environment("log-format")},
			&cli.StringFlag{Name: "log-level", Usage: "debug, info, warn or error", Value: "info", EnvVars: environment("log-level")},
			&cli.StringFlag{Name: completeFlag, Usage: "say that of every source all events before this instant are in its history, such as 2026-01-31T00:00:00Z", EnvVars: environment(completeFlag)},
		},
		OnUsageError: usageError,
		Description: `It answers questions over HTTP once it has caught up, and 503 before that. SIGHUP
reads the definition again; SIGTERM and Ctrl-C end it, with a last checkpoint.`,
		Action: follow,
	}
}

// followJob is one daemon with all its settings.
type followJob struct {
	spec, service string
	listen        string
	checkpoints   string // "": where the definition says
	interval      time.Duration
	from          checkpoint.Which
	saying        string // a flag that was given and speaks of checkpoints; "": none does
	singleWriter  bool
	shards        int
	memory        int64
	tempDir       string // "": the system's
	reach         time.Duration
	complete      *event.Time
	metricsAt     string        // "": nowhere
	drain         time.Duration // that /readyz says 503 before clients are turned away
	log           *slog.Logger
	lookup        func(string) (string, bool)          // settings of the environment; nil: its own
	clock         func() time.Time                     // nil: the machine's
	opened        func(address string)                 // told where HTTP is served; nil: nobody asks
	answers       func()                               // told once when questions are answered; nil: nobody asks
	after         func(time.Duration) <-chan time.Time // nil: time.After

	now      atomic.Pointer[generation] // that answers
	server   *serve.Server
	served   *servedLog // nil: answers are not written
	letters  letterLogs
	metrics  *measures
	stopping atomic.Bool // it was told to end
}

func follow(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	j := &followJob{spec: spec, service: c.String("service"), listen: c.String("listen"), checkpoints: c.String("checkpoint"), singleWriter: c.Bool("checkpoint-single-writer"),
		shards: c.Int("shards"), tempDir: c.String("temp-dir"), drain: c.Duration("drain")}
	if j.reach, err = spanOf(c, "as-of"); err != nil {
		return err
	}
	if j.interval, err = spanOf(c, "checkpoint-interval"); err != nil {
		return err
	}
	for _, name := range []string{"checkpoint-interval", "from-checkpoint", "checkpoint-single-writer"} {
		if c.IsSet(name) {
			j.saying = name
		}
	}
	switch {
	case j.shards < 1 || j.shards > event.KeyGroups:
		return wrongf("--shards %d; give 1 to %d", j.shards, event.KeyGroups)
	case j.interval < time.Second:
		return wrongf("--checkpoint-interval %s; give 1s or more", j.interval)
	case j.drain < 0:
		return wrongf("--drain %s; give 0 or more", j.drain)
	}
	if j.log, err = newLog(c.App.ErrWriter, c.String("log-format"), c.String("log-level")); err != nil {
		return err
	}
	if j.metricsAt, err = metricsAddress(c.String("metrics")); err != nil {
		return err
	}
	if j.from, err = checkpoint.ParseWhich(c.String("from-checkpoint")); err != nil {
		return wrong{err}
	}
	if j.complete, err = completeSaid(c); err != nil {
		return err
	}
	if j.memory, err = memoryLimit(c.String("memory")); err != nil {
		return err
	}
	if err := (&backfillJob{tempDir: j.tempDir}).tryTemporary(); err != nil {
		return err
	}
	return j.run(c.Context)
}

// spanOf is a span of time that a flag gives, as definitions write it.
func spanOf(c *cli.Context, flag string) (time.Duration, error) {
	micros, err := features.ParseDuration(c.String(flag))
	if most := int64(math.MaxInt64 / time.Microsecond); err == nil && micros > most {
		err = fmt.Errorf("the longest is %dd", most/(24*time.Hour).Microseconds())
	}
	if err != nil {
		return 0, wrongf("--%s %s; %w", flag, visible(c.String(flag)), err)
	}
	return time.Duration(micros) * time.Microsecond, nil
}

// run follows and serves until the context ends, which is how a daemon ends. At a
// SIGHUP the definition is read again: if it means something else by now, it is begun
// beside the one that answers, and answers in its place once it has caught up.
func (j *followJob) run(ctx context.Context) error {
	first, err := j.begin(ctx)
	if err != nil {
		return err
	}
	j.now.Store(first)
	listeners, settings, err := j.open(ctx, first)
	if err != nil {
		first.close()
		return errors.Join(err, j.closeServed(ctx))
	}
	closed, err := j.pages(ctx)
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		first.close()
		return errors.Join(err, j.closeServed(ctx))
	}
	defer closed()
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	ctx, stop := j.lingering(ctx)
	defer stop()
	does := []func() error{func() error { return j.generations(ctx, first, again) }, func() error { return j.server.Serve(ctx, listeners[0]) }, func() error { j.watchdog(ctx); <-ctx.Done(); return nil }}
	if len(listeners) > 1 {
		does = append(does, func() error { return j.server.ServeGRPC(ctx, listeners[1]) })
	}
	j.log.Info("serving", "service", settings.Service, "at", listeners[0].Addr().String())
	if j.opened != nil {
		j.opened(listeners[0].Addr().String())
	}
	j.tell("READY=1\nSTATUS=loading")
	ended := make(chan error, len(does))
	for _, do := range does {
		go func() { ended <- do() }()
	}
	for range does {
		err = errors.Join(err, <-ended)
		stop() // what ends first ends all
	}
	return errors.Join(err, j.closeServed(ctx))
}

// open makes a server of the generation that answers, and listens.
func (j *followJob) open(ctx context.Context, g *generation) (listeners []net.Listener, s *serve.Settings, err error) {
	def := *g.in.def
	if def.Online == nil || def.Online.Serve == nil {
		def.Online = &features.Online{Serve: &features.Serving{}}
	}
	serving := *def.Online.Serve
	serving.Service = features.Text{Value: g.service}
	if j.listen != "" {
		serving.Listen = features.Text{Pos: features.Pos{Line: 1, Column: 1}, Value: j.listen}
	}
	online := *def.Online
	def.Online, online.Serve = &online, &serving
	s, err = serve.Configure(&def, serve.Environment{Lookup: j.environ, Read: func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(def.File), path)
		}
		return os.ReadFile(path)
	}})
	if err != nil {
		return nil, nil, j.listened(err)
	}
	j.metrics = newMeasures(j)
	s.Log, s.Ready, s.Alive, s.Progress, s.Seen = j.log, j.ready, j.alive, j.progress, j.metrics.seen
	if j.served, err = g.openServed(ctx); err != nil {
		return nil, nil, err
	}
	if j.served != nil {
		s.Seen = func(x *serve.Exchange) { j.metrics.seen(x); j.seen(x) }
	}
	if j.server, err = serve.New(g.engine, s.Options); err != nil {
		return nil, nil, err
	}
	for _, address := range []string{s.Listen, s.GRPC} {
		if address == "" {
			continue
		}
		l, err := j.server.Open(ctx, address)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, s, nil
}

// listened tells a fault of --listen as one of the flag: it stands nowhere in the
// definition.
func (j *followJob) listened(err error) error {
	var faults event.Faults
	if j.listen == "" || !errors.As(err, &faults) || faults[0].Line != 1 || faults[0].Column != 1 {
		return err
	}
	return wrongf("--listen %s: %s; %s", j.listen, faults[0].Problem, faults[0].Mend)
}

// errLoading is that nothing can be answered yet.
var errLoading = errors.New("the features are being loaded")

// ready says why nothing can be answered yet; nil: it can.
func (j *followJob) ready() error {
	if !j.now.Load().driver.Caught() {
		return errLoading
	}
	return nil
}

// progress is how far what answers has come.
func (j *followJob) progress() serve.Progress {
	d := j.now.Load().driver
	return serve.Progress{Watermark: d.Watermark(), Staleness: d.Staleness()}
}

// running is a generation that follows, and how it ended.
type running struct {
	*generation
	stop  context.CancelFunc
	ended chan error
}

func (g *generation) begun(ctx context.Context) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{g, stop, make(chan error, 1)}
	go func() {
		err := g.run(ctx)
		g.close()
		r.ended <- err
	}()
	return r
}

// generations runs one generation after the other, two of them while the later catches
// up, and returns why the one that answers has ended.
func (j *followJob) generations(ctx context.Context, first *generation, again <-chan os.Signal) error {
	now := first.begun(ctx)
	var next *running
	for {
		var caught chan struct{}
		var ended chan error
		if next != nil {
			caught, ended = next.caught, next.ended
		}
		select {
		case err := <-now.ended:
			if next != nil {
				next.stop()
				<-next.ended
			}
			return err
		case <-again:
			if next != nil {
				next.stop()
				<-next.ended
			}
			next = j.renewed(ctx, now.generation)
		case <-caught:
			if err := j.server.Put(next.engine, next.service); err != nil {
				j.log.Error("the changed definition cannot be served, and the one before goes on", "error", err)
				next.stop()
				<-next.ended
				next = nil
				continue
			}
			j.now.Store(next.generation)
			now.stop()
			if err := <-now.ended; err != nil {
				j.log.Error("the definition before ended", "error", err)
			}
			j.log.Info("the changed definition answers", "digest", next.plan.Digest())
			now, next = next, nil
		case err := <-ended:
			j.log.Error("the changed definition failed, and the one before goes on", "error", fmt.Sprint(err))
			next = nil
		}
	}
}

// renewed begins the definition as it is now; nil, and told, where it is at fault or
// means what it meant.
func (j *followJob) renewed(ctx context.Context, was *generation) *running {
	g, err := j.begin(ctx)
	switch {
	case err != nil:
		j.log.Error("the definition cannot be followed, and the one before goes on", "error", strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil
	case g.plan.Digest() == was.plan.Digest():
		j.log.Info("the definition means what it meant")
		g.close()
		return nil
	}
	j.log.Info("the definition has changed; it is begun beside the one before", "digest", g.plan.Digest())
	return g.begun(ctx)
}

// chooseService returns the feature service that is meant.
func chooseService(def *features.Definition, name string) (string, error) {
	switch {
	case name != "":
		return name, nil
	case def.Online != nil && def.Online.Serve != nil:
		return def.Online.Serve.Service.Value, nil
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
