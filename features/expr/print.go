package expr

import (
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// The levels of precedence, weakest first, as the parser descends them.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelIs
	levelCompare
	levelPredicate
	levelConcat
	levelSum
	levelProduct
	levelUnary
	levelCast
	levelPostfix
	levelPrimary
)

// String is the expression in its one canonical spelling; Parse reads it back as
// the same tree. Fingerprints of definitions are made of it. Changing what it
// writes changes digests (S13.1) and the order of columns in content (S5.2), and
// so values of ties: it is as fixed as a file format.
func (n *Node) String() string {
	var w writer
	w.node(n, 0)
	return w.String()
}

// Walk visits n and, where visit says so, what n is made of, in the order of
// the text but for a filter, which comes last.
func Walk(n *Node, visit func(*Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	Walk(n.Operand, visit)
	for _, a := range n.Args {
		Walk(a, visit)
	}
	Walk(n.Filter, visit)
}

// writer holds the text in the making; its methods write one kind of node each,
// in lower case and with single spaces, so that spelling, case and white space of
// the source leave no trace.
type writer struct{ strings.Builder }

// level is how tightly n binds when written without parentheses. It must agree
// with the parser's descent, which tests hold by reading back what is printed
// (X1).
func level(n *Node) int {
	switch n.Op {
	case Binary:
		switch n.Name {
		case "or":
			return levelOr
		case "and":
			return levelAnd
		case "||":
			return levelConcat
		case "+", "-":
			return levelSum
		case "*", "/", "%":
			return levelProduct
		}
		return levelCompare
	case Not:
		return levelNot
	case IsNull, IsTruth, IsDistinct:
		return levelIs
	case In, Between, Like:
		return levelPredicate
	case Neg:
		return levelUnary
	case Cast:
		return levelCast
	case Dot, Index, Call, Row, Bound:
		return levelPostfix
	case Literal:
		if negative(n.Value) {
			return levelUnary
		}
	}
	return levelPrimary
}

// node writes n, in parentheses if it binds weaker than least. No other
// parentheses are written: a + (b * c) and a + b * c are one text.
func (w *writer) node(n *Node, least int) {
	if level(n) < least {
		w.WriteByte('(')
		w.bare(n)
		w.WriteByte(')')
		return
	}
	w.bare(n)
}

// bare writes n without parentheses around it.
func (w *writer) bare(n *Node) {
	switch n.Op {
	case Literal:
		w.WriteString(n.Value.String())
	case Ref:
		w.WriteString(printPath(n.Path))
	case Call:
		w.call(n)
	case Row:
		w.row(n)
	case Neg:
		w.neg(n)
	case Not:
		w.WriteString("not ")
		w.node(n.Args[0], levelNot)
	case Binary:
		w.binary(n)
	case IsNull, IsTruth, IsDistinct:
		w.is(n)
	case In, Between, Like:
		w.predicate(n)
	case Case:
		w.caseOf(n)
	case Cast:
		w.node(n.Args[0], levelCast)
		w.WriteString("::" + printType(n.To))
	case Dot:
		w.base(n.Args[0], true)
		w.WriteString("." + quoteName(n.Name))
	case Index:
		w.base(n.Args[0], false)
		w.WriteByte('[')
		w.node(n.Args[1], 0)
		w.WriteByte(']')
	case Bound:
		w.WriteString("$" + strconv.Itoa(n.Column))
	}
}

// base writes what a field or an element is taken of. A name in parentheses
// stays so before a dot: without them the field would be part of the name.
func (w *writer) base(n *Node, field bool) {
	if n.Op == Literal || n.Op == Case || n.Op == Ref && field {
		w.WriteByte('(')
		w.bare(n)
		w.WriteByte(')')
		return
	}
	w.node(n, levelPostfix)
}

// neg is never of a number without a sign: the parser has made that a literal
// (negate), and so -1 reads back as it was (X1).
func (w *writer) neg(n *Node) {
	x := n.Args[0]
	w.WriteByte('-')
	if level(x) == levelUnary {
		w.WriteByte(' ') // two signs would start a comment
	}
	w.node(x, levelUnary)
}

// binary writes operators as left-associative; comparisons associate not at all.
// a - (b - c) keeps its parentheses, and (a - b) - c loses them. No operator is
// taken for associative: of doubles none is.
func (w *writer) binary(n *Node) {
	l := level(n)
	left := l
	if l == levelCompare {
		left = l + 1
	}
	w.node(n.Args[0], left)
	w.WriteString(" " + n.Name + " ")
	w.node(n.Args[1], l+1)
}

// is associates to the left: a is null is true asks of a is null.
func (w *writer) is(n *Node) {
	w.node(n.Args[0], levelIs)
	w.WriteString(" is ")
	w.negated(n)
	switch n.Op {
	case IsNull:
		w.WriteString("null")
	case IsTruth:
		w.WriteString(n.Name)
	case IsDistinct:
		w.WriteString("distinct from ")
		w.node(n.Args[1], levelCompare)
	}
}

func (w *writer) negated(n *Node) {
	if n.Negated {
		w.WriteString("not ")
	}
}

// predicate writes its operands at concat, where the parser reads them.
func (w *writer) predicate(n *Node) {
	w.node(n.Args[0], levelConcat)
	w.WriteByte(' ')
	w.negated(n)
	switch n.Op {
	case In:
		w.WriteString("in (")
		w.list(n.Args[1:])
		w.WriteByte(')')
	case Between:
		w.WriteString("between ")
		w.node(n.Args[1], levelConcat)
		w.WriteString(" and ")
		w.node(n.Args[2], levelConcat)
	case Like:
		w.WriteString(n.Name + " ")
		w.node(n.Args[1], levelConcat)
		if len(n.Args) == 3 {
			w.WriteString(" escape ")
			w.node(n.Args[2], levelConcat)
		}
	}
}

func (w *writer) list(args []*Node) {
	for i, a := range args {
		if i > 0 {
			w.WriteString(", ")
		}
		w.node(a, 0)
	}
}

// call writes respect nulls in one place, whichever the source used, and leaves
// out ignore nulls, which holds anyway (S7.2).
func (w *writer) call(n *Node) {
	w.WriteString(n.Name + "(")
	if n.Star {
		w.WriteByte('*')
	}
	if n.Distinct {
		w.WriteString("distinct ")
	}
	w.list(n.Args)
	w.WriteByte(')')
	if n.RespectNulls {
		w.WriteString(" respect nulls")
	}
	if n.Filter != nil {
		w.WriteString(" filter (where ")
		w.node(n.Filter, 0)
		w.WriteByte(')')
	}
}

// row leaves out names that the parser would give anyway. So a row with and
// without its obvious names has one digest.
func (w *writer) row(n *Node) {
	w.WriteString("row(")
	for i, a := range n.Args {
		if i > 0 {
			w.WriteString(", ")
		}
		w.node(a, 0)
		if a.Op != Ref || a.Path[len(a.Path)-1] != n.Names[i] {
			w.WriteString(" as " + quoteName(n.Names[i]))
		}
	}
	w.WriteByte(')')
}

// caseOf needs no parentheses inside: its keywords end each part.
func (w *writer) caseOf(n *Node) {
	w.WriteString("case")
	if n.Operand != nil {
		w.WriteByte(' ')
		w.node(n.Operand, 0)
	}
	for i := 0; i+1 < len(n.Args); i += 2 {
		w.WriteString(" when ")
		w.node(n.Args[i], 0)
		w.WriteString(" then ")
		w.node(n.Args[i+1], 0)
	}
	if len(n.Args)%2 == 1 {
		w.WriteString(" else ")
		w.node(n.Args[len(n.Args)-1], 0)
	}
	w.WriteString(" end")
}

// String is the literal as it is written in an expression.
func (v Value) String() string {
	switch v.Type.Kind {
	case event.Null:
		return "null"
	case event.Bool:
		return strconv.FormatBool(v.Int != 0)
	case event.Double:
		return printDouble(v.Float)
	case event.Decimal:
		return v.Decimal.Text(v.Type.Scale)
	case event.String:
		return quoteText(v.Text)
	case event.Date:
		return "date '" + formatDate(v.Int) + "'"
	case event.Timestamp:
		return "timestamp '" + event.Time(v.Int).String() + "'"
	}
	return strconv.FormatInt(v.Int, 10)
}

// printDouble keeps the exponent, which is what makes a literal a double. It is
// the shortest that reads back as f. Literals are finite: the parser refuses
// others.
func printDouble(f float64) string {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	sign := strings.TrimPrefix(exponent[:1], "+")
	digits := strings.TrimLeft(exponent[1:], "0")
	if digits == "" {
		sign, digits = "", "0"
	}
	return mantissa + "e" + sign + digits
}

// negative reports whether the literal is written with a sign.
func negative(v Value) bool {
	switch v.Type.Kind {
	case event.Int, event.Double, event.Decimal:
		return strings.HasPrefix(v.String(), "-")
	}
	return false
}

// printPath quotes each part by itself: "a.b" is one name and a.b are two.
func printPath(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = quoteName(p)
	}
	return strings.Join(parts, ".")
}

// quoteName writes a name, in quotes if it could not be read without them: array
// before [ begins a list. Case is kept, as names of columns are compared by their
// bytes.
func quoteName(s string) string {
	if word := strings.ToLower(s); s != "" && nameLen(s) == len(s) && !reserved[word] && word != "array" {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// quoteText doubles the quotes inside, which is the only escape that the lexer
// knows.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// printType is the type as it is written in a cast. Type.String is for people and
// leaves names as they are.
func printType(t event.Type) string {
	switch t.Kind {
	case event.List:
		return "list<" + printType(*t.Elem) + ">"
	case event.Map:
		return "map<" + printType(t.KeyType()) + ", " + printType(t.ValueType()) + ">"
	case event.Struct:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = quoteName(f.Name) + ": " + printType(f.Type)
		}
		return "struct<" + strings.Join(parts, ", ") + ">"
	}
	return t.String()
}
