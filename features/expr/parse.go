package expr

import (
	"fmt"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Parse reads one expression. An error is an *Error, the first fault. Here one is
// enough: after a word that cannot stand the rest is guesswork. It never panics,
// whatever the bytes.
func Parse(s string) (*Node, error) {
	tokens, fault := lex(s)
	if fault != nil {
		return nil, fault
	}
	p := &parser{tokens: tokens}
	if len(tokens) == 1 {
		return nil, &Error{Problem: "the expression is empty"}
	}
	n := p.expression()
	if p.fault == nil && p.peek().kind != end {
		p.unexpected("")
	}
	if p.fault == nil && p.short {
		p.rewritten(n, len(s))
	}
	if p.fault != nil {
		return nil, p.fault
	}
	return n, nil
}

// rewritten refuses a tree whose canonical text could not be read back (X1). Short
// spellings that become calls chain without nesting, as t + interval '1 day' +
// ..., and their calls nest.
func (p *parser) rewritten(n *Node, bytes int) {
	if _, err := Parse(n.String()); err != nil {
		p.fault = &Error{0, bytes, fmt.Sprintf("the expression nests deeper than %d, or is longer than %d bytes, when its short spellings are written out", maxDepth, maxText), "split it into several features"}
	}
}

// parser descends by precedence, that of PostgreSQL. After the first fault it
// reads only the end, so that every loop ends; the nodes it then makes are thrown
// away. So nodes after a fault need not be right, only not nil.
type parser struct {
	tokens []token
	at     int
	depth  int
	short  bool // a short spelling was met that becomes a call
	fault  *Error
}

func (p *parser) peek() token { return p.tokens[p.at] }

// Beyond the end it is the end.
func (p *parser) peekAt(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

// next takes a token, but never the last: what reads on at the end meets the end
// again, and no index runs over.
func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// accept takes the next token if it is word.
func (p *parser) accept(word string) bool {
	if !p.peek().is(word) {
		return false
	}
	p.next()
	return true
}

// expect takes word, or says that it is missing after what.
func (p *parser) expect(word, after string) {
	if !p.accept(word) {
		p.unexpected(fmt.Sprintf("%s is expected%s", word, after))
	}
}

// fail notes the first fault and skips to the end. Later faults would be
// consequences of the first.
func (p *parser) fail(e *Error) {
	if p.fault == nil {
		p.fault = e
	}
	p.at = len(p.tokens) - 1
}

// failAt is fail at words that have become a node already.
func (p *parser) failAt(n *Node, problem, mend string) { p.fail(&Error{n.Pos, n.End, problem, mend}) }

// unexpected fails at the next token. The user mostly meant a column where a
// keyword stands.
func (p *parser) unexpected(mend string) {
	t := p.peek()
	problem := fmt.Sprintf("%s can not stand here", t.describe())
	if t.kind == end {
		problem = "the expression ends too early"
	}
	if before := p.at - 1; mend == "" && before >= 0 && t.kind == name && !reserved[strings.ToLower(t.text)] && (p.tokens[before].kind == name || p.tokens[before].kind == quoted) {
		mend = `a name that is no plain word stands in double quotes, such as "Order Total", and the expression then in single quotes`
	}
	if t.kind == name && reserved[strings.ToLower(t.text)] && mend == "" {
		mend = fmt.Sprintf(`a column of that name is written "%s"`, t.text)
	}
	p.fail(&Error{t.pos, t.end, problem, mend})
}

// describe is the token as faults show it.
func (t token) describe() string {
	switch t.kind {
	case text:
		return quoteText(t.text)
	case quoted:
		return quoteName(t.text)
	}
	return t.text
}

// last is the end of the token just taken.
func (p *parser) last() int {
	if p.at == 0 {
		return 0
	}
	return p.tokens[p.at-1].end
}

// enter guards one level of nesting; leave must follow. The stack of Go may grow,
// but printing, checking and evaluating descend as deep as parsing did.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		t := p.peek()
		p.fail(&Error{t.pos, t.end, fmt.Sprintf("the expression nests deeper than %d", maxDepth), "split it into several features"})
		return false
	}
	return true
}

// leave is deferred before enter is asked, so that depth is right after a refusal
// too.
func (p *parser) leave() { p.depth-- }

// absent stands for what could not be read.
func (p *parser) absent() *Node { return &Node{Op: Literal, Pos: p.peek().pos, End: p.peek().pos} }

// expression reads any expression: what stands in parentheses and in arguments.
func (p *parser) expression() *Node {
	defer p.leave()
	if !p.enter() {
		return p.absent()
	}
	return p.or()
}

// binary is the node of an operator; its place spans both operands, so that a
// fault shows the whole.
func (p *parser) binary(op string, left, right *Node) *Node {
	return &Node{Op: Binary, Pos: left.Pos, End: right.End, Name: op, Args: []*Node{left, right}}
}

// or reads and { OR and }.
func (p *parser) or() *Node {
	left := p.and()
	for p.accept("or") {
		left = p.binary("or", left, p.and())
	}
	return left
}

// and reads not { AND not }.
func (p *parser) and() *Node {
	left := p.not()
	for p.accept("and") {
		left = p.binary("and", left, p.not())
	}
	return left
}

// not reads { NOT } is. NOT binds weaker than IS and comparisons: not a = b is
// not (a = b).
func (p *parser) not() *Node {
	t := p.peek()
	if !p.accept("not") {
		return p.is()
	}
	defer p.leave()
	if !p.enter() {
		return p.absent()
	}
	x := p.not()
	return &Node{Op: Not, Pos: t.pos, End: x.End, Args: []*Node{x}}
}

// is reads comparison { IS ... }, which binds weaker than comparisons: a = b is
// null asks whether the comparison is null.
func (p *parser) is() *Node {
	left := p.comparison()
	for p.accept("is") {
		n := &Node{Op: IsNull, Pos: left.Pos, Args: []*Node{left}, Negated: p.accept("not")}
		switch {
		case p.accept("null"):
		case p.peek().is("true"), p.peek().is("false"):
			n.Op, n.Name = IsTruth, strings.ToLower(p.next().text)
		case p.accept("distinct"):
			p.expect("from", " after is distinct")
			n.Op = IsDistinct
			n.Args = append(n.Args, p.comparison())
		default:
			p.unexpected("is takes null, true, false or distinct from")
		}
		n.End = p.last()
		left = n
	}
	return left
}

// comparison reads predicate [ op predicate ]; comparisons do not chain. In SQL
// dialects that chain them, 1 < x < 3 compares a boolean with 3.
func (p *parser) comparison() *Node {
	left := p.predicate()
	op := p.compareOp()
	if op == "" {
		return left
	}
	left = p.binary(op, left, p.predicate())
	if p.fault == nil && p.compareOp() != "" {
		p.failAt(left, "comparisons can not be chained", "write a < b and b < c")
	}
	return left
}

// compareOp takes a comparison, if one is next, in its one spelling.
func (p *parser) compareOp() string {
	t := p.peek()
	if t.kind != symbol {
		return ""
	}
	switch t.text {
	case "=", "<>", "<", "<=", ">", ">=":
		return p.next().text
	case "!=":
		p.next()
		return "<>"
	}
	return ""
}

// predicate reads IN, BETWEEN and LIKE, which bind tighter than comparisons. NOT
// belongs to the predicate only if the word after it says so. The bounds of
// BETWEEN are read at concat, below AND, or its AND would be taken for the
// operator.
func (p *parser) predicate() *Node {
	left := p.concat()
	n := &Node{Pos: left.Pos, Args: []*Node{left}}
	if p.peek().is("not") {
		if t := p.peekAt(1); !t.is("in") && !t.is("between") && !t.is("like") && !t.is("ilike") {
			return left
		}
		n.Negated = p.accept("not")
	}
	switch {
	case p.accept("in"):
		n.Op = In
		p.expect("(", " after in")
		if p.peek().is(")") {
			p.unexpected("a list holds one expression at least")
		}
		n.Args = append(n.Args, p.list(")")...)
	case p.accept("between"):
		n.Op = Between
		low := p.concat()
		p.expect("and", " between the bounds")
		n.Args = append(n.Args, low, p.concat())
	case p.peek().is("like"), p.peek().is("ilike"):
		n.Op, n.Name = Like, strings.ToLower(p.next().text)
		n.Args = append(n.Args, p.concat())
		if p.accept("escape") {
			n.Args = append(n.Args, p.concat())
		}
	default:
		return left
	}
	n.End = p.last()
	return n
}

// concat reads sum { || sum | -> sum | ->> sum }. The arrows into JSON are short
// spellings of functions.
func (p *parser) concat() *Node {
	left := p.sum()
	for {
		switch {
		case p.accept("||"):
			left = p.binary("||", left, p.sum())
		case p.accept("->>"):
			left = p.shorthand("json_extract_string", left, arrowPath(p.sum()))
		case p.accept("->"):
			left = p.shorthand("json_extract", left, arrowPath(p.sum()))
		default:
			return left
		}
	}
}

// shorthand is the call that another spelling stands for; its place spans the
// words that were written. One meaning has one tree so.
func (p *parser) shorthand(name string, args ...*Node) *Node {
	p.short = true
	return &Node{Op: Call, Pos: args[0].Pos, End: p.last(), Name: name, Args: args}
}

// sum reads product { + product | - product | + interval | - interval }.
func (p *parser) sum() *Node {
	left := p.product()
	for p.peek().kind == symbol && (p.peek().text == "+" || p.peek().text == "-") {
		op := p.next().text
		if p.intervalNext() {
			left = p.shift(left, op == "-")
			continue
		}
		left = p.binary(op, left, p.product())
	}
	return left
}

// product reads unary { * unary | / unary | % unary }.
func (p *parser) product() *Node {
	left := p.unary()
	for p.peek().kind == symbol && (p.peek().text == "*" || p.peek().text == "/" || p.peek().text == "%") {
		op := p.next().text
		left = p.binary(op, left, p.unary())
	}
	return left
}

// unary reads a sign, which binds weaker than a cast: -1::string is -(1::string).
// A literal takes its sign in, so that -1 prints and compares as one node.
func (p *parser) unary() *Node {
	t := p.peek()
	if !p.accept("-") {
		return p.postfix()
	}
	defer p.leave()
	if !p.enter() {
		return p.absent()
	}
	x := p.unary()
	if negated, ok := negate(x, t.pos); ok {
		return negated
	}
	return &Node{Op: Neg, Pos: t.pos, End: x.End, Args: []*Node{x}}
}

// list reads expressions up to close.
func (p *parser) list(closing string) []*Node {
	var args []*Node
	for p.fault == nil && !p.peek().is(closing) {
		args = append(args, p.expression())
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing, "")
	return args
}

// postfix reads what follows a primary: casts, time zones, elements, fields. After
// a cast neither element nor field may follow without parentheses.
func (p *parser) postfix() *Node {
	n := p.primary()
	for cast := false; p.fault == nil; {
		switch {
		case p.accept("::"):
			n = &Node{Op: Cast, Pos: n.Pos, Args: []*Node{n}, To: p.castType()}
			cast = true
		case p.peek().is("at") && p.peekAt(1).is("time") && p.peekAt(2).is("zone"):
			p.at += 3
			zone := p.primary()
			n = p.shorthand("at_timezone", n, zone)
		case cast: // x::t[1] and x::t.a would read as types
			return n
		case p.accept("["):
			n = p.element(n)
		case p.accept("."):
			n = &Node{Op: Dot, Pos: n.Pos, Args: []*Node{n}, Name: p.field()}
		default:
			return n
		}
		n.End = p.last()
	}
	return n
}

// field reads the name after a dot; there even keywords are names.
func (p *parser) field() string {
	if t := p.peek(); t.kind != name && t.kind != quoted {
		p.unexpected("a name is expected after the dot")
	}
	return p.next().text
}

// element reads what follows x[: a place or a key, or a slice from:to. Either end
// of a slice may be left out.
func (p *parser) element(x *Node) *Node {
	from := integerAt(1, p.peek().pos)
	if !p.peek().is(":") {
		from = p.expression()
		if !p.peek().is(":") {
			p.expect("]", " after the place in the list")
			return &Node{Op: Index, Pos: x.Pos, Args: []*Node{x, from}}
		}
	}
	p.expect(":", "")
	to := integerAt(-1, p.peek().pos)
	if !p.peek().is("]") {
		to = p.expression()
	}
	p.expect("]", " after the slice")
	return p.shorthand("list_slice", x, from, to)
}

// integerAt is a literal that nobody wrote.
func integerAt(v int64, pos int) *Node {
	return &Node{Op: Literal, Pos: pos, End: pos, Value: Value{Type: event.Of(event.Int), Int: v}}
}
