package features

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// At maps a byte of the value to its place in the file: exactly where the
// value stands on one line as it is, else to where the scalar begins. A column
// counts characters, as editors do; offsets are bytes, as expressions do.
func (t Text) At(offset int) Pos {
	if t.Quoted < 0 || offset < 0 {
		return t.Pos
	}
	before := t.Value[:min(offset, len(t.Value))]
	return Pos{Line: t.Line, Column: t.Column + t.Quoted + utf8.RuneCountInString(before)}
}

// lines is a text cut at its line breaks, as YAML and editors count them.
type lines []string

// cutLines cuts text at \n, \r\n and \r. The further breaks that YAML 1.1 knows
// are refused before, as editors do not count them.
func cutLines(text string) lines {
	var ls lines
	for {
		i := strings.IndexAny(text, "\r\n")
		if i < 0 {
			return append(ls, text)
		}
		ls = append(ls, text[:i])
		if strings.HasPrefix(text[i:], "\r\n") {
			i++
		}
		text = text[i+1:]
	}
}

// from returns what stands on the line of p from p on. Columns count characters
// here too, hence the walk; it runs for faults and scalars only, on lines that
// people wrote.
func (ls lines) from(p Pos) string {
	if p.Line < 1 || p.Line > len(ls) {
		return ""
	}
	line := ls[p.Line-1]
	for range p.Column - 1 {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// text makes the Text of a scalar. The library tells where a scalar begins but
// not how it is quoted there; the line itself tells.
func (ls lines) text(n *yaml.Node) Text {
	p := nodePos(n)
	return Text{Pos: p, Value: n.Value, Quoted: quoting(n, ls.from(p)), Cut: n.LineComment != "" && n.Style&^yaml.FlowStyle == 0}
}

// quoting is Text.Quoted of a scalar that begins where source does. What stands
// in the file must be the value byte for byte, so that folds and escapes show.
func quoting(n *yaml.Node, source string) int {
	quote := ""
	switch n.Style &^ yaml.FlowStyle {
	case 0:
		if strings.HasPrefix(source, n.Value) {
			return 0
		}
		return -1
	case yaml.DoubleQuotedStyle:
		quote = `"`
	case yaml.SingleQuotedStyle:
		quote = "'"
	default:
		return -1
	}
	if strings.Contains(n.Value, quote) || !strings.HasPrefix(source, quote+n.Value+quote) {
		return -1
	}
	return 1
}

func nodePos(n *yaml.Node) Pos { return Pos{Line: n.Line, Column: n.Column} }

// tickedMax is how many characters of the user's own words a fault repeats.
const tickedMax = 60

// tick sets words of the user into a message: on one line, shortened, and
// without characters that would move the cursor of a terminal.
func tick(words string) string { return "`" + oneLine(words) + "`" }

// oneLine is tick without its marks. It looks at no more bytes than it could
// print, so that a value of a megabyte
// costs nothing.
func oneLine(words string) string {
	clean := strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, words[:min(len(words), 8*tickedMax)])
	clean = strings.Join(strings.Fields(clean), " ")
	if utf8.RuneCountInString(clean) <= tickedMax {
		return clean
	}
	return string([]rune(clean)[:tickedMax-3]) + "..."
}
