// Package event is the ground everything stands on: what an event is, how
// events travel in columns, and the two contracts of flow, Source and Sink.
// It imports nothing of ours.
//
// Words it owns:
//
//   - event: something that happened, with a time and an entity. Events are
//     what is meant; batches are what travels.
//   - Time: an instant, microseconds since 1970-01-01 UTC. Nothing outside a
//     short list of files does arithmetic on it (cmd/timeseam/house_test.go).
//   - Column: the values of one field for all rows of a batch. Text is always
//     dictionary-coded, so that work per text is done once per dictionary entry.
//   - Fault: one thing wrong with a definition, with its place and its mend.
//   - Reason: why an event or value was refused or noted; the one list that
//     counters, manifests and tests share.
//
// Invariants:
//
//	E1  A Column's null entries hold the zero value in its vectors, so that
//	    kernels may compute on them without looking first.
//	E2  A Dict is immutable once a batch that uses it has been handed on, but
//	    for growth by Symbols, which change none before Reset.
//	E3  A double column holds one NaN (CanonicalNaN) and no negative zero is
//	    told apart from zero by Compare, Hash or identity.
//
// Read event.go (Time, Type, Field, Schema), batch.go (Column, Dict, Batch) and
// flow.go (Source, Sink), in that order.
package event
