package main

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/timeseam/timeseam/features/event"
)

// TestMarked holds that the marks stand under the words, whatever stands before them.
func TestMarked(t *testing.T) {
	for _, c := range []struct {
		name, line, words string
		column, columns   int
		text, marks       string
	}{
		{"plain", "n: sum(amont)", "amont", 8, 90, "n: sum(amont)", "       ^~~~~"},
		{"one character", "n: 1 +", "+", 6, 90, "n: 1 +", "     ^"},
		{"behind the end", "n: 1 +", "", 7, 90, "n: 1 + ", "      ^"},
		{"far behind the end", "n: 1", "1", 40, 90, "n: 1 ", "    ^"},
		{"words that are not there", "n: [a,", "other", 4, 90, "n: [a,", "   ^"},
		{"words cut short", "n: abcdef", "abc...", 4, 90, "n: abcdef", "   ^~~"},
		{"no words", "n: abc", "", 4, 90, "n: abc", "   ^"},
		{"empty line", "", "", 1, 90, " ", "^"},
		{"a tab", "\tn: x", "n", 2, 90, "    n: x", "    ^"},
		{"a tab inside", "n:\tx", "x", 4, 90, "n:  x", "    ^"},
		{"the tab itself", "\tn: x", "", 1, 90, "    n: x", "^~~~"},
		{"wide characters", "名前: 合計", "合計", 5, 90, "名前: 合計", "      ^~~~"},
		{"an accent by itself", "e\u0301e\u0301: x", "x", 7, 90, "e\u0301e\u0301: x", "    ^"},
		{"a command of the terminal", "a\x1b[2J: x", "x", 8, 90, "a·[2J: x", "       ^"},
		{"bytes that are no text", "a\xff: x", "x", 5, 90, "a·: x", "    ^"},
		{"cut at the end", "n: x + 123456789", "x", 4, 8, "n: x + …", "   ^"},
		{"cut at the beginning", "123456789: x", "x", 12, 8, "…6789: x", "       ^"},
		{"cut at both", "123456789 x 123456789", "x", 11, 8, "…9 x 12…", "   ^"},
		{"words longer than the line", "n: 123456789", "123456789", 4, 8, "…: 1234…", "   ^~~~~"},
		{"wide and cut", "合計合計合計合計 x", "x", 10, 8, "…合計 x", "      ^"},
	} {
		text, marks := marked(c.line, event.Fault{Line: 1, Column: c.column, Words: c.words}, c.columns)
		if text != c.text || marks != c.marks {
			t.Errorf("%s:\n%q\n%q, want\n%q\n%q", c.name, text, marks, c.text, c.marks)
		}
	}
}

// FuzzMarked holds that no line, place or width makes lines wider than asked for, or
// marks that begin outside the line.
func FuzzMarked(f *testing.F) {
	f.Add("名前: 合計", "合計", 5, 20)
	f.Add("\t\ta\xff\x1b[2J", "a", 3, 9)
	f.Add("👩‍👩‍👧: x", "x", 9, 8)
	f.Fuzz(func(t *testing.T, line, words string, column, columns int) {
		columns, column = gutterLeast+columns&0xff, max(column&0xffff, 1)
		line = strings.NewReplacer("\n", "", "\r", "").Replace(line)
		text, marks := marked(line, event.Fault{Line: 1, Column: column, Words: words}, columns)
		if w := uniseg.StringWidth(text); w > columns+1 || len(marks) > columns+1 {
			t.Errorf("%q at %d: %d columns of %d, marks %q", line, column, w, columns, marks)
		}
		if strings.Count(marks, "^") != 1 {
			t.Errorf("%q at %d has the marks %q", line, column, marks)
		}
	})
}
