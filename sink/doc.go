// Package sink is the rim on the way out: batches become Parquet files, Arrow
// IPC files and Arrow IPC streams. It knows columns, and nothing of features.
//
// Words it owns:
//
//   - output: the file that a run makes. It appears, whole and at once, when the
//     sink is committed; until then it is a partial file beside it.
//   - group: the rows that are encoded together, a row group of Parquet or a
//     record batch of Arrow. Groups are cut by counting rows, never by batches.
//
// Invariants:
//
//	O1  The bytes of an output depend on its rows and options only: not on how
//	    the rows were cut into batches, on the time, or on the machine.
//	O2  Before Commit nothing is visible under the output's name; after Close
//	    without Commit no trace of the run is left in the folder.
//	O3  Two runs never write one output at the same time, and a run that was
//	    killed never stands in the way of the next.
//	O4  At most two groups are in memory: one that fills or waits, and one that
//	    is being encoded.
//
// Read options.go (what a caller says), writer.go (from batches to groups),
// output.go (from partial file to output), then parquet.go and arrow.go.
package sink
