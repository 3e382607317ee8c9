package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// checker turns a tree into code. A check that returns nil has noted a fault, or
// builds on one that has; it goes on so that all faults are found. It belongs to
// one Compile and is thrown away with it; the code that it makes keeps nothing of
// it.
type checker struct {
	scope  Scope
	faults []*Error
	places int      // taken by shared
	tables []string // see depend
}

// depend notes a table beyond the definition that a value hangs on, with its
// version: the rules of a time zone, the letters of Unicode. It belongs to the
// meaning and so to the digest (S13.1).
func (c *checker) depend(table string) {
	if !slices.Contains(c.tables, table) {
		c.tables = append(c.tables, table)
	}
}

// fail notes a fault at the words of n. It returns nil for its callers to return.
func (c *checker) fail(n *Node, problem, mend string) *code {
	c.faults = append(c.faults, &Error{n.Pos, n.End, problem, mend})
	return nil
}

// checkAll checks every node; ok is false if one of them has a fault. It does not
// stop at the first: a user mends all faults of a definition in one go.
func (c *checker) checkAll(nodes []*Node) (codes []*code, ok bool) {
	codes = make([]*code, len(nodes))
	ok = true
	for i, n := range nodes {
		codes[i] = c.check(n)
		ok = ok && codes[i] != nil
	}
	return codes, ok
}

// check compiles one node after what it is made of. Calls and CASE look at their
// own parts, as not all of them are plain operands. The switch is complete over
// what Parse makes and Bound; an operation without a case is our mistake and no
// fault of the user.
func (c *checker) check(n *Node) *code {
	switch n.Op {
	case Literal:
		return literalOf(n.Value)
	case Ref:
		return c.ref(n)
	case Bound:
		return columnOf(n.Column, n.To)
	case Call:
		return c.call(n)
	case Case:
		return c.caseOf(n)
	}
	args, ok := c.checkAll(n.Args)
	if !ok {
		return nil
	}
	switch n.Op {
	case Row:
		return rowOf(n.Names, args)
	case Neg:
		return c.neg(n, args[0])
	case Not:
		return c.not(n, args[0])
	case Binary:
		return c.binary(n, args[0], args[1])
	case IsNull:
		return isNull(args[0], n.Negated)
	case IsTruth:
		return c.isTruth(n, args[0])
	case IsDistinct:
		return c.isDistinct(n, args[0], args[1])
	case In:
		return c.in(n, args)
	case Between:
		return c.between(n, args)
	case Like:
		return c.like(n, args)
	case Cast:
		return c.cast(n, args[0])
	case Dot:
		return c.dot(n, args[0])
	case Index:
		return c.index(n, args[0], args[1])
	}
	panic(fmt.Sprintf("expr: no check of operation %d", n.Op))
}

// literalOf makes a constant of what the parser read. A number has the type it is
// written as (Types): 1.5 is decimal(2,1), and so 0.1 + 0.2 = 0.3 is true.
func literalOf(v Value) *code {
	if v.Type.Kind == event.Null {
		return nullOf(v.Type)
	}
	c := event.Make(v.Type)
	switch v.Type.Kind {
	case event.Double:
		c.AppendFloat(v.Float)
	case event.Decimal:
		c.AppendDecimal(v.Decimal)
	case event.String:
		c.AppendText([]byte(v.Text))
	default:
		c.AppendInt(v.Int)
	}
	return constantOf(c)
}

// columnOf reads column k, of type t. A text column is its own source: what is
// built on it alone may run over the dictionary in place of the rows (X5).
func columnOf(k int, t event.Type) *code {
	if t.Kind == event.Null {
		return nullOf(t)
	}
	x := &code{t: t, columns: []int{k}, source: noSource, plain: true}
	if t.Text() {
		x.source = k
	}
	x.run = func(f *frame) vec { return vec{Column: *f.column(k)} }
	return x
}

// ref resolves a name; parts that the scope left over are fields of structs. The
// scope decides how much of a dotted name it knows, so that a column called a.b
// and a field b of a column a are told apart by what there is and not by syntax.
func (c *checker) ref(n *Node) *code {
	column, t, used, ok := c.scope.Resolve(n.Path)
	if !ok {
		return c.unknown(n)
	}
	x := columnOf(column, t)
	for _, name := range n.Path[used:] {
		if x = c.field(n, x, name); x == nil {
			return nil
		}
	}
	return x
}

// unknown refuses a name. A single one in double quotes was perhaps meant as a
// text. The words are two bytes longer than the name only where they stood in
// quotes.
func (c *checker) unknown(n *Node) *code {
	word := strings.Join(n.Path, ".")
	mend := ""
	if near := event.Nearest(word, c.scope.Names()); near != "" {
		mend = "did you mean " + near + "?"
	} else if len(n.Path) == 1 && n.End-n.Pos == len(word)+2 {
		mend = "text is written in single quotes, " + quoteText(word)
	}
	return c.fail(n, "unknown column "+printPath(n.Path), mend)
}

func (c *checker) dot(n *Node, x *code) *code { return c.field(n, x, n.Name) }

// field takes a field of a struct; a field of a null struct is null. The nulls of
// the struct must be brought down: its field may hold a value in a row where the
// struct is null. A field of a plain column stays plain, as taking it is no work.
func (c *checker) field(n *Node, x *code, name string) *code {
	if x.t.Kind != event.Struct {
		return c.fail(n, fmt.Sprintf("%s has no field %s: it is of type %s", printBase(n), quoteName(name), x.t), "")
	}
	k := event.Schema(x.t.Fields).Index(name)
	if k < 0 {
		return c.fail(n, fmt.Sprintf("unknown field %s of %s", quoteName(name), x.t), meant(name, fieldNames(x.t)))
	}
	y := lenient(x.t.Fields[k].Type, func(f *frame, operands []vec) vec {
		whole := &operands[0]
		part := whole.Fields[k]
		return vec{Column: withNulls(part, whole.Null, f.rows), one: whole.one}
	}, x)
	y.plain = x.plain
	return y
}

// printBase is what a field was asked of, for faults. For a name with dots it is
// what stands before the last of them.
func printBase(n *Node) string {
	if n.Op == Dot {
		return told(n.Args[0])
	}
	return printPath(n.Path[:max(1, len(n.Path)-1)])
}

// told is an expression as faults tell it: a column of the batch by the name that
// was written for it.
func told(n *Node) string {
	if n.Op == Bound && n.Name != "" {
		return quoteName(n.Name)
	}
	return n.String()
}

func fieldNames(t event.Type) []string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return names
}

// withNulls is c with more rows null; as it is if they are null already. The
// usual case, that of nothing to add, copies nothing.
func withNulls(c event.Column, more []bool, rows int) event.Column {
	missing := false
	for i, null := range more[:min(len(more), rows)] {
		missing = missing || null && !c.IsNull(i)
	}
	if !missing {
		return c
	}
	places := make([]int32, rows)
	for i := range places {
		places[i] = int32(i)
		if more[i] {
			places[i] = -1
		}
	}
	return gather(&c, places)
}

// rowOf makes a struct, which is never null itself. A row of nothing but nulls is
// a row, and so aggregates of it take the event (S7.2). Constants are spread out
// here, since a struct has one length.
func rowOf(names []string, args []*code) *code {
	t := event.Type{Kind: event.Struct, Fields: make([]event.Field, len(args))}
	for i, a := range args {
		t.Fields[i] = event.Field{Name: names[i], Type: a.t}
	}
	x := lenient(t, func(f *frame, operands []vec) vec {
		out := event.Column{Type: t, Rows: f.rows, Fields: make([]event.Column, len(operands))}
		for i := range operands {
			out.Fields[i] = spread(operands[i], f.rows)
		}
		return vec{Column: out}
	}, args...)
	return x
}

// index takes an element of a list, from 1, or from the end if the place is
// negative; outside the list it is null. Counting from 1 is SQL's; what lies
// beyond either end counts nothing, for a list is as long as its key has events.
// Of a map it takes the value of a key.
func (c *checker) index(n *Node, list, at *code) *code {
	switch list.t.Kind {
	case event.Map:
		return c.entry(n, list, at)
	case event.Null:
		return list
	case event.List:
	default:
		return c.fail(n, fmt.Sprintf("%s is no list: it is of type %s", told(n.Args[0]), list.t), "")
	}
	if at.t.Kind != event.Int && at.t.Kind != event.Null {
		return c.fail(n.Args[1], fmt.Sprintf("a place in a list is an integer, not %s", at.t), "")
	}
	return strict(*list.t.Elem, func(f *frame, operands []vec) vec {
		l, k := &operands[0], operands[1].Ints
		ml, mk := l.mask(), operands[1].mask()
		u := unite(f.rows, operands)
		places := make([]int32, f.rows)
		for i := range places {
			from, to := l.Offsets[i&ml], l.Offsets[i&ml+1]
			places[i] = -1
			at := k[i&mk]
			if at < 0 {
				at += int64(to-from) + 1
			}
			if !u.is(i) && at >= 1 && at <= int64(to-from) {
				places[i] = from + int32(at) - 1
			}
		}
		return vec{Column: gather(l.Elem, places), fresh: true}
	}, list, at)
}

// call compiles a function; aggregates are no functions of one row. The parser
// has brought the name into its one spelling, and so an alias is never seen here.
func (c *checker) call(n *Node) *code {
	fn := byName[n.Name]
	if Aggregate(n.Name) || fn == nil {
		return c.noFunction(n)
	}
	switch {
	case n.Star:
		return c.fail(n, fmt.Sprintf("%s does not take *", n.Name), "give its arguments: "+fn.Signature)
	case n.Distinct, n.Filter != nil, n.RespectNulls:
		return c.fail(n, fmt.Sprintf("distinct, filter and respect nulls belong to aggregates, and %s is none", n.Name), "")
	}
	args, ok := c.checkAll(n.Args)
	if !ok {
		return nil
	}
	return c.apply(n, fn, args)
}

// noFunction says why a call can not be compiled, after looking for faults in its
// arguments.
func (c *checker) noFunction(n *Node) *code {
	for _, a := range n.Args {
		c.checkInside(a)
	}
	switch {
	case len(n.Args) > 1 && (n.Name == "max" || n.Name == "min"):
		better := map[string]string{"max": "greatest", "min": "least"}[n.Name]
		return c.fail(n, fmt.Sprintf("aggregate %s is not allowed here", n.Name), fmt.Sprintf("write %s(a, b) for the %s of several values", better, better))
	case Aggregate(n.Name):
		return c.fail(n, fmt.Sprintf("aggregate %s is not allowed here", n.Name), "")
	}
	return c.fail(&Node{Pos: n.Pos, End: n.Pos + len(n.Name)}, "unknown function "+n.Name, CallMend(n.Name))
}

// checkInside looks for faults in the arguments of what is refused anyway, but
// not for aggregates inside aggregates: those are told once. The faults of other
// kinds stay, each with its own place.
func (c *checker) checkInside(n *Node) {
	before := len(c.faults)
	c.check(n)
	c.faults = slices.DeleteFunc(c.faults, func(e *Error) bool {
		return slices.Index(c.faults, e) >= before && strings.HasPrefix(e.Problem, "aggregate ")
	})
}

// callable are the names of functions and aggregates, for "did you mean". Sorted,
// they give the same advice in every run: Nearest takes the first of equally near
// ones, and maps have no order.
func callable() []string {
	names := []string{"row", "cast", "extract", "position"}
	for name := range byName {
		names = append(names, name)
	}
	for name := range aggregates {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
