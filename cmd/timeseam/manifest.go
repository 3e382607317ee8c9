package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// What stands beside a training set; docs/formats.md lays both out.
const (
	manifestSuffix = sink.ManifestSuffix
	runSuffix      = sink.ReportSuffix
)

// manifest says what a training set is and what it was made of. It is a function
// of definition, inputs and release: two runs give the same bytes.
type manifest struct {
	Timeseam    string           `json:"timeseam"`
	Definition  string           `json:"definition"`
	TrainingSet string           `json:"training_set,omitempty"`
	Service     string           `json:"service,omitempty"` // in its place, where values are materialized; as the next
	At          string           `json:"at,omitempty"`
	Digest      string           `json:"digest"`
	Visibility  visibility       `json:"visibility"`
	Rows        int64            `json:"rows"`
	Labels      []string         `json:"labels"`
	LabelCounts []labelEntry     `json:"label_counts"` // of labels from events
	Columns     []columnEntry    `json:"columns"`
	Splits      map[string]int64 `json:"splits,omitempty"` // rows by split
	Marks       []columnEntry    `json:"marks"`            // split and sample_weight, behind the columns
	Inner       []columnEntry    `json:"inner_columns"`    // computed for others, not given out
	Output      *outputEntry     `json:"output,omitempty"` // nil: standard output
	Spine       spineEntry       `json:"spine"`
	Snapshot    *snapshotEntry   `json:"snapshot,omitempty"` // nil: none was asked for
	Inputs      []inputEntry     `json:"inputs"`
	Ties        []tieEntry       `json:"ties"`
	Counts      []countsEntry    `json:"counts"`
	SpineCounts map[string]int64 `json:"spine_counts"`

	certificates []*cutover.Certificate // for a person; a file beside has them
}

// outputEntry says which files were written, and what of the values their format
// does not hold.
type outputEntry struct {
	Format      string         `json:"format"`
	PartitionBy string         `json:"partition_by,omitempty"`
	Interval    *intervalEntry `json:"data_interval,omitempty"`
	Rounded     []string       `json:"rounded_to_float32,omitempty"`
	Files       []sink.Written `json:"files"`
}

type intervalEntry struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

func newOutputEntry(t *sink.Target, o sink.Options, written sink.Output) *outputEntry {
	e := &outputEntry{Format: t.Format(), PartitionBy: t.PartitionBy, Rounded: t.Rounded(o), Files: append([]sink.Written{}, written.Written()...)}
	if v := t.Interval; v != nil {
		e.Interval = &intervalEntry{time.UnixMicro(int64(v.Start)).UTC(), time.UnixMicro(int64(v.End)).UTC()}
	}
	return e
}

type visibility struct {
	Known       string `json:"known"`
	Delay       string `json:"delay,omitempty"`
	DecideAfter string `json:"decide_after,omitempty"`
	Self        string `json:"self,omitempty"` // the source that the rows of the spine are events of
	Optimistic  bool   `json:"optimistic"`
}

func newVisibility(p *features.Plan) visibility {
	t := p.TrainingSet
	return visibility{t.Known.Value, t.Delay.Value, t.DecideAfter.Value, p.Self(), visibilityOf(t).Optimistic()}
}

// words says when an event is known to a row of the spine at t.
func (v visibility) words() string {
	if v.Known == timetravel.EventTime.String() {
		return "at the instant t of a spine row, an event is known from its own time on"
	}
	known := "at the instant t of a spine row, an event is known if it had arrived by t"
	if v.DecideAfter != "" {
		known += "+" + v.DecideAfter
	}
	if v.Delay != "" {
		known += "-" + v.Delay
	}
	return known
}

type labelEntry struct {
	Label    string `json:"label"`
	Source   string `json:"source"`
	Within   string `json:"within"`
	Positive int64  `json:"positive"`
	Negative int64  `json:"negative"`
	Null     int64  `json:"null"`
	Censored int64  `json:"censored"`

	Until        *time.Time `json:"source_until,omitempty"` // up to when it is known; nil: it has no events
	Attribute    string     `json:"attribute,omitempty"`
	Attributed   *int64     `json:"attributed,omitempty"` // events, where they belong to one row alone
	Unattributed *int64     `json:"unattributed,omitempty"`

	early string // what is said where the source ends before the spine does
}

func newLabelEntry(l *features.EventLabel, n timetravel.LabelCount, asked event.Span) labelEntry {
	e := labelEntry{Label: l.Name.Value, Source: l.Source.Value, Within: l.Within.Value, Positive: n.Positive, Negative: n.Negative, Null: n.Null, Censored: n.Censored}
	if n.Until > event.MinTime {
		until := time.UnixMicro(int64(n.Until)).UTC()
		e.Until = &until
	}
	switch {
	case n.Censored == 0 || asked.From >= asked.To || asked.To.Earlier(1) <= n.Until:
	case e.Until == nil:
		e.early = fmt.Sprintf("source %s has no events that a question reaches, so that nothing is known", l.Source.Value)
	default:
		e.early = fmt.Sprintf("source %s is known up to %s, and the spine asks up to %s", l.Source.Value, n.Until, asked.To.Earlier(1))
	}
	if l.Attribute.Given() {
		e.Attribute, e.Attributed, e.Unattributed = l.Attribute.Value, &n.Attributed, &n.Unmatched
	}
	return e
}

// spineEntry says of what the questions were made: a table, or the events of a
// source and what of them.
type spineEntry struct {
	Source   string   `json:"source,omitempty"`
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Where    string   `json:"where,omitempty"`
	Every    string   `json:"every,omitempty"` // of a grid, as the next two
	Active   string   `json:"active,omitempty"`
	Entity   string   `json:"entity,omitempty"`
	Sources  []string `json:"sources,omitempty"`  // of entities that were found, by whose events
	Computed []string `json:"computed,omitempty"` // its columns that no file has

	Stream *streamEntry `json:"stream,omitempty"`
	tableEntry
}

func newSpineEntry(plan *features.Plan, t *sources.Table) spineEntry {
	s := &plan.TrainingSet.Spine
	e := spineEntry{Source: s.Source.Value, From: s.From.Value, To: s.To.Value, Where: s.Where.Value, Computed: names(plan.Queries.Own), tableEntry: newTableEntry(s.Table.Path.Value, t)}
	if g := s.Grid; g != nil {
		e.Every, e.Active, e.Entity = g.Every.Value, cmp.Or(g.Active.Value, g.Every.Value), g.Entity.Value
	}
	return e
}

type columnEntry struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Window string `json:"window,omitempty"`
	Ties   string `json:"ties,omitempty"`
	Value  string `json:"value"`
}

type tableEntry struct {
	Path  string      `json:"path"` // as the definition names it
	Rows  int64       `json:"rows"`
	Files []fileEntry `json:"files"`
}

type fileEntry struct {
	Path      string `json:"path"` // within the table
	Bytes     int64  `json:"bytes"`
	Rows      int64  `json:"rows"`
	FooterCRC string `json:"footer_crc32c,omitempty"` // Parquet
	Sum       string `json:"crc32c,omitempty"`        // CSV and JSON lines
	ETag      string `json:"etag,omitempty"`          // objects
}

type inputEntry struct {
	Source    string   `json:"source"`
	Columns   []string `json:"columns"`
	OutOfType int64    `json:"values_out_of_type"`
	NaN       int64    `json:"nan_values"`

	Stream *streamEntry `json:"stream,omitempty"`
	// HistoryOnly: the source has a stream, which was not read, as was asked for.
	HistoryOnly bool `json:"history_only,omitempty"`
	tableEntry
	Partitions *partitionsEntry `json:"partitions,omitempty"` // of a source that says so
	Pruned     *prunedEntry     `json:"pruned,omitempty"`     // what statistics left unread
	Complete   *completeEntry   `json:"complete,omitempty"`   // where there is evidence of it
}

type tieEntry struct {
	View  string   `json:"view"`
	Order []string `json:"order"`
}

type countsEntry struct {
	View   string           `json:"view"`
	Events int64            `json:"events"`
	Counts map[string]int64 `json:"counts"`
}

func newManifest(plan *features.Plan, in *inputs, r *timetravel.Report) *manifest {
	set := plan.TrainingSet
	m := &manifest{Timeseam: version, Definition: plan.Definition.Name.Value, TrainingSet: set.Name.Value, Digest: plan.Digest(),
		Visibility: newVisibility(plan), Rows: r.Rows, Labels: []string{},
		Spine: newSpineEntry(plan, in.spines[set.Name.Value]), SpineCounts: countsByName(&r.Spine)}
	for _, l := range set.Labels {
		m.Labels = append(m.Labels, l.Value)
	}
	for i, l := range set.EventLabels {
		m.Labels = append(m.Labels, l.Name.Value)
		m.LabelCounts = append(m.LabelCounts, newLabelEntry(&l, r.Labels[i], r.Asked))
	}
	m.Columns, m.Inner = columnEntries(plan.Describe()), columnEntries(plan.Inner())
	m.Splits = r.Splits
	m.Marks = columnEntries(plan.Marked())
	for i, input := range plan.Inputs {
		s := input.Source
		m.Inputs = append(m.Inputs, inputEntry{Source: s.Name.Value, Columns: names(input.Columns), OutOfType: r.Read[i][event.OutOfType], NaN: r.Read[i][event.NaNNull],
			HistoryOnly: in.historyOnly && s.Stream != nil, tableEntry: newTableEntry(s.History.Path.Value, in.read(s.Name.Value))})
	}
	for _, v := range plan.Views {
		m.Ties = append(m.Ties, tieEntry{v.Name, v.Order(plan)})
	}
	in.about.tell(m)
	for i, l := range plan.Lookups {
		m.Counts = append(m.Counts, countsEntry{l.Name, r.Taken[i], countsByName(&r.Counts[i])})
	}
	return m
}

func columnEntries(described []features.Described) []columnEntry {
	entries := make([]columnEntry, len(described))
	for i, d := range described {
		entries[i] = columnEntry{d.Name, d.Type.String(), d.Window, d.Ties, d.Value}
	}
	return entries
}

func newTableEntry(path string, t *sources.Table) tableEntry {
	e := tableEntry{Path: path, Rows: t.Rows(), Files: []fileEntry{}}
	for _, f := range t.Files {
		entry := fileEntry{Path: within(t.Path, f.Path), Bytes: f.Size, Rows: f.Rows, ETag: f.ETag}
		if t.Format() == "parquet" {
			entry.FooterCRC = fmt.Sprintf("%08x", f.FooterCRC)
		} else {
			entry.Sum = fmt.Sprintf("%08x", f.Sum)
		}
		e.Files = append(e.Files, entry)
	}
	return e
}

// within is a file's path as seen from its table's, with forward slashes.
func within(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && rel != "." && !strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(rel)
	}
	return filepath.Base(path)
}

func countsByName(c *event.Counts) map[string]int64 {
	m := map[string]int64{}
	c.Each(func(r event.Reason, n int64) { m[r.String()] = n })
	return m
}

// print writes the manifest as a person reads it.
func (m *manifest) print(w io.Writer, r *runReport) {
	fmt.Fprintf(w, "%s: %s, %s, %.1f s\n", r.Output, plural(int(m.Rows), "row"), plural(len(m.Columns)-len(m.LabelCounts), "feature"), r.Seconds)
	if m.Service != "" {
		fmt.Fprintf(w, "service %s as of %s; %s\n", m.Service, m.At, m.Spine.asked(m.Rows))
	}
	fmt.Fprintf(w, "visibility %s", m.Visibility.Known)
	if m.Visibility.Optimistic {
		fmt.Fprint(w, " (optimistic: an event counts from its own time on, however late it arrived)")
	}
	if m.Visibility.Self != "" {
		fmt.Fprintf(w, "; each row is itself an event of %s", m.Visibility.Self)
	}
	fmt.Fprintf(w, "\ndigest %s\n", m.Digest)
	if o := m.Output; o != nil && len(o.Rounded) > 0 {
		fmt.Fprintf(w, "rounded to float32: %s\n", strings.Join(o.Rounded, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Splits)) {
		fmt.Fprintf(w, "split %s: %s\n", name, plural(int(m.Splits[name]), "row"))
	}
	for _, l := range m.LabelCounts {
		fmt.Fprintf(w, "label %s: %d positive, %d negative, %d not known yet\n", l.Label, l.Positive, l.Negative, l.Censored)
		if l.early != "" {
			fmt.Fprintf(w, "label %s: %s\n", l.Label, l.early)
		}
		if l.Attributed != nil {
			fmt.Fprintf(w, "label %s: %s attributed, %d to no row\n", l.Label, plural(int(*l.Attributed), "event"), *l.Unattributed)
		}
	}
	for _, i := range m.Inputs {
		for _, n := range []struct {
			reason event.Reason
			count  int64
		}{{event.OutOfType, i.OutOfType}, {event.NaNNull, i.NaN}} {
			if n.count > 0 {
				fmt.Fprintf(w, "source %s: %d %s\n", i.Source, n.count, strings.ReplaceAll(n.reason.String(), "_", " "))
			}
		}
	}
	if m.Snapshot != nil {
		fmt.Fprintf(w, "snapshot: %s\n", m.Snapshot.words())
	}
	for _, i := range m.Inputs {
		if p := i.Partitions; p != nil && p.Pruned > 0 {
			fmt.Fprintf(w, "source %s: %d of %d partitions read, %s left unread\n", i.Source, p.Read, p.There, plural(p.Pruned, "file"))
		}
		if i.Pruned != nil {
			fmt.Fprintf(w, "source %s: %s\n", i.Source, i.Pruned)
		}
		if i.Complete != nil {
			i.Complete.print(w, "source "+i.Source+": ")
		}
		if i.Stream != nil && i.Stream.Note != "" {
			fmt.Fprintf(w, "source %s: topic %s: %s\n", i.Source, i.Stream.Topic, i.Stream.Note)
		}
	}
	for _, c := range m.certificates {
		c.Print(w)
	}
	for _, c := range m.Counts {
		fmt.Fprintf(w, "view %s: %s%s\n", c.View, plural(int(c.Events), "event"), remarks(c.Counts))
	}
	if s := remarks(m.SpineCounts); s != "" {
		fmt.Fprintf(w, "spine: %s%s\n", plural(int(m.Rows), "row"), s)
	}
}

// remarks lists the counts that are not zero, in the order of event.Reason.
func remarks(counts map[string]int64) string {
	var words strings.Builder
	new(event.Counts).Each(func(r event.Reason, _ int64) {
		if n := counts[r.String()]; n > 0 {
			words.WriteString(", " + counted(n, strings.ReplaceAll(r.String(), "_", " ")) + explained[r])
		}
	})
	return words.String()
}

// explained is what a count is easily taken for something else without.
var explained = map[event.Reason]string{event.Late: " (out of order in the files)", event.Duplicate: " (among those asked for)"}

// counted is a number of what a reason names, in the plural.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + strings.TrimSpace(oneOf.Replace(what+" "))
	}
	return fmt.Sprintf("%d %s", n, what)
}

// oneOf makes one of many.
var oneOf = strings.NewReplacer("events ", "event ", "arrivals ", "arrival ", "queries ", "query ", "values ", "value ", "rows ", "row ", "divisions ", "division ", "duplicates ", "duplicate ", "ties ", "tie ", "negatives ", "negative ")

// runReport says how a run went: times and machine, which no manifest holds.
type runReport struct {
	Output  string       `json:"output"`
	Started time.Time    `json:"started"`
	Seconds float64      `json:"seconds"`
	Stages  []stageEntry `json:"stages"`
	Workers int          `json:"workers"`
	Go      string       `json:"go"`
	System  string       `json:"system"`
}

type stageEntry struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func newRunReport(j *backfillJob, r *timetravel.Report, start time.Time) *runReport {
	report := &runReport{Output: j.out, Started: start.UTC(), Seconds: time.Since(start).Seconds(), Workers: j.workers, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	report.Stages = append(report.Stages, j.before...)
	for _, s := range r.Stages {
		report.Stages = append(report.Stages, stageEntry{s.Name, s.Wall.Seconds()})
	}
	return report
}

// attach puts the report and the manifest of a run beside its output. The manifest
// is the last: with it all is there.
func (m *manifest) attach(ctx context.Context, out sink.Output, r *runReport) error {
	if err := attachJSON(ctx, out, runSuffix, r); err != nil {
		return err
	}
	return attachJSON(ctx, out, manifestSuffix, m)
}

// attachJSON puts v beside an output.
func attachJSON(ctx context.Context, out sink.Output, suffix string, v any) error {
	var b bytes.Buffer
	if err := printJSON(&b, v); err != nil {
		return err
	}
	return out.Attach(ctx, suffix, b.Bytes())
}
