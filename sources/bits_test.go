package sources

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// hybridOf writes codes as runs, packed groups or equal ones as rng will have it.
func hybridOf(rng *rand.Rand, codes []uint32, width int) (b []byte) {
	for len(codes) > 0 {
		equal := 1
		for equal < len(codes) && codes[equal] == codes[0] {
			equal++
		}
		if rng.IntN(2) == 0 {
			b = binary.AppendUvarint(b, uint64(equal)<<1)
			for k := range (width + 7) / 8 {
				b = append(b, byte(codes[0]>>(8*k)))
			}
			codes = codes[equal:]
			continue
		}
		groups := 1 + rng.IntN(4)
		n := min(8*groups, len(codes))
		groups = (n + 7) / 8
		b = binary.AppendUvarint(b, uint64(groups)<<1|1)
		packed := make([]byte, groups*width)
		for i, code := range codes[:n] {
			for k := range width {
				bit := i*width + k
				packed[bit/8] |= byte(code>>k&1) << (bit % 8)
			}
		}
		b = append(b, packed...)
		codes = codes[n:]
	}
	return b
}

// readCodes reads n codes in pieces of any lengths.
func readCodes(rng *rand.Rand, b []byte, width, n int) ([]uint32, error) {
	c, err := newHybridCodes(b, width, n)
	codes := make([]uint32, n)
	for at := 0; at < n && err == nil; {
		piece := 1 + rng.IntN(n-at)
		if rng.IntN(2) == 0 {
			piece = min(piece, 1+rng.IntN(20))
		}
		err = c.read(codes[at : at+piece])
		at += piece
	}
	return codes, err
}

// TestHybrid reads back codes of every width, in all mixtures of runs.
func TestHybrid(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 2))
	for width := 1; width <= 32; width++ {
		for range 20 {
			codes := make([]uint32, 1+rng.IntN(200))
			for i := range codes {
				codes[i] = rng.Uint32() >> (32 - width)
				if i > 0 && rng.IntN(2) == 0 {
					codes[i] = codes[i-1]
				}
			}
			b := hybridOf(rng, codes, width)
			got, err := readCodes(rng, b, width, len(codes))
			if err != nil || !slices.Equal(got, codes) {
				t.Fatalf("seed %d, width %d: %v (%v), want %v", seed, width, got, err, codes)
			}
			for cut := range b {
				if got, err := readCodes(rng, b[:cut], width, len(codes)); err == nil && !slices.Equal(got, codes) {
					t.Fatalf("seed %d, width %d: %d bytes of %d give other codes", seed, width, cut, len(b))
				}
			}
			if width > 1 {
				continue
			}
			bits, err := hybridBits(nil, b, len(codes))
			for i := range codes {
				if err != nil || uint32(bits[i]) != codes[i] {
					t.Fatalf("seed %d: %v (%v), want %v", seed, bits, err, codes)
				}
			}
		}
	}
}

// deltaOf writes values as differences in blocks of 128.
func deltaOf(values []int64) (b []byte) {
	b = binary.AppendUvarint(b, 128)
	b = binary.AppendUvarint(b, 4)
	b = binary.AppendUvarint(b, uint64(len(values)))
	first := int64(0)
	if len(values) > 0 {
		first = values[0]
	}
	b = binary.AppendVarint(b, first)
	for at := 1; at < len(values); at += 128 {
		block := values[at:min(at+128, len(values))]
		least := int64(math.MaxInt64)
		for i := range block {
			least = min(least, values[at+i]-values[at+i-1])
		}
		b = binary.AppendVarint(b, least)
		widths, parts := [4]byte{}, []byte{}
		for p := 0; p*32 < len(block); p++ {
			widths[p] = 64
			for i := range 32 {
				d := uint64(0)
				if k := p*32 + i; k < len(block) {
					d = uint64(values[at+k]-values[at+k-1]) - uint64(least)
				}
				parts = binary.LittleEndian.AppendUint64(parts, d)
			}
		}
		b = append(append(b, widths[:]...), parts...)
	}
	return b
}

// TestDeltas reads differences that wrap around, and what follows them.
func TestDeltas(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int{0, 1, 2, 32, 33, 128, 129, 130, 257, 1000} {
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(rng.Uint64()) >> rng.IntN(64)
		}
		b := append(deltaOf(values), "rest"...)
		got, rest, err := deltas(nil, b, n)
		if err != nil || !slices.Equal(got, values) || string(rest) != "rest" {
			t.Errorf("%d values: %v, %q (%v), want %v", n, got, rest, err, values)
		}
		if _, _, err := deltas(nil, b, n+1); err == nil {
			t.Errorf("%d values are read of %d", n+1, n)
		}
	}
	huge := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4), 1<<40)
	if _, _, err := deltas(nil, append(huge, 0), 5); err == nil {
		t.Error("a page of 2^40 values is taken")
	}
}

func TestBitsAt(t *testing.T) {
	src := []byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22}
	all := new(big.Int)
	for i, b := range src {
		all.Or(all, new(big.Int).Lsh(big.NewInt(int64(b)), uint(8*i)))
	}
	for w := 0; w <= 64; w++ {
		for bit := 0; bit+w <= 8*len(src); bit++ {
			want := new(big.Int).Rsh(all, uint(bit))
			want.And(want, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(w)), big.NewInt(1)))
			if got := bitsAt(src, bit, w); got != want.Uint64() {
				t.Fatalf("%d bits at %d: %x, want %x", w, bit, got, want)
			}
		}
	}
}

func TestHalf(t *testing.T) {
	for b, want := range map[uint16]float64{0: 0, 1: 0x1p-24, 0x03ff: 1023 * 0x1p-24, 0x0400: 0x1p-14, 0x3c00: 1, 0x3555: 0.333251953125, 0x7bff: 65504, 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1), 0xc000: -2} {
		if got := half(b); got != want {
			t.Errorf("%04x is %v, want %v", b, got, want)
		}
	}
	if v := half(0x8000); v != 0 || !math.Signbit(v) {
		t.Errorf("negative zero is %v", v)
	}
	if v := half(0x7c01); v == v {
		t.Errorf("NaN is %v", v)
	}
}

// TestBigEndian reads numbers of every length, as writers of decimals make them.
func TestBigEndian(t *testing.T) {
	for _, text := range []string{"0", "1", "-1", "127", "-128", "128", "-129", "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "170141183460469231731687303715884105727", "-170141183460469231731687303715884105728"} {
		x, _ := new(big.Int).SetString(text, 10)
		for size := 1; size <= 20; size++ {
			mod := new(big.Int).Lsh(big.NewInt(1), uint(8*size))
			limit := new(big.Int).Rsh(mod, 1)
			if x.Cmp(limit) >= 0 || x.Cmp(new(big.Int).Neg(limit)) < 0 {
				continue
			}
			b := new(big.Int).Mod(x, mod).FillBytes(make([]byte, size))
			if v, ok := bigEndian(b); !ok || v.Big().Cmp(x) != 0 {
				t.Errorf("%s in %d bytes: %v %v", text, size, v.Big(), ok)
			}
		}
	}
	for _, b := range [][]byte{{}, append([]byte{1}, make([]byte, 16)...), append([]byte{0, 0x80}, make([]byte, 15)...), append([]byte{0xff, 0x7f}, make([]byte, 15)...)} {
		if v, ok := bigEndian(b); ok {
			t.Errorf("%x is %v", b, v)
		}
	}
}

func TestJulian(t *testing.T) {
	for _, c := range []struct {
		day   int32
		nanos int64
		want  int64
		ok    bool
	}{
		{julianDay1970, 0, 0, true}, {julianDay1970, 999, 0, true}, {julianDay1970, -1, -1, true}, {julianDay1970 - 1, 86_399_999_999_999, -1, true},
		{julianDay1970 + 1, 1_500, microsecondsOfDay + 1, true}, {julianDay1970, 86_400_000_000_000, microsecondsOfDay, true},
		{math.MaxInt32, 0, 0, false}, {math.MinInt32, 0, 0, false}, {julianDay1970 + julianDaysMost, 0, julianDaysMost * microsecondsOfDay, true},
	} {
		got, ok := julian([3]uint32{uint32(c.nanos), uint32(c.nanos >> 32), uint32(c.day)})
		if got != c.want || ok != c.ok {
			t.Errorf("day %d and %d ns: %d %v, want %d %v", c.day, c.nanos, got, ok, c.want, c.ok)
		}
	}
}

// TestDecimalBytes reads decimals of byte arrays of many lengths, lifts them to a
// wider scale, and makes null what does not fit.
func TestDecimalBytes(t *testing.T) {
	l := leafOf(decimalElement(5, 2), nil)
	v := values{leaf: &l, data: []byte{0x01, 0xff, 0x01, 0x86, 0x9f, 0x01, 0x86, 0xa0}, offsets: []uint32{0, 1, 2, 5, 8}}
	dst := make([]event.Int128, 4)
	wrong := decimalsOf(v, event.DecimalOf(9, 4), dst, nil)
	if dst[0].Text(4) != "0.0100" || dst[1].Text(4) != "-0.0100" || dst[2].Text(4) != "999.9900" || !slices.Equal(wrong, []int32{3}) {
		t.Errorf("%v, wrong %v", dst, wrong)
	}
}

func TestUUID(t *testing.T) {
	if got := string(appendUUID(nil, []byte("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"))); got != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Error(got)
	}
}
