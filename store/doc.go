// Package store is the rim's way to objects: what lies in buckets of S3, or of
// what speaks its protocol, is found, read and written here, and nowhere else is
// the protocol known. It knows bytes and nothing of tables.
//
// Words it owns:
//
//   - address: s3://BUCKET/KEY. A key is a name with slashes in it; folders are
//     only what keys have in common at their front.
//   - object: what lies at an address, as it was when it was found: its size and
//     its ETag name one content, and reads of it are reads of that content.
//   - attempt: one request. What fails in a way that may pass is attempted again,
//     a bounded number of times, each after a longer pause.
//
// Invariants:
//
//	B1  Every byte that is read of an object is of the content that was found: each
//	    request carries If-Match, and each answer's ETag, place and size are
//	    compared, as some servers ignore If-Match.
//	B2  What is cut short is gone on with where it ended, and never taken for the
//	    end of an object.
//	B3  No credential stands in an error, whatever a server says.
//	B4  A request ends: with an answer, after the attempts it may have, or when its
//	    context does. A connection on which nothing comes is given up.
//	B5  An object that is written becomes visible whole, and only at its commit; two
//	    parts of it are in memory at most.
//
// Read address.go (what an address is), client.go (settings), bucket.go (what is
// there), reader.go (bytes of an object), put.go and upload.go (writing, on
// conditions), attempt.go (what is tried again), and fault.go (errors as sentences).
// storetest has servers and a proxy that fails on purpose, for tests.
package store
