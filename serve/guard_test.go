package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
)

const question = `{"features":["spend:n_1h"],"entities":{"account_id":["a"]}}`

// TestTokens holds that only who bears a token is answered, and that no answer and no
// log tells one.
func TestTokens(t *testing.T) {
	var log strings.Builder
	s := newTestServer(t, Options{Tokens: []string{"first-s3cret", "other-s3cret"}, Log: slog.New(slog.NewTextHandler(&log, nil)), Also: map[string]http.Handler{
		"GET /more": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("more")) })}})
	h := s.Handler()
	for _, c := range []struct {
		authorization string
		code          int
	}{{"", 401}, {"first-s3cret", 401}, {"Bearer first-s3cret", 200}, {"bearer  other-s3cret ", 200}, {"Bearer first-s3cre", 401}, {"Bearer first-s3crett", 401}, {"Basic first-s3cret", 401}, {"Bearer ", 401}} {
		code, body, headers := post(h, question, "Authorization", c.authorization)
		if code != c.code || code == 401 && headers.Get("WWW-Authenticate") != "Bearer" || strings.Contains(body, "s3cr") {
			t.Errorf("%q: %d %s %v", c.authorization, code, body, headers)
		}
	}
	for page, want := range map[string]int{"/features/trade?shop_id=7": 401, "/more": 401, "/healthz": 200, "/readyz": 200} {
		if code, body := get(h, page); code != want {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Error(log.String())
	}
	for _, token := range []string{"seven77", "has a space", "has\ttab and more", "ünïcödé-token"} {
		if _, err := New(newTestEngine(t), Options{Service: "all", Tokens: []string{token}}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// TestRate holds that a client which asks too often is told to wait, that others are
// not, and that time mends it.
func TestRate(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newTestServer(t, Options{Rate: 3, Tokens: []string{"first-s3cret", "other-s3cret"}, Now: func() time.Time { return now }})
	h := s.Handler()
	codes := func(token string, n int) (all string) {
		for range n {
			code, _, headers := post(h, question, "Authorization", "Bearer "+token)
			if (code == 429) != (headers.Get("Retry-After") == "1") {
				t.Errorf("%d %v", code, headers)
			}
			all += fmt.Sprint(code, " ")
		}
		return all
	}
	if got := codes("first-s3cret", 5); got != "200 200 200 429 429 " {
		t.Error(got)
	}
	if got := codes("other-s3cret", 1); got != "200 " {
		t.Error(got)
	}
	now = now.Add(-time.Hour)
	if got := codes("first-s3cret", 1); got != "429 " {
		t.Error(got)
	}
	now = now.Add(700 * time.Millisecond)
	if got := codes("first-s3cret", 3); got != "200 200 429 " {
		t.Error(got)
	}
}

// TestManyClients holds that what is remembered of clients has a bound, and that who
// asks no more is forgotten.
func TestManyClients(t *testing.T) {
	now := time.Unix(1000, 0)
	g, err := newGuard(&Options{Rate: 1, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range bucketsMost {
		if r := g.admit(&asker{address: fmt.Sprintf("[2001:db8::%x]:%d", i, i)}); r != nil {
			t.Fatal(i, r)
		}
	}
	if r := g.admit(&asker{address: "192.0.2.1:80"}); r == nil || r.code != 503 || len(g.buckets) != bucketsMost {
		t.Errorf("%v, %d clients", r, len(g.buckets))
	}
	now = now.Add(2 * time.Second)
	if r := g.admit(&asker{address: "192.0.2.1:80"}); r != nil || len(g.buckets) != 1 {
		t.Errorf("%v, %d clients", r, len(g.buckets))
	}
}

// TestLoopback holds that a server that asks nobody who he is listens to its own
// machine alone.
func TestLoopback(t *testing.T) {
	for _, c := range []struct {
		address string
		o       Options
		refused bool
	}{
		{"127.0.0.1:0", Options{}, false},
		{"localhost:0", Options{}, false},
		{":0", Options{}, true},
		{"0.0.0.0:0", Options{}, true},
		{"0.0.0.0:0", Options{Insecure: true}, false},
		{"0.0.0.0:0", Options{Tokens: []string{"first-s3cret"}}, false},
		{"0.0.0.0:0", Options{TLS: &tls.Config{}}, true},
		{"0.0.0.0:0", Options{TLS: &tls.Config{ClientCAs: x509.NewCertPool()}}, false},
	} {
		s := newTestServer(t, c.o)
		l, err := s.Open(t.Context(), c.address)
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "nothing says who may ask") {
			t.Errorf("%s: %v", c.address, err)
		}
		if err == nil {
			l.Close()
		}
	}
	s := newTestServer(t, Options{})
	var c net.ListenConfig
	over, stop := context.WithCancel(t.Context())
	stop() // who listens all the same ends at once, and says nothing
	for name, serve := range map[string]func(context.Context, net.Listener) error{"http": s.Serve, "grpc": s.ServeGRPC} {
		l, err := c.Listen(t.Context(), "tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := serve(over, l); err == nil || !strings.Contains(err.Error(), "nothing says who may ask") {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the listener is open: %v", name, err)
		}
	}
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate and its key, in PEM.
func (a *authority) issue(name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// client is a client of HTTP that trusts the authority and shows a certificate of
// another one, nil: none.
func (a *authority) client(of *authority) *http.Client {
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(a.cert)
	if of != nil {
		pair, err := tls.X509KeyPair(of.issue("client"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// running serves until the test ends, and returns where.
func running(t *testing.T, s *Server, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	l, err := s.Open(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// TestCertificates holds that with an authority for clients only theirs are answered,
// but that a probe needs none.
func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	cert, key := ours.issue("server")
	dir := t.TempDir()
	for name, b := range map[string][]byte{"cert": cert, "key": key, "ca": ours.pem()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := configured(t, dir, "tls: {cert: cert, key: key, client_ca: ca}", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(newTestEngine(t), settings.Options)
	if err != nil {
		t.Fatal(err)
	}
	at := "https://" + running(t, s, s.Serve)
	ask := func(c *http.Client, page string) (int, string) {
		if page == "" {
			r, err := c.Post(at+"/get-online-features", "application/json", strings.NewReader(question))
			return asked(t, r, err)
		}
		r, err := c.Get(at + page)
		return asked(t, r, err)
	}
	if code, body := ask(ours.client(ours), ""); code != 200 {
		t.Errorf("with a certificate: %d %s", code, body)
	}
	if code, body := ask(ours.client(nil), ""); code != 401 {
		t.Errorf("without: %d %s", code, body)
	}
	if code, body := ask(ours.client(nil), "/healthz"); code != 200 {
		t.Errorf("a probe: %d %s", code, body)
	}
	if code, body := ask(ours.client(theirs), ""); code != 0 {
		t.Errorf("with a certificate of others: %d %s", code, body)
	}
}

// configured is the settings of a definition that serves with some more keys.
func configured(t *testing.T, dir, keys string, env map[string]string) (*Settings, error) {
	t.Helper()
	d, err := features.Load("s.yaml", []byte(definition+"online:\n  serve:\n    service: all\n    "+keys+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return Configure(d, Environment{
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Read:   func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, path)) },
	})
}

// TestConfigure holds what a definition's settings become.
func TestConfigure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tokens"), []byte("# ours\n\nthird-s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := configured(t, dir, "listen: \"${HOST:-0.0.0.0}:1\"\n    grpc: localhost:2\n    tokens: [\"${A}\"]\n    token_file: \"${F}\"\n    limits: {body: 5, batch: 6, rate: 7, wait: 8ms}", map[string]string{"A": "first-s3cret", "F": "tokens"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Listen, s.GRPC, s.Service, s.Tokens, s.Insecure, s.Body, s.Batch, s.Rate, s.Wait, s.Topics); got != "0.0.0.0:1localhost:2all[first-s3cret third-s3cret] false 5 6 7 8ms map[payments:[tx]]" {
		t.Error(got)
	}
	for _, c := range []struct{ keys, fault string }{
		{"listen: 0.0.0.0:1", "s.yaml:24:13: other machines may reach 0.0.0.0:1, and nothing says who may ask; give tokens, or tls with a client_ca, or listen at 127.0.0.1, or say insecure: true"},
		{"grpc: \":2\"", "s.yaml:24:11: other machines may reach :2, and nothing says who may ask; give tokens, or tls with a client_ca, or listen at 127.0.0.1, or say insecure: true"},
		{"listen: \"${A}\"", `s.yaml:24:13: listen is "short", no HOST:PORT; write 127.0.0.1:6566`},
		{"tokens: [\"${B}\"]", "s.yaml:24:14: environment variable `B` is not set; set it"},
		{"tokens: [\"${A}\"]", "s.yaml: a token of the server is shorter than 8 characters, or has others than those of ASCII that are seen; make one of random letters and digits"},
		{"token_file: none", "s.yaml:24:17: token_file: open " + filepath.Join(dir, "none") + ": no such file or directory"},
		{"tls: {cert: tokens, key: tokens}", "s.yaml:24:17: cert and key are no certificate with its key: tls: failed to find any PEM data in certificate input"},
	} {
		if _, err := configured(t, dir, c.keys, map[string]string{"A": "short"}); err == nil || err.Error() != c.fault {
			t.Errorf("%s\n got  %v\n want %s", c.keys, err, c.fault)
		}
	}
}

// TestDrain holds that an answer under way is given when the server is told to end, and
// that new ones are not.
func TestDrain(t *testing.T) {
	s := newTestServer(t, Options{Topics: map[string][]string{"payments": {"tx"}}, Wait: time.Minute})
	l, err := s.Open(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	answered := make(chan string, 1)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	go func() {
		r, err := (&http.Client{Transport: transport}).Post("http://"+l.Addr().String()+"/get-online-features", "application/json", strings.NewReader(`{"features":["trade:n"],"entities":{"shop_id":[7]},"positions":{"payments/0":5}}`))
		code, body := asked(t, r, err)
		answered <- fmt.Sprint(code, " ", body)
	}()
	for len(s.waits) == 0 { // the request is there and waits
		select {
		case got := <-answered:
			t.Fatal(got)
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
	stop()
	for !s.draining.Load() {
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
	if code, _ := get(s.Handler(), "/readyz"); code != 503 {
		t.Errorf("readyz of a server that ends: %d", code)
	}
	b := payments(s.catalog.Load().engine, "a", 1)
	b.Next = 6
	s.catalog.Load().engine.Apply(b)
	if got := <-answered; !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"values":[4]`) {
		t.Error(got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCrowd holds that requests beyond what is answered at once are told to come again.
func TestCrowd(t *testing.T) {
	s := newTestServer(t, Options{})
	for range flightMost {
		s.flights <- struct{}{}
	}
	if code, body, headers := post(s.Handler(), question); code != 503 || headers.Get("Retry-After") != "1" {
		t.Errorf("%d %s", code, body)
	}
	<-s.flights
	if code, body, _ := post(s.Handler(), question); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	for range waitsMost {
		s.waits <- struct{}{}
	}
	if code, body, _ := post(s.Handler(), `{"features":["trade:n"],"entities":{"shop_id":[7]},"positions":{"tx/0":5}}`); code != 503 {
		t.Errorf("%d %s", code, body)
	}
}

// TestBeside asks while batches are applied that touch two accounts alike: what one
// answer says of them is of one epoch.
func TestBeside(t *testing.T) {
	s := newTestServer(t, Options{})
	e, h, done := s.catalog.Load().engine, s.Handler(), make(chan struct{})
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				code, body, headers := post(h, `{"features":["spend:n_1d","spend:latest_1d"],"entities":{"account_id":["x","y"]}}`)
				if code, one, _ := post(h, `{"features":["spend:latest_1d"],"entities":{"account_id":["x"]}}`); code != 200 {
					t.Error(one) // a text that is the state's own would be a race
				}
				var n int
				if _, err := fmt.Sscan(headers.Get(epochHeader), &n); err != nil || code != 200 || !strings.Contains(body, fmt.Sprintf(`{"values":[%d,%d],`, n-1, n-1)) {
					t.Errorf("epoch %d: %d %s", n, code, body)
					return
				}
			}
		})
	}
	for i := range 200 {
		b, more := payments(e, "x", float64(i)), payments(e, "y", float64(i))
		for c := range b.Rows.Columns {
			b.Rows.Columns[c].Append(&more.Rows.Columns[c], 0)
		}
		b.Rows.Len++
		e.Apply(b)
	}
	close(done)
	wait.Wait()
}

// TestSlowClient holds that connections have bounds of time.
func TestSlowClient(t *testing.T) {
	if headerTimeout <= 0 || readTimeout <= headerTimeout || writeTimeout <= 0 || idleTimeout <= 0 {
		t.Error("a timeout is none")
	}
	h := newTestServer(t, Options{}).Handler()
	r := httptest.NewRequest("POST", "/get-online-features", failing{})
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// failing is a body that ends before its last byte.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut off") }
