package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestClocksReadTheirExamples holds that every clock reads its own example, and
// tells the instant that the case of a guessed project is about.
func TestClocksReadTheirExamples(t *testing.T) {
	for i, k := range clocks {
		c := event.Make(event.Of(k.kind))
		if err := appendWritten(&c, k.example); err != nil {
			t.Fatal(err)
		}
		s, err := newSpelling(c.Type)
		if err != nil {
			t.Fatal(err)
		}
		s.take(c, 1)
		var read []string
		for _, fits := range s.clocks {
			read = append(read, fits.reads)
		}
		if !strings.Contains(strings.Join(read, "\n"), k.reads) {
			t.Errorf("%s does not read its example %s; these do: %q", k.reads, k.example, read)
			continue
		}
		g := &guess{schema: event.Schema{{Name: "c", Type: c.Type}}, spells: "c", spelled: []spelling{{clocks: clocks[i : i+1]}}}
		_, hour := g.timeCase()
		at := s.read[slices.Index(read, k.reads)].Eval(&event.Batch{Len: 1, Columns: []event.Column{c}}, new(event.Counts))
		if got, want := event.Time(at.Ints[0]).String(), "2026-01-01T"+hour+":00:00Z"; got != want {
			t.Errorf("%s of %s is %s, and its case says %s", k.reads, k.example, got, want)
		}
	}
}
