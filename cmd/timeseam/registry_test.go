package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRegistryTLS holds that a registry whose certificate no authority of the system has
// signed is asked with the files that a definition names, and not without.
func TestRegistryTLS(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	schema := `{"type": "record", "name": "tx", "fields": [{"name": "id", "type": "long"}, {"name": "account", "type": "string"}, {"name": "amount", "type": "long"}, {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}`
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"subject": "tx-value", "version": 1, "id": 1, "schema": %q}`, schema)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that fail
	server.StartTLS()
	t.Cleanup(server.Close)
	s.file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	t.Setenv("REGISTRY_CA", "ca.pem")
	for _, c := range []struct {
		tls, url, want string
	}{
		{", tls: {ca: ca.pem}", server.URL, ""},
		{`, tls: {ca: "${REGISTRY_CA}"}`, server.URL, ""},
		{"", server.URL, "has a certificate of an unknown authority; name the authority's file"},
		{", tls: {ca: ca.pem, server_name: other.example.net}", server.URL, "has a certificate for another name"},
		{", tls: {ca: ca.pem}", strings.Replace(server.URL, "https:", "http:", 1), "it is given what TLS takes, and its address begins with http; write https, or leave tls out"},
		{", tls: {ca: none.pem}", server.URL, "no such file"},
		{", tls: true", server.URL, "tls of registry of stream of source tx must be a map and is a truth value; write {ca: FILE}"},
	} {
		text := fmt.Sprintf(askedDefinition, fmt.Sprintf("stream: {kafka: tx, brokers: %q, format: avro, registry: {url: %q%s}}", s.brokers(), c.url, c.tls))
		text = strings.Replace(text, "{source: tx, columns: [id, account, amount, event_time]}", "{csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}", 1)
		s.file("s.yaml", strings.Replace(text, ", _partition: bigint, _offset: bigint", "", 1))
		s.file("spine.csv", "account,t\na,2026-01-01\n")
		said, code := s.backfill("s.yaml", "out.csv")
		if (code == exitDone) != (c.want == "") || !strings.Contains(said, c.want) || c.want != "" && unclear(said) != "" {
			t.Errorf("%s of %s: exit %d: %s", c.tls, c.url, code, said)
		}
	}
}
