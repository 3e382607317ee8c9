package aggregate

import (
	"math"
	"math/big"
	"math/bits"
	"slices"
	"sort"

	"github.com/timeseam/timeseam/features/event"
)

// sums answers sum and avg by exact prefix sums: any range is one subtraction,
// whatever the order of insertion, and adding and later leaving out a value
// leaves no trace (A4).
//
// The narrow form holds prefixes as 128-bit integers in units of 2^exp, exp
// chosen to fit the values seen (0 for integers and decimals). Each prefix keeps
// below 2^126, so that the difference of any two fits. Values that no one unit
// fits so go to the wide form: a wide at every wideEvery rows, and a scan
// of what lies beside them.
//
// Doubles summed as doubles would depend on the order of adding, and a window
// that subtracts what leaves would keep its rounding (S9.1). Compensated sums
// (Kahan, Neumaier) are closer but depend on the order all the same.
type sums struct {
	t      *track
	c      *event.Column
	counts *event.Counts

	exp    int
	chosen bool
	prefix []event.Int128 // prefix[k]: the first k rows
	odd    []int32        // rows that are NaN or infinite; they add zero
	wides  []wide         // wide form: wides[b] is the first b*wideEvery rows; nil in the narrow
	done   int            // rows taken in

	squared bool
	squares [][4]uint64 // squares[k]: squares of the first k rows, in units of 2^(2 exp)

	base base
}

// wideEvery is how many rows lie between two wides: 4.5 bytes a row, and at most
// 64 additions at either end of a range.
const wideEvery = 64

// base is the sum of the rows that Forget took out. Oddities are counted rather
// than summed, as NaN would swallow the infinities.
type base struct {
	sum     wide
	squares *big.Int // in units of 2^-2176; nil: zero
	nan     int64
	posInf  int64
	negInf  int64
}

// reset keeps the unit, as the next key's values are mostly of the same kind.
func (f *sums) reset() {
	f.changed(0)
	f.wides, f.base = nil, base{}
}

// changed keeps the prefixes below from: narrow cuts its vectors to done when it goes on. A
// row that fell away may have been the one that no unit fitted, hence another
// try, but only from the first row on, lest every late event should cost a
// scan.
func (f *sums) changed(from int) {
	if from >= f.done {
		return
	}
	f.done = from
	f.odd = f.odd[:sort.Search(len(f.odd), func(k int) bool { return int(f.odd[k]) >= from })]
	switch {
	case from == 0:
		f.wides = nil // another try at the narrow form
	case f.wides != nil:
		f.wides = f.wides[:from/wideEvery+1]
	}
}

// settle takes in the rows that the track has and the fold has not. The forms
// are tried from the cheapest: the unit in hand, a unit fitted to all rows, the
// wide. All are exact, so no value tells which one is in use; a fold that went
// wide stays so until its first row changes.
func (f *sums) settle() {
	n := f.t.len()
	if f.done >= n && len(f.prefix) > 0 {
		return
	}
	if f.wides == nil && !f.narrow(n) && f.fit(n) && f.narrow(n) {
		return
	}
	if f.done < n {
		f.widen(n)
	}
}

// narrow extends the prefixes to n rows; false where a value or sum does not
// fit. What it took in before it stopped is right and stays. 16 bytes a row,
// and 32 more where squares are wanted.
func (f *sums) narrow(n int) bool {
	if f.done == 0 {
		f.prefix = append(f.prefix[:0], event.Int128{})
		f.squares = append(f.squares[:0], [4]uint64{})
	}
	f.prefix = f.prefix[:f.done+1]
	if f.squared {
		f.squares = f.squares[:f.done+1]
	} else if f.chosen && !f.t.partial && f.c.Type.Kind == event.Double {
		f.narrowFloats(n)
	}
	sum := f.prefix[f.done]
	for k := f.done; k < n; k++ {
		m, ok := f.scaled(f.t.row(k))
		if !ok {
			return false
		}
		// A range is the difference of two prefixes, which fits where each keeps below 2^126.
		if sum, ok = sum.AddOK(m); !ok || sum.Hi >= 1<<62 || sum.Hi < -1<<62 {
			return false
		}
		f.prefix = append(f.prefix, sum)
		if f.squared && !f.square(m) {
			return false
		}
		f.done = k + 1
	}
	return true
}

// narrowFloats is narrow of normal doubles with no bit below the unit, up to the first
// that is none: nothing is asked of each that all have in common.
func (f *sums) narrowFloats(n int) {
	prefix, sum, exp := slices.Grow(f.prefix, n-f.done), f.prefix[f.done], 1075+f.exp
	for _, x := range f.c.Floats[f.done:n] {
		b := math.Float64bits(x)
		e := b >> 52 & 0x7ff
		by := int(e) - exp
		if e-1 >= 0x7fe || by < 0 || by >= 126-53 {
			break
		}
		next, ok := sum.AddOK(shifted(b, uint(by)))
		if !ok || next.Hi >= 1<<62 || next.Hi < -1<<62 {
			break
		}
		sum = next
		prefix = append(prefix, sum)
	}
	f.prefix, f.done = prefix, len(prefix)-1
}

// square appends the next prefix of squares. By hand in four words, as big.Int
// would allocate for every row: (a*2^64 + b)^2 is a^2*2^128 + 2ab*2^64 + b^2,
// and the middle term is added twice.
func (f *sums) square(m event.Int128) bool {
	hi, lo := m.Abs()
	if hi >= 1<<32 { // 2^96 squared, 2^31 times over, stays in 256 bits
		return false
	}
	h0, l0 := bits.Mul64(lo, lo)
	h1, l1 := bits.Mul64(hi, lo)
	p := [4]uint64{l0, h0, hi * hi, 0}
	var c uint64
	for range 2 {
		p[1], c = bits.Add64(p[1], l1, 0)
		p[2], c = bits.Add64(p[2], h1, c)
		p[3] += c
	}
	last := f.squares[len(f.squares)-1]
	for i := range p {
		p[i], c = bits.Add64(p[i], last[i], c)
	}
	f.squares = append(f.squares, p)
	return true
}

// scaled returns row i in units of 2^exp; NaN and infinities are noted and zero.
func (f *sums) scaled(i int) (event.Int128, bool) {
	switch f.c.Type.Kind {
	case event.Double:
		return f.scaledFloat(f.c.Floats[i])
	case event.Decimal:
		return f.c.Decimals[i], true
	}
	return event.Int128Of(f.c.Ints[i]), true
}

// scaledFloat is scaled of a double. Noted rows are places in the track, rising, so that a range finds its own by
// search.
func (f *sums) scaledFloat(x float64) (event.Int128, bool) {
	b := math.Float64bits(x)
	if e := b >> 52 & 0x7ff; e-1 < 0x7fe && f.chosen {
		// A normal number with no bit below the unit, as most: its 53 bits, shifted.
		if by := int(e) - 1075 - f.exp; by >= 0 && by < 126-53 {
			return shifted(b, uint(by)), true
		}
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		f.odd = append(f.odd, int32(f.done))
		return event.Int128{}, true
	}
	m, exp := parts(x)
	if !f.chosen && m != 0 {
		// Room below the first value for smaller ones of its like, and above for sums.
		// No double has bits below the smallest, nor has a wide, to which prefixes go.
		f.exp, f.chosen = max(exp+bits.Len64(uint64(max(m, -m)))-53-12, smallestExp), true
	}
	return shiftLeft(m, exp-f.exp)
}

// shifted is the mantissa of a normal double's bits, with its sign, times 2^by for by
// below 73.
func shifted(b uint64, by uint) event.Int128 {
	mant, sign := b&(1<<52-1)|1<<52, uint64(int64(b)>>63)
	hi, lo := mant>>(64-by), mant<<by // a shift by 64 or more leaves nothing
	if by >= 64 {
		hi = mant << (by - 64)
	}
	lo, borrow := bits.Sub64(lo^sign, sign, 0)
	hi, _ = bits.Sub64(hi^sign, sign, borrow)
	return event.Int128{Hi: int64(hi), Lo: lo}
}

// fit looks at all n rows for a unit in which the values and their sum fit, and
// starts over with it. false: none does. The room leaves n values of the
// greatest size below 2^126. What is left over is given to both sides evenly,
// at most 8 bits below: the next value is as likely to be smaller as greater.
// O(n), and it is called only when the unit in hand did not do.
func (f *sums) fit(n int) bool {
	if f.c.Type.Kind != event.Double {
		return false
	}
	low, high := math.MaxInt, math.MinInt
	for k := range n {
		x := f.c.Floats[f.t.row(k)]
		if m, exp := parts(x); m != 0 && !math.IsNaN(x) && !math.IsInf(x, 0) {
			low, high = min(low, exp), max(high, exp+bits.Len64(uint64(max(m, -m))))
		}
	}
	room := 126 - bits.Len(uint(n))
	if f.squared {
		room = min(room, 96)
	}
	if low > high || high-low > room {
		return false
	}
	f.changed(0)
	f.exp, f.chosen = max(low-min(8, (room-(high-low))/2), smallestExp), true
	return true
}

// widen extends the wide form to n rows. Its memory is that of one accumulator
// a wideEvery rows; the rows beside a range's ends are read from the columns
// again.
func (f *sums) widen(n int) {
	if f.wides == nil {
		f.changed(0)
		f.wides, f.chosen = make([]wide, 1), false
	}
	f.exp = 0
	for k := f.done; k < n; k++ {
		if f.isOdd(f.t.row(k)) {
			f.odd = append(f.odd, int32(k))
		}
	}
	for b := len(f.wides); b*wideEvery <= n; b++ {
		w := f.wides[b-1]
		f.addRows(&w, (b-1)*wideEvery, b*wideEvery)
		f.wides = append(f.wides, w)
	}
	f.done = n
}

// addRows adds the finite values of rows i to j-1.
func (f *sums) addRows(w *wide, i, j int) {
	for k := i; k < j; k++ {
		m, exp := f.exact(f.t.row(k))
		w.add(m, exp)
	}
}

// exact returns row i as m * 2^exp; NaN and infinities as zero.
func (f *sums) exact(i int) (m event.Int128, exp int) {
	switch f.c.Type.Kind {
	case event.Double:
		if f.isOdd(i) {
			return event.Int128{}, 0
		}
		v, e := parts(f.c.Floats[i])
		return event.Int128Of(v), e
	case event.Decimal:
		return f.c.Decimals[i], 0
	}
	return event.Int128Of(f.c.Ints[i]), 0
}

// isOdd reports whether row i is NaN or infinite.
func (f *sums) isOdd(i int) bool {
	if f.c.Type.Kind != event.Double {
		return false
	}
	x := f.c.Floats[i]
	return math.IsNaN(x) || math.IsInf(x, 0)
}

// wideSum is the exact sum of a range and, where whole, of the base. Whole
// blocks are one subtraction, the rows before the first and after the last are
// added singly: those at the front are below block bi, those at the back from
// block bj on. A range inside one block is all single rows.
func (f *sums) wideSum(p span) *wide {
	w := new(wide)
	switch {
	case f.wides == nil:
		w.add(f.prefix[p.j].Sub(f.prefix[p.i]), f.exp)
	default:
		bi, bj := (p.i+wideEvery-1)/wideEvery, p.j/wideEvery
		if bi >= bj {
			f.addRows(w, p.i, p.j)
			break
		}
		*w = f.wides[bj]
		w.minus(&f.wides[bi])
		f.addRows(w, p.i, bi*wideEvery)
		f.addRows(w, bj*wideEvery, p.j)
	}
	if p.whole {
		w.plus(&f.base.sum)
	}
	return w
}

// based reports whether the range stands on a base.
func (f *sums) based(p span) bool { return p.whole && f.t.dropped > 0 }

// oddity returns what NaN and infinities in the range make of its sum (S8):
// NaN, an infinity, or 0 where all is finite. The oddities of the range are
// added as doubles: NaN, or both infinities, make NaN, and order plays no part.
// When they leave the window so do they leave the answer.
func (f *sums) oddity(p span) float64 {
	if len(f.odd) == 0 && !p.whole {
		return 0
	}
	var x float64
	if f.based(p) {
		x = f.base.oddity()
	}
	for k := sort.Search(len(f.odd), func(k int) bool { return int(f.odd[k]) >= p.i }); k < len(f.odd) && int(f.odd[k]) < p.j; k++ {
		x += f.c.Floats[f.t.row(int(f.odd[k]))]
	}
	if math.IsNaN(x) {
		return event.CanonicalNaN
	}
	return x
}

// oddity is what the absorbed NaN and infinities come to.
func (b *base) oddity() (x float64) {
	switch {
	case b.nan > 0 || b.posInf > 0 && b.negInf > 0:
		return event.CanonicalNaN
	case b.posInf > 0:
		return math.Inf(1)
	case b.negInf > 0:
		return math.Inf(-1)
	}
	return 0
}

// value answers sum or avg. An infinity that was in the events is given out as
// it is (S8.2); one that only rounding made is outside the type (S9.3). Of
// integers and decimals there are no oddities.
func (f *sums) value(s *Slot, p span, out *event.Column) {
	f.settle()
	if x := f.oddity(p); x != 0 {
		out.AppendFloat(x)
		return
	}
	n := uint64(p.j - p.i)
	if p.whole {
		n += uint64(f.t.dropped)
	}
	if s.Aggregate == Avg {
		f.put(out, f.average(p, n))
		return
	}
	switch f.c.Type.Kind {
	case event.Double:
		f.put(out, f.float(p))
	default:
		f.integer(p, out)
	}
}

// values answers all ranges of a slot where the sums are narrow: one subtraction a range, and for an average one division of words.
func (f *sums) values(s *Slot, a *asked, out *event.Column) bool {
	f.settle()
	if f.wides != nil || a.dropped > 0 || f.scale() > 9 {
		return false
	}
	least := max(s.MinCount, 1)
	for k, row := range a.rows {
		i, j := a.i[k], a.j[k]
		if int64(j-i) < least {
			putNull(out, row)
			continue
		}
		if len(f.odd) > 0 {
			if x := f.oddity(a.span(k)); x != 0 {
				out.Floats[row] = x
				continue
			}
		}
		m := f.prefix[j].Sub(f.prefix[i])
		switch {
		case s.Aggregate == Avg:
			f.putFloat(out, row, f.averageOf(m, uint64(j-i)))
		case f.c.Type.Kind == event.Double:
			hi, lo := m.Abs()
			f.putFloat(out, row, roundFloat(m.Hi < 0, hi, lo, false, f.exp))
		default:
			f.putInteger(out, row, m)
		}
	}
	return true
}

// putFloat is put into a row.
func (f *sums) putFloat(out *event.Column, row int32, x float64) {
	if math.IsInf(x, 0) {
		f.counts[event.OutOfType]++
		putNull(out, row)
		return
	}
	out.Floats[row] = x
}

// putInteger puts the sum of integers or decimals into a row, checked as integer
// does.
func (f *sums) putInteger(out *event.Column, row int32, m event.Int128) {
	if out.Type.Kind == event.Decimal {
		if m.Fits(out.Type.Precision) {
			out.Decimals[row] = m
			return
		}
	} else if v, fits := m.Int64(); fits {
		out.Ints[row] = v
		return
	}
	f.counts[event.OutOfType]++
	putNull(out, row)
}

// put appends a double computed of finite ones; one outside its type is null and
// counted (S9).
func (f *sums) put(out *event.Column, x float64) {
	if math.IsInf(x, 0) {
		f.counts[event.OutOfType]++
		out.AppendNull()
		return
	}
	out.AppendFloat(x)
}

// float is the sum of doubles, rounded once.
func (f *sums) float(p span) float64 {
	if f.wides == nil && !f.based(p) {
		m := f.prefix[p.j].Sub(f.prefix[p.i])
		hi, lo := m.Abs()
		return roundFloat(m.Hi < 0, hi, lo, false, f.exp)
	}
	return quotient(f.wideSum(p).big(), -wideUnit, big.NewInt(1))
}

// integer appends the sum of integers or decimals, checked against its type.
// Only the result is checked, not what was added on the way: 2^63-1, 1 and -1
// sum to 2^63-1 in every order (S9.3).
func (f *sums) integer(p span, out *event.Column) {
	var m event.Int128
	ok := true
	if f.wides == nil && !f.based(p) {
		m = f.prefix[p.j].Sub(f.prefix[p.i])
	} else {
		m, ok = f.wideSum(p).int128()
	}
	if out.Type.Kind == event.Decimal {
		if ok && m.Fits(out.Type.Precision) {
			out.AppendDecimal(m)
			return
		}
	} else if v, fits := m.Int64(); ok && fits {
		out.AppendInt(v)
		return
	}
	f.counts[event.OutOfType]++
	out.AppendNull()
}

// average is the sum over n, rounded once. The exact sum is divided, not the
// rounded one, which would round twice (S9.2). A decimal's scale goes into the
// denominator as a power of ten as long as that, times n, is one word.
func (f *sums) average(p span, n uint64) float64 {
	if d := f.scale(); f.wides != nil || f.based(p) || d > 9 || n >= 1<<32 {
		return quotient(f.wideSum(p).big(), -wideUnit, new(big.Int).Mul(new(big.Int).SetUint64(n), event.Pow10(d).Big()))
	}
	return f.averageOf(f.prefix[p.j].Sub(f.prefix[p.i]), n)
}

// averageOf is a sum of the narrow form over n, for n below 2^32 and values of at
// most nine digits after the point.
func (f *sums) averageOf(m event.Int128, n uint64) float64 {
	if d := f.scale(); d > 0 {
		n *= event.Pow10(d).Lo
	}
	hi, lo := m.Abs()
	if hi|lo == 0 {
		return 0
	}
	return divide(m.Hi < 0, []uint64{lo, hi}, f.exp, n)
}

// scale is the number of digits after the point of the values summed.
func (f *sums) scale() int { return f.c.Type.Scale }

// keep needs no row: a base says all that a sum can ask of what is gone.
func (f *sums) keep(*Slot, int, func(int)) {}

// absorb adds a row to the base, in the wide form, as any value may come later.
// It reads the row and not the prefixes, which may be in any unit.
func (f *sums) absorb(k int) {
	f.settle()
	i := f.t.row(k)
	if f.isOdd(i) {
		switch x := f.c.Floats[i]; {
		case math.IsNaN(x):
			f.base.nan++
		case x > 0:
			f.base.posInf++
		default:
			f.base.negInf++
		}
		return
	}
	m, exp := f.exact(i)
	f.base.sum.add(m, exp)
	if f.squared {
		f.base.square(m, exp)
	}
}

// square adds a square to the base. It allocates, which is bearable as rows are
// absorbed once.
func (b *base) square(m event.Int128, exp int) {
	if b.squares == nil {
		b.squares = new(big.Int)
	}
	x := m.Big()
	x.Mul(x, x)
	b.squares.Add(b.squares, x.Lsh(x, uint(2*(exp+wideUnit))))
}
