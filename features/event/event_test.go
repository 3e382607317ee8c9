package event_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

func TestFloorTime(t *testing.T) {
	for _, c := range []struct {
		v    int64
		unit event.Unit
		want event.Time
		ok   bool
	}{
		{1999, event.Nanosecond, 1, true},
		{-1, event.Nanosecond, -1, true},
		{-1000, event.Nanosecond, -1, true},
		{-1001, event.Nanosecond, -2, true},
		{-7, event.Microsecond, -7, true},
		{-7, event.Millisecond, -7000, true},
		{-7, event.Second, -7_000_000, true},
		{math.MaxInt64, event.Second, 0, false},
		{math.MinInt64, event.Millisecond, 0, false},
	} {
		if got, ok := event.FloorTime(c.v, c.unit); got != c.want || ok != c.ok {
			t.Errorf("FloorTime(%d, %d) = %d, %t; want %d, %t", c.v, c.unit, got, ok, c.want, c.ok)
		}
	}
}

func TestTimeIsReadAsWritten(t *testing.T) {
	for _, s := range []string{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-03-01T10:00:00.000001Z", "9999-12-31T23:59:59.999999Z"} {
		at, err := event.ParseTime(s)
		if err != nil || at.String() != s {
			t.Errorf("%s is read as %s, %v", s, at, err)
		}
	}
	for _, s := range []string{"", "yesterday", "2026-13-01", "2026-01-01T25:00:00Z"} {
		if at, err := event.ParseTime(s); err == nil {
			t.Errorf("%q is read as %s", s, at)
		}
	}
}

func TestInt128AgreesWithBig(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	random := func() event.Int128 {
		v := event.Int128{Hi: int64(rng.Uint64()) >> rng.IntN(64), Lo: rng.Uint64()}
		if rng.IntN(3) == 0 {
			v = event.Int128Of(int64(v.Lo) >> rng.IntN(64))
		}
		return v
	}
	for range 20_000 {
		a, b := random(), random()
		sum, ok := a.AddOK(b)
		want := new(big.Int).Add(a.Big(), b.Big())
		back, fits := event.Int128OfBig(want)
		if want.BitLen() <= 126 && (!ok || sum != back || !fits) {
			t.Fatalf("%s + %s = %s, %t", a.Big(), b.Big(), sum.Big(), ok)
		}
		if !ok && want.BitLen() <= 126 || a.Sub(b) != a.Add(b.Neg()) || a.Cmp(b) != a.Big().Cmp(b.Big()) || a.Sign() != a.Big().Sign() {
			t.Fatalf("%s and %s", a.Big(), b.Big())
		}
		scale := rng.IntN(39)
		if d, err := event.ParseDecimal(a.Text(scale), scale); err != nil || d != a {
			t.Fatalf("%s at scale %d is read back as %s, %v", a.Text(scale), scale, d.Text(scale), err)
		}
		exact, _ := new(big.Rat).SetFrac(a.Big(), event.Pow10(scale).Big()).Float64()
		if a.Float(scale) != exact {
			t.Fatalf("%s is %v, want %v", a.Text(scale), a.Float(scale), exact)
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, s := range []string{"", "1e3", "0x10", "1/2", "1_000", "1.005", "nan", "170141183460469231731687303715884105728"} {
		if d, err := event.ParseDecimal(s, 2); err == nil {
			t.Errorf("%q is read as %s", s, d.Text(2))
		}
	}
}

// TestKeysAreByValue: equal values have equal keys whatever dictionary or scale
// they come from, other values have others, and a null anywhere is no key.
func TestKeysAreByValue(t *testing.T) {
	text := func(names ...string) event.Column {
		c := event.Make(event.Of(event.String))
		for _, n := range names {
			c.AppendText([]byte(n))
		}
		return c
	}
	decimals := func(scale int, values ...int64) event.Column {
		c := event.Make(event.DecimalOf(20, scale))
		for _, v := range values {
			c.AppendDecimal(event.Int128Of(v))
		}
		return c
	}
	key := func(columns ...event.Column) event.Hash {
		keys, _ := event.Keys(columns, 1, nil)
		return keys[0]
	}
	second := text("x", "a")
	if a, b := key(second.Slice(1, 2)), key(text("a")); a != b {
		t.Error("one text, two keys")
	}
	if a, b := key(decimals(2, 150)), key(decimals(1, 15)); a != b {
		t.Error("1.50 and 1.5 are two keys")
	}
	seen := map[event.Hash]string{}
	for _, c := range []struct {
		name    string
		columns []event.Column
	}{{"a", []event.Column{text("a")}}, {"a b", []event.Column{text("a"), text("b")}}, {"b a", []event.Column{text("b"), text("a")}}, {"ab", []event.Column{text("ab")}},
		{"ab empty", []event.Column{text("ab"), text("")}}, {"15", []event.Column{decimals(0, 15)}}, {"1.5", []event.Column{decimals(1, 15)}}, {"none", nil}} {
		h := key(c.columns...)
		if other, is := seen[h]; is {
			t.Errorf("%s and %s have one key", c.name, other)
		}
		seen[h] = c.name
	}
	holes := text("a", "b")
	holes.AppendNull()
	_, null := event.Keys([]event.Column{text("a", "b", "c"), holes}, 3, nil)
	if !slices.Equal(null, []bool{false, false, true}) {
		t.Errorf("null keys: %v", null)
	}
}

func TestCompareOrdersContent(t *testing.T) {
	c := event.Make(event.Of(event.Double))
	c.AppendNull()
	for _, f := range []float64{math.Inf(-1), -1, 0, 1, math.Inf(1), event.CanonicalNaN} {
		c.AppendFloat(f)
	}
	for i := range c.Len() {
		for j := range c.Len() {
			if got := event.Compare(&c, i, &c, j); got != sign(i-j) {
				t.Errorf("rows %d and %d compare as %d", i, j, got)
			}
		}
	}
	zeros := event.Make(event.Of(event.Double))
	zeros.AppendFloat(0)
	zeros.AppendFloat(math.Copysign(0, -1))
	if event.Compare(&zeros, 0, &zeros, 1) != 0 {
		t.Error("the two zeros differ")
	}
	lists := event.Make(event.ListOf(event.Of(event.Int)))
	for _, l := range [][]int64{{}, {1}, {1, 2}, {2}} {
		for _, v := range l {
			lists.Elem.AppendInt(v)
		}
		lists.EndList()
	}
	for i := 1; i < lists.Len(); i++ {
		if event.Compare(&lists, i-1, &lists, i) != -1 {
			t.Errorf("lists %d and %d are not in order", i-1, i)
		}
	}
}

func sign(x int) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

func TestSymbolsAreIdentities(t *testing.T) {
	s := event.NewSymbols()
	codes := map[string]uint32{}
	for i := range 5000 {
		text := fmt.Sprint("text ", i%1700)
		code := s.Intern([]byte(text), event.HashBytes([]byte(text)))
		if known, is := codes[text]; is && known != code || string(s.At(code)) != text {
			t.Fatalf("%s has code %d, before %d", text, code, known)
		}
		codes[text] = code
	}
	if s.Len() != 1700 {
		t.Errorf("%d symbols of 1700 texts", s.Len())
	}
}

func TestNearest(t *testing.T) {
	words := []string{"price", "amount", "event_time", "id"}
	for word, want := range map[string]string{"pirce": "price", "prices": "price", "amuont": "amount", "event_tiem": "event_time", "weather": "", "x": ""} {
		if got := event.Nearest(word, words); got != want {
			t.Errorf("nearest to %s: %q, want %q", word, got, want)
		}
	}
}

func ExampleColumn() {
	c := event.Make(event.Of(event.String))
	c.AppendText([]byte("gold"))
	c.AppendNull()
	fmt.Println(c.Len(), string(c.Text(0)), c.IsNull(1))
	// Output: 2 gold true
}

// TestSpan holds both ends of a span, and that it stays within the ends of time.
func TestSpan(t *testing.T) {
	s := event.Span{10, 20}
	if !s.Holds(10) || !s.Holds(19) || s.Holds(9) || s.Holds(20) {
		t.Error("a span is half-open")
	}
	for _, c := range []struct {
		o    event.Span
		want bool
	}{{event.Span{0, 10}, false}, {event.Span{0, 11}, true}, {event.Span{19, 30}, true}, {event.Span{20, 30}, false}, {event.Span{15, 15}, false}, {event.Span{15, 5}, false}, {event.Always(), true}, {event.Span{12, 13}, true}} {
		if s.Meets(c.o) != c.want || c.o.Meets(s) != c.want {
			t.Errorf("%v meets %v: %t", s, c.o, !c.want)
		}
	}
	for _, c := range []struct {
		of, want event.Span
		by       int64
	}{{s, event.Span{5, 25}, 5}, {s, s, 0}, {event.Span{20, 10}, event.Span{20, 10}, 100}, {event.Always(), event.Always(), 1 << 62}, {s, event.Span{10 - math.MaxInt64, math.MaxInt64}, math.MaxInt64}} {
		if got := c.of.Widen(c.by); got != c.want {
			t.Errorf("%v by %d: %v, want %v", c.of, c.by, got, c.want)
		}
	}
}

// TestSymbolsBorrow: borrowed entries are read where they are, whatever the sizes of
// their dictionaries, beside symbols of the set's own; after Reset there is neither,
// and copies of the texts stay.
func TestSymbolsBorrow(t *testing.T) {
	s := event.NewSymbols()
	for round := range 2 {
		own := s.Intern([]byte("own"), event.HashBytes([]byte("own")))
		firsts, dicts := []uint32{}, []*event.Dict{}
		for _, n := range []int{0, 1, 4095, 4096, 4097, 9000, 1} {
			d := event.NewDict()
			for i := range n {
				d.Add(fmt.Appendf(nil, "%d of %d in %d", i, n, round))
			}
			first, ok := s.Borrow(d)
			if again, _ := s.Borrow(d); !ok || again != first {
				t.Fatalf("a dictionary of %d: %d, %v, and then %d", n, first, ok, again)
			}
			firsts, dicts = append(firsts, first), append(dicts, d)
		}
		for k, d := range dicts {
			for i := range d.Len() {
				if got, want := s.At(firsts[k]+uint32(i)), d.At(uint32(i)); !bytes.Equal(got, want) {
					t.Fatalf("entry %d of dictionary %d is %q, want %q", i, k, got, want)
				}
			}
		}
		texts := s.Texts()
		s.Reset()
		if got := string(texts.At(own)); got != "own" || s.Len() != 0 {
			t.Errorf("after Reset the copy has %q and %d symbols are left", got, s.Len())
		}
	}
}

// TestSymbolsLendNoMore: where all codes are given out nothing is borrowed, and what
// was stays.
func TestSymbolsLendNoMore(t *testing.T) {
	s := event.NewSymbols()
	many, few := &event.Dict{Offsets: make([]uint32, 1<<20)}, &event.Dict{Offsets: []uint32{0, 1}, Bytes: []byte("x")}
	first, ok := s.Borrow(few)
	for n := 0; ok; n++ {
		if _, ok = s.Borrow(many); n > 1<<11 {
			t.Fatalf("%d dictionaries of a million texts were borrowed", n)
		}
		s.Borrow(few)
	}
	if got := string(s.At(first)); got != "x" {
		t.Errorf("the first of all is %q", got)
	}
}
