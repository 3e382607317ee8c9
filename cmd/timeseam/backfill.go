package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

func backfillCommand() *cli.Command {
	return &cli.Command{
		Name:      "backfill",
		Usage:     "run a definition over history into a training set",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "training-set", Aliases: []string{"t"}, Usage: "the training set to make; not needed where the definition has one", EnvVars: environment("training-set")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "*.parquet, *.arrow, *.csv, *.jsonl or *.tfrecord (the last three also .gz), a folder/, each also as s3://BUCKET/KEY; or - for an Arrow stream on standard output", EnvVars: environment("output")},
			&cli.StringFlag{Name: "format", Usage: "of the files in a folder: " + strings.Join(sink.Formats(), ", "), DefaultText: "parquet", EnvVars: environment("format")},
			&cli.StringFlag{Name: "compression", Usage: "of Parquet snappy, zstd, gzip, lz4 or none; of Arrow zstd, lz4 or none; of a folder's CSV, JSON lines and TFRecords gzip, zstd (not TFRecords) or none", DefaultText: "snappy for Parquet, else none", EnvVars: environment("compression")},
			&cli.StringFlag{Name: "file-size", Usage: "write a folder of files of about this size, such as 256MiB", EnvVars: environment("file-size")},
			&cli.StringFlag{Name: "partition-by", Usage: "write a folder with a folder for each value of this column", EnvVars: environment("partition-by")},
			&cli.StringFlag{Name: "data-interval-start", Usage: "take the rows of the spine from this instant on, such as 2026-01-31T00:00:00Z, into a folder of intervals", EnvVars: environment("data-interval-start")},
			&cli.StringFlag{Name: "data-interval-end", Usage: "and before this one", EnvVars: environment("data-interval-end")},
			&cli.StringFlag{Name: completeFlag, Usage: "say that of every source all events before this instant are there, such as 2026-01-31T00:00:00Z: labels are known up to it, in place of the newest event", EnvVars: environment(completeFlag)},
			&cli.IntFlag{Name: "workers", Usage: "goroutines that compute", Value: runtime.GOMAXPROCS(0), EnvVars: environment("workers")},
			&cli.StringFlag{Name: "memory", Usage: "what the run may take, such as 2GiB; what does not fit goes to a temporary file", DefaultText: "half of the machine's or its container's", EnvVars: environment("memory")},
			&cli.StringFlag{Name: "temp-dir", Usage: "where temporary files are made", DefaultText: "beside the output", EnvVars: environment("temp-dir")},
			&cli.BoolFlag{Name: "resume", Usage: "write down how far the run has come, and go on from where one that was killed had come to", EnvVars: environment("resume")},
			&cli.StringFlag{Name: snapshotsFlag, Usage: "begin with what the run of the interval before left in this folder, and leave the same for the next", EnvVars: environment(snapshotsFlag)},
			&cli.StringFlag{Name: "profile", Usage: "write a CPU profile to this file, for go tool pprof", EnvVars: environment("profile")},
			&cli.BoolFlag{Name: "history-only", Usage: "read no stream: what happened after the histories end is not known", EnvVars: environment("history-only")},
			&cli.BoolFlag{Name: auditFlag, Usage: "compare both copies of a source where they overlap, and write nothing if they differ", EnvVars: environment(auditFlag)},
			auditHoursFlag(),
			&cli.StringFlag{Name: rangesFlag, Usage: "read of topics exactly what the run read that wrote this manifest, such as training.parquet.manifest.json", EnvVars: environment(rangesFlag)},
			&cli.BoolFlag{Name: "strict", Usage: "fail, and write nothing, if a value is outside its type", EnvVars: environment("strict")},
			&cli.StringFlag{Name: "progress", Usage: "auto (bars on a terminal), plain (lines), none", Value: "auto", EnvVars: environment("progress")},
			jsonFlag("print the report as JSON"),
		},
		OnUsageError: usageError,
		Action:       backfill,
	}
}

// workersMost is more goroutines than there are processors anywhere; each takes
// memory before it has done anything.
const workersMost = 4096

// backfillJob is one backfill with all its settings.
type backfillJob struct {
	spec, set, out string
	target         *sink.Target // nil: standard output
	workers        int
	memory         int64  // bytes that the process may take
	tempDir        string // "": beside the output
	resume         bool
	snapshots      string // the folder that has them; "": none is begun with or left
	strict         bool
	historyOnly    bool
	audit          bool
	auditHours     int
	lookup         func(string) (string, bool) // settings of the environment; nil: its own
	told           io.Writer                   // where an audit says what differs
	id             *identity                   // of a run that reads streams and may be taken up
	ranges         *pinned                     // what is read of topics; nil: what is needed
	complete       *event.Time                 // what a person says of it; nil: nothing
	progress       func(timetravel.Progress)
	attempts       int          // how often brokers are asked for what may pass; 0: kafka's own number, tests give less
	before         []stageEntry // what was done before the run itself
}

func backfill(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	job := backfillJob{spec: spec, set: c.String("training-set"), out: c.String("output"), workers: c.Int("workers"), strict: c.Bool("strict"), tempDir: c.String("temp-dir"), resume: c.Bool("resume"), historyOnly: c.Bool("history-only"), snapshots: c.String(snapshotsFlag),
		audit: c.Bool(auditFlag), told: c.App.ErrWriter}
	if job.auditHours, err = auditHours(c); err != nil {
		return err
	}
	switch {
	case job.out == "":
		return wrongf("backfill needs an output; write -o training.parquet, -o training/ for a folder of files, or -o - for an Arrow stream")
	case job.workers < 1 || job.workers > workersMost:
		return wrongf("--workers %d; give 1 to %d", job.workers, workersMost)
	case job.audit && job.historyOnly:
		return errAuditAlone
	case job.historyOnly && c.String(rangesFlag) != "":
		return wrongf("--history-only reads no stream, and --%s says what to read of them; leave one out", rangesFlag)
	case job.out == "-" && c.Bool("json"):
		return wrongf("--json and -o - both want standard output; write the training set to a file")
	}
	if job.complete, err = completeSaid(c); err != nil {
		return err
	}
	if job.target, err = outputOf(c); err != nil {
		return err
	}
	if job.target != nil {
		job.out = job.target.Path()
	}
	if err := snapshotsDir(job.snapshots, job.target); err != nil {
		return err
	}
	if job.progress, err = newProgress(c.App.ErrWriter, c.String("progress"), term.IsTerminal(int(os.Stderr.Fd()))); err != nil {
		return err
	}
	if job.memory, err = memoryLimit(c.String("memory")); err != nil {
		return err
	}
	if job.ranges, err = readRanges(c.String(rangesFlag)); err != nil {
		return err
	}
	stop, err := startProfile(c.String("profile"))
	if err != nil {
		return err
	}
	m, r, err := job.run(c.Context)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	return tellRun(c, m, r)
}

// tellRun prints what a run has done, beside its output.
func tellRun(c *cli.Context, m *manifest, r *runReport) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, struct {
			Manifest *manifest  `json:"manifest"`
			Run      *runReport `json:"run"`
		}{m, r})
	}
	to := c.App.Writer
	if c.String("output") == "-" {
		to = c.App.ErrWriter
	}
	m.print(to, r)
	return nil
}

// completeSaid is up to when a person says that histories are complete; nil: nothing is
// said.
func completeSaid(c *cli.Context) (*event.Time, error) {
	said := c.String(completeFlag)
	if said == "" {
		return nil, nil
	}
	t, err := event.ParseTime(said)
	if err != nil {
		return nil, wrongf("--%s: %w", completeFlag, err)
	}
	until := new(event.Time)
	*until = t
	return until, nil
}

// run makes the training set, its manifest and its run report.
func (j *backfillJob) run(ctx context.Context) (m *manifest, r *runReport, err error) {
	defer frugal(j.memory)()
	start := time.Now()
	def, err := readDefinition(j.spec)
	if err != nil {
		return nil, nil, err
	}
	if j.set, err = chooseSet(def, j.set); err != nil {
		return nil, nil, err
	}
	in := openInputs(ctx, def, j.set)
	in.historyOnly, in.lookup, in.pinned, in.attempts = j.historyOnly, j.lookup, j.ranges, j.attempts
	defer in.disconnect()
	if in.letters, err = j.lettersKept(); err != nil {
		return nil, nil, err
	}
	plan, err := in.planned(ctx, j.set)
	if err == nil {
		err = errors.Join(j.unjoined(in), in.sameSpine(j.set, false))
	}
	if err == nil {
		err = j.pinTopics(plan, in)
	}
	if err == nil {
		err = j.makeSpool(plan, in)
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, in.spool.close()) }()
	if plan, err = j.askStream(ctx, plan, in); err != nil {
		return nil, nil, err
	}
	return j.backfill(ctx, plan, in, start)
}

// planned compiles a training set, with the schemas of the topics that it reads, which
// are opened with that.
func (in *inputs) planned(ctx context.Context, set string) (*features.Plan, error) {
	plan, err := in.compile(set)
	if err != nil {
		return nil, err
	}
	if err := in.connect(ctx, plan); err != nil || len(in.streams) == 0 {
		return plan, err
	}
	return in.compile(set)
}

// chooseSet returns the training set that is meant.
func chooseSet(def *features.Definition, name string) (string, error) {
	if name != "" || len(def.TrainingSets) == 1 {
		if name == "" {
			name = def.TrainingSets[0].Name.Value
		}
		return name, nil
	}
	if len(def.TrainingSets) == 0 {
		return "", wrongf("%s has no training set; add one under training_sets", def.File)
	}
	sets := make([]string, len(def.TrainingSets))
	for i, t := range def.TrainingSets {
		sets[i] = t.Name.Value
	}
	return "", wrongf("%s has %d training sets; say which with --training-set: %s", def.File, len(sets), strings.Join(sets, ", "))
}

// oneSet returns an error if a folder of data intervals holds those of another
// training set: its readers take all of them for one.
func (j *backfillJob) oneSet(ctx context.Context, plan *features.Plan) error {
	if j.target == nil || j.target.Interval == nil {
		return nil
	}
	var other manifest
	name, set := plan.Definition.Name.Value, plan.TrainingSet.Name.Value
	err := j.target.Manifests(ctx, func(text []byte) bool {
		other = manifest{}
		// Whatever cannot be read no run of ours has left whole, and one without a name
		// is the claim of a run that is not done. Of the rest one speaks for all: each
		// was held against one before it was written.
		return json.Unmarshal(text, &other) != nil || other.Definition == ""
	})
	if err != nil || other.Definition == "" || other.Definition == name && other.TrainingSet == set {
		return err
	}
	return wrongf("output %s has intervals of training set %s of %s, and this is %s of %s; name another folder", j.target.Place.Path, other.TrainingSet, other.Definition, set, name)
}

// backfill opens the sink, runs the plan into it, and puts manifest and run report
// beside what it wrote, before another run may have the output.
func (j *backfillJob) backfill(ctx context.Context, plan *features.Plan, in *inputs, start time.Time) (*manifest, *runReport, error) {
	if j.target != nil {
		j.target.Store = in.finder.Store
	}
	if err := in.spare(j.out, j.target != nil && j.target.Folder()); err != nil {
		return nil, nil, err
	}
	if err := j.oneSet(ctx, plan); err != nil {
		return nil, nil, err
	}
	spine := in.spines[j.set]
	options := sink.Options{Schema: slices.Concat(plan.Queries.Own, plan.Outputs, plan.Marks), Workers: j.workers}
	if plan.Queries.Grid == nil {
		var err error
		if options.Carried, err = spine.ArrowSchema(plan.Queries.Carried); err != nil {
			return nil, nil, err
		}
	}
	out, err := newSink(ctx, j.target, options)
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	complete := in.complete(plan, j.complete)
	in.completed = complete
	seam, err := j.openSeam(plan, in)
	if err != nil {
		return nil, nil, err
	}
	defer seam.Close()
	keep, err := j.newKeep(plan, in, seam)
	if err != nil {
		return nil, nil, err
	}
	defer keep.close()
	b := j.bounded(ctx, plan, in, seam)
	b.Shelf, b.Hands, b.Sink, b.Complete = keep.shelf, keep.hands, &lettered{out, in, plan, j.auditing(plan, in)}, in.untils(complete)
	if options.Carried != nil {
		b.Carry = carrying(spine, plan.Queries.Carried)
	}
	keep.follow(ctx, b, plan, in)
	report, err := b.Run(ctx)
	if err != nil {
		return nil, nil, keep.explained(err)
	}
	keep.over = true
	in.askedBeyond(plan, complete, report.Asked)
	m, r := newManifest(plan, in, report), newRunReport(j, report, start)
	m.known(in, complete)
	m.Snapshot = seam.entry()
	certificates := in.certificates(plan, m, report)
	if j.target == nil {
		return m, r, nil
	}
	written := out.(sink.Output)
	m.Output = newOutputEntry(j.target, options, written)
	if len(certificates) > 0 {
		if err := attachJSON(ctx, written, sink.CertificateSuffix, certificates); err != nil {
			return nil, nil, err
		}
	}
	if err := m.attach(ctx, written, r); err != nil || seam == nil {
		return m, r, err
	}
	return m, r, seam.commit(plan, in)
}

// bounded is the run over the inputs, but for where it keeps things and what it writes to.
func (j *backfillJob) bounded(ctx context.Context, plan *features.Plan, in *inputs, seam *seam) *timetravel.Backfill {
	spine := in.spines[j.set]
	in.ahead = seam != nil
	b := &timetravel.Backfill{
		Plan: plan, Visibility: visibilityOf(plan.TrainingSet), Workers: j.workers, Strict: j.strict, Progress: j.progress, Events: spine.Estimate(),
		History: j.history(ctx, plan, in, seam),
		Spine:   func() (event.Source, error) { return spine.Read(names(plan.Queries.Read())) },
		Content: func() (event.Source, error) { return spine.Read(names(plan.Queries.Content)) },
	}
	if j.target != nil && j.target.Interval != nil {
		b.Within = &features.Interval{From: j.target.Interval.Start, To: j.target.Interval.End}
	}
	for _, i := range plan.Inputs {
		b.Events = max(b.Events, in.histories[i.Source.Name.Value].Estimate())
	}
	if seam != nil {
		b.Seam = &seam.Seam
	}
	return b
}

// history opens what is to be read of both copies of an input.
func (j *backfillJob) history(ctx context.Context, plan *features.Plan, in *inputs, seam *seam) func(features.Input, event.Span) ([]event.Source, error) {
	return func(i features.Input, reach event.Span) ([]event.Source, error) {
		t, err := in.fetch(plan, &i, reach)
		if err != nil {
			return nil, err
		}
		if seam != nil {
			t = seam.rest(in, i.Source.Name.Value, t)
		}
		if err := errors.Join(in.sameHistory(i.Source.Name.Value, false), in.remember(i.Source.Name.Value)); err != nil {
			return nil, err
		}
		if in.streams[i.Source.Name.Value] == nil {
			return historyParts(&i, t, nil, j.workers)
		}
		both, err := in.join(ctx, &i, t, reach)
		if err != nil {
			return nil, err
		}
		both.ignored = in.finding
		return both.parts(ctx, j.workers)
	}
}

// openSeam opens what the run begins with and what it leaves; nil: neither is asked for.
func (j *backfillJob) openSeam(plan *features.Plan, in *inputs) (*seam, error) {
	if j.snapshots == "" {
		return nil, nil
	}
	s, err := openSeam(j.snapshots, j.target.Interval, plan, in)
	if err != nil {
		return nil, err
	}
	if err := s.leave(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// carrying opens the columns of a spine's table that the training set keeps.
func carrying(spine *sources.Table, kept []string) func(rows int, answered timetravel.Kept) (event.Source, error) {
	return func(rows int, answered timetravel.Kept) (event.Source, error) {
		s, err := spine.Carry(kept, rows)
		if err != nil || answered.All() {
			return s, err
		}
		return sources.Kept(s, answered.Has), nil
	}
}

// visibilityOf is a training set's visibility, whose durations are checked.
func visibilityOf(t *features.TrainingSet) timetravel.Visibility {
	v := timetravel.Visibility{Known: timetravel.KnownOf(t.Known.Value)}
	if t.Delay.Given() {
		v.Delay, _ = features.ParseDuration(t.Delay.Value)
	}
	if t.DecideAfter.Given() {
		v.DecideAfter, _ = features.ParseDuration(t.DecideAfter.Value)
	}
	return v
}

func names(s event.Schema) []string {
	n := make([]string, len(s))
	for i, f := range s {
		n[i] = f.Name
	}
	return n
}
