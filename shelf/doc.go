// Package shelf keeps rows that a run takes in, until it asks for them again. It
// knows columns, memory and one temporary file, and nothing of features.
//
// Words it owns:
//
//   - piece: rows that were taken in together.
//   - section: the rows of a piece that are asked for together, such as those of
//     one partition.
//
// Invariants:
//
//	F1  What comes back is what was put, bit for bit: values, nulls, and texts.
//	    Dictionaries may be others.
//	F2  Pieces in memory take no more than the room that a shelf was given; a
//	    dictionary that several share takes it once, until the last is gone.
//
// Read shelf.go, then piece.go.
package shelf
