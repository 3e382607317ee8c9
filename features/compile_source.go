package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// sourceScope is what expressions over a source's rows may name: its fields,
// each as an expression over the columns of the history. Columns are read by
// need: what no expression names is not read from the files at all. faulty is
// what was told already, lest every feature tell it again.
type sourceScope struct {
	c       *compiler
	def     *Source
	history event.Schema // nil: not at hand
	known   bool         // the history's columns are at hand
	input   int          // place in the plan's inputs, or -1 until something is read
	faulty  map[string]bool
	into    *event.Schema // where columns are read to, of a spine; nil: an input of the plan

	made  map[string]*expr.Expr // of the history, for fields that each copy makes in its own way
	reads event.Schema          // what those read

	undeclared []string // fields without a type, as the history is not at hand
}

// source returns the scope of a source, made once. Views over one source share
// it, and so its input.
func (c *compiler) source(def *Source) *sourceScope {
	if s := c.sources[def.Name.Value]; s != nil {
		return s
	}
	s := c.scope(def, nil)
	c.sources[def.Name.Value] = s
	return s
}

func (c *compiler) scope(def *Source, into *event.Schema) *sourceScope {
	s := &sourceScope{c: c, def: def, input: -1, faulty: map[string]bool{}, into: into, made: map[string]*expr.Expr{}}
	s.history, s.known = c.cat.Histories[def.Name.Value]
	if !def.History.Path.Given() && def.Stream != nil {
		s.history, s.known = s.streamAlone(), true
	}
	return s
}

// spineSource returns a scope of a source whose rows are read as a spine, into
// columns of its own.
func (c *compiler) spineSource(def *Source, into *event.Schema) *sourceScope {
	s := c.scope(def, into)
	if both := c.cat.Copied[def.Name.Value]; both != nil {
		s.history, s.known = both, true
	}
	return s
}

// check looks at every declared field by itself.
func (s *sourceScope) check() {
	for i := range s.def.Fields {
		s.field(s.def.Fields[i].Name.Value)
	}
}

func (s *sourceScope) declared(name string) *Declared {
	for i := range s.def.Fields {
		if s.def.Fields[i].Name.Value == name {
			return &s.def.Fields[i]
		}
	}
	return nil
}

// columns are those of the history.
func (s *sourceScope) columns() (names []string) {
	for _, f := range s.history {
		names = append(names, f.Name)
	}
	return names
}

// names are the fields, for the nearest to a wrong one.
func (s *sourceScope) names() []string {
	names := s.columns()
	for i := range s.def.Fields {
		names = append(names, s.def.Fields[i].Name.Value)
	}
	return names
}

// field returns the node of a field: a column of the history, widened to the
// declared type, or the declared expression over such columns. nil where there
// is none, or it is faulty; then known tells whether that was said already. A
// declared expression sees the history's columns and no other declared fields,
// so fields cannot form a circle, and a field may have the name of the column
// it is made of. It is cast to the declared type as written, which may lose and
// then counts (S16.8); a column alone must widen.
func (s *sourceScope) field(name string) (n *expr.Node, told bool) {
	d := s.declared(name)
	if s.twofold(d) {
		return s.ownField(name)
	}
	if d == nil || !d.History.Given() {
		return s.column(name, d)
	}
	if s.faulty[name] {
		return nil, true
	}
	parsed := s.c.parse(d.History)
	if parsed == nil {
		s.faulty[name] = true
		return nil, true
	}
	n = rewrite(parsed, func(r *expr.Node) *expr.Node {
		if r.Op != expr.Ref {
			return nil
		}
		column, used := s.longest(r.Path)
		col, told := s.column(column, s.assumed(column))
		if col == nil {
			s.faulty[name] = true
			if !told && !s.known {
				s.undeclared = append(s.undeclared, column)
			} else if !told {
				s.c.fault(d.History, r.Pos, r.End, fmt.Sprintf("the history of source %s has no column %s", s.def.Name.Value, column), nearest(column, s.columns()))
			}
			return r
		}
		return dotted(col, r, used)
	})
	if s.faulty[name] {
		return nil, true
	}
	if d.Type.Kind != event.Unknown {
		n = &expr.Node{Op: expr.Cast, Pos: n.Pos, End: n.End, Args: []*expr.Node{n}, To: d.Type}
	}
	if s.c.typed(d.History, n, nothing{}) == nil {
		s.faulty[name] = true
		return nil, true
	}
	return n, false
}

// twofold reports whether each copy of the source makes a field in its own way, so
// that the field is itself a column of what is read.
func (s *sourceScope) twofold(d *Declared) bool {
	return d != nil && s.def.Stream != nil && s.made != nil && s.def.History.Path.Given() && (d.History.Given() || d.Stream.Given())
}

// ownField returns the node of a field that is a column of what is read, whichever
// copy it is read from, and plans how the history makes it.
func (s *sourceScope) ownField(name string) (n *expr.Node, told bool) {
	e := s.made[name]
	if e == nil {
		history := &sourceScope{c: s.c, def: s.def, history: s.history, known: s.known, input: -1, faulty: s.faulty, into: &s.reads}
		made, told := history.field(name)
		s.undeclared = append(s.undeclared, history.undeclared...)
		if made == nil {
			return nil, told
		}
		if e = s.c.typed(Text{Pos: s.declared(name).Name.Pos, Value: name, Quoted: -1}, made, nothing{}); e == nil {
			return nil, true
		}
		s.made[name] = e
	}
	return &expr.Node{Op: expr.Bound, Name: name, Column: s.read(name, e.Type), To: e.Type}, false
}

// assumed is the declaration that stands for a column of a history that is not at
// hand; nil where the history's own types are known.
func (s *sourceScope) assumed(name string) *Declared {
	if s.known {
		return nil
	}
	return s.declared(name)
}

// column returns the node of a column of the history, widened to the declared
// type if d declares one. Without the history at hand the declared type is
// taken on trust; a backfill always has it and compiles again.
func (s *sourceScope) column(name string, d *Declared) (n *expr.Node, told bool) {
	at := s.history.Index(name)
	if at < 0 && (s.known || d == nil) {
		return nil, false
	}
	t := event.Type{}
	if at >= 0 {
		t = s.history[at].Type
	} else {
		t = d.Type
	}
	if t.Kind == event.Unknown || !t.Scalar() {
		if !s.faulty[name] {
			s.faulty[name] = true
			mend := "timeseam describe of its history says why; cast it where that is written"
			if fields := s.within(name); len(fields) > 0 {
				mend = "it is a struct; name one of its fields, such as " + fields[0]
			}
			s.c.fault(s.def.Name, 0, 0, fmt.Sprintf("column %s of source %s is of a type that features cannot read", name, s.def.Name.Value), mend)
		}
		return nil, true
	}
	n = &expr.Node{Op: expr.Bound, Name: name, Column: s.read(name, t), To: t}
	if d == nil || d.Type.Kind == event.Unknown || d.Type.Equal(t) {
		return n, false
	}
	if !expr.WidensTo(t, d.Type) {
		if !s.faulty[name] {
			s.faulty[name] = true
			s.c.fault(Text{Pos: d.TypePos, Value: d.Type.String(), Quoted: -1}, 0, 0, fmt.Sprintf("field %s of source %s is declared %s, and the history holds %s, which does not widen to it without loss", name, s.def.Name.Value, d.Type, t),
				fmt.Sprintf("write {type: %s, history: cast(%s as %s)} if that is meant", d.Type, name, d.Type))
		}
		return nil, true
	}
	return &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: d.Type}, false
}

// read returns the place of a history's column in the input, which is made, and
// grows, as it is needed. Places are in the order of need, which the definition
// decides.
func (s *sourceScope) read(name string, t event.Type) int {
	if s.into != nil {
		return placeOf(s.into, name, t)
	}
	p := s.c.plan
	if s.input < 0 {
		p.Inputs = append(p.Inputs, Input{Source: s.def})
		s.input = len(p.Inputs) - 1
	}
	return placeOf(&p.Inputs[s.input].Columns, name, t)
}

// placeOf returns the place of a column in a schema, which grows by it if it is
// new.
func placeOf(s *event.Schema, name string, t event.Type) int {
	if i := s.Index(name); i >= 0 {
		return i
	}
	*s = append(*s, event.Field{Name: name, Type: t})
	return len(*s) - 1
}

// bind replaces the names of a row expression, which is (part of) the value of
// t, by columns of the input; nil where one is unknown. Positions are those of
// the text, so that a fault of types inside a declared field points at the use
// of the field.
func (s *sourceScope) bind(t Text, n *expr.Node) *expr.Node {
	ok := true
	b := rewrite(n, func(r *expr.Node) *expr.Node {
		switch {
		case r.Op == expr.Call && expr.Aggregate(r.Name):
			s.c.fault(t, r.Pos, r.End, fmt.Sprintf("aggregate %s is not allowed here", r.Name), "")
			ok = false
			return r
		case r.Op != expr.Ref:
			return nil
		}
		name, used := s.longest(r.Path)
		f, told := s.field(name)
		if f == nil {
			ok = false
			if !told {
				s.unknown(t, r, name)
			}
			return r
		}
		return dotted(f, r, used)
	})
	if !ok {
		return nil
	}
	return b
}

// longest returns the column or declared field that the parts of a name spell, and
// how many of them: a field of a struct in the history is a column called by its
// path, payload.amount. The parts after those are fields of its value.
func (s *sourceScope) longest(path []string) (name string, used int) {
	if s.declared(path[0]) == nil {
		for used = len(path); used > 1; used-- {
			if name = strings.Join(path[:used], "."); s.history.Index(name) >= 0 || s.declared(name) != nil {
				return name, used
			}
		}
		// A field that the struct has not is told as what was written.
		if name = strings.Join(path, "."); len(path) > 1 && len(s.within(path[0])) > 0 {
			return name, len(path)
		}
	}
	return path[0], 1
}

// within are the columns that are fields of a struct.
func (s *sourceScope) within(name string) (fields []string) {
	for _, f := range s.history {
		if strings.HasPrefix(f.Name, name+".") {
			fields = append(fields, f.Name)
		}
	}
	return fields
}

// unknown notes a name in r that is no field. Where the history is not at hand, all
// such names make one fault, told at its address.
func (s *sourceScope) unknown(t Text, r *expr.Node, name string) {
	if !s.known {
		s.undeclared = append(s.undeclared, name)
		return
	}
	if s.lost(name) {
		s.c.fault(t, r.Pos, r.End, fmt.Sprintf("the history of source %s has no column %s", s.def.Name.Value, name), s.mend(name))
		return
	}
	mend := s.mend(name)
	if r.Pos < len(t.Value) && t.Value[r.Pos] == '"' && mend == "" {
		mend = fmt.Sprintf("text is written in single quotes: '%s'", name)
	}
	s.c.fault(t, r.Pos, r.End, fmt.Sprintf("source %s has no field %s", s.def.Name.Value, name), mend)
}

// tellUndeclared makes the fault of all fields that neither the history, which is
// not at hand, nor the definition gives a type.
func (s *sourceScope) tellUndeclared() {
	if len(s.undeclared) == 0 {
		return
	}
	slices.Sort(s.undeclared)
	names := strings.Join(slices.Compact(s.undeclared), ", ")
	s.c.fault(s.def.History.Path, 0, 0, fmt.Sprintf("the history of source %s is not at hand, and nothing gives the types of %s", s.def.Name.Value, names), "mend the path, or declare them under fields")
}

// mend is what to do about a field that the source has not. One that is declared
// is missing from the history, and is not to be told as the name that was meant.
func (s *sourceScope) mend(name string) string {
	if !s.lost(name) {
		return nearest(name, s.names())
	}
	columns := s.columns()
	if n := nearest(name, columns); n != "" {
		return n
	}
	more := ""
	if len(columns) > columnsTold {
		columns, more = columns[:columnsTold], ", and more"
	}
	return "its columns are " + strings.Join(columns, ", ") + more
}

// columnsTold is how many columns of a history a fault names.
const columnsTold = 8

// lost tells of a field that is declared and whose column the history, which is at
// hand, has not: of a CSV file without a header, say, or with another delimiter.
func (s *sourceScope) lost(name string) bool {
	d := s.declared(name)
	return s.known && d != nil && !d.History.Given()
}

// compile compiles a row expression over the source.
func (s *sourceScope) compile(t Text, n *expr.Node) *expr.Expr {
	if n == nil {
		return nil
	}
	if n = s.bind(t, n); n == nil {
		return nil
	}
	return s.c.typed(t, n, nothing{})
}

// named compiles the field called by the value of t, such as an event timestamp.
func (s *sourceScope) named(t Text) *expr.Expr {
	return s.compile(t, &expr.Node{Op: expr.Ref, End: len(t.Value), Path: []string{t.Value}})
}

// nearest is the mend that names the candidate nearest to a word, if one is near.
func nearest(word string, candidates []string) string {
	if n := event.Nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// rewrite copies a tree; where f returns a node, that stands in the place of
// the one given. Trees are shared between compilers and never changed. f
// decides about a node before its parts are seen; nil lets rewrite go on
// inside.
func rewrite(n *expr.Node, f func(*expr.Node) *expr.Node) *expr.Node {
	if n == nil {
		return nil
	}
	if r := f(n); r != nil {
		return r
	}
	m := *n
	m.Filter, m.Operand = rewrite(n.Filter, f), rewrite(n.Operand, f)
	m.Args = make([]*expr.Node, len(n.Args))
	for i, a := range n.Args {
		m.Args[i] = rewrite(a, f)
	}
	return &m
}

// dotted gives col the place of the name r and applies the parts of r's path
// from used on as fields of a struct.
func dotted(col, r *expr.Node, used int) *expr.Node {
	m := *col
	m.Pos, m.End = r.Pos, r.End
	n := &m
	for _, field := range r.Path[used:] {
		n = &expr.Node{Op: expr.Dot, Pos: r.Pos, End: r.End, Name: field, Args: []*expr.Node{n}}
	}
	return n
}
