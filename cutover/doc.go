// Package cutover joins a stored history and the stream that goes on after it into
// one log: every event once, and none lost between.
//
// Words it owns:
//
//   - cut: where the history ends and the stream goes on. It is a place in every
//     partition of the topic (by offset), or an instant (by id, by event time).
//   - evidence: why the history is known to be whole up to the cut: what its rows or
//     files say of offsets, or up to when its partitions are complete.
//   - overlap: what both copies hold. It is removed, and may be audited: rows of one
//     hour are the same on both sides.
//   - certificate: what was cut where, why, and what was found there.
//
// Invariants:
//
//	C1  What is read is a matter of the cut alone: events of the union are those of
//	    the unbroken log, whichever cut was made. Where evidence or retention does
//	    not carry that, there is no cut but an error that says what is missing.
//	C2  A cut never depends on the clock, but on what the copies held when it was
//	    made: end offsets are taken first, and nothing beyond them is read.
//
// Read cut.go (evidence, and the cut it carries).
package cutover
