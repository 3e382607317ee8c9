// Package serve answers questions to an engine over HTTP and gRPC. POST
// /get-online-features takes and gives the JSON of Feast's Python server, gRPC is
// Feast's ServingService, and GET /features/NAME asks for one entity by hand. What it
// answers is what live.Engine.AskPart says: no value is made here.
//
// Words it owns:
//
//   - request: what a client asks, however it came (request.go).
//   - selection: which outputs a request names, and what it must bring for them.
//   - reply: a request's answer, before it is spelled as JSON or as Protobuf.
//   - client: who asks: the holder of a token or of a certificate, or an address.
//
// Invariants:
//
//	R1  A request is answered whole or refused with one sentence; nothing of it is
//	    passed over.
//	R2  What one request takes is bounded by the limits, and so is how many are
//	    answered at once.
//	R3  No secret stands in a log, in an error or in an answer.
//	R4  Who is not of this machine is answered only if the settings say who may ask.
//
// Read server.go, then request.go, select.go, coerce.go, ask.go and json.go; guard.go
// says who may ask and how often; grpc.go and proto.go spell the same as Protobuf;
// settings.go makes Options of a definition.
package serve
