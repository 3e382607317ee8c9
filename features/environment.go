package features

import (
	"fmt"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Expand puts the environment into an address: ${VAR} and ${VAR:-default}, the
// default being taken where VAR is unset or empty. It is called when the
// address is opened, so that an unset variable hurts only who uses it. The
// fault's File is the caller's to fill in. Only addresses are expanded: a value
// that depended on the environment would make equal definitions mean different
// things (S1.1). lookup is the caller's, as this package reads no environment.
func Expand(t Text, lookup func(string) (string, bool)) (string, *event.Fault) {
	address, fault := ExpandSetting(t, lookup)
	if fault == nil {
		fault = addressFault(t, address)
	}
	if fault != nil {
		return "", fault
	}
	return address, nil
}

// ExpandSetting is Expand for what it takes to reach a service: an address of any
// scheme, a name or a secret.
func ExpandSetting(t Text, lookup func(string) (string, bool)) (string, *event.Fault) {
	var b strings.Builder
	for at := 0; at < len(t.Value); {
		v, fault := nextVariable(t, at)
		if fault != nil {
			return "", fault
		}
		b.WriteString(t.Value[at:v.start])
		if v.end > v.start {
			value, set := lookup(v.name)
			switch {
			case v.hasDefault && value == "":
				value = v.otherwise
			case !set:
				return "", textFault(t, v.start, fmt.Sprintf("environment variable `%s` is not set", v.name),
					fmt.Sprintf("set it, or write ${%s:-default}", v.name))
			}
			b.WriteString(value)
		}
		at = v.end
	}
	return b.String(), nil
}

// variable is one ${...} in a text: text[start:end]. A text without a further
// one ends with a variable of no length.
type variable struct {
	start, end      int
	name, otherwise string
	hasDefault      bool
}

// nextVariable finds the first variable of t at or after from. Variables do not
// nest, and a value that is put in is not searched again, so that expanding
// ends.
func nextVariable(t Text, from int) (variable, *event.Fault) {
	i := strings.Index(t.Value[from:], "${")
	if i < 0 {
		return variable{start: len(t.Value), end: len(t.Value)}, nil
	}
	start := from + i
	length := strings.IndexByte(t.Value[start:], '}')
	if length < 0 {
		return variable{}, textFault(t, start, "`${` has no closing brace", "write ${VAR} or ${VAR:-default}")
	}
	v := variable{start: start, end: start + length + 1}
	v.name, v.otherwise, v.hasDefault = strings.Cut(t.Value[start+2:v.end-1], ":-")
	if !variableName(v.name) || strings.Contains(v.otherwise, "${") {
		return variable{}, textFault(t, start, fmt.Sprintf("%s is no environment variable", tick(t.Value[start:v.end])), "write ${VAR} or ${VAR:-default}")
	}
	return v, nil
}

// variableName reports whether s is a name as POSIX shells take it.
func variableName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if s[i] != '_' && (c < 'a' || c > 'z') && (i == 0 || s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != ""
}

// addressFault says what keeps an address, its variables put in, from being
// opened: paths of this machine are read, and objects. Which addresses of objects
// are any is for who opens them, but for secrets: a fault quotes its line, and
// what is secret must not be shown.
func addressFault(t Text, address string) *event.Fault {
	if strings.TrimSpace(address) == "" {
		return textFault(t, 0, "the address is empty", "write a path, a glob or a directory")
	}
	scheme, _, found := strings.Cut(address, "://")
	if !found || strings.ContainsAny(scheme, "/ ${}") {
		return nil
	}
	if strings.EqualFold(scheme, "s3") {
		return secretFault(t, address[len("s3://"):])
	}
	if strings.EqualFold(scheme, "file") {
		return textFault(t, 0, "`file://` is not built yet", "write the path alone")
	}
	return textFault(t, 0, fmt.Sprintf("%s is not built yet", tick(scheme+"://")), "write s3://, or copy the files to this machine and write their path")
}

// secretFault refuses credentials in an address of an object. It stands at no place
// of its file, so that no line is quoted.
func secretFault(t Text, rest string) *event.Fault {
	bucket, _, _ := strings.Cut(rest, "/")
	if !strings.Contains(bucket, "@") {
		return nil
	}
	return &event.Fault{Problem: fmt.Sprintf("the address in line %d has an @ before its key, as if credentials stood there", t.Line),
		Mend: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and write s3://BUCKET/KEY"}
}

// textFault is a fault at a byte of a text; its words are the text.
func textFault(t Text, offset int, problem, mend string) *event.Fault {
	p := t.At(offset)
	return &event.Fault{Line: p.Line, Column: p.Column, Words: t.Value, Problem: problem, Mend: mend}
}
