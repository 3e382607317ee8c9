package event

import (
	"fmt"
	"strings"
)

// Kind is the family of a type; values of one kind share one representation.
type Kind uint8

// The kinds, with the vector of Column that holds them.
const (
	Unknown   Kind = iota // not yet known; never in a batch
	Null                  // the type of a bare NULL; no vector
	Bool                  // Ints, 0 or 1
	Int                   // Ints, any signed width widened to 64 bits
	Double                // Floats; float32 is widened exactly
	Decimal               // Decimals, unscaled
	String                // Codes into Dict, UTF-8
	Bytes                 // Codes into Dict
	Date                  // Ints, days since 1970-01-01
	Timestamp             // Ints, microseconds since 1970-01-01 UTC
	List                  // Offsets into Elem
	Struct                // Fields
	Map                   // Offsets into Elem, a struct of key and value, keys ascending and each once
)

var kindNames = [...]string{"unknown", "null", "bool", "int64", "double", "decimal", "string", "bytes", "date", "timestamp", "list", "struct", "map"}

// String is the kind's name as users write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Type is the type of a value: its kind and what the kind needs to be complete.
// It is a value: copies share Elem and Fields, which nobody changes once the type
// is made.
type Type struct {
	Kind      Kind
	Precision int     // Decimal: digits in all, 1..38
	Scale     int     // Decimal: digits after the point, 0..Precision
	Elem      *Type   // List: the type of its elements; Map: struct<key, value> of its entries
	Fields    []Field // Struct: its fields in order
}

// Field is a named type: a column of a schema, a field of a struct.
type Field struct {
	Name string
	Type Type
}

// Schema is the fields of a batch, in the order of its columns.
type Schema []Field

// Index returns the position of the field called name, or -1. It is a search,
// meant for compiling; no loop over events looks names up.
func (s Schema) Index(name string) int {
	for i := range s {
		if s[i].Name == name {
			return i
		}
	}
	return -1
}

// Of returns the type of a kind that needs nothing else.
func Of(k Kind) Type { return Type{Kind: k} }

// DecimalOf returns decimal(precision, scale). It does not check them: the parser
// of types and the readers of files do, each with its own place to name.
func DecimalOf(precision, scale int) Type {
	return Type{Kind: Decimal, Precision: precision, Scale: scale}
}

// ListOf returns the type of a list of elem.
func ListOf(elem Type) Type { return Type{Kind: List, Elem: &elem} }

// StructOf returns the type of a struct with the given fields.
func StructOf(fields ...Field) Type { return Type{Kind: Struct, Fields: fields} }

// MapOf returns the type of a map from key to value. Keys are what an entity may
// be keyed by: anything but doubles, lists, structs and maps.
func MapOf(key, value Type) Type {
	entry := StructOf(Field{Name: "key", Type: key}, Field{Name: "value", Type: value})
	return Type{Kind: Map, Elem: &entry}
}

// KeyType is the type of a map's keys.
func (t Type) KeyType() Type { return t.Elem.Fields[0].Type }

// ValueType is the type of a map's values.
func (t Type) ValueType() Type { return t.Elem.Fields[1].Type }

// Equal reports whether t and u are the same type, names of fields included.
// Names of fields count because results carry them out, into the columns of the
// training set.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Precision != u.Precision || t.Scale != u.Scale || len(t.Fields) != len(u.Fields) {
		return false
	}
	if (t.Elem == nil) != (u.Elem == nil) || t.Elem != nil && !t.Elem.Equal(*u.Elem) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != u.Fields[i].Name || !t.Fields[i].Type.Equal(u.Fields[i].Type) {
			return false
		}
	}
	return true
}

// Numeric reports whether arithmetic is defined on t. Dates and instants are held
// as integers and are none: adding two instants means nothing.
func (t Type) Numeric() bool {
	return t.Kind == Int || t.Kind == Double || t.Kind == Decimal
}

// Text reports whether values of t are dictionary-coded bytes.
func (t Type) Text() bool { return t.Kind == String || t.Kind == Bytes }

// Scalar reports whether t is neither list, map nor struct. Only such values order
// events, stand in keys and are taken by min, max and quantiles.
func (t Type) Scalar() bool {
	return t.Kind != List && t.Kind != Map && t.Kind != Struct && t.Kind != Unknown
}

// String is the type as users write it, such as "decimal(12,2)". Names of fields
// stand unquoted: package expr quotes them where the text is to be read back.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case List:
		return "list<" + t.Elem.String() + ">"
	case Map:
		return "map<" + t.KeyType().String() + ", " + t.ValueType().String() + ">"
	case Struct:
		var b strings.Builder
		b.WriteString("struct<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(f.Name + ": " + f.Type.String())
		}
		return b.String() + ">"
	}
	return t.Kind.String()
}
