//go:build integration

package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// feastAnswer is an answer as Feast's clients read it, by feature: within a view Feast
// gives features in no certain order.
type feastAnswer struct {
	Metadata struct {
		Names []string `json:"feature_names"`
	}
	Results []struct {
		Values   []any
		Statuses []string
		Times    []string `json:"event_timestamps"`
	}
}

func (a *feastAnswer) byName(t *testing.T) map[string]any {
	t.Helper()
	if len(a.Results) != len(a.Metadata.Names) {
		t.Errorf("%d vectors of %v", len(a.Results), a.Metadata.Names)
		return nil
	}
	all := map[string]any{}
	for i, name := range a.Metadata.Names {
		all[name] = a.Results[i]
	}
	return all
}

// feastServer is Feast's own server over the values that ours has at noon of account a
// and shop 7.
func feastServer(t *testing.T, python string) string {
	t.Helper()
	dir := t.TempDir()
	h := newTestServer(t, Options{}).Handler()
	row := func(view, query string) []map[string]any {
		var said struct{ Entities, Features map[string]any }
		_, body := get(h, "/features/"+view+"?"+query)
		if err := json.Unmarshal([]byte(body), &said); err != nil {
			t.Fatal(err, body)
		}
		for name, v := range said.Features {
			said.Entities[shortName(name)] = v
		}
		return []map[string]any{said.Entities}
	}
	spend := row("spend", "account_id=a")
	for name := range spend[0] {
		if !strings.Contains("account_id n_1h s_1h s_1d shops_1h price_1h", name) {
			delete(spend[0], name)
		}
	}
	values, err := json.Marshal(map[string]any{"at": noon.String(), "spend": spend, "trade": row("trade", "shop_id=7")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "values.json"), values, 0o600); err != nil {
		t.Fatal(err)
	}
	repo := exec.CommandContext(t.Context(), python, "../fixtures/feast/repo.py", dir, filepath.Join(dir, "values.json"))
	if out, err := repo.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	var log bytes.Buffer
	serve := exec.Command(filepath.Join(filepath.Dir(python), "feast"), "-c", dir, "serve", "--host", "127.0.0.1", "--port", fmt.Sprint(at.Port), "--workers", "1", "--no-access-log")
	serve.Stdout, serve.Stderr = &log, &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	exited := ended(serve)
	t.Cleanup(func() {
		serve.Process.Signal(os.Interrupt)
		<-exited
	})
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; {
		select {
		case <-exited:
			t.Fatalf("feast serve ended\n%s", log.String())
		case <-late:
			t.Fatal("feast serve does not answer")
		case <-tick.C:
		}
		if r, err := http.Get("http://" + at.String() + "/health"); err == nil {
			r.Body.Close()
			return "http://" + at.String()
		}
	}
}

// ended is closed when a process has ended.
func ended(c *exec.Cmd) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		c.Wait()
		close(done)
	}()
	return done
}

// TestIntegrationFeast asks Feast's server and this one the same, and holds that they
// answer the same but for what docs/serving.md lists.
func TestIntegrationFeast(t *testing.T) {
	python := os.Getenv("TIMESEAM_FEAST")
	if python == "" {
		t.Skip("TIMESEAM_FEAST names no Python that has Feast; run make integration-feast")
	}
	feast := feastServer(t, python)
	h := newTestServer(t, Options{}).Handler()
	// Feast's server ends a connection after an answer that says what went wrong.
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(body string) (int, string) {
		r, err := once.Post(feast+"/get-online-features", "application/json", strings.NewReader(body))
		return asked(t, r, err)
	}
	same := []string{
		`{"features":["spend:n_1h"],"entities":{"account_id":["a"]}}`,
		`{"features":["spend:n_1h","spend:s_1d","spend:shops_1h","spend:price_1h"],"entities":{"account_id":["a"]},"full_feature_names":true}`,
		`{"features":["trade:n","spend:s_1h","trade:buyers"],"entities":{"account_id":["a","a"],"shop_id":[7,7]}}`,
		`{"features":["trade:n"],"entities":{"shop_id":[7]}}`,
		`{"features":["asked:share","trade:n"],"entities":{"account_id":["a"],"amount":[1.5],"shop_id":[7]}}`,
		`{"features":["asked:share","spend:n_1h"],"entities":{"amount":[1.5],"account_id":["a"]}}`,
		`{"features":["spend:s_1h","spend:shops_1h"],"entities":{"account_id":["z"]}}`,
		`{"features":["spend:s_1h"],"entities":{"account_id":["a","z"]},"include_feature_view_version_metadata":true}`,
	}
	for _, body := range same {
		holdSame(t, body, ask, h)
	}
	// A count of nothing is 0 here, and null there; its status is the same.
	_, theirs := ask(`{"features":["trade:n"],"entities":{"shop_id":[8]}}`)
	_, ours, _ := post(h, `{"features":["trade:n"],"entities":{"shop_id":[8]}}`)
	if !strings.Contains(strings.ReplaceAll(ours, `"values":[0]`, `"values":[null]`), `{"values":[null],"statuses":["NOT_FOUND"],"event_timestamps":["1970-01-01T00:00:00Z"]}`) || !strings.Contains(theirs, `{"values":[null],"statuses":["NOT_FOUND"],"event_timestamps":["1970-01-01T00:00:00Z"]}`) {
		t.Errorf("an unknown key\n ours   %s\n theirs %s", ours, theirs)
	}
	for _, c := range []struct {
		body         string
		ours, theirs int
	}{
		{`{"features":["nothing:n_1h"],"entities":{"account_id":["a"]}}`, 404, 404},
		{`{"feature_service":"nothing","entities":{"account_id":["a"]}}`, 404, 404},
		{`{"features":["spend:n_1h"]`, 422, 422},
		{`{"features":"spend:n_1h","entities":{"account_id":["a"]}}`, 422, 422},
		{`{"features":["spend:n_1h"],"entities":{"account_id":"a"}}`, 422, 422},
		{`{"features":["asked:share"],"entities":{"account_id":["a"]}}`, 422, 404},
		{`{"features":["spend:n_1h"],"entities":{}}`, 422, 500},
		{`{"features":["spend:n_1h","spend:n_1h"],"entities":{"account_id":["a"]}}`, 422, 500},
	} {
		theirs, said := ask(c.body)
		ours, also, _ := post(h, c.body)
		if ours != c.ours || theirs != c.theirs {
			t.Errorf("%s\n ours   %d %s\n theirs %d %s", c.body, ours, also, theirs, said)
		}
	}
	holdCalls(t, python, same[:6])
}

// holdSame holds that both answer a request alike.
func holdSame(t *testing.T, body string, ask func(string) (int, string), h http.Handler) {
	t.Helper()
	theirs, said := ask(body)
	ours, also, _ := post(h, body)
	var a, b feastAnswer
	if ours != 200 || theirs != 200 || json.Unmarshal([]byte(also), &a) != nil || json.Unmarshal([]byte(said), &b) != nil || !reflect.DeepEqual(a.byName(t), b.byName(t)) {
		t.Errorf("%s\n ours   %d %s\n theirs %d %s", body, ours, also, theirs, said)
	}
}

// holdCalls holds that Feast's messages are answered as its JSON is.
func holdCalls(t *testing.T, python string, bodies []string) {
	t.Helper()
	s := newTestServer(t, Options{})
	call := exec.CommandContext(t.Context(), python, "../fixtures/feast/call.py", running(t, s, s.ServeGRPC))
	call.Stdin = strings.NewReader(strings.Join(bodies, "\n"))
	var failed bytes.Buffer
	call.Stderr = &failed
	out, err := call.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failed.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, body := range bodies {
		var a, b feastAnswer
		_, ours, _ := post(s.Handler(), body)
		if json.Unmarshal([]byte(ours), &a) != nil || json.Unmarshal([]byte(lines[i]), &b) != nil || !reflect.DeepEqual(a.byName(t), b.byName(t)) {
			t.Errorf("%s\n JSON %s\n gRPC %s", body, ours, lines[i])
		}
	}
}
