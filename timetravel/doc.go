// Package timetravel brings events and queries to the state in the order in
// which they became known, and carries the values away. It is the only place
// that decides what is known when; it knows no technology.
//
// Words it owns:
//
//   - visible: the instant at which an event becomes known (visible.go).
//   - sweep: a run over history, one partition of keys after the other.
//   - step: the one place that calls Apply and Value (step.go).
//   - seam: where a run begins with what another left (seam.go, leave.go).
//   - own: the event that a question is itself, where that counts (own.go).
//
// Invariants:
//
//	T1  A query is asked when all events with visible <= at are in, and of those
//	    whose visible is later at most such as happened after the end of its every
//	    window. Whether an event that is in counts, only Window.Bounds says.
//	T2  No value, count or order of rows depends on the number of workers, on
//	    the number of partitions, or on how rows were cut into batches.
//	T3  Every goroutine is waited for by the function that started it.
//	T4  What memory holds beside the shelf is a few bits of each row of the
//	    spine, and the partitions and blocks that are in hands.
//
// Read visible.go, step.go, backfill.go, spine.go, partition.go, asked.go, sweep.go,
// walk.go and output.go, in that order; hands.go, resume.go and seam.go say what memory,
// a killed run and the run of an interval before change, which is no value.
package timetravel
