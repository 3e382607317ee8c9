package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// How a daemon is operated: what it logs, the pages that tell how it stands, and what
// systemd is told.

const (
	// stuckAfter is for how long the driver may be held up by one turn before the daemon
	// counts as dead.
	stuckAfter = time.Minute
	// pageTimeout is how long a page about the daemon may take.
	pageTimeout = 20 * time.Second
	// tellTimeout is for how long systemd is waited for, which may not be listening.
	tellTimeout = time.Second
)

// newLog returns a log of lines of text or JSON from a level on.
func newLog(w io.Writer, format, level string) (*slog.Logger, error) {
	var o slog.HandlerOptions
	switch level {
	case "debug":
		o.Level = slog.LevelDebug
	case "info":
		o.Level = slog.LevelInfo
	case "warn":
		o.Level = slog.LevelWarn
	case "error":
		o.Level = slog.LevelError
	default:
		return nil, wrongf("--log-level %s; give debug, info, warn or error", visible(level))
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &o)), nil
	}
	return nil, wrongf("--log-format %s; give text or json", visible(format))
}

// metricsAddress is where the pages are served; a port alone is one of this machine's
// own, as they ask nobody who he is.
func metricsAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = "", text
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strings.HasPrefix(port, "+") || n > 65535 {
		return "", wrongf("--metrics %s; give a port of this machine, such as 6568, or HOST:PORT", text)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// pages serves /metrics, /healthz and /readyz beside what clients ask, until the daemon
// is done: whoever looks can see it end.
func (j *followJob) pages(ctx context.Context) (closed func(), err error) {
	if j.metricsAt == "" {
		return func() {}, nil
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", j.metricsAt)
	if err != nil {
		return nil, fmt.Errorf("listen at %s for metrics: %w", j.metricsAt, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", j.metrics.page())
	j.server.Probe(mux)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: pageTimeout, ReadTimeout: pageTimeout, WriteTimeout: pageTimeout, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(j.log.Handler(), slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			j.log.Error("metrics are not served any more", "error", err)
		}
	}()
	j.log.Info("metrics", "at", l.Addr().String())
	return func() { s.Close(); <-done }, nil
}

// alive says why the daemon should be begun again; nil: it need not.
func (j *followJob) alive() error {
	beat := j.now.Load().driver.Beat()
	if held := time.Since(beat); !beat.IsZero() && held > stuckAfter && !j.stopping.Load() {
		return fmt.Errorf("nothing has been applied nor looked for in %s", held.Round(time.Second))
	}
	return nil
}

// lingering is a context that ends after another has, by as long as clients are given to
// go elsewhere.
func (j *followJob) lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	on, stop := context.WithCancel(context.WithoutCancel(ctx))
	off := context.AfterFunc(ctx, func() {
		j.stopping.Store(true)
		j.server.Leave()
		j.tell("STOPPING=1\nSTATUS=stopping")
		j.log.Info("stopping", "drain", j.drain.String())
		after := time.After
		if j.after != nil {
			after = j.after
		}
		select {
		case <-after(j.drain):
		case <-on.Done():
		}
		stop()
	})
	return on, func() { off(); stop() }
}

// environ is a variable of the environment.
func (j *followJob) environ(name string) (string, bool) {
	if j.lookup != nil {
		return j.lookup(name)
	}
	return os.LookupEnv(name)
}

// tell tells systemd how the daemon stands, where systemd began it and asked to be told.
func (j *followJob) tell(state string) {
	path, _ := j.environ("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		if err = c.SetWriteDeadline(time.Now().Add(tellTimeout)); err == nil {
			_, err = c.Write([]byte(state))
		}
		c.Close()
	}
	if err != nil {
		j.log.Debug("systemd was not told", "error", err)
	}
}

// watchdog tells systemd again and again that the daemon lives, as often as it asks for,
// until the context ends.
func (j *followJob) watchdog(ctx context.Context) {
	text, _ := j.environ("WATCHDOG_USEC")
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 {
		return
	}
	if pid, given := j.environ("WATCHDOG_PID"); given && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	every := time.NewTicker(max(time.Duration(us)*time.Microsecond/2, time.Millisecond))
	defer every.Stop()
	for {
		if err := j.alive(); err == nil {
			j.tell("WATCHDOG=1")
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}
