package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// changed is what visibility changes in a training set: a sample of its rows asked
// under event_time and under arrival, compared bit for bit.
type changed struct {
	Name       string           `json:"name"`
	Visibility visibility       `json:"arrival"` // which event_time is held against
	Rows       int64            `json:"rows"`
	Of         int64            `json:"of_rows"`
	Values     int64            `json:"values"`
	Changed    int64            `json:"values_changed"`
	RowsWith   int64            `json:"rows_changed"`
	Features   []changedFeature `json:"features"` // the worst first
	Notes      []string         `json:"notes"`
	Example    *changedValue    `json:"example,omitempty"`
}

// changedFeature is how many rows of the sample have another value.
type changedFeature struct {
	Name    string `json:"name"`
	Changed int64  `json:"rows_changed"`
}

// changedValue is one value that is another, and the events that make it so.
type changedValue struct {
	Feature   string         `json:"feature"`
	Row       map[string]any `json:"row"` // the columns that it is asked by
	EventTime any            `json:"event_time"`
	Arrival   any            `json:"arrival"`
	Unknown   []unknownEvent `json:"events_not_arrived"`
	Count     int64          `json:"events_not_arrived_count"`
	Without   int64          `json:"events_without_arrival"` // of these: nobody knows when they arrived

	row, optimistic, known string
}

// unknownEvent is an event that counts under event_time, and had not arrived.
type unknownEvent struct {
	Source  string `json:"source"`
	Time    string `json:"time"`
	Arrived string `json:"arrived"`

	at event.Time
}

// unknownMost is how many such events an example shows.
const unknownMost = 5

// compare compares the training set that is meant, if there is one. Where it is not
// named, and there are several or its spine is not there, that is a note.
func (l *lagged) compare(ctx context.Context, in *inputs, named string, most int) error {
	set, err := chooseSet(in.def, named)
	if err != nil && len(in.def.TrainingSets) == 0 {
		l.Notes = append(l.Notes, "The definition has no training set whose values could be compared")
		return nil
	}
	if err != nil {
		l.Notes = append(l.Notes, fmt.Sprintf("To see which values arrival changes, name one of %d training sets with --training-set", len(in.def.TrainingSets)))
		return nil
	}
	if err := in.missing["training set "+set]; err != nil && named == "" {
		l.Notes = append(l.Notes, fmt.Sprintf("The values of training set %s cannot be compared: %v", set, err))
		return nil
	}
	plan, err := in.compile(set)
	if err != nil {
		return err
	}
	t, err := newTrial(ctx, in, plan, most)
	if err != nil {
		return err
	}
	if t.rows.Len == 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("Training set %s has no row with an instant, and so no value to compare", set))
		return nil
	}
	l.Changed, err = t.compare(ctx)
	return err
}

// compare asks the sample under both visibilities.
func (t *trial) compare(ctx context.Context) (*changed, error) {
	optimistic, err := t.plan(question{known: timetravel.EventTime})
	if err != nil {
		return nil, err
	}
	arrival, err := t.plan(question{known: timetravel.Arrival})
	if err != nil {
		return nil, err
	}
	before, err := t.ask(ctx, optimistic, t.at)
	if err != nil {
		return nil, err
	}
	after, err := t.ask(ctx, arrival, t.at)
	if err != nil {
		return nil, err
	}
	d := newChanged(before, after, arrival)
	d.Of, d.Notes = t.of, t.standIns(arrival)
	if d.Changed == 0 {
		return d, nil
	}
	worst := arrival.Outputs.Index(d.Features[0].Name)
	row := -1 // of those that differ the one with the least draw, which is the same in every order of the spine
	for i, draw := range t.draws {
		if event.Compare(&before.Columns[worst], i, &after.Columns[worst], i) != 0 && (row < 0 || draw < t.draws[row]) {
			row = i
		}
	}
	x := &changedValue{Feature: d.Features[0].Name, EventTime: valueJSON(&before.Columns[worst], row), Arrival: valueJSON(&after.Columns[worst], row),
		optimistic: valueText(&before.Columns[worst], row), known: valueText(&after.Columns[worst], row), Unknown: []unknownEvent{}}
	t.describe(x, optimistic, row)
	d.Example = x
	return d, t.explain(ctx, x, row)
}

// newChanged compares answers. Outputs hold one NaN and no negative zero, so that
// values which are equal have equal bits.
func newChanged(before, after *event.Batch, plan *features.Plan) *changed {
	d := &changed{Name: plan.TrainingSet.Name.Value, Visibility: newVisibility(plan), Rows: int64(before.Len)}
	differs := make([]bool, before.Len)
	for c, f := range plan.Outputs {
		n := int64(0)
		for row := range before.Len {
			if event.Compare(&before.Columns[c], row, &after.Columns[c], row) != 0 {
				n++
				differs[row] = true
			}
		}
		d.Values += d.Rows
		d.Changed += n
		d.Features = append(d.Features, changedFeature{f.Name, n})
	}
	for _, is := range differs {
		if is {
			d.RowsWith++
		}
	}
	slices.SortStableFunc(d.Features, func(a, b changedFeature) int { return cmp.Compare(b.Changed, a.Changed) })
	return d
}

// standIns are the sources of a plan that do not say when their rows arrived.
func (t *trial) standIns(plan *features.Plan) []string {
	notes := []string{}
	for _, in := range plan.Inputs {
		for i := range t.in.def.Sources {
			s := &t.in.def.Sources[i]
			if key := asksArrival(s); s.Name.Value == in.Source.Name.Value && key != "" {
				notes = append(notes, fmt.Sprintf("Source %s has no %s: its %s are taken as known from their own time on", s.Name.Value, key, rowsOf(s)))
			}
		}
	}
	return notes
}

// describe says which row an example is: by all that it asks with.
func (t *trial) describe(x *changedValue, plan *features.Plan, row int) {
	x.Row = map[string]any{}
	var words []string
	for _, f := range plan.Queries.Columns {
		if f.Name == instantColumn {
			continue
		}
		c := &t.rows.Columns[t.columns.Index(f.Name)]
		x.Row[f.Name] = valueJSON(c, row)
		words = append(words, fmt.Sprintf("%s=%s", f.Name, valueText(c, row)))
	}
	name := t.set.Spine.EventTimestamp.Value
	x.Row[name] = t.at[row].String()
	x.row = strings.Join(append(words, fmt.Sprintf("%s=%s", name, t.at[row])), ", ")
}

// explain finds the events that an example's value knows under event_time alone:
// those of its key, and within its windows, that had not arrived.
func (t *trial) explain(ctx context.Context, x *changedValue, row int) error {
	only := t.listedAs(x.Feature)
	optimistic, err := t.plan(question{known: timetravel.EventTime, only: only})
	if err != nil {
		return err
	}
	arrival, err := t.plan(question{known: timetravel.Arrival, only: only})
	if err != nil {
		return err
	}
	for i := range optimistic.Lookups {
		if err := t.unknown(ctx, x, [2]*features.Plan{optimistic, arrival}, lookupAt{i, row}); err != nil {
			return err
		}
	}
	return nil
}

// add notes an event that had not arrived; the first in time are shown.
func (x *changedValue) add(u unknownEvent) {
	x.Count++
	x.Unknown = append(x.Unknown, u)
	slices.SortStableFunc(x.Unknown, func(a, b unknownEvent) int { return cmp.Compare(a.at, b.at) })
	x.Unknown = x.Unknown[:min(len(x.Unknown), unknownMost)]
}

// listedAs is one column of a service as the service lists it.
func (t *trial) listedAs(column string) []features.ServiceFeature {
	prefix, name, _ := strings.Cut(column, "__")
	for _, s := range t.in.def.Services {
		if s.Name.Value != t.set.Service.Value {
			continue
		}
		for _, f := range s.Features {
			view, one, single := strings.Cut(f.View.Value, ".")
			if cmp.Or(f.As.Value, view) == prefix && (!single || one == name) {
				f.View.Value = view + "." + name
				return []features.ServiceFeature{f}
			}
		}
	}
	return nil
}

// lookupAt is a lookup of a plan asked for a row of the sample.
type lookupAt struct{ lookup, row int }

// unknown adds the events of one lookup: of the plans, which are of one feature, the
// first knows all and the second tells when each arrived. Events without an
// arrival it does not have.
func (t *trial) unknown(ctx context.Context, x *changedValue, plans [2]*features.Plan, of lookupAt) error {
	v, all := visibilityOf(plans[1].TrainingSet), int64(0)
	for p, plan := range plans {
		l := plan.Lookups[of.lookup]
		view := plan.Views[l.View]
		source := plan.Inputs[view.Input].Source.Name.Value
		key, at := t.queries(plan).Keys[l.Key][of.row], t.at[of.row]
		lo, hi := view.Layout.Reach(at, at)
		table, err := t.in.fetch(plan, &plan.Inputs[view.Input], event.Span{From: lo, To: hi})
		if err != nil {
			return err
		}
		err = t.each(ctx, plan.Inputs[view.Input], table, func(b *event.Batch) {
			var ignored event.Counts
			rows := view.Rows(b, &ignored)
			for i, k := range rows.Keys {
				switch in := k == key && lo <= rows.Times[i] && rows.Times[i] < hi; {
				case !in:
				case p == 0:
					all++
				case v.Knows(at, rows.Times[i], rows.Arrived[i]):
					all--
				default:
					all--
					x.add(unknownEvent{Source: source, Time: rows.Times[i].String(), Arrived: rows.Arrived[i].String(), at: rows.Times[i]})
				}
			}
		})
		if err != nil {
			return err
		}
	}
	x.Count, x.Without = x.Count+all, x.Without+all // the first plan has those without an arrival too
	return nil
}

// each reads an input's history, or the table that is a part of it, batch by batch.
func (t *trial) each(ctx context.Context, in features.Input, table *sources.Table, do func(b *event.Batch)) error {
	parts, err := historyParts(&in, table, nil, 1)
	if err != nil {
		return err
	}
	for _, part := range parts {
		err := eachBatch(ctx, part, do)
		if err != nil {
			return fmt.Errorf("read history of source %s: %w", in.Source.Name.Value, err)
		}
	}
	return nil
}

// eachBatch reads a source to its end and closes it.
func eachBatch(ctx context.Context, src event.Source, do func(b *event.Batch)) error {
	defer src.Close()
	var b event.Batch
	for {
		if err := src.Read(ctx, &b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		do(&b)
	}
}

// featuresShown is how many features a report shows; --json has all.
const featuresShown = 20

func (d *changed) print(w io.Writer) {
	how := "arrival"
	if d.Visibility.Delay != "" {
		how += ", delay " + d.Visibility.Delay
	}
	if d.Visibility.DecideAfter != "" {
		how += ", decide_after " + d.Visibility.DecideAfter
	}
	fmt.Fprintf(w, "\nTraining set %s: %d of %s asked under event_time and under %s\n", d.Name, d.Rows, plural(int(d.Of), "row"), how)
	fmt.Fprintf(w, "%s of the values differ; %s of the rows have one that does.\n", percent(d.Changed, d.Values), percent(d.RowsWith, d.Rows))
	for _, n := range d.Notes {
		fmt.Fprintf(w, "%s.\n", printable(n))
	}
	if d.Changed == 0 {
		return
	}
	panel := [][]string{{"feature"}, {"rows"}, {"share"}}
	for i, f := range d.Features {
		if f.Changed == 0 || i == featuresShown {
			break
		}
		panel[0], panel[1], panel[2] = append(panel[0], f.Name), append(panel[1], fmt.Sprint(f.Changed)), append(panel[2], percent(f.Changed, d.Rows))
	}
	printPanel(w, panel)
	if n := len(panel[0]) - 1; n < len(d.Features) {
		fmt.Fprintf(w, "and %d more, which --json lists\n", len(d.Features)-n)
	}
	d.Example.print(w)
}

func (x *changedValue) print(w io.Writer) {
	fmt.Fprintf(w, "\nFor example %s of %s\n", x.Feature, x.row)
	fmt.Fprintf(w, "  is %s under event_time and %s under arrival: %s counted there had not arrived.\n", x.optimistic, x.known, plural(int(x.Count), "event"))
	for _, u := range x.Unknown {
		fmt.Fprintf(w, "  %s: %s, arrived %s\n", u.Source, u.Time, u.Arrived)
	}
	if x.Without > 0 {
		fmt.Fprintf(w, "  without an arrival: %d\n", x.Without)
	}
}
