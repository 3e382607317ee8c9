//go:build integration

package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// setting is what the rig says of itself.
func setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run make integration-kafka", name)
	}
	return value
}

// newReal is the cluster of the rig, as whoever may do all.
func newReal(t *testing.T) *fake {
	t.Helper()
	return &fake{nil, t, Connection{Brokers: strings.Split(setting(t, "TIMESEAM_KAFKA"), ",")}}
}

// make makes a topic that ends with the test, and waits until it is there.
func (f *fake) make(name string, partitions int32, settings ...string) string {
	f.t.Helper()
	topic := fmt.Sprintf("%s-%d", name, rand.Uint32())
	values := map[string]*string{"max.message.bytes": kadm.StringPtr("16777216"), "retention.ms": kadm.StringPtr("-1")}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		values[name] = &value
	}
	admin := f.admin()
	if _, err := admin.CreateTopic(f.t.Context(), partitions, 3, values, topic); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { admin.DeleteTopic(context.Background(), topic) })
	f.until("topic "+topic+" is there", func() bool {
		c, err := Connect(f.t.Context(), f.conn)
		if err != nil {
			f.t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Topic(f.t.Context(), topic)
		return err == nil
	})
	return topic
}

// until asks again until something holds, for a minute at most.
func (f *fake) until(what string, holds func() bool) {
	f.t.Helper()
	for range 600 {
		if holds() {
			return
		}
		if wait(f.t.Context(), 100*time.Millisecond) != nil {
			break
		}
	}
	f.t.Fatalf("after a minute, it is not that %s", what)
}

// start is where a partition begins now.
func (f *fake) start(topic string) int64 { return f.topic(topic).Partitions[0].Start }

func TestIntegrationCodecs(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	r := rand.NewChaCha8([32]byte{1})
	large := make([]byte, 10<<20)
	r.Read(large)
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		topic := f.make(name, 1)
		client := f.client(kgo.ProducerBatchCompression(codec))
		records := texts(topic, 0, 0, 5000)
		writeTogether(t, client, records...)
		write(t, client, &kgo.Record{Topic: topic, Value: large})
		writeTogether(t, client, texts(topic, 0, 5000, 10)...)
		opened := f.topic(topic)
		rows, reading := readAll(t, opened, opened.All()...)
		if len(rows) != 5011 || rows[4999].value != "n4999" || rows[5000].value != string(large) || rows[5010].value != "n5009" {
			t.Errorf("%s: %d rows", name, len(rows))
		}
		t.Logf("%s: %d MiB were held", name, reading.Held()>>20)
	}
}

func TestIntegrationTopic(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("orders", 2, "message.timestamp.type=CreateTime", "retention.ms=-1")
	client := f.client()
	writeTogether(t, client, texts(topic, 0, 0, 10)...)
	opened := f.topic(topic)
	if want := []Bounds{{0, 10}, {0, 0}}; !slices.Equal(opened.Partitions, want) {
		t.Errorf("bounds are %v", opened.Partitions)
	}
	if s := opened.Settings; !s.Known || s.Cleanup != "delete" || s.Retention >= 0 || s.Timestamps != "CreateTime" {
		t.Errorf("settings are %+v", s)
	}
	writeTogether(t, client, texts(topic, 0, 20, 10)...)
	at, err := opened.At(t.Context(), []event.Time{event.MinTime, second(5), second(5) + 1, second(15)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{0, 5, 6, 10} {
		if at[i][0] != want || at[i][1] != 0 {
			t.Errorf("instant %d: offsets %v, not %d and 0", i, at[i], want)
		}
	}

	// A partition that is added while its topic is read changes nothing of the read,
	// and is seen behind it.
	if _, err := f.admin().CreatePartitions(t.Context(), 1, topic); err != nil {
		t.Fatal(err)
	}
	rows, _ := readAll(t, opened, opened.All()...)
	if len(rows) != 10 {
		t.Errorf("%d rows", len(rows))
	}
	f.until("the partition is there", func() bool {
		err = opened.cluster.Check(t.Context(), topic, opened.ID, 2)
		return err != nil
	})
	refused(t, err, ErrChanged, "it had 2 partitions and has 3")

	_, err = opened.cluster.Topic(t.Context(), topic+"x")
	refused(t, err, ErrUnknownTopic, "did you mean "+topic)
}

// TestIntegrationAnother makes a topic anew under its reader.
func TestIntegrationAnother(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("again", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 24 {
		write(t, client, &kgo.Record{Topic: topic, Value: bytes.Repeat([]byte("x"), fetchBytes)})
	}
	opened := f.topic(topic)
	reading := reading(t, opened, Want{Own: valueAndPlace})
	part := reading.Parts()[0]
	defer part.Close()
	var b event.Batch
	if err := part.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	admin := f.admin()
	if _, err := admin.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	f.until("the topic can be made anew", func() bool {
		_, err := admin.CreateTopic(t.Context(), 1, 3, nil, topic)
		return err == nil
	})
	_, err := readPart(t.Context(), part)
	refused(t, err, ErrChanged, "topic "+topic)
}

func TestIntegrationTransactions(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("payments", 1)
	name := strconv.Itoa(int(rand.Uint32()))
	one, two, plain := f.client(kgo.TransactionalID("one"+name)), f.client(kgo.TransactionalID("two"+name)), f.client()
	var want []string
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 60; n += 3 {
		end := kgo.TransactionEndTry(r.IntN(2) == 0)
		records := texts(topic, 0, n, 3)
		transaction(t, one, end, records...)
		for _, r := range records {
			if end == kgo.TryCommit {
				want = append(want, string(r.Value))
			}
		}
	}
	// An aborted transaction lies before the end, its marker behind it.
	if err := errors.Join(one.BeginTransaction(), two.BeginTransaction()); err != nil {
		t.Fatal(err)
	}
	write(t, one, texts(topic, 0, 100, 2)...)
	write(t, two, texts(topic, 0, 200, 2)...)
	if err := one.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	write(t, plain, texts(topic, 0, 300, 1)...)
	opened := f.topic(topic)
	if opened.Partitions[0].End != 82 {
		t.Errorf("the end is %d, and the open transaction begins at 82", opened.Partitions[0].End)
	}
	rows, reading := readAll(t, opened, opened.All()...)
	if values(rows) != strings.Join(want, " ") || reading.Taken()[0].To != 82 {
		t.Errorf("committed is %s, not %s; taken is %v", values(rows), strings.Join(want, " "), reading.Taken())
	}
	if err := two.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	f.until("all is committed", func() bool { return f.topic(topic).Partitions[0].End == 87 })
	opened = f.topic(topic)
	rows, _ = readAll(t, opened, opened.All()...)
	if got := values(rows); got != strings.Join(want, " ")+" n200 n201 n300" {
		t.Errorf("in the end, %s is committed", got)
	}
}

func TestIntegrationCompaction(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("profiles", 1, "cleanup.policy=compact", "min.cleanable.dirty.ratio=0.01", "segment.ms=1000")
	client := f.client()
	for i := range 40 {
		r := texts(topic, 0, i, 3)
		for _, one := range r {
			one.Key, one.Timestamp = []byte("again"), time.Time{}
		}
		r[1].Key = fmt.Append(nil, "once", i%10)
		writeTogether(t, client, r...)
	}
	var rows []row
	f.until("compaction came by", func() bool {
		// A segment is closed by what is written after it.
		write(t, client, &kgo.Record{Topic: topic, Key: []byte("last"), Value: []byte("last")})
		opened := f.topic(topic)
		if !opened.Settings.Compacted() {
			t.Fatalf("settings are %+v", opened.Settings)
		}
		rows, _ = readAll(t, opened, opened.All()...)
		return len(rows) < 60
	})
	once := 0
	for _, r := range rows {
		if n, err := strconv.Atoi(strings.TrimPrefix(r.value, "n")); err == nil && n >= 31 {
			once++
		}
	}
	if once < 10 {
		t.Errorf("%d of the last values are left: %v", once, rows)
	}
}

// TestIntegrationRetention has segments deleted before and during a read.
func TestIntegrationRetention(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("clicks", 1, "segment.bytes=1048576")
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 40 {
		write(t, client, &kgo.Record{Topic: topic, Value: bytes.Repeat([]byte("x"), fetchBytes-1000)})
	}
	opened := f.topic(topic)
	during := reading(t, opened, Want{Own: valueAndPlace})
	before := reading(t, opened, Want{Own: valueAndPlace})
	part := during.Parts()[0]
	defer part.Close()
	var b event.Batch
	if err := part.Read(t.Context(), &b); err != nil || b.Len > 16 {
		t.Fatalf("%d rows, and the error %v", b.Len, err)
	}
	if _, err := f.admin().AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.bytes", Value: kadm.StringPtr("2097152")}}, topic); err != nil {
		t.Fatal(err)
	}
	f.until("segments are gone", func() bool { return f.start(topic) > 30 })
	_, err := readPart(t.Context(), before.Parts()[0])
	refused(t, err, ErrGone, "topic "+topic+", partition 0, offset 0: offsets 0 to ", "the first offset there is ")
	_, err = readPart(t.Context(), part)
	refused(t, err, ErrGone, "topic "+topic+", partition 0, offset ", "are gone, of the range that ends before 40")
	if taken := during.Taken()[0]; taken.To >= 30 || taken.To < 8 {
		t.Errorf("taken is %v", taken)
	}
	again := f.topic(topic)
	if rows, _ := readAll(t, again, again.All()...); len(rows) == 0 || len(rows) > 10 {
		t.Errorf("%d rows are left", len(rows))
	}
}

func TestIntegrationSecure(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic := f.make("secret", 1)
	write(t, f.client(), texts(topic, 0, 0, 3)...)
	user, ca := setting(t, "TIMESEAM_KAFKA_USER"), setting(t, "TIMESEAM_KAFKA_CA")
	right := Connection{Brokers: strings.Split(setting(t, "TIMESEAM_KAFKA_SECURE"), ","), TLS: TLS{On: true, CA: ca}, SASL: SASL{"PLAIN", user, Secret(setting(t, "TIMESEAM_KAFKA_PASSWORD"))}, Attempts: 3}
	as := func(change func(c *Connection)) error {
		conn := right
		change(&conn)
		c, err := Connect(t.Context(), conn)
		if err != nil {
			return err
		}
		defer c.Close()
		opened, err := c.Topic(t.Context(), topic)
		if err != nil {
			return err
		}
		r := reading(t, opened, Want{Own: valueAndPlace})
		rows, err := readPart(t.Context(), r.Parts()[0])
		if err == nil && values(rows) != "n0 n1 n2" {
			return fmt.Errorf("rows are %v", rows)
		}
		return err
	}
	refused(t, as(func(*Connection) {}), nil, "topic "+topic+": user "+user+" may not do this with the topic")
	allow := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").Topics(topic).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	if _, err := f.admin().CreateACLs(t.Context(), allow.Operations(kadm.OpDescribe)); err != nil {
		t.Fatal(err)
	}
	f.until("the topic may be described", func() bool {
		err := as(func(*Connection) {})
		return err != nil && strings.Contains(err.Error(), "offset 0: user "+user+" may not do this")
	})
	if _, err := f.admin().CreateACLs(t.Context(), allow.Operations(kadm.OpRead)); err != nil {
		t.Fatal(err)
	}
	f.until("the topic may be read", func() bool { return as(func(*Connection) {}) == nil })
	for _, m := range mechanisms {
		if err := as(func(c *Connection) { c.SASL.Mechanism = m }); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		err := as(func(c *Connection) { c.SASL.Mechanism, c.SASL.Password = m, "open-barley" })
		refused(t, err, nil, "the brokers refuse user "+user+" by "+m)
		if err != nil && (strings.Contains(err.Error(), "barley") || strings.Contains(err.Error(), "attempts")) {
			t.Errorf("%v: it tells the password, or was asked again", err)
		}
	}
	other := newCertificates(t, "127.0.0.1")
	for _, c := range []struct {
		name   string
		change func(c *Connection)
		words  string
	}{
		{"plain against TLS", func(c *Connection) { c.TLS = TLS{} }, "TLS"},
		{"TLS against plain", func(c *Connection) { c.Brokers, c.SASL = f.conn.Brokers, SASL{} }, "TLS"},
		{"nobody", func(c *Connection) { c.SASL = SASL{} }, "it may want SASL, which is not set"},
		{"unknown authority", func(c *Connection) { c.TLS.CA = other.ca }, "signed by nobody who is trusted"},
		{"another name", func(c *Connection) { c.TLS.ServerName = "kafka.example" }, "is not for kafka.example but for 127.0.0.1"},
	} {
		err := as(c.change)
		t.Logf("%s: %v", c.name, err)
		refused(t, err, nil, c.words)
	}
}

func TestIntegrationLetters(t *testing.T) {
	t.Parallel()
	f := newReal(t)
	topic, dead := f.make("numbers", 1), f.make("dead", 1)
	write(t, f.client(), &kgo.Record{Topic: topic, Value: []byte("1")}, &kgo.Record{Topic: topic, Value: []byte("one")}, &kgo.Record{Topic: topic, Value: []byte("2")})
	letters, err := NewLetterTopic(t.Context(), f.conn, dead)
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	opened := f.topic(topic)
	if got, err := sums(t, reading(t, opened, wantNumbers(1, letters))); err != nil || got != "0:1 2:2" {
		t.Errorf("read is %s, and the error %v", got, err)
	}
	buried := f.topic(dead)
	if rows, _ := readAll(t, buried, buried.All()...); values(rows) != "one" {
		t.Errorf("the letters are %v", rows)
	}
}

// TestIntegrationKilled ends a broker in the middle of a read: another comes to lead,
// and every record is read once. It is not beside others, which would lose theirs.
func TestIntegrationKilled(t *testing.T) {
	f := newReal(t)
	topic := f.make("survives", 1, "min.insync.replicas=2")
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	for i := range 40 {
		write(t, client, &kgo.Record{Topic: topic, Value: append(fmt.Appendf(nil, "n%d ", i), bytes.Repeat([]byte("x"), fetchBytes-1000)...)})
	}
	opened := f.topic(topic)
	part := reading(t, opened, Want{Own: valueAndPlace}).Parts()[0]
	defer part.Close()
	var b event.Batch
	if err := part.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	next := b.Len
	leader := strconv.Itoa(int(opened.leads(0).broker))
	rig := func(what string) {
		t.Helper()
		if out, err := exec.Command("python3", "../fixtures/kafka/rig.py", what, setting(t, "TIMESEAM_KAFKA_RIG"), leader).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	rig("kill")
	defer rig("node")
	began := time.Now()
	for {
		err := part.Read(t.Context(), &b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len {
			if v := string(b.Columns[2].Text(i)); !strings.HasPrefix(v, fmt.Sprintf("n%d ", next)) {
				t.Fatalf("record %d is %.10s", next, v)
			}
			next++
		}
	}
	if next != 40 {
		t.Errorf("%d records", next)
	}
	t.Logf("the rest took %s after the broker was killed", time.Since(began).Round(time.Millisecond))
	if now := opened.leads(0).broker; strconv.Itoa(int(now)) == leader {
		t.Error("the broker that was killed still leads")
	}
}
