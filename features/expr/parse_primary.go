package expr

import (
	"fmt"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// primary reads what needs no parentheses: literals, names, calls, CASE, CAST.
// Parentheses leave no node: the printer puts back those that are needed. The
// place does take them in, so that faults show what was written.
func (p *parser) primary() *Node {
	t := p.peek()
	switch {
	case t.kind == number || t.kind == text || t.is("null") || t.is("true") || t.is("false"):
		p.next()
		return p.literal(t)
	case p.accept("("):
		n := p.expression()
		p.expect(")", "")
		n.Pos, n.End = t.pos, p.last()
		return n
	case p.accept("["):
		return p.listOf(t)
	case t.is("case"):
		return p.caseOf()
	case t.is("cast"):
		return p.cast()
	case t.kind == quoted, t.kind == name && !reserved[strings.ToLower(t.text)]:
		return p.named()
	}
	p.unexpected("")
	return p.absent()
}

// named reads a reference, a call, or a literal that starts with its type. date
// and timestamp are types only before a text, and names everywhere else.
func (p *parser) named() *Node {
	t, after := p.peek(), p.peekAt(1)
	word := strings.ToLower(t.text)
	if t.kind == name {
		switch {
		case after.kind == text && (word == "date" || word == "timestamp"):
			return p.instant(word)
		case word == "interval" && (after.kind == text || after.kind == number):
			p.fail(&Error{t.pos, after.end, "an interval stands only after a time and + or -", "write t + interval '1 day', or compare with hours_between(a, b)"})
			return p.absent()
		case word == "array" && after.is("["):
			p.next()
			p.next()
			return p.listOf(t)
		case after.is("("):
			return p.call()
		}
	}
	n := &Node{Op: Ref, Pos: t.pos, Path: []string{p.next().text}}
	for p.accept(".") {
		n.Path = append(n.Path, p.field())
	}
	n.End = p.last()
	if p.peek().is("(") {
		p.failAt(n, fmt.Sprintf("%s is no function", printPath(n.Path)), "names of functions are not quoted and hold no dot")
	}
	return n
}

// listOf reads the elements of [a, b] or array[a, b], which begins at t.
func (p *parser) listOf(t token) *Node {
	n := &Node{Op: Call, Pos: t.pos, Name: "list_value", Args: p.list("]")}
	n.End, p.short = p.last(), true
	return n
}

// call reads a function or an aggregate. The forms that standard SQL spells with
// words become plain calls, so that one meaning has one tree. Distinct, filter
// and nulls are read for every name: the checker knows which are aggregates, and
// can say so better.
func (p *parser) call() *Node {
	t := p.next()
	p.next()
	n := &Node{Op: Call, Pos: t.pos, Name: canonicalName(strings.ToLower(t.text))}
	switch {
	case n.Name == "row":
		p.rowFields(n)
	case n.Name == "extract":
		p.extract(n)
	case n.Name == "position":
		p.position(n)
	case p.accept("*"):
		n.Star = true
		p.expect(")", " after *")
	default:
		n.Distinct = p.accept("distinct")
		p.arguments(n)
	}
	p.modifiers(n)
	n.End = p.last()
	return n
}

// arguments reads what stands between the parentheses of a plain call.
func (p *parser) arguments(n *Node) {
	for p.fault == nil && !p.peek().is(")") && !p.nullsNext() {
		n.Args = append(n.Args, p.expression())
		if !p.accept(",") {
			break
		}
	}
	p.respect(n)
	p.expect(")", "")
}

func (p *parser) nullsNext() bool {
	t := p.peek()
	return (t.is("respect") || t.is("ignore")) && p.peekAt(1).is("nulls")
}

// respect reads RESPECT NULLS; IGNORE NULLS says what holds anyway. It may stand
// inside the parentheses or after them, as dialects differ.
func (p *parser) respect(n *Node) {
	if p.nullsNext() {
		n.RespectNulls = p.next().is("respect")
		p.next()
	}
}

// modifiers reads what may stand after the arguments of an aggregate.
func (p *parser) modifiers(n *Node) {
	p.respect(n)
	if p.peek().is("filter") && p.peekAt(1).is("(") {
		p.next()
		p.next()
		p.expect("where", " after filter (")
		n.Filter = p.expression()
		p.expect(")", "")
	}
	p.respect(n)
	if p.peek().is("over") && p.peekAt(1).is("(") {
		p.unexpected("windows are written in the view, not in the expression")
	}
}

// rowFields reads row(a, b.c, x + 1 as d): each field is called as it says, or as
// the last part of a plain name, or f1, f2 ... by its place. The names are part
// of the type of the result, and so of the training set; two of one name could
// not be told apart there.
func (p *parser) rowFields(n *Node) {
	n.Op, n.Name = Row, ""
	for p.fault == nil && !p.peek().is(")") {
		x := p.expression()
		field := fmt.Sprintf("f%d", len(n.Args)+1)
		if x.Op == Ref {
			field = x.Path[len(x.Path)-1]
		}
		if p.accept("as") {
			field = p.field()
		}
		for _, used := range n.Names {
			if used == field && p.fault == nil {
				p.failAt(x, fmt.Sprintf("two fields of the row are called %s", quoteName(field)), "name one of them with as")
			}
		}
		n.Args, n.Names = append(n.Args, x), append(n.Names, field)
		if !p.accept(",") {
			break
		}
	}
	if len(n.Args) == 0 {
		p.unexpected("a row has one field at least")
	}
	p.expect(")", "")
}

// extract reads extract(part from x), which is part(x).
func (p *parser) extract(n *Node) {
	t := p.next()
	part := strings.ToLower(t.text)
	n.Name = datePart(part)
	if n.Name == "" {
		mend := "parts are " + strings.Join(dateParts, ", ")
		p.fail(&Error{t.pos, t.end, t.describe() + " is no part of a time", mend})
	}
	p.expect("from", " after the part")
	n.Args = []*Node{p.expression()}
	p.expect(")", "")
}

// position reads position(a in b), which is strpos(b, a). The part is read at
// concat, below IN, which would else take the word.
func (p *parser) position(n *Node) {
	defer p.leave()
	if !p.enter() {
		return
	}
	part := p.concat()
	p.expect("in", "; write position(part in whole), or strpos(whole, part)")
	n.Name, n.Args = "strpos", []*Node{p.expression(), part}
	p.expect(")", "")
}

// caseOf reads CASE [operand] { WHEN .. THEN .. } [ELSE ..] END.
func (p *parser) caseOf() *Node {
	defer p.leave()
	n := &Node{Op: Case, Pos: p.next().pos}
	if !p.enter() {
		return n
	}
	if !p.peek().is("when") {
		n.Operand = p.expression()
	}
	for p.fault == nil && p.accept("when") {
		when := p.expression()
		p.expect("then", " after when")
		n.Args = append(n.Args, when, p.expression())
	}
	if len(n.Args) == 0 {
		p.unexpected("when is expected after case")
	}
	if p.accept("else") {
		n.Args = append(n.Args, p.expression())
	}
	p.expect("end", " after case")
	n.End = p.last()
	return n
}

// cast reads CAST(x AS type).
func (p *parser) cast() *Node {
	n := &Node{Op: Cast, Pos: p.next().pos}
	p.expect("(", " after cast")
	n.Args = []*Node{p.expression()}
	p.expect("as", " before the type")
	n.To = p.castType()
	p.expect(")", "")
	n.End = p.last()
	return n
}

// castType reads the type of a cast. Narrow types are refused there: a value
// would silently be wider than what was asked for. A column may still be declared
// int32: there the type says what a file holds.
func (p *parser) castType() event.Type {
	t := p.peek()
	if wide := narrow[strings.ToLower(t.text)]; wide != "" && t.kind == name {
		p.fail(&Error{t.pos, t.end, fmt.Sprintf("a value can not be cast to %s", t.text), "write " + wide + ", which is how it is held"})
	}
	return p.typeName()
}
