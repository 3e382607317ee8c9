// Package live keeps the state of a plan for as long as a process lives: events are
// applied as they come, and questions are answered of the instant at which they are
// put. It knows no technology: records come from feeds, and what it saves goes where a
// keeper puts it.
//
// Words it owns:
//
//   - engine: a plan's state in shards, each with some of the key groups.
//   - epoch: how many batches were applied. At one epoch the same records are applied
//     in every shard, and Positions says which.
//   - position: by source and partition, the offset below which every record is applied.
//   - feed: records of one partition without an end, as rows of an input.
//   - clock: how far a partition has come in the times of its events (clock.go).
//
// Invariants:
//
//	L1  An answer is that of the plan over just the events that were applied at its
//	    epoch: not of some of a batch, and not of one shard sooner than of another.
//	L2  No value depends on clocks, on the number of shards, on how records were cut
//	    into batches, or on how partitions took turns.
//	L3  An answer stands alone: nothing that is applied later can be seen in it.
//	L4  The instant of questions without one never goes back, and nothing is forgotten
//	    that a question from Kept on could tell.
//
// Read engine.go, then ask.go, run.go (the driver) and clock.go; note.go, save.go and
// restore.go for what outlives a process; watch.go and size.go for who looks at it.
package live
