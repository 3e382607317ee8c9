package cutover

import (
	"fmt"
	"io"

	"github.com/timeseam/timeseam/features/event"
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
	Audit      *CertifiedAudit      `json:"audit,omitempty"`
}

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
	From        string                `json:"from"`
	To          string                `json:"to"`
	Rows        [2]int64              `json:"rows"` // of the history, of the stream
	Hours       []CertifiedHour       `json:"hours"`
	Differing   int                   `json:"hours_differing"`
	Differences []CertifiedDifference `json:"differences,omitempty"`
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

// certifyAudit writes down what an audit of a span found.
func certifyAudit(span event.Span, hours []Hour, found []Difference) *CertifiedAudit {
	a := &CertifiedAudit{From: span.From.String(), To: span.To.String(), Hours: []CertifiedHour{}}
	for _, h := range hours {
		content := func(s Side) CertifiedContent {
			c := h.Sides[s]
			a.Rows[s] += c.Rows
			return CertifiedContent{c.Rows, fmt.Sprintf("%016x%016x", c.Digest.Hi, c.Digest.Lo)}
		}
		a.Hours = append(a.Hours, CertifiedHour{h.From.String(), content(History), content(Stream), h.Equal()})
		if !h.Equal() {
			a.Differing++
		}
	}
	for _, d := range found {
		c := CertifiedDifference{Hour: d.Hour.String(), ID: d.ID, Column: d.Column, History: d.Values[History], Stream: d.Values[Stream]}
		if d.Absent != nil {
			c.Absent = d.Absent.String()
		}
		a.Differences = append(a.Differences, c)
	}
	return a
}

// Audited adds an audit to the certificate.
func (c *Certificate) Audited(span event.Span, hours []Hour, found []Difference) {
	c.Audit = certifyAudit(span, hours, found)
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
	fmt.Fprintf(w, "  %d records: %d before the cut, %d of them late, %d duplicates removed, %d in the dead letter\n", c.Records, c.Before, c.Late, c.Duplicates, c.Poison)
	if c.Audit != nil {
		c.Audit.print(w)
	}
	if c.Stronger != "" {
		fmt.Fprintf(w, "  stronger would be %s\n", c.Stronger)
	}
}

func (a *CertifiedAudit) print(w io.Writer) {
	if len(a.Hours) == 0 {
		fmt.Fprintf(w, "  overlap: neither copy holds an event of %s to %s\n", a.From, a.To)
		return
	}
	if a.Differing == 0 {
		fmt.Fprintf(w, "  overlap proven: %d events of %d hours, %s to %s, are the same in both copies\n", a.Rows[History], len(a.Hours), a.From, a.To)
		return
	}
	fmt.Fprintf(w, "  overlap differs in %d of %d hours: %d events in the history, %d in the stream\n", a.Differing, len(a.Hours), a.Rows[History], a.Rows[Stream])
	for _, h := range a.Hours {
		if !h.Equal {
			fmt.Fprintf(w, "    %s: %d and %d\n", h.From, h.History.Rows, h.Stream.Rows)
		}
	}
	for _, d := range a.Differences {
		if d.Absent != "" {
			fmt.Fprintf(w, "    event %s is not in the %s\n", d.ID, d.Absent)
			continue
		}
		fmt.Fprintf(w, "    event %s: %s is %s in the history and %s in the stream\n", d.ID, d.Column, d.History, d.Stream)
	}
}
