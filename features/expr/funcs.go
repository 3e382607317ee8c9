package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/timeseam/timeseam/features/event"
)

// Function is one row of the table of functions: what the checker knows of it,
// and what documentation tells. A row stands for itself: the checker, the
// documentation and the advice in faults all read the signature, and none can lag
// behind. counts must be set where the kernel may refuse a row (see counting).
type Function struct {
	Name      string
	Aliases   []string
	Group     string // text, time, json, lists, hashing, math or choice
	Signature string // substr(s string, start int64, [n int64]) string
	Doc       string

	params   []param
	variadic bool
	result   event.Type
	kernel   kernel
	compile  func(*checker, *Node, []*code) *code // in place of result and kernel
	counts   bool
	unicode  bool // hangs on the tables of letters, which change with Unicode
}

// param is an argument of a function. A class wider than one type leaves the
// function to look at what came.
type param struct {
	class    string // a type; number, scalar, text, list, map or any; instants and numbers are widened
	optional bool
}

// Functions are all functions, in the order of their documentation. They are
// copies: the table itself is never handed out.
func Functions() []Function {
	out := make([]Function, len(functions))
	for i, f := range functions {
		out[i] = *f
		out[i].Aliases = slices.Clone(f.Aliases)
	}
	return out
}

// functions is made once and never changed; its order is that of the
// documentation.
var functions = slices.Concat(
	group("text", textFunctions()), group("time", timeFunctions()), group("JSON", jsonFunctions()), group("lists and maps", nestedFunctions()),
	group("hashing and buckets", hashFunctions()), group("math", mathFunctions()), group("choice", choiceFunctions()))

// byName holds aliases too, but only the parser meets them (canonicalName).
var byName = func() map[string]*Function {
	m := map[string]*Function{}
	for _, f := range functions {
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			m[name] = f
		}
	}
	return m
}()

// group reads the signatures of rows, so that what is documented is what is
// checked. It runs once, when the program starts.
func group(name string, rows []Function) []*Function {
	out := make([]*Function, len(rows))
	for i := range rows {
		f := &rows[i]
		f.Group = name
		head, rest, _ := strings.Cut(f.Signature, "(")
		list, result, _ := strings.Cut(rest, ") ")
		f.Name = head
		f.result = resultType(result)
		for _, p := range strings.Split(list, ", ") {
			optional := strings.HasPrefix(p, "[")
			word := strings.Fields(strings.Trim(p, "[]"))
			switch {
			case p == "...":
				f.variadic = true
			case len(word) == 2:
				f.params = append(f.params, param{word[1], optional})
			}
		}
		out[i] = f
	}
	return out
}

// resultType is what stands after a signature. A word that is no type, as number,
// leaves the result to compile.
func resultType(word string) event.Type {
	if elem, is := strings.CutPrefix(word, "list<"); is {
		return event.ListOf(resultType(strings.TrimSuffix(elem, ">")))
	}
	return event.Of(plainTypes[word])
}

// canonicalName is the one name of a function that has several. The tree holds
// it, so that len(s) and length(s) are one expression with one digest (S13.1) and
// one column of content (S5.2).
func canonicalName(name string) string {
	if f := byName[name]; f != nil {
		return f.Name
	}
	return name
}

// dateParts are what extract takes. Each is also a function of that name, or an
// alias of one.
var dateParts = []string{"year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute", "second", "epoch"}

// datePart is the function that extracts a part, or "".
func datePart(part string) string {
	if !slices.Contains(dateParts, canonicalName(part)) && !slices.Contains(dateParts, part) {
		return ""
	}
	return canonicalName(part)
}

// apply checks arguments against a signature and compiles the call. Every
// argument is checked before the call is given up, so that one run tells all that
// do not fit.
func (c *checker) apply(n *Node, f *Function, args []*code) *code {
	least := len(f.params)
	for least > 0 && f.params[least-1].optional {
		least--
	}
	if len(args) < least || len(args) > len(f.params) && !f.variadic {
		return c.fail(n, fmt.Sprintf("%s does not take %d arguments", f.Name, len(args)), "write "+f.Signature)
	}
	good, unknown := true, false
	for i, a := range args {
		p := f.params[min(i, len(f.params)-1)]
		t, ok := p.takes(a.t)
		if !ok {
			c.fail(n.Args[i], fmt.Sprintf("argument %d of %s is %s, not %s", i+1, f.Name, a.t, p.class), "write "+f.Signature)
			good = false
			continue
		}
		args[i] = convert(a, t)
		unknown = unknown || t.Kind == event.Null && (p.class == "list" || p.class == "map")
	}
	if f.unicode {
		c.depend("unicode " + unicode.Version)
	}
	switch {
	case !good:
		return nil
	case unknown: // a bare null says nothing of elements, and whatever is made of it is null
		return nullOf(event.Of(event.Null))
	case f.compile != nil:
		return f.compile(c, n, args)
	}
	x := strict(f.result, f.kernel, args...)
	if f.counts {
		counting(x)
	}
	return x
}

// takes is the type that an argument of type t becomes. Nothing is narrowed here,
// and text becomes no number: what is converted unasked loses nothing, but that a
// number is rounded where a double is asked for. A bare null fits everywhere.
func (p param) takes(t event.Type) (event.Type, bool) {
	null := t.Kind == event.Null
	switch p.class {
	case "any":
		return t, true
	case "scalar":
		return t, t.Scalar()
	case "list":
		return t, t.Kind == event.List || null
	case "map":
		return t, t.Kind == event.Map || null
	case "number":
		if null {
			return event.Of(event.Double), true
		}
		return t, t.Numeric()
	case "double":
		return event.Of(event.Double), t.Numeric() || null
	case "timestamp":
		return event.Of(event.Timestamp), instant(t) || null
	case "text":
		if null {
			return event.Of(event.String), true
		}
		return t, t.Text()
	}
	want := event.Of(plainTypes[p.class])
	return want, t.Equal(want) || null
}
