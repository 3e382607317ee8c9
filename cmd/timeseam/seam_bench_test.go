//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	seamHalf   = 600_000 // events of each copy
	seamRounds = 11
)

// seamEvent is the values of an event and its time.
func seamEvent(i int) (values [7]string, cents int64, at time.Time) {
	at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 5 * time.Second)
	return [7]string{fmt.Sprintf("e%08d", i), fmt.Sprintf("A%05d", i*31%20000), "EUR", "approved", fmt.Sprintf("M%04d", i*17%3000), "DE", "pos"}, int64(i * 7919 % 90000), at
}

var seamColumns = event.Schema{
	{Name: "event_id", Type: event.Of(event.String)}, {Name: "account_id", Type: event.Of(event.String)}, {Name: "currency", Type: event.Of(event.String)}, {Name: "status", Type: event.Of(event.String)},
	{Name: "merchant_id", Type: event.Of(event.String)}, {Name: "country", Type: event.Of(event.String)}, {Name: "channel", Type: event.Of(event.String)},
	{Name: "amount", Type: event.Of(event.Double)}, {Name: "event_time", Type: event.Of(event.Timestamp)},
}

// seamTopics writes all events to a topic, and the second half of them to another.
func seamTopics(b *testing.B) *kfake.Cluster {
	b.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	for _, topic := range []string{"all", "tail"} {
		if err := cluster.CreateTopic(topic, 1, map[string]string{"retention.ms": "-1"}); err != nil {
			b.Fatal(err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ProducerLinger(50*time.Millisecond), kgo.ProducerBatchMaxBytes(512<<10))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range 2 * seamHalf {
		v, cents, at := seamEvent(i)
		value := fmt.Appendf(nil, `{"event_id":%q,"account_id":%q,"amount":%d.%02d,"currency":%q,"status":%q,"merchant_id":%q,"country":%q,"event_time":%q,"channel":%q}`,
			v[0], v[1], cents/100, cents%100, v[2], v[3], v[4], v[5], at.Format(time.RFC3339), v[6])
		for _, topic := range []string{"all", "tail"} {
			if topic == "all" || i >= seamHalf {
				client.Produce(b.Context(), &kgo.Record{Topic: topic, Value: value, Timestamp: at}, func(_ *kgo.Record, err error) {
					if err != nil {
						b.Error(err)
					}
				})
			}
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return cluster
}

// seamHistory writes the first events as a warehouse keeps records, with their offsets.
func seamHistory(b *testing.B, path string, events int) {
	b.Helper()
	a, err := newArchive(b.Context(), path, "all", seamColumns)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	for from := 0; from < events; from += archiveRows {
		batch := event.Batch{Len: min(archiveRows, events-from)}
		for _, f := range append(seamColumns[:len(seamColumns):len(seamColumns)], places...) {
			batch.Columns = append(batch.Columns, event.Make(f.Type))
		}
		c := batch.Columns
		for i := from; i < from+batch.Len; i++ {
			v, cents, at := seamEvent(i)
			for k := range v {
				c[k].AppendText([]byte(v[k]))
			}
			c[7].AppendFloat(float64(cents) / 100)
			c[8].AppendInt(at.UnixMicro())
			c[9].AppendInt(0)
			c[10].AppendInt(int64(i))
			c[11].AppendInt(at.UnixMicro())
		}
		if err := a.Write(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}

const seamDefinition = `version: 1
name: bench
sources:
  tx:
    %s
    fields: {event_id: string, account_id: string, amount: double, currency: string, status: string, merchant_id: string, country: string, event_time: timestamp}
    event_timestamp: event_time
%s
entities: {account: account_id}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d]
    features: {n: count(*), s: sum(amount), m: "count(distinct merchant_id)", a: "sum(amount) filter (where status = 'approved' and currency = 'EUR' and country = 'DE')"}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {csv: %s.csv, event_timestamp: t, fields: {account_id: string, t: timestamp}}, visibility: {known: event_time}}
`

// seamSpine writes questions of the accounts, one of every so many seconds of a half of
// the events, or of both.
func seamSpine(b *testing.B, path string, halves ...int) {
	b.Helper()
	var text strings.Builder
	text.WriteString("account_id,t\n")
	for _, half := range halves {
		for i := half * seamHalf; i < (half+1)*seamHalf; i += 50 {
			v, _, at := seamEvent(i)
			fmt.Fprintf(&text, "%s,%s\n", v[1], at.Format(time.RFC3339))
		}
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSeam runs backfills in processes of their own: over a history and over a
// topic alone, with a half of the events and of the questions each, and over both, cut
// in every way. Reported is the processors' time of both together by the sum of the two
// alone, less what a run over nothing takes, which is in both; the least of several
// rounds each. The brokers are in this process and not counted.
func BenchmarkSeam(b *testing.B) {
	dir := b.TempDir()
	brokers := strings.Join(seamTopics(b).ListenAddrs(), ",")
	seamHistory(b, filepath.Join(dir, "old.parquet"), seamHalf)
	seamHistory(b, filepath.Join(dir, "none.parquet"), 0)
	seamSpine(b, filepath.Join(dir, "none.csv"))
	seamSpine(b, filepath.Join(dir, "first.csv"), 0)
	seamSpine(b, filepath.Join(dir, "second.csv"), 1)
	seamSpine(b, filepath.Join(dir, "both.csv"), 0, 1)
	history, stream := "history: {parquet: old.parquet}", func(topic string) string {
		return fmt.Sprintf("stream: {kafka: %s, brokers: %q, format: json}", topic, brokers)
	}
	both := history + "\n    " + stream("all")
	_, _, at := seamEvent(seamHalf)
	until := []string{"--complete-until", at.Format(time.RFC3339)}
	kinds := []string{"none", "history", "topic", "offset", "id", "event_time"}
	flags := map[string][]string{"id": until, "event_time": until}
	for name, text := range map[string]string{
		"none":       fmt.Sprintf(seamDefinition, "history: {parquet: none.parquet}", "", "none"),
		"history":    fmt.Sprintf(seamDefinition, history, "", "first"),
		"topic":      fmt.Sprintf(seamDefinition, stream("tail"), "", "second"),
		"offset":     fmt.Sprintf(seamDefinition, both, "    cutover: {by: offset}", "both"),
		"id":         fmt.Sprintf(seamDefinition, both, "    event_id: event_id\n    cutover: {by: id, margin: 1h}", "both"),
		"event_time": fmt.Sprintf(seamDefinition, both, "    cutover: {by: event_time}", "both"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o666); err != nil {
			b.Fatal(err)
		}
	}
	least := map[string]time.Duration{}
	for b.Loop() {
		for range seamRounds {
			for _, kind := range kinds {
				took := seamRun(b, dir, append([]string{"backfill", kind + ".yaml", "-o", kind + ".out.parquet", "--progress", "none"}, flags[kind]...)...)
				if was, known := least[kind]; !known || took < was {
					least[kind] = took
				}
			}
		}
	}
	alone := least["history"] + least["topic"] - least["none"]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(alone.Seconds(), "alone-cpu-s")
	for _, kind := range kinds[3:] {
		b.ReportMetric(float64(least[kind])/float64(alone), kind+"/alone")
	}
}

// seamRun runs the program and returns what it took of the processors.
func seamRun(b *testing.B, dir string, args ...string) time.Duration {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	cmd.Args, cmd.Dir = append([]string{"timeseam"}, args...), dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v: %s", args, err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
