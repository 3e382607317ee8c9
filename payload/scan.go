package payload

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// This file finds where the words of JSON end: strings, numbers, literals. It
// takes what RFC 8259 takes, in UTF-8 alone, and no surrogate without its other
// half.

// skipSpace is the place of the first byte from at on that is no white space.
func skipSpace(data []byte, at int) int {
	for at < len(data) && data[at] <= ' ' && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t') {
		at++
	}
	return at
}

// Bits of a word of eight bytes, a byte each.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// marked has a high bit for the first byte of w that does not stand for itself in
// a string: a quote, a backslash, a control character, or part of a rune of several
// bytes. Of the bytes behind it it may mark too many.
func marked(w uint64) uint64 {
	quote := w ^ lowBits*'"'
	slash := w ^ lowBits*'\\'
	return (w | (quote - lowBits) | (slash - lowBits) | (w - lowBits*' ')) & highBits
}

// scanString returns the place behind the closing quote of the string whose text
// begins at at, and whether it has escapes. end < 0: it is none, and -end-1 is the
// place that says so.
func scanString(data []byte, at int) (end int, escaped bool) {
	start, wide := at, false
	for {
		for at+8 <= len(data) {
			m := marked(binary.LittleEndian.Uint64(data[at:]))
			if m != 0 {
				at += bits.TrailingZeros64(m) / 8
				break
			}
			at += 8
		}
		if at >= len(data) {
			return -at - 1, escaped
		}
		switch b := data[at]; {
		case b == '"':
			if wide && !utf8.Valid(data[start:at]) {
				return -start - 1, escaped
			}
			return at + 1, escaped
		case b == '\\':
			n := escapeLength(data[at:])
			if n == 0 {
				return -at - 1, escaped
			}
			escaped, at = true, at+n
		case b < ' ':
			return -at - 1, escaped
		default:
			wide = wide || b >= utf8.RuneSelf
			at++
		}
	}
}

// escapeLength is how many bytes the escape takes that b begins with; 0: it is
// none. Two halves of one rune are one.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	r, ok := hexRune(b)
	switch {
	case !ok:
		return 0
	case !utf16.IsSurrogate(r):
		return 6
	}
	low, ok := hexRune(b[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

// hexRune reads \u0041.
func hexRune(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// plainEscapes are the bytes that escapes of one letter stand for.
var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendUnescaped appends a string's text, which scanString took, without its
// escapes.
func appendUnescaped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch {
		case text[i] != '\\':
			dst = append(dst, text[i])
			i++
		case text[i+1] != 'u':
			dst = append(dst, plainEscapes[text[i+1]])
			i += 2
		default:
			r, _ := hexRune(text[i:])
			if i += 6; utf16.IsSurrogate(r) {
				low, _ := hexRune(text[i:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// scanNumber returns the place behind the number that begins at at, as scanString
// does.
func scanNumber(data []byte, at int) int {
	if at < len(data) && data[at] == '-' {
		at++
	}
	if at < len(data) && data[at] == '0' {
		at++
	} else if next := skipDigits(data, at); next > at {
		at = next
	} else {
		return -at - 1
	}
	if at < len(data) && data[at] == '.' {
		next := skipDigits(data, at+1)
		if next == at+1 {
			return -next - 1
		}
		at = next
	}
	if at < len(data) && data[at]|0x20 == 'e' {
		at++
		if at < len(data) && (data[at] == '+' || data[at] == '-') {
			at++
		}
		next := skipDigits(data, at)
		if next == at {
			return -at - 1
		}
		at = next
	}
	return at
}

func skipDigits(data []byte, at int) int {
	for at < len(data) && data[at]-'0' <= 9 {
		at++
	}
	return at
}

// scanWord returns the place behind true, false or null, as scanString does.
func scanWord(data []byte, at int) int {
	word := "null"
	switch data[at] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
	default:
		return -at - 1
	}
	for i := range len(word) {
		if at+i >= len(data) || data[at+i] != word[i] {
			return -at - i - 1
		}
	}
	return at + len(word)
}
