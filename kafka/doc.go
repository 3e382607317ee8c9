// Package kafka is the rim's way to topics: a range of a topic's offsets, fixed
// before anything is read, becomes batches, each record of it once, in the order
// of its partition, or the read ends with an error. It knows records, and nothing
// of what stands in their values: a Decoder makes columns of those.
//
// Words it owns:
//
//   - cluster: brokers that one Connection leads to.
//   - topic: what a name meant when it was asked for: its id, its partitions, where
//     each began and ended.
//   - range: the offsets From <= o < To of one partition. An offset need hold no
//     record: transactions leave markers, aborted ones leave nothing, and compaction
//     takes records away.
//   - position: every offset of a range below it has been dealt with.
//   - reading: ranges that are read together; each is a part, an event.Source of
//     its own.
//   - tail: partitions that are followed from an offset each, without an end.
//   - poison: a record whose value no Decoder could read. A letter is such a record
//     with its place and the reason, on its way to a DeadLetter.
//
// Invariants:
//
//	K1  What a read takes is what was committed of its ranges, and nothing else; ends
//	    are asked for once, before all else, and nothing that comes later moves them.
//	K2  A range ends by position and never by count. An offset that was passed over
//	    was passed because its broker said, in a whole batch, that nothing is there.
//	K3  What is gone is an error that names what is missing. No offset is ever put
//	    elsewhere than where the last batch ended.
//	K4  Memory is bounded whatever a topic's size: by two answers of a part, one that
//	    is being unpacked and one on its way, one unpacked batch, and one batch of
//	    events (Reading.Held tells how much).
//	K5  A record is a row, or is counted: without a value, or poison.
//	K6  No password stands in an error, whatever a broker says.
//	K7  A read of ranges ends: what may pass is asked again a bounded number of times.
//	    A tail waits for it, and says so.
//
// Read connection.go (settings), cluster.go (asking, and asking again), fault.go
// (errors as sentences), topic.go (what is there), offsets.go (where it begins and
// ends, and where an instant lies), fetch.go (one answer of a partition), frames.go and
// unpack.go (its batches), reading.go (ranges together), part.go (one of them, as a
// source), tail.go (partitions without an end), own.go (Kafka's own columns), letter.go,
// letterfile.go, letterlog.go and lettertopic.go (what is poison).
package kafka
