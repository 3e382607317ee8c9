package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"bytes"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// benchRecords is how many records one round reads, from one partition.
const benchRecords = 400_000

// jsonBatch is a batch of a thousand events of about 200 bytes, as a producer packs
// them.
func jsonBatch(b *testing.B, codec kgo.CompressionCodec) []byte {
	b.Helper()
	var raw []byte
	const n = 1000
	for i := range n {
		value := fmt.Appendf(nil, `{"event_id":"e%08d","account_id":"A%05d","amount":"%d.%02d","currency":"EUR","status":"approved","merchant_id":"M%04d","country":"DE","event_time":"2026-01-%02dT12:%02d:%02d.123Z","channel":"pos","lat":52.%04d,"lon":13.%04d}`,
			i*7919, i*31%20000, i%900, i%100, i*17%3000, 1+i%28, i%60, i*7%60, i*13%10000, i*29%10000)
		r := kmsg.Record{OffsetDelta: int32(i), TimestampDelta64: int64(i), Key: fmt.Appendf(nil, "A%05d", i*31%20000), Value: value}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		text := r.AppendTo(nil)
		_, used := binary.Varint(text)
		r.Length = int32(len(text) - used)
		raw = r.AppendTo(raw)
	}
	kind := kgo.CodecNone
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		b.Fatal(err)
	}
	if compressor != nil {
		var buf bytes.Buffer
		raw, kind = compressor.Compress(&buf, raw)
	}
	batch := kmsg.RecordBatch{Magic: 2, Attributes: int16(kind), LastOffsetDelta: n - 1, FirstTimestamp: 1_700_000_000_000, MaxTimestamp: 1_700_000_000_999, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: n, Records: raw}
	batch.Length = int32(len(batch.AppendTo(nil)) - frameHead)
	text := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(text[17:], castagnoli(text[21:]))
	return text
}

// nothing is a decoder that looks at no value.
type nothing struct{ bytes int }

func (*nothing) Begin()                  {}
func (*nothing) Columns() []event.Column { return nil }

func (n *nothing) Append(_ context.Context, value []byte) error {
	n.bytes += len(value)
	return nil
}

// BenchmarkRead reads a range of JSON of about 200 bytes, whose decoder does
// nothing, and BenchmarkReadBare the same by the library's own consumer. The brokers are
// in this process and serve one batch again and again, which costs both the same.
func BenchmarkRead(b *testing.B)     { benchCodecs(b, readOurs) }
func BenchmarkReadBare(b *testing.B) { benchCodecs(b, readBare) }

func benchCodecs(b *testing.B, read func(b *testing.B, conn Connection)) {
	for _, codec := range []struct {
		name string
		kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}} {
		b.Run(codec.name, func(b *testing.B) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"), kfake.SyntheticFetch(kfake.SyntheticBatch{Batch: jsonBatch(b, codec.CompressionCodec)}))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				read(b, Connection{Brokers: c.ListenAddrs()})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
		})
	}
}

func readOurs(b *testing.B, conn Connection) {
	c, err := Connect(b.Context(), conn)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	topic, err := c.Topic(b.Context(), "events")
	if err != nil {
		b.Fatal(err)
	}
	topic.Partitions[0].End = benchRecords // The brokers' answers go on for ever, and their log is empty.
	n := &nothing{}
	reading, err := topic.Reading(Want{Decoder: func() Decoder { return n }}, topic.All())
	if err != nil {
		b.Fatal(err)
	}
	part := reading.Parts()[0]
	defer part.Close()
	rows := 0
	for {
		var batch event.Batch
		err := part.Read(b.Context(), &batch)
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		rows += batch.Len
	}
	if rows != benchRecords {
		b.Fatalf("%d rows of %d bytes", rows, n.bytes)
	}
}

func readBare(b *testing.B, conn Connection) {
	client, err := kgo.NewClient(kgo.SeedBrokers(conn.Brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"events": {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	rows, size := 0, 0
	for rows < benchRecords {
		fetches := client.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			rows++
			size += len(r.Value)
		})
	}
}
