package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// The last part of the demo: the same definition followed and served.

const (
	demoMemory = 1 << 30
	// demoReach is how far into the past the demo may be asked: its payments are of one
	// winter, whenever it is run.
	demoReach = 100 * 365 * 24 * time.Hour
	demoAsked = `{"feature_service": "fraud_v1", "entities": {"account_id": ["acct_00000876"], "amount": [250.0], "lat": [51.6], "lon": [41.5]}, "as_of": "2026-03-01T18:00:00Z"}`
	// demoTimeout is how long an answer of this process may take.
	demoTimeout = time.Minute
)

// demoFollow follows the demo's definition over its Kafka until it has caught up, asks
// it as a client would, and ends it; with stay it is ended by whoever looks at it.
func demoFollow(c *cli.Context, j *followJob, stay bool) error {
	w, spec := c.App.Writer, j.spec
	j.shards, j.memory, j.interval, j.reach = runtime.GOMAXPROCS(0), demoMemory, time.Hour, demoReach
	j.log, j.listen = slog.New(slog.DiscardHandler), "127.0.0.1:0"
	if stay {
		j.listen = "127.0.0.1:6566"
	}
	at, caught := make(chan string, 1), make(chan struct{})
	j.opened, j.answers = func(address string) { at <- address }, func() { close(caught) }
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- j.run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-caught:
	}
	address := <-at
	asked := demoAsked
	fmt.Fprintf(w, "\nAnd online: a daemon applies January and February, goes on in Kafka at the same record, and answers.\n\n$ timeseam follow %s --as-of %dh\n$ curl -s http://%s/get-online-features -d '%s'\n", spec, int(demoReach.Hours()), address, asked)
	if err := demoAnswer(ctx, w, address, asked); err != nil {
		return err
	}
	if stay {
		fmt.Fprintf(w, "\nIt answers until you press Ctrl-C; its Kafka is gone then.\n")
		return <-ended
	}
	stop()
	return <-ended
}

// demoAnswer asks, and prints the answer with a line for each feature.
func demoAnswer(ctx context.Context, w io.Writer, address, asked string) error {
	ctx, stop := context.WithTimeout(ctx, demoTimeout)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/get-online-features", strings.NewReader(asked))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // none of the environment's proxies
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer answer.Body.Close()
	var got struct {
		Results  []struct{ Values []json.RawMessage }
		Metadata struct {
			Names []string `json:"feature_names"`
		}
		Detail string
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("demo: the daemon says %d: %s", answer.StatusCode, printable(got.Detail))
	}
	for i, name := range got.Metadata.Names {
		fmt.Fprintf(w, "  %-16s %s\n", printable(name), printable(string(got.Results[i].Values[0])))
	}
	return nil
}
