package expr

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// longest bounds the texts that repeat, lpad, rpad and replace make: a longer one
// is out of type. Others are no longer than what they are made of. One row of
// repeat(s, 1000000000) would else end the run. The bound is a rule of the
// language (S16.10) and not a setting: a value may not hang on the memory of a
// machine.
const longest = 1 << 16

// rowArgs are the operands of a text function at one row. It is passed by value, and
// nothing is allocated for a row.
type rowArgs struct {
	v []vec
	i int
}

func (a rowArgs) text(k int) []byte { return a.v[k].text(a.i) }

func (a rowArgs) int(k int) int64 { return a.v[k].Ints[a.i&a.v[k].mask()] }

// makeText is a kernel whose each appends the text of one row to out, or says
// that there is none. Where perEntry applies a row is one distinct text. out is
// one buffer for all rows: each must not keep it, and the dictionary copies what
// it is given.
func makeText(each func(out []byte, a rowArgs) ([]byte, bool)) kernel {
	return func(f *frame, v []vec) vec {
		t, u := newTexts(f.rows), unite(f.rows, v)
		var buffer []byte
		ok := false
		for i := range f.rows {
			if u.is(i) {
				continue
			}
			if buffer, ok = each(buffer[:0], rowArgs{v, i}); !ok {
				f.refuse(&u, event.OutOfType, i)
				continue
			}
			t.put(i, buffer)
		}
		return t.vec(event.String, u)
	}
}

// edit is makeText of what cannot fail.
func edit(each func(out []byte, a rowArgs) []byte) kernel {
	return makeText(func(out []byte, a rowArgs) ([]byte, bool) { return each(out, a), true })
}

// measure is a kernel from texts to an integer or a boolean. Null rows are left
// out, as their codes may name no entry.
func measure(k event.Kind, each func(a rowArgs) int64) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		for i := range out {
			if !u.is(i) {
				out[i] = each(rowArgs{v, i})
			}
		}
		return ofInts(k, out, u)
	}
}

// test is a kernel from texts to a boolean.
func test(each func(a rowArgs) bool) kernel {
	return measure(event.Bool, func(a rowArgs) int64 {
		if each(a) {
			return 1
		}
		return 0
	})
}

func lower(out []byte, a rowArgs) []byte {
	return mapRunes(out, a.text(0), unicode.ToLower)
}

func upper(out []byte, a rowArgs) []byte {
	return mapRunes(out, a.text(0), unicode.ToUpper)
}

// mapRunes maps each character for itself: the length in characters stays. So
// neither locale nor neighbours enter, and sharp s stays one letter in upper
// case.
func mapRunes(out, s []byte, to func(rune) rune) []byte {
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r == utf8.RuneError && size == 1 {
			out = append(out, s[0]) // what is no UTF-8 stays as it is
		} else {
			out = utf8.AppendRune(out, to(r))
		}
		s = s[size:]
	}
	return out
}

// cutset are the characters that trim takes away: spaces, or those of its
// second argument.
func (a rowArgs) cutset() string {
	if len(a.v) > 1 {
		return string(a.text(1))
	}
	return " "
}

func trim(out []byte, a rowArgs) []byte { return append(out, bytes.Trim(a.text(0), a.cutset())...) }
func ltrim(out []byte, a rowArgs) []byte {
	return append(out, bytes.TrimLeft(a.text(0), a.cutset())...)
}
func rtrim(out []byte, a rowArgs) []byte {
	return append(out, bytes.TrimRight(a.text(0), a.cutset())...)
}

// runeStart is the byte at which character n of s begins, from 0; len(s) beyond.
// What is no UTF-8 counts a character for each byte, in all functions alike.
func runeStart(s []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

// substr counts characters from 1; places before the text use up the length.
// substr('abc', 0, 2) is 'a' so, as the standard has it. stop is one beyond the
// last byte and so beyond the last character.
func substr(out []byte, a rowArgs) []byte {
	s, start := a.text(0), a.int(1)
	stop := int64(len(s)) + 1
	if len(a.v) > 2 {
		if n := max(a.int(2), 0); start < 1 || n < stop-start { // else start+n may overflow
			stop = min(stop, start+n)
		}
	}
	if start < 1 {
		start = 1
	}
	if start >= stop {
		return out
	}
	from := runeStart(s, start-1)
	return append(out, s[from:from+runeStart(s[from:], stop-start)]...)
}

// left and right take characters; a negative number leaves out as many at the
// other end.
func left(out []byte, a rowArgs) []byte {
	s, n := a.text(0), a.int(1)
	if n < 0 {
		n = max(0, int64(utf8.RuneCount(s))+n)
	}
	return append(out, s[:runeStart(s, n)]...)
}

// right is the last n characters. The bounds keep the lowest integer from being
// negated; no text is that long.
func right(out []byte, a rowArgs) []byte {
	s, n := a.text(0), a.int(1)
	if n < 0 {
		return append(out, s[runeStart(s, -max(n, -longest*longest)):]...)
	}
	return append(out, s[runeStart(s, int64(utf8.RuneCount(s))-min(n, int64(len(s)))):]...)
}

// replace takes occurrences from the left; they do not overlap. An empty old is
// found nowhere. The length is computed before a byte is written.
func replace(out []byte, a rowArgs) ([]byte, bool) {
	s, old, with := a.text(0), a.text(1), a.text(2)
	if len(old) == 0 {
		return append(out, s...), true
	}
	n := bytes.Count(s, old)
	if grown := len(s) + n*(len(with)-len(old)); grown > longest && grown > len(s) {
		return out, false
	}
	for ; n > 0; n-- {
		i := bytes.Index(s, old)
		out = append(append(out, s[:i]...), with...)
		s = s[i+len(old):]
	}
	return append(out, s...), true
}

// reverse turns round characters, not bytes.
func reverse(out []byte, a rowArgs) []byte {
	for s := a.text(0); len(s) > 0; {
		_, size := utf8.DecodeLastRune(s)
		out = append(out, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return out
}

// repeat refuses what would be longer than longest before making it.
func repeat(out []byte, a rowArgs) ([]byte, bool) {
	s, n := a.text(0), max(a.int(1), 0)
	if len(s) == 0 {
		return out, true
	}
	if n > int64(longest/len(s)) {
		return out, false
	}
	for range n {
		out = append(out, s...)
	}
	return out, true
}

// pad fills up to a number of characters, at the left or right, and cuts longer
// texts to it. An empty fill cannot fill, and the text stays as it is.
func pad(atLeft bool) func(out []byte, a rowArgs) ([]byte, bool) {
	return func(out []byte, a rowArgs) ([]byte, bool) {
		s, n, fill := a.text(0), max(a.int(1), 0), []byte(" ")
		if len(a.v) > 2 {
			fill = a.text(2)
		}
		missing := n - int64(utf8.RuneCount(s))
		if missing <= 0 || len(fill) == 0 {
			return append(out, s[:runeStart(s, n)]...), true
		}
		if n > longest {
			return out, false
		}
		if !atLeft {
			out = append(out, s...)
		}
		for rest := fill; missing > 0; missing-- {
			if len(rest) == 0 {
				rest = fill
			}
			_, size := utf8.DecodeRune(rest)
			out = append(out, rest[:size]...)
			rest = rest[size:]
		}
		if atLeft {
			out = append(out, s...)
		}
		return out, true
	}
}

// splitPart is part n of s between separators, from 1, from the end if n is
// negative; empty where there is none. An empty separator separates nothing: the
// whole text is the one part.
func splitPart(out []byte, a rowArgs) []byte {
	s, sep, n := a.text(0), a.text(1), a.int(2)
	if len(sep) == 0 {
		if n == 1 || n == -1 {
			return append(out, s...)
		}
		return out
	}
	parts := int64(bytes.Count(s, sep)) + 1
	if n < 0 {
		n += parts + 1
	}
	if n < 1 || n > parts {
		return out
	}
	for ; n > 1; n-- {
		s = s[bytes.Index(s, sep)+len(sep):]
	}
	if i := bytes.Index(s, sep); i >= 0 {
		s = s[:i]
	}
	return append(out, s...)
}

func runeCount(a rowArgs) int64 { return int64(utf8.RuneCount(a.text(0))) }
func byteCount(a rowArgs) int64 { return int64(len(a.text(0))) }
func startsWith(a rowArgs) bool { return bytes.HasPrefix(a.text(0), a.text(1)) }
func endsWith(a rowArgs) bool   { return bytes.HasSuffix(a.text(0), a.text(1)) }
func contains(a rowArgs) bool   { return bytes.Contains(a.text(0), a.text(1)) }

// strpos is the place of the first character of part in whole, from 1; 0: none.
// An empty part stands at 1.
func strpos(a rowArgs) int64 {
	i := bytes.Index(a.text(0), a.text(1))
	if i < 0 {
		return 0
	}
	return int64(utf8.RuneCount(a.text(0)[:i])) + 1
}

// concat compiles ||: null if a side is. Strings and bytes do not join unasked:
// bytes need not be UTF-8. Lists are joined as list_concat does.
func (c *checker) concat(n *Node, a, b *code) *code {
	if a.t.Kind == event.List && b.t.Kind == event.List {
		return c.listConcat(n, []*code{a, b})
	}
	t, ok := common(a.t, b.t)
	if t.Kind == event.Null {
		return nullOf(event.Of(event.String))
	}
	if !ok || !t.Text() {
		return c.fail(n, fmt.Sprintf("|| is not defined on %s and %s", a.t, b.t), "cast to string, or use concat(a, b)")
	}
	return strict(t, func(f *frame, v []vec) vec {
		return retyped(joinTexts(f, v), t)
	}, convert(a, t), convert(b, t))
}

var joinTexts = edit(func(out []byte, a rowArgs) []byte { return append(append(out, a.text(0)...), a.text(1)...) })

// concatAll compiles concat(...): nulls are empty. That is what tells it from ||,
// and why it is lenient; bytes have no one spelling as text.
func (c *checker) concatAll(n *Node, args []*code) *code {
	for i, a := range args {
		if a.t.Kind == event.Bytes || !a.t.Scalar() {
			return c.fail(n.Args[i], fmt.Sprintf("concat does not take %s", a.t), "cast it to string")
		}
		args[i] = convert(a, event.Of(event.String))
	}
	return lenient(event.Of(event.String), func(f *frame, v []vec) vec {
		t := newTexts(f.rows)
		var buffer []byte
		for i := range f.rows {
			buffer = buffer[:0]
			for k := range v {
				if !v[k].null(i) {
					buffer = append(buffer, v[k].text(i)...)
				}
			}
			t.put(i, buffer)
		}
		return t.vec(event.String, nulls{})
	}, args...)
}

// like compiles LIKE and ILIKE: % is any text, _ any character, and the escape, a
// backslash unless given, takes away their meaning. A constant pattern is judged
// here, as a fault of the definition; one from a column can only make its row
// null.
func (c *checker) like(n *Node, args []*code) *code {
	for i, a := range args {
		if a.t.Kind != event.String && a.t.Kind != event.Null {
			return c.fail(n.Args[i], fmt.Sprintf("%s takes a string, not %s", n.Name, a.t), "cast it to string")
		}
		args[i] = convert(a, event.Of(event.String))
	}
	escape := '\\'
	if len(args) == 3 {
		r, ok := escapeOf(args[2])
		if !ok {
			return c.fail(n.Args[2], "the escape of like is one constant character, or none", "write escape '!'")
		}
		escape = r
	}
	fold := n.Name == "ilike"
	if fold {
		c.depend("unicode " + unicode.Version)
	}
	if p := args[1]; p.constant && !p.value.null(0) && trailing(string(p.value.text(0)), escape) {
		return c.fail(n.Args[1], "the pattern ends with its escape", "write the escape twice to mean itself")
	}
	x := strict(event.Of(event.Bool), likeKernel(fold, escape), args[0], args[1])
	if !args[1].constant {
		counting(x)
	}
	if n.Negated {
		return not(x)
	}
	return x
}

// escapeOf is the constant escape character; -1 if it is empty, which is none. -1
// is equal to no character of a pattern.
func escapeOf(x *code) (rune, bool) {
	if !x.constant || x.value.null(0) {
		return 0, false
	}
	s := x.value.text(0)
	if len(s) == 0 {
		return -1, true
	}
	r, size := utf8.DecodeRune(s)
	return r, size == len(s)
}

// trailing reports whether a pattern ends with an escape of nothing.
func trailing(pattern string, escape rune) bool {
	escaped := false
	for _, r := range pattern {
		escaped = r == escape && !escaped
	}
	return escaped
}

// likeKernel reads a constant pattern once a batch, and others once a row.
func likeKernel(fold bool, escape rune) kernel {
	return func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		var p pattern
		for i := range out {
			if u.is(i) {
				continue
			}
			if text := v[1].text(i); p.parts == nil || !v[1].one {
				if trailing(string(text), escape) {
					f.refuse(&u, event.OutOfType, i)
					continue
				}
				p = patternOf(string(text), escape, fold)
			}
			if p.matches(v[0].text(i)) {
				out[i] = 1
			}
		}
		return ofInts(event.Bool, out, u)
	}
}

// pattern is a LIKE pattern, cut at its % signs: the first part starts the text,
// the last ends it, the others follow in between, each as early as it can. It is
// not made a regular expression, as it needs no backtracking and allocates
// nothing while it matches.
type pattern struct {
	parts [][]rune // anyRune stands for _
	fold  bool
}

const anyRune = -2

// patternOf cuts a pattern at its % signs.
func patternOf(s string, escape rune, fold bool) pattern {
	parts, part, escaped := [][]rune{}, []rune{}, false
	for _, r := range s {
		switch {
		case !escaped && r == escape:
			escaped = true
			continue
		case !escaped && r == '%':
			parts, part = append(parts, part), []rune{}
			continue
		case !escaped && r == '_':
			r = anyRune
		case fold:
			r = unicode.ToLower(r)
		}
		part, escaped = append(part, r), false
	}
	return pattern{append(parts, part), fold}
}

// matches needs no backtracking: the earliest place of a part leaves most of the
// text for the parts after it. The last part is read backwards from the end, over
// what the others have left, so that they never share a character.
func (p pattern) matches(s []byte) bool {
	n, ok := p.startsAt(s, p.parts[0])
	if !ok {
		return false
	}
	if s = s[n:]; len(p.parts) == 1 {
		return len(s) == 0
	}
	for _, part := range p.parts[1 : len(p.parts)-1] {
		if s, ok = p.after(s, part); !ok {
			return false
		}
	}
	last := p.parts[len(p.parts)-1]
	for range len(last) {
		if len(s) == 0 {
			return false
		}
		r, size := utf8.DecodeLastRune(s)
		if !p.same(last[len(last)-1], r) {
			return false
		}
		s, last = s[:len(s)-size], last[:len(last)-1]
	}
	return true
}

// startsAt reports whether s starts with part, and how long that is.
func (p pattern) startsAt(s []byte, part []rune) (int, bool) {
	at := 0
	for _, want := range part {
		if at == len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRune(s[at:])
		if !p.same(want, r) {
			return 0, false
		}
		at += size
	}
	return at, true
}

// after is what follows the first place of part in s.
func (p pattern) after(s []byte, part []rune) ([]byte, bool) {
	for {
		if n, ok := p.startsAt(s, part); ok {
			return s[n:], true
		}
		if len(s) == 0 {
			return nil, false
		}
		_, size := utf8.DecodeRune(s)
		s = s[size:]
	}
}

// Folding is by simple lower case, a character for a character, as lower has it.
func (p pattern) same(want, r rune) bool {
	if want == anyRune || want == r {
		return true
	}
	return p.fold && want == unicode.ToLower(r)
}

// constantText is the text of a constant argument, in lower case. Units of time
// are written in any case.
func constantText(x *code) (string, bool) {
	if !x.constant || x.t.Kind != event.String || x.value.null(0) {
		return "", false
	}
	return strings.ToLower(string(x.value.text(0))), true
}

// oneOf checks a constant argument that is a word of a list.
func (c *checker) oneOf(n *Node, x *code, words []string, what string) (string, bool) {
	word, ok := constantText(x)
	if ok && slices.Contains(words, word) {
		return word, true
	}
	mend := "write one of '" + strings.Join(words, "', '") + "'"
	if near := event.Nearest(word, words); ok && near != "" {
		mend = "did you mean '" + near + "'?"
	}
	c.fail(n, fmt.Sprintf("%s is no %s", n, what), mend)
	return "", false
}
