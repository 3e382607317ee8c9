package event

import "context"

// Source is a flow of events, or of queries, to its end. One goroutine at a
// time uses it.
type Source interface {
	// Schema says what the columns of each batch are; it does not change.
	Schema() Schema
	// Read fills b with the next rows, at least one, and returns io.EOF, with b
	// empty, when there are no more. The vectors of b may be used again by the
	// next Read; its dictionaries are never changed (E2). An error is final and
	// names the file and the place in it.
	Read(ctx context.Context, b *Batch) error
	// Close releases what the source holds; it may be called more than once.
	Close() error
}

// Counter is what a source may also be: it tells what was noteworthy in what it
// has read so far.
type Counter interface {
	Counted() Counts
}

// AddCounted adds what a source has counted, if it counts. It comes after the last
// read: readers count as they go.
func (n *Counts) AddCounted(s Source) {
	if c, ok := s.(Counter); ok {
		counted := c.Counted()
		n.Add(&counted)
	}
}

// Sink takes batches and makes them durable, all or nothing. One goroutine at a
// time uses it.
type Sink interface {
	// Write takes the next rows, in order. It keeps nothing of b.
	Write(ctx context.Context, b *Batch) error
	// Commit makes everything written visible, at once. After an error nothing
	// is visible.
	Commit(ctx context.Context) error
	// Close releases what the sink holds and, before Commit, leaves no trace of
	// what was written. It may be called more than once.
	Close() error
}
