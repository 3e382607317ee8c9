package cutover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// Kind is how two copies are kept apart.
type Kind string

// The kinds, strongest first.
const (
	// ByOffset: the history holds every record below an offset, of each partition.
	// Exact with late events, and without ids.
	ByOffset Kind = "offset"
	// ByID: the history whole, and the stream from a margin before the cut; an event
	// that both hold is told by its id. Exact if ids are unique and nothing arrives
	// later than the margin.
	ByID Kind = "id"
	// ByEventTime: of the history what happened before the cut, of the stream what
	// happened from it on. Exact if nothing that happened before the cut reached
	// Kafka after the history's copy was made.
	ByEventTime Kind = "event_time"
)

// kinds in order of strength.
var kinds = []Kind{ByOffset, ByID, ByEventTime}

// Log is a topic as it was when the cut was made.
type Log struct {
	Topic      string
	ID         string // a topic that was made anew under its name has another; empty: not known
	Compacted  bool
	Appended   bool // records are stamped when they are written, and not when they are sent
	Partitions []Partition
}

// Partition is one of a topic's.
type Partition struct {
	ID         int32
	Start, End int64      // the first offset that is there, and the one behind the last that is read
	First      event.Time // when the first record that is there was stamped; of use where records before it are gone
}

// empty reports whether no record is there that is read.
func (p Partition) empty() bool { return p.Start >= p.End }

// Evidence is what the history says of where it ends.
type Evidence struct {
	// Next is the offset behind the last that the history holds, by partition; nil:
	// nothing tells. Told says what does, for a person.
	Next map[int32]int64
	Told string
	// Until is up to when the history is complete; not known where By is empty, which
	// says what tells.
	Until event.Time
	By    string
	// IDs: events have ids.
	IDs bool
}

// Wish is what a definition asks of a cut.
type Wish struct {
	Source string
	Kind   Kind  // "": the strongest of which there is evidence
	Margin int64 // microseconds
}

// Cut is where the stream goes on.
type Cut struct {
	Kind     Kind
	At       event.Time // by id and by event time
	From     event.Time // the stream is read from the first record that was stamped then: At without the margin
	Starts   []Start    // a partition each, in their order
	Why      string     // the evidence, for a person
	Stronger string     // what would make a stronger cut; empty: it is the strongest
}

// Start is where a partition is read from, and up to.
type Start struct {
	Partition int32
	From, To  int64
}

// Choose finds the strongest cut that the evidence carries, or the one that is wished
// for. offsets finds, by partition of the log, the offset of the first record that
// was stamped at an instant or later, no more than the partition's end. The error
// says what is missing.
func Choose(w Wish, e Evidence, log Log, offsets func(event.Time) ([]int64, error)) (*Cut, error) {
	if log.Compacted {
		return nil, fmt.Errorf("topic %s is compacted: of each key the last records are kept and the others are gone, so that it holds no events; keep them with cleanup.policy=delete, or read the history alone with --history-only", log.Topic)
	}
	lacks := map[Kind]string{}
	if e.Next == nil {
		lacks[ByOffset] = "the history tells no offsets: it has neither columns of partition and offset nor files as Kafka Connect names them"
	}
	if !e.IDs {
		lacks[ByID] = "the source has no event_id"
	}
	if e.By == "" {
		for _, k := range kinds[1:] {
			lacks[k] = joined(lacks[k], "nothing says up to when the history is complete (complete of cutover, or --complete-until)")
		}
	}
	kind := w.Kind
	if kind == "" {
		at := slices.IndexFunc(kinds, func(k Kind) bool { return lacks[k] == "" })
		if at < 0 {
			return nil, fmt.Errorf("source %s cannot go on from its history to topic %s: by offset, %s; by id, %s; by event time, %s", w.Source, log.Topic, lacks[ByOffset], lacks[ByID], lacks[ByEventTime])
		}
		kind = kinds[at]
	}
	if why := lacks[kind]; why != "" {
		return nil, fmt.Errorf("source %s cannot be cut by %s: %s", w.Source, kind, why)
	}
	c := &Cut{Kind: kind, Stronger: stronger(kind, lacks)}
	if kind == ByOffset {
		c.Why = e.Told
		return c, c.byOffset(w, e, log)
	}
	c.At, c.From = e.Until, e.Until.Earlier(w.Margin)
	c.Why = fmt.Sprintf("the history is complete until %s: %s", c.At, e.By)
	from, err := offsets(c.From)
	if err != nil {
		return nil, err
	}
	return c, c.byTime(w, log, from)
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", and " + b
}

// stronger says what the kinds before one lack.
func stronger(kind Kind, lacks map[Kind]string) string {
	var all []string
	for _, k := range kinds[:slices.Index(kinds, kind)] {
		if lacks[k] != "" {
			all = append(all, fmt.Sprintf("by %s: %s", strings.ReplaceAll(string(k), "_", " "), lacks[k]))
		}
	}
	return strings.Join(all, "; ")
}

// byOffset starts every partition where the history ends in it. A partition of which
// the history has nothing begins at its first record, which must then be there.
func (c *Cut) byOffset(w Wish, e Evidence, log Log) error {
	var gone []string
	for p := range e.Next {
		if !slices.ContainsFunc(log.Partitions, func(l Partition) bool { return l.ID == p }) {
			return fmt.Errorf("the history of source %s holds records of partition %d, and topic %s has none such: it was made anew, or the history is of another topic; name the one it is of", w.Source, p, log.Topic)
		}
	}
	for _, p := range log.Partitions {
		next, known := e.Next[p.ID]
		switch {
		case known && next > p.End:
			return fmt.Errorf("the history of source %s ends at offset %d of partition %d, and topic %s at %d: the topic was made anew, or the history is of another; a topic that lost its records cannot go on from them", w.Source, next, p.ID, log.Topic, p.End)
		case next < p.Start:
			gone = append(gone, fmt.Sprintf("partition %d offsets %d to %d", p.ID, next, p.Start-1))
		}
		c.Starts = append(c.Starts, Start{p.ID, next, p.End})
	}
	if len(gone) > 0 {
		return fmt.Errorf("records of topic %s are in neither copy: retention has removed %s, and the history of source %s ends before; copy what is there to the history, which must reach to where the topic begins now",
			log.Topic, strings.Join(gone, ", "), w.Source)
	}
	return nil
}

// byTime starts every partition at the first record that was stamped from c.From on;
// from has its offset. Records before the first that is there may be gone: then that
// one must be older.
func (c *Cut) byTime(w Wish, log Log, from []int64) error {
	var gone []string
	earliest := event.MinTime
	for i, p := range log.Partitions {
		if p.Start > 0 && p.empty() {
			gone = append(gone, fmt.Sprintf("partition %d before offset %d, and no record is left to tell until when", p.ID, p.Start))
			earliest = event.MaxTime
		} else if p.Start > 0 && p.First > c.From {
			gone = append(gone, fmt.Sprintf("partition %d before %s", p.ID, p.First))
			earliest = max(earliest, p.First.Later(w.Margin))
		}
		c.Starts = append(c.Starts, Start{p.ID, min(max(from[i], p.Start), p.End), p.End})
	}
	if len(gone) == 0 {
		return nil
	}
	mend := "complete the history further, and run again"
	if earliest < event.MaxTime {
		mend = fmt.Sprintf("the earliest cut that would do is %s: complete the history up to then", earliest)
	}
	return fmt.Errorf("topic %s no longer holds what is needed from %s on (the cut at %s, less a margin of %s): retention has removed %s; %s",
		log.Topic, c.From, c.At, time.Duration(w.Margin)*time.Microsecond, strings.Join(gone, ", "), mend)
}

// Records is how many offsets are read at most.
func (c *Cut) Records() (n int64) {
	for _, s := range c.Starts {
		n += s.To - s.From
	}
	return n
}
