//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestIntegrationPrometheus has a real Prometheus scrape a daemon by the project's own
// configuration: it has the figures that the daemon tells. promtool finds the rules right,
// and what they fire on.
func TestIntegrationPrometheus(t *testing.T) {
	tools := os.Getenv("TIMESEAM_PROMETHEUS")
	if tools == "" {
		t.Skip("TIMESEAM_PROMETHEUS names no folder with prometheus and promtool; run make integration-prometheus")
	}
	for _, check := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		c := exec.CommandContext(t.Context(), filepath.Join(tools, "promtool"), check...)
		c.Dir = "../../packaging"
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(check, " "), err, out)
		}
	}
	s := newSeamed(t)
	o := s.operating(t, nil)
	dir, at := t.TempDir(), freeAddress(t)
	config, err := os.ReadFile("../../packaging/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("15s", "1s", "127.0.0.1:6568", o.metrics, "[alerts.yaml]", "[]").Replace(string(config))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	p := exec.CommandContext(t.Context(), filepath.Join(tools, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { p.Process.Kill(); p.Wait() }()
	_, page := pageOf(t, "http://"+o.metrics+"/metrics")
	for _, partition := range []string{"0", "1"} {
		want := figure(t, page, fmt.Sprintf(`timeseam_offset{partition=%q,source="tx"}`, partition))
		if got := queried(t, at, fmt.Sprintf(`timeseam_offset{job="timeseam",partition=%q,source="tx"}`, partition)); got != fmt.Sprint(want) {
			t.Errorf("Prometheus has offset %s of partition %s, the daemon tells %v", got, partition, want)
		}
	}
	for query, want := range map[string]string{`up{job="timeseam"}`: "1", "timeseam_ready": "1", "sum(timeseam_lag_records)": "0", "timeseam_checkpoint_age_seconds < bool 300": "1"} {
		if got := queried(t, at, query); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// queried is the value of a query, once there is one.
func queried(t *testing.T, at, query string) string {
	t.Helper()
	every, late := time.NewTicker(200*time.Millisecond), time.After(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-late:
			t.Fatalf("after a minute Prometheus has no %s", query)
		case <-every.C:
		}
		r, err := http.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			continue // it is not up yet
		}
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		err = json.NewDecoder(r.Body).Decode(&answer)
		r.Body.Close()
		if err == nil && len(answer.Data.Result) == 1 {
			return fmt.Sprint(answer.Data.Result[0].Value[1])
		}
	}
}
