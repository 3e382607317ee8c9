// Package sources is the rim on the way in: files of Parquet, CSV and JSON lines,
// on this machine or in buckets, become batches. It knows files and columns, and
// nothing of features.
//
// Words it owns:
//
//   - table: the files that one path names (a file, a glob, a directory with or
//     without Hive partitions), taken together. Its columns are the union of
//     the files' columns.
//   - folder: what stands as key=value on the way to a file. It is a column of the
//     file, and may bound a time of its rows (a partition).
//   - mark: a file that a writer leaves in a folder when it is done: _SUCCESS.
//   - part: some row groups of one file, an event.Source of its own. Parts may
//     be read beside each other; in their order they hold the table's rows in
//     the order of its files.
//   - carry: the same rows once more as Arrow records, every column in the type
//     its file gives it, for the sink to write down untouched.
//
// Invariants:
//
//	R1  Where a column holds a value, the batch holds that value exactly:
//	    integers and floats are widened, instants floored to microseconds,
//	    decimals kept to the digit. What its type cannot hold is, in Parquet, null
//	    and counted (event.OutOfType), and in text an error; never rounded.
//	R2  The rows, their order and their values do not depend on how a table is
//	    split into parts or batches.
//	R3  Foreign bytes never end the process: what a file claims is checked
//	    before memory is taken for it, and a panic over damaged bytes becomes
//	    an error that names the file and the place.
//	R4  Memory is bounded by the batch, one page a column and one dictionary a
//	    column, and in text by the longest record (recordMost), whatever the size
//	    of file and row group; and the pages together by the budget that the file's
//	    own bytes give them, so that few bytes never take much. Of an object, R6
//	    holds besides.
//	R5  In one batch a text column has exactly one dictionary; a batch ends
//	    where a file changes it.
//	R6  Of an object, no bytes are fetched but footers, the chunks of the columns
//	    that are read, and gaps of at most gapMost between those. A part holds at
//	    most windowsMost windows a column, each of at most windowMost bytes, and
//	    heldMost bytes together unless so many columns have windows of windowLeast.
//
// Read find.go (from a path to files), remote.go (the same in buckets), hive.go
// (folders as columns), partition.go (folders as spans of time), prune.go (row groups
// that nobody needs), content.go (where
// a file's bytes come from), file.go (footers), table.go (from files to
// one schema), leaf.go (which Parquet type is what), part.go (batches), cursor.go
// (rows of one column), heads.go and page.go (pages), bits.go (encodings),
// codec.go (compression), convert.go (values). ahead.go fetches what cursors read of
// objects, and passing.go what the other library does. thrift.go and flat.go look at
// metadata before anything believes it. carry.go and arrow.go are the way of the
// untouched columns, carryown.go of the flat ones among them, carrycheck.go and carrycodec.go what stands between damaged
// bytes and the library that reads them; statistics.go, describe.go and written.go tell what the footers know.
//
// Of text read textual.go (the dialect, and from files to one schema), stream.go
// (decompression), lines.go and csv.go (records, fields), textpart.go (batches),
// textcarry.go (the same as Arrow), suggest.go (types for who has declared none),
// and mend.go (what to do about texts that are no values). Objects of JSON, and
// values spelled as text, are read by package payload.
//
// Pages are taken apart here. The libraries at hand read runs of equal booleans
// wrong, refuse differences of unsigned numbers as DuckDB writes them, and take
// memory for whatever a damaged page claims.
package sources
