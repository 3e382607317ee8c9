package sources

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store/storetest"
)

// bombVariable names the file that this binary reads instead of testing, so that
// its memory is its own.
const bombVariable = "TIMESEAM_TEST_BOMB"

// bombFarVariable has it read the file as an object.
const bombFarVariable = "TIMESEAM_TEST_BOMB_FAR"

// bombMost is how much memory reading a small file may take, whatever it states:
// the resident set at its highest, with the test binary and all of Go's own.
const bombMost = 1 << 30

// TestBombs reads small files that state gigabytes, and some that unpack to them,
// each in a process of its own, every way there is (R3, R4).
func TestBombs(t *testing.T) {
	if path := os.Getenv(bombVariable); path != "" {
		f := Finder{}
		if os.Getenv(bombFarVariable) != "" {
			s := storetest.Start(t)
			s.Put("bomb.parquet", must(os.ReadFile(path)))
			f, path = hasty(0), "s3://lake/bomb.parquet"
		}
		fmt.Println(explode(f, path))
		return
	}
	for _, b := range bombs(t) {
		for _, far := range []string{"", "far"} {
			t.Run(strings.TrimSpace(b.name+" "+far), func(t *testing.T) {
				t.Parallel()
				b.defuse(t, far)
			})
		}
	}
}

// defuse has a process of its own read the file.
func (b *bomb) defuse(t *testing.T, far string) {
	at := filepath.Join(t.TempDir(), "bomb.parquet")
	if write(t, at, b.file); len(b.file) > 2<<20 {
		t.Fatalf("a bomb of %d bytes", len(b.file))
	}
	self := exec.Command(must(os.Executable()), "-test.run=^TestBombs$", "-test.v")
	self.Env = append(os.Environ(), bombVariable+"="+at, bombFarVariable+"="+far, "GOMAXPROCS=2")
	out, err := self.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	most := self.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	if t.Logf("%d bytes, %d MiB resident: %s", len(b.file), most>>20, firstLine(out)); most > bombMost {
		t.Errorf("%d MiB resident", most>>20)
	}
	for _, want := range b.wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s\nwant %q in it", out, want)
		}
	}
}

func firstLine(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("=== RUN   TestBombs\n"))
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}

// explode reads a file every way, and says what came.
func explode(f Finder, path string) string {
	table, err := f.Find(context.Background(), path)
	if err != nil {
		return "find: " + err.Error()
	}
	said := []string{}
	if _, err := f.Describe(context.Background(), path); err != nil {
		said = append(said, "describe: "+err.Error())
	}
	all := []string{}
	for _, c := range table.Schema() {
		if c.Type.Kind != event.Unknown {
			all = append(all, c.Name)
		}
	}
	s, err := table.Read(all)
	said = append(said, "read: "+upTo(s, err))
	s, err = table.Carry(nil, 65536)
	return strings.Join(append(said, "carry: "+upTo(s, err)), "\n")
}

// drainMost is how many rows are read: where they are millions all are alike.
const drainMost = 1 << 20

func upTo(s event.Source, err error) string {
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	var b event.Batch
	for rows := 0; ; rows += b.Len {
		if err := s.Read(context.Background(), &b); errors.Is(err, io.EOF) || rows > drainMost {
			return "rows"
		} else if err != nil {
			return err.Error()
		}
	}
}

type bomb struct {
	name  string
	file  []byte
	wants []string // in what is said
}

// zeros compresses so many zero bytes.
func zeros(codec format.CompressionCodec, n int) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case format.Gzip:
		w = gzip.NewWriter(&b)
	case format.Zstd:
		w = must(zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1)))
	case format.Brotli:
		w = brotli.NewWriter(&b)
	case format.Snappy:
		return snappy.Encode(nil, make([]byte, n))
	}
	some := make([]byte, 1<<20)
	for n > 0 {
		k := min(n, len(some))
		must(w.Write(some[:k]))
		n -= k
	}
	w.Close()
	return b.Bytes()
}

// equalCodes are codes of one bit: all zero.
func equalCodes(n int) []byte {
	return append(binary.AppendUvarint([]byte{1}, uint64(n)<<1), 0)
}

// equalDeltas are n equal numbers as differences.
func equalDeltas(n int) []byte {
	b := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 1<<20), 4), uint64(n))
	b = append(b, 0)
	for ; n > 1; n -= 1 << 20 {
		b = append(b, 0, 0, 0, 0, 0)
	}
	return b
}

const bombed = "bomb.parquet: row group 0, column x: "

func bombs(t *testing.T) (all []bomb) {
	ints, texts := rawElement("x", format.Int64), rawElement("x", format.ByteArray)
	one := func(e format.SchemaElement, codec format.CompressionCodec, dict *rawPage, n int, p rawPage) []byte {
		return rawFile(rawColumn{element: e, codec: codec, dict: dict, rows: int64(n), pages: []rawPage{p}})
	}
	eight := make([]byte, 8)
	for _, codec := range []format.CompressionCodec{format.Snappy, format.Gzip, format.Zstd, format.Brotli} {
		small, huge := zeros(codec, 80), zeros(codec, 20<<20)
		if codec == format.Zstd {
			huge = zeros(codec, 5<<28)
		}
		name := codec.String()
		all = append(all,
			bomb{name + " states 2^31-1", one(ints, codec, nil, 10, rawData(10, 1<<31-1, format.Plain, small)), []string{"read: read", bombed, "is damaged", "carry: read"}},
			bomb{name + " states 250 MiB", one(ints, codec, nil, 10, rawData(10, 250<<20, format.Plain, small)), []string{bombed, "is damaged", "carry: read"}},
			bomb{name + " unpacks to more", one(ints, codec, nil, 10, rawData(10, 80, format.Plain, huge)), []string{bombed, "does not decompress to the size it states", "carry: read"}})
	}
	all = append(all,
		bomb{"a dictionary of 2^31-1 bytes", one(texts, format.Zstd, rawDict(1, 1<<31-1, zeros(format.Zstd, 80)), 10, rawData(10, 20, format.RLEDictionary, zeros(format.Zstd, 20))), []string{bombed, "carry: read"}},
		bomb{"a dictionary of many", one(texts, format.Zstd, rawDict(60<<20, 240<<20, zeros(format.Zstd, 240<<20)), 10, rawData(10, 4, format.RLEDictionary, zstdOf(equalCodes(10)))), []string{"column x: dictionary: ", "more than the file's size gives reason for"}},
		bomb{"200 MiB of numbers", one(ints, format.Zstd, nil, 25<<20, rawData(25<<20, 200<<20, format.Plain, zeros(format.Zstd, 200<<20))), []string{"read: rows"}},
		bomb{"2^31-1 rows in a page", one(ints, format.Uncompressed, rawDict(1, 8, eight), 1<<31-1, rawData(1<<31-1, 7, format.RLEDictionary, equalCodes(1<<31-1))), []string{bombed, "is damaged"}},
		bomb{"a billion equal rows", billion(ints, eight), []string{"read: rows", "carry: rows"}},
		bomb{"64 Mi equal differences", one(ints, format.Uncompressed, nil, 1<<26, rawData(1<<26, len(equalDeltas(1<<26)), format.DeltaBinaryPacked, equalDeltas(1<<26))), []string{bombed, "more than the file's size gives reason for"}},
		bomb{"a long text in every row", one(texts, format.Zstd, rawDict(1, 1<<20+4, zstdOf(text(1<<20))), 1<<20, rawData(1<<20, len(equalCodes(1<<20)), format.RLEDictionary, zstdOf(equalCodes(1<<20)))), []string{"read: rows", "carry: read", "leave columns of long texts out"}},
		bomb{"prefixes that grow", one(texts, format.Zstd, nil, 1<<20, growing(1<<20)), []string{bombed, "carry: "}},
		bomb{"a code beyond the dictionary", one(ints, format.Uncompressed, rawDict(1, 8, eight), 10, rawData(10, 3, format.RLEDictionary, []byte{1, 20, 1})), []string{bombed, "refers to entry 1 of a dictionary of 1", "carry: read"}},
		bomb{"forty columns of 200 MiB", many(40), []string{"bomb.parquet: row group 0, column x", "more than the file's size gives reason for", "carry: read"}},
		bomb{"nulls without end", nulls(), []string{"read: rows", "carry: rows"}},
	)
	return all
}

func zstdOf(b []byte) []byte { return must(zstd.NewWriter(nil)).EncodeAll(b, nil) }

// text is one text of n bytes, as a dictionary has it.
func text(n int) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(n)), make([]byte, n)...)
}

// billion is a column of 2^30 equal rows in sixteen pages.
func billion(e format.SchemaElement, entry []byte) []byte {
	c := rawColumn{element: e, dict: rawDict(1, 8, entry), rows: 1 << 30}
	for range 16 {
		body := equalCodes(1 << 26)
		c.pages = append(c.pages, rawData(1<<26, len(body), format.RLEDictionary, body))
	}
	return rawFile(c)
}

// growing is a page of texts of a thousand bytes each, of which only the first has
// any of its own.
func growing(n int) rawPage {
	numbers := func(first, then int64) []byte {
		b := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4), uint64(n))
		b = binary.AppendVarint(b, first)
		for at := 1; at < n; at += 128 {
			b = append(b, 0, 64, 64, 64, 64) // Differences of 64 bits, as they are.
			block := make([]byte, 128*8)
			if at == 1 {
				binary.LittleEndian.PutUint64(block, uint64(then-first))
			}
			b = append(b, block...)
		}
		return b
	}
	body := append(numbers(0, 1000), numbers(1000, 0)...)
	body = append(body, make([]byte, 1000)...)
	return rawData(n, len(body), format.DeltaByteArray, zstdOf(body))
}

// many are so many columns of 25 Mi numbers each.
func many(n int) []byte {
	packed := zeros(format.Zstd, 200<<20)
	var columns []rawColumn
	for i := range n {
		columns = append(columns, rawColumn{element: rawElement(fmt.Sprint("x", i), format.Int64), codec: format.Zstd, rows: 25 << 20, pages: []rawPage{rawData(25<<20, 200<<20, format.Plain, packed)}})
	}
	return rawFile(columns...)
}

// nulls is a page of 2^26 rows of which none has a value.
func nulls() []byte {
	e := rawElement("x", format.Int64)
	e.RepetitionType.V = format.Optional
	level := append(binary.AppendUvarint(nil, 1<<27), 0)
	body := append(binary.LittleEndian.AppendUint32(nil, uint32(len(level))), level...)
	return rawFile(rawColumn{element: e, rows: 1 << 26, pages: []rawPage{rawData(1<<26, len(body), format.Plain, body)}})
}
