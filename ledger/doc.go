// Package ledger keeps what a process without an end must not forget besides its state:
// which records were applied at each of its epochs. With it an answer that names its
// epoch can be computed again, over just the records that it knew.
//
// Words it owns:
//
//   - entry: at one epoch, a partition's position moved.
//   - vector: the positions of all partitions at one epoch.
//   - run: the epochs of one process. No two runs have an epoch in common.
//   - gap: epochs that nobody knows the positions of, as they could not be written.
//   - place: a folder or a bucket, where files have names.
//
// Invariants:
//
//	P1  A file begins with a vector and can be read alone. What follows are entries.
//	P2  Noting never waits for a disk or a network. What cannot be kept in memory any
//	    more becomes a gap, which is counted and can be told from what is known.
//	P3  No epoch is used twice, however a run ended: each run reserves its epochs before
//	    it uses them, and the next begins behind.
//	P4  The wall clock of entries never goes back, whatever the machine's does.
//	P5  What is torn at the end of a file is cut off, and never taken for an entry.
//
// Read log.go (noting), file.go (bytes), write.go (files), read.go (vectors and epochs
// back again) and place.go with folder.go and bucket.go.
package ledger
