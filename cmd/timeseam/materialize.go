package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
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

func materializeCommand() *cli.Command {
	return &cli.Command{
		Name:      "materialize",
		Usage:     "write the values of now, a row for each entity",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "service", Usage: "the feature service to write; not needed where the definition serves or has one", EnvVars: environment("service")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "as backfill has it: *.parquet, *.arrow, *.csv, *.jsonl or *.tfrecord, a folder/, each also as s3://BUCKET/KEY; or -", EnvVars: environment("output")},
			&cli.StringFlag{Name: "at", Usage: "the instant of the values, such as 2026-01-31T00:00:00Z", DefaultText: "now", EnvVars: environment("at")},
			&cli.StringFlag{Name: "entities", Usage: "a table of those to write, Parquet, CSV or JSON lines, with the columns that key them and the request fields", DefaultText: "all that have an event which a window holds", EnvVars: environment("entities")},
			&cli.StringFlag{Name: "entity", Usage: "without --entities: what the service is asked about, such as account; fails where that is something else", EnvVars: environment("entity")},
			&cli.StringFlag{Name: "format", Usage: "of the files in a folder: " + strings.Join(sink.Formats(), ", "), DefaultText: "parquet", EnvVars: environment("format")},
			&cli.StringFlag{Name: "compression", Usage: "as backfill has it", DefaultText: "snappy for Parquet, else none", EnvVars: environment("compression")},
			&cli.StringFlag{Name: "file-size", Usage: "write a folder of files of about this size, such as 256MiB", EnvVars: environment("file-size")},
			&cli.StringFlag{Name: "partition-by", Usage: "write a folder with a folder for each value of this column", EnvVars: environment("partition-by")},
			&cli.StringFlag{Name: completeFlag, Usage: "say that of every source all events before this instant are in its history, such as 2026-01-31T00:00:00Z", EnvVars: environment(completeFlag)},
			&cli.IntFlag{Name: "workers", Usage: "goroutines that compute", Value: runtime.GOMAXPROCS(0), EnvVars: environment("workers")},
			&cli.StringFlag{Name: "memory", Usage: "what the run may take, such as 2GiB; what does not fit goes to a temporary file", DefaultText: "half of the machine's or its container's", EnvVars: environment("memory")},
			&cli.StringFlag{Name: "temp-dir", Usage: "where temporary files are made", DefaultText: "beside the output", EnvVars: environment("temp-dir")},
			&cli.BoolFlag{Name: "history-only", Usage: "read no stream: what happened after the histories end is not known", EnvVars: environment("history-only")},
			&cli.BoolFlag{Name: "strict", Usage: "fail, and write nothing, if a value is outside its type", EnvVars: environment("strict")},
			&cli.StringFlag{Name: "progress", Usage: "auto (bars on a terminal), plain (lines), none", Value: "auto", EnvVars: environment("progress")},
			jsonFlag("print the report as JSON"),
		},
		OnUsageError: usageError,
		Action:       materialize,
	}
}

// materializeJob is a backfill of a training set that is made on the spot: it asks a
// service for each of some entities at one instant. No value comes from anywhere else.
type materializeJob struct {
	backfillJob
	service  string
	at       event.Time
	entities string // the table that has them; "": they are found
	entity   string // what the service must be asked about; "": whatever it is

	in   *inputs
	plan *features.Plan // of the service, as it is asked online
}

// materialized is the name of the training set. No definition can hold it.
const materialized = "(materialized)"

func materialize(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	j := materializeJob{service: c.String("service"), entities: c.String("entities"), entity: c.String("entity"), at: event.Time(time.Now().UnixMicro()),
		backfillJob: backfillJob{spec: spec, set: materialized, out: c.String("output"), workers: c.Int("workers"), strict: c.Bool("strict"), tempDir: c.String("temp-dir"), historyOnly: c.Bool("history-only"), told: c.App.ErrWriter}}
	switch {
	case j.out == "":
		return wrongf("materialize needs an output; write -o values.parquet, -o values/ for a folder of files, or -o - for an Arrow stream")
	case j.workers < 1 || j.workers > workersMost:
		return wrongf("--workers %d; give 1 to %d", j.workers, workersMost)
	case j.out == "-" && c.Bool("json"):
		return wrongf("--json and -o - both want standard output; write the values to a file")
	case j.entities != "" && j.entity != "":
		return wrongf("--entities names a table of entities, and --entity has them found; leave one out")
	}
	if at := c.String("at"); at != "" {
		if j.at, err = event.ParseTime(at); err != nil {
			return wrongf("--at: %w", err)
		}
	}
	if j.complete, err = completeSaid(c); err != nil {
		return err
	}
	if j.target, err = outputOf(c); err != nil {
		return err
	}
	if j.target != nil {
		j.out = j.target.Path()
	}
	if j.progress, err = newProgress(c.App.ErrWriter, c.String("progress"), term.IsTerminal(int(os.Stderr.Fd()))); err != nil {
		return err
	}
	if j.memory, err = memoryLimit(c.String("memory")); err != nil {
		return err
	}
	m, r, err := j.run(c.Context)
	if err != nil {
		return err
	}
	return tellRun(c, m, r)
}

// run writes the values, their manifest and the run report.
func (j *materializeJob) run(ctx context.Context) (m *manifest, r *runReport, err error) {
	defer frugal(j.memory)()
	start := time.Now()
	if err := j.open(ctx); err != nil {
		return nil, nil, err
	}
	defer j.in.disconnect()
	if err := cmp.Or(j.in.spare(j.out, j.target != nil && j.target.Folder()), j.tryTemporary()); err != nil {
		return nil, nil, err
	}
	if dir := cmp.Or(j.folder(), os.TempDir()); dir != j.tempDir {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("output %s: there is no directory %s; make it first", j.out, dir)
		}
	}
	if j.in.spool, err = newSpool(j.folder()); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, j.in.spool.close()) }()
	if err := j.ask(ctx); err != nil {
		return nil, nil, err
	}
	j.before = []stageEntry{{"entities", time.Since(start).Seconds()}}
	plan, err := j.compile()
	if err != nil {
		return nil, nil, err
	}
	return j.backfill(ctx, plan, j.in, start)
}

// open compiles the service, with the schemas of the topics that it reads, which are
// opened with that.
func (j *materializeJob) open(ctx context.Context) error {
	def, err := readDefinition(j.spec)
	if err != nil {
		return err
	}
	if j.service, err = chooseService(def, j.service); err != nil {
		return err
	}
	j.in = openInputs(ctx, def, materialized)
	j.in.historyOnly, j.in.lookup, j.in.attempts = j.historyOnly, j.lookup, j.attempts
	if j.plan, err = j.in.compileService(j.service); err != nil {
		return err
	}
	if err = j.in.connect(ctx, j.plan); err == nil && len(j.in.streams) > 0 {
		j.plan, err = j.in.compileService(j.service)
	}
	if err != nil {
		j.in.disconnect()
	}
	return err
}

// ask writes the questions down, as the table of a spine.
func (j *materializeJob) ask(ctx context.Context) error {
	about := &asking{service: j.service, at: j.at}
	asked, err := j.questions(ctx, about)
	if err != nil {
		return err
	}
	dir, err := j.in.spool.folder("entities")
	if err != nil {
		return errors.Join(err, asked.Close())
	}
	if err := j.in.spool.copyRows(ctx, dir, []event.Source{asked}, 1); err != nil {
		return err
	}
	table, err := j.in.finder.Find(ctx, dir)
	if err != nil {
		return err
	}
	j.in.spines[materialized], j.in.about = table, about
	return nil
}

// questions are those about the entities of a table, or about those that are found.
func (j *materializeJob) questions(ctx context.Context, about *asking) (event.Source, error) {
	if j.entities != "" {
		return j.listed(ctx, about)
	}
	keys, request := j.keys()
	if err := j.findable(keys, request); err != nil {
		return nil, err
	}
	if len(keys) == 0 { // there is one question, whoever asks
		one := emptyBatch(event.Schema{{Name: features.Instant, Type: event.Of(event.Timestamp)}})
		one.Columns[0].AppendInt(int64(j.at))
		one.Len = 1
		return sources.Memory(j.plan.Queries.Columns, one, 1), nil
	}
	key := keys[0]
	of := &timetravel.Entities{Plan: j.plan, Key: key, At: j.at, Workers: j.workers, Hands: j.memory / readyShare, Progress: j.progress}
	for _, v := range of.Views() {
		if name := j.plan.Inputs[j.plan.Views[v].Input].Source.Name.Value; !slices.Contains(about.sources, name) {
			about.sources = append(about.sources, name)
		}
	}
	if about.entity = j.plan.Queries.Keys[key].Entity; len(about.sources) == 0 {
		return nil, wrongf("service %s looks up dimensions alone, so that no event tells of which %s there are values; name a table of them by --entities", j.service, about.entity)
	}
	j.in.completed = j.in.complete(j.plan, j.complete)
	j.in.finding = true
	defer func() { j.in.finding = false }()
	of.History = j.history(ctx, j.plan, j.in, nil)
	found, err := of.Find(ctx)
	var hot *timetravel.TooHot
	if errors.As(err, &hot) {
		return nil, fmt.Errorf("the entities of service %s take more than the %d MiB that are there for them; run again with more than --memory %dMiB, or name a table of some by --entities", j.service, hot.Hands>>20, j.memory>>20)
	}
	return found, err
}

// keys are the keys by which the service is asked, but for those of no column, which all
// questions share; and the request fields that it asks for.
func (j *materializeJob) keys() (keys []int, request []string) {
	all := j.plan.Queries.Keys
	for k := range all {
		if len(all[k].Names()) > 0 {
			keys = append(keys, k)
		}
	}
	for _, f := range j.plan.Queries.Columns {
		if f.Name != features.Instant && !slices.ContainsFunc(keys, func(k int) bool { return slices.Contains(all[k].Names(), f.Name) }) {
			request = append(request, f.Name)
		}
	}
	return keys, request
}

// findable is an error where no source tells whom to ask about.
func (j *materializeJob) findable(keys []int, request []string) error {
	var words []string
	for _, k := range keys {
		words = append(words, j.plan.Queries.Keys[k].Entity+" by "+strings.Join(j.plan.Queries.Keys[k].Names(), ", "))
	}
	switch {
	case len(request) > 0:
		return wrongf("service %s asks for %s, which only who asks can say; name a table that has it by --entities, or a service without by --service", j.service, strings.Join(request, ", "))
	case len(keys) > 1:
		return wrongf("service %s is asked about %s at once, and no source says which of them go together; name a table of them by --entities", j.service, strings.Join(words, " and "))
	case j.entity != "" && len(keys) == 0:
		return wrongf("service %s is asked about no entity, and not about --entity %s", j.service, j.entity)
	case j.entity != "" && j.entity != j.plan.Queries.Keys[keys[0]].Entity:
		return wrongf("service %s is asked about %s, and not about --entity %s", j.service, j.plan.Queries.Keys[keys[0]].Entity, j.entity)
	}
	return nil
}

// listed are the entities of a table.
func (j *materializeJob) listed(ctx context.Context, about *asking) (event.Source, error) {
	needed := slices.DeleteFunc(slices.Clone(j.plan.Queries.Columns), func(f event.Field) bool { return f.Name == features.Instant })
	if len(needed) == 0 {
		return nil, wrongf("service %s is asked about no entity; leave --entities out", j.service)
	}
	table, err := j.in.finder.FindTyped(ctx, j.entities, needed)
	if err != nil {
		return nil, fmt.Errorf("--entities: %w", err)
	}
	have := names(table.Schema())
	for _, f := range needed {
		if !slices.Contains(have, f.Name) {
			return nil, wrongf("--entities %s has no column %s, which service %s is asked by; it has %s%s", j.entities, f.Name, j.service, strings.Join(have, ", "), nearestOf(f.Name, have))
		}
	}
	if j.target != nil && (touches(j.out, table) || j.target.Folder() && holds(j.out, table)) {
		return nil, wrongf("output %s is, or would be, a file of --entities %s; name one elsewhere", j.out, j.entities)
	}
	rows, err := table.Read(names(needed))
	if err != nil {
		return nil, fmt.Errorf("--entities: %w", err)
	}
	about.table, about.path = table, j.entities
	return &instanted{rows, j.at}, nil
}

// instanted is rows that are asked at one instant, which stands behind them.
type instanted struct {
	event.Source
	at event.Time
}

// Schema is that of the rows, with the instant.
func (s *instanted) Schema() event.Schema {
	rows := s.Source.Schema()
	return append(rows[:len(rows):len(rows)], event.Field{Name: features.Instant, Type: event.Of(event.Timestamp)})
}

// Read fills b with the next rows.
func (s *instanted) Read(ctx context.Context, b *event.Batch) error {
	if err := s.Source.Read(ctx, b); err != nil {
		return err
	}
	at := event.Make(event.Of(event.Timestamp))
	for range b.Len {
		at.AppendInt(int64(s.at))
	}
	b.Columns = append(b.Columns[:len(b.Columns):len(b.Columns)], at)
	return nil
}

// compile plans the training set over the table of questions. The definition has no
// fault of its own: what is wrong is wrong with the columns of --entities.
func (j *materializeJob) compile() (*features.Plan, error) {
	with := rehearsing(j.in.def, nil)
	set := &with.TrainingSets[0]
	set.Name.Value, set.Service.Value, set.Spine.Table.Path.Value, set.Spine.EventTimestamp.Value = materialized, j.service, materialized, features.Instant
	with.Services = j.in.def.Services
	j.in.def = with
	plan, err := j.in.compile(materialized)
	var faults event.Faults
	if errors.As(err, &faults) && j.entities != "" {
		f := faults[0]
		words := strings.NewReplacer("the spine of training set "+materialized, "--entities "+j.entities, "where the spine is written", "there")
		return nil, wrongf("%s; %s", words.Replace(f.Problem), words.Replace(f.Mend))
	}
	return plan, err
}

// asking is what is asked: a service, about whom, and as of when.
type asking struct {
	service string
	at      event.Time
	entity  string         // whose keys were found; "": they are those of the table
	sources []string       // by whose events
	path    string         // of the table as it was named
	table   *sources.Table // nil: they were found
}

// tell has a manifest name it: the training set and its table are none of the user's. A
// nil asking is that of a training set, which tells of itself.
func (a *asking) tell(m *manifest) {
	if a == nil {
		return
	}
	m.TrainingSet, m.Service, m.At = "", a.service, a.at.String()
	rows := m.Spine.Rows
	m.Spine = spineEntry{Entity: a.entity, Sources: a.sources, tableEntry: tableEntry{Rows: rows, Files: []fileEntry{}}}
	if a.table != nil {
		m.Spine.tableEntry = newTableEntry(a.path, a.table)
	}
}

// asked tells a person about whom values were asked.
func (s *spineEntry) asked(rows int64) string {
	switch {
	case s.Path != "":
		return plural(int(rows), "row") + " of " + s.Path
	case s.Entity == "":
		return "it is asked about no entity"
	}
	words := fmt.Sprintf("%s with an event of %s that a window holds", plural(int(rows), s.Entity), strings.Join(s.Sources, " or "))
	if rows == 0 {
		words += "; --at asks of another instant"
	}
	return words
}
