package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
	"github.com/urfave/cli/v2"
)

func lagCommand() *cli.Command {
	return &cli.Command{
		Name:      "lag",
		Usage:     "tell how late events arrive, and which values that changes",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			setFlag("the training set whose values are compared; not needed where the definition has one"),
			rowsFlag("compare a sample of so many rows of the training set"),
			jsonFlag("print as JSON"),
		},
		OnUsageError: usageError,
		Action:       lag,
	}
}

// rowsFlag says how large a trial is. Its variable is not that of describe --rows,
// which shows rows.
func rowsFlag(usage string) cli.Flag {
	return &cli.IntFlag{Name: "rows", Usage: usage, Value: trialRows, EnvVars: environment("sample-rows")}
}

// sampleRows is what --rows says.
func sampleRows(c *cli.Context) (int, error) {
	n := c.Int("rows")
	if n < 1 || n > trialRowsMost {
		return 0, wrongf("--rows %d; give 1 to %d", n, trialRowsMost)
	}
	return n, nil
}

// lagged is what timeseam lag tells.
type lagged struct {
	Definition string      `json:"definition"`
	Sources    []sourceLag `json:"sources"`
	Without    []string    `json:"without_arrival"` // a sentence for each source that does not say when its rows arrived
	Changed    *changed    `json:"training_set,omitempty"`
	Notes      []string    `json:"notes"`
}

// sourceLag is how long after its time what a source holds arrived.
type sourceLag struct {
	Source        string           `json:"source"`
	Arrival       string           `json:"arrival"` // the fields
	Time          string           `json:"time"`
	Rows          int64            `json:"rows"`
	Events        int64            `json:"events"` // with a time and an arrival; the shares are of them
	Micros        map[string]int64 `json:"lag_us,omitempty"`
	Over          map[string]int64 `json:"events_over"`
	Late          int64            `json:"events_late"`
	Step          int64            `json:"late_step_us"`
	WithoutTime   int64            `json:"events_without_time"`
	Without       int64            `json:"events_without_arrival"`
	ArrivedBefore int64            `json:"arrivals_before_event"`
}

// What is told of a distribution.
var (
	lagQuantiles = []struct {
		name        string
		thousandths int64
	}{{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p99.9", 999}}
	lagSpans = []struct {
		name   string
		micros int64
	}{{"1s", 1e6}, {"1m", 60e6}, {"1h", 3600e6}, {"1d", 86400e6}}
)

func lag(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	defer frugal(0)()
	most, err := sampleRows(c)
	if err != nil {
		return err
	}
	def, err := readDefinition(spec)
	if err != nil {
		return err
	}
	named := c.String("training-set")
	in := openInputs(c.Context, def, named)
	if _, err := in.compile(named); err != nil {
		return err
	}
	l := &lagged{Definition: def.Name.Value, Sources: []sourceLag{}, Without: []string{}, Notes: []string{}}
	if err := l.measure(c.Context, in); err != nil {
		return err
	}
	if len(l.Sources) == 0 {
		return wrongf("no source of %s says when its events arrived; name the field as arrival_timestamp, or a dimension's as recorded_at", spec)
	}
	if err := l.compare(c.Context, in, named, most); err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, l)
	}
	l.print(c.App.Writer)
	return nil
}

// measure measures every source that says when its rows arrived.
func (l *lagged) measure(ctx context.Context, in *inputs) error {
	for i := range in.def.Sources {
		s := &in.def.Sources[i]
		if key := asksArrival(s); key != "" {
			l.Without = append(l.Without, fmt.Sprintf("Source %s has no %s, so nobody can say when its %s were known", s.Name.Value, key, rowsOf(s)))
			continue
		}
		if !s.Arrival.Given() {
			known := map[string]string{"snapshots": "from when each snapshot landed", "current": "always"}[s.Dimension.Mode.Value]
			l.Without = append(l.Without, fmt.Sprintf("Source %s is a dimension of mode %s, known %s", s.Name.Value, s.Dimension.Mode.Value, known))
			continue
		}
		if err := in.missing["source "+s.Name.Value]; err != nil {
			return err // no view asks for it, and nobody else has told
		}
		m, err := measureLag(ctx, in, s)
		if err != nil {
			return fmt.Errorf("history of source %s: %w", s.Name.Value, err)
		}
		l.Sources = append(l.Sources, m)
	}
	return nil
}

// rowsOf is what the rows of a source are.
func rowsOf(s *features.Source) string {
	if s.Dimension != nil {
		return "versions"
	}
	return "events"
}

// measureLag measures one source: as a view of it takes its events, and no more
// of it than their times.
func measureLag(ctx context.Context, in *inputs, s *features.Source) (sourceLag, error) {
	plan, err := features.Compile(arriving(in.def, s), in.catalog(), rehearsed)
	if err != nil {
		return sourceLag{}, err
	}
	m := sourceLag{Source: s.Name.Value, Arrival: s.Arrival.Value, Time: s.Time(), Micros: map[string]int64{}, Over: map[string]int64{}}
	q := &timetravel.Lag{View: plan.Views[0], Workers: runtime.GOMAXPROCS(0), Open: func() ([]event.Source, error) {
		return historyParts(&plan.Inputs[0], in.histories[s.Name.Value], nil, runtime.GOMAXPROCS(0))
	}}
	for _, quantile := range lagQuantiles {
		q.Quantiles = append(q.Quantiles, quantile.thousandths)
	}
	for _, span := range lagSpans {
		q.Spans = append(q.Spans, span.micros)
	}
	r, err := q.Run(ctx)
	if err != nil {
		return m, err
	}
	m.Rows, m.Events, m.Late, m.Step = r.Rows, r.Events, r.Late, r.Step
	m.WithoutTime, m.Without, m.ArrivedBefore = r.Counts[event.NoTime], r.Counts[event.NoArrival], r.Counts[event.ArrivedBefore]
	for i, span := range lagSpans {
		m.Over[span.name] = r.Over[i]
	}
	if r.Events > 0 {
		m.Micros["min"], m.Micros["max"] = r.Min, r.Max
		for i, quantile := range lagQuantiles {
			m.Micros[quantile.name] = r.Quantiles[i]
		}
	}
	return m, nil
}

// arriving is a definition that asks of one source alone what had arrived.
func arriving(def *features.Definition, s *features.Source) *features.Definition {
	bare := *s
	bare.EventID, bare.Version, bare.OrderBy, bare.PartitionedBy = features.Text{}, features.Text{}, nil, nil
	at := features.Pos{Line: 1, Column: 1}
	name := features.Text{Pos: at, Value: rehearsed}
	value := features.Text{Pos: at, Value: "count(*)"}
	if s.Dimension != nil {
		value.Value = "true"
	}
	with := *def
	with.Sources = []features.Source{bare}
	with.Entities = []features.Entity{{Name: name}}
	with.Views = []features.View{{Name: name, Entity: name, Source: s.Name, Features: []features.Feature{{Name: name, Value: value}}}}
	with.Services = nil
	with = *rehearsing(&with, listed(rehearsed))
	with.TrainingSets[0].Known.Value = timetravel.Arrival.String()
	return &with
}

// print writes the report as a person reads it.
func (l *lagged) print(w io.Writer) {
	fmt.Fprintf(w, "How long after their time events arrive, in %s\n", l.Definition)
	rows := [][]string{{"source"}, {"events"}, {"p50"}, {"p90"}, {"p99"}, {"p99.9"}, {"max"}, {"late"}, {"over 1s"}, {"over 1m"}, {"over 1h"}, {"over 1d"}}
	for i := range l.Sources {
		for c, cell := range l.Sources[i].cells() {
			rows[c] = append(rows[c], cell)
		}
	}
	printPanel(w, rows)
	fmt.Fprintln(w)
	for i := range l.Sources {
		l.Sources[i].printCounts(w)
	}
	for _, sentence := range slices.Concat(l.Without, l.Notes) {
		fmt.Fprintf(w, "%s.\n", printable(sentence))
	}
	if l.Changed != nil {
		l.Changed.print(w)
	}
}

// cells is a line of the table.
func (s *sourceLag) cells() []string {
	cells := []string{s.Source, strconv.FormatInt(s.Events, 10)}
	for _, name := range []string{"p50", "p90", "p99", "p99.9", "max"} {
		if s.Events == 0 {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, spanWords(s.Micros[name]))
	}
	cells = append(cells, percent(s.Late, s.Events))
	for _, span := range lagSpans {
		cells = append(cells, percent(s.Over[span.name], s.Events))
	}
	return cells
}

// printCounts tells what the table has no column for.
func (s *sourceLag) printCounts(w io.Writer) {
	words := fmt.Sprintf("Source %s: %s minus %s", s.Source, s.Arrival, s.Time)
	if s.Events > 0 {
		step := "second"
		if s.Step > 1e6 {
			step = "step of " + spanWords(s.Step)
		}
		words += fmt.Sprintf("; late is what arrived in a later %s than an event of a later time", step)
	}
	fmt.Fprintf(w, "%s.\n", printable(words))
	for _, n := range []struct {
		count int64
		what  string
		done  string
	}{{s.ArrivedBefore, "arrivals before the event", "known from its own time on"}, {s.Without, "events without arrival", "never known under arrival"}, {s.WithoutTime, "events without time", "skipped"}} {
		if n.count > 0 {
			fmt.Fprintf(w, "  %s: %d, %s\n", n.what, n.count, n.done)
		}
	}
}

// spanWords is a span of time as a person reads it: its two highest units.
func spanWords(micros int64) string {
	if micros < 0 {
		if micros == math.MinInt64 {
			micros++
		}
		return "-" + spanWords(-micros)
	}
	if micros < 1000 {
		return fmt.Sprintf("%dus", micros)
	}
	if micros < 60e6 {
		unit, name := int64(1000), "ms"
		if micros >= 1e6 {
			unit, name = 1e6, "s"
		}
		text := strconv.FormatFloat(float64(micros)/float64(unit), 'f', 3, 64)
		if cut := min(len(text), max(4, strings.IndexByte(text, '.'))); cut < len(text) {
			text = text[:cut] // three digits, and never rounded up to a longer span
		}
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text + name
	}
	for _, u := range []struct {
		high, low       int64
		highName, lower string
	}{{86400e6, 3600e6, "d", "h"}, {3600e6, 60e6, "h", "m"}, {60e6, 1e6, "m", "s"}} {
		if micros >= u.high {
			text := fmt.Sprintf("%d%s", micros/u.high, u.highName)
			if rest := micros % u.high / u.low; rest > 0 {
				text += fmt.Sprintf("%d%s", rest, u.lower)
			}
			return text
		}
	}
	panic("timeseam: no unit for a span")
}

// percent is a share as a person reads it; a share that is not none and not all is
// not told as such.
func percent(n, of int64) string {
	if of == 0 {
		return "-"
	}
	share := float64(n) / float64(of) * 100
	switch text := strconv.FormatFloat(share, 'f', 1, 64); {
	case n == 0:
		return "0%"
	case n == of:
		return "100%"
	case text == "0.0":
		return "<0.1%"
	case text == "100.0":
		return ">99.9%"
	default:
		return text + "%"
	}
}
