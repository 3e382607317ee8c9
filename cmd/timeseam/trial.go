package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// trial is a training set asked for a sample of its rows, as often as wanted: under
// another visibility, at other instants. It is the engine of a backfill, with
// another rim and no second evaluator. It holds the sample, and of the histories
// the events of the sample's keys alone.
type trial struct {
	in      *inputs
	set     *features.TrainingSet
	workers int
	columns event.Schema // of rows: the plan's queries, and labels
	rows    *event.Batch // the sample, in the order of the spine
	at      []event.Time
	draws   []uint64
	ids     []event.Hash // equal for copies of one question; the zero Hash: it has no identity
	most    int          // rows of the sample
	limit   uint64       // draws beyond it are of no row of the sample
	of      int64        // rows that the training set has; those without an instant have no features and do not count
}

// trialRows is how many rows a trial takes where nothing is said.
const trialRows = 20_000

// trialRowsMost keeps what a trial holds within a machine's memory.
const trialRowsMost = 10_000_000

// newTrial draws the sample: of the rows that the training set takes (Plan.Choose)
// those with the least draws, at most so many. A draw is a hash of the row's
// instant and keys, so that the same rows are drawn whatever the order of the
// spine; of rows equal in both the first are taken.
func newTrial(ctx context.Context, in *inputs, plan *features.Plan, most int) (*trial, error) {
	t := &trial{in: in, set: plan.TrainingSet, workers: runtime.GOMAXPROCS(0), columns: slices.Clone(plan.Queries.Columns), most: most, limit: math.MaxUint64}
	spine := in.spines[t.set.Name.Value]
	for _, l := range t.set.Labels {
		if at := spine.Schema().Index(l.Value); at >= 0 && t.columns.Index(l.Value) < 0 {
			if f := spine.Schema()[at]; f.Type.Scalar() && f.Type.Kind != event.Unknown {
				t.columns = append(t.columns, f)
			}
		}
	}
	t.rows = emptyBatch(t.columns)
	read := t.columns
	if plan.Queries.Grid != nil {
		read = plan.Queries.Read()
	}
	src, err := spine.Read(names(read))
	if err != nil {
		return nil, err
	}
	src = timetravel.Questions(plan, src)
	defer src.Close()
	var b event.Batch
	for {
		if err := src.Read(ctx, &b); errors.Is(err, io.EOF) {
			t.once()
			t.cut()
			return t, nil
		} else if err != nil {
			return nil, fmt.Errorf("read spine: %w", err)
		}
		t.take(plan, &b)
	}
}

// take takes the rows of a batch whose draw is not beyond the limit, which falls
// whenever there are four times as many as are wanted.
func (t *trial) take(plan *features.Plan, b *event.Batch) {
	var ignored event.Counts
	if plan.Queries.Grid == nil {
		b = plan.Queries.Clean(b, &ignored)
	}
	chosen, _ := plan.Choose(b, nil, &ignored)
	q := plan.NewQueries(chosen, &ignored)
	row := make([]byte, 0, 64)
	for i := range chosen.Len {
		if q.NoTime != nil && q.NoTime[i] {
			continue
		}
		t.of++
		row = binary.LittleEndian.AppendUint64(row[:0], uint64(q.Times[i]))
		for k := range q.Keys {
			row = binary.LittleEndian.AppendUint64(row, q.Keys[k][i].Hi)
			row = binary.LittleEndian.AppendUint64(row, q.Keys[k][i].Lo)
		}
		if draw := event.HashBytes(row).Hi; draw <= t.limit {
			appendRow(t.rows, chosen, i)
			t.at, t.draws, t.ids = append(t.at, q.Times[i]), append(t.draws, draw), append(t.ids, event.Hash{})
			if q.IDs != nil && (q.NoID == nil || !q.NoID[i]) {
				t.ids[len(t.ids)-1] = q.IDs[i]
			}
		}
		if len(t.draws) > 4*t.most {
			t.once()
			t.cut()
		}
	}
}

// cut keeps the rows with the least draws, as many as are wanted.
func (t *trial) cut() {
	if len(t.draws) <= t.most {
		return
	}
	sorted := slices.Sorted(slices.Values(t.draws))
	t.limit = sorted[t.most-1]
	less, _ := slices.BinarySearch(sorted, t.limit)
	room := t.most - less // for rows of the greatest draw that stays
	t.leave(func(i int) bool {
		if t.draws[i] == t.limit {
			room--
		}
		return t.draws[i] < t.limit || t.draws[i] == t.limit && room >= 0
	})
}

// once leaves one of the copies of a question (S6.1), the first: copies have the
// same instant and keys, and so the same draw.
func (t *trial) once() {
	seen := map[event.Hash]bool{}
	t.leave(func(i int) bool {
		again := t.ids[i] != event.Hash{} && seen[t.ids[i]]
		seen[t.ids[i]] = true
		if again {
			t.of--
		}
		return !again
	})
}

// leave leaves the rows of which is holds; it is asked of each once, in order.
func (t *trial) leave(is func(i int) bool) {
	rows, at, draws, ids := emptyBatch(t.columns), []event.Time(nil), []uint64(nil), []event.Hash(nil)
	for i := range t.draws {
		if is(i) {
			appendRow(rows, t.rows, i)
			at, draws, ids = append(at, t.at[i]), append(draws, t.draws[i]), append(ids, t.ids[i])
		}
	}
	t.rows, t.at, t.draws, t.ids = rows, at, draws, ids
}

// question is how a trial asks.
type question struct {
	known  timetravel.Known
	labels bool                      // those from events too
	only   []features.ServiceFeature // in place of the service's features; nil: these
}

// plan compiles the training set for a question. What it takes of its spine is
// chosen already; labels that are not known yet are null.
func (t *trial) plan(q question) (*features.Plan, error) {
	def, set := *t.in.def, *t.set
	set.Labels, set.Censored, set.Split, set.Sample = nil, features.Text{}, nil, nil
	set.EventLabels = slices.DeleteFunc(slices.Clone(set.EventLabels), func(l features.EventLabel) bool {
		return !q.labels || l.Attribute.Given() // to which row an event is told takes all rows to say
	})
	catalog := t.in.catalog()
	t.respine(&def, &set, catalog)
	if set.Known.Value = q.known.String(); q.known == timetravel.EventTime {
		set.Delay, set.DecideAfter = features.Text{}, features.Text{}
	} else {
		def.Sources = slices.Clone(def.Sources)
		for i := range def.Sources {
			if asksArrival(&def.Sources[i]) == "" {
				continue
			}
			arrivedAtOnce(&def.Sources[i])
		}
	}
	if q.only != nil {
		set.Service.Value = rehearsed
		def.Services = append(slices.Clip(def.Services), features.Service{Name: set.Service, Features: q.only})
	}
	def.TrainingSets = []features.TrainingSet{set}
	plan, err := features.Compile(&def, catalog, set.Name.Value)
	if err != nil && q.only != nil && set.Self != nil {
		// What the feature counts may be no event that the row is.
		def.TrainingSets[0].Self = nil
		return features.Compile(&def, catalog, set.Name.Value)
	}
	return plan, err
}

// respine makes the sample the spine: its columns, with the instants in one of their
// own. Where the questions are a source's events they stay so, of a source that has
// these for times, as fields may be computed from its columns.
func (t *trial) respine(def *features.Definition, set *features.TrainingSet, catalog features.Catalog) {
	old := set.Spine
	at := features.Text{Pos: old.Pos, Value: instantColumn, Quoted: -1}
	instant := event.Field{Name: instantColumn, Type: event.Of(event.Timestamp)}
	set.Spine = features.Spine{Pos: old.Pos, Table: old.Table, EventTimestamp: at, Entity: old.Entity, ColumnsGiven: true}
	i := slices.IndexFunc(def.Sources, func(s features.Source) bool { return s.Name.Value == old.Source.Value })
	if i < 0 || old.Grid != nil {
		catalog.Spines[set.Name.Value] = append(slices.Clip(t.columns), instant)
		return
	}
	asked := def.Sources[i]
	asked.Name.Value, asked.EventTimestamp = rehearsed, at
	asked.EventID, asked.Version, asked.OrderBy, asked.Arrival = features.Text{}, features.Text{}, nil, features.Text{}
	def.Sources = append(slices.Clip(def.Sources), asked)
	set.Spine.Source = asked.Name
	catalog.Histories[rehearsed] = append(slices.Clip(catalog.Histories[old.Source.Value]), instant)
}

// asksArrival is the key by which a source would say when its rows were known, if
// it does not; "" where it does, or where that needs no saying.
func asksArrival(s *features.Source) string {
	switch d := s.Dimension; {
	case s.Arrival.Given() || d != nil && (d.Mode.Value == "snapshots" || d.Mode.Value == "current"):
		return ""
	case d != nil:
		return "recorded_at"
	}
	return "arrival_timestamp"
}

// arrivedAtOnce gives a source that does not say when its rows arrived an arrival:
// their own time. Visibility then changes nothing that comes of it.
func arrivedAtOnce(s *features.Source) {
	const name = "(its own time)"
	value := (&expr.Node{Op: expr.Ref, Path: []string{s.Time()}}).String()
	for _, f := range s.Fields {
		if f.Name.Value == s.Time() && f.History.Given() {
			value = f.History.Value
			if f.Type.Kind != event.Unknown {
				value = fmt.Sprintf("cast(%s as %s)", value, f.Type)
			}
		}
	}
	pos := s.Name.Pos
	s.Fields = append(slices.Clip(s.Fields), features.Declared{Name: features.Text{Pos: pos, Value: name}, Type: event.Of(event.Timestamp), History: features.Text{Pos: pos, Value: value, Quoted: -1}})
	s.Arrival = features.Text{Pos: pos, Value: name, Quoted: -1}
}

// spine is the sample's rows as a plan asks, at each of some lists of instants.
func (t *trial) spine(plan *features.Plan, instants ...[]event.Time) *event.Batch {
	spine := emptyBatch(plan.Queries.Columns)
	for _, at := range instants {
		for c, f := range plan.Queries.Columns {
			from := t.columns.Index(f.Name)
			for i := range at {
				if f.Name == instantColumn {
					spine.Columns[c].AppendInt(int64(at[i]))
				} else {
					spine.Columns[c].Append(&t.rows.Columns[from], i)
				}
			}
		}
		spine.Len += len(at)
	}
	return spine
}

// queries is the sample as the engine takes it.
func (t *trial) queries(plan *features.Plan) *features.Queries {
	var ignored event.Counts
	return plan.NewQueries(t.spine(plan, t.at), &ignored)
}

// ask has the engine answer the sample's rows at each of some lists of instants,
// one list after the other.
func (t *trial) ask(ctx context.Context, plan *features.Plan, instants ...[]event.Time) (*event.Batch, error) {
	spine := t.spine(plan, instants...)
	out := &gathered{emptyBatch(plan.Outputs)}
	asked := keysAsked(plan, spine)
	b := &timetravel.Backfill{Plan: plan, Visibility: visibilityOf(plan.TrainingSet), Sink: out, Workers: t.workers, Events: int64(spine.Len) * 16, Complete: t.in.untils(t.in.complete(plan, nil)),
		History: func(in features.Input, reach event.Span) ([]event.Source, error) {
			table, err := t.in.fetch(plan, &in, reach)
			if err != nil {
				return nil, err
			}
			return t.history(plan, in, table, asked)
		},
		Spine: func() (event.Source, error) {
			return sources.Memory(plan.Queries.Columns, spine, rehearsedRows), nil
		}}
	_, err := b.Run(ctx)
	return out.all, err
}

// history is the parts of an input, without the events of keys that nobody asks.
// A label's source is read as it is: its newest event may say how far the data go,
// whose ever it is.
func (t *trial) history(plan *features.Plan, in features.Input, table *sources.Table, asked []map[event.Hash]bool) ([]event.Source, error) {
	parts, err := historyParts(&in, table, nil, t.workers)
	if err != nil {
		return nil, err
	}
	var of []asker
	for _, l := range plan.Lookups {
		v := plan.Views[l.View]
		if plan.Inputs[v.Input].Source != in.Source {
			continue
		}
		if l.Ahead {
			return parts, nil
		}
		of = append(of, asker{v, asked[l.Key]})
	}
	for i := range parts {
		parts[i] = &askedOnly{Source: parts[i], of: of}
	}
	return parts, nil
}

// keysAsked is the hashes of the keys that a spine asks for, by key of the plan.
func keysAsked(plan *features.Plan, spine *event.Batch) []map[event.Hash]bool {
	var ignored event.Counts
	q := plan.NewQueries(spine, &ignored)
	asked := make([]map[event.Hash]bool, len(q.Keys))
	for k := range q.Keys {
		asked[k] = map[event.Hash]bool{}
		for _, h := range q.Keys[k] {
			asked[k][h] = true
		}
	}
	return asked
}

// asker is a view and the keys it is asked for.
type asker struct {
	view *features.PlannedView
	keys map[event.Hash]bool
}

// askedOnly is a part of a history without the rows of keys that nobody asks. No
// value depends on another key's events.
type askedOnly struct {
	event.Source
	of   []asker
	rows []int // of the last batch, in the part's own
}

// foldered is a part that knows which times its folder bounds; a run holds its rows
// to them.
type foldered interface {
	Folder() (times event.Span, ok bool)
	Place(row int) string
}

// Folder is the times of the part's folder.
func (a *askedOnly) Folder() (times event.Span, ok bool) {
	if f, is := a.Source.(foldered); is {
		return f.Folder()
	}
	return times, false
}

// Place names the file and the row of a row of the last batch, of a part that has a
// folder.
func (a *askedOnly) Place(row int) string { return a.Source.(foldered).Place(a.rows[row]) }

// Read fills b with the next rows that some view is asked for.
func (a *askedOnly) Read(ctx context.Context, b *event.Batch) error {
	for {
		if err := a.Source.Read(ctx, b); err != nil {
			return err
		}
		wanted := make([]bool, b.Len)
		for _, of := range a.of {
			var ignored event.Counts
			keys, null := of.view.KeysOf(b, &ignored)
			for i, k := range keys {
				wanted[i] = wanted[i] || of.keys[k] && (null == nil || !null[i])
			}
		}
		a.rows = a.rows[:0]
		for i, is := range wanted {
			if is {
				a.rows = append(a.rows, i)
			}
		}
		if pickRows(b, wanted, len(a.rows)); b.Len > 0 {
			return nil
		}
	}
}

// pickRows leaves the n wanted rows of a batch of single values.
func pickRows(b *event.Batch, wanted []bool, n int) {
	if n == b.Len {
		return
	}
	for i := range b.Columns {
		c := &b.Columns[i]
		c.Null, c.Ints, c.Floats = picked(c.Null, wanted, n), picked(c.Ints, wanted, n), picked(c.Floats, wanted, n)
		c.Decimals, c.Codes, c.Rows = picked(c.Decimals, wanted, n), picked(c.Codes, wanted, n), n
	}
	b.Len = n
}

// picked is the n wanted values of a vector, copied; a vector that is not there
// stays so.
func picked[T any](from []T, wanted []bool, n int) []T {
	if from == nil {
		return nil
	}
	to := make([]T, 0, n)
	for i, is := range wanted {
		if is {
			to = append(to, from[i])
		}
	}
	return to
}
