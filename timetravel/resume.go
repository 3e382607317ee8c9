package timetravel

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// Journal keeps records of how far a run has come, for another to go on from.
type Journal interface {
	Records() [][]byte // of the run that is taken up, in their order
	Append(record []byte) error
}

// history is what a run has read of its histories, and where it lies.
type history struct {
	Chunks [][][]chunk
	Newest []event.Time // up to when events are known to be there
	Last   []event.Time // the greatest times
	Report Report
	Caller []byte
}

// finished is one partition of one lookup.
type finished struct {
	Lookup, Partition int
	Answers           shelf.Stored
	Counts            event.Counts
	Taken             int64
}

// note writes a record into the journal.
func (r *run) note(record any) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(record); err != nil {
		return fmt.Errorf("write down how far the run has come: %w", err)
	}
	return r.Journal.Append(b.Bytes())
}

// noteRead writes down that the histories are read.
func (r *run) noteRead() error {
	if r.Journal == nil {
		return nil
	}
	h := history{Chunks: r.chunks, Newest: r.last, Last: r.newest, Report: *r.report}
	if r.Noted != nil {
		var err error
		if h.Caller, err = r.Noted(); err != nil {
			return err
		}
	}
	return r.note(&h)
}

// noteFinished writes down that a partition is answered, if that is asked for.
func (r *run) noteFinished(noted bool, f *finished) error {
	if r.Journal == nil || !noted {
		return nil
	}
	return r.note(f)
}

// takeUp goes on from what another run wrote down, if that had read its histories
// and all of them are still there. The spine is always read again: it is what the
// output is made of. Histories are opened as ever, and not read.
func (r *run) takeUp() (bool, error) {
	if r.Journal == nil || len(r.Journal.Records()) == 0 {
		return false, nil
	}
	records := r.Journal.Records()
	var h history
	if gob.NewDecoder(bytes.NewReader(records[0])).Decode(&h) != nil || !r.holds(&h) {
		return false, nil
	}
	// The caller is told first, so that it opens what it will not read as such: of a
	// topic it asks nothing then.
	if r.TakenUp != nil {
		if err := r.TakenUp(h.Caller); err != nil {
			return false, err
		}
	}
	for in := range r.Plan.Inputs {
		parts, err := r.openInput(in)
		for _, p := range parts {
			p.Close()
		}
		if err != nil {
			return false, err
		}
	}
	r.chunks, r.last, r.newest = h.Chunks, h.Newest, h.Last
	r.report.Events, r.report.Read, r.report.Counts = h.Report.Events, h.Report.Read, h.Report.Counts
	for _, record := range records[1:] {
		var f finished
		if gob.NewDecoder(bytes.NewReader(record)).Decode(&f) == nil && r.shelf.Holds(&f.Answers) {
			r.finished = append(r.finished, f)
		}
	}
	return true, nil
}

// holds reports whether the shelf has all pieces of the histories.
func (r *run) holds(h *history) bool {
	for _, view := range h.Chunks {
		for _, part := range view {
			for _, c := range part {
				for g := range c {
					if !r.shelf.Holds(&c[g]) {
						return false
					}
				}
			}
		}
	}
	return true
}
