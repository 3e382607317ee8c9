package event

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a definition (or with what it asks of its
// inputs): where, the offending words, what is wrong, and the mend where one can
// be known. The three texts stand apart so that a program that reads the JSON can
// show the mend without taking sentences to pieces.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0: the file as a whole
	Column  int    `json:"column"` // from 1, in characters
	Words   string `json:"words"`
	Problem string `json:"problem"` // "unknown field price_usd"
	Mend    string `json:"mend"`    // "did you mean price?"
}

// Error is the fault on one line: file:line:column: problem; mend. Editors and
// build logs know this form and jump to the place.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": " + f.Problem)
	if f.Mend != "" {
		b.WriteString("; " + f.Mend)
	}
	return b.String()
}

// Faults is all that is wrong, in the order of the file. All are told at once: a
// definition with five mistakes takes one run to mend and not five.
type Faults []Fault

// Error is every fault on a line of its own.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}
