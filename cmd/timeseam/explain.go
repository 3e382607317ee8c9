package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/store"
	"github.com/urfave/cli/v2"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say what a run would read, and what each feature means",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			setFlag("the training set meant; not needed where the definition has one"),
			&cli.StringFlag{Name: "data-interval-start", Usage: "of a run over an interval: from this instant on", EnvVars: environment("data-interval-start")},
			&cli.StringFlag{Name: "data-interval-end", Usage: "and before this one", EnvVars: environment("data-interval-end")},
			&cli.StringFlag{Name: snapshotsFlag, Usage: "the folder of snapshots that the run would begin with", EnvVars: environment(snapshotsFlag)},
			&cli.StringFlag{Name: "memory", Usage: "what the run may take, such as 2GiB", DefaultText: "half of the machine's or its container's", EnvVars: environment("memory")},
			&cli.StringFlag{Name: completeFlag, Usage: "say that of every source all events before this instant are there, such as 2026-01-31T00:00:00Z", EnvVars: environment(completeFlag)},
			&cli.BoolFlag{Name: "history-only", Usage: "open no stream", EnvVars: environment("history-only")},
			&cli.BoolFlag{Name: auditFlag, Usage: "compare both copies of a source where they overlap, and exit with 3 if they differ", EnvVars: environment(auditFlag)},
			auditHoursFlag(),
			jsonFlag("print as JSON"),
		},
		OnUsageError: usageError,
		Action:       explain,
	}
}

// explanation is what a run would do, found without reading any rows but what tells of
// a cutover: columns of offsets, and the first records of a topic.
type explanation struct {
	Definition  string           `json:"definition"`
	TrainingSet string           `json:"training_set"`
	Digest      string           `json:"digest"`
	Visibility  visibility       `json:"visibility"`
	Spine       explainedTable   `json:"spine"`
	Snapshot    *snapshotEntry   `json:"snapshot,omitempty"`
	Inputs      []explainedTable `json:"inputs"`
	Views       []explainedView  `json:"views"`
	Columns     []columnEntry    `json:"columns"`
	Inner       []columnEntry    `json:"inner_columns"` // computed for others, not given out
	Estimate    *estimate        `json:"estimate"`
	Notes       []string         `json:"notes"`

	// Foreseen: the spine's files tell from when to when it asks, and so which
	// partitions are read.
	Foreseen bool `json:"-"`
}

// explainedTable is what is read of a table.
type explainedTable struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Files   int      `json:"files"`
	Rows    int64    `json:"rows"`
	About   bool     `json:"rows_estimated,omitempty"` // of CSV and JSON lines, before they are read
	Bytes   int64    `json:"bytes"`                    // of the files; of them only the columns are read
	Columns []string `json:"columns"`
	Of      int      `json:"of_columns"`
	Groups  int      `json:"row_groups"`     // that are read
	Asks    string   `json:"asks,omitempty"` // of a spine that is made of a source: what the questions are

	Partitions *partitionsEntry `json:"partitions,omitempty"`
	Pruned     *prunedEntry     `json:"pruned,omitempty"`
	Complete   *completeEntry   `json:"complete,omitempty"`
	Cutover    *cutoverEntry    `json:"cutover,omitempty"` // of a source that has a stream
}

// explainedView is how a view takes and orders events.
type explainedView struct {
	Name   string   `json:"name"`
	Source string   `json:"source"`
	Key    []string `json:"key"`
	Where  string   `json:"where,omitempty"`
	Order  []string `json:"order"`
	Rules  []fact   `json:"rules"`
}

func explain(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	limit, err := memoryLimit(c.String("memory"))
	if err != nil {
		return err
	}
	def, err := readDefinition(spec)
	if err != nil {
		return err
	}
	set, err := chooseSet(def, c.String("training-set"))
	if err != nil {
		return err
	}
	in := openInputs(c.Context, def, set)
	in.historyOnly, in.unlettered = c.Bool("history-only"), true
	defer in.disconnect()
	hours, err := auditHours(c)
	if err != nil {
		return err
	}
	if in.said, err = completeSaid(c); err != nil {
		return err
	}
	plan, err := in.planned(c.Context, set)
	if err != nil {
		return err
	}
	begun, err := explainSeam(c, plan, in)
	if err != nil {
		return err
	}
	defer begun.Close()
	x := newExplanation(plan, in, begun)
	if err := in.explainCutovers(c.Context, plan, x); err != nil {
		return err
	}
	if c.Bool(auditFlag) {
		if err := in.explainAudit(c.Context, plan, x, hours); err != nil {
			return err
		}
	}
	if x.Estimate, err = newEstimate(plan, in, limit); err != nil {
		return err
	}
	if x.Snapshot != nil {
		x.Estimate.ReadBytes += x.Snapshot.Bytes
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, x)
	} else {
		x.print(c.App.Writer)
	}
	if err == nil && x.differs() {
		return errDiffers
	}
	return err
}

// explainSeam opens what a run over an interval would begin with; nil: of no interval
// or folder is anything said.
func explainSeam(c *cli.Context, plan *features.Plan, in *inputs) (*seam, error) {
	start, end, dir := c.String("data-interval-start"), c.String("data-interval-end"), c.String(snapshotsFlag)
	if start == "" && end == "" && dir == "" {
		return nil, nil
	}
	v, err := sink.ParseInterval(start, end)
	if err != nil {
		return nil, wrong{err}
	}
	in.interval = &event.Span{From: v.Start, To: v.End}
	if dir == "" {
		return nil, nil
	}
	if store.Is(dir) {
		return nil, errSnapshotsStored(dir)
	}
	return openSeam(dir, v, plan, in)
}

func newExplanation(plan *features.Plan, in *inputs, begun *seam) *explanation {
	set := plan.TrainingSet
	x := &explanation{Definition: plan.Definition.Name.Value, TrainingSet: set.Name.Value, Digest: plan.Digest(), Notes: []string{},
		Visibility: newVisibility(plan)}
	complete := in.complete(plan, in.said)
	in.completed = complete
	in.ahead = begun != nil
	x.Foreseen = in.foresee(plan, complete)
	for _, i := range plan.Inputs {
		if name := i.Source.Name.Value; begun != nil {
			begun.rest(in, name, in.read(name))
		}
	}
	x.Snapshot = begun.entry()
	table := func(name, path string, columns event.Schema) explainedTable {
		t := in.read(name)
		if name == "" {
			t = in.spines[set.Name.Value]
		}
		e := explainedTable{Name: name, Path: path, Files: len(t.Files), Rows: t.Estimate(), About: t.Format() != "parquet", Columns: names(columns), Of: len(t.Schema())}
		for _, f := range t.Files {
			e.Bytes += f.Size
		}
		e.Groups = t.GroupsRead()
		return e
	}
	x.Spine = table("", set.Spine.Table.Path.Value, plan.Queries.Read())
	if set.Spine.Source.Given() {
		x.Spine.Asks = set.Spine.String()
	}
	for _, i := range plan.Inputs {
		e := table(i.Source.Name.Value, i.Source.History.Path.Value, i.Columns)
		e.Complete = complete[e.Name]
		if f := in.fetched[e.Name]; f != nil {
			e.Partitions, e.Pruned = f.partitions, f.pruned
		}
		x.Inputs = append(x.Inputs, e)
	}
	for _, v := range plan.Views {
		x.Views = append(x.Views, explainedView{v.Name, plan.Inputs[v.Input].Source.Name.Value, v.Key(), v.View.Where.Value, v.Order(plan), rules(plan, v)})
	}
	x.Columns, x.Inner = columnEntries(plan.Describe()), columnEntries(plan.Inner())
	for _, l := range plan.Lints {
		x.Notes = append(x.Notes, l.Error())
	}
	return x
}

// print writes the explanation as a person reads it.
func (x *explanation) print(w io.Writer) {
	fmt.Fprintf(w, "training set %s of %s, digest %s\n\n", x.TrainingSet, x.Definition, x.Digest)
	fmt.Fprintf(w, "Visibility %s: %s.\n", x.Visibility.Known, x.Visibility.words())
	if s := x.Visibility.Self; s != "" {
		fmt.Fprintf(w, "Each row of the spine is itself an event of %s, whenever it arrived: the newest of its key, in every window that ends at t. What is stored of it is at t and does not count again.\n", s)
	}
	if x.Visibility.Optimistic {
		fmt.Fprintln(w, "This is optimistic: events that arrived late are known as if they had not.")
	}
	fmt.Fprintln(w, "\nReads")
	x.Spine.print(w, "spine")
	if x.Spine.Cutover != nil {
		x.Spine.Cutover.print(w)
	}
	if x.Snapshot != nil {
		fmt.Fprintf(w, "  snapshot: %s\n", x.Snapshot.words())
	}
	for _, i := range x.Inputs {
		i.print(w, "source "+i.Name)
		if i.Partitions != nil {
			i.Partitions.print(w, x.Foreseen)
		}
		i.printGroups(w, x.Foreseen)
		if i.Cutover != nil {
			i.Cutover.print(w)
		}
		if i.Complete != nil {
			i.Complete.print(w, "      ")
		}
	}
	fmt.Fprintln(w, "  Of each row group only the columns named are read: what the definition does not use stays on the disk.")
	fmt.Fprintln(w, "\nViews")
	for _, v := range x.Views {
		key := "one for all"
		if len(v.Key) > 0 {
			key = strings.Join(v.Key, ", ")
		}
		fmt.Fprintf(w, "  %s: events of %s by %s", v.Name, v.Source, key)
		if v.Where != "" {
			fmt.Fprintf(w, ", where %s", v.Where)
		}
		fmt.Fprintf(w, "; in order of %s\n", strings.Join(v.Order, ", then "))
		for _, r := range v.Rules {
			if r.About == "duplicates" {
				fmt.Fprintf(w, "      %s\n", printable(r.Says))
			}
		}
	}
	printColumns(w, "Features", x.Columns)
	printColumns(w, "Computed for these, and not given out", x.Inner)
	x.Estimate.print(w)
	for _, n := range x.Notes {
		fmt.Fprintf(w, "\nnote: %s\n", n)
	}
}

// printColumns writes columns, if there are any, with what they mean.
func printColumns(w io.Writer, title string, columns []columnEntry) {
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, c := range columns {
		when := c.Window
		if when == "" {
			when = "computed from the others at t"
		}
		if c.Ties != "" {
			when += "; " + c.Ties
		}
		fmt.Fprintf(w, "  %s %s\n      %s; %s\n", c.Name, c.Type, c.Value, when)
	}
}

func (t explainedTable) print(w io.Writer, what string) {
	about := ""
	if t.About {
		about = "about "
	}
	if t.Path == "" {
		fmt.Fprintf(w, "  %s: no history; %s: %s\n", what, plural(len(t.Columns), "column"), strings.Join(t.Columns, ", "))
	} else {
		fmt.Fprintf(w, "  %s: %s, %s, %s%s, %s; %d of %d columns: %s\n", what, t.Path, plural(t.Files, "file"), about, plural(int(t.Rows), "row"), sizeWords(t.Bytes), len(t.Columns), t.Of, strings.Join(t.Columns, ", "))
	}
	if t.Asks != "" {
		fmt.Fprintf(w, "    questions: %s\n", printable(t.Asks))
	}
}

// sizeWords is a number of bytes as a person reads it.
func sizeWords(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
