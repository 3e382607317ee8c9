package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// cutoverEntry is how a source would go on from its history to its stream.
type cutoverEntry struct {
	Topic      string                  `json:"topic"`
	TopicID    string                  `json:"topic_id,omitempty"`
	Kind       cutover.Kind            `json:"kind,omitempty"` // none: there is no cut, and note says why
	Why        string                  `json:"why,omitempty"`
	Stronger   string                  `json:"stronger,omitempty"`
	At         string                  `json:"cut_at,omitempty"`
	From       string                  `json:"read_from,omitempty"`
	Partitions []cutoverPartition      `json:"partitions"`
	Expected   int64                   `json:"records_expected"` // at most: aborted transactions leave holes
	Note       string                  `json:"note,omitempty"`
	Audit      *cutover.CertifiedAudit `json:"audit,omitempty"`
}

// cutoverPartition is what would be read of a partition.
type cutoverPartition struct {
	Partition int32 `json:"partition"`
	History   int64 `json:"history_last,omitempty"`
	From      int64 `json:"from"`
	To        int64 `json:"to"` // the first offset that would not
	Expected  int64 `json:"records_expected"`
}

// explainCutovers says of every source with a stream what would be read of it.
func (in *inputs) explainCutovers(ctx context.Context, plan *features.Plan, x *explanation) error {
	if err := in.explainAsked(ctx, plan, x); err != nil {
		return err
	}
	for k := range plan.Inputs {
		i := &plan.Inputs[k]
		s := i.Source
		if s.Stream == nil {
			continue
		}
		if in.streams[s.Name.Value] == nil {
			x.Inputs[k].Cutover = &cutoverEntry{Topic: s.Stream.Topic.Value, Partitions: []cutoverPartition{}, Note: "not opened, as --history-only says: what happened after the history ends is not known"}
			continue
		}
		f := in.fetched[s.Name.Value]
		j, err := in.join(ctx, i, f.table, f.reach)
		if err != nil {
			return err
		}
		x.Inputs[k].Cutover = newCutoverEntry(j)
		if e := x.Inputs[k].Cutover; !x.Foreseen && e.At != "" && e.Note == "" {
			e.Note = "where no question asks beyond the cut nothing is read of the topic, which is known once the spine was read"
		}
	}
	return nil
}

// explainAsked says it of a spine that is made of the events of such a source. It reads
// the source whole, and is cut first, as in a run.
func (in *inputs) explainAsked(ctx context.Context, plan *features.Plan, x *explanation) error {
	if !in.asksStream(plan) {
		return nil
	}
	of := plan.Queries.Stream
	j, err := in.join(ctx, of, in.histories[of.Source.Name.Value], event.Always())
	if err != nil {
		return err
	}
	j.asked, in.asked = true, j
	x.Spine.Cutover = newCutoverEntry(j)
	return nil
}

// expected is how many records are read of the topic at most; nil: nothing is.
func (j *joined) expected() (n int64) {
	if j == nil {
		return 0
	}
	for _, r := range j.ranges {
		n += r.To - r.From
	}
	return n
}

func newCutoverEntry(j *joined) *cutoverEntry {
	e := &cutoverEntry{Topic: j.topic.Name, TopicID: j.topic.ID.String(), Partitions: []cutoverPartition{}}
	for _, r := range j.ranges {
		e.Partitions = append(e.Partitions, cutoverPartition{Partition: r.Partition, From: r.From, To: r.To, Expected: r.To - r.From})
	}
	e.Expected = j.expected()
	switch {
	case j.cut != nil:
		c := j.cut.Certify(j.source.Name.Value, j.evidence, j.log)
		e.Kind, e.Why, e.Stronger, e.At, e.From = c.Kind, c.Why, c.Stronger, c.At, c.From
		if e.Expected == 0 {
			e.Note = "nothing was written after the history ends"
		}
	case !j.source.History.Path.Given():
		e.Note = "the source has no history, and the topic is read whole"
	default:
		e.Note = "the history answers all questions; nothing would be read"
	}
	return e
}

// print says it for a person.
func (e *cutoverEntry) print(w io.Writer) {
	if e.Kind == "" {
		fmt.Fprintf(w, "      topic %s: %s\n", e.Topic, e.Note)
	} else {
		fmt.Fprintf(w, "      goes on in topic %s, cut by %s: %s\n", e.Topic, strings.ReplaceAll(string(e.Kind), "_", " "), e.Why)
		if e.From != "" {
			fmt.Fprintf(w, "      cut at %s; the stream is read from records of %s on\n", e.At, e.From)
		}
		if e.Note != "" {
			fmt.Fprintf(w, "      %s\n", e.Note)
		}
	}
	for _, p := range e.Partitions {
		fmt.Fprintf(w, "        partition %d: offsets %d to %d, at most %s\n", p.Partition, p.From, p.To-1, plural(int(p.Expected), "record"))
	}
	if e.Stronger != "" {
		fmt.Fprintf(w, "      stronger would be %s\n", e.Stronger)
	}
	if e.Audit != nil {
		var b strings.Builder
		e.Audit.Print(&b)
		for line := range strings.Lines(b.String()) {
			fmt.Fprint(w, "    "+line)
		}
	}
}

// explainAudit compares both copies of every source that has two.
func (in *inputs) explainAudit(ctx context.Context, plan *features.Plan, x *explanation, hours int) error {
	switch {
	case in.historyOnly:
		return errAuditAlone
	case !in.joinable():
		return errNoAudit
	}
	for k := range x.Inputs {
		j := in.joins[x.Inputs[k].Name]
		if j == nil || !j.source.History.Path.Given() {
			continue
		}
		if err := in.audit(ctx, plan, j, audited{hours, runtime.GOMAXPROCS(0)}); err != nil {
			return err
		}
		x.Inputs[k].Cutover.Audit = j.audit
	}
	return nil
}

// differs reports whether an audit found a difference.
func (x *explanation) differs() bool {
	for _, i := range x.Inputs {
		if i.Cutover != nil && i.Cutover.Audit != nil && i.Cutover.Audit.Differing > 0 {
			return true
		}
	}
	return false
}
