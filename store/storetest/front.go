package storetest

import (
	"net/http"
	"testing"
)

// Front puts a door before a server, which may answer a request itself, and says so,
// or change it before it is passed on; and sets the variables of AWS to it.
func Front(t testing.TB, target string, answer func(w http.ResponseWriter, r *http.Request) bool) {
	t.Helper()
	p := &Proxy{target: target, client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}}
	t.Cleanup(p.client.CloseIdleConnections)
	Use(t.Setenv, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer(w, r) {
			return
		}
		passed, err := p.pass(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer passed.Body.Close()
		p.give(w, r, passed, &fate{Request: &Request{}})
	})))
}
