package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What callers branch on.
var (
	// ErrUnknownTopic is that a cluster has no topic of that name.
	ErrUnknownTopic = errors.New("there is no such topic")
	// ErrChanged is that a topic is not the one that was asked for before: it was
	// made anew, or has other partitions.
	ErrChanged = errors.New("the topic was changed")
	// ErrGone is that offsets of a range are not there, or no longer.
	ErrGone = errors.New("the offsets are gone")
	// ErrPoison is that a value cannot be read, and that no dead letter takes it.
	ErrPoison = errors.New("a value cannot be read")
)

var (
	errGarbled = errors.New("a broker answers what was not asked")
	errClosed  = errors.New("the part is closed")
)

// Fault is an error as one sentence without secrets. Its cause is dropped on
// purpose: what clients and brokers write may quote what was sent (K6).
type Fault struct {
	words string
	kind  error // one of those above, or nil
}

// Error is the sentence.
func (f *Fault) Error() string { return f.words }

// Unwrap is the kind of the fault.
func (f *Fault) Unwrap() error { return f.kind }

// ofPartition is an error of one partition.
type ofPartition struct {
	partition int32
	err       error
}

// Error names the partition.
func (p *ofPartition) Error() string { return fmt.Sprintf("partition %d: %v", p.partition, p.err) }

// Unwrap is the error.
func (p *ofPartition) Unwrap() error { return p.err }

// passes reports whether an error may be another one in a while. Brokers that
// restart refuse connections and cut them, so what is of the network passes; what a
// broker, a certificate or a name server has decided does not. A connection that is cut
// before anything was said on it is what wrong settings look like, and, once brokers have
// answered, what one that starts again looks like.
func (c *Cluster) passes(err error) bool {
	var ours *Fault
	var name *net.DNSError
	var verified *tls.CertificateVerificationError
	var alert tls.AlertError
	var header tls.RecordHeaderError
	var first *kgo.ErrFirstReadEOF
	var of *kerr.Error
	switch {
	case errors.As(err, &ours), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrClientClosed):
		return false
	case errors.As(err, &verified), errors.As(err, &alert), errors.As(err, &header), isTLSAlert(err):
		return false
	case errors.As(err, &first):
		return c.greeted
	case errors.As(err, &name):
		return !name.IsNotFound
	case errors.As(err, &of):
		return of.Retriable && of != kerr.UnknownTopicOrPartition && of != kerr.UnknownTopicID && of != kerr.InconsistentTopicID
	}
	return true
}

// fault makes a sentence of an error.
func (c *Cluster) fault(err error) error {
	var ours *Fault
	if errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	words := c.words(err)
	var of *ofPartition
	if errors.As(err, &of) {
		words = fmt.Sprintf("partition %d: %s", of.partition, words)
	}
	var often *tired
	if errors.As(err, &often) && often.attempts > 1 {
		words += fmt.Sprintf(" (%d attempts)", often.attempts)
	}
	if secret := string(c.conn.SASL.Password); secret != "" {
		words = strings.ReplaceAll(words, secret, "***")
	}
	return &Fault{words: words}
}

// words says what went wrong.
func (c *Cluster) words(err error) string {
	if words := c.refused(err); words != "" {
		return words
	}
	if words := c.unsafe(err); words != "" {
		return words
	}
	var name *net.DNSError
	var dial *net.OpError
	var first *kgo.ErrFirstReadEOF
	var of *kerr.Error
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("host %s is not known; check the brokers' addresses and the network", name.Name)
	case c.greeted && (errors.As(err, &first) || errors.Is(err, io.EOF)):
		return c.hungUpLater()
	case errors.As(err, &first), errors.Is(err, io.EOF) && c.conn.TLS.On:
		return c.hungUp()
	case errors.As(err, &of):
		return fmt.Sprintf("a broker refuses: %s (%s)", strings.TrimSuffix(strings.TrimSpace(of.Description), "."), of.Message)
	case errors.As(err, &dial) && dial.Op == "dial" && dial.Addr != nil:
		return fmt.Sprintf("broker %s cannot be reached: %v; check the address, and that it runs", dial.Addr, dial.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return c.hungUpLater()
	case errors.As(err, &dial):
		return fmt.Sprintf("the connection to a broker broke: %v; check that it runs, and run again", dial.Err)
	}
	var often *tired
	if errors.As(err, &often) {
		err = often.err
	}
	return err.Error()
}

// refused is what a broker says that there is a mend for.
func (c *Cluster) refused(err error) string {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), strings.Contains(err.Error(), "SASL_AUTHENTICATION_FAILED"):
		return fmt.Sprintf("the brokers refuse user %s by %s; check the user and its password", c.conn.SASL.User, c.conn.SASL.Mechanism)
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("the brokers do not offer the SASL mechanism %s; check which they do", c.conn.SASL.Mechanism)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Sprintf("%s may not do this with the topic; it needs the permissions Describe and Read on it, and Write on a topic for dead letters", c.who())
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Sprintf("%s may not do this in the cluster; it needs the permission IdempotentWrite to write dead letters", c.who())
	case errors.Is(err, kerr.LeaderNotAvailable), errors.Is(err, kerr.NotLeaderForPartition), errors.Is(err, kerr.ListenerNotFound):
		return "no broker leads it; check that enough brokers run, and run again"
	}
	return ""
}

// who is as whom is asked.
func (c *Cluster) who() string {
	if c.conn.SASL.Mechanism == "" {
		return "who asks without SASL"
	}
	return "user " + c.conn.SASL.User
}

// unsafe is what is wrong with certificates.
func (c *Cluster) unsafe(err error) string {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate of a broker is not for %s but for %s; check the address, or name the server that the certificate is for", host.Host, certified(host.Certificate))
	case errors.As(err, &authority):
		return "the certificate of a broker is signed by nobody who is trusted; name the file of the authority that signed it"
	case errors.As(err, &invalid):
		return fmt.Sprintf("the certificate of a broker is not valid: %v", invalid)
	case errors.As(err, &header):
		return "TLS is on, and what answers does not speak it; turn it off, or name the brokers' port for TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return fmt.Sprintf("a broker ends TLS (%s); where brokers want to know who asks, name a certificate and its key", lastOf(err))
	case isTLSAlert(err):
		return "TLS is off, and the brokers speak it; turn it on, or name the brokers' port without it"
	}
	return ""
}

// isTLSAlert reports whether the client took a length for what TLS answers to who
// does not speak it. Its error has no type that could be asked for.
func isTLSAlert(err error) bool { return strings.Contains(err.Error(), "tls alert record") }

// certified is whom a certificate is for.
func certified(cert *x509.Certificate) string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// lastOf is the innermost error's words.
func lastOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// hungUp is why a broker ends a connection on which nothing was said yet, as far as
// our own settings tell.
func (c *Cluster) hungUp() string {
	why := "it may want TLS, which is off"
	switch tls, sasl := c.conn.TLS.On, c.conn.SASL.Mechanism != ""; {
	case tls && sasl:
		why = "TLS is on, and it may not speak it on this port"
	case tls:
		why = "TLS is on, and it may not speak it on this port, or it may want SASL, which is not set"
	case !sasl:
		why = "it may want TLS or SASL, and neither is set"
	}
	return "a broker ends the connection at once; " + why
}

// hungUpLater is why a broker ends a connection on which something was said. Some
// answer a wrong password so.
func (c *Cluster) hungUpLater() string {
	if c.conn.SASL.Mechanism == "" {
		return "a broker ended the connection; check that it runs, and run again"
	}
	return fmt.Sprintf("a broker ended the connection; check that it runs, and that user %s and its password are right", c.conn.SASL.User)
}
