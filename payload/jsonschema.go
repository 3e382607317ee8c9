package payload

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// jsonSchema is what of a JSON Schema says which fields there are. Messages of JSON
// say themselves what their values are, so that no more is needed to read them.
type jsonSchema struct {
	Type       json.RawMessage        `json:"type"` // one name, or several
	Format     string                 `json:"format"`
	Properties map[string]*jsonSchema `json:"properties"`
	Additional json.RawMessage        `json:"additionalProperties"`
	Items      json.RawMessage        `json:"items"`
	OneOf      []*jsonSchema          `json:"oneOf"`
	AnyOf      []*jsonSchema          `json:"anyOf"`
	AllOf      []*jsonSchema          `json:"allOf"`
	Ref        string                 `json:"$ref"`
	Patterns   json.RawMessage        `json:"patternProperties"`
}

// parseJSONSchema reads a schema. true and false are schemas too, of anything and of
// nothing.
func parseJSONSchema(text string) (*jsonSchema, error) {
	s := new(jsonSchema)
	if text == "true" || text == "false" {
		return s, nil
	}
	return s, json.Unmarshal([]byte(text), s)
}

// UnmarshalJSON reads a schema within another, which may be true or false.
func (s *jsonSchema) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '{' {
		return nil
	}
	type plain jsonSchema
	return json.Unmarshal(data, (*plain)(s))
}

// types are the names of the types that s allows, but for null.
func (s *jsonSchema) types() (names []string) {
	var one string
	if json.Unmarshal(s.Type, &one) == nil {
		names = []string{one}
	} else {
		json.Unmarshal(s.Type, &names)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "null" })
}

// only is s, or the one of its alternatives that is not null.
func (s *jsonSchema) only() *jsonSchema {
	var one *jsonSchema
	for _, o := range slices.Concat(s.OneOf, s.AnyOf) {
		if o == nil || string(o.Type) == `"null"` {
			continue
		}
		if one != nil {
			return s
		}
		one = o
	}
	if one != nil {
		return one
	}
	return s
}

// property is the schema of a property; of one that s has not it allows anything.
func (s *jsonSchema) property(name string) *jsonSchema {
	if p := s.only().Properties[name]; p != nil {
		return p
	}
	return new(jsonSchema)
}

// names are the names of the properties, in order.
func (s *jsonSchema) names() []string { return slices.Sorted(maps.Keys(s.only().Properties)) }

// closed reports whether objects have no other properties than those named.
func (s *jsonSchema) closed() bool {
	return string(s.Additional) == "false" && s.Ref == "" && len(s.Patterns) == 0 && len(s.OneOf)+len(s.AnyOf)+len(s.AllOf) == 0
}

// check holds the columns against a writer's schema, which must not have lost any.
func (s *jsonSchema) check(found *misfits, d *decoder) {
	if s == nil || d.change != nil || !s.closed() {
		return
	}
	for _, c := range d.own {
		known := s.Properties[c.Name] != nil || d.newest != nil && d.newest.json.Properties[c.Name] != nil
		if !known {
			mend := "do without it, or write it"
			if near := event.Nearest(c.Name, s.names()); near != "" {
				mend = "did you mean " + near + "?"
			}
			found.add(c.Name, found.of+" has no such property, and allows no others", mend)
		}
	}
}

// columnType is the type of a column for s; why: none can be told.
func (s *jsonSchema) columnType() (t event.Type, why string) {
	s = s.only()
	types := s.types()
	if len(types) != 1 {
		return t, "its schema does not say one type; declare it"
	}
	switch types[0] {
	case "boolean":
		return event.Of(event.Bool), ""
	case "integer":
		return event.Of(event.Int), ""
	case "number":
		return event.Of(event.Double), ""
	case "string":
		kind := map[string]event.Kind{"date-time": event.Timestamp, "date": event.Date}[s.Format]
		return event.Of(max(kind, event.String)), ""
	case "array":
		items, err := parseJSONSchema(string(s.Items))
		if err != nil {
			return t, "its schema does not say what its elements are; declare it"
		}
		elem, why := items.columnType()
		return event.ListOf(elem), why
	}
	if len(s.Properties) == 0 {
		return t, "its schema does not say what its fields are; declare it"
	}
	var fields []event.Field
	for _, name := range s.names() {
		inner, why := s.Properties[name].columnType()
		if why != "" {
			return t, why
		}
		fields = append(fields, event.Field{Name: name, Type: inner})
	}
	return event.StructOf(fields...), ""
}
