package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// The headers of an answer. Feast's clients read bodies alone, and find there what
// they know.
const (
	epochHeader     = "Timeseam-Epoch"
	asOfHeader      = "Timeseam-As-Of"
	watermarkHeader = "Timeseam-Watermark"
	stalenessHeader = "Timeseam-Staleness"
	digestHeader    = "Timeseam-Digest"
	reachedHeader   = "Timeseam-Reached"
)

// Handler is what answers HTTP. Pages that only tell whether the process lives and can
// answer ask nobody who he is.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Probe(mux)
	mux.HandleFunc("POST /get-online-features", s.guarded("http", s.post))
	mux.HandleFunc("GET /features/{name}", s.guarded("get", s.get))
	for pattern, h := range s.o.Also {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if refused := s.guard.admit(askerOf(r)); refused != nil {
				refuse(w, refused)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	return mux
}

// Probe adds the pages that tell whether the process goes on, and whether it can answer.
func (s *Server) Probe(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.tellAlive)
	for _, page := range []string{"GET /readyz", "GET /health"} {
		mux.HandleFunc(page, s.tellReady)
	}
}

func (s *Server) tellAlive(w http.ResponseWriter, _ *http.Request) {
	if s.o.Alive != nil {
		if err := s.o.Alive(); err != nil {
			refuse(w, &refusal{code: http.StatusServiceUnavailable, problem: err.Error()})
			return
		}
	}
	say(w, http.StatusOK, "alive")
}

func (s *Server) tellReady(w http.ResponseWriter, _ *http.Request) {
	refused := s.ready()
	if s.leaving.Load() {
		refused = &refusal{code: http.StatusServiceUnavailable, problem: "the server is stopping", again: 1}
	}
	if refused != nil {
		refuse(w, refused)
		return
	}
	say(w, http.StatusOK, "ready")
}

// say answers with one line.
func say(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, line+"\n")
}

// refuse answers with the sentence of a refusal, where FastAPI has it.
func refuse(w http.ResponseWriter, r *refusal) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if r.again > 0 {
		h.Set("Retry-After", strconv.Itoa(r.again))
	}
	if r.code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(r.code)
	w.Write(append(appendText([]byte(`{"detail":`), r.problem), '}'))
}

// askerOf tells who sent a request.
func askerOf(r *http.Request) *asker {
	a := &asker{authorization: r.Header.Get("Authorization"), address: r.RemoteAddr}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		a.certificate = r.TLS.PeerCertificates[0].Raw
	}
	return a
}

// buffers are what answers are written into.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// bufferMost is how large a buffer may be to be used again.
const bufferMost = 1 << 20

// guarded answers who may ask, as long as not too many are answered at once.
func (s *Server) guarded(way string, answer func(http.ResponseWriter, *http.Request, *[]byte) (*reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := &Exchange{Way: way, Code: http.StatusOK, Began: s.o.Now()}
		a, err := func() (*reply, error) {
			if refused := s.guard.admit(askerOf(r)); refused != nil {
				return nil, refused
			}
			leave, refused := s.enter()
			if refused != nil {
				return nil, refused
			}
			defer leave()
			b := buffers.Get().(*[]byte)
			a, err := answer(w, r, b)
			if cap(*b) <= bufferMost {
				buffers.Put(b)
			}
			return a, err
		}()
		if err != nil {
			refused := s.refusalOf(err)
			x.Code = refused.code
			refuse(w, refused)
		}
		s.seen(x, a)
		a.done()
	}
}

// done lets go of what nobody needs any more; nil: there was no answer.
func (a *reply) done() {
	if a != nil {
		a.answer.Done()
	}
}

// enter takes a place among the requests that are answered at once (R2).
func (s *Server) enter() (leave func(), refused *refusal) {
	select {
	case s.flights <- struct{}{}:
		return func() { <-s.flights }, nil
	default:
		return nil, &refusal{code: http.StatusServiceUnavailable, problem: "too many requests at once", again: 1}
	}
}

// refusalOf is what is said of an error. One that is no refusal is a fault of ours,
// which is logged and not told: it may name what is nobody's business (R3).
func (s *Server) refusalOf(err error) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &refusal{code: http.StatusServiceUnavailable, problem: "the request ended before its answer", again: 1}
	}
	s.o.Log.Error("a question was not answered", "error", err)
	return &refusal{code: http.StatusInternalServerError, problem: "the question could not be answered; the server's log says why"}
}

// seen tells who wants to know of a request.
func (s *Server) seen(x *Exchange, a *reply) {
	if s.o.Seen == nil {
		return
	}
	x.Took = s.o.Now().Sub(x.Began)
	if a != nil {
		x.Questions, x.Outputs, x.Answer, x.Engine = a.asked, a.selected.part.Outputs, a.answer, a.catalog.engine
	}
	s.o.Seen(x)
}

// post answers POST /get-online-features.
func (s *Server) post(w http.ResponseWriter, r *http.Request, b *[]byte) (*reply, error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") && media != "application/x-www-form-urlencoded" {
			return nil, &refusal{code: http.StatusUnsupportedMediaType, problem: "a request is application/json"}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.Body))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &refusal{code: http.StatusRequestEntityTooLarge, problem: fmt.Sprintf("the request has more than %d bytes; ask in several requests", s.o.Body)}
		}
		return nil, &refusal{code: http.StatusBadRequest, problem: "the request ends before its last byte"}
	}
	q, err := readRequest(body, s.o.Batch)
	if err != nil {
		return nil, err
	}
	a, err := s.ask(r.Context(), q)
	if err != nil {
		return nil, err
	}
	*b = appendReply((*b)[:0], a)
	a.write(w, *b)
	return a, nil
}

// write writes an answer and what is to be known of it.
func (a *reply) write(w http.ResponseWriter, body []byte) {
	h := w.Header()
	a.tell(h.Set)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// tell says of an answer how fresh it is.
func (a *reply) tell(set func(key, value string)) {
	set(epochHeader, strconv.FormatUint(a.answer.Epoch, 10))
	set(asOfHeader, a.answer.At.String())
	set(digestHeader, a.catalog.plan.Digest())
	if a.progress.Watermark > event.MinTime {
		set(watermarkHeader, a.progress.Watermark.String())
	}
	if a.progress.Staleness >= 0 {
		set(stalenessHeader, strconv.FormatFloat(a.progress.Staleness.Seconds(), 'f', 6, 64))
	}
	if a.awaited {
		set(reachedHeader, strconv.FormatBool(a.reached))
	}
}

// get answers GET /features/NAME?KEY=VALUE: of a service, a view or a feature, for one
// entity.
func (s *Server) get(w http.ResponseWriter, r *http.Request, b *[]byte) (*reply, error) {
	q, err := s.readQuery(r.PathValue("name"), r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	a, err := s.ask(r.Context(), q)
	if err != nil {
		return nil, err
	}
	*b = appendEntity((*b)[:0], a)
	a.write(w, *b)
	return a, nil
}

// readQuery reads what stands behind the question mark: keys and request fields by
// name, each once, and as_of, positions and wait as the body of a POST has them. What a
// column is called so must be asked for by POST.
func (s *Server) readQuery(name, query string) (*request, error) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, wrong("what stands behind the question mark is not as URLs write it")
	}
	r := &request{full: true, wait: -1, most: s.o.Batch}
	if r.service = name; name != s.catalog.Load().service {
		r.service, r.features = "", []string{name}
	}
	for _, key := range sortedKeys(given) {
		if len(given[key]) > 1 {
			return nil, wrong("%s stands twice; this page answers for one entity, POST /get-online-features for several", quoted(key))
		}
		switch value := given[key][0]; key {
		case "as_of":
			err = r.at(value)
		case "wait":
			err = r.waitFor(value)
		case "positions":
			err = r.readPairs(value)
		default:
			r.entities = append(r.entities, oneText(key, value))
		}
		if err != nil {
			return nil, err
		}
	}
	return r, r.check()
}

func sortedKeys(v url.Values) (keys []string) {
	for key := range v {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// oneText is a column of one row with a text; nothing at all is null.
func oneText(name, value string) given {
	if value == "" {
		return given{name, []json.RawMessage{json.RawMessage("null")}}
	}
	return given{name, []json.RawMessage{appendText(nil, value)}}
}

// readPairs reads positions as TOPIC/PARTITION=OFFSET, separated by commas.
func (r *request) readPairs(text string) error {
	r.positions = map[string]int64{}
	for _, pair := range strings.Split(text, ",") {
		key, offset, found := cutLast(strings.TrimSpace(pair), '=')
		n, err := strconv.ParseInt(offset, 10, 64)
		if !found || err != nil {
			return wrong("positions has %s; write TOPIC/PARTITION=OFFSET", quoted(pair))
		}
		if err := r.position(key, n); err != nil {
			return err
		}
	}
	return nil
}

// appendEntity appends the answer for one entity: values by name, and how fresh they
// are.
func appendEntity(b []byte, a *reply) []byte {
	b = append(b, `{"as_of":`...)
	b = appendTime(b, a.times[0])
	b = strconv.AppendUint(append(b, `,"epoch":`...), a.answer.Epoch, 10)
	b = append(b, `,"watermark":`...)
	if a.progress.Watermark > event.MinTime {
		b = appendTime(b, a.progress.Watermark)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"staleness":`...)
	if a.progress.Staleness >= 0 {
		b = appendDouble(b, a.progress.Staleness.Round(time.Microsecond).Seconds())
	} else {
		b = append(b, "null"...)
	}
	if a.awaited {
		b = strconv.AppendBool(append(b, `,"reached":`...), a.reached)
	}
	b = append(b, `,"entities":{`...)
	for i, at := range a.echoed {
		b = append(appendText(comma(b, i), a.catalog.plan.Queries.Columns[at].Name), ':')
		b = appendValue(b, &a.asked.Columns[at], 0)
	}
	b = append(b, `},"features":{`...)
	for i, name := range a.selected.names {
		b = append(appendText(comma(b, i), name), ':')
		b = appendValue(b, &a.answer.Columns[i], 0)
	}
	b = append(b, `},"not_found":[`...)
	n := 0
	for i, name := range a.selected.names {
		if !a.known(i, 0) {
			b = appendText(comma(b, n), name)
			n++
		}
	}
	return append(b, "]}"...)
}
