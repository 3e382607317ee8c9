// Package payload turns the bytes of one message into one row of columns: JSON,
// Avro and Protobuf, with a schema from a registry or from a file, or with none. It
// knows nothing of where messages come from. JSON lines and JSON within CSV are read
// by the same reader.
//
// Words it owns:
//
//   - message: the bytes of one value, as a topic or a line of a file holds it.
//   - schema: what says how a message is written. A writer's schema is the one that a
//     message was written by; the newest is the one that its subject has now.
//   - envelope: what a capture of changes puts around a row that changed.
//   - poison: a message that cannot be read, by its own fault alone.
//   - misfit: a field that a schema does not give as it is asked for.
//
// Invariants:
//
//	M1  Only the fields that are asked for are read; everything else of a message
//	    is passed over. JSON and Avro are held to their grammar all the same, so
//	    that a message is poison or not whichever fields a definition uses. In
//	    Protobuf what is passed over is held to its length alone.
//	M2  A value is read exactly or not at all. Types widen without loss; instants are
//	    floored to microseconds. One event is the same row in every format.
//	M3  A message becomes one row of every column, or on an error none of any.
//	M4  Foreign bytes never end the process, and memory is bounded by the message:
//	    lengths are checked before memory is taken for them.
//	M5  An error that is not a message's fault (the registry is away, a schema lost
//	    a field) is told from poison, so that nobody puts messages aside for it.
//	M6  What is secret stands in no error.
//	M7  A row of single values allocates nothing.
//
// Read decoder.go (the Decoder, and how messages are written), column.go (a column
// while it is read), paths.go (fields of structs as columns), wire.go (Confluent's
// wire format), schema.go (one schema, whatever its format), widen.go (which type
// widens to which, and misfits), registry.go and parseschema.go (a registry and its
// schemas), debezium.go (envelopes).
//
// Of JSON read json.go (words), scan.go (where they end), jsonvalue.go (values),
// object.go (objects of many fields, which mostly come in one order), parse.go
// (values spelled as text) and jsonschema.go. Of Avro avro.go (types), avrocompile.go
// (steps, one a field) and avroread.go (bytes). Of Protobuf proto.go (descriptors),
// protocompile.go (fields by number) and protoread.go (bytes).
package payload
