package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/timetravel"
)

// trialOf is a definition of leakyFiles, with a label from events, and a trial of so
// many rows of its training set; spine is in place of its own, "" is that.
func trialOf(t *testing.T, known, spine string, most int) (*trial, *features.Plan) {
	t.Helper()
	dir := t.TempDir()
	leakyFiles(t, dir)
	spec := filepath.Join(dir, "features.yaml")
	views := `  by_all: {entity: everybody, source: payments, window: 1d, features: {n: count(*)}}
  back: {entity: account, source: accounts, features: {tier: tier}}`
	if known == "arrival" {
		views = strings.Split(views, "\n")[0] + "\n  back: {entity: account, source: reports, features: {n: count(*)}}"
	}
	text := fmt.Sprintf(leakyBank, views, ", by_all, back, {view: spend, as: other, entity: {account: hint}}", "{charged: {source: chargebacks, match: account, within: 1h, value: count(*) > 0}}", known)
	text = strings.Replace(text, "{account: account}\nfeature", "{account: account, everybody: []}\nfeature", 1)
	if spine != "" {
		before, rest, _ := strings.Cut(text, "    spine: ")
		_, after, _ := strings.Cut(rest, "\n")
		text = strings.ReplaceAll(before+"    spine: "+spine+"\n"+after, "{account: hint}", "{account: status}")
		if strings.Contains(spine, "every") {
			text = strings.ReplaceAll(text, ", {view: spend, as: other, entity: {account: status}}", "")
			text = strings.ReplaceAll(text, ", asked", "")
		}
	}
	if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	def, err := readDefinition(spec)
	if err != nil {
		t.Fatal(err)
	}
	in := openInputs(t.Context(), def, "t")
	plan, err := in.compile("t")
	if err != nil {
		t.Fatal(err)
	}
	of, err := newTrial(t.Context(), in, plan, most)
	if err != nil {
		t.Fatal(err)
	}
	return of, plan
}

// TestTrialAnswersAsBackfill holds that a trial of all rows gives what a backfill
// gives, labels from events too, though it holds only the events of some keys.
func TestTrialAnswersAsBackfill(t *testing.T) {
	for _, c := range []struct{ known, spine string }{
		{"event_time", ""}, {"arrival", ""},
		{"event_time", "{source: payments, where: amount > 100, from: 2026-01-11}"},
		{"arrival", "{source: payments}"},
		{"event_time", "{source: payments, every: 1d, active: 7d, entity: account, from: 2026-01-05, to: 2026-02-01}"},
	} {
		of, plan := trialOf(t, c.known, c.spine, trialRows)
		known, own := c.known, len(plan.Queries.Own)
		want := &gathered{emptyBatch(slices.Concat(plan.Queries.Own, plan.Outputs))}
		b := &timetravel.Backfill{Plan: plan, Visibility: visibilityOf(plan.TrainingSet), Sink: want, Workers: 2,
			History: func(in features.Input, _ event.Span) ([]event.Source, error) {
				return of.in.histories[in.Source.Name.Value].Parts(names(in.Columns), 2)
			},
			Spine:   func() (event.Source, error) { return of.in.spines["t"].Read(names(plan.Queries.Read())) },
			Content: func() (event.Source, error) { return of.in.spines["t"].Read(names(plan.Queries.Content)) }}
		if _, err := b.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked, err := of.plan(question{known: timetravel.KnownOf(known), labels: true})
		if err != nil {
			t.Fatal(err)
		}
		got, err := of.ask(t.Context(), asked, of.at)
		if err != nil {
			t.Fatal(err)
		}
		want.all.Columns = want.all.Columns[own:]
		if of.of < 400 || of.of != int64(want.all.Len) || of.rows.Len != want.all.Len || got.Len != want.all.Len || len(got.Columns) != len(want.all.Columns) {
			t.Fatalf("%s: %d of %d rows give %d rows of %d columns, and the backfill %d of %d", known, of.rows.Len, of.of, got.Len, len(got.Columns), want.all.Len, len(want.all.Columns))
		}
		told := 0
		for c, f := range plan.Outputs {
			for row := range got.Len {
				if event.Compare(&got.Columns[c], row, &want.all.Columns[c], row) != 0 {
					t.Fatalf("%s: %s of row %d is %s, and %s in the backfill", known, f.Name, row, valueText(&got.Columns[c], row), valueText(&want.all.Columns[c], row))
				}
				if !got.Columns[c].IsNull(row) {
					told++
				}
			}
		}
		if told < 5000 {
			t.Errorf("%s: only %d values are not null", known, told)
		}
	}
}

// TestTrialIsSampled holds that a sample is as large as is wanted, is the same
// however often it is cut on the way, and that smaller ones are parts of larger.
func TestTrialIsSampled(t *testing.T) {
	var before []string
	for _, most := range []int{3, 50, 199, 700, 800, 900} {
		of, _ := trialOf(t, "event_time", "", most)
		if of.rows.Len != min(most, 800) || of.of != 800 || len(of.at) != of.rows.Len || len(of.draws) != of.rows.Len {
			t.Errorf("of %d rows at most %d: %d, %d instants, %d draws", of.of, most, of.rows.Len, len(of.at), len(of.draws))
		}
		var rows []string
		for i := range of.rows.Len {
			rows = append(rows, of.at[i].String())
		}
		for _, r := range before {
			if !slices.Contains(rows, r) {
				t.Errorf("the sample of %d has not the row at %s, which a smaller one has", most, r)
			}
		}
		if !slices.IsSorted(of.at) {
			t.Errorf("the sample of %d is not in the order of the spine", most)
		}
		before = rows
	}
}

// TestTrialOfEqualRows holds that of rows equal in instant and keys the first are
// taken, as many as there is room for.
func TestTrialOfEqualRows(t *testing.T) {
	of := &trial{most: 3, draws: []uint64{5, 1, 5, 5, 2, 9}, at: []event.Time{10, 11, 12, 13, 14, 15}, rows: &event.Batch{}, ids: make([]event.Hash, 6)}
	of.cut()
	if want := []event.Time{10, 11, 14}; !slices.Equal(of.at, want) || of.limit != 5 {
		t.Errorf("left are the rows at %v with draws up to %d, want those at %v up to 5", of.at, of.limit, want)
	}
}
