package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/urfave/cli/v2"
)

// The second half of the demo: the same training set where the warehouse ends before the
// questions do, and the last days are in Kafka alone.

const (
	demoTopic   = "transactions"
	demoBrokers = "DEMO_BROKERS"
	demoHistory = "history: {parquet: data/transactions}     # a directory with Hive partitions, dt=2026-01-01 and so on"
)

// demoStream is what takes the place of demoHistory.
const demoStream = `history: {parquet: "data/transactions/dt=2026-0[12]-*"}     # January and February; March is in Kafka alone
    stream: {kafka: transactions, brokers: "${DEMO_BROKERS:-localhost:9092}", format: json}
    partitioned_by: {dt: event_time}
    lateness: 1h                              # no payment arrives later
    cutover: {complete: next_partition}       # a day is complete once the next one is there`

// demoInKafka are the days that the topic holds: all but the last are in the history too.
var demoInKafka = []string{"dt=2026-02-2[678]", "dt=2026-03-01"}

// demoSeam makes the training set of a demo again, across the seam.
func demoSeam(c *cli.Context, dir, whole string) error {
	w := c.App.Writer
	spec, out := filepath.Join(dir, "cutover.yaml"), filepath.Join(dir, "cutover.parquet")
	if _, err := os.Stat(spec); err != nil {
		text := strings.Replace(strings.ReplaceAll(string(demoDefinition), "features.yaml", "cutover.yaml"), demoHistory, demoStream, 1)
		if err := sink.WriteFile(spec, []byte(text)); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer cluster.Close()
	if err := cluster.CreateTopic(demoTopic, 3, map[string]string{"retention.ms": "-1"}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	n, err := demoRecords(c.Context, filepath.Join(dir, "data", "transactions"), cluster.ListenAddrs())
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(w, "\nAnd across the seam: the history ends with February, and a Kafka in this process holds\n%s of 26 February to 1 March, in the order in which they arrived.\n", plural(n, "payment"))
	fmt.Fprintf(w, "\n$ timeseam backfill %s -o %s --%s\n", spec, out, auditFlag)
	target, err := sink.Place{Path: out}.Resolve()
	if err != nil {
		return err
	}
	lookup := func(name string) (string, bool) {
		if name == demoBrokers {
			return strings.Join(cluster.ListenAddrs(), ","), true
		}
		return os.LookupEnv(name)
	}
	job := &backfillJob{spec: spec, out: out, target: target, workers: runtime.GOMAXPROCS(0), audit: true, auditHours: 24, told: c.App.ErrWriter, lookup: lookup}
	m, r, err := job.run(c.Context)
	if err != nil {
		return err
	}
	m.print(w, r)
	if err := demoSame(w, out, whole); err != nil {
		return err
	}
	return demoFollow(c, &followJob{spec: spec, lookup: lookup}, c.Bool("stay"))
}

// demoSame says so where both training sets have the same bytes. They have not where
// somebody changed one definition.
func demoSame(w io.Writer, out, whole string) error {
	a, err := os.ReadFile(out)
	b, err2 := os.ReadFile(whole)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if bytes.Equal(a, b) {
		fmt.Fprintf(w, "\n%s has the bytes of %s: each payment counted once, and none is lost.\n", out, whole)
	}
	return nil
}

// demoRecord is a payment on its way to the topic.
type demoRecord struct {
	id, arrival int64
	record      *kgo.Record
}

// demoRecords writes days of payments to the topic, as they arrived, and returns how many.
func demoRecords(ctx context.Context, dir string, brokers []string) (int, error) {
	var all []demoRecord
	for _, day := range demoInKafka {
		t, err := sources.Find(filepath.Join(dir, day))
		if err != nil {
			return 0, err
		}
		if all, err = appendRecords(ctx, all, t); err != nil {
			return 0, err
		}
	}
	slices.SortFunc(all, func(a, b demoRecord) int { return cmp.Or(cmp.Compare(a.arrival, b.arrival), cmp.Compare(a.id, b.id)) })
	records := make([]*kgo.Record, len(all))
	for i := range all {
		records[i] = all[i].record
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(demoTopic))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	return len(records), client.ProduceSync(ctx, records...).FirstErr()
}

// demoColumns are what a record of a payment has; its id, its account and its arrival are
// the first.
var demoColumns = []string{"event_id", "account_id", "arrival_time", "event_time", "merchant_id", "amount", "country", "lat", "lon"}

// appendRecords appends the rows of a table as records.
func appendRecords(ctx context.Context, all []demoRecord, t *sources.Table) ([]demoRecord, error) {
	rows, err := t.Read(demoColumns)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var b event.Batch
	for {
		err := rows.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Len {
			fields := map[string]any{}
			for c, name := range demoColumns {
				fields[name] = valueJSON(&b.Columns[c], i)
			}
			value, err := json.Marshal(fields)
			if err != nil {
				return nil, err
			}
			arrival := b.Columns[2].Ints[i]
			all = append(all, demoRecord{b.Columns[0].Ints[i], arrival, &kgo.Record{Key: bytes.Clone(b.Columns[1].Text(i)), Value: value, Timestamp: instant(event.Time(arrival))}})
		}
	}
}
