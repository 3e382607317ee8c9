package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/store"
	"github.com/urfave/cli/v2"
)

// inputs is the tables that a definition names, opened: footers are read, data is
// not. A table that cannot be opened is an error only for those who need it.
type inputs struct {
	def       *features.Definition
	finder    sources.Finder
	histories map[string]*sources.Table // by source
	spines    map[string]*sources.Table // by training set
	missing   map[string]error          // by "source x" or "training set x"
	misfits   map[string]*event.Fault   // by source: folders are not what the definition says
	fetched   map[string]*fetched       // by source: what a run reads of its partitions
	interval  *event.Span               // of which explain speaks; nil: of all that the spine asks
	rest      map[string]*sources.Table // by source: what is left to read beside a snapshot
	ahead     bool                      // a snapshot is left: what comes after all questions is read too

	historyOnly bool                        // streams are not read
	unending    bool                        // streams are followed: no flag leaves them out
	lookup      func(string) (string, bool) // what settings of streams are taken from; nil: the environment
	attempts    int                         // how often brokers are asked; 0: kafka's own number
	unlettered  bool                        // dead letters are nobody's: nothing is made of what is read
	said        *event.Time                 // up to when histories are complete, as a person says; nil: nothing
	streams     map[string]*stream          // by source: topics that are open
	joins       map[string]*joined          // by source: what is read of both copies
	completed   map[string]*completeEntry   // by source: up to when histories are complete
	pinned      *pinned                     // the ranges of an earlier run; nil: those that are needed
	spool       *spool                      // where records are copied to; nil: nothing is
	about       *asking                     // what is materialized; nil: a training set is made
	finding     bool                        // entities are found, and what is read is read once more for their values
	asked       *joined                     // of which the spine was made; nil: it is a table
	copied      map[string]event.Schema     // by source: the columns of such a spine
	began       *pinned                     // the topics as the first of the runs that are taken up found them; nil: none is
	taken       *runNote                    // what the run that is taken up has read; nil: nothing
	letters     string                      // the folder that keeps dead letters for another run; "": none does
	logs        *letterLogs                 // where a daemon's dead letters go on; nil: they are of one run
}

// newFinder finds tables on this machine, and objects by the settings of AWS.
func newFinder() sources.Finder { return sources.Finder{Store: store.New(store.Options{})} }

// openInputs opens the histories of a definition, and the spine of the training
// set named, or of all.
func openInputs(ctx context.Context, def *features.Definition, set string) *inputs {
	in := &inputs{def: def, finder: newFinder(), histories: map[string]*sources.Table{}, spines: map[string]*sources.Table{}, missing: map[string]error{}, misfits: map[string]*event.Fault{}, fetched: map[string]*fetched{}, rest: map[string]*sources.Table{},
		streams: map[string]*stream{}, joins: map[string]*joined{}, completed: map[string]*completeEntry{}}
	for i := range def.Sources {
		s := &def.Sources[i]
		if !s.History.Path.Given() {
			in.histories[s.Name.Value] = sources.Empty() // it has a stream alone
			continue
		}
		t, err := in.open(ctx, s.History, s.Fields)
		if err != nil {
			in.missing["source "+s.Name.Value] = fmt.Errorf("history of source %s: %w", s.Name.Value, err)
			continue
		}
		in.histories[s.Name.Value] = t
		in.partition(s, t)
	}
	for _, s := range def.TrainingSets {
		if set != "" && s.Name.Value != set {
			continue
		}
		if of := s.Spine.Source; of.Given() {
			if t := in.histories[of.Value]; t != nil {
				in.spines[s.Name.Value] = t // its history is the spine's table
			}
			continue
		}
		t, err := in.open(ctx, s.Spine.Table, s.Spine.Fields)
		if err != nil {
			in.missing["training set "+s.Name.Value] = fmt.Errorf("spine of training set %s: %w", s.Name.Value, err)
			continue
		}
		in.spines[s.Name.Value] = t
	}
	return in
}

// open finds a table; a path that is not absolute is one beside the definition.
func (in *inputs) open(ctx context.Context, at features.Table, fields []features.Declared) (*sources.Table, error) {
	path, fault := features.Expand(at.Path, os.LookupEnv)
	if fault != nil {
		fault.File = in.def.File
		return nil, event.Faults{*fault}
	}
	if !filepath.IsAbs(path) && !store.Is(path) {
		path = filepath.Join(filepath.Dir(in.def.File), path)
	}
	if !at.Text() {
		t, err := in.finder.Find(ctx, path)
		if err == nil {
			err = t.Declare(at.Columns(fields))
		}
		return t, err
	}
	return in.finder.FindText(ctx, path, sources.Dialect{JSON: at.Format == "json", Delimiter: at.Delimiter, Quote: at.Quote, Headless: at.Headless, Null: at.Null, Fields: at.Columns(fields)})
}

// catalog is what the opened tables hold.
func (in *inputs) catalog() features.Catalog {
	c := features.Catalog{Histories: map[string]event.Schema{}, Spines: map[string]event.Schema{}, Streams: map[string]event.Schema{}, Folders: map[string][]string{}, Copied: in.copied}
	for name, t := range in.histories {
		c.Histories[name], c.Folders[name] = t.Schema(), t.FolderColumns()
	}
	for name, s := range in.streams {
		if s.schema != nil {
			c.Streams[name] = s.schema
		}
	}
	for name, t := range in.spines {
		c.Spines[name] = t.Schema()
	}
	return c
}

// compile plans a training set of a definition whose tables must all be there.
func (in *inputs) compile(set string) (*features.Plan, error) {
	plan, err := features.Compile(in.def, in.catalog(), set)
	if plan, err = in.opened(plan, err); err != nil {
		return nil, err
	}
	if s := plan.Queries.Source; s != nil {
		return plan, in.missing["source "+s.Name.Value]
	}
	return plan, in.missing["training set "+set]
}

// opened is a plan, or why there is none: what it reads could not be opened, or is not
// what the definition says.
func (in *inputs) opened(plan *features.Plan, err error) (*features.Plan, error) {
	if err != nil {
		// A table that is not there makes faults of its own: it alone is told.
		if missing := in.missingTables(); len(missing) > 0 {
			first := missing[0]
			for _, also := range missing[1:] {
				if errors.Is(first, store.ErrSettings) && errors.Is(also, store.ErrSettings) {
					continue // It is the same for all of them.
				}
				first = fmt.Errorf("%w; %w", first, also) // in one sentence
			}
			return nil, first
		}
		return nil, err
	}
	for _, i := range plan.Inputs {
		if err := in.missing["source "+i.Source.Name.Value]; err != nil {
			return nil, err
		}
		if f := in.misfits[i.Source.Name.Value]; f != nil {
			return nil, event.Faults{*f}
		}
	}
	return plan, nil
}

// compileService compiles a service as it is asked online.
func (in *inputs) compileService(name string) (*features.Plan, error) {
	return in.opened(features.CompileService(in.def, in.catalog(), name))
}

// missingTables are the errors of the tables that could not be opened, histories
// first, in the order of the definition.
func (in *inputs) missingTables() (errs []error) {
	for _, s := range in.def.Sources {
		if err := in.missing["source "+s.Name.Value]; err != nil {
			errs = append(errs, err)
		}
	}
	for _, s := range in.def.TrainingSets {
		if err := in.missing["training set "+s.Name.Value]; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// spare returns an error if an output would destroy what the run reads, or would
// be a part of it the next time.
func (in *inputs) spare(out string, folder bool) error {
	touches := func(out string, t *sources.Table) bool {
		switch {
		case t == nil || t.Path == "": // it is not there, or a stream
			return false
		case folder:
			return holds(out, t)
		}
		return touches(out, t)
	}
	for _, s := range in.def.Sources {
		if t := in.histories[s.Name.Value]; touches(out, t) {
			return wrongf("output %s is, or would be, a file of the history of source %s; name one elsewhere", out, s.Name.Value)
		}
	}
	for _, s := range in.def.TrainingSets {
		if t := in.spines[s.Name.Value]; touches(out, t) {
			return wrongf("output %s is, or would be, a file of the spine of training set %s; name one elsewhere", out, s.Name.Value)
		}
	}
	return nil
}

// touches reports whether the file out is one of a table's, or would be found with them.
func touches(out string, t *sources.Table) bool {
	if store.Is(out) != store.Is(t.Path) {
		return false
	}
	for _, f := range t.Files {
		if f.Path == out {
			return true
		}
	}
	// From here on addresses are compared as if they were paths: both have the same
	// folder before them.
	if there, err := os.Stat(out); err == nil {
		for _, f := range t.Files {
			if info, err := os.Stat(f.Path); err == nil && os.SameFile(there, info) {
				return true
			}
		}
		return false
	}
	path, err := filepath.Abs(out)
	table, tableErr := filepath.Abs(t.Path)
	if err != nil || tableErr != nil || !t.Takes(filepath.Base(out)) {
		return false
	}
	if matched, err := filepath.Match(table, path); err == nil && matched {
		return true
	}
	rel, err := filepath.Rel(table, path)
	return err == nil && filepath.IsLocal(rel)
}

// holds reports whether a folder has one of a table's files in it, or would itself
// be found with them.
func holds(folder string, t *sources.Table) bool {
	if store.Is(folder) != store.Is(t.Path) {
		return false
	}
	path, err := filepath.Abs(folder)
	table, tableErr := filepath.Abs(t.Path)
	if err != nil || tableErr != nil {
		return false
	}
	for _, f := range t.Files {
		at, err := filepath.Abs(f.Path)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(path, at); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	rel, err := filepath.Rel(table, path)
	return err == nil && filepath.IsLocal(rel)
}

// outputOf checks what the flags say of an output; nil: it is a stream.
func outputOf(c *cli.Context) (*sink.Target, error) {
	p := sink.Place{Path: c.String("output"), Format: c.String("format"), Compression: c.String("compression"), PartitionBy: c.String("partition-by")}
	p.Warn = func(what string) { fmt.Fprintln(c.App.ErrWriter, "note: "+what) }
	var err error
	if size := c.String("file-size"); size != "" {
		if p.FileSize, err = fileSize(size); err != nil {
			return nil, err
		}
	}
	if start, end := c.String("data-interval-start"), c.String("data-interval-end"); start != "" || end != "" {
		if p.Interval, err = sink.ParseInterval(start, end); err != nil {
			return nil, wrong{err}
		}
	}
	if p.Path != "-" {
		t, err := p.Resolve()
		if err != nil {
			return nil, wrong{err}
		}
		return t, nil
	}
	switch {
	case p.FileSize > 0 || p.PartitionBy != "":
		return nil, wrongf("--file-size and --partition-by make a folder, and -o - is standard output; name a folder")
	case p.Format != "" && p.Format != "arrow":
		return nil, wrongf("--format %s; standard output takes an Arrow stream only; write a file", p.Format)
	case p.Compression != "" && !slices.Contains(streamTakes, p.Compression):
		return nil, wrongf("--compression %s; Arrow streams take %s", p.Compression, strings.Join(streamTakes, ", "))
	}
	return nil, nil
}

// streamTakes is how an Arrow stream may be compressed.
var streamTakes = []string{"none", "zstd", "lz4"}

// fileSize reads what --file-size says.
func fileSize(text string) (int64, error) {
	n, err := byteSize(text)
	if err != nil {
		return 0, wrongf("--file-size %s; write a number of bytes with its unit, KiB, MiB or GiB, such as 256MiB", text)
	}
	return n, nil
}

var errSize = errors.New("no number of bytes")

// byteSize reads a number of bytes, such as 256MiB.
func byteSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGTiB")
	unit, known := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 1e3, "MB": 1e6, "GB": 1e9}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 1 || n > fileSizeMost/unit {
		return 0, errSize
	}
	return n * unit, nil
}

// fileSizeMost is above what any file system has in one file.
const fileSizeMost = 1 << 50

// missingNotes are the tables that could not be opened as validate tells them:
// each at the address that names it.
func (in *inputs) missingNotes() (notes []event.Fault) {
	note := func(at features.Text, err error) {
		if err != nil {
			notes = append(notes, event.Fault{File: in.def.File, Line: at.Line, Column: at.Column, Words: at.Value, Problem: err.Error(), Mend: "its types are taken from the definition alone"})
		}
	}
	for _, s := range in.def.Sources {
		note(s.History.Path, in.missing["source "+s.Name.Value])
	}
	for _, s := range in.def.TrainingSets {
		note(s.Spine.Table.Path, in.missing["training set "+s.Name.Value])
	}
	return notes
}

// newSink opens the sink of a target; nil is an Arrow stream to standard output.
func newSink(ctx context.Context, t *sink.Target, o sink.Options) (event.Sink, error) {
	if t == nil {
		return sink.NewArrowStream(os.Stdout, o)
	}
	if t.PartitionBy != "" {
		if err := t.Check(o); err != nil {
			return nil, wrong{err}
		}
	}
	return t.Open(ctx, o)
}
