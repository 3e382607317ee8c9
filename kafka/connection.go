package kafka

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Connection is how a cluster is reached.
type Connection struct {
	Brokers []string // host:port; any of them leads to the others
	TLS     TLS
	SASL    SASL
	// Attempts is how often what may pass is asked for, 0 for attemptsMost. They come
	// after longer and longer pauses, so that sixteen last about a minute: the
	// election of another leader may take a quarter of that.
	Attempts int
	// Pause is what the first of those pauses lasts, 0 for pauseFirst.
	Pause time.Duration
}

// TLS is how a connection is encrypted. Its files are of PEM.
type TLS struct {
	On         bool
	CA         string // whom to trust; empty: whom the machine trusts
	Cert, Key  string // who we are, where the brokers want to know
	ServerName string // the name to expect in certificates; empty: that of each broker's address
}

// SASL is as whom the brokers are asked.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: as nobody
	User      string
	Password  Secret
}

// Secret is a text that is not printed.
type Secret string

// String hides the text.
func (Secret) String() string { return "***" }

// GoString hides the text.
func (Secret) GoString() string { return "***" }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

const (
	attemptsMost = 16
	pauseFirst   = 100 * time.Millisecond
	pauseMost    = 5 * time.Second
	dialPatience = 10 * time.Second
)

// mechanisms are what SASL may be.
var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// Validate says what is wrong with the settings, without asking a broker.
func (c *Connection) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("no broker is named; write host:port of one or more")
	}
	for _, b := range c.Brokers {
		if host, _, err := net.SplitHostPort(b); err != nil || host == "" {
			return fmt.Errorf("broker %q is no address; write host:port", b)
		}
	}
	if err := c.TLS.validate(); err != nil {
		return err
	}
	return c.SASL.validate()
}

func (t *TLS) validate() error {
	switch {
	case !t.On && (t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != ""):
		return errors.New("TLS has settings and is off; turn it on")
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("TLS has one of certificate and key; name both files")
	}
	return nil
}

func (s *SASL) validate() error {
	switch {
	case s.Mechanism == "" && (s.User != "" || s.Password != ""):
		return fmt.Errorf("SASL has a user and no mechanism; write one of %s", strings.Join(mechanisms, ", "))
	case s.Mechanism == "":
		return nil
	case !slices.Contains(mechanisms, s.Mechanism):
		return fmt.Errorf("SASL mechanism %q is not known; write one of %s", s.Mechanism, strings.Join(mechanisms, ", "))
	case s.User == "" || s.Password == "":
		return fmt.Errorf("SASL mechanism %s needs a user and a password", s.Mechanism)
	}
	return nil
}

// options are the client's. It asks each thing once: what is asked again, and for
// how long, is decided in one place, which is ours (Cluster.attempts).
func (c *Connection) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("timeseam"),
		kgo.DialTimeout(dialPatience),
		kgo.RequestRetries(0),
		kgo.DisableClientMetrics(),
		kgo.BrokerMaxReadBytes(answerMost),
	}
	if c.TLS.On {
		config, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if m := c.SASL.mechanism(); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

func (s *SASL) mechanism() sasl.Mechanism {
	auth := scram.Auth{User: s.User, Pass: string(s.Password)}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: string(s.Password)}.AsMechanism()
	case "SCRAM-SHA-256":
		return auth.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism()
	}
	return nil
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("the TLS authority cannot be read: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("the TLS authority %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("the TLS certificate %s with the key %s cannot be used: %w", t.Cert, t.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// pause is how long to wait after the n-th attempt, from 1.
func (c *Connection) pause(n int) time.Duration {
	first := cmp.Or(c.Pause, pauseFirst)
	return min(first<<min(n-1, 16), pauseMost)
}
