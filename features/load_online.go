package features

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// online reads where the daemon serves and what it writes; nil: nothing is said. What
// takes a file or a network to tell is told when the daemon begins.
func (l *loader) online(d *Definition, n *yaml.Node) *Online {
	if quiet(n) {
		return nil
	}
	o := l.open(n, onlineSection, "online", Text{Pos: nodePos(n)})
	s := &Online{Pos: nodePos(n), Checkpoint: o.address("checkpoint"), PositionLog: o.address("position_log")}
	s.Serve = l.serving(d, o.take("serve"), o.of("serve"))
	if n := o.take("served_log"); !quiet(n) {
		m := l.open(n, servedLogSection, o.of("served_log"), Text{Pos: nodePos(n)})
		s.ServedLog = &ServedLog{Parquet: m.address("parquet"), Sample: m.share("sample")}
		if s.Serve == nil && !o.has("serve") {
			l.faultAt(Text{Pos: nodePos(n)}, m.subject+" where nothing is served", "add serve: {service: SERVICE}, or remove it")
		}
		m.close()
	}
	if n := o.take("archive"); !quiet(n) {
		m := l.open(n, archiveSection, o.of("archive"), Text{Pos: nodePos(n)})
		s.Archive = m.address("parquet")
		m.close()
	}
	o.close()
	return s
}

// serving reads who may ask for which service, and where.
func (l *loader) serving(d *Definition, n *yaml.Node, subject string) *Serving {
	if quiet(n) {
		return nil
	}
	o := l.open(n, serveSection, subject, Text{Pos: nodePos(n)})
	s := &Serving{Pos: nodePos(n), Service: o.word("service"), Listen: o.setting("listen"), GRPC: o.setting("grpc"), TokenFile: o.address("token_file"), Tokens: o.tokens("tokens")}
	l.reference(s.Service, "service", names(d.Services, func(s Service) string { return s.Name.Value }))
	for _, t := range []struct {
		key  string
		text Text
	}{{"listen", s.Listen}, {"grpc", s.GRPC}} {
		if t.text.Given() && !strings.Contains(t.text.Value, "${") && !hostPort(t.text.Value) {
			l.faultAt(t.text, fmt.Sprintf("%s is %s, no HOST:PORT", o.of(t.key), tick(t.text.Value)), "write 127.0.0.1:6566, or [::1]:6566, or 0.0.0.0:6566 for all addresses of the machine")
		}
	}
	if s.GRPC.Given() && s.GRPC.Value == s.Listen.Value {
		l.faultAt(s.GRPC, o.of("grpc")+" is the address of HTTP", "give it a port of its own")
	}
	if t := o.take("tls"); !quiet(t) {
		m := l.open(t, serveTLSSection, o.of("tls"), Text{Pos: nodePos(t)})
		s.TLS = &ServingTLS{Cert: m.address("cert"), Key: m.address("key"), ClientCA: m.address("client_ca")}
		m.close()
	}
	s.Insecure = o.insecure(s)
	if m := o.take("limits"); !quiet(m) {
		s.Limits = l.limits(m, o.of("limits"))
	}
	o.close()
	return s
}

// hostPort reports whether s has a host, which may be empty, and a port.
func hostPort(s string) bool {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return false
	}
	if _, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil {
		return false
	}
	host := s[:i]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return strings.Trim(host, "[]0123456789abcdefABCDEF:.") == "" && strings.Contains(host, "::")
	}
	return !strings.ContainsAny(host, ":/[]@ \t")
}

// tokens reads secrets. They come from the environment: what stands in a definition is
// read by everyone who reads the definition. A fault must not quote one, so that it
// names its line and stands at no place.
func (o *object) tokens(name string) (all []Text) {
	n := o.take(name)
	if quiet(n) || !o.filled(n, o.of(name), "name a variable, or remove the key") {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		o.faultAt(Text{}, fmt.Sprintf("%s, in line %d, must be a list", o.of(name), n.Line), `write ["${TOKEN}"]`)
		return nil
	}
	for _, item := range n.Content {
		if quiet(item) {
			continue
		}
		v, fault := nextVariable(Text{Value: item.Value}, 0)
		if item.Kind != yaml.ScalarNode || fault != nil || v.name == "" || v.hasDefault || v.start > 0 || v.end < len(item.Value) {
			o.faultAt(Text{}, fmt.Sprintf("an item in %s, in line %d, is no variable of the environment", o.of(name), item.Line), "a definition holds no secret: write \"${TOKEN}\", without a default")
			continue
		}
		all = append(all, o.lines.text(item))
	}
	return all
}

// insecure reads the word that opens the server to everybody. Beside tokens or client
// certificates it would say two things.
func (o *object) insecure(s *Serving) (t Text) {
	n := o.take("insecure")
	if quiet(n) {
		return t
	}
	if n.Kind != yaml.ScalarNode || n.Value != "true" {
		o.fault(n, o.of("insecure")+" can only be true", "remove it; a server is closed where nothing is said")
		return t
	}
	t = o.lines.text(n)
	if len(s.Tokens) > 0 || s.TokenFile.Given() || s.TLS != nil && s.TLS.ClientCA.Given() {
		o.faultAt(t, o.of("insecure")+" beside tokens or a client_ca", "remove one; without insecure only who has a token or a certificate may ask")
	}
	return t
}

// limits reads what a request may ask for.
func (l *loader) limits(n *yaml.Node, subject string) (s Limits) {
	o := l.open(n, limitsSection, subject, Text{Pos: nodePos(n)})
	s.Body, _ = o.count("body")
	s.Batch, _ = o.count("batch")
	s.Rate, _ = o.count("rate")
	s.Wait = o.span("wait")
	o.close()
	return s
}
