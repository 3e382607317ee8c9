package sink

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// longs is n integers of which so many differ, so far apart, with a null before each.
func longs(n, differ int, apart int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.AppendNull()
		b.Append(int64(i%differ) * apart)
	}
	return b.NewArray()
}

// TestNumbersDictionaries holds which numbers get a dictionary, group by group: close
// to each other and far apart alike.
func TestNumbersDictionaries(t *testing.T) {
	f := arrow.Field{Name: "c", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	for _, apart := range []int64{1, 7, 1 << 40, math.MaxInt64 >> 20} {
		for _, c := range []struct {
			name   string
			groups []arrow.Array
			coded  []bool
		}{
			{"a quarter differs", []arrow.Array{longs(100, 25, apart)}, []bool{true}},
			{"more differ", []arrow.Array{longs(100, 26, apart)}, []bool{false}},
			{"none", []arrow.Array{longs(0, 1, apart)}, []bool{false}},
			{"every group has its own", []arrow.Array{longs(100, 2, apart), longs(100, 90, apart), longs(100, 3, apart)}, []bool{true, false, true}},
			{"the first numbers differ", []arrow.Array{longs(8*trialRows, trialRows, apart)}, []bool{false}},
			{"some of the first do not", []arrow.Array{longs(8*trialRows, trialRows*4/5, apart)}, []bool{true}},
		} {
			data := encoded(t, f, c.groups...)
			r, err := file.NewParquetReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			for g, want := range c.coded {
				chunk, err := r.MetaData().RowGroup(g).ColumnChunk(0)
				if err != nil {
					t.Fatal(err)
				}
				if chunk.HasDictionaryPage() != want {
					t.Errorf("%s, %d apart: group %d has a dictionary: %t", c.name, apart, g, !want)
				}
			}
			all, err := array.Concatenate(c.groups, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			sameValues(t, data, all)
		}
	}
}

// TestNumbersBehindNulls holds that what stands where nothing is there is not looked
// at: it makes no entry, and no file differ.
func TestNumbersBehindNulls(t *testing.T) {
	f := arrow.Field{Name: "c", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	var first []byte
	for _, rubbish := range []int64{0, 3, math.MaxInt64, math.MinInt64} {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for i := range int64(5000) {
			b.Append(i % 11)
		}
		arr := b.NewArray()
		values := arr.(*array.Int64).Int64Values()
		bits := make([]byte, 5000/8)
		for i := range values {
			if i%5 > 1 {
				bits[i/8] |= 1 << (i % 8)
			} else {
				values[i] = rubbish
			}
		}
		data := encoded(t, f, array.MakeFromData(array.NewData(f.Type, 5000, []*memory.Buffer{memory.NewBufferBytes(bits), arr.Data().Buffers()[1]}, nil, 2000, 0)))
		if !chunkOf(t, data).HasDictionaryPage() {
			t.Fatal("no dictionary")
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Errorf("other bytes with %d where nothing is there", rubbish)
		}
	}
}

// doublesOf is n doubles of so many random bits behind the first ones, all different.
func doublesOf(n, random int) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		b.Append(math.Float64frombits(0x4059_0000_0000_0000 | r.Uint64()&(1<<random-1)<<(48-random)))
	}
	return b.NewArray()
}

// TestStored holds which chunks are stored as they are: large ones of numbers that
// Snappy hardly shrinks, and no others.
func TestStored(t *testing.T) {
	for _, c := range []struct {
		name, compression string
		arr               arrow.Array
		stored            bool
	}{
		{"random", "snappy", doublesOf(sampledBytes/8, 48), true},
		{"half random", "snappy", doublesOf(sampledBytes/8, 20), false},
		{"few", "snappy", doublesOf(sampledBytes/8-100, 48), false},
		{"many pages", "snappy", doublesOf(300_000, 48), true},
		{"another codec", "zstd", doublesOf(sampledBytes/8, 48), false},
		{"texts", "snappy", randomTexts(sampledBytes / 16), false},
	} {
		f := arrow.Field{Name: "c", Type: c.arr.DataType(), Nullable: true}
		data := encodedAs(t, c.compression, f, c.arr)
		if codec := chunkOf(t, data).Compression(); codec == compress.Codecs.Uncompressed != c.stored {
			t.Errorf("%s: stored with codec %s", c.name, codec)
		}
		sameValues(t, data, c.arr)
	}
}

func randomTexts(n int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	r := rand.New(rand.NewPCG(5, 6))
	for range n {
		b.Append(fmt.Sprintf("%08x%08x", r.Uint32(), r.Uint32()))
	}
	return b.NewArray()
}
