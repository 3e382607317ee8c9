package storetest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
)

func newBytes(b []byte) io.Reader { return bytes.NewReader(b) }

// Fault is what a proxy does to a request.
type Fault int

// The faults. What they cut, they cut at a place that the seed chooses.
const (
	None     Fault = iota
	SlowDown       // 503, before the request is passed on
	Broken         // 500, before the request is passed on
	Reset          // the connection ends, before the request is passed on
	Cut            // the connection ends in the midst of the answer
	Short          // the answer ends in its midst in an orderly way, as one of a lesser length
	Lost           // the request is passed on, and the connection ends instead of an answer
	Stall          // the answer stops in its midst until the client gives up
)

// Schedule says which requests fail, and how.
type Schedule struct {
	Seed   uint64
	Rate   float64                            // of requests that fail, 0 to 1
	Faults []Fault                            // which; nil: all but Stall
	Only   func(r *http.Request) bool         // nil: all requests
	Choose func(n int, r *http.Request) Fault // in place of all these: for request n, from 0 on
}

// Request is one that came by.
type Request struct {
	Method, Key, Query string
	Range              string // as asked for; empty: none
	IfMatch            string
	Bytes              int64 // of the answer's body, as passed on
	Status             int
	Fault              Fault
}

// Proxy stands before a server, fails on purpose, and tells what came by.
type Proxy struct {
	URL string

	target   string
	schedule Schedule
	mu       sync.Mutex
	rng      *rand.Rand
	seen     int
	requests []*Request
	client   *http.Client
}

// Before puts a proxy before a server, and sets the variables of AWS to it.
func Before(t testing.TB, target string, s Schedule) *Proxy {
	t.Helper()
	p := NewProxy(t, target, s)
	Use(t.Setenv, p.URL)
	return p
}

// NewProxy puts a proxy before a server, for those who set variables themselves.
func NewProxy(t testing.TB, target string, s Schedule) *Proxy {
	t.Helper()
	p := &Proxy{target: target, schedule: s, rng: rand.New(rand.NewPCG(s.Seed, s.Seed)), client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}}
	p.URL = listen(t, http.HandlerFunc(p.serve))
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// Requests are those that came by since the last call.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Request, len(p.requests))
	for i, r := range p.requests {
		all[i] = *r
	}
	p.requests = nil
	return all
}

// note writes a request down and decides its fate; cut is between 0 and 1.
func (p *Proxy) note(r *http.Request) (noted *Request, cut float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	noted = &Request{Method: r.Method, Key: r.URL.Path, Query: r.URL.RawQuery, Range: r.Header.Get("Range"), IfMatch: r.Header.Get("If-Match")}
	p.requests = append(p.requests, noted)
	n := p.seen
	p.seen++
	chance, which, cut := p.rng.Float64(), p.rng.Uint64(), p.rng.Float64()
	switch s := &p.schedule; {
	case s.Choose != nil:
		noted.Fault = s.Choose(n, r)
	case s.Only != nil && !s.Only(r) || chance >= s.Rate:
	case len(s.Faults) > 0:
		noted.Fault = s.Faults[which%uint64(len(s.Faults))]
	default:
		noted.Fault = 1 + Fault(which%uint64(Stall-1))
	}
	return noted, cut
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	noted, cut := p.note(r)
	switch noted.Fault {
	case SlowDown:
		io.Copy(io.Discard, r.Body)
		status(w, http.StatusServiceUnavailable, "SlowDown")
		return
	case Broken:
		io.Copy(io.Discard, r.Body)
		status(w, http.StatusInternalServerError, "InternalError")
		return
	case Reset:
		panic(http.ErrAbortHandler)
	}
	answer, err := p.pass(r)
	if err != nil || noted.Fault == Lost {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	p.give(w, r, answer, &fate{noted, cut})
}

// pass asks the server.
func (p *Proxy) pass(r *http.Request) (*http.Response, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), r.Body)
	if err != nil {
		return nil, err
	}
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, r.ContentLength // The host is signed.
	answer, err := p.client.Do(out)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusContinue {
		return nil, fmt.Errorf("unexpected status %d", answer.StatusCode)
	}
	return answer, nil
}

type fate struct {
	*Request
	cut float64
}

// give passes an answer on, as far as it goes.
func (p *Proxy) give(w http.ResponseWriter, r *http.Request, answer *http.Response, f *fate) {
	limit := answer.ContentLength
	if f.Fault >= Cut && limit > 0 && r.Method != http.MethodHead {
		limit = int64(f.cut * float64(limit))
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if f.Fault == Short && limit < answer.ContentLength {
		w.Header().Set("Content-Length", fmt.Sprint(limit))
	}
	p.mu.Lock()
	f.Status = answer.StatusCode
	p.mu.Unlock()
	w.WriteHeader(answer.StatusCode)
	// What is given is written down before it is: whoever has it may ask at once.
	body := io.Reader(&noting{answer.Body, p, f.Request})
	if limit >= 0 {
		body = io.LimitReader(body, limit)
	}
	io.Copy(w, body)
	if r.Method == http.MethodHead {
		limit = answer.ContentLength
	}
	if limit == answer.ContentLength || f.Fault == Short {
		return
	}
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	if f.Fault == Stall {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// noting counts what is read for a request.
type noting struct {
	io.Reader
	p  *Proxy
	of *Request
}

// Read reads and counts.
func (n *noting) Read(b []byte) (int, error) {
	k, err := n.Reader.Read(b)
	n.p.mu.Lock()
	n.of.Bytes += int64(k)
	n.p.mu.Unlock()
	return k, err
}
