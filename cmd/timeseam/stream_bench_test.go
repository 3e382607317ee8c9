//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// streamFields are what both read of a record.
const streamFields = "event_id: string, account_id: string, amount: double, currency: string, status: string, merchant_id: string, event_time: timestamp"

const streamDefinition = `version: 1
name: stream
sources:
  tx: {stream: {kafka: tx, brokers: %q, format: json}, fields: {` + streamFields + `}, event_timestamp: event_time}
entities: {account: account_id}
feature_views:
  spend:
    entity: account
    source: tx
    where: status = 'approved' and currency = 'EUR' and merchant_id <> '' and event_id <> ''
    windows: [1h, 1d, 7d]
    features: {n: count(*), s: sum(amount), a: avg(amount), lo: min(amount), hi: max(amount)}
feature_services: {all: {features: [spend]}}
`

// brokerRecords is the name of the setting that makes of a test's process a broker.
const brokerRecords = "TIMESEAM_BENCH_BROKER_RECORDS"

// TestStreamBroker is the broker of BenchmarkStream, in a process of its own, so that what
// it takes is not counted to those who read. It ends with its input.
func TestStreamBroker(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(brokerRecords))
	if err != nil {
		t.Skip("the benchmark starts it")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	if err := cluster.CreateTopic("tx", 1, map[string]string{"retention.ms": "-1"}); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("tx"), kgo.ProducerLinger(50*time.Millisecond), kgo.ProducerBatchMaxBytes(512<<10))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		client.Produce(t.Context(), &kgo.Record{Value: streamRecord(i, rng)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	client.Close()
	fmt.Println("broker", strings.Join(cluster.ListenAddrs(), ","))
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Error(err)
	}
}

// streamRecord is a payment of one of 20,000 accounts, of which some have more than
// others, 432 ms after the one before; 15 of 100 happened up to a minute earlier.
func streamRecord(i int, rng *rand.Rand) []byte {
	u, late := rng.Float64(), time.Duration(0)
	if rng.IntN(100) < 15 {
		late = time.Duration(rng.Int64N(int64(time.Minute)))
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i)*432*time.Millisecond - late)
	return fmt.Appendf(nil, `{"event_id":"e%08d","account_id":"A%05d","amount":%d.%02d,"currency":"EUR","status":"approved","merchant_id":"M%04d","country":"DE","event_time":"%s","channel":"pos"}`,
		i, int(u*u*20_000), rng.IntN(900), rng.IntN(100), i*17%3000, at.Format("2006-01-02T15:04:05.000000Z07:00"))
}

// streamBroker starts a broker that has so many records, and returns its address.
func streamBroker(b *testing.B, records int) string {
	b.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestStreamBroker$")
	c.Env = append(os.Environ(), fmt.Sprint(brokerRecords, "=", records))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, is := strings.CutPrefix(lines.Text(), "broker "); is {
			go io.Copy(io.Discard, out) // what a test says when it ends
			return address
		}
	}
	b.Fatal("the broker did not begin")
	return ""
}

// BenchmarkStream follows a topic of JSON of about 200 bytes, reads all fifteen values at
// each event and counts them, and saves all at the end, sooner than every 10 s would;
// beside it the library's own consumer decodes the same fields of the same records. What
// the broker takes is counted to neither.
func BenchmarkStream(b *testing.B) {
	const records = 1_000_000
	broker := streamBroker(b, records)
	for _, of := range []struct {
		name string
		read func(*testing.B, string, int) int
	}{{"bare", streamBare}, {"follow", streamFollowed}} {
		b.Run(of.name, func(b *testing.B) {
			before := processed(b)
			for b.Loop() {
				if n := of.read(b, broker, records); n != records {
					b.Fatalf("%d events", n)
				}
			}
			b.ReportMetric((processed(b)-before).Seconds()/float64(b.N)/(records/1e6), "cpu-s/M")
			b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// streamFollowed applies the records and asks for the values at each; it returns of how
// many events all values were told.
func streamFollowed(b *testing.B, broker string, records int) (events int) {
	dir := b.TempDir()
	spec := filepath.Join(dir, "stream.yaml")
	if err := os.WriteFile(spec, fmt.Appendf(nil, streamDefinition, broker), 0o666); err != nil {
		b.Fatal(err)
	}
	j := &followJob{spec: spec, shards: 1, memory: 4 << 30, reach: 240 * 365 * 24 * time.Hour, checkpoints: filepath.Join(dir, "saved"), interval: 10 * time.Second, log: slog.New(slog.DiscardHandler)}
	g, err := j.begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer g.close()
	if err := g.start(b.Context()); err != nil {
		b.Fatal(err)
	}
	order := make([]int, len(g.plan.Queries.Columns)) // of each column of the questions, that of the events
	for i, f := range g.plan.Queries.Columns {
		order[i] = g.plan.Inputs[0].Columns.Index(map[bool]string{true: "account_id", false: "event_time"}[f.Type.Text()])
	}
	values := 0
	for events < records {
		a, err := g.driver.Feeds[0].Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if a.Rows == nil || a.Rows.Len == 0 {
			continue
		}
		g.engine.Apply(&a.Batch)
		asked := event.Batch{Len: a.Rows.Len}
		for _, at := range order {
			asked.Columns = append(asked.Columns, a.Rows.Columns[at])
		}
		told, err := g.engine.Ask(&asked)
		if err != nil {
			b.Fatal(err)
		}
		for c := range told.Columns {
			values += told.Columns[c].Len()
		}
		told.Done()
		events += a.Rows.Len
		if err := g.keeper.Turn(b.Context(), g.engine); err != nil {
			b.Fatal(err)
		}
	}
	if values != 15*events {
		b.Fatalf("%d values of %d events", values, events)
	}
	if err := errors.Join(g.keeper.Finish(b.Context(), g.engine), g.engine.Err()); err != nil {
		b.Fatal(err)
	}
	return events
}

// streamBare reads the same fields of the records by the library's own consumer.
func streamBare(b *testing.B, broker string, records int) (events int) {
	var fields event.Schema
	for _, of := range strings.Split(streamFields, ", ") {
		name, kind, _ := strings.Cut(of, ": ")
		fields = append(fields, event.Field{Name: name, Type: map[string]event.Type{"string": event.Of(event.String), "double": event.Of(event.Double), "timestamp": event.Of(event.Timestamp)}[kind]})
	}
	decoder, err := payload.New(b.Context(), payload.Options{Format: payload.FormatJSON}, fields)
	if err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"tx": {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for events < records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		decoder.Begin()
		fetches.EachRecord(func(r *kgo.Record) {
			if err := decoder.Append(ctx, r.Value); err != nil {
				b.Fatal(err)
			}
			events++
		})
		decoder.Columns()
	}
	return events
}
