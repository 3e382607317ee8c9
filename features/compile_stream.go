package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Copy is how the rows of one copy of a source, its history or its stream, become
// rows of an input: which of the copy's columns are read, and what the input's are
// made of. Both copies give the same columns, so that nothing behind them knows
// which one a row came from.
type Copy struct {
	Reads event.Schema
	made  []*expr.Expr // by column of the input; nil: they are what is read
}

// Plain reports whether the input's columns are what is read.
func (p *Copy) Plain() bool { return p.made == nil }

// Rows makes the input's columns of a batch of what is read. Vectors may be the
// batch's own. It may be called from several goroutines.
func (p *Copy) Rows(b *event.Batch, n *event.Counts) event.Batch {
	if p.made == nil {
		return *b
	}
	return event.Batch{Len: b.Len, Columns: evaluate(p.made, b, n)}
}

// Happened is when the rows of a batch happened, or became valid, of an input whose
// source has a stream. Rows without a time are null.
func (in *Input) Happened(b *event.Batch) event.Column {
	var ignored event.Counts // views count the same when they take the rows
	return in.instant.Eval(b, &ignored)
}

// Between leaves of a batch the rows of a span, and those without a time, which are
// for views to count; and says how many it left out.
func (in *Input) Between(b *event.Batch, span event.Span) (*event.Batch, int64) {
	at := in.Happened(b)
	s := newSelection(b.Len)
	s.filter(func(i int) bool { return at.IsNull(i) || span.Holds(event.Time(at.Ints[i])) })
	if s.len() == b.Len {
		return b, 0
	}
	return s.batch(b), int64(b.Len - s.len())
}

// Parts are the parts of a record that its value's own schema does not tell: Kafka's
// own, whatever the value says, and those of the envelope. They are fields of a source
// that has a stream alone, and of `stream` expressions.
func (s *Stream) Parts() event.Schema {
	parts := event.Schema{
		{Name: "_key", Type: event.Of(event.Bytes)},
		{Name: "_timestamp", Type: event.Of(event.Timestamp)},
		{Name: "_partition", Type: event.Of(event.Int)},
		{Name: "_offset", Type: event.Of(event.Int)},
		{Name: "_headers", Type: event.MapOf(event.Of(event.String), event.Of(event.Bytes))},
	}
	if s.Envelope.Value == "debezium" {
		parts = append(parts, event.Field{Name: "_op", Type: event.Of(event.String)}, event.Field{Name: "_source_ts", Type: event.Of(event.Timestamp)}, event.Field{Name: "_ts", Type: event.Of(event.Timestamp)})
	}
	return parts
}

// streamAlone is the columns of a source that has no history: its declared fields,
// what its schema has besides, and the parts that are Kafka's own.
func (s *sourceScope) streamAlone() (columns event.Schema) {
	for i := range s.def.Fields {
		d := &s.def.Fields[i]
		switch {
		case d.History.Given():
			s.c.fault(d.History, 0, 0, fmt.Sprintf("history of field %s of source %s, which has a stream alone", d.Name.Value, s.def.Name.Value), "write stream in its place")
		case d.Type.Kind != event.Unknown:
			columns = append(columns, event.Field{Name: d.Name.Value, Type: d.Type})
		case d.Stream.Given():
			if parsed := s.c.parse(d.Stream); parsed != nil {
				if n := s.bindParts(&Copy{}, d.Stream, parsed); n != nil {
					if e := s.c.typed(d.Stream, n, nothing{}); e != nil {
						columns = append(columns, event.Field{Name: d.Name.Value, Type: e.Type})
					}
				}
			}
		}
	}
	for _, f := range slices.Concat(s.c.cat.Streams[s.def.Name.Value], s.def.Stream.Parts()) {
		if columns.Index(f.Name) < 0 && f.Type.Scalar() && s.declared(f.Name) == nil {
			columns = append(columns, f)
		}
	}
	return columns
}

// copies plans how both copies of a source give the columns that a scope reads. It
// comes when all are known.
func (s *sourceScope) copies(columns event.Schema) (history Copy, stream *Copy) {
	history.Reads = columns
	if len(s.made) > 0 {
		history = s.historyCopy(columns)
	}
	if s.def.Stream != nil {
		stream = s.streamCopy(columns)
	}
	return history, stream
}

// planCopies plans how both copies of every source that has a stream are read. It
// comes last, as it must know all columns; what it adds to the digest is what a
// record means.
func (c *compiler) planCopies() {
	for i := range c.plan.Inputs {
		in := &c.plan.Inputs[i]
		src := c.sources[in.Source.Name.Value]
		if in.Source.Stream != nil {
			in.instant = c.instant(src, Text{Pos: in.Source.Name.Pos, Value: in.Source.Time(), Quoted: -1})
		}
		in.History, in.Stream = src.copies(in.Columns)
	}
	if q := &c.plan.Queries; q.Source != nil && q.Source.Stream != nil {
		q.Stream = c.spineCopy(q.Source)
	}
}

// spineCopy plans how both copies of a source become rows of one table, as its history
// has them, for a spine whose questions are events of the source.
func (c *compiler) spineCopy(def *Source) *Input {
	s := c.scope(def, new(event.Schema))
	p := &Input{Source: def}
	for _, f := range s.history {
		d := s.declared(f.Name)
		folder := slices.Contains(c.cat.Folders[def.Name.Value], f.Name) && (d == nil || !d.Stream.Given())
		if f.Type.Kind != event.Unknown && f.Type.Scalar() && !folder && !s.noPart(f.Name) {
			p.Columns = append(p.Columns, f)
		}
	}
	for i := range def.Fields {
		if d := &def.Fields[i]; d.History.Given() {
			c.fault(d.History, 0, 0, fmt.Sprintf("field %s of source %s is made of columns that records have not, and the source is a spine", d.Name.Value, def.Name.Value), "leave history out of the field, or write the questions to a file and make that the spine")
		}
	}
	p.History.Reads, p.Stream = p.Columns, s.streamCopy(p.Columns)
	columns := slices.Clone(p.Columns)
	p.instant = c.instant(c.scope(def, &columns), Text{Pos: def.Name.Pos, Value: def.Time(), Quoted: -1})
	for _, f := range columns[len(p.Columns):] {
		c.fault(def.Name, 0, 0, fmt.Sprintf("the time of source %s is made of %s, which records have not, and the source is a spine", def.Name.Value, f.Name), fmt.Sprintf("say what it is in a record: fields: {%s: {stream: EXPRESSION}}", f.Name))
	}
	return p
}

// brokered tells of a source whose events arrive, in the stream, when the broker says,
// and in the history when something else does: an event would be known at two instants,
// by the copy that it is read from. What the broker says counts only where the history
// carries it too, in a column of its own.
func (s *sourceScope) brokered(t *TrainingSet) bool {
	at := s.def.Arrival
	if s.def.Stream == nil || !s.def.History.Path.Given() || !s.known {
		return false
	}
	d, name := s.declared(at.Value), at.Value
	switch {
	case d != nil && d.Stream.Given():
		if !mentions(s.c.parse(d.Stream), brokerTime) {
			return false
		}
		if d.History.Given() && !mentions(s.c.parse(d.History), s.def.EventTimestamp.Value) {
			return false // another column, which is taken for the same
		}
		if !d.History.Given() && s.history.Index(name) >= 0 {
			return false
		}
	case name != brokerTime || s.history.Index(name) >= 0:
		return false
	}
	s.c.fault(t.Known, 0, 0, fmt.Sprintf("training set %s asks what had arrived, and arrival_timestamp %s of source %s is the broker's _timestamp in the stream, which the history does not carry: an event would arrive at other times by the copy it is read from", t.Name.Value, name, s.def.Name.Value),
		"have the history keep the records' timestamp in a column "+name+", or say known: event_time")
	return true
}

// brokerTime is when Kafka says that a record was written or sent.
const brokerTime = "_timestamp"

// mentions reports whether an expression names a column.
func mentions(n *expr.Node, column string) (is bool) {
	if n == nil {
		return false
	}
	expr.Walk(n, func(r *expr.Node) bool {
		is = is || r.Op == expr.Ref && r.Path[0] == column
		return true
	})
	return is
}

// historyCopy makes the columns that are computed in each copy, and hands the others
// on.
func (s *sourceScope) historyCopy(columns event.Schema) Copy {
	p := Copy{Reads: s.reads}
	for _, f := range columns {
		e := s.made[f.Name]
		if e == nil {
			e = s.c.typed(Text{Value: f.Name}, &expr.Node{Op: expr.Bound, Name: f.Name, Column: placeOf(&p.Reads, f.Name, f.Type), To: f.Type}, nothing{})
		}
		p.made = append(p.made, e)
	}
	return p
}

// streamCopy makes every column of parts of a record: of the part of its name, or as
// `stream` of its field says.
func (s *sourceScope) streamCopy(columns event.Schema) *Copy {
	p := &Copy{}
	for _, f := range columns {
		p.made = append(p.made, s.streamed(p, f))
	}
	return p
}

// streamed compiles what a column is made of in the stream; nil where it is faulty.
func (s *sourceScope) streamed(p *Copy, f event.Field) *expr.Expr {
	d := s.declared(f.Name)
	if d == nil || !d.Stream.Given() {
		return s.part(p, f)
	}
	parsed := s.c.parse(d.Stream)
	if parsed == nil {
		return nil
	}
	n := s.bindParts(p, d.Stream, parsed)
	if n == nil {
		return nil
	}
	e := s.c.typed(d.Stream, n, nothing{})
	switch {
	case e == nil:
		return nil
	case d.Type.Kind == event.Unknown && !e.Type.Equal(f.Type) && !expr.WidensTo(e.Type, f.Type):
		s.c.fault(d.Stream, 0, 0, fmt.Sprintf("field %s of source %s is %s in the stream and %s in the history", f.Name, s.def.Name.Value, e.Type, f.Type),
			fmt.Sprintf("cast it, or give the field a type: {type: %s, stream: ...}", f.Type))
		return nil
	case e.Type.Equal(f.Type):
		return e
	}
	return s.c.typed(d.Stream, &expr.Node{Op: expr.Cast, Pos: n.Pos, End: n.End, Args: []*expr.Node{n}, To: f.Type}, nothing{})
}

// part is a column that is the part of a record of its name, and of its type.
func (s *sourceScope) part(p *Copy, f event.Field) *expr.Expr {
	at := Text{Pos: s.def.Stream.Pos, Value: f.Name, Quoted: -1}
	if slices.Contains(s.c.cat.Folders[s.def.Name.Value], f.Name) {
		s.c.fault(at, 0, 0, fmt.Sprintf("column %s of source %s is of the folders of its history, and records have none", f.Name, s.def.Name.Value), fmt.Sprintf("say what it is in a record: fields: {%s: {stream: EXPRESSION}}", f.Name))
		return nil
	}
	t := f.Type
	if known, _ := s.partType(f.Name); known.Kind != event.Unknown {
		t = known
	}
	n := &expr.Node{Op: expr.Bound, Name: f.Name, Column: placeOf(&p.Reads, f.Name, t), To: t}
	switch {
	case t.Equal(f.Type):
	case !expr.WidensTo(t, f.Type):
		s.c.fault(at, 0, 0, fmt.Sprintf("column %s of source %s is %s in the stream and %s in the history, and the one does not widen to the other without loss", f.Name, s.def.Name.Value, t, f.Type),
			fmt.Sprintf("write fields: {%s: {stream: cast(%s as %s)}} if that is meant", f.Name, f.Name, f.Type))
		return nil
	default:
		n = &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: f.Type}
	}
	if s.noPart(f.Name) {
		s.c.fault(at, 0, 0, fmt.Sprintf("the schema of the stream of source %s has no field %s", s.def.Name.Value, f.Name), nearest(f.Name, s.parts()))
		return nil
	}
	return s.c.typed(at, n, nothing{})
}

// noPart tells of a name that a schema which is known has not.
func (s *sourceScope) noPart(name string) bool {
	schema, known := s.c.cat.Streams[s.def.Name.Value]
	return known && schema.Index(name) < 0 && s.def.Stream.Parts().Index(name) < 0
}

// parts are the names that a `stream` expression may use, as far as they are known.
func (s *sourceScope) parts() (names []string) {
	schema, known := s.c.cat.Streams[s.def.Name.Value]
	all := slices.Concat(schema, s.def.Stream.Parts())
	if !known {
		all = append(all, s.history...)
	}
	for _, f := range all {
		names = append(names, f.Name)
	}
	for _, d := range s.def.Stream.Columns {
		names = append(names, d.Name.Value)
	}
	return names
}

// partType is the type of a part of a record: as `columns` of the stream declare it,
// as its schema says, as Kafka has it, or as the history has the column of its name.
func (s *sourceScope) partType(name string) (event.Type, bool) {
	for _, d := range s.def.Stream.Columns {
		if d.Name.Value == name {
			return d.Type, true
		}
	}
	schema, known := s.c.cat.Streams[s.def.Name.Value]
	for _, from := range []event.Schema{schema, s.def.Stream.Parts()} {
		if i := from.Index(name); i >= 0 {
			return from[i].Type, true
		}
	}
	if known {
		return event.Type{}, false
	}
	d := s.declared(name)
	if i := s.history.Index(name); i >= 0 && (d == nil || !d.History.Given()) {
		return s.history[i].Type, true
	}
	if d != nil && d.Type.Kind != event.Unknown {
		return d.Type, true
	}
	return event.Type{}, false
}

// bindParts replaces the names of an expression of `stream` by parts of a record; nil,
// and told, where one is not known. Where nothing tells the type of one part, it is
// the only one with which the expression has a meaning: to_timestamp_ms(ts) needs no
// other word.
func (s *sourceScope) bindParts(p *Copy, t Text, parsed *expr.Node) *expr.Node {
	var unknown []string
	expr.Walk(parsed, func(r *expr.Node) bool {
		if r.Op == expr.Ref {
			if name, _ := s.longestPart(r.Path); !s.partKnown(name) && !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
		}
		return true
	})
	if len(unknown) == 0 {
		return s.bound(p, parsed, nil)
	}
	var fits []event.Type
	if _, schema := s.c.cat.Streams[s.def.Name.Value]; !schema && len(unknown) == 1 {
		for _, k := range []event.Kind{event.Int, event.Double, event.String, event.Bool, event.Timestamp, event.Date} {
			guess := map[string]event.Type{unknown[0]: event.Of(k)}
			if _, errs := expr.Compile(s.bound(&Copy{}, parsed, guess), nothing{}); len(errs) == 0 {
				fits = append(fits, event.Of(k))
			}
		}
	}
	if len(fits) == 1 {
		return s.bound(p, parsed, map[string]event.Type{unknown[0]: fits[0]})
	}
	mend := nearest(unknown[0], s.parts())
	if mend == "" {
		mend = fmt.Sprintf("say its type: columns: {%s: TYPE} of the stream", unknown[0])
	}
	s.c.fault(t, 0, 0, fmt.Sprintf("nothing gives the type of %s, which stream of source %s names", strings.Join(unknown, ", "), s.def.Name.Value), mend)
	return nil
}

// bound is an expression over parts of a record, which p reads.
func (s *sourceScope) bound(p *Copy, parsed *expr.Node, guess map[string]event.Type) *expr.Node {
	return rewrite(parsed, func(r *expr.Node) *expr.Node {
		if r.Op != expr.Ref {
			return nil
		}
		name, used := s.longestPart(r.Path)
		t, known := s.partType(name)
		if !known {
			t = guess[name]
		}
		return dotted(&expr.Node{Op: expr.Bound, Name: name, Column: placeOf(&p.Reads, name, t), To: t}, r, used)
	})
}

func (s *sourceScope) partKnown(name string) bool {
	_, known := s.partType(name)
	return known
}

// longestPart is longest, for parts of a record.
func (s *sourceScope) longestPart(path []string) (name string, used int) {
	for used = len(path); used > 1; used-- {
		if name = strings.Join(path[:used], "."); s.partKnown(name) {
			return name, used
		}
	}
	return path[0], 1
}
