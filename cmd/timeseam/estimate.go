package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// estimate is about how much a run will read, hold and write. It is made of what
// footers say; no row is looked at.
type estimate struct {
	ReadRows    int64    `json:"read_rows"`
	ReadBytes   int64    `json:"read_bytes"` // compressed, of the columns that are read
	OutputRows  int64    `json:"output_rows"`
	OutputBytes int64    `json:"output_bytes"`
	MemoryBytes int64    `json:"memory_bytes"`
	SpillBytes  int64    `json:"spill_bytes"` // that the limit sends to a temporary file, or makes impossible
	How         []string `json:"how"`
}

// An event costs the hash of its key and its time beside its columns.
const (
	eventBytes = 16 + 8
	keyBytes   = 16
)

// newEstimate estimates a run that may take so much memory.
func newEstimate(plan *features.Plan, in *inputs, limit int64) (*estimate, error) {
	e := &estimate{How: []string{
		"bytes to read are the compressed columns of every row group that is read, as the footers tell, and all of CSV and JSON lines; the spine is read twice",
		"memory is the program and its workers, the output's groups of rows, the questions, and events, once for each view that takes them, or answers, as events make room for these; events that no window reaches are let go as they are read, so it is less where the history is longer than the windows",
		"the output is the spine's own columns as large as they are, and a few bytes a value of a feature",
	}}
	set := plan.TrainingSet
	spine := in.spines[set.Name.Value]
	d, err := weigh(spine)
	if err != nil {
		return nil, err
	}
	asked, kept := d.bytesOf(names(plan.Queries.Read())), d.bytesOf(plan.Queries.Carried)
	rows := spine.Estimate() + in.asked.expected()
	e.ReadRows, e.ReadBytes = 2*rows, asked+kept
	if g := plan.Queries.Grid; g != nil {
		e.How = append(e.How, "how many rows a grid has nobody can tell before it is read; at most one for each event and each instant at which that makes its entity active")
		e.ReadRows, e.ReadBytes, kept = rows, asked, 0
		rows = g.Most(rows)
	}
	e.OutputRows, e.OutputBytes = rows, kept
	answers := int64(0)
	for _, o := range slices.Concat(plan.Queries.Own, plan.Outputs) {
		answers += rows * timetravel.HeldBytes(o.Type)
		e.OutputBytes += rows * writtenBytes(o.Type)
	}
	held := int64(0)
	for i, input := range plan.Inputs {
		read := in.read(input.Source.Name.Value)
		events := read.Estimate() + in.joins[input.Source.Name.Value].expected()
		e.ReadRows += events
		e.ReadBytes += read.StoredBytes(names(input.History.Reads))
		for _, v := range plan.Views {
			if v.Input == i && plan.Self() == input.Source.Name.Value {
				held += rows * keptBytes(v)
			}
			if v.Input == i {
				held += events*keptBytes(v) + textBytes(read, v, input.Columns)
			}
		}
	}
	n := memoryNeeds{events: held, answers: answers}
	n.standing, n.writing = besideBytes(plan, rows, runtime.GOMAXPROCS(0))
	if len(in.streams) > 0 {
		n.standing += memoryRecords * int64(runtime.GOMAXPROCS(0))
		e.How = append(e.How, "of topics every offset counts as a row, and bytes are not known before they are read")
	}
	if in.asked != nil {
		e.ReadRows += rows
		e.How = append(e.How, "the spine's events are first copied to this machine, which is one more reading, and about as many bytes on its disk as the output's")
	}
	asking, left := questionBytes(plan)
	n.asking, n.questions = asking*rows, left*rows
	e.limited(limit, n)
	return e, nil
}

// memoryNeeds is what a run holds, of which events, questions and answers can go to a
// file; questions that are asked take more than those that wait to be written.
type memoryNeeds struct{ standing, writing, events, answers, asking, questions int64 }

// limited says what a run with a limit takes. Events are gone when the output is
// written.
func (e *estimate) limited(limit int64, n memoryNeeds) {
	beside := n.standing + n.writing
	sweep := int64(collected * float64(n.asking+max(n.events, n.answers)))
	whole := n.standing + max(sweep, int64(collected*float64(n.questions+n.answers))+n.writing)
	e.MemoryBytes = min(whole, max(limit, beside))
	e.SpillBytes = int64(float64(whole-e.MemoryBytes) / collected)
	if limit < beside {
		e.How = append(e.How, fmt.Sprintf("a run with --memory %dMiB would be refused", limit>>20))
	} else if e.SpillBytes > 0 {
		e.How = append(e.How, fmt.Sprintf("with --memory %dMiB about %s of events, questions and answers go to a temporary file", limit>>20, sizeWords(e.SpillBytes)))
	}
}

// keptBytes is what a view holds of an event: the columns of its runs, of which text
// is held as numbers, and the key as a hash.
func keptBytes(v *features.PlannedView) int64 {
	n := int64(eventBytes)
	for _, t := range v.Layout.Columns {
		n += timetravel.HeldBytes(t)
	}
	return n
}

// weight is what the columns of a table take in its files.
type weight struct {
	*sources.Description       // of Parquet, by its footers
	whole                int64 // of text, which is read whole whatever is asked of it
}

func weigh(t *sources.Table) (w weight, err error) {
	if t.Format() != "parquet" {
		for i := range t.Files {
			w.whole += t.Files[i].Size
		}
		return w, nil
	}
	w.Description, err = t.Describe()
	return w, err
}

// textBytes is about the dictionaries of the columns of text that a view keeps: what
// they take compressed, twice. Of keys the hashes are kept.
func textBytes(t *sources.Table, v *features.PlannedView, columns event.Schema) int64 {
	if t.Format() != "parquet" {
		return t.StoredBytes(nil)
	}
	var texts []string
	for _, f := range columns {
		if f.Type.Text() && !slices.Contains(v.Key(), f.Name) {
			texts = append(texts, f.Name)
		}
	}
	return 2 * t.StoredBytes(texts)
}

// bytesOf is the bytes that are read for columns; nil: for all.
func (w weight) bytesOf(columns []string) (n int64) {
	if w.Description == nil {
		return w.whole
	}
	for _, c := range w.Columns {
		if columns == nil || slices.Contains(columns, c.Name) {
			n += c.SizeBytes
		}
	}
	return n
}

// writtenBytes is about what a value takes in a file.
func writtenBytes(t event.Type) (n int64) {
	switch t.Kind {
	case event.Bool, event.Int, event.Date:
		return 1
	case event.String, event.Bytes:
		return 2
	case event.Decimal, event.Timestamp:
		return 6
	case event.List, event.Map:
		return timetravel.ElementsGuessed * writtenBytes(*t.Elem)
	case event.Struct:
		for _, f := range t.Fields {
			n += writtenBytes(f.Type)
		}
		return n
	}
	return 4
}

func (e *estimate) print(w io.Writer) {
	fmt.Fprintf(w, "\nEstimates\n  reads %s, %s; holds about %s; writes %s, about %s\n", plural(int(e.ReadRows), "row"), sizeWords(e.ReadBytes), sizeWords(e.MemoryBytes), plural(int(e.OutputRows), "row"), sizeWords(e.OutputBytes))
	for _, how := range e.How {
		fmt.Fprintf(w, "    %s\n", how)
	}
}
