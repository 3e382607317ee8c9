package expr

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// literalText is the text of a constant argument that must be one: it is judged
// here, as a fault of the definition, and read once.
func (c *checker) literalText(n *Node, x *code, what string) (string, bool) {
	if !x.constant || x.t.Kind != event.String || x.value.null(0) {
		c.fail(n, fmt.Sprintf("%s must be a literal text", what), "write it in single quotes")
		return "", false
	}
	return string(x.value.text(0)), true
}

// pattern compiles a regular expression with its flags, of which allowed are
// taken. It is RE2 as package regexp has it: matching takes time linear in the
// text, whatever the pattern.
func (c *checker) pattern(n *Node, args []*code, at int, allowed string) (re *regexp.Regexp, flags string, ok bool) {
	text, ok := c.literalText(n.Args[1], args[1], "a pattern")
	if !ok {
		return nil, "", false
	}
	if len(args) > at {
		if flags, ok = c.literalText(n.Args[at], args[at], "the flags"); !ok {
			return nil, "", false
		}
		if bad := strings.Trim(flags, allowed); bad != "" {
			c.fail(n.Args[at], fmt.Sprintf("%s is no flag of %s", quoteText(bad), n.Name), "flags are the letters "+strings.Join(strings.Split(allowed, ""), ", "))
			return nil, "", false
		}
	}
	if inline := strings.ReplaceAll(flags, "g", ""); inline != "" {
		text = "(?" + inline + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		problem := err.Error()
		if e, is := err.(*syntax.Error); is {
			problem = fmt.Sprintf("%s, at %s", e.Code, quoteText(e.Expr))
		}
		c.fail(n.Args[1], "the pattern is none: "+problem, "patterns are those of RE2, without look-around or back references")
		return nil, "", false
	}
	return re, flags, true
}

func (c *checker) regexpMatches(n *Node, args []*code) *code {
	re, _, ok := c.pattern(n, args, 2, "ism")
	if !ok {
		return nil
	}
	return strict(event.Of(event.Bool), test(func(a rowArgs) bool { return re.Match(a.text(0)) }), args[0])
}

// regexpExtract gives null, and counts nothing, where nothing matches or the group
// took no part: that a text is not of a form is an answer. An empty match is an
// empty text.
func (c *checker) regexpExtract(n *Node, args []*code) *code {
	re, _, ok := c.pattern(n, args, len(args), "")
	if !ok {
		return nil
	}
	group := int64(0)
	if len(args) > 2 {
		if g := args[2]; !g.constant || g.nullConstant() || g.value.Ints[0] < 0 || g.value.Ints[0] > int64(re.NumSubexp()) {
			return c.fail(n.Args[2], fmt.Sprintf("%s is no group of the pattern", n.Args[2]), fmt.Sprintf("groups are numbers from 0, the whole match, to %d", re.NumSubexp()))
		}
		group = args[2].value.Ints[0]
	}
	return strict(event.Of(event.String), perhapsText(func(out []byte, a rowArgs) ([]byte, found) {
		s := a.text(0)
		m := re.FindSubmatchIndex(s)
		if m == nil || m[2*group] < 0 {
			return out, absent
		}
		return append(out, s[m[2*group]:m[2*group+1]]...), present
	}), args[0])
}

func (c *checker) regexpCount(n *Node, args []*code) *code {
	re, _, ok := c.pattern(n, args, len(args), "")
	if !ok {
		return nil
	}
	return strict(event.Of(event.Int), measure(event.Int, func(a rowArgs) int64 { return int64(len(re.FindAllIndex(a.text(0), -1))) }), args[0])
}

func (c *checker) regexpSplit(n *Node, args []*code) *code {
	re, _, ok := c.pattern(n, args, len(args), "")
	if !ok {
		return nil
	}
	split := listTexts(func(a rowArgs, part func([]byte)) {
		s, from := a.text(0), 0
		for _, m := range re.FindAllIndex(s, -1) {
			if m[1] == 0 || m[0] == m[1] && m[0] == len(s) {
				continue // nothing, before the first character or after the last
			}
			part(s[from:m[0]])
			from = m[1]
		}
		part(s[from:])
	})
	return strict(event.ListOf(event.Of(event.String)), split, args[0])
}

// regexpReplace replaces the first match, or all with the flag g, as PostgreSQL
// does. What replaces is a literal: a reference to a group that there is not is a
// fault of the definition.
func (c *checker) regexpReplace(n *Node, args []*code) *code {
	re, flags, ok := c.pattern(n, args, 3, "gism")
	by, isText := c.literalText(n.Args[2], args[2], "what replaces a match")
	if !ok || !isText {
		return nil
	}
	parts, ok := c.replacement(n.Args[2], by, re.NumSubexp())
	if !ok {
		return nil
	}
	limit := 1
	if strings.Contains(flags, "g") {
		limit = -1
	}
	return counting(strict(event.Of(event.String), makeText(func(out []byte, a rowArgs) ([]byte, bool) {
		s, from := a.text(0), 0
		for _, m := range re.FindAllSubmatchIndex(s, limit) {
			out = append(out, s[from:m[0]]...)
			for _, p := range parts {
				out = p.write(out, s, m)
			}
			if from = m[1]; len(out) > longest {
				return out, len(out) <= len(s)
			}
		}
		out = append(out, s[from:]...)
		return out, len(out) <= max(longest, len(s))
	}), args[0]))
}

// piece is a part of a replacement: a text, or the number of a group.
type piece struct {
	text  string
	group int
}

func (p piece) write(out, s []byte, m []int) []byte {
	if p.group < 0 {
		return append(out, p.text...)
	}
	if m[2*p.group] < 0 {
		return out
	}
	return append(out, s[m[2*p.group]:m[2*p.group+1]]...)
}

// replacement reads \0 to \9 as groups and \\ as a backslash.
func (c *checker) replacement(n *Node, by string, groups int) (parts []piece, ok bool) {
	for by != "" {
		before, after, found := strings.Cut(by, `\`)
		if before != "" {
			parts = append(parts, piece{before, -1})
		}
		switch {
		case !found:
			return parts, true
		case strings.HasPrefix(after, `\`):
			parts = append(parts, piece{`\`, -1})
		case after != "" && digit(after[0]) && int(after[0]-'0') <= groups:
			parts = append(parts, piece{"", int(after[0] - '0')})
		default:
			c.fail(n, `\`+after[:min(1, len(after))]+" is no group of the pattern", fmt.Sprintf(`groups are \0, the whole match, to \%d; write \\ for a backslash`, groups))
			return nil, false
		}
		by = after[1:]
	}
	return parts, true
}

// found says what became of a row of perhapsText.
type found uint8

const (
	present found = iota
	absent        // null, and no fault
	faulty        // null, and counted
)

// perhapsText is makeText of what may be absent without a fault.
func perhapsText(each func(out []byte, a rowArgs) ([]byte, found)) kernel {
	return func(f *frame, v []vec) vec {
		t, u := newTexts(f.rows), unite(f.rows, v)
		var buffer []byte
		is := present
		for i := range f.rows {
			if u.is(i) {
				continue
			}
			switch buffer, is = each(buffer[:0], rowArgs{v, i}); is {
			case present:
				t.put(i, buffer)
			case absent:
				u.set(i, f.rows)
			case faulty:
				f.refuse(&u, event.OutOfType, i)
			}
		}
		return t.vec(event.String, u)
	}
}

// listTexts is a kernel from texts to a list of texts; each gives the parts of one
// row.
func listTexts(each func(a rowArgs, part func([]byte))) kernel {
	return func(f *frame, v []vec) vec {
		u := unite(f.rows, v)
		elem := event.Make(event.Of(event.String))
		offsets := make([]int32, 1, f.rows+1)
		add := func(s []byte) { elem.AppendText(s) }
		for i := range f.rows {
			if !u.is(i) {
				each(rowArgs{v, i}, add)
			}
			offsets = append(offsets, int32(len(elem.Codes)))
		}
		return vec{Column: event.Column{Type: event.ListOf(elem.Type), Offsets: offsets, Elem: &elem, Null: u.rows}, fresh: true}
	}
}

// splitText gives the parts of s between separators. An empty separator separates
// nothing, as in split_part.
func splitText(a rowArgs, part func([]byte)) {
	s, sep := a.text(0), a.text(1)
	for len(sep) > 0 {
		i := bytes.Index(s, sep)
		if i < 0 {
			break
		}
		part(s[:i])
		s = s[i+len(sep):]
	}
	part(s)
}
