package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// partition has the folders of a source's history bound times, where the
// definition says that they do.
func (in *inputs) partition(s *features.Source, t *sources.Table) {
	if len(s.PartitionedBy) == 0 {
		return
	}
	var misfit *sources.Misfit
	if err := t.Partition(s.Keys()); errors.As(err, &misfit) {
		at := s.PartitionedBy[0].Key
		for _, p := range s.PartitionedBy {
			if p.Key.Value == misfit.Key {
				at = p.Key
			}
		}
		in.misfits[s.Name.Value] = &event.Fault{File: in.def.File, Line: at.Line, Column: at.Column, Words: at.Value, Problem: misfit.Problem, Mend: misfit.Mend}
	}
}

// partitionFaults are the faults of all sources whose folders are not what the
// definition says, in its order.
func (in *inputs) partitionFaults() (faults event.Faults) {
	for _, s := range in.def.Sources {
		if f := in.misfits[s.Name.Value]; f != nil {
			faults = append(faults, *f)
		}
	}
	return faults
}

// fetched is what is read of a source.
type fetched struct {
	table      *sources.Table
	partitions *partitionsEntry // nil: nothing bounds its folders
	pruned     *prunedEntry     // nil: statistics leave nothing out
	reach      event.Span       // of the questions, as far as it was known
}

// partitionsEntry is what a manifest, or explain, says of a source's partitions.
type partitionsEntry struct {
	By     []string    `json:"by"`    // the keys of the folders
	Of     string      `json:"of"`    // the field whose time they bound
	There  int         `json:"there"` // partitions
	Read   int         `json:"read"`  // of them
	First  string      `json:"first,omitempty"`
	Last   string      `json:"last,omitempty"` // of those that are read
	Pruned int         `json:"files_pruned"`   // that lie in the others, and are not read
	Holes  []holeEntry `json:"holes,omitempty"`
}

// holeEntry is a span between partitions for which there is none.
type holeEntry struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Where string    `json:"where"`
}

// fetch is what must be read of an input for questions that reach so far: without
// the folders and the row groups that prove to be out of it. A hole within reach is an
// error, unless the definition accepts it: what is not there cannot be told from
// what never was.
func (in *inputs) fetch(plan *features.Plan, i *features.Input, reach event.Span) (*sources.Table, error) {
	s := i.Source
	f := in.newFetched(plan, s, reach)
	for _, h := range f.holes() {
		if !s.Holes.Given() {
			return nil, fmt.Errorf("history of source %s has no partition from %s up to but without %s, %s; add what is missing, or say holes: accepted if nothing is", s.Name.Value, h.From.Format(time.RFC3339Nano), h.To.Format(time.RFC3339Nano), h.Where)
		}
	}
	in.fetched[s.Name.Value] = f
	return f.table, nil
}

// newFetched is what is read of a plan's source.
func (in *inputs) newFetched(plan *features.Plan, s *features.Source, reach event.Span) *fetched {
	f := &fetched{table: in.histories[s.Name.Value], reach: reach}
	if len(s.PartitionedBy) > 0 {
		f.table, f.partitions = withinPartitions(s, f.table, reach)
	}
	if in.ahead {
		reach.To = event.MaxTime // what comes after the questions is left to the next run
	}
	f.prune(plan, s, reach)
	return f
}

// holes are those that questions can reach.
func (f *fetched) holes() []holeEntry {
	if f.partitions == nil {
		return nil
	}
	return f.partitions.Holes
}

// withinPartitions is the partitions of a source that a reach meets.
func withinPartitions(s *features.Source, whole *sources.Table, reach event.Span) (*sources.Table, *partitionsEntry) {
	reach = s.Fetched(reach)
	some := whole.Within(reach)
	e := &partitionsEntry{By: s.Keys(), Of: s.PartitionedBy[0].Field.Value, Pruned: len(whole.Files) - len(some.Files)}
	for _, p := range whole.Partitions() {
		e.There++
		if p.Meets(reach) {
			if e.Read++; e.Read == 1 {
				e.First = p.Folder
			}
			e.Last = p.Folder
		}
	}
	for _, h := range whole.Holes() {
		if h.Meets(reach) {
			e.Holes = append(e.Holes, holeEntry{instant(h.From), instant(h.To), h.Folder})
		}
	}
	return some, e
}

func instant(t event.Time) time.Time { return time.UnixMicro(int64(t)).UTC() }

// read is the table that is, or was, read of a source.
func (in *inputs) read(source string) *sources.Table {
	if t := in.rest[source]; t != nil {
		return t
	}
	if f := in.fetched[source]; f != nil {
		return f.table
	}
	return in.histories[source]
}

// completeEntry is up to when a source is complete, and how that is known.
type completeEntry struct {
	Until string `json:"until"`
	By    string `json:"by"`
	Why   string `json:"why,omitempty"` // it is not complete beyond
	// Beyond: features of some question ask for events after that.
	Beyond bool `json:"asked_beyond"`

	until event.Time
}

// completeFlag is the evidence of a person.
const completeFlag = "complete-until"

// complete is up to when the plan's sources are complete, by source. said is what
// a person says, which goes before what marks say; nil: nothing.
func (in *inputs) complete(plan *features.Plan, said *event.Time) map[string]*completeEntry {
	all := map[string]*completeEntry{}
	inputs := slices.Clone(plan.Inputs)
	if of := plan.Queries.Stream; of != nil {
		inputs = append(inputs, *of)
	}
	for i := range inputs {
		s := inputs[i].Source
		e := &completeEntry{By: s.Cutover.Complete.Value}
		switch {
		case said != nil:
			e.By, e.until = "--"+completeFlag, *said
		case !s.Cutover.Complete.Given():
			continue
		default:
			var ok bool
			e.until, e.Why, ok = in.histories[s.Name.Value].Complete(e.By)
			if !ok {
				e.until = event.MinTime
			}
			if s.ByArrival() || e.By == features.NextPartition {
				e.until = e.until.Earlier(s.LatenessMicros())
			}
		}
		e.Until = e.until.String()
		all[s.Name.Value] = e
	}
	return all
}

// known adds to a manifest what is known of its sources' partitions.
func (m *manifest) known(in *inputs, complete map[string]*completeEntry) {
	for i := range m.Inputs {
		e := &m.Inputs[i]
		if f := in.fetched[e.Source]; f != nil {
			e.Partitions, e.Pruned = f.partitions, f.pruned
		}
		e.Complete = complete[e.Source]
	}
}

// untils is what a run needs of it: of a source whose stream is read the newest event
// tells.
func (in *inputs) untils(complete map[string]*completeEntry) map[string]event.Time {
	all := map[string]event.Time{}
	for name, e := range complete {
		if in.streams[name] == nil {
			all[name] = e.until
		}
	}
	return all
}

// askedBeyond notes of which sources features are asked beyond what is complete.
// Labels are not: they are not known there, and say so. Nor is a source that goes on in
// its stream.
func (in *inputs) askedBeyond(plan *features.Plan, complete map[string]*completeEntry, asked event.Span) {
	for _, l := range plan.Lookups {
		s := plan.Inputs[plan.Views[l.View].Input].Source
		if e := complete[s.Name.Value]; e != nil && !l.Ahead && in.streams[s.Name.Value] == nil && asked.From < asked.To && asked.To.Earlier(1) > e.until {
			e.Beyond = true
		}
	}
}

// print tells up to when a source is complete.
func (e *completeEntry) print(w io.Writer, lead string) {
	fmt.Fprintf(w, "%scomplete until %s, by %s", lead, e.Until, e.By)
	if e.Why != "" {
		fmt.Fprintf(w, ": %s", e.Why)
	}
	if e.Beyond {
		fmt.Fprint(w, "; the spine asks beyond that, where features may know too little")
	}
	fmt.Fprintln(w)
}

// spineAsked is from when to when a spine asks, as its definition says or its
// files' statistics tell; ok is false where neither does.
func (in *inputs) spineAsked(set *features.TrainingSet) (asked event.Span, ok bool) {
	if from, to := set.Spine.From, set.Spine.To; from.Given() && to.Given() {
		first, err := event.ParseTime(from.Value)
		end, err2 := event.ParseTime(to.Value)
		return event.Span{From: first, To: end}, err == nil && err2 == nil
	}
	s, known := in.spines[set.Name.Value].Statistics(set.Spine.EventTimestamp.Value)
	if !known || s.Bounds.Len() != 2 {
		return asked, false
	}
	first, err := event.ParseTime(sources.Text(&s.Bounds, 0))
	last, err2 := event.ParseTime(sources.Text(&s.Bounds, 1))
	return event.Span{From: first, To: last.Later(1)}, err == nil && err2 == nil
}

// foresee fills in what a run would read of its sources, as far as the spine's
// statistics tell; it reports whether they do.
func (in *inputs) foresee(plan *features.Plan, complete map[string]*completeEntry) bool {
	asked, known := in.spineAsked(plan.TrainingSet)
	if in.interval != nil {
		asked, known = *in.interval, true
	}
	if known {
		in.askedBeyond(plan, complete, asked)
	}
	for i := range plan.Inputs {
		s := plan.Inputs[i].Source
		reach := event.Always()
		if known {
			reach = timetravel.Reach(plan, i, asked, complete[s.Name.Value] != nil)
		}
		in.fetched[s.Name.Value] = in.newFetched(plan, s, reach)
	}
	return known
}

// partitionFacts are what describe says of a source's partitions.
func (in *inputs) partitionFacts(s *features.Source, plan *features.Plan) (facts []fact) {
	whole := in.histories[s.Name.Value]
	if len(s.PartitionedBy) == 0 || whole == nil {
		return nil
	}
	if f := in.misfits[s.Name.Value]; f != nil {
		return []fact{{"partitions", f.Problem}}
	}
	_, e := withinPartitions(s, whole, event.Always())
	words := fmt.Sprintf("%s by %s of %s", plural(e.There, "partition"), strings.Join(e.By, ", "), e.Of)
	if e.There > 0 {
		words += fmt.Sprintf(", %s to %s", e.First, e.Last)
	}
	if n := len(e.Holes); n > 0 {
		words += fmt.Sprintf(", with %s, the first %s", plural(n, "hole"), e.Holes[0].Where)
	}
	facts = append(facts, fact{"partitions", words})
	if c := in.complete(plan, nil)[s.Name.Value]; c != nil {
		facts = append(facts, fact{"complete", fmt.Sprintf("until %s, by %s: %s", c.Until, c.By, c.Why)})
	}
	return facts
}

// print tells which partitions are read.
func (e *partitionsEntry) print(w io.Writer, known bool) {
	fmt.Fprintf(w, "      partitions by %s of %s: ", strings.Join(e.By, ", "), e.Of)
	switch {
	case !known:
		fmt.Fprintf(w, "%s; which of them are read is known once the spine was read\n", plural(e.There, "partition"))
	case e.Read == 0:
		fmt.Fprintf(w, "none of %d is read, %s left unread: no question reaches them\n", e.There, plural(e.Pruned, "file"))
	case e.Pruned == 0:
		fmt.Fprintf(w, "all %d are read, %s to %s\n", e.Read, e.First, e.Last)
	default:
		fmt.Fprintf(w, "%d of %d are read, %s to %s; %s left unread, as no question reaches them\n", e.Read, e.There, e.First, e.Last, plural(e.Pruned, "file"))
	}
	for _, h := range e.Holes {
		fmt.Fprintf(w, "      no partition from %s up to but without %s, %s\n", h.From.Format(time.RFC3339Nano), h.To.Format(time.RFC3339Nano), h.Where)
	}
}
