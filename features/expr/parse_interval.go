package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// intervalNext reports whether an interval follows: the word before a text, a
// number or a parenthesis. A column may be called interval all the same.
func (p *parser) intervalNext() bool {
	after := p.peekAt(1)
	return p.peek().kind == name && p.peek().is("interval") && (after.kind == text || after.kind == number || after.is("("))
}

// shift reads an interval and moves x by it. There is no type of intervals: t +
// interval '1 month 2 days' is date_add('day', 2, date_add('month', 1, t)), each
// part applied in the order in which it is written.
func (p *parser) shift(x *Node, back bool) *Node {
	at := p.next()
	t := p.next()
	switch {
	case t.kind == symbol:
		n := p.expression()
		p.expect(")", "")
		if back {
			n = &Node{Op: Neg, Pos: n.Pos, End: n.End, Args: []*Node{n}}
			if negated, ok := negate(n.Args[0], n.Pos); ok {
				n = negated
			}
		}
		return p.moved(x, p.intervalUnit(p.next()), n)
	case t.kind == number || len(strings.Fields(t.text)) == 1:
		n := p.intervalCount(t, t.text, back)
		return p.moved(x, p.intervalUnit(p.next()), n)
	}
	words := strings.Fields(t.text)
	if len(words) == 0 || len(words)%2 != 0 || len(words) > 2*len(units) {
		p.fail(&Error{at.pos, t.end, t.describe() + " is no interval", "write interval '1 day' or interval '1 month 12 hours'"})
		return x
	}
	for i := 0; i < len(words) && p.fault == nil; i += 2 {
		n := p.intervalCount(t, words[i], back)
		x = p.moved(x, p.intervalUnit(token{name, words[i+1], t.pos, t.end}), n)
	}
	return x
}

// moved is date_add('unit', n, x).
func (p *parser) moved(x *Node, unit, n *Node) *Node {
	if p.fault != nil {
		return x
	}
	call := p.shorthand("date_add", unit, n, x)
	call.Pos = x.Pos
	return call
}

// intervalCount is the whole number that a part of an interval begins with. A
// fraction of a month has no meaning, and those of other units have smaller ones.
func (p *parser) intervalCount(t token, digits string, back bool) *Node {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n == -n && n != 0 {
		p.fail(&Error{t.pos, t.end, digits + " is no whole number of units", "write interval '90 minutes' for 1.5 hours"})
	}
	if back {
		n = -n
	}
	x := integerAt(n, t.pos)
	x.End = t.end
	return x
}

// intervalUnit is a unit of time as a literal, in its one spelling: years is year.
func (p *parser) intervalUnit(t token) *Node {
	unit := strings.TrimSuffix(strings.ToLower(t.text), "s")
	if t.kind != name || !slices.Contains(units, unit) {
		p.fail(&Error{t.pos, t.end, fmt.Sprintf("%s is no unit of time", t.describe()), "units are " + strings.Join(units, ", ")})
	}
	return &Node{Op: Literal, Pos: t.pos, End: t.end, Value: textValue(unit)}
}
