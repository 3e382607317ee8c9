// Package aggregate is one key's events in order, and what can be asked of them.
//
// Words it owns:
//
//   - Window: which stretch of time counts. Window.Bounds spells every end,
//     offset and bound; nothing else adds to a time.
//   - Run: one key's events of one view in content order, in columns.
//   - track: the rows of a run that an aggregate takes: those that pass its
//     filter and whose argument is not null. Nulls and filters are decided
//     here and nowhere else, so a fold never sees either.
//   - fold: what makes an aggregate over a range of a track's rows quick. Each
//     has the plain scan of the range as its meaning, and tests hold it to that.
//   - group: the rows of a track that have one value of a column, a track of their
//     own with folds over it; what answers a map by that column.
//   - base: what is left in a fold of rows that were forgotten.
//   - own: the event that a question itself is (docs/semantics.md S4.7). It goes
//     into the run for one answer and out again.
//   - Slot: one aggregate over one window: a column of what a query gets.
//
// Invariants:
//
//	A1  The rows of a run are ordered by content (docs/semantics.md S5): any
//	    order of Insert gives the same run, byte for byte of its Snapshot.
//	A2  Values answers for any instant at or after the last Forget's, with events
//	    at and above that instant in the run: the bound search leaves them out.
//	A3  Folds and tracks are derived. They catch up when asked and hold nothing
//	    that the events and the bases do not say; Restore rebuilds them.
//	A4  Sums are exact integers; a value is rounded once, when it is read.
//
// Read window.go, layout.go, run.go, answer.go, track.go and fold.go, in that order,
// then any fold.
package aggregate
