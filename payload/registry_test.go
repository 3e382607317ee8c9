package payload

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// counted is a registry, and how often it was asked.
func counted(t *testing.T, answer func(w http.ResponseWriter, q *http.Request) bool) (*Registry, *atomic.Int64) {
	t.Helper()
	fake, _ := seeded(t)
	asked := new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		if answer == nil || !answer(w, q) {
			fake.Handler().ServeHTTP(w, q)
		}
	}))
	t.Cleanup(server.Close)
	return opened(t, Connection{URL: server.URL}), asked
}

// TestRegistryOnce holds that a schema is asked for once, whoever needs it.
func TestRegistryOnce(t *testing.T) {
	r, asked := counted(t, nil)
	for range 3 {
		d, err := New(t.Context(), Options{Format: FormatAvro, Registry: r}, fieldsOf("id string"))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range readGolden(t, "registry_evolved") {
			if err := d.Append(t.Context(), g.message); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times for two schemas", n)
	}
}

// TestRegistryFaults holds what is said where the registry cannot help, how often it
// is asked, and whether it is the message's fault.
func TestRegistryFaults(t *testing.T) {
	answer := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "s3cret", code)
			return true
		}
	}
	tries := new(atomic.Int64)
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		id     byte
		want   string // "" is none
		asked  int64
		poison bool
	}{
		{"is back", func(w http.ResponseWriter, q *http.Request) bool {
			return tries.Add(1) < 4 && answer(503)(w, q)
		}, 3, "", 4, false},
		{"is away", answer(502), 3, "answered 502, 5 times; look at the registry", 5, false},
		{"is busy", answer(429), 3, "answered 429, 5 times; look at the registry", 5, false},
		{"unauthorized", answer(401), 3, "does not know who asks; check its user and password, or its token", 1, false},
		{"forbidden", answer(403), 3, "does not allow what is asked; let the user read schemas", 1, false},
		{"unknown", nil, 99, "has no schema 99; the message was written with another registry, or the schema was deleted", 1, true},
		{"of another format", nil, 5, "schema 5 is one of json, and the format is avro; say format: json", 1, false},
		{"without the field", nil, 1, "field amoun: schema 1 (acme.Event) has no such field; did you mean amount?", 1, false},
		{"hangs up", func(w http.ResponseWriter, _ *http.Request) bool { panic(http.ErrAbortHandler) }, 3, "cannot be asked (EOF), 5 times", 5, false},
	} {
		r, asked := counted(t, c.answer)
		fields := fieldsOf("id string")
		if c.name == "without the field" {
			fields = fieldsOf("amoun string")
		}
		d, err := New(t.Context(), Options{Format: FormatAvro, Registry: r}, fields)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Append(t.Context(), append([]byte{0, 0, 0, 0, c.id}, "\x02x\x00"+strings.Repeat("\x00", 20)...))
		if c.want == "" {
			if err != nil && !Poison(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") || Poison(err) != c.poison {
			t.Errorf("%s: %v (poison %t)", c.name, err, Poison(err))
		}
		if n := asked.Load(); n != c.asked {
			t.Errorf("%s: asked %d times, not %d", c.name, n, c.asked)
		}
	}
}

// TestRegistryWho holds that user, token and TLS go to the registry, and into no
// error.
func TestRegistryWho(t *testing.T) {
	ask := func(r *Registry) error {
		_, err := New(t.Context(), Options{Format: FormatAvro, Registry: r, Subject: "payment-value"}, fieldsOf("id string"))
		return err
	}
	basic, _ := seeded(t, srfake.WithAuth("Basic dXNlcjpwYXNzdzByZA==")) // user:passw0rd
	bearer, _ := seeded(t, srfake.WithAuth("Bearer t0ken"))
	inURL := strings.Replace(basic.URL(), "http://", "http://user:passw0rd@", 1)
	wrongURL := strings.Replace(basic.URL(), "http://", "http://user:wr0ng@", 1)
	for name, c := range map[string]struct {
		Connection
		want string
	}{
		"user":         {Connection{URL: basic.URL(), User: "user", Password: "passw0rd"}, ""},
		"user in URL":  {Connection{URL: inURL}, ""},
		"token":        {Connection{URL: bearer.URL(), Token: "t0ken"}, ""},
		"wrong":        {Connection{URL: basic.URL(), User: "user", Password: "wr0ng"}, "does not allow what is asked"},
		"wrong in URL": {Connection{URL: wrongURL}, "does not allow what is asked"},
		"none":         {Connection{URL: bearer.URL()}, "does not know who asks"},
		"away":         {Connection{URL: "http://user:wr0ng@127.0.0.1:1"}, "cannot be asked"},
	} {
		err := ask(opened(t, c.Connection))
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wr0ng")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"", "registry:8081", "ftp://x", "http://us er:p@ss\x7f@x"} {
		if _, err := OpenRegistry(Connection{URL: url}); err == nil || strings.Contains(err.Error(), "p@ss") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := OpenRegistry(Connection{URL: "http://x", User: "u", Token: "t0ken"}); err == nil || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("user and token: %v", err)
	}
}

// TestRegistryTLS holds certificates.
func TestRegistryTLS(t *testing.T) {
	fake, _ := seeded(t)
	server := httptest.NewUnstartedServer(fake.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that fail
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(server.URL, "https://", "http://", 1)
	for name, c := range map[string]struct {
		Connection
		want string
	}{
		"right":      {Connection{URL: server.URL, CA: ca}, ""},
		"authority":  {Connection{URL: server.URL}, "has a certificate of an unknown authority; name the authority's file"},
		"name":       {Connection{URL: server.URL, CA: ca, ServerName: "registry.example.net"}, "has a certificate for another name"},
		"plain":      {Connection{URL: plain}, "answered 400"},
		"TLS to one": {Connection{URL: strings.Replace(fake.URL(), "http://", "https://", 1)}, "does not speak TLS as its address says"},
	} {
		_, err := New(t.Context(), Options{Format: FormatAvro, Registry: opened(t, c.Connection), Subject: "payment-value"}, fieldsOf("id string"))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []Connection{{URL: server.URL, CA: "none.pem"}, {URL: server.URL, CA: "testdata/event.avsc"}, {URL: server.URL, Cert: ca}, {URL: plain, CA: ca}, {URL: "https://a:1,http://b:1", ServerName: "a"}} {
		if _, err := OpenRegistry(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestRegistryContext holds that a run that ends does not wait for the registry.
func TestRegistryContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, asked := counted(t, func(w http.ResponseWriter, _ *http.Request) bool {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	r.wait = pause
	_, err := New(ctx, Options{Format: FormatAvro, Registry: r, Subject: "payment-value"}, fieldsOf("id string"))
	if !errors.Is(err, context.Canceled) || Poison(err) || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	if err := pause(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
}

// TestRegistryReferences reads schemas that refer to others, and such that refer to
// what is not there.
func TestRegistryReferences(t *testing.T) {
	fake, r := seeded(t)
	fake.SeedSchema("inner", 1, 21, sr.Schema{Schema: `{"type":"record","name":"acme.Inner","fields":[{"name":"n","type":"int"}]}`})
	outer := sr.Schema{Schema: `{"type":"record","name":"acme.Outer","fields":[{"name":"a","type":"acme.Inner"},{"name":"b","type":"acme.Inner"}]}`, References: []sr.SchemaReference{{Name: "acme.Inner", Subject: "inner", Version: 1}}}
	fake.SeedSchema("outer", 1, 22, outer)
	fields, left, err := Schema(t.Context(), Options{Format: FormatAvro, Registry: r, Subject: "outer"})
	if err != nil || len(left) > 0 || len(fields) != 2 || fields[1].Type.String() != "struct<n: int64>" {
		t.Errorf("%v %v %v", fields, left, err)
	}
	_, _, err = Schema(t.Context(), Options{Format: FormatAvro, Registry: r, Subject: "outre"})
	if err == nil || !strings.Contains(err.Error(), "has no subject outre; did you mean outer?") {
		t.Errorf("%v", err)
	}
	d, err := New(t.Context(), Options{Format: FormatAvro, Registry: r}, fieldsOf("n int"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Append(t.Context(), []byte{0, 0, 0, 0, 21, 14}); err != nil || d.Columns()[0].Ints[0] != 7 {
		t.Errorf("%v", err)
	}
}
