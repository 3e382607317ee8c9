package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/live"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pageOf is the code and the text of a page.
func pageOf(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// figure is the value of a line of /metrics.
func figure(t *testing.T, page, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no figure %s in\n%s", name, page)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// operated is a daemon that is looked at from outside.
type operated struct {
	*followJob
	log         *lines
	at, metrics string
	stop        context.CancelFunc
	ended       chan error
}

// operating runs a daemon over the topic of a seam until it has caught up.
func (s *seamed) operating(t *testing.T, with func(*followJob)) *operated {
	t.Helper()
	s.run(t, s.events[:50], seamedOffsets, "validate")
	o := &operated{log: newLines(), ended: make(chan error, 1)}
	log, err := newLog(o.log, "text", "debug")
	if err != nil {
		t.Fatal(err)
	}
	o.followJob = &followJob{spec: filepath.Join(s.dir, "s.yaml"), listen: "127.0.0.1:0", metricsAt: "127.0.0.1:0", shards: 2, memory: 1 << 30, reach: 240 * 365 * 24 * time.Hour, checkpoints: t.TempDir(), interval: time.Second, log: log}
	if with != nil {
		with(o.followJob)
	}
	var ctx context.Context
	ctx, o.stop = context.WithCancel(t.Context())
	t.Cleanup(o.stop)
	go func() { o.ended <- o.run(ctx) }()
	_, o.metrics, _ = strings.Cut(o.log.until(t, "msg=metrics"), " at=")
	_, o.at, _ = strings.Cut(o.log.until(t, "msg=serving"), " at=")
	o.log.until(t, "caught up")
	o.log.until(t, "msg=checkpoint", "number=")
	return o
}

// produce writes a record to partition 0 of the topic, and returns the offset behind it.
func (s *seamed) produce(t *testing.T, value string, at time.Time) int64 {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r, err := client.ProduceSync(t.Context(), &kgo.Record{Partition: 0, Value: []byte(value), Timestamp: at}).First()
	if err != nil {
		t.Fatal(err)
	}
	return r.Offset + 1
}

// TestFollowMetrics scrapes a daemon: its figures are what happened.
func TestFollowMetrics(t *testing.T) {
	s := newSeamed(t)
	o := s.operating(t, nil)
	before := func() string { _, page := pageOf(t, "http://"+o.metrics+"/metrics"); return page }()
	at := s.begin.Add(20 * time.Hour)
	e := entry{id: 999, account: "a", amount: 1, at: at.UnixMicro(), written: at.UnixMilli()}
	s.produce(t, e.json(""), at)
	e.id, e.at = 1000, at.Add(-time.Hour).UnixMicro()
	next := s.produce(t, e.json(""), at) // late
	if err := o.now.Load().engine.Wait(t.Context(), live.Positions{"tx": {0: next}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/features/all?account=a", "/features/nothing"} {
		pageOf(t, "http://"+o.at+path)
	}
	code, page := pageOf(t, "http://"+o.metrics+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, page)
	}
	const zero = `{partition="0",source="tx"}`
	for name, want := range map[string]float64{
		"timeseam_ready": 1, "timeseam_stopping": 0,
		"timeseam_offset" + zero: float64(next), "timeseam_end_offset" + zero: float64(next), "timeseam_lag_records" + zero: 0, "timeseam_dead_letters_total" + zero: 0,
		"timeseam_events_total" + zero:                          figure(t, before, "timeseam_events_total"+zero) + 2,
		"timeseam_late_events_total" + zero:                     figure(t, before, "timeseam_late_events_total"+zero) + 1,
		`timeseam_noted_total{reason="duplicates"}`:             0,
		"timeseam_partition_watermark_timestamp_seconds" + zero: float64(at.Unix()),
		`timeseam_feed_trouble_seconds{source="tx"}`:            0,
		`timeseam_requests_total{code="200",way="get"}`:         1, `timeseam_requests_total{code="404",way="get"}`: 1,
		`timeseam_request_duration_seconds_count{way="get"}`: 2,
		"timeseam_checkpoint_failures_total":                 0,
		"timeseam_staleness_seconds":                         figure(t, page, "timeseam_staleness_seconds"), // it is there
	} {
		if got := figure(t, page, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"timeseam_epoch", "timeseam_checkpoint_number", "timeseam_checkpoint_bytes", "timeseam_checkpoint_age_seconds", `timeseam_state_keys{view="v"}`, `timeseam_state_bytes{kind="ready",view="v"}`, "go_goroutines"} {
		if name = strings.ReplaceAll(name, `"v"`, `"`+o.now.Load().plan.Views[0].Name+`"`); figure(t, page, name) <= 0 {
			t.Errorf("%s is not above zero", name)
		}
	}
	o.stop()
	if err := <-o.ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", o.metrics); err == nil {
		t.Error("the metrics outlive the daemon")
	}
}

// TestFollowDrains has a daemon end: it says so at /readyz while it answers on, takes
// requests until the time of that is over, saves, and ends without an error.
func TestFollowDrains(t *testing.T) {
	s := newSeamed(t)
	socket := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	drained, heard := make(chan time.Time), make(chan map[string]bool, 1)
	go func() { heard <- hear(told) }()
	o := s.operating(t, func(j *followJob) {
		j.drain = time.Hour
		j.after = func(d time.Duration) <-chan time.Time {
			if d != time.Hour {
				t.Errorf("it drains for %s", d)
			}
			return drained
		}
		j.lookup = func(name string) (string, bool) {
			switch name {
			case "NOTIFY_SOCKET":
				return socket, true
			case "WATCHDOG_USEC":
				return "50000", true
			}
			return os.LookupEnv(name)
		}
	})
	if code, text := pageOf(t, "http://"+o.at+"/readyz"); code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	o.stop()
	o.log.until(t, "msg=stopping")
	for _, at := range []string{o.at, o.metrics} {
		if code, text := pageOf(t, "http://"+at+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "stopping") {
			t.Errorf("while it stops, /readyz at %s is %d: %s", at, code, text)
		}
		if code, text := pageOf(t, "http://"+at+"/healthz"); code != http.StatusOK {
			t.Errorf("while it stops, /healthz is %d: %s", code, text)
		}
	}
	if code, text := pageOf(t, "http://"+o.at+"/features/all?account=a"); code != http.StatusOK {
		t.Errorf("while it stops, a question is answered by %d: %s", code, text)
	}
	if _, page := pageOf(t, "http://"+o.metrics+"/metrics"); figure(t, page, "timeseam_stopping") != 1 {
		t.Error("timeseam_stopping is not 1")
	}
	close(drained)
	if err := <-o.ended; err != nil {
		t.Error(err)
	}
	if s := o.now.Load(); s.keeper.Status().Epoch != s.engine.Epoch() {
		t.Errorf("saved is epoch %d, applied is %d", s.keeper.Status().Epoch, s.engine.Epoch())
	}
	told.Close()
	seen := <-heard
	for _, line := range []string{"READY=1", "WATCHDOG=1", "STATUS=answering", "STOPPING=1"} {
		if !seen[line] {
			t.Errorf("systemd was not told %s", line)
		}
	}
}

// hear collects what systemd is told, until nobody listens any more.
func hear(told *net.UnixConn) map[string]bool {
	seen, b := map[string]bool{}, make([]byte, 256)
	for {
		n, err := told.Read(b)
		if err != nil {
			return seen
		}
		for _, line := range strings.Split(string(b[:n]), "\n") {
			seen[line] = true
		}
	}
}

// TestAlive holds that a daemon whose driver is held up counts as dead, and one that loads
// or ends does not. Time is the test's own.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		d := &live.Driver{Engine: live.NewEngine(&features.Plan{}, live.Options{}), Every: time.Second, Due: func(context.Context) error { <-held; return nil }}
		j := &followJob{}
		j.now.Store(&generation{driver: d})
		if err := j.alive(); err != nil {
			t.Errorf("while it loads: %v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(stuckAfter)
		if err := j.alive(); err != nil {
			t.Errorf("held up for less than a minute: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := j.alive(); err == nil || err.Error() != "nothing has been applied nor looked for in 1m2s" {
			t.Errorf("held up for longer: %v", err)
		}
		j.stopping.Store(true)
		if err := j.alive(); err != nil {
			t.Errorf("while it ends: %v", err)
		}
		stop()
		close(held)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestTroubles tells of a trouble once when it begins and once when it ends, and not of
// one that comes and goes.
func TestTroubles(t *testing.T) {
	var out bytes.Buffer
	log := troubles{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))}
	begin, away := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), errors.New("nobody answers")
	for _, step := range []struct {
		at   int // seconds
		err  error
		want string
	}{
		{0, nil, ""},
		{1, away, `level=WARN msg=feed since=2026-01-01T00:00:01Z error="nobody answers"`},
		{2, away, ""},
		{31, nil, `level=INFO msg="feed no more" seconds=30 untold=0`},
		{32, nil, ""},
		{40, away, ""}, // too soon after the last
		{41, nil, ""},
		{50, away, ""},
		{90, away, ""},
		{91, away, `level=WARN msg=feed since=2026-01-01T00:00:50Z error="nobody answers"`}, // but it lasts
		{95, nil, `level=INFO msg="feed no more" seconds=45 untold=1`},
	} {
		out.Reset()
		now := begin.Add(time.Duration(step.at) * time.Second)
		log.see("feed", now, now, step.err)
		if got := strings.TrimSpace(out.String()); got != step.want {
			t.Errorf("at %d s: %q, want %q", step.at, got, step.want)
		}
	}
}

// TestNewLog holds what --log-format and --log-level choose.
func TestNewLog(t *testing.T) {
	for _, c := range []struct {
		format, level, fault string
		lines                int // of debug, info, warn, error
	}{
		{"text", "debug", "", 4}, {"json", "info", "", 3}, {"json", "warn", "", 2}, {"text", "error", "", 1},
		{"xml", "info", "--log-format xml; give text or json", 0}, {"text", "loud", "--log-level loud; give debug, info, warn or error", 0}, {"text", "", `--log-level ""; give debug, info, warn or error`, 0},
	} {
		var out bytes.Buffer
		log, err := newLog(&out, c.format, c.level)
		if c.fault != "" {
			if err == nil || err.Error() != c.fault {
				t.Errorf("%s, %s: %v", c.format, c.level, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), level, "said", "n", 1)
		}
		all := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(all) != c.lines || json.Valid([]byte(all[0])) != (c.format == "json") {
			t.Errorf("%s, %s: %q", c.format, c.level, all)
		}
	}
}

// TestMetricsAddress holds that a port alone is of this machine.
func TestMetricsAddress(t *testing.T) {
	for text, want := range map[string]string{"": "", "6568": "127.0.0.1:6568", ":6568": "127.0.0.1:6568", "0.0.0.0:6568": "0.0.0.0:6568", "[::1]:1": "[::1]:1", "x": "fault", "1:x": "fault", "70000": "fault", "+1": "fault", "a:b:c": "fault"} {
		got, err := metricsAddress(text)
		if err != nil {
			got = "fault"
		}
		if got != want {
			t.Errorf("%q is %s, want %s: %v", text, got, want, fmt.Sprint(err))
		}
	}
}

// TestAlerts holds that rules name figures that a daemon has.
func TestAlerts(t *testing.T) {
	rules, err := os.ReadFile("../../packaging/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var has []string
	all := make(chan *prometheus.Desc, 100)
	newMeasures(&followJob{}).registry.Describe(all)
	close(all)
	for d := range all {
		has = append(has, d.String())
	}
	told := strings.Join(has, "\n")
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`timeseam_[a-z_]+`).FindAllString(string(rules)+string(page), -1)
	if len(names) < 30 {
		t.Errorf("only %d names are found", len(names))
	}
	for _, name := range names {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_")
		if !strings.Contains(told, `fqName: "`+name+`"`) {
			t.Errorf("there is no figure %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`fqName: "(timeseam_[a-z_]+)"`).FindAllStringSubmatch(told, -1) {
		if !strings.Contains(string(page), "`"+m[1]) {
			t.Errorf("docs/operations.md does not tell %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(page), "| `"+m[1]+"` |") {
			t.Errorf("docs/operations.md does not say what to do about %s", m[1])
		}
	}
}

// TestUnit holds that the unit of systemd begins the daemon with flags that there are.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile("../../packaging/timeseam.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ExecStart=\S+/timeseam (.*)$`).FindStringSubmatch(string(unit))
	if m == nil {
		t.Fatal("the unit begins nothing")
	}
	if err := knownLine(newApp(io.Discard, io.Discard), m[1]); err != nil {
		t.Error(err)
	}
}
