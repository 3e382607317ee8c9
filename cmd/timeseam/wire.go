package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
)

// inputs is the tables that a definition names, opened: footers are read, data is
// not. A table that cannot be opened is an error only for those who need it.
type inputs struct {
	def       *features.Definition
	histories map[string]*sources.Table // by source
	spines    map[string]*sources.Table // by training set
	missing   map[string]error          // by "source x" or "training set x"
}

// openInputs opens the histories of a definition, and the spine of the training
// set named, or of all.
func openInputs(def *features.Definition, set string) *inputs {
	in := &inputs{def: def, histories: map[string]*sources.Table{}, spines: map[string]*sources.Table{}, missing: map[string]error{}}
	for _, s := range def.Sources {
		t, err := in.open(s.History)
		if err != nil {
			in.missing["source "+s.Name.Value] = fmt.Errorf("history of source %s: %w", s.Name.Value, err)
			continue
		}
		in.histories[s.Name.Value] = t
	}
	for _, s := range def.TrainingSets {
		if set != "" && s.Name.Value != set {
			continue
		}
		t, err := in.open(s.Spine.Parquet)
		if err != nil {
			in.missing["training set "+s.Name.Value] = fmt.Errorf("spine of training set %s: %w", s.Name.Value, err)
			continue
		}
		in.spines[s.Name.Value] = t
	}
	return in
}

// open finds a table; a path that is not absolute is one beside the definition.
func (in *inputs) open(address features.Text) (*sources.Table, error) {
	path, fault := features.Expand(address, os.LookupEnv)
	if fault != nil {
		fault.File = in.def.File
		return nil, event.Faults{*fault}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(in.def.File), path)
	}
	return sources.Find(path)
}

// catalog is what the opened tables hold.
func (in *inputs) catalog() features.Catalog {
	c := features.Catalog{Histories: map[string]event.Schema{}, Spines: map[string]event.Schema{}}
	for name, t := range in.histories {
		c.Histories[name] = t.Schema()
	}
	for name, t := range in.spines {
		c.Spines[name] = t.Schema()
	}
	return c
}

// compile plans a training set of a definition whose tables must all be there.
func (in *inputs) compile(set string) (*features.Plan, error) {
	plan, err := features.Compile(in.def, in.catalog(), set)
	if err != nil {
		// A table that is not there makes faults of its own: it alone is told.
		if missing := in.missingTables(); len(missing) > 0 {
			first := missing[0]
			for _, also := range missing[1:] {
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
	}
	return plan, in.missing["training set "+set]
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
func (in *inputs) spare(out string) error {
	for _, s := range in.def.Sources {
		if t := in.histories[s.Name.Value]; t != nil && touches(out, t) {
			return wrongf("output %s is, or would be, a file of the history of source %s; name one elsewhere", out, s.Name.Value)
		}
	}
	for _, s := range in.def.TrainingSets {
		if t := in.spines[s.Name.Value]; t != nil && touches(out, t) {
			return wrongf("output %s is, or would be, a file of the spine of training set %s; name one elsewhere", out, s.Name.Value)
		}
	}
	return nil
}

// touches reports whether the file out is one of a table's, or would be found with them.
func touches(out string, t *sources.Table) bool {
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
	if err != nil || tableErr != nil || filepath.Ext(out) != ".parquet" {
		return false
	}
	if matched, err := filepath.Match(table, path); err == nil && matched {
		return true
	}
	rel, err := filepath.Rel(table, path)
	return err == nil && filepath.IsLocal(rel)
}

// checkOutput refuses an output whose name says no format, and a compression that
// the format does not have.
func checkOutput(path, compression string) error {
	what, takes := "Arrow files and streams", []string{"none", "zstd", "lz4"}
	switch filepath.Ext(path) {
	case ".arrow", ".feather", ".ipc":
	case ".parquet":
		what, takes = "Parquet files", []string{"snappy", "zstd", "gzip", "lz4", "none"}
	default:
		if path != "-" {
			return wrongf("output %s: what ends so is no format that is built; name it *.parquet or *.arrow, or write - for an Arrow stream", path)
		}
	}
	if compression == "" || slices.Contains(takes, compression) {
		return nil
	}
	return wrongf("--compression %s; %s take %s", compression, what, strings.Join(takes, ", "))
}

// missingNotes are the tables that could not be opened as validate tells them:
// each at the address that names it.
func (in *inputs) missingNotes() (notes []event.Fault) {
	note := func(at features.Text, err error) {
		if err != nil {
			notes = append(notes, event.Fault{File: in.def.File, Line: at.Line, Column: at.Column, Words: at.Value, Problem: err.Error(), Mend: "its types are taken from the definition alone"})
		}
	}
	for _, s := range in.def.Sources {
		note(s.History, in.missing["source "+s.Name.Value])
	}
	for _, s := range in.def.TrainingSets {
		note(s.Spine.Parquet, in.missing["training set "+s.Name.Value])
	}
	return notes
}

// newSink opens the sink that a path asks for: - is an Arrow stream to standard
// output, .parquet a Parquet file, all else that checkOutput lets pass an Arrow file.
func newSink(path string, o sink.Options, stdout *os.File) (event.Sink, error) {
	switch {
	case path == "-":
		return sink.NewArrowStream(stdout, o)
	case filepath.Ext(path) == ".parquet":
		return sink.NewParquet(path, o)
	}
	return sink.NewArrowFile(path, o)
}
