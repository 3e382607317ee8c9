package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// JSON in texts is judged whole by package json before a path is followed, so that
// a text is malformed or not whatever is asked of it. What follows a path may then
// trust the text; it takes time linear in it and builds no tree.

// jsonStep is one step of a path: a key of an object, or a place in an array.
type jsonStep struct {
	key   string
	place int // -1 for a key
}

// jsonPath reads the constant argument at of a call; no argument is the whole.
func (c *checker) jsonPath(n *Node, args []*code, at int) (steps []jsonStep, ok bool) {
	if len(args) <= at {
		return nil, true
	}
	text, ok := c.literalText(n.Args[at], args[at], "a path")
	if !ok {
		return nil, false
	}
	rest, is := strings.CutPrefix(text, "$")
	if !is {
		return []jsonStep{{text, -1}}, true
	}
	for rest != "" {
		var s jsonStep
		if s, rest, ok = jsonStepOf(rest); !ok {
			c.fail(n.Args[at], quoteText(text)+" is no path", `write '$.key.other[0]', and '$."any key"' where a key holds points or brackets`)
			return nil, false
		}
		steps = append(steps, s)
	}
	return steps, true
}

// jsonStepOf reads .key, ."key" or [place] off a path.
func jsonStepOf(s string) (step jsonStep, rest string, ok bool) {
	switch {
	case strings.HasPrefix(s, "["):
		digits, rest, found := strings.Cut(s[1:], "]")
		place, err := strconv.ParseUint(digits, 10, 31)
		return jsonStep{place: int(place)}, rest, found && err == nil
	case strings.HasPrefix(s, `."`):
		key, rest, found := strings.Cut(s[2:], `"`)
		return jsonStep{key, -1}, rest, found
	case strings.HasPrefix(s, "."):
		end := strings.IndexAny(s[1:], ".[") + 1
		if end == 0 {
			end = len(s)
		}
		key := s[1:end]
		return jsonStep{key, -1}, s[end:], key != "" && !strings.ContainsAny(key, `"*]`)
	}
	return step, s, false
}

// jsonAt is the value that a path leads to in a valid text; nil if none. Of a key
// that an object holds twice the last value counts.
func jsonAt(s []byte, steps []jsonStep) []byte {
	s = bytes.TrimSpace(s)
	for _, step := range steps {
		var inside []byte
		eachMember(s, func(key []byte, place int, value []byte) {
			if step.place < 0 && key != nil && sameKey(key, step.key) || step.place >= 0 && key == nil && place == step.place {
				inside = value
			}
		})
		if s = inside; s == nil {
			return nil
		}
	}
	return s
}

// eachMember gives the members of an object or the elements of an array, whose key
// is nil; nothing of other values.
func eachMember(s []byte, do func(key []byte, place int, value []byte)) {
	if s[0] != '{' && s[0] != '[' {
		return
	}
	for at, place := 1, 0; ; place++ {
		at = blanks(s, at)
		if s[at] == '}' || s[at] == ']' {
			return
		}
		var key []byte
		if s[0] == '{' {
			end := valueEnd(s, at)
			key = s[at:end]
			at = blanks(s, blanks(s, end)+1) // the colon
		}
		end := valueEnd(s, at)
		do(key, place, s[at:end])
		if at = blanks(s, end); s[at] == ',' {
			at++
		}
	}
}

func blanks(s []byte, at int) int {
	for s[at] == ' ' || s[at] == '\t' || s[at] == '\n' || s[at] == '\r' {
		at++
	}
	return at
}

// valueEnd is where the value that begins at s[at] ends. It counts brackets and
// does not descend: JSON may nest as deep as it likes.
func valueEnd(s []byte, at int) int {
	for depth := 0; ; {
		switch s[at] {
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case '"':
			at = textEnd(s, at)
		case ',', ':', ' ', '\t', '\n', '\r':
			at++
		default:
			for at < len(s) && !strings.ContainsRune(" \t\r\n,]}", rune(s[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}

// textEnd is behind the closing quote.
func textEnd(s []byte, at int) int {
	for at++; s[at] != '"'; at++ {
		if s[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// sameKey reports whether the quoted text of a key is key.
func sameKey(quoted []byte, key string) bool {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == key
	}
	var buffer [64]byte
	return string(unquoteJSON(buffer[:0], quoted)) == key
}

// unquoteJSON appends what a quoted text of JSON stands for. Half of a surrogate
// pair stands for no character, and becomes the replacement character.
func unquoteJSON(out, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(out, s...)
		}
		out, s = append(out, s[:i]...), s[i+1:]
		if s[0] == 'u' {
			r, size := hexRune(s)
			out, s = utf8.AppendRune(out, r), s[size:]
			continue
		}
		c := s[0]
		if k := strings.IndexByte("bfnrt", c); k >= 0 {
			c = "\b\f\n\r\t"[k]
		}
		out, s = append(out, c), s[1:]
	}
	return out
}

// hexRune reads uXXXX, and the \uXXXX behind it where both are one character.
func hexRune(s []byte) (r rune, size int) {
	code := func(s []byte) rune {
		x, _ := strconv.ParseUint(string(s[1:5]), 16, 16)
		return rune(x)
	}
	r = code(s)
	if utf16.IsSurrogate(r) {
		if len(s) >= 11 && s[5] == '\\' && s[6] == 'u' {
			if pair := utf16.DecodeRune(r, code(s[6:])); pair != utf8.RuneError {
				return pair, 11
			}
		}
		return utf8.RuneError, 5
	}
	return r, 5
}

// jsonText compiles json_extract and json_extract_string.
func (c *checker) jsonText(n *Node, args []*code, write func(out, value []byte) ([]byte, found)) *code {
	steps, ok := c.jsonPath(n, args, 1)
	if !ok {
		return nil
	}
	return counting(strict(event.Of(event.String), perhapsText(func(out []byte, a rowArgs) ([]byte, found) {
		s := a.text(0)
		if !json.Valid(s) {
			return out, faulty
		}
		value := jsonAt(s, steps)
		if value == nil {
			return out, absent
		}
		return write(out, value)
	}), args[0]))
}

// jsonExtract keeps the text of the value as it stands: a number keeps its digits.
func (c *checker) jsonExtract(n *Node, args []*code) *code {
	return c.jsonText(n, args, func(out, value []byte) ([]byte, found) { return append(out, value...), present })
}

// jsonExtractString takes the quotes off a text; null of JSON is null of SQL.
func (c *checker) jsonExtractString(n *Node, args []*code) *code {
	return c.jsonText(n, args, func(out, value []byte) ([]byte, found) {
		switch value[0] {
		case '"':
			return unquoteJSON(out, value), present
		case 'n':
			return out, absent
		}
		return append(out, value...), present
	})
}

// jsonLength compiles json_array_length.
func (c *checker) jsonLength(n *Node, args []*code) *code {
	steps, ok := c.jsonPath(n, args, 1)
	if !ok {
		return nil
	}
	return counting(strict(event.Of(event.Int), func(f *frame, v []vec) vec {
		out, u := make([]int64, f.rows), unite(f.rows, v)
		for i := range out {
			if u.is(i) {
				continue
			}
			s := v[0].text(i)
			if !json.Valid(s) {
				f.refuse(&u, event.OutOfType, i)
				continue
			}
			value := jsonAt(s, steps)
			if value == nil || value[0] != '[' {
				u.set(i, f.rows)
				continue
			}
			eachMember(value, func([]byte, int, []byte) { out[i]++ })
		}
		return ofInts(event.Int, out, u)
	}, args[0]))
}

func jsonValid(a rowArgs) bool { return json.Valid(a.text(0)) }

// arrowPath turns the place behind an arrow, s -> 0, into a path.
func arrowPath(n *Node) *Node {
	if n.Op != Literal || n.Value.Type.Kind != event.Int || n.Value.Int < 0 {
		return n
	}
	return &Node{Op: Literal, Pos: n.Pos, End: n.End, Value: textValue(fmt.Sprintf("$[%d]", n.Value.Int))}
}
