package expr

import (
	"unicode"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// initcap maps each character for itself, as lower and upper do. A word is a run
// of letters, digits and marks.
func initcap(out []byte, a rowArgs) []byte {
	inside := false
	return mapRunes(out, a.text(0), func(r rune) rune {
		within := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
		first := within && !inside
		inside = within
		if first {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	})
}

// firstRune is 0 for the empty text, as PostgreSQL has it.
func firstRune(a rowArgs) int64 {
	if len(a.text(0)) == 0 {
		return 0
	}
	r, _ := utf8.DecodeRune(a.text(0))
	return int64(r)
}

// chr refuses what is no character: texts are UTF-8, and NUL ends them elsewhere.
func chr(f *frame, v []vec) vec {
	t, u := newTexts(f.rows), unite(f.rows, v)
	var buffer []byte
	for i, x := range v[0].Ints[:f.rows] {
		switch {
		case u.is(i):
		case x < 1 || x > utf8.MaxRune || !utf8.ValidRune(rune(x)):
			f.refuse(&u, event.OutOfType, i)
		default:
			buffer = utf8.AppendRune(buffer[:0], rune(x))
			t.put(i, buffer)
		}
	}
	return t.vec(event.String, u)
}

// translate looks each character up in from; of one that stands there twice the
// first place counts. The result is bound as that of replace: a character may
// become one of more bytes.
func translate(out []byte, a rowArgs) ([]byte, bool) {
	s, from, to := a.text(0), a.text(1), a.text(2)
	for at := 0; at < len(s); {
		_, size := utf8.DecodeRune(s[at:])
		c := s[at : at+size]
		at += size
		place := runePlace(from, c)
		if place < 0 {
			out = append(out, c...)
			continue
		}
		start := runeStart(to, int64(place))
		out = append(out, to[start:start+runeStart(to[start:], 1)]...)
	}
	return out, len(out) <= max(longest, len(s))
}

// runePlace is which character of s is c, from 0, or -1.
func runePlace(s, c []byte) int {
	for place := 0; len(s) > 0; place++ {
		_, size := utf8.DecodeRune(s)
		if string(s[:size]) == string(c) {
			return place
		}
		s = s[size:]
	}
	return -1
}

// editMax bounds the texts of levenshtein, whose time is the product of both
// lengths.
const editMax = 4096

// levenshtein keeps one row of the table of distances (R. A. Wagner and M. J.
// Fischer, "The String-to-String Correction Problem", 1974), and its vectors from
// row to row of the batch.
func levenshtein(f *frame, v []vec) vec {
	out, u := make([]int64, f.rows), unite(f.rows, v)
	var s, t []rune
	var line []int64
	for i := range out {
		if u.is(i) {
			continue
		}
		a, b := v[0].text(i), v[1].text(i)
		if len(a) > editMax || len(b) > editMax {
			f.refuse(&u, event.OutOfType, i)
			continue
		}
		s, t = runes(s[:0], a), runes(t[:0], b)
		out[i], line = editDistance(s, t, line[:0])
	}
	return ofInts(event.Int, out, u)
}

func runes(out []rune, s []byte) []rune {
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		out, s = append(out, r), s[size:]
	}
	return out
}

// editDistance is the distance of s and t. line[k] is that of what has been read
// of s and the first k of t.
func editDistance(s, t []rune, line []int64) (int64, []int64) {
	for k := range len(t) + 1 {
		line = append(line, int64(k))
	}
	for i, c := range s {
		above := line[0]
		line[0] = int64(i) + 1
		for k, d := range t {
			change := above
			if c != d {
				change++
			}
			above = line[k+1]
			line[k+1] = min(change, above+1, line[k]+1)
		}
	}
	return line[len(t)], line
}
