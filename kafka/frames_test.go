package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batch is the head of a batch of version 2, of so many bytes in all.
func batch(from int64, delta int32, size int) []byte {
	b := make([]byte, size)
	binary.BigEndian.PutUint64(b, uint64(from))
	binary.BigEndian.PutUint32(b[frameLength:], uint32(size-frameHead))
	b[frameMagic] = 2
	binary.BigEndian.PutUint32(b[batchDelta:], uint32(delta))
	return b
}

func TestFrames(t *testing.T) {
	old := batch(7, 0, 40) // of version 1, which has no last offset
	old[frameMagic] = 1
	minus := batch(7, 0, 61)
	binary.BigEndian.PutUint32(minus[frameLength:], 1<<31)
	many := batch(7, 0, 61)
	binary.BigEndian.PutUint32(many[batchCount:], recordsMost+1)
	for _, c := range []struct {
		name        string
		in          []byte
		whole       int
		first, next int64
		words       string
	}{
		{"nothing", nil, 0, 0, 0, ""},
		{"one", batch(5, 2, 61), 61, 5, 8, ""},
		{"two", slices.Concat(batch(5, 2, 61), batch(9, 0, 70)), 131, 5, 10, ""},
		{"cut", slices.Concat(batch(5, 2, 61), batch(9, 0, 70)[:69]), 61, 5, 8, ""},
		{"cut in its head", slices.Concat(batch(5, 2, 61), batch(9, 0, 70)[:10]), 61, 5, 8, ""},
		{"cut from the first", batch(5, 2, 61)[:60], 0, 0, 0, ""},
		{"old", slices.Concat(old, batch(8, 1, 61)), 101, 7, 10, ""},
		{"of no length", batch(5, 2, 61)[:0:0], 0, 0, 0, ""},
		{"too short", batch(5, 2, 40), 0, 0, 0, "too short"},
		{"of negative length", minus, 0, 0, 0, "a length or an offset"},
		{"of negative offset", batch(-5, 2, 61), 0, 0, 0, "a length or an offset"},
		{"ends before it begins", batch(5, -2, 61), 0, 0, 0, "before its first"},
		{"beyond all offsets", batch(1<<63-2, 2, 61), 0, 0, 0, "before its first"},
		{"of too many records", many, 0, 0, 0, "it states 1048577 records"},
		{"out of order", slices.Concat(batch(5, 2, 61), batch(5, 2, 61)), 0, 0, 0, "out of order"},
	} {
		f, err := framesOf(c.in)
		if c.words != "" {
			refused(t, err, nil, "the batch at offset", c.words)
			continue
		}
		if err != nil || len(f.whole) != c.whole || f.first != c.first || f.next != c.next {
			t.Errorf("%s: %d bytes from %d to before %d, and the error %v", c.name, len(f.whole), f.first, f.next, err)
		}
	}
}

// TestUnpackBombs holds that few bytes never become many, in every codec.
func TestUnpackBombs(t *testing.T) {
	const most = 1 << 20
	zeros := make([]byte, most+1)
	var gz, lz bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(zeros)
	w.Close()
	l := lz4.NewWriter(&lz)
	l.Write(zeros)
	l.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	block := s2.EncodeSnappy(nil, zeros[:most/2+1])
	framed := slices.Concat(xerial, make([]byte, 8))
	for range 2 {
		framed = append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)
	}
	for name, c := range map[string]struct {
		codec kgo.CompressionCodecType
		in    []byte
	}{"gzip": {kgo.CodecGzip, gz.Bytes()}, "lz4": {kgo.CodecLz4, lz.Bytes()}, "zstd": {kgo.CodecZstd, enc.EncodeAll(zeros, nil)}, "snappy": {kgo.CodecSnappy, s2.EncodeSnappy(nil, zeros)}, "snappy in blocks": {kgo.CodecSnappy, framed}} {
		u := unpacker{most: most}
		if _, err := u.Decompress(c.in, c.codec); !errors.Is(err, errUnpackedMost) {
			t.Errorf("%s: %v", name, err)
		}
		u.close()
		u.most = most + 2
		if out, err := u.Decompress(c.in, c.codec); err != nil || len(out) <= most {
			t.Errorf("%s, where it may be as large: %d bytes, and the error %v", name, len(out), err)
		}
		for cut := range len(c.in) {
			if cut > 200 {
				break
			}
			if out, err := u.Decompress(c.in[:cut], c.codec); err == nil && len(out) > most/2+1 {
				t.Errorf("%s, cut at %d: %d bytes and no error", name, cut, len(out))
			}
		}
		u.close()
	}
	u := unpacker{most: most}
	if _, err := u.Decompress([]byte{1}, 9); !errors.Is(err, errCodec) {
		t.Errorf("a codec that there is none of: %v", err)
	}
}

// answersOf reads one answer as a part would.
func answersOf(in []byte, to int64) (rows int, err error) {
	r := &Reading{topic: &Topic{Name: "t"}, want: Want{Own: Own()}}
	p := newPart(r, Range{0, 0, to})
	p.unpack.most = 1 << 20
	defer p.unpack.close()
	of := kmsg.NewFetchResponseTopicPartition()
	of.RecordBatches, of.LastStableOffset = in, to
	a, err := answered(of, p.of, false)
	if err != nil || a.empty {
		return 0, err
	}
	p.answer, p.rest = a, a.whole
	p.begin()
	for len(p.rest) > 0 {
		if err := p.unpackNext(); err != nil {
			return rows, err
		}
		for len(p.records) > 0 {
			n, _, err := p.rows(context.Background(), batchRows, batchBytes)
			if err != nil {
				return rows, err
			}
			rows += n
		}
	}
	for i := range p.columns {
		if p.columns[i].Len() != rows {
			panic("a column of another length")
		}
	}
	return rows, nil
}

// written is batches as a client writes them.
func written(t testing.TB, codec kgo.CompressionCodec) []byte {
	t.Helper()
	var all []byte
	rec := kmsg.Record{Value: []byte("value"), Key: []byte("key"), Headers: []kmsg.Header{{Key: "h", Value: []byte("v")}}}
	rec.Length = int32(len(rec.AppendTo(nil)) - 1)
	for i := range 3 {
		raw := rec.AppendTo(nil)
		compressor, err := kgo.DefaultCompressor(codec)
		if err != nil {
			t.Fatal(err)
		}
		kind := kgo.CodecNone
		if compressor != nil {
			var buf bytes.Buffer
			raw, kind = compressor.Compress(&buf, raw)
		}
		b := kmsg.RecordBatch{FirstOffset: int64(i), Magic: 2, Attributes: int16(kind), FirstTimestamp: time.Now().UnixMilli(), MaxTimestamp: time.Now().UnixMilli(), ProducerID: -1, NumRecords: 1, Records: raw}
		b.Length = int32(len(b.AppendTo(nil)) - frameHead)
		text := b.AppendTo(nil)
		binary.BigEndian.PutUint32(text[17:], castagnoli(text[21:]))
		all = append(all, text...)
	}
	return all
}

func FuzzAnswer(f *testing.F) {
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		text := written(f, codec)
		if rows, err := answersOf(text, 3); err != nil || rows != 3 {
			f.Fatalf("%d rows, and the error %v", rows, err)
		}
		f.Add(text, int64(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, to int64) {
		// A checksum that is wrong would end most tries before anything is looked at.
		in = bytes.Clone(in)
		for rest := in; ; {
			length, _, _, err := frameOf(rest)
			if err != nil || length < batchLeast {
				break
			}
			if rest[frameMagic] == 2 {
				binary.BigEndian.PutUint32(rest[17:], castagnoli(rest[21:length]))
			}
			rest = rest[length:]
		}
		answersOf(in, to)
	})
}

func TestReadDamaged(t *testing.T) {
	text := written(t, kgo.NoCompression())
	text[len(text)-2] ^= 1
	rows, err := answersOf(text, 3)
	refused(t, err, nil, "topic t, partition 0, offset 2: the batch at offset 2 is damaged: ", "crc")
	if rows != 2 {
		t.Errorf("%d rows came before", rows)
	}
}

var _ event.Source = (*part)(nil)
