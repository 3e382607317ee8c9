// Package checkpoint keeps what a live engine saves, in a folder or a bucket, and
// restores an engine from it. State and positions are one unit: a file has both or is
// not there.
//
// A state is a set of events, and their order does not matter. So a file holds the rows
// that were applied since the file before, and besides the whole runs of a few key
// groups, its bases. Once each group has a base, what came before the oldest of them is
// not needed any more; a state of any size is written a little at a time.
//
// Words it owns:
//
//   - base: the runs of one key group of a view, whole.
//   - chain: the files that one is restored with: those with a base that is still the
//     newest of its group, and all behind the oldest of these.
//   - whole: said of a file whose chain has a base of every group. It is a checkpoint;
//     others are steps on the way to one.
//   - place: where files lie, a folder or a bucket. Files have numbers.
//
// Invariants:
//
//	C1  A file is under its number whole or not at all, and no number is written twice,
//	    whoever writes.
//	C2  What is restored is a state that an engine had between two batches, with the
//	    positions that it had there, or an error.
//	C3  The flow waits for memory to be copied, in bounded amounts, and never for a
//	    disk or a network.
//	C4  What the newest checkpoints need stays; what goes wrong while writing loses
//	    nothing but time.
//
// Read manifest.go (what a file says of itself), keeper.go (when what is written),
// write.go, restore.go, then place.go with folder.go and bucket.go, reader.go and
// verify.go.
package checkpoint
