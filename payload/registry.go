package payload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Connection says where a schema registry is, and who asks.
type Connection struct {
	URL            string // several are apart by commas
	User, Password string
	Token          string // in place of a user

	// TLS, beside the system's authorities: files of PEM.
	CA, Cert, Key string
	ServerName    string // if it is not the URL's host
}

// Registry is a schema registry that speaks Confluent's protocol. Each schema is
// asked for once. It may be used by many goroutines.
type Registry struct {
	client *sr.Client
	says   string // its address, without what is secret
	secret []string
	wait   func(ctx context.Context, d time.Duration) error

	mu    sync.Mutex
	known map[schemaKey]*fetched
}

// schemaKey is a schema as one format reads it.
type schemaKey struct {
	id     uint32
	format string
}

// fetched is a schema that was asked for, or is being. nil: not yet. That there is
// none is not kept: it may be on its way from one registry to another.
type fetched struct {
	mu     sync.Mutex
	schema *schema
}

const (
	attempts     = 5
	firstPause   = 200 * time.Millisecond // doubled each time
	askMost      = 10 * time.Second
	answerMost   = 16 << 20 // bytes of an answer
	knownMost    = 4096     // schemas, and ids that no schema may have
	referredMost = 256      // schemas that one schema refers to
)

// OpenRegistry makes ready to ask a registry. It does not ask yet.
func OpenRegistry(c Connection) (*Registry, error) {
	r := &Registry{known: map[schemaKey]*fetched{}, wait: pause, secret: []string{c.Password, c.Token}}
	var urls []string
	for _, one := range strings.Split(c.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("the registry's address is no URL; write http://registry:8081")
		}
		if u.User != nil { // Addresses stand in errors; who asks must not.
			password, _ := u.User.Password()
			c.User, c.Password = u.User.Username(), password
			r.secret = append(r.secret, password)
			u.User = nil
		}
		u.RawQuery, u.Fragment = "", ""
		urls = append(urls, u.String())
	}
	r.says = "registry " + strings.Join(urls, ", ")
	if c.User != "" && c.Token != "" {
		return nil, fmt.Errorf("%s: it is given both a user and a token; give one", r.says)
	}
	if c.CA+c.Cert+c.Key+c.ServerName != "" && strings.Contains(r.says, "http://") {
		return nil, fmt.Errorf("%s: it is given what TLS takes, and its address begins with http; write https, or leave tls out", r.says)
	}
	config, err := c.tls()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.says, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	opts := []sr.ClientOpt{sr.URLs(urls...), sr.UserAgent("timeseam"), sr.HTTPClient(&http.Client{Timeout: askMost, Transport: bounded{transport}})}
	if c.User != "" {
		opts = append(opts, sr.BasicAuth(c.User, c.Password))
	}
	if c.Token != "" {
		opts = append(opts, sr.BearerToken(c.Token))
	}
	r.client, err = sr.NewClient(opts...)
	return r, err
}

// tls is the configuration that the files say.
func (c *Connection) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities: %s has no certificate in PEM", c.CA)
		}
	}
	if c.Cert == "" && c.Key == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// bounded is a transport whose answers end.
type bounded struct{ of http.RoundTripper }

// RoundTrip asks once.
func (b bounded) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := b.of.RoundTrip(q)
	if err == nil {
		a.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(a.Body, answerMost), a.Body}
	}
	return a, err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// ask calls do until the registry answers, a few times. An error is outside of the
// messages, but where the registry knows nothing of what is asked for (errUnknown).
func (r *Registry) ask(ctx context.Context, do func() error) error {
	wait := firstPause
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		var answer *sr.ResponseError
		answered := errors.As(err, &answer)
		switch {
		case ctx.Err() != nil:
			return &outside{ctx.Err()}
		case answered && answer.StatusCode == http.StatusNotFound:
			return errUnknown
		case answered && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusRequestTimeout,
			!answered && hopeless(err), n == attempts:
			return &outside{fmt.Errorf("%s %s", r.says, r.refusal(err, n))}
		}
		if err := r.wait(ctx, wait); err != nil {
			return &outside{err}
		}
		wait *= 2
	}
}

// errUnknown is that the registry has no such schema.
var errUnknown = errors.New("unknown")

// hopeless reports whether asking again would give the same error.
func hopeless(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var certificate *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &certificate) || errors.As(err, &plain) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// refusal says what went wrong, after so many attempts.
func (r *Registry) refusal(err error, n int) string {
	var answer *sr.ResponseError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusUnauthorized:
		return "does not know who asks; check its user and password, or its token"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusForbidden:
		return "does not allow what is asked; let the user read schemas"
	case errors.As(err, &answer):
		return fmt.Sprintf("answered %d, %d times; look at the registry", answer.StatusCode, n)
	case errors.As(err, &authority):
		return "has a certificate of an unknown authority; name the authority's file"
	case errors.As(err, &host):
		return "has a certificate for another name; name the server as its certificate does"
	case hopeless(err):
		return "does not speak TLS as its address says; write http:// or https:// as it does"
	}
	// The innermost error says why, and no address with it.
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return fmt.Sprintf("cannot be asked (%s), %d times; look at the registry and at its address", r.masked(err.Error()), n)
}

// masked is a text without what is secret.
func (r *Registry) masked(text string) string {
	for _, secret := range r.secret {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// byID is the schema of an id. That there is none is an error of the message that
// says so.
func (r *Registry) byID(ctx context.Context, id uint32, o *Options) (*schema, error) {
	r.mu.Lock()
	key := schemaKey{id, o.Format}
	f := r.known[key]
	if f == nil {
		if len(r.known) >= knownMost { // Ids are whatever a message begins with.
			clear(r.known)
		}
		f = new(fetched)
		r.known[key] = f
	}
	r.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.schema != nil {
		return f.schema, nil
	}
	var text sr.Schema
	err := r.ask(ctx, func() (err error) {
		text, err = r.client.SchemaByID(ctx, int(id))
		return err
	})
	if err == errUnknown {
		return nil, fmt.Errorf("%s has no schema %d; the message was written with another registry, or the schema was deleted", r.says, id)
	}
	if err == nil {
		if f.schema, err = r.parse(ctx, text, o, fmt.Sprintf("schema %d", id)); err != nil {
			err = &outside{err}
		}
	}
	return f.schema, err
}

// newest is the newest schema of the subject.
func (r *Registry) newest(ctx context.Context, o *Options) (*schema, error) {
	var found sr.SubjectSchema
	err := r.ask(ctx, func() (err error) {
		found, err = r.client.SchemaByVersion(ctx, o.Subject, -1)
		return err
	})
	if err == errUnknown {
		return nil, &outside{fmt.Errorf("%s has no subject %s; %s", r.says, o.Subject, r.nearest(ctx, o.Subject))}
	}
	if err != nil {
		return nil, err
	}
	s, err := r.parse(ctx, found.Schema, o, fmt.Sprintf("schema %d of %s", found.ID, o.Subject))
	if err != nil || s.file == nil {
		return s, err
	}
	if o.Message == "" {
		return s.at([]int{0})
	}
	if s.message, err = messageCalled(files(s.file), o.Message); err != nil {
		return nil, fmt.Errorf("%s: %w", s.says, err)
	}
	return s, nil
}
