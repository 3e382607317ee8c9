// Package sink is the rim on the way out: batches become files of Parquet, Arrow
// IPC, CSV, JSON lines and TFRecords, folders of such files, and Arrow IPC streams.
// It knows columns, and nothing of features.
//
// Words it owns:
//
//   - output: the file or the folder that a run makes. It appears when the sink is
//     committed, whole and at once but for folders in a store; until then it is a
//     partial file or folder beside it, or an upload.
//   - maker: who makes an output in its place: the file system, or a store.
//   - papers: the manifest and the report of a run, and of some the certificates of
//     its cutovers, beside the output. They go with it when it is replaced.
//   - claim: what stands in the place of the manifest while an output in a store
//     changes.
//   - target: an output as it is asked for, checked.
//   - group: the rows that are encoded together, a row group of Parquet or a
//     record batch of Arrow. Groups are cut by counting rows, never by batches.
//   - part: one file of a folder.
//   - press: what encodes a column of a group for Parquet, with its buffers.
//   - cell: what spells the values of one column of a group.
//
// Invariants:
//
//	O1  The bytes of an output depend on its rows and options only: not on how
//	    the rows were cut into batches, on how many workers encoded them, on the
//	    time, or on the machine.
//	O2  Before Commit nothing is visible under the output's name; after Close
//	    without Commit no trace of the run is left in the folder.
//	O3  Two runs never write one output at the same time, and a run that was
//	    killed never stands in the way of the next.
//	O4  At most two groups are in memory: one that fills or waits, and one that
//	    is being encoded; and some more where rows are divided by a column. Their
//	    vectors are used again.
//	O5  A folder is replaced as a whole, and only one that runs have written.
//	O6  No value is changed in being written, but in TFRecords, which say so: what
//	    a format cannot hold ends the run.
//	O7  In a store, a manifest that names files stands only beside just those files.
//
// Read options.go (what a caller says), target.go and format.go (what it comes to),
// writer.go (from batches to groups, whose vectors are vectors.go's), output.go (the sink of a file), maker.go (what
// a place must do) with local.go (and early_linux.go) and companions.go (files of this machine), papers.go, then
// the formats: parquet.go (the file) with press.go, plain.go, coded.go, words.go, numbers.go and there.go (its columns), arrow.go, and lines.go (CSV and JSON lines) with spell.go,
// json.go and civil.go, and example.go (TFRecords). Folders are folder.go (the
// sink), localfolder.go (the replacement, with exchange_linux.go and its like),
// stage.go (the files), partition.go (by value), interval.go and localinterval.go.
// Outputs in a store are stored.go (begin, claim, commit) and storedmaker.go (files
// and folders); address.go takes their names apart.
package sink
