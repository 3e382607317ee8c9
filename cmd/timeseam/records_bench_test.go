//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// benchRecords is how many records one round reads, from one partition.
const benchRecords = 200_000

const benchDefinition = `version: 1
name: bench
sources:
  tx:
    stream: {kafka: tx, brokers: %q, format: json}
    fields: {event_id: string, account_id: string, amount: double, currency: string, status: string, merchant_id: string, country: string, event_time: timestamp}
    event_timestamp: event_time
    event_id: event_id
entities: {account: account_id}
feature_views:
  spend: {entity: account, source: tx, features: {n: count(*), s: sum(amount), m: "count(distinct merchant_id)", a: "sum(case when status = 'approved' and currency = 'EUR' and country = 'DE' then amount end)"}}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account_id: string, t: timestamp}}, visibility: {known: event_time}}
`

// benchTopic is a topic of JSON of about 200 bytes, in batches as producers pack them.
func benchTopic(b *testing.B) *kfake.Cluster {
	b.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	if err := cluster.CreateTopic("tx", 1, map[string]string{"retention.ms": "-1"}); err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("tx"), kgo.ProducerLinger(50*time.Millisecond), kgo.ProducerBatchMaxBytes(512<<10))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range benchRecords {
		value := fmt.Appendf(nil, `{"event_id":"e%08d","account_id":"A%05d","amount":%d.%02d,"currency":"EUR","status":"approved","merchant_id":"M%04d","country":"DE","event_time":"2026-01-%02dT12:%02d:%02d.123Z","channel":"pos"}`,
			i, i*31%20000, i%900, i%100, i*17%3000, 1+i%28, i%60, i*7%60)
		client.Produce(b.Context(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return cluster
}

// BenchmarkRecords reads eight fields of a topic as a run reads them, from the brokers to
// an input's columns, and by the library's own consumer into the same decoder.
func BenchmarkRecords(b *testing.B) {
	cluster := benchTopic(b)
	for name, read := range map[string]func(*testing.B, *kfake.Cluster) int{"ours": benchOurs, "bare": benchBare} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := processed(b)
			for b.Loop() {
				if n := read(b, cluster); n != benchRecords {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
			b.ReportMetric(float64((processed(b)-before).Nanoseconds())/float64(b.N)/benchRecords, "cpu-ns/record")
		})
	}
}

// processed is the processors' time that this process has taken, the brokers in it too,
// which cost both the same.
func processed(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchOurs(b *testing.B, cluster *kfake.Cluster) (rows int) {
	dir := b.TempDir()
	spec := filepath.Join(dir, "bench.yaml")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "spine.csv"), []byte("account_id,t\n"), 0o666), os.WriteFile(spec, fmt.Appendf(nil, benchDefinition, strings.Join(cluster.ListenAddrs(), ",")), 0o666)); err != nil {
		b.Fatal(err)
	}
	def, err := readDefinition(spec)
	if err != nil {
		b.Fatal(err)
	}
	in := openInputs(b.Context(), def, "train")
	defer in.disconnect()
	plan, err := in.planned(b.Context(), "train")
	if err != nil {
		b.Fatal(err)
	}
	both, err := in.join(b.Context(), &plan.Inputs[0], nil, event.Always())
	if err != nil {
		b.Fatal(err)
	}
	if n := len(plan.Inputs[0].Columns); n != 8 {
		b.Fatalf("%d columns are read", n)
	}
	parts, err := both.parts(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	var batch event.Batch
	for _, p := range parts {
		for {
			err := p.Read(b.Context(), &batch)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			rows += batch.Len
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return rows
}

func benchBare(b *testing.B, cluster *kfake.Cluster) (rows int) {
	var fields event.Schema
	for _, name := range []string{"event_id", "account_id", "currency", "status", "merchant_id", "country"} {
		fields = append(fields, event.Field{Name: name, Type: event.Of(event.String)})
	}
	fields = append(fields, event.Field{Name: "amount", Type: event.Of(event.Double)}, event.Field{Name: "event_time", Type: event.Of(event.Timestamp)})
	decoder, err := payload.New(b.Context(), payload.Options{Format: payload.FormatJSON}, fields)
	if err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"tx": {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for rows < benchRecords {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		decoder.Begin()
		fetches.EachRecord(func(r *kgo.Record) {
			if err := decoder.Append(ctx, r.Value); err != nil {
				b.Fatal(err)
			}
			rows++
		})
		decoder.Columns()
	}
	return rows
}
