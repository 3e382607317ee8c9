package features

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// faultCase is a case of testdata/faults.txt.
type faultCase struct {
	title            string
	old, text, fault []string
}

// definition is the file that the case loads.
func (c *faultCase) definition(t *testing.T, base string) string {
	t.Helper()
	after := strings.Join(append(c.text, ""), "\n")
	if c.old == nil {
		return after
	}
	before := strings.Join(append(c.old, ""), "\n")
	if strings.Count(base, before) == 0 {
		t.Fatalf("case %s changes lines that the base has not", c.title)
	}
	return strings.Replace(base, before, after, 1)
}

func readFaultCases(t *testing.T) (head string, cases []*faultCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "\ncase ")
	for _, block := range strings.Split(rest, "\ncase ") {
		c := &faultCase{}
		for i, line := range strings.Split(block, "\n") {
			switch {
			case i == 0:
				c.title = line
			case strings.HasPrefix(line, "-"):
				c.old = append(c.old, line[1:])
			case strings.HasPrefix(line, "+"):
				c.text = append(c.text, line[1:])
			case strings.HasPrefix(line, "!"):
				c.fault = append(c.fault, line[1:])
			}
		}
		cases = append(cases, c)
	}
	return head, cases
}

// TestFaults holds every fault to its words and its place. REWRITE=1 writes what
// is found into the file, to be read in review.
func TestFaults(t *testing.T) {
	base, err := os.ReadFile("testdata/faults.base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load("f.yaml", base); err != nil {
		t.Fatalf("the base must have no fault: %v", err)
	}
	head, cases := readFaultCases(t)
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			var got []string
			for _, f := range faultsOf(t, c.definition(t, string(base))) {
				got = append(got, strings.TrimPrefix(f.Error(), "f.yaml:"))
			}
			if os.Getenv("REWRITE") != "" {
				c.fault = got
			}
			if strings.Join(got, "\n") != strings.Join(c.fault, "\n") {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.fault, "\n  "))
			}
		})
	}
	if os.Getenv("REWRITE") != "" {
		rewriteFaultCases(t, head, cases)
	}
}

func rewriteFaultCases(t *testing.T, head string, cases []*faultCase) {
	t.Helper()
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "case %s\n", c.title)
		for _, part := range []struct {
			mark  string
			lines []string
		}{{"-", c.old}, {"+", c.text}, {"!", c.fault}} {
			for _, line := range part.lines {
				b.WriteString(part.mark + line + "\n")
			}
		}
		b.WriteString("\n")
	}
	if err := os.WriteFile("testdata/faults.txt", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
