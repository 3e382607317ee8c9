package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// Limits where Options say nothing.
const (
	BodyMost   = 1 << 20         // bytes of a request
	BatchMost  = 1000            // rows of a request
	WaitMost   = 5 * time.Second // that a request waits for positions
	flightMost = 256             // requests that are answered at once
	waitsMost  = 256             // requests that wait for positions at once
)

// Timeouts of connections. A client that sends or takes its bytes slower than this is
// none that anybody waits for.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second
	writeTimeout  = 20 * time.Second // beyond the longest wait for positions
	idleTimeout   = 2 * time.Minute
	graceTimeout  = 10 * time.Second // that Serve waits for answers which are under way
	headerMost    = 16 << 10         // bytes
)

// Options say how a Server serves; no value depends on them. The zero value serves
// this machine without asking who it is.
type Options struct {
	Service  string      // what the engine's plan is called
	Tokens   []string    // bearer tokens, of which a request must bear one; none: it need not
	TLS      *tls.Config // nil: none. With ClientCAs a client must have a certificate.
	Insecure bool        // anybody may ask, also from other machines

	Body  int64         // bytes of a request; 0: BodyMost
	Batch int           // rows of a request; 0: BatchMost
	Rate  int           // requests a second of one client; 0: any number
	Wait  time.Duration // that a request may wait for positions; 0: WaitMost

	// Topics are sources by the topic of their stream: clients give positions by the
	// topic that they wrote to. A source's own name is always known.
	Topics map[string][]string
	// Ready says why nothing can be answered yet; nil, and a nil error: it can. It is
	// asked at each request, from any goroutine.
	Ready func() error
	// Alive says why the process should be begun again; nil, and a nil error: it need not.
	Alive func() error
	// Progress says how far the events have come; nil: nobody knows. It is asked at
	// each request, from any goroutine.
	Progress func() Progress
	// Seen is told of each request once it is answered, from the request's goroutine,
	// and keeps nothing that it is given; nil: nobody wants to know.
	Seen func(*Exchange)
	// Also are further pages, by pattern of http.ServeMux, behind the same guard.
	Also map[string]http.Handler

	Log *slog.Logger // nil: nothing is logged
	Now func() time.Time
}

// Progress is how far the events that are applied have come.
type Progress struct {
	Watermark event.Time    // of their own times; MinTime: none was seen
	Staleness time.Duration // how long ago what is applied was all there was; negative: not known
}

// Exchange is a request and what became of it.
type Exchange struct {
	Way   string // http, get or grpc
	Code  int    // as of HTTP
	Began time.Time
	Took  time.Duration
	// Of what was answered:
	Questions *event.Batch // of Plan.Queries.Columns; nil: nothing was answered
	Outputs   []int        // places in Plan.Outputs
	Answer    *live.Answer
	Engine    *live.Engine
}

// Server answers questions to an engine. Any number of goroutines may serve.
type Server struct {
	o        Options
	guard    *guard
	catalog  atomic.Pointer[catalog] // of the engine that answers now
	flights  chan struct{}
	waits    chan struct{}
	leaving  atomic.Bool // no new clients should come
	draining atomic.Bool // and none are answered
}

// New returns a server of an engine, which is asked only once Options.Ready says so.
func New(e *live.Engine, o Options) (*Server, error) {
	if o.Body == 0 {
		o.Body = BodyMost
	}
	if o.Batch == 0 {
		o.Batch = BatchMost
	}
	if o.Wait == 0 {
		o.Wait = WaitMost
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Body < 0 || o.Batch < 0 || o.Rate < 0 || o.Wait < 0 {
		return nil, errors.New("a limit of the server is below zero")
	}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		if o.TLS.ClientCAs != nil && o.TLS.ClientAuth == tls.NoClientCert {
			o.TLS.ClientAuth = tls.VerifyClientCertIfGiven // the guard wants one, probes of health need none
		}
	}
	g, err := newGuard(&o)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, guard: g, flights: make(chan struct{}, flightMost), waits: make(chan struct{}, waitsMost)}
	return s, s.Put(e, o.Service)
}

// Put has another engine answer from now on, whose plan is that of the named service.
// Requests under way are answered by the one before.
func (s *Server) Put(e *live.Engine, service string) error {
	c, err := newCatalog(e, service)
	if err == nil {
		s.catalog.Store(c)
	}
	return err
}

// Open listens at an address, if what the server asks of clients allows it: the
// address of a network needs tokens, certificates of clients, or Options.Insecure.
func (s *Server) Open(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	if err := s.guard.allows(l.Addr()); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Serve serves HTTP until the context ends, then lets answers under way be given and
// returns nil. It closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.guard.allows(l.Addr()); err != nil {
		l.Close()
		return err
	}
	h := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: s.o.Wait + writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerMost, TLSConfig: s.o.TLS.Clone(), ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug)}
	done := make(chan error, 1)
	go func() {
		if s.o.TLS != nil {
			done <- h.ServeTLS(l, "", "")
		} else {
			done <- h.Serve(l)
		}
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serve at %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer stop()
	if err := h.Shutdown(grace); err != nil {
		h.Close()
	}
	<-done
	return nil
}

// Leave has /readyz say 503 from now on, so that clients are sent elsewhere. Those that
// come all the same are answered, until the context of Serve ends.
func (s *Server) Leave() { s.leaving.Store(true) }

// ready says why nothing can be answered at the moment; nil: it can.
func (s *Server) ready() *refusal {
	if s.draining.Load() {
		return &refusal{code: http.StatusServiceUnavailable, problem: "the server is stopping", again: 1}
	}
	if s.o.Ready == nil {
		return nil
	}
	if err := s.o.Ready(); err != nil {
		return &refusal{code: http.StatusServiceUnavailable, problem: err.Error(), again: 5}
	}
	return nil
}

// refusal is why a request is not answered: a code of HTTP, one sentence, and after
// how many seconds to try again, where that may help.
type refusal struct {
	code    int
	problem string
	again   int
}

// Error is the sentence.
func (r *refusal) Error() string { return r.problem }

// wrong is the refusal of a request that cannot be right.
func wrong(format string, args ...any) *refusal {
	return &refusal{code: http.StatusUnprocessableEntity, problem: fmt.Sprintf(format, args...)}
}

// missing is the refusal of a request for what is not there.
func missing(format string, args ...any) *refusal {
	return &refusal{code: http.StatusNotFound, problem: fmt.Sprintf(format, args...)}
}
