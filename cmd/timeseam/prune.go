package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
)

// prunedEntry is what a manifest, or explain, says of the row groups of a source that
// are left unread, as the least and greatest values in footers, or the names of
// folders, prove that no question can count a row of theirs.
type prunedEntry struct {
	Groups    int   `json:"row_groups"` // left unread, without those of partitions that are
	Files     int   `json:"files"`      // of which nothing else is there
	Rows      int64 `json:"rows"`       // of text not known, and 0
	Unreached int   `json:"unreached"`  // of the row groups, or files of text: at times that no window reaches
	RuledOut  int   `json:"ruled_out"`  // where takes none of their rows, but at such times

	there, filesThere int
}

// prune leaves out of what is read of a plan's source what nobody needs.
func (f *fetched) prune(plan *features.Plan, s *features.Source, reach event.Span) {
	at := slices.IndexFunc(plan.Inputs, func(i features.Input) bool { return i.Source == s })
	if !plan.Inputs[at].History.Plain() {
		return // what footers know is of other columns than the plan's
	}
	columns, e := plan.Inputs[at].Columns, prunedEntry{}
	some := f.table.Without(func(known sources.Known) bool {
		switch plan.Need(at, reach, func(column int) (event.Column, bool) { return known(columns[column].Name) }) {
		case features.Unreached:
			e.Unreached++
		case features.RuledOut:
			e.RuledOut++
		default:
			return false
		}
		return true
	})
	if e.Unreached+e.RuledOut == 0 {
		return
	}
	e.there, e.filesThere = f.table.GroupsRead(), len(f.table.Files)
	e.Groups, e.Files, e.Rows = e.there-some.GroupsRead(), e.filesThere-len(some.Files), f.table.Rows()-some.Rows()
	f.table, f.pruned = some, &e
}

// String is the entry in words.
func (e *prunedEntry) String() string {
	var b strings.Builder
	if e.there > 0 {
		fmt.Fprintf(&b, "%d of %s read", e.there-e.Groups, plural(e.there, "row group"))
	}
	if e.Files > 0 {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d of %s left unread", e.Files, plural(e.filesThere, "file"))
	}
	why := "no window reaches the others' times"
	switch {
	case e.Unreached == 0:
		why = "where takes nothing of the others"
	case e.RuledOut > 0:
		why = "no window reaches the others' times, or where takes nothing of them"
	}
	return b.String() + ", as " + why
}

// printGroups tells how many of a source's row groups are read.
func (t explainedTable) printGroups(w io.Writer, known bool) {
	switch {
	case t.Pruned != nil:
		fmt.Fprintf(w, "      %s\n", t.Pruned)
	case t.Groups > 0:
		fmt.Fprintf(w, "      %s read\n", map[bool]string{true: "its 1 row group is", false: fmt.Sprintf("all %d row groups are", t.Groups)}[t.Groups == 1])
	}
	if !known && t.Groups > 1 {
		fmt.Fprintln(w, "      fewer if statistics prove that no window reaches the others, which is known once the spine was read")
	}
}
