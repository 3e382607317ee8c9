package cutover

import (
	"fmt"
	"io"
	"slices"
)

// Certificate is what was cut where, why, and what was found there. It is
// deterministic: the same copies give the same certificate.
type Certificate struct {
	Source     string               `json:"source"`
	Topic      string               `json:"topic"`
	TopicID    string               `json:"topic_id,omitempty"`
	Kind       Kind                 `json:"kind"`
	Why        string               `json:"why"`
	Stronger   string               `json:"stronger,omitempty"`
	At         string               `json:"cut_at,omitempty"`    // by id and by event time
	From       string               `json:"read_from,omitempty"` // the cut without the margin
	Partitions []CertifiedPartition `json:"partitions"`
	Records    int64                `json:"records"`              // that were read of the stream
	Before     int64                `json:"before_cut,omitempty"` // of those, what happened before the cut and is the history's
	Late       int64                `json:"late_before_cut"`      // of those, what was stamped after the cut
	Duplicates int64                `json:"duplicates_removed"`   // of both copies together
	Poison     int64                `json:"dead_lettered"`
	Added      *CertifiedSum        `json:"added,omitempty"`
	Audit      *CertifiedAudit      `json:"audit,omitempty"`
}

// CertifiedSum is the check that needs no state: rows of the history before the cut and
// rows of the stream from it on, counted each by itself, are the rows that went in.
// Copies that are removed by id are among them.
type CertifiedSum struct {
	History int64 `json:"history"`
	Stream  int64 `json:"stream"`
	Went    int64 `json:"went_in"`
}

// Right reports whether both counts make the third.
func (s *CertifiedSum) Right() bool { return s.History+s.Stream == s.Went }

// CertifiedPartition is how one partition was cut.
type CertifiedPartition struct {
	Partition int32  `json:"partition"`
	LogStart  int64  `json:"log_start"`
	History   *int64 `json:"history_last,omitempty"` // the last offset that the history holds
	First     int64  `json:"stream_first"`
	End       int64  `json:"stream_end"` // the first offset that was not read
	Records   int64  `json:"records"`    // fewer than offsets where transactions were aborted
	FirstAt   string `json:"first_timestamp,omitempty"`
	LastAt    string `json:"last_timestamp,omitempty"`
}

// CertifiedAudit is what the audit of the overlap found.
type CertifiedAudit struct {
	Columns     []string              `json:"columns"` // that were compared
	From        string                `json:"from"`
	To          string                `json:"to"`
	Rows        [2]int64              `json:"rows"` // of the history, of the stream
	Hours       []CertifiedHour       `json:"hours"`
	Differing   int                   `json:"hours_differing"`
	Differences []CertifiedDifference `json:"differences,omitempty"`
	Cuts        []CertifiedCut        `json:"cuts"` // of those hours, two counts added
}

// CertifiedCut is the overlap cut at one of its hours: rows of the history before it and
// rows of the stream from it on. Of copies that are the same no cut has other rows than
// another.
type CertifiedCut struct {
	At       string `json:"at"`
	Together int64  `json:"rows"`
}

// CertifiedHour is one hour of the overlap.
type CertifiedHour struct {
	From    string           `json:"from"`
	History CertifiedContent `json:"history"`
	Stream  CertifiedContent `json:"stream"`
	Equal   bool             `json:"equal"`
}

// CertifiedContent is what one side holds of an hour.
type CertifiedContent struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// CertifiedDifference is one event that differs.
type CertifiedDifference struct {
	Hour    string `json:"hour"`
	ID      string `json:"id"`
	Absent  string `json:"absent,omitempty"` // the side that has it not
	Column  string `json:"column,omitempty"` // the first that differs
	History string `json:"history,omitempty"`
	Stream  string `json:"stream,omitempty"`

	Times *[2]int64 `json:"times,omitempty"`              // in the history, in the stream, where that differs
	Finer bool      `json:"within_millisecond,omitempty"` // instants that are the same but for digits below
}

// Certify begins the certificate of a cut; what was read is the caller's to add.
func (c *Cut) Certify(source string, e Evidence, log Log) Certificate {
	out := Certificate{Source: source, Topic: log.Topic, TopicID: log.ID, Kind: c.Kind, Why: c.Why, Stronger: c.Stronger}
	if c.Kind != ByOffset {
		out.At, out.From = c.At.String(), c.From.String()
	}
	for i, s := range c.Starts {
		p := CertifiedPartition{Partition: s.Partition, LogStart: log.Partitions[i].Start, First: s.From, End: s.To}
		if next, known := e.Next[s.Partition]; known && c.Kind == ByOffset {
			last := next - 1
			p.History = &last
		}
		out.Partitions = append(out.Partitions, p)
	}
	return out
}

// Certify writes down what an audit found.
func (a *Audit) Certify(hours []Hour, found []Difference) *CertifiedAudit {
	out := &CertifiedAudit{Columns: []string{}, From: a.Span.From.String(), To: a.Span.To.String(), Hours: []CertifiedHour{}, Cuts: []CertifiedCut{}}
	for _, f := range a.Columns {
		out.Columns = append(out.Columns, f.Name)
	}
	for _, h := range hours {
		content := func(s Side) CertifiedContent {
			c := h.Sides[s]
			out.Rows[s] += c.Rows
			return CertifiedContent{c.Rows, fmt.Sprintf("%016x%016x", c.Digest.Hi, c.Digest.Lo)}
		}
		out.Hours = append(out.Hours, CertifiedHour{h.From.String(), content(History), content(Stream), h.Equal()})
		if !h.Equal() {
			out.Differing++
		}
	}
	together := out.Rows[Stream]
	for _, h := range hours {
		out.Cuts = append(out.Cuts, CertifiedCut{h.From.String(), together})
		together += h.Sides[History].Rows - h.Sides[Stream].Rows
	}
	for _, d := range found {
		c := CertifiedDifference{Hour: d.Hour.String(), ID: d.ID, Column: d.Column, History: d.Values[History], Stream: d.Values[Stream], Finer: d.Finer}
		if d.Absent != nil {
			c.Absent = d.Absent.String()
		} else if d.Times[History] != d.Times[Stream] {
			c.Times = &d.Times
		}
		out.Differences = append(out.Differences, c)
	}
	return out
}

// Print says the certificate for a person.
func (c *Certificate) Print(w io.Writer) {
	fmt.Fprintf(w, "Cutover of %s to topic %s by %s\n", c.Source, c.Topic, c.Kind)
	fmt.Fprintf(w, "  because %s\n", c.Why)
	if c.At != "" {
		fmt.Fprintf(w, "  cut at %s; the stream is read from records of %s on\n", c.At, c.From)
	}
	for _, p := range c.Partitions {
		history := ""
		if p.History != nil {
			history = fmt.Sprintf("history up to offset %d, ", *p.History)
		}
		fmt.Fprintf(w, "  partition %d: %sstream offsets %d to %d, %d records\n", p.Partition, history, p.First, p.End-1, p.Records)
	}
	fmt.Fprintf(w, "  %d records of the stream", c.Records)
	if c.Kind == ByEventTime {
		fmt.Fprintf(w, ", %d of before the cut, which are the history's, %d of these written after it", c.Before, c.Late)
	}
	fmt.Fprintf(w, "; %d duplicates removed among what was asked for, %d in the dead letter\n", c.Duplicates, c.Poison)
	if c.Added != nil {
		fmt.Fprintf(w, "  two counts added: %d rows of the history and %d of the stream, and %d went in\n", c.Added.History, c.Added.Stream, c.Added.Went)
		if !c.Added.Right() {
			fmt.Fprintln(w, "  THEY DO NOT ADD UP: this is a fault of timeseam, and the training set is not to be used")
		}
	}
	if c.Audit != nil {
		c.Audit.Print(w)
	}
	if c.Stronger != "" {
		fmt.Fprintf(w, "  stronger would be %s\n", c.Stronger)
	}
}

// Print says what an audit found for a person.
func (a *CertifiedAudit) Print(w io.Writer) {
	if a.From == a.To {
		fmt.Fprintln(w, "  overlap: there is no whole hour that both copies should hold; nothing was compared")
		return
	}
	if len(a.Hours) == 0 {
		fmt.Fprintf(w, "  overlap: neither copy holds an event of %s to %s\n", a.From, a.To)
		return
	}
	if a.Differing == 0 {
		fmt.Fprintf(w, "  overlap proven: %d events of %d hours, %s to %s, are the same in both copies\n", a.Rows[History], len(a.Hours), a.From, a.To)
		fmt.Fprintf(w, "  two counts added, cut at any of these hours: %d\n", a.Cuts[0].Together)
		return
	}
	fmt.Fprintf(w, "  overlap differs in %d of %d hours: %d events in the history, %d in the stream\n", a.Differing, len(a.Hours), a.Rows[History], a.Rows[Stream])
	for _, h := range a.Hours {
		if !h.Equal {
			fmt.Fprintf(w, "    %s: %d and %d\n", h.From, h.History.Rows, h.Stream.Rows)
		}
	}
	for _, d := range a.Differences {
		d.print(w)
	}
	least, most := a.sums()
	if least != most {
		fmt.Fprintf(w, "  two counts added, cut at one of these hours or another: %d to %d\n", least, most)
	}
	if i := slices.IndexFunc(a.Differences, func(d CertifiedDifference) bool { return d.Finer }); i >= 0 {
		d := &a.Differences[i]
		finer := History
		if len(d.Stream) > len(d.History) { // it has more digits
			finer = Stream
		}
		fmt.Fprintf(w, "  instants differ below a millisecond alone: floor those of the %s, with a field whose %[1]s is date_trunc('millisecond', %[2]s)\n", finer, d.Column)
	}
}

// sums are the least and the greatest count of a cut.
func (a *CertifiedAudit) sums() (least, most int64) {
	least, most = a.Cuts[0].Together, a.Cuts[0].Together
	for _, c := range append(a.Cuts, CertifiedCut{Together: a.Rows[History]}) {
		least, most = min(least, c.Together), max(most, c.Together)
	}
	return least, most
}

func (d *CertifiedDifference) print(w io.Writer) {
	switch {
	case d.Absent != "":
		fmt.Fprintf(w, "    event %s is not in the %s\n", d.ID, d.Absent)
	case d.Column != "":
		fmt.Fprintf(w, "    event %s: %s is %s in the history and %s in the stream\n", d.ID, d.Column, d.History, d.Stream)
	case d.Times != nil:
		fmt.Fprintf(w, "    event %s is %s in the history and %s in the stream\n", d.ID, times(d.Times[History]), times(d.Times[Stream]))
	}
}

func times(n int64) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}
