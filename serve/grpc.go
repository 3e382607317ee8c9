package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is the bytes of a message of Protobuf.
type message []byte

// passing is a codec of messages that are bytes already: readMessage and appendMessage
// know what is in them.
type passing struct{}

// Name is that of Protobuf, as clients send and expect nothing else.
func (passing) Name() string { return "proto" }

// Marshal gives out the bytes.
func (passing) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*m)}, nil
}

// Unmarshal takes the bytes in.
func (passing) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	*m = data.Materialize()
	return nil
}

// servingName is the service of Feast's proto.
const servingName = "feast.serving.ServingService"

// ServeGRPC is Serve of gRPC: Feast's ServingService with the meaning of POST
// /get-online-features. as_of, positions and wait come as metadata, and how fresh the
// answer is goes back so, under the names of the headers in small letters.
func (s *Server) ServeGRPC(ctx context.Context, l net.Listener) error {
	if err := s.guard.allows(l.Addr()); err != nil {
		l.Close()
		return err
	}
	options := []grpc.ServerOption{grpc.ForceServerCodecV2(passing{}), grpc.MaxRecvMsgSize(int(s.o.Body)), grpc.MaxHeaderListSize(headerMost), grpc.MaxConcurrentStreams(flightMost), grpc.ConnectionTimeout(headerTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}), grpc.WaitForHandlers(true)}
	if s.o.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.o.TLS)))
	}
	g := grpc.NewServer(options...)
	g.RegisterService(&grpc.ServiceDesc{ServiceName: servingName, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
		{MethodName: "GetOnlineFeatures", Handler: s.call(s.answerMessage)},
		{MethodName: "GetFeastServingInfo", Handler: s.call(s.servingInfo)},
	}}, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve gRPC at %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	late := time.AfterFunc(graceTimeout, g.Stop)
	g.GracefulStop()
	late.Stop()
	<-done
	return nil
}

// call is a method as gRPC's descriptions have it. There are no interceptors.
func (s *Server) call(answer func(context.Context, message) (*reply, message, error)) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		x := &Exchange{Way: "grpc", Code: http.StatusOK, Began: s.o.Now()}
		a, out, err := func() (*reply, message, error) {
			if refused := s.guard.admit(callerOf(ctx)); refused != nil {
				return nil, nil, refused
			}
			leave, refused := s.enter()
			if refused != nil {
				return nil, nil, refused
			}
			defer leave()
			var in message
			if err := decode(&in); err != nil {
				return nil, nil, err
			}
			return answer(ctx, in)
		}()
		if err != nil {
			refused := s.refusalOf(err)
			x.Code = refused.code
			err = status.Error(codeOf(refused.code), refused.problem)
		}
		s.seen(x, a)
		a.done()
		return &out, err
	}
}

// callerOf tells who calls.
func callerOf(ctx context.Context) *asker {
	a := &asker{}
	if m, ok := metadata.FromIncomingContext(ctx); ok {
		a.authorization = strings.Join(m.Get("authorization"), ",")
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return a
	}
	a.address = p.Addr.String()
	if t, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(t.State.VerifiedChains) > 0 {
		a.certificate = t.State.PeerCertificates[0].Raw
	}
	return a
}

// codeOf is what gRPC calls a code of HTTP.
func codeOf(code int) codes.Code {
	switch code {
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusInternalServerError:
		return codes.Internal
	}
	return codes.InvalidArgument
}

func (s *Server) answerMessage(ctx context.Context, in message) (*reply, message, error) {
	r, err := readMessage(in, s.o.Batch)
	if err != nil {
		return nil, nil, err
	}
	if err := r.readMetadata(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.check(); err != nil {
		return nil, nil, err
	}
	a, err := s.ask(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	told := metadata.MD{}
	a.tell(func(key, value string) { told.Set(key, value) })
	if err := grpc.SetHeader(ctx, told); err != nil {
		return nil, nil, err
	}
	return a, appendMessage(nil, a), nil
}

// readMetadata reads what Feast's message has no field for.
func (r *request) readMetadata(ctx context.Context) error {
	m, _ := metadata.FromIncomingContext(ctx)
	for _, text := range m.Get("as_of") {
		if err := r.at(text); err != nil {
			return err
		}
	}
	for _, text := range m.Get("wait") {
		if err := r.waitFor(text); err != nil {
			return err
		}
	}
	if all := m.Get("positions"); len(all) > 0 {
		return r.readPairs(strings.Join(all, ","))
	}
	return nil
}

// servingInfo tells which server this is; of Feast's message it has the version, which
// is that of the definition's meaning.
func (s *Server) servingInfo(context.Context, message) (*reply, message, error) {
	return nil, protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "timeseam "+s.catalog.Load().plan.Digest()), nil
}
