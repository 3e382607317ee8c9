package features

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// characters checks the text before YAML does, which would read UTF-16 too and
// count lines by marks that no editor shows. The text is returned without the
// byte order mark. After it, lines of the parser, of faults and of editors are
// the same lines. One fault ends it: what follows would be counted wrong.
func (l *loader) characters(text string) (string, bool) {
	text = strings.TrimPrefix(text, "\ufeff")
	l.lines = cutLines(text)
	for i, line := range l.lines {
		for column, at := 1, 0; at < len(line); column++ {
			c, size := utf8.DecodeRuneInString(line[at:])
			problem, mend := badCharacter(c, size)
			if problem != "" {
				l.faultAt(Text{Pos: Pos{i + 1, column}, Value: oneLine(line)}, problem, mend)
				return "", false
			}
			at += size
		}
	}
	return text, true
}

// badCharacter says what is wrong with a character; "" where nothing is.
func badCharacter(c rune, size int) (problem, mend string) {
	switch {
	case c == utf8.RuneError && size == 1:
		return "the definition is not UTF-8", "save it as UTF-8"
	case c == 0x85 || c == 0x2028 || c == 0x2029:
		return fmt.Sprintf("line separator U+%04X is not allowed", c), "put an ordinary line break"
	case c < ' ' && c != '\t', c >= 0x7f && c < 0xa0, c == 0xfeff, c == 0xfffe, c == 0xffff:
		return fmt.Sprintf("control character U+%04X is not allowed", c), "remove it"
	}
	return "", ""
}

// errDocuments marks a file of several documents.
var errDocuments = errors.New("a definition is one document")

// parseYAML returns the root of the text's only document, nil if there is none.
func parseYAML(text string) (root *yaml.Node, err error) {
	// The parser is known to panic on some malformed texts where it should
	// return an error; what a user wrote must not end the process.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, next yaml.Node
	if err := decoder.Decode(&document); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	switch err := decoder.Decode(&next); {
	case err == nil:
		return &next, errDocuments
	case err != io.EOF:
		return nil, err
	}
	root = document.Content[0]
	if root.ShortTag() == "!!null" && root.Style&yaml.TaggedStyle == 0 && root.Anchor == "" {
		return nil, nil
	}
	return root, nil
}

// syntaxSearchMax is the size up to which the line of a syntax error is searched.
const syntaxSearchMax = 64 << 10

// syntax notes why the text is no YAML.
func (l *loader) syntax(document *yaml.Node, err error) {
	if err == errDocuments {
		l.faultAt(Text{Pos: Pos{document.Line, 1}, Value: oneLine(l.lines[document.Line-1])}, "a second document begins here", "write one definition a file")
		return
	}
	line, problem := splitSyntax(err)
	if sizeBytes := len(strings.Join(l.lines, "\n")); sizeBytes <= syntaxSearchMax {
		line = l.searchLine(problem)
	}
	line = min(max(line, 1), len(l.lines))
	words := l.lines[line-1]
	indent := words[:len(words)-len(strings.TrimLeft(words, " \t"))]
	at := Text{Pos: Pos{line, len(indent) + 1}, Value: oneLine(words)}
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		at.Column = tab + 1
		l.faultAt(at, "a tab in the indentation", "indent by spaces")
		return
	}
	l.faultAt(at, "not YAML: "+problem, syntaxMend(problem))
}

// splitSyntax takes an error of the parser apart: "yaml: line 3: problem".
func splitSyntax(err error) (line int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "yaml: ")
	if place, rest, ok := strings.Cut(problem, ": "); ok && strings.HasPrefix(place, "line ") {
		if n, err := strconv.Atoi(place[len("line "):]); err == nil {
			return n, oneLine(rest)
		}
	}
	return 1, oneLine(problem)
}

// searchLine finds the line of a syntax error. The parser's own is that where
// the enclosing map began, often far above; the one meant is the first at which
// the text up to it is wrong in the same way. It parses the text O(log lines)
// times, which syntaxSearchMax keeps to some milliseconds.
func (l *loader) searchLine(problem string) int {
	return 1 + sort.Search(len(l.lines)-1, func(i int) bool {
		_, err := parseYAML(strings.Join(l.lines[:i+1], "\n") + "\n")
		if err == nil {
			return false
		}
		_, p := splitSyntax(err)
		return p == problem
	})
}

// syntaxMend tells what most often is behind a syntax error.
func syntaxMend(problem string) string {
	switch {
	case strings.Contains(problem, "mapping values are not allowed"):
		return "put a value that holds `: ` in quotes, and align the keys of a map"
	case strings.Contains(problem, "cannot start any token"):
		return "put a value that begins with @, % or ` in quotes"
	case strings.Contains(problem, "did not find expected ',' or"):
		return "close the bracket or brace; put bounds such as \"[)\" in quotes"
	case strings.Contains(problem, "did not find expected key"):
		return "put an expression that begins with a quote wholly in quotes, and align the keys of a map"
	case strings.Contains(problem, "unexpected end of stream"):
		return "close the quote"
	case strings.Contains(problem, "incompatible YAML document"), strings.Contains(problem, "directive"):
		return "remove the line that begins with %"
	case strings.Contains(problem, "unknown anchor"):
		return "put a value that begins with * or & in quotes"
	}
	return ""
}
