// Package features is the meaning of a definition: what a user wrote is read
// (Load), typed and resolved (Compile), and accumulated (State). It knows neither
// files nor goroutines nor the wall clock.
//
// Words it owns:
//
//   - Definition: a YAML file as written, every word with its place.
//   - Plan: a definition compiled for one training set; immutable, with a digest
//     that is the fingerprint of its meaning.
//   - input: a source as a plan reads it. view: what is kept in runs, one run a
//     key. query: an instant, keys and request fields, be it a row of a spine or
//     a request.
//   - frame: the columns over which features are finished: the instant, request
//     fields, the slots of every view, and steps computed from columns before.
//   - Store: the runs of one view: a table of all, or an arena for one key after another.
//   - State: the stores of a plan.
//
// Invariants, cited by number elsewhere:
//
//	I1  A value depends on the plan and on the set of events applied, and on
//	    nothing else: not on the order or the batches in which they came, nor on
//	    the store that holds them.
//	I2  Apply answers nothing; Value changes nothing that a later Value could see.
//	I3  A restored snapshot answers as the original; a snapshot names its plan by
//	    digest, and another plan refuses it.
//	I6  What is left out or noteworthy is counted by event.Reason.
//
// Read definition.go, load.go, plan.go, compile.go (and its parts), rows.go and
// state.go, in that order.
package features
