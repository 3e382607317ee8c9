package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// guard says who may ask, and how often (R4).
type guard struct {
	tokens   [][sha256.Size]byte
	certs    bool // clients must have a certificate
	insecure bool
	rate     int
	now      func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket is what a client may still ask for: a request takes one, and time fills it.
type bucket struct {
	left float64
	at   time.Time
}

// bucketsMost is how many clients are remembered. Beyond it those are forgotten whose
// buckets are full, which changes nothing for them.
const bucketsMost = 1 << 14

func newGuard(o *Options) (*guard, error) {
	g := &guard{certs: o.TLS != nil && o.TLS.ClientCAs != nil, insecure: o.Insecure, rate: o.Rate, now: o.Now, buckets: map[string]*bucket{}}
	for _, t := range o.Tokens {
		if len(t) < 8 || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, errors.New("a token of the server is shorter than 8 characters, or has others than those of ASCII that are seen; make one of random letters and digits")
		}
		g.tokens = append(g.tokens, sha256.Sum256([]byte(t)))
	}
	return g, nil
}

// settled reports whether it is said who may ask from other machines.
func (g *guard) settled() bool { return g.insecure || len(g.tokens) > 0 || g.certs }

// allows says why the server may not be reached at an address; nil: it may.
func (g *guard) allows(at net.Addr) error {
	if g.settled() {
		return nil
	}
	if a, err := netip.ParseAddrPort(at.String()); err == nil && a.Addr().Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("other machines may reach %s, and nothing says who may ask; give tokens, or tls with a client_ca, or listen at 127.0.0.1, or say insecure: true", at)
}

// asker is what tells who asks of a request, however it came.
type asker struct {
	authorization string
	address       string
	certificate   []byte // raw, of a client that proved it is its own; nil: none
}

// admit says why a client is not answered; nil: it is.
func (g *guard) admit(a *asker) *refusal {
	host, _, err := net.SplitHostPort(a.address)
	if err != nil {
		host = a.address
	}
	client := "address " + host
	if g.certs {
		if a.certificate == nil {
			return &refusal{code: http.StatusUnauthorized, problem: "a certificate is needed"}
		}
		sum := sha256.Sum256(a.certificate)
		client = "certificate " + hex.EncodeToString(sum[:8])
	}
	if len(g.tokens) > 0 {
		n := g.holder(a.authorization)
		if n < 0 {
			return &refusal{code: http.StatusUnauthorized, problem: "a bearer token is needed"}
		}
		client = fmt.Sprint("token ", n)
	}
	return g.spend(client)
}

// holder is which token a request bears; -1: none. All are compared, each in time that
// tells nothing of it.
func (g *guard) holder(authorization string) int {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return -1
	}
	sum, found := sha256.Sum256([]byte(strings.TrimSpace(token))), -1
	for i := range g.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], g.tokens[i][:]), i, found)
	}
	return found
}

// spend takes one of what a client may ask for.
func (g *guard) spend(client string) *refusal {
	if g.rate == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now, full := g.now(), float64(g.rate)
	b := g.buckets[client]
	if b == nil {
		if len(g.buckets) >= bucketsMost {
			g.forget(now)
		}
		if len(g.buckets) >= bucketsMost {
			return &refusal{code: http.StatusServiceUnavailable, problem: "too many clients ask at once", again: 1}
		}
		b = &bucket{left: full, at: now}
		g.buckets[client] = b
	}
	b.fill(now, full)
	if b.left < 1 {
		return &refusal{code: http.StatusTooManyRequests, problem: fmt.Sprintf("more than %d requests a second", g.rate), again: 1}
	}
	b.left--
	return nil
}

// fill adds what time has brought. A clock that was set back brings nothing.
func (b *bucket) fill(now time.Time, full float64) {
	if since := now.Sub(b.at); since > 0 {
		b.left = min(full, b.left+full*since.Seconds())
	}
	b.at = now
}

// forget lets go of clients whose buckets are full.
func (g *guard) forget(now time.Time) {
	full := float64(g.rate)
	for client, b := range g.buckets {
		if b.fill(now, full); b.left >= full {
			delete(g.buckets, client)
		}
	}
}
