package payload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/avro"
)

// avroType is a type of an Avro schema. Named types are shared, so that a
// recursive one is a circle.
type avroType struct {
	kind      string // as schemas spell it: record, union, long ...
	logical   string
	name      string // of a record, enum or fixed, with its namespace
	fields    []avroField
	elem      *avroType // of an array, of a map's values
	branches  []*avroType
	symbols   []string
	size      int
	precision int
	scale     int
}

// avroField is a field of a record.
type avroField struct {
	name     string
	typ      *avroType
	aliases  []string
	fallback []byte // its default, encoded
	falls    bool   // it has one
}

// field is the field called name, or nil.
func (t *avroType) field(name string) *avroField {
	if t == nil {
		return nil
	}
	at := slices.IndexFunc(t.fields, func(f avroField) bool { return f.name == name })
	if at < 0 {
		return nil
	}
	return &t.fields[at]
}

// nullable reports whether null is a value of t.
func (t *avroType) nullable() bool {
	return t.kind == "null" || t.kind == "union" && slices.ContainsFunc(t.branches, (*avroType).nullable)
}

// record is t, or the one record that t may be besides null; nil: there is none.
func (t *avroType) record() *avroType {
	if t == nil || t.kind == "record" {
		return t
	}
	var only *avroType
	for _, b := range t.branches {
		switch {
		case b.kind == "null":
		case b.kind == "record" && only == nil:
			only = b
		default:
			return nil
		}
	}
	return only
}

// parseAvro reads a schema. What it names of others comes before it, in their
// order.
func parseAvro(text string, before []string) (t *avroType, err error) {
	cache := new(avro.SchemaCache)
	for _, other := range before {
		if _, err := cache.Parse(other); err != nil {
			return nil, err
		}
	}
	s, err := cache.Parse(text)
	if err != nil {
		return nil, err
	}
	w := &avroWalk{named: map[string]*avroType{}}
	t = w.typ(s.Root(), "")
	return t, w.err
}

// avroWalk turns the library's tree into ours.
type avroWalk struct {
	named map[string]*avroType
	err   error
}

// named types, as schemas spell them.
var avroNamed = []string{"record", "error", "enum", "fixed"}

// typ is the type of a node that stands in a namespace.
func (w *avroWalk) typ(n *avro.SchemaNode, space string) *avroType {
	t := &avroType{kind: n.Type, logical: n.LogicalType, symbols: n.Symbols, size: n.Size, precision: n.Precision, scale: n.Scale}
	if t.logical == "" {
		t.logical = connectTypes[fmt.Sprint(n.Props["connect.name"])]
	}
	switch {
	case slices.Contains(avroNamed, n.Type):
		t.name = fullName(n.Name, n.Namespace)
		w.named[t.name] = t
		space = t.name[:max(0, strings.LastIndexByte(t.name, '.'))]
	case n.Type == "array":
		t.elem = w.typ(n.Items, space)
	case n.Type == "map":
		t.elem = w.typ(n.Values, space)
	case n.Type == "union":
		for i := range n.Branches {
			t.branches = append(t.branches, w.typ(&n.Branches[i], space))
		}
	case !slices.Contains(avroPlain, n.Type):
		for _, name := range []string{fullName(n.Type, space), n.Type} {
			if known := w.named[name]; known != nil {
				return known
			}
		}
		w.err = fmt.Errorf("type %s is named and not defined", n.Type)
		return t
	}
	if n.Type == "record" || n.Type == "error" {
		t.kind = "record"
		for i := range n.Fields {
			t.fields = append(t.fields, w.field(&n.Fields[i], space))
		}
	}
	return t
}

// avroPlain are the types that need no more than their name.
var avroPlain = []string{"null", "boolean", "int", "long", "float", "double", "string", "bytes"}

// connectTypes are what Debezium and Kafka Connect say in connect.name where Avro
// has a logical type, or should.
var connectTypes = map[string]string{
	"org.apache.kafka.connect.data.Timestamp": "timestamp-millis", "org.apache.kafka.connect.data.Date": "date", "io.debezium.time.Date": "date",
	"io.debezium.time.Timestamp": "timestamp-millis", "io.debezium.time.MicroTimestamp": "timestamp-micros", "io.debezium.time.NanoTimestamp": "timestamp-nanos",
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func (w *avroWalk) field(n *avro.SchemaField, space string) avroField {
	f := avroField{name: n.Name, typ: w.typ(&n.Type, space), aliases: n.Aliases, falls: n.HasDefault}
	if !n.HasDefault {
		return f
	}
	s, err := n.Type.Schema()
	if err == nil {
		f.fallback, err = s.Encode(n.Default)
	}
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("default of field %s: %w", n.Name, err)
	}
	return f
}

// scalar is the type of a single value of Avro. ok is false where t is none, or none
// that a column can hold.
func (t *avroType) scalar() (g given, ok bool) {
	of := func(k event.Kind, digits int) (given, bool) { return given{event.Of(k), digits}, true }
	switch t.kind {
	case "null":
		return of(event.Null, 0)
	case "boolean":
		return of(event.Bool, 0)
	case "int", "long":
		return t.integer()
	case "float", "double":
		return of(event.Double, 0)
	case "string", "enum":
		return of(event.String, 0)
	case "bytes", "fixed":
		switch {
		case t.logical == "decimal":
			return given{event.DecimalOf(t.precision, t.scale), 0}, t.precision <= 38
		case t.logical == "uuid" && t.size == 16:
			return of(event.String, 0)
		case t.logical == "duration":
			return g, false
		}
		return of(event.Bytes, 0)
	}
	return g, false
}

func (t *avroType) integer() (given, bool) {
	switch t.logical {
	case "date":
		return given{event.Of(event.Date), 0}, true
	case "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		return given{event.Of(event.Timestamp), 0}, true
	case "time-millis", "time-micros": // Microseconds from midnight, as of Parquet.
		return given{event.Of(event.Int), digits64}, true
	}
	if t.kind == "int" {
		return given{event.Of(event.Int), digits32}, true
	}
	return given{event.Of(event.Int), digits64}, true
}

// says is the type as sentences name it.
func (t *avroType) says() string {
	switch {
	case t.kind == "union":
		names := make([]string, len(t.branches))
		for i, b := range t.branches {
			names[i] = b.says()
		}
		return strings.Join(names, " or ")
	case t.name != "" && t.kind == "record":
		return "record " + t.name
	case t.kind == "array" || t.kind == "map":
		return t.kind + " of " + t.elem.says()
	}
	if g, ok := t.scalar(); ok {
		return g.String()
	}
	return t.logical
}

// typing finds the types of columns. What holds itself has none, and what a few
// names make very wide, by standing in each other several times, neither.
type typing[T comparable] struct {
	within []T
	parts  int
}

// typingMost bounds the parts of a column's type.
const typingMost = 10_000

// enter goes into t; why: it cannot.
func (y *typing[T]) enter(t T, says string) (why string) {
	switch y.parts++; {
	case slices.Contains(y.within, t):
		return "it holds " + says + ", which holds itself; declare it, down to the depth that is needed"
	case y.parts > typingMost:
		return "its type has too many parts; declare those that are needed"
	}
	y.within = append(y.within, t)
	return ""
}

func (y *typing[T]) leave() { y.within = y.within[:len(y.within)-1] }

// columnType is the type that a column for t has; why: none can hold it.
func (t *avroType) columnType(y *typing[*avroType]) (typ event.Type, why string) {
	if why := y.enter(t, t.says()); why != "" {
		return typ, why
	}
	defer y.leave()
	switch t.kind {
	case "union":
		return t.unionType(y)
	case "array":
		typ, why = t.elem.columnType(y)
		return event.ListOf(typ), why
	case "map":
		typ, why = t.elem.columnType(y)
		return event.MapOf(event.Of(event.String), typ), why
	case "record":
		fields := make([]event.Field, len(t.fields))
		for i, f := range t.fields {
			fields[i].Name = f.name
			if fields[i].Type, why = f.typ.columnType(y); why != "" {
				return typ, why
			}
		}
		return event.StructOf(fields...), ""
	}
	g, ok := t.scalar()
	if !ok {
		return typ, "it is " + t.says() + ", which no column holds"
	}
	return g.Type, ""
}

// unionType is the one of the branches' types that holds the values of all.
func (t *avroType) unionType(y *typing[*avroType]) (typ event.Type, why string) {
	for _, b := range t.branches {
		if b.kind == "null" {
			continue
		}
		candidate, why := b.columnType(y)
		if why != "" {
			return typ, why
		}
		fits := func(other *avroType) bool {
			c := &avroCompiler{misfits: new(misfits)}
			c.value(other, nil, place{to: candidate})
			return len(c.found) == 0
		}
		if !slices.ContainsFunc(t.branches, func(o *avroType) bool { return !fits(o) }) {
			return candidate, ""
		}
	}
	return typ, "it may be " + t.says() + ", which no one type holds"
}
