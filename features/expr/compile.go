package expr

import (
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Scope says what names mean. Resolve is called while compiling and must answer
// the same each time; an answer holds for as long as the Expr lives.
type Scope interface {
	// Resolve finds the column that path names; used is how many parts of path
	// it took, the rest are fields of a struct.
	Resolve(path []string) (column int, t event.Type, used int, ok bool)
	// Names are the names there are, for "did you mean".
	Names() []string
}

// Expr is a compiled expression. It is immutable; Eval may run beside itself. It
// knows no schema: the batches given to Eval must have the columns, at the places
// and of the types, that the scope resolved.
type Expr struct {
	Type   event.Type
	code   *code
	tables []string
}

// Compile checks the types of n and makes it ready to run. It returns every
// fault, in the order of the text. Aggregates are refused: what has been
// aggregated stands in n as Bound. The tree is read and not kept. An Expr is
// returned only where there is no fault.
func Compile(n *Node, s Scope) (*Expr, []*Error) {
	c := &checker{scope: s}
	x := c.check(n)
	if len(c.faults) > 0 {
		slices.SortStableFunc(c.faults, func(a, b *Error) int { return a.Pos - b.Pos })
		return nil, c.faults
	}
	if unsettled(x.t) {
		c.fail(n, fmt.Sprintf("the elements of %s have no type", n), "cast it, as []::list<string>")
		return nil, c.faults
	}
	x = perEntry(x)
	slices.Sort(c.tables)
	return &Expr{Type: x.t, code: x, tables: c.tables}, nil
}

// unsettled reports whether t is a nested type with a part that only ever was
// null. No column of a file can be of it.
func unsettled(t event.Type) bool {
	null := func(t event.Type) bool { return t.Kind == event.Null || unsettled(t) }
	for _, f := range t.Fields {
		if unsettled(f.Type) {
			return true
		}
	}
	return t.Elem != nil && t.Kind == event.List && null(*t.Elem) || t.Kind == event.Map && null(t.ValueType())
}

// As is the expression as a value of another type: of one that it widens to
// without loss or, for a constant, of one that can hold its value. A type that
// could lose something is refused and not rounded: a declared type that changes
// values unseen would be a second meaning. Null stays null in any type.
func (e *Expr) As(t event.Type) (*Expr, bool) {
	if e.Type.Equal(t) {
		return e, true
	}
	if !WidensTo(e.Type, t) && !e.exactAs(t) {
		return nil, false
	}
	return &Expr{Type: t, code: convert(e.code, t), tables: e.tables}, true
}

// exactAs reports whether e is a constant number that t holds unchanged. It
// converts there and back: what comes back equal was held.
func (e *Expr) exactAs(t event.Type) bool {
	if !e.code.constant || !e.Type.Numeric() || !t.Numeric() {
		return false
	}
	there := convert(e.code, t)
	if !there.constant || there.value.null(0) != e.code.value.null(0) {
		return false
	}
	// Doubles stand for decimals that are written with few digits, 0.1 for one:
	// what was meant is kept, not how binary spells it.
	if t.Kind == event.Double && e.Type.Kind == event.Decimal {
		return true
	}
	back := convert(there, e.Type)
	return back.constant && event.Compare(&back.value.Column, 0, &e.code.value.Column, 0) == 0
}

// Eval computes the expression for every row of b. The result may share vectors
// with b. Values outside their type and divisions by zero are null and counted.
// It must not be changed by the caller, nor outlive the batch. n may be nil where
// counts do not matter; it is added to, never set. b.Columns are trusted to hold
// b.Len rows each.
func (e *Expr) Eval(b *event.Batch, n *event.Counts) event.Column {
	f := frame{rows: b.Len, columns: b.Columns, counts: n, held: map[int]vec{}}
	if n == nil {
		f.counts = new(event.Counts)
	}
	return spread(e.code.eval(&f), b.Len)
}

// Columns are the distinct columns of a batch that the expression reads, in order.
func (e *Expr) Columns() []int { return slices.Clone(e.code.columns) }

// Tables are what the values hang on beyond the definition, each with its version:
// "unicode 15.0.0", "zone Europe/Oslo" with a fingerprint of the zone's rules.
func (e *Expr) Tables() []string { return slices.Clone(e.tables) }

// Constant reports whether the expression reads no column. It may still count
// something for each row, as 1/0 does, and then is no constant to the compiler.
func (e *Expr) Constant() bool { return len(e.code.columns) == 0 }

// code is one operation, compiled. It is made by the constructors below, which
// keep columns, source and counts true of the operands; other code must not set
// them, but for counting and shared.
type code struct {
	t        event.Type
	run      func(*frame) vec // not for constants
	constant bool
	value    vec   // constant: its one row
	counts   bool  // may count something
	columns  []int // distinct columns read, ascending
	source   int   // the text column that alone is read, whole; or noSource
	plain    bool  // does no work: a column as it is
}

// noSource also marks what perEntry has made: what stands over it works by rows.
const noSource = -1

// eval is the column of c for the rows of f. A constant comes as its one row;
// kernels reach it by its mask.
func (c *code) eval(f *frame) vec {
	if c.constant {
		return c.value
	}
	return c.run(f)
}

// kernel computes a column from columns, for all rows of the frame at once.
// Operands that are marked fresh may be written over; all others belong to the
// batch, a constant or a shared result. A kernel writes zero where it makes null
// (E1), brings NaN into its one form, and keeps nothing between calls: one kernel
// runs in several goroutines.
type kernel func(f *frame, operands []vec) vec

// joined is a code of type t over operands, still without run. Its source is a
// text column only if every operand that reads anything reads that column alone,
// through no other column; constants do not disturb it.
func joined(t event.Type, operands ...*code) *code {
	x := &code{t: t, source: noSource}
	sources := map[int]bool{}
	for _, o := range operands {
		x.counts = x.counts || o.counts
		x.columns = append(x.columns, o.columns...)
		if len(o.columns) > 0 {
			sources[o.source] = true
		}
	}
	slices.Sort(x.columns)
	x.columns = slices.Compact(x.columns)
	if len(sources) == 1 {
		for s := range sources {
			x.source = s
		}
	}
	return x
}

// constantOf makes a constant of a column of one row.
func constantOf(c event.Column) *code {
	return &code{t: c.Type, constant: true, value: vec{Column: c, one: true}, source: noSource}
}

// nullOf is the constant null of type t. It is typed: CASE and COALESCE give a
// null of their other branches' type.
func nullOf(t event.Type) *code {
	c := event.Make(t)
	c.AppendNull()
	if t.Kind == event.Null {
		c.Null = []bool{true}
	}
	return constantOf(c)
}

// nullConstant reports whether c is null for every row.
func (c *code) nullConstant() bool { return c.constant && c.value.null(0) }

// strict is a kernel over operands: null where an operand is null. A constant
// null makes the whole null at once, and the other operands are neither evaluated
// nor counted: no row asks for them. After that unite need not look at constants.
func strict(t event.Type, k kernel, operands ...*code) *code {
	for _, o := range operands {
		if o.nullConstant() || o.t.Kind == event.Null {
			return nullOf(t)
		}
	}
	return lenient(t, k, operands...)
}

// counting marks an operation as one that may itself count something. It must be
// said of every operation whose kernel calls refuse; forgetting it makes rows
// count that did not ask.
func counting(x *code) *code {
	x.counts = x.counts || !x.constant
	return x
}

// lenient is a kernel that looks at nulls itself, constant ones included. Where
// the operands no longer share one text column, each of them that stands on one
// is evaluated for its texts here: so the largest part that can run over a
// dictionary does.
func lenient(t event.Type, k kernel, operands ...*code) *code {
	if t.Kind == event.Null {
		return nullOf(t)
	}
	x := joined(t, operands...)
	if x.source == noSource {
		for i := range operands {
			operands[i] = perEntry(operands[i])
		}
	}
	x.run = func(f *frame) vec {
		values := make([]vec, len(operands))
		for i, o := range operands {
			values[i] = o.eval(f)
		}
		return k(f, values)
	}
	return fold(x)
}

// fold evaluates what reads no column. What counts something while doing so
// counts it for every row it is asked for. 1/0 counts for every row, and in a
// branch for every row that takes it, just as x/0 does: what is constant is no
// other meaning.
func fold(x *code) *code {
	if len(x.columns) > 0 || x.constant {
		return x
	}
	var n event.Counts
	f := frame{rows: 1, counts: &n, held: map[int]vec{}}
	v := x.run(&f)
	v.one, v.fresh = true, false
	if n == (event.Counts{}) {
		return &code{t: x.t, constant: true, value: v, source: noSource}
	}
	x.counts = true
	x.run = func(f *frame) vec {
		for r, each := range n {
			f.counts[r] += each * f.weighsAll()
		}
		return vec{Column: spread(v, f.rows)}
	}
	return x
}

// shared is x for use more than once: it runs once an evaluation. Its first use
// must be one that every row asks for. Or one that asks at least for the rows
// that later uses ask for: what it counts is settled by the first. The value is
// held for the frame, by a number that is unique in the expression.
func (c *checker) shared(x *code) *code {
	if x.constant || x.plain {
		return x
	}
	if x.counts {
		x = perEntry(x) // else each use would count in a frame of its own
	}
	at := c.places
	c.places++
	s := *x
	s.run = func(f *frame) vec {
		if v, ok := f.held[at]; ok {
			return v
		}
		v := x.eval(f)
		v.fresh = false
		f.held[at] = v
		return v
	}
	return &s
}

// perEntry evaluates what reads one text column, and nothing else, once for each
// of the texts that occur in a batch instead of once for each row. It gives the
// same values and the same counts, as every row's text has its entry and each
// entry is weighed by its rows. A dictionary larger than twice the batch is not
// worth the table of places.
func perEntry(x *code) *code {
	if x.source == noSource || x.plain || x.constant {
		return x
	}
	y := *x
	y.source = noSource
	y.run = func(f *frame) vec {
		column := f.column(x.source)
		if f.rows == 0 || column.Dict == nil || column.Dict.Len() > 2*f.rows {
			return x.run(f)
		}
		if !x.counts && 4*column.Dict.Len() <= f.rows {
			return everyEntry(f, x, column)
		}
		entries, places := distinct(column, f.rows)
		g := frame{rows: len(entries.Codes), entries: &entries, counts: f.counts, held: map[int]vec{}}
		if x.counts {
			g.weight = make([]int64, g.rows)
			for i, p := range places {
				g.weight[p] += f.weighs(i)
			}
		}
		v := x.run(&g)
		return vec{Column: gather(&v.Column, places), fresh: true}
	}
	return &y
}

// everyEntry evaluates x for all texts of a small dictionary, and for null if
// there are nulls, and looks the rows up by their codes. It evaluates texts that
// no row may have, which saves looking for those that do, and is therefore only
// for what counts nothing.
func everyEntry(f *frame, x *code, column *event.Column) vec {
	n := column.Dict.Len()
	entries := event.Column{Type: column.Type, Dict: column.Dict, Codes: make([]uint32, n, n+1)}
	for k := range entries.Codes {
		entries.Codes[k] = uint32(k)
	}
	codes := column.Codes[:f.rows]
	if column.Null != nil {
		entries.Codes = append(entries.Codes, 0)
		entries.Null = append(make([]bool, n), true)
		codes = slices.Clone(codes)
		for i, null := range column.Null[:f.rows] {
			if null {
				codes[i] = uint32(n)
			}
		}
	}
	g := frame{rows: len(entries.Codes), entries: &entries, counts: f.counts, held: map[int]vec{}}
	v := x.run(&g)
	return vec{Column: gather(&v.Column, codes), fresh: true}
}

// distinct is the texts of a column, each once, a null among them, and for every
// row its place there. They come in the order of their first row, which depends
// on the batch alone.
func distinct(c *event.Column, rows int) (event.Column, []int32) {
	places := make([]int32, rows)
	known := make([]int32, c.Dict.Len()) // place + 1
	entries := event.Column{Type: c.Type, Dict: c.Dict}
	null := int32(-1)
	for i, code := range c.Codes[:rows] {
		if c.Null != nil && c.Null[i] {
			if null < 0 {
				null = int32(len(entries.Codes))
				entries.Codes = append(entries.Codes, 0)
			}
			places[i] = null
			continue
		}
		p := known[code]
		if p == 0 {
			entries.Codes = append(entries.Codes, code)
			p = int32(len(entries.Codes))
			known[code] = p
		}
		places[i] = p - 1
	}
	if null >= 0 {
		entries.Null = make([]bool, len(entries.Codes))
		entries.Null[null] = true
	}
	return entries, places
}
