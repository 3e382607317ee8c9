package features

import (
	"fmt"
	"strings"
)

// name checks a name that the definition makes and returns it: names become
// parts of column names, where two underscores divide view and feature, and
// words of expressions, where `request` and `at` have their own meaning. A
// faulty name is returned all the same, so that references to it are not faults
// too.
func (l *loader) name(t Text, what string) Text {
	switch {
	case t.Value == "request" || t.Value == "at":
		l.faultAt(t, fmt.Sprintf("%s must not be called %s", what, tick(t.Value)), "expressions know it already; choose another name")
	case !lowerName(t.Value):
		l.faultAt(t, fmt.Sprintf("%s is no name for %s", tick(t.Value), what), nameMend(t.Value))
	case strings.Contains(t.Value, "__"):
		l.faultAt(t, fmt.Sprintf("%s is no name for %s: two underscores divide view and feature", tick(t.Value), what), nameMend(t.Value))
	}
	return t
}

// lowerName reports whether s matches [a-z][a-z0-9_]*.
func lowerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// nameMend proposes the nearest name that would do. It proposes only what this
// very check would take.
func nameMend(s string) string {
	if strings.Contains(s, ")") {
		return "an expression that holds a comma stands in quotes inside { }"
	}
	parts := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
	better := strings.Join(parts, "_")
	if len(better) > tickedMax || !lowerName(better) || better == "request" || better == "at" {
		return "names are lower-case letters, digits and single underscores, a letter first"
	}
	return "write " + better
}

// reference notes a word that names none of what is known. kind is such as
// "source"; a fault is noted only for words that are given.
func (l *loader) reference(t Text, kind string, known []string) bool {
	if !t.Given() || l.unread[kind] {
		return false
	}
	for _, name := range known {
		if name == t.Value {
			return true
		}
	}
	otherwise := "known are " + strings.Join(known[:min(len(known), 12)], ", ")
	switch {
	case len(known) == 0:
		otherwise = "the definition has no " + kind
	case len(known) > 12:
		otherwise += ", ..."
	}
	l.faultAt(t, fmt.Sprintf("unknown %s %s", kind, tick(t.Value)), l.didYouMean(t.Value, known, otherwise))
	return false
}
