package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fake is a cluster in this process, and who writes to it.
type fake struct {
	*kfake.Cluster
	t    *testing.T
	conn Connection
}

// newFake begins a cluster that ends with the test.
func newFake(t *testing.T, opts ...kfake.Opt) *fake {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &fake{c, t, Connection{Brokers: c.ListenAddrs(), Attempts: 4, Pause: time.Millisecond}}
}

func (f *fake) connect() *Cluster {
	f.t.Helper()
	c, err := Connect(f.t.Context(), f.conn)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}

func (f *fake) topic(name string) *Topic {
	f.t.Helper()
	topic, err := f.connect().Topic(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return topic
}

// client is a client of the library, for writing.
func (f *fake) client(opts ...kgo.Opt) *kgo.Client {
	f.t.Helper()
	own, err := f.conn.options()
	if err != nil {
		f.t.Fatal(err)
	}
	client, err := kgo.NewClient(slices.Concat(own, []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(32 << 20), kgo.RequestRetries(5)}, opts)...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	return client
}

// create makes a topic of so many partitions.
func (f *fake) create(topic string, partitions int32, settings ...string) {
	f.t.Helper()
	values := map[string]string{"max.message.bytes": "33554432", "retention.ms": "-1"}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		values[name] = value
	}
	if err := f.CreateTopic(topic, partitions, values); err != nil {
		f.t.Fatal(err)
	}
}

// write appends records, each in a batch of its own.
func write(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	for _, r := range records {
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// writeTogether appends records, in batches as large as they may be.
func writeTogether(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// texts are records of so many values, n0, n1, ..., a second apart.
func texts(topic string, partition int32, from, n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "k%d", (from+i)%7), Value: fmt.Appendf(nil, "n%d", from+i), Timestamp: time.Unix(int64(1000+from+i), 0)}
	}
	return records
}

// transaction writes records in one, which it commits or aborts.
func transaction(t *testing.T, client *kgo.Client, commit kgo.TransactionEndTry, records ...*kgo.Record) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	writeTogether(t, client, records...)
	if err := client.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
}

// row is a record as it came to be read.
type row struct {
	partition, offset int64
	value             string
}

// valueAndPlace are the columns from which rows are made.
var valueAndPlace = event.Schema{{Name: "_partition", Type: event.Of(event.Int)}, {Name: "_offset", Type: event.Of(event.Int)}, {Name: "_value", Type: event.Of(event.Bytes)}}

// readPart reads a source to its end.
func readPart(ctx context.Context, part event.Source) (rows []row, err error) {
	defer part.Close()
	var b event.Batch
	for {
		err := part.Read(ctx, &b)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		for i := range b.Len {
			r := row{partition: b.Columns[0].Ints[i], offset: b.Columns[1].Ints[i], value: "-"}
			if !b.Columns[2].IsNull(i) {
				r.value = string(b.Columns[2].Text(i))
			}
			rows = append(rows, r)
		}
	}
}

// readAll reads ranges of a topic, one after the other.
func readAll(t *testing.T, topic *Topic, ranges ...Range) ([]row, *Reading) {
	t.Helper()
	reading, err := topic.Reading(Want{Own: valueAndPlace}, ranges)
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for _, p := range reading.Parts() {
		rows, err := readPart(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	if held := reading.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held after all parts were closed", held)
	}
	return all, reading
}

// values are what rows hold.
func values(rows []row) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.value)
	}
	return strings.Join(all, " ")
}

// refused holds that an error is there, is of a kind, and says so.
func refused(t *testing.T, err error, kind error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, where one should say %q", words)
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("%v: it is not %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: it does not say %q", err, w)
		}
	}
}

// admin is a client for what only administrators do.
func (f *fake) admin() *kadm.Client { return kadm.NewClient(f.client()) }

// castagnoli is the checksum of batches.
func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
