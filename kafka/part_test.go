package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func TestReadRanges(t *testing.T) {
	f := newFake(t)
	f.create("orders", 3)
	client := f.client()
	writeTogether(t, client, texts("orders", 0, 0, 10)...) // one batch
	write(t, client, texts("orders", 2, 0, 5)...)          // five
	topic := f.topic("orders")
	rows, reading := readAll(t, topic, Range{0, 3, 7}, Range{1, 0, 0}, Range{2, 4, 5}, Range{0, 0, 3}, Range{2, 2, 2})
	want := []row{{0, 3, "n3"}, {0, 4, "n4"}, {0, 5, "n5"}, {0, 6, "n6"}, {2, 4, "n4"}, {0, 0, "n0"}, {0, 1, "n1"}, {0, 2, "n2"}}
	if !slices.Equal(rows, want) {
		t.Errorf("rows are %v, not %v", rows, want)
	}
	taken := []Taken{
		{Range: Range{0, 3, 7}, Records: 4, Earliest: second(3), Latest: second(6)},
		{Range: Range{1, 0, 0}, Earliest: event.MaxTime, Latest: event.MinTime},
		{Range: Range{2, 4, 5}, Records: 1, Earliest: second(4), Latest: second(4)},
		{Range: Range{0, 0, 3}, Records: 3, Earliest: second(0), Latest: second(2)},
		{Range: Range{2, 2, 2}, Earliest: event.MaxTime, Latest: event.MinTime},
	}
	if got := reading.Taken(); !slices.Equal(got, taken) {
		t.Errorf("taken is %v, not %v", got, taken)
	}

	for _, c := range []struct {
		of    Range
		kind  error
		words string
	}{
		{Range{3, 0, 1}, ErrChanged, "partition 3: the topic has 3 partitions"},
		{Range{0, 5, 4}, nil, "is no range"},
		{Range{0, -1, 4}, nil, "is no range"},
		{Range{0, 0, 11}, ErrGone, "offsets 10 to 10 are gone: the log ends before 10"},
	} {
		_, err := topic.Reading(Want{Own: valueAndPlace}, []Range{c.of})
		refused(t, err, c.kind, c.words)
	}
}

// TestReadCommitted ends ranges where only their broker knows that nothing is left:
// behind markers, behind what was aborted, and before a transaction that is still
// open, whose end is not there to be waited for.
func TestReadCommitted(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	plain, one, two := f.client(), f.client(kgo.TransactionalID("one")), f.client(kgo.TransactionalID("two"))
	transaction(t, one, kgo.TryCommit, texts("orders", 0, 0, 3)...)  // 0 1 2, marker 3
	transaction(t, one, kgo.TryAbort, texts("orders", 0, 10, 2)...)  // 4 5, marker 6
	write(t, plain, texts("orders", 0, 20, 1)...)                    // 7
	transaction(t, one, kgo.TryAbort, texts("orders", 0, 30, 2)...)  // 8 9, marker 10
	transaction(t, one, kgo.TryCommit, texts("orders", 0, 40, 1)...) // 11, marker 12
	if err := two.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := one.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	write(t, one, texts("orders", 0, 50, 2)...) // 13 14
	write(t, two, texts("orders", 0, 60, 1)...) // 15, open
	if err := one.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err) // marker 16, behind the end
	}
	write(t, plain, texts("orders", 0, 70, 1)...) // 17
	topic := f.topic("orders")
	if end := topic.Partitions[0].End; end != 15 {
		t.Fatalf("the end is %d, and the open transaction begins at 15", end)
	}
	rows, reading := readAll(t, topic, topic.All()...)
	if got := values(rows); got != "n0 n1 n2 n20 n40" {
		t.Errorf("committed is %s", got)
	}
	if taken := reading.Taken()[0]; taken.Range != (Range{0, 0, 15}) || taken.Records != 5 {
		t.Errorf("taken is %+v", taken)
	}
	// Every cut is a place to end, and to go on.
	for cut := range int64(15) {
		before, reading := readAll(t, topic, Range{0, 0, cut}, Range{0, cut, 15})
		if !slices.Equal(before, rows) {
			t.Errorf("cut at %d, it is %v", cut, before)
		}
		if taken := reading.Taken(); taken[0].To != cut || taken[1].To != 15 {
			t.Errorf("cut at %d, taken is %v", cut, taken)
		}
	}
}

// TestReadManyTransactions holds that which transactions were aborted is remembered
// from batch to batch and from answer to answer: of one producer, in one answer.
func TestReadManyTransactions(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	clients := []*kgo.Client{f.client(kgo.TransactionalID("a")), f.client(kgo.TransactionalID("b"))}
	r := rand.New(rand.NewPCG(1, 2))
	var want []string
	for n := 0; n < 400; {
		k := 1 + r.IntN(3)
		end := kgo.TransactionEndTry(r.IntN(2) == 0)
		records := texts("orders", 0, n, k)
		transaction(t, clients[r.IntN(2)], end, records...)
		for _, one := range records {
			if end == kgo.TryCommit {
				want = append(want, string(one.Value))
			}
		}
		n += k
	}
	topic := f.topic("orders")
	if rows, _ := readAll(t, topic, topic.All()...); values(rows) != strings.Join(want, " ") {
		t.Errorf("committed is %s, not %s", values(rows), strings.Join(want, " "))
	}
}

// TestReadInterleaved ends one producer's transaction within another's, whose records
// stay aborted.
func TestReadInterleaved(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	plain, one, two := f.client(), f.client(kgo.TransactionalID("one")), f.client(kgo.TransactionalID("two"))
	if err := one.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	write(t, one, texts("orders", 0, 0, 1)...)
	transaction(t, two, kgo.TryAbort, texts("orders", 0, 10, 1)...)
	transaction(t, two, kgo.TryCommit, texts("orders", 0, 20, 1)...)
	write(t, one, texts("orders", 0, 1, 2)...)
	transaction(t, two, kgo.TryAbort, texts("orders", 0, 30, 1)...)
	if err := one.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	transaction(t, one, kgo.TryCommit, texts("orders", 0, 40, 1)...)
	write(t, plain, texts("orders", 0, 50, 1)...)
	topic := f.topic("orders")
	if rows, _ := readAll(t, topic, topic.All()...); values(rows) != "n20 n40 n50" {
		t.Errorf("committed is %s", values(rows))
	}
}

// TestEnded ends the first transaction of a producer, in whatever order a broker
// lists them: not all list them as they ended.
func TestEnded(t *testing.T) {
	all := []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 2, FirstOffset: 30}, {ProducerID: 1, FirstOffset: 20}, {ProducerID: 1, FirstOffset: 10}}
	for _, c := range []struct {
		producer int64
		left     []int64
	}{{1, []int64{30, 20}}, {3, []int64{30, 20}}, {1, []int64{30}}, {2, nil}, {2, nil}} {
		all = ended(all, c.producer)
		var left []int64
		for _, a := range all {
			left = append(left, a.FirstOffset)
		}
		if !slices.Equal(left, c.left) {
			t.Errorf("after one of producer %d ended, %v are left, not %v", c.producer, left, c.left)
		}
	}
}

// TestAnswered holds which answers lead on. One without batches does only where its
// broker has the log to beyond the range and from before it.
func TestAnswered(t *testing.T) {
	const nothing, cut, gone, on, end = "nothing", "cut", "gone", "on", "end"
	for _, c := range []struct {
		name          string
		batches       []byte
		start, stable int64
		throttled     bool
		want          string
	}{
		{"batches", batch(5, 2, 61), 0, 9, false, on},
		{"batches from before", batch(3, 3, 61), 0, 9, false, on},
		{"batches behind a hole", batch(7, 0, 61), 5, 9, false, on},
		{"batches behind what was taken away", batch(7, 0, 61), 7, 9, false, gone},
		{"batches that were taken away after they were read", batch(5, 0, 61), 7, 9, false, on},
		{"a batch that is cut", batch(5, 2, 61)[:60], 0, 9, false, cut},
		{"no batch up to the end", nil, 0, 9, false, end},
		{"no batch up to beyond the end", nil, 5, 100, false, end},
		{"no batch, for the broker lags", nil, 0, 8, false, nothing},
		{"no batch, for too much was asked", nil, 0, 9, true, nothing},
		{"no batch, for all was taken away", nil, 9, 9, false, nothing},
	} {
		of := kmsg.NewFetchResponseTopicPartition()
		of.RecordBatches, of.LogStartOffset, of.LastStableOffset = c.batches, c.start, c.stable
		a, err := answered(of, Range{0, 5, 9}, c.throttled)
		got := on
		switch {
		case errors.Is(err, errNothing):
			got = nothing
		case errors.Is(err, errCut):
			got = cut
		case errors.Is(err, kerr.OffsetOutOfRange):
			got = gone
		case err != nil:
			got = err.Error()
		case a.empty && a.next == 9:
			got = end
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
}

// TestReadHoles reads what compaction has left: of three batches one record each, and
// the last whole.
func TestReadHoles(t *testing.T) {
	f := newFake(t)
	f.create("profiles", 1, "cleanup.policy=compact")
	client := f.client()
	for i := range 10 {
		some := texts("profiles", 0, 3*i, 3)
		for k, r := range some {
			r.Key = []byte("again")
			if i%5 == 0 && k == 1 {
				r.Key = fmt.Append(nil, "once", i)
			}
		}
		writeTogether(t, client, some...)
	}
	f.Compact()
	topic := f.topic("profiles")
	rows, reading := readAll(t, topic, topic.All()...)
	want := []row{{0, 1, "n1"}, {0, 16, "n16"}, {0, 26, "n26"}, {0, 27, "n27"}, {0, 28, "n28"}, {0, 29, "n29"}}
	if !slices.Equal(rows, want) {
		t.Errorf("left is %v, not %v", rows, want)
	}
	if taken := reading.Taken()[0]; taken.To != 30 || taken.Records != 6 {
		t.Errorf("taken is %v", taken)
	}
	// Every cut lies before, in or behind a hole.
	start := topic.Partitions[0].Start
	for cut := start; cut <= 30; cut++ {
		parts, reading := readAll(t, topic, Range{0, start, cut}, Range{0, cut, 30})
		if taken := reading.Taken(); !slices.Equal(parts, want) || taken[0].To != cut || taken[1].To != 30 {
			t.Errorf("cut at %d, it is %v, and taken %v", cut, parts, taken)
		}
	}
}

func TestReadCodecs(t *testing.T) {
	f := newFake(t)
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		f.create(name, 1)
		client := f.client(kgo.ProducerBatchCompression(codec))
		var want []string
		for i := range 5 {
			some := texts(name, 0, 100*i, 100)
			writeTogether(t, client, some...)
			for _, r := range some {
				want = append(want, string(r.Value))
			}
		}
		topic := f.topic(name)
		if rows, _ := readAll(t, topic, topic.All()...); values(rows) != strings.Join(want, " ") {
			t.Errorf("%s: read is %s", name, values(rows))
		}
	}
}

// TestReadLarge reads records of 10 MB, and many small ones, and holds what memory
// they take against what is promised of it.
func TestReadLarge(t *testing.T) {
	f := newFake(t)
	f.create("large", 1)
	f.create("small", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	r := rand.NewChaCha8([32]byte{1})
	large := make([]byte, 10<<20)
	r.Read(large)
	for range 6 {
		write(t, client, &kgo.Record{Topic: "large", Value: large})
	}
	for range 24 {
		var some []*kgo.Record
		for i := range 1024 {
			some = append(some, &kgo.Record{Topic: "small", Value: large[1024*i : 1024*(i+1)]})
		}
		writeTogether(t, client, some...)
	}
	for name, c := range map[string]struct {
		rows int
		most int64
	}{"large": {6, 64 << 20}, "small": {24 << 10, 24 << 20}} {
		topic := f.topic(name)
		rows, reading := readAll(t, topic, topic.All()...)
		if len(rows) != c.rows {
			t.Errorf("%s: %d rows", name, len(rows))
		}
		for i, r := range rows {
			if want := large[1024*(i%1024) : 1024*(i%1024+1)]; name == "small" && r.value != string(want) || name == "large" && r.value != string(large) {
				t.Fatalf("%s: record %d is another one", name, i)
			}
		}
		if held := reading.Held(); held > c.most || held < 8<<20 {
			t.Errorf("%s: %d bytes were held, and %d may be", name, held, c.most)
		}
	}
}

// TestReadBeside reads the parts of a topic at once.
func TestReadBeside(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(3))
	f.create("orders", 8)
	client := f.client()
	for p := range int32(8) {
		writeTogether(t, client, texts("orders", p, 1000*int(p), 1000)...)
	}
	topic := f.topic("orders")
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	parts := reading.Parts()
	all := make([][]row, len(parts))
	for i, p := range parts {
		wg.Go(func() {
			rows, err := readPart(context.Background(), p)
			if err != nil {
				t.Error(err)
			}
			all[i] = rows
		})
	}
	wg.Wait()
	for p, rows := range all {
		if len(rows) != 1000 || rows[0] != (row{int64(p), 0, fmt.Sprintf("n%d", 1000*p)}) || rows[999] != (row{int64(p), 999, fmt.Sprintf("n%d", 1000*p+999)}) {
			t.Errorf("partition %d: %d rows", p, len(rows))
		}
	}
	if reading.held.Load() != 0 {
		t.Error("bytes are held of parts that are closed")
	}
}

// TestReadGone takes records away after the topic was asked for.
func TestReadGone(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	big := bytes.Repeat([]byte("x"), fetchBytes)
	for range 6 {
		write(t, client, &kgo.Record{Topic: "orders", Value: big})
	}
	topic := f.topic("orders")
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteRecords("orders", 0, 2); err != nil {
		t.Fatal(err)
	}
	_, err = readPart(t.Context(), reading.Parts()[0])
	refused(t, err, ErrGone, "topic orders, partition 0, offset 0: offsets 0 to 1 are gone", "the first offset there is 2")

	reading, err = topic.Reading(Want{Own: valueAndPlace}, []Range{{0, 2, 6}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteRecords("orders", 0, 5); err != nil {
		t.Fatal(err)
	}
	_, err = readPart(t.Context(), reading.Parts()[0])
	refused(t, err, ErrGone, "offsets 2 to 4 are gone, of the range that ends before 6")

	_, err = f.topic("orders").Reading(Want{Own: valueAndPlace}, []Range{{0, 3, 6}})
	refused(t, err, ErrGone, "partition 0: offsets 3 to 4 are gone")
}

// TestReadTaken has retention pass between two answers of one read.
func TestReadTaken(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 6 {
		write(t, client, &kgo.Record{Topic: "orders", Value: bytes.Repeat([]byte("x"), fetchBytes)})
	}
	topic := f.topic("orders")
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset < 3 {
			f.KeepControl()
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		asked := req.(*kmsg.FetchRequest).Topics[0]
		of := kmsg.NewFetchResponseTopicPartition()
		of.ErrorCode, of.RecordBatches = kerr.OffsetOutOfRange.Code, []byte{}
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID, topic.Partitions = asked.Topic, asked.TopicID, append(topic.Partitions, of)
		resp.Topics = append(resp.Topics, topic)
		f.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = "orders"
			of := kmsg.NewListOffsetsResponseTopicPartition()
			of.Offset = 5
			topic.Partitions = append(topic.Partitions, of)
			resp.Topics = append(resp.Topics, topic)
			return resp, nil, true
		})
		return resp, nil, true
	})
	_, err = readPart(t.Context(), reading.Parts()[0])
	refused(t, err, ErrGone, "topic orders, partition 0, offset 3: offsets 3 to 4 are gone, of the range that ends before 6: the first offset there is 5")
	if taken := reading.Taken()[0]; taken.To > 3 {
		t.Errorf("offset %d is said to be reached", taken.To)
	}
}

// TestReadAnother deletes the topic, or makes it anew, under its reader. Brokers that
// are asked by name would answer for the new one; who leads it is asked again then,
// and tells its id.
func TestReadAnother(t *testing.T) {
	for _, c := range []struct {
		name  string
		again bool
		opts  []kfake.Opt
	}{{"deleted", false, nil}, {"made anew", true, nil}, {"made anew, asked by name", true, []kfake.Opt{kfake.MaxVersions(kversion.V3_0_0())}}} {
		f := newFake(t, c.opts...)
		f.create("orders", 1)
		write(t, f.client(), texts("orders", 0, 0, 3)...)
		topic := f.topic("orders")
		reading := reading(t, topic, Want{Own: valueAndPlace})
		if err := f.DeleteTopic("orders"); err != nil {
			t.Fatal(err)
		}
		if c.again {
			f.create("orders", 1)
			write(t, f.client(), texts("orders", 0, 100, 3)...)
		}
		if c.opts != nil {
			f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition})
		}
		rows, err := readPart(t.Context(), reading.Parts()[0])
		refused(t, err, ErrChanged, "topic orders")
		if len(rows) > 0 {
			t.Errorf("%s: it is read as %v", c.name, rows)
		}
	}
}

// TestReadFaults has brokers refuse, hang up and hand over between answers: the
// rows are the same, or the read ends after so many attempts.
func TestReadFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault kfake.Fault
		words string // empty: it passes
	}{
		{"not leader", kfake.Fault{Err: kerr.NotLeaderForPartition, Count: 2}, ""},
		{"fenced", kfake.Fault{Err: kerr.FencedLeaderEpoch, Count: 2}, ""},
		{"storage", kfake.Fault{Err: kerr.KafkaStorageError, Count: 3}, ""},
		{"for ever", kfake.Fault{Err: kerr.NotLeaderForPartition, Count: -1}, "no broker leads it; check that enough brokers run, and run again (4 attempts)"},
		{"forbidden", kfake.Fault{Err: kerr.TopicAuthorizationFailed, Count: -1}, "may not do this"},
		{"unknown", kfake.Fault{Err: kerr.UnknownServerError, Count: -1}, "a broker refuses: The server experienced an unexpected error"},
	} {
		f := newFake(t)
		f.create("orders", 1)
		write(t, f.client(), texts("orders", 0, 0, 3)...)
		topic := f.topic("orders")
		c.fault.Keys = []kmsg.Key{kmsg.Fetch}
		f.Fault(c.fault)
		reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := readPart(t.Context(), reading.Parts()[0])
		switch {
		case c.words != "":
			refused(t, err, nil, "topic orders, partition 0, offset 0: ", c.words)
		case err != nil || values(rows) != "n0 n1 n2":
			t.Errorf("%s: rows are %v, and the error %v", c.name, rows, err)
		}
	}
}

// TestReadMoves has the partition change brokers during the read, and lose the last.
func TestReadMoves(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(2))
	f.create("orders", 1)
	client := f.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 8 {
		write(t, client, &kgo.Record{Topic: "orders", Value: bytes.Repeat([]byte("x"), fetchBytes)})
	}
	topic := f.topic("orders")
	moved := 0
	f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		moved++
		if moved == 4 {
			return nil, errors.New("hang up"), true
		}
		return nil, nil, false
	})
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	part := reading.Parts()[0]
	defer part.Close()
	var b event.Batch
	rows := 0
	for at := 0; ; at++ {
		if at == 0 {
			if err := f.MoveTopicPartition("orders", 0, 1-f.LeaderFor("orders", 0)); err != nil {
				t.Fatal(err)
			}
		}
		err := part.Read(t.Context(), &b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Len
	}
	if rows != 8 || moved < 8 {
		t.Errorf("%d rows after %d answers", rows, moved)
	}

	reading, err = topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	part = reading.Parts()[0]
	defer part.Close()
	f.Close()
	for err = nil; err == nil; {
		err = part.Read(t.Context(), &b)
	}
	refused(t, err, nil, "topic orders, partition 0, offset 0: ", "(4 attempts)")
	if again := part.Read(t.Context(), &b); !errors.Is(again, err) {
		t.Errorf("an error was final, and then it was %v", again)
	}
}

// TestReadEnds holds that a context ends a read that waits, and Close what is under
// way.
func TestReadEnds(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	write(t, f.client(), texts("orders", 0, 0, 3)...)
	topic := f.topic("orders")
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.LeaderNotAvailable, Count: -1})
	topic.cluster.conn.Pause = time.Hour
	reading, err := topic.Reading(Want{Own: valueAndPlace}, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	part := reading.Parts()[0]
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var b event.Batch
	if err := part.Read(ctx, &b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the read ends with %v", err)
	}
	if err := errors.Join(part.Close(), part.Close()); err != nil {
		t.Error(err)
	}
	if err := part.Read(t.Context(), &b); err == nil || err == io.EOF {
		t.Errorf("a closed part says %v", err)
	}
}
