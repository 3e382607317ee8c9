package expr

import (
	"github.com/timeseam/timeseam/features/event"
)

// vec is a column while an expression is evaluated. It is passed by value; copies
// share vectors, so fresh must be taken away from whatever is held for another
// use.
type vec struct {
	event.Column
	one   bool // a constant: row 0 stands for every row
	fresh bool // its vectors belong to nobody else and may be written over
}

// mask makes i&mask the place of row i: i itself, or 0 in a constant. It lets one
// loop serve columns and constants, and no constant is ever spread out. In two's
// complement -1 has all bits set.
func (v *vec) mask() int {
	if v.one {
		return 0
	}
	return -1
}

// text is the bytes of row i.
func (v *vec) text(i int) []byte { return v.Dict.At(v.Codes[i&v.mask()]) }

// null reports whether row i is null.
func (v *vec) null(i int) bool { return v.Null != nil && v.Null[i&v.mask()] }

// nullMask is Null and its mask, or a constant false: what a loop may ask of
// every row without a branch on nil. It is for lenient kernels; strict ones ask
// unite.
func (v *vec) nullMask() ([]bool, int) {
	if v.Null == nil {
		return never, 0
	}
	return v.Null, v.mask()
}

// never is shared by all evaluations, and only read.
var never = []bool{false}

// frame is one evaluation: the rows, and where counts go. A frame belongs to one
// goroutine and one Eval; frames made of it (narrow, perEntry) count into the
// same counts.
type frame struct {
	rows    int
	columns []event.Column
	entries *event.Column // in place of the only column that is read, see perEntry
	held    map[int]vec   // what is used twice, by its place, see shared
	counts  *event.Counts
	weight  []int64 // how many rows row i stands for in counts; nil: one each
}

// column is the batch's column k.
func (f *frame) column(k int) *event.Column {
	if f.entries != nil {
		return f.entries
	}
	return &f.columns[k]
}

// count notes that row i had its value replaced by null.
func (f *frame) count(r event.Reason, i int) { f.counts[r] += f.weighs(i) }

// weighs is how many rows of the batch row i stands for. Zero is a weight: of a
// row that does not ask.
func (f *frame) weighs(i int) int64 {
	if f.weight == nil {
		return 1
	}
	return f.weight[i]
}

// weighsAll is how many rows ask, of those that the frame stands for.
func (f *frame) weighsAll() (sum int64) {
	for i := range f.rows {
		sum += f.weighs(i)
	}
	return sum
}

// narrow is f for what only some rows ask for: the others count nothing. It
// computes for all rows nevertheless, and shares what is held, since values do
// not depend on who asks.
func (f *frame) narrow(asks func(i int) bool) *frame {
	g := *f
	g.weight = make([]int64, f.rows)
	for i := range g.weight {
		if asks(i) {
			g.weight[i] = f.weighs(i)
		}
	}
	return &g
}

// nulls are the null rows of a result in the making. They may be those of an
// operand until a row is added. Most results have the nulls of their one operand,
// and then no vector is made.
type nulls struct {
	rows []bool
	own  bool
}

// unite are the rows where an operand is null. A constant operand never is: the
// checker has folded such expressions to null. Two operands with one vector, as
// in x + x, need no union either.
func unite(n int, operands []vec) nulls {
	var u nulls
	for k := range operands {
		o := &operands[k]
		if o.Null == nil || o.one || n == 0 {
			continue
		}
		switch {
		case u.rows == nil:
			u.rows = o.Null
		case &u.rows[0] == &o.Null[0]:
		default:
			if !u.own {
				u.rows, u.own = append(make([]bool, 0, n), u.rows[:n]...), true
			}
			for i, null := range o.Null[:n] {
				u.rows[i] = u.rows[i] || null
			}
		}
	}
	return u
}

func (u *nulls) is(i int) bool { return u.rows != nil && u.rows[i] }

// set makes row i of n null. It copies first what belongs to an operand: the
// batch's vectors are never written.
func (u *nulls) set(i, n int) {
	if !u.own {
		rows := make([]bool, n)
		copy(rows, u.rows)
		u.rows, u.own = rows, true
	}
	u.rows[i] = true
}

// refuse makes row i null and counts why. The caller asks first that it is not
// null already, or null operands would be counted as faults.
func (f *frame) refuse(u *nulls, r event.Reason, i int) {
	u.set(i, f.rows)
	f.count(r, i)
}

// blank makes the null rows zero (E1). Kernels may compute on null rows, and what
// they wrote there must not reach a hash or a file.
func blank[T any](values []T, rows []bool) {
	var zero T
	for i, null := range rows[:min(len(rows), len(values))] {
		if null {
			values[i] = zero
		}
	}
}

// The results of kernels: fresh vectors of a type, null rows made zero.

func ofInts(k event.Kind, values []int64, u nulls) vec {
	blank(values, u.rows)
	return vec{Column: event.Column{Type: event.Of(k), Ints: values, Null: u.rows}, fresh: true}
}

// ofFloats does not look for NaN, which must be in its one form by now.
func ofFloats(values []float64, u nulls) vec {
	blank(values, u.rows)
	return vec{Column: event.Column{Type: event.Of(event.Double), Floats: values, Null: u.rows}, fresh: true}
}

// ofDecimals does not count digits: the values must fit t by now.
func ofDecimals(t event.Type, values []event.Int128, u nulls) vec {
	blank(values, u.rows)
	return vec{Column: event.Column{Type: t, Decimals: values, Null: u.rows}, fresh: true}
}

// texts makes a text column row by row.
type texts struct {
	codes []uint32
	dict  *event.Dict
}

func newTexts(rows int) texts { return texts{make([]uint32, rows), event.NewDict()} }

// put sets row i. Equal texts are not looked for: where texts repeat, rows are
// texts of a dictionary already (perEntry). The text of a row that is never put
// is the first entry, and the row must be null.
func (t *texts) put(i int, s []byte) { t.codes[i] = t.dict.Add(s) }

func (t *texts) vec(k event.Kind, u nulls) vec {
	return vec{Column: event.Column{Type: event.Of(k), Codes: t.codes, Dict: t.dict, Null: u.rows}, fresh: true}
}

// place is the number of a row, or a code of a dictionary used as one.
type place interface{ int32 | uint32 }

// gather is the rows of c that places name, one after the other; a place below
// zero is null. The dictionary is shared and not copied. The result has vectors
// of its own in every other respect.
func gather[P place](c *event.Column, places []P) event.Column {
	out := event.Column{Type: c.Type, Rows: len(places), Null: gatherNulls(c, places)}
	switch c.Type.Kind {
	case event.Double:
		out.Floats = take(c.Floats, places)
	case event.Decimal:
		out.Decimals = take(c.Decimals, places)
	case event.String, event.Bytes:
		out.Codes, out.Dict = take(c.Codes, places), c.Dict
	case event.List, event.Map:
		gatherLists(&out, c, places)
	case event.Struct:
		out.Fields = make([]event.Column, len(c.Fields))
		for k := range c.Fields {
			out.Fields[k] = gather(&c.Fields[k], places)
		}
	case event.Null, event.Unknown:
	default:
		out.Ints = take(c.Ints, places)
	}
	return out
}

// take is gather of one vector.
func take[T any, P place](values []T, places []P) []T {
	out := make([]T, len(places))
	for i, p := range places {
		if p >= 0 {
			out[i] = values[p]
		}
	}
	return out
}

// gatherNulls makes no vector where no row is null. Codes are never below zero,
// and so a column without nulls needs no look at them.
func gatherNulls[P place](c *event.Column, places []P) []bool {
	var u nulls
	if _, codes := any(places).([]uint32); codes && c.Null == nil {
		return nil
	}
	for i, p := range places {
		if p < 0 || c.Null != nil && c.Null[p] {
			u.set(i, len(places))
		}
	}
	return u.rows
}

// gatherLists gathers the elements of the lists that places name. Elements are
// gathered in one go, for all lists.
func gatherLists[P place](out, c *event.Column, places []P) {
	out.Offsets = make([]int32, 1, len(places)+1)
	var elements []int32
	for _, p := range places {
		if p >= 0 {
			for k := c.Offsets[p]; k < c.Offsets[p+1]; k++ {
				elements = append(elements, k)
			}
		}
		out.Offsets = append(out.Offsets, int32(len(elements)))
	}
	elem := gather(c.Elem, elements)
	out.Elem = &elem
}

// spread is v as a column of n rows: a constant is repeated. It is for the edge
// of an evaluation and for structs; kernels read constants by their mask.
func spread(v vec, n int) event.Column {
	if !v.one {
		return v.Column
	}
	return gather(&v.Column, make([]int32, n))
}
