// Package shelf keeps rows that a run takes in, until it asks for them again, or
// another run does. It knows columns, memory and files, and nothing of features.
//
// Words it owns:
//
//   - piece: rows that were taken in together.
//   - section: the rows of a piece that are asked for together, such as those of
//     one partition.
//   - snapshot: a file of what one run, or a daemon, leaves for the next, in sections.
//
// Invariants:
//
//	F1  What comes back is what was put, bit for bit: values, nulls, and texts.
//	    Dictionaries may be others.
//	F2  Pieces in memory take no more than the room that a shelf was given; a
//	    dictionary that several share takes it once, until the last is gone.
//
//	F3  A snapshot is under its name whole or not at all, and what is read of one is
//	    what was written or an error, whatever stands in the file.
//
// Read shelf.go, then piece.go and journal.go; snapshot.go, held.go and rows.go for what
// outlives a run.
package shelf
