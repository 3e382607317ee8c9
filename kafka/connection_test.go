package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestConnectionValidate(t *testing.T) {
	brokers := []string{"localhost:9092"}
	for _, c := range []struct {
		conn  Connection
		words string
	}{
		{Connection{}, "no broker is named"},
		{Connection{Brokers: []string{"localhost"}}, `broker "localhost" is no address`},
		{Connection{Brokers: brokers, TLS: TLS{CA: "ca.pem"}}, "TLS has settings and is off"},
		{Connection{Brokers: brokers, TLS: TLS{On: true, Cert: "c.pem"}}, "name both files"},
		{Connection{Brokers: brokers, SASL: SASL{User: "u"}}, "a user and no mechanism"},
		{Connection{Brokers: brokers, SASL: SASL{Mechanism: "GSSAPI", User: "u", Password: "p"}}, "write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"},
		{Connection{Brokers: brokers, SASL: SASL{Mechanism: "PLAIN", User: "u"}}, "needs a user and a password"},
		{Connection{Brokers: brokers, TLS: TLS{On: true, CA: "not/there.pem"}}, "the TLS authority cannot be read"},
		{Connection{Brokers: brokers, TLS: TLS{On: true, CA: "connection_test.go"}}, "holds no certificate"},
		{Connection{Brokers: brokers, TLS: TLS{On: true, Cert: "c.pem", Key: "k.pem"}}, "cannot be used"},
	} {
		_, err := Connect(t.Context(), c.conn)
		refused(t, err, nil, "kafka: ", c.words)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := SASL{Mechanism: "PLAIN", User: "ann", Password: "sesame"}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{string(text), fmt.Sprint(s), fmt.Sprintf("%+v %#v %q %x %s", s, s, s, s, s.Password)} {
		if strings.Contains(printed, "sesame") || strings.Contains(printed, fmt.Sprintf("%x", "sesame")) {
			t.Errorf("%s: the password is printed", printed)
		}
	}
}

func TestFaultTellsNoPassword(t *testing.T) {
	c := &Cluster{conn: Connection{SASL: SASL{"PLAIN", "ann", "sesame"}}}
	refused(t, c.fault(errors.New("who says sesame?")), nil, "who says ***?")
}

func TestConnectSASL(t *testing.T) {
	for _, mechanism := range mechanisms {
		f := newFake(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "ann", "sesame"), kfake.SeedTopics(1, "orders"))
		f.conn.SASL = SASL{mechanism, "ann", "sesame"}
		f.topic("orders")

		// This cluster hangs up on a wrong password.
		f.conn.SASL.Password = "open-barley"
		_, err := Connect(t.Context(), f.conn)
		refused(t, err, nil, "check that it runs, and that user ann and its password are right")
		if strings.Contains(err.Error(), "barley") {
			t.Errorf("%v: it tells the password", err)
		}
	}
	f := newFake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "sesame"))
	_, err := Connect(t.Context(), f.conn)
	refused(t, err, nil, "it may want TLS or SASL")
}

func TestConnectSASLRefused(t *testing.T) {
	f := newFake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "sesame"))
	f.conn.SASL = SASL{"PLAIN", "ann", "open-barley"}
	f.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		resp.ErrorMessage = kmsg.StringPtr("Authentication failed: open-barley is not the password")
		return resp, nil, true
	})
	_, err := Connect(t.Context(), f.conn)
	refused(t, err, nil, "the brokers refuse user ann by PLAIN", "check the user and its password")
	if strings.Contains(err.Error(), "barley") || strings.Contains(err.Error(), "attempts") {
		t.Errorf("%v: it tells the password, or was asked again", err)
	}
	f.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return resp, nil, true
	})
	_, err = Connect(t.Context(), f.conn)
	refused(t, err, nil, "do not offer the SASL mechanism PLAIN")
}

func TestConnectPermissions(t *testing.T) {
	acl := func(operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "orders", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
	}
	f := newFake(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "orders", "payments"), kfake.Superuser("PLAIN", "admin", "sesame"),
		kfake.User("PLAIN", "ann", "sesame", acl(kmsg.ACLOperationRead), acl(kmsg.ACLOperationDescribe)),
		kfake.User("PLAIN", "bob", "sesame", acl(kmsg.ACLOperationDescribe)))
	f.conn.SASL = SASL{"PLAIN", "admin", "sesame"}
	write(t, f.client(), texts("orders", 0, 0, 2)...)

	f.conn.SASL.User = "ann"
	_, err := f.connect().Topic(t.Context(), "payments")
	refused(t, err, nil, "topic payments: user ann may not do this", "Describe and Read")
	topic := f.topic("orders")
	if topic.Settings.Known {
		t.Error("settings are known that may not be seen")
	}
	if rows, _ := readAll(t, topic, topic.All()...); values(rows) != "n0 n1" {
		t.Errorf("the topic holds %s", values(rows))
	}

	f.conn.SASL.User = "bob"
	topic = f.topic("orders")
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	_, err = readPart(t.Context(), reading.Parts()[0])
	refused(t, err, nil, "topic orders, partition 0, offset 0: user bob may not do this")
}

// certificates are an authority's and a server's, as files.
type certificates struct {
	ca, cert, key string
	config        *tls.Config
}

func newCertificates(t *testing.T, hosts ...string) certificates {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, caKey := make(ca, ca, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	der, key := make(leaf, ca, caKey)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return certificates{file("ca.pem", "CERTIFICATE", caDER), file("cert.pem", "CERTIFICATE", der), file("key.pem", "EC PRIVATE KEY", keyDER),
		&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientCAs: pool}}
}

func TestConnectTLS(t *testing.T) {
	right, other := newCertificates(t, "127.0.0.1", "localhost"), newCertificates(t, "kafka.example")
	f := newFake(t, kfake.TLS(right.config), kfake.SeedTopics(1, "orders"))
	f.conn.TLS = TLS{On: true, CA: right.ca}
	f.topic("orders")

	for _, c := range []struct {
		name  string
		tls   TLS
		words string
	}{
		{"unknown authority", TLS{On: true, CA: other.ca}, "signed by nobody who is trusted"},
		{"another name", TLS{On: true, CA: right.ca, ServerName: "kafka.example"}, "is not for kafka.example but for localhost, 127.0.0.1"},
		{"plain against TLS", TLS{}, "TLS"},
	} {
		f.conn.TLS = c.tls
		_, err := Connect(t.Context(), f.conn)
		refused(t, err, nil, c.words)
		if err != nil && strings.Contains(err.Error(), "attempts") {
			t.Errorf("%s was asked again: %v", c.name, err)
		}
	}
}

func TestConnectWithCertificate(t *testing.T) {
	certs := newCertificates(t, "127.0.0.1", "localhost")
	certs.config.ClientAuth = tls.RequireAndVerifyClientCert
	f := newFake(t, kfake.TLS(certs.config), kfake.SeedTopics(1, "orders"))
	f.conn.TLS = TLS{On: true, CA: certs.ca, Cert: certs.cert, Key: certs.key}
	f.topic("orders")
	f.conn.TLS.Cert, f.conn.TLS.Key = "", ""
	_, err := Connect(t.Context(), f.conn)
	refused(t, err, nil, "name a certificate and its key")
}

func TestConnectToNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	conn := Connection{Brokers: []string{address}, Pause: time.Millisecond}
	_, err = Connect(t.Context(), conn)
	refused(t, err, nil, "kafka "+address, "broker "+address+" cannot be reached", "(4 attempts)")

	conn.Pause = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Connect(ctx, conn)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: the context's end does not end it", err)
	}
}
