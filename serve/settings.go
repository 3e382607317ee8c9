package serve

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// DefaultListen is where HTTP is served if the definition does not say.
const DefaultListen = "127.0.0.1:6566"

// Settings are what a definition says of serving, with the environment put in.
type Settings struct {
	Options
	Listen, GRPC string // addresses; GRPC is empty where there is none
}

// Environment is what settings take from outside.
type Environment struct {
	Lookup func(name string) (string, bool)
	Read   func(path string) ([]byte, error) // a file, beside the definition unless its path is absolute
}

// Configure makes settings of a definition that serves. Its faults are event.Faults and
// name no secret (R3).
func Configure(d *features.Definition, env Environment) (*Settings, error) {
	c := &configuring{def: d, env: env}
	o := d.Online.Serve
	s := &Settings{Listen: DefaultListen, Options: Options{Service: o.Service.Value, Insecure: o.Insecure.Given(), Body: o.Limits.Body, Batch: int(o.Limits.Batch), Rate: int(o.Limits.Rate)}}
	if o.Listen.Given() {
		s.Listen = c.address(o.Listen, "listen")
	}
	if o.GRPC.Given() {
		s.GRPC = c.address(o.GRPC, "grpc")
	}
	if us, err := features.ParseDuration(o.Limits.Wait.Value); err == nil {
		s.Wait = time.Duration(us) * time.Microsecond
	}
	for _, t := range o.Tokens {
		token, fault := features.ExpandSetting(t, c.env.Lookup)
		if fault != nil {
			c.fault(t, fault.Problem, "set it") // a secret has no default
		}
		s.Tokens = append(s.Tokens, token)
	}
	if o.TokenFile.Given() {
		s.Tokens = append(s.Tokens, c.tokenFile(o.TokenFile)...)
	}
	if o.TLS != nil {
		s.TLS = c.tls(o.TLS)
	}
	c.topics(s)
	if len(c.faults) == 0 {
		c.closed(s, o)
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return s, nil
}

// configuring collects what is wrong with settings.
type configuring struct {
	def    *features.Definition
	env    Environment
	faults event.Faults
}

func (c *configuring) fault(t features.Text, problem, mend string) {
	c.faults = append(c.faults, event.Fault{File: c.def.File, Line: t.Line, Column: t.Column, Words: t.Value, Problem: problem, Mend: mend})
}

func (c *configuring) expand(t features.Text) string {
	s, fault := features.ExpandSetting(t, c.env.Lookup)
	if fault != nil {
		fault.File = c.def.File
		c.faults = append(c.faults, *fault)
	}
	return s
}

// address is a HOST:PORT; that of a variable is held to it here.
func (c *configuring) address(t features.Text, key string) string {
	before := len(c.faults)
	s := c.expand(t)
	if _, _, err := net.SplitHostPort(s); err != nil && len(c.faults) == before {
		c.fault(t, fmt.Sprintf("%s is %q, no HOST:PORT", key, s), "write 127.0.0.1:6566")
	}
	return s
}

// file reads a file that the definition names.
func (c *configuring) file(t features.Text, what string) []byte {
	before := len(c.faults)
	path := c.expand(t)
	if len(c.faults) > before {
		return nil
	}
	b, err := c.env.Read(path)
	if err != nil {
		c.fault(t, fmt.Sprintf("%s: %s", what, err), "")
	}
	return b
}

// tokenFile reads tokens, one a line; lines that are empty or begin with # are none.
func (c *configuring) tokenFile(t features.Text) (tokens []string) {
	before := len(c.faults)
	for _, line := range strings.Split(string(c.file(t, "token_file")), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			tokens = append(tokens, line)
		}
	}
	if len(tokens) == 0 && len(c.faults) == before {
		c.fault(t, "token_file has no token", "write one a line")
	}
	return tokens
}

// tls reads the server's certificate, and whose clients may ask.
func (c *configuring) tls(o *features.ServingTLS) *tls.Config {
	before := len(c.faults)
	cert, key := c.file(o.Cert, "cert"), c.file(o.Key, "key")
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(c.faults) == before {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			c.fault(o.Cert, "cert and key are no certificate with its key: "+err.Error(), "")
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if o.ClientCA.Given() {
		before := len(c.faults)
		t.ClientCAs = x509.NewCertPool()
		if b := c.file(o.ClientCA, "client_ca"); !t.ClientCAs.AppendCertsFromPEM(b) && len(c.faults) == before {
			c.fault(o.ClientCA, "client_ca has no certificate in PEM", "")
		}
	}
	return t
}

// topics tells which sources a topic is of. A topic whose variable is not set is told
// of when it is opened.
func (c *configuring) topics(s *Settings) {
	s.Topics = map[string][]string{}
	for i := range c.def.Sources {
		src := &c.def.Sources[i]
		if src.Stream == nil {
			continue
		}
		if topic, fault := features.ExpandSetting(src.Stream.Topic, c.env.Lookup); fault == nil {
			s.Topics[topic] = append(s.Topics[topic], src.Name.Value)
		}
	}
}

// closed holds that other machines reach the server only if something says who may ask,
// before anything is loaded for it. What a name resolves to shows when it is opened.
func (c *configuring) closed(s *Settings, o *features.Serving) {
	g, err := newGuard(&s.Options)
	if err != nil {
		c.faults = append(c.faults, event.Fault{File: c.def.File, Problem: err.Error()})
		return
	}
	if g.settled() {
		return
	}
	for _, a := range []struct {
		address string
		text    features.Text
	}{{s.Listen, o.Listen}, {s.GRPC, o.GRPC}} {
		host, _, _ := net.SplitHostPort(a.address)
		ip, err := netip.ParseAddr(host)
		if a.address != "" && (host == "" || err == nil && !ip.Unmap().IsLoopback()) {
			c.fault(a.text, "other machines may reach "+a.address+", and nothing says who may ask", "give tokens, or tls with a client_ca, or listen at 127.0.0.1, or say insecure: true")
		}
	}
}
