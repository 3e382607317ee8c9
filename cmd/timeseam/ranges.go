package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/timetravel"
)

// rangesFlag names a manifest whose ranges of topics are read again.
const rangesFlag = "ranges"

// streamEntry is what a manifest says of a topic that was read.
type streamEntry struct {
	Topic   string       `json:"topic"`
	ID      string       `json:"topic_id"`
	Cutover string       `json:"cutover,omitempty"` // how it goes on from the history; empty: there is none
	At      string       `json:"cut_at,omitempty"`  // by id and by event time
	Ranges  []rangeEntry `json:"ranges"`
	Empty   int64        `json:"without_value"`
	Poison  int64        `json:"dead_lettered"`
	Note    string       `json:"note,omitempty"`
}

// rangeEntry is what was read of a partition.
type rangeEntry struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	To        int64 `json:"to"` // the first offset that was not
	Records   int64 `json:"records"`
}

// pinned are the ranges that a manifest names, by source.
type pinned struct {
	flag   string // by which it is named, for a person
	file   string
	topics map[string]*streamEntry
	files  map[string][]fileEntry // by source; none: nothing is said of it
	spine  []fileEntry            // nil: nothing is said of it
}

// String is how it is named.
func (p *pinned) String() string { return "--" + p.flag + " " + p.file }

// ranges are those of an entry that have offsets.
func (e *streamEntry) ranges() (all []kafka.Range) {
	for _, r := range e.Ranges {
		if r.From < r.To {
			all = append(all, kafka.Range{Partition: r.Partition, From: r.From, To: r.To})
		}
	}
	return all
}

// readRanges reads them; "" is no file.
func readRanges(file string) (*pinned, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongf("--%s: %w", rangesFlag, err)
	}
	type table struct {
		Source string       `json:"source"`
		Stream *streamEntry `json:"stream"`
		Files  []fileEntry  `json:"files"`
	}
	var m struct {
		Spine  table   `json:"spine"`
		Inputs []table `json:"inputs"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, wrongf("--%s %s is no manifest: %w", rangesFlag, file, err)
	}
	p := &pinned{flag: rangesFlag, file: file, topics: map[string]*streamEntry{}, files: map[string][]fileEntry{}, spine: m.Spine.Files}
	for _, i := range m.Inputs {
		p.files[i.Source] = i.Files
	}
	for _, i := range append(m.Inputs, m.Spine) {
		if i.Stream != nil {
			p.topics[i.Source] = i.Stream
		}
	}
	if len(p.topics) == 0 {
		return nil, wrongf("--%s %s names no ranges of topics; name the manifest of a run that read streams", rangesFlag, file)
	}
	return p, nil
}

// end has a topic end where the ranges of a source do. It must be the same topic still.
func (p *pinned) end(source string, t *kafka.Topic) error {
	if p == nil {
		return nil
	}
	e := p.topics[source]
	switch {
	case e == nil:
		return wrongf("%s names no ranges of source %s; leave it out, or name another", p, source)
	case e.Topic != t.Name:
		return wrongf("%s names ranges of topic %s for source %s, whose topic is %s", p, e.Topic, source, t.Name)
	case e.ID != t.ID.String():
		return fmt.Errorf("topic %s was made anew since %s was written: its id was %s and is %s, and the records that were read are gone; run without --%s", t.Name, p.file, e.ID, t.ID, p.flag)
	case len(e.Ranges) == 0:
		return nil // nothing was read
	}
	ends := make([]int64, len(t.Partitions))
	for _, r := range e.Ranges {
		if r.Partition < 0 || int(r.Partition) >= len(ends) || r.From < 0 || r.From > r.To {
			return wrongf("%s: offsets %d to before %d of partition %d are no range of topic %s", p, r.From, r.To, r.Partition, t.Name)
		}
		if ends[r.Partition] = r.To; r.To > t.Partitions[r.Partition].End {
			return fmt.Errorf("topic %s, partition %d ends at offset %d, and %s names records up to before %d: they are gone; run without --%s", t.Name, r.Partition, t.Partitions[r.Partition].End, p.file, r.To, p.flag)
		}
	}
	for i := range t.Partitions {
		b := &t.Partitions[i]
		b.End = max(ends[i], min(b.Start, b.End))
	}
	return nil
}

// pinnedLog is the log for a cut whose ranges are known: what is gone of before them
// is no matter.
func (j *joined) pinnedLog(p *pinned) cutover.Log {
	log := j.log
	if p == nil {
		return log
	}
	log.Partitions = slices.Clone(log.Partitions)
	for _, r := range p.topics[j.source.Name.Value].Ranges {
		if b := &log.Partitions[r.Partition]; b.Start <= r.From {
			b.Start = 0
		}
	}
	return log
}

// pin has the join read the ranges that a manifest names, if it cuts where that run did.
func (j *joined) pin(p *pinned) error {
	if p == nil {
		return nil
	}
	name := j.source.Name.Value
	e := p.topics[name]
	kind, at := j.cutWords()
	if kind != e.Cutover || at != e.At || (len(j.ranges) == 0) != !slices.ContainsFunc(e.Ranges, func(r rangeEntry) bool { return r.From < r.To }) {
		return fmt.Errorf("source %s was cut by %q at %q when %s was written, and would be by %q at %q now: its history or what is said of it has changed; run without --%s", name, e.Cutover, e.At, p.file, kind, at, rangesFlag)
	}
	j.ranges = nil
	for _, r := range e.Ranges {
		if j.cut != nil {
			i := slices.IndexFunc(j.cut.Starts, func(s cutover.Start) bool { return s.Partition == r.Partition })
			if s := &j.cut.Starts[i]; j.cut.Kind == cutover.ByOffset && s.From != r.From {
				return fmt.Errorf("the history of source %s ends before offset %d of partition %d now, and did before %d when %s was written; run without --%s", name, s.From, r.Partition, r.From, p.file, rangesFlag)
			}
			j.cut.Starts[i] = cutover.Start{Partition: r.Partition, From: r.From, To: r.To}
		}
		if r.From < r.To {
			j.ranges = append(j.ranges, kafka.Range{Partition: r.Partition, From: r.From, To: r.To})
		}
	}
	return nil
}

// cutWords is how and where a manifest says that the source was cut.
func (j *joined) cutWords() (kind, at string) {
	if j.cut == nil {
		return "", ""
	}
	if j.cut.Kind != cutover.ByOffset {
		at = j.cut.At.String()
	}
	return string(j.cut.Kind), at
}

// entry is what was read of a topic.
func (j *joined) entry() *streamEntry {
	e := &streamEntry{Topic: j.topic.Name, ID: j.topic.ID.String(), Ranges: []rangeEntry{}}
	e.Cutover, e.At = j.cutWords()
	if j.table != nil && j.cut == nil {
		e.Note = "the history answers all questions; nothing was read"
		return e
	}
	for _, p := range j.log.Partitions {
		e.Ranges = append(e.Ranges, rangeEntry{Partition: p.ID, From: p.End, To: p.End}) // nothing is read of it
		if j.cut == nil && j.logBegan().Partitions[p.ID].Start > 0 {
			e.Note = "retention has removed records from the beginning of the topic: features that look back before it know too little"
		}
	}
	if !j.wasRead() {
		return e
	}
	for _, t := range j.taken() {
		at := slices.IndexFunc(e.Ranges, func(r rangeEntry) bool { return r.Partition == t.Partition })
		e.Ranges[at] = rangeEntry{t.Partition, t.From, t.To, t.Records}
		e.Empty, e.Poison = e.Empty+t.WithoutData, e.Poison+t.Poison
	}
	return e
}

// certificates adds to a manifest what was read of topics, and returns the certificates
// of the cuts.
func (in *inputs) certificates(plan *features.Plan, m *manifest, r *timetravel.Report) (all []*cutover.Certificate) {
	certify := func(j *joined, duplicates, went int64) *streamEntry {
		if c := j.certify(duplicates, went); c != nil {
			all = append(all, c)
		}
		return j.entry()
	}
	for i := range m.Inputs {
		j := in.joins[m.Inputs[i].Source]
		if j == nil || j.input == plan.Queries.Stream {
			continue
		}
		duplicates := int64(0)
		for l, lookup := range plan.Lookups {
			if plan.Views[lookup.View].Input == i {
				duplicates = max(duplicates, r.Counts[l][event.Duplicate]+r.Counts[l][event.Conflicting])
			}
		}
		m.Inputs[i].Stream = certify(j, duplicates, r.Events[i])
	}
	if j := in.asked; j != nil {
		name := j.source.Name.Value
		rows := m.Spine.Rows
		m.Spine.tableEntry = newTableEntry(j.source.History.Path.Value, in.histories[name])
		m.Spine.Rows = rows
		if in.joins[name] == j {
			m.Spine.Stream = certify(j, r.Spine[event.Duplicate]+r.Spine[event.Conflicting], 0)
		} else {
			m.Spine.Stream = j.entry()
		}
	}
	m.certificates = all
	return all
}
