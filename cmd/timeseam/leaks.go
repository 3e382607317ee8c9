package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
	"github.com/urfave/cli/v2"
)

func leaksCommand() *cli.Command {
	return &cli.Command{
		Name:      "leaks",
		Usage:     "look for features that know their label",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			setFlag("the training set meant; not needed where the definition has one"),
			rowsFlag("look at a sample of so many rows of the training set"),
			jsonFlag("print as JSON"),
		},
		OnUsageError: usageError,
		Action:       leaks,
	}
}

// What makes a feature suspicious; docs/cli.md has the table.
const (
	tellsAll     = 0.98 // hardly anything that is known before an outcome tells it so well
	jumpMost     = 0.05 // what a microsecond, or an arrival, may change
	newestMost   = 0.2  // what the newest event of a key may change
	leastOfLabel = 20   // rows that have not the label's commonest value; with fewer, chance tells too much
)

// leaked is what timeseam leaks tells.
type leaked struct {
	Definition  string      `json:"definition"`
	TrainingSet string      `json:"training_set"`
	Visibility  visibility  `json:"visibility"`
	Rows        int64       `json:"rows"`
	Of          int64       `json:"of_rows"`
	Suspicions  []suspicion `json:"suspicions"`
	Labels      []leakLabel `json:"labels"`
	Notes       []string    `json:"notes"`
}

// suspicion is a feature that may know its label.
type suspicion struct {
	Label   string `json:"label"`
	Feature string `json:"feature,omitempty"`
	Check   string `json:"check"` // lint, auc, at, after, newest, arrival
	Says    string `json:"says"`
	Do      string `json:"do"`
}

// leakLabel is a label and what the features tell of it.
type leakLabel struct {
	Name     string    `json:"label"`
	Known    int64     `json:"rows_known"`
	Other    int64     `json:"rows_not_of_the_commonest_value"`
	Features []telling `json:"features"` // those that jump most first
}

// telling is how well a feature tells a label: areas under the curve, 0.5 where it
// tells nothing, at the row's instant t and elsewhere.
type telling struct {
	Feature string   `json:"feature"`
	At      float64  `json:"auc"`
	Before  float64  `json:"auc_a_microsecond_before"`
	After   float64  `json:"auc_a_microsecond_after"`
	Earlier float64  `json:"auc_without_the_newest_event"`
	Other   *float64 `json:"auc_of_the_other_visibility,omitempty"`
	Changed *int64   `json:"rows_changed_by_visibility,omitempty"`
}

// jump is by how much a microsecond, or the visibility, changes what is told.
func (t *telling) jump() float64 {
	other := t.At
	if t.Other != nil {
		other = *t.Other
	}
	return max(t.At-t.Before, t.After-t.At, t.At-other, other-t.At)
}

func leaks(c *cli.Context) error {
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
	name, err := chooseSet(def, c.String("training-set"))
	if err != nil {
		return err
	}
	in := openInputs(c.Context, def, name)
	plan, err := in.compile(name)
	if err != nil {
		return err
	}
	if set := plan.TrainingSet; len(set.Labels)+len(set.EventLabels) == 0 {
		return wrongf("training set %s has no label, and leaks looks for features that know one; name it as label", name)
	}
	t, err := newTrial(c.Context, in, plan, most)
	if err != nil {
		return err
	}
	l := &leaked{Definition: def.Name.Value, TrainingSet: name, Visibility: newVisibility(plan), Rows: int64(t.rows.Len), Of: t.of,
		Suspicions: []suspicion{}, Labels: []leakLabel{}, Notes: []string{}}
	l.lint(plan)
	if err := l.look(c.Context, t); err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, l)
	} else {
		l.print(c.App.Writer)
	}
	if err == nil && len(l.Suspicions) > 0 {
		return errDiffers
	}
	return err
}

// lint takes over what the compiler says of a label: that features read its source
// at t and after.
func (l *leaked) lint(plan *features.Plan) {
	for _, f := range plan.Lints {
		for _, label := range plan.TrainingSet.EventLabels {
			if f.Line == label.Name.Line && f.Words == label.Name.Value {
				l.Suspicions = append(l.Suspicions, suspicion{Label: label.Name.Value, Check: "lint", Says: f.Problem, Do: f.Mend})
			}
		}
	}
}

// askedLeaks is what the engine answered for the sample: at t, a microsecond before and
// after, without the newest event, and under the other visibility.
type askedLeaks struct {
	plan          *features.Plan
	rows          int
	values, other *event.Batch // values: one list of instants after the other; other nil: no source says when its rows arrived
}

// The lists of instants that values has, in order.
const (
	askedAt = iota
	askedBefore
	askedAfter
	askedEarlier
)

// look asks the sample and looks at each feature and label.
func (l *leaked) look(ctx context.Context, t *trial) error {
	if t.rows.Len == 0 {
		l.Notes = append(l.Notes, "no row of the training set has an instant, and so there is nothing to look at")
		return nil
	}
	a, err := t.askLeaks(ctx)
	if err != nil {
		return err
	}
	if a.other == nil {
		l.Notes = append(l.Notes, "no source of the features says when its rows arrived, so what arrival would change is not told")
	}
	for _, label := range t.set.EventLabels {
		if label.Attribute.Given() {
			l.Notes = append(l.Notes, fmt.Sprintf("label %s is attributed to one of all rows, which a sample does not have, and is not looked at", label.Name.Value))
		}
	}
	half := make([]bool, t.rows.Len)
	for i := range half {
		half[i] = t.draws[i]&1 == 1
	}
	for _, label := range t.labelColumns(a) {
		if label.values.Type.Kind == event.Unknown {
			l.Notes = append(l.Notes, fmt.Sprintf("label %s is of no single value, and is not looked at", label.name))
			continue
		}
		of, ordered := newLabelled(label.name, label.values, half)
		switch {
		case !ordered:
			l.Notes = append(l.Notes, fmt.Sprintf("label %s has more than two values without an order, and is not looked at", label.name))
			continue
		case of.other < leastOfLabel:
			l.Notes = append(l.Notes, fmt.Sprintf("label %s: %d of %d rows have another value than the commonest; with fewer than %d nothing can be told", label.name, of.other, of.known, leastOfLabel))
			continue
		}
		l.Labels = append(l.Labels, leakLabel{label.name, of.known, of.other, a.tell(of)})
		l.suspect(&l.Labels[len(l.Labels)-1], t)
	}
	return nil
}

// ownSource reports whether a feature is computed from the events that tell a
// label. Those at t and after belong to the label, so that a feature asked after t
// counts some of them: that is no leak, as none is asked so.
func (t *trial) ownSource(feature, label string) bool {
	i := slices.IndexFunc(t.set.EventLabels, func(l features.EventLabel) bool { return l.Name.Value == label })
	if i < 0 {
		return false
	}
	plan, err := t.plan(question{known: timetravel.EventTime, only: t.listedAs(feature)})
	return err == nil && slices.ContainsFunc(plan.Inputs, func(in features.Input) bool {
		return in.Source.Name.Value == t.set.EventLabels[i].Source.Value
	})
}

// askLeaks runs the engine: once at all instants, once under the other visibility.
func (t *trial) askLeaks(ctx context.Context) (*askedLeaks, error) {
	known := timetravel.KnownOf(t.set.Known.Value)
	plan, err := t.plan(question{known: known, labels: true})
	if err != nil {
		return nil, err
	}
	newest, err := t.newestBefore(ctx, plan)
	if err != nil {
		return nil, err
	}
	before, after, earlier := make([]event.Time, len(t.at)), make([]event.Time, len(t.at)), make([]event.Time, len(t.at))
	for i, at := range t.at {
		before[i], after[i], earlier[i] = at.Earlier(1), at.Later(1), newest[i].Earlier(1)
	}
	a := &askedLeaks{plan: plan, rows: t.rows.Len}
	if a.values, err = t.ask(ctx, plan, t.at, before, after, earlier); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(plan.Inputs, func(in features.Input) bool { return in.Source.Arrival.Given() && asksValues(plan, in) }) {
		return a, nil
	}
	other := timetravel.Arrival
	if known == other {
		other = timetravel.EventTime
	}
	otherPlan, err := t.plan(question{known: other})
	if err == nil {
		a.other, err = t.ask(ctx, otherPlan, t.at)
	}
	return a, err
}

// asksValues reports whether features, and not labels alone, are computed from an
// input.
func asksValues(plan *features.Plan, in features.Input) bool {
	return slices.ContainsFunc(plan.Lookups, func(l features.Lookup) bool {
		return !l.Ahead && plan.Inputs[plan.Views[l.View].Input].Source == in.Source
	})
}

// newestBefore is for each row of the sample the time of the newest event before t
// that any view has of the row's keys; t where there is none.
func (t *trial) newestBefore(ctx context.Context, plan *features.Plan) ([]event.Time, error) {
	newest := slices.Repeat([]event.Time{event.MinTime}, len(t.at))
	q := t.queries(plan)
	for _, l := range plan.Lookups {
		view := plan.Views[l.View]
		in := plan.Inputs[view.Input]
		if l.Ahead || in.Source.Dimension != nil {
			continue
		}
		rows := map[event.Hash][]int{} // of each key, in order of t
		for i, k := range q.Keys[l.Key] {
			rows[k] = append(rows[k], i)
		}
		for _, of := range rows {
			slices.SortFunc(of, func(a, b int) int { return cmp.Compare(t.at[a], t.at[b]) })
		}
		last := slices.Repeat([]event.Time{event.MinTime}, len(t.at))
		err := t.each(ctx, in, t.in.histories[in.Source.Name.Value], func(b *event.Batch) {
			var ignored event.Counts
			events := view.Rows(b, &ignored)
			for i, k := range events.Keys {
				of := rows[k]
				next, _ := slices.BinarySearchFunc(of, events.Times[i], func(row int, at event.Time) int {
					if t.at[row] <= at {
						return -1
					}
					return 1
				})
				if next < len(of) {
					last[of[next]] = max(last[of[next]], events.Times[i])
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for _, of := range rows {
			before := event.MinTime
			for _, row := range of { // what is before one row is before the next
				before = max(before, last[row])
				newest[row] = max(newest[row], before)
			}
		}
	}
	for i := range newest {
		if newest[i] == event.MinTime {
			newest[i] = t.at[i]
		}
	}
	return newest, nil
}

// labelColumn is a label's values, the first of them the sample's; of Unknown type
// where it is none that features could read.
type labelColumn struct {
	name   string
	values *event.Column
}

// labelColumns are the labels of the spine and those that the engine answered.
func (t *trial) labelColumns(a *askedLeaks) (all []labelColumn) {
	for _, l := range t.set.Labels {
		column := &event.Column{}
		if i := t.columns.Index(l.Value); i >= 0 {
			column = &t.rows.Columns[i]
		}
		all = append(all, labelColumn{l.Value, column})
	}
	for _, l := range a.plan.Labels {
		all = append(all, labelColumn{a.plan.Outputs[l.Output].Name, &a.values.Columns[l.Output]})
	}
	return all
}

// tell tells of each feature how well it tells a label, those that jump most first.
func (a *askedLeaks) tell(of *labelled) (all []telling) {
	for c, f := range a.plan.Outputs {
		if slices.ContainsFunc(a.plan.Labels, func(l features.Label) bool { return l.Output == c }) {
			continue
		}
		told := func(list int) float64 { return of.toldBy(&a.values.Columns[c], list*a.rows) }
		t := telling{Feature: f.Name, At: told(askedAt), Before: told(askedBefore), After: told(askedAfter), Earlier: told(askedEarlier)}
		if a.other != nil {
			other, changed := of.toldBy(&a.other.Columns[c], 0), int64(0)
			for row := range a.rows {
				if event.Compare(&a.values.Columns[c], row, &a.other.Columns[c], row) != 0 {
					changed++
				}
			}
			t.Other, t.Changed = &other, &changed
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b telling) int {
		return cmp.Or(cmp.Compare(b.jump(), a.jump()), cmp.Compare(b.At, a.At))
	})
	return all
}

// suspect notes what is suspicious of a label's features.
func (l *leaked) suspect(label *leakLabel, t *trial) {
	for i := range label.Features {
		f := &label.Features[i]
		note := func(check, do, says string, values ...any) {
			l.Suspicions = append(l.Suspicions, suspicion{label.Name, f.Feature, check, f.Feature + " " + fmt.Sprintf(says, values...), do})
		}
		if f.At > tellsAll {
			note("auc", "look whether it is made of the outcome, and leave it out", "tells %s with an AUC of %.3f, as hardly anything does that is known before the outcome", label.Name, f.At)
		}
		if f.At-f.Before > jumpMost {
			note("at", `end its windows before t with bounds "[)", or look at versions that hold from the very instant on`, "tells %s with an AUC of %.3f at t and of %.3f a microsecond before: it counts what happens at the instant of the question", label.Name, f.At, f.Before)
		}
		if f.After > tellsAll && f.After-f.At > jumpMost && !t.ownSource(f.Feature, label.Name) {
			note("after", "read the column as it stood then, from a log of changes, or leave it out: in earlier events it tells of their outcomes too early",
				"tells %s with an AUC of %.3f a microsecond after t and of %.3f at t: what the events at t hold was written once the outcome was known", label.Name, f.After, f.At)
		}
		if earlier := min(f.At, f.Before); earlier-f.Earlier > newestMost && earlier > tellsAll-newestMost {
			note("newest", "look whether that event happened before the decision, or because of the outcome", "tells %s with an AUC of %.3f, and of %.3f without the newest event before t", label.Name, f.At, f.Earlier)
		}
		if l.Visibility.Optimistic && f.Other != nil && f.At-*f.Other > jumpMost {
			note("arrival", "say visibility: {known: arrival}", "tells %s with an AUC of %.3f under event_time and of %.3f under arrival: it knows events that had not arrived", label.Name, f.At, *f.Other)
		}
	}
}

// print writes the report as a person reads it.
func (l *leaked) print(w io.Writer) {
	fmt.Fprintf(w, "Training set %s of %s, visibility %s: %d of %s\n", l.TrainingSet, l.Definition, l.Visibility.Known, l.Rows, plural(int(l.Of), "row"))
	for _, s := range l.Suspicions {
		fmt.Fprintf(w, "\nsuspicious (%s): %s\n  %s\n", s.Check, printable(s.Says), printable(s.Do))
	}
	switch {
	case len(l.Suspicions) > 0:
	case len(l.Labels) == 0:
		fmt.Fprintln(w, "no label could be looked at")
	default:
		fmt.Fprintln(w, "nothing suspicious")
	}
	if len(l.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range l.Notes {
		fmt.Fprintf(w, "note: %s\n", printable(n))
	}
	for i := range l.Labels {
		l.Labels[i].print(w, l.Visibility.Known)
	}
}

func (l *leakLabel) print(w io.Writer, known string) {
	fmt.Fprintf(w, "\nHow well each feature tells %s: the area under the curve (AUC), over %s, %d of them not of the commonest value\n", l.Name, plural(int(l.Known), "row"), l.Other)
	other := timetravel.Arrival.String()
	if known == other {
		other = timetravel.EventTime.String()
	}
	panel := [][]string{{"feature"}, {"at t"}, {"1us before"}, {"1us after"}, {"event earlier"}, {other}, {"differ"}}
	for i, f := range l.Features {
		if i == featuresShown {
			break
		}
		cells := []string{f.Feature, auc(f.At), auc(f.Before), auc(f.After), auc(f.Earlier), "-", "-"}
		if f.Other != nil {
			cells[5], cells[6] = auc(*f.Other), fmt.Sprint(*f.Changed)
		}
		for c := range panel {
			panel[c] = append(panel[c], cells[c])
		}
	}
	printPanel(w, panel)
	if n := len(l.Features) - featuresShown; n > 0 {
		fmt.Fprintf(w, "and %d more, which --json lists\n", n)
	}
}

func auc(x float64) string { return fmt.Sprintf("%.3f", x) }
