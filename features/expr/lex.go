package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what Parse takes, so that no text can exhaust stack or memory.
const (
	maxText  = 64 << 10 // bytes of one expression
	maxDepth = 200      // operations inside one another
)

// kind is the family of a token.
type kind uint8

const (
	end    kind = iota
	name        // a name or keyword as written
	quoted      // a name in double quotes, text unescaped
	number
	text // a text in single quotes, unescaped
	symbol
)

// token is one word of an expression and its place. pos and end are byte offsets,
// from which faults get their line and column; text is without quotes and so may
// be shorter.
type token struct {
	kind     kind
	text     string
	pos, end int
}

// is reports whether t is the keyword or symbol word. A name in double quotes is
// never a keyword.
func (t token) is(word string) bool {
	return t.kind == symbol && t.text == word || t.kind == name && strings.EqualFold(t.text, word)
}

// reserved are the keywords that are no names unless quoted. The others (date,
// row, filter, escape ...) mean something only where nothing else could stand.
// Reserving few keeps columns called date, time, row or value usable as they are.
var reserved = map[string]bool{
	"and": true, "or": true, "not": true, "is": true, "null": true, "true": true, "false": true,
	"in": true, "between": true, "like": true, "ilike": true, "case": true, "when": true, "then": true,
	"else": true, "end": true, "cast": true, "as": true, "distinct": true, "from": true,
}

// symbols are the operators and marks, longer before shorter. The order matters:
// <= must not be read as < and =.
var symbols = [...]string{"::", "||", "->>", "->", "<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", ":"}

// foreign are spellings of other languages, each with what to write instead.
// Without them a && b would be told that & can not stand here.
var foreign = [...]struct{ word, mend string }{
	{"--", "comments are no part of an expression; write a - -b with a space for minus minus"},
	{"/*", "comments are no part of an expression"},
	{"==", "write = to compare"},
	{"&&", "write and"},
	{"^", "write power(x, y)"},
	{"~", "write regexp_matches(text, 'pattern')"},
	{"!", "write not, or <> to compare"},
	{";", "give one expression, without an end mark"},
	{"`", `write names in double quotes, "..."`},
	{"$", "write the value itself"},
	{"~", "write like, or ilike for any case"},
	{"“", "write text in single quotes, '...', and names in double ones, \"...\""},
	{"”", "write text in single quotes, '...', and names in double ones, \"...\""},
	{"‘", "write text in single quotes, '...'"},
	{"’", "write text in single quotes, '...'"},
}

// lex splits text into tokens, the last of kind end. The limit of its length
// bounds all that follows: tokens, nodes and their names.
func lex(s string) ([]token, *Error) {
	if len(s) > maxText {
		return nil, &Error{End: len(s), Problem: fmt.Sprintf("an expression of %d bytes is too long; the limit is %d", len(s), maxText)}
	}
	if i := invalidUTF8(s); i >= 0 {
		return nil, &Error{Pos: i, End: i + 1, Problem: "the expression is not valid UTF-8"}
	}
	tokens := make([]token, 0, 8+len(s)/4)
	for at := 0; ; {
		at += spaces(s[at:])
		if at == len(s) {
			return append(tokens, token{kind: end, pos: at, end: at}), nil
		}
		t, err := next(s, at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at = t.end
	}
}

// shown is a character as a fault tells it: one that cannot be seen by its number.
func shown(r rune) string {
	if unicode.IsPrint(r) {
		return string(r)
	}
	return fmt.Sprintf("the character U+%04X, which cannot be seen,", r)
}

// invalidUTF8 is where s stops to be UTF-8, or -1. The replacement character
// itself is valid, if it is three bytes long.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// spaces counts what may stand between tokens; other white space of Unicode is
// refused, as it cannot be seen.
func spaces(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n\f\v")) }

// next reads the token at s[at:], which starts with no space. Foreign spellings
// are asked before symbols, as - begins --.
func next(s string, at int) (token, *Error) {
	c := s[at]
	switch {
	case c == '\'':
		return lexQuoted(s, at, text)
	case c == '"':
		return lexQuoted(s, at, quoted)
	case digit(c) || c == '.' && at+1 < len(s) && digit(s[at+1]):
		return lexNumber(s, at)
	}
	if n := nameLen(s[at:]); n > 0 {
		return token{name, s[at : at+n], at, at + n}, nil
	}
	for _, sym := range symbols {
		if strings.HasPrefix(s[at:], sym) && foreignAt(s[at:]) < 0 {
			return token{symbol, sym, at, at + len(sym)}, nil
		}
	}
	if i := foreignAt(s[at:]); i >= 0 {
		f := foreign[i]
		return token{}, &Error{at, at + len(f.word), f.word + " is not of this language", f.mend}
	}
	r, size := utf8.DecodeRuneInString(s[at:])
	return token{}, &Error{at, at + size, fmt.Sprintf("%s can not stand here", shown(r)), ""}
}

// foreignAt is the index of the foreign spelling that s starts with, or -1.
func foreignAt(s string) int {
	if strings.HasPrefix(s, "!=") {
		return -1
	}
	for i, f := range foreign {
		if strings.HasPrefix(s, f.word) {
			return i
		}
	}
	return -1
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// nameLen is the length of the name that s starts with, 0 if it starts with none.
// Letters are those of Unicode, and marks may follow them, as in names of columns
// that are not English.
func nameLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)) {
			return i
		}
	}
	return len(s)
}

// lexQuoted reads a text or name between quotes, which stand doubled inside it.
// There is no other escape: a backslash is itself, as in standard SQL.
func lexQuoted(s string, at int, k kind) (token, *Error) {
	q := s[at]
	var b strings.Builder
	for i := at + 1; i < len(s); i++ {
		if s[i] != q {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			b.WriteByte(q)
			i++
			continue
		}
		if k == quoted && b.Len() == 0 {
			return token{}, &Error{at, i + 1, "a name can not be empty", "text is written in single quotes, ''"}
		}
		return token{k, b.String(), at, i + 1}, nil
	}
	return token{}, &Error{at, len(s), fmt.Sprintf("the %c is not closed", q), fmt.Sprintf("end with %c, and write %c%c for a %c inside", q, q, q, q)}
}

// lexNumber reads digits, a point with digits, an exponent. A point needs digits
// on both sides or at least behind it: 1. and 1.e5 are refused, and so is 12abc,
// which would else be a number and a name.
func lexNumber(s string, at int) (token, *Error) {
	i := at
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i+1 < len(s) && s[i] == '.' && digit(s[i+1]) {
		for i++; i < len(s) && digit(s[i]); {
			i++
		}
	}
	if n := exponentLen(s[i:]); n > 0 {
		i += n
	}
	if n := nameLen(s[i:]); n > 0 || i < len(s) && s[i] == '.' {
		stop := max(i+n, i+1)
		return token{}, &Error{at, stop, s[at:stop] + " is no number", ""}
	}
	return token{number, s[at:i], at, i}, nil
}

// exponentLen is the length of the exponent that s starts with; an e alone is
// none. What follows it then makes the number a fault.
func exponentLen(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	i := 1
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := i
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i == digits {
		return 0
	}
	return i
}
